"""Ranks and rank correlations, responses missing or not."""

from __future__ import annotations

import numpy as np
from scipy.stats import rankdata

from recoverymetrics.typing import BoolArray, FloatArray, IntArray


def rank_columns(values: FloatArray) -> FloatArray:
    """Mid-ranks of each column; missing stays missing."""
    ranks: FloatArray = rankdata(values, axis=0, nan_policy="omit")
    return ranks


def rank_correlations(values: FloatArray) -> FloatArray:
    """Spearman correlations of all pairs, each over the ranks of the persons with both responses.

    Ranks over all responses of an item would not be ranks of the persons that a pair is about, and depend on
    persons who did not answer the other item.

    Parameters
    ----------
    values : ndarray, shape (n, p)
        NaN is missing.

    Returns
    -------
    ndarray, shape (p, p)
        NaN where a pair has no two persons, or no variance among them.
    """
    seen = ~np.isnan(values)
    columns = [_dense_codes(column, answered) for column, answered in zip(values.T, seen.T, strict=True)]
    p = values.shape[1]
    found = np.eye(p)
    for i in range(p):
        for j in range(i):
            both = seen[:, i] & seen[:, j]
            found[i, j] = found[j, i] = _pearson(_mid_ranks(columns[i][both]), _mid_ranks(columns[j][both]))
    return found


def _dense_codes(column: FloatArray, answered: BoolArray) -> IntArray:
    codes = np.zeros(column.size, dtype=np.int64)
    codes[answered] = np.unique(column[answered], return_inverse=True)[1]
    return codes


def _mid_ranks(codes: IntArray) -> FloatArray:
    """Mid-ranks by counting, without a sort; less 1/2, which no correlation minds."""
    count = np.bincount(codes)
    ranks: FloatArray = (np.cumsum(count) - 0.5 * count)[codes]
    return ranks


def _pearson(x: FloatArray, y: FloatArray) -> float:
    if x.size < 2:
        return float("nan")
    x, y = x - x.mean(), y - y.mean()
    spread = (x @ x) * (y @ y)
    return float(np.clip(x @ y / np.sqrt(spread), -1.0, 1.0)) if spread > 0 else float("nan")
