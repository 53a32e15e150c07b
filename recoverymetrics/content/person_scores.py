"""A person's own weights beside the fixed scale, recovery and barriers apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from recoverymetrics.errors import DataError
from recoverymetrics.instrument.frame import numeric_column
from recoverymetrics.typing import FloatArray

if TYPE_CHECKING:
    from recoverymetrics.content.coverage import CoverageResult

SIDES = ("recovery", "barrier")


def score_beside(
    data: pd.DataFrame,
    id: str,
    weights: pd.DataFrame,
    coverage: CoverageResult,
    reverse: Sequence[str],
    scale: tuple[int, int],
    barrier: str = "barrier",
) -> pd.DataFrame:
    """Fixed and person-weighted scores per side.

    The fixed score is the mean of a side's items. The weighted score is the mean of the elements the person named,
    each element the mean of its items on that side, weighted by the person's importance; NaN when the person named none that an
    item asks about.

    Raises
    ------
    DataError
        An item that counts on both sides, no item among the columns, or an unknown reverse-keyed item.
    """
    side = item_sides(coverage, barrier)
    items = [item for item in side if item in data.columns]
    values = _keyed_values(data, items, [item for item in reverse if item not in side], reverse, scale)
    people = data[id].map(str).to_numpy(dtype=object)
    at = {element: j for j, element in enumerate(coverage.elements["element"])}
    membership = _membership(coverage, items, at)
    own = _weight_matrix(weights, people, at)
    columns: dict[str, object] = {"person": people}
    for name in SIDES:
        here = np.array([side[item] == name for item in items], dtype=float)[:, None]
        columns[f"fixed_{name}"] = _mean(values, here)[:, 0]
        columns[f"weighted_{name}"] = _weighted(_mean(values, membership * here), own)
    named = weights.groupby("person")["weight"].sum()
    covered = weights[weights["in_items"]].groupby("person")["weight"].sum()
    uncovered = (named - covered.reindex(named.index).fillna(0)).clip(lower=0)
    columns["weight_uncovered"] = pd.Series(people).map(uncovered).to_numpy(dtype=float)
    return pd.DataFrame(columns)


def _keyed_values(
    data: pd.DataFrame, items: list[str], unknown: list[str], reverse: Sequence[str], scale: tuple[int, int]
) -> FloatArray:
    """Responses with reverse-keyed items turned round, shape (n, items)."""
    if not items:
        raise DataError("none of the items is a column of the data.")
    if unknown:
        raise DataError(f"reverse-keyed item {unknown[0]!r} is not among the items that have elements.")
    values = np.column_stack([numeric_column(data, item) for item in items])
    turned = np.isin(items, list(reverse))
    values[:, turned] = scale[0] + scale[1] - values[:, turned]
    return values


def _membership(coverage: CoverageResult, items: list[str], at: dict[str, int]) -> FloatArray:
    """Indicator of item and element, shape (items, elements)."""
    membership = np.zeros((len(items), len(at)))
    place = {item: i for i, item in enumerate(items)}
    for item, element in coverage.mapping[["item", "element"]].itertuples(index=False):
        if item in place:
            membership[place[item], at[element]] = 1.0
    return membership


def item_sides(coverage: CoverageResult, barrier: str = "barrier") -> dict[str, str]:
    """Side of each item: its own domain where the bank has one, else that of its elements.

    An item whose elements lie on both sides is refused, because it would net one against the other.
    """
    own = dict(zip(coverage.items["item"], coverage.items["domain"], strict=True))
    domain = dict(zip(coverage.elements["element"], coverage.elements["domain"], strict=True))
    sides: dict[str, str] = {}
    for item, element in coverage.mapping[["item", "element"]].itertuples(index=False):
        side = _side(own[item] if own[item] is not None else domain[element], barrier)
        if sides.setdefault(item, side) != side:
            raise DataError(
                f"item {item!r} has elements among the barriers and among recovery; an item counts on one side "
                "only: give it a domain in the item bank, or map it to one side."
            )
    return sides


def _side(domain: object, barrier: str) -> str:
    return "barrier" if domain == barrier else "recovery"


def _mean(values: FloatArray, membership: FloatArray) -> FloatArray:
    """Mean of the answered items of each column of ``membership``, NaN without any."""
    answered = ~np.isnan(values)
    total = np.where(answered, values, 0.0) @ membership
    n = answered.astype(float) @ membership
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(n > 0, total / n, np.nan)


def _weighted(scores: FloatArray, weights: FloatArray) -> FloatArray:
    known = ~np.isnan(scores)
    total = np.where(known, scores * weights, 0.0).sum(axis=1)
    weight = np.where(known, weights, 0.0).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(weight > 0, total / weight, np.nan)


def _weight_matrix(weights: pd.DataFrame, people: np.ndarray, at: dict[str, int]) -> FloatArray:
    matrix = np.zeros((len(people), len(at)))
    row = {person: i for i, person in enumerate(people)}
    for person, element, weight in weights[["person", "element", "weight"]].dropna().itertuples(index=False):
        if person in row:
            matrix[row[person], at[element]] += weight
    return matrix
