"""From responses to sample statistics, one group after the other, with every refusal in words."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from recoverymetrics.cfa.design import Design, make_design
from recoverymetrics.correlation import ordinal_moments
from recoverymetrics.correlation.kernel_mixed import MixedMoments, mixed_moments
from recoverymetrics.errors import DataError
from recoverymetrics.instrument.frame import ItemData
from recoverymetrics.numerics.sem_patterns import MissingPatterns, find_patterns
from recoverymetrics.typing import BoolArray, FloatArray, IntArray

Column = TypeVar("Column", FloatArray, IntArray)
T = TypeVar("T")


@dataclass(frozen=True)
class Covariates:
    """Observed covariates that the statistics of the other variables are conditional on.

    Attributes
    ----------
    names : tuple of str
        Covariates.
    data : tuple of ndarray, each (n_g, k)
        Their values in the rows used.
    mean, covariance : ndarray, shapes (G, k) and (G, k, k)
        Their moments, divisor n - 1.
    slopes : ndarray, shape (G, p, k)
        Slopes of the variables' regressions on them.
    """

    names: tuple[str, ...]
    data: tuple[FloatArray, ...]
    mean: FloatArray
    covariance: FloatArray
    slopes: FloatArray


@dataclass(frozen=True)
class Sample:
    """Statistics of ``p`` variables in ``G`` groups.

    Attributes
    ----------
    items : tuple of str
        Observed variables in model order.
    groups : tuple of str
        Group labels; ``("all",)`` without groups.
    data : tuple of ndarray, each (n_g, p)
        Rows used, NaN where missing.
    n : ndarray, shape (G,)
        Rows used per group.
    n_dropped : int
        Rows left out because of missing values.
    mean : ndarray, shape (G, p)
        Means (maximum likelihood estimates under FIML; zero for ordinal variables).
    covariance : ndarray, shape (G, p, p)
        Covariances with divisor n, or polychoric correlations.
    tau : ndarray, shape (G, K)
        Thresholds.
    threshold_item : ndarray of int, shape (K,)
        Item of each threshold.
    ordinal : ndarray of bool, shape (p,)
        Ordered variables.
    gamma : ndarray, shape (G, m, m), or None
        Asymptotic covariance of thresholds and correlations, times n.
    patterns : MissingPatterns or None
        Missing-data patterns under FIML.
    weights, clusters : tuple of ndarray, or None
        Sampling weights (mean one) and cluster numbers of the rows.
    weight_gamma : ndarray, shape (G, m, m), or None
        What least squares weighs the moments by where that is not ``gamma``: the same with weights that count
        independent rows, so that estimates depend on the weighted data alone.
    covariates : Covariates or None
        What the other statistics are conditional on: thresholds and means are then those at covariates of zero, and
        covariances those of the residuals.
    """

    items: tuple[str, ...]
    groups: tuple[str, ...]
    data: tuple[FloatArray, ...]
    n: FloatArray
    n_dropped: int
    mean: FloatArray
    covariance: FloatArray
    tau: FloatArray
    threshold_item: IntArray
    ordinal: BoolArray
    gamma: FloatArray | None = None
    patterns: MissingPatterns | None = None
    warnings: tuple[str, ...] = ()
    weights: tuple[FloatArray, ...] | None = None
    clusters: tuple[IntArray, ...] | None = None
    weight_gamma: FloatArray | None = None
    covariates: Covariates | None = None

    @property
    def slopes(self) -> FloatArray | None:
        """Slopes on the covariates, shape (G, p, k); None without covariates."""
        return None if self.covariates is None else self.covariates.slopes

    def once(self, key: Hashable, compute: Callable[[], T]) -> T:
        """What follows from the sample alone, such as weights and the baseline model: computed for the first fit only."""
        kept = self.__dict__.setdefault("_kept", {})
        if key not in kept:
            kept[key] = compute()
        return kept[key]

    def pooled(self, group: int, scores: FloatArray) -> FloatArray:
        """Casewise scores of a group, weighted and added up within clusters."""
        return Design(self.n, self.weights, self.clusters).pooled(group, scores)

    @property
    def total(self) -> float:
        """Rows used in all groups."""
        return float(self.n.sum())

    @property
    def share(self) -> FloatArray:
        """Share of each group."""
        return self.n / self.n.sum()


def split_groups(data: ItemData, missing: str) -> tuple[tuple[str, ...], tuple[FloatArray, ...], int]:
    """Rows of each group: complete ones under listwise, those with any response otherwise."""
    if missing == "listwise":
        keep = ~np.isnan(data.values).any(axis=1)
    else:
        keep = ~np.isnan(data.values).all(axis=1)
    blocks, labels = [], data.groups if data.group is not None else ("all",)
    for label in labels:
        mask = keep if data.group is None else keep & (data.group == label)
        blocks.append(data.values if mask.all() else data.values[mask])
    for label, block in zip(labels, blocks, strict=True):
        where = "" if data.group is None else f" in group {label!r}"
        if len(block) <= 2:
            raise DataError(
                f"{len(block)} of {data.n} rows are usable{where} with missing={missing!r}; use "
                "missing='fiml' (continuous) or 'pairwise' (ordered), or fewer items."
            )
    return tuple(labels), tuple(blocks), int(data.n - keep.sum())


def by_group(data: ItemData, missing: str, values: Column | None) -> tuple[Column, ...] | None:
    """Split a column like the rows that are used."""
    if values is None:
        return None
    gone = np.isnan(data.values)
    keep = ~(gone.any(axis=1) if missing == "listwise" else gone.all(axis=1))
    if data.group is None:
        return (values[keep],)
    return tuple(values[keep & (data.group == label)] for label in data.groups)


def _design(
    data: ItemData,
    missing: str,
    blocks: Sequence[FloatArray],
    weights: FloatArray | None,
    cluster: IntArray | None,
) -> Design:
    return make_design(blocks, by_group(data, missing, weights), by_group(data, missing, cluster))


def continuous_sample(
    data: ItemData,
    *,
    missing: str,
    weights: FloatArray | None = None,
    cluster: IntArray | None = None,
) -> Sample:
    """Means and covariances of continuous variables; the saturated FIML moments are filled in later."""
    groups, blocks, dropped = split_groups(data, missing)
    p = data.n_items
    patterns = None
    design = _design(data, missing, blocks, weights, cluster)
    n, w = design.n, design.weights
    if missing == "fiml" and any(np.isnan(block).any() for block in blocks):
        _check_coverage(data.items, groups, blocks)
        patterns = find_patterns(list(blocks), None if w is None else list(w))
        mean = np.stack([np.nanmean(block, axis=0) for block in blocks])
        covariance = np.stack([np.diag(np.nanvar(block, axis=0)) for block in blocks])
    else:
        parts = [None] * len(blocks) if w is None else list(w)
        mean = np.stack([np.average(b, axis=0, weights=p) for b, p in zip(blocks, parts, strict=True)])
        covariance = np.stack(
            [_covariance(b, centre, p) for b, centre, p in zip(blocks, mean, parts, strict=True)]
        )
    _check_continuous(data.items, groups, covariance, full=patterns is None)
    empty = np.zeros((len(groups), 0))
    none = np.zeros(0, dtype=np.int64)
    ordinal = np.zeros(p, dtype=bool)
    return Sample(
        data.items,
        groups,
        blocks,
        n,
        dropped,
        mean,
        covariance,
        empty,
        none,
        ordinal,
        patterns=patterns,
        weights=w,
        clusters=design.clusters,
    )


def _covariance(block: FloatArray, centre: FloatArray, weights: FloatArray | None) -> FloatArray:
    gap = block - centre
    if weights is None:
        return gap.T @ gap / len(block)
    return (gap * weights[:, None]).T @ gap / weights.sum()


def _check_coverage(items: Sequence[str], groups: Sequence[str], blocks: Sequence[FloatArray]) -> None:
    for label, block in zip(groups, blocks, strict=True):
        seen = (~np.isnan(block)).astype(float)
        together = seen.T @ seen
        bad = np.argwhere(together == 0)
        if len(bad) and bad[0][0] == bad[0][1]:
            raise DataError(
                f"item {items[bad[0][0]]!r} has no response{in_group(groups, label)}; leave it out."
            )
        if len(bad):
            a, b = items[bad[0][0]], items[bad[0][1]]
            raise DataError(
                f"items {a!r} and {b!r} are never observed together{in_group(groups, label)}; their covariance is "
                "not identified. Leave one of them out."
            )


def in_group(groups: Sequence[str], label: str) -> str:
    """Where something is wrong, in words; nothing with one group."""
    return f" in group {label!r}" if len(groups) > 1 else ""


def _check_continuous(
    items: Sequence[str], groups: Sequence[str], covariance: FloatArray, *, full: bool
) -> None:
    for label, matrix in zip(groups, covariance, strict=True):
        variances = np.diagonal(matrix)
        flat = np.flatnonzero(variances <= 1e-12)
        if flat.size:
            raise DataError(
                f"item {items[flat[0]]!r} has zero variance{in_group(groups, label)}: everybody gave the same answer. "
                "Leave it out."
            )
        if not full:
            continue
        sd = np.sqrt(variances)
        R = matrix / sd[:, None] / sd
        check_perfect(items, groups, label, R)
        if np.linalg.eigvalsh(R)[0] <= 1e-10:
            raise DataError(
                f"the sample covariance matrix is not positive definite{in_group(groups, label)}: some items are "
                "exact combinations of others, or there are fewer rows than items. Leave items out."
            )


def check_perfect(items: Sequence[str], groups: Sequence[str], label: str, R: FloatArray) -> None:
    """Refuse a pair of items with a correlation of one."""
    off = np.abs(R - np.diag(np.diagonal(R)))
    if off.max(initial=0.0) > 1.0 - 1e-8:
        i, j = divmod(int(off.argmax()), len(off))
        raise DataError(
            f"items {items[i]!r} and {items[j]!r} are perfectly correlated{in_group(groups, label)} (r = "
            f"{R[i, j]:.4f}); leave one of them out."
        )


def ordinal_sample(
    data: ItemData,
    *,
    missing: str,
    weights: FloatArray | None = None,
    cluster: IntArray | None = None,
) -> Sample:
    """Thresholds, polychoric correlations and their asymptotic covariance, group by group."""
    categories = ordered_categories(data)
    groups, blocks, dropped = split_groups(data, missing)
    counts = np.array([len(seen) for seen in categories])
    design = _design(data, missing, blocks, weights, cluster)
    found, gamma, repeated = [], [], []
    notes: list[str] = []
    for g, (label, block) in enumerate(zip(groups, blocks, strict=True)):
        codes = np.full(block.shape, -1, dtype=np.int64)
        for j, seen in enumerate(categories):
            answered = ~np.isnan(block[:, j])
            codes[answered, j] = np.searchsorted(seen, block[answered, j])
        check_empty(data.items, categories, groups, label, codes)
        moments = ordinal_moments(codes, counts, acov="full", weights=design.weight(g))
        found.append(moments)
        if design.simple or moments.influence is None:
            gamma.append(np.asarray(moments.acov))
        else:
            influence = moments.influence.casewise(codes)
            gamma.append(design.covariance(g, influence))
            repeated.append(design.as_if_repeated(g, influence))
        R = moments.correlations
        check_perfect(data.items, groups, label, np.where(np.abs(R) > 0.9999, np.sign(R), R))
        if np.linalg.eigvalsh(R)[0] <= 0:
            notes.append(
                f"the polychoric correlation matrix is not positive definite{in_group(groups, label)}; the sample "
                "is small for these items."
            )
        if not moments.converged:
            notes.append(f"some polychoric correlations did not converge{in_group(groups, label)}.")
    p = data.n_items
    return Sample(
        data.items,
        groups,
        blocks,
        design.n,
        dropped,
        np.zeros((len(groups), p)),
        np.stack([m.correlations for m in found]),
        np.stack([m.thresholds for m in found]),
        np.asarray(found[0].threshold_items, dtype=np.int64),
        np.ones(p, dtype=bool),
        gamma=np.stack(gamma),
        warnings=tuple(notes),
        weights=design.weights,
        clusters=design.clusters,
        weight_gamma=np.stack(repeated) if repeated else None,
    )


def check_empty(
    items: Sequence[str],
    categories: Sequence[FloatArray],
    groups: Sequence[str],
    label: str,
    codes: IntArray,
) -> None:
    """Refuse categories that nobody in a group chose."""
    for j, (item, seen) in enumerate(zip(items, categories, strict=True)):
        present = np.bincount(codes[codes[:, j] >= 0, j], minlength=len(seen))
        empty = np.flatnonzero(present == 0)
        if empty.size:
            values = ", ".join(f"{seen[k]:g}" for k in empty)
            raise DataError(
                f"item {item!r} has nobody in categor{'y' if empty.size == 1 else 'ies'} {values}"
                f"{in_group(groups, label)}, so its thresholds cannot be compared. Collapse categories in all groups "
                "(an explicit, recorded step), or leave the item or the group out."
            )


def ordered_categories(data: ItemData) -> tuple[FloatArray, ...]:
    """Categories of ordered items; refuses constants and what looks continuous."""
    categories = data.categories()
    for item, seen in zip(data.items, categories, strict=True):
        if len(seen) < 2:
            raise DataError(f"item {item!r} has zero variance: {len(seen)} response category. Leave it out.")
        if len(seen) > 30:
            raise DataError(
                f"item {item!r} has {len(seen)} distinct values, too many for an ordered variable; leave it out "
                "of ordered=."
            )
    return categories


def mixed_sample(
    data: ItemData,
    ordered: Sequence[str],
    *,
    missing: str,
    weights: FloatArray | None = None,
    cluster: IntArray | None = None,
) -> Sample:
    """Thresholds of ordered variables, means and variances of continuous ones, and all covariances."""
    is_ordered = np.array([item in set(ordered) for item in data.items])
    categories = ordered_categories(data.select([i for i in data.items if i in set(ordered)]))
    groups, blocks, dropped = split_groups(data, missing)
    n_categories = np.zeros(data.n_items, dtype=np.int64)
    n_categories[is_ordered] = [len(seen) for seen in categories]
    design = _design(data, missing, blocks, weights, cluster)
    found: list[MixedMoments] = []
    for g, (label, block) in enumerate(zip(groups, blocks, strict=True)):
        values = block.copy()
        codes = np.full((len(block), int(is_ordered.sum())), -1, dtype=np.int64)
        for k, (j, seen) in enumerate(zip(np.flatnonzero(is_ordered), categories, strict=True)):
            known = ~np.isnan(block[:, j])
            codes[known, k] = np.searchsorted(seen, block[known, j])
            values[known, j] = codes[known, k]
        names = [data.items[j] for j in np.flatnonzero(is_ordered)]
        check_empty(names, categories, groups, label, codes)
        spread = np.nanvar(block, axis=0)
        flat = np.flatnonzero((spread <= 1e-12) & ~is_ordered)
        if flat.size:
            raise DataError(
                f"item {data.items[flat[0]]!r} has zero variance{in_group(groups, label)}. Leave it out."
            )
        found.append(mixed_moments(values, n_categories, acov="full", weights=design.weight(g)))
        check_perfect(data.items, groups, label, found[-1].correlations)
    order, sign = _mixed_order(n_categories)
    threshold_item = np.repeat(np.arange(data.n_items), np.maximum(n_categories - 1, 0))
    n_th = len(threshold_item)
    gamma, repeated = _mixed_acov(found, design)
    return Sample(
        data.items,
        groups,
        blocks,
        design.n,
        dropped,
        np.stack([m.means for m in found]),
        np.stack([m.covariance for m in found]),
        np.stack([(sign * m.statistics[order])[:n_th] for m in found]),
        threshold_item,
        is_ordered,
        gamma=np.stack([_reordered(matrix, order, sign) for matrix in gamma]),
        weights=design.weights,
        clusters=design.clusters,
        weight_gamma=np.stack([_reordered(matrix, order, sign) for matrix in repeated]) if repeated else None,
    )


def _mixed_acov(found: Sequence[MixedMoments], design: Design) -> tuple[list[FloatArray], list[FloatArray]]:
    """Asymptotic covariances of each group for inference, and those with weights as counts; none without a design."""
    if design.simple:
        return [np.asarray(m.acov) for m in found], []
    influences = [np.asarray(m.casewise) for m in found]
    return (
        [design.covariance(g, rows) for g, rows in enumerate(influences)],
        [design.as_if_repeated(g, rows) for g, rows in enumerate(influences)],
    )


def _mixed_order(n_categories: IntArray) -> tuple[IntArray, FloatArray]:
    """Positions and signs that turn levels variable by variable into thresholds first, then means."""
    level = np.concatenate([np.full(max(int(k) - 1, 1), k == 0) for k in n_categories])
    p = len(n_categories)
    rest = np.arange(len(level), len(level) + int((n_categories == 0).sum()) + p * (p - 1) // 2)
    order = np.concatenate([np.flatnonzero(~level), np.flatnonzero(level), rest])
    sign = np.ones(len(order))
    sign[int((~level).sum()) : len(level)] = -1.0
    return order, sign


def _reordered(matrix: FloatArray, order: IntArray, sign: FloatArray) -> FloatArray:
    return matrix[np.ix_(order, order)] * (sign[:, None] * sign)
