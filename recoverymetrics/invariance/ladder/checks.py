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
    few = {label: sizes[label] for label in record.groups if sizes[label] < ADVISED}
    if few:
        notes.append(_small_groups(few))
        warnings.warn(notes[-1], DataWarning, stacklevel=3)
    return record, tuple(notes)


def _small_groups(few: dict[str, int]) -> str:
    if len(few) == 1:
        ((label, n),) = few.items()
        return f"group {label} has only {n} persons; its estimates are unstable."
    listed = ", ".join(f"{label} {n}" for label, n in list(few.items())[:12])
    more = f" and {len(few) - 12} more" if len(few) > 12 else ""
    return (
        f"{len(few)} groups have fewer than {ADVISED} persons ({listed}{more}); their estimates are unstable."
    )


def check_answered(record: ItemData) -> None:
    """Check that every item was answered in every group, and not by everybody alike.

    Raises
    ------
    DataError
        An item without answers, or with one and the same, in a group.
    """
    for label, block in record.by_group():
        where = f" in {label}" if record.groups else ""
        remedy = "leave the item out of the model" + (f" or {label} out of the data." if where else ".")
        for item, column in zip(record.items, block.T, strict=True):
            answers = column[~np.isnan(column)]
            if not answers.size:
                raise DataError(f"nobody{where} answered item {item!r}; {remedy}")
            if answers.min() == answers.max():
                raise DataError(
                    f"item {item!r} has zero variance{where}: all {answers.size} answers are {answers[0]:g}; {remedy}"
                )


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
    counts = dict(zip(groups, (found.size for found in inside), strict=True))
    single = next((label for label, n in counts.items() if n < 2), None)
    if single is not None:
        raise DataError(
            f"{f'group {single!r}' if single else 'the data'} has one cluster, which shows no variation between "
            "clusters; leave the group out, or cluster= off."
        )
    few = {label: n for label, n in counts.items() if n < FEW_CLUSTERS}
    if few:
        listed = ", ".join(f"{label} {n}" if label else str(n) for label, n in few.items())
        notes.append(
            f"few clusters ({listed}); tests that are robust to clusters need 20 or more in a group."
        )
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
    positions = [record.items.index(item) for item in ordered]
    for j, item, seen in zip(positions, ordered, record.select(ordered).categories(), strict=True):
        table = np.array([[np.sum(block[:, j] == k) for k in seen] for _, block in record.by_group()])
        for g, k in np.argwhere(table == 0):
            empty.append(f"{item} category {seen[k]:g} in {record.groups[g]}")
        if merge and (table == 0).any():
            values[:, j], left = _merge(values[:, j], seen, table)
            where = ", ".join(record.groups[g] for g in np.flatnonzero((table == 0).any(axis=1)))
            notes.append(
                f"item {item}: {len(seen)} categories merged to {left}, as some were unused in {where}."
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
