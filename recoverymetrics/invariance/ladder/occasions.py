"""The same people at several rounds: one model per round, joined into one model of all rounds.

A round is to a person what a group is to a sample. The table of the model in "groups" that are the rounds (times the
groups, when there are any), with all its equalities and identification, is renamed into a table of one wide model; what
people carry from round to round is added: free covariances of the factors between rounds, and of the residuals of each
item with itself (Liu et al. 2017; Widaman, Ferrer & Conger 2010).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from recoverymetrics.cfa.table import Key, ParameterTable, Roles, Row, number_rows
from recoverymetrics.errors import ModelError, OptionError
from recoverymetrics.instrument.frame import ItemData

OccasionSpec: TypeAlias = Mapping[str, str | Sequence[str] | Mapping[str, str]]
"""Round to a pattern such as ``"{item}_1"``, to columns in the model's order, or to a mapping from item to column."""


@dataclass(frozen=True)
class Occasions:
    """Rounds of a study and the column of every item in each of them.

    Attributes
    ----------
    labels : tuple of str, length T
        Rounds in order.
    items : tuple of str, length p
        Items as the model names them.
    columns : tuple of tuple of str, shape (T, p)
        Their columns in the data.
    correlated : bool
        Whether the residuals of an item are correlated between rounds.
    """

    labels: tuple[str, ...]
    items: tuple[str, ...]
    columns: tuple[tuple[str, ...], ...]
    correlated: bool = True

    @property
    def every_column(self) -> tuple[str, ...]:
        """All columns, round by round."""
        return tuple(column for columns in self.columns for column in columns)

    def columns_of(self, items: Sequence[str]) -> tuple[str, ...]:
        """Columns of some items at all rounds."""
        return tuple(
            column
            for columns in self.columns
            for item, column in zip(self.items, columns, strict=True)
            if item in items
        )

    def items_of(self, names: Sequence[str]) -> tuple[str, ...]:
        """Names with every column replaced by its item."""
        item_of = {column: item for row in self.columns for item, column in zip(self.items, row, strict=True)}
        return tuple(dict.fromkeys(item_of.get(name, name) for name in names))

    def rename(self, name: str, occasion: int) -> str:
        """Name of a variable of the model at a round: its column, or the factor with the round's label."""
        if name in self.items:
            return self.columns[occasion][self.items.index(name)]
        return f"{name}_{re.sub(r'[^A-Za-z0-9]', '_', self.labels[occasion])}" if name else ""

    def cells(self, groups: Sequence[str]) -> tuple[str, ...]:
        """Labels of the rounds, within groups when there are several."""
        if len(groups) < 2:
            return self.labels
        return tuple(f"{group}, {label}" for group in groups for label in self.labels)

    def key(self, lhs: str, op: str, rhs: str, cell: int) -> Key:
        """Where a parameter of the one-round model is in the wide table."""
        group, occasion = divmod(cell, len(self.labels))
        kept = rhs if op == "|" else self.rename(rhs, occasion)
        return Row(self.rename(lhs, occasion), op, kept, group).key

    def stack(self, record: ItemData) -> ItemData:
        """The wide record as one row per person and round, grouped by round (and group)."""
        cells = self.cells(record.groups)
        blocks, labels = [], []
        for g, (_, values) in enumerate(record.by_group()):
            for t, columns in enumerate(self.columns):
                where = [record.items.index(column) for column in columns]
                blocks.append(values[:, where])
                labels += [cells[(g if len(record.groups) > 1 else 0) * len(self.labels) + t]] * len(values)
        return ItemData(np.concatenate(blocks), self.items, np.array(labels, dtype=object), cells)

    def unstack(self, record: ItemData, stacked: ItemData) -> ItemData:
        """Put stacked responses back into the wide record."""
        values = record.values.copy()
        row = 0
        for label in record.groups or ("",):
            rows = np.flatnonzero(record.group == label) if record.groups else np.arange(record.n)
            for columns in self.columns:
                where = [record.items.index(column) for column in columns]
                values[rows[:, None], where] = stacked.values[row : row + rows.size]
                row += rows.size
        return replace(record, values=values)

    def without(self, occasion: int) -> Occasions:
        """The rounds but one."""
        keep = [t for t in range(len(self.labels)) if t != occasion]
        return replace(
            self, labels=tuple(self.labels[t] for t in keep), columns=tuple(self.columns[t] for t in keep)
        )


def read_occasions(occasions: OccasionSpec, items: Sequence[str], *, correlated: bool = True) -> Occasions:
    """Resolve ``occasions=`` to the column of each item in each round.

    Parameters
    ----------
    occasions : mapping
        Round to a pattern (``"{item}_1"``), to the columns in the order in which the model names the items, or to a
        mapping from item to column.
    items : sequence of str
        Items of the model.
    correlated : bool, default True
        Whether the residuals of an item are correlated between rounds.

    Raises
    ------
    OptionError
        Fewer than two rounds, a pattern without ``{item}``, a wrong number of columns, a column used twice.
    """
    if not isinstance(occasions, Mapping) or len(occasions) < 2:
        raise OptionError(
            "occasions= maps two rounds or more to their columns, for example "
            '{"before": "{item}_1", "after": "{item}_2"}.'
        )
    columns = tuple(_columns(str(label), source, items) for label, source in occasions.items())
    flat = [column for row in columns for column in row]
    twice = sorted({column for column in flat if flat.count(column) > 1})
    if twice:
        raise OptionError(f"occasions= uses column {twice[0]!r} twice; every item has its own in each round.")
    return Occasions(tuple(map(str, occasions)), tuple(items), columns, correlated)


def _columns(
    label: str, source: str | Sequence[str] | Mapping[str, str], items: Sequence[str]
) -> tuple[str, ...]:
    if isinstance(source, str):
        if "{item}" not in source:
            raise OptionError(
                f"the pattern of occasion {label!r} is {source!r}; it must hold {{item}}, as in '{{item}}_1'."
            )
        return tuple(source.replace("{item}", item) for item in items)
    if isinstance(source, Mapping):
        absent = [item for item in items if item not in source]
        if absent:
            raise OptionError(f"occasion {label!r} names no column for {', '.join(absent)}.")
        return tuple(str(source[item]) for item in items)
    if len(source) != len(items):
        raise OptionError(
            f"occasion {label!r} has {len(source)} columns for {len(items)} items; list them in the order of the "
            f"model: {', '.join(items)}."
        )
    return tuple(map(str, source))


def widen(
    table: ParameterTable, roles: Roles, occasions: Occasions, groups: Sequence[str], *, orthogonal: bool
) -> ParameterTable:
    """Join the rounds of a table (its "groups") into one model per real group.

    Parameters
    ----------
    table : ParameterTable
        Model of one round, in as many groups as there are groups times rounds.
    roles : Roles
        Roles of its variables.
    occasions : Occasions
        Names.
    groups : sequence of str
        Real groups.
    orthogonal : bool
        Between rounds a factor covaries only with itself.

    Raises
    ------
    ModelError
        Regressions, constraints, exploratory blocks, or a factor name that becomes the name of a column.
    """
    if table.constraints or roles.predicted or roles.blocks:
        raise ModelError(
            "a ladder over occasions takes a measurement model: no regressions, constraints, blocks."
        )
    rows = [_renamed(row, occasions) for row in table.rows]
    present = {row.key for row in rows}
    for group in range(len(groups)):
        added = _between(roles, occasions, group, orthogonal=orthogonal)
        rows += [row for row in added if row.key not in present]
    rows.sort(key=lambda row: row.group)
    every = range(len(occasions.labels))
    latent = tuple(occasions.rename(name, t) for t in every for name in table.latent)
    clash = sorted(set(latent) & set(occasions.every_column))
    if clash:
        raise ModelError(
            f"{clash[0]!r} would name a factor and is a column; rename the factor or the occasion."
        )
    return replace(
        table,
        rows=tuple(rows),
        index=number_rows(rows),
        observed=occasions.every_column,
        latent=latent,
        groups=tuple(groups),
        thresholds=table.thresholds * len(occasions.labels),
    )


def _renamed(row: Row, occasions: Occasions) -> Row:
    lhs, op, rhs, group = occasions.key(row.lhs, row.op, row.rhs, row.group)
    return replace(row, lhs=lhs, op=op, rhs=rhs, group=group)


def _between(roles: Roles, occasions: Occasions, group: int, *, orthogonal: bool) -> Iterator[Row]:
    """Covariances between rounds: of factors, and of an indicator's residual with itself."""
    free = [name for name in roles.latent if name not in roles.indicators]
    itself = (
        sorted(roles.indicators, key=(*roles.observed, *roles.latent).index) if occasions.correlated else []
    )
    n = len(occasions.labels)
    for s in range(n):
        for t in range(s + 1, n):
            for a in free:
                for b in free:
                    if a == b or not orthogonal:
                        yield Row(occasions.rename(a, s), "~~", occasions.rename(b, t), group)
            for name in itself:
                yield Row(occasions.rename(name, s), "~~", occasions.rename(name, t), group)
