"""Sample statistics of ordered and continuous variables given observed covariates, group by group."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recoverymetrics.cfa.design import make_design
from recoverymetrics.cfa.sample import (
    Covariates,
    Sample,
    by_group,
    check_empty,
    check_perfect,
    in_group,
    ordered_categories,
    split_groups,
)
from recoverymetrics.correlation.kernel_conditional import ConditionalMoments, conditional_moments
from recoverymetrics.errors import DataError, OptionError
from recoverymetrics.instrument.frame import ItemData
from recoverymetrics.typing import FloatArray, IntArray

STEEP = 12.0
"""Change of a latent response, in residual standard deviations, between the extremes of a covariate: where it is larger,
nobody's answer is in doubt and the likelihood still rises with the slope."""


def conditional_sample(
    data: ItemData,
    ordered: Sequence[str],
    given: Sequence[str],
    *,
    missing: str,
    weights: FloatArray | None = None,
    cluster: IntArray | None = None,
) -> Sample:
    """Thresholds, intercepts, slopes on the covariates and residual covariances, with their asymptotic covariance.

    Rows without a value of some covariate are left out.
    """
    items = [item for item in data.items if item not in set(given)]
    columns = [data.items.index(name) for name in (*items, *given)]
    gone = np.isnan(data.values[:, columns])
    out = gone[:, len(items) :].any(axis=1) | gone[:, : len(items)].all(axis=1)
    values = data.values.copy()
    values[out] = np.nan
    whole = ItemData(values, data.items, data.group, data.groups)
    groups, blocks, dropped = split_groups(whole, missing)
    p = len(items)
    outcomes, covariates = [b[:, columns[:p]] for b in blocks], [b[:, columns[p:]] for b in blocks]
    is_ordered = np.array([item in set(ordered) for item in items])
    if not is_ordered.all() and any(np.isnan(block[:, ~is_ordered]).any() for block in outcomes):
        raise OptionError(
            "missing='pairwise' given covariates needs all outcomes ordered; use missing='listwise' or conditional_x=False."
        )
    categories = iter(ordered_categories(data.select([i for i in items if i in set(ordered)])))
    seen = [next(categories) if one else np.zeros(0) for one in is_ordered]
    n_categories = np.array([len(values) for values in seen], dtype=np.int64)
    design = make_design(outcomes, by_group(whole, missing, weights), by_group(whole, missing, cluster))
    found: list[ConditionalMoments] = []
    notes: list[str] = []
    for g, (label, block, x) in enumerate(zip(groups, outcomes, covariates, strict=True)):
        where = in_group(groups, label)
        _check_covariates(given, x, where)
        coded = _coded(block, seen)
        names = [item for item, one in zip(items, is_ordered, strict=True) if one]
        codes = np.where(np.isnan(coded), -1.0, coded)[:, is_ordered].astype(np.int64)
        check_empty(names, [s for s in seen if len(s)], groups, label, codes)
        _check_spread(items, block, is_ordered, where)
        moments = conditional_moments(coded, n_categories, x, design.weight(g))
        _check_slopes(items, given, moments, x, is_ordered, where)
        found.append(moments)
        sd = np.sqrt(np.diagonal(moments.covariance))
        R = moments.covariance / sd[:, None] / sd
        check_perfect(items, groups, label, np.where(np.abs(R) > 0.9999, np.sign(R), R))
        if np.linalg.eigvalsh(R)[0] <= 0:
            notes.append(
                f"the residual correlation matrix given the covariates is not positive definite{where}; the sample is "
                "small for these items."
            )
        if not moments.converged:
            notes.append(
                f"some regressions on the covariates or residual correlations did not converge{where}."
            )
    influences = [moments.casewise for moments in found]
    repeated = None
    if not design.simple:
        repeated = np.stack([design.as_if_repeated(g, rows) for g, rows in enumerate(influences)])
    return Sample(
        tuple(items),
        groups,
        tuple(outcomes),
        design.n,
        dropped,
        np.stack([m.intercepts for m in found]),
        np.stack([m.covariance for m in found]),
        np.stack([m.thresholds for m in found]),
        np.repeat(np.arange(p), np.maximum(n_categories - 1, 0)),
        is_ordered,
        gamma=np.stack([design.covariance(g, rows) for g, rows in enumerate(influences)]),
        warnings=tuple(notes),
        weights=design.weights,
        clusters=design.clusters,
        weight_gamma=repeated,
        covariates=_covariates(given, covariates, found, [design.weight(g) for g in range(len(groups))]),
    )


def _coded(block: FloatArray, seen: Sequence[FloatArray]) -> FloatArray:
    """Ordered columns as codes from zero."""
    out = block.copy()
    for j, values in enumerate(seen):
        if len(values):
            known = ~np.isnan(block[:, j])
            out[known, j] = np.searchsorted(values, block[known, j])
    return out


def _covariates(
    names: Sequence[str],
    blocks: Sequence[FloatArray],
    found: Sequence[ConditionalMoments],
    weights: Sequence[FloatArray | None],
) -> Covariates:
    """Slopes beside the covariates' own moments, with divisor n - 1."""
    means, matrices = [], []
    for x, weight in zip(blocks, weights, strict=True):
        w = np.ones(len(x)) if weight is None else weight
        mean = w @ x / w.sum()
        means.append(mean)
        matrices.append(((x - mean) * w[:, None]).T @ (x - mean) / (w.sum() - 1.0))
    return Covariates(
        tuple(names), tuple(blocks), np.stack(means), np.stack(matrices), np.stack([m.slopes for m in found])
    )


def _check_covariates(names: Sequence[str], x: FloatArray, where: str) -> None:
    centred = x - x.mean(axis=0)
    spread = np.sqrt((centred**2).mean(axis=0))
    flat = np.flatnonzero(spread <= 1e-10 * np.maximum(np.abs(x).max(axis=0), 1.0))
    if flat.size:
        raise DataError(f"covariate {names[flat[0]]!r} has zero variance{where}. Leave it out.")
    values, vectors = np.linalg.eigh((centred / spread).T @ (centred / spread) / len(x))
    if values[0] < 1e-10:
        involved = [name for name, v in zip(names, vectors[:, 0], strict=True) if abs(v) > 1e-4]
        raise DataError(
            f"the covariates {', '.join(repr(name) for name in involved)} are exact combinations of one another{where}; "
            "leave one of them out (as with one category of a set of dummies)."
        )


def _check_spread(items: Sequence[str], block: FloatArray, ordered: np.ndarray, where: str) -> None:
    flat = np.flatnonzero((np.nanvar(block, axis=0) <= 1e-12) & ~ordered)
    if flat.size:
        raise DataError(f"item {items[flat[0]]!r} has zero variance{where}. Leave it out.")


def _check_slopes(
    items: Sequence[str],
    given: Sequence[str],
    moments: ConditionalMoments,
    x: FloatArray,
    ordered: np.ndarray,
    where: str,
) -> None:
    """Refuse an ordered item whose categories a covariate separates, so that its slope is infinite."""
    reach = np.abs(moments.slopes) * np.ptp(x, axis=0)
    steep = np.argwhere((reach > STEEP) & ordered[:, None])
    if len(steep):
        item, name = items[int(steep[0][0])], given[int(steep[0][1])]
        raise DataError(
            f"covariate {name!r} separates the categories of item {item!r}{where}, so that its slope is infinite; "
            "collapse categories or leave the covariate out."
        )
