"""What is looked at before any model runs: sizes of groups, empty categories."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from recoverymetrics.errors import DataError, DataWarning
from recoverymetrics.instrument.frame import ItemData
from recoverymetrics.instrument.notes import plural
from recoverymetrics.invariance.ladder.occasions import Occasions
from recoverymetrics.typing import IntArray

ADVISED = 100
"""Smaller groups are reported."""
FEW_CLUSTERS = 10
"""Fewer clusters in a group are reported: the sandwich has about as many degrees of freedom as there are clusters."""


def check_groups(
    record: ItemData, drop_below: int, *, several: bool = True
) -> tuple[ItemData, tuple[str, ...]]:
    """Check the number and the sizes of the groups; leave small ones out only when asked.

    ``several`` demands two groups or more; a ladder over occasions does with one or none.

    Raises
    ------
    DataError
        Fewer than two groups, or a group with no more persons than items.
    """
    if record.group is None or not record.groups:
        if several:
            raise DataError("invariance compares groups: two or more are needed, found none; set group=.")
        _check_size("the data", record.n, record.n_items, "")
        return record, ()
    if several and len(record.groups) < 2:
        found = ", ".join(record.groups) or "none"
        raise DataError(f"invariance compares groups: two or more are needed, found {found}; set group=.")
    sizes = {label: int(np.sum(record.group == label)) for label in record.groups}
    small = {label: n for label, n in sizes.items() if n < drop_below}
    notes = [
        f"group {label} (n = {n}) was left out: fewer than {drop_below} persons."
        for label, n in small.items()
    ]
    if small:
        record = record.take(~np.isin(record.group, list(small)))
        if len(record.groups) < (2 if several else 1):
            raise DataError(
                f"only {plural(len(record.groups), 'group')} with {drop_below} persons or more; lower drop_groups_below=."
            )
    for label in record.groups:
        n = sizes[label]
        _check_size(f"group {label!r}", n, record.n_items, f" Leave it out with drop_groups_below={n + 1}.")
        if n < ADVISED:
            notes.append(f"group {label} has only {n} persons; its estimates are unstable.")
            warnings.warn(notes[-1], DataWarning, stacklevel=3)
    return record, tuple(notes)


def _check_size(where: str, n: int, n_items: int, advice: str) -> None:
    if n <= n_items:
        raise DataError(f"{where} has {n} persons for {n_items} items; no model can be fitted there.{advice}")


def check_clusters(record: ItemData, clusters: IntArray) -> tuple[str, ...]:
    """Check that every group has clusters to compare; say where they are few or shared between groups.

    Raises
    ------
    DataError
        A group with one cluster.
    """
    groups = record.groups or ("",)
    inside = [np.unique(clusters[record.group == g] if record.groups else clusters) for g in groups]
    notes = []
    for label, found in zip(groups, inside, strict=True):
        where = f"group {label!r}" if label else "the data"
        if found.size < 2:
            raise DataError(
                f"{where} has one cluster, which shows no variation between clusters; leave the group out, or "
                "cluster= off."
            )
        if found.size < FEW_CLUSTERS:
            notes.append(f"{where} has only {found.size} clusters; tests robust to clusters need 20 or more.")
            warnings.warn(notes[-1], DataWarning, stacklevel=3)
    shared = np.sum(np.bincount(np.concatenate(inside)) > 1)
    if shared:
        notes.append(
            f"{plural(int(shared), 'cluster')} occur{'s' if shared == 1 else ''} in several groups, whose answers "
            "are treated as independent."
        )
    return tuple(notes)


def check_categories(
    record: ItemData, ordered: Sequence[str], *, merge: bool, occasions: Occasions | None = None
) -> tuple[ItemData, tuple[str, ...]]:
    """Check that every category of every ordered item was used in every group, and at every occasion.

    Parameters
    ----------
    record : ItemData
        Responses with groups.
    ordered : sequence of str
        Ordered items, as the model names them.
    merge : bool
        Merge an unused category with its neighbour in all groups; merged items are named in the notes.
    occasions : Occasions, optional
        Rounds, each of which must use the categories too.

    Raises
    ------
    DataError
        Unused categories, all of them listed, when ``merge`` is false.
    """
    if occasions is not None:
        stacked, notes_of = check_categories(occasions.stack(record), ordered, merge=merge)
        return occasions.unstack(record, stacked), notes_of
    empty = []
    values = record.values.copy()
    notes = []
    where = [record.items.index(item) for item in ordered]
    for j, item, seen in zip(where, ordered, record.select(ordered).categories(), strict=True):
        table = np.array([[np.sum(block[:, j] == k) for k in seen] for _, block in record.by_group()])
        for g, k in np.argwhere(table == 0):
            empty.append(f"{item} category {seen[k]:g} in {record.groups[g]}")
        if merge and (table == 0).any():
            values[:, j], left = _merge(values[:, j], seen, table)
            notes.append(
                f"item {item}: {len(seen)} categories merged to {left}, as some were unused in a group."
            )
    if empty and not merge:
        listed = "; ".join(empty[:12]) + (f"; and {len(empty) - 12} more" if len(empty) > 12 else "")
        raise DataError(
            f"unused answer categories make thresholds incomparable: {listed}. Merge them in all groups with "
            "merge_empty=True, leave the group out with drop_groups_below=, or treat the items as continuous."
        )
    return ItemData(values, record.items, record.group, record.groups, record.ids), tuple(notes)


def _merge(column: np.ndarray, seen: np.ndarray, table: np.ndarray) -> tuple[np.ndarray, int]:
    """Merge the categories with an empty cell into the neighbour that fewer persons chose."""
    target = np.arange(len(seen))
    table = table.astype(float)
    while table.shape[1] > 2 and (table == 0).any():
        k = int(np.argmax((table == 0).any(axis=0)))
        near = [i for i in (k - 1, k + 1) if 0 <= i < table.shape[1]]
        low = min(k, min(near, key=lambda i: table[:, i].sum()))
        table[:, low] += table[:, low + 1]
        table = np.delete(table, low + 1, axis=1)
        target = np.where(target > low, target - 1, target)
    out = column.copy()
    for k, value in enumerate(seen):
        out[column == value] = target[k]
    return out, table.shape[1]
