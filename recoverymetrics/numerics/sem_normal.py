"""Normal-theory likelihood of implied moments: complete data, and missing data by pattern."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from recoverymetrics.numerics.sem_ram import (
    MomentMap,
    RamLayout,
    RamState,
    covariance_positions,
    evaluate,
    factors,
    mean_jacobian,
    moment_curvature,
    moment_gradient,
)
from recoverymetrics.typing import BoolArray, FloatArray, IntArray

LOG_2PI = float(np.log(2.0 * np.pi))


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
        gap = self.mean - state.mu
        total = self.covariance
        if self.has_means:
            total = total + gap[:, :, None] * gap[:, None, :]
        product = inverse @ total
        trace = np.trace(product, axis1=1, axis2=2)
        value = 0.5 * (float(self.weight @ (logdet + trace)) - self.constant)
        w = self.weight[:, None, None]
        Q = 0.5 * w * (inverse - product @ inverse)
        d = -self.weight[:, None] * (inverse @ gap[:, :, None])[:, :, 0]
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
    left, right = factors(layout, state)
    n = left.shape[2]
    both = np.concatenate([left, right], axis=2)
    turned = np.swapaxes(both, 1, 2)
    s, k = turned @ (inverse @ both), turned @ (K @ both)
    position = covariance_positions(layout)
    blocks = np.zeros((layout.n_groups, len(layout.active), len(layout.active)))
    part = s[:, :n, :n] * k[:, n:, n:] + s[:, n:, n:] * k[:, :n, :n]
    part += s[:, :n, n:] * k[:, n:, :n] + s[:, n:, :n] * k[:, :n, n:]
    blocks[:, position[:, None], position] = 0.5 * part
    mean = mean_jacobian(layout, state)
    if mean.any():
        weighted = np.swapaxes(mean, 1, 2) @ inverse
        blocks += weighted @ mean
        along = v[:, None, :] @ both
        cross = (weighted @ left) * along[:, :, n:] + (weighted @ right) * along[:, :, :n]
        blocks[:, :, position] += cross
        blocks[:, position, :] += np.swapaxes(cross, 1, 2)
    return blocks


def assemble_hessian(
    moments: MomentMap, product: FloatArray, inverse: FloatArray, cross: FloatArray
) -> FloatArray:
    """Second derivatives by the moments from sums over patterns.

    ``product[i, k, j, l]`` sums ``Si[i, k] K[j, l]``, ``inverse`` sums ``Si``, ``cross[i, k, j]`` sums
    ``Si[i, k] v[j]``; all of shape (p, ...).
    """
    c = moments.layout.continuous
    low_row, low_col = moments.layout.pairs
    r, s = np.concatenate([c, low_row]), np.concatenate([c, low_col])
    f = np.where(r == s, 0.5, 1.0)
    R, S = r[:, None], s[:, None]
    both = product[R, r, S, s] + product[S, s, R, r] + product[R, s, S, r] + product[S, r, R, s]
    k = moments.n_first
    out = np.zeros((moments.size, moments.size))
    out[k:, k:] = 0.5 * f[:, None] * f * both
    m = moments.mean_items
    out[:k, :k] = inverse[m[:, None], m]
    mixed = f * (cross[m[:, None], r, s] + cross[m[:, None], s, r])
    out[:k, k:] = mixed
    out[k:, :k] = mixed.T
    return out


def expected_information(
    layout: RamLayout, state: RamState, inverse: FloatArray, weight: FloatArray
) -> FloatArray:
    """Expected information of one observation under the implied moments, shape (q, q)."""
    left, right = factors(layout, state)
    n = left.shape[2]
    both = np.concatenate([left, right], axis=2)
    gram = np.swapaxes(both, 1, 2) @ (inverse @ both)
    ll, lr, rr = gram[:, :n, :n], gram[:, :n, n:], gram[:, n:, n:]
    position = covariance_positions(layout)
    n_active = len(layout.active)
    blocks = np.zeros((layout.n_groups, n_active, n_active))
    blocks[:, position[:, None], position] = ll * rr + lr * np.swapaxes(lr, 1, 2)
    mean = mean_jacobian(layout, state)
    if mean.any():
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


@dataclass(frozen=True)
class MissingPatterns:
    """Data with missing values, reduced to moments by pattern; groups follow one another.

    Attributes
    ----------
    mask : ndarray of bool, shape (P, p)
        Observed variables of each pattern.
    count : ndarray, shape (P,)
        Persons (or their weight) in each pattern.
    mean : ndarray, shape (P, p)
        Means, zero where missing.
    covariance : ndarray, shape (P, p, p)
        Covariances with divisor n, zero where missing.
    group : ndarray of int, shape (P,)
        Group of each pattern, ascending.
    rows : tuple of ndarray of int
        Persons of each pattern, as rows of the group's data.
    n_groups : int
        Number of groups.
    """

    mask: BoolArray
    count: FloatArray
    mean: FloatArray
    covariance: FloatArray
    group: IntArray
    rows: tuple[IntArray, ...]
    n_groups: int

    @cached_property
    def starts(self) -> IntArray:
        """First pattern of each group."""
        return np.searchsorted(self.group, np.arange(self.n_groups))

    @cached_property
    def total(self) -> float:
        """Number of persons."""
        return float(self.count.sum())

    def by_group(self, values: FloatArray) -> FloatArray:
        """Sum values per pattern (P, ...) into values per group (G, ...)."""
        return np.add.reduceat(values, self.starts, axis=0)

    def take_group(self, group: int) -> MissingPatterns:
        """The patterns of one group alone."""
        keep = np.flatnonzero(self.group == group)
        rows = tuple(self.rows[k] for k in keep)
        return MissingPatterns(
            self.mask[keep],
            self.count[keep],
            self.mean[keep],
            self.covariance[keep],
            np.zeros(len(keep), dtype=np.int64),
            rows,
            1,
        )


def find_patterns(groups: list[FloatArray], weights: list[FloatArray] | None = None) -> MissingPatterns:
    """Reduce the data of each group (n_g, p), NaN where missing, to `MissingPatterns`.

    Rows without any observed value must have been taken out.
    """
    masks, counts, means, covs, labels, rows = [], [], [], [], [], []
    for g, data in enumerate(groups):
        seen = ~np.isnan(data)
        unique, inverse = np.unique(seen, axis=0, return_inverse=True)
        order = np.argsort(inverse.ravel(), kind="stable")
        bounds = np.searchsorted(inverse.ravel()[order], np.arange(len(unique) + 1))
        filled = np.where(seen, data, 0.0)
        for k, mask in enumerate(unique):
            index = order[bounds[k] : bounds[k + 1]]
            w = np.ones(len(index)) if weights is None else weights[g][index]
            block = filled[index]
            centre = w @ block / w.sum()
            block = (block - centre) * mask
            masks.append(mask)
            counts.append(w.sum())
            means.append(centre)
            covs.append((block * w[:, None]).T @ block / w.sum())
            labels.append(g)
            rows.append(index)
    return MissingPatterns(
        np.array(masks),
        np.array(counts),
        np.array(means),
        np.array(covs),
        np.array(labels, dtype=np.int64),
        tuple(rows),
        len(groups),
    )


@dataclass(frozen=True)
class PatternTerms:
    """Likelihood terms by pattern: embedded inverses (P, p, p), log determinants, gaps and totals."""

    inverse: FloatArray
    logdet: FloatArray
    gap: FloatArray
    product: FloatArray
    v: FloatArray


def pattern_terms(patterns: MissingPatterns, sigma: FloatArray, mu: FloatArray) -> PatternTerms | None:
    """Evaluate every pattern under group moments ``sigma`` (G, p, p) and ``mu`` (G, p)."""
    mask = patterns.mask
    both = mask[:, :, None] & mask[:, None, :]
    padded = np.where(both, sigma[patterns.group], 0.0)
    hidden = ~mask
    index = np.arange(mask.shape[1])
    padded[:, index, index] += hidden
    found = inverse_and_logdet(padded)
    if found is None:
        return None
    inverse, logdet = found
    inverse[:, index, index] -= hidden
    gap = (patterns.mean - mu[patterns.group]) * mask
    product = inverse @ (patterns.covariance + gap[:, :, None] * gap[:, None, :])
    v = (inverse @ gap[:, :, None])[:, :, 0]
    return PatternTerms(inverse, logdet, gap, product, v)


def pattern_value(patterns: MissingPatterns, terms: PatternTerms) -> float:
    """Minus the log-likelihood of the data."""
    trace = np.trace(terms.product, axis1=1, axis2=2)
    observed = patterns.mask.sum(axis=1)
    return 0.5 * float(patterns.count @ (terms.logdet + trace + LOG_2PI * observed))


def pattern_slopes(patterns: MissingPatterns, terms: PatternTerms) -> tuple[FloatArray, FloatArray]:
    """Derivatives of minus the log-likelihood by Sigma and mu of each group, (G, p, p) and (G, p)."""
    n = patterns.count
    Q = 0.5 * n[:, None, None] * (terms.inverse - terms.product @ terms.inverse)
    d = -n[:, None] * terms.v
    return patterns.by_group(Q), patterns.by_group(d)


def pattern_weight(
    patterns: MissingPatterns,
    moments: MomentMap,
    terms: PatternTerms,
    *,
    observed: bool,
) -> FloatArray:
    """Information about the moments summed over persons, per group, shape (G, m, m)."""
    p = patterns.mask.shape[1]
    out = []
    stops = np.append(patterns.starts[1:], len(patterns.count))
    for start, stop in zip(patterns.starts, stops, strict=True):
        k = slice(start, stop)
        n = patterns.count[k, None, None]
        inverse = terms.inverse[k]
        second = 2.0 * terms.product[k] @ inverse - inverse if observed else inverse
        left = (n * inverse).reshape(-1, p * p)
        product = (left.T @ second.reshape(-1, p * p)).reshape(p, p, p, p)
        cross = np.zeros((p, p, p))
        if observed:
            cross = (left.T @ terms.v[k]).reshape(p, p, p)
        out.append(assemble_hessian(moments, product, (n * inverse).sum(axis=0), cross))
    return np.stack(out)


@dataclass(frozen=True)
class NormalMissing:
    """Full-information maximum likelihood by missing-data pattern, per person."""

    layout: RamLayout
    patterns: MissingPatterns

    def value_gradient(self, theta: FloatArray) -> tuple[float, FloatArray]:
        """Minus the mean log-likelihood and its gradient; infinite where Sigma is not positive definite."""
        state = evaluate(self.layout, theta)
        terms = pattern_terms(self.patterns, state.sigma, state.mu)
        if terms is None:
            return np.inf, np.zeros_like(theta)
        n = self.patterns.total
        Q, d = pattern_slopes(self.patterns, terms)
        gradient = self.layout.gather(moment_gradient(self.layout, state, Q, d))
        return pattern_value(self.patterns, terms) / n, gradient / n

    def metric(self, theta: FloatArray) -> FloatArray:
        """Expected information of one person (missing completely at random), shape (q, q)."""
        return self._information(theta, observed=False)

    def hessian(self, theta: FloatArray) -> FloatArray:
        """Observed information of one person, shape (q, q)."""
        return self._information(theta, observed=True)

    def moment_information(self, theta: FloatArray, *, observed: bool) -> FloatArray:
        """Information about the implied moments per person of the total, shape (G, m, m)."""
        state = evaluate(self.layout, theta)
        terms = pattern_terms(self.patterns, state.sigma, state.mu)
        if terms is None:
            raise np.linalg.LinAlgError("the implied covariance matrix is not positive definite")
        moments = MomentMap(self.layout, means=True)
        return pattern_weight(self.patterns, moments, terms, observed=observed) / self.patterns.total

    def _information(self, theta: FloatArray, *, observed: bool) -> FloatArray:
        state = evaluate(self.layout, theta)
        J = MomentMap(self.layout, means=True).jacobian(state)
        blocks = np.swapaxes(J, 1, 2) @ self.moment_information(theta, observed=observed) @ J
        if observed:
            terms = pattern_terms(self.patterns, state.sigma, state.mu)
            if terms is not None:
                Q, d = pattern_slopes(self.patterns, terms)
                n = self.patterns.total
                blocks = blocks + moment_curvature(self.layout, state, Q / n, d / n)
        return self.layout.gather_square(blocks)


def missing_scores(
    patterns: MissingPatterns,
    sigma: FloatArray,
    mu: FloatArray,
    group: int,
    data: FloatArray,
    moments: MomentMap,
) -> FloatArray:
    """Scores of the persons of one group by the moments (means, variances, covariances), shape (n, m)."""
    terms = pattern_terms(patterns, sigma, mu)
    if terms is None:
        raise np.linalg.LinAlgError("the covariance matrix is not positive definite")
    low_row, low_col = moments.layout.pairs
    c = moments.layout.continuous
    r, s = np.concatenate([c, low_row]), np.concatenate([c, low_col])
    factor = np.where(r == s, 0.5, 1.0)
    out = np.zeros((len(data), moments.size))
    k = moments.n_first
    for pattern in np.flatnonzero(patterns.group == group):
        rows = patterns.rows[pattern]
        inverse = terms.inverse[pattern]
        gap = np.where(patterns.mask[pattern], data[rows] - mu[group], 0.0)
        z = gap @ inverse
        out[rows, :k] = z[:, moments.mean_items]
        out[rows, k:] = factor * (z[:, r] * z[:, s] - inverse[r, s])
    return out
