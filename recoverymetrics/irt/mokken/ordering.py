"""Invariant item ordering: methods MIIO, MSCPM and IT (Ligtvoet et al. 2010, 2011)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd
from scipy.stats import t

from recoverymetrics.errors import OptionError
from recoverymetrics.irt.mokken.violations import (
    IGNORED,
    SLACK,
    Violations,
    default_group_size,
    gather,
    mcnemar_violations,
    rest_groups,
)
from recoverymetrics.typing import FloatArray, IntArray

OrderingMethod = Literal["miio", "mscpm", "it"]
LARGEST_X2 = 3.841458820694124
"""Five per cent point of chi-square with one degree of freedom."""


@dataclass(frozen=True)
class ItemOrdering:
    """Manifest invariant item ordering.

    Attributes
    ----------
    method : str
        ``"miio"``, ``"mscpm"`` or ``"it"``.
    table : DataFrame
        One row per item, by falling mean, with its violations.
    selection : DataFrame
        Backward selection: per item (rows) and step (columns) the number of other items in the set with which it
        has a significant violation; NaN once the item is out.
    removed : tuple of str
        Items that backward selection takes out, in that order.
    ht : float
        Coefficient H^T of the items that stay.
    """

    method: OrderingMethod
    table: pd.DataFrame
    selection: pd.DataFrame
    removed: tuple[str, ...]
    ht: float


def check_item_ordering(
    codes: IntArray,
    names: tuple[str, ...],
    h: FloatArray,
    *,
    method: OrderingMethod = "miio",
    smallest: int | None = None,
    ignore: float | None = None,
) -> ItemOrdering:
    """Manifest invariant item ordering with backward selection.

    Parameters
    ----------
    codes : ndarray of int, shape (n, J)
        Complete category codes.
    names : tuple of str
        Items.
    h : ndarray, shape (J,)
        Item H.
    method : {"miio", "mscpm", "it"}, default "miio"
        What is compared between the more and the less popular item of a pair within each rest-score group: the
        means (paired t test), the proportions above each step (McNemar), or the cells ``(x, y)`` and ``(y, x)`` of
        their cross-table (increasingness in transposition, chi-square). Each is stricter than the one before.
    smallest : int, optional
        Smallest rest-score group.
    ignore : float, optional
        Violations up to this size do not count; 0.03, for ``miio`` times the number of steps.

    Raises
    ------
    OptionError
        Unknown method.
    """
    if method not in get_args(OrderingMethod):
        raise OptionError(f"unknown method {method!r}; choose one of {', '.join(get_args(OrderingMethod))}.")
    order = np.argsort(-codes.mean(axis=0), kind="stable")
    steps = int(codes.max())
    bound = ignore if ignore is not None else IGNORED * (steps if method == "miio" else 1)
    pairs = _pair_violations(codes, order, smallest or default_group_size(codes.shape[0]), method, bound)
    letter = {"miio": "t", "mscpm": "z", "it": "x2"}[method]
    table = pd.DataFrame(
        [
            {"item": names[i], "mean": codes[:, i].mean()}
            | gather([v for key, v in pairs.items() if i in key]).row(float(h[i]), letter)
            for i in order
        ]
    )
    significant = np.zeros((order.size, order.size))
    for (i, j), found in pairs.items():
        significant[i, j] = significant[j, i] = found.significant > 0
    kept, removed, counts = _backward(significant, order, h)
    selection = pd.DataFrame(
        counts[:, order].T,
        index=[names[i] for i in order],
        columns=[f"step{s + 1}" for s in range(counts.shape[0])],
    )
    return ItemOrdering(
        method, table, selection, tuple(names[i] for i in removed), coefficient_ht(codes[:, sorted(kept)])
    )


def _backward(
    significant: FloatArray, order: IntArray, h: FloatArray
) -> tuple[list[int], list[int], FloatArray]:
    """Take out the item in most significant violations (of several, the one with the lowest H), one at a time."""
    kept = [int(i) for i in order]
    removed: list[int] = []
    rows: list[FloatArray] = []
    while True:
        counts = np.full(order.size, np.nan)
        counts[kept] = significant[np.ix_(kept, kept)].sum(axis=1)
        rows.append(counts)
        worst = np.nanmax(counts)
        if worst == 0 or len(kept) <= 2:
            return kept, removed, np.asarray(rows)
        item = min((i for i in kept if counts[i] == worst), key=lambda i: float(h[i]))
        kept.remove(item)
        removed.append(item)


def _pair_violations(
    codes: IntArray, order: IntArray, size: int, method: OrderingMethod, bound: float
) -> dict[tuple[int, int], Violations]:
    compare: Callable[[IntArray, IntArray, float], Violations] = {
        "miio": _mean_violation,
        "mscpm": _step_violations,
        "it": _transposition_violations,
    }[method]
    total, out = codes.sum(axis=1), {}
    for place, i in enumerate(order):
        for j in order[place + 1 :]:
            groups = rest_groups(total - codes[:, i] - codes[:, j], size)
            out[int(i), int(j)] = gather(
                [compare(codes[groups == g, i], codes[groups == g, j], bound) for g in np.unique(groups)]
            )
    return out


def _mean_violation(popular: IntArray, other: IntArray, bound: float) -> Violations:
    difference = (other - popular).astype(float)
    gap = difference.mean()
    if gap <= bound + SLACK:
        return Violations(1, np.empty(0), np.empty(0), 0)
    value = gap / (difference.std(ddof=1) / np.sqrt(difference.size))
    return Violations(1, np.array([gap]), np.array([value]), int(value > t.isf(0.05, difference.size - 1)))


def _step_violations(popular: IntArray, other: IntArray, bound: float) -> Violations:
    steps = np.arange(1, max(int(popular.max()), int(other.max())) + 1)
    first, second = popular[:, None] >= steps, other[:, None] >= steps
    expected = (first & ~second).sum(axis=0).astype(float)
    against = (~first & second).sum(axis=0).astype(float)
    return mcnemar_violations(expected, against, popular.size, bound)


def _transposition_violations(popular: IntArray, other: IntArray, bound: float) -> Violations:
    K = max(int(popular.max()), int(other.max())) + 1
    table = np.zeros((K, K))
    np.add.at(table, (popular, other), 1.0)
    low, high = np.triu_indices(K, 1)
    against, expected = table[low, high], table[high, low]
    gap = (against - expected) / popular.size
    found = gap > bound + SLACK
    x2 = (against - expected)[found] ** 2 / (against + expected)[found]
    return Violations(gap.size, gap[found], x2, int(np.sum(x2 > LARGEST_X2)))


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
