"""Factor scores and their standard errors: regression, Bartlett, and posterior modes for ordered items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr, ndtr

from recoverymetrics.numerics.sem_normal import invert
from recoverymetrics.numerics.sem_ram import RamLayout, RamState
from recoverymetrics.typing import FloatArray, IntArray


@dataclass(frozen=True)
class Scores:
    """Scores (n, k) and their standard errors (n, k)."""

    values: FloatArray
    std_error: FloatArray


def regression_scores(layout: RamLayout, state: RamState, group: int, data: FloatArray) -> Scores:
    """Conditional means of the latent variables given what each person answered."""
    p = layout.n_observed
    sigma, mu = state.sigma[group], state.mu[group]
    cross = state.V[group][p:, :p]
    prior = state.V[group][p:, p:]
    values = np.empty((len(data), len(prior)))
    errors = np.empty_like(values)
    for mask, rows in _patterns(data):
        inverse = np.linalg.inv(sigma[np.ix_(mask, mask)])
        weight = cross[:, mask] @ inverse
        values[rows] = state.eta[group][p:] + (data[np.ix_(rows, mask)] - mu[mask]) @ weight.T
        left = np.diagonal(prior - weight @ cross[:, mask].T)
        errors[rows] = np.sqrt(np.maximum(left, 0.0))
    return Scores(values, errors)


def bartlett_scores(
    layout: RamLayout, state: RamState, A: FloatArray, nu: FloatArray, group: int, data: FloatArray
) -> Scores:
    """Weighted least squares scores: unbiased given the latent variables.

    ``A`` (p, k) are the loadings and ``nu`` (p,) the intercepts of the group; latent variables without
    indicators of their own have no Bartlett score.
    """
    p = layout.n_observed
    theta = state.S[group][:p, :p]
    k = A.shape[1]
    values = np.full((len(data), k), np.nan)
    errors = np.full((len(data), k), np.nan)
    for mask, rows in _patterns(data):
        own = np.flatnonzero((A[mask] != 0).any(axis=0))
        L = A[np.ix_(mask, own)]
        weighted = np.linalg.solve(theta[np.ix_(mask, mask)], L)
        cov = np.linalg.pinv(L.T @ weighted, hermitian=True)
        values[np.ix_(rows, own)] = (data[np.ix_(rows, mask)] - nu[mask]) @ weighted @ cov
        errors[np.ix_(rows, own)] = np.sqrt(np.maximum(np.diagonal(cov), 0.0))
    return Scores(values, errors)


def _patterns(data: FloatArray) -> list[tuple[IntArray, IntArray]]:
    seen = ~np.isnan(data)
    if seen.all():
        return [(np.arange(data.shape[1]), np.arange(len(data)))]
    unique, inverse = np.unique(seen, axis=0, return_inverse=True)
    flat = inverse.ravel()
    return [(np.flatnonzero(mask), np.flatnonzero(flat == k)) for k, mask in enumerate(unique) if mask.any()]


@dataclass(frozen=True)
class OrdinalModel:
    """Latent responses of one group: loadings (p, k), residual sd (p,), intercepts (p,), thresholds by item."""

    loadings: FloatArray
    residual_sd: FloatArray
    intercepts: FloatArray
    thresholds: tuple[FloatArray, ...]
    prior_mean: FloatArray
    prior_covariance: FloatArray


def ordinal_scores(model: OrdinalModel, codes: IntArray, *, prior: bool, max_iter: int = 100) -> Scores:
    """Posterior modes (empirical Bayes) or, without the prior, maximum likelihood scores of all persons at once.

    Newton steps on the stacked persons; responses below 0 are missing.
    """
    n, k = len(codes), model.loadings.shape[1]
    low, high = _bounds(model, codes)
    precision = invert(model.prior_covariance)
    eta = np.tile(model.prior_mean, (n, 1)) if prior else np.zeros((n, k))
    slope = model.loadings / model.residual_sd[:, None]
    value = _log_posterior(model, eta, low, high, slope, precision, prior=prior)
    for _ in range(max_iter):
        gradient, information = _derivatives(model, eta, low, high, slope, precision, prior=prior)
        step = np.linalg.solve(information + 1e-10 * np.eye(k), gradient[:, :, None])[:, :, 0]
        length = np.ones(n)
        for _ in range(20):
            trial = eta + length[:, None] * step
            new = _log_posterior(model, trial, low, high, slope, precision, prior=prior)
            worse = ~(new >= value - 1e-12)
            if not worse.any():
                break
            length = np.where(worse, 0.5 * length, length)
        good = new >= value - 1e-12
        eta = np.where(good[:, None], trial, eta)
        value = np.where(good, new, value)
        if np.abs(length[:, None] * step)[good].max(initial=0.0) < 1e-9:
            break
    _, information = _derivatives(model, eta, low, high, slope, precision, prior=prior)
    variances = np.diagonal(np.linalg.inv(information + 1e-10 * np.eye(k)), axis1=1, axis2=2)
    return Scores(eta, np.sqrt(np.maximum(variances, 0.0)))


def _bounds(model: OrdinalModel, codes: IntArray) -> tuple[FloatArray, FloatArray]:
    """Standardised limits of each response at the factor origin."""
    n, p = codes.shape
    low, high = np.full((n, p), -np.inf), np.full((n, p), np.inf)
    for j, tau in enumerate(model.thresholds):
        edges = np.concatenate([[-np.inf], (tau - model.intercepts[j]) / model.residual_sd[j], [np.inf]])
        known = codes[:, j] >= 0
        low[known, j] = edges[codes[known, j]]
        high[known, j] = edges[codes[known, j] + 1]
    return low, high


def _log_difference(a: FloatArray, b: FloatArray) -> FloatArray:
    """``log(Phi(b) - Phi(a))`` without cancellation in the upper tail."""
    flip = a > 0
    x, y = np.where(flip, -b, a), np.where(flip, -a, b)
    top, bottom = log_ndtr(y), log_ndtr(x)
    with np.errstate(divide="ignore", invalid="ignore"):
        return top + np.log1p(-np.exp(np.minimum(bottom - top, -1e-300)))


def _log_posterior(
    model: OrdinalModel,
    eta: FloatArray,
    low: FloatArray,
    high: FloatArray,
    slope: FloatArray,
    precision: FloatArray,
    *,
    prior: bool,
) -> FloatArray:
    location = eta @ slope.T
    total = _log_difference(low - location, high - location).sum(axis=1)
    if prior:
        gap = eta - model.prior_mean
        total = total - 0.5 * np.einsum("nk,kl,nl->n", gap, precision, gap)
    return total


def _derivatives(
    model: OrdinalModel,
    eta: FloatArray,
    low: FloatArray,
    high: FloatArray,
    slope: FloatArray,
    precision: FloatArray,
    *,
    prior: bool,
) -> tuple[FloatArray, FloatArray]:
    """Gradient (n, k) and observed information (n, k, k) of the log posterior."""
    location = eta @ slope.T
    a, b = low - location, high - location
    weight = np.exp(-_log_difference(a, b))
    pa, pb = _density(a) * weight, _density(b) * weight
    first = pa - pb
    with np.errstate(invalid="ignore"):
        second = np.where(np.isfinite(a), a * pa, 0.0) - np.where(np.isfinite(b), b * pb, 0.0)
    curvature = np.maximum(first**2 - second, 1e-12)
    gradient = first @ slope
    information = np.einsum("np,pk,pl->nkl", curvature, slope, slope)
    if prior:
        gradient = gradient - (eta - model.prior_mean) @ precision
        information = information + precision
    return gradient, information


def _density(x: FloatArray) -> FloatArray:
    return np.exp(-0.5 * np.minimum(x * x, 1400.0)) / np.sqrt(2.0 * np.pi)


def category_probabilities(model: OrdinalModel, eta: FloatArray, item: int) -> FloatArray:
    """Probability of each category of one item at given factor scores (n, k)."""
    location = eta @ (model.loadings[item] / model.residual_sd[item])
    edges = (model.thresholds[item] - model.intercepts[item]) / model.residual_sd[item]
    cumulative = ndtr(edges - location[:, None])
    return np.diff(np.concatenate([np.zeros((len(eta), 1)), cumulative, np.ones((len(eta), 1))], axis=1))
