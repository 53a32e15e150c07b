"""Reliability from polychoric correlations: categorical omega of the sum score, ordinal alpha."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from recoverymetrics.correlation import OrdinalMoments, PolychoricResult, ordinal_moments, polychoric
from recoverymetrics.correlation.codes import category_codes
from recoverymetrics.errors import DataError
from recoverymetrics.instrument import read_items
from recoverymetrics.numerics.intervals import bootstrap_interval, wald_interval
from recoverymetrics.numerics.seeds import generator
from recoverymetrics.reliability import coefficients as c
from recoverymetrics.reliability.green_yang import green_yang, green_yang_derivatives
from recoverymetrics.reliability.one_factor import OneFactor, fit_one_factor, least_squares_hessian
from recoverymetrics.reliability.results import CoefficientResult
from recoverymetrics.reliability.spec import Bootstrap, Missing, check_level, check_option
from recoverymetrics.typing import FloatArray, GroupSpec, IntArray, IntoFrame

ORDINAL_NOTE = (
    "ordinal alpha is the alpha of the latent responses behind the categories, not the reliability of the observed "
    "sum score; for that use categorical_omega or cronbach_alpha (Chalmers 2018)."
)


@dataclass(frozen=True)
class OrdinalGroup:
    """Polychoric statistics of one group.

    Attributes
    ----------
    label : str
        Group.
    n : int
        Persons.
    R, tau : ndarray, shapes (p, p) and (p, t)
        Correlations and thresholds.
    acov : ndarray
        ``n`` times the asymptotic covariance of thresholds (item by item), then correlations (2,1), (3,1),
        ...
    codes : ndarray of int, shape (n, p)
        Categories from 0; -1 is missing.
    sizes : ndarray of int, shape (p,)
        Categories of each item.
    """

    label: str
    n: int
    R: FloatArray
    tau: FloatArray
    acov: FloatArray
    codes: IntArray
    sizes: IntArray

    @property
    def p(self) -> int:
        """Number of items."""
        return int(self.R.shape[0])

    def std_error(self, by_threshold: FloatArray, by_correlation: FloatArray) -> float:
        """Delta-method standard error; ``by_correlation`` is the derivative in each pair, (p, p)."""
        p = self.R.shape[0]
        pairs = by_correlation.T[np.triu_indices(p, 1)]
        thresholds = self.acov.shape[0] - pairs.size
        kept = ~np.isposinf(self.tau) if thresholds != self.tau.size else np.ones_like(self.tau, dtype=bool)
        slope = np.concatenate([by_threshold[kept], pairs])
        return float(np.sqrt(slope @ self.acov @ slope / self.n))

    def pair_weights(self) -> FloatArray:
        """Inverse asymptotic variances of the correlations, shape (p, p)."""
        return pair_weights(np.diag(self.acov)[-self.p * (self.p - 1) // 2 :], self.p)

    def resample(self, n_draws: int, rng: np.random.Generator) -> Iterator[OrdinalMoments]:
        """Polychoric statistics of bootstrap samples of the persons."""
        for _ in range(n_draws):
            rows = rng.integers(0, self.n, self.n)
            yield ordinal_moments(self.codes[rows], self.sizes, acov="diagonal")


def pair_weights(variance: FloatArray, p: int) -> FloatArray:
    """Symmetric matrix of inverse variances of the correlations (2,1), (3,1), ..., (3,2), ..."""
    weights = np.ones((p, p))
    rows, columns = np.triu_indices(p, 1)
    weights[rows, columns] = weights[columns, rows] = 1 / variance
    return weights


def read_ordinal(
    data: IntoFrame,
    items: Sequence[str] | None,
    group: GroupSpec,
    missing: Missing,
    at_least: int,
) -> tuple[PolychoricResult, list[OrdinalGroup]]:
    """Polychoric correlations with their asymptotic covariance, by group."""
    check_option("missing", missing, ("pairwise", "listwise"))
    found = polychoric(data, items=items, group=group, missing=missing, acov=True)
    if len(found.items) < at_least:
        raise DataError(f"this coefficient needs at least {at_least} items; there are {len(found.items)}.")
    record = read_items(data, items=items, group=group)
    if missing == "listwise":
        record = record.complete()
    codes, categories = category_codes(record)
    sizes = np.array([known.size for known in categories])
    groups = []
    for m in found.moments:
        rows = slice(None) if record.group is None else record.group == m.label
        if m.tau is None or m.acov is None:
            raise DataError(f"group {m.label!r} has no polychoric correlations.")
        groups.append(OrdinalGroup(m.label, m.n, m.correlations, m.tau, m.acov, codes[rows], sizes))
    return found, groups


def ordinal_alpha(
    data: IntoFrame,
    *,
    items: Sequence[str] | None = None,
    group: GroupSpec = None,
    missing: Missing = "pairwise",
    interval: Bootstrap | None = None,
    level: float = 0.95,
) -> CoefficientResult:
    """Alpha of the polychoric correlations (Zumbo, Gadermann & Zeisser 2007).

    It is the alpha of the continuous responses that are thought to lie behind the categories: an answer to
    what the scale could be with infinitely fine categories, and *not* the reliability of the sum score that
    people get.

    Parameters
    ----------
    data : Responses, DataFrame, mapping or 2-D array
        Integer categories, one row per person, items keyed in one direction.
    items : sequence of str, optional
        Item columns; by default all but ``group``.
    group : str or array-like, optional
        One alpha per group.
    missing : {"pairwise", "listwise"}, default "pairwise"
        Treatment of missing responses.
    interval : Bootstrap, optional
        Bootstrap over persons. By default the delta method with the asymptotic covariance of the polychoric
        correlations, which assumes normal latent responses and is too narrow without them.
    level : float, default 0.95
        Confidence level.

    Returns
    -------
    CoefficientResult
        ``items``: correlation of each latent response with the rest, and ordinal alpha without the item.

    Raises
    ------
    DataError
        Fewer than two items, responses that are not integers.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> latent = rng.normal(size=(1000, 1)) + rng.normal(size=(1000, 4))
    >>> bool(abs(ordinal_alpha(np.digitize(latent, [-1, 1])).estimate - 0.8) < 0.03)
    True

    References
    ----------
    zumbo2007, chalmers2018
    """
    check_level(level)
    found, groups = read_ordinal(data, items, group, missing, 2)
    rows, tables = [], []
    for g in groups:
        slope = 2 * c.alpha_gradient(g.R)
        se = g.std_error(np.zeros_like(g.tau), slope)
        rows.append(_row(g, "ordinal_alpha", float(c.alpha(g.R)), se, level))
        _bootstrap(rows[-1:], g, lambda m: (float(c.alpha(m.correlations)),), interval, level)
        tables.append(_deleted(g, found.items))
    return CoefficientResult(
        coefficient="ordinal_alpha",
        formula="alpha of the polychoric correlation matrix (Zumbo, Gadermann & Zeisser 2007)",
        estimates=pd.DataFrame(rows),
        overall=_overall(rows),
        level=level,
        interval=_method(interval),
        details=pd.concat(tables, ignore_index=True),
        notes=(ORDINAL_NOTE, *found.notes),
        has_converged=found.converged,
        is_admissible=found.admissible,
    )


def _deleted(g: OrdinalGroup, items: tuple[str, ...]) -> pd.DataFrame:
    p = len(items)
    sums = g.R.sum(0) - 1
    rest = sums / np.sqrt(g.R.sum() - 2 * sums - 1)
    without = [float(c.alpha(np.delete(np.delete(g.R, j, 0), j, 1))) if p > 2 else np.nan for j in range(p)]
    return pd.DataFrame({"group": g.label, "item": list(items), "r_drop": rest, "alpha_if_deleted": without})


def categorical_omega(
    data: IntoFrame,
    *,
    items: Sequence[str] | None = None,
    group: GroupSpec = None,
    missing: Missing = "pairwise",
    interval: Bootstrap | None = None,
    level: float = 0.95,
) -> CoefficientResult:
    """Categorical omega: reliability of the sum of ordered items under one latent factor (Green & Yang 2009).

    A one-factor model is fitted to the polychoric correlations by diagonally weighted least squares; the
    covariances of the *category scores* that the factor accounts for are then computed from loadings and
    thresholds, so that the result is the reliability of the sum score itself. The weights trust precise
    correlations more; where one factor fits badly this can overstate the common part, so look at the fit of
    the factor first.

    Parameters
    ----------
    data : Responses, DataFrame, mapping or 2-D array
        Integer categories, one row per person, items keyed in one direction.
    items : sequence of str, optional
        Item columns; by default all but ``group``.
    group : str or array-like, optional
        One omega per group.
    missing : {"pairwise", "listwise"}, default "pairwise"
        Treatment of missing responses.
    interval : Bootstrap, optional
        Bootstrap over persons. By default the asymptotic covariance of thresholds and polychoric correlations
        is carried through loadings and omega by analytic derivatives, which assumes normal latent responses
        and is too narrow without them.
    level : float, default 0.95
        Confidence level.

    Returns
    -------
    CoefficientResult
        ``tidy()``: ``omega_categorical`` and, for comparison, ``omega_latent`` (of the latent responses) per
        group; ``items``: loadings.

    Raises
    ------
    DataError
        Fewer than three items, responses that are not integers.

    Warns
    -----
    EstimationWarning
        Empty categories, correlations at +-1 (from ``polychoric``).

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> latent = rng.normal(size=(1000, 1)) + rng.normal(size=(1000, 4))
    >>> result = categorical_omega(np.digitize(latent, [-1, 1]))
    >>> result.tidy()["term"].tolist()
    ['omega_categorical', 'omega_latent']

    References
    ----------
    greenyang2009
    """
    check_level(level)
    found, groups = read_ordinal(data, items, group, missing, 3)
    rows, tables, fits = [], [], []
    for g in groups:
        weights = g.pair_weights()
        fit = fit_one_factor(g.R, "minres", weights)
        fits.append(fit)
        rows += [_categorical_row(g, fit, weights, level), _latent_row(g, fit, weights, level)]
        _bootstrap(rows[-2:], g, _omegas, interval, level)
        tables.append(
            pd.DataFrame(
                {
                    "group": g.label,
                    "item": list(found.items),
                    "loading": fit.loadings,
                    "uniqueness": fit.uniquenesses,
                }
            )
        )
    bad = [g.label for g, fit in zip(groups, fits, strict=True) if not fit.admissible]
    heywood = (
        (f"a latent response has no unique variance left (Heywood case): {', '.join(bad)}.",) if bad else ()
    )
    return CoefficientResult(
        coefficient="omega_categorical",
        formula="omega = variance of the sum score that one factor explains / its variance, from loadings and thresholds "
        "(Green & Yang 2009, equation 21)",
        estimates=pd.DataFrame(rows),
        overall=_overall(rows),
        level=level,
        interval=_method(interval),
        details=pd.concat(tables, ignore_index=True),
        notes=(*heywood, *found.notes),
        has_converged=found.converged and all(bool(f.converged) for f in fits),
        is_admissible=found.admissible and not bad,
    )


def _categorical_row(g: OrdinalGroup, fit: OneFactor, weights: FloatArray, level: float) -> dict[str, object]:
    d = green_yang_derivatives(g.tau, fit.loadings, g.R)
    through = _through_loadings(g.R, fit.loadings, weights, d.by_loading)
    se = g.std_error(d.by_threshold, d.by_correlation + through)
    return _row(g, "omega_categorical", d.estimate, se, level)


def _latent_row(g: OrdinalGroup, fit: OneFactor, weights: FloatArray, level: float) -> dict[str, object]:
    total, variance = float(fit.loadings.sum()), float(g.R.sum())
    omega = total**2 / variance
    through = _through_loadings(g.R, fit.loadings, weights, np.full(fit.loadings.size, 2 * total / variance))
    direct = -2 * omega / variance * (1 - np.eye(g.R.shape[0]))
    return _row(g, "omega_latent", omega, g.std_error(np.zeros_like(g.tau), through + direct), level)


def _through_loadings(
    R: FloatArray, loadings: FloatArray, weights: FloatArray, by_loading: FloatArray
) -> FloatArray:
    """Derivative in each correlation, by way of the weighted least-squares loadings."""
    hessian, off = least_squares_hessian(loadings, R, weights)
    slope = np.linalg.solve(hessian, by_loading)
    half = np.outer(slope, loadings)
    through: FloatArray = off * (half + half.T)
    return through


def _omegas(m: OrdinalMoments) -> tuple[float, ...]:
    """Categorical and latent omega of one sample."""
    p = m.correlations.shape[0]
    if m.acov is None:
        return (np.nan, np.nan)
    variance = (m.acov if m.acov.ndim == 1 else np.diag(m.acov))[-p * (p - 1) // 2 :]
    fit = fit_one_factor(m.correlations, "minres", pair_weights(variance, p))
    if not (fit.converged and np.isfinite(m.correlations).all()):
        return (np.nan, np.nan)
    omega = green_yang(m.tau, np.outer(fit.loadings, fit.loadings), m.correlations)
    return omega, float(fit.loadings.sum() ** 2 / m.correlations.sum())


def _bootstrap(
    rows: list[dict[str, object]],
    g: OrdinalGroup,
    statistic: Callable[[OrdinalMoments], tuple[float, ...]],
    interval: Bootstrap | None,
    level: float,
) -> None:
    """Replace standard errors and limits of one group's rows by those of the bootstrap."""
    if interval is None:
        return
    rng = generator(interval.seed)
    draws = np.array([statistic(m) for m in g.resample(interval.n_draws, rng)])
    method = "percentile" if interval.method == "bca" else interval.method
    for row, values in zip(rows, draws.T, strict=True):
        limits = bootstrap_interval(values, float(row["estimate"]), level=level, method=method)  # type: ignore[arg-type]
        row |= {
            "std_error": float(np.nanstd(values, ddof=1)),
            "conf_low": float(limits.low),
            "conf_high": float(limits.high),
        }


def _method(interval: Bootstrap | None) -> str:
    if interval is None:
        return "delta method from the asymptotic covariance of the polychorics, symmetric in log(1 - reliability)"
    return f"bootstrap over persons, {interval.n_draws} draws"


def _row(g: OrdinalGroup, term: str, estimate: float, se: float, level: float) -> dict[str, object]:
    limits = wald_interval(estimate, se, level=level, scale="log_complement")
    return {
        "group": g.label,
        "term": term,
        "estimate": estimate,
        "std_error": se,
        "conf_low": float(limits.low),
        "conf_high": float(limits.high),
        "n": g.n,
        "n_items": g.R.shape[0],
    }


def _overall(rows: list[dict[str, object]]) -> dict[str, object]:
    """The only group, or the lowest of several: categories have no pooled covariance."""
    first = rows[0]["term"]
    same = [row for row in rows if row["term"] == first]
    lowest = min(same, key=lambda row: float(row["estimate"]))  # type: ignore[arg-type]
    return {key: value for key, value in lowest.items() if key not in ("group", "term")}
