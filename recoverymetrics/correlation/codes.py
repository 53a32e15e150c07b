"""From responses to category codes, with every refusal in words."""

from __future__ import annotations

import numpy as np

from recoverymetrics.errors import DataError
from recoverymetrics.instrument import ItemData
from recoverymetrics.typing import FloatArray, IntArray

MAX_CATEGORIES = 30


def category_codes(data: ItemData) -> tuple[IntArray, tuple[FloatArray, ...]]:
    """Code the responses 0, 1, ... in the order of the categories observed in the whole sample.

    Parameters
    ----------
    data : ItemData
        Responses; groups share the categories, so that a group may have empty ones.

    Returns
    -------
    codes : ndarray of int, shape (n, p)
        -1 where missing.
    categories : tuple of ndarray
        Response value of each code, per item.

    Raises
    ------
    DataError
        Responses that are not whole numbers, an item with one category, with more than 30, or without responses.
    """
    categories = data.categories()
    for item, seen in zip(data.items, categories, strict=True):
        _check_categories(item, seen)
    lowest = min(seen[0] for seen in categories)
    width = int(max(seen[-1] for seen in categories) - lowest) + 1
    if width > 10 * MAX_CATEGORIES:
        return _search_codes(data.values, categories), categories
    rank = np.full((data.n_items, width + 1), -1, dtype=np.int64)  # the last column is the missing response
    for j, seen in enumerate(categories):
        rank[j, (seen - lowest).astype(np.int64)] = np.arange(seen.size)
    at = np.nan_to_num(data.values - lowest, nan=width).astype(np.int64)
    return rank[np.arange(data.n_items), at], categories


def _search_codes(values: FloatArray, categories: tuple[FloatArray, ...]) -> IntArray:
    codes = np.full(values.shape, -1, dtype=np.int64)
    for j, seen in enumerate(categories):
        answered = ~np.isnan(values[:, j])
        codes[answered, j] = np.searchsorted(seen, values[answered, j])
    return codes


def _check_categories(item: str, seen: FloatArray) -> None:
    if seen.size == 0:
        raise DataError(f"item {item!r} has no responses; leave it out.")
    if seen.size == 1:
        raise DataError(
            f"item {item!r} has one category only ({seen[0]:g}) in the whole sample, so it cannot correlate; "
            "leave it out."
        )
    if seen.size > MAX_CATEGORIES:
        raise DataError(
            f"item {item!r} has {seen.size} distinct values, too many for categories; treat it as continuous "
            "(correlation='pearson', or correlate(..., method='pearson'))."
        )


def keep_rows(data: ItemData, missing: str) -> ItemData:
    """Complete rows under ``"listwise"``, all rows else; raises when nothing is left."""
    kept = data.complete() if missing == "listwise" else data
    if data.n < 2:
        raise DataError("there is 1 row; correlations need several persons.")
    if kept.n < 2:
        raise DataError(
            f"{kept.n} of {data.n} rows are complete on all {data.n_items} items; use missing='pairwise' or "
            "fewer items."
        )
    lost = [label for label in data.groups if label not in kept.groups]
    if lost:
        raise DataError(
            f"group {lost[0]!r} has no complete row; use missing='pairwise' or leave the group out."
        )
    return kept
