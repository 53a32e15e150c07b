"""What was noticed while responses were read: records that results, reports and errors quote."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Note:
    """One observation about the data.

    Attributes
    ----------
    kind : str
        Short name of the rule, for example ``"missing_code"``, ``"reversed"``, ``"unknown_region"``.
    message : str
        Sentence that names item, group and count.
    item, group : str or None
        Where it was seen; None means everywhere.
    n : int
        Number of responses, persons or rows concerned.
    """

    kind: str
    message: str
    item: str | None = None
    group: str | None = None
    n: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the note as a dictionary of plain types."""
        return asdict(self)


def listing(values: Iterable[Any], *, most: int = 5) -> str:
    """Join values for a message, cut after ``most`` with the number left out."""
    every = [str(value) for value in values]
    shown = ", ".join(every[:most])
    return shown if len(every) <= most else f"{shown} and {len(every) - most} more"


def plural(n: int, noun: str) -> str:
    """``1 row``, ``2 rows``."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def rows_at(positions: Iterable[int]) -> str:
    """``row 2`` or ``rows 2, 4 and 7 more``: positions counted from 0, written counted from 1."""
    numbers = [int(position) + 1 for position in positions]
    return f"{'row' if len(numbers) == 1 else 'rows'} {listing(numbers)}"


def condense(notes: Iterable[Note], *, most: int = 6) -> list[str]:
    """Messages for reading: of each kind the first ``most``, then how many more and their total."""
    kinds: dict[str, list[Note]] = {}
    for note in notes:
        kinds.setdefault(note.kind, []).append(note)
    lines = []
    for same in kinds.values():
        lines += [note.message for note in same[:most]]
        if len(same) > most:
            total = sum(note.n for note in same)
            extra = f", {total} in all {len(same)}" if total else ""
            lines.append(f"... and {len(same) - most} more like this{extra}.")
    return lines
