"""Themes that people name themselves, beside the fixed items."""

from typing import Any

import numpy as np
from theme_texts import COVERED, DECLINES, NOT_COVERED, OPENERS, UNCOVERED_ELEMENT

N_PEOPLE = 300
DECLINES_CONCEPT, NOT_APPLICABLE = 0.08, 0.04
NO_ELEMENT, ELEMENT_WITHOUT_ITEM = 0.37, 0.03


def theme_rows(respondents: list[dict[str, Any]], rng: np.random.Generator) -> list[dict[str, Any]]:
    """Rows of ``themes.csv``: one to three themes of each of 300 respondents."""
    chosen = np.sort(np.argsort(rng.random(len(respondents)), kind="stable")[:N_PEOPLE])
    rows: list[dict[str, Any]] = []
    for index in chosen:
        person = {key: respondents[index][key] for key in ("person", "region", "language")}
        uniform = rng.random()
        if uniform < DECLINES_CONCEPT:
            rows.append(_no_theme(person, _pick(DECLINES, rng), "declines_concept"))
        elif uniform < DECLINES_CONCEPT + NOT_APPLICABLE:
            rows.append(_no_theme(person, "", "not_applicable"))
        else:
            rows += _themes_of(person, 1 + int(rng.random() * 2.4), rng)
    return rows


def _themes_of(person: dict[str, Any], n: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    while len(rows) < n:
        code, core = _theme(rng)
        if core in {row["core"] for row in rows}:
            continue
        text = _pick(OPENERS, rng) + core
        goal = ("met", "partly", "partly", "unmet", "unmet", "")[int(rng.random() * 6)]
        rows.append(
            person
            | {
                "core": core,
                "text": text[0].upper() + text[1:] + ".",
                "coded_element": code,
                "importance": 10 - int(6 * rng.random() ** 2),
                "goal_status": goal,
                "response_code": "answered",
            }
        )
    return [{key: value for key, value in row.items() if key != "core"} for row in rows]


def _theme(rng: np.random.Generator) -> tuple[str, str]:
    uniform = rng.random()
    if uniform < NO_ELEMENT:
        return "", _pick(NOT_COVERED, rng)
    bank = UNCOVERED_ELEMENT if uniform < NO_ELEMENT + ELEMENT_WITHOUT_ITEM else COVERED
    code = _pick(list(bank), rng)
    return code, _pick(bank[code], rng)


def _no_theme(person: dict[str, Any], text: str, code: str) -> dict[str, Any]:
    empty = {"coded_element": "", "importance": "", "goal_status": ""}
    return person | {"text": text} | empty | {"response_code": code}


def _pick(options: list[str], rng: np.random.Generator) -> str:
    return options[int(rng.random() * len(options))]
