"""The boundary: any table in, item responses as a NumPy record out. Nothing is dropped or recoded here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from recoverymetrics.errors import DataError
from recoverymetrics.instrument.notes import plural, rows_at
from recoverymetrics.typing import FloatArray, GroupSpec, IntoFrame, ObjectArray


@dataclass(frozen=True)
class ItemData:
    """Item responses of ``n`` persons to ``p`` items, as every engine receives them.

    Attributes
    ----------
    values : ndarray of float, shape (n, p)
        Responses; NaN is missing.
    items : tuple of str
        Names of the ``p`` columns.
    group : ndarray of str objects, shape (n,), or None
        Group label of each person.
    groups : tuple of str
        Labels in order of first appearance (category order for categorical columns); empty without group.
    ids : ndarray of objects, shape (n,), or None
        Person identifiers.
    """

    values: FloatArray
    items: tuple[str, ...]
    group: ObjectArray | None = None
    groups: tuple[str, ...] = ()
    ids: ObjectArray | None = None

    @property
    def n(self) -> int:
        """Number of persons."""
        return int(self.values.shape[0])

    @property
    def n_items(self) -> int:
        """Number of items."""
        return int(self.values.shape[1])

    def by_group(self) -> Iterator[tuple[str, FloatArray]]:
        """Yield ``(label, values)`` per group; one pair with the label ``"all"`` when there is no group."""
        if self.group is None:
            yield "all", self.values
            return
        for label in self.groups:
            yield label, self.values[self.group == label]

    def take(self, rows: Any) -> ItemData:
        """Return the record for some persons (positions or a mask); all groups that remain, in order."""
        group = None if self.group is None else self.group[rows]
        groups = tuple(g for g in self.groups if group is not None and np.any(group == g))
        return ItemData(
            self.values[rows], self.items, group, groups, None if self.ids is None else self.ids[rows]
        )

    def select(self, items: Sequence[str]) -> ItemData:
        """Return the record for some items, in the order asked for."""
        missing = [item for item in items if item not in self.items]
        if missing:
            raise DataError(f"unknown item {missing[0]!r}; the items are {', '.join(self.items)}.")
        columns = [self.items.index(item) for item in items]
        return ItemData(self.values[:, columns], tuple(items), self.group, self.groups, self.ids)

    def complete(self) -> ItemData:
        """Return the record of persons who answered every item (listwise); the caller reports how many."""
        return self.take(~np.isnan(self.values).any(axis=1))

    def categories(self) -> tuple[FloatArray, ...]:
        """Observed categories of each item, sorted; raises when responses are not whole numbers."""
        found = []
        for item, column in zip(self.items, self.values.T, strict=True):
            seen = np.unique(column[~np.isnan(column)])
            if np.any(seen != np.round(seen)):
                raise DataError(
                    f"item {item!r} has responses that are not whole numbers (for example "
                    f"{seen[seen != np.round(seen)][0]:g}); categories must be integers."
                )
            found.append(seen)
        return tuple(found)


def to_pandas(data: IntoFrame) -> pd.DataFrame:
    """Turn a pandas, polars or pyarrow table, a mapping or a 2-D array into a pandas frame (a new object).

    Raises
    ------
    DataError
        When ``data`` is none of these, or has no rows or no columns.
    """
    frame = _native_frame(data)
    if frame.shape[1] == 0 or frame.shape[0] == 0:
        raise DataError(f"the data are empty: {frame.shape[0]} rows and {plural(frame.shape[1], 'column')}.")
    duplicated = frame.columns[frame.columns.duplicated()]
    if len(duplicated):
        raise DataError(f"column {duplicated[0]!r} appears more than once; give every column its own name.")
    return frame


def _native_frame(data: IntoFrame) -> pd.DataFrame:
    if isinstance(data, pd.DataFrame):
        return data.copy(deep=False)
    if isinstance(data, Mapping):
        return _from_mapping(data)
    if isinstance(data, str):
        raise DataError(f"data is the text {data!r}; read a file with read_table(path) first.")
    if isinstance(data, np.ndarray) and data.ndim == 2:
        return pd.DataFrame(data, columns=[f"item{j + 1}" for j in range(data.shape[1])])
    import narwhals as nw

    try:
        table = nw.from_native(data, eager_only=True)
    except TypeError as error:
        raise DataError(
            f"cannot read data of type {type(data).__name__}: give a pandas, polars or pyarrow table, "
            "a mapping of columns, or a two-dimensional array."
        ) from error
    return pd.DataFrame({name: table[name].to_numpy() for name in table.columns})


def _from_mapping(columns: Mapping[str, Any]) -> pd.DataFrame:
    lengths = {name: np.size(np.asarray(column, dtype=object)) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} has {n}" for name, n in lengths.items())
        raise DataError(f"the columns are not equally long ({told}); give every column one value per person.")
    return pd.DataFrame(dict(columns))


def read_items(
    data: IntoFrame,
    *,
    items: Sequence[str] | None = None,
    group: GroupSpec = None,
    id: str | None = None,
) -> ItemData:
    """Read item responses from any table.

    Parameters
    ----------
    data : Responses, ItemData, DataFrame, mapping or 2-D array
        One row per person. ``Responses`` bring their own items and keying.
    items : sequence of str, optional
        Item columns; by default all columns but ``group`` and ``id``.
    group : str or array-like of length n, optional
        Column with the group labels, or the labels themselves.
    id : str, optional
        Column with person identifiers.

    Returns
    -------
    ItemData

    Raises
    ------
    DataError
        Unknown columns, text in an item column (item and rows are named), missing group labels, empty data.

    Examples
    --------
    >>> read_items({"a": [1, 2], "b": [3, None]}).values.shape
    (2, 2)
    """
    if isinstance(data, ItemData):
        return data if items is None else data.select(items)
    if hasattr(data, "item_data"):
        record: ItemData = data.item_data(group=group)
        return record if items is None else record.select(items)
    frame = to_pandas(data)
    names = item_names(frame, items, (group, id))
    labels, groups = _group_labels(frame, group)
    values = np.column_stack([numeric_column(frame, name) for name in names])
    ids = None if id is None else frame[id].to_numpy(dtype=object)
    return ItemData(values, tuple(str(name) for name in names), labels, groups, ids)


def item_names(frame: pd.DataFrame, items: Sequence[str] | None, others: Sequence[Any]) -> list[str]:
    """Item columns: those asked for, or all but the columns named in ``others``; every name is checked."""
    special = [name for name in others if isinstance(name, str)]
    wanted = None if items is None else [items] if isinstance(items, str) else list(items)
    for name in [*special, *(wanted or ())]:
        if name not in frame.columns:
            raise DataError(
                f"there is no column {name!r}; the columns are {', '.join(map(str, frame.columns))}."
            )
    names = wanted if wanted is not None else [c for c in frame.columns if c not in special]
    if not names:
        raise DataError("no item columns are left; name them with items=[...].")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"item {twice!r} is listed twice in items=.")
    return names


def _group_labels(frame: pd.DataFrame, group: GroupSpec) -> tuple[ObjectArray | None, tuple[str, ...]]:
    if group is None:
        return None, ()
    labels, groups = labels_of(frame, group)
    absent = np.flatnonzero([label is None for label in labels])
    if absent.size:
        raise DataError(f"no group label in {rows_at(absent)}; label them or leave them out before the call.")
    return labels, groups


def labels_of(
    frame: pd.DataFrame, group: str | Sequence[Any] | npt.NDArray[Any]
) -> tuple[ObjectArray, tuple[str, ...]]:
    """Group labels as text, None where missing, and the distinct labels in order of first appearance
    (category order for categorical columns).
    """
    series = frame[group] if isinstance(group, str) else pd.Series(np.asarray(group, dtype=object).ravel())
    if len(series) != len(frame):
        raise DataError(f"group has {len(series)} labels for {len(frame)} rows; give one label per row.")
    codes, distinct = pd.factorize(series.astype(object))
    names = np.array([*(_label(value) for value in distinct), None], dtype=object)
    labels: ObjectArray = names[codes]
    present = tuple(dict.fromkeys(names[:-1]))
    if isinstance(series.dtype, pd.CategoricalDtype):
        ordered = [_label(value) for value in series.cat.categories]
        return labels, tuple(label for label in ordered if label in set(present))
    return labels, present


def _label(value: Any) -> str:
    return (
        str(int(value))
        if isinstance(value, float | np.floating) and float(value).is_integer()
        else str(value)
    )


def numeric_column(frame: pd.DataFrame, name: str) -> FloatArray:
    """One column as float with NaN for missing; text is an error that names the item and the rows."""
    column = frame[name]
    kind = column.dtype.kind if isinstance(column.dtype, np.dtype) else "O"
    if kind in "iu":
        return column.to_numpy(dtype=float)
    numbers = column if kind == "f" else _parsed(column, name)
    values: FloatArray = numbers.to_numpy(dtype=float, na_value=np.nan)
    if np.isinf(values).any():
        raise DataError(
            f"item {name!r} holds infinite values (row {int(np.flatnonzero(np.isinf(values))[0]) + 1})."
        )
    return values


def _parsed(column: pd.Series, name: str) -> pd.Series:
    numbers: pd.Series = pd.to_numeric(column, errors="coerce")
    if column.dtype.kind in "mM" or numbers.dtype.kind == "c":
        what = "complex numbers" if numbers.dtype.kind == "c" else "dates or times"
        raise DataError(
            f"item {name!r} holds {what} (type {column.dtype}), not answers; leave the column out by naming the "
            "items with items=[...]."
        )
    bad = np.flatnonzero((numbers.isna() & column.notna()).to_numpy())
    if bad.size:
        raise DataError(
            f"item {name!r} holds text that is not a number in {rows_at(bad)} (first value "
            f"{column.iloc[bad[0]]!r}); code the categories as integers, list the code in missing_codes of "
            "Responses, or leave the column out by naming the items with items=[...]."
        )
    return numbers
