"""Agreement of raters on arrays: kappas, Gwet's AC, Krippendorff's alpha, Kendall's W.

Ratings are ``(n_units, n_raters)`` arrays with NaN where a rater did not rate a unit; most coefficients only
need the counts ``(n_units, n_categories)`` of how many raters chose each category.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from recoverymetrics.errors import DataError, OptionError
from recoverymetrics.typing import FloatArray

WeightKind = Literal["identity", "linear", "quadratic", "ordinal", "radical", "ratio"]
WEIGHT_KINDS: tuple[WeightKind, ...] = ("identity", "linear", "quadratic", "ordinal", "radical", "ratio")
Metric = Literal["nominal", "ordinal", "interval", "ratio"]
METRICS: tuple[Metric, ...] = ("nominal", "ordinal", "interval", "ratio")


@dataclass(frozen=True)
class Agreement:
    """A chance-corrected agreement coefficient.

    Attributes
    ----------
    estimate : float
        ``(observed - expected) / (1 - expected)``.
    std_error : float
        Large-sample standard error, raters fixed; NaN when it cannot be computed.
    observed, expected : float
        (Weighted) share of agreement observed, and expected by chance.
    n_units : int
        Units with at least one rating (for Krippendorff's alpha: at least two).
    n_pairable : int
        Units with at least two ratings.
    influence : ndarray, shape (n_units,)
        Contribution of each unit: their mean is the estimate, their spread its variance.
    """

    estimate: float
    std_error: float
    observed: float
    expected: float
    n_units: int
    n_pairable: int
    influence: FloatArray


def observed_categories(ratings: FloatArray) -> FloatArray:
    """Sorted distinct values among the ratings, missing values left out."""
    return np.unique(ratings[~np.isnan(ratings)])


def category_counts(ratings: FloatArray, categories: FloatArray | None = None) -> FloatArray:
    """Count how many raters put each unit into each category.

    Parameters
    ----------
    ratings : ndarray, shape (n_units, n_raters)
        NaN is missing.
    categories : ndarray, shape (q,), optional
        All categories, sorted; by default the observed ones.

    Returns
    -------
    ndarray, shape (n_units, q)

    Raises
    ------
    DataError
        A rating is not among the categories.

    Examples
    --------
    >>> category_counts(np.array([[1.0, 1.0], [1.0, 2.0]])).tolist()
    [[2.0, 0.0], [1.0, 1.0]]
    """
    known = observed_categories(ratings) if categories is None else np.asarray(categories, float)
    rows, raters = np.nonzero(~np.isnan(ratings))
    values = ratings[rows, raters]
    position = np.clip(np.searchsorted(known, values), 0, max(known.size - 1, 0))
    if known.size == 0 or np.any(known[position] != values):
        unknown = values[0] if known.size == 0 else values[known[position] != values][0]
        raise DataError(f"rating {unknown:g} is not among the categories {known.tolist()}.")
    flat = np.bincount(rows * known.size + position, minlength=ratings.shape[0] * known.size)
    return flat.reshape(ratings.shape[0], known.size).astype(float)


def agreement_weights(categories: FloatArray, kind: WeightKind = "identity") -> FloatArray:
    """Weights for partial agreement between categories (Gwet 2014, chapter 3).

    Parameters
    ----------
    categories : ndarray, shape (q,)
        Category scores, sorted.
    kind : {"identity", "linear", "quadratic", "ordinal", "radical", "ratio"}
        Weighting; ``"ordinal"`` uses ranks only, the others the scores.

    Returns
    -------
    ndarray, shape (q, q)
        One on the diagonal.

    Raises
    ------
    OptionError
        Unknown kind.

    Examples
    --------
    >>> agreement_weights(np.array([1.0, 2.0, 3.0]), "linear")[0].tolist()
    [1.0, 0.5, 0.0]
    """
    x = np.asarray(categories, float)
    if kind == "identity" or x.size < 2:
        if kind not in WEIGHT_KINDS:
            raise OptionError(f"weights={kind!r} is not one of {', '.join(WEIGHT_KINDS)}.")
        return np.eye(x.size)
    gap = np.abs(np.subtract.outer(x, x))
    if kind == "linear":
        return 1 - gap / np.ptp(x)
    if kind == "quadratic":
        return 1 - (gap / np.ptp(x)) ** 2
    if kind == "radical":
        return 1 - np.sqrt(gap / np.ptp(x))
    if kind == "ordinal":
        rank = np.arange(x.size)
        steps = np.abs(np.subtract.outer(rank, rank)) + 1.0
        pairs = steps * (steps - 1) / 2
        return 1 - pairs / pairs.max()
    if kind == "ratio":
        total = np.add.outer(x, x)
        share = np.divide(gap, total, out=np.zeros_like(gap), where=total != 0) ** 2
        return 1 - share / share.max()
    raise OptionError(f"weights={kind!r} is not one of {', '.join(WEIGHT_KINDS)}.")


@dataclass(frozen=True)
class TwoRaters:
    """Cohen's kappa of two raters.

    Attributes
    ----------
    estimate : float
        (Weighted) kappa.
    std_error : float
        Large-sample standard error of Fleiss, Cohen & Everitt (1969).
    std_error_null : float
        Standard error under chance agreement, for the test of ``kappa = 0``.
    observed, expected : float
        (Weighted) share of agreement, observed and by chance.
    maximum : float
        Largest kappa that the margins allow (identity weights only, else NaN).
    """

    estimate: float
    std_error: float
    std_error_null: float
    observed: float
    expected: float
    maximum: float


def cohen_kappa(table: FloatArray, weights: FloatArray | None = None) -> TwoRaters:
    """Cohen's (weighted) kappa from a square table of two raters.

    Parameters
    ----------
    table : ndarray, shape (q, q)
        Counts: rows first rater, columns second rater.
    weights : ndarray, shape (q, q), optional
        Agreement weights, one on the diagonal; identity by default.

    Returns
    -------
    TwoRaters
        NaN where chance agreement is complete (only one category used).

    Examples
    --------
    >>> round(cohen_kappa(np.array([[20.0, 5.0], [10.0, 15.0]])).estimate, 3)
    0.4
    """
    n = table.sum()
    p = table / n
    w = np.eye(table.shape[0]) if weights is None else np.asarray(weights, float)
    row, column = p.sum(1), p.sum(0)
    po, pe = float(np.sum(w * p)), float(row @ w @ column)
    if 1 - pe < 1e-12:
        return TwoRaters(np.nan, np.nan, np.nan, po, pe, np.nan)
    kappa = (po - pe) / (1 - pe)
    marginal = np.add.outer(w @ column, row @ w)  # w_i. + w_.j
    spread = np.sum(p * (w - marginal * (1 - kappa)) ** 2) - (kappa - pe * (1 - kappa)) ** 2
    chance = np.sum(np.outer(row, column) * (w - marginal) ** 2) - pe**2
    maximum = np.nan
    if weights is None or np.array_equal(w, np.eye(w.shape[0])):
        maximum = float((np.minimum(row, column).sum() - pe) / (1 - pe))
    return TwoRaters(
        float(kappa),
        float(np.sqrt(max(spread, 0) / n) / (1 - pe)),
        float(np.sqrt(max(chance, 0) / n) / (1 - pe)),
        po,
        pe,
        maximum,
    )


def fleiss_kappa(counts: FloatArray, weights: FloatArray | None = None) -> Agreement:
    """Fleiss' (weighted) kappa for any number of raters, ratings may be missing (Fleiss 1971; Gwet 2008).

    Parameters
    ----------
    counts : ndarray, shape (n_units, q)
        Raters per unit and category.
    weights : ndarray, shape (q, q), optional
        Agreement weights; identity by default.

    Returns
    -------
    Agreement
        The standard error is Gwet's linearised one: valid away from zero and with missing ratings.
    """
    w = np.eye(counts.shape[1]) if weights is None else weights
    counts = counts[counts.sum(1) > 0]
    share = counts / counts.sum(1, keepdims=True)
    pi = share.mean(0)
    expected_of_unit = share @ (w @ pi + w.T @ pi) / 2
    return _linearised(counts, w, float(pi @ w @ pi), expected_of_unit)


def gwet_ac(counts: FloatArray, weights: FloatArray | None = None) -> Agreement:
    """Gwet's AC1 (identity weights) or AC2 (other weights), ratings may be missing (Gwet 2008, 2014).

    Parameters
    ----------
    counts : ndarray, shape (n_units, q)
        Raters per unit and category; ``q`` counts all categories of the scale, used or not.
    weights : ndarray, shape (q, q), optional
        Agreement weights; identity by default.

    Returns
    -------
    Agreement
    """
    q = counts.shape[1]
    w = np.eye(q) if weights is None else weights
    counts = counts[counts.sum(1) > 0]
    share = counts / counts.sum(1, keepdims=True)
    pi = share.mean(0)
    if q < 2:
        return _linearised(counts, w, 1.0, np.ones(counts.shape[0]))
    factor = w.sum() / (q * (q - 1))
    return _linearised(counts, w, float(factor * np.sum(pi * (1 - pi))), factor * (share @ (1 - pi)))


def brennan_prediger(counts: FloatArray, weights: FloatArray | None = None) -> Agreement:
    """Agreement against uniform chance (Brennan & Prediger 1981), ratings may be missing."""
    q = counts.shape[1]
    w = np.eye(q) if weights is None else weights
    counts = counts[counts.sum(1) > 0]
    expected = float(w.sum() / q**2)
    return _linearised(counts, w, expected, np.full(counts.shape[0], expected))


def unit_agreement(counts: FloatArray, weights: FloatArray) -> FloatArray:
    """Weighted share of agreeing pairs of raters within each unit; NaN with fewer than two ratings."""
    r = counts.sum(1)
    agreeing = np.sum(counts * (counts @ weights.T - 1), axis=1)
    out: FloatArray = np.divide(agreeing, r * (r - 1), out=np.full(r.shape, np.nan), where=r > 1)
    return out


def _linearised(counts: FloatArray, w: FloatArray, pe: float, pe_unit: FloatArray) -> Agreement:
    """Coefficient and Gwet's variance: the influence of unit i is linear in its agreement and chance terms.

    Units with a single rating count with influence ``-kappa`` (Gwet 2014), which makes the standard error a
    little too large when there are many of them.
    """
    n = counts.shape[0]
    agreement = unit_agreement(counts, w)
    pairable = ~np.isnan(agreement)
    m = int(pairable.sum())
    nothing = np.full(n, np.nan)
    if m == 0:
        return Agreement(np.nan, np.nan, np.nan, pe, n, 0, nothing)
    pa = float(agreement[pairable].mean())
    if 1 - pe < 1e-12:
        return Agreement(np.nan, np.nan, pa, pe, n, m, nothing)
    kappa = (pa - pe) / (1 - pe)
    own = np.where(pairable, n / m * (np.where(pairable, agreement, 0.0) - pe) / (1 - pe), 0.0)
    influence = own - 2 * (1 - kappa) * (pe_unit - pe) / (1 - pe)
    se = np.sqrt(np.sum((influence - kappa) ** 2) / (n * (n - 1))) if n > 1 else np.nan
    return Agreement(float(kappa), float(se), pa, pe, n, m, influence)


def metric_distance(categories: FloatArray, metric: Metric, margin: FloatArray | None = None) -> FloatArray:
    """Squared distances between categories for Krippendorff's alpha.

    Parameters
    ----------
    categories : ndarray, shape (q,)
        Category scores, sorted.
    metric : {"nominal", "ordinal", "interval", "ratio"}
        The metric; ``"ordinal"`` needs the margin.
    margin : ndarray, shape (..., q), optional
        Number of pairable ratings per category.

    Returns
    -------
    ndarray, shape (..., q, q)

    Raises
    ------
    OptionError
        Unknown metric, or ordinal without margin.
    """
    x = np.asarray(categories, float)
    if metric == "nominal":
        return 1 - np.eye(x.size)
    if metric == "interval":
        return np.subtract.outer(x, x) ** 2
    if metric == "ratio":
        total = np.add.outer(x, x)
        return np.divide(np.subtract.outer(x, x), total, out=np.zeros_like(total), where=total != 0) ** 2
    if metric != "ordinal" or margin is None:
        raise OptionError(
            f"metric={metric!r} is not one of {', '.join(METRICS)} (ordinal needs the category totals)."
        )
    # ratings between two categories, half of each end: differences of midpoints of the cumulative counts
    midpoint = np.cumsum(margin, axis=-1) - margin / 2
    distance: FloatArray = (midpoint[..., :, None] - midpoint[..., None, :]) ** 2
    return distance


def krippendorff_alpha(counts: FloatArray, categories: FloatArray, metric: Metric = "nominal") -> Agreement:
    """Krippendorff's alpha for any number of raters, metric and pattern of missing ratings.

    Parameters
    ----------
    counts : ndarray, shape (n_units, q)
        Raters per unit and category. Units with fewer than two ratings cannot be paired and do not count.
    categories : ndarray, shape (q,)
        Category scores, sorted.
    metric : {"nominal", "ordinal", "interval", "ratio"}
        Distance between categories.

    Returns
    -------
    Agreement
        ``observed`` and ``expected`` are one minus the mean disagreements relative to the expected one for
        nominal data, and minus the mean squared distances for the other metrics. The standard error is
        the infinitesimal jackknife over units.
    """
    kept = counts[counts.sum(1) > 1]
    n = kept.shape[0]
    if n == 0:
        return Agreement(np.nan, np.nan, np.nan, np.nan, 0, 0, np.empty(0))
    margin = kept.sum(0)
    estimate, disagreement, chance = alpha_from_totals(
        _pairs(kept).sum(0), margin, metric_distance(categories, metric, margin)
    )
    influence = estimate + _alpha_influence(kept, categories, metric)
    se = np.sqrt(np.sum((influence - estimate) ** 2) / (n * (n - 1))) if n > 1 else np.nan
    return Agreement(float(estimate), float(se), float(1 - disagreement), float(1 - chance), n, n, influence)


def alpha_from_totals(
    coincidences: FloatArray, margin: FloatArray, distance: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Alpha, observed and expected disagreement from coincidences ``(..., q, q)`` and totals ``(..., q)``."""
    total = margin.sum(-1)
    observed = np.sum(coincidences * distance, axis=(-2, -1)) / total
    chance = np.einsum("...i,...ij,...j->...", margin, distance, margin) / (total * (total - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        alpha = 1 - observed / chance
    return alpha, observed, chance


def _pairs(counts: FloatArray) -> FloatArray:
    """Coincidences of each unit, shape (n, q, q): ordered pairs of ratings over (ratings - 1)."""
    pairs = counts[:, :, None] * counts[:, None, :]
    q = counts.shape[1]
    pairs[:, np.arange(q), np.arange(q)] -= counts
    scaled: FloatArray = pairs / (counts.sum(1) - 1)[:, None, None]
    return scaled


def _alpha_influence(counts: FloatArray, categories: FloatArray, metric: Metric) -> FloatArray:
    """Derivative of alpha in the weight of each unit, times n, centred (the infinitesimal jackknife)."""
    n, step = counts.shape[0], 1e-6
    pairs = _pairs(counts)
    coincidences, margin = pairs.sum(0), counts.sum(0)

    def at(sign: float) -> FloatArray:
        margins = margin + sign * step * counts
        distance = metric_distance(categories, metric, margins)
        return alpha_from_totals(coincidences + sign * step * pairs, margins, distance)[0]

    slope = n * (at(1.0) - at(-1.0)) / (2 * step)
    centred: FloatArray = slope - slope.mean()
    return centred


def krippendorff_bootstrap(
    counts: FloatArray,
    categories: FloatArray,
    metric: Metric,
    *,
    n_draws: int,
    rng: np.random.Generator,
) -> FloatArray:
    """Replications of Krippendorff's alpha over resampled units, shape (n_draws,)."""
    kept = counts[counts.sum(1) > 1]
    n, q = kept.shape
    if n == 0:
        return np.full(n_draws, np.nan)
    weights = rng.multinomial(n, np.full(n, 1 / n), size=n_draws).astype(float)
    coincidences = (weights @ _pairs(kept).reshape(n, q * q)).reshape(n_draws, q, q)
    margin = weights @ kept
    return alpha_from_totals(coincidences, margin, metric_distance(categories, metric, margin))[0]


@dataclass(frozen=True)
class Concordance:
    """Kendall's W.

    Attributes
    ----------
    estimate : float
        W corrected for ties, 0 to 1.
    statistic, p_value : float
        ``chi2 = m (n - 1) W`` and its p value.
    df : int
        ``n - 1``.
    mean_spearman : float
        Mean rank correlation over pairs of raters, ``(m W - 1) / (m - 1)``.
    n_units, n_raters : int
        Size.
    """

    estimate: float
    statistic: float
    df: int
    p_value: float
    mean_spearman: float
    n_units: int
    n_raters: int


def kendall_w(ratings: FloatArray) -> Concordance:
    """Kendall's coefficient of concordance with the correction for ties (Kendall & Babington Smith 1939).

    Parameters
    ----------
    ratings : ndarray, shape (n_units, n_raters)
        Complete ratings; each rater's column is ranked with mid-ranks.

    Returns
    -------
    Concordance
        NaN when every rater ties all units.

    Raises
    ------
    DataError
        Missing ratings, fewer than two units or fewer than two raters.

    Examples
    --------
    >>> kendall_w(np.array([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]])).estimate
    1.0
    """
    n, m = ratings.shape
    if n < 2 or m < 2:
        raise DataError(f"Kendall's W needs at least two units and two raters; there are {n} and {m}.")
    if np.isnan(ratings).any():
        rows = int(np.isnan(ratings).any(1).sum())
        raise DataError(
            f"Kendall's W needs complete ratings; {rows} of {n} units have missing ones. Leave out those "
            "units, or those raters, before the call."
        )
    ranks = stats.rankdata(ratings, axis=0)
    spread = np.sum((ranks.sum(1) - m * (n + 1) / 2) ** 2)
    ties = sum(float(np.sum(t**3 - t)) for t in (np.unique(c, return_counts=True)[1] for c in ratings.T))
    largest = m**2 * (n**3 - n) - m * ties
    if largest <= 0:
        return Concordance(np.nan, np.nan, n - 1, np.nan, np.nan, n, m)
    w = float(12 * spread / largest)
    chi2 = m * (n - 1) * w
    return Concordance(w, chi2, n - 1, float(stats.chi2.sf(chi2, n - 1)), (m * w - 1) / (m - 1), n, m)


def kendall_jackknife(ratings: FloatArray) -> float:
    """Standard error of Kendall's W over raters; NaN with fewer than three raters.

    The mean rank correlation ``(m W - 1) / (m - 1)`` averages over pairs of raters, so it is what the
    jackknife is applied to (resampling raters with replacement would pair raters with themselves).
    """
    n, m = ratings.shape
    if m < 3:
        return float("nan")
    ranks = stats.rankdata(ratings, axis=0)
    ties = np.array(
        [float(np.sum(t**3 - t)) for t in (np.unique(c, return_counts=True)[1] for c in ratings.T)]
    )
    sums = ranks.sum(1)[:, None] - ranks  # rank sums without each rater
    spread = np.sum((sums - (m - 1) * (n + 1) / 2) ** 2, axis=0)
    w = 12 * spread / ((m - 1) ** 2 * (n**3 - n) - (m - 1) * (ties.sum() - ties))
    mean_r = ((m - 1) * w - 1) / (m - 2)
    se = np.sqrt((m - 1) / m * np.sum((mean_r - mean_r.mean()) ** 2))
    return float(se * (m - 1) / m)
