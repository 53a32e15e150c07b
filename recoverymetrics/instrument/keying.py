"""Categories and keying of item responses: arrays in, records and notes out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from recoverymetrics.errors import DataError, OptionError
from recoverymetrics.instrument.frame import numeric_column
from recoverymetrics.instrument.notes import Note, listing, plural, rows_at
from recoverymetrics.typing import FloatArray, ObjectArray

CategoryRange: TypeAlias = tuple[int, int]
MissingCodes: TypeAlias = Sequence[Any] | Mapping[str, Sequence[Any]]

GAP_OF_A_CODE = 3
"""Empty categories between two used ones from which the upper one looks like an undeclared missing code."""

RARE_ZERO = 0.02
"""Share of responses below which a lowest category 0 is noted: it may mean "no answer"."""


def read_values(
    frame: pd.DataFrame, items: Sequence[str], missing_codes: MissingCodes
) -> tuple[FloatArray, list[Note]]:
    """Item columns as floats, missing codes turned into NaN and counted per item and code."""
    codes = _codes_by_item(items, missing_codes)
    columns, notes = [], []
    occurrences: dict[Any, int] = {}
    for item in items:
        values, hits = _read_column(frame, item, codes[item])
        columns.append(values)
        for code in codes[item]:
            n = hits.get(code, 0)
            occurrences[code] = occurrences.get(code, 0) + n
            if n:
                text = f"item {str(item)!r}: code {code!r} read as missing in {plural(n, 'response')}."
                notes.append(Note("missing_code", text, str(item), n=n))
    unused = [code for code, n in occurrences.items() if n == 0]
    notes += [Note("unused_code", f"missing code {code!r} does not occur.") for code in unused]
    return np.column_stack(columns), notes


def _read_column(frame: pd.DataFrame, item: str, codes: Sequence[Any]) -> tuple[FloatArray, dict[Any, int]]:
    """One item column without its missing codes, and how often each code occurred."""
    column = frame[item]
    hits: dict[Any, int] = {}
    if not pd.api.types.is_numeric_dtype(column.dtype):
        cells = column.to_numpy(dtype=object, copy=True)
        text = np.array([cell.strip() if isinstance(cell, str) else None for cell in cells], dtype=object)
        for code in (code for code in codes if isinstance(code, str)):
            hit = text == code
            hits[code] = int(hit.sum())
            cells[hit] = None
        column = pd.Series(cells, dtype=object)
    values = numeric_column(pd.DataFrame({item: column}), item).copy()
    for code, number in ((code, _as_number(code)) for code in codes):
        if not hits.get(code) and number is not None:
            hit = values == number
            hits[code] = int(hit.sum())
            values[hit] = np.nan
    return values, hits


def _codes_by_item(items: Sequence[str], missing_codes: MissingCodes) -> dict[str, list[Any]]:
    if isinstance(missing_codes, Mapping):
        unknown = [name for name in missing_codes if name not in items]
        if unknown:
            raise DataError(
                f"missing_codes names {unknown[0]!r}, which is not an item; items: {listing(items)}."
            )
        return {item: _as_list(missing_codes.get(item, ())) for item in items}
    return dict.fromkeys(items, _as_list(missing_codes))


def _as_list(codes: Any) -> list[Any]:
    several = isinstance(codes, Iterable) and not isinstance(codes, str)
    listed = [_plain(code) for code in (codes if several else [codes])]
    return [code for code in dict.fromkeys(listed) if not (code is None or code is pd.NA or code != code)]


def _plain(code: Any) -> Any:
    return code.item() if isinstance(code, np.generic) else code


def _as_number(code: Any) -> float | None:
    try:
        return float(code)
    except (TypeError, ValueError):
        return None


def check_whole(values: FloatArray, items: Sequence[str]) -> None:
    """Raise unless all responses are whole numbers of 0 or more; names item, rows and value."""
    for item, column in zip(items, values.T, strict=True):
        seen = column[~np.isnan(column)]
        bad = np.flatnonzero((column < 0) | (np.abs(column - np.round(column)) > 0))
        if bad.size == 0 or seen.size == 0:
            continue
        worst = column[bad[0]]
        cause = "is not a whole number; categories must be integers"
        if worst < 0:
            cause = "is negative; list it in missing_codes if it means no answer, or add a constant to all categories"
        raise DataError(f"item {item!r} holds {worst:g} ({rows_at(bad)}), which {cause}.")


def resolve_categories(
    values: FloatArray,
    items: Sequence[str],
    declared: CategoryRange | Mapping[str, CategoryRange] | None,
) -> tuple[dict[str, CategoryRange], list[Note]]:
    """Category range of each item: as declared, else the range that all undeclared items share.

    Returns
    -------
    ranges : dict of str to (int, int)
        Lowest and highest category.
    notes : list of Note
        How the range was found, and the items that do not use all of it.
    """
    given = _declared_ranges(items, declared)
    open_items = [j for j, item in enumerate(items) if item not in given]
    notes = []
    if open_items:
        shared, found = _shared_range(values[:, open_items])
        notes += found
        given |= {items[j]: shared for j in open_items}
    for j, item in enumerate(items):
        notes += _compare_range(values[:, j], item, given[item])
    return {item: given[item] for item in items}, notes


def _declared_ranges(
    items: Sequence[str], declared: CategoryRange | Mapping[str, CategoryRange] | None
) -> dict[str, CategoryRange]:
    if declared is None:
        return {}
    if not isinstance(declared, Mapping):
        return dict.fromkeys(items, _valid_range(declared))
    unknown = [name for name in declared if name not in items]
    if unknown:
        raise DataError(f"categories names {unknown[0]!r}, which is not an item; items: {listing(items)}.")
    return {item: _valid_range(declared[item]) for item in declared}


def _valid_range(pair: Any) -> CategoryRange:
    try:
        low, high = (int(end) for end in pair)
    except (TypeError, ValueError) as error:
        raise OptionError(f"categories={pair!r} is not a pair (lowest, highest).") from error
    if not 0 <= low < high:
        raise OptionError(f"categories={pair!r}: the lowest must be 0 or more and below the highest.")
    return low, high


def _shared_range(values: FloatArray) -> tuple[CategoryRange, list[Note]]:
    seen, counts = np.unique(values[~np.isnan(values)], return_counts=True)
    if seen.size == 0:
        return (0, 0), []
    low, high = (0 if seen[0] == 0 else 1), int(seen[-1])
    notes = [Note("categories", f"categories {low} to {high} detected from all items.", n=int(counts.sum()))]
    gap = np.diff(seen)
    if gap.size and gap.max() > GAP_OF_A_CODE:
        code = seen[np.argmax(gap) + 1]
        n = int(counts[seen >= code].sum())
        notes.append(
            Note(
                "suspect_code",
                f"{plural(n, 'response')} of {code:g} or more, far above the other categories (up to "
                f"{seen[np.argmax(gap)]:g}): list the code in missing_codes, or declare categories=(low, high).",
                n=n,
            )
        )
    if low == 0 and high > 2 and counts[0] < RARE_ZERO * counts.sum():
        notes.append(
            Note(
                "rare_zero",
                f"category 0 makes up only {counts[0]} of {counts.sum()} responses: if it means no answer, "
                "list it in missing_codes.",
                n=int(counts[0]),
            )
        )
    return (low, high), notes


def _compare_range(column: FloatArray, item: str, limits: CategoryRange) -> list[Note]:
    seen = column[~np.isnan(column)]
    if seen.size == 0:
        return [Note("no_responses", f"item {item!r} has no response at all.", item)]
    low, high = limits
    notes = []
    first, last = int(seen.min()), int(seen.max())
    if first == last:
        notes.append(
            Note("one_category", f"item {item!r} has one category only ({first}).", item, n=int(seen.size))
        )
    if (first, last) != limits:
        notes.append(
            Note(
                "unused_category",
                f"item {item!r} uses categories {first} to {last} of {low} to {high}; declare "
                "categories={...} if this item has fewer.",
                item,
            )
        )
    return notes


def check_inside(
    values: FloatArray,
    ranges: Mapping[str, CategoryRange],
    group: ObjectArray | None,
    groups: Sequence[str],
) -> None:
    """Raise when responses lie outside their categories; names item, rows, and groups with their ranges."""
    for (item, (low, high)), column in zip(ranges.items(), values.T, strict=True):
        outside = np.flatnonzero((column < low) | (column > high))
        if outside.size == 0:
            continue
        where = ""
        if group is not None:
            found = [label for label in groups if np.any(group[outside] == label)]
            used = [f"{label} uses {_used_range(values[group == label])}" for label in found]
            where = f" Group {listing(used)}."
        raise DataError(
            f"item {item!r} has responses outside its categories {low} to {high} in {rows_at(outside)} (first "
            f"value {column[outside[0]]:g}).{where} Correct categories= or the data, or list the value in "
            "missing_codes."
        )


def _used_range(block: FloatArray) -> str:
    return f"{np.nanmin(block):g} to {np.nanmax(block):g}"


def check_shift(
    values: FloatArray, group: ObjectArray, groups: Sequence[str], limits: Mapping[str, CategoryRange]
) -> None:
    """Raise when one group is coded 0..K-1 and another 1..K: same width, shifted by one, nobody spans both."""
    if len(set(limits.values())) != 1:
        return
    ranges = {}
    for label in groups:
        block = values[group == label]
        if np.isfinite(block).any():
            ranges[label] = (int(np.nanmin(block)), int(np.nanmax(block)))
    lowest, highest = min(r[0] for r in ranges.values()), max(r[1] for r in ranges.values())
    if lowest != 0 or highest < 2 or (lowest, highest) in ranges.values():
        return
    lower = [label for label, r in ranges.items() if r == (lowest, highest - 1)]
    upper = [label for label, r in ranges.items() if r == (lowest + 1, highest)]
    if lower and upper:
        raise DataError(
            f"the groups are coded differently: {listing(lower)} use categories {lowest} to {highest - 1}, "
            f"{listing(upper)} use {lowest + 1} to {highest}, and no group uses both {lowest} and {highest}. "
            "Recode one of them, or declare categories=(low, high) if the coding is right."
        )


def reverse_key(
    values: FloatArray, items: Sequence[str], reverse: Sequence[str], ranges: Mapping[str, CategoryRange]
) -> FloatArray:
    """Reverse items once: ``low + high - x`` with the item's category range; its own inverse."""
    keyed = values.copy()
    for item in reverse:
        low, high = ranges[item]
        j = items.index(item)
        keyed[:, j] = low + high - keyed[:, j]
    return keyed
