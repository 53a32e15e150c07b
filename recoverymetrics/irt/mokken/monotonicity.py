"""Manifest monotonicity (Molenaar & Sijtsma 2000)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from recoverymetrics.irt.mokken.violations import (
    CRITICAL_Z,
    IGNORED,
    Violations,
    default_group_size,
    rest_groups,
)
from recoverymetrics.typing import FloatArray, IntArray


def check_monotonicity(
    codes: IntArray,
    names: tuple[str, ...],
    h: FloatArray,
    *,
    smallest: int | None = None,
    ignore: float = IGNORED,
) -> pd.DataFrame:
    """Whether the proportion above each item step rises with the rest score.

    Parameters
    ----------
    codes : ndarray of int, shape (n, J)
        Complete category codes.
    names : tuple of str
        Items.
    h : ndarray, shape (J,)
        Item H.
    smallest : int, optional
        Smallest rest-score group.
    ignore : float, default 0.03
        Violations up to this size do not count.
    """
    size = smallest or default_group_size(codes.shape[0])
    total = codes.sum(axis=1)
    rows = []
    for j, name in enumerate(names):
        groups = rest_groups(total - codes[:, j], size)
        found = _step_violations(codes[:, j], groups, ignore)
        rows.append({"item": name} | found.row(float(h[j])))
    return pd.DataFrame(rows)


def _step_violations(column: IntArray, groups: IntArray, ignore: float) -> Violations:
    labels = np.unique(groups)
    sizes, statistics, compared, significant = [], [], 0, 0
    n = np.array([(groups == g).sum() for g in labels], dtype=float)
    for step in range(1, int(column.max()) + 1):
        above = np.array([(column[groups == g] >= step).sum() for g in labels], dtype=float)
        p = above / n
        for low in range(labels.size):
            for high in range(low + 1, labels.size):
                if p[low] <= 0 or p[high] >= 1:
                    continue
                compared += 1
                gap = p[low] - p[high]
                if gap <= ignore:
                    continue
                a, b = above[low], above[high]
                z = 2 * (np.sqrt(a * (n[high] - b)) - np.sqrt((b + 1) * (n[low] - a + 1)))
                z = abs(z) / np.sqrt(n[low] + n[high] - 1)
                sizes.append(gap)
                statistics.append(z)
                significant += int(z > CRITICAL_Z)
    return Violations(compared, np.asarray(sizes), np.asarray(statistics), significant)
