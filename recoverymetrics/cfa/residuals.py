"""Residual covariances and correlations, and their standard errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recoverymetrics.cfa.indices import ResidualParts
from recoverymetrics.numerics.sem_ram import scaled_covariance
from recoverymetrics.typing import FloatArray

if TYPE_CHECKING:
    from recoverymetrics.cfa.result import CFAResult

RESIDUAL_KINDS = ("cor", "raw", "cor_bollen", "standardized")
FITTED = 1e-6
"""Standard error of a residual correlation below which the model fits that moment exactly, whatever the data."""


def residual_parts(result: CFAResult) -> ResidualParts:
    """Sample and implied moments side by side."""
    layout, sample = result.layout, result.sample
    vector = result.moments.moments(result.state)
    n_th = len(layout.threshold_item)
    if n_th:
        m, mu = sample.tau, vector[:, :n_th]
    elif result.moments.means:
        m, mu = sample.mean, result.state.mu
    else:
        m = mu = np.zeros((len(sample.n), 0))
    S = sample.covariance
    if result.spec.discrepancy != "ML" and not layout.any_ordinal:
        S = S * (sample.n / (sample.n - 1.0))[:, None, None]
    share = sample.n / sample.total
    return ResidualParts(S, scaled_covariance(layout, result.state), m, mu, share, layout.any_ordinal)


def residual_matrix(result: CFAResult, kind: str) -> FloatArray:
    """Residuals of each group, shape (G, p, p)."""
    parts = residual_parts(result)
    S, Sigma = parts.S, parts.Sigma
    if kind == "raw":
        return S - Sigma
    sd = np.sqrt(np.diagonal(S, axis1=1, axis2=2))
    if kind == "cor":
        return (S - Sigma) / sd[:, :, None] / sd[:, None, :]
    sd_model = np.sqrt(np.diagonal(Sigma, axis1=1, axis2=2))
    return S / sd[:, :, None] / sd[:, None, :] - Sigma / sd_model[:, :, None] / sd_model[:, None, :]


def standardised_residuals(result: CFAResult) -> FloatArray:
    """Residual correlations divided by their standard errors, shape (G, p, p)."""
    from recoverymetrics.cfa.residual_errors import residual_errors

    raw = residual_matrix(result, "cor")
    errors = residual_errors(result)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(errors > FITTED, raw / errors, 0.0)
