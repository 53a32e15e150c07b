"""Ordinal logistic regression DIF for all items at once (Zumbo 1999; Choi, Gibbons & Crane 2011).

Three nested proportional-odds models per item: (1) matching variable, (2) and groups, (3) and groups by
matching variable. All items are fitted together on tables collapsed by (matching value, group); where the
matching values are all different the persons themselves are the cells.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit
from scipy.stats import chi2

from recoverymetrics.invariance.dif.data import DIFData
from recoverymetrics.invariance.dif.spec import FlagRule, OrdinalLogistic
from recoverymetrics.invariance.dif.sweep import Sweep
from recoverymetrics.numerics.ordinal_logistic import OrdinalLogisticFits, fit_ordinal_logistic
from recoverymetrics.typing import FloatArray, IntArray

PAIRS = {"uniform": (0, 1), "nonuniform": (1, 2), "both": (0, 2)}


@dataclass(frozen=True)
class Cells:
    """Responses tabulated by matching value and group.

    Attributes
    ----------
    matching : ndarray, shape (C,) or (p, C)
        Matching value of each cell, standardised.
    group : ndarray of int, shape (C,)
        Group of each cell.
    counts : ndarray, shape (p, C, K)
        Responses by category.
    values : ndarray, shape (p, K)
        Score of each category.
    """

    matching: FloatArray
    group: IntArray
    counts: FloatArray
    values: FloatArray


def sweep_ordinal_logistic(
    data: DIFData, matching: FloatArray, spec: OrdinalLogistic, rule: FlagRule, *, to_reference: bool
) -> Sweep:
    """Test every item by three nested ordinal logistic regressions.

    Parameters
    ----------
    data : DIFData
        Responses.
    matching : ndarray, shape (n, p) or (n, 1)
        Matching value of each person for each item; NaN leaves the person out of that item.
    spec : OrdinalLogistic
        Options.
    rule : FlagRule
        Says which effect size the sweep returns as ``effect``.
    to_reference : bool
        Compare each group with the first group instead of with all the others.

    Returns
    -------
    Sweep
    """
    cells = tabulate(data, matching)
    fits = fit_nested(cells, len(data.groups), spec.degree)
    tests = _tests(fits, cells, spec.degree)
    sizes = _effect_sizes(fits)
    contrasts = _contrasts(fits[2], cells, len(data.groups), spec.degree, to_reference)
    largest = np.nanmax(np.abs(contrasts["unsigned_difference"]), axis=1)
    statistic = _wald(fits, len(data.groups), spec) if spec.statistic == "wald" else tests[spec.test][0]
    df = tests[spec.test][1]
    columns = {
        f"{name}_{kind}": value
        for name, test in tests.items()
        for kind, value in zip(("statistic", "df", "p_value"), test, strict=True)
    }
    return Sweep(
        statistic=statistic,
        df=df,
        p_value=chi2.sf(statistic, df),
        effect=largest if rule.effect == "difference" else sizes[_size_name(rule.effect, spec.test)],
        n=fits[0].n,
        converged=fits[0].converged & fits[1].converged & fits[2].converged,
        columns={**columns, **sizes, "largest_difference": largest},
        contrasts=contrasts,
    )


def tabulate(data: DIFData, matching: FloatArray) -> Cells:
    """Collapse persons into cells of equal matching value and group, when that saves work."""
    values = np.unique(data.scores[data.answered])
    codes = np.where(
        data.answered, np.searchsorted(values, np.where(data.answered, data.scores, values[0])), -1
    )
    codes = np.where(np.isnan(matching), -1, codes)
    centre, spread = np.nanmean(matching), np.nanstd(matching)
    distinct = np.unique(matching[~np.isnan(matching)])
    k, g = values.size, len(data.groups)
    scores = np.broadcast_to(values, (codes.shape[1], k))
    if distinct.size * g < codes.shape[0] / 2:
        counts = _grid_counts(codes, np.searchsorted(distinct, matching), data.group, distinct.size, g, k)
        grid = np.repeat((distinct - centre) / spread, g)
        return Cells(grid, np.tile(np.arange(g), distinct.size), counts, scores)
    counts = (codes.T[:, :, None] == np.arange(k)).astype(float)
    standard = np.where(np.isnan(matching), 0.0, (matching - centre) / spread).T
    return Cells(standard[0] if standard.shape[0] == 1 else standard, data.group, counts, scores)


def _grid_counts(
    codes: IntArray, level: IntArray, group: IntArray, n_levels: int, g: int, k: int
) -> FloatArray:
    p = codes.shape[1]
    seen = codes >= 0
    cell = (np.minimum(level, n_levels - 1) * g + group[:, None]) * k + codes
    flat = cell + np.arange(p) * (n_levels * g * k)
    counts = np.bincount(flat[seen], minlength=p * n_levels * g * k)
    return counts.reshape(p, n_levels * g, k).astype(float)


def design_matrix(matching: FloatArray, group: IntArray, n_groups: int, degree: int) -> FloatArray:
    """Columns ``s, s^2, .., group 2.., s x group 2..`` of the full model; the nested ones are its first."""
    powers = np.stack([matching**d for d in range(1, degree + 1)], axis=-1)
    dummies = (group[:, None] == np.arange(1, n_groups)).astype(float)
    dummies = np.broadcast_to(dummies, (*matching.shape, n_groups - 1))
    return np.concatenate([powers, dummies, matching[..., None] * dummies], axis=-1)


def fit_nested(
    cells: Cells, n_groups: int, degree: int
) -> tuple[OrdinalLogisticFits, OrdinalLogisticFits, OrdinalLogisticFits]:
    """Fit the three nested models, each started from the one before."""
    x = design_matrix(cells.matching, cells.group, n_groups, degree)
    one = fit_ordinal_logistic(x[..., :degree], cells.counts)
    two = fit_ordinal_logistic(x[..., : degree + n_groups - 1], cells.counts, start=one)
    return one, two, fit_ordinal_logistic(x, cells.counts, start=two)


def _tests(
    fits: tuple[OrdinalLogisticFits, ...], cells: Cells, degree: int
) -> dict[str, tuple[FloatArray, FloatArray, FloatArray]]:
    """Likelihood-ratio statistic, df and p value of each hypothesis; groups without answers do not count."""
    per_cell = cells.counts.sum(axis=2)
    present = np.stack([per_cell[:, cells.group == g].sum(axis=1) > 0 for g in np.unique(cells.group)])
    extra = np.maximum(present.sum(axis=0) - 1, 1).astype(float)
    ranks = (0 * extra, extra, 2 * extra)
    tests = {}
    for name, (small, large) in PAIRS.items():
        statistic = np.maximum(2.0 * (fits[large].loglik - fits[small].loglik), 0.0)
        df = ranks[large] - ranks[small]
        tests[name] = (statistic, df, chi2.sf(statistic, df))
    return tests


def _wald(fits: tuple[OrdinalLogisticFits, ...], n_groups: int, spec: OrdinalLogistic) -> FloatArray:
    first = spec.degree
    fit = fits[1] if spec.test == "uniform" else fits[2]
    if spec.test == "nonuniform":
        first += n_groups - 1
    b, v = fit.coefficients[:, first:], fit.covariance[:, first:, first:]
    wald: FloatArray = np.einsum("bi,bi->b", b, np.linalg.solve(v, b[:, :, None])[:, :, 0])
    return wald


def _size_name(effect: str, test: str) -> str:
    return "beta_change" if effect == "beta_change" else f"{effect}_{test}"


def _effect_sizes(fits: tuple[OrdinalLogisticFits, ...]) -> dict[str, FloatArray]:
    """Changes in pseudo R2 and in the coefficient of the matching variable (Crane et al. 2004)."""
    null, n = fits[0].null_loglik, fits[0].n
    mcfadden = [1.0 - fit.loglik / null for fit in fits]
    cox_snell = [-np.expm1(2.0 / n * (null - fit.loglik)) for fit in fits]
    nagelkerke = [r2 / -np.expm1(2.0 / n * null) for r2 in cox_snell]
    sizes = {}
    for label, r2 in (("mcfadden", mcfadden), ("nagelkerke", nagelkerke), ("cox_snell", cox_snell)):
        for name, (small, large) in PAIRS.items():
            sizes[f"{label}_{name}"] = r2[large] - r2[small]
    before, after = fits[0].coefficients[:, 0], fits[1].coefficients[:, 0]
    sizes["beta_change"] = np.abs((after - before) / before)
    return sizes


def _contrasts(
    full: OrdinalLogisticFits, cells: Cells, n_groups: int, degree: int, to_reference: bool
) -> dict[str, FloatArray]:
    """Each group against the rest (or the reference) inside the full model: Wald tests and score differences."""
    p = full.loglik.size
    per_cell = cells.counts.sum(axis=2)
    sizes = np.stack([per_cell[:, cells.group == g].sum(axis=1) for g in range(n_groups)], axis=1)
    names = (
        "statistic",
        "df",
        "p_value",
        "estimate",
        "std_error",
        "slope_difference",
        "signed_difference",
        "unsigned_difference",
        "n",
    )
    out = {name: np.full((p, n_groups), np.nan) for name in names}
    out["n"] = sizes
    for g in range(1 if to_reference else 0, n_groups):
        weights = _comparison(sizes, g, to_reference)
        _fill_wald(out, full, weights, g, degree)
        signed, unsigned = _score_difference(full, cells, weights, g, n_groups, degree)
        out["signed_difference"][:, g], out["unsigned_difference"][:, g] = signed, unsigned
    return out


def _comparison(sizes: FloatArray, g: int, to_reference: bool) -> FloatArray:
    """Weights of the groups that group ``g`` is compared with, (p, G), each row summing to one."""
    weights = np.zeros_like(sizes)
    if to_reference:
        weights[:, 0] = 1.0
        return weights
    weights = sizes.copy()
    weights[:, g] = 0.0
    return weights / np.maximum(weights.sum(axis=1, keepdims=True), 1.0)


def _fill_wald(
    out: dict[str, FloatArray], full: OrdinalLogisticFits, weights: FloatArray, g: int, degree: int
) -> None:
    n_groups = weights.shape[1]
    contrast = -weights
    contrast[:, g] += 1.0
    contrast = contrast[:, 1:]
    first, second = slice(degree, degree + n_groups - 1), slice(degree + n_groups - 1, None)
    b, v = full.coefficients, full.covariance
    estimate = np.stack([np.sum(contrast * b[:, part], axis=1) for part in (first, second)], axis=1)
    covariance = np.empty((b.shape[0], 2, 2))
    for i, rows in enumerate((first, second)):
        for j, columns in enumerate((first, second)):
            covariance[:, i, j] = np.einsum("bi,bij,bj->b", contrast, v[:, rows, columns], contrast)
    covariance += 1e-12 * np.eye(2)
    out["estimate"][:, g], out["slope_difference"][:, g] = estimate.T
    out["std_error"][:, g] = np.sqrt(covariance[:, 0, 0])
    out["statistic"][:, g] = np.einsum("bi,bij,bj->b", estimate, np.linalg.inv(covariance), estimate)
    out["df"][:, g] = 2.0
    out["p_value"][:, g] = chi2.sf(out["statistic"][:, g], 2)


def _score_difference(
    full: OrdinalLogisticFits, cells: Cells, weights: FloatArray, g: int, n_groups: int, degree: int
) -> tuple[FloatArray, FloatArray]:
    """Mean signed and unsigned difference in expected item score at the group's matching values, in item SDs."""
    inside = cells.group == g
    matching = cells.matching[..., inside]
    b = full.coefficients
    base = np.broadcast_to(matching, (b.shape[0], matching.shape[-1]))
    main = sum(b[:, d, None] * base ** (d + 1) for d in range(degree))
    shift = np.concatenate([np.zeros((b.shape[0], 1)), b[:, degree : degree + n_groups - 1]], axis=1)
    tilt = np.concatenate([np.zeros((b.shape[0], 1)), b[:, degree + n_groups - 1 :]], axis=1)
    own = main + shift[:, g, None] + tilt[:, g, None] * base
    others = main + np.sum(weights * shift, axis=1)[:, None] + np.sum(weights * tilt, axis=1)[:, None] * base
    steps, spread = _category_steps(full, cells)
    difference = _expected_score(full.thresholds, steps, own) - _expected_score(
        full.thresholds, steps, others
    )
    n = cells.counts[:, inside].sum(axis=2)
    share = n / np.maximum(n.sum(axis=1, keepdims=True), 1.0) / spread[:, None]
    return np.sum(share * difference, axis=1), np.sum(share * np.abs(difference), axis=1)


def _category_steps(full: OrdinalLogisticFits, cells: Cells) -> tuple[FloatArray, FloatArray]:
    """Score distance between neighbouring observed categories (p, K - 1) and the item's standard deviation."""
    totals = cells.counts.sum(axis=1)
    order = np.argsort(totals == 0, axis=1, kind="stable")
    values = np.take_along_axis(cells.values, order, axis=1)
    n = totals.sum(axis=1, keepdims=True)
    mean = np.sum(totals * cells.values, axis=1, keepdims=True) / n
    variance = np.sum(totals * (cells.values - mean) ** 2, axis=1) / n[:, 0]
    return np.where(np.isnan(full.thresholds), 0.0, np.diff(values, axis=1)), np.sqrt(variance)


def _expected_score(thresholds: FloatArray, steps: FloatArray, predictor: FloatArray) -> FloatArray:
    alpha = np.where(np.isnan(thresholds), 0.0, thresholds)
    score: FloatArray = np.einsum("bk,bck->bc", steps, expit(alpha[:, None, :] + predictor[:, :, None]))
    return score
