"""Rows with missing values reduced by pattern, without loss for the normal likelihood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from recoverymetrics.typing import BoolArray, FloatArray, IntArray

LOG_2PI = float(np.log(2.0 * np.pi))


@dataclass(frozen=True)
class Block:
    """Patterns of one group with equally many missing variables.

    Attributes
    ----------
    patterns : ndarray of int, shape (B,)
        Their numbers.
    items : ndarray of int, shape (B, m)
        Missing variables of each.
    rows : ndarray of int, shape (R,)
        Rows with these patterns: one of means per pattern, then deviations.
    which : ndarray of int, shape (R,)
        Pattern of each row, as a position in ``patterns``.
    """

    patterns: IntArray
    items: IntArray
    rows: IntArray
    which: IntArray


@dataclass(frozen=True)
class GroupPatterns:
    """Rows of one group reduced by pattern, without loss for the normal likelihood.

    Attributes
    ----------
    mask : ndarray of bool, shape (P, p)
        Observed variables of each pattern.
    count : ndarray, shape (P,)
        Persons (or their weight) with each pattern.
    mean : ndarray, shape (P, p)
        Their means, zero where missing.
    deviations : ndarray, shape (D, p)
        Rows whose cross-products are those of the persons around the means of their patterns, zero where missing.
    owner : ndarray of int, shape (D,)
        Pattern of each of these rows, ascending.
    index : ndarray of int, shape (n,)
        Pattern of each person.
    """

    mask: BoolArray
    count: FloatArray
    mean: FloatArray
    deviations: FloatArray
    owner: IntArray
    index: IntArray

    @cached_property
    def total(self) -> float:
        """Number of persons."""
        return float(self.count.sum())

    @cached_property
    def constant(self) -> float:
        """Observed values times ``log(2 pi)``."""
        return LOG_2PI * float(self.count @ self.mask.sum(axis=1))

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """Patterns by their number of missing variables."""
        return group_blocks(self.mask, np.concatenate([np.arange(len(self.mask)), self.owner]))

    @cached_property
    def scatter(self) -> IntArray:
        """Positions in a flat covariance matrix of the cells of all blocks' conditional covariances."""
        p = self.mask.shape[1]
        return np.concatenate(
            [(p * block.items[:, :, None] + block.items[:, None, :]).ravel() for block in self.blocks]
        )


def group_blocks(mask: BoolArray, owner: IntArray) -> tuple[Block, ...]:
    """Blocks of the patterns ``mask`` (P, p) whose rows have the patterns ``owner`` (R,)."""
    size = (~mask).sum(axis=1)
    found = []
    for m in np.unique(size):
        patterns = np.flatnonzero(size == m)
        local = np.full(len(mask), -1)
        local[patterns] = np.arange(len(patterns))
        rows = np.flatnonzero(size[owner] == m)
        items = np.nonzero(~mask[patterns])[1].reshape(len(patterns), m)
        found.append(Block(patterns, items, rows, local[owner[rows]]))
    return tuple(found)


@dataclass(frozen=True)
class MissingPatterns:
    """Data with missing values of one or more groups, reduced by pattern."""

    groups: tuple[GroupPatterns, ...]

    @cached_property
    def total(self) -> float:
        """Number of persons."""
        return sum(group.total for group in self.groups)


def find_patterns(
    groups: Sequence[FloatArray], weights: Sequence[FloatArray] | None = None
) -> MissingPatterns:
    """Reduce the data of each group (n_g, p), NaN where missing, by pattern.

    Rows without any observed value must have been taken out.
    """
    shares = [np.ones(len(data)) for data in groups] if weights is None else weights
    return MissingPatterns(tuple(_group(data, w) for data, w in zip(groups, shares, strict=True)))


def _group(data: FloatArray, weight: FloatArray) -> GroupPatterns:
    seen = ~np.isnan(data)
    packed = np.ascontiguousarray(np.packbits(seen, axis=1))
    keys = packed.view(np.dtype((np.void, packed.shape[1]))).ravel()
    _, first, index, persons = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    index = index.ravel()
    order = np.argsort(index, kind="stable")
    starts = np.concatenate([[0], np.cumsum(persons)[:-1]])
    mask = seen[first]
    filled = np.where(seen, data, 0.0)[order]
    w = weight[order]
    count = np.add.reduceat(w, starts)
    mean = np.add.reduceat(w[:, None] * filled, starts) / count[:, None]
    gap = np.sqrt(w)[:, None] * (filled - mean[index[order]])
    parts, owner = [np.zeros((0, data.shape[1]))], []
    for k in np.flatnonzero(persons > 1):
        part = gap[starts[k] : starts[k] + persons[k]]
        if len(part) > part.shape[1]:
            part = np.asarray(np.linalg.qr(part, mode="r"))
        parts.append(np.where(mask[k], part, 0.0))
        owner.append(np.full(len(part), k))
    rows = np.concatenate(owner) if owner else np.zeros(0, dtype=np.int64)
    return GroupPatterns(mask, count, mean, np.concatenate(parts), rows, index)
