"""Regularised (lasso) DIF: which configural parameters depart from invariance, by a path of L1 penalties.

The configural estimates and their covariance stand in for the likelihood (least squares approximation, Wang &
Leng 2007); the lasso then shrinks departures from common parameters to zero (Tutz & Schauberger 2015; Belzak &
Bauer 2020), and BIC chooses the penalty. No anchor items are needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recoverymetrics.invariance.alignment.kernel import Aligned
from recoverymetrics.typing import BoolArray, FloatArray


@dataclass(frozen=True)
class SparseDepartures:
    """Departures of aligned parameters from their common values.

    Attributes
    ----------
    loadings : ndarray, shape (G, p)
    intercepts : ndarray, shape (G, T)
        Departures; exactly zero where the parameter is invariant.
    penalty : float
        Chosen penalty.
    bic : float
        Its criterion.
    penalties, criteria : ndarray
        The whole path.
    """

    loadings: FloatArray
    intercepts: FloatArray
    penalty: float
    bic: float
    penalties: FloatArray
    criteria: FloatArray

    @property
    def flagged(self) -> tuple[BoolArray, BoolArray]:
        """Where a departure is not zero."""
        return self.loadings != 0, self.intercepts != 0


def lasso_departures(
    solution: Aligned,
    covariance: FloatArray,
    n: float,
    *,
    n_penalties: int = 60,
) -> SparseDepartures:
    """Shrink departures of the aligned parameters from common values.

    Parameters
    ----------
    solution : Aligned
        Alignment, which sets the metric.
    covariance : ndarray
        Sampling covariance of the aligned parameters; its diagonal weighs them.
    n : float
        Persons, for BIC.
    n_penalties : int, default 60
        Length of the path.

    Notes
    -----
    Each parameter is a small problem of its own: minimise ``sum_g (x_g - m - d_g)^2 / (2 v_g) + penalty sum_g
    |d_g| / s_g`` over the common value ``m`` and the departures, where ``s_g`` is the standard error. For a given
    ``m`` the departures are soft-thresholded differences; ``m`` is a Huber estimate of location.
    """
    g, p = solution.loadings.shape
    values = np.hstack([solution.loadings, solution.intercepts])
    errors = np.sqrt(np.maximum(np.diag(covariance), 1e-12))
    spread = np.hstack([errors[: g * p].reshape(g, p), errors[g * p :].reshape(g, -1)])
    largest = np.abs((values - np.median(values, axis=0)) / spread).max()
    penalties = np.geomspace(max(largest, 1.0), 0.5, n_penalties)
    path = [_departures(values, spread, penalty) for penalty in penalties]
    criteria = np.array([misfit + np.log(n) * np.count_nonzero(found) for found, misfit in path])
    k = int(np.argmin(criteria))
    best = path[k][0]
    return SparseDepartures(
        best[:, :p], best[:, p:], float(penalties[k]), float(criteria[k]), penalties, criteria
    )


def _departures(values: FloatArray, spread: FloatArray, penalty: float) -> tuple[FloatArray, float]:
    """Departures kept at a penalty, unshrunk, and the misfit of the parameters that are held common."""
    centre = huber_location(values, spread, penalty)
    z = (values - centre) / spread
    free = np.abs(z) > penalty
    return np.where(free, values - centre, 0.0), float(np.where(free, 0.0, z**2).sum())


def huber_location(values: FloatArray, spread: FloatArray, bound: float) -> FloatArray:
    """Huber's estimate of location of each column, precision weighted.

    Parameters
    ----------
    values, spread : ndarray, shape (G, q)
        Values and their standard errors.
    bound : float
        Standardised residuals beyond this are cut down to it.
    """
    centre = np.median(values, axis=0)
    for _ in range(200):
        z = (values - centre) / spread
        weight = np.minimum(1.0, bound / np.maximum(np.abs(z), 1e-12)) / spread**2
        moved = (weight * values).sum(axis=0) / weight.sum(axis=0)
        if np.abs(moved - centre).max() < 1e-10:
            return np.asarray(moved, dtype=float)
        centre = moved
    return np.asarray(centre, dtype=float)
