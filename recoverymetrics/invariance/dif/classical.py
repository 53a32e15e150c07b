"""Sweeps of the classical methods: Mantel-Haenszel and SIBTEST, two groups or more."""

from __future__ import annotations

import numpy as np
from scipy.stats import chi2

from recoverymetrics.errors import DataError
from recoverymetrics.invariance.dif import mantel_haenszel as mh
from recoverymetrics.invariance.dif import sibtest as sib
from recoverymetrics.invariance.dif.data import DIFData
from recoverymetrics.invariance.dif.matching import sum_scores
from recoverymetrics.invariance.dif.spec import MantelHaenszel, Sibtest
from recoverymetrics.invariance.dif.strata import StratifiedTables, stratify
from recoverymetrics.invariance.dif.sweep import Sweep, worst_contrast
from recoverymetrics.typing import BoolArray, FloatArray


def comparisons(n_groups: int, *, to_reference: bool) -> list[tuple[int, FloatArray]]:
    """Pairs of groups to contrast: position of the focal group, and weights (2, G) that pool the groups."""
    pairs = []
    for g in range(1 if to_reference or n_groups == 2 else 0, n_groups):
        weights = np.zeros((2, n_groups))
        weights[0] = np.arange(n_groups) == 0 if to_reference else np.arange(n_groups) != g
        weights[1, g] = 1.0
        pairs.append((g, weights))
    return pairs


def sweep_mantel_haenszel(
    data: DIFData, anchors: BoolArray, spec: MantelHaenszel, *, to_reference: bool
) -> Sweep:
    """Test every item by Mantel-Haenszel statistics, matched on the anchors' sum score.

    The omnibus test is the mean score statistic over all groups (Mantel-Haenszel, Mantel or generalised
    Mantel-Haenszel, whichever the numbers of categories and groups make it), or the general association.
    """
    tables = stratify(data, sum_scores(data, anchors, include=spec.include_item), spec.n_strata)
    contrasts = _mh_contrasts(tables, spec, to_reference)
    statistic, df = _mh_omnibus(tables, spec)
    effect = np.nanmax(np.abs(contrasts["effect_size"]), axis=1)
    p = statistic.size
    general = mh.general_association_test(tables.counts)
    columns = {
        "general_statistic": general[0],
        "general_df": general[1],
        "general_p_value": chi2.sf(*general),
    }
    if len(data.groups) == 2:
        columns |= {name: values[:, 1] for name, values in contrasts.items() if name not in _CONTRAST_ONLY}
    return Sweep(
        statistic=statistic,
        df=df,
        p_value=chi2.sf(statistic, df),
        effect=effect,
        n=tables.counts.sum(axis=(1, 2, 3)),
        converged=np.ones(p, dtype=bool),
        columns=columns,
        contrasts=contrasts,
    )


_CONTRAST_ONLY = ("statistic", "df", "p_value", "effect_size")


def _mh_omnibus(tables: StratifiedTables, spec: MantelHaenszel) -> tuple[FloatArray, FloatArray]:
    if spec.association == "general":
        return mh.general_association_test(tables.counts)
    if tables.counts.shape[2] == 2:
        statistic = mh.two_group_chi2(tables.counts, tables.values, continuity=spec.continuity)
        return statistic, np.ones(statistic.size)
    return mh.mean_score_test(tables.counts, tables.values)


def _mh_contrasts(
    tables: StratifiedTables, spec: MantelHaenszel, to_reference: bool
) -> dict[str, FloatArray]:
    p, _, g, _ = tables.counts.shape
    names = (
        "statistic", "df", "p_value", "odds_ratio", "log_odds_ratio", "std_error", "ets_delta", "smd",
        "effect_size", "breslow_day_statistic", "breslow_day_df", "breslow_day_p_value", "ets_class",
    )  # fmt: skip
    out: dict[str, FloatArray] = {name: np.full((p, g), np.nan) for name in names[:-1]}
    out["ets_class"] = np.full((p, g), "", dtype=object)
    for focal, weights in comparisons(g, to_reference=to_reference):
        counts = tables.two_groups(weights)
        odds = mh.common_odds_ratio(counts)
        smd, effect = mh.standardised_difference(counts, tables.values)
        statistic = mh.two_group_chi2(counts, tables.values, continuity=spec.continuity)
        dichotomous = ~np.isnan(odds.alpha)
        bd = [np.where(dichotomous, value, np.nan) for value in mh.breslow_day(counts)]
        p_value = chi2.sf(statistic, 1)
        classes = np.where(dichotomous, mh.ets_class(odds), mh.polytomous_class(effect, p_value))
        values = (
            statistic, np.ones(p), p_value, odds.alpha, np.log(odds.alpha),
            np.sqrt(odds.variance), odds.delta, smd, effect, *bd, classes,
        )  # fmt: skip
        for name, value in zip(names, values, strict=True):
            out[name][:, focal] = value
    return out


def sweep_sibtest(data: DIFData, anchors: BoolArray, spec: Sibtest, *, to_reference: bool) -> Sweep:
    """Test every item by SIBTEST, matched on the sum of the other anchor items of its scale."""
    p, g = len(data.items), len(data.groups)
    names = ("statistic", "df", "p_value", "estimate", "std_error", "effect_size")
    contrasts = {name: np.full((p, g), np.nan) for name in names}
    omnibus, n = np.full((p, 2), np.nan), np.zeros(p)
    for j in range(p):
        members = (data.scale_of == data.scale_of[j]) & anchors
        members[j] = False
        item, matching = data.scores[:, j], data.scores[:, members]
        rows = sib.complete_rows(item, matching)
        n[j] = rows.sum()
        if not rows.any():
            raise DataError(
                f"nobody answered item {data.items[j]!r} and all items that it is matched on; SIBTEST needs complete "
                "answers. Leave items with many gaps out with items=[...], or use method='ordinal_logistic'."
            )
        spread = item[rows].std()
        means = sib.corrected_means(item[rows], matching[rows], data.group[rows], g, min_cell=spec.min_cell)
        omnibus[j] = sib.several_groups_statistic(means) if means.score.size else np.nan
        for focal, weights in comparisons(g, to_reference=to_reference):
            kept = rows & (weights[:, data.group].sum(axis=0) > 0)
            two = (data.group[kept] == focal).astype(np.int64)
            pair = sib.corrected_means(item[kept], matching[kept], two, 2, min_cell=spec.min_cell)
            for name, value in zip(names, _sib_contrast(pair, spec, spread), strict=True):
                contrasts[name][j, focal] = value
    if g == 2:
        omnibus = np.column_stack([contrasts["statistic"][:, 1], contrasts["df"][:, 1]])
    p_value = chi2.sf(omnibus[:, 0], omnibus[:, 1])
    if spec.crossing and g > 2:
        omnibus[:, 0], omnibus[:, 1], p_value = worst_contrast(contrasts)
    return Sweep(
        statistic=omnibus[:, 0],
        df=omnibus[:, 1],
        p_value=p_value,
        effect=_largest(contrasts["effect_size"]),
        n=n,
        converged=~np.isnan(omnibus[:, 0]),
        columns={name: contrasts[name][:, 1] for name in ("estimate", "std_error")} if g == 2 else {},
        contrasts=contrasts,
    )


def _sib_contrast(pair: sib.StudiedItem, spec: Sibtest, spread: float) -> tuple[float, ...]:
    if pair.score.size == 0:
        return (np.nan,) * 6
    beta, error = sib.uniform_statistic(pair)
    if spec.crossing:
        size, statistic, df = sib.crossing_statistic(pair)
        return statistic, df, float(chi2.sf(statistic, df)), size, error, size / spread
    statistic = (beta / error) ** 2
    return statistic, 1.0, float(chi2.sf(statistic, 1)), beta, error, -beta / spread


def _largest(values: FloatArray) -> FloatArray:
    size = np.abs(values)
    found = ~np.isnan(size).all(axis=1)
    largest = np.full(size.shape[0], np.nan)
    largest[found] = np.nanmax(size[found], axis=1)
    return largest
