"""All split halves of a scale, and the best and the worst of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

from recoverymetrics.errors import DataError
from recoverymetrics.typing import BoolArray, FloatArray

_CHUNK = 50_000
EXHAUSTIVE_LIMIT = 200_000
"""Splits that are still enumerated; above it they are sampled."""


@dataclass(frozen=True)
class Halves:
    """Reliabilities of split halves, ``1 - t'St / V`` with ``t`` = +1 for one half and -1 for the other.

    Attributes
    ----------
    estimates : ndarray, shape (n_splits,)
        Guttman's split-half reliability of each split, ``4 cov(A, B) / V``.
    correlations : ndarray, shape (n_splits,)
        Correlation of the halves, stepped up by Spearman and Brown.
    best, worst : ndarray of bool, shape (p,)
        Members of one half of the best and the worst split.
    exhaustive : bool
        Whether every split was looked at.
    """

    estimates: FloatArray
    correlations: FloatArray
    best: BoolArray
    worst: BoolArray
    exhaustive: bool


def half_members(items: tuple[str, ...], first_half: Sequence[str]) -> BoolArray:
    """Which items belong to the first half; raises when it is empty, everything, or names unknown items."""
    unknown = [item for item in first_half if item not in items]
    if unknown:
        raise DataError(f"first_half names {unknown[0]!r}, which is not among the items {', '.join(items)}.")
    chosen = np.array([item in set(first_half) for item in items])
    if chosen.all() or not chosen.any():
        raise DataError("first_half must name some of the items, not none and not all of them.")
    return chosen


def split_halves(S: FloatArray, *, n_splits: int, rng: np.random.Generator) -> Halves:
    """Evaluate all splits into halves of (nearly) equal size, or ``n_splits`` random ones when there are too
    many.

    With an odd number of items each split has sizes (p-1)/2 and (p+1)/2, and all of them count.
    """
    p = S.shape[0]
    half = p // 2
    count = comb(p, half) // (2 if p % 2 == 0 else 1)
    exhaustive = count <= EXHAUSTIVE_LIMIT
    signs = _all_signs(p, half) if exhaustive else _random_signs(p, half, n_splits, rng)
    estimates, stepped = _evaluate(S, signs)
    best, worst = signs[int(np.argmax(estimates))] > 0, signs[int(np.argmin(estimates))] > 0
    return Halves(estimates, stepped, best, worst, exhaustive)


def _all_signs(p: int, half: int) -> FloatArray:
    """Every split once; with even ``p`` the first item stays in the first half."""
    if p % 2 == 0:
        chosen = np.array([(0, *c) for c in combinations(range(1, p), half - 1)])
    else:
        chosen = np.array(list(combinations(range(p), half)))
    signs = np.full((chosen.shape[0], p), -1.0)
    np.put_along_axis(signs, chosen, 1.0, axis=1)
    return signs


def _random_signs(p: int, half: int, n_splits: int, rng: np.random.Generator) -> FloatArray:
    order = np.argsort(rng.random((n_splits, p)), axis=1)
    signs = np.full((n_splits, p), -1.0)
    np.put_along_axis(signs, order[:, :half], 1.0, axis=1)
    return signs


def _evaluate(S: FloatArray, signs: FloatArray) -> tuple[FloatArray, FloatArray]:
    V, ones = S.sum(), S.sum(0)
    estimates, stepped = np.empty(signs.shape[0]), np.empty(signs.shape[0])
    for start in range(0, signs.shape[0], _CHUNK):
        t = signs[start : start + _CHUNK]
        difference = np.sum((t @ S) * t, axis=1)  # variance of A - B
        slant = t @ ones  # var A - var B
        mean = (V + difference) / 2  # var A + var B
        cross = (V - difference) / 4
        r = cross / np.sqrt((mean + slant) * (mean - slant) / 4)
        estimates[start : start + _CHUNK] = 1 - difference / V
        stepped[start : start + _CHUNK] = 2 * r / (1 + r)
    return estimates, stepped


def best_split(S: FloatArray, *, rng: np.random.Generator, starts: int = 200) -> tuple[float, BoolArray]:
    """Guttman's lambda 4: the largest split-half reliability over splits of any sizes.

    All splits up to 16 items; beyond that the steepest moves of one or two items from random starts, so that
    the value is a lower bound of lambda 4.

    Returns
    -------
    tuple
        Lambda 4 and the members of one part.
    """
    p, V = S.shape[0], S.sum()
    if p <= 16:
        bits = (np.arange(1, 2 ** (p - 1))[:, None] >> np.arange(p)) & 1
        signs = 2.0 * bits - 1
    else:
        signs = _descend(S, np.where(rng.random((starts, p)) < 0.5, -1.0, 1.0))
    spread = np.einsum("ij,jk,ik->i", signs, S, signs, optimize=True)
    best = int(np.argmin(spread))
    return float(1 - spread[best] / V), signs[best] > 0


def best_split_draws(
    S: FloatArray, split: BoolArray, *, rng: np.random.Generator, starts: int = 20
) -> FloatArray:
    """Lambda 4 of each matrix of a stack ``(n, p, p)``, shape (n,).

    All splits up to 16 items; beyond that the search starts from ``split`` and ``starts`` random ones.
    """
    n, p = S.shape[:2]
    V = S.sum((1, 2))
    if p > 16:
        known = np.where(split, 1.0, -1.0)
        least = np.empty(n)
        for b, matrix in enumerate(S):
            tried = _descend(matrix, np.vstack([known, np.where(rng.random((starts, p)) < 0.5, -1.0, 1.0)]))
            least[b] = np.min(np.sum((tried @ matrix) * tried, axis=1))
        return np.asarray(1 - least / V)
    rows, columns = np.triu_indices(p, 1)
    upper = S[:, rows, columns].T
    across = np.full(n, np.inf)  # the least sum of t_i t_j s_ij over pairs
    for start in range(1, 2 ** (p - 1), _CHUNK // 10):
        stop = min(start + _CHUNK // 10, 2 ** (p - 1))
        signs = 2.0 * ((np.arange(start, stop)[:, None] >> np.arange(p)) & 1) - 1
        across = np.minimum(across, ((signs[:, rows] * signs[:, columns]) @ upper).min(0))
    return np.asarray(1 - (np.trace(S, axis1=1, axis2=2) + 2 * across) / V)


def _descend(S: FloatArray, signs: FloatArray) -> FloatArray:
    """Change the sides of the one or two items that lower ``t'St`` most, in each row, until none does."""
    p = S.shape[0]
    for _ in range(20 * p):
        own = 4 * (signs * (signs @ S) - np.diag(S))  # drop of t'St when one item changes sides
        pair = own[:, :, None] + own[:, None, :] - 8 * signs[:, :, None] * signs[:, None, :] * S
        pair[:, np.arange(p), np.arange(p)] = own
        move = pair.reshape(signs.shape[0], -1).argmax(1)
        rows = np.flatnonzero(
            np.take_along_axis(pair.reshape(signs.shape[0], -1), move[:, None], 1)[:, 0] > 1e-12
        )
        if rows.size == 0:
            break
        first, second = np.divmod(move[rows], p)
        signs[rows, first] *= -1
        signs[rows[first != second], second[first != second]] *= -1
    return signs
