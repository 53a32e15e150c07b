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
    slope_jacobian,
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
    "scaled_slopes",
]


@dataclass(frozen=True)
class MomentMap:
    """Which moments a least-squares discrepancy or a robust test looks at, and in which order.

    Thresholds, then means, then (given covariates) slopes, covariate by covariate, then variances of continuous
    variables, then covariances (correlations for ordinal variables) below the diagonal, column by column.
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
        return self.n_first + len(self.layout.continuous) + len(self.layout.pairs[0])

    @cached_property
    def n_first(self) -> int:
        """Number of thresholds, means and slopes, which come first."""
        return self.n_levels + self.layout.n_given * self.layout.n_observed

    @cached_property
    def n_levels(self) -> int:
        """Number of thresholds and means."""
        return len(self.layout.threshold_item) + len(self.mean_items)

    def pack(
        self, tau: FloatArray, mu: FloatArray, sigma: FloatArray, slopes: FloatArray | None = None
    ) -> FloatArray:
        """Stack standardised thresholds, means, slopes (G, p, k) and covariances (G, ...) into moments (G, m)."""
        row, col = self.layout.pairs
        c = self.layout.continuous
        levels = [tau, mu[:, self.mean_items]]
        if slopes is not None:
            levels.append(np.swapaxes(slopes, 1, 2).reshape(len(tau), -1))
        return np.concatenate([*levels, sigma[:, c, c], sigma[:, row, col]], axis=1)

    def moments(self, state: RamState) -> FloatArray:
        """Implied moments, shape (G, m)."""
        item = self.layout.threshold_item
        tau = state.delta[:, item] * (state.tau - state.mu[:, item])
        slopes = scaled_slopes(self.layout, state) if self.layout.n_given else None
        return self.pack(tau, state.mu, scaled_covariance(self.layout, state), slopes)

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
        out[:, len(layout.threshold_item) : self.n_levels] = mean[:, self.mean_items]
        if layout.n_given:
            out[:, self.n_levels : self.n_first] = slope_jacobian(layout, state)
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
        if layout.n_given:
            block = out[:, self.n_levels : self.n_first]
            block *= np.tile(delta, layout.n_given)[:, :, None]
            raw = np.swapaxes(raw_slopes(layout, state), 1, 2).reshape(len(delta), -1)
            block[:, :, moved] += raw[:, :, None] * np.tile(d_delta, (1, layout.n_given, 1))
        if len(moved):
            sigma = state.sigma[:, row, col]
            part = (sigma * delta[:, col])[:, :, None] * d_delta[:, row]
            part += (sigma * delta[:, row])[:, :, None] * d_delta[:, col]
            out[:, :n_th, moved] += gap[:, :, None] * d_delta[:, item]
            out[:, start:, moved] += part


def raw_slopes(layout: RamLayout, state: RamState) -> FloatArray:
    """Total effects of the covariates on the observed variables or latent responses, shape (G, p, k)."""
    return state.E[:, : state.p, layout.n_variables - layout.n_given :]


def scaled_slopes(layout: RamLayout, state: RamState) -> FloatArray:
    """Total effects of the covariates after scaling, shape (G, p, k)."""
    return state.delta[:, :, None] * raw_slopes(layout, state)


def scaled_covariance(layout: RamLayout, state: RamState) -> FloatArray:
    """Covariances after scaling: correlations among ordinal variables, shape (G, p, p)."""
    if not layout.any_ordinal:
        return state.sigma
    scaled = state.delta[:, :, None] * state.sigma * state.delta[:, None, :]
    index = np.flatnonzero(layout.ordinal)
    scaled[:, index, index] = 1.0
    return scaled
