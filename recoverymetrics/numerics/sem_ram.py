"""Implied moments of structural equation models and their derivatives, in the order of least squares and robust tests."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from recoverymetrics.numerics.sem_derivatives import (
    covariance_positions,
    factors,
    mean_jacobian,
    moment_curvature,
    moment_gradient,
)
from recoverymetrics.numerics.sem_layout import (
    COVARIANCE,
    INTERCEPT,
    PATH,
    SCALE,
    THRESHOLD,
    RamLayout,
    RamState,
    evaluate,
)
from recoverymetrics.typing import FloatArray, IntArray

__all__ = [
    "COVARIANCE",
    "INTERCEPT",
    "PATH",
    "SCALE",
    "THRESHOLD",
    "MomentMap",
    "RamLayout",
    "RamState",
    "evaluate",
    "moment_curvature",
    "moment_gradient",
    "scaled_covariance",
]


@dataclass(frozen=True)
class MomentMap:
    """Which moments a least-squares discrepancy or a robust test looks at, and in which order.

    Thresholds, then means, then variances of continuous variables, then covariances (correlations
    for ordinal variables) below the diagonal, column by column.
    """

    layout: RamLayout
    means: bool = True

    @cached_property
    def mean_items(self) -> IntArray:
        """Variables whose means are moments."""
        return self.layout.continuous if self.means else np.zeros(0, dtype=np.int64)

    @cached_property
    def size(self) -> int:
        """Number of moments per group."""
        layout = self.layout
        return (
            len(layout.threshold_item) + len(self.mean_items) + len(layout.continuous) + len(layout.pairs[0])
        )

    @cached_property
    def n_first(self) -> int:
        """Number of thresholds and means, which come first."""
        return len(self.layout.threshold_item) + len(self.mean_items)

    def pack(self, tau: FloatArray, mu: FloatArray, sigma: FloatArray) -> FloatArray:
        """Stack standardised thresholds, means and covariances (G, ...) into moments (G, m)."""
        row, col = self.layout.pairs
        c = self.layout.continuous
        return np.concatenate([tau, mu[:, self.mean_items], sigma[:, c, c], sigma[:, row, col]], axis=1)

    def moments(self, state: RamState) -> FloatArray:
        """Implied moments, shape (G, m)."""
        item = self.layout.threshold_item
        tau = state.delta[:, item] * (state.tau - state.mu[:, item])
        return self.pack(tau, state.mu, scaled_covariance(self.layout, state))

    def jacobian(self, state: RamState) -> FloatArray:
        """Derivatives of the moments by the active cells, shape (G, m, C_active); those of the state seen last are kept."""
        last = self.__dict__.get("_last")
        if last is None or last[0] is not state:
            last = self.__dict__["_last"] = (state, self._jacobian(state))
        found: FloatArray = last[1]
        return found

    def _jacobian(self, state: RamState) -> FloatArray:
        layout = self.layout
        row, col = layout.pairs
        left, right = factors(layout, state)
        position = covariance_positions(layout)
        n_active = len(layout.active)
        out = np.zeros((layout.n_groups, self.size, n_active))
        start = self.size - len(row)
        lower = left[:, row] * right[:, col] + left[:, col] * right[:, row]
        diagonal = np.zeros((layout.n_groups, state.p, n_active))
        diagonal[:, :, position] = 2.0 * left * right
        mean = mean_jacobian(layout, state)
        out[:, start:, position] = lower
        c = layout.continuous
        out[:, self.n_first : start] = diagonal[:, c]
        out[:, len(layout.threshold_item) : self.n_first] = mean[:, self.mean_items]
        if layout.any_ordinal:
            self._scale(state, out, start, diagonal, mean)
        return out

    def _scale(
        self, state: RamState, out: FloatArray, start: int, diagonal: FloatArray, mean: FloatArray
    ) -> None:
        """Pass from latent responses to their standardised form, in place."""
        layout, delta = self.layout, state.delta
        row, col = layout.pairs
        item = layout.threshold_item
        n_th = len(item)
        gap = state.tau - state.mu[:, item]
        where = layout.active_cells
        moved = np.arange(diagonal.shape[2]) if layout.theta else where[SCALE]
        d_delta = np.zeros((len(delta), state.p, len(moved)))
        if layout.theta:
            o = layout.ordinal
            d_delta[:, o] = -0.5 * delta[:, o, None] ** 3 * diagonal[:, o]
        else:
            d_delta[:, layout.row[layout.active[moved]], np.arange(len(moved))] = 1.0
        out[:, :n_th] = -delta[:, item, None] * mean[:, item]
        c = where[THRESHOLD]
        th = layout.row[layout.active[c]]
        out[:, th, c] += delta[:, item[th]]
        if not (delta == 1.0).all():
            out[:, start:] *= (delta[:, row] * delta[:, col])[:, :, None]
        if len(moved):
            sigma = state.sigma[:, row, col]
            part = (sigma * delta[:, col])[:, :, None] * d_delta[:, row]
            part += (sigma * delta[:, row])[:, :, None] * d_delta[:, col]
            out[:, :n_th, moved] += gap[:, :, None] * d_delta[:, item]
            out[:, start:, moved] += part


def scaled_covariance(layout: RamLayout, state: RamState) -> FloatArray:
    """Covariances after scaling: correlations among ordinal variables, shape (G, p, p)."""
    if not layout.any_ordinal:
        return state.sigma
    scaled = state.delta[:, :, None] * state.sigma * state.delta[:, None, :]
    index = np.flatnonzero(layout.ordinal)
    scaled[:, index, index] = 1.0
    return scaled
