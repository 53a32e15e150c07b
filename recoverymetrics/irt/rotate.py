"""Rotation of exploratory solutions by gradient projection (Jennrich 2001, 2002; Bernaards & Jennrich 2005)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from recoverymetrics.errors import OptionError
from recoverymetrics.irt.calibration import Estimated
from recoverymetrics.irt.persons import full_slopes, rows_of_group
from recoverymetrics.typing import FloatArray

LOGISTIC = 1.702
"""Scale at which the logistic curve stands for a normal ogive."""
Criterion = Callable[[FloatArray], tuple[float, FloatArray]]


def loading_frame(est: Estimated, rotation: str | None = None) -> pd.DataFrame:
    """Standardised loadings of the first group, rotated if asked for (by default: exploratory models)."""
    factors = est.layout.structure.factors
    name = (
        ("oblimin" if est.layout.structure.exploratory else "none") if rotation is None else rotation.lower()
    )
    if name not in ("none", *CRITERIA):
        raise OptionError(f"unknown rotation {rotation!r}; choose one of none, {', '.join(CRITERIA)}.")
    A = np.zeros((len(est.layout.items), len(factors)))
    for batch, rows in rows_of_group(est.layout, 0):
        A[batch.items[rows]] = full_slopes(batch, rows, est.extended[batch.slots], len(factors))
    phi = np.eye(len(factors))
    D = est.layout.n_primary
    phi[:D, :D] = est.layout.moments(est.extended, 0)[1]
    spread = np.sqrt(LOGISTIC**2 + np.einsum("jd,de,je->j", A, phi, A))
    loadings = A * np.sqrt(np.diag(phi)) / spread[:, None]
    scale = np.sqrt(np.diag(phi))
    correlations = phi / np.outer(scale, scale)
    if name != "none" and len(factors) > 1:
        loadings, correlations = rotate(loadings, name)
    frame = pd.DataFrame(loadings, index=list(est.layout.items), columns=list(factors))
    frame.attrs["factor_correlations"] = pd.DataFrame(correlations, index=factors, columns=factors).to_dict()
    return frame


def quartimin(L: FloatArray) -> tuple[float, FloatArray]:
    """Sum of products of squared loadings of different factors."""
    squared = L**2
    others = squared.sum(axis=1, keepdims=True) - squared
    return float(np.sum(squared * others)) / 4, L * others


def varimax(L: FloatArray) -> tuple[float, FloatArray]:
    """Minus the variance of squared loadings within factors."""
    squared = L**2 - np.mean(L**2, axis=0)
    return -float(np.sum(squared**2)) / 4, -L * squared


def geomin(L: FloatArray, epsilon: float = 0.01) -> tuple[float, FloatArray]:
    """Sum of the geometric means of squared loadings."""
    squared = L**2 + epsilon
    means = np.exp(np.mean(np.log(squared), axis=1, keepdims=True))
    return float(means.sum()), 2 / L.shape[1] * L / squared * means


CRITERIA: dict[str, tuple[Criterion, bool]] = {
    "oblimin": (quartimin, True),
    "quartimin": (quartimin, True),
    "geomin": (geomin, True),
    "varimax": (varimax, False),
}
"""Criterion and whether it is oblique; oblimin with gamma = 0 is quartimin."""


def rotate(A: FloatArray, name: str, *, n_starts: int = 20) -> tuple[FloatArray, FloatArray]:
    """Best of several starts: rotated loadings and factor correlations, factors turned to positive sums."""
    criterion, oblique = CRITERIA[name]
    rng = np.random.default_rng(5)
    D = A.shape[1]
    starts = [np.eye(D)] + [np.linalg.qr(rng.standard_normal((D, D)))[0] for _ in range(n_starts - 1)]
    found = [_project(A, start, criterion, oblique) for start in starts]
    _, T = min(found, key=lambda pair: pair[0])
    L = A @ np.linalg.inv(T).T
    order = np.argsort(-np.sum(L**2, axis=0))
    sign = np.where(L.sum(axis=0) < 0, -1.0, 1.0)
    L, T = (L * sign)[:, order], (T * sign)[:, order]
    return L, T.T @ T


def _project(A: FloatArray, T: FloatArray, criterion: Criterion, oblique: bool) -> tuple[float, FloatArray]:
    step = 1.0
    for _ in range(1000):
        inverse = np.linalg.inv(T)
        L = A @ inverse.T
        value, slope = criterion(L)
        G = -(L.T @ slope @ inverse).T if oblique else A.T @ slope
        if oblique:
            P = G - T * np.sum(T * G, axis=0)
        else:
            M = T.T @ G
            P = G - T @ (M + M.T) / 2
        size = float(np.linalg.norm(P))
        if size < 1e-7:
            break
        step *= 2
        for _ in range(30):
            X = T - step * P
            if oblique:
                trial = X / np.sqrt(np.sum(X**2, axis=0))
            else:
                u, _, v = np.linalg.svd(X)
                trial = u @ v
            if criterion(A @ np.linalg.inv(trial).T)[0] < value - 0.5 * size**2 * step:
                break
            step /= 2
        T = trial
    return criterion(A @ np.linalg.inv(T).T)[0], T
