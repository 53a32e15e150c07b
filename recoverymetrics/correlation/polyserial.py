"""Polyserial correlations: one continuous variable with many ordered items at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from recoverymetrics.correlation.bivariate import RHO_LIMIT
from recoverymetrics.numerics.normal import LIMIT
from recoverymetrics.typing import BoolArray, FloatArray, IntArray

_FLOOR = 1e-15


@dataclass(frozen=True)
class SerialScores:
    """Casewise derivatives of ``log p(y | z)`` for ``p`` items; zero where a response is missing.

    Attributes
    ----------
    rho, z : ndarray, shape (n, p)
        In the correlation and in the standardised continuous variable.
    upper, lower : ndarray, shape (n, p)
        In the threshold above and below the response.
    """

    rho: FloatArray
    z: FloatArray
    upper: FloatArray
    lower: FloatArray


def serial_scores(z: FloatArray, upper: FloatArray, lower: FloatArray, rho: FloatArray) -> SerialScores:
    """Evaluate the scores of all items.

    Parameters
    ----------
    z : ndarray, shape (n,)
        Standardised continuous variable; NaN is missing.
    upper, lower : ndarray, shape (n, p)
        Thresholds around each response; NaN is missing.
    rho : ndarray, shape (p,)
        Correlations.

    Returns
    -------
    SerialScores
    """
    root = np.sqrt(1.0 - rho**2)
    above = (upper - rho * z[:, None]) / root
    below = (lower - rho * z[:, None]) / root
    probability = np.maximum(ndtr(above) - ndtr(below), _FLOOR)
    dense_above, dense_below = _density(above) / probability, _density(below) / probability
    turn_above = dense_above * (upper * rho - z[:, None]) / root**3
    turn_below = dense_below * (lower * rho - z[:, None]) / root**3
    parts = (
        turn_above - turn_below,
        -rho / root * (dense_above - dense_below),
        dense_above / root,
        -dense_below / root,
    )
    return SerialScores(*(np.nan_to_num(part) for part in parts))


def solve_serial(
    z: FloatArray,
    upper: FloatArray,
    lower: FloatArray,
    weights: FloatArray | None = None,
    *,
    tolerance: float = 1e-10,
    max_iterations: int = 100,
) -> tuple[FloatArray, BoolArray]:
    """Maximise the conditional likelihoods of all items in their correlations, thresholds held fixed.

    Parameters
    ----------
    z, upper, lower
        As in :func:`serial_scores`.
    weights : ndarray, shape (n,), optional
        Sampling weights.
    tolerance : float, default 1e-10
        Largest last step.
    max_iterations : int, default 100
        Limit.

    Returns
    -------
    rho : ndarray, shape (p,)
        Correlations.
    converged : ndarray of bool, shape (p,)
        Whether the last step was below the tolerance.
    """
    p = upper.shape[1]
    weight = np.ones((len(z), 1)) if weights is None else weights[:, None]
    rho = np.zeros(p)
    low, high = np.full(p, -RHO_LIMIT), np.full(p, RHO_LIMIT)
    settled = np.zeros(p, dtype=bool)
    for _ in range(max_iterations):
        each = serial_scores(z, upper, lower, rho).rho
        score, information = np.sum(weight * each, axis=0), np.sum(weight * each * each, axis=0)
        low, high = np.where(score > 0, rho, low), np.where(score > 0, high, rho)
        step = rho + score / np.maximum(information, 1e-300)
        settled = np.abs(step - rho) <= tolerance
        inside = ((step > low) & (step < high)) | settled
        rho = np.where(inside, step, 0.5 * (low + high))
        if settled.all():
            break
    return rho, settled | (high - low <= tolerance)


def thresholds_around(codes: IntArray, tau: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Thresholds above and below each response, shapes (n, p); NaN where the response is missing."""
    p, width = tau.shape
    edges = np.full((p, width + 3), np.nan)
    edges[:, 0] = -LIMIT
    edges[:, 1 : width + 1] = np.clip(tau, -LIMIT, LIMIT)
    edges[:, width + 1] = LIMIT
    item = np.arange(p)
    known = codes >= 0
    upper = np.where(known, edges[item, np.where(known, codes + 1, 0)], np.nan)
    lower = np.where(known, edges[item, np.where(known, codes, 0)], np.nan)
    return upper, lower


def _density(x: FloatArray) -> FloatArray:
    density: FloatArray = np.exp(-0.5 * np.minimum(x * x, 1400.0)) / np.sqrt(2.0 * np.pi)
    return density
