"""Tables of person-defined themes: shares not covered, goals, response codes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from recoverymetrics.numerics.proportions import proportion_interval


def share(name: str, count: int, n: int) -> dict[str, Any]:
    """A share with its Wilson interval as three columns and the count as a fourth."""
    low, high = proportion_interval(count, n)
    return {
        f"n_{name}": count,
        f"share_{name}": count / n if n else np.nan,
        f"share_{name}_conf_low": float(low),
        f"share_{name}_conf_high": float(high),
    }


def uncovered_shares(themes: pd.DataFrame) -> dict[str, Any]:
    """Shares of themes, statements and people that elements, and items, do not cover.

    A theme that several people name counts once; it is covered when every statement of it is.
    """
    covered = themes.groupby("theme", sort=False)["in_items"].all()
    people = themes.groupby("person", sort=False)[["in_elements", "in_items"]].all()
    return {
        **share("themes_uncovered", int((~covered).sum()), len(covered)),
        **share("statements_uncovered", int((~themes["in_items"]).sum()), len(themes)),
        **share("statements_outside", int((~themes["in_elements"]).sum()), len(themes)),
        **share("persons_uncovered", int((~people["in_items"]).sum()), len(people)),
        **share("persons_outside", int((~people["in_elements"]).sum()), len(people)),
    }


def goal_table(themes: pd.DataFrame, by: str | None, states: Sequence[str]) -> pd.DataFrame:
    """Goals per side and group; recovery, barriers, and themes that fit no element are never added up."""
    known = themes["in_elements"]
    sides = {
        "recovery": themes[known & ~themes["barrier"]],
        "barrier": themes[known & themes["barrier"]],
        "no element": themes[~known],
    }
    rows = []
    for side, part in sides.items():
        for name, own in _parts(part, by):
            rows.append({"side": side, "group": name} | _goal_row(own, states))
    return pd.DataFrame(rows)


def _parts(frame: pd.DataFrame, by: str | None) -> Iterator[tuple[str, pd.DataFrame]]:
    yield "all", frame
    if by is not None:
        for name, part in frame.groupby(by, sort=False):
            yield str(name), part


def _goal_row(own: pd.DataFrame, states: Sequence[str]) -> dict[str, Any]:
    counts = {state: int((own["goal_status"] == state).sum()) for state in states}
    rated = own[own["goal_status"].notna()]
    need = rated["goal_status"].map({"met": 0.0, "partly": 0.5, "unmet": 1.0}).astype(float)
    weight = rated["importance"].fillna(rated["importance"].mean()).fillna(1.0)
    row: dict[str, Any] = {"n_goals": len(rated), "n_not_rated": len(own) - len(rated)}
    row |= {f"n_{state}": n for state, n in counts.items() if state != "unmet"}
    row |= share("unmet", counts["unmet"], len(rated))
    row["need_gap"] = float((need * weight).sum() / weight.sum()) if len(rated) else np.nan
    return row


def code_rates(persons: pd.DataFrame, by: str | None, codes: Sequence[str]) -> pd.DataFrame:
    """Number and share of people per response code, with Wilson intervals."""
    rows = []
    for name, part in _parts(persons, by):
        for code in codes:
            n = int((part["response_code"] == code).sum())
            low, high = proportion_interval(n, len(part))
            rows.append((name, code, n, n / len(part) if len(part) else np.nan, float(low), float(high)))
    return pd.DataFrame(rows, columns=["group", "response_code", "n", "share", "conf_low", "conf_high"])
