"""Extraction of common factors from a correlation matrix: arrays in, a frozen record out.

Least squares, maximum likelihood and generalised least squares share one form (Joreskog 1977): given the
uniquenesses, the best loadings are eigenvectors, and what is left is a sum over the small eigenvalues. Its exact
Hessian makes Newton steps cheap, five or six of them instead of dozens of gradient steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from recoverymetrics.typing import BoolArray, FloatArray

LOWER_BOUND = 0.005


@dataclass(frozen=True)
class Extraction:
    """Unrotated factors of ``p`` items.

    Attributes
    ----------
    loadings : ndarray, shape (p, k)
        Loadings; columns by decreasing sum of squares, each with a positive sum.
    uniquenesses : ndarray, shape (p,)
        Unique variances.
    objective : float
        Value of the method's own discrepancy function.
    iterations : int
        Steps.
    converged : bool
        The stopping rule was met.
    heywood : ndarray of bool, shape (p,)
        Uniqueness at its lower bound, or communality of 1 or more.
    """

    loadings: FloatArray
    uniquenesses: FloatArray
    objective: float
    iterations: int
    converged: bool
    heywood: BoolArray


@dataclass(frozen=True)
class _Step:
    value: float
    gradient: FloatArray
    hessian: Callable[[], FloatArray]


def start_uniquenesses(R: FloatArray, n_factors: int) -> FloatArray:
    """Joreskog's start: ``(1 - k / 2p) / diag(R^-1)``, from the smoothed inverse when ``R`` is singular."""
    p = R.shape[0]
    try:
        inverse = np.diag(np.linalg.inv(R))
    except np.linalg.LinAlgError:
        inverse = np.diag(np.linalg.pinv(R))
    start = (1.0 - 0.5 * n_factors / p) / np.where(inverse > 1.0, inverse, 2.0)
    return np.clip(start, 2 * LOWER_BOUND, 0.99)


def squared_multiple_correlations(R: FloatArray) -> FloatArray:
    """Squared multiple correlation of each item with all others, ``1 - 1 / diag(R^-1)``."""
    result: FloatArray = 1.0 - 1.0 / np.diag(np.linalg.pinv(R, hermitian=True))
    return result


def extract_least_squares(R: FloatArray, n_factors: int, weights: FloatArray | None = None) -> Extraction:
    """Minimise the squared off-diagonal residuals (minres, ULS; Harman & Jones 1966).

    Parameters
    ----------
    R : ndarray, shape (p, p)
        Correlations.
    n_factors : int
        Factors, ``1 <= k < p``.
    weights : ndarray, shape (p,), optional
        Minimise ``sum w_i w_j (r_ij - s_ij)^2`` instead.

    Returns
    -------
    Extraction
    """
    scale = np.ones(R.shape[0]) if weights is None else np.sqrt(weights)
    scaled = R * np.outer(scale, scale)

    def evaluate(psi: FloatArray) -> _Step:
        values, vectors = np.linalg.eigh(scaled - np.diag(psi * scale**2))
        small, large = values[:-n_factors], values[-n_factors:]
        left, kept = vectors[:, :-n_factors], vectors[:, -n_factors:]

        def hessian() -> FloatArray:
            # all products of eigenvectors would add up to the identity; those with a kept one weigh differently
            weight = small / np.minimum(small - large[:, None], -1e-10) - 1.0
            inner = (left * weight[:, None, :]) @ left.T
            curved = (
                np.eye(psi.size) - (kept @ kept.T) ** 2 + 2.0 * np.einsum("ik,jk,kij->ij", kept, kept, inner)
            )
            return curved * np.outer(scale, scale) ** 2

        return _Step(0.5 * float(small @ small), -(left**2 @ small) * scale**2, hessian)

    psi, step, iterations, converged = _newton(evaluate, start_uniquenesses(R, n_factors))
    loadings = _principal_loadings(scaled - np.diag(psi * scale**2), n_factors) / scale[:, None]
    return _finish(loadings, psi, step.value, iterations, converged)


def extract_weighted_least_squares(R: FloatArray, n_factors: int) -> Extraction:
    """Least squares with each residual weighted by ``1 - SMC`` of its two items.

    Items that share little with the others weigh more.

    Parameters
    ----------
    R : ndarray, shape (p, p)
        Correlations.
    n_factors : int
        Factors.

    Returns
    -------
    Extraction
    """
    return extract_least_squares(R, n_factors, 1.0 - squared_multiple_correlations(R))


def extract_maximum_likelihood(R: FloatArray, n_factors: int) -> Extraction:
    """Maximise the normal likelihood (Joreskog 1967).

    Parameters
    ----------
    R : ndarray, shape (p, p)
        Correlations, positive definite.
    n_factors : int
        Factors.

    Returns
    -------
    Extraction
        ``objective`` is ``log|Sigma| - log|R| + tr(R Sigma^-1) - p``.
    """
    return _scaled(R, n_factors, lambda t: t - np.log(t) - 1.0, lambda t: t - 1.0, lambda t: t)


def extract_generalised_least_squares(R: FloatArray, n_factors: int) -> Extraction:
    """Minimise ``tr((I - R^-1 Sigma)^2) / 2`` (Joreskog & Goldberger 1972).

    Parameters
    ----------
    R : ndarray, shape (p, p)
        Correlations, positive definite.
    n_factors : int
        Factors.

    Returns
    -------
    Extraction
    """
    return _scaled(
        R,
        n_factors,
        lambda t: 0.5 * (1.0 / t - 1.0) ** 2,
        lambda t: 1.0 / t - 1.0 / t**2,
        lambda t: -1.0 / t + 2.0 / t**2,
    )


Elementwise = Callable[[FloatArray], FloatArray]


def _scaled(
    R: FloatArray, n_factors: int, loss: Elementwise, slope: Elementwise, bend: Elementwise
) -> Extraction:
    """Minimise a sum of ``loss`` over the small eigenvalues of ``Psi^-1/2 R Psi^-1/2``.

    ``slope`` is ``t loss'(t)`` and ``bend`` is ``t slope'(t)``; the search runs over ``log psi``.
    """

    def coefficients(values: FloatArray) -> FloatArray:
        small, large = values[:-n_factors], values[-n_factors:]
        first = slope(small)
        gap = small[:, None] - small[None, :]
        near = np.abs(gap) < 1e-7
        total = small[:, None] + small[None, :]
        inner = 0.5 * (first[:, None] - first[None, :]) * total / np.where(near, 1.0, gap)
        inner = np.where(near, 0.5 * (bend(small)[:, None] + bend(small)[None, :]), inner)
        cross = first[:, None] * (small[:, None] + large) / np.minimum(small[:, None] - large, -1e-10)
        matrix = np.zeros((values.size, values.size))
        matrix[:-n_factors, :-n_factors] = inner
        matrix[:-n_factors, -n_factors:] = 0.5 * cross
        matrix[-n_factors:, :-n_factors] = 0.5 * cross.T
        return matrix

    def evaluate(log_psi: FloatArray) -> _Step:
        root = np.exp(-0.5 * log_psi)
        values, vectors = np.linalg.eigh(R * np.outer(root, root))
        values = np.maximum(values, 1e-12)
        small = values[:-n_factors]
        return _Step(
            float(loss(small).sum()),
            -(vectors[:, :-n_factors] ** 2 @ slope(small)),
            lambda: _curvature(vectors, coefficients(values)),
        )

    bounds = np.log(LOWER_BOUND)
    start = np.log(start_uniquenesses(R, n_factors))
    log_psi, step, iterations, converged = _newton(evaluate, start, bounds)
    psi = np.exp(log_psi)
    root = np.sqrt(psi)
    values, vectors = np.linalg.eigh(R / np.outer(root, root))
    top = np.maximum(values[: -n_factors - 1 : -1] - 1.0, 0.0)
    loadings = root[:, None] * vectors[:, : -n_factors - 1 : -1] * np.sqrt(top)
    return _finish(loadings, psi, step.value, iterations, converged)


def extract_principal_axis(
    R: FloatArray,
    n_factors: int,
    *,
    tolerance: float = 1e-9,
    max_iterations: int = 10_000,
    criterion: str = "sum",
) -> Extraction:
    """Iterate eigenvectors of the reduced correlation matrix until the communalities stand still.

    Parameters
    ----------
    R : ndarray, shape (p, p)
        Correlations.
    n_factors : int
        Factors.
    tolerance : float, default 1e-9
        Change at which to stop; 0.001 is what most programmes use, far from the solution.
    max_iterations : int, default 10000
        Limit.
    criterion : {"sum", "max"}, default "sum"
        Change of the sum of the communalities, or largest change of a communality.

    Returns
    -------
    Extraction
    """
    communality = squared_multiple_correlations(R)
    converged = False
    for iteration in range(1, max_iterations + 1):  # noqa: B007
        reduced = R - np.diag(1.0 - communality)
        loadings = _principal_loadings(reduced, n_factors)
        new = np.sum(loadings**2, axis=1)
        change = (
            abs(new.sum() - communality.sum()) if criterion == "sum" else np.max(np.abs(new - communality))
        )
        communality = new
        if change < tolerance:
            converged = True
            break
    residual = R - loadings @ loadings.T
    np.fill_diagonal(residual, 0.0)
    return _finish(loadings, 1.0 - communality, 0.5 * float(np.sum(residual**2)), iteration, converged)


def extract_alpha(
    R: FloatArray, n_factors: int, *, tolerance: float = 1e-10, max_iterations: int = 5000
) -> Extraction:
    """Alpha factoring: factors with maximal generalisability (Kaiser & Caffrey 1965).

    Parameters
    ----------
    R : ndarray, shape (p, p)
        Correlations.
    n_factors : int
        Factors.
    tolerance, max_iterations
        Largest change of a communality at which to stop, and limit of iterations.

    Returns
    -------
    Extraction
    """
    communality = squared_multiple_correlations(R)
    converged = False
    for iteration in range(1, max_iterations + 1):  # noqa: B007
        root = np.sqrt(np.maximum(communality, 1e-8))
        reduced = (R - np.diag(1.0 - communality)) / np.outer(root, root)
        loadings = root[:, None] * _principal_loadings(reduced, n_factors)
        new = np.minimum(np.sum(loadings**2, axis=1), 1.0 - LOWER_BOUND)
        change = np.max(np.abs(new - communality))
        communality = new
        if change < tolerance:
            converged = True
            break
    residual = R - loadings @ loadings.T
    np.fill_diagonal(residual, 0.0)
    order = np.argsort(-np.sum(loadings**2, axis=0), kind="stable")
    return _finish(
        loadings[:, order], 1.0 - communality, 0.5 * float(np.sum(residual**2)), iteration, converged
    )


def extract_components(R: FloatArray, n_factors: int) -> Extraction:
    """Principal components scaled to loadings; not a common factor model.

    Parameters
    ----------
    R : ndarray, shape (p, p)
        Correlations.
    n_factors : int
        Components.

    Returns
    -------
    Extraction
    """
    loadings = _principal_loadings(R, n_factors)
    residual = R - loadings @ loadings.T
    uniquenesses = 1.0 - np.sum(loadings**2, axis=1)
    return _finish(loadings, uniquenesses, 0.5 * float(np.sum(residual**2)), 1, True)


def _curvature(vectors: FloatArray, coefficients: FloatArray) -> FloatArray:
    """``sum_mn c_mn v_im v_jm v_in v_jn`` for all i, j."""
    products = vectors[:, None, :] * vectors[None, :, :]
    p = vectors.shape[0]
    flat = products.reshape(p * p, p)
    hessian: FloatArray = np.einsum("ij,ij->i", flat @ coefficients, flat).reshape(p, p)
    return hessian


def _newton(
    evaluate: Callable[[FloatArray], _Step],
    start: FloatArray,
    bound: float = LOWER_BOUND,
    *,
    tolerance: float = 1e-9,
    max_iterations: int = 200,
) -> tuple[FloatArray, _Step, int, bool]:
    """Newton steps on the variables that are off their lower bound, halved until the value falls."""
    at = np.maximum(start, bound)
    step = evaluate(at)
    for iteration in range(1, max_iterations + 1):
        free = (at > bound) | (step.gradient < 0)
        if not free.any() or np.max(np.abs(step.gradient[free])) < tolerance:
            return at, step, iteration, True
        direction = np.zeros_like(at)
        direction[free] = -_solve_positive(step.hessian()[np.ix_(free, free)], step.gradient[free])
        size = 1.0
        while size > 1e-10:
            candidate = np.maximum(at + size * direction, bound)
            trial = evaluate(candidate)
            if trial.value <= step.value + 1e-4 * float(step.gradient @ (candidate - at)) + 1e-15:
                break
            size *= 0.5
        else:
            return at, step, iteration, bool(np.max(np.abs(step.gradient[free])) < 1e-6)
        at, step = candidate, trial
    return at, step, iteration, False


def _solve_positive(hessian: FloatArray, gradient: FloatArray) -> FloatArray:
    """Newton direction; where the surface curves down, its mirror image."""
    try:
        np.linalg.cholesky(hessian)
        direction: FloatArray = np.asarray(np.linalg.solve(hessian, gradient), dtype=float)
        return direction
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(hessian)
        size = np.maximum(np.abs(values), 1e-3 * np.max(np.abs(values)))
        mirrored: FloatArray = vectors @ ((vectors.T @ gradient) / size)
        return mirrored


def _principal_loadings(reduced: FloatArray, n_factors: int) -> FloatArray:
    values, vectors = np.linalg.eigh(reduced)
    top = np.maximum(values[: -n_factors - 1 : -1], 0.0)
    loadings: FloatArray = vectors[:, : -n_factors - 1 : -1] * np.sqrt(top)
    return loadings


def _finish(
    loadings: FloatArray, psi: FloatArray, objective: float, iterations: int, converged: bool
) -> Extraction:
    signs = np.where(loadings.sum(axis=0) < 0, -1.0, 1.0)
    heywood = (psi <= LOWER_BOUND * 1.000001) | (np.sum(loadings**2, axis=1) >= 1.0)
    return Extraction(loadings * signs, psi, objective, iterations, converged, heywood)
