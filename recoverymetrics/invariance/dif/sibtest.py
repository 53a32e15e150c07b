"""SIBTEST and its relatives: regression-corrected differences between groups (Shealy & Stout 1993).

Polytomous items: Chang, Mazzeo & Roussos 1996. Crossing: Li & Stout 1996, Chalmers 2018. Several groups:
Chalmers & Zheng 2023.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recoverymetrics.typing import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class StudiedItem:
    """Corrected mean item scores along the matching score, one item.

    Attributes
    ----------
    score : ndarray, shape (S,)
        Matching scores that enter.
    adjusted : ndarray, shape (G, S)
        Regression-corrected mean item score of each group.
    variance : ndarray, shape (G, S)
        Variance of the mean.
    weight : ndarray, shape (S,)
        Share of all persons at each score; sums to one.
    """

    score: FloatArray
    adjusted: FloatArray
    variance: FloatArray
    weight: FloatArray


def corrected_means(
    item: FloatArray, anchors: FloatArray, group: IntArray, n_groups: int, *, min_cell: int = 5
) -> StudiedItem:
    """Mean item scores at each matching score, moved along to what equal true scores would give.

    Parameters
    ----------
    item : ndarray, shape (n,)
        Scores on the studied item; persons with missing answers are left out beforehand.
    anchors : ndarray, shape (n, q)
        Scores on the anchor items, complete.
    group : ndarray of int, shape (n,)
        Group.
    n_groups : int
        Number of groups.
    min_cell : int, default 5
        A matching score enters when every group has more persons than this there and their item scores
        differ (a variance of zero would make the standard error too small).

    Notes
    -----
    Kelley's formula with the group's own mean and coefficient alpha turns an observed matching score into an
    expected true score (no score is matched where that is undefined: one anchor, or a group without spread);
    the groups are compared at the average of their expected true scores, along the
    slope between the neighbouring scores.
    """
    total = anchors.sum(axis=1)
    if not _can_match(anchors, total, group, n_groups):
        nothing = np.zeros((n_groups, 0))
        return StudiedItem(np.zeros(0), nothing, nothing, np.zeros(0))
    top = int(total.max())
    n, mean, variance = _by_score(item, total.astype(np.int64), group, n_groups, top + 1)
    true = np.stack([_true_scores(anchors[group == g], np.arange(top + 1.0)) for g in range(n_groups)])
    usable = (n > min_cell) & (variance > 0)
    kept = np.flatnonzero(usable[:, 1:-1].all(axis=0)) + 1
    slope = np.stack([_slopes(mean[g], true[g], n[g] > 0, kept) for g in range(n_groups)])
    adjusted = mean[:, kept] + slope * (true[:, kept].mean(axis=0) - true[:, kept])
    size = n[:, kept].sum(axis=0)
    return StudiedItem(
        kept.astype(float), adjusted, variance[:, kept] / n[:, kept], size / max(size.sum(), 1.0)
    )


def _can_match(anchors: FloatArray, total: FloatArray, group: IntArray, n_groups: int) -> bool:
    """Kelley's formula needs two anchors and scores that differ in every group."""
    return anchors.shape[1] > 1 and all(np.unique(total[group == g]).size > 1 for g in range(n_groups))


def _by_score(
    item: FloatArray, total: IntArray, group: IntArray, g: int, s: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    cell = group * s + total
    n = np.bincount(cell, minlength=g * s).astype(float)
    first = np.bincount(cell, item, g * s)
    second = np.bincount(cell, item**2, g * s)
    mean = np.divide(first, n, out=np.zeros(g * s), where=n > 0)
    variance = np.divide(second - n * mean**2, n - 1, out=np.zeros(g * s), where=n > 1)
    return n.reshape(g, s), mean.reshape(g, s), variance.reshape(g, s)


def _slopes(mean: FloatArray, true: FloatArray, occupied: BoolArray, at: IntArray) -> FloatArray:
    """Slope of the item mean in the expected true score, between the nearest occupied scores on each side."""
    points = np.flatnonzero(occupied)
    place = np.searchsorted(points, at)
    low, high = points[np.maximum(place - 1, 0)], points[np.minimum(place + 1, points.size - 1)]
    slope: FloatArray = (mean[high] - mean[low]) / (true[high] - true[low])
    return slope


def _true_scores(anchors: FloatArray, score: FloatArray) -> FloatArray:
    total = anchors.sum(axis=1)
    q, centre = anchors.shape[1], total.mean()
    alpha = q / (q - 1) * (1.0 - anchors.var(axis=0, ddof=1).sum() / total.var(ddof=1))
    estimate: FloatArray = centre + alpha * (score - centre)
    return estimate


def uniform_statistic(item: StudiedItem) -> tuple[float, float]:
    """``beta`` (reference group minus focal group) and its standard error, two groups."""
    difference = item.adjusted[0] - item.adjusted[1]
    variance = item.variance.sum(axis=0)
    return float(item.weight @ difference), float(np.sqrt(item.weight**2 @ variance))


def several_groups_statistic(item: StudiedItem) -> tuple[float, int]:
    """Wald chi-square for equal corrected means of all groups, and its degrees of freedom."""
    means = item.adjusted @ item.weight
    weight = 1.0 / np.maximum(item.variance @ item.weight**2, 1e-300)
    centre = weight @ means / weight.sum()
    return float(weight @ (means - centre) ** 2), means.size - 1


def crossing_statistic(item: StudiedItem) -> tuple[float, float, int]:
    """Crossing SIBTEST of two groups: unsigned ``beta``, chi-square and degrees of freedom.

    The differences are regressed on the matching score, weighted by precision; where the line crosses zero
    inside the range, the parts below and above are tested apart and their squares summed (Chalmers 2018).
    """
    difference = item.adjusted[0] - item.adjusted[1]
    variance = np.maximum(item.variance.sum(axis=0), 1e-12)
    below = item.score <= _crossing_point(item.score, difference, variance)
    statistic, beta, df = 0.0, 0.0, 0
    for part in (below, ~below):
        error = float(item.weight[part] ** 2 @ variance[part])
        if error > 0:
            size = float(item.weight[part] @ difference[part])
            beta, statistic, df = beta + abs(size), statistic + size**2 / error, df + 1
    return beta, statistic, df


def _crossing_point(score: FloatArray, difference: FloatArray, variance: FloatArray) -> float:
    if score.size < 3:
        return np.inf
    slope, intercept = np.polyfit(score, difference, 1, w=1.0 / np.sqrt(variance))
    point = -intercept / slope if slope != 0 else np.inf
    return float(point) if score[0] < point < score[-1] else np.inf


def complete_rows(item: FloatArray, anchors: FloatArray) -> BoolArray:
    """Persons who answered the studied item and every anchor."""
    rows: BoolArray = ~np.isnan(item) & ~np.isnan(anchors).any(axis=1)
    return rows
