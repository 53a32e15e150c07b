"""Structural equation models in RAM form: where the parameters sit, and the model matrices at a point.

Every variable, observed first, is ``v = A v + u`` with ``Cov(u) = S`` and intercepts ``M``
(McArdle & McDonald 1984). All groups share the cells that hold parameters and are stacked along the
first axis.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from recoverymetrics.numerics.arrow import Arrow, square_of
from recoverymetrics.typing import BoolArray, FloatArray, IntArray

PATH, COVARIANCE, INTERCEPT, THRESHOLD, SCALE = range(5)
"""Kinds of cells: entries of A, S and M, thresholds, scaling factors of latent responses."""


@dataclass(frozen=True)
class RamLayout:
    """Where the parameters of a model sit.

    Attributes
    ----------
    n_observed, n_variables : int
        ``p`` observed variables come first among the ``t`` variables.
    kind, row, col : ndarray of int, shape (C,)
        Kind and position of each cell; ``col`` of an intercept is unused, thresholds count by ``row``.
    fixed : ndarray, shape (G, C)
        Values of the fixed cells.
    free : ndarray of int, shape (G, C)
        Index of the free parameter in each cell, -1 when fixed.
    n_free : int
        Number of free parameters ``q``; cells that share an index are equal.
    ordinal : ndarray of bool, shape (p,)
        Variables observed as ordered categories.
    threshold_item : ndarray of int, shape (K,)
        Item of each threshold, ascending within items.
    theta : bool
        Scaling factors follow from the variances (theta parameterisation) instead of being parameters.
    given : ndarray, shape (G, k, k), or None
        Covariances of the covariates on which the moments are conditional; they are the last of the variables, without
        disturbances of their own.
    """

    n_observed: int
    n_variables: int
    kind: IntArray
    row: IntArray
    col: IntArray
    fixed: FloatArray
    free: IntArray
    n_free: int
    ordinal: BoolArray
    threshold_item: IntArray
    theta: bool = False
    given: FloatArray | None = None

    @property
    def n_given(self) -> int:
        """Number of covariates that the moments are conditional on."""
        return 0 if self.given is None else int(self.given.shape[1])

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return int(self.free.shape[0])

    @cached_property
    def active(self) -> IntArray:
        """Cells that are free in at least one group; derivatives are taken for these."""
        return np.flatnonzero((self.free >= 0).any(axis=0))

    @cached_property
    def is_free(self) -> BoolArray:
        """Free cells, shape (G, C)."""
        return self.free >= 0

    @cached_property
    def cells(self) -> dict[int, IntArray]:
        """Positions of the cells of each kind."""
        return {kind: np.flatnonzero(self.kind == kind) for kind in range(5)}

    @cached_property
    def active_cells(self) -> dict[int, IntArray]:
        """Positions among the active cells of each kind."""
        return {kind: np.flatnonzero(self.kind[self.active] == kind) for kind in range(5)}

    @cached_property
    def pairs(self) -> tuple[IntArray, IntArray]:
        """Row and column of the covariances below the diagonal, column by column."""
        col, row = np.triu_indices(self.n_observed, 1)
        return row, col

    @cached_property
    def continuous(self) -> IntArray:
        """Positions of the continuous variables."""
        return np.flatnonzero(~self.ordinal)

    @cached_property
    def any_ordinal(self) -> bool:
        """Whether some variable is ordinal."""
        return bool(self.ordinal.any())

    @cached_property
    def reductions(self) -> tuple[tuple[IntArray, IntArray, FloatArray | None], ...]:
        """Per group: active cells that are free, their parameters, and a matrix where parameters repeat."""
        found: list[tuple[IntArray, IntArray, FloatArray | None]] = []
        for free in self.free[:, self.active]:
            cells = np.flatnonzero(free >= 0)
            parameters, position = np.unique(free[cells], return_inverse=True)
            if len(parameters) == len(cells):
                found.append((cells, free[cells], None))
            else:
                matrix = np.zeros((len(cells), len(parameters)))
                matrix[np.arange(len(cells)), position] = 1.0
                found.append((cells, parameters, matrix))
        return tuple(found)

    @cached_property
    def squares(self) -> tuple[Any, ...]:
        """Indices of each group's parameters in a square matrix."""
        return tuple(square_of(parameters) for _, parameters, _ in self.reductions)

    @cached_property
    def one_step(self) -> bool:
        """Whether no variable is both a cause and an effect, so that ``(I - A)^-1 = I + A``."""
        paths = self.cells[PATH]
        return not set(self.row[paths]) & set(self.col[paths])

    @cached_property
    def arrow(self) -> Arrow:
        """Parameters of one group alone, and those that groups share."""
        count = np.zeros(self.n_free, dtype=np.int64)
        for _, parameters, _ in self.reductions:
            count[parameters] += 1
        local = tuple(np.sort(p[count[p] == 1]) for _, p, _ in self.reductions)
        return Arrow(local, np.flatnonzero(count != 1))

    def values(self, theta: Any) -> Any:
        """Cell values at the free parameters, shape (G, C)."""
        values = self.fixed.astype(theta.dtype)
        values[self.is_free] = theta[self.free[self.is_free]]
        return values

    @cached_property
    def has_means(self) -> bool:
        """Whether some variable has an intercept."""
        return bool(self.cells[INTERCEPT].size)

    @cached_property
    def frame(self) -> Frame:
        """Model matrices with the fixed cells filled in, and where the free parameters go."""
        return _frame(self)

    @cached_property
    def sources(self) -> tuple[IntArray, IntArray]:
        """Flat positions of the free cells among the active ones of all groups, and their parameters."""
        free = self.free[:, self.active].ravel()
        at = np.flatnonzero(free >= 0)
        return at, free[at]

    def gather(self, gradient: FloatArray) -> FloatArray:
        """Sum a gradient by active cells, shape (G, C_active), into one by free parameters."""
        at, parameters = self.sources
        return np.bincount(parameters, weights=gradient.ravel()[at], minlength=self.n_free).astype(
            np.float64, copy=False
        )

    def gather_square(self, blocks: FloatArray) -> FloatArray:
        """Sum matrices by active cells, shape (G, C_active, C_active), into one by free parameters."""
        total = np.zeros((self.n_free, self.n_free))
        for block, (cells, _, matrix), at in zip(blocks, self.reductions, self.squares, strict=True):
            part = block[cells[:, None], cells] if len(cells) < len(block) else block
            if matrix is not None:
                part = matrix.T @ part @ matrix
            total[at] += part
        return total

    def spread(self, columns: FloatArray, group: int) -> FloatArray:
        """Map columns by active cells of one group to columns by free parameters, shape (n, q)."""
        cells, parameters, matrix = self.reductions[group]
        part = columns[:, cells]
        out = np.zeros((columns.shape[0], self.n_free))
        out[:, parameters] = part if matrix is None else part @ matrix
        return out


@dataclass(frozen=True)
class Frame:
    """Model matrices at the fixed cells, and the flat positions and parameters of the free ones.

    Attributes
    ----------
    E : ndarray, shape (G, t, t)
        ``I + A`` for models of one step, else ``I - A``.
    S, M, tau, delta : ndarray
        Covariances of the disturbances, intercepts, thresholds and scaling factors.
    slots : dict
        For each kind of cell, positions in its flattened matrix and parameters.
    """

    E: FloatArray
    S: FloatArray
    M: FloatArray
    tau: FloatArray
    delta: FloatArray
    slots: dict[int, tuple[IntArray, IntArray]]


def _frame(layout: RamLayout) -> Frame:
    n_groups, t, p = layout.n_groups, layout.n_variables, layout.n_observed
    cells, row, col, fixed = layout.cells, layout.row, layout.col, layout.fixed
    sign = 1.0 if layout.one_step else -1.0
    E, S = np.tile(np.eye(t), (n_groups, 1, 1)), np.zeros((n_groups, t, t))
    M, delta = np.zeros((n_groups, t)), np.ones((n_groups, p))
    a, s, m, d = (cells[kind] for kind in (PATH, COVARIANCE, INTERCEPT, SCALE))
    E[:, row[a], col[a]] += sign * fixed[:, a]
    S[:, row[s], col[s]] = S[:, col[s], row[s]] = fixed[:, s]
    M[:, row[m]] = fixed[:, m]
    delta[:, row[d]] = fixed[:, d]
    tau = fixed[:, cells[THRESHOLD]]
    place = np.zeros(len(layout.kind), dtype=np.int64)
    place[a], place[s], place[m], place[d] = row[a] * t + col[a], row[s] * t + col[s], row[m], row[d]
    place[cells[THRESHOLD]] = np.arange(tau.shape[1])
    sizes = {PATH: t * t, COVARIANCE: t * t, INTERCEPT: t, THRESHOLD: tau.shape[1], SCALE: p}
    slots = {}
    for kind, size in sizes.items():
        group, k = np.nonzero(layout.is_free[:, cells[kind]])
        cell = cells[kind][k]
        at, which = group * size + place[cell], layout.free[group, cell]
        if kind == COVARIANCE:
            at, which = np.concatenate([at, group * size + col[cell] * t + row[cell]]), np.tile(which, 2)
        slots[kind] = (at, which)
    return Frame(E, S, M, tau, delta, slots)


@dataclass(frozen=True)
class RamState:
    """A model at one point: everything that derivatives need.

    Attributes
    ----------
    E : ndarray, shape (G, t, t)
        ``(I - A)^-1``.
    V : ndarray, shape (G, t, t)
        Covariances of all variables.
    eta : ndarray, shape (G, t)
        Means of all variables.
    S : ndarray, shape (G, t, t)
        Covariances of the disturbances.
    tau : ndarray, shape (G, K)
        Thresholds.
    delta : ndarray, shape (G, p)
        Scaling factors, one for continuous variables.
    p : int
        Number of observed variables.
    """

    E: FloatArray
    V: FloatArray
    eta: FloatArray
    S: FloatArray
    tau: FloatArray
    delta: FloatArray
    p: int

    @property
    def B(self) -> FloatArray:
        """Total effects of disturbances on the observed variables, shape (G, p, t)."""
        return self.E[:, : self.p, :]

    @property
    def sigma(self) -> FloatArray:
        """Covariances of the observed variables or latent responses, shape (G, p, p)."""
        return self.V[:, : self.p, : self.p]

    @property
    def mu(self) -> FloatArray:
        """Means of the observed variables or latent responses, shape (G, p)."""
        return self.eta[:, : self.p]


def evaluate(layout: RamLayout, theta: FloatArray) -> RamState:
    """Evaluate the model at the free parameters (complex values allowed, for complex-step derivatives).

    The state at the array seen last is kept, because gradient and information are asked for at the same point.
    """
    last = layout.__dict__.get("_last")
    if last is not None and last[0] is theta:
        return last[1]
    state = _evaluate(layout, theta)
    layout.__dict__["_last"] = (theta, state)
    return state


def _evaluate(layout: RamLayout, theta: FloatArray) -> RamState:
    frame = layout.frame
    E = _filled(frame.E, frame.slots[PATH], theta, 1.0 if layout.one_step else -1.0)
    S = _filled(frame.S, frame.slots[COVARIANCE], theta)
    if not layout.one_step:
        E = np.linalg.inv(E)
    V = E @ S @ np.swapaxes(E, 1, 2)
    M = frame.M
    if layout.has_means:
        M = (E @ _filled(M, frame.slots[INTERCEPT], theta)[:, :, None])[:, :, 0]
    tau = _filled(frame.tau, frame.slots[THRESHOLD], theta)
    return RamState(E, V, M, S, tau, _scales(layout, theta, V), layout.n_observed)


def _filled(matrix: FloatArray, slots: tuple[IntArray, IntArray], theta: Any, sign: float = 1.0) -> Any:
    """A copy with the free parameters in their places."""
    at, which = slots
    if not at.size:
        return matrix
    out = matrix.astype(theta.dtype, order="C")
    values = theta[which]
    out.reshape(-1)[at] = values if sign > 0 else -values
    return out


def _scales(layout: RamLayout, theta: FloatArray, V: FloatArray) -> FloatArray:
    frame, p = layout.frame, layout.n_observed
    if not layout.any_ordinal:
        return frame.delta
    if not layout.theta:
        return np.asarray(_filled(frame.delta, frame.slots[SCALE], theta))
    delta = frame.delta.astype(V.dtype)
    variances = np.diagonal(V[:, :p, :p], axis1=1, axis2=2)
    with np.errstate(invalid="ignore"):
        delta[:, layout.ordinal] = 1.0 / np.sqrt(variances[:, layout.ordinal])
    return delta
