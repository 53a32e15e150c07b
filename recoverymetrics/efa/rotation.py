"""Rotation of loadings to the best minimum of a criterion over several starts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recoverymetrics.efa.criteria import Promax, RotationCriterion, Varimax
from recoverymetrics.efa.descent import minimise
from recoverymetrics.errors import OptionError
from recoverymetrics.numerics.seeds import generator
from recoverymetrics.typing import FloatArray, Seed

COLLAPSED = 1e-3  # smallest singular value of axes that are still apart


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
        The projected gradient of the best start vanished, its factors apart.
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
    max_iterations: int = 500,
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
        Norm of the gradient (in coordinates that move with the factors) at which a start has converged.
    max_iterations : int, default 500
        Limit of steps.

    Returns
    -------
    Rotation
        Of the start with the lowest value; starts whose factors fell into one another, where the criterion has no
        minimum, count only when all did.
    """
    if n_starts < 1:
        raise OptionError(f"n_starts={n_starts!r} must be at least 1.")
    p, k = loadings.shape
    if k == 1:
        return Rotation(loadings, np.eye(1), np.eye(1), float("nan"), True, 1, 1, 0)
    if isinstance(criterion, Promax):
        return _promax(loadings, criterion, n_starts, seed)
    length = np.sqrt(np.sum(loadings**2, axis=1, keepdims=True)) if criterion.normalize else np.ones((p, 1))
    length = np.where(length > 0, length, 1.0)
    A = loadings / length
    starts = _starts(A, criterion, n_starts, seed, start)
    found = minimise(A, criterion, starts, tolerance, max_iterations)
    T, value = found.T, np.nan_to_num(found.value, nan=np.inf)
    apart = np.linalg.svd(T, compute_uv=False)[:, -1] > COLLAPSED
    best = int(np.argmin(np.where(apart, value, np.inf) if apart.any() else value))
    n_best = int(np.sum(value < value[best] + 1e-6 * max(1.0, abs(value[best]))))
    inverse = np.linalg.inv(T[best])
    pattern = length * (A @ inverse.T) if criterion.oblique else length * (A @ T[best])
    phi = T[best].T @ T[best] if criterion.oblique else np.eye(k)
    settled = bool(found.size[best] < max(tolerance, 1e-5) and apart[best])
    return Rotation(
        pattern, phi, T[best], float(value[best]), settled, len(starts), n_best, found.iterations
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
    base = rotate(A, Varimax(), n_starts=1, start=turned, tolerance=1e-2)
    try:
        return _target_axes(base.loadings, base.transformation, Promax(target="cluster"))
    except np.linalg.LinAlgError:  # a factor on which no item loads most
        return turned


def _promax(loadings: FloatArray, criterion: Promax, n_starts: int, seed: Seed) -> Rotation:
    base = rotate(loadings, Varimax(normalize=criterion.normalize), n_starts=n_starts, seed=seed)
    T = _target_axes(base.loadings, base.transformation, criterion)
    return Rotation(
        loadings @ np.linalg.inv(T).T, T.T @ T, T, float("nan"), base.converged, base.n_starts, base.n_best,
        base.iterations,
    )  # fmt: skip


def _target_axes(x: FloatArray, varimax: FloatArray, criterion: Promax) -> FloatArray:
    """Axes of the least-squares fit of varimax loadings ``x`` to their own target."""
    length = np.sqrt(np.maximum(np.sum(x * x, axis=1, keepdims=True), 1e-300))
    unit = x / length
    target = np.sign(x) * np.abs(x if criterion.target == "raw" else unit) ** criterion.power
    if criterion.target == "cluster":
        target = np.sign(x) * (np.abs(x) == np.abs(x).max(axis=1, keepdims=True))
    U = np.linalg.lstsq(unit if criterion.target == "kaiser" else x, target, rcond=None)[0]
    U = U * np.sqrt(np.diag(np.linalg.inv(U.T @ U)))
    axes: FloatArray = np.linalg.inv(varimax @ U).T  # loadings = A T_varimax U = A inv(T)'
    return axes
