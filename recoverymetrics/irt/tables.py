"""Parameter tables in both metrics, with standard errors by the delta method."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.stats import norm

from recoverymetrics.errors import ModelError, OptionError
from recoverymetrics.irt.calibration import Estimated
from recoverymetrics.irt.layout import Layout
from recoverymetrics.irt.scoring import population_moments
from recoverymetrics.typing import FloatArray, IntArray

Metric = Literal["ab", "slope_intercept"]


def parameter_frame(est: Estimated, covariance: FloatArray | None, metric: str) -> pd.DataFrame:
    """One row per group, item and parameter.

    Parameters
    ----------
    covariance : ndarray, shape (p, p), or None
        Of the free parameters.
    metric : {"ab", "slope_intercept"}
        Discrimination and difficulty, or slope and intercept. Items with several slopes have no (a, b) form of
        their own: they report slopes and intercepts in both.

    Raises
    ------
    OptionError
        Another metric.
    """
    if metric not in ("ab", "slope_intercept"):
        raise OptionError(f"unknown metric {metric!r}; choose 'ab' or 'slope_intercept'.")
    rows = []
    for g, j, names, values, jacobian, slots in reported_parameters(est, metric):
        errors = delta_errors(jacobian, slots, covariance, est.layout.n_free)
        for name, value, error in zip(names, values, errors, strict=True):
            rows.append((est.layout.groups[g], est.layout.items[j], name, value, error))
    return pd.DataFrame(rows, columns=["group", "item", "parameter", "estimate", "std_error"])


def reported_parameters(
    est: Estimated, metric: str
) -> Iterator[tuple[int, int, tuple[str, ...], FloatArray, FloatArray, IntArray]]:
    """Group, item, names, values, Jacobian and slots of what is reported for each item."""
    layout, extended = est.layout, est.extended
    for g in range(len(layout.groups)):
        for j in range(len(layout.items)):
            b, r = layout.place[g, j]
            batch = layout.batches[b]
            values = extended[batch.slots[r]]
            m = batch.factors.shape[1]
            if metric == "ab" and m == 1:
                form = batch.model.conventional(float(values[0]), values[1:], batch.K)
                yield g, j, form.names, form.values, form.jacobian, batch.slots[r]
                continue
            shown = [batch.model.reported(n, float(v)) for n, v in zip(batch.names[r], values, strict=True)]
            yield (
                g,
                j,
                tuple(s[0] for s in shown),
                np.array([s[1] for s in shown]),
                np.diag([s[2] for s in shown]),
                batch.slots[r],
            )


def delta_errors(
    jacobian: FloatArray, slots: IntArray, covariance: FloatArray | None, n_free: int
) -> FloatArray:
    """Standard errors of functions of some slots; NaN for constants and without a covariance matrix."""
    free = slots < n_free
    touched = np.any(jacobian[:, free] != 0, axis=1)
    if covariance is None:
        return np.full(jacobian.shape[0], np.nan)
    J = jacobian[:, free]
    variance = np.einsum("vi,ij,vj->v", J, covariance[np.ix_(slots[free], slots[free])], J)
    return np.sqrt(np.where(touched & (variance >= 0), variance, np.nan))


def wide_parameters(est: Estimated) -> pd.DataFrame:
    """One row per item (and group): discriminations and difficulties, or slopes and intercepts."""
    multi = any(batch.factors.shape[1] > 1 for batch in est.layout.batches)
    metric = "slope_intercept" if multi else "ab"
    records: list[dict[str, Any]] = []
    order: dict[str, None] = {}
    for g, j, names, values, _, _ in reported_parameters(est, metric):
        order |= dict.fromkeys(names)
        records.append(
            {"group": est.layout.groups[g], "item": est.layout.items[j]}
            | dict(zip(names, values, strict=True))
        )
    frame = pd.DataFrame(records)
    columns = sorted(order, key=_column_key)
    index = ["item"] if len(est.layout.groups) == 1 else ["group", "item"]
    return frame.set_index(index)[columns]


def _column_key(name: str) -> tuple[int, int, str]:
    head = name.rstrip("0123456789")
    rank = {"a": 0, "ak": 1, "b": 2, "d": 2, "c": 3, "g": 4, "u": 5}.get(head, 6)
    return rank, int(name[len(head) :] or 0), name


def group_frame(est: Estimated, covariance: FloatArray | None) -> pd.DataFrame:
    """Latent moments per group.

    One factor: columns group, n, mean, mean_se, variance, variance_se. Several factors: one row per group and
    factor with the correlations of the factors beside.
    """
    layout, extended = est.layout, est.extended
    D = layout.n_primary
    diagonal = [D + i * (i + 1) // 2 + i for i in range(D)]
    rows = []
    for g, label in enumerate(layout.groups):
        mean, cov = population_moments(est.problem, extended, g)
        errors = delta_errors(np.eye(layout.latent.shape[1]), layout.latent[g], covariance, layout.n_free)
        errors = np.full_like(errors, np.nan) if layout.terms else errors
        spread = np.sqrt(np.diag(cov))
        for d in range(D):
            row: dict[str, Any] = {"group": label}
            if D > 1:
                row["factor"] = layout.structure.factors[d]
            row |= {
                "n": int((est.coded.group == g).sum()),
                "mean": mean[d],
                "mean_se": errors[d],
                "variance": cov[d, d],
                "variance_se": errors[diagonal[d]],
            }
            if D > 1:
                row |= {
                    f"cor_{layout.structure.factors[e]}": cov[d, e] / (spread[d] * spread[e])
                    for e in range(D)
                }
            rows.append(row)
    return pd.DataFrame(rows)


def regression_frame(est: Estimated, covariance: FloatArray | None) -> pd.DataFrame:
    """Coefficients of the latent regression, one row per factor and term."""
    layout, rows = est.layout, []
    if not layout.terms:
        raise ModelError(
            "the model has no covariates; fit_irt(..., covariates=) estimates them with the items, "
            "latent_regression(covariates) after them."
        )
    for d, factor in enumerate(layout.structure.factors[: layout.n_primary]):
        slots = np.concatenate([layout.latent[0, [d]], layout.regression[:, d]])
        errors = delta_errors(np.eye(slots.size), slots, covariance, layout.n_free)
        for term, slot, error in zip(("intercept", *layout.terms), slots, errors, strict=True):
            rows.append((factor, term, est.extended[slot], error))
    frame = pd.DataFrame(rows, columns=["factor", "term", "estimate", "std_error"])
    frame["statistic"] = frame["estimate"] / frame["std_error"]
    frame["p_value"] = 2 * norm.sf(frame["statistic"].abs())
    reach = norm.isf(0.025) * frame["std_error"]
    frame["conf_low"], frame["conf_high"] = frame["estimate"] - reach, frame["estimate"] + reach
    return frame.drop(columns="factor") if layout.n_primary == 1 else frame


def latent_rows(est: Estimated, covariance: FloatArray | None) -> pd.DataFrame:
    """Latent parameters in the columns of the parameter table (item is empty)."""
    layout: Layout = est.layout
    rows = []
    for g, label in enumerate(layout.groups):
        errors = delta_errors(np.eye(layout.latent.shape[1]), layout.latent[g], covariance, layout.n_free)
        for name, slot, error in zip(layout.latent_names(), layout.latent[g], errors, strict=True):
            rows.append((label, "", name, est.extended[slot], error))
    return pd.DataFrame(rows, columns=["group", "item", "parameter", "estimate", "std_error"])
