"""Adaptive quadrature for several correlated factors with simple structure.

Each person has points of their own, placed by the mean and covariance matrix of that person's posterior (Naylor & Smith
1982; Schilling & Bock 2005), as a product of Gauss-Hermite rules. As every item loads on one factor, what a person's items say about a factor is one smooth curve. These curves come from one matrix
product on a grid of a single dimension, and cubic interpolation carries them to the points; its transpose carries the
posterior back to the grid, where the expected counts are again a matrix product.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from recoverymetrics.irt.adaptive_points import GRID, Interpolation, Points, make_points
from recoverymetrics.irt.layout import Layout
from recoverymetrics.irt.likelihood import (
    BatchTable,
    add_priors,
    batch_derivatives,
    batch_parameters,
    batch_table,
    group_table,
    stack_tables,
)
from recoverymetrics.irt.priors import PriorTerm
from recoverymetrics.irt.responses import Patterns
from recoverymetrics.numerics.em_accelerated import Maximum, Point, maximise
from recoverymetrics.typing import FloatArray, IntArray

CELLS = 300_000
"""Persons times points worked on at once."""
MODE_STEPS = 12
"""Newton steps to the mode of a posterior."""
ROUNDS = 6
"""Most times that the points are moved to the posteriors of new estimates."""
SETTLED = 1e-3
"""Change in log-likelihood by moving the points at which they stay."""


@dataclass(frozen=True)
class AdaptiveProblem:
    """Marginal likelihood with points that follow each person's posterior.

    Attributes
    ----------
    layout : Layout
        Parameter slots, simple structure.
    patterns : tuple of Patterns
        Responses per group.
    center : tuple of ndarray, shape (n_g, D)
        Where each pattern's points lie.
    root : tuple of ndarray, shape (n_g, D, D)
        Lower triangular roots of their covariance matrices.
    points : Points
        Standard points.
    priors : tuple of PriorTerm
        Priors on free parameters.
    """

    layout: Layout
    patterns: tuple[Patterns, ...]
    center: tuple[FloatArray, ...]
    root: tuple[FloatArray, ...]
    points: Points
    priors: tuple[PriorTerm, ...] = ()

    def __call__(self, x: FloatArray) -> Point:
        """Log-likelihood, gradient and complete-data information."""
        return evaluate(self, x)


@dataclass(frozen=True)
class Chunk:
    """Posterior of some persons on their own points.

    Attributes
    ----------
    rows : slice
        Patterns.
    Z : ndarray, shape (n, C)
        One-hot responses.
    loglik : ndarray, shape (n,)
        Log marginal likelihood.
    theta : ndarray, shape (n, N, D)
        Points.
    posterior : ndarray, shape (n, N)
        Rows sum to one.
    paths : tuple of Interpolation
        One per factor.
    mean, second : ndarray, shape (n, D), (n, D, D)
        Posterior mean and second moments.
    """

    rows: slice
    Z: FloatArray
    loglik: FloatArray
    theta: FloatArray
    posterior: FloatArray
    paths: tuple[Interpolation, ...]
    mean: FloatArray
    second: FloatArray


def grid_tables(layout: Layout, extended: FloatArray) -> list[BatchTable]:
    """Log probabilities and scores of every item on the grid of its own factor."""
    theta = np.repeat(GRID[:, None], layout.n_primary, axis=1)
    return [batch_table(b, batch_parameters(b, extended), theta) for b in layout.batches]


def columns_by_factor(layout: Layout) -> list[IntArray]:
    """One-hot columns of the items of each factor."""
    K = np.array([layout.batches[b].K for b, _ in layout.place[0]])
    owner = np.array([layout.batches[b].dims[r, 0] for b, r in layout.place[0]])
    return [np.flatnonzero(np.repeat(owner, K) == d) for d in range(layout.n_primary)]


def posterior_chunks(
    problem: AdaptiveProblem,
    L: FloatArray,
    mean: FloatArray,
    cov: FloatArray,
    g: int,
    size: int | None = None,
) -> Iterator[Chunk]:
    """Yield posteriors of a group's patterns, a few persons at a time.

    Parameters
    ----------
    L : ndarray, shape (C, G)
        Log category probabilities of the group's one-hot columns on the grid.
    mean, cov : ndarray
        Latent moments of the group.
    size : int, optional
        Persons at once.
    """
    responses, points = problem.patterns[g].responses, problem.points
    columns = columns_by_factor(problem.layout)
    white = np.linalg.inv(np.linalg.cholesky(cov))
    constant = float(np.log(np.diag(white)).sum()) - 0.5 * mean.size * np.log(2 * np.pi)
    size = max(8, CELLS // points.z.shape[0]) if size is None else size
    for start in range(0, responses.n, size):
        rows = slice(start, min(start + size, responses.n))
        Z, root = responses.unfold(rows), problem.root[g][rows]
        theta = problem.center[g][rows][:, None] + points.z @ root.transpose(0, 2, 1)
        paths = tuple(Interpolation.at(theta[:, :, d]) for d in range(mean.size))
        A = -0.5 * np.sum(((theta - mean) @ white.T) ** 2, axis=2)
        A += points.log_volume + np.log(np.diagonal(root, axis1=1, axis2=2)).sum(axis=1)[:, None]
        for path, own in zip(paths, columns, strict=True):
            A += path.values(Z[:, own] @ L[own])
        peak = A.max(axis=1)
        posterior = np.exp(A - peak[:, None])
        total = posterior.sum(axis=1)
        posterior /= total[:, None]
        center = np.matmul(posterior[:, None], theta)[:, 0]
        second = np.matmul((theta * posterior[:, :, None]).transpose(0, 2, 1), theta)
        yield Chunk(rows, Z, np.log(total) + peak + constant, theta, posterior, paths, center, second)


@dataclass(frozen=True)
class Expected:
    """What one pass over all persons leaves behind.

    Attributes
    ----------
    loglik : float
        Weighted marginal log-likelihood.
    counts : ndarray, shape (columns, G)
        Expected number of responses per category and grid node, in the order of the stacked tables.
    latent : tuple of (first, second, n)
        Sums of posterior means and second moments, and of weights, per group.
    """

    loglik: float
    counts: FloatArray
    latent: tuple[tuple[FloatArray, FloatArray, float], ...]


def expect(problem: AdaptiveProblem, extended: FloatArray, stacked: FloatArray) -> Expected:
    """E-step over all groups."""
    layout = problem.layout
    counts, loglik, latent = np.zeros_like(stacked), 0.0, []
    for g, own in enumerate(problem.patterns):
        mean, cov = layout.moments(extended, g)
        weights = own.responses.weights
        first, second = np.zeros(mean.size), np.zeros(cov.shape)
        category = np.zeros((layout.group_columns[g].size, GRID.size))
        for chunk in posterior_chunks(problem, group_table(layout, stacked, g), mean, cov, g):
            w = weights[chunk.rows]
            loglik += float(w @ chunk.loglik)
            first += w @ chunk.mean
            second += np.tensordot(w, chunk.second, 1)
            for path, columns in zip(chunk.paths, columns_by_factor(layout), strict=True):
                category[columns] += chunk.Z[:, columns].T @ (w[:, None] * path.spread(chunk.posterior))
        counts[layout.group_columns[g]] += category
        latent.append((first, second, float(weights.sum())))
    return Expected(loglik, counts, tuple(latent))


def evaluate(problem: AdaptiveProblem, x: FloatArray) -> Point:
    """One pass over all persons and what follows from it."""
    layout = problem.layout
    extended = layout.extend(x)
    undefined = Point(-np.inf, np.zeros(x.size), np.eye(x.size))
    moments = [layout.moments(extended, g) for g in range(len(layout.groups))]
    if any(np.linalg.eigvalsh(cov)[0] <= 1e-8 for _, cov in moments):
        return undefined
    tables = grid_tables(layout, extended)
    stacked = stack_tables(layout, tables)
    if np.isnan(stacked).any():
        return undefined
    found = expect(problem, extended, stacked)
    gradient, information = np.zeros(extended.size), np.zeros((extended.size,) * 2)
    for (mean, cov), latent, slots in zip(moments, found.latent, layout.latent, strict=True):
        score, fisher = latent_derivatives(mean, cov, *latent)
        np.add.at(gradient, slots, score)
        np.add.at(information, (slots[:, None], slots[None, :]), fisher)
    for batch, table in zip(layout.batches, tables, strict=True):
        score, fisher = batch_derivatives(table, found.counts[batch.columns])
        np.add.at(gradient, batch.slots, score)
        np.add.at(information, (batch.slots[:, :, None], batch.slots[:, None, :]), fisher)
    p = layout.n_free
    return add_priors(problem.priors, x, found.loglik, gradient[:p], information[:p, :p])


def latent_derivatives(
    mean: FloatArray, cov: FloatArray, first: FloatArray, second: FloatArray, n: float
) -> tuple[FloatArray, FloatArray]:
    """Gradient and information of the multivariate normal density of the factors, means first."""
    D = mean.size
    precision = np.linalg.inv(cov)
    scatter = second - np.outer(first, mean) - np.outer(mean, first) + n * np.outer(mean, mean)
    G = precision @ scatter @ precision - n * precision
    basis = covariance_basis(D)
    score = np.concatenate([precision @ (first - n * mean), [0.5 * np.sum(G * E) for E in basis]])
    whitened = [precision @ E for E in basis]
    fisher = np.zeros((score.size, score.size))
    fisher[:D, :D] = n * precision
    fisher[D:, D:] = 0.5 * n * np.array([[np.sum(a * b.T) for b in whitened] for a in whitened])
    return score, fisher


def covariance_basis(D: int) -> list[FloatArray]:
    """Derivatives of a covariance matrix with respect to its lower triangle, row by row."""
    basis = []
    for i in range(D):
        for j in range(i + 1):
            E = np.zeros((D, D))
            E[i, j] = E[j, i] = 1.0
            basis.append(E)
    return basis


def group_chunks(problem: AdaptiveProblem, x: FloatArray, g: int, size: int | None = None) -> Iterator[Chunk]:
    """Posteriors of a group's patterns at ``x``."""
    layout = problem.layout
    extended = layout.extend(x)
    L = group_table(layout, stack_tables(layout, grid_tables(layout, extended)), g)
    yield from posterior_chunks(problem, L, *layout.moments(extended, g), g, size)


def posterior_moments(problem: AdaptiveProblem, x: FloatArray, g: int) -> tuple[FloatArray, FloatArray]:
    """Posterior means, shape (n, D), and covariance matrices, shape (n, D, D), of a group's patterns."""
    parts = list(group_chunks(problem, x, g))
    mean = np.concatenate([c.mean for c in parts])
    second = np.concatenate([c.second for c in parts])
    return mean, second - mean[:, :, None] * mean[:, None, :]


def casewise_loglik(problem: AdaptiveProblem, x: FloatArray, g: int) -> FloatArray:
    """Log marginal likelihood of a group's patterns."""
    return np.concatenate([c.loglik for c in group_chunks(problem, x, g)])


def roots(cov: FloatArray) -> FloatArray:
    """Cholesky roots of covariance matrices, with a small ridge."""
    D = cov.shape[-1]
    scale = np.maximum(np.trace(cov, axis1=1, axis2=2) / D, 1e-6)
    value: FloatArray = np.linalg.cholesky(cov + 1e-6 * scale[:, None, None] * np.eye(D))
    return value


def adapted(problem: AdaptiveProblem, x: FloatArray, passes: int = 1) -> AdaptiveProblem:
    """Move the points to the posteriors at ``x``."""
    for _ in range(passes):
        found = [posterior_moments(problem, x, g) for g in range(len(problem.patterns))]
        problem = replace(problem, center=tuple(f[0] for f in found), root=tuple(roots(f[1]) for f in found))
    return problem


def adaptive_scores(
    layout: Layout, patterns: Patterns, g: int, n_nodes: int, x: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Posterior means and standard deviations of new patterns of one group."""
    G, points = len(layout.groups), make_points(n_nodes, layout.n_primary)
    center, spread = posterior_modes(layout, patterns, g, x)
    for _ in range(3):
        problem = AdaptiveProblem(layout, (patterns,) * G, (center,) * G, (roots(spread),) * G, points)
        center, spread = posterior_moments(problem, x, g)
    return center, np.sqrt(np.maximum(np.diagonal(spread, axis1=1, axis2=2), 0.0))


def posterior_modes(
    layout: Layout, patterns: Patterns, g: int, x: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Modes of the posteriors, shape (n, D), and inverse curvatures there, shape (n, D, D), by Newton steps.

    Slopes and curvatures of the persons' curves are differences on the grid: exact enough to place points.
    """
    extended = layout.extend(x)
    L = group_table(layout, stack_tables(layout, grid_tables(layout, extended)), g)
    mean, cov = layout.moments(extended, g)
    precision, responses, step = np.linalg.inv(cov), patterns.responses, GRID[1] - GRID[0]
    Z, theta = responses.unfold(slice(0, responses.n)), np.repeat(mean[None], responses.n, axis=0)
    curves = [Z[:, own] @ L[own] for own in columns_by_factor(layout)]
    slopes = [np.gradient(c, step, axis=1) for c in curves]
    bends = [np.gradient(c, step, axis=1) for c in slopes]
    for _ in range(MODE_STEPS):
        paths = [Interpolation.at(theta[:, d : d + 1]) for d in range(mean.size)]
        slope = np.hstack([p.values(c) for p, c in zip(paths, slopes, strict=True)])
        bend = np.hstack([p.values(c) for p, c in zip(paths, bends, strict=True)])
        curvature = precision - np.minimum(bend, 0.0)[:, :, None] * np.eye(mean.size)
        move = np.linalg.solve(curvature, (slope - (theta - mean) @ precision)[:, :, None])[:, :, 0]
        theta = theta + np.clip(move, -1.0, 1.0)
    spread = np.asarray(np.linalg.inv(curvature), dtype=float)
    return theta, spread


def starting_problem(
    layout: Layout,
    patterns: tuple[Patterns, ...],
    n_nodes: int,
    x: FloatArray,
    priors: tuple[PriorTerm, ...] = (),
) -> AdaptiveProblem:
    """Points around the modes of the posteriors, moved to their means and covariances."""
    found = [posterior_modes(layout, own, g, x) for g, own in enumerate(patterns)]
    points = make_points(n_nodes, layout.n_primary)
    center, root = tuple(f[0] for f in found), tuple(roots(f[1]) for f in found)
    return adapted(AdaptiveProblem(layout, patterns, center, root, points, priors), x, passes=2)


def maximise_adaptive(
    problem: AdaptiveProblem, start: FloatArray, tolerance: float, max_evaluations: int
) -> tuple[Maximum, AdaptiveProblem]:
    """Alternate maximisation and moving the points until the log-likelihood stays."""
    found = maximise(problem, start, tolerance=max(tolerance, 1e-2), max_evaluations=max_evaluations)
    calls = found.n_evaluations
    for _ in range(ROUNDS):
        problem = adapted(problem, found.x)
        before = found.point.value
        found = maximise(
            problem,
            found.x,
            tolerance=max(tolerance, 1e-5),
            max_evaluations=max_evaluations,
            memory=found.memory,
        )
        calls += found.n_evaluations
        if abs(found.point.value - before) < SETTLED:
            break
    return replace(found, n_evaluations=calls), problem
