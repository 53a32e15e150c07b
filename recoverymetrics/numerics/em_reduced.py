"""E-step with dimension reduction: one set of primary nodes, one specific dimension at a time.

Given the primary factors, items of different specific factors are independent (Gibbons & Hedeker 1992; Cai
2010), so the cost grows with the nodes of the primary factors times the nodes of one specific factor.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recoverymetrics.numerics.em import Counts, OneHot
from recoverymetrics.typing import FloatArray, IntArray


def block_columns(responses: OneHot, block: IntArray) -> IntArray:
    """One-hot columns of the items of a block."""
    offsets, K = responses.offsets, responses.n_categories
    return np.concatenate([np.arange(offsets[j], offsets[j] + K[j]) for j in block])


def reduced_counts(
    responses: OneHot,
    L: FloatArray,
    log_primary: FloatArray,
    log_specific: FloatArray,
    blocks: Sequence[IntArray],
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

    Returns
    -------
    Counts
        ``category`` has shape (C, Qp * Qs), ``node`` has shape (Qp,).
    """
    columns = [block_columns(responses, block) for block in blocks]
    parts = [np.ascontiguousarray(L[c]) for c in columns]
    category, node, loglik = np.zeros_like(L), np.zeros(log_primary.size), 0.0
    for rows, Z in responses.chunks(L.shape[1]):
        w = responses.weights[rows]
        Zs = [np.ascontiguousarray(Z[:, c]) for c in columns]
        joint, marginal = block_likelihoods(Zs, parts, log_specific)
        log_posterior = log_primary + sum(marginal)
        peak = log_posterior.max(axis=1)
        posterior = np.exp(log_posterior - peak[:, None])
        total = posterior.sum(axis=1)
        loglik += float(w @ (np.log(total) + peak))
        posterior *= (w / total)[:, None]
        node += posterior.sum(axis=0)
        for c, Zb, within in zip(columns, Zs, joint, strict=True):
            within *= posterior[:, :, None]
            category[c] += Zb.T @ within.reshape(Zb.shape[0], -1)
    return Counts(loglik, category, node)


def block_likelihoods(
    Zs: Sequence[FloatArray], parts: Sequence[FloatArray], log_specific: FloatArray
) -> tuple[list[FloatArray], list[FloatArray]]:
    """For each block, the posterior of its specific factor given the primary nodes, and the log marginal.

    Returns
    -------
    conditional : list of ndarray, shape (n, Qp, Qs)
        Sums to one over the last axis.
    marginal : list of ndarray, shape (n, Qp)
        Log-likelihood of the block's items given the primary nodes.
    """
    conditional, marginal = [], []
    for Z, L in zip(Zs, parts, strict=True):
        A = (Z @ L).reshape(Z.shape[0], -1, log_specific.size)
        A += log_specific
        peak = A.max(axis=2)
        A -= peak[:, :, None]
        np.exp(A, out=A)
        total = A.sum(axis=2)
        A /= total[:, :, None]
        conditional.append(A)
        marginal.append(np.log(total) + peak)
    return conditional, marginal
