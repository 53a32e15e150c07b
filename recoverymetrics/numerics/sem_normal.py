"""Normal-theory likelihood of implied moments, complete data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from recoverymetrics.numerics.sem_derivatives import (
    columns,
    covariance_positions,
    factors,
    mean_jacobian,
    moment_curvature,
    moment_gradient,
    moves,
    pairs_of,
)
from recoverymetrics.numerics.sem_layout import RamLayout, RamState, evaluate
from recoverymetrics.numerics.sem_ram import MomentMap
from recoverymetrics.typing import FloatArray, IntArray


def invert(matrices: FloatArray) -> FloatArray:
    """Inverses of a stack of matrices."""
    return np.linalg.inv(matrices).astype(np.float64, copy=False)


def inverse_and_logdet(sigma: FloatArray) -> tuple[FloatArray, FloatArray] | None:
    """Inverse and log determinant of a stack of matrices; None when one is not positive definite."""
    try:
        root = np.linalg.cholesky(sigma)
    except np.linalg.LinAlgError:
        return None
    logdet = 2.0 * np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)
    if not np.isfinite(logdet).all():
        return None
    return invert(sigma), logdet


def normal_weight(moments: MomentMap, inverse: FloatArray) -> FloatArray:
    """Expected information of one observation about the moments, shape (m, m).

    ``inverse`` is the inverse covariance matrix (p, p). This is also the weight of GLS.
    """
    c = moments.layout.continuous
    low_row, low_col = moments.layout.pairs
    row, col = np.concatenate([c, low_row]), np.concatenate([c, low_col])
    factor = np.where(row == col, 0.5, 1.0)
    rr, cc = inverse[row[:, None], row], inverse[col[:, None], col]
    rc, cr = inverse[row[:, None], col], inverse[col[:, None], row]
    k = moments.n_first
    weight = np.zeros((moments.size, moments.size))
    weight[k:, k:] = factor[:, None] * factor * (rr * cc + rc * cr)
    weight[:k, :k] = inverse[moments.mean_items[:, None], moments.mean_items]
    return weight


@dataclass(frozen=True)
class NormalComplete:
    """Maximum likelihood from the moments of complete groups.

    Attributes
    ----------
    layout : RamLayout
        Model.
    covariance : ndarray, shape (G, p, p)
        Sample covariances.
    mean : ndarray, shape (G, p)
        Sample means; zeros when the model has no mean structure.
    weight : ndarray, shape (G,)
        Share of each group in the total, ``n_g / N``.
    has_means : bool
        Whether means are part of the model.
    """

    layout: RamLayout
    covariance: FloatArray
    mean: FloatArray
    weight: FloatArray
    has_means: bool

    @cached_property
    def constant(self) -> float:
        """``sum w_g (log|S_g| + p)``."""
        logdet = np.linalg.slogdet(self.covariance)[1]
        return float(self.weight @ (logdet + self.covariance.shape[1]))

    def value_gradient(self, theta: FloatArray) -> tuple[float, FloatArray]:
        """Half the discrepancy ``F_ML`` and its gradient; infinite where Sigma is not positive definite."""
        state = evaluate(self.layout, theta)
        found = inverse_and_logdet(state.sigma)
        if found is None:
            return np.inf, np.zeros_like(theta)
        inverse, logdet = found
        total, d = self.covariance, self.mean
        if self.has_means:
            gap = self.mean - state.mu
            total = total + gap[:, :, None] * gap[:, None, :]
            d = -self.weight[:, None] * (inverse @ gap[:, :, None])[:, :, 0]
        outer = inverse @ total @ inverse
        trace = (inverse * total).sum(axis=(1, 2))
        value = 0.5 * (float(self.weight @ (logdet + trace)) - self.constant)
        Q = (0.5 * self.weight)[:, None, None] * (inverse - outer)
        return value, self.layout.gather(moment_gradient(self.layout, state, Q, d))

    def metric(self, theta: FloatArray) -> FloatArray:
        """Expected information of one observation, shape (q, q)."""
        state = evaluate(self.layout, theta)
        inverse = invert(state.sigma)
        return expected_information(self.layout, state, inverse, self.weight)

    def hessian(self, theta: FloatArray) -> FloatArray:
        """Observed information of one observation, shape (q, q)."""
        state = evaluate(self.layout, theta)
        inverse = invert(state.sigma)
        gap = self.mean - state.mu
        total = self.covariance + gap[:, :, None] * gap[:, None, :]
        w: Any = self.weight[:, None, None]
        outer = inverse @ total @ inverse
        v = (inverse @ gap[:, :, None])[:, :, 0]
        blocks = w * observed_blocks(self.layout, state, inverse, 2.0 * outer - inverse, v)
        Q = 0.5 * w * (inverse - outer)
        blocks += moment_curvature(self.layout, state, Q, -self.weight[:, None] * v)
        return self.layout.gather_square(blocks)


def observed_blocks(
    layout: RamLayout, state: RamState, inverse: FloatArray, K: FloatArray, v: FloatArray
) -> FloatArray:
    """Second derivatives of half the normal discrepancy along the moments, shape (G, C_active, C_active).

    ``K`` is ``2 Si T Si - Si`` with ``T = S + d d'``, and ``v = Si d``; the curvature of the moments
    themselves is left out.
    """
    moved, both = moves(layout), columns(state)
    n, turned = len(moved.left), np.swapaxes(both, 1, 2)
    s, k = pairs_of(moved, turned @ (inverse @ both)), pairs_of(moved, turned @ (K @ both))
    part = s[:, :n, :n] * k[:, n:, n:] + s[:, n:, n:] * k[:, :n, :n]
    part += s[:, :n, n:] * k[:, n:, :n] + s[:, n:, :n] * k[:, :n, n:]
    part *= 0.5 * moved.half[:, None] * moved.half
    if not layout.has_means:
        return _placed(layout, part)
    mean = mean_jacobian(layout, state)
    weighted = np.swapaxes(mean, 1, 2) @ inverse
    blocks = _placed(layout, part) + weighted @ mean
    along, across = (v[:, None, :] @ both), weighted @ both
    right = along[:, :, moved.right] * moved.half
    cross = across[:, :, moved.left] * right + across[:, :, moved.right] * (
        along[:, :, moved.left] * moved.half
    )
    blocks[:, :, moved.position] += cross
    blocks[:, moved.position, :] += np.swapaxes(cross, 1, 2)
    return blocks


def _placed(layout: RamLayout, part: FloatArray) -> FloatArray:
    """Blocks by the factors of the covariance matrix as blocks by the active cells."""
    position, n = moves(layout).position, len(layout.active)
    blocks = np.zeros((layout.n_groups, n, n))
    blocks[:, position[:, None], position] = part
    return blocks


def expected_information(
    layout: RamLayout, state: RamState, inverse: FloatArray, weight: FloatArray
) -> FloatArray:
    """Expected information of one observation under the implied moments, shape (q, q)."""
    moved, both = moves(layout), columns(state)
    n = len(moved.left)
    gram = pairs_of(moved, np.swapaxes(both, 1, 2) @ (inverse @ both))
    part = gram[:, :n, :n] * gram[:, n:, n:] + gram[:, :n, n:] * gram[:, n:, :n]
    blocks = _placed(layout, part * (moved.half[:, None] * moved.half))
    if layout.has_means:
        mean = mean_jacobian(layout, state)
        blocks += np.swapaxes(mean, 1, 2) @ (inverse @ mean)
    return layout.gather_square(weight[:, None, None] * blocks)


def casewise_scores(
    layout: RamLayout, state: RamState, group: int, data: FloatArray, *, means: bool
) -> FloatArray:
    """Scores of the persons of one group, shape (n, q): gradient of each log-likelihood.

    With ``means=False`` the data must be centred already and the model has no intercepts.
    """
    inverse = np.linalg.inv(state.sigma[group])
    z = (data - state.mu[group] if means else data) @ inverse
    one = _one_group(layout, state, group)
    left, right = one.left, one.right
    centre = np.einsum("pc,pc->c", left, inverse @ right)
    out = np.zeros((len(data), len(layout.active)))
    out[:, one.position] = (z @ left) * (z @ right) - centre
    if one.mean.any():
        out += z @ one.mean
    return layout.spread(out, group)


@dataclass(frozen=True)
class _GroupFactors:
    left: FloatArray
    right: FloatArray
    mean: FloatArray
    position: IntArray


def _one_group(layout: RamLayout, state: RamState, group: int) -> _GroupFactors:
    left, right = factors(layout, state)
    mean = mean_jacobian(layout, state)
    return _GroupFactors(left[group], right[group], mean[group], covariance_positions(layout))
