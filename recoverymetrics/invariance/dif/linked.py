"""DIF from item parameters calibrated in each group apart and brought to one metric.

Lord's chi-square (Lord 1980; several groups: Kim, Cohen & Park 1995), Raju's areas (Raju 1988, 1990; graded items:
Cohen, Kim & Baker 1993), NCDIF, CDIF and DTF (Raju, van der Linden & Fleer 1995; Flowers, Oshima & Raju 1999) with
item parameter replication (Oshima, Raju & Nanda 2006), and the two-step Wald test (Langer 2008; Woods, Cai & Wang
2013).

Groups are independent samples, so that calibrating each on its own N(0, 1) and moving it to the mean and variance
that a model with equal anchors gives the group is the same as freeing every item with those moments fixed. The
calibration does not depend on the anchors: purification only moves the groups again.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import chi2

from recoverymetrics.errors import EstimationWarning
from recoverymetrics.invariance.dif import item_parameters as ip
from recoverymetrics.invariance.dif.data import DIFData
from recoverymetrics.invariance.dif.irt import (
    CONTRASTS,
    GroupItem,
    all_contrasts,
    check_cells,
    comparison_weights,
    fill_contrasts,
    item_data,
    latent_moments,
    read_item,
    wald_test,
)
from recoverymetrics.invariance.dif.spec import IRTWald, Lord, Ncdif, RajuArea
from recoverymetrics.invariance.dif.sweep import Sweep, worst_contrast
from recoverymetrics.irt import IRTResult, fit_irt
from recoverymetrics.numerics.seeds import generator
from recoverymetrics.typing import BoolArray, FloatArray, IntArray

LinkedSpec = Lord | RajuArea | Ncdif | IRTWald


@dataclass(frozen=True)
class Calibrations:
    """Every item calibrated in every group apart, and the model with all items equal.

    Attributes
    ----------
    items : tuple of GroupItem, one per item
        Parameters on each group's own N(0, 1), with their covariance.
    equal : tuple of IRTResult, one per scale
        All items equal, group means and variances free.
    converged : bool
        Whether every calibration converged.
    """

    items: tuple[GroupItem, ...]
    equal: tuple[IRTResult, ...]
    converged: bool


def calibrate_groups(data: DIFData, spec: LinkedSpec) -> Calibrations:
    """Calibrate each group apart, scale by scale."""
    check_cells(data)
    items: dict[int, GroupItem] = {}
    equal, converged = [], True
    for scale in range(len(data.scale_names)):
        members = np.flatnonzero(data.scale_of == scale).tolist()
        record = item_data(data, members)
        options: dict[str, Any] = {"quadrature": spec.quadrature, "tolerance": spec.tolerance}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", EstimationWarning)
            apart = fit_irt(record, spec.model, se="oakes", **options)
            equal.append(fit_irt(record, spec.model, equal=("slopes", "intercepts"), se=None, **options))
        converged &= apart.converged and equal[-1].converged
        items |= {j: read_item(apart, data.items[j]) for j in members}
    return Calibrations(tuple(items[j] for j in range(len(data.items))), tuple(equal), converged)


def link_groups(
    data: DIFData, calibrations: Calibrations, anchors: BoolArray, spec: LinkedSpec
) -> FloatArray:
    """Latent means and variances of the groups on the anchors' metric, by scale, (n_scales, 2, G)."""
    kind = "concurrent" if isinstance(spec, IRTWald) else spec.linking
    found = []
    for scale, equal in enumerate(calibrations.equal):
        members = np.flatnonzero(data.scale_of == scale)
        if kind == "concurrent":
            outside = tuple(data.items[j] for j in members if not anchors[j])
            found.append(_concurrent_moments(equal, outside, spec))
        else:
            kept = [calibrations.items[j] for j in members if anchors[j]]
            found.append(_linked_moments(kept, len(data.groups), kind))
    return np.stack(found)


def _concurrent_moments(equal: IRTResult, outside: tuple[str, ...], spec: LinkedSpec) -> FloatArray:
    """Moments of the model in which the items outside the anchor are free."""
    if not outside:
        return latent_moments(equal)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EstimationWarning)
        return latent_moments(equal.refit(partial=outside, tolerance=spec.tolerance))


def _linked_moments(anchors: list[GroupItem], g: int, kind: str) -> FloatArray:
    """Moments that bring the anchors' curves, or their thresholds' mean and spread, together with group one."""
    link = ip.characteristic_curve_link if kind == "stocking_lord" else ip.mean_sigma_link
    moments = np.array([np.zeros(g), np.ones(g)])
    first = [item.values[0] for item in anchors]
    for k in range(1, g):
        mean, sd = link(first, [item.values[k] for item in anchors])
        moments[:, k] = mean, sd**2
    return moments


def move_item(item: GroupItem, moments: FloatArray) -> GroupItem:
    """Bring an item from N(0, 1) in every group to groups with the given means and variances (2, G)."""
    g, q = item.values.shape
    values, covariance = np.empty((g, q)), np.zeros((g * q, g * q))
    for k, (mean, variance) in enumerate(moments.T):
        slope = 1.0 / np.sqrt(variance)
        turn = np.eye(q)
        turn[:, 0] = -mean * slope
        turn[0, 0] = slope
        values[k] = turn @ item.values[k]
        if item.covariance is not None:
            own = slice(k * q, (k + 1) * q)
            covariance[own, own] = turn @ item.covariance[own, own] @ turn.T
    return GroupItem(values, covariance)


def sweep_linked(
    data: DIFData, calibrations: Calibrations, anchors: BoolArray, spec: LinkedSpec, *, to_reference: bool
) -> Sweep:
    """Compare the groups' item parameters on the metric of the anchors.

    Notes
    -----
    Lord and the two-step Wald test compare all groups at once. Areas and NCDIF compare one group with the
    others (or the reference): the item's p value is the smallest of its contrasts times their number.
    """
    p, g = len(data.items), len(data.groups)
    moments = link_groups(data, calibrations, anchors, spec)
    contrasts = {name: np.full((p, g), np.nan) for name in CONTRASTS}
    statistic, df = np.full(p, np.nan), np.full(p, np.nan)
    items = [move_item(item, moments[data.scale_of[j]]) for j, item in enumerate(calibrations.items)]
    for j, item in enumerate(items):
        statistic[j], df[j] = wald_test(item, all_contrasts(item))
        fill_contrasts(contrasts, data, j, moments[data.scale_of[j]], item, to_reference)
    p_value = chi2.sf(statistic, df)
    if isinstance(spec, RajuArea | Ncdif):
        _add_functionals(contrasts, data, items, moments, spec, to_reference)
        statistic, df, p_value = worst_contrast(contrasts)
    return Sweep(
        statistic=statistic,
        df=df,
        p_value=p_value,
        effect=np.nanmax(np.abs(contrasts["unsigned_difference"]), axis=1),
        n=data.answered.sum(axis=0).astype(float),
        converged=np.full(p, calibrations.converged),
        contrasts=contrasts,
    )


def _add_functionals(
    contrasts: dict[str, FloatArray],
    data: DIFData,
    items: list[GroupItem],
    moments: FloatArray,
    spec: RajuArea | Ncdif,
    to_reference: bool,
) -> None:
    """Replace the Wald contrasts by areas or by NCDIF, and add the columns that belong to them."""
    names = (
        ("signed_area", "unsigned_area") if isinstance(spec, RajuArea) else ("ncdif", "cutoff", "cdif", "dtf")
    )
    for name in names:
        contrasts[name] = np.full_like(contrasts["statistic"], np.nan)
    rng = generator(spec.seed)
    for k in range(1 if to_reference else 0, len(data.groups)):
        pairs = [_pair(item, contrasts["n"][j], k, to_reference) for j, item in enumerate(items)]
        if isinstance(spec, RajuArea):
            _add_areas(contrasts, pairs, k, spec, rng)
        else:
            _add_ncdif(contrasts, pairs, k, data.scale_of, moments, spec, rng)


def _pair(item: GroupItem, sizes: FloatArray, k: int, to_reference: bool) -> ip.ParameterPair:
    """The item in group ``k`` and in what it is compared with, with covariances."""
    g, q = item.values.shape
    weights = comparison_weights(sizes, k, to_reference)
    blocks = item.covariance if item.covariance is not None else np.zeros((g * q, g * q))
    own = slice(k * q, (k + 1) * q)
    mixing = np.kron(weights, np.eye(q))
    return ip.ParameterPair(
        weights @ item.values, mixing @ blocks @ mixing.T, item.values[k].copy(), blocks[own, own]
    )


def _add_areas(
    contrasts: dict[str, FloatArray],
    pairs: list[ip.ParameterPair],
    k: int,
    spec: RajuArea,
    rng: np.random.Generator,
) -> None:
    for j, pair in enumerate(pairs):
        signed, error = ip.signed_area(pair)
        unsigned = ip.unsigned_area(pair.first[None], pair.second[None])[0]
        contrasts["signed_area"][j, k], contrasts["unsigned_area"][j, k] = signed, unsigned
        if spec.area == "signed":
            statistic, df = (signed / error) ** 2, 1.0
        else:
            null = ip.unsigned_area(*ip.replicate(pair, spec.n_draws, rng))
            statistic, df = ip.scaled_chi2(unsigned**2, null**2)
        contrasts["statistic"][j, k], contrasts["df"][j, k] = statistic, df
        contrasts["p_value"][j, k] = chi2.sf(statistic, df)


def _add_ncdif(
    contrasts: dict[str, FloatArray],
    pairs: list[ip.ParameterPair],
    k: int,
    scale_of: IntArray,
    moments: FloatArray,
    spec: Ncdif,
    rng: np.random.Generator,
) -> None:
    grids = [ip.latent_grid(*moments[scale, :, k]) for scale in range(moments.shape[0])]
    totals = [np.zeros_like(theta) for theta, _ in grids]
    differences = []
    for scale, pair in zip(scale_of, pairs, strict=True):
        theta, _ = grids[scale]
        differences.append(ip.score_gap(pair.first[None], pair.second[None], theta)[0])
        totals[scale] += differences[-1]
    for j, (scale, pair) in enumerate(zip(scale_of, pairs, strict=True)):
        theta, mass = grids[scale]
        ncdif = float(mass @ differences[j] ** 2)
        null = ip.score_gap(*ip.replicate(pair, spec.n_draws, rng), theta) ** 2 @ mass
        contrasts["ncdif"][j, k] = ncdif
        contrasts["cutoff"][j, k] = np.quantile(null, 1.0 - spec.alpha)
        contrasts["cdif"][j, k] = mass @ (differences[j] * totals[scale])
        contrasts["dtf"][j, k] = mass @ totals[scale] ** 2
        statistic, df = ip.scaled_chi2(ncdif, null)
        contrasts["statistic"][j, k], contrasts["df"][j, k] = statistic, df
        contrasts["p_value"][j, k] = chi2.sf(statistic, df)
