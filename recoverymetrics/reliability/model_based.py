"""Reliability from a fitted confirmatory model: composite reliability, omega of general factors, AVE."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from recoverymetrics.errors import ModelError, require_kind
from recoverymetrics.numerics.intervals import wald_interval
from recoverymetrics.reliability.bifactor import construct_h
from recoverymetrics.reliability.green_yang import green_yang
from recoverymetrics.reliability.results import CoefficientResult
from recoverymetrics.reliability.spec import Denominator, check_level, check_option
from recoverymetrics.typing import FloatArray, IntArray

if TYPE_CHECKING:
    from recoverymetrics.cfa import CFAResult

TERMS = ("omega", "ave", "omega_factors", "omega_partial", "ecv", "construct_h", "puc")
"""``omega_factors`` and ``omega_partial`` for factors of factors only, the last three for bifactor models only."""


@dataclass(frozen=True)
class Measurement:
    """Measurement part of one group's model.

    Attributes
    ----------
    loadings : ndarray, shape (p, m)
        Loadings of the items.
    effects : ndarray, shape (m, m)
        Total effects of the factors' disturbances on the factors, ``(I - B)^-1``; the identity without
        regressions among factors.
    phi : ndarray, shape (m, m)
        Covariances of the factors' disturbances.
    theta : ndarray, shape (p, p)
        Covariances of the unique parts.
    """

    loadings: FloatArray
    effects: FloatArray
    phi: FloatArray
    theta: FloatArray

    @property
    def factor_covariance(self) -> FloatArray:
        """Covariances of the factors, shape (m, m)."""
        return self.effects @ self.phi @ self.effects.T

    @property
    def implied(self) -> FloatArray:
        """Covariances of the items implied by the model."""
        return self.loadings @ self.factor_covariance @ self.loadings.T + self.theta

    def standardised(self) -> Measurement:
        """The same with item variances of one."""
        sd = np.sqrt(np.diag(self.implied))
        return Measurement(self.loadings / sd[:, None], self.effects, self.phi, self.theta / np.outer(sd, sd))

    def of_factor(self, f: int) -> tuple[FloatArray, float]:
        """Loadings on a factor and its variance; of a higher-order factor, its indirect effects on the items."""
        if np.any(self.loadings[:, f]):
            return self.loadings[:, f], float(self.factor_covariance[f, f])
        return (self.loadings @ self.effects)[:, f], float(self.phi[f, f])


@dataclass(frozen=True)
class _Layout:
    """Where the rows of one group's parameter table go in the matrices."""

    items: tuple[str, ...]
    factors: tuple[str, ...]
    rows: pd.DataFrame
    position: IntArray

    def build(self, values: FloatArray) -> Measurement:
        p, m = len(self.items), len(self.factors)
        item = {name: j for j, name in enumerate(self.items)}
        factor = {name: k for k, name in enumerate(self.factors)}
        L, B, phi, theta = np.zeros((p, m)), np.zeros((m, m)), np.zeros((m, m)), np.zeros((p, p))
        for lhs, op, rhs, where in zip(
            self.rows["lhs"], self.rows["op"], self.rows["rhs"], self.position, strict=True
        ):
            value = values[where]
            if op == "=~" and rhs in item:
                L[item[rhs], factor[lhs]] = value
            elif op == "=~":
                B[factor[rhs], factor[lhs]] = value
            elif op == "~" and lhs in factor and rhs in factor:
                B[factor[lhs], factor[rhs]] = value
            elif op == "~~" and lhs in factor and rhs in factor:
                phi[factor[lhs], factor[rhs]] = phi[factor[rhs], factor[lhs]] = value
            elif op == "~~" and lhs in item and rhs in item:
                theta[item[lhs], item[rhs]] = theta[item[rhs], item[lhs]] = value
        return Measurement(L, np.asarray(np.linalg.inv(np.eye(m) - B), dtype=float), phi, theta)


def model_reliability(
    fit: CFAResult, *, denominator: Denominator = "implied", level: float = 0.95
) -> CoefficientResult:
    """Reliability of the sum of each factor's items, from a fitted confirmatory model.

    For the factor of a simple structure this is composite reliability (omega). For the general factor of a
    bifactor model it is omega hierarchical, for its specific factors omega hierarchical of the subscales; for
    a second-order factor, the share of the whole sum that the second-order factor explains. Ordered items:
    the categorical omega of Green & Yang (2009).

    Parameters
    ----------
    fit : CFAResult
        From ``fit_cfa``.
    denominator : {"implied", "observed"}, default "implied"
        Variance of the sum: implied by the model, or observed. Standard errors are available for the implied
        one with continuous items.
    level : float, default 0.95
        Confidence level.

    Returns
    -------
    CoefficientResult
        ``tidy()``: one row per group, factor and term: ``omega`` and ``ave`` (average variance extracted),
        and, with several factors, ``omega_total`` for all items and factors together (factor ``"total"``).
        A higher-order factor has two more: ``omega_factors``, its share of the sum of the factors below it,
        and ``omega_partial``, its share of the sum of items without the disturbances of those factors. The
        factors of a bifactor model have ``ecv``, each one's share of the common variance of standardised
        items, and ``construct_h``; the general factor also ``puc``, the share of correlations that only it
        explains.
        ``glance()`` reports the lowest omega.

    Raises
    ------
    ModelError
        The model has no factor with at least two items.

    Examples
    --------
    >>> import numpy as np
    >>> from recoverymetrics.cfa import fit_cfa
    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(size=(500, 1)) + rng.normal(size=(500, 4))
    >>> fit = fit_cfa({f"x{j}": x[:, j] for j in range(4)}, "f =~ x0 + x1 + x2 + x3")
    >>> bool(abs(model_reliability(fit).estimate - 0.8) < 0.05)
    True

    References
    ----------
    mcdonald1999, raykov2001, fornell1981, greenyang2009, reise2012
    """
    check_level(level)
    check_option("denominator", denominator, ("implied", "observed"))
    require_kind(fit, "CFAResult", "fit", "the result of fit_cfa")
    fit.refuse_given("reliability")
    table = fit.tidy()
    values = table["estimate"].to_numpy(float)
    ordered = bool(np.any(fit.sample.ordinal))
    rows: list[dict[str, object]] = []
    for g, label in enumerate(fit.groups):
        layout = _layout(table, label, fit.sample.items)
        S = fit.sample.covariance[g] if denominator == "observed" or ordered else None
        tau = _thresholds(fit, g) if ordered else None
        rows += _group_rows(
            layout, values, S, tau, fit, table["free"].to_numpy(int), label, level, int(fit.sample.n[g])
        )
    estimates = pd.DataFrame(rows)
    omega = estimates[estimates["term"] == "omega"]
    if omega.empty:
        raise ModelError(
            "the model has no factor with at least two items, so there is no sum score to judge."
        )
    lowest = omega.loc[omega["estimate"].idxmin()].drop(["group", "term"]).to_dict()
    formula = (
        "categorical omega from loadings and thresholds (Green & Yang 2009)"
        if ordered
        else f"omega = (sum of loadings)^2 factor variance / {denominator} variance of the sum (McDonald 1999)"
    )
    return CoefficientResult(
        coefficient="omega",
        formula=f"{formula}; {fit.spec.name} estimates",
        estimates=estimates,
        overall=lowest,
        level=level,
        interval="delta method from the model's standard errors, symmetric in log(1 - omega)",
        has_converged=fit.converged,
        is_admissible=fit.admissible,
    )


def _layout(table: pd.DataFrame, label: str, items: tuple[str, ...]) -> _Layout:
    inside = (table["group"] == label) & table["op"].isin(["=~", "~~", "~"])
    rows = table[inside]
    factors = tuple(dict.fromkeys(rows.loc[rows["op"] == "=~", "lhs"]))
    return _Layout(items, factors, rows, np.flatnonzero(inside.to_numpy()))


def _thresholds(fit: CFAResult, g: int) -> FloatArray:
    where = fit.sample.threshold_item
    widest = int(np.bincount(where).max())
    tau = np.full((len(fit.sample.items), widest), np.inf)
    for j in range(len(fit.sample.items)):
        own = fit.sample.tau[g][where == j]
        tau[j, : own.size] = own
    return tau


def _group_rows(
    layout: _Layout,
    values: FloatArray,
    S: FloatArray | None,
    tau: FloatArray | None,
    fit: CFAResult,
    free: IntArray,
    label: str,
    level: float,
    n: int,
) -> list[dict[str, object]]:
    names = [*layout.factors, *(["total"] if len(layout.factors) > 1 else [])]

    def coefficients(v: FloatArray) -> FloatArray:
        return factor_coefficients(layout.build(v), S, tau)

    estimates = coefficients(values)
    errors = np.full(estimates.shape, np.nan)
    if S is None:
        errors = _delta_errors(coefficients, values, free, fit.covariance)
    m = layout.build(values)
    sizes = [*(int(np.count_nonzero(m.of_factor(f)[0])) for f in range(m.phi.shape[0])), len(layout.items)]
    rows: list[dict[str, object]] = []
    for k, name in enumerate(names):
        for t, term in enumerate(TERMS):
            if not np.isfinite(estimates[k, t]):
                continue
            limits = wald_interval(estimates[k, t], errors[k, t], level=level, scale="log_complement")
            rows.append(
                {
                    "group": label,
                    "factor": name,
                    "term": "omega_total" if name == "total" else term,
                    "estimate": float(estimates[k, t]),
                    "std_error": float(errors[k, t]),
                    "conf_low": float(limits.low),
                    "conf_high": float(limits.high),
                    "n": n,
                    "n_items": int(sizes[k]),
                }
            )
    return rows


def factor_coefficients(m: Measurement, S: FloatArray | None, tau: FloatArray | None) -> FloatArray:
    """The coefficients ``TERMS`` of each factor, then of all together, shape (factors + 1, terms); NaN where undefined.

    Parameters
    ----------
    m : Measurement
        Loadings, factor and unique covariances.
    S : ndarray, shape (p, p), optional
        Observed covariances for the denominators; implied ones by default.
    tau : ndarray, shape (p, t), optional
        Thresholds of ordered items; coefficients are then for sums of categories, AVE for the latent
        responses.
    """
    if tau is not None:
        m = m.standardised()
    total = m.implied if S is None else S
    k = m.phi.shape[0]
    out = np.full((k + 1, len(TERMS)), np.nan)
    for f in range(k):
        loading, variance = m.of_factor(f)
        own = np.abs(loading) > 0
        if own.sum() < 2:
            continue
        inside = np.ix_(own, own)
        common = np.outer(loading[own], loading[own]) * variance
        out[f, 0] = _share(common, total[inside], None if tau is None else tau[own])
        out[f, 1] = np.trace(common) / np.trace(total[inside])
        if not np.any(m.loadings[:, f]):
            out[f, 2] = _share_of_factors(m, f)
            out[f, 3] = np.nan if tau is not None else common.sum() / (common.sum() + m.theta[inside].sum())
    common = m.loadings @ m.factor_covariance @ m.loadings.T
    out[k, 0] = _share(common, total, tau)
    general = _general_factor(m)
    if general is not None:
        out[:k, 4:] = _bifactor_shares(m.standardised(), general)
    return out


def _general_factor(m: Measurement) -> int | None:
    """The factor that all items load on beside orthogonal factors that share no item; None in other models."""
    k = m.phi.shape[0]
    loads = m.loadings != 0
    whole = np.flatnonzero(loads.all(0))
    uncorrelated = not np.any(m.phi[~np.eye(k, dtype=bool)]) and np.array_equal(m.effects, np.eye(k))
    if k < 2 or whole.size != 1 or not uncorrelated or np.any(loads.sum(1) > 2):
        return None
    return int(whole[0])


def _bifactor_shares(m: Measurement, general: int) -> FloatArray:
    """ECV, H and PUC of each factor, shape (factors, 3); PUC is the general factor's."""
    squared = m.loadings**2 * np.diag(m.phi)
    members = m.loadings != 0
    out = np.full((m.phi.shape[0], 3), np.nan)
    out[:, 0] = squared.sum(0) / squared.sum()
    out[:, 1] = [construct_h(squared[own, f]) for f, own in enumerate(members.T)]
    sizes = np.delete(members.sum(0), general)
    p = m.loadings.shape[0]
    out[general, 2] = 1 - np.sum(sizes * (sizes - 1)) / (p * (p - 1))
    return out


def _share_of_factors(m: Measurement, f: int) -> float:
    """Share of a higher-order factor in the variance of the sum of the factors that it affects."""
    below = (m.effects[:, f] != 0) & (np.arange(m.phi.shape[0]) != f)
    own = m.effects[below, f].sum() ** 2 * m.phi[f, f]
    return float(own / m.factor_covariance[np.ix_(below, below)].sum())


def _share(common: FloatArray, total: FloatArray, tau: FloatArray | None) -> float:
    return float(common.sum() / total.sum()) if tau is None else green_yang(tau, common, total)


def _delta_errors(
    function: Callable[[FloatArray], FloatArray],
    values: FloatArray,
    free: IntArray,
    covariance: FloatArray,
) -> FloatArray:
    """Standard errors of functions of the parameter table; rows with one ``free`` index move together."""
    q = covariance.shape[0]
    slopes = []
    for index in range(1, q + 1):
        step = np.where(free == index, 1e-5, 0.0)
        slopes.append((function(values + step) - function(values - step)) / 2e-5)
    J = np.moveaxis(np.array(slopes), 0, -1)
    variance = np.einsum("...a,ab,...b->...", J, covariance, J)
    errors: FloatArray = np.sqrt(np.maximum(variance, 0.0))
    return errors
