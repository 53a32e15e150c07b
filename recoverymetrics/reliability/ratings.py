"""Ratings in: wide (one column per rater) or long (unit, rater, rating), numbers or labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from recoverymetrics.errors import DataError
from recoverymetrics.instrument import ItemData, to_pandas
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
        All categories of the scale in order, used or not; by default the observed ones, sorted.

    Returns
    -------
    Ratings

    Raises
    ------
    DataError
        Unknown columns, a rater who rated a unit twice, ratings outside ``categories``, no ratings.
    """
    if isinstance(data, ItemData):
        record = data if items is None else data.select(items)
        frame, labels = pd.DataFrame(record.values, columns=list(record.items)), record.group
    elif unit is not None or rater is not None or rating is not None:
        frame, labels = _widen(to_pandas(data), unit, rater, rating, group)
    else:
        frame, labels = _wide(to_pandas(data), items, group)
    values, scores, names = _codes(frame, categories)
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
    labels = frame[group] if isinstance(group, str) else pd.Series(np.asarray(group, dtype=object).ravel())
    if len(labels) != len(frame):
        raise DataError(f"group has {len(labels)} labels for {len(frame)} units; give one label per unit.")
    if labels.isna().any():
        raise DataError(
            f"{int(labels.isna().sum())} units have no group label; label them or leave them out."
        )
    return frame[names], labels.astype(str).to_numpy(dtype=object)


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
    frame: pd.DataFrame, categories: Sequence[Any] | None
) -> tuple[FloatArray, FloatArray, tuple[str, ...]]:
    numeric = all(pd.api.types.is_numeric_dtype(frame[c]) or frame[c].isna().all() for c in frame)
    if numeric:
        values = frame.apply(pd.to_numeric).to_numpy(dtype=float, na_value=np.nan)
        known = np.unique(values[~np.isnan(values)])
        scores = known if categories is None else np.sort(np.asarray(list(categories), dtype=float))
        outside = known[~np.isin(known, scores)]
        if outside.size:
            raise DataError(f"rating {outside[0]:g} is not among the categories {scores.tolist()}.")
        return values, scores, tuple(f"{score:g}" for score in scores)
    text = frame.astype(object).where(frame.notna(), None)
    seen = sorted({str(v) for v in text.to_numpy().ravel() if v is not None})
    names = seen if categories is None else [str(c) for c in categories]
    unknown = [v for v in seen if v not in names]
    if unknown:
        raise DataError(f"rating {unknown[0]!r} is not among the categories {', '.join(names)}.")
    code = {name: float(k) for k, name in enumerate(names)}
    values = np.array([[np.nan if v is None else code[str(v)] for v in row] for row in text.to_numpy()])
    return values, np.arange(len(names), dtype=float), tuple(names)


def _require(frame: pd.DataFrame, name: str) -> None:
    if name not in frame.columns:
        raise DataError(f"there is no column {name!r}; the columns are {', '.join(map(str, frame.columns))}.")
