"""Tables of the screening: per item and group, person, rule, missing pattern, and the totals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import chi2

from recoverymetrics.instrument import Responses
from recoverymetrics.screening.items import describe_items, item_rest, pairwise_correlation, suspect_keying
from recoverymetrics.screening.missing import LittleTest
from recoverymetrics.screening.persons import INDICES, PersonIndices
from recoverymetrics.screening.rules import Rule, ScreeningRules
from recoverymetrics.typing import BoolArray, FloatArray, IntArray

OUTLIER_P = 0.001
"""Chi-square p value of the Mahalanobis distance below which a person counts as a multivariate outlier."""


def varying_items(raw: FloatArray) -> BoolArray:
    """Items with at least two different responses, shape (p,)."""
    with np.errstate(invalid="ignore"):
        high = np.where(np.isnan(raw), -np.inf, raw).max(axis=0)
        low = np.where(np.isnan(raw), np.inf, raw).min(axis=0)
    varying: BoolArray = high > low
    return varying


def item_table(responses: Responses, scale_of: IntArray, settings: ScreeningRules) -> pd.DataFrame:
    """One row per item, for everybody (group ``"all"``) and then for each group."""
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
    active = varying_items(values)
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
    frame["findings"] = _findings(frame)
    return frame


def _findings(frame: pd.DataFrame) -> list[str]:
    marks = {
        "floor": frame["floor_effect"],
        "ceiling": frame["ceiling_effect"],
        "empty": frame["n_empty"] > 0,
        "sparse": frame["n_sparse"] > frame["n_empty"],
        "zero_variance": frame["zero_variance"],
        "keying": frame["keying_suspect"],
    }
    names = np.array(list(marks))
    return [", ".join(names[row]) for row in np.column_stack(list(marks.values()))]


def person_table(
    responses: Responses,
    raw: FloatArray,
    active: BoolArray,
    indices: PersonIndices | None,
    rules: tuple[Rule, ...],
    hits: BoolArray,
) -> pd.DataFrame:
    """One row per person: missingness, indices, and the rules that flag the person."""
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


def rule_table(rules: tuple[Rule, ...], hits: BoolArray) -> pd.DataFrame:
    """One row per calibrated rule, with the number of persons that it flags."""
    return pd.DataFrame(
        [
            {"rule": r.name, "tail": r.tail, "cutoff": r.cutoff, "expected": r.expected, "n_careless": int(n)}
            for r, n in zip(rules, hits.sum(axis=0), strict=True)
        ],
        columns=["rule", "tail", "cutoff", "expected", "n_careless"],
    )


def pattern_table(items: Sequence[str], missing: BoolArray, counts: IntArray) -> pd.DataFrame:
    """One row per missing pattern, most frequent first."""
    order = np.lexsort((missing.sum(axis=1), -counts))
    names = np.array(items, dtype=object)
    return pd.DataFrame(
        {
            "pattern": [", ".join(names[missing[k]]) or "none" for k in order],
            "n_missing": missing[order].sum(axis=1),
            "n": counts[order],
        }
    )


def totals_of(
    responses: Responses, people: pd.DataFrame, counts: IntArray, mcar: LittleTest
) -> dict[str, Any]:
    """Numbers about all responses together, for ``glance``."""
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
