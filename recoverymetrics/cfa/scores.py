"""Factor scores and their standard errors: regression, Bartlett, and posterior modes for ordered items."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import log_ndtr

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
    for mask, rows in patterns(data):
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
    for mask, rows in patterns(data):
        own = np.flatnonzero((A[mask] != 0).any(axis=0))
        L = A[np.ix_(mask, own)]
        weighted = np.linalg.solve(theta[np.ix_(mask, mask)], L)
        cov = np.linalg.pinv(L.T @ weighted, hermitian=True)
        values[np.ix_(rows, own)] = (data[np.ix_(rows, mask)] - nu[mask]) @ weighted @ cov
        errors[np.ix_(rows, own)] = np.sqrt(np.maximum(np.diagonal(cov), 0.0))
    return Scores(values, errors)


def patterns(data: FloatArray) -> list[tuple[IntArray, IntArray]]:
    """Observed columns and rows of each pattern of missing values."""
    seen = ~np.isnan(data)
    if seen.all():
        return [(np.arange(data.shape[1]), np.arange(len(data)))]
    unique, inverse = np.unique(seen, axis=0, return_inverse=True)
    flat = inverse.ravel()
    return [(np.flatnonzero(mask), np.flatnonzero(flat == k)) for k, mask in enumerate(unique)]


@dataclass(frozen=True)
class OrdinalModel:
    """Latent responses of the ordered items of one group.

    Attributes
    ----------
    loadings : ndarray, shape (p, k)
        Loadings.
    residual_sd : ndarray, shape (p,)
        Residual standard deviations.
    intercepts : ndarray, shape (p,)
        Intercepts.
    thresholds : tuple of ndarray
        Thresholds of each item.
    """

    loadings: FloatArray
    residual_sd: FloatArray
    intercepts: FloatArray
    thresholds: tuple[FloatArray, ...]


@dataclass(frozen=True)
class Quadratic:
    """What is known of the latent variables before the ordered responses: ``pull' eta - eta' precision eta / 2``.

    ``precision`` (k, k) is the same for all persons, ``pull`` (n, k) is each person's precision times mean.
    """

    precision: FloatArray
    pull: FloatArray

    def start(self) -> FloatArray:
        """The mode of the quadratic, shape (n, k); zero in directions of which nothing is known."""
        mode: FloatArray = self.pull @ np.linalg.pinv(self.precision, hermitian=True)
        return mode


def gaussian_prior(
    layout: RamLayout, state: RamState, group: int, data: FloatArray, observed: IntArray
) -> Quadratic:
    """Normal distribution of the latent variables, given the continuous variables ``observed`` of each person."""
    p = layout.n_observed
    mean, covariance = state.eta[group][p:], state.V[group][p:, p:]
    cross, own = state.V[group][p:][:, observed], state.V[group][np.ix_(observed, observed)]
    weight = cross @ np.linalg.inv(own) if observed.size else cross
    precision = invert(covariance - weight @ cross.T)
    means = mean + (data[:, observed] - state.mu[group][observed]) @ weight.T
    return Quadratic(precision, means @ precision)


def gaussian_likelihood(
    loadings: FloatArray, intercepts: FloatArray, residual: FloatArray, data: FloatArray
) -> Quadratic:
    """Likelihood of continuous indicators with loadings (c, k) and residual covariances (c, c)."""
    weighted = np.linalg.solve(residual, loadings) if len(loadings) else loadings
    return Quadratic(loadings.T @ weighted, (data - intercepts) @ weighted)


def ordinal_scores(
    model: OrdinalModel,
    codes: IntArray,
    known: Quadratic,
    offset: FloatArray | float = 0.0,
    *,
    max_iter: int = 100,
) -> Scores:
    """Modes of the posterior (or of the likelihood, when ``known`` has no prior) of all persons at once.

    Newton steps on the stacked persons; responses below 0 are missing, ``offset`` (n, p) moves the latent responses.
    """
    n, k = len(codes), model.loadings.shape[1]
    low, high = _bounds(model, codes)
    shift = offset / model.residual_sd
    low, high = low - shift, high - shift
    eta = known.start()
    slope = model.loadings / model.residual_sd[:, None]
    value = _log_posterior(eta, low, high, slope, known)
    for _ in range(max_iter):
        gradient, information = _derivatives(eta, low, high, slope, known)
        step = np.linalg.solve(information + 1e-10 * np.eye(k), gradient[:, :, None])[:, :, 0]
        length = np.ones(n)
        for _ in range(20):
            trial = eta + length[:, None] * step
            new = _log_posterior(trial, low, high, slope, known)
            worse = ~(new >= value - 1e-12)
            if not worse.any():
                break
            length = np.where(worse, 0.5 * length, length)
        good = new >= value - 1e-12
        eta = np.where(good[:, None], trial, eta)
        value = np.where(good, new, value)
        if np.abs(length[:, None] * step)[good].max(initial=0.0) < 1e-9:
            break
    _, information = _derivatives(eta, low, high, slope, known)
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
    eta: FloatArray, low: FloatArray, high: FloatArray, slope: FloatArray, known: Quadratic
) -> FloatArray:
    location = eta @ slope.T
    total: FloatArray = _log_difference(low - location, high - location).sum(axis=1)
    total += (known.pull * eta).sum(axis=1) - 0.5 * ((eta @ known.precision) * eta).sum(axis=1)
    return total


def _derivatives(
    eta: FloatArray, low: FloatArray, high: FloatArray, slope: FloatArray, known: Quadratic
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
    gradient = first @ slope + known.pull - eta @ known.precision
    information = np.einsum("np,pk,pl->nkl", curvature, slope, slope) + known.precision
    return gradient, information


def _density(x: FloatArray) -> FloatArray:
    return np.exp(-0.5 * np.minimum(x * x, 1400.0)) / np.sqrt(2.0 * np.pi)
