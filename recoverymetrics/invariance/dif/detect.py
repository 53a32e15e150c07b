"""The entry function of DIF analysis."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, get_args

import numpy as np

from recoverymetrics.errors import DataWarning, EstimationWarning, OptionError
from recoverymetrics.instrument.notes import listing
from recoverymetrics.invariance.dif.categories import merge_sparse_categories
from recoverymetrics.invariance.dif.classical import sweep_mantel_haenszel, sweep_sibtest
from recoverymetrics.invariance.dif.covariate import CovariateDIFResult, CovariateMethod, detect_along
from recoverymetrics.invariance.dif.data import DIFData, read_dif_data
from recoverymetrics.invariance.dif.irt import discriminations, sweep_irt, theta_scores
from recoverymetrics.invariance.dif.lasso import sweep_lasso
from recoverymetrics.invariance.dif.linked import calibrate_groups, sweep_linked
from recoverymetrics.invariance.dif.logistic import sweep_ordinal_logistic
from recoverymetrics.invariance.dif.matching import sum_scores, weighted_percentages
from recoverymetrics.invariance.dif.mimic import sweep_mimic
from recoverymetrics.invariance.dif.purify import Judgement, Purified, judge, purify_or_once
from recoverymetrics.invariance.dif.result import DIFResult
from recoverymetrics.invariance.dif.spec import (
    Correction,
    FlagRule,
    IRTLikelihoodRatio,
    IRTWald,
    Lasso,
    Lord,
    MantelHaenszel,
    Mimic,
    Ncdif,
    OrdinalLogistic,
    RajuArea,
    Sibtest,
    check_choice,
)
from recoverymetrics.invariance.dif.sweep import Sweep
from recoverymetrics.typing import BoolArray, FloatArray, GroupSpec, IntoFrame

Method = (
    OrdinalLogistic
    | MantelHaenszel
    | Sibtest
    | IRTLikelihoodRatio
    | IRTWald
    | Mimic
    | Lord
    | RajuArea
    | Ncdif
    | Lasso
)
Modelled = IRTLikelihoodRatio | IRTWald | Lord | RajuArea | Ncdif | Lasso
"""Methods with an item response model."""
METHODS: dict[str, type] = {
    "ordinal_logistic": OrdinalLogistic,
    "mantel_haenszel": MantelHaenszel,
    "sibtest": Sibtest,
    "irt_lr": IRTLikelihoodRatio,
    "wald": IRTWald,
    "mimic": Mimic,
    "lord": Lord,
    "raju": RajuArea,
    "ncdif": Ncdif,
    "lasso": Lasso,
}
DEFAULT_MINIMUM = {
    "difference": 0.12,
    "mcfadden": 0.02,
    "nagelkerke": 0.035,
    "cox_snell": 0.035,
    "beta_change": 0.05,
}


def detect_dif(
    data: IntoFrame,
    *,
    items: Sequence[str] | None = None,
    group: GroupSpec = None,
    by: str | None = None,
    method: str | Method | CovariateMethod = "ordinal_logistic",
    purify: bool | str = True,
    reference: str | None = None,
    correction: Correction = "bh",
    scales: Mapping[str, Sequence[str]] | None = None,
    rule: FlagRule | None = None,
    min_anchors: int | None = None,
    max_rounds: int = 25,
    drop_groups_below: int = 0,
) -> DIFResult | CovariateDIFResult:
    """Find items that function differently between persons who stand equally on the scale.

    Between groups (``group=``), or along a variable such as age (``by=``).

    Parameters
    ----------
    data : DataFrame
        One row per person.
    items : sequence of str, optional
        Item columns; by default all columns but ``group``, or those named in ``scales``.
    group : str or array-like of length n
        Two groups or more: regions, countries, gender.
    by : str, optional
        Numeric column along which functioning may differ: age, or the codes of ordered categories. Methods are then
        ``"ordinal_logistic"`` and ``"score_based"``; ``group`` is a column whose groups may differ on the scale. The
        result is a ``CovariateDIFResult``.
    method : str or options object, default "ordinal_logistic"
        The test: ``"ordinal_logistic"``, ``"mantel_haenszel"``, ``"sibtest"``, ``"irt_lr"``, ``"wald"``, ``"mimic"``,
        ``"lord"``, ``"raju"``, ``"ncdif"``, ``"lasso"``; an object such as ``OrdinalLogistic(matching="rest")`` sets
        its options. The guide says which one when.
    purify : bool or "all", default True
        Repeat with flagged items left out of the matching until nothing changes. After the first round only the
        items with the largest effects leave; ``"all"`` lets every flagged item go at once, as difR and lordif do.
    reference : str, optional
        Compare each group with this one; by default each group is compared with all the others.
    correction : {"bh", "by", "holm", "bonferroni", "none"}, default "bh"
        Correction of the p values over the items.
    scales : mapping of str to sequence of str, optional
        Items of each dimension; persons are matched within the item's own dimension.
    rule : FlagRule, optional
        When an item is flagged; by default corrected p at most 0.05 and an effect of at least 0.12.
    min_anchors : int, optional
        Anchor items kept in every scale; by default a quarter of the scale's items, and at least two.
    max_rounds : int, default 25
        Limit on rounds of purification.
    drop_groups_below : int, default 0
        Leave out groups with fewer persons than this; they are named in the notes.

    Returns
    -------
    DIFResult or CovariateDIFResult

    Raises
    ------
    DataError
        No groups, one group, unknown columns, items without variation, scales of fewer than three items.
    OptionError
        Unknown method, correction or matching.

    Notes
    -----
    A person with missing responses counts for every item that he or she answered; the matching score is
    prorated over the anchor items answered. ``n`` and ``n_missing`` per item say who counted.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> theta = rng.normal(size=(800, 1))
    >>> answers = (theta + rng.logistic(size=(800, 6)) > 0).astype(int)
    >>> region = np.repeat(["AFR", "EUR"], 400)
    >>> detect_dif(answers, group=region).flagged
    []
    """
    check_choice("correction", correction, get_args(Correction))
    rule = FlagRule() if rule is None else rule
    if not isinstance(purify, bool) and purify != "all":
        raise OptionError(f"purify={purify!r} is not known; give True, False or 'all'.")
    if by is not None:
        adjust_for = _check_along(group, reference, scales, drop_groups_below)
        return detect_along(
            data, covariate=by, items=items, adjust_for=adjust_for, method=method, purify=purify,
            correction=correction, alpha=rule.alpha, minimum=rule.minimum, min_anchors=min_anchors,
            max_rounds=max_rounds,
        )  # fmt: skip
    spec = _resolve_method(method)
    record = read_dif_data(
        data,
        items=items,
        group=group,
        reference=reference,
        scales=scales,
        drop_groups_below=drop_groups_below,
    )
    if isinstance(spec, OrdinalLogistic | Modelled):
        record = merge_sparse_categories(record, spec.min_cell)
    if not isinstance(spec, OrdinalLogistic) and rule.effect != "difference":
        raise OptionError(f"effect={rule.effect!r} belongs to ordinal logistic regression; use 'difference'.")
    minimum = DEFAULT_MINIMUM[rule.effect] if rule.minimum is None else rule.minimum

    match = matcher(record, spec)
    sweep = sweeper(record, spec, rule, match, to_reference=reference is not None)

    def run(anchors: BoolArray) -> Judgement:
        return judge(sweep(anchors), rule, minimum, correction)

    wanted = False if isinstance(spec, Lasso) else purify
    purified = purify_or_once(run, record.scale_of, wanted, min_anchors, max_rounds)
    return DIFResult(
        method=_method_name(spec),
        spec=spec,
        rule=rule,
        minimum=minimum,
        correction=correction,
        reference=None if reference is None else str(reference),
        purified=purified,
        data=record,
        matching=match(purified.anchors),
        notes=(*record.notes, *_ending_notes(purified, record), *_majority_notes(purified, record)),
    )


def _check_along(group: GroupSpec, reference: Any, scales: Any, drop_groups_below: int) -> str | None:
    given = {"reference": reference, "scales": scales, "drop_groups_below": drop_groups_below or None}
    extra = [name for name, value in given.items() if value is not None]
    if extra:
        raise OptionError(f"{extra[0]}= has no meaning along a variable (by=...); leave it out.")
    if group is not None and not isinstance(group, str):
        raise OptionError("with by=..., group must be the name of a column.")
    return group


def _resolve_method(method: Any) -> Any:
    if isinstance(method, str):
        check_choice("method", method, tuple(METHODS))
        return METHODS[method]()
    if not isinstance(method, tuple(METHODS.values())):
        raise OptionError(
            f"method={method!r} is not known; give one of {', '.join(map(repr, METHODS))} or an options object."
        )
    return method


def _method_name(spec: Any) -> str:
    return next(name for name, kind in METHODS.items() if isinstance(spec, kind))


def sweeper(
    data: DIFData,
    spec: Method,
    rule: FlagRule,
    match: Callable[[BoolArray], FloatArray],
    *,
    to_reference: bool,
) -> Callable[[BoolArray], Sweep]:
    """One pass of a method over all items, as a function of the anchors; what needs no anchors is done here."""
    if isinstance(spec, Lord | RajuArea | Ncdif) or (isinstance(spec, IRTWald) and spec.scheme == "two_step"):
        calibrations = calibrate_groups(data, spec)
        return lambda anchors: sweep_linked(data, calibrations, anchors, spec, to_reference=to_reference)
    if isinstance(spec, OrdinalLogistic):
        return lambda anchors: sweep_ordinal_logistic(
            data, match(anchors), spec, rule, to_reference=to_reference
        )
    run: Any = {
        MantelHaenszel: sweep_mantel_haenszel,
        Sibtest: sweep_sibtest,
        Mimic: sweep_mimic,
        Lasso: sweep_lasso,
        IRTLikelihoodRatio: sweep_irt,
        IRTWald: sweep_irt,
    }[type(spec)]
    return partial(run, data, spec=spec, to_reference=to_reference)


def matcher(data: DIFData, spec: Method) -> Callable[[BoolArray], FloatArray]:
    """Matching values of all persons, (n, p) or (n, 1), as a function of the anchors."""
    if isinstance(spec, MantelHaenszel):
        return partial(sum_scores, data, include=spec.include_item)
    if isinstance(spec, Sibtest):
        return partial(sum_scores, data, include=False)
    if not isinstance(spec, OrdinalLogistic):
        return partial(sum_scores, data, include=True)
    if isinstance(spec.matching, np.ndarray):
        values = _own_matching(spec.matching, data)
        return lambda anchors: values
    if spec.matching == "theta":
        return partial(theta_scores, data)
    if spec.matching == "weighted":
        weights = discriminations(data)
        return lambda anchors: weighted_percentages(data, anchors, weights)
    return partial(sum_scores, data, include=spec.matching == "total")


def _own_matching(values: FloatArray, data: DIFData) -> FloatArray:
    matching = np.asarray(values, dtype=float)
    matching = matching[:, None] if matching.ndim == 1 else matching
    n, p = data.scores.shape
    if matching.shape not in ((n, 1), (n, p)):
        raise OptionError(f"matching has shape {np.shape(values)}; give one value per person ({n}).")
    return matching


def _ending_notes(purified: Purified, data: DIFData) -> list[str]:
    notes = []
    if purified.ending == "cycle":
        notes.append(
            "purification came back to an earlier anchor set; items flagged on the way are no anchors."
        )
    kept = purified.anchors & purified.judgement.flagged
    if kept.any() and purified.ending != "not asked for":
        names = ", ".join(np.array(data.items)[kept])
        notes.append(f"flagged, but kept as anchors because too few items are left: {names}.")
    return [*notes, *_untested_notes(purified.judgement, data)]


def _untested_notes(judgement: Judgement, data: DIFData) -> list[str]:
    """Say, and warn, which items have no test: not being flagged means nothing for them."""
    without = np.isnan(judgement.sweep.statistic) & ~judgement.sweep.converged
    if not without.any():
        return []
    note = (
        f"not tested, as too few persons or matching scores are left in some group: "
        f"{listing(np.array(data.items)[without])}. Leave small groups out (drop_groups_below=), or use "
        "method='ordinal_logistic'."
    )
    warnings.warn(note, EstimationWarning, stacklevel=4)
    return [note]


def _majority_notes(purified: Purified, data: DIFData) -> list[str]:
    """Say, and warn, where the items without DIF are no clear majority of their scale."""
    notes = []
    flagged = purified.judgement.flagged
    for scale, name in enumerate(data.scale_names):
        members = data.scale_of == scale
        n, found = int(members.sum()), int(flagged[members].sum())
        if found and 2 * found >= n:
            notes.append(
                f"scale {name}: {found} of {n} items are flagged. DIF is relative to the other items; where half "
                "of them differ, and most to one side, the data cannot say which half is at fault. Name items "
                "that are known to work alike, or judge by content."
            )
            warnings.warn(notes[-1], DataWarning, stacklevel=3)
    return notes
