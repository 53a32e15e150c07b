"""Mantel-Haenszel statistics and their generalisations, for all items at once.

Mantel & Haenszel 1959; Mantel 1963; Landis, Heyman & Koch 1978; Holland & Thayer 1988; Phillips & Holland
1987; Zwick, Donoghue & Grima 1993; Breslow & Day 1980; Dorans & Kulick 1986.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2, norm

from recoverymetrics.typing import FloatArray

ETS_UNIT = -2.35
"""Delta metric of the common odds ratio."""


@dataclass(frozen=True)
class OddsRatio:
    """Common odds ratio of dichotomous items, comparison group against focal group.

    Attributes
    ----------
    alpha : ndarray, shape (p,)
        Mantel-Haenszel odds ratio; above 1 when the item favours the comparison group.
    variance : ndarray, shape (p,)
        Variance of its logarithm (Phillips & Holland 1987).
    delta : ndarray, shape (p,)
        ETS delta difference, ``-2.35 log(alpha)``.
    """

    alpha: FloatArray
    variance: FloatArray
    delta: FloatArray


def mean_score_test(counts: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Test equal mean item scores over groups within strata (Mantel 1963, extended to several groups).

    Parameters
    ----------
    counts : ndarray, shape (p, S, G, K)
        Persons by item, stratum, group, category.
    values : ndarray, shape (K,)
        Category scores.

    Returns
    -------
    statistic, df : ndarray, shape (p,)
        Chi-square with (groups seen - 1) degrees of freedom. Two groups give Mantel's chi-square, with two
        categories the Mantel-Haenszel chi-square without continuity correction.
    """
    departure, covariance = score_moments(counts, values)
    return _quadratic_form(departure, covariance)


def score_moments(counts: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Departure of each group's score sum from its expectation, (p, G), and the covariance, (p, G, G)."""
    sizes = counts.sum(axis=3)
    m = sizes.sum(axis=2)
    first = np.einsum("psgk,k->ps", counts, values)
    second = np.einsum("psgk,k->ps", counts, values**2)
    safe = np.maximum(m, 1.0)
    expected = sizes * (first / safe)[:, :, None]
    departure = (counts @ values - expected).sum(axis=1)
    spread = np.where(m > 1, (m * second - first**2) / (safe**2 * np.maximum(m - 1.0, 1.0)), 0.0)
    covariance = -np.einsum("ps,psg,psh->pgh", spread, sizes, sizes)
    index = np.arange(sizes.shape[2])
    covariance[:, index, index] += np.einsum("ps,ps,psg->pg", spread, m, sizes)
    return departure, covariance


def general_association_test(counts: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Test any association of group and category within strata (generalised Cochran-Mantel-Haenszel).

    Parameters
    ----------
    counts : ndarray, shape (p, S, G, K)
        Persons by item, stratum, group, category.

    Returns
    -------
    statistic, df : ndarray, shape (p,)
    """
    p, _, g, k = counts.shape
    rows, columns = counts.sum(axis=3), counts.sum(axis=2)
    m = rows.sum(axis=2)
    safe = np.maximum(m, 1.0)
    expected = rows[:, :, :, None] * columns[:, :, None, :] / safe[:, :, None, None]
    departure = (counts - expected).sum(axis=1).reshape(p, g * k)
    scale = np.where(m > 1, 1.0 / (safe**2 * np.maximum(m - 1.0, 1.0)), 0.0)
    row_part = -np.einsum("psg,psh->psgh", rows, rows)
    row_part[:, :, np.arange(g), np.arange(g)] += m[:, :, None] * rows
    column_part = -np.einsum("psk,psl->pskl", columns, columns)
    column_part[:, :, np.arange(k), np.arange(k)] += m[:, :, None] * columns
    covariance = np.einsum("ps,psgh,pskl->pgkhl", scale, row_part, column_part)
    return _quadratic_form(departure, covariance.reshape(p, g * k, g * k))


def _quadratic_form(departure: FloatArray, covariance: FloatArray) -> tuple[FloatArray, FloatArray]:
    """``u' V+ u`` and the rank of ``V``, per item."""
    values, vectors = np.linalg.eigh(covariance)
    largest = np.maximum(values[:, -1:], 1e-300)
    kept = values > 1e-10 * largest
    projected = np.einsum("pi,pij->pj", departure, vectors)
    statistic = np.sum(np.where(kept, projected**2 / np.where(kept, values, 1.0), 0.0), axis=1)
    return statistic, np.maximum(kept.sum(axis=1), 1).astype(float)


def two_group_chi2(counts: FloatArray, values: FloatArray, *, continuity: bool) -> FloatArray:
    """Mantel-Haenszel (two categories) or Mantel chi-square of two groups, one degree of freedom.

    The continuity correction takes 0.5 from the absolute departure, as Holland & Thayer (1988) do; it is
    used with two categories only.
    """
    departure, covariance = score_moments(counts, values)
    size = np.abs(departure[:, 1])
    if continuity:
        size = np.where(_dichotomous(counts), np.maximum(size - 0.5, 0.0), size)
    statistic: FloatArray = np.divide(
        size**2, covariance[:, 1, 1], out=np.zeros(size.size), where=covariance[:, 1, 1] > 0
    )
    return statistic


def _dichotomous(counts: FloatArray) -> FloatArray:
    two: FloatArray = (counts.sum(axis=(1, 2)) > 0).sum(axis=1) == 2
    return two


def common_odds_ratio(counts: FloatArray) -> OddsRatio:
    """Mantel-Haenszel odds ratio of dichotomous items; NaN for items with more categories.

    Parameters
    ----------
    counts : ndarray, shape (p, S, 2, K)
        Persons by item, stratum, comparison (0) or focal (1) group, category.
    """
    a, b, c, d, m = _fourfold(counts)
    weight = np.where((a + b > 0) & (c + d > 0), 1.0 / np.maximum(m, 1.0), 0.0)
    for_comparison, for_focal = np.sum(a * d * weight, axis=1), np.sum(b * c * weight, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        alpha = np.where(_dichotomous(counts), for_comparison / for_focal, np.nan)
        ratio = alpha[:, None]
        terms = weight**2 * (a * d + ratio * b * c) * (a + d + ratio * (b + c))
        variance = terms.sum(axis=1) / (2.0 * for_comparison**2)
        return OddsRatio(alpha, variance, ETS_UNIT * np.log(alpha))


def _fourfold(counts: FloatArray) -> tuple[FloatArray, ...]:
    """Right and wrong answers of the comparison group, then of the focal group, and the total, (p, S) each.

    Of a dichotomous item the higher observed category is "right", the lower "wrong".
    """
    seen = counts.sum(axis=(1, 2)) > 0
    low = np.argmax(seen, axis=1)
    high = seen.shape[1] - 1 - np.argmax(seen[:, ::-1], axis=1)
    item = np.arange(counts.shape[0])
    right, wrong = counts[item, :, :, high], counts[item, :, :, low]
    a, c, b, d = right[:, :, 0], right[:, :, 1], wrong[:, :, 0], wrong[:, :, 1]
    return a, b, c, d, a + b + c + d


def ets_class(odds: OddsRatio, alpha: float = 0.05) -> list[str]:
    """ETS categories: A negligible, B moderate, C large; empty where there is no odds ratio."""
    error = abs(ETS_UNIT) * np.sqrt(odds.variance)
    size = np.abs(odds.delta)
    above_zero = size / error > norm.ppf(1 - alpha / 2)
    above_one = (size - 1.0) / error > norm.ppf(1 - alpha)
    labels = np.where((size >= 1.5) & above_one, "C", np.where((size < 1.0) | ~above_zero, "A", "B"))
    return np.where(np.isnan(odds.delta), "", labels).tolist()


def polytomous_class(effect: FloatArray, p_value: FloatArray, alpha: float = 0.05) -> list[str]:
    """AA negligible, BB moderate, CC large, from SMD over the item's SD (Zwick, Thayer & Mazzeo 1997): 0.17, 0.25."""
    size = np.abs(effect)
    weak = ~(p_value < alpha) | (size <= 0.17)
    labels = np.where(weak, "AA", np.where(size <= 0.25, "BB", "CC"))
    return np.where(np.isnan(effect), "", labels).tolist()


def standardised_difference(counts: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Standardised mean difference, focal minus comparison, and the same divided by the item's SD.

    Strata are weighted by the focal group; only strata that hold both groups count (Dorans & Kulick 1986;
    Zwick, Donoghue & Grima 1993). With scores 0 and 1 this is STD-P-DIF.
    """
    sizes = counts.sum(axis=3)
    both = (sizes > 0).all(axis=2)
    means = np.divide(counts @ values, sizes, out=np.zeros_like(sizes), where=sizes > 0)
    weight = np.where(both, sizes[:, :, 1], 0.0)
    weight /= np.maximum(weight.sum(axis=1, keepdims=True), 1.0)
    smd = np.sum(weight * (means[:, :, 1] - means[:, :, 0]), axis=1)
    totals = counts.sum(axis=(1, 2))
    n = totals.sum(axis=1)
    mean = totals @ values / n
    spread = np.sqrt(totals @ values**2 / n - mean**2)
    return smd, smd / spread


def standardised_odds_ratio(counts: FloatArray) -> FloatArray:
    """Odds ratio of the focal-weighted proportions right (Dorans 1989), comparison against focal."""
    sizes = counts.sum(axis=3)
    a, _, c, _, _ = _fourfold(counts)
    weight = np.where((sizes > 0).all(axis=2), sizes[:, :, 1], 0.0)
    weight /= weight.sum(axis=1, keepdims=True)
    focal = np.sum(
        weight * np.divide(c, sizes[:, :, 1], out=np.zeros_like(c), where=sizes[:, :, 1] > 0), axis=1
    )
    other = np.sum(
        weight * np.divide(a, sizes[:, :, 0], out=np.zeros_like(a), where=sizes[:, :, 0] > 0), axis=1
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(other * (1 - focal) / (focal * (1 - other)), dtype=float)


def breslow_day(counts: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Breslow-Day test of equal odds ratios over strata (non-uniform DIF of dichotomous items).

    Returns
    -------
    statistic, df, p_value : ndarray, shape (p,)
        Strata in which a margin is zero do not count.
    """
    alpha = common_odds_ratio(counts).alpha[:, None]
    a, b, c, d, _m = _fourfold(counts)
    n_first, n_second, right = a + b, c + d, a + c
    used = (n_first > 0) & (n_second > 0) & (right > 0) & (b + d > 0)
    expected = _expected_right(alpha, n_first, n_second, right)
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = 1.0 / (
            1.0 / expected
            + 1.0 / (n_first - expected)
            + 1.0 / (right - expected)
            + 1.0 / (n_second - right + expected)
        )
        terms = np.where(used, (a - expected) ** 2 / variance, 0.0)
    statistic, df = terms.sum(axis=1), used.sum(axis=1) - 1.0
    return statistic, df, chi2.sf(statistic, np.maximum(df, 1.0))


def _expected_right(
    alpha: FloatArray, n_first: FloatArray, n_second: FloatArray, right: FloatArray
) -> FloatArray:
    """Right answers of the first group that give the odds ratio ``alpha`` with the margins as they are."""
    quadratic = 1.0 - alpha
    linear = n_second - right + alpha * (n_first + right)
    constant = -alpha * n_first * right
    with np.errstate(divide="ignore", invalid="ignore"):
        root = np.sqrt(np.maximum(linear**2 - 4.0 * quadratic * constant, 0.0))
        expected: FloatArray = -2.0 * constant / (linear + root)
    return expected
