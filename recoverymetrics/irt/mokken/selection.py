"""Automated item selection (Mokken 1971; Sijtsma & Molenaar 2002)."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

from recoverymetrics.irt.mokken.scalability import Covariances, covariances
from recoverymetrics.typing import FloatArray, IntArray


def select_scales(codes: IntArray, lower_bound: float = 0.3, alpha: float = 0.05) -> IntArray:
    """Partition items into scales.

    The pair with the highest H starts a scale; items join one at a time, each time the one that leaves the scale
    with the highest H, as long as it covaries positively with all members and its own H is significant and not
    below the bound. Significance is corrected for the number of tests made so far.

    Parameters
    ----------
    codes : ndarray of int, shape (n, J)
        Complete category codes.
    lower_bound : float, default 0.3
        Smallest item H.
    alpha : float, default 0.05
        Significance level.

    Returns
    -------
    ndarray of int, shape (J,)
        Number of each item's scale; 0 for unscalable items.
    """
    cov = covariances(codes)
    J = codes.shape[1]
    scale_of = np.zeros(J, dtype=np.int64)
    number = 0
    while (scale_of == 0).sum() >= 2:
        free = np.flatnonzero(scale_of == 0)
        members = _grow(cov, free, lower_bound, alpha)
        if not members:
            break
        number += 1
        scale_of[members] = number
    return scale_of


def _grow(cov: Covariances, free: IntArray, bound: float, alpha: float) -> list[int]:
    """Members of the next scale; empty when no pair qualifies."""
    tests = free.size * (free.size - 1) / 2
    critical = float(norm.isf(alpha / tests))
    S, M = cov.observed, cov.largest
    start = _best_pair(cov, free, bound, critical)
    if start is None:
        return []
    members = list(start)
    candidates = [int(k) for k in free if k not in members]
    while candidates:
        candidates = [k for k in candidates if (S[k, members] > 0).all()]
        tests += len(candidates)
        if not candidates:
            break
        critical = float(norm.isf(alpha / tests))
        passed = [k for k in candidates if _joins(cov, k, members, bound, critical)]
        if not passed:
            break
        best = max(passed, key=lambda k: _scale_h(S, M, [*members, k]))
        members.append(best)
        candidates.remove(best)
    return members


def _best_pair(cov: Covariances, free: IntArray, bound: float, critical: float) -> tuple[int, int] | None:
    S, M = cov.observed[np.ix_(free, free)], cov.largest[np.ix_(free, free)]
    z = S * np.sqrt(cov.n - 1) / np.sqrt(np.outer(np.diag(S), np.diag(S)))
    H = np.where((z >= critical) & ~np.eye(free.size, dtype=bool), S / M, -np.inf)
    H = np.triu(H, 1) + np.tril(np.full_like(H, -np.inf))
    i, j = np.unravel_index(int(np.argmax(H)), H.shape)
    if not H[i, j] >= bound:
        return None
    return int(free[i]), int(free[j])


def _joins(cov: Covariances, item: int, members: list[int], bound: float, critical: float) -> bool:
    """Whether an item's H with the members reaches the bound and is significant."""
    S, M = cov.observed[item, members], cov.largest[item, members]
    variances = cov.observed[item, item] * np.diag(cov.observed)[members]
    z = S.sum() * np.sqrt(cov.n - 1) / np.sqrt(variances.sum())
    return bool(S.sum() / M.sum() >= bound and z >= critical)


def _scale_h(S: FloatArray, M: FloatArray, members: list[int]) -> float:
    i, j = np.triu_indices(len(members), 1)
    rows, columns = np.asarray(members)[i], np.asarray(members)[j]
    return float(S[rows, columns].sum() / M[rows, columns].sum())
