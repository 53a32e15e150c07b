"""Greatest lower bound of the reliability: a small semidefinite programme, solved by its own barrier method."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recoverymetrics.typing import FloatArray

TOLERANCE = 1e-9
"""Gap at which the search stops; with nearly singular matrices rounding stops it earlier."""
PROVEN = 1e-6
"""Gap that still counts as solved."""
_MAX_NEWTON = 60


@dataclass(frozen=True)
class LowerBound:
    """Greatest lower bound.

    Attributes
    ----------
    estimate : float
        ``1 - sum(error variances) / V`` at the optimum.
    error_variances : ndarray, shape (p,)
        The largest error variances (in sum) for which ``S - diag(error)`` stays positive semidefinite.
    gap : float
        Proven distance of ``estimate`` from the optimum: ``estimate - gap <= glb <= estimate``.
    converged : bool
        Whether the gap is below ``PROVEN``.
    """

    estimate: float
    error_variances: FloatArray
    gap: float
    converged: bool


def greatest_lower_bound(S: FloatArray) -> LowerBound:
    """Greatest lower bound of the reliability of the sum (Jackson & Agunwamba 1977; Woodhouse & Jackson
    1977).

    Maximises ``sum(d)`` subject to ``S - diag(d)`` and ``d`` not negative, by Newton steps on ``sum(d) + mu
    (log det(S - diag(d)) + sum(log d))`` for decreasing ``mu``. The Hessian is the elementwise square of an
    inverse, so each step costs one small inversion. The dual solution ``mu (S - diag(d))^-1`` bounds the
    optimum.

    Parameters
    ----------
    S : ndarray, shape (p, p)
        Positive definite covariance matrix.

    Returns
    -------
    LowerBound
    """
    p, V = S.shape[0], float(S.sum())
    scale = np.sqrt(np.diag(S))
    R = S / np.outer(scale, scale)
    weight = scale**2  # the sum of error variances, in correlation units
    d = np.full(p, 0.5 * float(np.linalg.eigvalsh(R)[0]))
    mu = float(weight.mean())
    best, gap = d, np.inf
    while gap > TOLERANCE:
        d = _centre(R, weight, d, mu)
        reached = _duality_gap(R, weight, d, mu) / V
        if not 0 <= reached < gap:
            break
        best, gap = d, reached
        mu *= 0.2
    error = best * weight
    return LowerBound(float(1 - error.sum() / V), error, float(gap), bool(gap < PROVEN))


def _centre(R: FloatArray, weight: FloatArray, d: FloatArray, mu: float) -> FloatArray:
    """Newton's method for one value of the barrier parameter.

    The barrier is self-concordant: a step shortened by ``1 / (1 + decrement)`` stays inside.
    """
    for _ in range(_MAX_NEWTON):
        W = np.linalg.inv(R - np.diag(d))
        gradient = weight / mu - np.diag(W) + 1 / d
        step = np.linalg.solve(W**2 + np.diag(1 / d**2), gradient)
        decrement = float(np.sqrt(max(float(gradient @ step), 0.0)))
        d = d + step / (1 + decrement if decrement > 0.25 else 1)
        if decrement < 1e-6:
            break
    return d


def _duality_gap(R: FloatArray, weight: FloatArray, d: FloatArray, mu: float) -> float:
    """Dual value minus primal value, for the dual point scaled to be feasible.

    The dual is: minimise ``tr(R Y)`` over positive semidefinite ``Y`` with ``diag(Y) >= weight``.
    """
    Y = mu * np.linalg.inv(R - np.diag(d))
    short = np.maximum(weight / np.diag(Y), 1.0)
    Y = Y * np.sqrt(np.outer(short, short))
    return float(np.sum(R * Y) - weight @ d)
