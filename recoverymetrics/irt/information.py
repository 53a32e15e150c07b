"""Observed information of the marginal likelihood, casewise scores, and what standard errors follow.

The observed information is that of the Oakes (1999) identity, which here has a closed form (Louis 1982): the
complete-data Hessian at the expected counts plus the posterior covariance of the complete-data score. The
second part needs, per node, one symmetric product of the one-hot matrix with itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from recoverymetrics.irt.information_reduced import reduced_moments
from recoverymetrics.irt.layout import Layout
from recoverymetrics.irt.likelihood import (
    BatchTable,
    Problem,
    batch_derivatives,
    batch_parameters,
    batch_table,
    group_counts,
    group_table,
    latent_scores,
    pooled_counts,
    row_log_weights,
    stack_tables,
)
from recoverymetrics.irt.regression import latent_hessian, latent_slots, person_prior, score_chunks
from recoverymetrics.numerics.em import Counts, OneHot, node_posterior
from recoverymetrics.typing import FloatArray, IntArray

STEP = 1e-4
"""Step of the central differences of the complete-data gradient (exact first derivatives)."""
NEGLIGIBLE = 1e-10
"""Posterior mass of a person at a node below which the node is skipped for that person."""
NODES_AT_ONCE = 64
"""Nodes whose products are kept in memory together."""


def observed_information(problem: Problem, x: FloatArray) -> FloatArray:
    """Negative Hessian of the marginal log-likelihood (with log priors), shape (p, p)."""
    layout = problem.layout
    extended = layout.extend(x)
    theta = problem.theta
    tables = [batch_table(b, batch_parameters(b, extended), theta) for b in layout.batches]
    stacked = stack_tables(layout, tables)
    priors = [row_log_weights(problem, extended, g) for g in range(len(layout.groups))]
    counts = [
        group_counts(problem, group_table(layout, stacked, g), priors[g], g)
        for g in range(len(layout.groups))
    ]
    information = -complete_hessian(problem, extended, counts)
    for g in range(len(layout.groups)):
        design = score_design(layout, tables, problem, extended, g)
        L = group_table(layout, stacked, g)
        if layout.terms:
            information -= regression_missing_information(problem, extended, design, L, counts[g])
            continue
        information -= missing_information(problem, design, L, priors[g], counts[g], g)
    for term in problem.priors:
        information[term.slot, term.slot] -= term.density.derivatives(x[term.slot])[2]
    return 0.5 * (information + information.T)


def complete_hessian(problem: Problem, extended: FloatArray, counts: Sequence[Counts]) -> FloatArray:
    """Hessian of the expected complete-data log-likelihood by differences of its exact gradient."""
    layout = problem.layout
    size, p = extended.size, layout.n_free
    hessian = np.zeros((size, size))
    pooled = pooled_counts(layout, counts)
    theta = problem.theta
    for batch in layout.batches:
        r = pooled[batch.columns]
        parameters = batch_parameters(batch, extended)
        for i in range(parameters.shape[1]):
            sides = []
            for sign in (1.0, -1.0):
                shifted = parameters.copy()
                shifted[:, i] += sign * STEP
                sides.append(batch_derivatives(batch_table(batch, shifted, theta), r)[0])
            slope = (sides[0] - sides[1]) / (2 * STEP)
            np.add.at(hessian, (batch.slots[:, i][:, None], batch.slots), slope)
    if layout.terms:
        slots = latent_slots(layout)
        np.add.at(hessian, (slots[:, None], slots[None, :]), latent_hessian(problem, extended, counts[0]))
        return hessian[:p, :p]
    for g, count in enumerate(counts):
        slots = layout.latent[g]
        for i in (int(t) for t in np.flatnonzero(slots < p)):
            sides = []
            for sign in (1.0, -1.0):
                shifted = extended.copy()
                shifted[slots[i]] += sign * STEP
                sides.append(latent_scores(problem, shifted, g) @ count.node)
            hessian[slots[i], slots] += (sides[0] - sides[1]) / (2 * STEP)
    return hessian[:p, :p]


def score_design(
    layout: Layout, tables: Sequence[BatchTable], problem: Problem, extended: FloatArray, g: int
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Score vectors of a group as tables over one-hot columns.

    Returns
    -------
    slots : ndarray of int, shape (p_g,)
        Free parameters that occur in the group.
    items : ndarray, shape (Q, p_g, C)
        Score of each parameter for each one-hot column at each node.
    latent : ndarray, shape (p_g, Qp)
        Scores of the latent parameters at the primary nodes; zero under a latent regression, where every person has
        their own.
    """
    used = [layout.batches[b].slots[r] for b, r in layout.place[g]]
    all_slots = np.unique(np.concatenate([*used, layout.latent[g], layout.regression.ravel()]))
    slots = all_slots[all_slots < layout.n_free]
    position = np.full(extended.size, -1)
    position[slots] = np.arange(slots.size)
    Q = tables[0].log_p.shape[-1]
    items = np.zeros((Q, slots.size, layout.group_columns[g].size))
    start = 0
    for b, r in layout.place[g]:
        batch, table = layout.batches[b], tables[b]
        for i, slot in enumerate(batch.slots[r]):
            if position[slot] >= 0:
                items[:, position[slot], start : start + batch.K] += table.scores[r, i].T
        start += batch.K
    latent = np.zeros((slots.size, problem.nodes.size))
    if layout.terms:
        return slots, items, latent
    rows = latent_scores(problem, extended, g)
    for t, slot in enumerate(layout.latent[g]):
        if position[slot] >= 0:
            latent[position[slot]] += rows[t]
    return slots, items, latent


def missing_information(
    problem: Problem,
    design: tuple[IntArray, FloatArray, FloatArray],
    L: FloatArray,
    log_prior: FloatArray,
    counts: Counts,
    g: int,
) -> FloatArray:
    """Posterior covariance of the complete-data score, summed over the persons of a group, shape (p, p)."""
    slots, items, latent = design
    responses = problem.patterns[g].responses
    out = np.zeros((problem.layout.n_free,) * 2)
    if problem.specific is not None:
        spread, _ = reduced_moments(problem, items, latent, L, log_prior, g)
        out[np.ix_(slots, slots)] = spread
        return out
    total = second_moments(responses, items, L, log_prior)
    cross = np.einsum("qpc,cq->pq", items, counts.category, optimize=True) @ latent.T
    total += cross + cross.T + (latent * counts.node) @ latent.T
    for rows, scores in casewise_scores(responses, items, latent, L, log_prior):
        total -= scores.T @ (responses.weights[rows][:, None] * scores)
    out[np.ix_(slots, slots)] = total
    return out


def regression_missing_information(
    problem: Problem,
    extended: FloatArray,
    design: tuple[IntArray, FloatArray, FloatArray],
    L: FloatArray,
    counts: Counts,
) -> FloatArray:
    """Posterior covariance of the complete-data score under a latent regression, shape (p, p)."""
    slots, items, latent = design
    responses = problem.patterns[0].responses
    prior = person_prior(problem, extended, problem.patterns[0].design_of)
    total = second_moments(responses, items, L, prior.log_weights)
    own = latent_slots(problem.layout)
    free = np.flatnonzero(own < problem.layout.n_free)
    place = np.searchsorted(slots, own[free])
    cross = np.zeros((slots.size, free.size))
    for chunk in score_chunks(responses, L, prior):
        mass = responses.weights[chunk.rows][:, None] * chunk.posterior
        scores = chunk.scores[:, :, free]
        for t in range(free.size):
            expected = (mass * scores[:, :, t]).T @ chunk.Z
            cross[:, t] += np.einsum("qpc,qc->p", items, expected)
        flat = scores.reshape(-1, free.size)
        total[np.ix_(place, place)] += (mass.reshape(-1, 1) * flat).T @ flat
    total[:, place] += cross
    total[place] += cross.T
    extra = regression_scores(problem, extended, slots, counts)
    for rows, scores in casewise_scores(responses, items, latent, L, prior.log_weights, extra):
        total -= scores.T @ (responses.weights[rows][:, None] * scores)
    out = np.zeros((problem.layout.n_free,) * 2)
    out[np.ix_(slots, slots)] = total
    return out


def regression_scores(
    problem: Problem, extended: FloatArray, slots: IntArray, counts: Counts
) -> FloatArray | None:
    """Casewise scores of the latent parameters in the columns of ``slots``; None without a latent regression."""
    if not problem.layout.terms:
        return None
    prior = person_prior(problem, extended, problem.patterns[0].design_of)
    own = latent_slots(problem.layout)
    free = np.flatnonzero(own < problem.layout.n_free)
    out = np.zeros((counts.feature_means.shape[0], slots.size))
    out[:, np.searchsorted(slots, own[free])] = prior.scores(counts.feature_means - prior.expected)[:, free]
    return out


def second_moments(responses: OneHot, items: FloatArray, L: FloatArray, log_prior: FloatArray) -> FloatArray:
    """Sum over persons of the posterior expectation of ``s s'`` for the item scores, shape (p_g, p_g).

    Per node the one-hot rows are weighted with the posterior mass and multiplied with themselves; persons without
    mass at the node are left out, which for a test of some length are most of them.
    """
    Q, p, C = items.shape
    total = np.zeros((p, p))
    for rows in row_slices(responses.n):
        Z = responses.unfold(rows)
        prior = _of_rows(log_prior, rows)
        parts = [slice(i, i + 2048) for i in range(0, Z.shape[0], 2048)]
        marginal = np.concatenate([node_posterior(Z[part], L, _of_rows(prior, part))[1] for part in parts])
        shift = np.log(responses.weights[rows]) - marginal
        for start in range(0, Q, NODES_AT_ONCE):
            q = slice(start, start + NODES_AT_ONCE)
            mass = np.exp(Z @ L[:, q] + prior[..., q] + shift[:, None])
            pairs = np.zeros((mass.shape[1], C, C))
            for k in range(mass.shape[1]):
                kept = np.flatnonzero(mass[:, k] > NEGLIGIBLE)
                if kept.size:
                    weighted = Z[kept] * np.sqrt(mass[kept, k])[:, None]
                    pairs[k] = weighted.T @ weighted
            design = items[q]
            total += ((design @ pairs).transpose(1, 0, 2).reshape(p, -1)) @ (
                design.transpose(1, 0, 2).reshape(p, -1).T
            )
    return total


def _of_rows(log_prior: FloatArray, rows: slice) -> FloatArray:
    return log_prior if log_prior.ndim == 1 else log_prior[rows]


def row_slices(n: int, size: int = 16_384) -> list[slice]:
    """Slices of rows for work that unfolds them at once."""
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def casewise_scores(
    responses: OneHot,
    items: FloatArray,
    latent: FloatArray,
    L: FloatArray,
    log_prior: FloatArray,
    extra: FloatArray | None = None,
) -> Iterator[tuple[slice, FloatArray]]:
    """Gradient of each row's marginal log-likelihood, chunk by chunk; ``extra`` (n, p_g) is added.

    Yields
    ------
    rows : slice
    scores : ndarray, shape (rows, p_g)
    """
    Q, p, C = items.shape
    owner = np.flatnonzero(np.any(items != 0, axis=(0)).ravel())
    flat = np.ascontiguousarray(items.reshape(Q, p * C)[:, owner])
    parameter, column = owner // C, owner % C
    order = np.argsort(parameter, kind="stable")
    flat, parameter, column = flat[:, order], parameter[order], column[order]
    starts = np.searchsorted(parameter, np.arange(p))
    filled = np.diff(np.append(starts, parameter.size)) > 0
    for rows, Z in responses.chunks(max(L.shape[1], owner.size)):
        posterior, _ = node_posterior(Z, L, _of_rows(log_prior, rows))
        scores = posterior @ latent.T
        if extra is not None:
            scores += extra[rows]
        if owner.size:
            expected = (posterior @ flat) * Z[:, column]
            scores[:, filled] += np.add.reduceat(expected, starts[filled], axis=1)
        yield rows, scores


def cross_product_information(problem: Problem, x: FloatArray) -> FloatArray:
    """Sum over persons of the outer product of their weighted scores, shape (p, p)."""
    layout = problem.layout
    extended = layout.extend(x)
    tables = [batch_table(b, batch_parameters(b, extended), problem.theta) for b in layout.batches]
    stacked = stack_tables(layout, tables)
    out = np.zeros((layout.n_free,) * 2)
    for g in range(len(layout.groups)):
        slots, items, latent = score_design(layout, tables, problem, extended, g)
        responses = problem.patterns[g].responses
        prior = row_log_weights(problem, extended, g)
        L = group_table(layout, stacked, g)
        if problem.specific is not None:
            out[np.ix_(slots, slots)] += reduced_moments(problem, items, latent, L, prior, g)[1]
            continue
        counts = group_counts(problem, L, prior, g) if layout.terms else None
        extra = None if counts is None else regression_scores(problem, extended, slots, counts)
        for rows, scores in casewise_scores(responses, items, latent, L, prior, extra):
            out[np.ix_(slots, slots)] += scores.T @ (responses.meat_weights[rows][:, None] * scores)
    return out
