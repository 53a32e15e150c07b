"""From data to the moments of each group, and the covariances pooled within groups."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recoverymetrics.instrument import ItemData, read_items
from recoverymetrics.reliability.moments import Moments, moments
from recoverymetrics.reliability.spec import Missing, check_option
from recoverymetrics.typing import GroupSpec, IntoFrame


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
