"""Merging of sparse categories, only when asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from recoverymetrics.invariance.dif.data import DIFData
from recoverymetrics.typing import FloatArray, IntArray


def merge_sparse_categories(data: DIFData, min_cell: int) -> DIFData:
    """Merge categories that fewer than ``min_cell`` persons gave in some group with a neighbour.

    The sparsest category goes first, into the neighbour with fewer answers, until none is sparse or two are
    left. Merged items are named in the notes; ``min_cell=0`` changes nothing.
    """
    if min_cell <= 0:
        return data
    scores = data.scores.copy()
    notes = list(data.notes)
    for j, item in enumerate(data.items):
        column, merged = _merge(scores[:, j], data.group, len(data.groups), min_cell)
        if merged:
            scores[:, j] = column
            notes.append(
                f"item {item}: categories merged to {int(np.nanmax(column)) + 1} (min_cell={min_cell})."
            )
    return replace(data, scores=scores, notes=tuple(notes))


def _merge(column: FloatArray, group: IntArray, g: int, min_cell: int) -> tuple[FloatArray, bool]:
    seen = ~np.isnan(column)
    _, codes = np.unique(column[seen], return_inverse=True)
    table = np.zeros((int(codes.max()) + 1, g))
    np.add.at(table, (codes, group[seen]), 1)
    target = np.arange(table.shape[0])
    merged = False
    while table.shape[0] > 2 and table.min() < min_cell:
        k = int(np.argmin(table.min(axis=1)))
        neighbours = [i for i in (k - 1, k + 1) if 0 <= i < table.shape[0]]
        into = min(neighbours, key=lambda i: table[i].sum())
        low = min(k, into)
        table[low] += table[low + 1]
        table = np.delete(table, low + 1, axis=0)
        target = np.where(target > low, target - 1, target)
        merged = True
    out = column.copy()
    out[seen] = target[codes]
    return out, merged
