"""Ordinal logistic regression DIF for all items at once (Zumbo 1999; Choi, Gibbons & Crane 2011).

Three nested proportional-odds models per item: (1) matching variable, (2) and groups, (3) and groups by
matching variable; and a location-scale model, in which a group's discrimination differs as it does in a graded
model (there slope and threshold distances change together, which the product in (3) cannot follow). All items are fitted together on tables collapsed by (matching value, group); where the
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
from recoverymetrics.numerics.ordinal_logistic_scale import LocationScaleFits, fit_location_scale
from recoverymetrics.typing import BoolArray, FloatArray, IntArray

PAIRS = {
    "uniform": ("matched", "location", 1),
    "nonuniform": ("location", "product", 1),
    "both": ("matched", "product", 2),
    "spread": ("location", "spread", 1),
    "graded": ("matched", "spread", 2),
}
"""Each test: the smaller model, the larger one, and its df in units of (groups - 1)."""


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
    n_groups = len(data.groups)
    fits = fit_nested(cells, n_groups, spec.degree)
    spread = fit_spread(cells, n_groups, spec.degree, fits[1])
    tests = _tests(fits, spread, cells)
    sizes = _effect_sizes(fits, spread)
    graded = _contrasts(_graded_curves(spread, n_groups, spec.degree), cells, to_reference)
    product = _contrasts(_product_curves(fits[2], n_groups, spec.degree), cells, to_reference)
    closer = _closer_model(tests, spec.test)
    contrasts = {name: np.where(closer[:, None], graded[name], product[name]) for name in graded}
    largest = np.nanmax(np.abs(contrasts["unsigned_difference"]), axis=1)
    statistic, df, p_value = _chosen_test(tests, spec.test, closer)
    if spec.statistic == "wald":
        statistic = _wald(fits, spread, n_groups, spec)
        p_value = chi2.sf(statistic, df)
    names = ("statistic", "df", "p_value")
    columns = {
        f"{test}_{name}": value
        for test, values in tests.items()
        for name, value in zip(names, values, strict=True)
    }
    return Sweep(
        statistic=statistic,
        df=df,
        p_value=p_value,
        effect=largest
        if rule.effect == "difference"
        else sizes[_size_name(rule.effect, "both" if spec.test == "any" else spec.test)],
        n=fits[0].n,
        converged=fits[0].converged & fits[1].converged & fits[2].converged & spread.converged,
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


def fit_spread(cells: Cells, n_groups: int, degree: int, uniform: OrdinalLogisticFits) -> LocationScaleFits:
    """Fit the location-scale model: groups differ in location and in spread, as in a graded model."""
    x = design_matrix(cells.matching, cells.group, n_groups, degree)[..., : degree + n_groups - 1]
    return fit_location_scale(x, cells.group, cells.counts, uniform)


def _tests(
    fits: tuple[OrdinalLogisticFits, ...], spread: LocationScaleFits, cells: Cells
) -> dict[str, tuple[FloatArray, FloatArray, FloatArray]]:
    """Likelihood-ratio statistic, df and p value of each hypothesis; groups without answers do not count."""
    per_cell = cells.counts.sum(axis=2)
    present = np.stack([per_cell[:, cells.group == g].sum(axis=1) > 0 for g in np.unique(cells.group)])
    extra = np.maximum(present.sum(axis=0) - 1, 1).astype(float)
    loglik = {"matched": fits[0].loglik, "location": fits[1].loglik}
    loglik |= {"product": fits[2].loglik, "spread": spread.loglik}
    tests = {}
    for name, (small, large, times) in PAIRS.items():
        statistic = np.maximum(2.0 * (loglik[large] - loglik[small]), 0.0)
        tests[name] = (statistic, times * extra, chi2.sf(statistic, times * extra))
    return tests


Test = tuple[FloatArray, FloatArray, FloatArray]


def _closer_model(tests: dict[str, Test], test: str) -> BoolArray:
    """Items whose curves come from the location-scale model rather than from the product model."""
    if test == "any":
        return np.asarray(tests["graded"][2] <= tests["both"][2], dtype=bool)
    return np.full(tests["both"][0].size, test in ("graded", "spread"))


def _chosen_test(tests: dict[str, Test], test: str, closer: BoolArray) -> Test:
    """The test asked for; ``any`` takes the better of two and doubles its p value, unless they are one."""
    if test != "any":
        return tests[test]
    statistic, df, p_value = (
        np.where(closer, first, second) for first, second in zip(tests["graded"], tests["both"], strict=True)
    )
    same = np.isclose(tests["graded"][0], tests["both"][0], rtol=1e-6, atol=1e-6)
    return statistic, df, np.where(same, p_value, np.minimum(2.0 * p_value, 1.0))


def _wald(
    fits: tuple[OrdinalLogisticFits, ...], spread: LocationScaleFits, n_groups: int, spec: OrdinalLogistic
) -> FloatArray:
    first = spec.degree + (n_groups - 1 if spec.test in ("nonuniform", "spread") else 0)
    fit: OrdinalLogisticFits | LocationScaleFits = fits[2]
    if spec.test == "uniform":
        fit = fits[1]
    elif spec.test in ("graded", "spread", "any"):
        fit = spread
    b, v = fit.coefficients[:, first:], fit.covariance[:, first:, first:]
    wald: FloatArray = np.einsum("bi,bi->b", b, np.linalg.solve(v, b[:, :, None])[:, :, 0])
    return wald


def _size_name(effect: str, test: str) -> str:
    return "beta_change" if effect == "beta_change" else f"{effect}_{test}"


def _effect_sizes(fits: tuple[OrdinalLogisticFits, ...], spread: LocationScaleFits) -> dict[str, FloatArray]:
    """Changes in pseudo R2 and in the coefficient of the matching variable (Crane et al. 2004)."""
    null, n = fits[0].null_loglik, fits[0].n
    models = ("matched", "location", "product", "spread")
    loglik = dict(zip(models, [*(fit.loglik for fit in fits), spread.loglik], strict=True))
    cox_snell = {model: -np.expm1(2.0 / n * (null - value)) for model, value in loglik.items()}
    sizes = {}
    for name, (small, large, _) in PAIRS.items():
        sizes[f"mcfadden_{name}"] = (loglik[small] - loglik[large]) / null
        sizes[f"cox_snell_{name}"] = cox_snell[large] - cox_snell[small]
        sizes[f"nagelkerke_{name}"] = sizes[f"cox_snell_{name}"] / -np.expm1(2.0 / n * null)
    before, after = fits[0].coefficients[:, 0], fits[1].coefficients[:, 0]
    sizes["beta_change"] = np.abs((after - before) / before)
    return sizes


@dataclass(frozen=True)
class Curves:
    """Expected item scores of groups: thresholds, common slope, and each group's two departures.

    Attributes
    ----------
    thresholds : ndarray, shape (p, K - 1)
        Common thresholds.
    common : ndarray, shape (p, degree)
        Coefficients of the matching variable and its powers.
    shift, turn : ndarray, shape (p, G)
        Departure of the location, and of the slope (a product) or of the log spread; zero in group 0.
    covariance : ndarray, shape (p, 2 (G - 1), 2 (G - 1))
        Covariance of ``shift`` and ``turn`` of the groups after the first.
    graded : bool
        ``turn`` is a log spread.
    """

    thresholds: FloatArray
    common: FloatArray
    shift: FloatArray
    turn: FloatArray
    covariance: FloatArray
    graded: bool

    def predictor(self, matching: FloatArray, weights: FloatArray) -> FloatArray:
        """Linear predictor (p, C, K - 1) of the average of the groups with the given weights (p, G)."""
        alpha = np.where(np.isnan(self.thresholds), 0.0, self.thresholds)
        main = sum(self.common[:, d, None] * matching ** (d + 1) for d in range(self.common.shape[1]))
        shift, turn = np.sum(weights * self.shift, axis=1), np.sum(weights * self.turn, axis=1)
        location = main + shift[:, None]
        if self.graded:
            spread = np.exp(turn)[:, None, None]
            return np.asarray(spread * (alpha[:, None, :] + location[:, :, None]), dtype=float)
        return np.asarray(alpha[:, None, :] + (location + turn[:, None] * matching)[:, :, None], dtype=float)


def _graded_curves(spread: LocationScaleFits, n_groups: int, degree: int) -> Curves:
    return _curves(spread, n_groups, degree, graded=True)


def _product_curves(full: OrdinalLogisticFits, n_groups: int, degree: int) -> Curves:
    return _curves(full, n_groups, degree, graded=False)


def _curves(
    fit: OrdinalLogisticFits | LocationScaleFits, n_groups: int, degree: int, *, graded: bool
) -> Curves:
    b = fit.coefficients
    zero = np.zeros((b.shape[0], 1))
    split = degree + n_groups - 1
    return Curves(
        thresholds=fit.thresholds,
        common=b[:, :degree],
        shift=np.concatenate([zero, b[:, degree:split]], axis=1),
        turn=np.concatenate([zero, b[:, split:]], axis=1),
        covariance=fit.covariance[:, degree:, degree:],
        graded=graded,
    )


def _contrasts(curves: Curves, cells: Cells, to_reference: bool) -> dict[str, FloatArray]:
    """Each group against the rest (or the reference): Wald tests and differences in expected item score."""
    p, n_groups = curves.shift.shape
    per_cell = cells.counts.sum(axis=2)
    sizes = np.stack([per_cell[:, cells.group == g].sum(axis=1) for g in range(n_groups)], axis=1)
    names = (
        "statistic", "df", "p_value", "estimate", "std_error", "slope_difference", "signed_difference",
        "unsigned_difference", "n",
    )  # fmt: skip
    out = {name: np.full((p, n_groups), np.nan) for name in names}
    out["n"] = sizes
    for g in range(1 if to_reference else 0, n_groups):
        weights = _comparison(sizes, g, to_reference)
        _fill_wald(out, curves, weights, g)
        signed, unsigned = _score_difference(curves, cells, weights, g)
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


def _fill_wald(out: dict[str, FloatArray], curves: Curves, weights: FloatArray, g: int) -> None:
    n_groups = weights.shape[1]
    contrast = -weights
    contrast[:, g] += 1.0
    estimate = np.stack([np.sum(contrast * part, axis=1) for part in (curves.shift, curves.turn)], axis=1)
    halves = (slice(0, n_groups - 1), slice(n_groups - 1, None))
    covariance = np.empty((weights.shape[0], 2, 2))
    for i, rows in enumerate(halves):
        for j, columns in enumerate(halves):
            block = curves.covariance[:, rows, columns]
            covariance[:, i, j] = np.einsum("bi,bij,bj->b", contrast[:, 1:], block, contrast[:, 1:])
    covariance += 1e-12 * np.eye(2)
    out["estimate"][:, g], out["slope_difference"][:, g] = estimate.T
    out["std_error"][:, g] = np.sqrt(covariance[:, 0, 0])
    out["statistic"][:, g] = np.einsum("bi,bij,bj->b", estimate, np.linalg.inv(covariance), estimate)
    out["df"][:, g] = 2.0
    out["p_value"][:, g] = chi2.sf(out["statistic"][:, g], 2)


def _score_difference(
    curves: Curves, cells: Cells, weights: FloatArray, g: int
) -> tuple[FloatArray, FloatArray]:
    """Mean signed and unsigned difference in expected item score at the group's matching values, in item SDs."""
    inside = cells.group == g
    matching = np.broadcast_to(cells.matching[..., inside], (weights.shape[0], int(inside.sum())))
    own = np.zeros_like(weights)
    own[:, g] = 1.0
    steps, spread = _category_steps(curves.thresholds, cells)
    difference = _expected_score(steps, curves.predictor(matching, own)) - _expected_score(
        steps, curves.predictor(matching, weights)
    )
    n = cells.counts[:, inside].sum(axis=2)
    share = n / np.maximum(n.sum(axis=1, keepdims=True), 1.0) / spread[:, None]
    return np.sum(share * difference, axis=1), np.sum(share * np.abs(difference), axis=1)


def _category_steps(thresholds: FloatArray, cells: Cells) -> tuple[FloatArray, FloatArray]:
    """Score distance between neighbouring observed categories (p, K - 1) and the item's standard deviation."""
    totals = cells.counts.sum(axis=1)
    order = np.argsort(totals == 0, axis=1, kind="stable")
    values = np.take_along_axis(cells.values, order, axis=1)
    n = totals.sum(axis=1, keepdims=True)
    mean = np.sum(totals * cells.values, axis=1, keepdims=True) / n
    variance = np.sum(totals * (cells.values - mean) ** 2, axis=1) / n[:, 0]
    return np.where(np.isnan(thresholds), 0.0, np.diff(values, axis=1)), np.sqrt(variance)


def _expected_score(steps: FloatArray, predictor: FloatArray) -> FloatArray:
    score: FloatArray = np.einsum("bk,bck->bc", steps, expit(predictor))
    return score
