"""Communities of a weighted network by random walks (Pons & Latapy 2006)."""

from __future__ import annotations

import numpy as np

from recoverymetrics.typing import FloatArray, IntArray


def walktrap(weights: FloatArray, *, steps: int = 4) -> IntArray:
    """Merge nodes whose short random walks lead to the same places; cut where modularity is highest.

    Parameters
    ----------
    weights : ndarray, shape (p, p)
        Symmetric weights, not negative, zero diagonal.
    steps : int, default 4
        Length of the walks.

    Returns
    -------
    ndarray of int, shape (p,)
        Community of each node, numbered from 0 in order of first appearance; -1 for nodes without a link.
    """
    degree = weights.sum(axis=1)
    linked = np.flatnonzero(degree > 0)
    labels = np.full(len(weights), -1, dtype=np.int64)
    if linked.size:
        labels[linked] = _merge(weights[np.ix_(linked, linked)], steps)
    return labels


def modularity(weights: FloatArray, labels: IntArray) -> float:
    """Newman's weighted modularity of a partition."""
    total = weights.sum()
    if total == 0:
        return 0.0
    member = labels[:, None] == np.unique(labels)[None, :]
    inside = np.einsum("ic,ij,jc->c", member, weights, member, optimize=True) / total
    share = (weights.sum(axis=1) @ member) / total
    return float(np.sum(inside - share**2))


def _merge(weights: FloatArray, steps: int) -> IntArray:
    p = len(weights)
    links = np.count_nonzero(weights, axis=1)
    walk = weights + np.diag(weights.sum(axis=1) / links)  # a loop of mean weight, so that walks can wait
    degree = walk.sum(axis=1)
    power = np.linalg.matrix_power(walk / degree[:, None], steps)
    profile = {i: power[i] / np.sqrt(degree) for i in range(p)}
    size = dict.fromkeys(range(p), 1)
    joined = {i: {int(j) for j in np.flatnonzero(weights[i] > 0)} - {i} for i in range(p)}
    labels = np.arange(p)
    best, best_labels = modularity(weights, labels), labels.copy()
    cost = {(i, j): _cost(profile, size, i, j) for i in range(p) for j in joined[i] if i < j}
    while cost:
        i, j = min(cost, key=lambda pair: (cost[pair], pair))
        profile[i] = (size[i] * profile[i] + size[j] * profile[j]) / (size[i] + size[j])
        size[i] += size.pop(j)
        labels[labels == j] = i
        joined[i] = (joined[i] | joined.pop(j)) - {i, j}
        cost = {pair: value for pair, value in cost.items() if i not in pair and j not in pair}
        for other in joined[i]:
            joined[other] = (joined[other] - {j}) | {i}
            pair = (min(i, other), max(i, other))
            cost[pair] = _cost(profile, size, *pair)
        value = modularity(weights, labels)
        if value > best + 1e-12:
            best, best_labels = value, labels.copy()
    _, first = np.unique(best_labels, return_index=True)
    order = {best_labels[at]: rank for rank, at in enumerate(sorted(first))}
    return np.array([order[label] for label in best_labels])


def _cost(profile: dict[int, FloatArray], size: dict[int, int], i: int, j: int) -> float:
    gap = profile[i] - profile[j]
    return size[i] * size[j] / (size[i] + size[j]) * float(gap @ gap)
