"""For simulated studies: was each planted fault found, and were clean items left alone?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from recoverymetrics.study.pipeline import StudyResult


def check_planted(result: StudyResult) -> pd.DataFrame:
    """Compare what the analyses flagged with the planted truth.

    Returns
    -------
    pandas.DataFrame
        One row per planted fault: ``fault``, ``where``, ``planted`` (how), ``outcome`` ("found" or "missed"),
        ``evidence`` (what the analysis said).
    """
    truth = result.inputs.truth
    if truth is None:
        return pd.DataFrame(columns=["fault", "where", "planted", "outcome", "evidence"])
    rows = [*_dif(truth, result), *_weak(truth, result), *_pairs(truth, result), *_content(truth, result)]
    frame = pd.DataFrame(rows, columns=["fault", "where", "planted", "found", "evidence"])
    frame.insert(3, "outcome", frame.pop("found").map({True: "found", False: "missed"}))
    return frame


def _dif(truth: dict[str, Any], result: StudyResult) -> list[tuple[Any, ...]]:
    flagged = set(result.groups.dif.flagged) if result.groups.dif is not None else set()
    reasons = result.proposal.tidy().set_index("item")["reason"]
    return [
        (
            "DIF",
            d["item"],
            f"{d['kind']} in {', '.join(d['regions'])}",
            d["item"] in flagged,
            reasons[d["item"]] if d["item"] in flagged else "",
        )
        for d in truth["dif"]
    ]


def _weak(truth: dict[str, Any], result: StudyResult) -> list[tuple[Any, ...]]:
    table = result.proposal.tidy().set_index("item")
    found = {item for item, rules in table["rules"].items() if "weak" in rules}
    return [
        ("weak item", item, "low loading", item in found, table.at[item, "reason"] if item in found else "")
        for item in truth["weak_items"]
    ]


def _pairs(truth: dict[str, Any], result: StudyResult) -> list[tuple[Any, ...]]:
    pairs = result.revision.evidence.pairs
    shared = {frozenset((p.item, p.item_2)): p.residual_correlation for p in pairs.itertuples()}
    rows = []
    for a, b in truth["redundant_pairs"]:
        found = shared.get(frozenset((a, b)))
        rows.append(
            (
                "redundant pair",
                f"{a} and {b}",
                "residual correlation",
                found is not None,
                "" if found is None else f"residual correlation {found:.2f}",
            )
        )
    return rows


def _content(truth: dict[str, Any], result: StudyResult) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    if result.content.coverage is not None:
        uncovered = set(result.content.coverage.uncovered)
        rows += [
            (
                "uncovered element",
                e,
                "no item measures it",
                e in uncovered,
                "listed as uncovered" if e in uncovered else "",
            )
            for e in truth["uncovered_elements"]
        ]
    table = result.proposal.tidy().set_index("item")
    low = {item for item, rules in table["rules"].items() if "low_relevance" in rules}
    rows += [
        (
            "low relevance",
            item,
            "rated low by experts",
            item in low,
            table.at[item, "reason"] if item in low else "",
        )
        for item in truth["low_relevance_items"]
    ]
    return rows


def clean_items_flagged(result: StudyResult) -> list[str]:
    """Clean items for which the proposal is anything but keep."""
    truth = result.inputs.truth or {}
    decisions = result.proposal.tidy().set_index("item")["decision"]
    return [item for item in truth.get("clean_items", []) if decisions[item] != "keep"]


def careless_found(result: StudyResult) -> dict[str, float]:
    """Share of the planted careless respondents that screening flags, and of the others that it flags too."""
    truth = result.inputs.truth or {}
    persons = result.structure.screening.persons()
    is_planted = persons["id"].isin(truth.get("careless_persons", []))
    return {
        "found": float(persons.loc[is_planted, "flagged"].mean()),
        "false_alarms": float(persons.loc[~is_planted, "flagged"].mean()),
    }
