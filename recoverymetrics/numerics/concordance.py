"""Concordance of rankings: Kendall's W."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from recoverymetrics.errors import DataError
from recoverymetrics.typing import FloatArray


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
