"""Residuals at latent estimates: infit and outfit, person fit, Q3, local dependence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import chi2

from recoverymetrics.errors import OptionError
from recoverymetrics.irt.calibration import Estimated
from recoverymetrics.irt.likelihood import group_table, log_tables, log_weights
from recoverymetrics.irt.persons import item_curves
from recoverymetrics.irt.score_frames import score_codes
from recoverymetrics.typing import BoolArray, FloatArray, IntArray

LARGEST_SPREAD = np.sqrt(2.0)
"""Standard deviations of mean squares are capped here before they become z statistics (Linacre, Winsteps)."""


@dataclass(frozen=True)
class Expectation:
    """Moments of each response given the person's latent estimate; NaN where the response is missing.

    Attributes
    ----------
    residual : ndarray, shape (n, J)
        Response minus expectation.
    variance : ndarray, shape (n, J)
        Second central moment.
    fourth : ndarray, shape (n, J)
        Fourth central moment.
    log_p, expected_log, variance_log : ndarray, shape (n, J)
        Log probability of the response, and its mean and variance under the model.
    """

    residual: FloatArray
    variance: FloatArray
    fourth: FloatArray
    log_p: FloatArray
    expected_log: FloatArray
    variance_log: FloatArray


def expectation(est: Estimated, method: str = "eap") -> Expectation:
    """Moments of all responses of the calibration sample at latent estimates of the given kind."""
    theta = score_codes(est, est.coded, method).estimate
    shape = est.coded.codes.shape
    out = {name: np.full(shape, np.nan) for name in Expectation.__dataclass_fields__}
    for g in range(len(est.layout.groups)):
        own = np.flatnonzero((est.coded.group == g) & np.isfinite(theta).all(axis=1))
        for start in range(0, own.size, 20_000):
            rows = own[start : start + 20_000]
            for curves in item_curves(est.layout, est.extended, g, theta[rows]):
                for b, item in enumerate(curves.items):
                    fill_expectation(out, rows, int(item), curves.p[b], est.coded.codes[rows, item])
    return Expectation(**out)


def fill_expectation(
    out: dict[str, FloatArray], rows: IntArray, item: int, p: FloatArray, codes: IntArray
) -> None:
    """Write the moments of one item's responses into the rows of some persons."""
    k = np.arange(p.shape[0])[:, None]
    mean = np.sum(k * p, axis=0)
    log_p = np.log(np.maximum(p, 1e-300))
    expected_log = np.sum(p * log_p, axis=0)
    answered = codes >= 0
    x = np.where(answered, codes, 0).astype(np.int64)
    values = {
        "residual": x - mean,
        "variance": np.sum(k**2 * p, axis=0) - mean**2,
        "fourth": np.sum((k - mean) ** 4 * p, axis=0),
        "log_p": log_p[x, np.arange(x.size)],
        "expected_log": expected_log,
        "variance_log": np.sum(p * log_p**2, axis=0) - expected_log**2,
    }
    for name, value in values.items():
        out[name][rows, item] = np.where(answered, value, np.nan)


def mean_squares(e: Expectation, axis: int) -> dict[str, FloatArray]:
    """Outfit and infit with their cube-root z statistics (Wright & Masters 1982) along an axis."""
    n = np.sum(~np.isnan(e.residual), axis=axis)
    with np.errstate(invalid="ignore", divide="ignore"):
        squared = e.residual**2
        total = np.nansum(e.variance, axis=axis)
        outfit = np.nansum(squared / e.variance, axis=axis) / n
        infit = np.nansum(squared, axis=axis) / total
        q_out = np.sqrt(np.maximum(np.nansum(e.fourth / e.variance**2, axis=axis) / n**2 - 1.0 / n, 0.0))
        q_in = np.sqrt(np.nansum(e.fourth - e.variance**2, axis=axis)) / total
        q_out, q_in = np.minimum(q_out, LARGEST_SPREAD), np.minimum(q_in, LARGEST_SPREAD)
        return {
            "outfit": outfit,
            "outfit_z": (np.cbrt(outfit) - 1) * (3 / q_out) + q_out / 3,
            "infit": infit,
            "infit_z": (np.cbrt(infit) - 1) * (3 / q_in) + q_in / 3,
        }


def standardised_likelihood(e: Expectation, axis: int) -> FloatArray:
    """Standardised log-likelihood of response patterns, Zh (Drasgow, Levine & Williams 1985)."""
    gap = np.nansum(e.log_p, axis=axis) - np.nansum(e.expected_log, axis=axis)
    with np.errstate(invalid="ignore", divide="ignore"):
        value: FloatArray = gap / np.sqrt(np.nansum(e.variance_log, axis=axis))
    return value


def infit_frame(est: Estimated, score: str = "eap") -> pd.DataFrame:
    """Infit, outfit and Zh per item: columns group, item, outfit, outfit_z, infit, infit_z, zh, n."""
    e = expectation(est, score)
    parts = []
    for g, label in enumerate(est.layout.groups):
        own = take(e, est.coded.group == g)
        frame = pd.DataFrame({"group": label, "item": est.layout.items} | mean_squares(own, 0))
        parts.append(
            frame.assign(zh=standardised_likelihood(own, 0), n=np.sum(~np.isnan(own.residual), axis=0))
        )
    return pd.concat(parts, ignore_index=True)


def take(e: Expectation, rows: BoolArray) -> Expectation:
    """Expectation of some persons."""
    return Expectation(*(getattr(e, name)[rows] for name in Expectation.__dataclass_fields__))


def residual_correlations(est: Estimated, score: str = "eap") -> FloatArray:
    """Q3 (Yen 1984): correlations of the residuals over persons who answered both items, shape (J, J)."""
    return pairwise_correlation(expectation(est, score).residual)


def pairwise_correlation(R: FloatArray) -> FloatArray:
    """Product-moment correlations with pairwise deletion."""
    seen = (~np.isnan(R)).astype(float)
    filled = np.nan_to_num(R)
    n = seen.T @ seen
    cross, sums = filled.T @ filled, filled.T @ seen
    squares = (filled**2).T @ seen
    with np.errstate(invalid="ignore", divide="ignore"):
        cov = cross - sums * sums.T / n
        var = squares - sums**2 / n
        value: FloatArray = cov / np.sqrt(var * var.T)
    return value


def local_dependence_frame(est: Estimated, method: str = "q3", score: str = "eap") -> pd.DataFrame:
    """Local dependence of pairs of items.

    Parameters
    ----------
    method : {"q3", "x2", "g2"}
        Residual correlations (Yen 1984), or the chi-square or likelihood-ratio statistic of the two-way table
        (Chen & Thissen 1997).

    Returns
    -------
    DataFrame
        One row per pair: item, item_2, and for ``q3`` estimate, adjusted (minus the mean of all pairs); for the
        others group, statistic, df, p_value, estimate (signed Cramer's V), n.
    """
    kind = str(method).lower()
    if kind not in ("q3", "x2", "g2"):
        raise OptionError(f"unknown method {method!r}; choose one of q3, x2, g2.")
    i, j = np.triu_indices(len(est.layout.items), 1)
    names = np.asarray(est.layout.items, dtype=object)
    if kind != "q3":
        return pd.concat(
            [_table_dependence(est, g, kind) for g in range(len(est.layout.groups))], ignore_index=True
        )
    values = residual_correlations(est, score)[i, j]
    return pd.DataFrame(
        {"item": names[i], "item_2": names[j], "estimate": values, "adjusted": values - np.nanmean(values)}
    )


def _table_dependence(est: Estimated, g: int, kind: str) -> pd.DataFrame:
    """Observed against expected two-way tables of all pairs."""
    p = np.exp(group_table(est.layout, log_tables(est.layout, est.extended, est.problem.theta), g))
    if est.problem.specific is not None:
        weights = np.exp(_crossed_weights(est, g))
    else:
        weights = np.exp(log_weights(est.problem, est.extended, g))
    expected = (p * weights) @ p.T
    responses = est.problem.patterns[g].responses
    observed = np.zeros_like(expected)
    for rows, Z in responses.chunks(responses.width):
        observed += Z.T @ (responses.weights[rows][:, None] * Z)
    offsets = np.concatenate([[0], np.cumsum(responses.n_categories)])
    rows_out = []
    for a in range(len(est.layout.items)):
        for b in range(a + 1, len(est.layout.items)):
            block = np.ix_(range(offsets[a], offsets[a + 1]), range(offsets[b], offsets[b + 1]))
            rows_out.append(
                (
                    est.layout.groups[g],
                    est.layout.items[a],
                    est.layout.items[b],
                    *_two_way(observed[block], expected[block], kind),
                )
            )
    columns = ["group", "item", "item_2", "statistic", "df", "p_value", "estimate", "n"]
    return pd.DataFrame(rows_out, columns=columns)


def _crossed_weights(est: Estimated, g: int) -> FloatArray:
    from recoverymetrics.numerics.quadrature import normal_log_weights

    specific = est.problem.specific
    if specific is None:
        raise TypeError("no specific factor")
    primary = log_weights(est.problem, est.extended, g)
    return (primary[:, None] + normal_log_weights(specific, np.zeros(1), np.eye(1))[None, :]).ravel()


def _two_way(O: FloatArray, P: FloatArray, kind: str) -> tuple[float, int, float, float, float]:  # noqa: E741
    n = O.sum()
    E = n * P
    df = (O.shape[0] - 1) * (O.shape[1] - 1)
    if kind == "x2":
        value = float(np.sum((O - E) ** 2 / E))
    else:
        some = O > 0
        value = float(2 * np.sum(O[some] * np.log(O[some] / E[some])))
    sign = np.sign(_table_correlation(O) - _table_correlation(E)) or 1.0
    size = sign * np.sqrt(abs(value) / (n * (min(O.shape) - 1)))
    return value, df, float(chi2.sf(value, df)), float(size), float(n)


def _table_correlation(table: FloatArray) -> float:
    p = table / table.sum()
    a, b = np.arange(p.shape[0]), np.arange(p.shape[1])
    ma, mb = a @ p.sum(axis=1), b @ p.sum(axis=0)
    cov = (a - ma) @ p @ (b - mb)
    return float(cov / np.sqrt(((a - ma) ** 2 @ p.sum(axis=1)) * ((b - mb) ** 2 @ p.sum(axis=0))))
