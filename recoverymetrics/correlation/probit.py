"""Ordered probit regression of one variable, with the influence of each person on its coefficients."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import ndtr, ndtri

from recoverymetrics.numerics.normal import LIMIT
from recoverymetrics.typing import BoolArray, FloatArray, IntArray

_FLOOR = 1e-300


@dataclass(frozen=True)
class Probit:
    """An ordered variable given covariates: ``P(y <= c) = Phi(tau_c - x' slopes)``.

    Attributes
    ----------
    codes : ndarray of int, shape (n,)
        Categories ``0 .. K - 1``; negative is missing.
    covariates : ndarray, shape (n, k)
        Covariates.
    coefficients : ndarray, shape (K - 1 + k,)
        Thresholds, then slopes.
    n_thresholds : int
        Number of thresholds.
    influence : ndarray, shape (n, K - 1 + k)
        Influence of each person on the coefficients; zero where the response is missing.
    converged : bool
        Whether the likelihood was maximised.
    """

    codes: IntArray
    covariates: FloatArray
    coefficients: FloatArray
    n_thresholds: int
    influence: FloatArray
    converged: bool

    @property
    def thresholds(self) -> FloatArray:
        """Thresholds."""
        return self.coefficients[: self.n_thresholds]

    @property
    def slopes(self) -> FloatArray:
        """Slopes."""
        return self.coefficients[self.n_thresholds :]

    @property
    def seen(self) -> BoolArray:
        """Who answered."""
        return self.codes >= 0

    @cached_property
    def edges(self) -> FloatArray:
        """Edges of each response above and below after the covariates are taken off, shape (2, n)."""
        return _edges(self.codes, self.covariates, self.coefficients, self.n_thresholds)

    @property
    def upper(self) -> FloatArray:
        """Upper edges."""
        return self.edges[0]

    @property
    def lower(self) -> FloatArray:
        """Lower edges."""
        return self.edges[1]

    def spread(self, upper: FloatArray, lower: FloatArray) -> FloatArray:
        """Turn derivatives by the two edges of each response into those by the coefficients, shape (n, K - 1 + k)."""
        return _spread(self.codes, self.covariates, upper, lower, self.n_thresholds)


def fit_probit(
    codes: IntArray, n_categories: int, covariates: FloatArray, weight: FloatArray, *, max_iter: int = 100
) -> Probit:
    """Maximise the likelihood by Newton steps; the influence uses the outer product of the scores.

    Parameters
    ----------
    codes : ndarray of int, shape (n,)
        Categories ``0 .. K - 1``, all of them chosen by somebody; negative is missing.
    n_categories : int
        ``K``.
    covariates : ndarray, shape (n, k)
        Covariates, complete and not collinear.
    weight : ndarray, shape (n,)
        Weights.
    max_iter : int, default 100
        Most steps.

    Returns
    -------
    Probit
    """
    m = n_categories - 1
    known = codes >= 0
    y, x, w = codes[known], covariates[known], weight[known]
    # covariates of mean zero and variance one keep the search well conditioned
    centre, scale = x.mean(axis=0), x.std(axis=0)
    z = (x - centre) / scale
    share = np.cumsum(np.bincount(y, weights=w, minlength=n_categories))[:-1] / w.sum()
    theta = np.concatenate([ndtri(share), np.zeros(x.shape[1])])
    value, converged = _loglik(y, z, w, theta, m), False
    for _ in range(max_iter):
        gradient, information = _derivatives(y, z, w, theta, m)
        step = np.linalg.lstsq(information, gradient, rcond=None)[0]
        decrement = float(gradient @ step)
        trial, length = theta + step, 1.0
        while not (new := _loglik(y, z, w, trial, m)) >= value - 1e-9 and length > 1e-6:
            length *= 0.5
            trial = theta + length * step
        theta, value = trial, new
        if abs(decrement) < 1e-18 * w.sum():
            converged = True
            break
    slopes = theta[m:] / scale
    coefficients = np.concatenate([theta[:m] + centre @ slopes, slopes])
    edges = _edges(y, x, coefficients, m)
    ratio = edge_slopes(edges) / _probability(edges)
    scores = _spread(y, x, ratio[0], -ratio[1], m)
    influence = np.zeros((len(codes), len(coefficients)))
    influence[known] = scores @ np.linalg.pinv((scores * w[:, None]).T @ scores, hermitian=True)
    return Probit(codes, covariates, coefficients, m, influence, converged)


def edge_slopes(edges: FloatArray) -> FloatArray:
    """Normal density at the edges."""
    return np.asarray(np.exp(-0.5 * edges**2) / np.sqrt(2.0 * np.pi))


def _edges(codes: IntArray, covariates: FloatArray, theta: FloatArray, m: int) -> FloatArray:
    padded = np.concatenate([[-np.inf], theta[:m], [np.inf]])
    moved = covariates @ theta[m:]
    at = np.maximum(codes, 0)
    return np.clip(np.stack([padded[at + 1] - moved, padded[at] - moved]), -LIMIT, LIMIT)


def _probability(edges: FloatArray) -> FloatArray:
    flip = edges[1] > 0
    upper, lower = np.where(flip, -edges[1], edges[0]), np.where(flip, -edges[0], edges[1])
    return np.asarray(np.maximum(ndtr(upper) - ndtr(lower), _FLOOR))


def _loglik(y: IntArray, x: FloatArray, w: FloatArray, theta: FloatArray, m: int) -> float:
    if (np.diff(theta[:m]) <= 0).any():
        return -np.inf
    return float(w @ np.log(_probability(_edges(y, x, theta, m))))


def _spread(codes: IntArray, x: FloatArray, upper: FloatArray, lower: FloatArray, m: int) -> FloatArray:
    out = np.zeros((len(codes), m + x.shape[1]))
    rows = np.flatnonzero((codes >= 0) & (codes < m))
    out[rows, codes[rows]] = upper[rows]
    rows = np.flatnonzero(codes > 0)
    out[rows, codes[rows] - 1] += lower[rows]
    out[:, m:] = -x * (upper + lower)[:, None]
    return out


def _derivatives(
    y: IntArray, x: FloatArray, w: FloatArray, theta: FloatArray, m: int
) -> tuple[FloatArray, FloatArray]:
    """Gradient and observed information."""
    edges = _edges(y, x, theta, m)
    a, b = edge_slopes(edges) / _probability(edges)
    u, v = edges
    ones, none = np.ones(len(y)), np.zeros(len(y))
    U, L = _spread(y, x, ones, none, m), _spread(y, x, none, ones, m)
    gradient = (w * a) @ U - (w * b) @ L
    cross = (U * (w * a * b)[:, None]).T @ L
    information = (U * (w * (u * a + a * a))[:, None]).T @ U + (L * (w * (b * b - v * b))[:, None]).T @ L
    return gradient, information - cross - cross.T
