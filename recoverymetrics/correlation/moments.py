"""One group's correlations, whatever they were computed from."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from recoverymetrics.numerics.smoothing import Smoothed, smooth_correlation
from recoverymetrics.typing import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class GroupMoments:
    """Correlations of ``p`` items in one group.

    Attributes
    ----------
    label : str
        Group, ``"all"`` without groups.
    n : int
        Persons (rows) in the group.
    correlations : ndarray, shape (p, p)
        Correlations.
    pair_n : ndarray, shape (p, p)
        Persons per pair.
    std_errors : ndarray, shape (p, p)
        Standard errors; 0 on the diagonal, NaN where unknown.
    means, covariance : ndarray or None
        Of continuous items.
    tau : ndarray or None, shape (p, K - 1)
        Thresholds of ordered items, padded with ``inf``.
    tau_errors : ndarray or None
        Standard errors of ``tau``.
    acov : ndarray or None
        ``n`` times the asymptotic covariance of the statistics that ``acov_terms`` of the result names.
    empty : tuple of (int, int)
        Item and category without a response.
    empty_cells : ndarray of int, shape (p, p)
        Empty cells per pair.
    boundary : ndarray of bool, shape (p, p)
        Correlations that ran to +-1.
    converged : bool
        Every optimisation ended.
    smoothing : Smoothed or None
        What the check of positive definiteness found.
    """

    label: str
    n: int
    correlations: FloatArray
    pair_n: FloatArray
    std_errors: FloatArray
    means: FloatArray | None = None
    covariance: FloatArray | None = None
    tau: FloatArray | None = None
    tau_errors: FloatArray | None = None
    acov: FloatArray | None = None
    empty: tuple[tuple[int, int], ...] = ()
    empty_cells: IntArray | None = None
    boundary: BoolArray | None = None
    converged: bool = True
    smoothing: Smoothed | None = None

    @property
    def positive_definite(self) -> bool:
        """Whether the matrix is positive definite as it stands (after smoothing, if any)."""
        return self.smoothing is None or self.smoothing.smallest_eigenvalue > 0 or self.smoothed

    @property
    def smoothed(self) -> bool:
        """Whether smoothing changed the matrix."""
        return self.smoothing is not None and self.smoothing.changed and self.smoothing.largest_change > 0


def check_definite(moments: GroupMoments, smooth: bool) -> GroupMoments:
    """Record the smallest eigenvalue; change the matrix only when ``smooth`` is asked for."""
    if not np.isfinite(moments.correlations).all():
        return moments
    found = smooth_correlation(moments.correlations)
    if smooth:
        return replace(moments, correlations=found.matrix, smoothing=found)
    unchanged = Smoothed(moments.correlations, found.smallest_eigenvalue, False, 0.0)
    return replace(moments, smoothing=unchanged)
