"""Reliability from polychoric correlations: categorical omega of the sum score, ordinal alpha."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from recoverymetrics.correlation import OrdinalMoments
from recoverymetrics.errors import DataError
from recoverymetrics.instrument.notes import listing, plural
from recoverymetrics.numerics.intervals import bootstrap_interval, wald_interval
from recoverymetrics.numerics.seeds import generator
from recoverymetrics.reliability import coefficients as c
from recoverymetrics.reliability.green_yang import green_yang, green_yang_derivatives
from recoverymetrics.reliability.groups import warn_of_keying
from recoverymetrics.reliability.items import item_rest
from recoverymetrics.reliability.one_factor import OneFactor, fit_one_factor, least_squares_hessian
from recoverymetrics.reliability.ordinal_groups import OrdinalGroup, Slope, pair_table, read_ordinal
from recoverymetrics.reliability.results import CoefficientResult
from recoverymetrics.reliability.spec import Bootstrap, Missing, check_level, in_group
from recoverymetrics.typing import FloatArray, GroupSpec, IntoFrame

ORDINAL_NOTE = (
    "ordinal alpha is the alpha of the latent responses behind the categories, not the reliability of the observed "
    "sum score; for that use categorical_omega or cronbach_alpha (Chalmers 2018)."
)


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
    rows, tables, failed = [], [], 0
    for g in groups:
        slope = Slope(np.zeros_like(g.tau), 2 * c.alpha_gradient(g.R))
        rows.append(_row(g, "ordinal_alpha", float(c.alpha(g.R)), g.std_error(slope), level))
        failed += _bootstrap(
            rows[-1:], [slope], g, lambda m: (float(c.alpha(m.correlations)),), interval, level
        )
        tables.append(_deleted(g, found.items))
    return CoefficientResult(
        coefficient="ordinal_alpha",
        formula="alpha of the polychoric correlation matrix (Zumbo, Gadermann & Zeisser 2007)",
        estimates=pd.DataFrame(rows),
        overall=_overall(rows),
        level=level,
        interval=_method(interval),
        details=pd.concat(tables, ignore_index=True),
        notes=(ORDINAL_NOTE, *_keying(groups, found.items), *found.notes, *_failed_note(failed)),
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
    rows, tables, fits, failed = [], [], [], 0
    for g in groups:
        _refuse_boundary(g, found.items)
        weights = g.pair_weights()
        fit = fit_one_factor(g.R, "minres", weights)
        fits.append(fit)
        found_here = (_categorical(g, fit, weights), _latent(g, fit, weights))
        for term, (estimate, slope) in zip(("omega_categorical", "omega_latent"), found_here, strict=True):
            rows.append(_row(g, term, estimate, g.std_error(slope), level))
        failed += _bootstrap(rows[-2:], [slope for _, slope in found_here], g, _omegas, interval, level)
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
        notes=(*heywood, *_keying(groups, found.items), *found.notes, *_failed_note(failed)),
        has_converged=found.converged and all(bool(f.converged) for f in fits),
        is_admissible=found.admissible and not bad,
    )


def _refuse_boundary(g: OrdinalGroup, items: tuple[str, ...]) -> None:
    """Correlations of +-1 have no sampling variance to weigh them by."""
    at = np.argwhere(np.tril(~(g.pair_variances() > 0), -1))
    if at.size:
        pairs = listing((f"{items[k]}-{items[j]}" for j, k in at), most=3)
        raise DataError(
            f"categorical omega{in_group(g.label)} weighs polychoric correlations by their precision, and some run to "
            f"+-1 in these {plural(g.n, 'person')} ({pairs}); leave out items that say the same, collect more "
            "answers, or use mcdonald_omega."
        )


def _categorical(g: OrdinalGroup, fit: OneFactor, weights: FloatArray) -> tuple[float, Slope]:
    """Omega of the sum of categories and its derivative."""
    d = green_yang_derivatives(g.tau, fit.loadings, g.R)
    through = _through_loadings(g.R, fit.loadings, weights, d.by_loading)
    return d.estimate, Slope(d.by_threshold, d.by_correlation + through)


def _latent(g: OrdinalGroup, fit: OneFactor, weights: FloatArray) -> tuple[float, Slope]:
    """Omega of the sum of latent responses and its derivative."""
    total, variance = float(fit.loadings.sum()), float(g.R.sum())
    omega = total**2 / variance
    through = _through_loadings(g.R, fit.loadings, weights, np.full(fit.loadings.size, 2 * total / variance))
    direct = -2 * omega / variance * (1 - np.eye(g.R.shape[0]))
    return omega, Slope(np.zeros_like(g.tau), through + direct)


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
    if not np.all(variance > 0):
        return (np.nan, np.nan)
    fit = fit_one_factor(m.correlations, "minres", 1 / pair_table(variance, p))
    if not (fit.converged and np.isfinite(m.correlations).all()):
        return (np.nan, np.nan)
    omega = green_yang(m.tau, np.outer(fit.loadings, fit.loadings), m.correlations)
    return omega, float(fit.loadings.sum() ** 2 / m.correlations.sum())


def _bootstrap(
    rows: list[dict[str, object]],
    slopes: list[Slope],
    g: OrdinalGroup,
    statistic: Callable[[OrdinalMoments], tuple[float, ...]],
    interval: Bootstrap | None,
    level: float,
) -> int:
    """Replace standard errors and limits of one group's rows by those of the bootstrap; count the draws that failed."""
    if interval is None:
        return 0
    rng = generator(interval.seed)
    draws = np.array([statistic(m) for m in g.resample(interval.n_draws, rng)])
    method = interval.method
    for row, values, slope in zip(rows, draws.T, slopes, strict=True):
        influence = g.influence(slope) if method == "bca" else None
        estimate = float(row["estimate"])  # type: ignore[arg-type]
        limits = bootstrap_interval(values, estimate, level=level, method=method, influence=influence)
        row |= {
            "std_error": float(np.nanstd(values, ddof=1)),
            "conf_low": float(limits.low),
            "conf_high": float(limits.high),
        }
    return int(np.isnan(draws).any(1).sum())


def _keying(groups: list[OrdinalGroup], items: tuple[str, ...]) -> tuple[str, ...]:
    return warn_of_keying([(g.label, items, item_rest(g.R)) for g in groups])


def _failed_note(failed: int) -> tuple[str, ...]:
    if not failed:
        return ()
    return (f"{failed} bootstrap draws could not be fitted and were left out.",)


def _method(interval: Bootstrap | None) -> str:
    if interval is None:
        return "delta method from the asymptotic covariance of the polychorics, symmetric in log(1 - reliability)"
    return f"bootstrap over persons ({interval.method}), {interval.n_draws} draws"


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
