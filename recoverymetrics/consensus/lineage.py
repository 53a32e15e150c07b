"""What happened to statements between rounds: entered, merged, reworded, dropped."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from recoverymetrics.errors import DataError
from recoverymetrics.instrument.frame import to_pandas
from recoverymetrics.typing import IntoFrame

LINEAGE_COLUMNS = ("statement", "domain", "label", "entered_round", "left_round", "replaced_by", "note")


@dataclass(frozen=True)
class Lineage:
    """History of the statements.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row per statement with the columns ``statement``, ``domain``, ``label``, ``entered_round``,
        ``left_round``, ``replaced_by``, ``note``; unknown is missing.
    """

    frame: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=list(LINEAGE_COLUMNS)))

    def column(self, name: str) -> dict[str, Any]:
        """Known values of a column by statement."""
        known = self.frame[["statement", name]].dropna()
        return dict(zip(known["statement"], known[name], strict=True))

    def fate(self, rounds: tuple[Any, ...], last: int) -> dict[str, str]:
        """Statements that had left after the round at position ``last``, and what became of them.

        ``left_round`` is the last round that had the statement: it is gone for every later round, and in
        the account given after ``left_round`` itself when something replaced it or that was the last round.
        """
        gone: dict[str, str] = {}
        successors = self.column("replaced_by")
        for statement, left in self.column("left_round").items():
            if _position(left, rounds) <= last:
                successor = successors.get(statement)
                gone[statement] = f"replaced by {successor}" if successor else "withdrawn"
        return gone


def _position(label: Any, rounds: tuple[Any, ...]) -> int:
    if label in rounds:
        return rounds.index(label)
    raise DataError(f"left_round {label!r} is not a round of the panel ({', '.join(map(str, rounds))}).")


def read_lineage(statements: IntoFrame | None, rated: tuple[str, ...], column: str = "statement") -> Lineage:
    """Read the table of statements.

    Raises
    ------
    DataError
        No ``statement`` column, a statement listed twice, or a rated statement that is not listed.
    """
    if statements is None:
        blank = {name: pd.Series([None] * len(rated), dtype=object) for name in LINEAGE_COLUMNS[1:]}
        return Lineage(pd.DataFrame({"statement": list(rated), **blank}))
    frame = to_pandas(statements)
    if "statement" not in frame.columns and column in frame.columns:
        frame = frame.rename(columns={column: "statement"})
    if "statement" not in frame.columns:
        raise DataError(
            f"the table of statements needs a column 'statement'; it has {', '.join(map(str, frame.columns))}."
        )
    frame = frame.reindex(columns=list(LINEAGE_COLUMNS)).astype(object)
    frame["statement"] = frame["statement"].astype(str)
    twice = frame["statement"][frame["statement"].duplicated()]
    if len(twice):
        raise DataError(f"statement {twice.iloc[0]!r} is listed twice in the table of statements.")
    unlisted = [name for name in rated if name not in set(frame["statement"])]
    if unlisted:
        raise DataError(
            f"{len(unlisted)} rated statements are not in the table of statements (first: {unlisted[0]!r})."
        )
    for name in ("entered_round", "left_round"):
        frame[name] = [_whole(value) for value in frame[name]]
    return Lineage(frame.where(frame.notna(), None))


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value
