"""Nodes for integrals over latent variables, and normal densities on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri
from scipy.stats import qmc

from recoverymetrics.typing import FloatArray


@dataclass(frozen=True)
class Nodes:
    """Points at which a latent density is evaluated.

    Attributes
    ----------
    theta : ndarray, shape (Q, D)
        Coordinates.
    log_base : ndarray, shape (Q,)
        Log of the volume that a node stands for, up to a constant: zero for equally spaced nodes,
        minus the log sampling density for quasi-random ones.
    """

    theta: FloatArray
    log_base: FloatArray

    @property
    def size(self) -> int:
        """Number of nodes."""
        return int(self.theta.shape[0])

    @property
    def n_dims(self) -> int:
        """Number of latent dimensions."""
        return int(self.theta.shape[1])


def rectangular_nodes(n: int = 61, n_dims: int = 1, limits: tuple[float, float] = (-6.0, 6.0)) -> Nodes:
    """Equally spaced nodes, crossed over dimensions.

    Parameters
    ----------
    n : int, default 61
        Nodes per dimension.
    n_dims : int, default 1
        Number of dimensions; ``n ** n_dims`` nodes in all, the last dimension running fastest.
    limits : pair of float, default (-6, 6)
        Range per dimension.

    Examples
    --------
    >>> rectangular_nodes(3, 2).theta.shape
    (9, 2)
    """
    axis = np.linspace(*limits, n)
    theta = np.stack(np.meshgrid(*[axis] * n_dims, indexing="ij"), axis=-1).reshape(-1, n_dims)
    return Nodes(theta, np.zeros(theta.shape[0]))


def quasi_random_nodes(n: int, n_dims: int, *, spread: float = 1.2, seed: int = 1) -> Nodes:
    """Scrambled Sobol points of a normal with standard deviation ``spread`` (the sampling density).

    Parameters
    ----------
    n : int
        Number of nodes; a power of two balances the sequence.
    n_dims : int
        Number of dimensions.
    spread : float, default 1.2
        Standard deviation of the sampling density, above one so that posteriors in the tails are covered.
    seed : int, default 1
        Seed of the scrambling.
    """
    uniform = qmc.Sobol(n_dims, seed=seed).random(n)
    z = ndtri(np.clip(uniform, 1e-12, 1 - 1e-12))
    return Nodes(spread * z, 0.5 * np.sum(z * z, axis=1))


def normal_log_weights(nodes: Nodes, mean: FloatArray, cov: FloatArray) -> FloatArray:
    """Log weights of a normal density on nodes, normalised to sum to one.

    Parameters
    ----------
    nodes : Nodes
        ``Q`` nodes in ``D`` dimensions.
    mean : ndarray, shape (D,)
        Mean vector.
    cov : ndarray, shape (D, D)
        Covariance matrix.

    Returns
    -------
    ndarray, shape (Q,)
        NaN throughout when ``cov`` is not positive definite.
    """
    try:
        root = np.linalg.cholesky(cov)
    except np.linalg.LinAlgError:
        return np.full(nodes.size, np.nan)
    z = np.linalg.solve(root, (nodes.theta - mean).T)
    log_density = nodes.log_base - 0.5 * np.sum(z * z, axis=0)
    peak = log_density.max()
    return log_density - peak - np.log(np.exp(log_density - peak).sum())


def normal_weight_scores(nodes: Nodes, mean: FloatArray, cov: FloatArray) -> FloatArray:
    """Derivatives of the normalised log weights with respect to means and covariances.

    Returns
    -------
    ndarray, shape (D + D (D + 1) / 2, Q)
        Means first, then the lower triangle of the covariance matrix row by row. Rows are centred under
        the weights, as the normalisation requires.
    """
    weights = np.exp(normal_log_weights(nodes, mean, cov))
    precision = np.linalg.inv(cov)
    scaled = (nodes.theta - mean) @ precision
    rows = list(scaled.T)
    for i in range(nodes.n_dims):
        for j in range(i + 1):
            quadratic = scaled[:, i] * scaled[:, j] - precision[i, j]
            rows.append(quadratic if i != j else 0.5 * quadratic)
    scores = np.asarray(rows)
    return scores - (scores @ weights)[:, None]
