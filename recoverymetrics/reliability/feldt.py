"""F-distribution theory of alpha: interval for one, tests and intervals for several."""

from __future__ import annotations

import numpy as np
from scipy import stats

from recoverymetrics.numerics.intervals import Interval
from recoverymetrics.typing import FloatArray


def feldt_interval(estimate: float, n: int, p: int, *, level: float = 0.95) -> Interval:
    """Interval for alpha under compound symmetry (Feldt 1965; Feldt, Woodruff & Salih 1987).

    ``(1 - alpha) / (1 - estimate)`` is distributed as F with ``n - 1`` and ``(n - 1)(p - 1)`` degrees of
    freedom.

    Parameters
    ----------
    estimate : float
        Alpha.
    n, p : int
        Persons and items.
    level : float, default 0.95
        Confidence level.

    Returns
    -------
    Interval

    Examples
    --------
    >>> low, high = feldt_interval(0.7, 100, 5)
    >>> round(float(low), 6), round(float(high), 6)
    (0.595837, 0.78383)
    """
    df1, df2 = n - 1, (n - 1) * (p - 1)
    tail = (1 - level) / 2
    low = 1 - (1 - estimate) * stats.f.ppf(1 - tail, df1, df2)
    high = 1 - (1 - estimate) * stats.f.ppf(tail, df1, df2)
    return Interval(np.asarray(low), np.asarray(high))


def feldt_test(estimate: float, n: int, p: int, *, null: float) -> tuple[float, float]:
    """F statistic and two-sided p value of ``alpha = null``."""
    statistic = (1 - null) / (1 - estimate)
    below = stats.f.cdf(statistic, n - 1, (n - 1) * (p - 1))
    return float(statistic), float(2 * min(below, 1 - below))


def hakstian_whalen(
    estimates: FloatArray, n: FloatArray, p: FloatArray
) -> tuple[float, int, float, FloatArray]:
    """Test that independent alphas are equal (Hakstian & Whalen 1976).

    Cube roots of ``1 - alpha`` are compared, weighted by their precision.

    Parameters
    ----------
    estimates, n, p : ndarray, shape (g,)
        Alphas, persons and items of the groups.

    Returns
    -------
    tuple
        Chi-square statistic, degrees of freedom ``g - 1``, p value, and the standard error of each group's
        transformed alpha ``(1 - alpha)^(1/3)``.
    """
    # cube root of F(., n - 1) has mean 1 / shrink (Paulson 1942), which differs between groups of unequal size
    shrink = (9 * n - 11) / (9 * (n - 1))
    scaled = np.cbrt(1 - estimates) * shrink
    variance = 2 * p / (9 * (p - 1) * (n - 1)) * scaled**2
    weight = 1 / variance
    mean = np.sum(weight * scaled) / weight.sum()
    statistic = float(np.sum(weight * (scaled - mean) ** 2))
    df = estimates.size - 1
    return statistic, df, float(stats.chi2.sf(statistic, df)), np.sqrt(variance)


def feldt_ratio(
    first: float, second: float, n: tuple[int, int], p: tuple[int, int], *, level: float = 0.95
) -> tuple[float, float, Interval]:
    """Compare two independent alphas by ``W = (1 - second) / (1 - first)`` (Feldt 1969).

    Returns
    -------
    tuple
        W, its two-sided p value, and the interval of ``(1 - alpha_2) / (1 - alpha_1)``. Feldt's two-moment
        approximation of the product of two F variables by one F is used.
    """
    df = _product_df(n, p)
    statistic = (1 - second) / (1 - first)
    below = stats.f.cdf(statistic, *df)
    tail = (1 - level) / 2
    limits = statistic / stats.f.ppf([1 - tail, tail], *df)
    return (
        float(statistic),
        float(2 * min(below, 1 - below)),
        Interval(np.asarray(limits[0]), np.asarray(limits[1])),
    )


def _product_df(n: tuple[int, int], p: tuple[int, int]) -> tuple[float, float]:
    """Degrees of freedom of the F that matches mean and variance of F(n1-1, df1) * F(df2, n2-1)."""
    a, b = float(n[0] - 1), float((n[0] - 1) * (p[0] - 1))
    c, d = float((n[1] - 1) * (p[1] - 1)), float(n[1] - 1)
    mean = b / (b - 2) * d / (d - 2)
    second = _second_moment(a, b) * _second_moment(c, d)
    variance = second - mean**2
    df2 = 2 * mean / (mean - 1)
    df1 = 2 * df2**3 - 4 * df2**2
    df1 /= (df2 - 2) ** 2 * (df2 - 4) * variance - 2 * df2**2
    return df1, df2


def _second_moment(df1: float, df2: float) -> float:
    return (df1 + 2) / df1 * df2**2 / ((df2 - 2) * (df2 - 4))
