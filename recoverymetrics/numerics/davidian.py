"""Davidian curves: squared polynomials times a normal density, for latent variables that are not normal.

``h(u) = (m_0 + m_1 u + ... + m_k u^k)^2 phi(u)`` is a density when ``m' M m = 1`` with ``M`` the matrix of normal moments
``E(u^(i + j))`` (Gallant & Nychka 1987; Zhang & Davidian 2001; Woods & Lin 2009). With ``M = B' B`` and ``c = B m`` on the
unit sphere, ``k`` angles are free. Here the curve is standardised, so that mean and variance stay parameters of their
own.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import factorial2

from recoverymetrics.numerics.quadrature import Nodes
from recoverymetrics.numerics.seeds import generator
from recoverymetrics.typing import FloatArray

STEP = 1e-20
"""Imaginary step of the derivatives, exact to rounding (Squire & Trapp 1998)."""
FLOOR = 1e-200
"""Added to the squared polynomial before its logarithm, for its zeros."""
STARTS = 12
"""Random starts of the curve fitted to node shares."""


@cache
def _normal_moments(largest: int) -> tuple[float, ...]:
    return tuple(0.0 if r % 2 else float(factorial2(r - 1)) if r else 1.0 for r in range(largest + 1))


def polynomial(angles: Any) -> Any:
    """Coefficients of the polynomial, lowest power first, from the angles; shape (k + 1,)."""
    k = angles.size
    c = np.empty(k + 1, dtype=angles.dtype)
    rest: Any = 1.0
    for j in range(k):
        c[j] = rest * np.sin(angles[j])
        rest = rest * np.cos(angles[j])
    c[k] = rest
    moments = np.array(_normal_moments(2 * k))
    M = moments[np.add.outer(np.arange(k + 1), np.arange(k + 1))]
    return np.linalg.solve(np.linalg.cholesky(M).T.astype(angles.dtype), c)


def davidian_moments(angles: Any) -> tuple[Any, Any]:
    """Mean and variance of the unstandardised curve."""
    m = polynomial(angles)
    moments = np.array(_normal_moments(2 * angles.size + 2))
    place = np.add.outer(np.arange(m.size), np.arange(m.size))
    mean = m @ moments[place + 1] @ m
    return mean, m @ moments[place + 2] @ m - mean**2


def davidian_log_weights(nodes: Nodes, mean: Any, variance: Any, angles: Any) -> FloatArray:
    """Log weights of a Davidian curve on the nodes of one dimension, normalised to sum to one.

    Parameters
    ----------
    nodes : Nodes
        ``Q`` nodes in one dimension.
    mean, variance : float
        Moments of the curve.
    angles : ndarray, shape (k,)
        Its shape; the first at ``pi / 2`` is the normal density.

    Examples
    --------
    >>> from recoverymetrics.numerics.quadrature import rectangular_nodes
    >>> flat = davidian_log_weights(rectangular_nodes(31), 0.0, 1.0, np.array([np.pi / 2, 0.0]))
    >>> bool(np.isclose(np.exp(flat).sum(), 1.0))
    True
    """
    if not np.real(variance) > 0:
        return np.full(nodes.size, np.nan)
    m = polynomial(angles)
    center, spread = davidian_moments(angles)
    u = center + np.sqrt(spread) * (nodes.theta[:, 0] - mean) / np.sqrt(variance)
    curve = np.polynomial.polynomial.polyval(u, m)
    log_density = nodes.log_base + np.log(curve**2 + FLOOR) - 0.5 * u * u
    peak = log_density.real.max()
    value: FloatArray = log_density - peak - np.log(np.exp(log_density - peak).sum())
    return value


def davidian_weight_scores(nodes: Nodes, mean: float, variance: float, angles: FloatArray) -> FloatArray:
    """Derivatives of the log weights with respect to mean, variance and angles, shape (2 + k, Q)."""
    at = np.concatenate([[mean, variance], angles]).astype(complex)
    rows = []
    for i in range(at.size):
        moved = at.copy()
        moved[i] += 1j * STEP
        rows.append(davidian_log_weights(nodes, moved[0], moved[1], moved[2:]).imag / STEP)
    return np.asarray(rows)


def fit_davidian(
    nodes: Nodes, shares: FloatArray, k: int, mean: float, variance: float, seed: int = 1
) -> FloatArray:
    """Angles of the curve closest (Kullback-Leibler) to shares of persons at the nodes, from several starts.

    Parameters
    ----------
    shares : ndarray, shape (Q,)
        Relative frequencies.
    k : int
        Order of the polynomial.
    mean, variance : float
        Moments of the curve, held where they are.
    """
    rng = generator(seed)
    starts = [np.concatenate([[np.pi / 2 - 0.3], rng.uniform(-1.2, 1.2, k - 1)]) for _ in range(STARTS)]

    def loss(angles: FloatArray) -> tuple[float, FloatArray]:
        value = -float(shares @ davidian_log_weights(nodes, mean, variance, angles))
        slope: FloatArray = -(davidian_weight_scores(nodes, mean, variance, angles)[2:] @ shares)
        return value, slope

    found = [minimize(loss, start, jac=True, method="BFGS", options={"maxiter": 200}) for start in starts]
    best: FloatArray = min(found, key=lambda r: r.fun).x
    return best
