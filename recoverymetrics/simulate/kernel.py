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
    families = np.array(parameters.families)
    present = list(dict.fromkeys(parameters.families))
    if len(present) == 1:
        return _CURVES[present[0]](parameters, z, np.arange(families.size))
    out = np.empty((len(theta), *parameters.intercepts.shape))
    for family in present:
        j = np.flatnonzero(families == family)
        out[:, j] = _CURVES[family](parameters, z[:, j], j)
    return out


def _linear(parameters: ItemParameters, z: FloatArray, j: IntArray) -> FloatArray:
    d = parameters.intercepts[j]
    return np.asarray(z + np.where(np.isnan(d), -np.inf, d))


def _normal_ogive(parameters: ItemParameters, z: FloatArray, j: IntArray) -> FloatArray:
    return np.asarray(ndtr(_linear(parameters, z, j)))


def _graded(parameters: ItemParameters, z: FloatArray, j: IntArray) -> FloatArray:
    return np.asarray(expit(_linear(parameters, z, j)))


def _logistic(parameters: ItemParameters, z: FloatArray, j: IntArray) -> FloatArray:
    g, u = parameters.guessing[j, None], parameters.upper[j, None]
    curve = g + (u - g) * expit(_linear(parameters, z, j))
    return np.where(np.isnan(parameters.intercepts[j]), 0.0, curve)


def _sequential(parameters: ItemParameters, z: FloatArray, j: IntArray) -> FloatArray:
    return np.asarray(np.cumprod(expit(_linear(parameters, z, j)), axis=2))


def _softmax(parameters: ItemParameters, z: FloatArray, j: IntArray) -> FloatArray:
    absent = np.isnan(parameters.intercepts[j])
    scores = np.where(absent, 0.0, parameters.scores[j])
    logits = scores * z + np.where(absent, -np.inf, parameters.intercepts[j])
    logits = np.concatenate([np.zeros_like(z), logits], axis=2)
    weights = np.exp(logits - logits.max(axis=2, keepdims=True))
    upper = np.cumsum(weights[:, :, ::-1], axis=2)[:, :, ::-1]
    return np.asarray(upper[:, :, 1:] / upper[:, :, :1])


_CURVES = {
    "normal_ogive": _normal_ogive,
    "graded": _graded,
    "logistic": _logistic,
    "sequential": _sequential,
    "softmax": _softmax,
}


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
