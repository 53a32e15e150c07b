"""Experts' ratings of items as arrays: items x raters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from recoverymetrics.errors import DataError, OptionError
from recoverymetrics.instrument.frame import to_pandas
from recoverymetrics.typing import BoolArray, FloatArray, IntoFrame, ObjectArray


@dataclass(frozen=True)
class ItemRatings:
    """Ratings of ``I`` items by ``R`` raters.

    Attributes
    ----------
    items, raters : tuple of str
        Names in order of first appearance.
    relevance : ndarray, shape (I, R)
        NaN where a rater did not rate an item.
    comprehensibility : ndarray, shape (I, R), or None
        The same for how understandable the item is.
    assigned : ndarray of objects, shape (I, R), or None
        Element that the rater assigned the item to; None where not assigned.
    groups : mapping
        ``stakeholder`` and ``region`` of each rater where given, shape (R,); None where unknown.
    scale : tuple of int
        Lowest and highest category.
    """

    items: tuple[str, ...]
    raters: tuple[str, ...]
    relevance: FloatArray
    comprehensibility: FloatArray | None
    assigned: ObjectArray | None
    groups: Mapping[str, ObjectArray]
    scale: tuple[int, int]

    def levels(self, by: str) -> tuple[str, ...]:
        """Groups of raters.

        Raises
        ------
        OptionError
            The raters have no such attribute.
        """
        if by not in self.groups:
            have = ", ".join(self.groups) or "none"
            raise OptionError(
                f"the raters have no attribute {by!r} (they have: {have}); name its column in {by}=."
            )
        return tuple(dict.fromkeys(label for label in self.groups[by] if label is not None))

    def members(self, by: str, label: str) -> BoolArray:
        """Mask of the raters of one group, shape (R,)."""
        self.levels(by)
        return np.asarray(self.groups[by] == label, dtype=bool)


@dataclass(frozen=True)
class RatingColumns:
    """Which column holds what."""

    item: str
    rater: str
    relevance: str
    element: str | None
    comprehensibility: str | None
    stakeholder: str | None
    region: str | None


def read_ratings(ratings: IntoFrame, columns: RatingColumns, scale: tuple[int, int]) -> ItemRatings:
    """Read ratings in long form.

    Raises
    ------
    DataError
        Unknown columns, ratings off the scale, duplicates (named), raters in two groups, no rating at all.
    """
    frame = to_pandas(ratings).reset_index(drop=True)
    _check_columns(frame, columns)
    _check_duplicates(frame, columns)
    item, items = pd.factorize(frame[columns.item].map(str))
    rater, raters = pd.factorize(frame[columns.rater].map(str))
    shape = (len(items), len(raters))
    groups = {
        name: _of_rater(frame[column], name, rater, tuple(raters))
        for name, column in (("stakeholder", columns.stakeholder), ("region", columns.region))
        if column is not None
    }
    relevance = _matrix(scale_numbers(frame, columns.relevance, scale), item, rater, shape)
    if np.isnan(relevance).all():
        raise DataError(f"there is no rating: every cell of column {columns.relevance!r} is empty.")
    understood = columns.comprehensibility
    assigned = None
    if columns.element is not None:
        assigned = np.full(shape, None, dtype=object)
        cells = frame[columns.element]
        assigned[item, rater] = np.where(cells.notna(), cells.map(str), None)
    return ItemRatings(
        tuple(items),
        tuple(raters),
        relevance,
        None if understood is None else _matrix(scale_numbers(frame, understood, scale), item, rater, shape),
        assigned,
        groups,
        scale,
    )


def check_scale(scale: tuple[int, int]) -> None:
    """Refuse a scale that is not the lowest and the highest category.

    Raises
    ------
    OptionError
        The ends are not whole numbers in this order.
    """
    if len(scale) != 2 or not all(float(end).is_integer() for end in scale) or scale[0] >= scale[1]:
        raise OptionError(f"scale={scale!r} must be the lowest and the highest category, for example (1, 4).")


def _matrix(values: FloatArray, item: np.ndarray, rater: np.ndarray, shape: tuple[int, int]) -> FloatArray:
    matrix = np.full(shape, np.nan)
    matrix[item, rater] = values
    return matrix


def _check_columns(frame: pd.DataFrame, columns: RatingColumns) -> None:
    require_columns(frame, (name for name in vars(columns).values() if name is not None))
    for name in (columns.item, columns.rater):
        absent = np.flatnonzero(frame[name].isna().to_numpy())
        if absent.size:
            raise DataError(f"{absent.size} rows have no {name} (first: row {absent[0] + 1}).")


def _check_duplicates(frame: pd.DataFrame, columns: RatingColumns) -> None:
    keys = [columns.item, columns.rater]
    twice = frame.loc[frame.duplicated(keys, keep=False), keys]
    if len(twice):
        pairs = twice.drop_duplicates()
        shown = "; ".join(f"item {i}, rater {r}" for i, r in pairs.head(5).itertuples(index=False))
        raise DataError(
            f"{len(pairs)} items were rated more than once by the same rater: {shown} "
            f"(rows {', '.join(str(row + 1) for row in twice.index[:6])}). Keep one rating of each."
        )


def require_columns(frame: pd.DataFrame, names: Iterable[str]) -> None:
    """Refuse a table without one of the columns.

    Raises
    ------
    DataError
        The column, and what the columns are.
    """
    for name in names:
        if name not in frame.columns:
            raise DataError(
                f"there is no column {name!r}; the columns are {', '.join(map(str, frame.columns))}."
            )


def scale_numbers(frame: pd.DataFrame, name: str, scale: tuple[int, int]) -> FloatArray:
    """Ratings of one column as numbers, NaN where missing.

    Raises
    ------
    DataError
        Values that are not whole numbers of the scale; the first is shown with its row.
    """
    column = frame[name]
    values: FloatArray = pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    wrong = column.notna().to_numpy() & ~(
        (values >= scale[0]) & (values <= scale[1]) & (values == np.round(values))
    )
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"{int(wrong.sum())} values of {name!r} are not whole numbers from {scale[0]} to {scale[1]} "
            f"(first: {str(column.iloc[first])!r} in row {first + 1}); correct them, or give the scale= that was used."
        )
    return values


def _of_rater(column: pd.Series, name: str, rater: np.ndarray, raters: tuple[str, ...]) -> ObjectArray:
    known = column.notna().to_numpy()
    table = pd.DataFrame({"rater": rater[known], "label": column[known].map(str)}).drop_duplicates()
    clash = table["rater"][table["rater"].duplicated()]
    if len(clash):
        labels = table.loc[table["rater"] == clash.iloc[0], "label"]
        raise DataError(f"rater {raters[clash.iloc[0]]!r} is in several {name} groups ({', '.join(labels)}).")
    found = np.full(len(raters), None, dtype=object)
    found[table["rater"].to_numpy(dtype=int)] = table["label"].to_numpy(dtype=object)
    return found
