"""Margins under dimension reduction: bifactor and two-tier models of any number of specific factors.

Given the primary factors the blocks of items are independent. Within a block the margins are sums over the nodes of
its one specific factor; a product over two blocks is a product of two conditional means. Conditional on a primary
node, let ``y`` hold the functions of all blocks and ``S`` their block-diagonal covariance. A product ``F_i F_k`` over
two blocks with conditional means ``m`` has the linear part ``m_k F_i + m_i F_k``, so the covariance of all margins is
``A S A'`` with the rows of that linearisation in ``A``, plus ``S_il S_km`` for two such products over the same blocks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from recoverymetrics.irt.moments import Features, moment_derivatives, moments, score_covariance
from recoverymetrics.typing import FloatArray, IntArray


@dataclass(frozen=True)
class BlockFeatures:
    """Functions of the items of one block.

    Attributes
    ----------
    columns : ndarray of int
        One-hot columns of the block.
    own : Features
        On these columns: first order functions are the univariate ones followed by the bivariate ones, pairs are those
        within the block.
    linear : ndarray of int
        Places of the univariate functions and of the pairs among all margins.
    univariate : int
        How many univariate functions there are.
    functions : ndarray of int
        The bivariate functions.
    """

    columns: IntArray
    own: Features
    linear: IntArray
    univariate: int
    functions: IntArray


@dataclass(frozen=True)
class Blocks:
    """How all margins divide over blocks.

    Attributes
    ----------
    features : Features
        All margins.
    parts : tuple of BlockFeatures
        Per block.
    crossed : ndarray of int, shape (X,)
        Pairs over two blocks, among ``features.pairs``; the function of the earlier block comes first.
    first, second : ndarray of int, shape (X,)
        Bivariate functions of these pairs.
    block : ndarray of int, shape (F,)
        Block of each bivariate function.
    """

    features: Features
    parts: tuple[BlockFeatures, ...]
    crossed: IntArray
    first: IntArray
    second: IntArray
    block: IntArray

    @classmethod
    def divide(cls, features: Features, n_categories: IntArray, blocks: Sequence[IntArray]) -> Blocks:
        """Divide the margins over blocks of items."""
        owner_block = np.zeros(n_categories.size, dtype=np.int64)
        for b, items in enumerate(blocks):
            owner_block[items] = b
        block = owner_block[features.owner_f]
        i, k = features.pairs.T
        crossed = np.flatnonzero(block[i] != block[k])
        swap = block[i[crossed]] > block[k[crossed]]
        first, second = np.where(swap, k[crossed], i[crossed]), np.where(swap, i[crossed], k[crossed])
        parts = tuple(_part(features, n_categories, items) for items in blocks)
        return cls(features, parts, crossed, first, second, block)


def _part(features: Features, n_categories: IntArray, items: IntArray) -> BlockFeatures:
    offsets = np.concatenate([[0], np.cumsum(n_categories)])
    columns = np.concatenate([np.arange(offsets[j], offsets[j + 1]) for j in items])
    u = np.flatnonzero(np.isin(features.owner_u, items))
    f = np.flatnonzero(np.isin(features.owner_f, items))
    inside = np.flatnonzero(np.isin(features.pairs, f).all(axis=1))
    place = np.full(features.owner_f.size, -1)
    place[f] = np.arange(f.size)
    own = Features(
        np.concatenate([features.univariate[u], features.bivariate[f]])[:, columns],
        features.bivariate[f][:, columns],
        np.concatenate([features.owner_u[u], features.owner_f[f]]),
        features.owner_f[f],
        place[features.pairs[inside]],
    )
    return BlockFeatures(columns, own, np.concatenate([u, features.owner_u.size + inside]), u.size, f)


@dataclass(frozen=True)
class Conditional:
    """Margins given one primary node.

    Attributes
    ----------
    mean : ndarray, shape (T,)
        All margins.
    function : ndarray, shape (F,)
        Conditional means of the bivariate functions.
    parts : tuple of (mean, covariance)
        Of the functions of each block.
    """

    mean: FloatArray
    function: FloatArray
    parts: tuple[tuple[FloatArray, FloatArray], ...]


def conditional_moments(blocks: Blocks, p: FloatArray, specific: FloatArray) -> Iterator[Conditional]:
    """Yield the margins given each primary node.

    Parameters
    ----------
    p : ndarray, shape (C, Qp * Qs)
        Category probabilities, the specific dimension running fastest.
    specific : ndarray, shape (Qs,)
        Weights of the nodes of a specific factor.
    """
    shaped = p.reshape(p.shape[0], -1, specific.size)
    n_u = blocks.features.owner_u.size
    for q in range(shaped.shape[1]):
        mean, function, parts = (
            np.empty(n_u + blocks.features.pairs.shape[0]),
            np.empty(blocks.block.size),
            [],
        )
        for part in blocks.parts:
            m, S = moments(part.own, shaped[part.columns, q], specific)
            mean[part.linear] = m[_linear(part)]
            function[part.functions] = m[_functions(part)]
            parts.append((m, S))
        mean[n_u + blocks.crossed] = function[blocks.first] * function[blocks.second]
        yield Conditional(mean, function, tuple(parts))


def _functions(part: BlockFeatures) -> IntArray:
    """Places of the bivariate functions among a block's first-order functions."""
    return part.univariate + np.arange(part.functions.size)


def _linear(part: BlockFeatures) -> IntArray:
    """Places of univariate functions and pairs in a block's vector."""
    size = part.linear.size + part.functions.size
    return np.delete(np.arange(size), _functions(part))


def reduced_moments(
    blocks: Blocks, p: FloatArray, primary: FloatArray, specific: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Expected margins and their covariance matrix for one person, as ``moments`` on the full grid.

    Parameters
    ----------
    p : ndarray, shape (C, Qp * Qs)
        Category probabilities.
    primary, specific : ndarray
        Node weights.
    """
    n_u, T = blocks.features.owner_u.size, blocks.features.owner_u.size + blocks.features.pairs.shape[0]
    Xi, rows, crossed = np.zeros((T, T)), [], n_u + blocks.crossed
    for given, weight in zip(conditional_moments(blocks, p, specific), primary, strict=True):
        rows.append(given.mean)
        for part, (_, S) in zip(blocks.parts, given.parts, strict=True):
            places, A = _linearisation(blocks, part, given.function)
            Xi[np.ix_(places, places)] += weight * (A @ S @ A.T)
        Xi[np.ix_(crossed, crossed)] += weight * _products(blocks, given)
    table = np.array(rows)
    mean = primary @ table
    return mean, Xi + (table.T * primary) @ table - np.outer(mean, mean)


def _linearisation(blocks: Blocks, part: BlockFeatures, function: FloatArray) -> tuple[IntArray, FloatArray]:
    """Margins that a block takes part in, and their derivatives with respect to its functions."""
    n_u = blocks.features.owner_u.size
    place = np.full(blocks.block.size, -1)
    place[part.functions] = _functions(part)
    i, k = place[blocks.first], place[blocks.second]
    mine = np.flatnonzero((i >= 0) | (k >= 0))
    places = np.concatenate([part.linear, n_u + blocks.crossed[mine]])
    A = np.zeros((places.size, part.linear.size + part.functions.size))
    A[np.arange(part.linear.size), _linear(part)] = 1.0
    here = np.where(i[mine] >= 0, i[mine], k[mine])
    other = np.where(i[mine] >= 0, blocks.second[mine], blocks.first[mine])
    A[part.linear.size + np.arange(mine.size), here] = function[other]
    return places, A


def _products(blocks: Blocks, given: Conditional) -> FloatArray:
    """Second-order part of the covariance of products over two blocks, ``S_il S_km``; pairs are in block order."""
    S = np.zeros((blocks.block.size,) * 2)
    for part, (_, own) in zip(blocks.parts, given.parts, strict=True):
        f = _functions(part)
        S[np.ix_(part.functions, part.functions)] = own[np.ix_(f, f)]
    i, k = blocks.first, blocks.second
    out: FloatArray = S[np.ix_(i, i)] * S[np.ix_(k, k)]
    return out


def reduced_derivatives(
    blocks: Blocks,
    p: FloatArray,
    primary: FloatArray,
    specific: FloatArray,
    items: FloatArray,
    latent: FloatArray,
) -> FloatArray:
    """Derivatives of the expected margins, shape (T, p_g).

    Parameters
    ----------
    items : ndarray, shape (Qp * Qs, p_g, C)
        Score of each parameter on each one-hot column.
    latent : ndarray, shape (p_g, Qp)
        Scores of latent parameters at the primary nodes.
    """
    n_u = blocks.features.owner_u.size
    P, Qs = items.shape[1], specific.size
    out = np.zeros((n_u + blocks.features.pairs.shape[0], P))
    used = [np.flatnonzero(np.any(items[:, :, b.columns] != 0, axis=(0, 2))) for b in blocks.parts]
    for q, given in enumerate(conditional_moments(blocks, p, specific)):
        at = slice(q * Qs, (q + 1) * Qs)
        for part, own in zip(blocks.parts, used, strict=True):
            design = items[at][:, own][:, :, part.columns]
            d = moment_derivatives(part.own, p[part.columns, at], specific, design, np.zeros((own.size, Qs)))
            places, A = _linearisation(blocks, part, given.function)
            out[np.ix_(places, own)] += primary[q] * (A @ d)
        out += primary[q] * np.outer(given.mean, latent[:, q])
    return out


def reduced_covariance(
    blocks: Blocks, p: FloatArray, primary: FloatArray, specific: FloatArray
) -> FloatArray:
    """Covariance matrix of the item scores (features of ``"m2*"``)."""
    shaped = p.reshape(p.shape[0], -1, specific.size)
    means = blocks.features.bivariate @ (shaped @ specific)
    mean = means @ primary
    out: FloatArray = (means * primary) @ means.T - np.outer(mean, mean)
    for part in blocks.parts:
        inside = np.ix_(part.functions, part.functions)
        for q, weight in enumerate(primary):
            out[inside] += weight * score_covariance(part.own, shaped[part.columns, q], specific)
    return out
