"""From a table to a validated record of responses: items, groups, keying, identifiers, and what was noticed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from recoverymetrics.errors import DataError, OptionError
from recoverymetrics.instrument.frame import item_names, labels_of, to_pandas
from recoverymetrics.instrument.frozen import FrozenMapping, freeze
from recoverymetrics.instrument.keying import (
    CategoryRange,
    MissingCodes,
    check_inside,
    check_shift,
    check_whole,
    read_values,
    resolve_categories,
    reverse_key,
)
from recoverymetrics.instrument.notes import Note, listing, plural, rows_at
from recoverymetrics.instrument.regions import find_regions, parse_date
from recoverymetrics.typing import REGIONS, FloatArray, GroupSpec, IntoFrame, ObjectArray


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """The options of ``Responses`` as they were given."""

    items: Sequence[str] | None
    group: GroupSpec
    id: str | None
    reverse: Sequence[str]
    missing_codes: MissingCodes
    region_from: str | None
    as_of: str | date
    categories: CategoryRange | Mapping[str, CategoryRange] | None


@dataclass(frozen=True)
class ResponseRecord:
    """What ``Responses`` holds. One instance is shared by all views of it.

    Attributes
    ----------
    values : ndarray of float, shape (n, p)
        Keyed responses, NaN missing, read-only.
    items : tuple of str
    group : ndarray of objects, shape (n,), or None
        Group label of each person; None where it is unknown.
    groups : tuple of str
        Labels; WHO regions in the order AFR AMR SEAR EUR EMR WPR, others in order of first appearance (category
        order for categorical columns).
    group_name : str or None
        Column (or ``"region"``) that the labels come from.
    ids : ndarray of objects, shape (n,), or None
    id_name : str or None
    categories : mapping of str to (int, int)
        Lowest and highest category of each item.
    reverse : tuple of str
        Items that were reversed.
    notes : tuple of Note
    source : pandas.DataFrame
        The table as it was given, not to be changed.
    """

    values: FloatArray
    items: tuple[str, ...]
    group: ObjectArray | None
    groups: tuple[str, ...]
    group_name: str | None
    ids: ObjectArray | None
    id_name: str | None
    categories: FrozenMapping[str, CategoryRange]
    reverse: tuple[str, ...]
    notes: tuple[Note, ...]
    source: pd.DataFrame


def read_record(data: IntoFrame, options: ReadOptions) -> ResponseRecord:
    """Read, validate and key the responses of a table.

    Raises
    ------
    DataError, OptionError
        As documented on ``Responses``.
    """
    if options.group is not None and options.region_from is not None:
        raise OptionError("give group= or region_from=, not both; region_from makes WHO regions the groups.")
    frame = to_pandas(data).reset_index(drop=True)
    columns = item_names(frame, options.items, (options.group, options.id, options.region_from))
    names = tuple(str(column) for column in columns)
    values, coded = read_values(frame, columns, options.missing_codes)
    check_whole(values, names)
    ranges, found = resolve_categories(values, names, options.categories)
    group_name, labels, groups, spotted = read_groups(
        frame, options.group, options.region_from, options.as_of
    )
    check_inside(values, ranges, labels, groups)
    if labels is not None and groups and options.categories is None:
        check_shift(values, labels, groups, ranges)
    chosen, reversals = _resolve_reverse(options.reverse, names, found, values, ranges)
    keyed = reverse_key(values, names, chosen, ranges)
    keyed.setflags(write=False)
    ids, doubts = _read_ids(frame, options.id)
    return ResponseRecord(
        values=keyed,
        items=names,
        group=labels,
        groups=groups,
        group_name=group_name,
        ids=ids,
        id_name=options.id,
        categories=freeze(ranges),
        reverse=chosen,
        notes=(*coded, *found, *reversals, *spotted, *doubts, *_note_empty_persons(values)),
        source=frame,
    )


def read_groups(
    frame: pd.DataFrame, group: GroupSpec, region_from: str | None, as_of: str | date
) -> tuple[str | None, ObjectArray | None, tuple[str, ...], list[Note]]:
    """Name, labels (None where unknown), distinct labels and notes of a grouping."""
    if region_from is not None:
        day = parse_date(as_of, "as_of").isoformat()
        regions, unknown = find_regions(frame[region_from].tolist(), as_of=as_of)
        labels = np.array(regions, dtype=object)
        notes = [Note("regions", f"WHO regions from column {region_from!r}, map of {day}.", n=len(labels))]
        notes += [
            Note(
                "unknown_region",
                f"no WHO region for {region_from} {code!r} ({plural(n, 'person')}).",
                group=None,
                n=n,
            )
            for code, n in unknown.items()
        ]
        return "region", labels, tuple(region for region in REGIONS if region in regions), notes
    if group is None:
        return None, None, (), []
    name = group if isinstance(group, str) else "group"
    if isinstance(group, str) and group not in frame.columns:
        raise DataError(
            f"there is no column {group!r}; the columns are {', '.join(map(str, frame.columns))}."
        )
    labels, groups = labels_of(frame, group)
    n = sum(label is None for label in labels)
    notes = [Note("no_group", f"no {name} label for {plural(n, 'person')}.", n=n)] if n else []
    if not groups:
        raise DataError(f"no person has a {name} label; fill the column, or leave group= out.")
    return name, labels, groups, notes


def _resolve_reverse(
    reverse: Sequence[str],
    items: tuple[str, ...],
    notes: Sequence[Note],
    values: FloatArray,
    ranges: Mapping[str, CategoryRange],
) -> tuple[tuple[str, ...], list[Note]]:
    chosen = (reverse,) if isinstance(reverse, str) else tuple(reverse)
    unknown = [item for item in chosen if item not in items]
    if unknown:
        raise DataError(
            f"reverse names {unknown[0]!r}, which is not an item; the items are {', '.join(items)}."
        )
    if len(set(chosen)) < len(chosen):
        twice = next(item for item in chosen if chosen.count(item) > 1)
        raise DataError(f"item {twice!r} is listed twice in reverse=; it would be reversed once only.")
    suspect = next((note for note in notes if note.kind == "suspect_code"), None)
    if chosen and suspect is not None:
        raise DataError(f"items cannot be reversed: {suspect.message}")
    narrow = {note.item for note in notes if note.kind == "unused_category"}
    made = []
    for item in chosen:
        low, high = ranges[item]
        extra = " (the range of all items; its own responses are narrower)" if item in narrow else ""
        n = int(np.isfinite(values[:, items.index(item)]).sum())
        made.append(Note("reversed", f"item {item!r} reversed: {low + high} - response{extra}.", item, n=n))
    return chosen, made


def _read_ids(frame: pd.DataFrame, id: str | None) -> tuple[ObjectArray | None, list[Note]]:
    if id is None:
        return None, []
    column = frame[id]
    known = column[column.notna()]
    repeated = known[known.duplicated()].drop_duplicates()
    if len(repeated):
        raise DataError(
            f"duplicate identifiers in column {id!r}: {listing(repeated)}. Keep one row per person, or leave "
            "id= out."
        )
    absent = int(column.isna().sum())
    notes = (
        [Note("no_id", f"no identifier in {id!r} for {plural(absent, 'person')}.", n=absent)]
        if absent
        else []
    )
    return column.to_numpy(dtype=object), notes


def _note_empty_persons(values: FloatArray) -> list[Note]:
    rows = np.flatnonzero(np.isnan(values).all(axis=1))
    if rows.size == 0:
        return []
    text = f"{plural(rows.size, 'person')} without any answer ({rows_at(rows)}), kept."
    return [Note("empty_person", text, n=int(rows.size))]
