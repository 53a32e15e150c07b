"""Contingency tables of all pairs of items by one matrix product."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recoverymetrics.typing import FloatArray, IntArray

_CHUNK = 1 << 14


def one_hot(codes: npt.NDArray[np.signedinteger], n_categories: int) -> npt.NDArray[np.float32]:
    """Indicator matrix of categories; a missing response is a row of zeros.

    Parameters
    ----------
    codes : ndarray of int, shape (n, p)
        Categories ``0 .. n_categories - 1``; negative is missing.
    n_categories : int
        Columns per item.

    Returns
    -------
    ndarray of float32, shape (n, p * n_categories)
    """
    n, p = codes.shape
    hot = codes[:, :, None] == np.arange(n_categories, dtype=codes.dtype)
    return hot.reshape(n, p * n_categories).astype(np.float32)


def pair_tables(codes: IntArray, n_categories: int, weights: FloatArray | None = None) -> FloatArray:
    """Counts of every pair of items and every pair of categories.

    Parameters
    ----------
    codes : ndarray of int, shape (n, p)
        Categories ``0 .. n_categories - 1``; negative is missing (pairs are counted pairwise).
    n_categories : int
        Largest number of categories of an item.
    weights : ndarray, shape (n,), optional
        Weight of each person.

    Returns
    -------
    ndarray, shape (p, p, n_categories, n_categories)
        Entry ``[i, j, a, b]`` counts persons with category ``a`` on item ``i`` and ``b`` on item ``j``; the
        diagonal blocks hold the margins of each item on their diagonals.
    """
    n, p = codes.shape
    width = p * n_categories
    small = codes.astype(np.int8) if n_categories < 127 else codes
    total = np.zeros((width, width))
    for start in range(0, n, _CHUNK):
        hot = one_hot(small[start : start + _CHUNK], n_categories)
        if weights is None:
            total += hot.T @ hot  # exact: counts in a chunk are far below 2**24
        else:
            double = hot.astype(float)
            total += (double * weights[start : start + _CHUNK, None]).T @ double
    return total.reshape(p, n_categories, p, n_categories).transpose(0, 2, 1, 3)
