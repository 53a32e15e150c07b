"""Location-scale cumulative logit models with group effects under a group lasso, many items at once.

``P(Y >= k | x, g) = F(exp(tau_g) (alpha_k + a x + gamma_g))`` with every group its own ``gamma_g`` and ``tau_g``; the
penalty, not a reference group, identifies them. Blocks of effects are penalised by their length in the metric of
their information at zero (Simon & Tibshirani 2012), so that an effect enters when the root of its score statistic
exceeds the penalty, whatever the sizes of the groups.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recoverymetrics.numerics.ordinal_logistic_scale import (
    LocationScaleProblem,
    evaluate_location_scale,
    location_scale_problem,
)
from recoverymetrics.typing import FloatArray, IntArray

BLOCK_SWEEPS = 100
"""Most sweeps of block coordinate descent in one quadratic problem."""
BLOCK_TOLERANCE = 1e-6
"""Largest change of a standardised effect at which the sweeps stop."""


@dataclass(frozen=True)
class GroupEffects:
    """Parameters of ``B`` items.

    Attributes
    ----------
    thresholds : ndarray, shape (B, K - 1)
        ``alpha``; decreasing fillers from -60 beyond an item's own categories.
    slope : ndarray, shape (B,)
        ``a``.
    shift, turn : ndarray, shape (B, G)
        ``gamma`` and ``tau``.
    """

    thresholds: FloatArray
    slope: FloatArray
    shift: FloatArray
    turn: FloatArray

    @property
    def flat(self) -> FloatArray:
        """All parameters, (B, K - 1 + 1 + 2 G)."""
        return np.concatenate([self.thresholds, self.slope[:, None], self.shift, self.turn], axis=1)

    def unflatten(self, flat: FloatArray) -> GroupEffects:
        """The same shapes with other values."""
        k, g = self.thresholds.shape[1], self.shift.shape[1]
        cuts = np.split(flat, [k, k + 1, k + 1 + g], axis=1)
        return GroupEffects(cuts[0], cuts[1][:, 0], cuts[2], cuts[3])


@dataclass(frozen=True)
class Blocks:
    """Which effects are penalised together, and in what metric.

    Attributes
    ----------
    members : tuple of ndarray of int
        Positions in ``(gamma_1 .. gamma_G, tau_1 .. tau_G)``; effects in no block stay at zero.
    roots : tuple of ndarray, each (B, m, m)
        Lower Cholesky factors of the blocks' information.
    """

    members: tuple[IntArray, ...]
    roots: tuple[FloatArray, ...]


def tabulated_problem(theta: FloatArray, counts: FloatArray) -> LocationScaleProblem:
    """Problem from counts (B, G, Q, K) at nodes ``theta`` (Q,)."""
    b, g, q, k = counts.shape
    group = np.repeat(np.arange(1, g + 1), q)
    dummies = (group[:, None] == np.arange(1, g + 1)).astype(float)
    design = np.column_stack([np.tile(theta, g), dummies])
    return location_scale_problem(design, group, counts.reshape(b, g * q, k))


def category_log_probabilities(items: GroupEffects, theta: FloatArray) -> FloatArray:
    """Log probabilities of every category, (G, B, K, Q)."""
    spread = np.exp(items.turn).T[:, :, None, None]
    location = items.thresholds[:, :, None] + items.slope[:, None, None] * theta
    eta = spread * (location[None] + items.shift.T[:, :, None, None])
    above = np.minimum(eta, 0.0) - np.log1p(np.exp(-np.abs(eta)))
    below = above - eta
    gap = spread[..., 0] * (items.thresholds[:, :-1] - items.thresholds[:, 1:])[None]
    out = np.zeros((eta.shape[0], eta.shape[1], eta.shape[2] + 1, eta.shape[3]))
    out[:, :, 1:] += above
    out[:, :, :-1] += below
    out[:, :, 1:-1] += np.log(-np.expm1(-gap))[..., None]
    return out


def standardise_blocks(
    problem: LocationScaleProblem, items: GroupEffects, members: tuple[IntArray, ...]
) -> tuple[Blocks, FloatArray]:
    """Metric of every block, and the root of its score statistic (B, n_blocks), at the present parameters."""
    gradient, information, _, _ = _reduced(problem, items)
    roots, scores = [], []
    for block in members:
        own = information[:, block[:, None], block]
        own = own + 1e-8 * np.eye(block.size) * np.maximum(own.max(axis=(1, 2)), 1e-8)[:, None, None]
        root = np.asarray(np.linalg.cholesky(own), dtype=float)
        standard = np.linalg.solve(root, gradient[:, block, None])[:, :, 0]
        roots.append(root)
        scores.append(np.sqrt(np.sum(standard**2, axis=1)))
    return Blocks(members, tuple(roots)), np.stack(scores, axis=1)


def penalised_step(
    problem: LocationScaleProblem, items: GroupEffects, blocks: Blocks, penalty: FloatArray
) -> GroupEffects:
    """One proximal Newton step in every item, halved where the penalised likelihood would fall.

    Parameters
    ----------
    problem : LocationScaleProblem
        Counts at nodes, from `tabulated_problem`.
    items : GroupEffects
        Present parameters.
    blocks : Blocks
        Penalised blocks.
    penalty : ndarray, shape (B, n_blocks)
        Penalty of each block: zero leaves it free, infinity keeps it at zero.

    Returns
    -------
    GroupEffects
    """
    gradient, information, nuisance, loglik = _reduced(problem, items)
    effects = np.concatenate([items.shift, items.turn], axis=1)
    moved = _descend(gradient, information, effects, blocks, penalty)
    change = moved - effects
    first, cross, inverse = nuisance
    fixed = (inverse @ (first - (cross @ change[:, :, None])[:, :, 0])[:, :, None])[:, :, 0]
    step = np.concatenate([fixed, change], axis=1)
    return _halved(problem, items, step, blocks, penalty, loglik)


Nuisance = tuple[FloatArray, FloatArray, FloatArray]


def _reduced(
    problem: LocationScaleProblem, items: GroupEffects
) -> tuple[FloatArray, FloatArray, Nuisance, FloatArray]:
    """Gradient and information of the effects, thresholds and slope profiled out; what to find those again."""
    k, g = items.thresholds.shape[1], items.shift.shape[1]
    state = evaluate_location_scale(problem, items.flat, k, 1 + g)
    n = k + 1
    inverse = np.asarray(np.linalg.inv(state.information[:, :n, :n]), dtype=float)
    cross = state.information[:, :n, n:]
    first = state.gradient[:, :n]
    turned = np.swapaxes(cross, 1, 2) @ inverse
    information = state.information[:, n:, n:] - turned @ cross
    gradient = state.gradient[:, n:] - (turned @ first[:, :, None])[:, :, 0]
    return gradient, information, (first, cross, inverse), state.loglik


def _descend(
    gradient: FloatArray,
    information: FloatArray,
    start: FloatArray,
    blocks: Blocks,
    penalty: FloatArray,
) -> FloatArray:
    """Minimise the penalised quadratic by block coordinate descent; effects outside the blocks stay."""
    now = start.copy()
    slope = gradient.copy()
    curves = []
    for block, root in zip(blocks.members, blocks.roots, strict=True):
        own = information[:, block[:, None], block]
        white = np.linalg.solve(root, np.swapaxes(np.linalg.solve(root, own), 1, 2))
        curves.append(np.maximum(np.linalg.eigvalsh(white)[:, -1], 1e-8))
    for _ in range(BLOCK_SWEEPS):
        largest = 0.0
        for b, (block, root) in enumerate(zip(blocks.members, blocks.roots, strict=True)):
            u = (np.swapaxes(root, 1, 2) @ now[:, block, None])[:, :, 0]
            ahead = u + np.linalg.solve(root, slope[:, block, None])[:, :, 0] / curves[b][:, None]
            length = np.sqrt(np.sum(ahead**2, axis=1))
            kept = np.maximum(1.0 - penalty[:, b] / (curves[b] * np.maximum(length, 1e-300)), 0.0)
            change = kept[:, None] * ahead - u
            largest = max(largest, float(np.abs(change).max()))
            delta = np.linalg.solve(np.swapaxes(root, 1, 2), change[:, :, None])[:, :, 0]
            now[:, block] += delta
            slope -= (information[:, :, block] @ delta[:, :, None])[:, :, 0]
        if largest < BLOCK_TOLERANCE:
            break
    return now


def _halved(
    problem: LocationScaleProblem,
    items: GroupEffects,
    step: FloatArray,
    blocks: Blocks,
    penalty: FloatArray,
    loglik: FloatArray,
) -> GroupEffects:
    k, g = items.thresholds.shape[1], items.shift.shape[1]
    flat, before = items.flat, loglik - penalty_value(items, blocks, penalty)
    size = np.ones(flat.shape[0])
    for _ in range(12):
        trial = flat + size[:, None] * step
        ordered = np.asarray((np.diff(trial[:, :k], axis=1) < 0).all(axis=1)) & (trial[:, k] > 0.02)
        trial = np.where(ordered[:, None], trial, flat)
        new = items.unflatten(trial)
        after = evaluate_location_scale(problem, trial, k, 1 + g).loglik
        worse = ~ordered | (after - penalty_value(new, blocks, penalty) < before - 1e-9 * np.abs(before))
        if not worse.any():
            return new
        size = np.where(worse, 0.5 * size, size)
    return items.unflatten(np.where(worse[:, None], flat, trial))


def penalty_value(items: GroupEffects, blocks: Blocks, penalty: FloatArray) -> FloatArray:
    """Penalty of each item, (B,); infinite penalties hold blocks at zero and count nothing."""
    effects = np.concatenate([items.shift, items.turn], axis=1)
    total = np.zeros(effects.shape[0])
    for b, (block, root) in enumerate(zip(blocks.members, blocks.roots, strict=True)):
        u = (np.swapaxes(root, 1, 2) @ effects[:, block, None])[:, :, 0]
        weight = np.where(np.isfinite(penalty[:, b]), penalty[:, b], 0.0)
        total += weight * np.sqrt(np.sum(u**2, axis=1))
    return total
