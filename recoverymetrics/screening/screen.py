"""Screen responses before anything is modelled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import chi2

from recoverymetrics.errors import DataError, OptionError
from recoverymetrics.instrument import ItemData, Note, Responses
from recoverymetrics.numerics.normal_missing import NormalMoments, em_normal, find_missing_patterns
from recoverymetrics.screening.items import describe_items, item_rest, pairwise_correlation, suspect_keying
from recoverymetrics.screening.missing import LittleTest, little_test
from recoverymetrics.screening.persons import INDICES, IndexModel, PersonIndices, person_indices
from recoverymetrics.screening.result import ScreeningResult
from recoverymetrics.screening.rules import Rule, ScreeningRules, apply_rules, calibrate_rules
from recoverymetrics.typing import BoolArray, FloatArray, GroupSpec, IntArray, IntoFrame, Seed

MIN_ITEMS = 5
"""Fewest varying items for the rules on careless responding."""

MIN_PERSONS = 50
"""Fewest persons for the rules on careless responding."""

NEGATIVE = -0.20
"""Correlation of keyed items below which a pair counts as opposed."""

_OPPOSED = (
    "{n} pairs of items correlate below -.20 after keying: reverse items may not be declared, or the items measure "
    "opposite things; give scales= to look within each scale."
)

OUTLIER_P = 0.001
"""Chi-square p value of the Mahalanobis distance below which a person counts as a multivariate outlier."""

Scales = Mapping[str, Sequence[str]]


def screen(
    data: IntoFrame,
    *,
    items: Sequence[str] | None = None,
    group: GroupSpec = None,
    scales: Scales | None = None,
    rules: ScreeningRules | None = None,
    seed: Seed = 0,
) -> ScreeningResult:
    """Screen responses: missingness, distributions, categories, keying, careless responding.

    Parameters
    ----------
    data : Responses or table
        With ``Responses`` the indices of careless responding use the answers before reverse keying. A table
        is taken as it was answered.
    items : sequence of str, optional
        Item columns in the order of the questionnaire.
    group : str or array-like, optional
        Adds rows per group to ``tidy()``. The indices of persons use everybody.
    scales : mapping of name to items, optional
        Scales of the questionnaire. Item-rest correlations then stay within a scale, and even-odd consistency
        is computed when there are at least three scales with two items or more.
    rules : ScreeningRules, optional
        Thresholds.
    seed : int or Generator, default 0
        For the simulated answers behind the cut-offs.

    Returns
    -------
    ScreeningResult

    Raises
    ------
    DataError
        As ``Responses``; a scale with an unknown item.
    OptionError
        ``rules`` is not a ``ScreeningRules``.

    Notes
    -----
    A person is flagged when one of the rules holds. Their cut-offs come from answers simulated under attentive
    responding (``recoverymetrics.screening.rules``); of attentive persons at most ``rules.alpha`` (1 %) is flagged
    as far as the latent normal model describes them.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> trait = rng.normal(size=(300, 1))
    >>> answers = np.digitize(trait + rng.normal(size=(300, 6)), [-1.5, -0.5, 0.5, 1.5])
    >>> result = screen(answers)
    >>> result.tidy().shape, bool(result.flagged.mean() < 0.03)
    ((6, 21), True)
    """
    settings = ScreeningRules() if rules is None else rules
    if not isinstance(settings, ScreeningRules):
        raise OptionError(
            f"rules={rules!r} is not a ScreeningRules; make one with ScreeningRules(alpha=...)."
        )
    responses = _as_responses(data, items, group)
    scale_of = _scale_positions(responses.items, scales)
    raw = responses.raw
    table = _item_table(responses, scale_of, settings)
    active = _varying(raw)
    patterns = find_missing_patterns(raw)
    moments = em_normal(raw[:, active]) if active.any() else None
    mcar = _little(raw[:, active], moments)
    eligible = (
        np.isfinite(raw[:, active]).mean(axis=1) >= settings.min_answered if active.any() else active[:0]
    )
    indices, calibrated, notes = _careless(
        responses, raw, active, scale_of, moments, eligible, settings, seed
    )
    opposed = _negative_pairs(responses.values[:, active])
    if opposed and scales is None:
        notes.append(Note("negative_pairs", _OPPOSED.format(n=opposed), n=opposed))
    hits = apply_rules(indices, calibrated, eligible) if indices else np.zeros((responses.n, 0), dtype=bool)
    people = _person_table(responses, raw, active, indices, calibrated, hits)
    return ScreeningResult(
        item_table=table,
        person_table=people,
        rules=_rule_table(calibrated, hits),
        patterns=_pattern_table(responses.items, patterns.missing, patterns.counts),
        mcar=mcar,
        totals={**_totals(responses, people, patterns.counts, mcar), "n_negative_pairs": opposed},
        notes=(*responses.notes, *notes),
    )


def _as_responses(data: IntoFrame, items: Sequence[str] | None, group: GroupSpec) -> Responses:
    if isinstance(data, Responses):
        view = data if items is None else data.select(items)
        return view if group is None else view.with_group(group)
    if isinstance(data, ItemData):
        chosen = data if items is None else data.select(items)
        frame = pd.DataFrame(chosen.values, columns=list(chosen.items))
        return Responses(frame, group=chosen.group if group is None else group, items=chosen.items)
    return Responses(data, items=items, group=group)


def _scale_positions(items: Sequence[str], scales: Scales | None) -> IntArray:
    """Scale of each item as a number; without scales all items form one, items in none stay alone."""
    if scales is None:
        return np.zeros(len(items), dtype=np.int64)
    position = {item: j for j, item in enumerate(items)}
    result = np.arange(len(items), dtype=np.int64) + len(scales)
    for number, (name, members) in enumerate(scales.items()):
        for item in members:
            if item not in position:
                raise DataError(f"scale {name!r} names {item!r}, which is not an item of the responses.")
            result[position[item]] = number
    return result


def _varying(raw: FloatArray) -> BoolArray:
    with np.errstate(invalid="ignore"):
        high = np.where(np.isnan(raw), -np.inf, raw).max(axis=0)
        low = np.where(np.isnan(raw), np.inf, raw).min(axis=0)
    varying: BoolArray = high > low
    return varying


# -- items ----------------------------------------------------------------------------------------------


def _item_table(responses: Responses, scale_of: IntArray, settings: ScreeningRules) -> pd.DataFrame:
    blocks = [("all", responses.values)]
    labels = responses.group
    if labels is not None:
        blocks += [(label, responses.values[labels == label]) for label in responses.groups]
    return pd.concat(
        [_describe_block(label, block, responses, scale_of, settings) for label, block in blocks],
        ignore_index=True,
    )


def _describe_block(
    label: str, values: FloatArray, responses: Responses, scale_of: IntArray, settings: ScreeningRules
) -> pd.DataFrame:
    low, high = np.array([responses.categories[item] for item in responses.items], dtype=np.int64).T
    found = describe_items(values, low, high, sparse=settings.sparse)
    active = _varying(values)
    rest = np.full(len(low), np.nan)
    suspect = np.zeros(len(low), dtype=bool)
    if active.sum() > 1:
        rest[active] = item_rest(values[:, active], scale_of[active])
        close = pairwise_correlation(values[:, active])
        suspect[active] = suspect_keying(close, rest[active], found.n[active])
    frame = pd.DataFrame(
        {
            "group": label,
            "item": list(responses.items),
            "n": found.n,
            "n_missing": found.n_missing,
            "missing": found.n_missing / max(len(values), 1),
            **{name: getattr(found, name) for name in ("mean", "sd", "skew", "kurtosis", "floor", "ceiling")},
            **{name: getattr(found, name) for name in ("n_categories", "n_empty", "n_sparse", "min_count")},
            "item_rest": rest,
            "floor_effect": found.floor > settings.extreme,
            "ceiling_effect": found.ceiling > settings.extreme,
            "zero_variance": ~active,
            "keying_suspect": suspect,
        }
    )
    marks = {
        "floor": frame["floor_effect"],
        "ceiling": frame["ceiling_effect"],
        "empty": frame["n_empty"] > 0,
        "sparse": frame["n_sparse"] > frame["n_empty"],
        "zero_variance": frame["zero_variance"],
        "keying": frame["keying_suspect"],
    }
    frame["findings"] = [
        ", ".join(name for name, on in marks.items() if on.iloc[j]) for j in range(len(frame))
    ]
    return frame


# -- persons --------------------------------------------------------------------------------------------


def _careless(
    responses: Responses,
    raw: FloatArray,
    active: BoolArray,
    scale_of: IntArray,
    moments: NormalMoments | None,
    eligible: BoolArray,
    settings: ScreeningRules,
    seed: Seed,
) -> tuple[PersonIndices | None, tuple[Rule, ...], list[Note]]:
    if moments is None:
        return (
            None,
            (),
            [Note("no_indices", "no item varies, so there are no indices of careless responding.")],
        )
    answers = raw[:, active]
    model = _index_model(responses, answers, active, scale_of, moments, settings)
    indices = person_indices(answers, model, inside=True)
    if active.sum() < MIN_ITEMS or eligible.sum() < MIN_PERSONS:
        text = (
            f"careless responding is not judged: {int(active.sum())} varying items and {int(eligible.sum())} "
            f"persons with enough responses, {MIN_ITEMS} and {MIN_PERSONS} are needed."
        )
        return indices, (), [Note("no_rules", text)]
    notes = []
    if len(model.halves) < 3:
        notes.append(Note("no_even_odd", "even-odd consistency needs at least three scales; give scales=."))
    return indices, calibrate_rules(answers, model, eligible, settings, seed), notes


def _index_model(
    responses: Responses,
    answers: FloatArray,
    active: BoolArray,
    scale_of: IntArray,
    moments: NormalMoments,
    settings: ScreeningRules,
) -> IndexModel:
    names = [item for item, on in zip(responses.items, active, strict=True) if on]
    reverse = np.array([item in responses.reverse for item in names])
    ends = np.array([sum(responses.categories[item]) for item in names], dtype=float)
    correlation = np.triu(pairwise_correlation(answers), k=1)
    return IndexModel(
        sums=np.nansum(answers, axis=0),
        counts=np.isfinite(answers).sum(axis=0).astype(float),
        moments=moments,
        halves=_halves(scale_of[active]),
        synonyms=np.argwhere(correlation > settings.synonym),
        antonyms=np.argwhere(correlation < -settings.synonym),
        sign=np.where(reverse, -1.0, 1.0),
        offset=np.where(reverse, ends, 0.0),
        n_lags=max(high - low + 1 for low, high in responses.categories.values()),
    )


def _halves(scale_of: IntArray) -> tuple[tuple[IntArray, IntArray], ...]:
    members = [np.flatnonzero(scale_of == scale) for scale in np.unique(scale_of)]
    return tuple((scale[0::2], scale[1::2]) for scale in members if len(scale) > 1)


def _person_table(
    responses: Responses,
    raw: FloatArray,
    active: BoolArray,
    indices: PersonIndices | None,
    rules: tuple[Rule, ...],
    hits: BoolArray,
) -> pd.DataFrame:
    n_answered = np.isfinite(raw).sum(axis=1)
    columns: dict[str, Any] = {} if responses.ids is None else {"id": responses.ids}
    if responses.group is not None:
        columns["group"] = responses.group
    columns |= {"n_answered": n_answered, "missing": 1 - n_answered / responses.n_items}
    for name in INDICES:
        columns[name] = np.full(responses.n, np.nan) if indices is None else indices.get(name)
        if name == "mahalanobis":
            used = np.isfinite(raw[:, active]).sum(axis=1)
            columns[name] = np.where(used > 0, columns[name], np.nan)
            columns["p_value"] = np.where(used > 0, chi2.sf(columns[name], np.maximum(used, 1)), np.nan)
    names = np.array([rule.name for rule in rules])
    columns["flagged"] = hits.any(axis=1)
    columns["rules"] = [
        ", ".join(names[row]) if any_hit else ""
        for row, any_hit in zip(hits, columns["flagged"], strict=True)
    ]
    return pd.DataFrame(columns)


def _negative_pairs(keyed: FloatArray) -> int:
    if keyed.shape[1] < 2:
        return 0
    return int((np.triu(pairwise_correlation(keyed), k=1) < NEGATIVE).sum())


# -- tables ---------------------------------------------------------------------------------------------


def _rule_table(rules: tuple[Rule, ...], hits: BoolArray) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"rule": r.name, "tail": r.tail, "cutoff": r.cutoff, "expected": r.expected, "n_careless": int(n)}
            for r, n in zip(rules, hits.sum(axis=0), strict=True)
        ],
        columns=["rule", "tail", "cutoff", "expected", "n_careless"],
    )


def _pattern_table(items: Sequence[str], missing: BoolArray, counts: IntArray) -> pd.DataFrame:
    order = np.lexsort((missing.sum(axis=1), -counts))
    names = np.array(items, dtype=object)
    return pd.DataFrame(
        {
            "pattern": [", ".join(names[missing[k]]) or "none" for k in order],
            "n_missing": missing[order].sum(axis=1),
            "n": counts[order],
        }
    )


def _little(answers: FloatArray, moments: NormalMoments | None) -> LittleTest:
    if moments is None:
        return LittleTest(np.nan, 0, np.nan, 0, "no item varies")
    if not moments.converged:
        return LittleTest(np.nan, 0, np.nan, 0, f"the moments did not converge in {moments.n_iter} cycles")
    return little_test(answers, find_missing_patterns(answers), moments)


def _totals(responses: Responses, people: pd.DataFrame, counts: IntArray, mcar: LittleTest) -> dict[str, Any]:
    values = responses.values
    low, high = np.array([responses.categories[item] for item in responses.items], dtype=float).T
    seen = np.isfinite(values)
    answered = seen.any(axis=1)
    persons = max(int(answered.sum()), 1)
    return {
        "n": responses.n,
        "n_items": responses.n_items,
        "n_groups": len(responses.groups),
        "n_missing": int((~seen).sum()),
        "missing": float((~seen).mean()),
        "n_complete": int(seen.all(axis=1).sum()),
        "n_empty_persons": int((~answered).sum()),
        "n_patterns": len(counts),
        "mcar_statistic": mcar.statistic,
        "mcar_df": mcar.df,
        "mcar_p_value": mcar.p_value,
        "floor_total": float((((values == low) | ~seen).all(axis=1) & answered).sum() / persons),
        "ceiling_total": float((((values == high) | ~seen).all(axis=1) & answered).sum() / persons),
        "n_outliers": int((people["p_value"] < OUTLIER_P).sum()),
        "n_careless": int(people["flagged"].sum()),
        "share_careless": float(people["flagged"].mean()),
    }
