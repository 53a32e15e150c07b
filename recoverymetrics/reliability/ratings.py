"""Ratings in: wide (one column per rater) or long (unit, rater, rating), numbers or labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from recoverymetrics.errors import DataError
from recoverymetrics.instrument import ItemData, to_pandas
from recoverymetrics.instrument.frame import labels_of, numeric_column, read_items
from recoverymetrics.typing import FloatArray, GroupSpec, IntoFrame, ObjectArray


@dataclass(frozen=True)
class Ratings:
    """Ratings of units by raters.

    Attributes
    ----------
    values : ndarray, shape (n_units, n_raters)
        Scores of the categories; NaN where there is no rating.
    raters : tuple of str
        Names of the columns.
    categories : ndarray, shape (q,)
        Scores of all categories, sorted (labels get 0, 1, ... in the order of ``labels``).
    labels : tuple of str
        Names of the categories.
    group : ndarray of str objects, shape (n_units,), or None
        Group of each unit.
    """

    values: FloatArray
    raters: tuple[str, ...]
    categories: FloatArray
    labels: tuple[str, ...]
    group: ObjectArray | None

    def by_group(self) -> Iterator[tuple[str, FloatArray]]:
        """Yield ``(label, values)`` per group; one pair with the label ``"all"`` without group."""
        if self.group is None:
            yield "all", self.values
            return
        for label in dict.fromkeys(self.group):
            yield str(label), self.values[self.group == label]


def read_ratings(
    data: IntoFrame,
    *,
    items: Sequence[str] | None = None,
    group: GroupSpec = None,
    unit: str | None = None,
    rater: str | None = None,
    rating: str | None = None,
    categories: Sequence[Any] | None = None,
    in_order: bool = False,
) -> Ratings:
    """Read ratings from a wide or a long table.

    Parameters
    ----------
    data : DataFrame, mapping or 2-D array
        Wide: one row per unit, one column per rater. Long: one row per rating.
    items : sequence of str, optional
        Columns of the raters in a wide table; by default all but ``group``.
    group : str or array-like, optional
        Group of each unit (a column; in a long table it must not change within a unit).
    unit, rater, rating : str, optional
        Columns of a long table; all three or none.
    categories : sequence, optional
        All categories of the scale in order, used or not; by default the observed ones, sorted (those of the
        data type where all columns are ordered categoricals of the same categories).
    in_order : bool, default False
        Whether the order of the categories counts; labels without an order are then refused.

    Returns
    -------
    Ratings

    Raises
    ------
    DataError
        Unknown columns, a rater who rated a unit twice, ratings outside ``categories``, no ratings, labels
        without an order where it counts.
    """
    if isinstance(data, ItemData) or hasattr(data, "item_data"):
        record = read_items(data, items=items, group=group)
        frame, labels = pd.DataFrame(record.values, columns=list(record.items)), record.group
    elif unit is not None or rater is not None or rating is not None:
        frame, labels = _widen(to_pandas(data), unit, rater, rating, group)
    else:
        frame, labels = _wide(to_pandas(data), items, group)
    values, scores, names = _codes(frame, categories, in_order)
    if np.isnan(values).all():
        raise DataError("there are no ratings in these columns.")
    return Ratings(values, tuple(map(str, frame.columns)), scores, names, labels)


def _wide(
    frame: pd.DataFrame, items: Sequence[str] | None, group: GroupSpec
) -> tuple[pd.DataFrame, ObjectArray | None]:
    special = [group] if isinstance(group, str) else []
    for name in [*special, *(items or ())]:
        _require(frame, name)
    names = list(items) if items is not None else [c for c in frame.columns if c not in special]
    if not names:
        raise DataError("no rater columns are left; name them with items=[...].")
    if group is None:
        return frame[names], None
    n = len(frame) if isinstance(group, str) else np.size(np.asarray(group, dtype=object))
    if n != len(frame):
        raise DataError(f"group has {n} labels for {len(frame)} units; give one label per unit.")
    labels, _ = labels_of(frame, group)
    absent = sum(label is None for label in labels)
    if absent:
        raise DataError(f"{absent} units have no group label; label them or leave them out.")
    return frame[names], labels


def _widen(
    frame: pd.DataFrame, unit: str | None, rater: str | None, rating: str | None, group: GroupSpec
) -> tuple[pd.DataFrame, ObjectArray | None]:
    if unit is None or rater is None or rating is None:
        raise DataError("a long table needs unit=, rater= and rating=; at least one is missing.")
    for name in (unit, rater, rating):
        _require(frame, name)
    twice = frame.duplicated([unit, rater])
    if twice.any():
        first = frame.loc[twice.idxmax()]
        raise DataError(
            f"rater {first[rater]!r} rated unit {first[unit]!r} more than once ({int(twice.sum())} ratings too many)."
        )
    wide = frame.pivot(index=unit, columns=rater, values=rating)
    if group is None:
        return wide, None
    if not isinstance(group, str):
        raise DataError("in a long table group= must name a column.")
    _require(frame, group)
    by_unit = frame.groupby(unit)[group]
    if (by_unit.nunique(dropna=False) > 1).any():
        raise DataError(f"column {group!r} changes within a unit; each unit belongs to one group.")
    return wide, by_unit.first().loc[wide.index].astype(str).to_numpy(dtype=object)


def _codes(
    frame: pd.DataFrame, categories: Sequence[Any] | None, in_order: bool
) -> tuple[FloatArray, FloatArray, tuple[str, ...]]:
    scores = None if categories is None else _numbers(categories)
    if _has_labels(frame) or (categories is not None and scores is None):
        return _coded_labels(frame, categories, in_order)
    values = np.column_stack([numeric_column(frame, name) for name in frame])
    known = np.unique(values[~np.isnan(values)])
    scores = known if scores is None else scores
    outside = known[~np.isin(known, scores)]
    if outside.size:
        raise DataError(f"rating {outside[0]:g} is not among the categories {scores.tolist()}.")
    return values, scores, tuple(f"{score:g}" for score in scores)


def _numbers(categories: Sequence[Any]) -> FloatArray | None:
    """Categories as sorted numbers; None when one is a label."""
    try:
        return np.sort(np.asarray(list(categories), dtype=float))
    except (TypeError, ValueError):
        return None


def _has_labels(frame: pd.DataFrame) -> bool:
    """Whether some rating is not a number."""
    return any((pd.to_numeric(frame[c], errors="coerce").isna() & frame[c].notna()).any() for c in frame)


def _coded_labels(
    frame: pd.DataFrame, categories: Sequence[Any] | None, in_order: bool
) -> tuple[FloatArray, FloatArray, tuple[str, ...]]:
    text = frame.astype(object).where(frame.notna(), None)
    seen = sorted({str(v) for v in text.to_numpy().ravel() if v is not None})
    known = _ordered_categories(frame) if categories is None else categories
    if known is None and in_order:
        raise DataError(
            f"the ratings are labels ({', '.join(seen[:5])}) whose order is not known; name categories=[...] from "
            "lowest to highest where the function has it, or give the ratings as numbers."
        )
    names = seen if known is None else [str(c) for c in known]
    unknown = [v for v in seen if v not in names]
    if unknown:
        raise DataError(f"rating {unknown[0]!r} is not among the categories {', '.join(names)}.")
    code = {name: float(k) for k, name in enumerate(names)}
    values = np.array([[np.nan if v is None else code[str(v)] for v in row] for row in text.to_numpy()])
    return values, np.arange(len(names), dtype=float), tuple(names)


def _ordered_categories(frame: pd.DataFrame) -> list[Any] | None:
    """Categories of columns that are ordered categoricals of one and the same type."""
    first = frame.dtypes.iloc[0]
    one_type = isinstance(first, pd.CategoricalDtype) and all(dtype == first for dtype in frame.dtypes)
    return list(first.categories) if one_type and first.ordered else None


def _require(frame: pd.DataFrame, name: str) -> None:
    if name not in frame.columns:
        raise DataError(f"there is no column {name!r}; the columns are {', '.join(map(str, frame.columns))}.")
