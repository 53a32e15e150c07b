"""EM-gradient steps accelerated by limited-memory quasi-Newton updates.

One Fisher step on the expected complete-data log-likelihood per E-step behaves like EM near the maximum
(Lange 1995a). Used as the first guess of a quasi-Newton method it becomes superlinear (Lange 1995b; Jamshidian
& Jennrich 1997): the complete-data information is the preconditioner, the updates learn what is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from recoverymetrics.typing import FloatArray

MEMORY = 12
"""Update pairs kept."""
LARGEST_STEP = 3.0
"""No parameter moves further than this in one step."""
SHRINK = 0.4
"""Factor of a step that did not raise the objective."""


@dataclass(frozen=True)
class Point:
    """Objective at one parameter vector.

    Attributes
    ----------
    value : float
        Log-likelihood (with log prior); not finite where the model is undefined.
    gradient : ndarray, shape (p,)
        Its gradient.
    information : ndarray, shape (p, p)
        Expected complete-data information, positive definite.
    """

    value: float
    gradient: FloatArray
    information: FloatArray


@dataclass(frozen=True)
class Memory:
    """What past steps have taught about the curvature.

    Attributes
    ----------
    steps, changes : tuple of ndarray, shape (p,)
        Steps and the falls of the gradient along them, oldest first.
    """

    steps: tuple[FloatArray, ...] = ()
    changes: tuple[FloatArray, ...] = ()

    def grown(self, step: FloatArray, change: FloatArray) -> Memory:
        """Add a pair; pairs of non-positive curvature are left out, the oldest makes room."""
        if float(step @ change) <= 1e-12 * float(np.linalg.norm(step) * np.linalg.norm(change)):
            return self
        return Memory((*self.steps, step)[-MEMORY:], (*self.changes, change)[-MEMORY:])


@dataclass(frozen=True)
class Maximum:
    """Where the search ended.

    Attributes
    ----------
    x : ndarray, shape (p,)
        Parameters.
    point : Point
        Objective there.
    n_evaluations : int
        E-steps used.
    converged : bool
        Whether the expected gain of a further step fell below the tolerance.
    memory : Memory
        Update pairs, which a search on a finer approximation of the same objective can take over.
    """

    x: FloatArray
    point: Point
    n_evaluations: int
    converged: bool
    memory: Memory


def maximise(
    evaluate: Callable[[FloatArray], Point],
    start: FloatArray,
    *,
    tolerance: float = 1e-8,
    max_evaluations: int = 500,
    memory: Memory | None = None,
    noise: float = 1e-12,
) -> Maximum:
    """Climb to a maximum of a marginal likelihood.

    Parameters
    ----------
    evaluate : callable
        Parameters to ``Point``.
    start : ndarray, shape (p,)
        Where to begin; the objective must be finite there.
    tolerance : float, default 1e-8
        Stop when half the product of gradient and step, the gain that a step can still bring, is below this.
    max_evaluations : int, default 500
        Upper limit of calls.
    memory : Memory, optional
        Update pairs of an earlier search.
    noise : float, default 1e-12
        Relative rounding error of the objective; a step is not refused for a fall that small.

    Returns
    -------
    Maximum
    """
    x, point, calls = start, evaluate(start), 1
    known = memory or Memory()
    while calls < max_evaluations:
        direction = _direction(point, known)
        gain = 0.5 * float(point.gradient @ direction)
        if gain < tolerance:
            return Maximum(x, point, calls, True, known)
        step, trial, used = _search(evaluate, x, point, direction, max_evaluations - calls, noise)
        calls += used
        if trial is None:
            if not known.steps:
                return Maximum(x, point, calls, gain < 1e3 * tolerance, known)
            known = Memory()
            continue
        known = known.grown(step, point.gradient - trial.gradient)
        x, point = x + step, trial
    return Maximum(x, point, calls, False, known)


def _direction(point: Point, memory: Memory) -> FloatArray:
    """Two-loop recursion with the complete-data information as the first guess."""
    steps, changes = memory.steps, memory.changes
    q = point.gradient.copy()
    rho = [1.0 / float(s @ y) for s, y in zip(steps, changes, strict=True)]
    alpha = []
    for s, y, r in zip(reversed(steps), reversed(changes), reversed(rho), strict=True):
        alpha.append(r * float(s @ q))
        q -= alpha[-1] * y
    q = solve_information(point.information, q)
    for s, y, r, a in zip(steps, changes, rho, reversed(alpha), strict=True):
        q += s * (a - r * float(y @ q))
    if float(q @ point.gradient) <= 0:
        q = solve_information(point.information, point.gradient)
    return q


def solve_information(information: FloatArray, right: FloatArray) -> FloatArray:
    """Solve with an information matrix, adding the smallest ridge that makes it positive definite."""
    scale = np.sqrt(np.maximum(np.diag(information), 1e-12))
    scaled = information / np.outer(scale, scale)
    ridge = 0.0
    while True:
        try:
            factor = cho_factor(scaled + ridge * np.eye(scale.size), check_finite=False)
        except np.linalg.LinAlgError:
            ridge = max(10 * ridge, 1e-10)
            continue
        rescaled = right / (scale if right.ndim == 1 else scale[:, None])
        solution: FloatArray = cho_solve(factor, rescaled, check_finite=False)
        return solution / (scale if right.ndim == 1 else scale[:, None])


def _search(
    evaluate: Callable[[FloatArray], Point],
    x: FloatArray,
    point: Point,
    direction: FloatArray,
    budget: int,
    noise: float,
) -> tuple[FloatArray, Point | None, int]:
    """Shorten the step until the objective rises."""
    step = direction * min(1.0, LARGEST_STEP / max(float(np.abs(direction).max()), 1e-300))
    slack = noise * abs(point.value)
    for used in range(1, min(budget, 25) + 1):
        trial = evaluate(x + step)
        rise = 1e-4 * float(point.gradient @ step)
        if np.isfinite(trial.value) and trial.value >= point.value + rise - slack:
            return step, trial, used
        step = SHRINK * step
    return step, None, min(budget, 25)
