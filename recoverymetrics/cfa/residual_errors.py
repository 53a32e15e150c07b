"""Standard errors of residual correlations (Maydeu-Olivares & Shi 2017; Jennrich 1974)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recoverymetrics.cfa.estimate import asymptotic_covariance
from recoverymetrics.cfa.inference import invert as invert_information
from recoverymetrics.cfa.residuals import residual_parts
from recoverymetrics.cfa.saturated import saturated_pieces
from recoverymetrics.numerics.sem_least_squares import LeastSquares
from recoverymetrics.numerics.sem_missing import NormalMissing
from recoverymetrics.numerics.sem_normal import invert, normal_weight
from recoverymetrics.typing import FloatArray

if TYPE_CHECKING:
    from recoverymetrics.cfa.result import CFAResult


def residual_errors(result: CFAResult) -> FloatArray:
    """Standard errors of the residual correlations, shape (G, p, p).

    The residuals are ``(I - H)(s - sigma)`` with ``H = Delta E^-1 Delta' W``; their covariance uses the normal-theory
    covariance of the moments for plain maximum likelihood and GLS, the distribution-free one otherwise. With missing data
    ``W`` is the information about the moments at the model's estimates, and the covariance of the saturated moments the
    inverse of theirs, or the sandwich around it.
    """
    layout, moments, sample = result.layout, result.moments, result.sample
    J = moments.jacobian(result.state)
    weights, gamma = _weights_and_gamma(result)
    p = layout.n_observed
    out = np.zeros((len(sample.n), p, p))
    row, col = layout.pairs
    c = layout.continuous
    sd = np.sqrt(np.diagonal(residual_parts(result).S, axis1=1, axis2=2))
    inverse = _inverse(result, J, weights)
    for g, n in enumerate(sample.n):
        D = layout.spread(J[g], g)
        W, G = weights[g], gamma[g]
        WD = W[:, None] * D if W.ndim == 1 else W @ D
        share = sample.share[g]
        H = share * D @ inverse @ WD.T
        left = np.eye(len(D)) - H
        variance = np.einsum("ij,jk,ik->i", left, G, left) / n
        if len(sample.n) > 1:
            variance = variance + _other_groups(result, J, weights, gamma, g, D @ inverse)
        errors = np.sqrt(np.maximum(variance, 0.0))
        start = moments.size - len(row)
        out[g, row, col] = out[g, col, row] = errors[start:] / (sd[g, row] * sd[g, col])
        out[g, c, c] = errors[moments.n_first : start] / sd[g, c] ** 2
    return out


def _other_groups(
    result: CFAResult,
    J: FloatArray,
    weights: FloatArray,
    gamma: FloatArray,
    here: int,
    reach: FloatArray,
) -> FloatArray:
    """What the sampling error of the other groups adds through shared parameters."""
    total = np.zeros(len(reach))
    for g, (W, G) in enumerate(zip(weights, gamma, strict=True)):
        if g == here:
            continue
        other = result.layout.spread(J[g], g)
        WD = W[:, None] * other if W.ndim == 1 else W @ other
        part = result.sample.share[g] ** 2 * (WD.T @ G @ WD) / result.sample.n[g]
        total += np.einsum("ij,jk,ik->i", reach, part, reach)
    return total


def _inverse(result: CFAResult, J: FloatArray, weights: FloatArray) -> FloatArray:
    """Inverse of ``sum f Delta' W Delta``, which makes ``H`` a projection."""
    information = np.zeros((result.layout.n_free, result.layout.n_free))
    for g, (W, f) in enumerate(zip(weights, result.sample.share, strict=True)):
        D = result.layout.spread(J[g], g)
        information += f * D.T @ (W[:, None] * D if W.ndim == 1 else W @ D)
    return invert_information(information, result.estimate.tangent, result.layout.arrow)[0]


def _weights_and_gamma(result: CFAResult) -> tuple[FloatArray, FloatArray]:
    sample, moments = result.sample, result.moments
    objective = result.objective
    if isinstance(objective, LeastSquares):
        if result.spec.discrepancy == "GLS":
            return objective.weights, invert(objective.weights)
        return objective.weights, asymptotic_covariance(sample, moments)
    if isinstance(objective, NormalMissing):
        observed = result.spec.information == "observed"
        weights = objective.moment_information(result.theta, observed=observed) / sample.share[:, None, None]
        pieces = saturated_pieces(sample, moments, observed=observed)
        robust = result.spec.errors == "huber_white"
        inverses = [(invert(A), B) for A, B in pieces]
        return weights, np.stack([inv @ B @ inv if robust else inv for inv, B in inverses])
    weights = np.stack([normal_weight(moments, inverse) for inverse in invert(result.state.sigma)])
    if result.spec.test == "none":
        unstructured = [normal_weight(moments, inverse) for inverse in invert(sample.covariance)]
        return weights, invert(np.stack(unstructured))
    return weights, asymptotic_covariance(sample, moments)
