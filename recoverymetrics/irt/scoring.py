"""Scores of persons: EAP, MAP, ML, WLE, and EAP given the summed score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from recoverymetrics.irt.layout import Layout
from recoverymetrics.irt.likelihood import (
    Problem,
    group_table,
    item_blocks,
    log_tables,
    log_weights,
    row_log_weights,
)
from recoverymetrics.irt.persons import log_likelihood_slope, probabilities_by_item
from recoverymetrics.irt.regression import expected_values
from recoverymetrics.irt.responses import Patterns
from recoverymetrics.numerics.em import node_posterior
from recoverymetrics.numerics.em_reduced import (
    block_columns,
    block_likelihoods,
    primary_posterior,
    shared_answers,
)
from recoverymetrics.numerics.lord_wingersky import score_distribution
from recoverymetrics.numerics.quadrature import normal_log_weights
from recoverymetrics.typing import FloatArray, IntArray

ScoreMethod = Literal["eap", "map", "ml", "wle", "sum_eap"]
METHODS: tuple[ScoreMethod, ...] = ("eap", "map", "ml", "wle", "sum_eap")
FARTHEST = 20.0
"""Maximum-likelihood estimates beyond this are infinite."""


@dataclass(frozen=True)
class Scores:
    """Latent estimates of some response patterns.

    Attributes
    ----------
    estimate : ndarray, shape (n, D)
        Point estimates.
    std_error : ndarray, shape (n, D)
        Posterior standard deviations (EAP) or standard errors.
    """

    estimate: FloatArray
    std_error: FloatArray


def eap_scores(problem: Problem, x: FloatArray, g: int, patterns: Patterns) -> Scores:
    """Posterior means and standard deviations of every pattern (rows of ``patterns.responses``)."""
    layout = problem.layout
    extended = layout.extend(x)
    L = group_table(layout, log_tables(layout, extended, problem.theta), g)
    prior = row_log_weights(problem, extended, g, patterns)
    if problem.specific is not None:
        return _eap_reduced(problem, x, g, L, prior, patterns)
    theta = problem.nodes.theta
    means, spreads = [], []
    for rows, Z in patterns.responses.chunks(L.shape[1]):
        posterior, _ = node_posterior(Z, L, prior if prior.ndim == 1 else prior[rows])
        mean = posterior @ theta
        means.append(mean)
        spreads.append(np.sqrt(np.maximum(posterior @ theta**2 - mean**2, 0.0)))
    return Scores(np.concatenate(means), np.concatenate(spreads))


def _eap_reduced(
    problem: Problem, x: FloatArray, g: int, L: FloatArray, prior: FloatArray, patterns: Patterns
) -> Scores:
    """EAP of primary and specific factors by dimension reduction."""
    layout, responses = problem.layout, patterns.responses
    specific = problem.specific
    if specific is None:
        raise TypeError("dimension reduction needs nodes of a specific factor")
    weights = np.exp(normal_log_weights(specific, np.zeros(1), np.eye(1)))
    blocks = item_blocks(layout)
    owner = [layout.structure.specific_of[block[0]] for block in blocks]
    parts = [np.ascontiguousarray(L[block_columns(responses, block)]) for block in blocks]
    D = len(layout.structure.factors)
    first, second = np.zeros((responses.n, D)), np.zeros((responses.n, D))
    first[:], second[:] = latent_moments(layout, layout.extend(x), g)[0], 1.0
    moments = weights[:, None] * np.column_stack([specific.theta[:, 0], specific.theta[:, 0] ** 2])
    for rows, answers in shared_answers(responses, blocks):
        likelihoods, marginals = block_likelihoods(answers, parts, weights)
        posterior, _ = primary_posterior(answers, marginals, prior)
        first[rows, : layout.n_primary] = posterior @ problem.nodes.theta
        second[rows, : layout.n_primary] = posterior @ problem.nodes.theta**2
        for s, own, within, marginal in zip(owner, answers, likelihoods, marginals, strict=True):
            if s >= 0:
                given = (within @ moments) / marginal[:, :, None]
                both = np.einsum("iq,iqm->im", posterior, given[own.answer])
                first[rows, layout.n_primary + s], second[rows, layout.n_primary + s] = both.T
    return Scores(first, np.sqrt(np.maximum(second - first**2, 0.0)))


def newton_scores(
    layout: Layout,
    extended: FloatArray,
    g: int,
    patterns: Patterns,
    start: FloatArray,
    method: ScoreMethod,
) -> Scores:
    """MAP, ML or WLE of every pattern by Fisher scoring.

    Parameters
    ----------
    start : ndarray, shape (n, D)
        Where to begin (EAP).
    method : {"map", "ml", "wle"}
        Posterior mode, maximum likelihood, or Warm's (1989) weighted likelihood (one factor).

    Returns
    -------
    Scores
        ML estimates of patterns without a finite maximum are infinite, with NaN as standard error.
    """
    codes = patterns.responses.codes
    mean, cov = pattern_moments(layout, extended, g, patterns)
    precision = np.asarray(np.linalg.inv(cov) if method == "map" else np.zeros_like(cov), dtype=float)
    size = 4096
    parts = [
        _newton(
            layout,
            extended,
            g,
            codes[i : i + size],
            start[i : i + size],
            mean[i : i + size],
            precision,
            method,
        )
        for i in range(0, codes.shape[0], size)
    ]
    return Scores(np.concatenate([p.estimate for p in parts]), np.concatenate([p.std_error for p in parts]))


def latent_moments(layout: Layout, extended: FloatArray, g: int) -> tuple[FloatArray, FloatArray]:
    """Mean and covariance of all factors, specific ones standard normal."""
    D, P = len(layout.structure.factors), layout.n_primary
    mean, cov = np.zeros(D), np.eye(D)
    mean[:P], cov[:P, :P] = layout.moments(extended, g)
    return mean, cov


def pattern_moments(
    layout: Layout, extended: FloatArray, g: int, patterns: Patterns
) -> tuple[FloatArray, FloatArray]:
    """Prior mean of each pattern, shape (n, D), which covariates move, and the common covariance matrix."""
    mean, cov = latent_moments(layout, extended, g)
    rows = np.tile(mean, (patterns.responses.n, 1))
    if layout.terms:
        design = patterns.design_of
        rows = expected_values(layout, extended, design.values, g)[design.row]
    return rows, cov


def population_moments(problem: Problem, extended: FloatArray, g: int) -> tuple[FloatArray, FloatArray]:
    """Mean and covariance of the primary factors in a group, over its covariates where there are any."""
    mean, cov = problem.layout.moments(extended, g)
    if not problem.layout.terms:
        return mean, cov
    patterns = problem.patterns[g]
    rows, _ = pattern_moments(problem.layout, extended, g, patterns)
    shares = patterns.responses.weights / patterns.responses.weights.sum()
    mean = shares @ rows
    return mean, cov + (rows - mean).T @ (shares[:, None] * (rows - mean))


def _newton(
    layout: Layout,
    extended: FloatArray,
    g: int,
    codes: IntArray,
    start: FloatArray,
    mean: FloatArray,
    precision: FloatArray,
    method: ScoreMethod,
) -> Scores:
    theta = start.copy()
    active = np.arange(theta.shape[0])
    ridge = 1e-10 * np.eye(theta.shape[1])
    for iteration in range(200):
        slope = log_likelihood_slope(layout, extended, g, theta[active], codes[active])
        gradient = slope.gradient - (theta[active] - mean[active]) @ precision
        if method == "wle":
            gradient = gradient + slope.bias / (2.0 * np.maximum(slope.expected[:, :, 0], 1e-300))
        step = np.linalg.solve(slope.expected + precision + ridge, gradient[:, :, None])[:, :, 0]
        step = np.clip(step, -1.0, 1.0) * (1.0 if iteration < 60 else 0.5)
        theta[active] = np.clip(theta[active] + step, -FARTHEST, FARTHEST)
        moving = (np.abs(step).max(axis=1) > 1e-9) & (np.abs(theta[active]).max(axis=1) < FARTHEST)
        active = active[moving]
        if not active.size:
            break
    if method == "wle":
        information = _weighted_curvature(layout, extended, g, theta, codes)
    else:
        information = log_likelihood_slope(layout, extended, g, theta, codes).observed
    return _with_errors(theta, information, precision, method)


def _weighted_curvature(
    layout: Layout, extended: FloatArray, g: int, theta: FloatArray, codes: IntArray
) -> FloatArray:
    """Minus the slope of Warm's estimating function, by central differences, shape (n, 1, 1)."""
    h = 1e-4

    def score(value: FloatArray) -> FloatArray:
        slope = log_likelihood_slope(layout, extended, g, value, codes)
        return slope.gradient + slope.bias / (2.0 * np.maximum(slope.expected[:, :, 0], 1e-300))

    return (score(theta - h) - score(theta + h))[:, :, None] / (2 * h)


def _with_errors(theta: FloatArray, information: FloatArray, precision: FloatArray, method: str) -> Scores:
    total = information + precision
    unbounded = np.abs(theta).max(axis=1) >= FARTHEST
    total[unbounded] = np.eye(theta.shape[1])
    with np.errstate(invalid="ignore"):
        variance = np.diagonal(np.linalg.pinv(total, hermitian=True), axis1=1, axis2=2)
        error = np.sqrt(np.where(variance > 0, variance, np.nan))
    if method == "ml":
        theta = np.where(np.abs(theta) >= FARTHEST, np.sign(theta) * np.inf, theta)
    error = np.where(unbounded[:, None], np.nan, error)
    return Scores(theta, error)


@dataclass(frozen=True)
class SumScoreTable:
    """EAP for each summed score of a group.

    Attributes
    ----------
    score : ndarray, shape (S,)
        Sum of category codes, 0 to the maximum.
    probability : ndarray, shape (S,)
        Model-implied proportion of persons with each score.
    estimate, std_error : ndarray, shape (S,)
        Posterior mean and standard deviation of the first primary factor.
    """

    score: IntArray
    probability: FloatArray
    estimate: FloatArray
    std_error: FloatArray


def sum_score_table(problem: Problem, x: FloatArray, g: int) -> SumScoreTable:
    """Posterior moments given the summed score (Thissen, Pommerich, Billeaud & Williams 1995)."""
    layout = problem.layout
    extended = layout.extend(x)
    conditional = score_probabilities(problem, extended, g)
    weights = np.exp(log_weights(problem, extended, g))
    joint = conditional * weights
    probability = joint.sum(axis=1)
    theta = problem.nodes.theta[:, 0]
    mean = joint @ theta / probability
    spread = np.sqrt(np.maximum(joint @ theta**2 / probability - mean**2, 0.0))
    return SumScoreTable(np.arange(probability.size), probability, mean, spread)


def score_probabilities(problem: Problem, extended: FloatArray, g: int) -> FloatArray:
    """Probability of each summed score at the primary nodes, shape (S, Qp)."""
    layout = problem.layout
    if problem.specific is None:
        return score_distribution(probabilities_by_item(layout, extended, g, problem.nodes.theta))
    weights = np.exp(normal_log_weights(problem.specific, np.zeros(1), np.eye(1)))
    total = np.ones((1, problem.nodes.size))
    for block in item_blocks(layout):
        tables = probabilities_by_block(problem, extended, g, block)
        within = score_distribution(tables).reshape(-1, problem.nodes.size, problem.specific.size) @ weights
        grown = np.zeros((total.shape[0] + within.shape[0] - 1, problem.nodes.size))
        for s in range(within.shape[0]):
            grown[s : s + total.shape[0]] += total * within[s]
        total = grown
    return total


def probabilities_by_block(
    problem: Problem, extended: FloatArray, g: int, block: IntArray
) -> list[FloatArray]:
    """Category probabilities of the items of one specific factor on the crossed nodes."""
    layout = problem.layout
    L = group_table(layout, log_tables(layout, extended, problem.theta), g)
    responses = problem.patterns[g].responses
    return [np.exp(L[block_columns(responses, np.array([j]))]) for j in block]
