"""Person-specific normal priors of a latent regression: weights on the nodes and their scores.

``theta_i = Gamma' x_i + e_i`` with ``e_i ~ N(mean, cov)``. On fixed nodes the log prior weights are those of an
exponential family with the features ``F(theta) = (theta, lower triangle of theta theta')``, so every score is a linear
map of ``F(theta_q) - E_i F`` and an E-step needs the posterior means of the features alone (Mislevy 1984; Adams,
Wilson & Wu 1997).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recoverymetrics.numerics.em import Counts, OneHot, node_posterior
from recoverymetrics.numerics.quadrature import Nodes
from recoverymetrics.typing import FloatArray, IntArray

if TYPE_CHECKING:
    from recoverymetrics.irt.layout import Layout
    from recoverymetrics.irt.likelihood import Problem
    from recoverymetrics.irt.responses import Design

STEP = 1e-4
"""Step of the central differences of the exact latent gradient."""
CELLS = 4_000_000
"""Cells of the largest array per chunk of persons."""


@dataclass(frozen=True)
class PersonPrior:
    """Normal prior of each row of responses.

    Attributes
    ----------
    X : ndarray, shape (n, R)
        Covariates.
    log_weights : ndarray, shape (n, Q)
        Normalised; NaN when the covariance matrix is not positive definite.
    mean : ndarray, shape (n, D)
        Expected values given the covariates.
    precision : ndarray, shape (D, D)
        Inverse of the residual covariance matrix.
    features : ndarray, shape (Q, T)
        Nodes and their products.
    expected : ndarray, shape (n, T)
        Expectation of the features under the weights.
    """

    X: FloatArray
    log_weights: FloatArray
    mean: FloatArray
    precision: FloatArray
    features: FloatArray
    expected: FloatArray

    def scores(self, gap: FloatArray) -> FloatArray:
        """Scores of means, covariances (lower triangle) and coefficients from ``F - E_i F``.

        Parameters
        ----------
        gap : ndarray, shape (n, ..., T)
            Features minus their prior expectation.

        Returns
        -------
        ndarray, shape (n, ..., L)
        """
        D = self.mean.shape[1]
        between = (1,) * (gap.ndim - 2)
        mu = self.mean.reshape(-1, *between, D)
        i, j = np.tril_indices(D)
        first = gap[..., :D]
        lower = gap[..., D:] - mu[..., i] * first[..., j] - mu[..., j] * first[..., i]
        square = np.empty((*gap.shape[:-1], D, D))
        square[..., i, j] = square[..., j, i] = lower
        u = first @ self.precision
        curved = (self.precision @ square @ self.precision)[..., i, j] * np.where(i == j, 0.5, 1.0)
        x = self.X.reshape(-1, *between, self.X.shape[1], 1)
        slopes = (x * u[..., None, :]).reshape(*gap.shape[:-1], -1)
        return np.concatenate([u, curved, slopes], axis=-1)


def features(nodes: Nodes) -> FloatArray:
    """Nodes and the lower triangle of their products, shape (Q, T)."""
    i, j = np.tril_indices(nodes.n_dims)
    return np.hstack([nodes.theta, nodes.theta[:, i] * nodes.theta[:, j]])


def expected_values(layout: Layout, extended: FloatArray, X: FloatArray, g: int = 0) -> FloatArray:
    """Expected latent values given covariates, shape (n, D)."""
    value: FloatArray = layout.moments(extended, g)[0] + X @ extended[layout.regression]
    return value


def person_prior(problem: Problem, extended: FloatArray, design: Design, g: int = 0) -> PersonPrior:
    """Priors of the rows of a design; equal covariates share their weights."""
    layout, nodes = problem.layout, problem.nodes
    cov = layout.moments(extended, g)[1]
    mean = expected_values(layout, extended, design.values, g)
    F = features(nodes)
    X, n = design.values[design.row], design.values.shape[0]
    if not np.isfinite(mean).all() or np.linalg.eigvalsh(cov)[0] <= 0:
        undefined = np.full((n, nodes.size), np.nan)
        return PersonPrior(X, undefined, mean[design.row], np.eye(cov.shape[0]), F, np.zeros((n, F.shape[1])))
    precision = np.asarray(np.linalg.inv(cov), dtype=float)
    scaled = nodes.theta @ precision
    A = mean @ scaled.T + (nodes.log_base - 0.5 * np.sum(scaled * nodes.theta, axis=1))
    A -= A.max(axis=1, keepdims=True)
    weights = np.exp(A)
    total = weights.sum(axis=1, keepdims=True)
    A -= np.log(total)
    weights /= total
    rows = design.row
    return PersonPrior(X, A[rows], mean[rows], precision, F, (weights @ F)[rows])


def population_log_weights(problem: Problem, extended: FloatArray, g: int = 0) -> FloatArray:
    """Log weights of the latent density of the sample, the mixture over its covariates, shape (Q,)."""
    patterns = problem.patterns[g]
    prior = person_prior(problem, extended, patterns.design_of)
    shares = patterns.responses.weights / patterns.responses.weights.sum()
    value: FloatArray = np.log(np.maximum(shares @ np.exp(prior.log_weights), 1e-300))
    return value


def latent_slots(layout: Layout, g: int = 0) -> IntArray:
    """Slots of means, covariances and coefficients."""
    return np.concatenate([layout.latent[g], layout.regression.ravel()])


def latent_gradient(prior: PersonPrior, posterior: FloatArray, weights: FloatArray) -> FloatArray:
    """Gradient of the complete-data log-likelihood in the latent parameters, given posterior feature means."""
    value: FloatArray = weights @ prior.scores(posterior - prior.expected)
    return value


def latent_information(prior: PersonPrior, weights: FloatArray) -> FloatArray:
    """Expected information of normal latent values, shape (L, L); the curvature that steers the search."""
    D, R = prior.mean.shape[1], prior.X.shape[1]
    X = np.column_stack([np.ones(prior.X.shape[0]), prior.X])
    location = np.kron(X.T @ (weights[:, None] * X), prior.precision)
    i, j = np.tril_indices(D)
    basis = np.zeros((i.size, D, D))
    basis[np.arange(i.size), i, j] = basis[np.arange(i.size), j, i] = 1.0
    moved = prior.precision @ basis
    L = D + i.size + R * D
    out = np.zeros((L, L))
    place = np.concatenate([np.arange(D), D + i.size + np.arange(R * D)])
    out[np.ix_(place, place)] = location
    out[D : D + i.size, D : D + i.size] = 0.5 * weights.sum() * np.einsum("aij,bji->ab", moved, moved)
    return out


def latent_hessian(problem: Problem, extended: FloatArray, counts: Counts, g: int = 0) -> FloatArray:
    """Hessian of the expected complete-data log-likelihood in the latent parameters, shape (L, L)."""
    slots = latent_slots(problem.layout, g)
    patterns = problem.patterns[g]
    out = np.zeros((slots.size, slots.size))
    for t in (int(k) for k in np.flatnonzero(slots < problem.layout.n_free)):
        sides = []
        for sign in (1.0, -1.0):
            shifted = extended.copy()
            shifted[slots[t]] += sign * STEP
            prior = person_prior(problem, shifted, patterns.design_of, g)
            sides.append(latent_gradient(prior, counts.feature_means, patterns.responses.weights))
        out[t] = (sides[0] - sides[1]) / (2 * STEP)
    return out


@dataclass(frozen=True)
class Chunk:
    """Some rows with their posteriors and latent scores at the nodes.

    Attributes
    ----------
    rows : slice
    Z : ndarray, shape (rows, C)
    posterior : ndarray, shape (rows, Q)
    scores : ndarray, shape (rows, Q, L)
    """

    rows: slice
    Z: FloatArray
    posterior: FloatArray
    scores: FloatArray


def score_chunks(responses: OneHot, L: FloatArray, prior: PersonPrior) -> Iterator[Chunk]:
    """Posteriors and latent scores, chunk by chunk."""
    Q, T = prior.features.shape
    size = max(16, CELLS // (Q * (T + prior.mean.shape[1] * (1 + prior.X.shape[1]))))
    for start in range(0, responses.n, size):
        rows = slice(start, min(start + size, responses.n))
        Z = responses.unfold(rows)
        posterior, _ = node_posterior(Z, L, prior.log_weights[rows])
        part = PersonPrior(
            prior.X[rows],
            prior.log_weights[rows],
            prior.mean[rows],
            prior.precision,
            prior.features,
            prior.expected[rows],
        )
        yield Chunk(rows, Z, posterior, part.scores(prior.features - part.expected[:, None, :]))
