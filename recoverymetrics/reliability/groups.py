"""From data to the moments of each group, and the covariances pooled within groups."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from recoverymetrics.errors import DataWarning
from recoverymetrics.instrument import ItemData, read_items
from recoverymetrics.reliability.items import item_rest
from recoverymetrics.reliability.moments import Moments, moments
from recoverymetrics.reliability.spec import Missing, check_option
from recoverymetrics.typing import FloatArray, GroupSpec, IntoFrame


def read_groups(
    data: IntoFrame,
    *,
    items: Sequence[str] | None,
    group: GroupSpec,
    missing: Missing,
    at_least: int = 2,
) -> list[Moments]:
    """Moments of each group, in the order of the groups."""
    check_option("missing", missing, ("pairwise", "listwise"))
    return group_moments(read_items(data, items=items, group=group), missing, at_least)


def group_moments(record: ItemData, missing: Missing, at_least: int = 2) -> list[Moments]:
    """Moments of each group of a record."""
    return [
        moments(values, record.items, missing=missing, label=label, at_least=at_least)
        for label, values in record.by_group()
    ]


def pool_within(groups: list[Moments]) -> Moments:
    """All persons with the covariances pooled within groups, so that mean differences do not count."""
    if len(groups) == 1:
        return groups[0]
    values = np.vstack([m.values - np.nanmean(m.values, axis=0) for m in groups])
    pairs = [m.observed.astype(float) for m in groups]
    df = [M.T @ M - 1 for M in pairs]
    S = sum(m.S * d for m, d in zip(groups, df, strict=True)) / sum(df)
    return Moments(values, np.asarray(S), groups[0].items, "pooled", sum(m.n_dropped for m in groups))


def keying_notes(groups: Sequence[Moments]) -> tuple[str, ...]:
    """Warn of items that correlate negatively with the sum of the others; nothing is ever reversed here."""
    return warn_of_keying([(m.label, m.items, item_rest(m.S)) for m in groups])


def warn_of_keying(
    rests: Sequence[tuple[str, tuple[str, ...], FloatArray]], *, stacklevel: int = 4
) -> tuple[str, ...]:
    """Warn of negative correlations with the rest, given as group, items and correlations."""
    found: dict[str, list[str]] = {}
    for label, items, rest in rests:
        for item in np.array(items)[rest < 0]:
            found.setdefault(str(item), []).append(label)
    if not found:
        return ()
    names = [
        item + ("" if len(labels) == len(rests) else f" ({', '.join(labels)})")
        for item, labels in found.items()
    ]
    note = (
        f"items that correlate negatively with the sum of the others: {', '.join(names)}. Reverse them before the call "
        "if they are keyed in the other direction."
    )
    warnings.warn(note, DataWarning, stacklevel=stacklevel)
    return (note,)


def missing_notes(groups: list[Moments], missing: Missing) -> tuple[str, ...]:
    """Say how missing responses were handled; nothing when there are none."""
    dropped = sum(m.n_dropped for m in groups)
    holes = sum(int((~m.observed).sum()) for m in groups)
    notes = []
    if dropped:
        why = "with an incomplete record" if missing == "listwise" else "without any response"
        notes.append(f"{dropped} persons {why} were left out.")
    if holes:
        notes.append(
            f"{holes} responses are missing; covariances are over the persons who answered both items."
        )
    return tuple(notes)
