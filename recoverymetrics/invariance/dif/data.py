"""The persons, items, groups and scales of a DIF analysis as arrays, checked."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from recoverymetrics.errors import DataError, DataWarning
from recoverymetrics.instrument.frame import ItemData, read_items
from recoverymetrics.instrument.notes import plural
from recoverymetrics.typing import BoolArray, FloatArray, GroupSpec, IntArray, IntoFrame

SMALL_GROUP = 100
"""Groups below this size are reported (COSMIN asks for 200)."""


@dataclass(frozen=True)
class DIFData:
    """What every DIF method receives.

    Attributes
    ----------
    scores : ndarray, shape (n, p)
        Responses minus the lowest observed category of the item; NaN is missing.
    items : tuple of str
        Item names.
    group : ndarray of int, shape (n,)
        Position of each person's group in ``groups``; position 0 is the reference.
    groups : tuple of str
        Group labels.
    scale_of : ndarray of int, shape (p,)
        Position of each item's scale in ``scale_names``.
    scale_names : tuple of str
        Scales; matching happens within a scale.
    lowest : ndarray, shape (p,)
        Lowest observed category of each item.
    notes : tuple of str
        What the analyst should know.
    """

    scores: FloatArray
    items: tuple[str, ...]
    group: IntArray
    groups: tuple[str, ...]
    scale_of: IntArray
    scale_names: tuple[str, ...]
    lowest: FloatArray
    notes: tuple[str, ...] = ()

    @property
    def answered(self) -> BoolArray:
        """Which responses are there, (n, p)."""
        return ~np.isnan(self.scores)

    @property
    def maximum(self) -> FloatArray:
        """Highest observed score of each item, (p,)."""
        highest: FloatArray = np.nanmax(self.scores, axis=0)
        return highest

    @property
    def sizes(self) -> IntArray:
        """Persons in each group."""
        return np.bincount(self.group, minlength=len(self.groups))


def read_dif_data(
    data: IntoFrame,
    *,
    items: Sequence[str] | None,
    group: GroupSpec,
    reference: str | None,
    scales: Mapping[str, Sequence[str]] | None,
    drop_groups_below: int,
) -> DIFData:
    """Read and check the data of a DIF analysis.

    Raises
    ------
    DataError
        No group column, fewer than two groups, an unknown reference group, an item in two scales, an item
        that everybody answered alike, a scale with fewer than three items.
    """
    if group is None and not hasattr(data, "item_data"):
        raise DataError("DIF compares groups: name the column with group='region', or give the labels.")
    if items is None and scales is not None:
        items = list(dict.fromkeys(item for members in scales.values() for item in members))
    record = read_items(data, items=items, group=group)
    if record.group is None:
        raise DataError("DIF compares groups: name the column with group='region', or give the labels.")
    sizes = {label: int(np.sum(record.group == label)) for label in record.groups}
    left_out = {label: size for label, size in sizes.items() if size < drop_groups_below}
    if left_out:
        record = record.take(~np.isin(record.group, list(left_out)))
    groups = _order_groups(record.groups, reference)
    built = arrange(record, groups, scales)
    notes = (
        *_size_notes(sizes, left_out),
        *_category_notes(record.values, record.items, built.group, groups),
    )
    return replace(built, notes=notes)


def arrange(record: ItemData, groups: tuple[str, ...], scales: Mapping[str, Sequence[str]] | None) -> DIFData:
    """Build the record from checked items; without group labels everybody is in the first group."""
    record.categories()
    _check_items(record.values, record.items)
    lowest = np.nanmin(record.values, axis=0)
    position = {label: g for g, label in enumerate(groups)}
    labels = [groups[0]] * record.n if record.group is None else record.group
    index = np.array([position[label] for label in labels], dtype=np.int64)
    scale_of, names = _assign_scales(record.items, scales)
    return DIFData(record.values - lowest, record.items, index, groups, scale_of, names, lowest)


def _order_groups(groups: tuple[str, ...], reference: str | None) -> tuple[str, ...]:
    if len(groups) < 2:
        raise DataError(f"DIF needs two groups or more; the data hold {len(groups)} ({', '.join(groups)}).")
    if reference is None:
        return groups
    if str(reference) not in groups:
        raise DataError(f"reference={reference!r} is not a group; the groups are {', '.join(groups)}.")
    return (str(reference), *(label for label in groups if label != str(reference)))


def _check_items(values: FloatArray, items: tuple[str, ...]) -> None:
    for item, column in zip(items, values.T, strict=True):
        seen = np.unique(column[~np.isnan(column)])
        if seen.size < 2:
            found = "no answers" if seen.size == 0 else f"the same answer ({seen[0]:g}) from everybody"
            raise DataError(f"item {item!r} has {found} and cannot be tested; leave it out with items=[...].")


def _assign_scales(
    items: tuple[str, ...], scales: Mapping[str, Sequence[str]] | None
) -> tuple[IntArray, tuple[str, ...]]:
    if scales is None:
        _check_scale("all", len(items))
        return np.zeros(len(items), dtype=np.int64), ("all",)
    home: dict[str, int] = {}
    for position, (name, members) in enumerate(scales.items()):
        _check_scale(name, len(members))
        for item in members:
            if item in home:
                raise DataError(f"item {item!r} is in two scales; matching needs one scale per item.")
            if item not in items:
                raise DataError(f"scale {name!r} names {item!r}, which is not among the items.")
            home[item] = position
    homeless = [item for item in items if item not in home]
    if homeless:
        raise DataError(f"item {homeless[0]!r} is in none of the scales; add it or leave it out of items=.")
    return np.array([home[item] for item in items], dtype=np.int64), tuple(scales)


def _check_scale(name: str, size: int) -> None:
    if size < 3:
        raise DataError(
            f"scale {name!r} has {size} items; DIF needs at least three, as the others are the yardstick."
        )


def _size_notes(sizes: dict[str, int], left_out: dict[str, int]) -> list[str]:
    notes = [
        f"group {label} (n = {size}) was left out: fewer persons than asked for."
        for label, size in left_out.items()
    ]
    for label, size in sizes.items():
        if size < SMALL_GROUP and label not in left_out:
            notes.append(
                f"group {label} has only {plural(size, 'person')}; its results are unstable. "
                "drop_groups_below= leaves small groups out."
            )
            warnings.warn(notes[-1], DataWarning, stacklevel=4)
    return notes


def _category_notes(
    values: FloatArray, items: tuple[str, ...], group: IntArray, groups: tuple[str, ...]
) -> list[str]:
    notes = []
    for item, column in zip(items, values.T, strict=True):
        kinds = [np.unique(column[(group == g) & ~np.isnan(column)]).size for g in range(len(groups))]
        absent = [label for label, kind in zip(groups, kinds, strict=True) if kind == 0]
        constant = [label for label, kind in zip(groups, kinds, strict=True) if kind == 1]
        if absent:
            notes.append(f"item {item} has no answers in {', '.join(absent)}: not tested there.")
        if constant:
            notes.append(f"item {item} has one answer only in {', '.join(constant)}: weakly tested there.")
    return notes
