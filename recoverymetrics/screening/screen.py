"""Screen responses before anything is modelled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from recoverymetrics.errors import DataError, OptionError
from recoverymetrics.instrument import ItemData, Note, Responses
from recoverymetrics.numerics.normal_missing import NormalMoments, em_normal, find_missing_patterns
from recoverymetrics.screening.items import pairwise_correlation
from recoverymetrics.screening.missing import LittleTest, little_test
from recoverymetrics.screening.persons import IndexModel, PersonIndices, person_indices
from recoverymetrics.screening.result import ScreeningResult
from recoverymetrics.screening.rules import Rule, ScreeningRules, apply_rules, calibrate_rules
from recoverymetrics.screening.tables import (
    item_table,
    pattern_table,
    person_table,
    rule_table,
    totals_of,
    varying_items,
)
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
    table = item_table(responses, scale_of, settings)
    active = varying_items(raw)
    patterns = find_missing_patterns(raw)
    moments = em_normal(raw[:, active]) if active.any() else None
    mcar = _little(raw[:, active], moments)
    answered = np.isfinite(raw[:, active]).sum(axis=1)
    eligible = answered >= max(settings.min_answered * active.sum(), 1)
    indices, calibrated, notes = _careless(
        responses, raw, active, scale_of, moments, eligible, settings, seed
    )
    opposed = _negative_pairs(responses.values[:, active])
    if opposed and scales is None:
        notes.append(Note("negative_pairs", _OPPOSED.format(n=opposed), n=opposed))
    if mcar.reason:
        notes.append(Note("no_mcar_test", f"Little's test has no value: {mcar.reason}."))
    hits = apply_rules(indices, calibrated, eligible) if indices else np.zeros((responses.n, 0), dtype=bool)
    people = person_table(responses, raw, active, indices, calibrated, hits)
    return ScreeningResult(
        item_table=table,
        person_table=people,
        rules=rule_table(calibrated, hits),
        patterns=pattern_table(responses.items, patterns.missing, patterns.counts),
        mcar=mcar,
        totals={**totals_of(responses, people, patterns.counts, mcar), "n_negative_pairs": opposed},
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


def _negative_pairs(keyed: FloatArray) -> int:
    if keyed.shape[1] < 2:
        return 0
    return int((np.triu(pairwise_correlation(keyed), k=1) < NEGATIVE).sum())


def _little(answers: FloatArray, moments: NormalMoments | None) -> LittleTest:
    if moments is None:
        return LittleTest(np.nan, 0, np.nan, 0, "no item varies")
    if not moments.converged:
        return LittleTest(np.nan, 0, np.nan, 0, f"the moments did not converge in {moments.n_iter} cycles")
    return little_test(answers, find_missing_patterns(answers), moments)
