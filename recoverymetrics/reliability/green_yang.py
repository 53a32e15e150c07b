"""Reliability of the sum of ordered categories from a factor model of latent responses (Green & Yang 2009)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from recoverymetrics.numerics.normal import LIMIT, bivariate_normal_cdf, bivariate_normal_pdf
from recoverymetrics.typing import FloatArray


def sum_covariances(tau: FloatArray, r: FloatArray) -> FloatArray:
    """Covariances of category scores 0, 1, 2, ... from thresholds and latent correlations.

    Parameters
    ----------
    tau : ndarray, shape (p, t)
        Thresholds; infinite where an item has fewer.
    r : ndarray, shape (p, p)
        Correlations of the latent responses; the diagonal is used as given (1 for an item with itself, less
        for two parallel copies of it).

    Returns
    -------
    ndarray, shape (p, p)
        ``sum over thresholds of Phi2(tau_j, tau_k; r_jk) - Phi(tau_j) Phi(tau_k)``.
    """
    t = np.clip(tau, -LIMIT, LIMIT)
    joint = bivariate_normal_cdf(t[:, None, :, None], t[None, :, None, :], r[:, :, None, None])
    margin = ndtr(t).sum(1)
    covariance: FloatArray = joint.sum((2, 3)) - np.outer(margin, margin)
    return covariance


def green_yang(tau: FloatArray, common: FloatArray, total: FloatArray) -> float:
    """Reliability of the sum score.

    Parameters
    ----------
    tau : ndarray, shape (p, t)
        Thresholds.
    common : ndarray, shape (p, p)
        Part of the latent correlations that counts as true, for example ``lambda lambda'``.
    total : ndarray, shape (p, p)
        Latent (polychoric) correlations with ones on the diagonal, observed or implied by the model.

    Returns
    -------
    float
    """
    return float(sum_covariances(tau, common).sum() / sum_covariances(tau, total).sum())


@dataclass(frozen=True)
class GreenYang:
    """Green-Yang omega of one factor and its derivatives.

    Attributes
    ----------
    estimate : float
        Omega.
    by_loading : ndarray, shape (p,)
        Derivative in the loadings, correlations fixed.
    by_correlation : ndarray, shape (p, p)
        Derivative in each correlation below the diagonal, loadings fixed (symmetric, zero diagonal).
    by_threshold : ndarray, shape (p, t)
        Derivative in the thresholds; 0 for infinite ones.
    """

    estimate: float
    by_loading: FloatArray
    by_correlation: FloatArray
    by_threshold: FloatArray


def green_yang_derivatives(tau: FloatArray, loadings: FloatArray, R: FloatArray) -> GreenYang:
    """Green-Yang omega of one factor, observed denominators, with analytic derivatives."""
    common = np.outer(loadings, loadings)
    numerator, denominator = sum_covariances(tau, common).sum(), sum_covariances(tau, R).sum()
    omega = float(numerator / denominator)
    by_loading = 2 * _density(tau, common) @ loadings / denominator
    off = R - np.eye(R.shape[0])
    by_correlation = -2 * omega * _density(tau, off) / denominator
    np.fill_diagonal(by_correlation, 0.0)
    by_threshold = 2 * (_slope(tau, common) - omega * _slope(tau, R)) / denominator
    return GreenYang(omega, by_loading, by_correlation, by_threshold)


def _density(tau: FloatArray, r: FloatArray) -> FloatArray:
    """Derivative of ``sum_covariances`` in ``r``: bivariate densities summed over thresholds."""
    finite = np.isfinite(tau)
    t = np.where(finite, tau, 0.0)
    inside = np.clip(r, -1 + 1e-12, 1 - 1e-12)[:, :, None, None]
    density = bivariate_normal_pdf(t[:, None, :, None], t[None, :, None, :], inside)
    summed: FloatArray = np.sum(density * (finite[:, None, :, None] & finite[None, :, None, :]), axis=(2, 3))
    return summed


def _slope(tau: FloatArray, r: FloatArray) -> FloatArray:
    """Half the derivative of ``sum_covariances(...).sum()`` in each threshold, shape (p, t)."""
    finite = np.isfinite(tau)
    t = np.clip(tau, -LIMIT, LIMIT)
    own, other = t[:, None, :, None], t[None, :, None, :]
    rho = r[:, :, None, None]
    remainder = np.sqrt(np.maximum(1 - rho**2, 0.0))
    gap = other - rho * own
    with np.errstate(divide="ignore", invalid="ignore"):
        conditional = np.where(remainder > 1e-9, ndtr(gap / remainder), (np.sign(gap) + 1) / 2)
    excess = np.sum(conditional - ndtr(other), axis=(1, 3))
    density = np.where(finite, np.exp(-0.5 * t**2) / np.sqrt(2 * np.pi), 0.0)
    slope: FloatArray = density * excess
    return slope
