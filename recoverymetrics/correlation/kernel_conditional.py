"""Moments of ordered and continuous variables given covariates, with their asymptotic covariance.

Each ordered variable is regressed on the covariates by an ordered probit (thresholds and slopes), each continuous one by
least squares (intercept, slopes, residual variance); then comes one residual covariance per pair given these: polychoric,
polyserial (times the residual standard deviation) or the ordinary one (Muthen 1984, case B). The casewise influence of every
statistic follows by stacking the estimating functions of the steps; nothing is assumed of the covariates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from recoverymetrics.correlation.bivariate import RHO_LIMIT
from recoverymetrics.correlation.polyserial import serial_scores, solve_serial
from recoverymetrics.correlation.probit import Probit, edge_slopes, fit_probit
from recoverymetrics.numerics.normal import (
    bivariate_normal_cdf,
    bivariate_normal_pdf,
    bivariate_normal_pdf_slope,
)
from recoverymetrics.typing import FloatArray, IntArray

_FLOOR = 1e-15
_SIGNS = ((0, 0, 1.0), (1, 0, -1.0), (0, 1, -1.0), (1, 1, 1.0))


@dataclass(frozen=True)
class ConditionalMoments:
    """Moments of ``p`` variables given ``k`` covariates.

    Attributes
    ----------
    thresholds : ndarray, shape (K,)
        Thresholds at covariates of zero, item by item.
    intercepts : ndarray, shape (p,)
        Intercepts of continuous variables, 0 for ordered ones.
    slopes : ndarray, shape (p, k)
        Regression slopes.
    covariance : ndarray, shape (p, p)
        Residual variances (1 for ordered variables) and covariances.
    casewise : ndarray, shape (n, m)
        Influence of each person on thresholds, intercepts of continuous variables, slopes (covariate by covariate),
        residual variances of continuous variables, and covariances (2,1), (3,1), ..., (p,1), (3,2), ...
    converged : bool
        Every regression and correlation was found.
    """

    thresholds: FloatArray
    intercepts: FloatArray
    slopes: FloatArray
    covariance: FloatArray
    casewise: FloatArray
    converged: bool


@dataclass(frozen=True)
class _Linear:
    """A continuous variable given the covariates: standardised residual, design, and influences."""

    coefficients: FloatArray
    variance: float
    residual: FloatArray
    design: FloatArray
    influence: FloatArray
    of_variance: FloatArray


def conditional_moments(
    values: FloatArray, n_categories: IntArray, covariates: FloatArray, weights: FloatArray | None = None
) -> ConditionalMoments:
    """Estimate the moments of one sample.

    Parameters
    ----------
    values : ndarray, shape (n, p)
        Continuous values (complete), and codes ``0 .. K - 1`` for ordered variables, NaN where missing.
    n_categories : ndarray of int, shape (p,)
        Categories of each ordered variable; 0 marks continuous ones.
    covariates : ndarray, shape (n, k)
        Covariates, complete.
    weights : ndarray, shape (n,), optional
        Sampling weights.

    Returns
    -------
    ConditionalMoments
    """
    n, p = values.shape
    weight = np.ones(n) if weights is None else weights
    ordered, continuous = np.flatnonzero(n_categories > 0), np.flatnonzero(n_categories == 0)
    probits = {
        int(j): fit_probit(_codes(values[:, j]), int(n_categories[j]), covariates, weight) for j in ordered
    }
    linears = {int(j): _fit_linear(values[:, j], covariates, weight) for j in continuous}
    covariance = np.eye(p)
    pair: dict[tuple[int, int], FloatArray] = {}
    converged = all(found.converged for found in probits.values())
    pattern = np.unique(covariates, axis=0, return_inverse=True)[1].ravel()
    for a, i in enumerate(ordered):
        for j in ordered[a + 1 :]:
            rho, pair[int(i), int(j)], settled = _polychoric(
                probits[int(i)], probits[int(j)], pattern, weight
            )
            covariance[i, j] = covariance[j, i] = rho
            converged = converged and settled
    for c, linear in linears.items():
        covariance[c, c] = linear.variance
        for o, probit in probits.items():
            value, influence, settled = _polyserial(linear, probit, weight)
            covariance[o, c] = covariance[c, o] = value
            pair[min(o, c), max(o, c)] = influence
            converged = converged and settled
        for b, other in linears.items():
            if b < c:
                product = linear.residual * other.residual
                covariance[b, c] = covariance[c, b] = float(weight @ product / weight.sum())
                pair[b, c] = (product - covariance[b, c]) / weight.sum()
    return ConditionalMoments(
        np.concatenate([probits[int(j)].thresholds for j in ordered]),
        np.array([linears[j].coefficients[0] if j in linears else 0.0 for j in range(p)]),
        np.stack([linears[j].coefficients[1:] if j in linears else probits[j].slopes for j in range(p)]),
        covariance,
        _casewise(probits, linears, pair, p, covariates.shape[1]),
        converged,
    )


def _codes(column: FloatArray) -> IntArray:
    return np.where(np.isnan(column), -1.0, column).astype(np.int64)


def _casewise(
    probits: dict[int, Probit],
    linears: dict[int, _Linear],
    pair: dict[tuple[int, int], FloatArray],
    p: int,
    k: int,
) -> FloatArray:
    """Influence columns in the order of the statistics."""
    slopes = [
        (
            linears[j].influence[:, 1 + x]
            if j in linears
            else probits[j].influence[:, probits[j].n_thresholds + x]
        )[:, None]
        for x in range(k)
        for j in range(p)
    ]
    first, second = np.triu_indices(p, 1)
    return np.hstack(
        [
            *(probit.influence[:, : probit.n_thresholds] for probit in probits.values()),
            *(linear.influence[:, :1] for linear in linears.values()),
            *slopes,
            *(linear.of_variance[:, None] for linear in linears.values()),
            *(pair[int(a), int(b)][:, None] for a, b in zip(first, second, strict=True)),
        ]
    )


def _fit_linear(y: FloatArray, covariates: FloatArray, weight: FloatArray) -> _Linear:
    X = np.column_stack([np.ones(len(y)), covariates])
    inverse = np.linalg.inv((X * weight[:, None]).T @ X)
    coefficients = inverse @ (X.T @ (weight * y))
    residual = y - X @ coefficients
    variance = float(weight @ residual**2 / weight.sum())
    return _Linear(
        coefficients,
        variance,
        residual,
        X,
        (X * residual[:, None]) @ inverse,
        (residual**2 - variance) / weight.sum(),
    )


def _polyserial(linear: _Linear, probit: Probit, weight: FloatArray) -> tuple[float, FloatArray, bool]:
    """Residual covariance of a continuous and an ordered variable, and the influence of each person."""
    sd = np.sqrt(linear.variance)
    z = linear.residual / sd
    upper, lower = (np.where(probit.seen, edge, np.nan)[:, None] for edge in (probit.upper, probit.lower))
    rho, settled = solve_serial(z, upper, lower, weight)
    scores = serial_scores(z, upper, lower, rho)
    own, by_z = scores.rho[:, 0], scores.z[:, 0]
    weighted = weight * own
    by_probit = weighted @ probit.spread(scores.upper[:, 0], scores.lower[:, 0])
    by_coefficients = -(weighted * by_z) @ linear.design / sd
    by_variance = float(weighted @ (by_z * z)) * (-0.5 / linear.variance)
    influence = own - probit.influence @ by_probit - linear.influence @ by_coefficients
    influence = (influence - linear.of_variance * by_variance) / max(float(weighted @ own), 1e-300)
    return (
        float(sd * rho[0]),
        sd * influence + linear.of_variance * rho[0] / (2.0 * sd),
        bool(settled.all()),
    )


def _polychoric(
    one: Probit, two: Probit, pattern: IntArray, weight: FloatArray
) -> tuple[float, FloatArray, bool]:
    """Residual correlation of two ordered variables, and the influence of each person.

    Persons with the same answers and covariates are one cell.
    """
    both = np.flatnonzero(one.seen & two.seen)
    key = (pattern[both] * (one.n_thresholds + 1) + one.codes[both]) * (two.n_thresholds + 1) + two.codes[
        both
    ]
    first, inverse = np.unique(key, return_index=True, return_inverse=True)[1:]
    inverse = inverse.ravel()
    at = both[first]
    count: FloatArray = np.bincount(inverse, weights=weight[both]).astype(np.float64)
    x, y = np.stack([one.upper[at], one.lower[at]]), np.stack([two.upper[at], two.lower[at]])
    rho, settled = _solve(x, y, count)
    probability, slope, _ = _cells(x, y, rho)
    score = slope / probability
    steps = [_edge_scores(a, b, rho) / probability for a, b in ((x, y), (y, x))]
    everyone = np.zeros(len(pattern))
    everyone[both] = score[inverse]
    information = max(float(count @ score**2), 1e-300)
    for probit, step in zip((one, two), steps, strict=True):
        edges = np.zeros((2, len(pattern)))
        edges[:, both] = step[:, inverse] * (weight[both] * score[inverse])
        everyone = everyone - probit.influence @ probit.spread(edges[0], edges[1]).sum(axis=0)
    return rho, everyone / information, settled


def _cells(x: FloatArray, y: FloatArray, rho: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Probability of each cell between its edges (2, c), with first and second derivative in ``rho``."""
    probability, slope, bend = (np.zeros(x.shape[1]) for _ in range(3))
    r = np.array(rho)
    for a, b, sign in _SIGNS:
        density = bivariate_normal_pdf(x[a], y[b], r)
        probability += sign * bivariate_normal_cdf(x[a], y[b], r)
        slope += sign * density
        bend += sign * density * bivariate_normal_pdf_slope(x[a], y[b], r)
    return np.maximum(probability, _FLOOR), slope, bend


def _edge_scores(x: FloatArray, y: FloatArray, rho: float) -> FloatArray:
    """Derivatives of the cell probabilities in the upper and lower edge of ``x``, shape (2, c)."""
    root = np.sqrt(1.0 - rho * rho)
    between = ndtr((y[0] - rho * x) / root) - ndtr((y[1] - rho * x) / root)
    return edge_slopes(x) * between * np.array([[1.0], [-1.0]])


def _solve(x: FloatArray, y: FloatArray, count: FloatArray) -> tuple[float, bool]:
    """Newton steps inside a shrinking bracket."""
    low, high, rho = -RHO_LIMIT, RHO_LIMIT, 0.0
    for _ in range(100):
        probability, slope, bend = _cells(x, y, rho)
        ratio = slope / probability
        score, outer = float(count @ ratio), float(count @ ratio**2)
        observed = outer - float(count @ (bend / probability))
        low, high = (rho, high) if score > 0 else (low, rho)
        step = rho + score / max(observed if observed > 0.2 * outer else outer, 1e-300)
        settled = abs(step - rho) <= 1e-10
        rho = step if low < step < high or settled else 0.5 * (low + high)
        if settled or high - low <= 1e-10:
            return rho, True
    return rho, False
