"""Thresholds, polychoric correlations and their asymptotic covariance, all pairs at once.

Two steps (Olsson 1979): thresholds from the margins, then one correlation per pair with the thresholds held
fixed. The asymptotic covariance stacks the casewise scores of both steps (Muthen 1984). Because a pair's score
depends on the pair's two categories alone, every estimating function is a small table: variances are sums over
cells, and covariances one product of looked-up rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import ndtri

from recoverymetrics.correlation.bivariate import (
    PairSolution,
    cell_probabilities,
    cell_slopes,
    cell_threshold_slopes,
    solve_pairs,
)
from recoverymetrics.correlation.tables import pair_tables
from recoverymetrics.typing import BoolArray, FloatArray, IntArray

AcovKind = Literal["full", "diagonal"]
_PAIR_BLOCK = 4096
_PERSON_BLOCK = 2048


@dataclass(frozen=True)
class Influence:
    """Casewise influence of a person on each statistic, as tables over categories.

    The statistic minus its limit is, to first order, the sum over persons of their influence. Multiply sums of
    squares by ``n`` for the asymptotic covariance.

    Attributes
    ----------
    thresholds : ndarray, shape (p, K + 1, K - 1)
        Influence of a response in category ``a`` of item ``i`` on threshold ``t``: ``[i, a, t]``. Row ``K`` is
        the missing response, zero.
    correlations : ndarray, shape (p (p - 1) / 2, K + 1, K + 1)
        Influence of the responses ``(a, b)`` to pair ``(i, j)``, ``i < j``. A person who answered one item of
        the pair still acts through its thresholds.
    keep : ndarray of bool, shape (p, K - 1)
        Which thresholds exist.
    """

    thresholds: FloatArray
    correlations: FloatArray
    keep: BoolArray

    def casewise(self, codes: IntArray) -> FloatArray:
        """Look up the influence of each person on each statistic.

        Parameters
        ----------
        codes : ndarray of int, shape (n, p)
            Categories from 0; negative is missing.

        Returns
        -------
        ndarray, shape (n, thresholds + correlations)
            Thresholds item by item, then correlations in the order (2,1), (3,1), ..., (p,1), (3,2), ...
        """
        n, p = codes.shape
        width = self.thresholds.shape[1]
        known = np.where(codes < 0, width - 1, codes).astype(np.intp)
        first, second = np.triu_indices(p, 1)
        out = np.empty((n, int(self.keep.sum()) + first.size))
        at = 0
        for item in range(p):
            count = int(self.keep[item].sum())
            out[:, at : at + count] = self.thresholds[item][:, self.keep[item]][known[:, item]]
            at += count
        cell = known[:, first]
        cell *= width
        cell += known[:, second]
        cell += np.arange(first.size, dtype=np.intp) * (width * width)
        np.take(self.correlations.ravel(), cell, out=out[:, at:])
        return out


@dataclass(frozen=True)
class OrdinalMoments:
    """Thresholds and polychoric correlations of ``p`` ordered items in one sample.

    Attributes
    ----------
    n : int
        Persons.
    n_categories : ndarray of int, shape (p,)
        Categories of each item.
    tau : ndarray, shape (p, K - 1)
        Thresholds; ``+inf`` pads items with fewer than ``K`` categories, and marks (with ``-inf``) an extreme
        category that nobody chose.
    correlations : ndarray, shape (p, p)
        Polychoric correlations; NaN where an item has fewer than two categories in the pair's persons.
    pair_n : ndarray, shape (p, p)
        Persons (or weight) per pair; the diagonal holds the persons per item.
    acov : ndarray or None
        ``n`` times the asymptotic covariance of ``statistics``: a matrix, or its diagonal.
    influence : Influence or None
        Casewise influence; ``None`` unless ``acov`` was asked for.
    empty : tuple of (int, int)
        Item and category that nobody chose.
    empty_cells : ndarray of int, shape (p, p)
        Cells of each pair's table without a person.
    solution : PairSolution
        What the optimiser reports, pairs in the order of ``numpy.triu_indices``.
    """

    n: int
    n_categories: IntArray
    tau: FloatArray
    correlations: FloatArray
    pair_n: FloatArray
    acov: FloatArray | None
    influence: Influence | None
    empty: tuple[tuple[int, int], ...]
    empty_cells: IntArray
    solution: PairSolution

    @property
    def keep(self) -> BoolArray:
        """Which entries of ``tau`` are thresholds and not padding, shape (p, K - 1)."""
        return _threshold_mask(self.n_categories, self.tau.shape[1])

    @property
    def thresholds(self) -> FloatArray:
        """Thresholds in one vector, item by item."""
        return self.tau[self.keep]

    @property
    def threshold_items(self) -> IntArray:
        """Item index of each entry of ``thresholds``."""
        return np.nonzero(self.keep)[0]

    @property
    def statistics(self) -> FloatArray:
        """Thresholds item by item, then correlations (2,1), (3,1), ..., (p,1), (3,2), ..."""
        return np.concatenate([self.thresholds, self.solution.rho])

    @property
    def converged(self) -> bool:
        """Whether every pair converged."""
        return bool(self.solution.converged.all())

    @property
    def boundary_pairs(self) -> tuple[tuple[int, int], ...]:
        """Pairs whose correlation ran to +-1."""
        first, second = np.triu_indices(len(self.n_categories), 1)
        at = np.flatnonzero(self.solution.boundary)
        return tuple((int(first[i]), int(second[i])) for i in at)


def ordinal_moments(
    codes: IntArray,
    n_categories: IntArray,
    *,
    acov: AcovKind | None = None,
    weights: FloatArray | None = None,
    correct: float = 0.0,
) -> OrdinalMoments:
    """Estimate thresholds and polychoric correlations of one sample.

    Parameters
    ----------
    codes : ndarray of int, shape (n, p)
        Categories ``0 .. K_i - 1``; negative is missing: margins then use all responses of an item and tables all
        persons with both responses.
    n_categories : ndarray of int, shape (p,)
        Categories of each item, chosen or not.
    acov : {"full", "diagonal"} or None, default None
        ``"full"``: matrix of ``n`` times the asymptotic covariance; ``"diagonal"``: its diagonal alone, from the
        tables, without a pass over persons.
    weights : ndarray, shape (n,), optional
        Sampling weights.
    correct : float, default 0
        Count put into empty cells before the correlations are estimated (not renormalised).

    Returns
    -------
    OrdinalMoments
    """
    n, p = codes.shape
    n_categories = np.asarray(n_categories, dtype=np.int64)
    tables = pair_tables(codes, int(n_categories.max()), weights)
    margins = np.einsum("iiaa->ia", tables)
    tau = thresholds_from_margins(margins, n_categories)
    first, second = np.triu_indices(p, 1)
    counts = tables[first, second]
    empty = (counts <= 0) & _cell_mask(n_categories, counts.shape[1])
    used = np.where(empty, correct, counts) if correct > 0 else counts
    solution = _without_undefined(_solve(used, tau, first, second), counts)
    influence = None if acov is None else _influence(used, margins, tau, n_categories, solution.rho)
    matrix = None
    if influence is not None:
        matrix = (
            _diagonal(influence, margins, counts, n)
            if acov == "diagonal" and weights is None
            else cross_product(influence, codes, weights)
        )
        matrix = np.diag(matrix) if acov == "diagonal" and matrix.ndim == 2 else matrix
    return OrdinalMoments(
        n, n_categories, tau, _symmetric(solution.rho, p, 1.0),
        _symmetric(counts.sum(axis=(1, 2)), p, margins.sum(axis=1)), matrix, influence,
        _empty_categories(margins, n_categories), _symmetric(empty.sum(axis=(1, 2)), p, 0).astype(np.int64), solution,
    )  # fmt: skip


def thresholds_from_margins(margins: FloatArray, n_categories: IntArray) -> FloatArray:
    """Normal quantiles of the cumulative margins, padded with ``+inf``.

    Parameters
    ----------
    margins : ndarray, shape (p, K)
        Counts per category.
    n_categories : ndarray of int, shape (p,)
        Categories of each item.

    Returns
    -------
    ndarray, shape (p, K - 1)
    """
    cumulated = np.cumsum(margins, axis=1)[:, :-1]
    share = np.minimum(cumulated / np.maximum(margins.sum(axis=1, keepdims=True), 1e-300), 1.0)
    return np.where(_threshold_mask(n_categories, margins.shape[1] - 1), ndtri(share), np.inf)


def cross_product(influence: Influence, codes: IntArray, weights: FloatArray | None = None) -> FloatArray:
    """``n`` times the sum over persons of the outer product of their influence, in blocks of persons."""
    size = int(influence.keep.sum()) + influence.correlations.shape[0]
    total = np.zeros((size, size))
    for start in range(0, codes.shape[0], _PERSON_BLOCK):
        rows = influence.casewise(codes[start : start + _PERSON_BLOCK])
        if weights is not None:
            rows *= weights[start : start + _PERSON_BLOCK, None]
        total += rows.T @ rows
    return total * codes.shape[0]


def _solve(counts: FloatArray, tau: FloatArray, first: IntArray, second: IntArray) -> PairSolution:
    if first.size == 0:
        return PairSolution(np.empty(0), np.empty(0, dtype=bool), np.empty(0, dtype=bool), 0)
    blocks = [slice(at, at + _PAIR_BLOCK) for at in range(0, first.size, _PAIR_BLOCK)]
    parts = [solve_pairs(counts[b], tau[first[b]], tau[second[b]]) for b in blocks]
    return PairSolution(
        np.concatenate([part.rho for part in parts]),
        np.concatenate([part.boundary for part in parts]),
        np.concatenate([part.converged for part in parts]),
        max(part.iterations for part in parts),
    )


def _without_undefined(solution: PairSolution, counts: FloatArray) -> PairSolution:
    """No number for pairs in which an item has fewer than two categories, or that nobody answered."""
    rows, columns = (counts.sum(axis=2) > 0).sum(axis=1), (counts.sum(axis=1) > 0).sum(axis=1)
    rho = np.where(np.minimum(rows, columns) > 1, solution.rho, np.nan)
    return PairSolution(rho, solution.boundary & np.isfinite(rho), solution.converged, solution.iterations)


def _influence(
    counts: FloatArray, margins: FloatArray, tau: FloatArray, n_categories: IntArray, rho: FloatArray
) -> Influence:
    first, second = np.triu_indices(tau.shape[0], 1)
    thresholds = _threshold_influence(margins, tau)
    correlations = np.zeros((first.size, margins.shape[1] + 1, margins.shape[1] + 1))
    for at in range(0, first.size, _PAIR_BLOCK):
        block = slice(at, at + _PAIR_BLOCK)
        i, j = first[block], second[block]
        correlations[block] = _pair_influence(
            counts[block], tau[i], tau[j], rho[block], thresholds[i, :-1], thresholds[j, :-1]
        )
    return Influence(thresholds, correlations, _threshold_mask(n_categories, tau.shape[1]))


def _threshold_influence(margins: FloatArray, tau: FloatArray) -> FloatArray:
    """Influence ``(1[y <= t] - P_t) / (phi(tau_t) n)``; not a number where the threshold is infinite."""
    p, k = margins.shape
    total = margins.sum(axis=1)[:, None, None]
    share = (np.cumsum(margins, axis=1)[:, :-1] / np.maximum(total[:, :, 0], 1e-300))[:, None, :]
    below = np.arange(k)[:, None] <= np.arange(k - 1)[None, :]
    with np.errstate(invalid="ignore", divide="ignore", under="ignore"):
        density = np.exp(-0.5 * tau**2)[:, None, :] / np.sqrt(2.0 * np.pi)
        known = np.where(np.isfinite(tau)[:, None, :], (below - share) / (density * total), np.nan)
    return np.concatenate([known, np.zeros((p, 1, k - 1))], axis=1)


def _pair_influence(
    counts: FloatArray,
    tau_x: FloatArray,
    tau_y: FloatArray,
    rho: FloatArray,
    infl_x: FloatArray,
    infl_y: FloatArray,
) -> FloatArray:
    """Influence on each correlation: its own score less what the estimated thresholds take with them."""
    probability = np.maximum(cell_probabilities(tau_x, tau_y, rho), 1e-15)
    score = cell_slopes(tau_x, tau_y, rho)[0] / probability
    per_row = _by_threshold(cell_threshold_slopes(tau_x, tau_y, rho), probability)
    per_column = _by_threshold(
        cell_threshold_slopes(tau_y, tau_x, rho), probability.transpose(0, 2, 1)
    ).transpose(0, 1, 3, 2)
    weighted = counts * score
    cross_x = np.einsum("mrc,mtrc->mt", weighted, per_row, optimize=True)
    cross_y = np.einsum("mrc,mtrc->mt", weighted, per_column, optimize=True)
    information = np.maximum(np.sum(weighted * score, axis=(1, 2)), 1e-300)
    shift_x = np.einsum("mt,mrt->mr", cross_x, np.nan_to_num(infl_x), optimize=True)
    shift_y = np.einsum("mt,mct->mc", cross_y, np.nan_to_num(infl_y), optimize=True)
    influence = np.zeros((counts.shape[0], counts.shape[1] + 1, counts.shape[2] + 1))
    influence[:, :-1, :-1] = score
    influence[:, :-1] -= shift_x[:, :, None]
    influence[:, :, :-1] -= shift_y[:, None, :]
    influence /= information[:, None, None]
    return influence


def _by_threshold(gain: FloatArray, probability: FloatArray) -> FloatArray:
    """Score of the log cell probability in each row threshold, shape (m, t, r, c)."""
    m, steps, columns = gain.shape
    slope = np.zeros((m, steps, steps + 1, columns))
    at = np.arange(steps)
    slope[:, at, at] = gain
    slope[:, at, at + 1] = -gain
    return slope / probability[:, None]


def _diagonal(influence: Influence, margins: FloatArray, counts: FloatArray, n: int) -> FloatArray:
    of_thresholds = np.einsum("ia,iat->it", margins, influence.thresholds[:, :-1] ** 2)
    first, second = np.triu_indices(margins.shape[0], 1)
    everyone = np.zeros_like(influence.correlations)
    everyone[:, :-1, :-1] = counts
    everyone[:, :-1, -1] = margins[first] - counts.sum(axis=2)
    everyone[:, -1, :-1] = margins[second] - counts.sum(axis=1)
    of_correlations = np.einsum("mab,mab->m", everyone, influence.correlations**2)
    return n * np.concatenate([of_thresholds[influence.keep], of_correlations])


def _threshold_mask(n_categories: IntArray, width: int) -> BoolArray:
    return np.arange(width)[None, :] < (np.asarray(n_categories)[:, None] - 1)


def _cell_mask(n_categories: IntArray, width: int) -> BoolArray:
    real = np.arange(width)[None, :] < n_categories[:, None]
    first, second = np.triu_indices(n_categories.size, 1)
    return real[first][:, :, None] & real[second][:, None, :]


def _empty_categories(margins: FloatArray, n_categories: IntArray) -> tuple[tuple[int, int], ...]:
    real = np.arange(margins.shape[1])[None, :] < n_categories[:, None]
    return tuple((int(i), int(a)) for i, a in zip(*np.nonzero((margins <= 0) & real), strict=True))


def _symmetric(values: FloatArray, p: int, diagonal: FloatArray | float) -> FloatArray:
    matrix = np.zeros((p, p))
    matrix[np.triu_indices(p, 1)] = values
    matrix += matrix.T
    np.fill_diagonal(matrix, diagonal)
    return matrix
