"""Minimise a rotation criterion from many starts at once: arrays in, a frozen record out.

Gradients are projected on the rotations (Jennrich 2001, 2002), in coordinates that move with the factors: oblique
axes go from ``T`` to ``T (I + X)`` with columns scaled to unit length and a zero diagonal of ``X``, orthogonal ones
to ``T (I - X / 2)^-1 (I + X / 2)`` with ``X`` skew. There are only ``k (k - 1)`` of them, or half, so second-order
steps cost hardly more than gradient steps and take tens instead of thousands of them where the criterion is flat:
the curvature comes from differences of exact gradients, all starts and directions in one stack, is made positive by
the absolute values of its eigenvalues, so that saddle points repel, and is carried on by BFGS updates in between.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from recoverymetrics.efa.criteria import RotationCriterion, stacked_inverse
from recoverymetrics.typing import BoolArray, FloatArray, IntArray

RADIUS = 0.7  # longest step, below 1 so that I + X has an inverse
DIFFERENCE = 1e-5  # of the gradients that give the curvature
FLATTEST = 1e-4  # smallest curvature as a share of the largest
SHRINK, HALVINGS = 0.3, 30  # of a step that does not fall enough


@dataclass(frozen=True)
class Minima:
    """Where ``s`` starts ended.

    Attributes
    ----------
    T : ndarray, shape (s, k, k)
        Transformations.
    value : ndarray, shape (s,)
        Criterion.
    size : ndarray, shape (s,)
        Norm of the gradient.
    iterations : int
        Steps of the slowest start.
    """

    T: FloatArray
    value: FloatArray
    size: FloatArray
    iterations: int


@dataclass(frozen=True)
class _Place:
    """Where the starts that are still on their way stand."""

    start: IntArray
    T: FloatArray
    value: FloatArray
    gradient: FloatArray
    inverse: FloatArray


@dataclass(frozen=True)
class _Problem:
    """Unrotated loadings, criterion, and the free elements of ``X``."""

    A: FloatArray
    criterion: RotationCriterion
    rows: IntArray
    columns: IntArray

    def move(self, T: FloatArray, x: FloatArray) -> FloatArray:
        """Transformations that lie ``x``, shape (s, d), away from ``T``."""
        k = T.shape[1]
        if not self.criterion.oblique:
            half = np.zeros((len(x), k, k))
            half[:, self.rows, self.columns] = 0.5 * x
            half[:, self.columns, self.rows] = -0.5 * x
            turned: FloatArray = T @ np.linalg.solve(np.eye(k) - half, np.eye(k) + half)
            return turned
        X = np.zeros((len(x), k * k))
        X[:, :: k + 1] = 1.0
        X[:, k * self.rows + self.columns] = x
        moved = T @ X.reshape(-1, k, k)
        unit: FloatArray = moved / np.sqrt(np.einsum("sij,sij->sj", moved, moved))[:, None, :]
        return unit

    def evaluate(self, T: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Criterion, shape (s,), and its gradient in the coordinates at ``T``, shape (s, d)."""
        oblique = self.criterion.oblique
        L = self.A @ (stacked_inverse(T).transpose(0, 2, 1) if oblique else T)
        value, slope = self.criterion.evaluate(L)
        cross = L.transpose(0, 2, 1) @ slope
        if oblique:
            phi = T.transpose(0, 2, 1) @ T
            gradient = phi * np.einsum("sjj->sj", cross)[:, None, :] - cross.transpose(0, 2, 1)
        else:
            gradient = cross - cross.transpose(0, 2, 1)
        return value, gradient[:, self.rows, self.columns]


def minimise(
    A: FloatArray, criterion: RotationCriterion, T: FloatArray, tolerance: float, max_iterations: int
) -> Minima:
    """Go from every start to a minimum.

    Parameters
    ----------
    A : ndarray, shape (p, k)
        Unrotated loadings.
    criterion : RotationCriterion
        What to minimise.
    T : ndarray, shape (s, k, k)
        Starts: orthogonal matrices, or for oblique criteria matrices with columns of unit length.
    tolerance : float
        Norm of the gradient at which a start has arrived.
    max_iterations : int
        Limit of steps.

    Returns
    -------
    Minima
    """
    problem = _problem(A, criterion)
    value, gradient = problem.evaluate(T)
    found = Minima(T.copy(), value, _norm(gradient), 0)
    start = np.flatnonzero(found.size > tolerance)
    d = gradient.shape[1]
    at = _Place(start, T[start], value[start], gradient[start], np.empty((start.size, d, d)))
    every, age, iteration = max(4, d // 2), 0, 0  # a new curvature costs d gradients
    while at.start.size and iteration < max_iterations:
        iteration += 1
        if age == 0:
            at = replace(at, inverse=_inverse_curvature(problem, at.T, at.gradient))
        at, failed = _step(problem, at)
        found.T[at.start], found.value[at.start] = at.T, at.value
        found.size[at.start] = size = _norm(at.gradient)
        stuck = failed if age == 0 else False
        going = np.flatnonzero((size > tolerance) & ~stuck)
        age = 0 if failed.any() else (age + 1) % every
        if going.size < size.size:
            at = _Place(at.start[going], at.T[going], at.value[going], at.gradient[going], at.inverse[going])
    return replace(found, iterations=iteration)


def _problem(A: FloatArray, criterion: RotationCriterion) -> _Problem:
    k = A.shape[1]
    rows, columns = np.nonzero(~np.eye(k, dtype=bool)) if criterion.oblique else np.triu_indices(k, 1)
    return _Problem(A, criterion, rows, columns)


def _step(problem: _Problem, at: _Place) -> tuple[_Place, BoolArray]:
    """Newton-like steps, shortened until they fall enough (Armijo); what cannot fall keeps its place."""
    step = -(at.inverse @ at.gradient[:, :, None])[:, :, 0]
    step *= np.minimum(1.0, RADIUS / np.maximum(_norm(step), 1e-300))[:, None]
    ceiling = at.value + 1e-14 * np.abs(at.value)
    slope = 1e-4 * np.einsum("si,si->s", step, at.gradient)
    T = problem.move(at.T, step)
    value, gradient = problem.evaluate(T)
    high = np.flatnonzero(~(value <= ceiling + slope))
    for _ in range(HALVINGS):
        if high.size == 0:
            break
        step[high] *= SHRINK
        slope[high] *= SHRINK
        T[high] = problem.move(at.T[high], step[high])
        value[high], gradient[high] = problem.evaluate(T[high])
        high = high[~(value[high] <= ceiling[high] + slope[high])]
    failed = np.zeros(len(T), dtype=bool)
    failed[high] = True
    step[high], T[high], value[high], gradient[high] = 0.0, at.T[high], at.value[high], at.gradient[high]
    return _Place(at.start, T, value, gradient, _updated(at.inverse, step, gradient - at.gradient)), failed


def _inverse_curvature(problem: _Problem, T: FloatArray, gradient: FloatArray) -> FloatArray:
    """Inverse of the Hessian with the absolute values of its eigenvalues, shape (s, d, d)."""
    s, d = gradient.shape
    shifts = np.tile(DIFFERENCE * np.eye(d), (s, 1))
    shifted = problem.evaluate(problem.move(np.repeat(T, d, axis=0), shifts))[1].reshape(s, d, d)
    hessian = (shifted - gradient[:, None, :]) / DIFFERENCE
    broken = ~np.isfinite(hessian).all(axis=(1, 2))
    hessian[broken] = np.eye(d)
    hessian = 0.5 * (hessian + hessian.transpose(0, 2, 1))
    try:
        np.linalg.cholesky(hessian)
        inverse: FloatArray = np.asarray(np.linalg.inv(hessian), dtype=float)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(hessian)
        size = np.abs(values)
        size = np.maximum(size, FLATTEST * size.max(axis=1, keepdims=True) + 1e-300)
        inverse = (vectors / size[:, None, :]) @ vectors.transpose(0, 2, 1)
    return inverse


def _updated(inverse: FloatArray, step: FloatArray, bend: FloatArray) -> FloatArray:
    """BFGS update of inverse Hessians; left alone where the surface does not curve up along the step."""
    product = np.einsum("si,si->s", step, bend)
    curved = product > 1e-10 * _norm(step) * _norm(bend)
    weight = np.where(curved, 1.0 / np.where(curved, product, 1.0), 0.0)
    turned = (inverse @ bend[:, :, None])[:, :, 0]
    scaled = step * weight[:, None]
    cross = turned[:, :, None] * scaled[:, None, :]
    growth = 1.0 + weight * np.einsum("si,si->s", bend, turned)
    outer = (growth[:, None] * scaled)[:, :, None] * step[:, None, :]
    updated: FloatArray = inverse - cross - cross.transpose(0, 2, 1) + outer
    return updated


def _norm(x: FloatArray) -> FloatArray:
    length: FloatArray = np.sqrt(np.einsum("si,si->s", x, x))
    return length
