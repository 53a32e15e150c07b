"""Manifest monotonicity and invariant item ordering (Molenaar & Sijtsma 2000; Ligtvoet et al. 2010)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm, t

from recoverymetrics.typing import FloatArray, IntArray


def default_group_size(n: int) -> int:
    """Smallest rest-score group: a tenth of 500 persons or more, a fifth from 250, else a third (at least 50)."""
    if n >= 500:
        return n // 10
    return n // 5 if n >= 250 else max(n // 3, 50)


def rest_groups(rest: IntArray, smallest: int) -> IntArray:
    """Join adjacent rest scores into groups of at least ``smallest`` persons; returns a label per person."""
    values, counts = np.unique(rest, return_counts=True)
    label = np.zeros(values.size, dtype=np.int64)
    group, size = 0, 0
    for i, count in enumerate(counts):
        label[i] = group
        size += count
        if size >= smallest and i < values.size - 1:
            group, size = group + 1, 0
    if size < smallest and group > 0:
        label[label == group] = group - 1
    return label[np.searchsorted(values, rest)]


@dataclass(frozen=True)
class Violations:
    """Count of comparisons, and the violations among them with their test statistics."""

    compared: int
    sizes: FloatArray
    statistics: FloatArray
    significant: int

    def row(self, h: float, prefix: str = "z") -> dict[str, float]:
        """Summary with the criterion of Molenaar & Sijtsma (2000)."""
        n, total = self.sizes.size, float(self.sizes.sum())
        largest = float(self.sizes.max(initial=0.0))
        most = float(self.statistics.max(initial=0.0))
        compared = max(self.compared, 1)
        crit = 0.0
        if n:
            crit = (
                50 * (0.3 - h)
                + np.sqrt(n)
                + 100 * n / compared
                + 100 * largest
                + 10 * np.sqrt(total)
                + 1000 * total / compared
                + 5 * most
                + 100 * self.significant / compared
            )
        return {
            "h": h,
            "n_compared": self.compared,
            "n_violations": n,
            "share": n / compared,
            "largest": largest,
            "total": total,
            f"{prefix}_max": most,
            "n_significant": self.significant,
            "criterion": float(crit),
        }


def check_monotonicity(
    codes: IntArray,
    names: tuple[str, ...],
    h: FloatArray,
    *,
    smallest: int | None = None,
    ignore: float = 0.03,
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
                significant += int(z > norm.isf(0.05))
    return Violations(compared, np.asarray(sizes), np.asarray(statistics), significant)


@dataclass(frozen=True)
class ItemOrdering:
    """Manifest invariant item ordering.

    Attributes
    ----------
    table : DataFrame
        One row per item, by falling mean, with its violations.
    removed : tuple of str
        Items that backward selection takes out, in that order.
    ht : float
        Coefficient H^T of the items that stay.
    """

    table: pd.DataFrame
    removed: tuple[str, ...]
    ht: float


def check_item_ordering(
    codes: IntArray,
    names: tuple[str, ...],
    h: FloatArray,
    *,
    smallest: int | None = None,
    ignore: float | None = None,
) -> ItemOrdering:
    """Manifest invariant item ordering with backward selection.

    For each pair of items, mean scores are compared within rest-score groups; a group in which the less popular
    item scores higher by more than ``ignore`` (0.03 times the number of steps) is a violation, tested by a paired t.
    """
    order = np.argsort(-codes.mean(axis=0), kind="stable")
    threshold = 0.03 * int(codes.max()) if ignore is None else ignore
    size = smallest or default_group_size(codes.shape[0])
    kept, removed = list(order), []
    pairs = _pair_violations(codes, order, size, threshold)
    table = pd.DataFrame(
        [
            {"item": names[i], "mean": codes[:, i].mean()} | _joined(pairs, i, kept).row(float(h[i]), "t")
            for i in order
        ]
    )
    while len(kept) > 2:
        counts = {i: _joined(pairs, i, kept).significant for i in kept}
        worst = max(counts.values())
        if worst == 0:
            break
        item = min((i for i in kept if counts[i] == worst), key=lambda i: float(h[i]))
        kept.remove(item)
        removed.append(names[item])
    return ItemOrdering(table, tuple(removed), coefficient_ht(codes[:, kept]))


def _pair_violations(
    codes: IntArray, order: IntArray, size: int, threshold: float
) -> dict[tuple[int, int], Violations]:
    total = codes.sum(axis=1)
    out = {}
    for a in range(order.size):
        for b in range(a + 1, order.size):
            i, j = int(order[a]), int(order[b])
            groups = rest_groups(total - codes[:, i] - codes[:, j], size)
            difference = (codes[:, j] - codes[:, i]).astype(float)
            sizes, statistics, significant = [], [], 0
            labels = np.unique(groups)
            for g in labels:
                own = difference[groups == g]
                gap = own.mean()
                if gap > threshold:
                    value = gap / (own.std(ddof=1) / np.sqrt(own.size))
                    sizes.append(gap)
                    statistics.append(value)
                    significant += int(value > t.isf(0.05, own.size - 1))
            found = Violations(int(labels.size), np.asarray(sizes), np.asarray(statistics), significant)
            out[(i, j)] = out[(j, i)] = found
    return out


def _joined(pairs: dict[tuple[int, int], Violations], item: int, kept: list[int]) -> Violations:
    own = [pairs[(int(item), int(other))] for other in kept if other != item]
    return Violations(
        sum(v.compared for v in own),
        np.concatenate([v.sizes for v in own]),
        np.concatenate([v.statistics for v in own]),
        sum(v.significant for v in own),
    )


def coefficient_ht(codes: IntArray) -> float:
    """H of the transposed data: persons as items (Sijtsma & Meijer 1992).

    Only the sums over pairs of persons are needed: those of the covariances follow from the variance of the item
    totals, those of the maximal covariances from the totals of the sorted rows.
    """
    X = codes.T.astype(float)
    center = X - X.mean(axis=0)
    ordered = np.sort(X, axis=0)
    ordered = ordered - ordered.mean(axis=0)
    own = float(np.sum(center**2))
    observed = float(np.sum(center.sum(axis=1) ** 2)) - own
    largest = float(np.sum(ordered.sum(axis=1) ** 2)) - own
    return observed / largest
