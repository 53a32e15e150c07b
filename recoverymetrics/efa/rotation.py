"""Gradient projection rotation (Jennrich 2001, 2002) of all random starts at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recoverymetrics.efa.criteria import Promax, RotationCriterion, Varimax
from recoverymetrics.numerics.seeds import generator
from recoverymetrics.typing import BoolArray, FloatArray, Seed


@dataclass(frozen=True)
class Rotation:
    """Rotated loadings.

    Attributes
    ----------
    loadings : ndarray, shape (p, k)
        Pattern loadings.
    phi : ndarray, shape (k, k)
        Factor correlations.
    transformation : ndarray, shape (k, k)
        ``T`` with ``loadings = A inv(T)'`` and ``phi = T'T``.
    value : float
        Criterion at the solution (NaN for promax).
    converged : bool
        The projected gradient of the best start vanished.
    n_starts : int
        Starts tried.
    n_best : int
        Starts that ended at the best value: how sure the global minimum is.
    iterations : int
        Steps of the slowest start.
    """

    loadings: FloatArray
    phi: FloatArray
    transformation: FloatArray
    value: float
    converged: bool
    n_starts: int
    n_best: int
    iterations: int


def rotate(
    loadings: FloatArray,
    criterion: RotationCriterion,
    *,
    n_starts: int = 10,
    seed: Seed = 0,
    start: FloatArray | None = None,
    tolerance: float = 1e-7,
    max_iterations: int = 2000,
) -> Rotation:
    """Rotate loadings to the best minimum over several starts.

    Parameters
    ----------
    loadings : ndarray, shape (p, k)
        Unrotated (orthogonal) loadings.
    criterion : RotationCriterion
        What to minimise.
    n_starts : int, default 10
        The first start is the identity, the others are random orthogonal matrices.
    seed : int or Generator, default 0
        Of the random starts.
    start : ndarray, shape (k, k), optional
        First start instead of the identity.
    tolerance : float, default 1e-7
        Norm of the projected gradient at which a start has converged.
    max_iterations : int, default 2000
        Limit of steps.

    Returns
    -------
    Rotation
    """
    p, k = loadings.shape
    if k == 1:
        return Rotation(loadings, np.eye(1), np.eye(1), float("nan"), True, 1, 1, 0)
    if isinstance(criterion, Promax):
        return _promax(loadings, criterion, n_starts, seed)
    length = np.sqrt(np.sum(loadings**2, axis=1, keepdims=True)) if criterion.normalize else np.ones((p, 1))
    length = np.where(length > 0, length, 1.0)
    A = loadings / length
    starts = _starts(A, criterion, n_starts, seed, start)
    T, value, size, iterations = _project(A, criterion, starts, tolerance, max_iterations)
    best = int(np.nanargmin(value))
    n_best = int(np.sum(value < value[best] + 1e-6 * max(1.0, abs(value[best]))))
    inverse = np.linalg.inv(T[best])
    pattern = length * (A @ inverse.T) if criterion.oblique else length * (A @ T[best])
    phi = T[best].T @ T[best] if criterion.oblique else np.eye(k)
    settled = bool(size[best] < max(tolerance, 1e-5))
    return Rotation(
        pattern, phi, T[best], float(value[best]), settled, len(starts), n_best, iterations
    )  # fmt: skip


def reorder(rotation: Rotation, order: npt.NDArray[np.intp], signs: FloatArray) -> Rotation:
    """Permute and reflect factors."""
    phi = rotation.phi[np.ix_(order, order)] * np.outer(signs, signs)
    return Rotation(
        rotation.loadings[:, order] * signs, phi, rotation.transformation[:, order] * signs, rotation.value,
        rotation.converged, rotation.n_starts, rotation.n_best, rotation.iterations,
    )  # fmt: skip


def _starts(
    A: FloatArray, criterion: RotationCriterion, n_starts: int, seed: Seed, first: FloatArray | None
) -> FloatArray:
    """The identity (or ``first``), oblique axes through the varimax clusters, and random orthogonal matrices.

    Simple structure of highly correlated factors lies in a narrow valley far from every orthogonal start; the
    clusters lead into it.
    """
    k = A.shape[1]
    first = np.eye(k) if first is None else first
    q, r = np.linalg.qr(generator(seed).standard_normal((max(n_starts - 1, 0), k, k)))
    turned: FloatArray = q * np.sign(np.einsum("sii->si", r))[:, None, :]
    if criterion.oblique and len(turned):
        turned[0] = _cluster_start(A, turned[0])
    return np.concatenate([first[None], turned])


def _cluster_start(A: FloatArray, turned: FloatArray) -> FloatArray:
    """Axes through the clusters of a varimax solution that starts off its own saddle points."""
    base = rotate(A, Varimax(), n_starts=1, start=turned, tolerance=1e-4)
    try:
        return _target_axes(base, Promax(target="cluster"))
    except np.linalg.LinAlgError:  # a factor on which no item loads most
        return turned


def _project(
    A: FloatArray, criterion: RotationCriterion, T: FloatArray, tolerance: float, max_iterations: int
) -> tuple[FloatArray, FloatArray, FloatArray, int]:
    """Projected gradient steps with Barzilai-Borwein lengths, halved until the criterion falls enough."""
    oblique = criterion.oblique
    value, gradient = _evaluate(A, criterion, T)
    projected = _tangent(T, gradient, oblique)
    size = np.sqrt(np.sum(projected**2, axis=(1, 2)))
    step = np.full(len(T), 1.0)
    active = np.flatnonzero(size > tolerance)
    for iteration in range(1, max_iterations + 1):  # noqa: B007
        if active.size == 0:
            break
        at = T[active]
        moved, new_value, new_gradient, accepted = _search(
            A, criterion, at, value[active], projected[active], step[active], size[active]
        )
        new_projected = _tangent(moved, new_gradient, oblique)
        difference, bend = moved - at, new_projected - projected[active]
        curvature = np.sum(difference * bend, axis=(1, 2))
        length = np.sum(difference * difference, axis=(1, 2))
        with np.errstate(divide="ignore", invalid="ignore"):
            guess = np.where(curvature > 1e-300, length / curvature, 2.0 * step[active])
        step[active] = np.clip(guess, 1e-6, 1e3)
        T[active], value[active], projected[active] = moved, new_value, new_projected
        size[active] = np.sqrt(np.sum(new_projected**2, axis=(1, 2)))
        active = active[(size[active] > tolerance) & accepted]
    return T, value, size, iteration


def _search(
    A: FloatArray,
    criterion: RotationCriterion,
    T: FloatArray,
    value: FloatArray,
    projected: FloatArray,
    step: FloatArray,
    size: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray, BoolArray]:
    """Armijo steps; a start that cannot fall any more keeps its place."""
    moved = _retract(T - step[:, None, None] * projected, criterion.oblique)
    new_value, gradient = _evaluate(A, criterion, moved)
    pending = np.flatnonzero(~(new_value <= value - 1e-4 * step * size**2 + 1e-14 * np.abs(value)))
    step = step.copy()
    for _ in range(40):
        if pending.size == 0:
            break
        step[pending] *= 0.4
        trial = _retract(T[pending] - step[pending, None, None] * projected[pending], criterion.oblique)
        moved[pending] = trial
        new_value[pending], gradient[pending] = _evaluate(A, criterion, trial)
        limit = value[pending] - 1e-4 * step[pending] * size[pending] ** 2 + 1e-14 * np.abs(value[pending])
        pending = pending[~(new_value[pending] <= limit)]
    accepted = np.ones(len(T), dtype=bool)
    if pending.size:
        accepted[pending] = False
        moved[pending] = T[pending]
        new_value[pending], gradient[pending] = _evaluate(A, criterion, T[pending])
    return moved, new_value, gradient, accepted


def _evaluate(A: FloatArray, criterion: RotationCriterion, T: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Criterion and its gradient in ``T``."""
    if not criterion.oblique:
        value, slope = criterion.evaluate(A @ T)
        return value, A.T @ slope
    inverse = np.linalg.inv(T)
    L = A @ inverse.transpose(0, 2, 1)
    value, slope = criterion.evaluate(L)
    return value, -(L.transpose(0, 2, 1) @ slope @ inverse).transpose(0, 2, 1)


def _tangent(T: FloatArray, gradient: FloatArray, oblique: bool) -> FloatArray:
    if oblique:
        return gradient - T * np.sum(T * gradient, axis=1, keepdims=True)
    cross = T.transpose(0, 2, 1) @ gradient
    return gradient - T @ (0.5 * (cross + cross.transpose(0, 2, 1)))


def _retract(X: FloatArray, oblique: bool) -> FloatArray:
    if oblique:
        unit: FloatArray = X / np.sqrt(np.sum(X * X, axis=1, keepdims=True))
        return unit
    u, _, vt = np.linalg.svd(X)
    rotated: FloatArray = u @ vt
    return rotated


def _promax(loadings: FloatArray, criterion: Promax, n_starts: int, seed: Seed) -> Rotation:
    base = rotate(loadings, Varimax(normalize=criterion.normalize), n_starts=n_starts, seed=seed)
    T = _target_axes(base, criterion)
    return Rotation(
        loadings @ np.linalg.inv(T).T, T.T @ T, T, float("nan"), base.converged, base.n_starts, base.n_best,
        base.iterations,
    )  # fmt: skip


def _target_axes(base: Rotation, criterion: Promax) -> FloatArray:
    """Axes ``T`` of the least-squares fit of a varimax solution to its own target."""
    x = base.loadings
    length = np.sqrt(np.maximum(np.sum(x * x, axis=1, keepdims=True), 1e-300))
    unit = x / length
    target = np.sign(x) * np.abs(x if criterion.target == "raw" else unit) ** criterion.power
    if criterion.target == "cluster":
        target = np.sign(x) * (np.abs(x) == np.abs(x).max(axis=1, keepdims=True))
    U = np.linalg.lstsq(unit if criterion.target == "kaiser" else x, target, rcond=None)[0]
    U = U * np.sqrt(np.diag(np.linalg.inv(U.T @ U)))
    axes: FloatArray = np.linalg.inv(base.transformation @ U).T  # loadings = A T_varimax U = A inv(T)'
    return axes
