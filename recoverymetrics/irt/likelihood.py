"""The marginal likelihood of a layout: category tables, expected counts, gradient, complete-data information."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from recoverymetrics.irt.layout import Batch, Layout
from recoverymetrics.irt.priors import PriorTerm
from recoverymetrics.irt.regression import (
    PersonPrior,
    features,
    latent_gradient,
    latent_information,
    latent_slots,
    person_prior,
    population_log_weights,
)
from recoverymetrics.irt.responses import Patterns
from recoverymetrics.irt.second_order import Products
from recoverymetrics.numerics.davidian import davidian_log_weights, davidian_weight_scores
from recoverymetrics.numerics.em import Counts, expected_counts
from recoverymetrics.numerics.em_accelerated import Point
from recoverymetrics.numerics.em_reduced import reduced_counts
from recoverymetrics.numerics.quadrature import Nodes, normal_log_weights, normal_weight_scores
from recoverymetrics.typing import FloatArray, IntArray


@dataclass(frozen=True)
class BatchTable:
    """Log probabilities and score vectors of a batch at the nodes.

    Attributes
    ----------
    log_p : ndarray, shape (B, K, Q)
        Log category probabilities.
    scores : ndarray, shape (B, P, K, Q)
        Derivatives with respect to the parameters of each row (slopes, then shape).
    """

    log_p: FloatArray
    scores: FloatArray


@dataclass(frozen=True)
class Problem:
    """Everything that the marginal likelihood depends on besides the parameters.

    Attributes
    ----------
    layout : Layout
        Parameter slots.
    patterns : tuple of Patterns
        Responses per group.
    nodes : Nodes
        Nodes of the primary factors, crossed with ``specific`` nodes when there are specific factors.
    specific : Nodes or None
        Nodes of one specific factor.
    priors : tuple of PriorTerm
        Priors on free parameters.
    dtype : type
        Precision of the E-step.
    adaptive : int
        Nodes per dimension of adaptive quadrature where estimation and scoring use it; 0 otherwise.
    histogram : tuple of ndarray, shape (Q,), or None
        Log weights per group that replace the normal density.
    products : Products or None
        Coordinates of a second-order model, in which slopes are proportional.
    """

    layout: Layout
    patterns: tuple[Patterns, ...]
    nodes: Nodes
    specific: Nodes | None = None
    priors: tuple[PriorTerm, ...] = ()
    dtype: Any = np.float64
    adaptive: int = 0
    histogram: tuple[FloatArray, ...] | None = None
    products: Products | None = None

    @property
    def n_parameters(self) -> int:
        """Number of parameters that are free to vary."""
        return self.layout.n_free if self.products is None else self.products.size

    def coarse(self, nodes: Nodes, specific: Nodes | None = None) -> Problem:
        """The same problem on other nodes in single precision, for the way to the maximum."""
        return replace(self, nodes=nodes, specific=specific, dtype=np.float32)

    def single(self) -> Problem:
        """The same problem in single precision."""
        return replace(self, dtype=np.float32)

    @property
    def theta(self) -> FloatArray:
        """Coordinates at which category probabilities are needed, shape (Q, m)."""
        if self.specific is None:
            return self.nodes.theta
        Qs = self.specific.size
        primary = np.repeat(self.nodes.theta, Qs, axis=0)
        return np.hstack([primary, np.tile(self.specific.theta, (self.nodes.size, 1))])

    def __call__(self, x: FloatArray) -> Point:
        """Log-likelihood with log prior, gradient and complete-data information at ``x``."""
        return evaluate(self, x)


def batch_parameters(batch: Batch, extended: FloatArray) -> FloatArray:
    """Parameters of each row, shape (B, P)."""
    return extended[batch.slots]


def linear_predictor(batch: Batch, slopes: FloatArray, theta: FloatArray) -> FloatArray:
    """``a' theta`` of each row at each node, shape (B, Q)."""
    if batch.dims.shape[1] == 1:
        return slopes * theta[:, batch.dims[:, 0]].T
    return np.einsum("bm,qbm->bq", slopes, theta[:, batch.dims])


def batch_table(batch: Batch, parameters: FloatArray, theta: FloatArray) -> BatchTable:
    """Log probabilities with score vectors."""
    m = batch.dims.shape[1]
    z = linear_predictor(batch, parameters[:, :m], theta)
    curves = batch.model.curves(z, parameters[:, m:], batch.K)
    slopes = [curves.d_z * theta[:, batch.dims[:, i]].T[:, None, :] for i in range(m)]
    return BatchTable(curves.log_p, np.concatenate([np.stack(slopes, axis=1), curves.d_shape], axis=1))


def log_tables(layout: Layout, extended: FloatArray, theta: FloatArray) -> FloatArray:
    """Stacked log category probabilities, shape (columns, Q)."""
    out = np.empty((layout.n_columns, theta.shape[0]))
    for batch in layout.batches:
        parameters = batch_parameters(batch, extended)
        m = batch.dims.shape[1]
        z = linear_predictor(batch, parameters[:, :m], theta)
        out[batch.columns.ravel()] = batch.model.log_probabilities(z, parameters[:, m:], batch.K).reshape(
            batch.columns.size, -1
        )
    return out


def group_table(layout: Layout, stacked: FloatArray, g: int) -> FloatArray:
    """Rows of the stacked tables that serve a group, in one-hot order."""
    columns = layout.group_columns[g]
    if columns.size == stacked.shape[0] and np.array_equal(columns, np.arange(columns.size)):
        return stacked
    table: FloatArray = stacked[columns]
    return table


def log_weights(problem: Problem, extended: FloatArray, g: int) -> FloatArray:
    """Log prior weights of the primary nodes in a group; of the whole sample under a latent regression."""
    if problem.layout.terms:
        return population_log_weights(problem, extended, g)
    if problem.histogram is not None:
        return problem.histogram[g]
    mean, cov = problem.layout.moments(extended, g)
    angles = problem.layout.angles(extended, g)
    if angles.size:
        return davidian_log_weights(problem.nodes, mean[0], cov[0, 0], angles)
    return normal_log_weights(problem.nodes, mean, cov)


def row_log_weights(
    problem: Problem, extended: FloatArray, g: int, patterns: Patterns | None = None
) -> FloatArray:
    """Log prior weights of the rows of a group, shape (Q,), or (n, Q) under a latent regression."""
    if not problem.layout.terms:
        return log_weights(problem, extended, g)
    own = problem.patterns[g] if patterns is None else patterns
    return person_prior(problem, extended, own.design_of, g).log_weights


def latent_scores(problem: Problem, extended: FloatArray, g: int) -> FloatArray:
    """Derivatives of the log weights with respect to the latent parameters of a group, shape (T, Qp)."""
    mean, cov = problem.layout.moments(extended, g)
    angles = problem.layout.angles(extended, g)
    if angles.size:
        return davidian_weight_scores(problem.nodes, float(mean[0]), float(cov[0, 0]), angles)
    return normal_weight_scores(problem.nodes, mean, cov)


def group_counts(problem: Problem, L: FloatArray, log_prior: FloatArray, g: int) -> Counts:
    """E-step of one group."""
    responses = problem.patterns[g].responses
    if problem.specific is None:
        wanted = features(problem.nodes) if problem.layout.terms else None
        return expected_counts(responses, L, log_prior, problem.dtype, wanted)
    log_specific = normal_log_weights(problem.specific, np.zeros(1), np.eye(1))
    return reduced_counts(responses, L, log_prior, log_specific, item_blocks(problem.layout), problem.dtype)


def item_blocks(layout: Layout) -> tuple[IntArray, ...]:
    """Items of each specific factor; items without one form a block of their own."""
    specific = np.asarray(layout.structure.specific_of)
    return tuple(np.flatnonzero(specific == s) for s in np.unique(specific))


def evaluate(problem: Problem, x: FloatArray) -> Point:
    """One E-step and what follows from it."""
    layout = problem.layout
    extended = layout.extend(x)
    theta = problem.theta
    undefined = Point(-np.inf, np.zeros(x.size), np.eye(x.size))
    persons = person_prior(problem, extended, problem.patterns[0].design_of) if layout.terms else None
    if persons is None:
        priors = [log_weights(problem, extended, g) for g in range(len(layout.groups))]
    else:
        priors = [persons.log_weights]
    if not all(np.isfinite(p).all() for p in priors):
        return undefined
    tables = [batch_table(b, batch_parameters(b, extended), theta) for b in layout.batches]
    stacked = stack_tables(layout, tables)
    if np.isnan(stacked).any():
        return undefined
    counts = [
        group_counts(problem, group_table(layout, stacked, g), priors[g], g)
        for g in range(len(layout.groups))
    ]
    loglik = sum(c.loglik for c in counts)
    gradient, information = complete_derivatives(problem, extended, tables, counts, persons)
    return add_priors(problem.priors, x, loglik, gradient, information)


def stack_tables(layout: Layout, tables: Sequence[BatchTable]) -> FloatArray:
    """Log probabilities of all batches in column order."""
    parts = [table.log_p.reshape(-1, table.log_p.shape[-1]) for table in tables]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def pooled_counts(layout: Layout, counts: Sequence[Counts]) -> FloatArray:
    """Expected counts in the order of the stacked tables, shape (columns, Q)."""
    if len(counts) == 1:
        out = np.empty_like(counts[0].category)
        out[layout.group_columns[0]] = counts[0].category
        return out
    out = np.zeros((layout.n_columns, counts[0].category.shape[1]))
    for columns, count in zip(layout.group_columns, counts, strict=True):
        out[columns] += count.category
    return out


def complete_derivatives(
    problem: Problem,
    extended: FloatArray,
    tables: Sequence[BatchTable],
    counts: Sequence[Counts],
    persons: PersonPrior | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Gradient and expected information of the complete-data log-likelihood, in the free parameters."""
    layout = problem.layout
    size = extended.size
    gradient, information = np.zeros(size), np.zeros((size, size))
    pooled = pooled_counts(layout, counts)
    for batch, table in zip(layout.batches, tables, strict=True):
        r = pooled[batch.columns]
        score, fisher = batch_derivatives(table, r)
        np.add.at(gradient, batch.slots, score)
        np.add.at(information, (batch.slots[:, :, None], batch.slots[:, None, :]), fisher)
    if persons is not None:
        slots, rows = latent_slots(layout), problem.patterns[0].responses.weights
        np.add.at(gradient, slots, latent_gradient(persons, counts[0].feature_means, rows))
        np.add.at(information, (slots[:, None], slots[None, :]), latent_information(persons, rows))
        return gradient[: layout.n_free], information[: layout.n_free, : layout.n_free]
    for g, count in enumerate(counts):
        scores = latent_scores(problem, extended, g)
        weights = np.exp(log_weights(problem, extended, g)) * count.node.sum()
        slots = layout.latent[g]
        np.add.at(gradient, slots, scores @ count.node)
        np.add.at(information, (slots[:, None], slots[None, :]), (scores * weights) @ scores.T)
    p = layout.n_free
    return gradient[:p], information[:p, :p]


def batch_derivatives(table: BatchTable, r: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Gradient (B, P) and expected information (B, P, P) of a batch, given expected counts (B, K, Q)."""
    B, P, K, Q = table.scores.shape
    flat = table.scores.reshape(B, P, K * Q)
    gradient = (flat @ r.reshape(B, K * Q, 1))[:, :, 0]
    expected = np.exp(table.log_p) * r.sum(axis=1, keepdims=True)
    return gradient, (flat * expected.reshape(B, 1, K * Q)) @ flat.transpose(0, 2, 1)


def add_priors(
    priors: Sequence[PriorTerm], x: FloatArray, value: float, gradient: FloatArray, information: FloatArray
) -> Point:
    """Add log priors with their derivatives."""
    for term in priors:
        log_density, slope, curvature = term.density.derivatives(x[term.slot])
        value += log_density
        gradient[term.slot] += slope
        information[term.slot, term.slot] += max(-curvature, 0.0)
    return Point(float(value), gradient, information)
