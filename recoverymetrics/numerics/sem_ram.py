"""Implied moments of a structural equation model in RAM form, with first and second derivatives.

Every variable, observed first, is ``v = A v + u`` with ``Cov(u) = S`` and intercepts ``M``
(McArdle & McDonald 1984). All groups share the cells that hold parameters and are stacked along the
first axis. Each parameter of ``A`` and ``S`` moves the covariance matrix by a symmetric matrix of rank two,
``l r' + r l'``, which is what makes gradients and expected information a handful of products.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from recoverymetrics.numerics.arrow import Arrow
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
        values = self.fixed.astype(theta.dtype) if theta.dtype != self.fixed.dtype else self.fixed.copy()
        values[self.is_free] = theta[self.free[self.is_free]]
        return values

    def gather(self, gradient: FloatArray) -> FloatArray:
        """Sum a gradient by active cells, shape (G, C_active), into one by free parameters."""
        free = self.free[:, self.active]
        mask = free >= 0
        return np.bincount(free[mask], weights=gradient[mask], minlength=self.n_free).astype(
            np.float64, copy=False
        )

    def gather_square(self, blocks: FloatArray) -> FloatArray:
        """Sum matrices by active cells, shape (G, C_active, C_active), into one by free parameters."""
        total = np.zeros((self.n_free, self.n_free))
        for block, (cells, parameters, matrix) in zip(blocks, self.reductions, strict=True):
            part = block[cells[:, None], cells] if len(cells) < len(block) else block
            if matrix is not None:
                part = matrix.T @ part @ matrix
            total[parameters[:, None], parameters] += part
        return total

    def spread(self, columns: FloatArray, group: int) -> FloatArray:
        """Map columns by active cells of one group to columns by free parameters, shape (n, q)."""
        cells, parameters, matrix = self.reductions[group]
        part = columns[:, cells]
        out = np.zeros((columns.shape[0], self.n_free))
        out[:, parameters] = part if matrix is None else part @ matrix
        return out


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
    values = layout.values(theta)
    n_groups, t, p = layout.n_groups, layout.n_variables, layout.n_observed
    where = layout.cells
    A = np.zeros((n_groups, t, t), dtype=values.dtype)
    S = np.zeros_like(A)
    M = np.zeros((n_groups, t), dtype=values.dtype)
    c = where[PATH]
    A[:, layout.row[c], layout.col[c]] = values[:, c]
    c = where[COVARIANCE]
    S[:, layout.row[c], layout.col[c]] = values[:, c]
    S[:, layout.col[c], layout.row[c]] = values[:, c]
    c = where[INTERCEPT]
    M[:, layout.row[c]] = values[:, c]
    E: Any = np.eye(t) + A if layout.one_step else np.linalg.inv(np.eye(t) - A)
    V = E @ S @ np.swapaxes(E, 1, 2)
    eta = (E @ M[:, :, None])[:, :, 0]
    delta = _scales(layout, values, V)
    return RamState(E, V, eta, S, values[:, where[THRESHOLD]], delta, p)


def _scales(layout: RamLayout, values: FloatArray, V: FloatArray) -> FloatArray:
    p = layout.n_observed
    delta = np.ones((layout.n_groups, p), dtype=values.dtype)
    if not layout.any_ordinal:
        return delta
    if layout.theta:
        variances = np.diagonal(V[:, :p, :p], axis1=1, axis2=2)
        with np.errstate(invalid="ignore"):
            delta[:, layout.ordinal] = 1.0 / np.sqrt(variances[:, layout.ordinal])
    else:
        c = layout.cells[SCALE]
        delta[:, layout.row[c]] = values[:, c]
    return delta


def factors(layout: RamLayout, state: RamState) -> tuple[FloatArray, FloatArray]:
    """Rank-two factors of the active A and S cells: ``dSigma = l r' + r l'``, each (G, p, C_as)."""
    active = layout.active
    a = active[layout.active_cells[PATH]]
    s = active[layout.active_cells[COVARIANCE]]
    B = state.B
    left = B[:, :, np.concatenate([layout.row[a], layout.row[s]])]
    half = np.where(layout.row[s] == layout.col[s], 0.5, 1.0)
    right = np.concatenate([state.V[:, : state.p, layout.col[a]], B[:, :, layout.col[s]] * half], axis=2)
    return left, right


def covariance_positions(layout: RamLayout) -> IntArray:
    """Positions among the active cells of the columns that `factors` returns."""
    return np.concatenate([layout.active_cells[PATH], layout.active_cells[COVARIANCE]])


def mean_jacobian(layout: RamLayout, state: RamState) -> FloatArray:
    """Derivatives of the means by the active cells, shape (G, p, C_active)."""
    active, where = layout.active, layout.active_cells
    jacobian = np.zeros((layout.n_groups, state.p, len(active)))
    a = active[where[PATH]]
    jacobian[:, :, where[PATH]] = state.B[:, :, layout.row[a]] * state.eta[:, None, layout.col[a]]
    jacobian[:, :, where[INTERCEPT]] = state.B[:, :, layout.row[active[where[INTERCEPT]]]]
    return jacobian


def moment_gradient(layout: RamLayout, state: RamState, Q: FloatArray, d: FloatArray) -> FloatArray:
    """Gradient by the active cells of ``tr(Q Sigma) + d' mu``, shape (G, C_active).

    ``Q`` (G, p, p) is symmetric, ``d`` has shape (G, p).
    """
    active, where = layout.active, layout.active_cells
    B, eta = state.B, state.eta
    out = np.zeros((layout.n_groups, len(active)))
    BQ = np.swapaxes(B, 1, 2) @ Q
    w = (np.swapaxes(B, 1, 2) @ d[:, :, None])[:, :, 0]
    a, s = active[where[PATH]], active[where[COVARIANCE]]
    if len(a):
        N = BQ @ state.V[:, : state.p, :]
        out[:, where[PATH]] = (
            2.0 * N[:, layout.row[a], layout.col[a]] + w[:, layout.row[a]] * eta[:, layout.col[a]]
        )
    if len(s):
        P = BQ @ B
        double = np.where(layout.row[s] == layout.col[s], 1.0, 2.0)
        out[:, where[COVARIANCE]] = double * P[:, layout.row[s], layout.col[s]]
    out[:, where[INTERCEPT]] = w[:, layout.row[active[where[INTERCEPT]]]]
    return out


def moment_curvature(layout: RamLayout, state: RamState, Q: FloatArray, d: FloatArray) -> FloatArray:
    """Second derivatives by the active cells of ``tr(Q Sigma) + d' mu``, shape (G, C_active, C_active).

    The weights ``Q`` and ``d`` are held constant: only the curvature of the moments themselves enters.
    """
    active, where = layout.active, layout.active_cells
    E, V, eta = state.E, state.V, state.eta
    BQ = np.swapaxes(state.B, 1, 2) @ Q
    N, P = BQ @ V[:, : state.p, :], BQ @ state.B
    w = (np.swapaxes(state.B, 1, 2) @ d[:, :, None])[:, :, 0]
    out = np.zeros((layout.n_groups, len(active), len(active)))
    a, s, m = (active[where[kind]] for kind in (PATH, COVARIANCE, INTERCEPT))
    i, j = layout.row[a], layout.col[a]
    ij, jk = (i[:, None], j[:, None]), (i[None, :], j[None, :])
    (i1, j1), (k1, l1) = ij, jk
    aa = 2.0 * (E[:, l1, i1] * N[:, k1, j1] + P[:, i1, k1] * V[:, l1, j1] + N[:, i1, l1] * E[:, j1, k1])
    aa += E[:, l1, i1] * w[:, k1] * eta[:, j1] + w[:, i1] * E[:, j1, k1] * eta[:, l1]
    out[:, where[PATH][:, None], where[PATH]] = aa
    u, v = layout.row[s][:, None], layout.col[s][:, None]
    double = np.where(u == v, 1.0, 2.0)
    sa = double * (E[:, l1, u] * P[:, k1, v] + P[:, u, k1] * E[:, l1, v])
    out[:, where[COVARIANCE][:, None], where[PATH]] = sa
    out[:, where[PATH][:, None], where[COVARIANCE]] = np.swapaxes(sa, 1, 2)
    ma = E[:, l1, layout.row[m][:, None]] * w[:, k1]
    out[:, where[INTERCEPT][:, None], where[PATH]] = ma
    out[:, where[PATH][:, None], where[INTERCEPT]] = np.swapaxes(ma, 1, 2)
    return out


@dataclass(frozen=True)
class MomentMap:
    """Which moments a least-squares discrepancy or a robust test looks at, and in which order.

    Thresholds, then means, then variances of continuous variables, then covariances (correlations
    for ordinal variables) below the diagonal, column by column.
    """

    layout: RamLayout
    means: bool = True

    @cached_property
    def mean_items(self) -> IntArray:
        """Variables whose means are moments."""
        return self.layout.continuous if self.means else np.zeros(0, dtype=np.int64)

    @cached_property
    def size(self) -> int:
        """Number of moments per group."""
        layout = self.layout
        return (
            len(layout.threshold_item) + len(self.mean_items) + len(layout.continuous) + len(layout.pairs[0])
        )

    @cached_property
    def n_first(self) -> int:
        """Number of thresholds and means, which come first."""
        return len(self.layout.threshold_item) + len(self.mean_items)

    def pack(self, tau: FloatArray, mu: FloatArray, sigma: FloatArray) -> FloatArray:
        """Stack standardised thresholds, means and covariances (G, ...) into moments (G, m)."""
        row, col = self.layout.pairs
        c = self.layout.continuous
        return np.concatenate([tau, mu[:, self.mean_items], sigma[:, c, c], sigma[:, row, col]], axis=1)

    def moments(self, state: RamState) -> FloatArray:
        """Implied moments, shape (G, m)."""
        item = self.layout.threshold_item
        tau = state.delta[:, item] * (state.tau - state.mu[:, item])
        return self.pack(tau, state.mu, scaled_covariance(self.layout, state))

    def jacobian(self, state: RamState) -> FloatArray:
        """Derivatives of the moments by the active cells, shape (G, m, C_active)."""
        layout = self.layout
        row, col = layout.pairs
        left, right = factors(layout, state)
        position = covariance_positions(layout)
        n_active = len(layout.active)
        out = np.zeros((layout.n_groups, self.size, n_active))
        start = self.size - len(row)
        lower = left[:, row] * right[:, col] + left[:, col] * right[:, row]
        diagonal = np.zeros((layout.n_groups, state.p, n_active))
        diagonal[:, :, position] = 2.0 * left * right
        mean = mean_jacobian(layout, state)
        out[:, start:, position] = lower
        c = layout.continuous
        out[:, self.n_first : start] = diagonal[:, c]
        out[:, len(layout.threshold_item) : self.n_first] = mean[:, self.mean_items]
        if layout.any_ordinal:
            self._scale(state, out, start, diagonal, mean)
        return out

    def _scale(
        self, state: RamState, out: FloatArray, start: int, diagonal: FloatArray, mean: FloatArray
    ) -> None:
        """Pass from latent responses to their standardised form, in place."""
        layout, delta = self.layout, state.delta
        row, col = layout.pairs
        item = layout.threshold_item
        n_th = len(item)
        gap = state.tau - state.mu[:, item]
        d_delta = np.zeros_like(diagonal)
        where = layout.active_cells
        if layout.theta:
            o = layout.ordinal
            d_delta[:, o] = -0.5 * delta[:, o, None] ** 3 * diagonal[:, o]
        else:
            c = where[SCALE]
            d_delta[:, layout.row[layout.active[c]], c] = 1.0
        out[:, :n_th] = -delta[:, item, None] * mean[:, item] + gap[:, :, None] * d_delta[:, item]
        c = where[THRESHOLD]
        th = layout.row[layout.active[c]]
        out[:, th, c] += delta[:, item[th]]
        sigma = state.sigma[:, row, col]
        out[:, start:] *= (delta[:, row] * delta[:, col])[:, :, None]
        out[:, start:] += (sigma * delta[:, col])[:, :, None] * d_delta[:, row]
        out[:, start:] += (sigma * delta[:, row])[:, :, None] * d_delta[:, col]


def scaled_covariance(layout: RamLayout, state: RamState) -> FloatArray:
    """Covariances after scaling: correlations among ordinal variables, shape (G, p, p)."""
    if not layout.any_ordinal:
        return state.sigma
    scaled = state.delta[:, :, None] * state.sigma * state.delta[:, None, :]
    index = np.flatnonzero(layout.ordinal)
    scaled[:, index, index] = 1.0
    return scaled
