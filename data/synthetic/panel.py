"""A three-round Delphi panel: two stakeholder groups, six regions, uneven attrition."""

from dataclasses import dataclass
from typing import Any

import design
import numpy as np
from elements_and_items import ELEMENTS
from panel_statements import ENTERED_LATER, FREE_TEXT, LEFT, UNRESOLVED
from places import place

LIVED, PROFESSIONAL = "lived_experience", "professional"
CONSENSUS = 0.80

# Panelists at the start, and the share of them still there in rounds 2 and 3.
SIZES = {
    LIVED: {"EUR": 17, "AMR": 13, "WPR": 9, "SEAR": 7, "EMR": 7, "AFR": 7},
    PROFESSIONAL: {"EUR": 14, "AMR": 11, "WPR": 8, "SEAR": 6, "EMR": 5, "AFR": 6},
}
STILL_THERE = {
    "EUR": (0.95, 0.90),
    "AMR": (0.93, 0.88),
    "WPR": (0.90, 0.83),
    "SEAR": (0.86, 0.72),
    "EMR": (0.72, 0.43),
    "AFR": (0.67, 0.34),
}
SKIPPED = 0.015


@dataclass(frozen=True)
class Panelist:
    """One member of the panel and the last round that they answered."""

    name: str
    stakeholder: str
    region: str
    country: str
    decision_rights: str
    last_round: int


@dataclass(frozen=True)
class Statement:
    """One statement, its life in the panel, and the planted share of ratings 4 and 5 by stakeholder."""

    name: str
    domain: str
    label: str
    entered: int
    left: int | str
    replaced_by: str
    note: str
    relevant: dict[str, float]


def statements() -> list[Statement]:
    """Elements, unresolved statements and statements that left."""
    rows = [_element(number, *row[:3]) for number, row in enumerate(ELEMENTS)]
    for name, domain, label, entered, left, replaced, note, lived, professional in UNRESOLVED + LEFT:
        shares = {LIVED: lived, PROFESSIONAL: professional}
        rows.append(Statement(name, domain, label, entered, left, replaced, note, shares))
    return rows


def _element(number: int, name: str, domain: str, label: str) -> Statement:
    if name in design.LIVED_EXPERIENCE_ONLY:
        shares = {LIVED: 0.90, PROFESSIONAL: 0.56}
    elif name in design.PROFESSIONALS_ONLY:
        shares = {LIVED: 0.58, PROFESSIONAL: 0.90}
    else:
        shares = {LIVED: 0.88 + 0.02 * (number % 5), PROFESSIONAL: 0.96 - 0.02 * (number % 4)}
    note = ENTERED_LATER.get(name, "")
    return Statement(name, domain, label, 2 if note else 1, "", "", note, shares)


def panelists(rng: np.random.Generator) -> list[Panelist]:
    """The panel, numbered; the last members of a region are those who leave first."""
    members = []
    for stakeholder, sizes in SIZES.items():
        for region, size in sizes.items():
            second, third = (int(np.floor(size * share + 0.5)) for share in STILL_THERE[region])
            for position in range(size):
                country, _ = place(region, rng.random())
                votes = rng.random() < (0.85 if stakeholder == LIVED else 0.75)
                last = 3 if position < third else 2 if position < second else 1
                name = f"E{len(members) + 1:03d}"
                rights = "vote" if votes else "advise"
                members.append(Panelist(name, stakeholder, region, country, rights, last))
    return members


def statement_rows(rows: list[Statement]) -> list[dict[str, Any]]:
    """Rows of ``delphi_statements.csv``."""
    return [
        {
            "statement": s.name,
            "domain": s.domain,
            "label": s.label,
            "entered_round": s.entered,
            "left_round": s.left,
            "replaced_by": s.replaced_by,
            "note": s.note,
        }
        for s in rows
    ]


def rating_rows(
    rows: list[Statement], members: list[Panelist], rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Rows of ``delphi_ratings.csv``; round 3 re-rates what stayed below consensus in round 2."""
    out: list[dict[str, Any]] = []
    for round_ in (1, 2, 3):
        present = [m for m in members if m.last_round >= round_]
        for statement in rows:
            gone = statement.left != "" and int(statement.left) < round_
            if statement.entered > round_ or gone:
                continue
            if round_ == 3 and not _below_consensus(out, statement.name):
                continue
            out += _rate(statement, present, round_, rng)
    return out


def _below_consensus(out: list[dict[str, Any]], name: str) -> bool:
    ratings = [r["rating"] for r in out if r["statement"] == name and r["round"] == 2 and r["rating"] != ""]
    return bool(np.mean([rating >= 4 for rating in ratings]) < CONSENSUS)


def _rate(
    statement: Statement, present: list[Panelist], round_: int, rng: np.random.Generator
) -> list[dict[str, Any]]:
    rating: dict[str, Any] = {}
    for stakeholder, share in statement.relevant.items():
        group = [m.name for m in present if m.stakeholder == stakeholder]
        less = {1: 0.05, 2: 0.0, 3: -0.01}[round_]
        relevant = int(np.floor((share - less) * len(group) + 0.5))
        order = np.argsort(rng.random(len(group)), kind="stable")
        for position, index in enumerate(order):
            top = position < relevant
            rating[group[index]] = _category(top, share, rng.random())
    return [_rating_row(statement, member, round_, rating[member.name], rng) for member in present]


def _category(relevant: bool, share: float, uniform: float) -> int:
    if relevant:
        return 5 if uniform < 0.25 + 0.4 * share else 4
    return 3 if uniform < 0.35 + 0.4 * share else 2 if uniform < 0.90 else 1


def _rating_row(
    statement: Statement, member: Panelist, round_: int, rating: int, rng: np.random.Generator
) -> dict[str, Any]:
    skipped, writes, which = rng.random(3)
    texts = FREE_TEXT[statement.domain]
    text = texts[int(which * len(texts))] if writes < {1: 0.12, 2: 0.02, 3: 0.01}[round_] else ""
    return {
        "statement": statement.name,
        "panelist": member.name,
        "round": round_,
        "rating": "" if skipped < SKIPPED else rating,
        "free_text": text,
        "region": member.region,
        "country": member.country,
        "stakeholder": member.stakeholder,
        "decision_rights": member.decision_rights,
    }
