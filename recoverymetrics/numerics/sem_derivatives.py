"""First and second derivatives of the implied moments of a model in RAM form.

Each parameter of ``A`` and ``S`` moves the covariance matrix by a symmetric matrix of rank two, ``l r' + r l'``,
where ``l`` and ``r`` are columns of the total effects ``B`` and of the covariances ``V``. Products over pairs of
parameters are therefore picked from the products of all columns of ``[B, V]``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recoverymetrics.numerics.sem_layout import COVARIANCE, INTERCEPT, PATH, RamLayout, RamState
from recoverymetrics.typing import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class Moves:
    """Positions of the active cells of a layout in the products that derivatives are picked from.

    Attributes
    ----------
    path, covariance, intercept : ndarray of int
        Positions among the active cells.
    i, j : ndarray of int
        Effect and cause of each path.
    u, v : ndarray of int
        Row and column of each covariance.
    m : ndarray of int
        Variable of each intercept.
    double : ndarray
        Two for covariances, one for variances.
    left, right : ndarray of int, shape (n,)
        Columns of ``[B, V]`` that make the factors of each path, then of each covariance.
    half : ndarray, shape (n,)
        Scale of the right factors.
    grid : ndarray of int, shape (4 n n,)
        Flat positions of all pairs of factors in a (2t, 2t) matrix.
    position : ndarray of int, shape (n,)
        Paths, then covariances, among the active cells.
    curved, shifted : ndarray of int
        Covariances and intercepts with second derivatives by paths: all of them, or in models of one step those of
        the causes.
    """

    path: IntArray
    covariance: IntArray
    intercept: IntArray
    i: IntArray
    j: IntArray
    u: IntArray
    v: IntArray
    m: IntArray
    double: FloatArray
    left: IntArray
    right: IntArray
    half: FloatArray
    grid: IntArray
    position: IntArray
    curved: IntArray
    shifted: IntArray


def moves(layout: RamLayout) -> Moves:
    """The positions, computed once for a layout."""
    found: Moves | None = layout.__dict__.get("_moves")
    if found is None:
        found = layout.__dict__["_moves"] = _moves(layout)
    return found


def _moves(layout: RamLayout) -> Moves:
    where, t = layout.active_cells, layout.n_variables
    a, s, m = (layout.active[where[kind]] for kind in (PATH, COVARIANCE, INTERCEPT))
    i, j, u, v = layout.row[a], layout.col[a], layout.row[s], layout.col[s]
    left, right = np.concatenate([i, u]), np.concatenate([j + t, v])
    both = np.concatenate([left, right])
    double = np.where(u == v, 1.0, 2.0)
    return Moves(
        where[PATH],
        where[COVARIANCE],
        where[INTERCEPT],
        i,
        j,
        u,
        v,
        layout.row[m],
        double,
        left,
        right,
        np.concatenate([np.ones(len(a)), 0.5 * double]),
        (both[:, None] * (2 * t) + both).ravel(),
        np.concatenate([where[PATH], where[COVARIANCE]]),
        _reached(layout, np.isin(u, j) | np.isin(v, j)),
        _reached(layout, np.isin(layout.row[m], j)),
    )


def _reached(layout: RamLayout, caused: BoolArray) -> IntArray:
    return np.flatnonzero(caused) if layout.one_step else np.arange(len(caused))


def columns(state: RamState) -> FloatArray:
    """Total effects on the observed variables and covariances with them side by side, shape (G, p, 2t)."""
    return np.concatenate([state.B, state.V[:, : state.p]], axis=2)


def pairs_of(moved: Moves, products: FloatArray) -> FloatArray:
    """Pick the products of all pairs of factors, (G, 2n, 2n), from those of all columns, (G, 2t, 2t)."""
    n = 2 * len(moved.left)
    return products.reshape(len(products), -1).take(moved.grid, axis=1).reshape(-1, n, n)


def factors(layout: RamLayout, state: RamState) -> tuple[FloatArray, FloatArray]:
    """Rank-two factors of the active A and S cells: ``dSigma = l r' + r l'``, each (G, p, C_as)."""
    moved, both = moves(layout), columns(state)
    return both[:, :, moved.left], both[:, :, moved.right] * moved.half


def covariance_positions(layout: RamLayout) -> IntArray:
    """Positions among the active cells of the columns that `factors` returns."""
    return moves(layout).position


def mean_jacobian(layout: RamLayout, state: RamState) -> FloatArray:
    """Derivatives of the means by the active cells, shape (G, p, C_active)."""
    moved, B = moves(layout), state.B
    jacobian = np.zeros((layout.n_groups, state.p, len(layout.active)))
    if layout.has_means:
        jacobian[:, :, moved.path] = B[:, :, moved.i] * state.eta[:, None, moved.j]
        jacobian[:, :, moved.intercept] = B[:, :, moved.m]
    return jacobian


def slope_jacobian(layout: RamLayout, state: RamState) -> FloatArray:
    """Derivatives of the total effects of the covariates by the active cells, shape (G, k p, C_active).

    Covariate by covariate; a path from ``j`` to ``i`` moves the effect of ``x`` on ``y`` by ``E_yi E_jx``.
    """
    moved, k = moves(layout), layout.n_given
    jacobian = np.zeros((layout.n_groups, k, state.p, len(layout.active)))
    reach = state.E[:, moved.j, layout.n_variables - k :]
    jacobian[:, :, :, moved.path] = state.B[:, None, :, moved.i] * np.swapaxes(reach, 1, 2)[:, :, None]
    return jacobian.reshape(layout.n_groups, k * state.p, -1)


def moment_gradient(layout: RamLayout, state: RamState, Q: FloatArray, d: FloatArray) -> FloatArray:
    """Gradient by the active cells of ``tr(Q Sigma) + d' mu``, shape (G, C_active).

    ``Q`` (G, p, p) is symmetric, ``d`` has shape (G, p).
    """
    moved, B = moves(layout), state.B
    out = np.zeros((layout.n_groups, len(layout.active)))
    turned = np.swapaxes(B, 1, 2)
    BQ = turned @ Q
    P = BQ @ B
    out[:, moved.covariance] = moved.double * P[:, moved.u, moved.v]
    if len(moved.i):
        N = BQ @ state.V[:, : state.p, :]
        out[:, moved.path] = 2.0 * N[:, moved.i, moved.j]
    if layout.has_means:
        w = (turned @ d[:, :, None])[:, :, 0]
        out[:, moved.path] += w[:, moved.i] * state.eta[:, moved.j]
        out[:, moved.intercept] = w[:, moved.m]
    return out


def moment_curvature(layout: RamLayout, state: RamState, Q: FloatArray, d: FloatArray) -> FloatArray:
    """Second derivatives by the active cells of ``tr(Q Sigma) + d' mu``, shape (G, C_active, C_active).

    The weights ``Q`` and ``d`` are held constant: only the curvature of the moments themselves enters.
    """
    moved, V, eta = moves(layout), state.V, state.eta
    turned = np.swapaxes(state.B, 1, 2)
    BQ = turned @ Q
    P = BQ @ state.B
    out = np.zeros((layout.n_groups, len(layout.active), len(layout.active)))
    a, i, j, k, h = moved.path, moved.i[:, None], moved.j[:, None], moved.i, moved.j
    aa = 2.0 * P[:, i, k] * V[:, h, j]
    w = (turned @ d[:, :, None])[:, :, 0] if layout.has_means else None
    if not layout.one_step:
        E, N = state.E, BQ @ V[:, : state.p, :]
        aa += 2.0 * (E[:, h, i] * N[:, k, j] + N[:, i, h] * E[:, j, k])
        if w is not None:
            aa += E[:, h, i] * w[:, None, k] * eta[:, j] + w[:, i] * E[:, j, k] * eta[:, None, h]
    out[:, a[:, None], a] = aa
    near = moved.curved
    s, u, v = moved.covariance[near], moved.u[near][:, None], moved.v[near][:, None]
    sa = moved.double[near][:, None] * (state.E[:, h, u] * P[:, k, v] + P[:, u, k] * state.E[:, h, v])
    out[:, s[:, None], a] = sa
    out[:, a[:, None], s] = np.swapaxes(sa, 1, 2)
    if w is not None:
        near = moved.shifted
        ma = state.E[:, h, moved.m[near][:, None]] * w[:, None, k]
        out[:, moved.intercept[near][:, None], a] = ma
        out[:, a[:, None], moved.intercept[near]] = np.swapaxes(ma, 1, 2)
    return out
