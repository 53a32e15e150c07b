"""Populations to draw from: model text with values, or a fitted model, as moments and thresholds by group."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from recoverymetrics.cfa.model import ModelOptions, build_layout, build_table
from recoverymetrics.cfa.syntax import Modifier, ParsedModel, Statement, parse_model
from recoverymetrics.cfa.table import ParameterTable, Row, find_roles
from recoverymetrics.errors import ModelError, OptionError
from recoverymetrics.numerics.sem_ram import RamLayout, RamState, evaluate
from recoverymetrics.typing import FloatArray

if TYPE_CHECKING:
    from recoverymetrics.cfa.result import CFAResult

GROUP_COLUMN = "group"


@dataclass(frozen=True)
class Population:
    """Normal variables in ``G`` groups, some of them cut into ordered categories.

    Attributes
    ----------
    items : tuple of str
        Observed variables.
    mean : ndarray, shape (G, p)
        Means, of latent responses for ordered items.
    covariance : ndarray, shape (G, p, p)
        Covariances.
    thresholds : mapping
        Ordered item -> thresholds by group, shape (G, K).
    groups : tuple of str
        Group labels; ``("all",)`` for one group.
    share : ndarray, shape (G,)
        Share of persons of each group.
    """

    items: tuple[str, ...]
    mean: FloatArray
    covariance: FloatArray
    thresholds: Mapping[str, FloatArray]
    groups: tuple[str, ...]
    share: FloatArray

    def sizes(self, n: int) -> tuple[int, ...]:
        """Persons of each group when there are ``n`` in all."""
        edges = np.round(n * np.cumsum(self.share)).astype(int)
        return tuple(int(k) for k in np.diff(np.concatenate([[0], edges])))

    def draw(self, sizes: Sequence[int], rng: np.random.Generator) -> list[FloatArray]:
        """Draw the rows of every group; ordered items as categories 0, 1, ..."""
        blocks = []
        for g, size in enumerate(sizes):
            block = rng.multivariate_normal(
                self.mean[g], self.covariance[g], size=size, method="eigh", check_valid="ignore"
            )
            for item, tau in self.thresholds.items():
                j = self.items.index(item)
                block[:, j] = np.searchsorted(tau[g], block[:, j])
            blocks.append(block)
        return blocks

    def frame(self, blocks: Sequence[FloatArray]) -> pd.DataFrame:
        """Drawn rows as a table, with the column ``group`` when there are several."""
        frame = pd.DataFrame(np.concatenate(blocks), columns=list(self.items))
        if len(self.groups) > 1:
            frame[GROUP_COLUMN] = np.repeat(np.array(self.groups, dtype=object), [len(b) for b in blocks])
        return frame


def read_population(source: str | CFAResult, n_groups: int, share: FloatArray) -> Population:
    """Population of a model text with values, or of a fitted model."""
    return _from_text(source, n_groups, share) if isinstance(source, str) else from_fit(source)


def from_fit(fit: CFAResult) -> Population:
    """The population that a fitted model implies."""
    fit.refuse_given("a simulation from the model")
    layout, state = fit.layout, fit.state
    mean = state.mu if fit.moments.means else fit.sample.mean
    thresholds = {
        name: state.tau[:, layout.threshold_item == j]
        for j, name in enumerate(fit.table.observed)
        if layout.ordinal[j]
    }
    sigma = state.sigma.copy()
    if layout.any_ordinal and not layout.theta:
        o = np.flatnonzero(layout.ordinal)
        sigma[:, o, o] = 1.0 / state.delta[:, o] ** 2
    return Population(
        fit.table.observed, np.array(mean, dtype=float), sigma, thresholds, fit.groups, fit.sample.share
    )


def _from_text(text: str, n_groups: int, share: FloatArray) -> Population:
    parsed = parse_model(text)
    plain = replace(parsed, statements=tuple(s for s in parsed.statements if s.op != "|"))
    roles = find_roles(plain)
    groups = ("all",) if n_groups == 1 else tuple(f"g{k + 1}" for k in range(n_groups))
    options = ModelOptions(std_lv=True, mean_structure=True)
    table = build_table(plain, roles, groups, [0] * len(roles.observed), options)
    open_rows = [_settle(row, set(roles.predicted) | roles.indicators) for row in table.rows]
    layout = build_layout(_fixed(table), np.zeros(0, dtype=np.int64))
    state, layout = _unit_variances(table, layout, open_rows)
    mean, covariance = np.array(state.mu), np.array(state.sigma)
    for g, label in enumerate(groups):
        if np.linalg.eigvalsh(covariance[g])[0] < -1e-10:
            where = f" in group {label!r}" if n_groups > 1 else ""
            raise ModelError(f"the population covariance matrix{where} is not positive definite.")
    return Population(
        roles.observed, mean, covariance, _thresholds(parsed, roles.observed, n_groups), groups, share
    )


def _settle(row: Row, dependent: set[str]) -> bool:
    """Give a row its population value, in place; True for residual variances that make the variable unit-variance."""
    given = row.origin == "modified" or (math.isfinite(row.value) and not row.free)
    if row.free and math.isfinite(row.start):
        row.fix(row.start)
        return False
    variance = row.op == "~~" and row.lhs == row.rhs
    if variance and row.lhs in dependent and row.origin != "modified":
        row.fix(0.0)
        return True
    if given and math.isfinite(row.value):
        return False
    if row.op in ("=~", "~"):
        raise ModelError(
            f"the population gives no value to {row.name}; write it as {row.lhs} {row.op} 0.5*{row.rhs}."
        )
    row.fix(1.0 if variance else 0.0)
    return False


def _fixed(table: ParameterTable) -> ParameterTable:
    return replace(table, index=np.full(len(table.rows), -1), constraints=())


def _unit_variances(
    table: ParameterTable, layout: RamLayout, open_rows: Sequence[bool]
) -> tuple[RamState, RamLayout]:
    """Fill in the residual variances that were left out, so that those variables have variance one.

    What a cause adds to the variance of its effects is settled one step of the paths at a time.
    """
    names = (*table.observed, *table.latent)
    nothing = np.zeros(0)
    state = evaluate(layout, nothing)
    for _ in names:
        total = np.diagonal(state.V, axis1=1, axis2=2)
        for row, wanted in zip(table.rows, open_rows, strict=True):
            if wanted:
                row.value += 1.0 - float(total[row.group, names.index(row.lhs)])
        layout = build_layout(_fixed(table), np.zeros(0, dtype=np.int64))
        state = evaluate(layout, nothing)
    negative = [r for r, wanted in zip(table.rows, open_rows, strict=True) if wanted and r.value < 0]
    if negative:
        name = negative[0].lhs
        raise ModelError(
            f"the paths to {name!r} explain more than a variance of one; write its residual variance, "
            f"{name} ~~ value*{name}."
        )
    return state, layout


def _thresholds(parsed: ParsedModel, observed: Sequence[str], n_groups: int) -> dict[str, FloatArray]:
    found: dict[str, dict[int, list[float]]] = {}
    for statement in parsed.statements:
        if statement.op != "|":
            continue
        if statement.lhs not in observed:
            raise ModelError(
                f"{statement.lhs!r} has thresholds but is not an observed variable of the model."
            )
        values = [m.fixed or m.start for m in statement.modifiers if m.fixed or m.start]
        if not values or not statement.rhs[1:].isdigit():
            raise ModelError(
                f"the population gives no value to {statement.lhs}|{statement.rhs}; write "
                f"{statement.lhs} | -0.5*t1 + 0.5*t2."
            )
        entry = list(values[-1]) * (n_groups if len(values[-1]) == 1 else 1)
        if len(entry) != n_groups:
            raise ModelError(
                f"{statement.lhs}|{statement.rhs} has {len(entry)} values for {n_groups} groups."
            )
        found.setdefault(statement.lhs, {})[int(statement.rhs[1:])] = entry
    out = {}
    for item, by_number in found.items():
        if sorted(by_number) != list(range(1, len(by_number) + 1)):
            raise ModelError(f"the thresholds of {item!r} must be t1, t2, ... without gaps.")
        tau = np.array([by_number[k] for k in sorted(by_number)]).T
        if (np.diff(tau, axis=1) <= 0).any():
            raise ModelError(f"the thresholds of {item!r} must ascend.")
        out[item] = tau
    return out


def analysis_text(population: str) -> str:
    """The model that a population text describes, with its values taken off: what is not zero is estimated.

    Variances and means of latent variables are left to the identification of the analysis.
    """
    parsed = parse_model(population)
    latent = set(find_roles(parsed).latent)
    lines = []
    for s in parsed.statements:
        unit = s.op == "~~" and s.lhs == s.rhs and s.lhs in latent
        if s.op == "|" or unit or (s.op == "~1" and s.lhs in latent):
            continue
        lines.append(_line(s))
    lines += [f"{c.lhs} {c.op} {c.rhs}" for c in parsed.constraints]
    return "\n".join(lines)


def _line(s: Statement) -> str:
    target = "1" if s.op == "~1" else s.rhs
    marks = "".join(_mark(m) for m in s.modifiers)
    left = f'efa("{s.block}")*{s.lhs}' if s.block else s.lhs
    return f"{left} {'~' if s.op == '~1' else s.op} {marks}{target}"


def _mark(modifier: Modifier) -> str:
    if modifier.labels:
        names = ", ".join(modifier.labels)
        return f"{names}*" if len(modifier.labels) == 1 else f"c({names})*"
    return "0*" if modifier.fixed and all(value == 0 for value in modifier.fixed) else ""


def check_sizes(n: int | Sequence[int]) -> tuple[int, ...]:
    """Group sizes as a tuple of integers above two."""
    sizes = (n,) if isinstance(n, int | np.integer) else tuple(n)
    if not sizes or any(isinstance(k, bool) or int(k) != k or k < 3 for k in sizes):
        raise OptionError(f"n={n!r} must be a number of persons, or one number per group, each above 2.")
    return tuple(int(k) for k in sizes)
