"""Scalability coefficients H of pairs, items and scale, with standard errors, and their Z statistics.

``H_ij`` is the covariance of two items over the largest covariance that their margins allow (Loevinger 1948; Mokken
1971; Molenaar 1991 for polytomous items). Standard errors are those of the delta method over the multinomial
distribution of the response patterns (Kuijpers, Van der Ark & Croon 2013), computed through influence functions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recoverymetrics.typing import FloatArray, IntArray


@dataclass(frozen=True)
class Scalability:
    """Coefficients of a set of items.

    Attributes
    ----------
    pairs, items, scale : ndarray (J, J), ndarray (J,), float
        H of pairs (diagonal NaN), items and scale.
    pairs_se, items_se, scale_se : like the coefficients
        Standard errors.
    pairs_z, items_z, scale_z : like the coefficients
        Z statistics of Mokken (1971) for H = 0.
    """

    pairs: FloatArray
    items: FloatArray
    scale: float
    pairs_se: FloatArray
    items_se: FloatArray
    scale_se: float
    pairs_z: FloatArray
    items_z: FloatArray
    scale_z: float


@dataclass(frozen=True)
class Covariances:
    """Covariances of item scores and the largest that the margins allow, both shape (J, J), divisor n - 1."""

    observed: FloatArray
    largest: FloatArray
    n: int


def covariances(codes: IntArray) -> Covariances:
    """Observed and maximal covariances of complete category codes (n, J)."""
    X = codes.astype(float)
    n = X.shape[0]
    ordered = np.sort(X, axis=0)
    center, top = X - X.mean(axis=0), ordered - X.mean(axis=0)
    return Covariances(center.T @ center / (n - 1), top.T @ top / (n - 1), n)


def coefficients(cov: Covariances) -> tuple[FloatArray, FloatArray, float]:
    """H of pairs, items and scale."""
    off = ~np.eye(cov.observed.shape[0], dtype=bool)
    with np.errstate(invalid="ignore", divide="ignore"):
        pairs = np.where(off, cov.observed / cov.largest, np.nan)
    C, M = np.where(off, cov.observed, 0.0), np.where(off, cov.largest, 0.0)
    return pairs, C.sum(axis=1) / M.sum(axis=1), float(C.sum() / M.sum())


def z_statistics(cov: Covariances) -> tuple[FloatArray, FloatArray, float]:
    """Z of pairs, items and scale."""
    S = cov.observed
    off = ~np.eye(S.shape[0], dtype=bool)
    variance = np.outer(np.diag(S), np.diag(S))
    root = np.sqrt(cov.n - 1)
    pairs = np.where(off, S / np.sqrt(variance) * root, np.nan)
    C, V = np.where(off, S, 0.0), np.where(off, variance, 0.0)
    items = C.sum(axis=1) * root / np.sqrt(V.sum(axis=1))
    upper = np.triu_indices(S.shape[0], 1)
    return pairs, items, float(C[upper].sum() * root / np.sqrt(V[upper].sum()))


def scalability(codes: IntArray) -> Scalability:
    """All coefficients with standard errors and Z statistics."""
    cov = covariances(codes)
    pairs, items, scale = coefficients(cov)
    pairs_se, items_se, scale_se = standard_errors(codes, cov, pairs, items, scale)
    return Scalability(pairs, items, scale, pairs_se, items_se, scale_se, *z_statistics(cov))


def standard_errors(
    codes: IntArray, cov: Covariances, pairs: FloatArray, items: FloatArray, scale: float
) -> tuple[FloatArray, FloatArray, float]:
    """Standard errors from the influence of each person on covariances and maximal covariances."""
    n, J = codes.shape
    X = codes.astype(float)
    center = X - X.mean(axis=0)
    correct = (n - 1) / n
    C, M = cov.observed * correct, cov.largest * correct
    pairs_se = np.full((J, J), np.nan)
    item_parts = np.zeros((n, J))
    whole = np.zeros(n)
    for i in range(J):
        for j in range(i + 1, J):
            influence_c = center[:, i] * center[:, j] - C[i, j]
            influence_m = _influence_of_largest(codes[:, i], codes[:, j], X[:, i].mean(), X[:, j].mean())
            own = (influence_c - pairs[i, j] * influence_m) / M[i, j]
            pairs_se[i, j] = pairs_se[j, i] = np.sqrt(np.mean(own**2) / n)
            for k in (i, j):
                item_parts[:, k] += influence_c - items[k] * influence_m
            whole += influence_c - scale * influence_m
    off = ~np.eye(J, dtype=bool)
    totals = np.where(off, M, 0.0).sum(axis=1)
    items_se = np.sqrt(np.mean(item_parts**2, axis=0) / n) / totals
    return pairs_se, items_se, float(np.sqrt(np.mean(whole**2) / n) / (totals.sum() / 2))


def _influence_of_largest(
    first: IntArray, second: IntArray, mean_first: float, mean_second: float
) -> FloatArray:
    """Influence of each person on the largest covariance, ``sum min(P(X >= a), P(Y >= b)) - E X E Y``.

    Where two steps are equally popular the minimum has two one-sided derivatives; their mean is taken.
    """
    above = [first >= a for a in range(1, int(first.max()) + 1)]
    over = [second >= b for b in range(1, int(second.max()) + 1)]
    p, q = [float(x.mean()) for x in above], [float(y.mean()) for y in over]
    out = -mean_second * (first - mean_first) - mean_first * (second - mean_second)
    for x, px in zip(above, p, strict=True):
        for y, py in zip(over, q, strict=True):
            share = 0.5 if px == py else float(px < py)
            out = out + share * (x - px) + (1 - share) * (y - py)
    return out
