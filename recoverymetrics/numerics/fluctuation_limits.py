"""Limiting distributions of fluctuation statistics: functionals of Brownian bridges, computed and not simulated.

Hansen (1997) fitted response surfaces to simulated distributions; here the same distributions are solved for. The
squared length of a standardised ``k``-dimensional Brownian bridge, ``|B(t)|^2 / (t (1 - t))``, is a stationary
squared-radial Ornstein-Uhlenbeck process in the time ``log(t / (1 - t))``, a Markov process in one dimension.
"""

from __future__ import annotations

import numpy as np
from scipy.special import eval_jacobi, gammaln, ive, kolmogorov, roots_jacobi, roots_legendre
from scipy.stats import chi2, ncx2

from recoverymetrics.typing import FloatArray

N_BASIS = 60
"""Polynomials of the spectral solution; twelve digits from half as many."""
NEGLIGIBLE = 1e-9
"""Below this the tail expansion of DeLong (1981) is more exact than one minus a probability."""


def double_max_p_value(statistic: float, k: int) -> float:
    """P(largest absolute value of ``k`` independent Brownian bridges > statistic)."""
    one = float(kolmogorov(statistic))
    return 1.0 if one >= 1.0 else float(-np.expm1(k * np.log1p(-one)))


def cramer_von_mises_p_value(statistic: float, k: int) -> float:
    """P(integral of the squared length of a ``k``-dimensional Brownian bridge > statistic).

    The integral is ``sum_j chi2_k / (j pi)^2``; the probability is Imhof's (1961) integral, with the terms beyond
    the 200th replaced by their mean.
    """
    j = np.arange(1, 201)
    weights = 1.0 / (j * np.pi) ** 2
    x = statistic - k * (1.0 / 6.0 - weights.sum())
    root, w = _panels(65.0 / k + 8.0, 240)
    u = root**2
    angle = 0.5 * k * np.arctan(np.outer(u, weights)).sum(axis=1) - 0.5 * x * u
    log_modulus = 0.25 * k * np.log1p(np.outer(u, weights) ** 2).sum(axis=1)
    integrand = np.sin(angle) * np.exp(-log_modulus) * 2.0 / root
    return float(np.clip(0.5 + (w @ integrand) / np.pi, 0.0, 1.0))


def _panels(end: float, n: int) -> tuple[FloatArray, FloatArray]:
    """Nodes and weights of 16-point Gauss-Legendre quadrature on ``n`` equal panels of (0, end)."""
    nodes, w = roots_legendre(16)
    width = end / n
    places = (np.arange(n)[:, None] + 0.5 * (nodes + 1)) * width
    return places.ravel(), np.tile(0.5 * width * w, n)


def max_lm_p_value(statistic: float, k: int, low: float, high: float) -> float:
    """P(sup over ``low <= t <= high`` of ``|B(t)|^2 / (t (1 - t))`` > statistic), Andrews (1993).

    Parameters
    ----------
    statistic : float
        Value of the statistic.
    k : int
        Dimension of the bridge.
    low, high : float
        Part of the unit interval that is searched.

    Notes
    -----
    The probability of staying below is the killed heat kernel of ``2 y f'' + (k - y) f'``, expanded in Jacobi
    polynomials that vanish at the statistic.
    """
    if statistic <= 0:
        return 1.0
    span = float(np.log(high * (1 - low) / (low * (1 - high))))
    far = _delong_tail(statistic, k, span)
    if statistic > k and far < NEGLIGIBLE:
        return far
    return float(np.clip(1.0 - _staying_probability(statistic, k, span), 0.0, 1.0))


def _delong_tail(c: float, k: int, span: float) -> float:
    """Leading terms of the tail, DeLong (1981)."""
    log_factor = 0.5 * k * np.log(c / 2) - 0.5 * c - gammaln(k / 2)
    return float(np.exp(log_factor) * (span * (1 - k / c) + 2 / c))


def _staying_probability(c: float, k: int, span: float) -> float:
    """P(the stationary process stays below ``c`` for a time ``span``).

    With ``f = exp(y / 4) g`` the operator is symmetric in ``y^(k/2 - 1) dy``; ``g`` is expanded in orthonormal
    ``(1 - x) P_m(x)``, ``x = 2 y / c - 1``.
    """
    beta = k / 2 - 1
    x, w = roots_jacobi(2 * N_BASIS, 0.0, beta)
    y = 0.5 * c * (1 + x)
    basis, slope = _vanishing_basis(x, beta)
    scale = np.sqrt((w * basis**2).sum(axis=1))
    basis, slope = basis / scale[:, None], slope / scale[:, None] * (2 / c)
    tilted = slope + basis / 4
    rates, vectors = np.linalg.eigh((tilted * (2 * y * w)) @ tilted.T)
    overlap = vectors.T @ (basis @ (w * np.exp(-y / 4)))
    log_norm = 0.5 * k * np.log(c / 2) - 0.5 * k * np.log(2) - gammaln(k / 2)
    return float(np.exp(log_norm) * np.sum(overlap**2 * np.exp(-np.maximum(rates, 0.0) * span)))


def _vanishing_basis(x: FloatArray, beta: float) -> tuple[FloatArray, FloatArray]:
    """``(1 - x) P_m(x)`` and its derivative, orthogonal in ``(1 + x)^beta dx``, shape (M, Q)."""
    m = np.arange(N_BASIS)[:, None]
    P = eval_jacobi(m, 2.0, beta, x)
    lower = np.where(m > 0, eval_jacobi(np.maximum(m - 1, 0), 3.0, beta + 1, x), 0.0)
    return (1 - x) * P, -P + (1 - x) * 0.5 * (m + 3 + beta) * lower


def ordered_max_lm_p_value(statistic: float, k: int, times: FloatArray) -> float:
    """P(max over the given times of ``|B(t)|^2 / (t (1 - t))`` > statistic), for ordered categories.

    Merkle, Fan & Zeileis (2014) simulate it; here the Markov chain over the few times is integrated.

    Parameters
    ----------
    statistic : float
        Value of the statistic.
    k : int
        Dimension of the bridge.
    times : ndarray, shape (m,)
        Cumulated shares of the categories, rising, each between 0 and 1.
    """
    if statistic <= 0:
        return 1.0
    s = np.log(times / (1 - times))
    rho = np.exp(-0.5 * np.diff(s))
    top = np.sqrt(statistic)
    narrow = float(np.sqrt(1 - rho.max(initial=0.0) ** 2)) if rho.size else 1.0
    nodes, w = roots_legendre(int(min(64 + 12 * top / narrow, 600)))
    r, w = 0.5 * top * (nodes + 1), 0.5 * top * w
    density = np.exp((1 - k / 2) * np.log(2) + (k - 1) * np.log(r) - 0.5 * r**2 - gammaln(k / 2))
    beyond = float(chi2.sf(statistic, k))
    for correlation in rho:
        spread = np.sqrt(1 - correlation**2)
        shift = correlation * r / spread
        beyond += float((w * density) @ ncx2.sf(statistic / spread**2, k, shift**2))
        density = (w * density) @ _chi_transition(shift, r / spread, k) / spread
    return float(np.clip(beyond, 0.0, 1.0))


def _chi_transition(shift: FloatArray, x: FloatArray, k: int) -> FloatArray:
    """Density of the non-central chi distribution, shape (shifts, x)."""
    product = np.outer(shift, x)
    with np.errstate(divide="ignore"):
        bessel = np.log(ive(k / 2 - 1, product))
    log_density = 0.5 * k * np.log(x) + (1 - 0.5 * k) * np.log(shift)[:, None] + bessel
    value: FloatArray = np.exp(log_density - 0.5 * np.subtract.outer(shift, x) ** 2)
    return value


def ordered_double_max_p_value(statistic: float, k: int, times: FloatArray) -> float:
    """P(max over times and ``k`` components of ``|B_j(t)| / sqrt(t (1 - t))`` > statistic)."""
    one = ordered_max_lm_p_value(statistic**2, 1, times)
    return 1.0 if one >= 1.0 else float(-np.expm1(k * np.log1p(-one)))
