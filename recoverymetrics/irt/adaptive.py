"""Adaptive quadrature for several correlated factors with simple structure.

Each person has a few Gauss-Hermite nodes per factor, centred and scaled on that person's posterior (Naylor & Smith
1982; Schilling & Bock 2005). As every item loads on one factor, item curves are needed at the nodes of one
dimension only; the product grid carries nothing but the latent density.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from recoverymetrics.irt.layout import Layout
from recoverymetrics.irt.likelihood import add_priors, batch_parameters
from recoverymetrics.irt.persons import rows_of_group
from recoverymetrics.irt.priors import PriorTerm
from recoverymetrics.irt.responses import Patterns
from recoverymetrics.numerics.em_accelerated import Maximum, Point, maximise
from recoverymetrics.typing import FloatArray, IntArray

CELLS = 800_000
"""Cells of the product grid worked on at once."""
ROUNDS = 4
"""Most times that the nodes are moved to the posteriors of new estimates."""
SETTLED = 1e-3
"""Change in log-likelihood by moving the nodes at which they stay."""


def is_simple(layout: Layout) -> bool:
    """Whether every item loads on one primary factor."""
    return not layout.structure.has_specific and all(b.factors.shape[1] == 1 for b in layout.batches)


@dataclass(frozen=True)
class AdaptiveProblem:
    """Marginal likelihood with nodes that follow each person's posterior.

    Attributes
    ----------
    layout : Layout
        Parameter slots, simple structure.
    patterns : tuple of Patterns
        Responses per group.
    center, scale : tuple of ndarray, shape (n_g, D)
        Posterior mean and standard deviation of each pattern.
    n_nodes : int
        Nodes per dimension.
    priors : tuple of PriorTerm
        Priors on free parameters.
    """

    layout: Layout
    patterns: tuple[Patterns, ...]
    center: tuple[FloatArray, ...]
    scale: tuple[FloatArray, ...]
    n_nodes: int
    priors: tuple[PriorTerm, ...] = ()

    def __call__(self, x: FloatArray) -> Point:
        """Log-likelihood, gradient and complete-data information."""
        return evaluate(self, x)


@dataclass(frozen=True)
class Chunk:
    """Posterior of some persons on their own product grids.

    Attributes
    ----------
    rows : slice
        Patterns.
    loglik : ndarray, shape (n,)
        Log marginal likelihood.
    theta : ndarray, shape (n, D, q)
        Nodes.
    margins : ndarray, shape (n, D, q)
        Posterior of each factor.
    mean, second : ndarray, shape (n, D), (n, D, D)
        Posterior mean and second moments.
    """

    rows: slice
    loglik: FloatArray
    theta: FloatArray
    margins: FloatArray
    mean: FloatArray
    second: FloatArray


@dataclass(frozen=True)
class Responded:
    """Score vectors of one batch of items at the persons' own nodes.

    Attributes
    ----------
    slots : ndarray of int, shape (R, P)
        Parameters.
    dims : ndarray of int, shape (R,)
        Factor of each item.
    log_p : ndarray, shape (R, n, q)
        Log probability of the response; zero where it is missing.
    scores : ndarray, shape (R, P, n, q)
        Derivatives of it.
    fisher : ndarray, shape (R, P, P, n, q) or None
        Expected information of the responses given.
    """

    slots: IntArray
    dims: IntArray
    log_p: FloatArray
    scores: FloatArray
    fisher: FloatArray


def respond(
    layout: Layout, extended: FloatArray, g: int, codes: IntArray, theta: FloatArray
) -> list[Responded]:
    """Evaluate the items of a group at the persons' own nodes."""
    n, _, q = theta.shape
    out = []
    for batch, rows in rows_of_group(layout, g):
        parameters = batch_parameters(batch, extended)[rows]
        dims = batch.dims[rows, 0]
        own = theta[:, dims].transpose(1, 0, 2).reshape(rows.size, n * q)
        curves = batch.model.curves(parameters[:, :1] * own, parameters[:, 1:], batch.K)
        scores = np.concatenate([(curves.d_z * own[:, None])[:, None], curves.d_shape], axis=1)
        x = np.repeat(codes[:, batch.items[rows]].T, q, axis=1).astype(np.int64)
        seen = x >= 0
        x = np.where(seen, x, 0)
        log_p = np.take_along_axis(curves.log_p, x[:, None], 1)[:, 0] * seen
        given = np.take_along_axis(scores, x[:, None, None], 2)[:, :, 0] * seen[:, None]
        p = np.exp(curves.log_p) * seen[:, None]
        fisher = np.einsum("rakm,rkm,rbkm->rabm", scores, p, scores, optimize=True)
        P = scores.shape[1]
        out.append(
            Responded(
                batch.slots[rows],
                dims,
                log_p.reshape(-1, n, q),
                given.reshape(-1, P, n, q),
                fisher.reshape(-1, P, P, n, q),
            )
        )
    return out


def posterior_chunks(
    problem: AdaptiveProblem, extended: FloatArray, g: int
) -> Iterator[tuple[Chunk, list[Responded]]]:
    """Yield posteriors of a group's patterns, a few persons at a time."""
    codes = problem.patterns[g].responses.codes
    D, q = problem.layout.n_primary, problem.n_nodes
    z, w = np.polynomial.hermite_e.hermegauss(q)
    mean, cov = problem.layout.moments(extended, g)
    size = max(8, CELLS // q**D)
    for start in range(0, codes.shape[0], size):
        rows = slice(start, min(start + size, codes.shape[0]))
        center, scale = problem.center[g][rows], problem.scale[g][rows]
        theta = center[:, :, None] + scale[:, :, None] * z
        responded = respond(problem.layout, extended, g, codes[rows], theta)
        base = np.zeros_like(theta)
        for batch in responded:
            for r, d in enumerate(batch.dims):
                base[:, d] += batch.log_p[r]
        base += np.log(w) + 0.5 * z**2 + np.log(scale)[:, :, None]
        yield _integrate(rows, theta, base, mean, cov), responded


def _integrate(rows: slice, theta: FloatArray, base: FloatArray, mean: FloatArray, cov: FloatArray) -> Chunk:
    n, D, q = theta.shape
    precision = np.linalg.inv(cov)
    u = theta - mean[:, None]
    base = base - 0.5 * np.diag(precision)[:, None] * u**2
    A = np.full((n,) + (q,) * D, -0.5 * (np.linalg.slogdet(cov)[1] + D * np.log(2 * np.pi)))
    for d in range(D):
        A += _along(base[:, d], (d,), D)
        for e in range(d):
            if precision[d, e] != 0.0:
                A -= _along(precision[d, e] * u[:, e, :, None] * u[:, d, None, :], (e, d), D)
    flat = A.reshape(n, -1)
    peak = flat.max(axis=1)
    np.exp(flat - peak[:, None], out=flat)
    total = flat.sum(axis=1)
    flat /= total[:, None]
    margins, second = np.empty((n, D, q)), np.empty((n, D, D))
    for d in range(D):
        for e in range(d):
            pair = A.sum(axis=tuple(1 + k for k in range(D) if k not in (d, e)))
            second[:, d, e] = second[:, e, d] = np.einsum("nab,na,nb->n", pair, theta[:, e], theta[:, d])
        margins[:, d] = A.sum(axis=tuple(1 + k for k in range(D) if k != d))
        second[:, d, d] = np.sum(margins[:, d] * theta[:, d] ** 2, axis=1)
    return Chunk(rows, np.log(total) + peak, theta, margins, np.sum(margins * theta, axis=2), second)


def _along(values: FloatArray, axes: tuple[int, ...], D: int) -> FloatArray:
    """Place the node axes of ``values`` (n, q, ...) at the given dimensions of the product grid."""
    shape = [values.shape[0]] + [1] * D
    for axis, length in zip(axes, values.shape[1:], strict=True):
        shape[1 + axis] = length
    return values.reshape(shape)


def evaluate(problem: AdaptiveProblem, x: FloatArray) -> Point:
    """One pass over all persons."""
    layout = problem.layout
    extended = layout.extend(x)
    size = extended.size
    gradient, information, loglik = np.zeros(size), np.zeros((size, size)), 0.0
    for g in range(len(layout.groups)):
        mean, cov = layout.moments(extended, g)
        if np.linalg.eigvalsh(cov)[0] <= 1e-8:
            return Point(-np.inf, np.zeros(x.size), np.eye(x.size))
        weights = problem.patterns[g].responses.weights
        first, second = np.zeros(mean.size), np.zeros(cov.shape)
        for chunk, responded in posterior_chunks(problem, extended, g):
            w = weights[chunk.rows]
            loglik += float(w @ chunk.loglik)
            first += w @ chunk.mean
            second += np.einsum("n,nde->de", w, chunk.second)
            for batch in responded:
                mass = chunk.margins[:, batch.dims].transpose(1, 0, 2) * w[None, :, None]
                np.add.at(gradient, batch.slots, np.einsum("rpnq,rnq->rp", batch.scores, mass))
                fisher = np.einsum("rabnq,rnq->rab", batch.fisher, mass)
                np.add.at(information, (batch.slots[:, :, None], batch.slots[:, None, :]), fisher)
        _add_latent(gradient, information, layout.latent[g], mean, cov, first, second, float(weights.sum()))
    p = layout.n_free
    if not np.isfinite(loglik):
        return Point(-np.inf, np.zeros(x.size), np.eye(x.size))
    return add_priors(problem.priors, x, loglik, gradient[:p], information[:p, :p])


def _add_latent(
    gradient: FloatArray,
    information: FloatArray,
    slots: IntArray,
    mean: FloatArray,
    cov: FloatArray,
    first: FloatArray,
    second: FloatArray,
    n: float,
) -> None:
    """Gradient and information of the multivariate normal density of the factors."""
    D = mean.size
    precision = np.linalg.inv(cov)
    scatter = second - np.outer(first, mean) - np.outer(mean, first) + n * np.outer(mean, mean)
    G = precision @ scatter @ precision - n * precision
    basis = []
    for i in range(D):
        for j in range(i + 1):
            E = np.zeros((D, D))
            E[i, j] = E[j, i] = 1.0
            basis.append(E)
    score = np.concatenate([precision @ (first - n * mean), [0.5 * np.sum(G * E) for E in basis]])
    whitened = [precision @ E for E in basis]
    fisher = np.zeros((score.size, score.size))
    fisher[:D, :D] = n * precision
    fisher[D:, D:] = 0.5 * n * np.array([[np.sum(a * b.T) for b in whitened] for a in whitened])
    np.add.at(gradient, slots, score)
    np.add.at(information, (slots[:, None], slots[None, :]), fisher)


def posterior_moments(problem: AdaptiveProblem, x: FloatArray, g: int) -> tuple[FloatArray, FloatArray]:
    """Posterior means and standard deviations of a group's patterns, shape (n, D) each."""
    parts = [chunk for chunk, _ in posterior_chunks(problem, problem.layout.extend(x), g)]
    mean = np.concatenate([c.mean for c in parts])
    second = np.concatenate([np.diagonal(c.second, axis1=1, axis2=2) for c in parts])
    return mean, np.sqrt(np.maximum(second - mean**2, 1e-6))


def casewise_loglik(problem: AdaptiveProblem, x: FloatArray, g: int) -> FloatArray:
    """Log marginal likelihood of a group's patterns."""
    return np.concatenate([c.loglik for c, _ in posterior_chunks(problem, problem.layout.extend(x), g)])


def adapted(problem: AdaptiveProblem, x: FloatArray, passes: int = 1) -> AdaptiveProblem:
    """Move the nodes to the posteriors at ``x``."""
    for _ in range(passes):
        found = [posterior_moments(problem, x, g) for g in range(len(problem.patterns))]
        problem = replace(problem, center=tuple(f[0] for f in found), scale=tuple(f[1] for f in found))
    return problem


def adaptive_scores(
    layout: Layout, patterns: Patterns, g: int, n_nodes: int, x: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Posterior means and standard deviations of new patterns of one group."""
    mean, cov = layout.moments(layout.extend(x), g)
    n, G = patterns.responses.n, len(layout.groups)
    center = np.repeat(mean[None, :], n, axis=0)
    scale = np.repeat(np.sqrt(np.diag(cov))[None, :], n, axis=0)
    for _ in range(5):
        problem = AdaptiveProblem(layout, (patterns,) * G, (center,) * G, (scale,) * G, n_nodes)
        center, scale = posterior_moments(problem, x, g)
    return center, scale


def starting_problem(
    layout: Layout,
    patterns: tuple[Patterns, ...],
    n_nodes: int,
    x: FloatArray,
    priors: tuple[PriorTerm, ...] = (),
) -> AdaptiveProblem:
    """Nodes around the prior, moved to the posteriors three times."""
    extended = layout.extend(x)
    center, scale = [], []
    for g, own in enumerate(patterns):
        mean, cov = layout.moments(extended, g)
        center.append(np.repeat(mean[None, :], own.responses.n, axis=0))
        scale.append(np.repeat(np.sqrt(np.diag(cov))[None, :], own.responses.n, axis=0))
    problem = AdaptiveProblem(layout, patterns, tuple(center), tuple(scale), n_nodes, priors)
    return adapted(problem, x, passes=3)


def maximise_adaptive(
    problem: AdaptiveProblem, start: FloatArray, tolerance: float, max_evaluations: int
) -> tuple[Maximum, AdaptiveProblem]:
    """Alternate maximisation and moving the nodes until the log-likelihood stays."""
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


def cross_product(problem: AdaptiveProblem, x: FloatArray) -> FloatArray:
    """Cross-product of casewise scores, shape (p, p)."""
    layout = problem.layout
    extended = layout.extend(x)
    p, D = layout.n_free, layout.n_primary
    out = np.zeros((p, p))
    for g in range(len(layout.groups)):
        mean, cov = layout.moments(extended, g)
        precision = np.linalg.inv(cov)
        weights = problem.patterns[g].responses.weights
        for chunk, responded in posterior_chunks(problem, extended, g):
            n = chunk.loglik.size
            scores = np.zeros((n, extended.size))
            for batch in responded:
                mass = chunk.margins[:, batch.dims].transpose(1, 0, 2)
                own = np.einsum("rpnq,rnq->nrp", batch.scores, mass)
                np.add.at(scores.T, batch.slots.ravel(), own.reshape(n, -1).T)
            deviation = chunk.mean - mean
            scatter = (
                chunk.second
                - chunk.mean[:, :, None] * mean
                - mean[:, None] * chunk.mean[:, None, :]
                + np.outer(mean, mean)
            )
            G = precision @ scatter @ precision - precision
            columns = [deviation @ precision]
            for i in range(D):
                for j in range(i + 1):
                    columns.append((G[:, i, j] if i != j else 0.5 * G[:, i, i])[:, None])
            np.add.at(scores.T, layout.latent[g], np.hstack(columns).T)
            own_scores = scores[:, :p]
            out += own_scores.T @ (weights[chunk.rows][:, None] * own_scores)
    return out
