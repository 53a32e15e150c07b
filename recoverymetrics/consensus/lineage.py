"""What happened to statements between rounds: entered, merged, reworded, dropped."""

from __future__ import annotations

from dataclasses import dataclass, field
from numbers import Real
from typing import Any

import pandas as pd

from recoverymetrics.errors import DataError
from recoverymetrics.instrument.frame import to_pandas
from recoverymetrics.typing import BoolArray, IntoFrame

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

    def check(self, rounds: tuple[Any, ...], rated: BoolArray) -> None:
        """Refuse a history that the ratings contradict.

        Parameters
        ----------
        rounds : tuple
            Round labels in order.
        rated : ndarray of bool, shape (R, S)
            Whether anybody rated the statement in the round.

        Raises
        ------
        DataError
            A round that does not exist, a successor that is not listed, or ratings before a statement entered or after it
            left.
        """
        at = {statement: s for s, statement in enumerate(self.frame["statement"])}
        for statement, successors in self.column("replaced_by").items():
            for one in str(_whole(successors)).split(";"):
                if one.strip() and one.strip() not in at:
                    raise DataError(
                        f"statement {statement!r} is replaced by {one.strip()!r}, which is not in the table of statements."
                    )
        for name, when in (("entered_round", "before it entered"), ("left_round", "after it left")):
            for statement, label in self.column(name).items():
                r = _position(label, rounds)
                outside = rated[: max(r, 0)] if name == "entered_round" else rated[r + 1 :]
                if outside[:, at[statement]].any():
                    raise DataError(
                        f"statement {statement!r} has ratings {when} ({name} {_whole(label)}); correct the round, or the ratings."
                    )


def _position(label: Any, rounds: tuple[Any, ...]) -> int:
    """Position of a round; -1 for a numbered round before the first, such as an open one that left no rows."""
    if label in rounds:
        return rounds.index(label)
    if isinstance(label, Real) and isinstance(rounds[0], Real) and label < rounds[0]:
        return -1
    raise DataError(
        f"the table of statements names round {_whole(label)!r}, which is not a round of the panel ({', '.join(map(str, rounds))})."
    )


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
