"""Observed information and casewise scores under adaptive quadrature (Louis 1982; Oakes 1999)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from recoverymetrics.irt.adaptive import (
    AdaptiveProblem,
    Chunk,
    Expected,
    covariance_basis,
    expect,
    grid_tables,
    group_chunks,
    latent_derivatives,
)
from recoverymetrics.irt.adaptive_points import GRID
from recoverymetrics.irt.likelihood import batch_derivatives, batch_parameters, batch_table, stack_tables
from recoverymetrics.typing import FloatArray

SCORE_CELLS = 8_000_000
"""Persons times points times parameters held at once."""
STEP = 1e-4
"""Step of the central differences of the complete-data gradient (exact first derivatives)."""


def adaptive_information(problem: AdaptiveProblem, x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Observed information (with log priors), and the cross-product of casewise scores, shape (p, p) each.

    The points stay where they are, so the information is that of the approximated log-likelihood.
    """
    layout = problem.layout
    extended = layout.extend(x)
    stacked = stack_tables(layout, grid_tables(layout, extended))
    spread, cross = score_moments(problem, x)
    information = -complete_hessian(problem, extended, expect(problem, extended, stacked)) - spread
    for term in problem.priors:
        information[term.slot, term.slot] -= term.density.derivatives(x[term.slot])[2]
    return 0.5 * (information + information.T), cross


def complete_hessian(problem: AdaptiveProblem, extended: FloatArray, found: Expected) -> FloatArray:
    """Hessian of the expected complete-data log-likelihood by differences of its exact gradient."""
    layout = problem.layout
    p = layout.n_free
    hessian = np.zeros((extended.size,) * 2)
    theta = np.repeat(GRID[:, None], layout.n_primary, axis=1)
    for batch in layout.batches:
        parameters = batch_parameters(batch, extended)
        for i in range(parameters.shape[1]):
            shift = np.zeros_like(parameters)
            shift[:, i] = STEP
            up, down = (
                batch_derivatives(
                    batch_table(batch, parameters + side * shift, theta), found.counts[batch.columns]
                )[0]
                for side in (1.0, -1.0)
            )
            np.add.at(hessian, (batch.slots[:, i][:, None], batch.slots), (up - down) / (2 * STEP))
    for g, slots in enumerate(layout.latent):
        for slot in slots[slots < p]:
            moved = [extended.copy(), extended.copy()]
            moved[0][slot] += STEP
            moved[1][slot] -= STEP
            first, second, n = found.latent[g]
            up, down = (latent_derivatives(*layout.moments(m, g), first, second, n)[0] for m in moved)
            hessian[slot, slots] += (up - down) / (2 * STEP)
    return hessian[:p, :p]


def score_arrays(problem: AdaptiveProblem, x: FloatArray, g: int) -> Iterator[tuple[Chunk, FloatArray]]:
    """Yield chunks with the complete-data score of each person at each point, shape (n, N, p)."""
    layout = problem.layout
    extended = layout.extend(x)
    p, N = layout.n_free, problem.points.z.shape[0]
    mean, cov = layout.moments(extended, g)
    precision, basis = np.linalg.inv(cov), covariance_basis(mean.size)
    tables, codes = grid_tables(layout, extended), problem.patterns[g].responses.codes
    for chunk in group_chunks(problem, x, g, max(1, SCORE_CELLS // (N * p))):
        n = chunk.loglik.size
        S = np.zeros((p, n, N))
        for j, (b, r) in enumerate(layout.place[g]):
            batch, path = layout.batches[b], chunk.paths[layout.batches[b].dims[r, 0]]
            answer = codes[chunk.rows, j].astype(np.int64)
            for i, slot in enumerate(batch.slots[r]):
                if slot < p:
                    curves = tables[b].scores[r, i][np.maximum(answer, 0)] * (answer >= 0)[:, None]
                    if curves.any():
                        S[slot] += path.values(curves)
        scaled = (chunk.theta - mean) @ precision
        rows = [scaled[:, :, d] for d in range(mean.size)]
        for E in basis:
            i, k = np.argwhere(np.tril(E))[0]
            share = 1.0 if i != k else 0.5
            rows.append(share * (scaled[:, :, i] * scaled[:, :, k] - precision[i, k]))
        for slot, row in zip(layout.latent[g], rows, strict=True):
            if slot < p:
                S[slot] += row
        yield chunk, S.transpose(1, 2, 0)


def score_moments(problem: AdaptiveProblem, x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Posterior covariance of the complete-data score summed over persons, and the cross-product of casewise scores."""
    p = problem.layout.n_free
    spread, cross = np.zeros((p, p)), np.zeros((p, p))
    for g, own in enumerate(problem.patterns):
        for chunk, S in score_arrays(problem, x, g):
            w, w2 = own.responses.weights[chunk.rows], own.responses.meat_weights[chunk.rows]
            scores = np.matmul(chunk.posterior[:, None], S)[:, 0]
            flat = (S * np.sqrt(w[:, None] * chunk.posterior)[:, :, None]).reshape(-1, p)
            spread += flat.T @ flat - scores.T @ (w[:, None] * scores)
            cross += scores.T @ (w2[:, None] * scores)
    return spread, cross
