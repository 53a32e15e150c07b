"""Score tests: modification indices for what is fixed, and for equalities that could be released."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from recoverymetrics.cfa.table import Key, ParameterTable, Row
from recoverymetrics.numerics.sem_least_squares import LeastSquares
from recoverymetrics.numerics.sem_missing import NormalMissing
from recoverymetrics.numerics.sem_normal import NormalComplete
from recoverymetrics.numerics.sem_ram import MomentMap, RamLayout
from recoverymetrics.typing import FloatArray

REDUNDANT = 1e-8
"""Share of a parameter's information left beside the others below which it cannot be told apart from them."""
AnyObjective = NormalComplete | NormalMissing | LeastSquares


@dataclass(frozen=True)
class ScoreTest:
    """Score test of one or more restrictions: statistic, degrees of freedom, expected changes."""

    statistic: float
    df: int
    change: FloatArray


def candidate_rows(table: ParameterTable) -> list[Row]:
    """Rows whose restriction can be tested.

    Fixed parameters; loadings of indicators on other factors; covariances of items and of factors; and, in models with
    regressions, paths between all variables that take part in them.
    """
    present = {_cell(row) for row in table.rows}
    exogenous = {*table.exogenous, *table.given}
    items = [name for name in table.observed if name not in exogenous]
    lines = [row for row in table.rows if row.group == 0]
    indicators = {row.rhs for row in lines if row.op == "=~"}
    paths = dict.fromkeys(name for row in lines if row.op == "~" for name in (row.lhs, row.rhs))
    rows = [
        replace(row)
        for row, k in zip(table.rows, table.index, strict=True)
        if k < 0 and row.origin not in ("derived", "exogenous")
    ]
    for group in range(len(table.groups)):
        found = [(factor, "=~", item) for factor in table.latent for item in items if item in indicators]
        found += [(y, "~", x) for y in paths if y not in exogenous for x in paths if x != y]
        for names in (items, table.latent):
            found += [(a, "~~", b) for i, a in enumerate(names) for b in names[i + 1 :]]
        for key in found:
            row = Row(*key, group, value=0.0)
            if _cell(row) not in present:
                present.add(_cell(row))
                rows.append(row)
    return rows


def _cell(row: Row) -> Key:
    """What makes a row unique when ``f =~ x`` and ``x ~ f`` are one path."""
    return (row.rhs, "~", row.lhs, row.group) if row.op == "=~" else row.key


def extend(
    table: ParameterTable, objective: AnyObjective, rows: list[Row], moments: MomentMap
) -> tuple[AnyObjective, int]:
    """The same objective with the rows as extra free parameters after the q that are there."""
    from recoverymetrics.cfa.model import build_layout

    q = table.n_free
    base = {_cell(row): k for k, row in enumerate(table.rows)}
    all_rows = list(table.rows)
    index = list(table.index)
    for extra, row in enumerate(rows):
        where = base.get(_cell(row))
        if where is None:
            all_rows.append(row)
            index.append(q + extra)
        else:
            index[where] = q + extra
    wide = replace(table, rows=tuple(all_rows), index=np.array(index))
    layout = build_layout(wide, moments.layout.threshold_item)
    if isinstance(objective, LeastSquares):
        return replace(objective, layout=layout, moments=MomentMap(layout, moments.means)), q
    return replace(objective, layout=layout), q


def score_parts(
    objective: AnyObjective, theta: FloatArray, share: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Gradient and expected information of an (extended) objective; ``share`` weighs the groups in the latter."""
    gradient = objective.value_gradient(theta)[1]
    if isinstance(objective, LeastSquares):
        objective = replace(objective, share=share)
    return gradient, objective.metric(theta)


def modification(
    gradient: FloatArray, information: FloatArray, inverse: FloatArray, q: int, total: float
) -> tuple[FloatArray, FloatArray]:
    """Modification indices and expected parameter changes of the parameters after the first ``q``."""
    cross = information[q:, :q]
    left = np.diagonal(information)[q:] - np.einsum("ij,jk,ik->i", cross, inverse, cross)
    score = -gradient[q:]
    with np.errstate(divide="ignore", invalid="ignore"):
        usable = left > REDUNDANT * np.maximum(np.diagonal(information)[q:], 1e-300)
        epc = np.where(usable, score / left, np.nan)
        mi = np.where(usable, total * score**2 / left, np.nan)
    return mi, epc


def release_layout(
    layout: RamLayout, table: ParameterTable
) -> tuple[RamLayout, FloatArray, list[tuple[int, int]]]:
    """Give every row its own parameter; also the matrix from shared to own parameters, and the pairs split.

    Returns the layout, ``K`` (own, shared), and for each released equality the rows (first, other).
    """
    shared = table.index
    own = np.full(len(shared), -1)
    own[shared >= 0] = np.arange(int((shared >= 0).sum()))
    K = np.zeros((int((shared >= 0).sum()), table.n_free))
    K[own[shared >= 0], shared[shared >= 0]] = 1.0
    from recoverymetrics.cfa.model import build_layout

    wide = build_layout(replace(table, index=own), layout.threshold_item)
    first: dict[int, int] = {}
    pairs = []
    for k, s in enumerate(shared):
        if s >= 0 and s in first:
            pairs.append((first[int(s)], k))
        elif s >= 0:
            first[int(s)] = k
    return wide, K, pairs


def equality_score_tests(
    objective: AnyObjective, table: ParameterTable, theta: FloatArray, total: float, share: FloatArray
) -> tuple[ScoreTest, list[tuple[int, int, ScoreTest]]]:
    """Score tests for releasing each equality alone, and all of them together."""
    wide, K, pairs = release_layout(objective.layout, table)
    if isinstance(objective, LeastSquares):
        moments = MomentMap(wide, objective.moments.means)
        loose: AnyObjective = replace(objective, layout=wide, moments=moments)
    else:
        loose = replace(objective, layout=wide)
    gradient, information = score_parts(loose, K @ theta, share)
    own = np.full(len(table.index), -1)
    own[table.index >= 0] = np.arange(int((table.index >= 0).sum()))
    score = -gradient
    pinned = np.linalg.pinv(K.T @ information @ K, hermitian=True)
    uni = []
    for first, other in pairs:
        z = np.zeros(len(score))
        z[own[other]] = 1.0
        cross = K.T @ information @ z
        left = float(z @ information @ z - cross @ pinned @ cross)
        s = float(z @ score)
        uni.append((first, other, ScoreTest(total * s * s / left, 1, np.array([s / left]))))
    inverse = np.linalg.pinv(information, hermitian=True)
    together = ScoreTest(float(total * score @ inverse @ score), len(pairs), inverse @ score)
    return together, uni
