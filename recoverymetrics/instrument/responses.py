"""Responses of persons to items: categories validated, missing codes and keying applied once and recorded."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from html import escape
from typing import Any, Literal

import numpy as np
import pandas as pd

from recoverymetrics.errors import DataError, DataWarning, OptionError
from recoverymetrics.instrument.frame import ItemData
from recoverymetrics.instrument.frozen import freeze
from recoverymetrics.instrument.keying import CategoryRange, MissingCodes, reverse_key
from recoverymetrics.instrument.notes import Note, condense, plural
from recoverymetrics.instrument.reading import ReadOptions, ResponseRecord, read_groups, read_record
from recoverymetrics.instrument.regions import DEFAULT_AS_OF
from recoverymetrics.typing import FloatArray, GroupSpec, IntoFrame, ObjectArray

PROBLEMS = ("no_responses", "one_category", "suspect_code")
"""Kinds of notes that stop an analysis; ``Responses.require`` raises them."""


class Responses:
    """Item responses that are validated once and then do not change.

    Parameters
    ----------
    data : pandas, polars or pyarrow table, mapping of columns, or 2-D array
        One row per person.
    items : sequence of str, optional
        Item columns; by default all columns but ``group``, ``id`` and ``region_from``.
    group : str or array-like of length n, optional
        Column with group labels, or the labels. Persons without a label are kept.
    id : str, optional
        Column with person identifiers; they must be unique.
    reverse : sequence of str, default ()
        Items to reverse: ``low + high - x`` with the category range of the item, applied once.
    missing_codes : sequence or mapping of item to sequence, default ()
        Codes that mean no answer, numbers or text; counted per item and code in ``notes``.
    region_from : str, optional
        Column with countries (ISO-2, ISO-3 or names); the WHO region becomes the group.
    as_of : str or datetime.date, default "2025-05-23"
        Date of the region map.
    categories : (low, high) or mapping of item to (low, high), optional
        Category range; by default 0 or 1 to the highest response over all items.

    Raises
    ------
    DataError
        Unknown item, text in an item column, numbers that are no categories, duplicate identifiers,
        responses outside declared categories, groups coded 0..K-1 and 1..K, empty data.
    OptionError
        ``data`` is already ``Responses``, or ``group`` and ``region_from`` are both given.

    Examples
    --------
    >>> table = {"q1": [1, 4, 0], "q2": [4, 1, 2], "country": ["KE", "ID", "DE"]}
    >>> r = Responses(table, items=["q1", "q2"], reverse=["q2"], missing_codes=[0], region_from="country")
    >>> r.groups, r.values.tolist()
    (('AFR', 'EUR', 'WPR'), [[1.0, 1.0], [4.0, 4.0], [nan, 3.0]])
    """

    __slots__ = ("_record",)
    _record: ResponseRecord

    def __init__(
        self,
        data: IntoFrame,
        *,
        items: Sequence[str] | None = None,
        group: GroupSpec = None,
        id: str | None = None,
        reverse: Sequence[str] = (),
        missing_codes: MissingCodes = (),
        region_from: str | None = None,
        as_of: str | date = DEFAULT_AS_OF,
        categories: CategoryRange | Mapping[str, CategoryRange] | None = None,
    ) -> None:
        if isinstance(data, Responses):
            raise OptionError(
                "these are Responses already, keyed once; a second construction would reverse items twice. "
                "Use .select(items), .with_group(group) or .ungrouped() to change the view."
            )
        options = ReadOptions(items, group, id, reverse, missing_codes, region_from, as_of, categories)
        object.__setattr__(self, "_record", read_record(data, options))

    @classmethod
    def _from_record(cls, record: ResponseRecord) -> Responses:
        new = cls.__new__(cls)
        object.__setattr__(new, "_record", record)
        return new

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"Responses do not change; {name!r} cannot be set.")

    def __reduce__(self) -> tuple[Any, ...]:
        return (Responses._from_record, (self._record,))

    # -- what is in them ------------------------------------------------------------------------------

    @property
    def items(self) -> tuple[str, ...]:
        """Item names."""
        return self._record.items

    @property
    def n(self) -> int:
        """Number of persons."""
        return int(self._record.values.shape[0])

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self._record.items)

    @property
    def values(self) -> FloatArray:
        """Keyed responses, shape (n, p), NaN missing; read-only."""
        return self._record.values

    @property
    def raw(self) -> FloatArray:
        """Responses as they were given, before reverse keying, shape (n, p)."""
        record = self._record
        return reverse_key(record.values, record.items, record.reverse, record.categories)

    @property
    def group(self) -> ObjectArray | None:
        """Group label of each person, None where unknown; None without groups."""
        return None if self._record.group is None else self._record.group.copy()

    @property
    def groups(self) -> tuple[str, ...]:
        """Group labels."""
        return self._record.groups

    @property
    def group_name(self) -> str | None:
        """Name of the grouping: a column, ``"region"`` or ``"group"``."""
        return self._record.group_name

    @property
    def ids(self) -> ObjectArray | None:
        """Person identifiers."""
        return None if self._record.ids is None else self._record.ids.copy()

    @property
    def categories(self) -> Mapping[str, CategoryRange]:
        """Lowest and highest category of each item."""
        return self._record.categories

    @property
    def reverse(self) -> tuple[str, ...]:
        """Items that were reversed."""
        return self._record.reverse

    @property
    def notes(self) -> tuple[Note, ...]:
        """Everything that was noticed or done while reading."""
        return self._record.notes

    @property
    def problems(self) -> tuple[Note, ...]:
        """Notes that ``require`` raises: items without responses or with one category, suspect codes."""
        return tuple(note for note in self._record.notes if note.kind in PROBLEMS)

    @property
    def data(self) -> pd.DataFrame:
        """The columns that are not items, one row per person (a copy)."""
        others = [column for column in self._record.source.columns if str(column) not in self._record.items]
        return self._record.source[others].copy()

    def __len__(self) -> int:
        return self.n

    def __repr__(self) -> str:
        groups = f", groups {', '.join(self.groups)}" if self.groups else ""
        return f"<Responses: {self.n} persons, {self.n_items} items{groups}>"

    def _repr_html_(self) -> str:
        notes = "".join(f"<li>{escape(line)}</li>" for line in condense(self.notes))
        table = self.counts().pivot_table(index="item", columns="category", values="n", sort=False)
        return f"<p>{escape(repr(self))}</p>{table.to_html(na_rep='', float_format='%.0f')}<ul>{notes}</ul>"

    # -- other views ----------------------------------------------------------------------------------

    def frame(self) -> pd.DataFrame:
        """Keyed responses as a pandas frame, one column per item."""
        return pd.DataFrame(self._record.values.copy(), columns=list(self.items))

    def select(self, items: Sequence[str]) -> Responses:
        """Keep some items, in the order asked for; keying and notes stay as they are."""
        record = self._record
        unknown = [item for item in items if item not in record.items]
        if unknown:
            raise DataError(f"unknown item {unknown[0]!r}; the items are {', '.join(record.items)}.")
        values = record.values[:, [record.items.index(item) for item in items]]
        values.setflags(write=False)
        return self._from_record(
            replace(
                record,
                values=values,
                items=tuple(items),
                categories=freeze({item: record.categories[item] for item in items}),
                reverse=tuple(item for item in record.reverse if item in items),
                notes=tuple(note for note in record.notes if note.item is None or note.item in items),
                source=record.source.drop(columns=[c for c in _columns_of(record) if str(c) not in items]),
            )
        )

    def with_group(self, group: GroupSpec) -> Responses:
        """Use another grouping: a column of the data or one label per person; the own name keeps the own one."""
        if isinstance(group, str) and group in self._own_names():
            return self
        name, labels, groups, notes = read_groups(self._record.source, group, None, DEFAULT_AS_OF)
        kept = tuple(note for note in self.notes if note.kind not in ("no_group", "unknown_region"))
        return self._from_record(
            replace(self._record, group=labels, groups=groups, group_name=name, notes=(*kept, *notes))
        )

    def ungrouped(self) -> Responses:
        """Drop the grouping, so that pooled analyses use everybody."""
        return self.with_group(None)

    def item_data(self, group: GroupSpec = None) -> ItemData:
        """Hand the responses to an engine.

        Parameters
        ----------
        group : str or array-like, optional
            None analyses everybody together. The name of the grouping of these responses (or ``"group"``),
            another column, or labels analyse by group.

        Returns
        -------
        ItemData
            Keyed responses. Persons without a group label are left out when there is a grouping, and a
            ``DataWarning`` says how many.
        """
        record = self.with_group(group)._record
        data = ItemData(record.values, record.items, record.group, record.groups, record.ids)
        if record.group is None:
            return data
        labelled = np.array([label is not None for label in record.group], dtype=bool)
        if labelled.all():
            return data
        warnings.warn(
            f"{plural(int((~labelled).sum()), 'person')} of {self.n} without a {record.group_name} label left out of "
            "the analysis by group; leave out group= to analyse everybody together.",
            DataWarning,
            stacklevel=2,
        )
        return data.take(labelled)

    def _own_names(self) -> tuple[str, ...]:
        return () if self.group_name is None else (self.group_name, "group")

    # -- checks and counts ----------------------------------------------------------------------------

    def require(self, *, min_categories: int = 2, min_group_size: int = 10) -> Responses:
        """Raise when the responses cannot carry an analysis; return them otherwise.

        Parameters
        ----------
        min_categories : int, default 2
            Fewest categories in use per item.
        min_group_size : int, default 10
            Fewest persons with at least one response per group.

        Raises
        ------
        DataError
            Lists every item and group that falls short.
        """
        suspect = next((note for note in self.problems if note.kind == "suspect_code"), None)
        if suspect is not None:
            raise DataError(suspect.message)
        faults = [note.message for note in self.problems if note.kind == "no_responses"]
        for item, column in zip(self.items, self.values.T, strict=True):
            used = len(np.unique(column[~np.isnan(column)]))
            if 0 < used < min_categories:
                number = "one category only" if used == 1 else f"{used} categories"
                faults.append(f"item {item!r} has {number}, {min_categories} are needed.")
        for label, size in self.group_sizes().items():
            if size < min_group_size:
                needed = f"{min_group_size} are needed"
                faults.append(f"group {label!r} has {plural(size, 'person')} with responses, {needed}.")
        if faults:
            raise DataError(
                " ".join(faults) + " Leave these items or groups out, or merge groups on purpose."
            )
        return self

    def group_sizes(self) -> dict[str, int]:
        """Persons with at least one response, per group (empty without groups)."""
        if self._record.group is None:
            return {}
        answered = np.isfinite(self.values).any(axis=1)
        return {label: int(((self._record.group == label) & answered).sum()) for label in self.groups}

    def counts(self, by: Literal["group"] | None = None) -> pd.DataFrame:
        """Count responses per item and category.

        Parameters
        ----------
        by : {"group"}, optional
            Also per group.

        Returns
        -------
        pandas.DataFrame
            ``group`` (with ``by``), ``item``, ``category``, ``n``, ``share`` of the answers to the item; every
            category of the item has a row, also when nobody used it.
        """
        if by not in (None, "group"):
            raise OptionError(f"by={by!r} is not known; the values are 'group' and None.")
        if by is None:
            return self._count_block(self.values)
        if self._record.group is None:
            raise OptionError("by='group' needs responses with groups; give group= or region_from=.")
        blocks = []
        for label in self.groups:
            block = self._count_block(self.values[self._record.group == label])
            block.insert(0, "group", label)
            blocks.append(block)
        return pd.concat(blocks, ignore_index=True)

    def _count_block(self, values: FloatArray) -> pd.DataFrame:
        parts = []
        for item, column in zip(self.items, values.T, strict=True):
            low, high = self.categories[item]
            n = np.array([(column == category).sum() for category in range(low, high + 1)])
            share = n / n.sum() if n.sum() else np.full(n.size, np.nan)
            parts.append(
                pd.DataFrame({"item": item, "category": range(low, high + 1), "n": n, "share": share})
            )
        return pd.concat(parts, ignore_index=True)

    def report(self) -> str:
        """Text that says what was read, what was changed and what was noticed."""
        missing = int(np.isnan(self.values).sum())
        sizes = [f"  {label}: {size}" for label, size in self.group_sizes().items()]
        lines = [
            f"{self.n} persons, {self.n_items} items, {missing} of {self.values.size} responses missing",
            *([f"Persons with responses by {self.group_name}:", *sizes] if sizes else []),
            f"Reversed items: {', '.join(self.reverse) or 'none'}",
            *(f"- {line}" for line in condense(self.notes)),
        ]
        return "\n".join(lines)


def _columns_of(record: ResponseRecord) -> list[Any]:
    return [column for column in record.source.columns if str(column) in record.items]
