"""Cell probabilities of many pairs of ordered items at once, and the correlations that maximise their likelihood."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from recoverymetrics.numerics.normal import (
    LIMIT,
    bivariate_normal_cdf,
    bivariate_normal_pdf,
    bivariate_normal_pdf_slope,
)
from recoverymetrics.typing import BoolArray, FloatArray

RHO_LIMIT = 0.99999
_FLOOR = 1e-15  # of a cell probability: differences of the cdf carry about 1e-16


@dataclass(frozen=True)
class PairSolution:
    """Polychoric correlations of ``m`` pairs.

    Attributes
    ----------
    rho : ndarray, shape (m,)
        Maximum-likelihood correlations given the thresholds.
    boundary : ndarray of bool, shape (m,)
        The likelihood still rises at ``+-RHO_LIMIT``.
    converged : ndarray of bool, shape (m,)
        The last step was below the tolerance.
    iterations : int
        Newton steps taken.
    """

    rho: FloatArray
    boundary: BoolArray
    converged: BoolArray
    iterations: int


def cell_probabilities(tau_x: FloatArray, tau_y: FloatArray, rho: FloatArray) -> FloatArray:
    """Probabilities of the cells of ``m`` tables.

    Parameters
    ----------
    tau_x, tau_y : ndarray, shapes (m, r - 1) and (m, c - 1)
        Thresholds, ascending; ``inf`` pads items with fewer categories.
    rho : ndarray, shape (m,)
        Correlations.

    Returns
    -------
    ndarray, shape (m, r, c)
    """
    corners = bivariate_normal_cdf(tau_x[:, :, None], tau_y[:, None, :], rho[:, None, None])
    m, rows, columns = corners.shape
    full = np.zeros((m, rows + 2, columns + 2))
    full[:, 1:-1, 1:-1] = corners
    full[:, -1, 1:-1] = ndtr(tau_y)
    full[:, 1:-1, -1] = ndtr(tau_x)
    full[:, -1, -1] = 1.0
    return np.diff(np.diff(full, axis=1), axis=2)


def cell_slopes(tau_x: FloatArray, tau_y: FloatArray, rho: FloatArray) -> tuple[FloatArray, FloatArray]:
    """First and second derivatives of the cell probabilities in ``rho``, each of shape (m, r, c)."""
    h, k, r = _limited(tau_x)[:, :, None], _limited(tau_y)[:, None, :], rho[:, None, None]
    density = bivariate_normal_pdf(h, k, r)
    return _differences(density), _differences(density * bivariate_normal_pdf_slope(h, k, r))


def cell_threshold_slopes(tau_x: FloatArray, tau_y: FloatArray, rho: FloatArray) -> FloatArray:
    """Derivative of the cumulative-row probabilities in the row thresholds.

    Returns
    -------
    ndarray, shape (m, r - 1, c)
        Entry ``[m, t, b]`` is what category ``t`` gains and category ``t + 1`` loses in column ``b`` per unit
        of threshold ``t``.
    """
    h, k, r = _limited(tau_x)[:, :, None], _limited(tau_y)[:, None, :], rho[:, None, None]
    conditional = ndtr((k - r * h) / np.sqrt(1.0 - r * r))
    m, rows, columns = conditional.shape
    full = np.zeros((m, rows, columns + 2))
    full[:, :, 1:-1] = conditional
    full[:, :, -1] = 1.0
    return np.exp(-0.5 * h * h) / np.sqrt(2.0 * np.pi) * np.diff(full, axis=2)


def start_values(tables: FloatArray, tau_x: FloatArray, tau_y: FloatArray) -> FloatArray:
    """First-order correlations: the covariance of the category means of the latent normals, rescaled."""
    mean_x, spread_x = _category_means(tau_x)
    mean_y, spread_y = _category_means(tau_y)
    total = np.maximum(tables.sum(axis=(1, 2)), _FLOOR)
    product = np.einsum("mrc,mr,mc->m", tables, mean_x, mean_y, optimize=True) / total
    start: FloatArray = np.clip(product / np.maximum(spread_x * spread_y, _FLOOR), -0.9, 0.9)
    return start


def solve_pairs(
    tables: FloatArray,
    tau_x: FloatArray,
    tau_y: FloatArray,
    *,
    tolerance: float = 1e-10,
    max_iterations: int = 60,
) -> PairSolution:
    """Maximise all pair likelihoods in parallel by Newton steps kept inside a shrinking bracket.

    Parameters
    ----------
    tables : ndarray, shape (m, r, c)
        Counts.
    tau_x, tau_y : ndarray, shapes (m, r - 1) and (m, c - 1)
        Thresholds, held fixed (two-step estimation, Olsson 1979).
    tolerance : float, default 1e-10
        Largest last step.
    max_iterations : int, default 60
        Limit of steps.

    Returns
    -------
    PairSolution
    """
    m = tables.shape[0]
    rho = start_values(tables, tau_x, tau_y)
    low, high = np.full(m, -RHO_LIMIT), np.full(m, RHO_LIMIT)
    active = np.arange(m)
    for iteration in range(1, max_iterations + 1):  # noqa: B007
        score, information = _score(tables[active], tau_x[active], tau_y[active], rho[active])
        at = rho[active]
        low[active] = np.where(score > 0, at, low[active])
        high[active] = np.where(score > 0, high[active], at)
        step = at + score / information
        settled = np.abs(step - at) <= tolerance
        inside = (step > low[active]) & (step < high[active]) | settled
        rho[active] = np.where(inside, step, 0.5 * (low[active] + high[active]))
        active = active[~settled & (high[active] - low[active] > tolerance)]
        if active.size == 0:
            break
    rising = active[np.abs(rho[active]) > 0.99]  # flat and rising to the end, as with an empty cell in 2 x 2
    rho[rising] = np.copysign(RHO_LIMIT, rho[rising])
    converged = np.ones(m, dtype=bool)
    converged[np.setdiff1d(active, rising)] = False
    return PairSolution(rho, np.abs(rho) > RHO_LIMIT - 1e-6, converged, iteration)


def _score(
    tables: FloatArray, tau_x: FloatArray, tau_y: FloatArray, rho: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Score and information (observed where positive, else expected) of each correlation."""
    probability = np.maximum(cell_probabilities(tau_x, tau_y, rho), _FLOOR)
    first, second = cell_slopes(tau_x, tau_y, rho)
    ratio = first / probability
    score = np.sum(tables * ratio, axis=(1, 2))
    observed = np.sum(tables * (ratio * ratio - second / probability), axis=(1, 2))
    expected = tables.sum(axis=(1, 2)) * np.sum(first * ratio, axis=(1, 2))
    return score, np.maximum(np.where(observed > 0.2 * expected, observed, expected), 1e-9)


def _limited(tau: FloatArray) -> FloatArray:
    return np.clip(tau, -LIMIT, LIMIT)


def _differences(corners: FloatArray) -> FloatArray:
    m, rows, columns = corners.shape
    full = np.zeros((m, rows + 2, columns + 2))
    full[:, 1:-1, 1:-1] = corners
    return np.diff(np.diff(full, axis=1), axis=2)


def _category_means(tau: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean of the latent normal within each category, and the variance of these means."""
    edges = np.pad(_limited(tau), ((0, 0), (1, 1)), constant_values=((0, 0), (-LIMIT, LIMIT)))
    weight = np.diff(ndtr(edges), axis=1)
    loss = -np.diff(np.exp(-0.5 * edges**2) / np.sqrt(2.0 * np.pi), axis=1)
    mean = np.where(weight > _FLOOR, loss / np.maximum(weight, _FLOOR), 0.0)
    return mean, np.sum(weight * mean * mean, axis=1)
