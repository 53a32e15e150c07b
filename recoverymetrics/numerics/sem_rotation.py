"""Oblique rotation inside a structural model, and the conditions that hold at its optimum.

Gradient projection (Jennrich 2002); at the optimum ``Lambda' (df/dLambda) Phi^-1`` is diagonal (Jennrich 1973),
which are the restrictions that identify the rotated parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from recoverymetrics.typing import FloatArray, Seed

Criterion = Callable[[Any], tuple[Any, Any]]
"""Value and gradient of a rotation criterion at loadings (p, k); complex loadings allowed."""


def geomin(epsilon: float) -> Criterion:
    """Geomin: mean over items of the geometric mean of squared loadings plus epsilon."""

    def criterion(L: Any) -> tuple[Any, Any]:
        k = L.shape[1]
        square = L * L + epsilon
        product = np.exp(np.log(square).sum(axis=1) / k)
        return product.sum(), (2.0 / k) * L / square * product[:, None]

    return criterion


def oblimin(gamma: float) -> Criterion:
    """Direct oblimin; quartimin at gamma 0."""

    def criterion(L: Any) -> tuple[Any, Any]:
        p, k = L.shape
        square = L * L
        others = square @ (np.ones((k, k)) - np.eye(k))
        if gamma:
            others = others - gamma / p * others.sum(axis=0)
        return (square * others).sum() / 4.0, L * others

    return criterion


def target(goal: FloatArray) -> Criterion:
    """Partially specified target: squared distance where the target is not NaN."""
    known = ~np.isnan(goal)
    filled = np.where(known, goal, 0.0)

    def criterion(L: Any) -> tuple[Any, Any]:
        gap = (L - filled) * known
        return (gap * gap).sum(), 2.0 * gap

    return criterion


def rotate_oblique(
    loadings: FloatArray, criterion: Criterion, *, n_starts: int, seed: Seed, max_iter: int = 2000
) -> FloatArray:
    """Find ``T`` with unit columns so that ``Lambda T'^-1`` minimises the criterion; best of several starts."""
    rng = np.random.default_rng(seed) if not isinstance(seed, np.random.Generator) else seed
    k = loadings.shape[1]
    starts = [np.eye(k)] + [np.linalg.qr(rng.normal(size=(k, k)))[0] for _ in range(n_starts)]
    found = [_descend(loadings, criterion, T, max_iter) for T in starts]
    return min(found, key=lambda pair: pair[0])[1]


def _descend(
    loadings: FloatArray, criterion: Criterion, T: FloatArray, max_iter: int
) -> tuple[float, FloatArray]:
    step = 1.0
    L = loadings @ np.linalg.inv(T).T
    value, slope = criterion(L)
    for _ in range(max_iter):
        G = -(L.T @ slope @ np.linalg.inv(T)).T
        projected = G - T * (T * G).sum(axis=0)
        size = float((projected**2).sum())
        if size < 1e-20:
            break
        step *= 2.0
        for _ in range(30):
            X = T - step * projected
            trial = X / np.sqrt((X * X).sum(axis=0))
            turned = loadings @ np.linalg.inv(trial).T
            new, new_slope = criterion(turned)
            if new < value - 0.5 * step * size:
                break
            step /= 2.0
        else:
            break
        T, L, value, slope = trial, turned, new, new_slope
    return float(value), T


def stationarity(L: Any, Phi: Any, criterion: Criterion) -> Any:
    """Off-diagonal elements of ``Lambda' (df/dLambda) Phi^-1``, zero at an oblique optimum."""
    product = L.T @ criterion(L)[1] @ np.linalg.inv(Phi)
    k = len(product)
    return product[~np.eye(k, dtype=bool)]
