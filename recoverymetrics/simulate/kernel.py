"""Arrays in, arrays out: factor scores, category probabilities, answers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.special import expit, ndtr

from recoverymetrics.simulate.parameters import ItemParameters
from recoverymetrics.simulate.spec import DIF
from recoverymetrics.typing import FloatArray, IntArray

CHUNK = 20_000
"""Persons per block, so that memory stays flat."""


def draw_theta(
    rng: np.random.Generator, n: int, mean: FloatArray, variance: FloatArray, correlations: FloatArray
) -> FloatArray:
    """Factor scores of one group, multivariate normal, shape (n, m)."""
    root = cholesky_root(correlations)
    return mean + (rng.standard_normal((n, mean.size)) @ root.T) * np.sqrt(variance)


def cholesky_root(matrix: FloatArray) -> FloatArray:
    """Lower-triangular root of a positive semi-definite matrix (eigenvalue root where it is singular)."""
    try:
        return np.asarray(np.linalg.cholesky(matrix), dtype=float)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(matrix)
        return np.asarray(vectors * np.sqrt(np.clip(values, 0.0, None)))


def survival(parameters: ItemParameters, theta: FloatArray) -> FloatArray:
    """``P(Y >= k | theta)`` for ``k = 1 .. K - 1``, shape (n, p, K - 1); 0 beyond an item's categories."""
    z = (theta @ parameters.slopes.T)[:, :, None]
    if parameters.family == "softmax":
        return _softmax_survival(parameters, z)
    d = np.where(np.isnan(parameters.intercepts), -np.inf, parameters.intercepts)
    if parameters.family == "normal_ogive":
        return np.asarray(ndtr(z + d))
    curve = expit(z + d)
    if parameters.family == "graded":
        return np.asarray(curve)
    g, u = parameters.guessing[:, None], parameters.upper[:, None]
    return np.asarray(g + (u - g) * curve)


def _softmax_survival(parameters: ItemParameters, z: FloatArray) -> FloatArray:
    absent = np.isnan(parameters.intercepts)
    scores = np.where(absent, 0.0, parameters.scores)
    logits = scores * z + np.where(absent, -np.inf, parameters.intercepts)
    logits = np.concatenate([np.zeros_like(z), logits], axis=2)
    weights = np.exp(logits - logits.max(axis=2, keepdims=True))
    upper = np.cumsum(weights[:, :, ::-1], axis=2)[:, :, ::-1]
    return np.asarray(upper[:, :, 1:] / upper[:, :, :1])


def answer(
    rng: np.random.Generator,
    parameters: ItemParameters,
    theta: FloatArray,
    residual_correlations: FloatArray | None = None,
) -> IntArray:
    """Draw categories 0 .. K - 1, shape (n, p).

    One uniform number per answer; residual correlations enter as a Gaussian copula between them, which for
    the normal ogive is exactly the correlated residual of the underlying response.
    """
    root = None if residual_correlations is None else cholesky_root(residual_correlations)
    blocks = []
    for start in range(0, len(theta), CHUNK):
        part = theta[start : start + CHUNK]
        noise = rng.standard_normal((len(part), len(parameters.items)))
        uniform = ndtr(noise if root is None else noise @ root.T)
        blocks.append(np.sum(uniform[:, :, None] < survival(parameters, part), axis=2))
    return np.concatenate(blocks).astype(np.int64)


def with_dif(parameters: ItemParameters, dif: tuple[DIF, ...], group: str) -> ItemParameters:
    """Parameters as they hold in one group: ``a_g = slope a``, ``d_g = d - s |a_g| shift``."""
    slopes, intercepts = parameters.slopes.copy(), parameters.intercepts.copy()
    for spec in dif:
        if group in spec.groups:
            j = parameters.items.index(spec.item)
            slopes[j] *= spec.slope
            intercepts[j] -= parameters.scores[j] * np.linalg.norm(slopes[j]) * spec.shift
    return replace(parameters, slopes=slopes, intercepts=intercepts)
