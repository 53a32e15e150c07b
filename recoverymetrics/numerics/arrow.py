"""Symmetric matrices of arrow shape: parameters of one group each, bordered by parameters that groups share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotri, dpotrs, dtrtrs

from recoverymetrics.typing import FloatArray, IntArray

DENSE_BELOW = 80
"""Size under which one dense factorisation is quicker than many small ones."""


def square_of(index: IntArray) -> Any:
    """Index of the square block of some rows: slices where they follow one another, which copy nothing."""
    if len(index) and index[-1] - index[0] == len(index) - 1 and (np.diff(index) == 1).all():
        rows = slice(int(index[0]), int(index[-1]) + 1)
        return rows, rows
    return np.ix_(index, index)


@dataclass(frozen=True)
class Arrow:
    """Which rows belong to one group alone, and which are shared.

    Attributes
    ----------
    local : tuple of ndarray of int
        Rows of each group that no other group touches.
    shared : ndarray of int
        The other rows.
    """

    local: tuple[IntArray, ...]
    shared: IntArray

    @cached_property
    def size(self) -> int:
        """Number of rows."""
        return sum(len(part) for part in self.local) + len(self.shared)

    @cached_property
    def whole(self) -> Arrow:
        """The same rows without structure."""
        return Arrow((), np.arange(self.size))

    @cached_property
    def squares(self) -> tuple[Any, ...]:
        """Indices of the local blocks."""
        return tuple(square_of(part) for part in self.local)

    @cached_property
    def blocks(self) -> tuple[IntArray, ...]:
        """Blocks that nothing connects: the groups when nothing is shared, else everything in one."""
        if len(self.shared) or self.size < DENSE_BELOW:
            return (np.arange(self.size),)
        return tuple(part for part in self.local if len(part))

    def factor(self, matrix: FloatArray) -> ArrowFactor | None:
        """Cholesky factor; None when the matrix is not positive definite."""
        return _factor(self.whole if self.size < DENSE_BELOW else self, matrix)

    def sandwich(self, outer: FloatArray, middle: FloatArray) -> FloatArray:
        """``outer middle outer``, block by block where possible."""
        out = np.zeros_like(outer)
        for block in self.blocks:
            at = square_of(block)
            out[at] = outer[at] @ middle[at] @ outer[at]
        return out

    def traces(self, a: FloatArray, b: FloatArray) -> tuple[float, float]:
        """Traces of ``a b`` and of its square."""
        first = second = 0.0
        for block in self.blocks:
            at = square_of(block)
            product = a[at] @ b[at]
            first += float(np.trace(product))
            second += float((product * product.T).sum())
        return first, second


@dataclass(frozen=True)
class ArrowFactor:
    """Cholesky factors of the groups' blocks and of the Schur complement of the shared one.

    Attributes
    ----------
    arrow : Arrow
        Shape.
    diagonal : ndarray
        Diagonal of the matrix.
    roots : tuple of ndarray
        Lower factors of the local blocks.
    borders : tuple of ndarray
        Local factor's inverse times the border, one per group.
    core : ndarray
        Lower factor of the Schur complement.
    """

    arrow: Arrow
    diagonal: FloatArray
    roots: tuple[FloatArray, ...]
    borders: tuple[FloatArray, ...]
    core: FloatArray

    @property
    def smallest_pivot(self) -> float:
        """Smallest squared diagonal entry of the factors; near zero for a matrix that is nearly singular."""
        ends = [np.diagonal(root).min(initial=np.inf) for root in (*self.roots, self.core)]
        return float(min(ends, default=np.inf)) ** 2

    @property
    def relative_pivot(self) -> float:
        """Smallest squared diagonal entry of the factors of the matrix scaled to a unit diagonal."""
        found = np.inf
        for part, root in zip((*self.arrow.local, self.arrow.shared), (*self.roots, self.core), strict=True):
            if len(part):
                found = min(found, float((np.diagonal(root) ** 2 / self.diagonal[part]).min()))
        return found

    def solve(self, b: FloatArray) -> FloatArray:
        """``A^-1 b`` for a vector."""
        if not self.roots:
            return np.asarray(dpotrs(self.core, b, lower=1)[0])
        out = np.empty_like(b)
        rest = b[self.arrow.shared].copy()
        halves = []
        for part, root, border in zip(self.arrow.local, self.roots, self.borders, strict=True):
            half = _forward(root, b[part])
            rest -= border.T @ half
            halves.append(half)
        core = dpotrs(self.core, rest, lower=1)[0] if len(rest) else rest
        out[self.arrow.shared] = core
        for part, root, border, half in zip(self.arrow.local, self.roots, self.borders, halves, strict=True):
            if len(part):
                out[part] = dtrtrs(root, half - border @ core, lower=1, trans=1)[0]
        return out

    def inverse(self) -> FloatArray:
        """``A^-1``."""
        n = self.arrow.size
        out = np.zeros((n, n))
        shared = self.arrow.shared
        core = _inverse_from(self.core)
        out[np.ix_(shared, shared)] = core
        links = []
        for at, root, border in zip(self.arrow.squares, self.roots, self.borders, strict=True):
            out[at] = _inverse_from(root)
            links.append(dtrtrs(root, border, lower=1, trans=1)[0] if border.size else border)
        if len(shared) and links:
            rows = np.concatenate(self.arrow.local)
            link = np.concatenate(links)
            side = link @ core
            out[np.ix_(rows, shared)] = -side
            out[np.ix_(shared, rows)] = -side.T
            out[np.ix_(rows, rows)] += side @ link.T
        return out


def _forward(root: FloatArray, b: FloatArray) -> FloatArray:
    """``root^-1 b`` for a lower factor and a vector or matrix."""
    return np.asarray(dtrtrs(root, b, lower=1)[0]) if b.size else np.zeros(b.shape)


def _cholesky(matrix: FloatArray) -> FloatArray | None:
    """Lower factor; None when the matrix is not positive definite."""
    if not len(matrix):
        return np.zeros((0, 0))
    root, info = dpotrf(matrix, lower=1, clean=1)
    return root if info == 0 and np.isfinite(root[-1, -1]) else None


def _inverse_from(root: FloatArray) -> FloatArray:
    """Inverse of the matrix whose lower Cholesky factor is given."""
    if not len(root):
        return np.zeros((0, 0))
    lower = dpotri(root, lower=1)[0]
    inverse: FloatArray = lower + lower.T
    inverse.flat[:: len(root) + 1] *= 0.5
    return inverse


def _factor(arrow: Arrow, matrix: FloatArray) -> ArrowFactor | None:
    shared = arrow.shared
    core = matrix if len(shared) == len(matrix) else matrix[np.ix_(shared, shared)]
    roots, borders = [], []
    for part, at in zip(arrow.local, arrow.squares, strict=True):
        root = _cholesky(matrix[at])
        if root is None:
            return None
        border = _forward(root, matrix[np.ix_(part, shared)])
        core = core - border.T @ border if border.size else core
        roots.append(root)
        borders.append(border)
    last = _cholesky(core)
    if last is None:
        return None
    return ArrowFactor(arrow, np.diagonal(matrix), tuple(roots), tuple(borders), last)
