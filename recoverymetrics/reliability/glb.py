"""Greatest lower bound of the reliability: small semidefinite programmes, solved by a barrier method."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recoverymetrics.typing import FloatArray, IntArray

TOLERANCE = 1e-9
"""Gap at which the search stops; with nearly singular matrices rounding stops it earlier."""
PROVEN = 1e-6
"""Gap that still counts as solved, and the one that bootstrap draws are solved to."""
SINGULAR = 1e-11
"""Eigenvalues of the correlations that count as zero; more negative ones make the bound undefined."""
_CENTRED = 0.1
_SHRINK = 0.15
_MAX_NEWTON = 60


@dataclass(frozen=True)
class LowerBound:
    """Greatest lower bound.

    Attributes
    ----------
    estimate : float
        ``1 - sum(error variances) / V`` at the optimum; NaN when ``S`` has negative eigenvalues.
    error_variances : ndarray, shape (p,)
        The largest error variances (in sum) for which ``S - diag(error)`` stays positive semidefinite.
    dual : ndarray, shape (p, p)
        Solution of the dual programme, the derivative of ``sum(error variances)`` in ``S``; NaN when ``S`` is
        singular.
    gap : float
        Proven distance of ``estimate`` from the optimum: ``estimate - gap <= glb <= estimate``.
    converged : bool
        Whether the gap is below ``PROVEN``.
    """

    estimate: float
    error_variances: FloatArray
    dual: FloatArray
    gap: float
    converged: bool


def greatest_lower_bound(S: FloatArray) -> LowerBound:
    """Greatest lower bound of the reliability of the sum (Jackson & Agunwamba 1977; Woodhouse & Jackson
    1977).

    Maximises ``sum(d)`` subject to ``S - diag(d)`` and ``d`` not negative, by Newton steps on ``sum(d) + mu
    (log det(S - diag(d)) + sum(log d))`` for decreasing ``mu``. The Hessian is the elementwise square of an
    inverse, so each step costs one small inversion. A feasible point of the dual programme bounds the optimum.
    Items of a linear dependency can have no error variance at all; the others
    are then solved given them.

    Parameters
    ----------
    S : ndarray, shape (p, p)
        Covariance matrix, positive definite or semidefinite.

    Returns
    -------
    LowerBound
    """
    p, V = S.shape[0], float(S.sum())
    values, vectors = np.linalg.eigh(_correlation(S))
    if values[0] < -SINGULAR:
        nothing = np.full(p, np.nan)
        return LowerBound(np.nan, nothing, np.full((p, p), np.nan), np.nan, False)
    if values[0] <= SINGULAR:
        return _singular(S, np.abs(vectors[:, values <= SINGULAR]).max(1))
    error, dual, gap = _solve(S[None], np.array([V]), TOLERANCE)
    return LowerBound(float(1 - error.sum() / V), error[0], dual[0], float(gap[0]), bool(gap[0] < PROVEN))


def lower_bound_draws(S: FloatArray) -> FloatArray:
    """Greatest lower bounds of a stack of covariances ``(n, p, p)``, each proven to ``PROVEN``, shape (n,).

    NaN where a matrix has negative eigenvalues or the bound is not proven.
    """
    least = np.linalg.eigvalsh(_correlation(S))[:, 0]
    V = S.sum((1, 2))
    out = np.full(S.shape[0], np.nan)
    regular = least > SINGULAR
    error, _, gap = _solve(S[regular], V[regular], PROVEN)
    out[regular] = np.where(gap < PROVEN, 1 - error.sum(1) / V[regular], np.nan)
    for b in np.flatnonzero(np.abs(least) <= SINGULAR):
        out[b] = greatest_lower_bound(S[b]).estimate
    return out


def _correlation(S: FloatArray) -> FloatArray:
    sd = np.sqrt(np.diagonal(S, axis1=-2, axis2=-1))
    scaled: FloatArray = S / (sd[..., :, None] * sd[..., None, :])
    return scaled


def _singular(S: FloatArray, support: FloatArray) -> LowerBound:
    """Bound of a singular matrix: a null vector ``v`` forces ``sum(d v^2) = 0``, so its items have no error."""
    bound = support > 1e-6
    p, V = S.shape[0], float(S.sum())
    error, gap = np.zeros(p), 0.0
    if not bound.all():
        inside = S[np.ix_(bound, bound)]
        across = S[np.ix_(bound, ~bound)]
        rest = S[np.ix_(~bound, ~bound)] - across.T @ np.linalg.pinv(inside, hermitian=True) @ across
        found, _, gaps = _solve(rest[None], np.array([V]), TOLERANCE)
        error[~bound], gap = found[0], float(gaps[0])
    return LowerBound(float(1 - error.sum() / V), error, np.full((p, p), np.nan), gap, gap < PROVEN)


def _solve(S: FloatArray, V: FloatArray, tolerance: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Error variances ``(n, p)``, dual points ``(n, p, p)`` and gaps relative to ``V`` of a stack."""
    variance = np.diagonal(S, axis1=1, axis2=2)
    R = _correlation(S)
    d = np.repeat(0.5 * np.linalg.eigvalsh(R)[:, :1], S.shape[1], axis=1)  # in units of the variances
    mu = variance.mean(1)
    best, gap = d.copy(), np.full(S.shape[0], np.inf)
    dual = np.zeros(R.shape)
    todo = np.arange(S.shape[0])
    while todo.size:
        d[todo], Y = _centre(R[todo], variance[todo], d[todo], mu[todo])
        value = np.sum(R[todo] * Y, axis=(1, 2)) - np.sum(variance[todo] * d[todo], axis=1)
        reached = value / V[todo]
        better = (reached >= 0) & (reached < gap[todo])
        todo = todo[better]
        best[todo], gap[todo], dual[todo] = d[todo], reached[better], Y[better]
        mu[todo] *= _SHRINK
        todo = todo[gap[todo] > tolerance]
    sd = np.sqrt(variance)
    return best * variance, dual / (sd[:, :, None] * sd[:, None, :]), gap


def _centre(
    R: FloatArray, weight: FloatArray, d: FloatArray, mu: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Newton's method for one value of the barrier parameter, near enough to the centre for the next one.

    The barrier is self-concordant: a step shortened by ``1 / (1 + decrement)`` stays inside. The dual (minimise
    ``tr(R Y)`` over positive semidefinite ``Y`` with ``diag(Y) >= weight``) gets the point that the last Newton
    step predicts, ``mu (W + W diag(step) W)``, which is feasible when the decrement is below one.
    """
    d, Y = d.copy(), np.empty(R.shape)
    todo: IntArray = np.arange(d.shape[0])
    own = np.arange(d.shape[1])
    for _ in range(_MAX_NEWTON):
        W = _inverse(R[todo], d[todo])
        gradient = weight[todo] / mu[todo, None] - np.diagonal(W, axis1=1, axis2=2) + 1 / d[todo]
        H = W**2
        H[:, own, own] += 1 / d[todo] ** 2
        step = np.linalg.solve(H, gradient[..., None])[..., 0]
        decrement = np.sqrt(np.maximum(np.sum(gradient * step, axis=1), 0.0))
        d[todo] += step / np.where(decrement > 0.25, 1 + decrement, 1.0)[:, None]
        Y[todo] = mu[todo, None, None] * (W + (W * step[:, None, :]) @ W)
        todo = todo[decrement > _CENTRED]
        if todo.size == 0:
            break
    return d, Y


def _inverse(R: FloatArray, d: FloatArray) -> FloatArray:
    """Inverses of ``R - diag(d)``; those that rounding has made singular in the sense of Moore and Penrose."""
    left = R - np.eye(d.shape[1]) * d[:, None, :]
    try:
        return np.asarray(np.linalg.inv(left))
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.pinv(left, hermitian=True))
