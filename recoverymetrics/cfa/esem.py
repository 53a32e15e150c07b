"""Exploratory blocks: estimated in echelon form, rotated, with standard errors of the rotated parameters.

Asparouhov and Muthen (2009). With equal loadings the first group, in which the factors are standardised, is rotated, and
the other groups turn with it, so that the loadings stay equal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.linalg import null_space, qr

from recoverymetrics.cfa.expressions import jacobian
from recoverymetrics.cfa.table import ParameterTable, number_rows
from recoverymetrics.errors import ModelError, OptionError
from recoverymetrics.numerics.sem_ram import RamLayout, evaluate
from recoverymetrics.numerics.sem_rotation import (
    Criterion,
    geomin,
    oblimin,
    rotate_oblique,
    stationarity,
    target,
)
from recoverymetrics.typing import FloatArray, IntArray

ROTATIONS = ("geomin", "oblimin", "target")


@dataclass(frozen=True)
class BlockRotation:
    """How exploratory blocks are rotated (oblique).

    Attributes
    ----------
    method : {"geomin", "oblimin", "target"}
        Criterion.
    epsilon : float
        Geomin's constant.
    gamma : float
        Oblimin's parameter; 0 is quartimin.
    goal : ndarray, shape (p, k), or None
        Target loadings, standardised items; NaN where unspecified.
    n_starts : int
        Random starts besides the unrotated solution.
    seed : int
        Seed of the starts.
    """

    method: str = "geomin"
    epsilon: float = 0.01
    gamma: float = 0.0
    goal: FloatArray | None = None
    n_starts: int = 30
    seed: int = 1

    def criterion(self) -> Criterion:
        """The criterion as a function of standardised loadings."""
        if self.method == "geomin":
            return geomin(self.epsilon)
        if self.method == "oblimin":
            return oblimin(self.gamma)
        if self.method == "target" and self.goal is not None:
            return target(np.asarray(self.goal, dtype=float))
        if self.method == "target":
            raise OptionError("rotation='target' needs BlockRotation('target', goal=...).")
        raise OptionError(f"rotation={self.method!r} is unknown; choose from {', '.join(ROTATIONS)}.")


@dataclass(frozen=True)
class Block:
    """One exploratory block: its factors and items, the items made triangular, and where it is rotated.

    Attributes
    ----------
    groups : tuple of int
        Groups that are rotated together: one, or all of them when their loadings are equal. The rotation is that of the
        first, in which the factors have variance one; the others follow it.
    factors, items : tuple of str
        Members.
    pivots : tuple of str
        Items whose loadings are triangular before rotation.
    """

    groups: tuple[int, ...]
    factors: tuple[str, ...]
    items: tuple[str, ...]
    pivots: tuple[str, ...]

    @property
    def group(self) -> int:
        """The group whose loadings are rotated."""
        return self.groups[0]


def has_blocks(table: ParameterTable) -> bool:
    """Whether some loadings belong to an exploratory block."""
    return any(row.block for row in table.rows)


def find_blocks(table: ParameterTable, covariance: FloatArray) -> list[Block]:
    """The blocks of every group, with well-conditioned pivot items."""
    found = []
    names = dict.fromkeys(row.block for row in table.rows if row.block and row.op == "=~")
    for name in names:
        together = _equal_loadings(table, name)
        for group in range(1 if together else len(table.groups)):
            rows = [r for r in table.rows if r.block == name and r.group == group and r.op == "=~"]
            factors = tuple(dict.fromkeys(r.lhs for r in rows))
            items = tuple(dict.fromkeys(r.rhs for r in rows))
            if len(rows) != len(factors) * len(items):
                raise ModelError(f"every factor of the block {name!r} must load on the same items.")
            if any(not r.free or (r.label and not together) for r in rows):
                raise ModelError(
                    f"loadings of the block {name!r} cannot be fixed or labelled, because they are rotated; "
                    "equal='loadings' makes all of them equal across groups."
                )
            start = block_start(table, covariance[group], items, len(factors))
            order = qr(start.T, pivoting=True)[2][: len(factors)]
            groups = tuple(range(len(table.groups))) if together else (group,)
            found.append(Block(groups, factors, items, tuple(items[k] for k in order)))
    return found


def _equal_loadings(table: ParameterTable, name: str) -> bool:
    """Whether each loading of a block is one parameter in all groups, and no two loadings are one."""
    cells: dict[tuple[str, str], set[str]] = {}
    for row in table.rows:
        if row.block == name and row.op == "=~":
            cells.setdefault((row.lhs, row.rhs), set()).add(row.label)
    labels = [next(iter(found)) for found in cells.values() if len(found) == 1]
    return len(table.groups) > 1 and all(labels) and len(set(labels)) == len(cells)


def block_start(table: ParameterTable, covariance: FloatArray, items: tuple[str, ...], k: int) -> FloatArray:
    """Principal-factor loadings of the block's items, shape (p, k)."""
    where = [table.observed.index(item) for item in items]
    block = covariance[np.ix_(where, where)]
    sd = np.sqrt(np.diagonal(block))
    R = block / sd[:, None] / sd
    R = R - np.diag(1.0 / np.diagonal(np.linalg.inv(R)))
    values, vectors = np.linalg.eigh(R)
    return vectors[:, -k:] * np.sqrt(np.maximum(values[-k:], 0.05)) * sd[:, None]


def unrotated(table: ParameterTable, blocks: list[Block]) -> ParameterTable:
    """The same model with orthogonal factors (in the group that is rotated) and triangular loadings on the pivot items."""
    zero = {
        (block.factors[j], "=~", pivot, group)
        for block in blocks
        for group in block.groups
        for i, pivot in enumerate(block.pivots)
        for j in range(i + 1, len(block.factors))
    }
    members = {(block.group, factor): block for block in blocks for factor in block.factors}
    rows = []
    for row in table.rows:
        copy = replace(row)
        inside = members.get((row.group, row.lhs))
        apart = row.op == "~~" and row.lhs != row.rhs and inside is not None and row.rhs in inside.factors
        if (row.lhs, row.op, row.rhs, row.group) in zero or apart:
            copy.fix(0.0)
        rows.append(copy)
    return replace(table, rows=tuple(rows), index=number_rows(rows))


def unrotated_start(
    table: ParameterTable, start: FloatArray, blocks: list[Block], covariance: FloatArray
) -> FloatArray:
    """Starting values with the block's loadings in echelon form."""
    theta = start.copy()
    index = {row.key: k for row, k in zip(table.rows, table.index, strict=True)}
    for block in blocks:
        loadings = block_start(table, covariance[block.group], block.items, len(block.factors))
        top = loadings[[block.items.index(p) for p in block.pivots]]
        turn = np.linalg.qr(top.T)[0]
        loadings = loadings @ turn
        for i, item in enumerate(block.items):
            for j, factor in enumerate(block.factors):
                k = index[factor, "=~", item, block.group]
                if k >= 0:
                    theta[k] = loadings[i, j]
    return theta


def rotated(
    table: ParameterTable,
    layout: RamLayout,
    plain: RamLayout,
    theta: FloatArray,
    blocks: list[Block],
    rotation: BlockRotation,
) -> tuple[FloatArray, FloatArray]:
    """Parameters after rotation, and the directions in which they may vary.

    Returns
    -------
    theta : ndarray, shape (q,)
        Free parameters of the rotated table.
    tangent : ndarray, shape (q, q - r)
        Null space of the rotation's stationarity conditions.
    """
    state = evaluate(plain, theta)
    names = table.names_of_variables
    position = {name: k for k, name in enumerate(names)}
    A, M = _paths(plain, theta)
    S = state.S.copy()
    criterion = rotation.criterion()
    for block in blocks:
        g = block.group
        f = np.array([position[name] for name in block.factors])
        y = np.array([position[name] for name in block.items])
        sd = np.sqrt(_total_variance(plain, state)[g, y])
        L = A[g][np.ix_(y, f)]
        T = rotate_oblique(L / sd[:, None], criterion, n_starts=rotation.n_starts, seed=rotation.seed)
        T = _order(L / sd[:, None], T)
        C, inverse = np.eye(len(names)), np.eye(len(names))
        C[np.ix_(f, f)], inverse[np.ix_(f, f)] = T.T, np.linalg.inv(T.T)
        for h in block.groups:
            A[h], S[h], M[h] = C @ A[h] @ inverse, C @ S[h] @ C.T, C @ M[h]
    out = _read_off(layout, A, S, M, evaluate(plain, theta), plain, theta)
    rules = _conditions(layout, position, blocks, criterion)
    return out, null_space(jacobian(rules, out))


def _paths(layout: RamLayout, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
    values = layout.values(theta)
    A = np.zeros((layout.n_groups, layout.n_variables, layout.n_variables))
    M = np.zeros((layout.n_groups, layout.n_variables))
    c = layout.cells[0]
    A[:, layout.row[c], layout.col[c]] = values[:, c]
    c = layout.cells[2]
    M[:, layout.row[c]] = values[:, c]
    return A, M


def _total_variance(layout: RamLayout, state: Any) -> FloatArray:
    variances = np.diagonal(state.V, axis1=1, axis2=2).copy()
    if layout.any_ordinal:
        o = np.flatnonzero(layout.ordinal)
        variances[:, o] = 1.0 / state.delta[:, o] ** 2
    return variances


def _order(L: FloatArray, T: FloatArray) -> FloatArray:
    """Factors in the order of the items they explain most, each pointing the way its loadings do."""
    turned = L @ np.linalg.inv(T).T
    square = turned**4
    centre = (np.arange(len(L)) @ square) / square.sum(axis=0)
    order = np.argsort(centre)
    signs = np.sign((turned**3).sum(axis=0))[order]
    return T[:, order] * signs


def _read_off(
    layout: RamLayout,
    A: FloatArray,
    S: FloatArray,
    M: FloatArray,
    state: Any,
    plain: RamLayout,
    theta: FloatArray,
) -> FloatArray:
    """Free parameters of the rotated layout from the transformed matrices."""
    values = np.zeros(layout.free.shape)
    source = {0: A, 1: S}
    for kind, matrix in source.items():
        c = layout.cells[kind]
        values[:, c] = matrix[:, layout.row[c], layout.col[c]]
    c = layout.cells[2]
    values[:, c] = M[:, layout.row[c]]
    c = layout.cells[3]
    values[:, c] = state.tau[:, layout.row[c]]
    c = layout.cells[4]
    values[:, c] = state.delta[:, layout.row[c]]
    out = np.zeros(layout.n_free)
    out[layout.free[layout.is_free]] = values[layout.is_free]
    return out


def _conditions(
    layout: RamLayout, position: dict[str, int], blocks: list[Block], criterion: Criterion
) -> Callable[[Any], Any]:
    """Stationarity of the rotation as functions of the free parameters."""

    def rules(theta: Any) -> Any:
        state = evaluate(layout, theta)
        values = layout.values(theta)
        variances = _total_variance(layout, state)
        out = []
        for block in blocks:
            f = np.array([position[name] for name in block.factors])
            y = np.array([position[name] for name in block.items])
            L = np.zeros((len(y), len(f)), dtype=values.dtype)
            cell: IntArray = layout.cells[0]
            for c in cell:
                if layout.col[c] in f and layout.row[c] in y:
                    L[np.flatnonzero(y == layout.row[c])[0], np.flatnonzero(f == layout.col[c])[0]] = values[
                        block.group, c
                    ]
            sd = np.sqrt(variances[block.group, y])
            Phi = state.S[block.group][np.ix_(f, f)]
            out.append(stationarity(L / sd[:, None], Phi, criterion))
        return np.concatenate(out)

    return rules
