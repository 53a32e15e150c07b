"""The parameter table: one row per parameter and group, from parsed syntax to free indices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import pandas as pd

from recoverymetrics.cfa.syntax import Constraint, ParsedModel, Statement
from recoverymetrics.errors import ModelError

COLUMNS = ("lhs", "op", "rhs", "group", "free", "value", "start", "label", "origin", "block")
Key = tuple[str, str, str, int]
T = TypeVar("T", float, str)


@dataclass(slots=True)
class Row:
    """One parameter in one group, while the table is being built.

    Attributes
    ----------
    lhs, op, rhs : str
        The model line.
    group : int
        Group, counted from zero.
    free : bool
        Whether the parameter is estimated.
    value : float
        Fixed value; NaN when free or when it follows from the data or the other parameters.
    start : float
        Starting value given by the user, or NaN.
    label : str
        Label; equal labels are equal parameters.
    origin : str
        ``user``, ``default``, ``exogenous`` (moments of observed predictors, reported as given) or ``derived`` (residual variances
        and scaling factors that follow from the parameterisation).
    block : str
        Name of the exploratory block of a loading.
    """

    lhs: str
    op: str
    rhs: str
    group: int
    free: bool = True
    value: float = math.nan
    start: float = math.nan
    label: str = ""
    origin: str = "default"
    block: str = ""

    @property
    def key(self) -> Key:
        """What makes the row unique; covariances ignore the order of their sides."""
        if self.op == "~~" and self.rhs < self.lhs:
            return self.rhs, self.op, self.lhs, self.group
        return self.lhs, self.op, self.rhs, self.group

    @property
    def name(self) -> str:
        """The line as one word, such as ``f=~x1`` or ``x1~1``."""
        return f"{self.lhs}{self.op}{self.rhs}"

    def fix(self, value: float) -> None:
        """Fix the parameter."""
        self.free, self.value = False, value

    def release(self) -> None:
        """Estimate the parameter."""
        self.free, self.value = True, math.nan


@dataclass(frozen=True)
class ParameterTable:
    """A resolved model: rows with free indices, constraints, and the roles of the variables.

    Attributes
    ----------
    rows : tuple of Row
        Parameters, all groups.
    index : ndarray of int, shape (n_rows,)
        Free parameter of each row, counted from zero; -1 when fixed.
    observed, latent : tuple of str
        Variables in the order of the covariance matrices.
    groups : tuple of str
        Group labels.
    constraints : tuple of Constraint
        ``==``, ``<``, ``>`` and ``:=`` lines.
    exogenous : tuple of str
        Observed predictors: their moments are estimated with the rest and reported as given.
    mean_structure : bool
        Whether intercepts are part of the model.
    thresholds : tuple of int
        Number of thresholds of each observed variable, 0 for continuous ones.
    theta : bool
        Theta parameterisation of ordinal variables.
    notes : tuple of str
        Decisions that the analyst should know.
    given : tuple of str
        Observed predictors that the moments of models with ordered items are conditional on.
    """

    rows: tuple[Row, ...]
    index: np.ndarray
    observed: tuple[str, ...]
    latent: tuple[str, ...]
    groups: tuple[str, ...]
    constraints: tuple[Constraint, ...] = ()
    exogenous: tuple[str, ...] = ()
    mean_structure: bool = False
    thresholds: tuple[int, ...] = ()
    theta: bool = False
    notes: tuple[str, ...] = ()
    given: tuple[str, ...] = ()

    @property
    def names_of_variables(self) -> tuple[str, ...]:
        """All variables in the order of the model matrices: observed, latent, given."""
        return (*self.observed, *self.latent, *self.given)

    @property
    def n_free(self) -> int:
        """Number of distinct free parameters, before general constraints."""
        return int(self.index.max(initial=-1)) + 1

    @property
    def n_exogenous(self) -> int:
        """Number of free moments of exogenous predictors."""
        return len(
            {int(k) for row, k in zip(self.rows, self.index, strict=True) if row.origin == "exogenous"}
        )

    def names(self) -> tuple[str, ...]:
        """A name for each free parameter: the line of its first row, with the group when there are several."""
        found: dict[int, str] = {}
        for row, k in zip(self.rows, self.index, strict=True):
            if k >= 0 and k not in found:
                shared = bool(row.label) and sum(other.label == row.label for other in self.rows) > 1
                plain = len(self.groups) == 1 or shared
                found[int(k)] = row.name if plain else f"{row.name} [{self.groups[row.group]}]"
        return tuple(found[k] for k in range(len(found)))

    def to_frame(self) -> pd.DataFrame:
        """The table for reading and editing."""
        frame = pd.DataFrame(
            {
                "lhs": [r.lhs for r in self.rows],
                "op": [r.op for r in self.rows],
                "rhs": [r.rhs for r in self.rows],
                "group": [self.groups[r.group] for r in self.rows],
                "free": self.index + 1,
                "value": [r.value for r in self.rows],
                "start": [r.start for r in self.rows],
                "label": [r.label for r in self.rows],
                "origin": [r.origin for r in self.rows],
                "block": [r.block for r in self.rows],
            }
        )
        lines = [(c.lhs, c.op, c.rhs) for c in self.constraints]
        if lines:
            extra = pd.DataFrame(lines, columns=["lhs", "op", "rhs"])
            extra = extra.assign(
                group="", free=0, value=np.nan, start=np.nan, label="", origin="user", block=""
            )
            frame = pd.concat([frame, extra], ignore_index=True)
        return frame


@dataclass(frozen=True)
class TableOptions:
    """What the defaults of the table depend on."""

    groups: tuple[str, ...] = ("all",)
    std_lv: bool = False
    orthogonal: bool = False
    mean_structure: bool = False
    theta: bool = False
    free_exogenous: bool = False
    effect_coding: bool = False


@dataclass(frozen=True)
class Roles:
    """Which variable does what in a model."""

    latent: tuple[str, ...]
    observed: tuple[str, ...]
    predicted: tuple[str, ...]
    predictors: tuple[str, ...]
    indicators: frozenset[str]
    exogenous: tuple[str, ...]
    blocks: dict[str, tuple[str, ...]]


def find_roles(model: ParsedModel, *, free_exogenous: bool = False) -> Roles:
    """Sort the variables of a model into latent, observed, predicted, predictor and exogenous ones."""
    loadings = [s for s in model.statements if s.op == "=~"]
    latent = tuple(dict.fromkeys(s.lhs for s in loadings))
    known = set(latent)
    order: dict[str, None] = {}
    for statements in (loadings, [s for s in model.statements if s.op != "=~"]):
        for s in statements:
            names = (s.rhs,) if s.op == "=~" else ((s.lhs,) if s.op in ("|", "~1", "~*~") else (s.lhs, s.rhs))
            order.update((name, None) for name in names if name not in known)
    regressions = [s for s in model.statements if s.op == "~"]
    predicted = tuple(dict.fromkeys(s.lhs for s in regressions))
    predictors = tuple(dict.fromkeys(s.rhs for s in regressions))
    indicators = frozenset(s.rhs for s in loadings)
    touched = {n for s in model.statements if s.op in ("~~", "~1") for n in (s.lhs, s.rhs)}
    exogenous = tuple(
        name
        for name in predictors
        if name not in known
        and name not in predicted
        and name not in indicators
        and name not in touched
        and not free_exogenous
    )
    blocks: dict[str, tuple[str, ...]] = {}
    for s in loadings:
        if s.block:
            blocks[s.block] = tuple(dict.fromkeys((*blocks.get(s.block, ()), s.lhs)))
    return Roles(latent, tuple(order), predicted, predictors, indicators, exogenous, blocks)


def build_rows(
    model: ParsedModel, roles: Roles, options: TableOptions, thresholds: Sequence[int]
) -> list[Row]:
    """Turn statements into rows and add what a confirmatory factor model has by default.

    ``thresholds`` counts the thresholds of each observed variable (0 when continuous).
    """
    rows: dict[Key, Row] = {}
    n_groups = len(options.groups)
    for statement in model.statements:
        for group in range(n_groups):
            _apply(rows, statement, group, n_groups)
    n_thresholds = dict(zip(roles.observed, thresholds, strict=True))
    for group in range(n_groups):
        _scale_factors(rows, roles, options, group)
        _add_variances(rows, roles, options, n_thresholds, group)
        _add_covariances(rows, roles, options, group)
        if any(thresholds):
            _add_thresholds(rows, roles, options, n_thresholds, group)
        if options.mean_structure:
            _add_intercepts(rows, roles, n_thresholds, group)
    ordered = sorted(rows.values(), key=lambda row: row.group)
    return ordered


def _apply(rows: dict[Key, Row], statement: Statement, group: int, n_groups: int) -> None:
    row = Row(statement.lhs, statement.op, statement.rhs, group, origin="user", block=statement.block)
    row = rows.setdefault(row.key, row)
    for modifier in statement.modifiers:
        where = f"line {statement.line}, column {statement.column}"
        value = _entry(modifier.fixed, group, n_groups, row.name, where)
        label = _entry(modifier.labels, group, n_groups, row.name, where)
        start = _entry(modifier.start, group, n_groups, row.name, where)
        if value is not None:
            row.free, row.value = math.isnan(value), value
            row.origin = "modified"
        if label:
            row.label = label
        if start is not None:
            row.start = start


def _entry(values: tuple[T, ...], group: int, n_groups: int, name: str, where: str) -> T | None:
    if not values:
        return None
    if len(values) == 1:
        return values[0]
    if len(values) != n_groups:
        raise ModelError(
            f"model syntax, {where}: {name} has {len(values)} modifiers for {n_groups} "
            f"group{'s' if n_groups > 1 else ''}; write one per group in c(...)."
        )
    return values[group]


def _scale_factors(rows: dict[Key, Row], roles: Roles, options: TableOptions, group: int) -> None:
    """Give each latent variable a unit: a marker, unless it is standardised or the user chose."""
    in_block = {name for names in roles.blocks.values() for name in names}
    if options.std_lv or options.effect_coding:
        return
    markers: dict[str, Row] = {}
    for row in rows.values():
        if row.op == "=~" and row.group == group:
            markers.setdefault(row.lhs, row)
    for factor, first in markers.items():
        if factor not in in_block and first.origin != "modified" and first.free:
            first.fix(1.0)


def _default(rows: dict[Key, Row], row: Row) -> Row:
    return rows.setdefault(row.key, row)


def _add_variances(
    rows: dict[Key, Row], roles: Roles, options: TableOptions, thresholds: dict[str, int], group: int
) -> None:
    in_block = {name for names in roles.blocks.values() for name in names}
    for name in roles.observed:
        row = Row(name, "~~", name, group)
        if name in roles.exogenous:
            row.origin = "exogenous"
        elif thresholds[name]:
            row.free, row.value = False, 1.0 if options.theta else math.nan
            row.origin = "default" if options.theta else "derived"
        _default(rows, row)
    for name in roles.latent:
        row = Row(name, "~~", name, group)
        if options.std_lv or name in in_block:
            row.fix(1.0)
        _default(rows, row)


def _add_covariances(rows: dict[Key, Row], roles: Roles, options: TableOptions, group: int) -> None:
    dependent = set(roles.predicted) | roles.indicators
    free = [name for name in roles.latent if name not in dependent]
    in_block = {name: block for block, names in roles.blocks.items() for name in names}
    for i, a in enumerate(free):
        for b in free[i + 1 :]:
            row = Row(a, "~~", b, group)
            if options.orthogonal:
                row.fix(0.0)
            if a in in_block and in_block.get(a) == in_block.get(b):
                row.block = in_block[a]
                row.release()
            _default(rows, row)
    for i, a in enumerate(roles.exogenous):
        for b in roles.exogenous[i + 1 :]:
            _default(rows, Row(a, "~~", b, group, origin="exogenous"))
    outcomes = [n for n in roles.predicted if n not in roles.predictors and n not in roles.indicators]
    for i, a in enumerate(outcomes):
        for b in outcomes[i + 1 :]:
            row = Row(a, "~~", b, group)
            if options.orthogonal and {a, b} <= set(roles.latent):
                row.fix(0.0)
            _default(rows, row)


def _add_thresholds(
    rows: dict[Key, Row], roles: Roles, options: TableOptions, thresholds: dict[str, int], group: int
) -> None:
    for name, count in thresholds.items():
        for k in range(count):
            _default(rows, Row(name, "|", f"t{k + 1}", group))
        if count:
            scale = _default(rows, Row(name, "~*~", name, group, free=False, value=1.0))
            if options.theta:
                scale.free, scale.value, scale.origin = False, math.nan, "derived"


def _add_intercepts(rows: dict[Key, Row], roles: Roles, thresholds: dict[str, int], group: int) -> None:
    for name in roles.observed:
        row = Row(name, "~1", "", group)
        if name in roles.exogenous:
            row.origin = "exogenous"
        elif thresholds[name]:
            row.fix(0.0)
        _default(rows, row)
    for name in roles.latent:
        _default(rows, Row(name, "~1", "", group, free=False, value=0.0))


def number_rows(rows: Sequence[Row]) -> np.ndarray:
    """Free index of each row (-1 when fixed); rows with one label share it.

    A label that is fixed somewhere is fixed everywhere at that value.
    """
    pinned: dict[str, float] = {}
    for row in rows:
        if row.label and not row.free and math.isfinite(row.value):
            pinned.setdefault(row.label, row.value)
    index = np.full(len(rows), -1)
    seen: dict[str, int] = {}
    count = 0
    for k, row in enumerate(rows):
        if not row.free:
            continue
        if row.label in pinned:
            row.fix(pinned[row.label])
            continue
        if row.label and row.label in seen:
            index[k] = seen[row.label]
            continue
        index[k] = count
        if row.label:
            seen[row.label] = count
        count += 1
    return index


def with_rows(table: ParameterTable, rows: Sequence[Row], **changes: object) -> ParameterTable:
    """The same model with other rows, numbered anew."""
    copies = [replace(row) for row in rows]
    return replace(table, rows=tuple(copies), index=number_rows(copies), **changes)  # type: ignore[arg-type]
