"""From syntax and roles to a parameter table, its RAM layout and starting values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from recoverymetrics.cfa.equality import (
    apply_equality,
    check_equal,
    freed_keys,
    identify_means,
    identify_variances,
    identify_wu_estabrook,
)
from recoverymetrics.cfa.sample import Covariates
from recoverymetrics.cfa.syntax import Constraint, ParsedModel
from recoverymetrics.cfa.table import ParameterTable, Roles, Row, TableOptions, build_rows, number_rows
from recoverymetrics.errors import ModelError
from recoverymetrics.numerics.arrow import Arrow
from recoverymetrics.numerics.sem_ram import COVARIANCE, INTERCEPT, PATH, SCALE, THRESHOLD, RamLayout
from recoverymetrics.typing import FloatArray

CLEARLY_POSITIVE = 1e-7
"""Smallest pivot of the scaled cross-product above which no eigenvalue needs a look."""


@dataclass(frozen=True)
class ModelOptions:
    """Options of the model side, as given to ``fit_cfa``."""

    equal: tuple[str, ...] = ()
    free: tuple[str, ...] = ()
    std_lv: bool = False
    effect_coding: bool = False
    orthogonal: bool = False
    mean_structure: bool = False
    theta: bool = False
    identification: str = "wu_estabrook"
    free_exogenous: bool = False
    covariates: Covariates | None = None


def build_table(
    model: ParsedModel,
    roles: Roles,
    groups: Sequence[str],
    thresholds: Sequence[int],
    options: ModelOptions,
) -> ParameterTable:
    """Build the parameter table of a model in one or several groups.

    Parameters
    ----------
    model : ParsedModel
        Parsed syntax.
    roles : Roles
        Roles of its variables.
    groups : sequence of str
        Group labels.
    thresholds : sequence of int
        Number of thresholds of each observed variable, 0 for continuous ones.
    options : ModelOptions
        Equality, identification, parameterisation.
    """
    equal = check_equal(options.equal)
    ladder = any(thresholds) and len(groups) > 1 and options.identification == "wu_estabrook"
    notes: list[str] = []
    theta = options.theta
    if ladder and "residuals" in equal and not theta:
        theta = True
        notes.append("Equal residuals need the theta parameterisation, which was used.")
    std_lv = options.std_lv or ladder
    table_options = TableOptions(
        tuple(groups),
        std_lv,
        options.orthogonal,
        options.mean_structure,
        theta,
        options.free_exogenous,
        options.effect_coding,
    )
    given = options.covariates
    if given is not None:
        roles = replace(
            roles, observed=tuple(name for name in roles.observed if name not in given.names), exogenous=()
        )
    rows = build_rows(model, roles, table_options, thresholds)
    if given is not None:
        rows = sorted([*rows, *_given_rows(given)], key=lambda row: row.group)
    freed = freed_keys(options.free, rows) if options.free else set()
    if len(groups) > 1:
        if ladder:
            notes.extend(identify_wu_estabrook(rows, roles, equal, freed, theta=theta))
        else:
            identify_means(rows, roles, equal, anchored=bool({"intercepts", "thresholds"} & set(equal)))
            identify_variances(rows, roles, equal)
            if any(thresholds) and "thresholds" in equal:
                _free_scales(rows, thresholds, roles, theta=theta)
        apply_equality(rows, roles, equal, freed)
    coding = effects_coding(rows, roles, options.mean_structure) if options.effect_coding else ()
    index = number_rows(rows)
    return ParameterTable(
        tuple(rows),
        index,
        roles.observed,
        roles.latent,
        tuple(groups),
        (*model.constraints, *coding),
        roles.exogenous,
        options.mean_structure,
        tuple(thresholds),
        theta,
        tuple(notes),
        () if given is None else given.names,
    )


def _given_rows(given: Covariates) -> list[Row]:
    """Moments of the covariates, fixed at what they are."""
    rows = []
    for g, (mean, covariance) in enumerate(zip(given.mean, given.covariance, strict=True)):
        for i, name in enumerate(given.names):
            pairs = [(other, "~~", covariance[i, i + k]) for k, other in enumerate(given.names[i:])]
            for rhs, op, value in (*pairs, ("", "~1", mean[i])):
                rows.append(Row(name, op, rhs, g, free=False, value=float(value), origin="exogenous"))
    return rows


def effects_coding(rows: list[Row], roles: Roles, means: bool) -> tuple[Constraint, ...]:
    """Scale factors so that their loadings average one and, with means, their intercepts sum to zero, in place.

    Little, Slegers and Card (2006).
    """
    found = []
    for group in sorted({row.group for row in rows}):
        for factor in roles.latent:
            loadings = [r for r in rows if r.op == "=~" and r.lhs == factor and r.group == group]
            items = {r.rhs for r in loadings}
            found.append(_sum_to(loadings, float(len(loadings)), f"loading_{factor}"))
            if means:
                intercepts = [r for r in rows if r.op == "~1" and r.lhs in items and r.group == group]
                found.append(_sum_to(intercepts, 0.0, f"intercept_{factor}"))
                for row in rows:
                    if row.op == "~1" and row.lhs == factor and row.group == group:
                        row.release()
    return tuple({(c.lhs, c.rhs): c for c in found}.values())


def _sum_to(rows: Sequence[Row], total: float, stem: str) -> Constraint:
    for row in rows:
        row.label = row.label.strip(".") or f"{stem}_{row.rhs or row.lhs}_g{row.group + 1}"
    return Constraint(" + ".join(row.label for row in rows), "==", f"{total:g}", 0, 0)


def _free_scales(rows: list[Row], thresholds: Sequence[int], roles: Roles, *, theta: bool) -> None:
    ordered = {name for name, k in zip(roles.observed, thresholds, strict=True) if k}
    op = "~~" if theta else "~*~"
    for row in rows:
        own = row.op == op and row.lhs == row.rhs and row.lhs in ordered
        if row.group > 0 and own and row.origin != "modified":
            row.release()


def build_layout(table: ParameterTable, threshold_item: np.ndarray) -> RamLayout:
    """Place the rows of the table in the matrices; all groups share the cells."""
    position = {name: k for k, name in enumerate(table.names_of_variables)}
    ordinal = np.array([k > 0 for k in table.thresholds], dtype=bool)
    first = np.concatenate([[0], np.cumsum(table.thresholds)])
    cells: dict[tuple[int, int, int], int] = {}
    entries = []
    for number, row in enumerate(table.rows):
        if row.origin == "derived" or (row.origin == "exogenous" and row.lhs in table.given):
            continue
        cell = _cell(row, position, first, ordinal, table)
        if cell is not None:
            entries.append((cells.setdefault(cell, len(cells)), row.group, number))
    kind, r, c = (np.array([cell[k] for cell in cells], dtype=np.int64) for k in range(3))
    fixed = np.zeros((len(table.groups), len(cells)))
    fixed[:, kind == SCALE] = 1.0
    free = np.full(fixed.shape, -1, dtype=np.int64)
    for cell_index, group, number in entries:
        free[group, cell_index] = table.index[number]
        if table.index[number] < 0:
            fixed[group, cell_index] = table.rows[number].value
    return RamLayout(
        len(table.observed),
        len(position),
        kind,
        r,
        c,
        fixed,
        free,
        table.n_free,
        ordinal,
        threshold_item,
        table.theta,
        _given_covariance(table),
    )


def _given_covariance(table: ParameterTable) -> FloatArray | None:
    if not table.given:
        return None
    position = {name: k for k, name in enumerate(table.given)}
    found = np.zeros((len(table.groups), len(position), len(position)))
    for row in table.rows:
        if row.origin == "exogenous" and row.op == "~~":
            i, j = position[row.lhs], position[row.rhs]
            found[row.group, i, j] = found[row.group, j, i] = row.value
    return found


def _cell(
    row: Row,
    position: dict[str, int],
    first: np.ndarray,
    ordinal: np.ndarray,
    table: ParameterTable,
) -> tuple[int, int, int] | None:
    if row.op == "=~":
        return PATH, position[row.rhs], position[row.lhs]
    if row.op == "~":
        return PATH, position[row.lhs], position[row.rhs]
    if row.op == "~~":
        a, b = position[row.lhs], position[row.rhs]
        return COVARIANCE, max(a, b), min(a, b)
    if row.op == "~1":
        return INTERCEPT, position[row.lhs], 0
    if row.op == "|":
        return THRESHOLD, int(first[position[row.lhs]]) + int(row.rhs[1:]) - 1, 0
    if row.op == "~*~" and not table.theta:
        return SCALE, position[row.lhs], 0
    return None


def check_variables(
    roles: Roles, available: Iterable[str], *, ordered: Sequence[str], categories: bool
) -> None:
    """Refuse variables that the data do not have, and models without a factor or with a loop of names."""
    known = set(available)
    missing = [name for name in roles.observed if name not in known]
    if missing:
        names = ", ".join(repr(name) for name in missing)
        raise ModelError(
            f"the model uses {names}, which {'is' if len(missing) == 1 else 'are'} neither a column of the data "
            f"nor defined by =~; the columns are {', '.join(sorted(known))}."
        )
    clash = [name for name in roles.latent if name in known]
    if clash:
        raise ModelError(
            f"{clash[0]!r} is a latent variable of the model and also a column of the data; rename one of them."
        )
    strange = [name for name in ordered if name not in roles.observed]
    if strange and categories:
        raise ModelError(f"ordered= names {strange[0]!r}, which is not in the model.")


def check_identified(
    table: ParameterTable, gram: FloatArray, n_moments: int, n_constraints: int, arrow: Arrow | None
) -> None:
    """Refuse a model whose parameters the moments cannot tell apart, naming the parameters.

    Parameters
    ----------
    table : ParameterTable
        Model.
    gram : ndarray, shape (q, q)
        Cross-product of the derivatives of all moments (and constraints) by the free parameters.
    n_moments : int
        Number of sample moments.
    n_constraints : int
        Number of general equality constraints.
    arrow : Arrow or None
        Shape of ``gram``.
    """
    q = table.n_free
    if q - n_constraints > n_moments:
        names = table.names()
        raise ModelError(
            f"the model is not identified: {q - n_constraints} free parameters for {n_moments} sample moments. "
            f"Fix or equate some of {', '.join(names[:12])}{', ...' if q > 12 else ''}."
        )
    scale = np.sqrt(np.diagonal(gram))
    silent = np.flatnonzero(scale < 1e-10)
    if silent.size:
        listed = ", ".join(table.names()[k] for k in silent)
        raise ModelError(f"the model is not identified: no sample moment depends on {listed}.")
    scaled = gram / (scale[:, None] * scale)
    shape = arrow or Arrow((), np.arange(q))
    factor = shape.factor(scaled)
    if factor is not None and factor.smallest_pivot > CLEARLY_POSITIVE:
        return
    values, vectors = np.linalg.eigh(scaled)
    null = vectors[:, values < 1e-10 * values[-1]]
    if null.shape[1] == 0:
        return
    involved = np.flatnonzero(np.abs(null).max(axis=1) > 1e-4)
    listed = ", ".join(table.names()[k] for k in involved)
    raise ModelError(
        f"the model is not identified: {null.shape[1]} combination{'s' if null.shape[1] > 1 else ''} of these "
        f"parameters can change without changing the implied moments: {listed}. Fix a loading or a variance of "
        "the factor concerned, add indicators, or equate parameters."
    )
