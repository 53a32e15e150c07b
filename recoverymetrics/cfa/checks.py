"""What a model text can say that no data can make sense of, refused in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

import numpy as np

from recoverymetrics.cfa.syntax import ParsedModel, Statement
from recoverymetrics.cfa.table import ParameterTable, Roles
from recoverymetrics.errors import ModelError
from recoverymetrics.typing import IntArray


def check_statements(model: ParsedModel) -> None:
    """Refuse variables that measure or predict themselves, factors in a circle, and lines that contradict one another.

    Raises
    ------
    ModelError
        With the line of the text.
    """
    seen: dict[tuple[str, str, str], Statement] = {}
    for statement in model.statements:
        if statement.op in ("=~", "~") and statement.lhs == statement.rhs:
            verb = "measure" if statement.op == "=~" else "predict"
            _complain(statement, f"{statement.lhs!r} cannot {verb} itself")
        sides = (statement.lhs, statement.rhs)
        key = (statement.op, *(sorted(sides) if statement.op == "~~" else sides))
        if key in seen:
            _check_repeated(seen[key], statement)
        seen[key] = statement
    _check_circles(model)


def _check_repeated(first: Statement, again: Statement) -> None:
    """A second mention must add something (a label to a value), and must not contradict the first."""
    name = f"{again.lhs} {again.op} {again.rhs}".strip()
    if not again.modifiers and not first.modifiers:
        _complain(again, f"{name} is written twice; leave one out")
    for kind in ("fixed", "labels"):
        one = {getattr(m, kind) for m in first.modifiers if getattr(m, kind)}
        two = {getattr(m, kind) for m in again.modifiers if getattr(m, kind)}
        numbers = kind == "fixed" and all(v == v for values in one | two for v in values)
        if one and two and one != two and (numbers or kind == "labels"):
            what = "values" if numbers else "labels"
            _complain(again, f"{name} is given two different {what}; leave one out")


def _check_circles(model: ParsedModel) -> None:
    measured: dict[str, set[str]] = {}
    for s in model.statements:
        if s.op == "=~":
            measured.setdefault(s.lhs, set()).add(s.rhs)
    for s in model.statements:
        if s.op != "=~" or s.rhs not in measured:
            continue
        reached, todo = set[str](), [s.rhs]
        while todo:
            name = todo.pop()
            if name not in reached:
                reached.add(name)
                todo += measured.get(name, ())
        if s.lhs in reached:
            _complain(
                s, f"the factors {s.lhs!r} and {s.rhs!r} measure each other; one of them must come first"
            )


def check_thresholds(model: ParsedModel, observed: Sequence[str], counts: IntArray) -> None:
    """Refuse thresholds of continuous variables and beyond the last category."""
    for s in model.statements:
        if s.op not in ("|", "~*~"):
            continue
        count = int(counts[observed.index(s.lhs)])
        if not count:
            _complain(s, f"{s.lhs!r} is continuous and has no thresholds or scale; name it in ordered=")
        if s.op == "|" and (s.rhs[:1] != "t" or not s.rhs[1:].isdigit() or not 1 <= int(s.rhs[1:]) <= count):
            _complain(
                s,
                f"{s.lhs!r} has {count + 1} categories, so its thresholds are t1 to t{count}, not {s.rhs!r}",
            )


def check_ordered_causes(roles: Roles, ordinal: Sequence[str], *, theta: bool) -> None:
    """Refuse ordered outcomes that predict others under the delta parameterisation, which leaves their residual variance open."""
    causes = [name for name in roles.predictors if name in ordinal and name not in roles.exogenous]
    if causes and not theta:
        raise ModelError(
            f"the ordered variable {causes[0]!r} is an outcome and also predicts others; this needs parameterization='theta'."
        )


def _complain(statement: Statement, what: str) -> NoReturn:
    raise ModelError(f"model syntax, line {statement.line}, column {statement.column}: {what}.")


def refuse_start(table: ParameterTable) -> NoReturn:
    """Say which values make the implied covariance matrix impossible before the search begins."""
    given = [
        row.name
        for row in table.rows
        if np.isfinite(row.start)
        or (row.origin == "modified" and not row.free and row.value not in (0.0, 1.0))
    ]
    cause = (
        f"Change the values that the model gives to {', '.join(dict.fromkeys(given))}."
        if given
        else "Give starting values with start()."
    )
    raise ModelError(
        f"the covariance matrix that the model implies at its fixed and starting values is not positive definite. {cause}"
    )
