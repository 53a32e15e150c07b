"""From a long table of ratings to the arrays of a panel; every refusal names the rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from recoverymetrics.consensus.lineage import read_lineage
from recoverymetrics.errors import DataError, OptionError
from recoverymetrics.instrument.frame import to_pandas
from recoverymetrics.typing import BoolArray, FloatArray, IntoFrame, ObjectArray


@dataclass(frozen=True)
class Columns:
    """Which column holds what; ``groups`` maps a panelist attribute to its column or ``None``."""

    statement: str
    panelist: str
    round: str
    rating: str
    free_text: str | None
    groups: Mapping[str, str | None]

    @property
    def given_groups(self) -> dict[str, str]:
        """Attributes that have a column."""
        return {name: column for name, column in self.groups.items() if column is not None}


def read_panel(
    ratings: IntoFrame, columns: Columns, scale: tuple[int, int], statements: IntoFrame | None
) -> dict[str, Any]:
    """Check a long table and return the fields of a panel."""
    _check_scale(scale)
    frame = to_pandas(ratings).reset_index(drop=True)
    _check_columns(frame, columns)
    numbers = _numbers(frame[columns.rating], scale)
    _check_identified(frame, columns, numbers)
    rounds = _round_labels(frame[columns.round])
    of_statement = frame[columns.statement].notna().to_numpy()
    ids = _Axes.of(frame, columns, rounds, of_statement)
    lineage = read_lineage(statements, ids.statements, columns.statement)
    listed = tuple(lineage.frame["statement"])
    _check_duplicates(frame, columns, of_statement)
    array = np.full((len(rounds), len(listed), len(ids.panelists)), np.nan)
    at = {name: i for i, name in enumerate(listed)}
    rows = np.flatnonzero(of_statement)
    position = np.array([at[ids.statements[s]] for s in ids.statement[rows]], dtype=int)
    array[ids.round[rows], position, ids.panelist[rows]] = numbers[rows]
    lineage.check(rounds, (~np.isnan(array)).any(axis=2))
    return {
        "ratings": array,
        "statements": listed,
        "panelists": ids.panelists,
        "rounds": rounds,
        "scale": (int(scale[0]), int(scale[1])),
        "attributes": {n: _attribute(frame, n, c, ids, len(rounds)) for n, c in columns.given_groups.items()},
        "took_part": _took_part(frame, columns, numbers, ids, len(rounds)),
        "comments": _comments(frame, columns),
        "lineage": lineage,
    }


@dataclass(frozen=True)
class _Axes:
    """Names along the axes and each row's position on them (statement -1 for open-round rows)."""

    statements: tuple[str, ...]
    panelists: tuple[str, ...]
    statement: np.ndarray
    panelist: np.ndarray
    round: np.ndarray

    @classmethod
    def of(cls, frame: pd.DataFrame, columns: Columns, rounds: tuple[Any, ...], named: BoolArray) -> _Axes:
        text = frame[columns.statement].map(_name).where(named)
        statement, statements = pd.factorize(text, use_na_sentinel=True)
        panelist, panelists = pd.factorize(frame[columns.panelist].map(_name))
        at = {label: i for i, label in enumerate(rounds)}
        position = np.array([at[_plain(label)] for label in frame[columns.round]], dtype=int)
        return cls(tuple(statements), tuple(panelists), statement, panelist, position)


def _name(value: Any) -> str:
    return str(_plain(value))


def _plain(value: Any) -> Any:
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return int(value)
    return value.item() if isinstance(value, np.generic) else value


def _check_scale(scale: tuple[int, int]) -> None:
    whole = len(scale) == 2 and all(float(end).is_integer() for end in scale)
    if not whole or scale[0] >= scale[1]:
        raise OptionError(
            f"scale={scale!r} must be the lowest and the highest category, for example (1, 5) or (1, 9)."
        )


def _check_columns(frame: pd.DataFrame, columns: Columns) -> None:
    named = [columns.statement, columns.panelist, columns.round, columns.rating, columns.free_text]
    for name in [*named, *columns.given_groups.values()]:
        if name is not None and name not in frame.columns:
            raise DataError(
                f"there is no column {name!r}; the columns are {', '.join(map(str, frame.columns))}."
            )


def _numbers(column: pd.Series, scale: tuple[int, int]) -> FloatArray:
    numbers = pd.to_numeric(column, errors="coerce")
    text = np.flatnonzero((numbers.isna() & column.notna()).to_numpy())
    if text.size:
        raise DataError(
            f"{text.size} ratings are not numbers (first: {column.iloc[text[0]]!r} in row {text[0] + 1}); code the "
            f"scale {scale[0]} to {scale[1]} and leave the cell empty where there is no rating."
        )
    values: FloatArray = numbers.to_numpy(dtype=float, na_value=np.nan)
    given = ~np.isnan(values)
    if not given.any():
        raise DataError("there is no rating in the table: every cell of the rating column is empty.")
    off = np.flatnonzero(given & ((values < scale[0]) | (values > scale[1]) | (values != np.round(values))))
    if off.size:
        raise DataError(
            f"{off.size} ratings are not whole numbers from {scale[0]} to {scale[1]} (first: {values[off[0]]:g} in "
            f"row {off[0] + 1}); correct them, or give the scale= that was used."
        )
    return values


def _check_identified(frame: pd.DataFrame, columns: Columns, numbers: FloatArray) -> None:
    for name in (columns.panelist, columns.round):
        absent = np.flatnonzero(frame[name].isna().to_numpy())
        if absent.size:
            raise DataError(f"{absent.size} rows have no {name} (first: row {absent[0] + 1}).")
    lost = np.flatnonzero(frame[columns.statement].isna().to_numpy() & ~np.isnan(numbers))
    if lost.size:
        raise DataError(f"{lost.size} ratings belong to no statement (first: row {lost[0] + 1}).")


def _round_labels(column: pd.Series) -> tuple[Any, ...]:
    labels = list(dict.fromkeys(_plain(label) for label in column))
    return tuple(sorted(labels, key=_natural))


def _natural(label: Any) -> tuple[bool, list[tuple[bool, Any]]]:
    """Order of rounds: numbers first; within text, digits count as numbers, so that 10 follows 9."""
    if not isinstance(label, str):
        return False, [(False, label)]
    parts = re.split(r"(\d+)", label)
    return True, [(not part.isdigit(), int(part) if part.isdigit() else part) for part in parts if part]


def _check_duplicates(frame: pd.DataFrame, columns: Columns, named: BoolArray) -> None:
    keys = [columns.statement, columns.panelist, columns.round]
    rows = frame.loc[named, keys]
    twice = rows[rows.duplicated(keep=False)]
    if twice.empty:
        return
    pairs = twice.drop_duplicates()
    shown = "; ".join(
        f"statement {s}, panelist {p}, round {r}" for s, p, r in pairs.head(5).itertuples(index=False)
    )
    more = f" and {len(pairs) - 5} more" if len(pairs) > 5 else ""
    raise DataError(
        f"{len(pairs)} statements were rated more than once by the same panelist in one round: {shown}{more} "
        f"(rows {', '.join(str(row + 1) for row in twice.index[:6])}). Keep one rating of each."
    )


def _attribute(frame: pd.DataFrame, name: str, column: str, ids: _Axes, n_rounds: int) -> ObjectArray:
    """Labels of shape (R, P): as stated in the round, else the nearest earlier, else the nearest later one."""
    labels = np.full((n_rounds, len(ids.panelists)), None, dtype=object)
    known = frame[column].notna().to_numpy()
    table = pd.DataFrame(
        {
            "round": ids.round[known],
            "panelist": ids.panelist[known],
            "label": frame.loc[known, column].map(_name),
        }
    ).drop_duplicates()
    clash = table[table.duplicated(["round", "panelist"], keep=False)]
    if len(clash):
        first = clash.iloc[0]
        same = clash[(clash["round"] == first["round"]) & (clash["panelist"] == first["panelist"])]["label"]
        raise DataError(
            f"panelist {ids.panelists[first['panelist']]!r} is in several {name} groups within one round "
            f"({', '.join(same)}); a panelist may change group between rounds only."
        )
    labels[table["round"].to_numpy(dtype=int), table["panelist"].to_numpy(dtype=int)] = table[
        "label"
    ].to_numpy(dtype=object)
    for step, order in ((1, range(1, n_rounds)), (-1, range(n_rounds - 2, -1, -1))):
        for r in order:
            unknown = np.array([label is None for label in labels[r]])
            labels[r, unknown] = labels[r - step, unknown]
    return labels


def _took_part(
    frame: pd.DataFrame, columns: Columns, numbers: FloatArray, ids: _Axes, n_rounds: int
) -> BoolArray:
    said = ~np.isnan(numbers)
    if columns.free_text is not None:
        said = said | frame[columns.free_text].notna().to_numpy()
    took_part = np.zeros((n_rounds, len(ids.panelists)), dtype=bool)
    took_part[ids.round[said], ids.panelist[said]] = True
    return took_part


def _comments(frame: pd.DataFrame, columns: Columns) -> pd.DataFrame:
    names = ["statement", "panelist", "round", "text"]
    if columns.free_text is None:
        return pd.DataFrame(columns=names)
    told = frame[frame[columns.free_text].notna()]
    kept = told[[columns.statement, columns.panelist, columns.round, columns.free_text]].copy()
    kept.columns = pd.Index(names)
    kept["statement"] = kept["statement"].map(_name, na_action="ignore")
    kept["panelist"] = kept["panelist"].map(_name)
    return kept.reset_index(drop=True)
