"""Reliability of the sum of a Mokken scale: MS (Molenaar & Sijtsma 1988), alpha, lambda 2."""

from __future__ import annotations

import numpy as np

from recoverymetrics.typing import FloatArray, IntArray


def scale_reliability(codes: IntArray) -> dict[str, float]:
    """MS, alpha and lambda 2 of the summed score."""
    X = codes.astype(float)
    S = np.cov(X, rowvar=False)
    J = S.shape[0]
    total = float(S.sum())
    off = S - np.diag(np.diag(S))
    return {
        "ms": molenaar_sijtsma(codes),
        "alpha": J / (J - 1) * (1 - float(np.trace(S)) / total),
        "lambda2": (float(off.sum()) + np.sqrt(J / (J - 1) * float((off**2).sum()))) / total,
    }


def molenaar_sijtsma(codes: IntArray) -> float:
    """Reliability by the MS method.

    Joint proportions of two replications of an item step are not observed; they are interpolated from the joint
    proportions with the neighbouring steps in the order of popularity.
    """
    n, J = codes.shape
    steps = [(j, x) for j in range(J) for x in range(1, int(codes[:, j].max()) + 1)]
    B = np.column_stack([(codes[:, j] >= x) for j, x in steps]).astype(float)
    p = B.mean(axis=0)
    joint = B.T @ B / n
    owner = np.array([j for j, _ in steps])
    order = np.lexsort((np.arange(p.size), p))
    joint, p, owner = joint[np.ix_(order, order)], p[order], owner[order]
    for a in range(p.size):
        for b in range(p.size):
            if owner[a] == owner[b]:
                joint[a, b] = _interpolated(joint, p, owner, a, b)
    score_variance = float(np.var(codes.sum(axis=1)))
    return float((joint - np.outer(p, p)).sum() / score_variance)


def _interpolated(joint: FloatArray, p: FloatArray, owner: IntArray, a: int, b: int) -> float:
    """Average of the (up to eight) neighbour-based guesses of the joint proportion of steps a and b."""
    guesses = []
    q = 1 - p
    for fixed, moved in ((a, b), (b, a)):
        for direction in (-1, 1):
            k = moved + direction
            while 0 <= k < p.size and owner[k] == owner[a]:
                k += direction
            if not 0 <= k < p.size:
                continue
            guesses.append(joint[fixed, k] * p[moved] / p[k] if p[k] > 0 else np.nan)
            if q[k] > 0:
                guesses.append(joint[fixed, k] * q[moved] / q[k] + p[fixed] * (p[moved] - p[k]) / q[k])
    return float(np.nanmean(guesses)) if guesses else float(p[a] * p[b])
