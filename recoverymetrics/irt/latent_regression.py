"""Latent regression with fixed item parameters, and plausible values (Mislevy 1991)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

from recoverymetrics.display import AbstractResult
from recoverymetrics.errors import DataError, ModelError
from recoverymetrics.instrument.frame import to_pandas
from recoverymetrics.irt.calibration import Estimated
from recoverymetrics.irt.likelihood import group_table, log_tables, row_log_weights
from recoverymetrics.numerics.seeds import generator
from recoverymetrics.typing import FloatArray, IntoFrame, Seed


@dataclass(frozen=True, repr=False)
class LatentRegression(AbstractResult):
    """Regression of the latent variable on covariates.

    Attributes
    ----------
    terms : tuple of str
        Names of the coefficients.
    coefficients : ndarray, shape (R,)
        Estimates.
    covariance : ndarray, shape (R + 1, R + 1)
        Of coefficients and residual variance.
    residual_variance : float
        Variance of the latent variable given the covariates.
    loglik : float
        Marginal log-likelihood given the item parameters.
    posterior : ndarray, shape (n, Q)
        Conditional posteriors on the nodes.
    theta : ndarray, shape (Q,)
        Nodes.
    n_iterations : int
        EM cycles.
    stopped : bool
        Whether the estimates settled.
    """

    terms: tuple[str, ...]
    coefficients: FloatArray
    covariance: FloatArray
    residual_variance: float
    loglik: float
    posterior: FloatArray
    theta: FloatArray
    n_iterations: int
    stopped: bool

    def __repr__(self) -> str:
        """Terms and residual variance."""
        return f"LatentRegression({', '.join(self.terms)}; residual variance {self.residual_variance:.3f})"

    @property
    def converged(self) -> bool:
        """Whether the estimates settled."""
        return self.stopped

    def tidy(self) -> pd.DataFrame:
        """One row per coefficient: term, estimate, std_error, statistic, p_value, conf_low, conf_high."""
        error = np.sqrt(np.diag(self.covariance)[: len(self.terms)])
        z = self.coefficients / error
        return pd.DataFrame(
            {
                "term": self.terms,
                "estimate": self.coefficients,
                "std_error": error,
                "statistic": z,
                "p_value": 2 * norm.sf(np.abs(z)),
                "conf_low": self.coefficients - norm.isf(0.025) * error,
                "conf_high": self.coefficients + norm.isf(0.025) * error,
            }
        )

    def glance(self) -> pd.DataFrame:
        """One row: n, residual_variance, r_squared (of the latent variable), loglik, converged."""
        mean = self.posterior @ self.theta
        total = float(np.var(mean) + np.mean(self.posterior @ self.theta**2 - mean**2))
        return pd.DataFrame(
            {
                "n": [self.posterior.shape[0]],
                "residual_variance": self.residual_variance,
                "r_squared": 1 - self.residual_variance / total,
                "loglik": self.loglik,
                "converged": self.converged,
            }
        )

    def plausible_values(self, n: int = 5, *, seed: Seed = None) -> pd.DataFrame:
        """Draws from the conditional posteriors: columns pv1, pv2, ...; input order."""
        return draw_values(self.posterior, self.theta, n, seed)


def node_likelihoods(est: Estimated) -> FloatArray:
    """Log-likelihood of each person at the nodes, shape (n, Q)."""
    if est.layout.n_primary > 1 or est.problem.specific is not None:
        raise ModelError("latent regression and plausible values are for models with one factor.")
    stacked = log_tables(est.layout, est.extended, est.problem.theta)
    out = np.empty((est.coded.n, est.problem.nodes.size))
    for g, patterns in enumerate(est.problem.patterns):
        L = group_table(est.layout, stacked, g)
        values = np.concatenate([Z @ L for _, Z in patterns.responses.chunks(L.shape[1])])
        out[patterns.persons] = values[patterns.pattern]
    return out


def fit_latent_regression(
    est: Estimated, covariates: IntoFrame, *, max_iterations: int = 2000
) -> LatentRegression:
    """EM for ``theta = X beta + e`` with known item parameters; standard errors by Louis' (1982) identity."""
    X, terms = _design(covariates, est.coded.n)
    log_likelihood = node_likelihoods(est)
    theta, w = est.problem.nodes.theta[:, 0], est.coded.weights
    beta, variance = np.zeros(X.shape[1]), 1.0
    solve = np.linalg.pinv(X.T @ (w[:, None] * X)) @ (w[:, None] * X).T
    iterations, change = 0, np.inf
    while iterations < max_iterations and change >= 1e-8:
        iterations += 1
        posterior, marginal = _posterior(log_likelihood, theta, X @ beta, variance)
        mean = posterior @ theta
        new = solve @ mean
        spread = posterior @ theta**2 - 2 * mean * (X @ new) + (X @ new) ** 2
        change = max(float(np.abs(new - beta).max()), abs(float(np.average(spread, weights=w)) - variance))
        beta, variance = new, float(np.average(spread, weights=w))
    posterior, marginal = _posterior(log_likelihood, theta, X @ beta, variance)
    covariance = np.asarray(np.linalg.inv(_information(posterior, theta, X, beta, variance, w)), dtype=float)
    return LatentRegression(
        terms, beta, covariance, variance, float(w @ marginal), posterior, theta, iterations, change < 1e-8
    )


def _design(covariates: IntoFrame, n: int) -> tuple[FloatArray, tuple[str, ...]]:
    frame = to_pandas(covariates)
    if len(frame) != n:
        raise DataError(f"covariates has {len(frame)} rows for {n} calibrated persons.")
    if frame.isna().any().any():
        column = frame.columns[frame.isna().any()][0]
        raise DataError(
            f"covariate {column!r} has missing values; impute them or leave the persons out of both tables."
        )
    table = pd.get_dummies(frame, drop_first=True, dtype=float).astype(float)
    X = np.column_stack([np.ones(n), table.to_numpy()])
    if np.linalg.matrix_rank(X) < X.shape[1]:
        raise DataError("the covariates are linearly dependent; leave one out.")
    return X, ("intercept", *map(str, table.columns))


def _posterior(
    log_likelihood: FloatArray, theta: FloatArray, mean: FloatArray, variance: float
) -> tuple[FloatArray, FloatArray]:
    log_prior = -0.5 * (theta - mean[:, None]) ** 2 / variance
    log_prior -= np.log(np.exp(log_prior).sum(axis=1, keepdims=True))
    A = log_likelihood + log_prior
    peak = A.max(axis=1, keepdims=True)
    A = np.exp(A - peak)
    total = A.sum(axis=1, keepdims=True)
    return A / total, (np.log(total) + peak)[:, 0]


def _information(
    posterior: FloatArray, theta: FloatArray, X: FloatArray, beta: FloatArray, variance: float, w: FloatArray
) -> FloatArray:
    """Observed information of coefficients and residual variance."""
    residual = theta[None, :] - (X @ beta)[:, None]
    first = residual / variance
    second = 0.5 * (residual**2 / variance - 1) / variance
    m1, m2 = np.sum(posterior * first, axis=1), np.sum(posterior * second, axis=1)
    v11 = np.sum(posterior * first**2, axis=1) - m1**2
    v12 = np.sum(posterior * first * second, axis=1) - m1 * m2
    v22 = np.sum(posterior * second**2, axis=1) - m2**2
    R = X.shape[1]
    out = np.zeros((R + 1, R + 1))
    out[:R, :R] = X.T @ ((w * (1 / variance - v11))[:, None] * X)
    out[:R, R] = out[R, :R] = X.T @ (w * (m1 / variance - v12))
    squares = np.sum(posterior * residual**2, axis=1)
    out[R, R] = float(w @ (squares / variance**3 - 0.5 / variance**2 - v22))
    return out


def draw_values(posterior: FloatArray, theta: FloatArray, n: int, seed: Seed) -> pd.DataFrame:
    """Draws from posteriors on equally spaced nodes, spread evenly within the cell of each node."""
    rng = generator(seed)
    cumulative = np.cumsum(posterior, axis=1)
    step = float(theta[1] - theta[0])
    draws = {}
    for k in range(n):
        place = (rng.random((posterior.shape[0], 1)) > cumulative[:, :-1]).sum(axis=1)
        draws[f"pv{k + 1}"] = theta[place] + step * (rng.random(place.size) - 0.5)
    return pd.DataFrame(draws)


def plausible_values(est: Estimated, n: int, seed: Seed) -> pd.DataFrame:
    """Draws from each person's posterior under the latent density of the group."""
    A = node_likelihoods(est)
    for g, patterns in enumerate(est.problem.patterns):
        prior = row_log_weights(est.problem, est.extended, g)
        A[patterns.persons] += prior if prior.ndim == 1 else prior[patterns.pattern]
    A = np.exp(A - A.max(axis=1, keepdims=True))
    return draw_values(A / A.sum(axis=1, keepdims=True), est.problem.nodes.theta[:, 0], n, seed)
