"""Minimisation by scoring: Newton steps with an information matrix, damped, with a quasi-Newton fallback."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from recoverymetrics.numerics.arrow import Arrow, ArrowFactor
from recoverymetrics.typing import FloatArray

ValueGradient = Callable[[FloatArray], tuple[float, FloatArray]]
Metric = Callable[[FloatArray], FloatArray]

MAX_HALVINGS = 25
ARMIJO = 1e-4
NEWTON_FROM = 2
NEAR = 0.05
"""Predicted decrease below which Newton steps do better than scoring steps."""
SINGULAR = 1e-14
QUADRATIC = 1e6
"""A Newton step squares the error, so its predicted decrease may be this much larger before the last step."""


@dataclass(frozen=True)
class Minimum:
    """Outcome of a minimisation.

    Attributes
    ----------
    x : ndarray, shape (q,)
        Last point.
    value : float
        Objective there.
    gradient : ndarray, shape (q,)
        Gradient there.
    iterations : int
        Number of steps.
    converged : bool
        The stopping rule was met.
    message : str
        How it ended.
    """

    x: FloatArray
    value: float
    gradient: FloatArray
    iterations: int
    converged: bool
    message: str


def scoring(
    value_gradient: ValueGradient,
    metric: Metric,
    start: FloatArray,
    *,
    tolerance: float,
    hessian: Metric | None = None,
    max_iter: int = 150,
    newton_from: int = NEWTON_FROM,
    arrow: Arrow | None = None,
    first: FloatArray | None = None,
) -> Minimum:
    """Minimise by damped scoring steps, then Newton steps where the Hessian is at hand.

    Parameters
    ----------
    value_gradient : callable
        Objective and gradient; infinite outside its domain.
    metric : callable
        Positive (semi-)definite approximation of the Hessian, such as the expected information.
    start : ndarray, shape (q,)
        First point, inside the domain.
    tolerance : float
        Stop when the predicted decrease ``g' H^-1 g`` falls below it.
    hessian : callable, optional
        Exact Hessian, used wherever it is positive definite.
    max_iter : int, default 150
        Most steps.
    newton_from : int, default 2
        Most steps before the exact Hessian is used; 0 from a start close to the minimum.
    arrow : Arrow, optional
        Shape of the matrices, to factor them quickly.
    first : ndarray, shape (q, q), optional
        Metric at the start, where it is known already.

    Returns
    -------
    Minimum
    """
    x = np.asarray(start, dtype=float)
    value, gradient = value_gradient(x)
    if x.size == 0:
        return Minimum(x, value, gradient, 0, True, "nothing to estimate")
    shape = Arrow((), np.arange(x.size)) if arrow is None else arrow
    decrease = np.inf
    for iteration in range(1, max_iter + 1):
        exact = hessian if iteration > newton_from or decrease < NEAR else None
        known = first if iteration == 1 else None
        matrix, factor, newton = _curvature(shape, x, metric, exact, known)
        step, decrease = _step(shape, matrix, factor, gradient)
        trial, f, g, length = _line_search(value_gradient, x, value, gradient, step)
        done = decrease < (QUADRATIC * tolerance if newton else tolerance)
        if length == 0.0:
            if done or decrease < 1e4 * tolerance:
                return Minimum(x, value, gradient, iteration, True, "no further decrease")
            break
        x, value, gradient = trial, f, g
        if done:
            return Minimum(x, value, gradient, iteration, True, "the predicted decrease vanished")
    return _quasi_newton(value_gradient, metric, x, tolerance, max_iter)


def _curvature(
    shape: Arrow, x: FloatArray, metric: Metric, hessian: Metric | None, known: FloatArray | None
) -> tuple[FloatArray, ArrowFactor | None, bool]:
    """Hessian where there is one and it is positive definite, else the metric; its factor; and which it was."""
    if hessian is not None:
        matrix = hessian(x)
        factor = shape.factor(matrix)
        if factor is not None:
            return matrix, factor, True
    matrix = metric(x) if known is None else known
    return matrix, shape.factor(matrix), False


def _step(
    shape: Arrow, matrix: FloatArray, factor: ArrowFactor | None, gradient: FloatArray
) -> tuple[FloatArray, float]:
    """Scoring direction and predicted decrease; a ridge is added when the matrix is singular."""
    if factor is not None and factor.smallest_pivot > SINGULAR * np.diagonal(matrix).max():
        step = -factor.solve(gradient)
        return step, -float(step @ gradient)
    scale = np.maximum(np.diagonal(matrix), 1e-8)
    ridge = 1e-8
    for _ in range(12):
        found = shape.factor(matrix + np.diag(ridge * scale))
        if found is not None:
            step = -found.solve(gradient)
            return step, -float(step @ gradient)
        ridge *= 10.0
    return -gradient / scale, float(gradient @ (gradient / scale))


def _line_search(
    value_gradient: ValueGradient, x: FloatArray, value: float, gradient: FloatArray, step: FloatArray
) -> tuple[FloatArray, float, FloatArray, float]:
    """Halve the step until the objective falls; length 0 when it never does."""
    slope = float(gradient @ step)
    length = 1.0
    slack = 1e-13 * max(1.0, abs(value))
    for _ in range(MAX_HALVINGS):
        trial = x + length * step
        f, g = value_gradient(trial)
        if np.isfinite(f) and f <= value + ARMIJO * length * slope + slack:
            return trial, f, g, length
        length *= 0.5
    return x, value, gradient, 0.0


def _quasi_newton(
    value_gradient: ValueGradient, metric: Metric, x: FloatArray, tolerance: float, max_iter: int
) -> Minimum:
    """BFGS from where scoring stopped; the predicted decrease decides whether it converged."""
    found = minimize(
        lambda z: _bounded(value_gradient, z),
        x,
        jac=True,
        method="BFGS",
        options={"gtol": 1e-10, "maxiter": 20 * max_iter},
    )
    value, gradient = value_gradient(found.x)
    decrease = _decrease(metric(found.x), gradient) if np.isfinite(value) else np.inf
    ok = bool(decrease < 1e4 * tolerance)
    message = "quasi-Newton steps converged" if ok else "no convergence: the gradient does not vanish"
    return Minimum(found.x, value, gradient, int(found.nit) + max_iter, ok, message)


def _decrease(matrix: FloatArray, gradient: FloatArray) -> float:
    shape = Arrow((), np.arange(len(gradient)))
    return _step(shape, matrix, shape.factor(matrix), gradient)[1]


def _bounded(value_gradient: ValueGradient, x: FloatArray) -> tuple[float, FloatArray]:
    value, gradient = value_gradient(x)
    return (value, gradient) if np.isfinite(value) else (1e10, np.zeros_like(gradient))
