"""The one-factor model on stacks of covariance matrices: maximum likelihood and minres.

``Sigma = lambda lambda' + diag(psi)``. All draws of a bootstrap are fitted at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from recoverymetrics.reliability.moments import to_correlation
from recoverymetrics.typing import BoolArray, FloatArray

Objective = Callable[[FloatArray, FloatArray], tuple[FloatArray, FloatArray, FloatArray]]

MAX_STEPS = 200
GRADIENT_TOLERANCE = 1e-9


@dataclass(frozen=True)
class OneFactor:
    """Fit of one factor to each matrix of a stack.

    Attributes
    ----------
    loadings : ndarray, shape (..., p)
        Unstandardised loadings (factor variance 1), signed so that their sum is not negative.
    uniquenesses : ndarray, shape (..., p)
        Unique variances.
    converged : ndarray of bool, shape (...)
        Whether the gradient vanished.
    admissible : ndarray of bool, shape (...)
        Whether every unique variance is positive.
    """

    loadings: FloatArray
    uniquenesses: FloatArray
    converged: BoolArray
    admissible: BoolArray


def fit_one_factor(S: FloatArray, extraction: str = "ml", weights: FloatArray | None = None) -> OneFactor:
    """Fit one factor to covariances of shape ``(..., p, p)``, ``p >= 3``.

    Parameters
    ----------
    S : ndarray, shape (..., p, p)
        Covariance matrices.
    extraction : {"ml", "minres"}, default "ml"
        Normal-theory maximum likelihood (Fisher scoring), or least squares of the residual correlations
        (damped Newton). Both are fitted to correlations and scaled back, which changes nothing for ML.
    weights : ndarray, shape (p, p), optional
        Weights of the residual correlations for ``"minres"``; the inverse variances of polychoric
        correlations give the diagonally weighted least squares of categorical factor analysis.

    Returns
    -------
    OneFactor
    """
    stack = S.reshape(-1, *S.shape[-2:])
    sd = np.sqrt(np.diagonal(stack, axis1=-2, axis2=-1))
    R = to_correlation(stack)
    p = S.shape[-1]
    squares = _minres(np.ones((p, p)) if weights is None else weights)
    loadings, ok = _damped_newton(squares, _start(R), R)
    psi = 1 - loadings**2
    if extraction == "ml":
        start = np.concatenate([loadings, np.clip(psi, 0.1, 1.0)], axis=1)
        estimate, ok = _damped_newton(_likelihood, start, R)
        loadings, psi = estimate[:, :p], estimate[:, p:]
    sign = np.where(np.sum(loadings * sd, axis=1) < 0, -1.0, 1.0)[:, None]
    shape = S.shape[:-1]
    return OneFactor(
        (loadings * sign * sd).reshape(shape),
        (psi * sd**2).reshape(shape),
        np.asarray(ok).reshape(shape[:-1]),
        np.asarray((psi > 0).all(1)).reshape(shape[:-1]),
    )


def _start(R: FloatArray) -> FloatArray:
    values, vectors = np.linalg.eigh(R)
    start: FloatArray = 0.9 * vectors[..., -1] * np.sqrt(values[..., -1])[..., None]
    return np.clip(start, -0.95, 0.95)


def _minres(weights: FloatArray) -> Objective:
    """Half the weighted sum of squared residual correlations below the diagonal."""
    p = weights.shape[0]
    off = (weights / weights[~np.eye(p, dtype=bool)].mean()) * (1 - np.eye(p))

    def objective(x: FloatArray, R: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        product = x[:, :, None] * x[:, None, :]
        residual = off * (R - product)
        value = np.sum(residual * (R - product), axis=(1, 2)) / 4
        gradient = -np.einsum("bij,bj->bi", residual, x)
        hessian = off * product - residual + np.eye(p) * (x**2 @ off)[:, :, None]
        return value, gradient, hessian

    return objective


def least_squares_hessian(x: FloatArray, R: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Hessian of weighted minres at loadings ``x`` (p,), and the normalised weights, both (p, p)."""
    p = x.size
    off = (weights / weights[~np.eye(p, dtype=bool)].mean()) * (1 - np.eye(p))
    return _minres(weights)(x[None], R[None])[2][0], off


def _likelihood(x: FloatArray, R: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Discrepancy ``log|Sigma| + tr(R Sigma^-1)``, its gradient and Fisher information.

    The value is infinite where ``Sigma`` is not positive definite.
    """
    p = x.shape[1] // 2
    loading, psi = x[:, :p], x[:, p:]
    Sigma = loading[:, :, None] * loading[:, None, :] + np.eye(p) * psi[:, :, None]
    values, vectors = np.linalg.eigh(Sigma)
    good = values[:, 0] > 1e-10
    values = np.where(good[:, None], values, 1.0)
    W = np.asarray((vectors / values[:, None, :]) @ vectors.swapaxes(1, 2), dtype=float)
    fit = np.sum(np.log(values), axis=1) + np.sum(R * W, axis=(1, 2))
    pull = W - W @ R @ W
    a = np.einsum("bij,bj->bi", W, loading)
    gradient = np.concatenate(
        [2 * np.einsum("bij,bj->bi", pull, loading), np.diagonal(pull, axis1=1, axis2=2)], axis=1
    )
    return np.where(good, fit, np.inf), gradient, information(W, a, loading)


def information(W: FloatArray, a: FloatArray, loading: FloatArray) -> FloatArray:
    """``tr(W Sigma_k W Sigma_l)`` for loadings, then unique variances; ``a = W lambda``."""
    q = np.sum(a * loading, axis=1)[:, None, None]
    ll = 2 * (W * q + a[:, :, None] * a[:, None, :])
    lp = 2 * W * a[:, None, :]
    return np.concatenate(
        [np.concatenate([ll, lp], axis=2), np.concatenate([lp.swapaxes(1, 2), W**2], axis=2)], axis=1
    )


def observed_information(fit: OneFactor, S: FloatArray) -> FloatArray:
    """Hessian of the discrepancy at a maximum-likelihood fit to one matrix, shape (2p, 2p).

    Central differences of the analytic gradient, all parameters at once.
    """
    x = np.concatenate([fit.loadings, fit.uniquenesses])
    step = 1e-5 * np.maximum(np.abs(x), 1e-2)
    moved = np.concatenate([x + np.diag(step), x - np.diag(step)])
    gradient = _likelihood(moved, np.broadcast_to(S, (moved.shape[0], *S.shape)))[1]
    hessian: FloatArray = (gradient[: x.size] - gradient[x.size :]) / (2 * step[:, None])
    return (hessian + hessian.T) / 2


def _damped_newton(objective: Objective, x: FloatArray, R: FloatArray) -> tuple[FloatArray, BoolArray]:
    """Levenberg-Marquardt steps on all problems at once; those that are done are left alone."""
    x = x.copy()
    value, gradient, hessian = objective(x, R)
    damping = np.full(x.shape[0], 1e-3)
    done = np.abs(gradient).max(1) < GRADIENT_TOLERANCE
    for _ in range(MAX_STEPS):
        todo = np.flatnonzero(~done)
        if todo.size == 0:
            break
        step = _solve(hessian[todo], gradient[todo], damping[todo])
        trial = x[todo] - step
        new_value, new_gradient, new_hessian = objective(trial, R[todo])
        better = new_value <= value[todo] + 1e-14 * np.abs(value[todo])
        take = todo[better]
        x[take], value[take] = trial[better], new_value[better]
        gradient[take], hessian[take] = new_gradient[better], new_hessian[better]
        damping[todo] = np.where(better, damping[todo] * 0.1, damping[todo] * 10)
        done = (np.abs(gradient).max(1) < GRADIENT_TOLERANCE) | (damping > 1e12)
    return x, np.abs(gradient).max(1) < np.sqrt(GRADIENT_TOLERANCE)


def _solve(hessian: FloatArray, gradient: FloatArray, damping: FloatArray) -> FloatArray:
    diagonal = np.abs(np.diagonal(hessian, axis1=1, axis2=2)) + 1e-8
    ridge = np.eye(hessian.shape[1]) * (diagonal * damping[:, None])[:, :, None]
    solution: FloatArray = np.asarray(
        np.linalg.solve(hessian + ridge, gradient[..., None])[..., 0], dtype=float
    )
    return solution
