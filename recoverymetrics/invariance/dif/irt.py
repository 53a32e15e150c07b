"""IRT-based DIF: likelihood-ratio and Wald sweeps over items (Thissen, Steinberg & Wainer 1993; Lord 1980)."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from scipy.special import expit
from scipy.stats import chi2

from recoverymetrics.errors import DataError, EstimationWarning
from recoverymetrics.instrument.frame import ItemData
from recoverymetrics.invariance.dif.data import DIFData
from recoverymetrics.invariance.dif.spec import IRTLikelihoodRatio, IRTWald
from recoverymetrics.invariance.dif.sweep import Sweep
from recoverymetrics.irt import IRTResult, fit_irt
from recoverymetrics.typing import BoolArray, FloatArray, IntArray

CONTRASTS = (
    "statistic", "df", "p_value", "slope_difference", "signed_difference", "unsigned_difference", "essd", "n",
)  # fmt: skip
"""What an item response model says about an item in a group."""
NODES = 61
"""Nodes over the group's own latent distribution for differences in expected score."""


def item_data(data: DIFData, columns: list[int]) -> ItemData:
    """The responses of some items as the engines read them."""
    group = np.array(data.groups, dtype=object)[data.group]
    return ItemData(data.scores[:, columns], tuple(data.items[j] for j in columns), group, data.groups)


def check_cells(data: DIFData) -> None:
    """Refuse categories that a group never used: an item freed there has no parameters for them."""
    empty = []
    for j, item in enumerate(data.items):
        column = data.scores[:, j]
        seen = np.unique(column[~np.isnan(column)])
        for g, label in enumerate(data.groups):
            own = column[(data.group == g) & ~np.isnan(column)]
            empty += [
                f"{item} category {k + data.lowest[j]:g} in {label}" for k in seen if not np.any(own == k)
            ]
    if empty:
        listed = "; ".join(empty[:8]) + (f"; and {len(empty) - 8} more" if len(empty) > 8 else "")
        raise DataError(
            f"an item response model per group needs every category in every group; unused: {listed}. Merge "
            "them with min_cell=1 in the method's options, or use method='ordinal_logistic'."
        )


def sweep_irt(
    data: DIFData, anchors: BoolArray, spec: IRTLikelihoodRatio | IRTWald, *, to_reference: bool
) -> Sweep:
    """Free (or tie again) every item in turn, given the anchors, and test the difference.

    Items outside the anchor are free in every group. An anchor item is tested by freeing it as well, an item
    outside by making it equal again; all group means and variances stay free.
    """
    check_cells(data)
    p, g = len(data.items), len(data.groups)
    columns = {name: np.full(p, np.nan) for name in ("statistic", "df", "lr_statistic", "lr_df")}
    contrasts = {name: np.full((p, g), np.nan) for name in CONTRASTS}
    converged = np.ones(p, dtype=bool)
    for scale in range(len(data.scale_names)):
        members = np.flatnonzero(data.scale_of == scale).tolist()
        _sweep_scale(data, members, anchors, spec, to_reference, columns, contrasts, converged)
    size = contrasts["unsigned_difference"]
    return Sweep(
        statistic=columns["statistic"],
        df=columns["df"],
        p_value=chi2.sf(columns["statistic"], columns["df"]),
        effect=np.nanmax(np.abs(size), axis=1),
        n=data.answered.sum(axis=0).astype(float),
        converged=converged,
        columns={name: columns[name] for name in ("lr_statistic", "lr_df")} if spec_is_wald(spec) else {},
        contrasts=contrasts,
    )


def spec_is_wald(spec: IRTLikelihoodRatio | IRTWald) -> bool:
    """Whether the sweep's own statistic is Wald's."""
    return isinstance(spec, IRTWald)


def _sweep_scale(
    data: DIFData,
    members: list[int],
    anchors: BoolArray,
    spec: IRTLikelihoodRatio | IRTWald,
    to_reference: bool,
    columns: dict[str, FloatArray],
    contrasts: dict[str, FloatArray],
    converged: BoolArray,
) -> None:
    """Fill in the rows of one scale's items."""
    outside = [data.items[j] for j in members if not anchors[j]]
    errors = "oakes" if spec_is_wald(spec) else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EstimationWarning)
        base = fit_irt(
            item_data(data, members),
            spec.model,
            equal=("slopes", "intercepts"),
            partial=tuple(outside),
            quadrature=spec.quadrature,
            se=errors if outside else None,
            tolerance=spec.tolerance,
        )
        for j in members:
            item = data.items[j]
            changed = [i for i in outside if i != item] if item in outside else [*outside, item]
            other = base.refit(partial=tuple(changed), se=errors, tolerance=spec.tolerance)
            free, tied = (base, other) if item in outside else (other, base)
            converged[j] = free.converged and tied.converged
            columns["lr_statistic"][j] = max(2.0 * (free.loglik - tied.loglik), 0.0)
            columns["lr_df"][j] = free.npar - tied.npar
            parameters = read_item(free, item)
            columns["statistic"][j], columns["df"][j] = columns["lr_statistic"][j], columns["lr_df"][j]
            if spec_is_wald(spec):
                columns["statistic"][j], columns["df"][j] = wald_test(parameters, all_contrasts(parameters))
            fill_contrasts(contrasts, data, j, latent_moments(free), parameters, to_reference)


@dataclass(frozen=True)
class GroupItem:
    """Slope-intercept parameters of one item in every group.

    Attributes
    ----------
    values : ndarray, shape (G, q)
        Slope first, then intercepts from easy to hard.
    covariance : ndarray, shape (G q, G q), or None
        Sampling covariance.
    """

    values: FloatArray
    covariance: FloatArray | None


def read_item(fit: IRTResult, item: str) -> GroupItem:
    """Parameters of an item and their covariance, group by group."""
    table = fit.parameter_table
    table = table[table["item"] == item]
    blocks = [table[table["group"] == label] for label in fit.groups_labels]
    values = np.array([block["estimate"].to_numpy() for block in blocks], dtype=float)
    if fit.covariance is None:
        return GroupItem(values, None)
    slots = np.concatenate([block["free"].to_numpy() for block in blocks]) - 1
    return GroupItem(values, np.asarray(fit.covariance[np.ix_(slots, slots)], dtype=float))


def all_contrasts(item: GroupItem) -> FloatArray:
    """Contrasts of every later group with the first in every parameter."""
    g, q = item.values.shape
    rows = np.hstack([-np.ones((g - 1, 1)), np.eye(g - 1)])
    return np.asarray(np.kron(rows, np.eye(q)), dtype=float)


def wald_test(item: GroupItem, contrast: FloatArray) -> tuple[float, float]:
    """Wald chi-square of linear contrasts of an item's parameters, and its degrees of freedom."""
    if item.covariance is None:
        return np.nan, np.nan
    difference = contrast @ item.values.ravel()
    spread = contrast @ item.covariance @ contrast.T
    return float(difference @ np.linalg.solve(spread, difference)), float(contrast.shape[0])


def latent_moments(fit: IRTResult) -> FloatArray:
    """Means and variances of the groups, (2, G)."""
    return np.asarray(fit.groups[["mean", "variance"]].to_numpy(dtype=float).T, dtype=float)


def fill_contrasts(
    contrasts: dict[str, FloatArray],
    data: DIFData,
    j: int,
    moments: FloatArray,
    item: GroupItem,
    to_reference: bool,
) -> None:
    """Each group's parameters of item ``j`` against the others': Wald tests and differences in expected score."""
    g, q = item.values.shape
    sizes = np.array([np.sum(data.answered[data.group == k, j]) for k in range(g)], dtype=float)
    spread = float(np.nanstd(data.scores[:, j]))
    contrasts["n"][j] = sizes
    for k in range(1 if to_reference else 0, g):
        weights = comparison_weights(sizes, k, to_reference)
        row = -weights
        row[k] += 1.0
        contrast: FloatArray = np.asarray(np.kron(row[None, :], np.eye(q)), dtype=float)
        statistic, df = wald_test(item, contrast)
        difference = contrast @ item.values.ravel()
        signed, unsigned, essd = score_differences(
            item.values[k], weights @ item.values, float(moments[0, k]), float(moments[1, k])
        )
        contrasts["statistic"][j, k], contrasts["df"][j, k] = statistic, df
        contrasts["p_value"][j, k] = chi2.sf(statistic, df) if np.isfinite(statistic) else np.nan
        contrasts["slope_difference"][j, k] = difference[0]
        contrasts["signed_difference"][j, k] = signed / spread
        contrasts["unsigned_difference"][j, k] = unsigned / spread
        contrasts["essd"][j, k] = essd


def comparison_weights(sizes: FloatArray, k: int, to_reference: bool) -> FloatArray:
    """Weights of the groups that group ``k`` is compared with, summing to one."""
    weights = np.zeros(sizes.size)
    if to_reference:
        weights[0] = 1.0
        return weights
    weights[:] = sizes
    weights[k] = 0.0
    return weights / weights.sum()


def expected_score(parameters: FloatArray, theta: FloatArray) -> FloatArray:
    """Expected score of a graded item with slope and intercepts, scored 0, 1, 2, ..."""
    score: FloatArray = expit(parameters[0] * theta[:, None] + parameters[1:]).sum(axis=1)
    return score


def score_differences(
    own: FloatArray, others: FloatArray, mean: float, variance: float
) -> tuple[float, float, float]:
    """Signed and unsigned item difference in the sample's metric, and ESSD (Meade 2010).

    Parameters
    ----------
    own, others : ndarray, shape (q,)
        Slope and intercepts in the group and in its comparison.
    mean, variance : float
        Latent distribution of the group.

    Returns
    -------
    signed, unsigned : float
        SIDS and UIDS, in points of the item.
    standardised : float
        ESSD: the signed difference over the pooled standard deviation of the expected scores.
    """
    z = np.linspace(-5.0, 5.0, NODES)
    mass = np.exp(-0.5 * z**2)
    mass /= mass.sum()
    theta = mean + np.sqrt(variance) * z
    first, second = expected_score(own, theta), expected_score(others, theta)
    difference = first - second
    pooled = 0.5 * sum(float(mass @ (s - mass @ s) ** 2) for s in (first, second))
    signed = float(mass @ difference)
    return signed, float(mass @ np.abs(difference)), signed / np.sqrt(max(pooled, 1e-12))


def theta_scores(data: DIFData, anchors: BoolArray, *, quadrature: int = 61) -> FloatArray:
    """EAP person parameters per scale from one graded calibration of all persons together.

    Items outside the anchor get their own parameters in every group, as lordif does: they enter as one
    column per group.

    Returns
    -------
    ndarray, shape (n, p)
        Column j holds the scores of item j's scale; NaN for persons who answered none of its items.
    """
    n, p = data.scores.shape
    matching = np.full((n, p), np.nan)
    for scale in range(len(data.scale_names)):
        members = np.flatnonzero(data.scale_of == scale).astype(np.int64)
        record = _split_by_group(data, members, anchors)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", EstimationWarning)
            fit = fit_irt(record, "graded", quadrature=quadrature, se=None, tolerance=1e-5)
        theta = fit.scores()["estimate"].to_numpy(dtype=float)
        answered = data.answered[:, members].any(axis=1)
        matching[:, members] = np.where(answered, theta, np.nan)[:, None]
    return matching


def discriminations(data: DIFData, *, quadrature: int = 31) -> FloatArray:
    """Slope of every item in one graded calibration of all persons together, (p,), at least a tenth of the median.

    In the two-parameter model the sum of the scores weighted by the slopes is sufficient: given it, the answer to
    an item no longer depends on the person's standing, in any group.
    """
    weights = np.ones(len(data.items))
    for scale in range(len(data.scale_names)):
        members = np.flatnonzero(data.scale_of == scale).tolist()
        record = ItemData(data.scores[:, members], tuple(data.items[j] for j in members))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", EstimationWarning)
            fit = fit_irt(record, "graded", quadrature=quadrature, se=None, tolerance=1e-3)
        slopes = np.array([read_item(fit, data.items[j]).values[0, 0] for j in members])
        typical = float(np.median(np.abs(slopes)))
        weights[members] = np.clip(slopes / typical, 0.1, 10.0)
    return weights


def _split_by_group(data: DIFData, members: IntArray, anchors: BoolArray) -> ItemData:
    columns, names = [], []
    for j in members:
        if anchors[j]:
            columns.append(data.scores[:, j])
            names.append(data.items[j])
            continue
        for g, label in enumerate(data.groups):
            own = np.where(data.group == g, data.scores[:, j], np.nan)
            if np.unique(own[~np.isnan(own)]).size > 1:
                columns.append(own)
                names.append(f"{data.items[j]} [{label}]")
    return ItemData(np.column_stack(columns), tuple(names))


@dataclass(frozen=True)
class LatentImpact:
    """Latent means of the groups and person scores, flagged items equal and freed.

    Attributes
    ----------
    equal_means, freed_means : ndarray, shape (G,)
        Distances from the size-weighted mean in within-group standard deviations.
    equal_scores, freed_scores : ndarray, shape (n,)
        EAP scores, standardised over all persons.
    """

    equal_means: FloatArray
    freed_means: FloatArray
    equal_scores: FloatArray
    freed_scores: FloatArray


def latent_impact(data: DIFData, flagged: BoolArray, scale: int) -> LatentImpact | None:
    """Calibrate a scale with all items equal across groups and with the flagged ones free.

    None when every item of the scale is flagged, or when a category of a flagged item is unused in a group.
    """
    members = np.flatnonzero(data.scale_of == scale).tolist()
    free = [data.items[j] for j in members if flagged[j]]
    if len(free) == len(members):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EstimationWarning)
        equal = fit_irt(item_data(data, members), equal=("slopes", "intercepts"), se=None, tolerance=1e-5)
        try:
            freed = equal.refit(partial=tuple(free), tolerance=1e-5) if free else equal
        except DataError:
            return None
    return LatentImpact(
        _standard_means(equal), _standard_means(freed), _standard_scores(equal), _standard_scores(freed)
    )


def _standard_means(fit: IRTResult) -> FloatArray:
    moments = fit.groups
    share = moments["n"].to_numpy(dtype=float) / moments["n"].sum()
    means = moments["mean"].to_numpy(dtype=float)
    spread = np.sqrt(share @ moments["variance"].to_numpy(dtype=float))
    return np.asarray((means - share @ means) / spread, dtype=float)


def _standard_scores(fit: IRTResult) -> FloatArray:
    scores = fit.scores()["estimate"].to_numpy(dtype=float)
    return np.asarray((scores - scores.mean()) / scores.std(), dtype=float)
