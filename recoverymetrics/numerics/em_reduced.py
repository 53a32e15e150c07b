"""E-step with dimension reduction: one set of primary nodes, one specific dimension at a time.

Given the primary factors, items of different specific factors are independent (Gibbons & Hedeker 1992; Cai
2010), so the cost grows with the nodes of the primary factors times the nodes of one specific factor. Persons
who gave the same answers to the items of a specific factor share that part of the work.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recoverymetrics.numerics.em import Counts, OneHot
from recoverymetrics.typing import FloatArray, IntArray

PERSONS = 8192
"""Persons per chunk; their distinct answers to one block times the nodes is the largest array."""
TINY = 1e-300
"""Floor of likelihoods before logarithms."""


@dataclass(frozen=True)
class SharedAnswers:
    """Distinct answers of a chunk of persons to the items of one block.

    Attributes
    ----------
    Z : ndarray, shape (U, C_b)
        One-hot rows of the distinct answers.
    answer : ndarray of int, shape (n,)
        Which of them each person gave.
    order, starts : ndarray of int
        Persons sorted by answer, and where each answer begins.
    """

    Z: FloatArray
    answer: IntArray
    order: IntArray
    starts: IntArray

    def total(self, values: FloatArray) -> FloatArray:
        """Sum rows of persons over equal answers, shape (U, ...)."""
        summed: FloatArray = np.add.reduceat(values[self.order], self.starts, axis=0)
        return summed


def block_columns(responses: OneHot, block: IntArray) -> IntArray:
    """One-hot columns of the items of a block."""
    offsets, K = responses.offsets, responses.n_categories
    return np.concatenate([np.arange(offsets[j], offsets[j] + K[j]) for j in block])


def shared_answers(
    responses: OneHot, blocks: Sequence[IntArray], dtype: Any = np.float64
) -> Iterator[tuple[slice, list[SharedAnswers]]]:
    """Yield chunks of persons with their distinct answers per block; kept between passes."""
    key = ("blocks", tuple(tuple(b.tolist()) for b in blocks), dtype)
    if key not in responses._cache:
        starts = range(0, responses.n, PERSONS)
        responses._cache[key] = [
            (rows, [_distinct(responses, rows, block, dtype) for block in blocks])
            for rows in (slice(s, min(s + PERSONS, responses.n)) for s in starts)
        ]
    yield from responses._cache[key]


def _distinct(responses: OneHot, rows: slice, block: IntArray, dtype: Any) -> SharedAnswers:
    codes = responses.codes[rows][:, block]
    unique, answer = np.unique(codes, axis=0, return_inverse=True)
    own = OneHot(unique, responses.n_categories[block], np.ones(unique.shape[0]))
    answer = np.asarray(answer).ravel()
    order = np.argsort(answer, kind="stable")
    starts = np.searchsorted(answer[order], np.arange(unique.shape[0]))
    return SharedAnswers(own.unfold(slice(0, own.n), dtype), answer, order, starts)


def reduced_counts(
    responses: OneHot,
    L: FloatArray,
    log_primary: FloatArray,
    log_specific: FloatArray,
    blocks: Sequence[IntArray],
    dtype: Any = np.float64,
) -> Counts:
    """Expected counts on the crossed nodes of the primary factors and each item's specific factor.

    Parameters
    ----------
    responses : OneHot
        ``n`` rows.
    L : ndarray, shape (C, Qp * Qs)
        Log category probabilities; the specific dimension runs fastest.
    log_primary : ndarray, shape (Qp,)
        Log weights of the primary nodes.
    log_specific : ndarray, shape (Qs,)
        Log weights of the nodes of a specific factor.
    blocks : sequence of ndarray of int
        Items of each specific factor.
    dtype : type, default float64
        Precision of the large arrays.

    Returns
    -------
    Counts
        ``category`` has shape (C, Qp * Qs), ``node`` has shape (Qp,).
    """
    columns = [block_columns(responses, block) for block in blocks]
    parts = [np.ascontiguousarray(L[c], dtype=dtype) for c in columns]
    weights = np.exp(log_specific).astype(dtype)
    category, node, loglik = np.zeros_like(L), np.zeros(log_primary.size), 0.0
    for rows, answers in shared_answers(responses, blocks, dtype):
        w = responses.weights[rows]
        likelihoods, marginals = block_likelihoods(answers, parts, weights)
        posterior, log_total = primary_posterior(answers, marginals, log_primary)
        loglik += float(w @ log_total)
        posterior *= w[:, None]
        node += posterior.sum(axis=0)
        for c, own, within, marginal in zip(columns, answers, likelihoods, marginals, strict=True):
            share = (own.total(posterior) / marginal).astype(dtype)
            within *= share[:, :, None]
            category[c] += own.Z.T @ within.reshape(own.Z.shape[0], -1)
    category *= np.tile(np.exp(log_specific), log_primary.size)
    return Counts(loglik, category, node)


def block_likelihoods(
    answers: Sequence[SharedAnswers], parts: Sequence[FloatArray], weights: FloatArray
) -> tuple[list[FloatArray], list[FloatArray]]:
    """Likelihood of each distinct answer on the crossed nodes, and averaged over the specific factor.

    Returns
    -------
    likelihoods : list of ndarray, shape (U, Qp, Qs)
    marginals : list of ndarray of float64, shape (U, Qp)
    """
    likelihoods, marginals = [], []
    for own, L in zip(answers, parts, strict=True):
        A = own.Z @ L
        np.exp(A, out=A)
        U = A.shape[0]
        marginal = (A.reshape(-1, weights.size) @ weights).reshape(U, -1)
        likelihoods.append(A.reshape(U, -1, weights.size))
        marginals.append(np.maximum(marginal.astype(float), TINY))
    return likelihoods, marginals


def primary_posterior(
    answers: Sequence[SharedAnswers], marginals: Sequence[FloatArray], log_primary: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Posterior over the primary nodes, shape (n, Qp), and log marginal likelihood of each person."""
    log_posterior = np.repeat(log_primary[None, :], answers[0].answer.size, axis=0)
    for own, marginal in zip(answers, marginals, strict=True):
        log_posterior += np.log(marginal)[own.answer]
    peak = log_posterior.max(axis=1)
    posterior = np.exp(log_posterior - peak[:, None])
    total = posterior.sum(axis=1)
    posterior /= total[:, None]
    return posterior, np.log(total) + peak
