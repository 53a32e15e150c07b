"""Content validity indices on arrays; each function cites its formula."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
from scipy import stats
from scipy.special import ndtri

from recoverymetrics.errors import OptionError
from recoverymetrics.typing import BoolArray, FloatArray

CvrTable = Literal["ayre2014", "wilson2012", "lawshe1975"]

_LAWSHE_1975 = {
    5: 0.99, 6: 0.99, 7: 0.99, 8: 0.75, 9: 0.78, 10: 0.62, 11: 0.59, 12: 0.56,
    13: 0.54, 14: 0.51, 15: 0.49, 20: 0.42, 25: 0.37, 30: 0.33, 35: 0.31, 40: 0.29,
}  # fmt: skip


def i_cvi_criterion(n: FloatArray) -> FloatArray:
    """1.00 with up to five raters, .78 from six on (Polit and Beck 2006)."""
    return np.where(n >= 6, 0.78, 1.0)


def modified_kappa(n_relevant: npt.ArrayLike, n: npt.ArrayLike) -> FloatArray:
    """I-CVI adjusted for chance agreement on relevance (Polit, Beck and Owen 2007).

    ``Pc = C(N, A) 0.5^N`` and ``k* = (I-CVI - Pc) / (1 - Pc)``.

    Parameters
    ----------
    n_relevant, n : array-like
        Raters who call the item relevant, and all raters of the item.

    Returns
    -------
    ndarray
        NaN where nobody rated.

    Examples
    --------
    >>> round(float(modified_kappa(5, 6)), 2)
    0.82
    """
    a, m = np.asarray(n_relevant, float), np.asarray(n, float)
    chance = stats.binom.pmf(a, m, 0.5)
    with np.errstate(invalid="ignore", divide="ignore"):
        kappa = (a / m - chance) / (1 - chance)
    return np.where(m > 0, kappa, np.nan)


def aiken_v(
    mean: npt.ArrayLike, n: npt.ArrayLike, scale: tuple[float, float], level: float = 0.95
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Aiken's V with the score interval of Penfield and Giacobbi (2004).

    Parameters
    ----------
    mean, n : array-like
        Mean rating and number of raters.
    scale : tuple of float
        Lowest and highest category.
    level : float, default 0.95
        Confidence level.

    Returns
    -------
    tuple of ndarray
        V, lower and upper limit; NaN where nobody rated.

    Examples
    --------
    >>> v, low, high = aiken_v(3.5, 10, (1, 4))
    >>> round(float(v), 4), round(float(low), 4), round(float(high), 4)
    (0.8333, 0.6644, 0.9266)
    """
    k = scale[1] - scale[0]
    v, m = (np.asarray(mean, float) - scale[0]) / k, np.asarray(n, float)
    z = float(ndtri(0.5 + level / 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        half = z * np.sqrt(4 * m * k * v * (1 - v) + z**2)
        low, high = ((2 * m * k * v + z**2 + sign * half) / (2 * (m * k + z**2)) for sign in (-1, 1))
    return v, np.where(m > 0, low, np.nan), np.where(m > 0, high, np.nan)


def lawshe_cvr(n_essential: npt.ArrayLike, n: npt.ArrayLike) -> FloatArray:
    """Lawshe's content validity ratio, ``(ne - N/2) / (N/2)`` (Lawshe 1975).

    Examples
    --------
    >>> round(float(lawshe_cvr(10, 13)), 3)
    0.538
    """
    e, m = np.asarray(n_essential, float), np.asarray(n, float)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (e - m / 2) / (m / 2)


def lawshe_critical(n: int, *, table: CvrTable = "ayre2014", alpha: float = 0.05) -> float:
    """Smallest content validity ratio that is more than chance, one-tailed.

    Parameters
    ----------
    n : int
        Number of raters.
    table : {"ayre2014", "wilson2012", "lawshe1975"}, default "ayre2014"
        Exact binomial (Ayre and Scally 2014); normal approximation (Wilson, Pan and Schumsky 2012); the
        values printed by Lawshe (1975), which exist for 5 to 15, 20, 25, 30, 35 and 40 raters at .05.
    alpha : float, default 0.05
        One-tailed level.

    Returns
    -------
    float
        NaN when no ratio can be significant (fewer than five raters at .05), or when the table has no row.

    Examples
    --------
    >>> round(lawshe_critical(13), 3), round(lawshe_critical(13, table="wilson2012"), 3)
    (0.538, 0.456)
    """
    if table == "ayre2014":
        needed = critical_count(n, alpha=alpha)
        return float(lawshe_cvr(needed, n)) if needed is not None else np.nan
    if table == "wilson2012":
        return float(-ndtri(alpha) / np.sqrt(n)) if n > 0 else np.nan
    if table == "lawshe1975":
        return _LAWSHE_1975.get(n, np.nan) if alpha == 0.05 else np.nan
    raise OptionError(f"table={table!r} is unknown; choose from {', '.join(get_args(CvrTable))}.")


def critical_count(n: int, *, alpha: float = 0.05) -> int | None:
    """Fewest raters out of ``n`` whose agreement is more than chance, exact binomial; None if there is none.

    Examples
    --------
    >>> critical_count(13), critical_count(4)
    (10, None)
    """
    counts = np.arange(n + 1)
    enough = counts[stats.binom.sf(counts - 1, n, 0.5) <= alpha]
    return int(enough[0]) if enough.size else None


def assignment_indices(chosen: FloatArray, intended: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Substantive validity of items that raters sort to elements (Anderson and Gerbing 1991).

    Parameters
    ----------
    chosen : ndarray, shape (n_items, n_elements)
        How many raters assigned each item to each element.
    intended : ndarray of bool, shape (n_items, n_elements)
        The element that the item is meant for; an item that is meant for several counts a hit on any.

    Returns
    -------
    tuple of ndarray
        ``p_sa = nc / N`` and ``c_sv = (nc - no) / N`` with ``no`` the most votes for another element.

    Examples
    --------
    >>> p_sa, c_sv = assignment_indices(np.array([[8.0, 2.0]]), np.array([[True, False]]))
    >>> p_sa.item(), round(c_sv.item(), 1)
    (0.8, 0.6)
    """
    n = chosen.sum(axis=1)
    correct = np.where(intended, chosen, 0.0).sum(axis=1)
    most = np.where(intended, 0.0, chosen).max(axis=1, initial=0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(n > 0, correct / n, np.nan), np.where(n > 0, (correct - most) / n, np.nan)


def definitional_indices(
    target: FloatArray, orbiting: FloatArray, top: float
) -> tuple[FloatArray, FloatArray]:
    """Definitional correspondence and distinctiveness, HTC and HTD (Colquitt et al. 2019).

    Parameters
    ----------
    target : ndarray, shape (n_items,)
        Mean rating of how well the item matches its own element's definition.
    orbiting : ndarray, shape (n_items, m)
        Mean ratings against the neighbouring elements.
    top : float
        Number of the highest category (7 on a scale from 1 to 7).

    Returns
    -------
    tuple of ndarray
        ``HTC = target / top`` and ``HTD = mean(target - orbiting) / (top - 1)``.

    Examples
    --------
    >>> htc, htd = definitional_indices(np.array([6.3]), np.array([[3.0, 2.4]]), 7)
    >>> round(htc.item(), 2), round(htd.item(), 2)
    (0.9, 0.6)
    """
    htc = target / top
    with np.errstate(invalid="ignore"):
        htd = np.nanmean(target[:, None] - orbiting, axis=1) / (top - 1)
    return htc, htd
