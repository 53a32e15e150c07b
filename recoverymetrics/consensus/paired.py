"""Kernels for the same people rating twice: signed ranks, McNemar, change in distribution, quartile variation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.special import ndtr, ndtri

from recoverymetrics.typing import FloatArray


@dataclass(frozen=True)
class SignedRanks:
    """Wilcoxon signed-rank test.

    Attributes
    ----------
    statistic : float
        Sum of the ranks of positive changes.
    p_value : float
        Two-sided, exact given the ties up to 250 changes; 1 when nobody changed.
    n_changed : int
        Pairs that differ.
    """

    statistic: float
    p_value: float
    n_changed: int


def signed_ranks(change: FloatArray) -> SignedRanks:
    """Wilcoxon's signed-rank test, exact with ties; pairs without change do not count (Wilcoxon 1945).

    The distribution of the rank sum given the observed mid-ranks is built by convolution, so that the many ties
    of ratings need no approximation; above 250 people who changed, the normal limit with the variance of the
    mid-ranks takes over.

    Parameters
    ----------
    change : ndarray, shape (n,)
        Second minus first rating.

    Examples
    --------
    >>> signed_ranks(np.array([1.0, 1.0, 2.0, 0.0, 1.0])).p_value
    0.125
    """
    moved = change[change != 0]
    if moved.size == 0:
        return SignedRanks(0.0, 1.0, 0)
    ranks = stats.rankdata(np.abs(moved))
    if moved.size > _EXACT_UP_TO:
        return _normal_limit(ranks, moved)
    doubled = np.round(2 * ranks).astype(int)
    probability = np.array([1.0])
    for step in doubled:
        longer = np.zeros(probability.size + step)
        longer[: probability.size] += probability / 2
        longer[step:] += probability / 2
        probability = longer
    observed = int(doubled[moved > 0].sum())
    tail = min(probability[: observed + 1].sum(), probability[observed:].sum())
    return SignedRanks(observed / 2, float(min(1.0, 2 * tail)), int(moved.size))


_EXACT_UP_TO = 250


def _normal_limit(ranks: FloatArray, moved: FloatArray) -> SignedRanks:
    observed = float(ranks[moved > 0].sum())
    z = (observed - ranks.sum() / 2) / np.sqrt((ranks**2).sum() / 4)
    return SignedRanks(observed, float(2 * ndtr(-abs(z))), int(moved.size))


def mcnemar_exact(gained: int, lost: int) -> float:
    """Two-sided exact p value of McNemar's test (McNemar 1947): binomial on the people who changed sides.

    Examples
    --------
    >>> mcnemar_exact(1, 5)
    0.21875
    """
    if gained + lost == 0:
        return 1.0
    return float(min(1.0, 2 * stats.binom.cdf(min(gained, lost), gained + lost, 0.5)))


def distribution_change(first: FloatArray, second: FloatArray) -> float:
    """Share of people who would have to move to turn one histogram into the other (Scheibe et al. 1975).

    Half the summed absolute differences of two histograms of the same people; below 15% counts as stable.

    Examples
    --------
    >>> distribution_change(np.array([2.0, 8.0, 0.0]), np.array([1.0, 7.0, 2.0]))
    0.2
    """
    n = first.sum()
    return float(np.abs(first - second).sum() / 2 / n) if n > 0 else np.nan


@dataclass(frozen=True)
class QuartileVariation:
    """Coefficient of quartile variation with Bonett's interval; NaN where it does not exist."""

    estimate: float
    conf_low: float
    conf_high: float


def quartile_variation(values: FloatArray, *, level: float = 0.95) -> QuartileVariation:
    """Coefficient of quartile variation, (Q3 - Q1) / (Q3 + Q1), with the interval of Bonett (2006).

    Quartiles average the two neighbours where the count splits evenly (type 2), as in the paper. The interval is on
    the log scale and does not exist when Q1 = Q3, nor when ties hide the spread around both quartiles.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Positive ratings without missing values.
    level : float, default 0.95
        Confidence level.

    Examples
    --------
    >>> y = np.array([30.0, 20, 15, 10, 10, 60, 20, 25, 20, 30, 10, 5, 50, 40, 20, 10, 0, 20, 50])
    >>> found = quartile_variation(y)
    >>> round(found.estimate, 4), round(found.conf_low, 4), round(found.conf_high, 4)
    (0.5, 0.2421, 0.9562)
    """
    n = values.size
    if n == 0:
        return QuartileVariation(np.nan, np.nan, np.nan)
    q1, q3 = (float(np.quantile(values, p, method="averaged_inverted_cdf")) for p in (0.25, 0.75))
    width, total = q3 - q1, q3 + q1
    if total <= 0:
        return QuartileVariation(np.nan, np.nan, np.nan)
    if width <= 0 or n < 5:
        return QuartileVariation(width / total, np.nan, np.nan)
    variance = _log_variance(np.sort(values), width, total)
    if variance <= 0:
        return QuartileVariation(width / total, np.nan, np.nan)
    centre, half = np.log(width / total) * n / (n - 1), float(ndtri(0.5 + level / 2)) * np.sqrt(variance)
    return QuartileVariation(width / total, float(np.exp(centre - half)), float(np.exp(centre + half)))


def _log_variance(y: FloatArray, width: float, total: float) -> float:
    """Variance of ln(D / S) from the order statistics around the quartiles; 1 / f is estimated, so no division."""
    n = y.size
    reach = 1.96 * np.sqrt(3 * n / 16)
    a, b = max(int(np.ceil(n / 4 - reach)), 1), min(int(np.floor(n / 4 + reach + 0.5)), n)
    inside = stats.binom.cdf(b - 1, n, 0.25) - stats.binom.cdf(a - 1, n, 0.25)
    z2 = float(ndtri(0.5 + inside / 2)) ** 2
    inverse1 = 4 * n * (y[b - 1] - y[a - 1]) ** 2 / (3 * z2)
    inverse3 = 4 * n * (y[n - a] - y[n - b]) ** 2 / (3 * z2)
    cross = 2 * np.sqrt(inverse1 * inverse3)
    both = 3 * inverse1 + 3 * inverse3
    terms = (
        (both - cross) / width**2 + (both + cross) / total**2 - 6 * (inverse3 - inverse1) / (width * total)
    )
    return float(max(terms, 0.0) / (16 * n))
