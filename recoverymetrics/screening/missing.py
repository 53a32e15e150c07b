"""Missing responses: patterns and Little's test of missing completely at random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from recoverymetrics.numerics.normal_missing import MissingPatterns, NormalMoments, mahalanobis_squared
from recoverymetrics.typing import FloatArray


@dataclass(frozen=True)
class LittleTest:
    """Little's (1988) test that responses are missing completely at random.

    Attributes
    ----------
    statistic : float
    df : int
    p_value : float
    n_patterns : int
        Patterns with at least one response.
    reason : str
        Why there is no statistic; empty when there is one.
    """

    statistic: float
    df: int
    p_value: float
    n_patterns: int
    reason: str = ""


def little_test(values: FloatArray, patterns: MissingPatterns, fitted: NormalMoments) -> LittleTest:
    """Compare the means of the missing-data patterns with the maximum-likelihood mean (Little 1988).

    ``d2 = sum_j n_j (m_j - mu_oj)' inv(S_oj) (m_j - mu_oj)`` with the maximum-likelihood covariance ``S``;
    chi-square with ``sum_j p_j - p`` degrees of freedom under normality. As in common software ``S`` is not
    rescaled; Little's ``n / (n - 1)`` would multiply the statistic by ``(n - 1) / n``.

    Parameters
    ----------
    values : ndarray, shape (n, p)
    patterns : MissingPatterns
        Of ``values``.
    fitted : NormalMoments
        From ``em_normal(values)``.
    """
    answered = patterns.missing.shape[1] - patterns.missing.sum(axis=1)
    used = int((answered > 0).sum())
    if used < 2:
        reason = "no response is missing" if not patterns.missing.any() else "there is one pattern only"
        return LittleTest(np.nan, 0, np.nan, used, reason)
    df = int(answered.sum()) - values.shape[1]
    if df < 1:
        return LittleTest(np.nan, df, np.nan, used, "no item is answered in two patterns")
    means = pattern_means(values, patterns)
    alone = MissingPatterns(patterns.missing, np.arange(len(means)), np.ones(len(means), dtype=np.int64))
    distance = mahalanobis_squared(means, alone, fitted.mean, fitted.covariance)
    statistic = float(patterns.counts @ distance)
    return LittleTest(statistic, df, float(chi2.sf(statistic, df)), used)


def pattern_means(values: FloatArray, patterns: MissingPatterns) -> FloatArray:
    """Mean response of each pattern, shape (k, p), NaN where the pattern misses the item."""
    order = np.argsort(patterns.index, kind="stable")
    starts = np.concatenate([[0], np.cumsum(patterns.counts)[:-1]])
    sums = np.add.reduceat(np.nan_to_num(values[order]), starts, axis=0)
    return np.where(patterns.missing, np.nan, sums / patterns.counts[:, None])
