"""Second moments of the complete-data score under dimension reduction."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recoverymetrics.irt.likelihood import Problem, item_blocks
from recoverymetrics.numerics.em_reduced import (
    SharedAnswers,
    block_columns,
    block_likelihoods,
    primary_posterior,
    shared_answers,
)
from recoverymetrics.numerics.quadrature import normal_log_weights
from recoverymetrics.typing import FloatArray, IntArray

NEGLIGIBLE = 1e-10
"""Mass of an answer at a node below which it is skipped."""


def reduced_moments(
    problem: Problem,
    items: FloatArray,
    latent: FloatArray,
    L: FloatArray,
    log_prior: FloatArray,
    g: int,
) -> tuple[FloatArray, FloatArray]:
    """Posterior covariance of the score summed over persons, and the cross-product of casewise scores.

    Given the primary nodes the blocks are independent, so the covariance is that of each block given the node,
    plus that of the conditional means.

    Parameters
    ----------
    items : ndarray, shape (Qp * Qs, p, C)
        Score of each parameter on each one-hot column at the crossed nodes.
    latent : ndarray, shape (p, Qp)
        Scores of latent parameters at the primary nodes.
    L : ndarray, shape (C, Qp * Qs)
        Log category probabilities.
    log_prior : ndarray, shape (Qp,)
        Log weights of the primary nodes.
    g : int
        Group.

    Returns
    -------
    spread, cross_product : ndarray, shape (p, p)
    """
    if problem.specific is None:
        raise TypeError("dimension reduction needs nodes of a specific factor")
    responses = problem.patterns[g].responses
    blocks = item_blocks(problem.layout)
    weights = np.exp(normal_log_weights(problem.specific, np.zeros(1), np.eye(1)))
    columns = [block_columns(responses, block) for block in blocks]
    parts = [np.ascontiguousarray(L[c]) for c in columns]
    touched = [np.flatnonzero(np.any(items[:, :, c] != 0, axis=(0, 2))) for c in columns]
    designs = [items[:, t][:, :, c] for t, c in zip(touched, columns, strict=True)]
    spread, cross = np.zeros((items.shape[1],) * 2), np.zeros((items.shape[1],) * 2)
    for rows, answers in shared_answers(responses, blocks):
        likelihoods, marginals = block_likelihoods(answers, parts, weights)
        posterior, _ = primary_posterior(answers, marginals, log_prior)
        w = responses.weights[rows]
        means = []
        for own, D, A, marginal, t in zip(answers, designs, likelihoods, marginals, touched, strict=True):
            A *= weights
            A /= marginal[:, :, None]
            share = own.total(posterior * w[:, None])
            means.append(conditional_means(own.Z, D, A))
            spread[np.ix_(t, t)] += within_block(own.Z, D, A, share, means[-1])
        scores = _between_blocks(spread, answers, means, touched, latent, posterior, w)
        weighted = scores.T @ (w[:, None] * scores)
        spread -= weighted
        cross += scores.T @ (responses.meat_weights[rows][:, None] * scores)
    return spread, cross


def conditional_means(Z: FloatArray, D: FloatArray, conditional: FloatArray) -> FloatArray:
    """Expected score of each distinct answer given the primary node, shape (Qp, U, p_b)."""
    U, Qp, Qs = conditional.shape
    p, C = D.shape[1:]
    crossed = D.reshape(Qp, Qs, p * C)
    out = np.empty((Qp, U, p))
    for q in range(Qp):
        expected = (conditional[:, q] @ crossed[q]).reshape(U, p, C)
        out[q] = np.einsum("upc,uc->up", expected, Z)
    return out


def within_block(
    Z: FloatArray, D: FloatArray, conditional: FloatArray, share: FloatArray, means: FloatArray
) -> FloatArray:
    """Covariance of a block's score given the primary node, summed with the mass of each answer, (p_b, p_b)."""
    _, Qp, Qs = conditional.shape
    p, C = D.shape[1:]
    total = np.zeros((p, p))
    for q in range(Qp):
        mass = conditional[:, q] * share[:, q : q + 1]
        pairs = np.zeros((Qs, C, C))
        for s in range(Qs):
            kept = np.flatnonzero(mass[:, s] > NEGLIGIBLE)
            if kept.size:
                weighted = Z[kept] * np.sqrt(mass[kept, s])[:, None]
                pairs[s] = weighted.T @ weighted
        design = D[q * Qs : (q + 1) * Qs]
        total += (design @ pairs).transpose(1, 0, 2).reshape(p, -1) @ design.transpose(1, 0, 2).reshape(
            p, -1
        ).T
        total -= means[q].T @ (share[:, q : q + 1] * means[q])
    return total


def _between_blocks(
    spread: FloatArray,
    answers: Sequence[SharedAnswers],
    means: Sequence[FloatArray],
    touched: Sequence[IntArray],
    latent: FloatArray,
    posterior: FloatArray,
    w: FloatArray,
) -> FloatArray:
    """Add the second moment of the conditional means to ``spread``; return the casewise scores, (n, p)."""
    n, p = posterior.shape[0], latent.shape[0]
    scores = np.zeros((n, p))
    for q in range(posterior.shape[1]):
        kept = np.flatnonzero(posterior[:, q] > NEGLIGIBLE)
        if not kept.size:
            continue
        m = np.repeat(latent[:, q][None, :], kept.size, axis=0)
        for own, mean, t in zip(answers, means, touched, strict=True):
            m[:, t] += mean[q][own.answer[kept]]
        mass = posterior[kept, q][:, None]
        scores[kept] += mass * m
        m *= np.sqrt(mass * w[kept][:, None])
        spread += m.T @ m
    return scores
