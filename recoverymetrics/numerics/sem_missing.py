"""Normal likelihood of incomplete rows, missing-data pattern by pattern.

With ``Omega = Sigma^-1``, the observed part of a row has ``log|Sigma_oo| = log|Sigma| + log|Omega_mm|``, its missing
part the conditional covariance ``Omega_mm^-1`` and, in deviations, the conditional mean ``-Omega_mm^-1 Omega_mo x_o``.
So only the small blocks of the missing variables are factored, all patterns with equally many of them at once, and the
gradient needs no more than the expected cross-products of the completed rows (Dempster, Laird & Rubin 1977).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recoverymetrics.numerics.sem_patterns import Block, GroupPatterns, MissingPatterns, group_blocks
from recoverymetrics.numerics.sem_ram import (
    MomentMap,
    RamLayout,
    evaluate,
    moment_curvature,
    moment_gradient,
)
from recoverymetrics.typing import FloatArray, IntArray

CELLS = 4_000_000
"""Numbers in the largest temporary array when information is summed over patterns."""


@dataclass(frozen=True)
class PatternTerms:
    """One group's likelihood terms at some moments.

    Attributes
    ----------
    omega : ndarray, shape (p, p)
        Inverse covariance matrix.
    value : float
        Minus the log-likelihood.
    cross : ndarray, shape (p, p)
        Expected cross-products of the completed persons around the means.
    shift : ndarray, shape (p,)
        Sum of the completed persons' deviations from the means.
    scores : ndarray, shape (P + D, p)
        ``Sigma_oo^-1`` times the rows, zero where missing; the rows of means times the root of their persons.
    roots : tuple of ndarray
        Inverse Cholesky factors of ``Omega_mm``, block by block.
    """

    omega: FloatArray
    value: float
    cross: FloatArray
    shift: FloatArray
    scores: FloatArray
    roots: tuple[FloatArray, ...]


def pattern_terms(group: GroupPatterns, sigma: FloatArray, mu: FloatArray) -> PatternTerms | None:
    """Evaluate all patterns of a group; None when ``sigma`` (p, p) is not positive definite."""
    try:
        root = np.linalg.cholesky(sigma)
    except np.linalg.LinAlgError:
        return None
    half = np.linalg.inv(root)
    omega = half.T @ half
    logdet = 2.0 * group.total * float(np.log(np.diagonal(root)).sum())
    if not np.isfinite(logdet):
        return None
    scale = np.sqrt(group.count)
    means = (group.mean - mu) * group.mask * scale[:, None]
    rows = np.concatenate([means, group.deviations]) if len(group.deviations) else means
    weighted = rows @ omega
    roots, spread = [], []
    for block in group.blocks:
        small, logs = _small_roots(omega, block)
        inverse = np.swapaxes(small, 1, 2) @ small
        weight = group.count[block.patterns]
        logdet += 2.0 * float(weight @ logs)
        if block.items.size:
            at = block.rows[:, None], block.items[block.which]
            rows[at] = -(inverse[block.which] @ weighted[at][:, :, None])[:, :, 0]
        roots.append(small)
        spread.append((weight[:, None, None] * inverse).ravel())
    p = len(mu)
    filled = rows.T @ rows
    extra = np.bincount(group.scatter, weights=np.concatenate(spread), minlength=p * p).reshape(p, p)
    value = 0.5 * (logdet + float((omega * filled).sum()) + group.constant)
    return PatternTerms(omega, value, filled + extra, scale @ rows[: len(scale)], rows @ omega, tuple(roots))


def _small_roots(omega: FloatArray, block: Block) -> tuple[FloatArray, FloatArray]:
    """Inverse Cholesky factors of ``Omega_mm`` (B, m, m) and the logs of their determinants' inverses (B,)."""
    root = np.linalg.cholesky(omega[block.items[:, :, None], block.items[:, None, :]])
    return np.linalg.inv(root), np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)


def pattern_slopes(group: GroupPatterns, terms: PatternTerms) -> tuple[FloatArray, FloatArray]:
    """Derivatives of minus the log-likelihood by Sigma (p, p) and mu (p,)."""
    omega = terms.omega
    return 0.5 * (group.total * omega - omega @ terms.cross @ omega), -omega @ terms.shift


def em_step(group: GroupPatterns, terms: PatternTerms, mu: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Covariances and means after one cycle of the EM algorithm for unrestricted moments."""
    shift = terms.shift / group.total
    return terms.cross / group.total - shift[:, None] * shift, mu + shift


@dataclass(frozen=True)
class _Half:
    """Symmetric matrices by their lower triangles: positions (h,), and the place of each cell there, (p, p)."""

    row: IntArray
    col: IntArray
    place: IntArray


def _half(p: int) -> _Half:
    row, col = np.tril_indices(p)
    place = np.zeros((p, p), dtype=np.int64)
    place[row, col] = place[col, row] = np.arange(len(row))
    return _Half(row, col, place)


def _embedded(omega: FloatArray, items: IntArray, roots: FloatArray, half: _Half) -> FloatArray:
    """Lower triangles of ``Sigma_oo^-1`` embedded in zeros, one row per pattern."""
    straight = omega[half.row, half.col]
    if not items.size:
        return np.broadcast_to(straight, (len(items), len(straight)))
    V = roots @ omega[items]
    return straight - (np.swapaxes(V, 1, 2) @ V)[:, half.row, half.col]


def _outer(group: GroupPatterns, block: Block, part: slice, scores: FloatArray, half: _Half) -> FloatArray:
    """Lower triangles of the sums over persons of outer products of scores, one row per pattern."""
    chosen = block.patterns[part]
    z = scores[chosen]
    out = z[:, half.row] * z[:, half.col]
    low, high = np.searchsorted(group.owner, chosen), np.searchsorted(group.owner, chosen, side="right")
    for k in np.flatnonzero(high > low):
        own = scores[len(group.count) + low[k] : len(group.count) + high[k]]
        out[k] += (own.T @ own)[half.row, half.col]
    return out


def pattern_weight(
    group: GroupPatterns, moments: MomentMap, terms: PatternTerms, *, observed: bool
) -> FloatArray:
    """Information about the moments of one group, summed over its persons, shape (m, m)."""
    p = group.mask.shape[1]
    half = _half(p)
    h = len(half.row)
    product, total, cross = np.zeros((h, h)), np.zeros(h), np.zeros((h, p))
    step = max(1, CELLS // (p * p))
    for block, roots in zip(group.blocks, terms.roots, strict=True):
        for start in range(0, len(block.patterns), step):
            part = slice(start, start + step)
            count = group.count[block.patterns[part], None]
            inverse = _embedded(terms.omega, block.items[part], roots[part], half)
            weighted = count * inverse
            total += weighted.sum(axis=0)
            if observed:
                second = 2.0 * _outer(group, block, part, terms.scores, half) - weighted
                cross += inverse.T @ (np.sqrt(count) * terms.scores[block.patterns[part]])
                product += inverse.T @ second
            else:
                product += inverse.T @ weighted
    return _assemble(moments, half, product, total, cross)


def _assemble(
    moments: MomentMap, half: _Half, product: FloatArray, total: FloatArray, cross: FloatArray
) -> FloatArray:
    """Second derivatives by the moments: of ``Si x K`` for covariances, ``Si`` for means, ``Si x v`` between them."""
    c = moments.layout.continuous
    low_row, low_col = moments.layout.pairs
    r, s = np.concatenate([c, low_row]), np.concatenate([c, low_col])
    f = np.where(r == s, 0.5, 1.0)
    R, S = r[:, None], s[:, None]
    place, both = half.place, product + product.T
    k, m = moments.n_first, moments.mean_items
    out = np.zeros((moments.size, moments.size))
    out[k:, k:] = 0.5 * f[:, None] * f * (both[place[R, r], place[S, s]] + both[place[R, s], place[S, r]])
    out[:k, :k] = total[place[m[:, None], m]]
    mixed = f * (cross[place[m[:, None], r], s] + cross[place[m[:, None], s], r])
    out[:k, k:] = mixed
    out[k:, :k] = mixed.T
    return out


@dataclass(frozen=True)
class NormalMissing:
    """Full-information maximum likelihood by missing-data pattern, per person."""

    layout: RamLayout
    patterns: MissingPatterns

    def _terms(self, theta: FloatArray) -> tuple[PatternTerms, ...] | None:
        """Terms of all groups, kept for the array seen last; None outside the domain."""
        last = self.__dict__.get("_last")
        if last is not None and last[0] is theta:
            return last[1]
        state = evaluate(self.layout, theta)
        found = []
        for group, sigma, mu in zip(self.patterns.groups, state.sigma, state.mu, strict=True):
            terms = pattern_terms(group, sigma, mu)
            if terms is None:
                return None
            found.append(terms)
        self.__dict__["_last"] = (theta, tuple(found))
        return tuple(found)

    def _slopes(self, terms: Sequence[PatternTerms]) -> tuple[FloatArray, FloatArray]:
        """Derivatives per person by Sigma and mu of all groups."""
        found = [pattern_slopes(g, t) for g, t in zip(self.patterns.groups, terms, strict=True)]
        n = self.patterns.total
        return np.stack([Q for Q, _ in found]) / n, np.stack([d for _, d in found]) / n

    def value_gradient(self, theta: FloatArray) -> tuple[float, FloatArray]:
        """Minus the mean log-likelihood and its gradient; infinite where Sigma is not positive definite."""
        terms = self._terms(theta)
        if terms is None:
            return np.inf, np.zeros_like(theta)
        state = evaluate(self.layout, theta)
        value = sum(t.value for t in terms) / self.patterns.total
        return value, self.layout.gather(moment_gradient(self.layout, state, *self._slopes(terms)))

    def metric(self, theta: FloatArray) -> FloatArray:
        """Expected information of one person (missing completely at random), shape (q, q)."""
        return self._information(theta, observed=False)

    def hessian(self, theta: FloatArray) -> FloatArray:
        """Observed information of one person, shape (q, q)."""
        return self._information(theta, observed=True)

    def moment_information(self, theta: FloatArray, *, observed: bool) -> FloatArray:
        """Information about the implied moments per person of the total, shape (G, m, m)."""
        terms = self._terms(theta)
        if terms is None:
            raise np.linalg.LinAlgError("the implied covariance matrix is not positive definite")
        moments = MomentMap(self.layout, means=True)
        parts = zip(self.patterns.groups, terms, strict=True)
        return np.stack([pattern_weight(g, moments, t, observed=observed) for g, t in parts]) / (
            self.patterns.total
        )

    def _information(self, theta: FloatArray, *, observed: bool) -> FloatArray:
        weight = self.moment_information(theta, observed=observed)
        state = evaluate(self.layout, theta)
        J = MomentMap(self.layout, means=True).jacobian(state)
        blocks = np.swapaxes(J, 1, 2) @ weight @ J
        terms = self._terms(theta)
        if observed and terms is not None:
            blocks = blocks + moment_curvature(self.layout, state, *self._slopes(terms))
        return self.layout.gather_square(blocks)


def missing_scores(
    group: GroupPatterns, sigma: FloatArray, mu: FloatArray, data: FloatArray, moments: MomentMap
) -> FloatArray:
    """Scores of the persons of one group by the moments (means, variances, covariances), shape (n, m)."""
    terms = pattern_terms(group, sigma, mu)
    if terms is None:
        raise np.linalg.LinAlgError("the covariance matrix is not positive definite")
    p = len(mu)
    half = _half(p)
    low_row, low_col = moments.layout.pairs
    c = moments.layout.continuous
    r, s = np.concatenate([c, low_row]), np.concatenate([c, low_col])
    rows = np.where(group.mask[group.index], data - mu, 0.0)
    weighted = rows @ terms.omega
    inverse = np.empty((len(group.count), len(half.row)))
    for block, roots in zip(group_blocks(group.mask, group.index), terms.roots, strict=True):
        inverse[block.patterns] = _embedded(terms.omega, block.items, roots, half)
        if block.items.size:
            at = block.rows[:, None], block.items[block.which]
            small = (np.swapaxes(roots, 1, 2) @ roots)[block.which]
            rows[at] = -(small @ weighted[at][:, :, None])[:, :, 0]
    z = rows @ terms.omega
    covariance = z[:, r] * z[:, s] - inverse[:, half.place[r, s]][group.index]
    covariance[:, : len(c)] *= 0.5
    return np.concatenate([z[:, moments.mean_items], covariance], axis=1)
