"""Making an indefinite correlation matrix positive definite, openly."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recoverymetrics.numerics.covariance import covariance_to_correlation
from recoverymetrics.typing import FloatArray


@dataclass(frozen=True)
class Smoothed:
    """A correlation matrix and what smoothing did to it.

    Attributes
    ----------
    matrix : ndarray, shape (p, p)
        The matrix, changed only when it was not positive definite.
    smallest_eigenvalue : float
        Of the matrix as it came in.
    changed : bool
        Whether smoothing was needed.
    largest_change : float
        Largest absolute change of a correlation.
    """

    matrix: FloatArray
    smallest_eigenvalue: float
    changed: bool
    largest_change: float


def smooth_correlation(matrix: FloatArray, *, floor: float = 1e-12) -> Smoothed:
    """Lift eigenvalues below ``floor`` and rescale to unit variances.

    Parameters
    ----------
    matrix : ndarray, shape (p, p)
        Correlations.
    floor : float, default 1e-12
        Eigenvalues below it are set to 100 times it; then eigenvalues are rescaled to add up to ``p``.

    Returns
    -------
    Smoothed
    """
    values, vectors = np.linalg.eigh(matrix)
    if values[0] >= floor:
        return Smoothed(matrix, float(values[0]), False, 0.0)
    lifted = np.where(values < floor, 100.0 * floor, values)
    lifted *= matrix.shape[0] / lifted.sum()
    smooth = covariance_to_correlation((vectors * lifted) @ vectors.T)
    return Smoothed(smooth, float(values[0]), True, float(np.max(np.abs(smooth - matrix))))
