"""Statistics of items: moments, floor and ceiling, categories, item-rest correlations. Arrays in, arrays out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from recoverymetrics.typing import BoolArray, FloatArray, IntArray

MomentType = Literal[1, 2, 3]


@dataclass(frozen=True)
class ItemStatistics:
    """Statistics of ``p`` items; all arrays have shape (p,).

    Attributes
    ----------
    n, n_missing : ndarray of int
        Responses, and persons without one.
    mean, sd, skew, kurtosis : ndarray of float
        Kurtosis is excess kurtosis; NaN where the item does not vary.
    floor, ceiling : ndarray of float
        Share of the responses in the lowest and in the highest category of the item.
    n_categories, n_empty, n_sparse, min_count : ndarray of int
        Categories in use, not in use, with fewer responses than asked for (the empty ones included), and
        the smallest count of a category.
    """

    n: IntArray
    n_missing: IntArray
    mean: FloatArray
    sd: FloatArray
    skew: FloatArray
    kurtosis: FloatArray
    floor: FloatArray
    ceiling: FloatArray
    n_categories: IntArray
    n_empty: IntArray
    n_sparse: IntArray
    min_count: IntArray


def describe_items(values: FloatArray, low: IntArray, high: IntArray, *, sparse: int) -> ItemStatistics:
    """Describe items.

    Parameters
    ----------
    values : ndarray, shape (n, p)
        Responses, NaN missing.
    low, high : ndarray of int, shape (p,)
        Category range of each item.
    sparse : int
        A category with fewer responses is sparse.
    """
    seen = ~np.isnan(values)
    n = seen.sum(axis=0)
    mean, sd, skew, kurtosis = moments(values)
    counts = category_counts(values, low, high)
    inside = np.arange(counts.shape[1])[None, :] <= (high - low)[:, None]
    smallest = np.where(inside, counts, np.iinfo(np.int64).max).min(axis=1)
    answered = np.maximum(n, 1)
    blank = n == 0
    return ItemStatistics(
        n=n,
        n_missing=len(values) - n,
        mean=mean,
        sd=sd,
        skew=skew,
        kurtosis=kurtosis,
        floor=np.where(blank, np.nan, counts[:, 0] / answered),
        ceiling=np.where(blank, np.nan, counts[np.arange(len(high)), high - low] / answered),
        n_categories=((counts > 0) & inside).sum(axis=1),
        n_empty=((counts == 0) & inside).sum(axis=1),
        n_sparse=((counts < sparse) & inside).sum(axis=1),
        min_count=smallest,
    )


def category_counts(values: FloatArray, low: IntArray, high: IntArray) -> IntArray:
    """Responses per item and category, shape (p, widest range); column 0 is the item's lowest category."""
    p, width = values.shape[1], int((high - low).max()) + 1
    offset = values - low
    inside = (offset >= 0) & (offset <= high - low)
    cells = np.where(inside, offset, 0).astype(np.int64) + np.arange(p) * width
    return np.bincount(cells[inside], minlength=p * width).reshape(p, width)


def moments(
    values: FloatArray, kind: MomentType = 2
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Mean, standard deviation (n - 1), skewness and excess kurtosis of each column.

    Parameters
    ----------
    values : ndarray, shape (n, p)
    kind : {1, 2, 3}, default 2
        As in Joanes & Gill (1998): 1 plain moments g1, g2; 2 adjusted G1, G2 (as SPSS and SAS report);
        3 b1, b2, moments over the n - 1 standard deviation.
    """
    seen = ~np.isnan(values)
    n = seen.sum(axis=0).astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(seen, values, 0.0).sum(axis=0) / n
        deviation = np.where(seen, values - mean, 0.0)
        square = deviation * deviation
        m2, m3, m4 = square.sum(axis=0) / n, (square * deviation).sum(axis=0) / n, (square**2).sum(axis=0) / n
        sd = np.sqrt(m2 * n / (n - 1))
        skew, kurtosis = m3 / m2**1.5, m4 / m2**2 - 3
        if kind == 2:
            kurtosis = (n - 1) / ((n - 2) * (n - 3)) * ((n + 1) * kurtosis + 6)
            skew = skew * np.sqrt(n * (n - 1)) / (n - 2)
        elif kind == 3:
            skew, kurtosis = skew * (1 - 1 / n) ** 1.5, (kurtosis + 3) * (1 - 1 / n) ** 2 - 3
    varies = m2 > 0
    return mean, sd, np.where(varies, skew, np.nan), np.where(varies, kurtosis, np.nan)


def pairwise_correlation(values: FloatArray) -> FloatArray:
    """Pearson correlations from the persons who answered both items, shape (p, p); NaN without variance."""
    seen = ~np.isnan(values)
    with np.errstate(divide="ignore", invalid="ignore"):
        filled = np.where(seen, values - np.nanmean(values, axis=0), 0.0)
        mask = seen.astype(float)
        n, sums = mask.T @ mask, filled.T @ mask
        products, squares = filled.T @ filled, (filled**2).T @ mask
        covariance = products / n - sums * sums.T / n**2
        variance = squares / n - (sums / n) ** 2
        correlation: FloatArray = covariance / np.sqrt(variance * variance.T)
    return np.clip(correlation, -1.0, 1.0)


def item_rest(values: FloatArray, scale_of: IntArray) -> FloatArray:
    """Correlation of each item with the mean of the other answered items of its scale, shape (p,).

    Parameters
    ----------
    values : ndarray, shape (n, p)
        Keyed responses.
    scale_of : ndarray of int, shape (p,)
        Scale of each item; an item alone in its scale has no value.
    """
    seen = ~np.isnan(values)
    spread = np.nanstd(values, axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(seen & (spread > 0), (values - np.nanmean(values, axis=0)) / spread, 0.0)
    counted = (seen & (spread > 0)).astype(float)
    result = np.full(values.shape[1], np.nan)
    for scale in np.unique(scale_of):
        members = np.flatnonzero(scale_of == scale)
        others = counted[:, members].sum(axis=1, keepdims=True) - counted[:, members]
        rest = z[:, members].sum(axis=1, keepdims=True) - z[:, members]
        rest = np.where((others > 0) & seen[:, members], rest / np.maximum(others, 1.0), np.nan)
        result[members] = columnwise_correlation(values[:, members], rest)
    return result


def columnwise_correlation(a: FloatArray, b: FloatArray) -> FloatArray:
    """Correlation of column j of ``a`` with column j of ``b``, over the rows that have both."""
    both = ~(np.isnan(a) | np.isnan(b))
    n = both.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        x = np.where(both, a, 0.0)
        y = np.where(both, b, 0.0)
        x = np.where(both, a - x.sum(axis=0) / n, 0.0)
        y = np.where(both, b - y.sum(axis=0) / n, 0.0)
        top, bottom = (x * y).sum(axis=0), np.sqrt((x * x).sum(axis=0) * (y * y).sum(axis=0))
        return np.where((n > 2) & (bottom > 1e-12), top / bottom, np.nan)


def suspect_keying(correlation: FloatArray, rest: FloatArray, n: IntArray) -> BoolArray:
    """Items that look keyed the wrong way round.

    An item is suspect when its item-rest correlation is below zero by more than twice its standard error and
    its correlations with the other items are negative on balance, each weighted by the third power of its
    size. The weights spare a block of items that holds together more closely than it opposes the others, as
    barriers do beside recovery.
    """
    off = np.nan_to_num(correlation * (1 - np.eye(len(rest))))
    balance = (off * np.abs(off) ** 3).sum(axis=1)
    clear: BoolArray = rest < -2 / np.sqrt(np.maximum(n - 3, 1))
    return clear & (balance < 0)
