"""Statistics of integer ratings from their category counts.

A panel's ratings of ``S`` statements on ``K`` categories are an array of counts ``(..., S, K)``. Resampling
or reweighting people is then one matrix product with the one-hot ratings, and everything here works on the
last axis of the product. Counts may be fractional (weights).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recoverymetrics.typing import FloatArray

_SLACK = 1e-9
"""Weighted counts carry rounding errors of this size; order statistics must not depend on them."""


def one_hot(ratings: FloatArray, values: FloatArray) -> FloatArray:
    """Indicator of each category.

    Parameters
    ----------
    ratings : ndarray, shape (...)
        Ratings; NaN (missing) gives a row of zeros.
    values : ndarray, shape (K,)
        The categories.

    Returns
    -------
    ndarray, shape (..., K)
    """
    return (ratings[..., None] == values).astype(float)


def total(counts: FloatArray) -> FloatArray:
    """Number of ratings, shape (...)."""
    return np.asarray(counts.sum(axis=-1))


def _share(part: FloatArray, whole: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole > 0, part / whole, np.nan)


def top_share(counts: FloatArray, top: int) -> FloatArray:
    """Share in the highest ``top`` categories; NaN where nobody rated."""
    return _share(counts[..., counts.shape[-1] - top :].sum(axis=-1), total(counts))


def bottom_share(counts: FloatArray, bottom: int) -> FloatArray:
    """Share in the lowest ``bottom`` categories; NaN where nobody rated."""
    return _share(counts[..., :bottom].sum(axis=-1), total(counts))


def mean(counts: FloatArray, values: FloatArray) -> FloatArray:
    """Mean rating."""
    return _share(counts @ values, total(counts))


def sd(counts: FloatArray, values: FloatArray) -> FloatArray:
    """Standard deviation with ``n - 1``; NaN below two ratings."""
    n = total(counts)
    centre = np.nan_to_num(mean(counts, values))
    squares = counts @ values**2 - n * centre**2
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(n > 1, np.sqrt(np.maximum(squares, 0) / (n - 1)), np.nan)


def quantile(counts: FloatArray, values: FloatArray, probability: float) -> FloatArray:
    """Quantile by linear interpolation between order statistics (Hyndman and Fan's type 7).

    Parameters
    ----------
    counts : ndarray, shape (..., K)
        Category counts.
    values : ndarray, shape (K,)
        Categories in increasing order.
    probability : float
        Between 0 and 1.

    Returns
    -------
    ndarray, shape (...)
        NaN where nobody rated.

    Examples
    --------
    >>> float(quantile(np.array([1.0, 0, 3.0]), np.array([1.0, 2.0, 3.0]), 0.25))
    2.5
    """
    cumulative = np.cumsum(counts, axis=-1)
    n = cumulative[..., -1]
    position = np.maximum(n - 1, 0) * probability
    below = np.floor(position + _SLACK)
    fraction = np.maximum(position - below, 0.0)
    lower = _order_statistic(cumulative, below)
    upper = _order_statistic(cumulative, np.minimum(below + 1, np.maximum(n - 1, 0)))
    found = values[lower] + fraction * (values[upper] - values[lower])
    return np.where(n > 0, found, np.nan)


def _order_statistic(
    cumulative: FloatArray, rank: FloatArray
) -> np.ndarray[tuple[int, ...], np.dtype[np.intp]]:
    """Category of the zero-based ``rank``: how many categories end at or before it."""
    index = (cumulative <= rank[..., None] + _SLACK).sum(axis=-1)
    return np.minimum(index, cumulative.shape[-1] - 1)


def resampled(weights: npt.NDArray[np.floating], indicators: FloatArray) -> FloatArray:
    """Counts of reweighted panels: one matrix product.

    Parameters
    ----------
    weights : ndarray, shape (B, P)
        How often each of ``P`` people is in each of ``B`` panels, or their weights. In single precision the product
        is too: twice as fast, and exact for whole numbers with one-hot indicators.
    indicators : ndarray, shape (S, P, K)
        One-hot ratings.

    Returns
    -------
    ndarray, shape (B, S, K)
    """
    s, p, k = indicators.shape
    flat = np.ascontiguousarray(np.moveaxis(indicators, 1, 0).reshape(p, s * k))
    counts: FloatArray = (weights @ flat.astype(weights.dtype)).astype(float)
    return counts.reshape(weights.shape[0], s, k)
