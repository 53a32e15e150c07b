"""Location-scale cumulative logit models, many at once: groups that differ in location and in spread.

``P(Y >= k | x, g) = F(exp(tau_g) (alpha_k + x'beta))`` (McCullagh 1980). In this model a group's item can
have another discrimination, as in Samejima's graded model: slope and threshold distances change together,
which a group-by-predictor product in the proportional-odds model cannot express.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recoverymetrics.numerics.ordinal_logistic import RIDGE, OrdinalLogisticFits
from recoverymetrics.typing import BoolArray, FloatArray, IntArray

DECREMENT_TOLERANCE = 1e-7
"""Scoring stops when the log-likelihood still to gain is below half of this."""


@dataclass(frozen=True)
class LocationScaleFits:
    """Fits of ``B`` location-scale models with ``P`` predictors and ``G`` groups.

    Attributes
    ----------
    thresholds : ndarray, shape (B, K - 1)
        ``alpha``; NaN beyond a regression's own categories.
    coefficients : ndarray, shape (B, P + G - 1)
        ``beta`` and then ``tau`` of the groups after the first.
    covariance : ndarray, shape (B, P + G - 1, P + G - 1)
        Inverse expected-form information of the coefficients, thresholds profiled out.
    loglik : ndarray, shape (B,)
        Log-likelihood.
    converged : ndarray of bool, shape (B,)
        Whether scoring settled.
    """

    thresholds: FloatArray
    coefficients: FloatArray
    covariance: FloatArray
    loglik: FloatArray
    converged: BoolArray


@dataclass(frozen=True)
class LocationScaleProblem:
    """Counts and predictors of a batch.

    ``x`` (B, C, P), ``z`` (C, G - 1), counts up and both (B, C, K - 1), inner (B, G, K - 2), valid (B, K - 1).
    """

    x: FloatArray
    z: FloatArray
    up: FloatArray
    both: FloatArray
    inner: FloatArray
    valid: BoolArray


@dataclass(frozen=True)
class LocationScaleState:
    """Log-likelihood (B,), its gradient (B, K - 1 + P + G - 1) and information at some parameters."""

    loglik: FloatArray
    gradient: FloatArray
    information: FloatArray


def fit_location_scale(
    design: FloatArray,
    group: IntArray,
    counts: FloatArray,
    start: OrdinalLogisticFits,
    *,
    max_iter: int = 60,
) -> LocationScaleFits:
    """Fit location-scale models to tables of counts by Fisher scoring with halving.

    Parameters
    ----------
    design : ndarray, shape (C, P) or (B, C, P)
        Predictors of the location.
    group : ndarray of int, shape (C,)
        Group of each cell, 0 .. G - 1; group 0 has spread one.
    counts : ndarray, shape (B, C, K)
        Responses by cell and category.
    start : OrdinalLogisticFits
        Proportional-odds fits of the same design and counts.
    max_iter : int, default 60
        Limit on steps.

    Returns
    -------
    LocationScaleFits
    """
    problem = location_scale_problem(design, group, counts)
    k, p = problem.valid.shape[1], problem.x.shape[2]
    filler = -60.0 - np.arange(k)
    alpha = np.where(problem.valid, np.nan_to_num(start.thresholds), filler)
    theta = np.concatenate(
        [alpha, start.coefficients, np.zeros((alpha.shape[0], problem.z.shape[1]))], axis=1
    )
    theta, state, converged = _score(problem, theta, k, p, max_iter)
    covariance = np.asarray(np.linalg.inv(state.information), dtype=float)[:, k:, k:]
    return LocationScaleFits(
        np.where(problem.valid, theta[:, :k], np.nan), theta[:, k:], covariance, state.loglik, converged
    )


def location_scale_problem(design: FloatArray, group: IntArray, counts: FloatArray) -> LocationScaleProblem:
    """Sort counts into what the likelihood needs; observed categories come first."""
    totals = counts.sum(axis=1)
    order = np.argsort(totals == 0, axis=1, kind="stable")
    counts = np.take_along_axis(counts, order[:, None, :], axis=2)
    valid = np.take_along_axis(totals, order, axis=1)[:, 1:] > 0
    g = int(group.max()) + 1
    by_group = np.stack([counts[:, group == h].sum(axis=1) for h in range(g)], axis=1)
    up = counts[:, :, 1:]
    return LocationScaleProblem(
        x=np.broadcast_to(design, (counts.shape[0], *design.shape[-2:])),
        z=(group[:, None] == np.arange(1, g)).astype(float),
        up=up,
        both=(up + counts[:, :, :-1]) * valid[:, None, :],
        inner=by_group[:, :, 1:-1] * valid[:, None, 1:],
        valid=valid,
    )


def _score(
    problem: LocationScaleProblem, theta: FloatArray, k: int, p: int, max_iter: int
) -> tuple[FloatArray, LocationScaleState, BoolArray]:
    state = evaluate_location_scale(problem, theta, k, p)
    done = np.zeros(theta.shape[0], dtype=bool)
    for _ in range(max_iter):
        solved = np.linalg.solve(state.information, state.gradient[:, :, None])
        step = np.asarray(solved, dtype=float)[:, :, 0]
        done |= np.sum(step * state.gradient, axis=1) < DECREMENT_TOLERANCE
        if done.all():
            break
        theta, state = _halved(problem, theta, state, np.where(done[:, None], 0.0, step), k, p)
    return theta, state, done


def _halved(
    problem: LocationScaleProblem,
    theta: FloatArray,
    state: LocationScaleState,
    step: FloatArray,
    k: int,
    p: int,
) -> tuple[FloatArray, LocationScaleState]:
    size = np.ones(theta.shape[0])
    for _ in range(20):
        trial = theta + size[:, None] * step
        ordered = np.asarray((np.diff(trial[:, :k], axis=1) < 0).all(axis=1))
        new = evaluate_location_scale(problem, np.where(ordered[:, None], trial, theta), k, p)
        worse = ~ordered | (new.loglik < state.loglik - 1e-9 * np.abs(state.loglik))
        if not worse.any():
            return trial, new
        size = np.where(worse, 0.5 * size, size)
    kept = np.where(worse[:, None], theta, theta + size[:, None] * step)
    return kept, evaluate_location_scale(problem, kept, k, p)


def evaluate_location_scale(
    problem: LocationScaleProblem, theta: FloatArray, k: int, p: int
) -> LocationScaleState:
    """Log-likelihood, gradient and expected-form information at ``theta``: thresholds, coefficients, log spreads."""
    alpha, beta, tau = theta[:, :k], theta[:, k : k + p], theta[:, k + p :]
    x, z = problem.x, problem.z
    spread = np.exp(tau @ z.T)[:, :, None]
    eta = spread * (alpha[:, None, :] + x @ beta[:, :, None])
    e = np.exp(-np.abs(eta))
    residual = problem.up - problem.both * np.where(eta >= 0, 1.0, e) / (1.0 + e)
    weight = problem.both * (e / np.square(1.0 + e))
    loglik = np.sum(problem.up * eta - problem.both * (np.maximum(eta, 0.0) + np.log1p(e)), axis=(1, 2))
    moved, turned = residual * spread, np.sum(residual * eta, axis=2)
    gradient = np.concatenate(
        [moved.sum(axis=1), (moved.sum(axis=2)[:, None, :] @ x)[:, 0, :], turned @ z], axis=1
    )
    information = _cell_information(x, z, weight, spread, eta, k, p)
    return _add_gaps(problem, alpha, tau, LocationScaleState(loglik, gradient, information), k, p)


def _cell_information(
    x: FloatArray, z: FloatArray, weight: FloatArray, spread: FloatArray, eta: FloatArray, k: int, p: int
) -> FloatArray:
    located, mixed, turned = weight * spread**2, weight * spread * eta, weight * eta**2
    q = k + p + z.shape[1]
    information = np.zeros((x.shape[0], q, q))
    index = np.arange(k)
    information[:, index, index] = located.sum(axis=1)
    information[:, :k, k : k + p] = np.swapaxes(located, 1, 2) @ x
    information[:, :k, k + p :] = np.swapaxes(mixed, 1, 2) @ z
    xt = np.swapaxes(x, 1, 2)
    information[:, k : k + p, k : k + p] = xt @ (x * located.sum(axis=2)[:, :, None])
    information[:, k : k + p, k + p :] = xt @ (z * mixed.sum(axis=2)[:, :, None])
    information[:, k + p :, k + p :] = z.T @ (z * turned.sum(axis=2)[:, :, None])
    upper = np.triu(information)
    diagonal = np.einsum("bii->bi", information)
    full: FloatArray = upper + np.swapaxes(upper, 1, 2)
    np.einsum("bii->bi", full)[:] = diagonal
    return full


def _add_gaps(
    problem: LocationScaleProblem,
    alpha: FloatArray,
    tau: FloatArray,
    state: LocationScaleState,
    k: int,
    p: int,
) -> LocationScaleState:
    """Add the part of the log-likelihood that lies in the threshold gaps of each group."""
    loglik, gradient, information = state.loglik, state.gradient, state.information
    for g in range(problem.inner.shape[1]):
        inner = problem.inner[:, g]
        spread = np.ones((alpha.shape[0], 1)) if g == 0 else np.exp(tau[:, g - 1 : g])
        gap = np.where(inner > 0, spread * (alpha[:, :-1] - alpha[:, 1:]), 1.0)
        grown = np.expm1(gap)
        loglik = loglik + np.sum(inner * np.log(-np.expm1(-gap)), axis=1)
        first, second = inner / grown, inner * (grown + 1.0) / np.square(grown)
        jacobian = np.zeros((alpha.shape[0], k - 1, gradient.shape[1]))
        row = np.arange(k - 1)
        jacobian[:, row, row], jacobian[:, row, row + 1] = spread, -spread
        if g > 0:
            jacobian[:, :, k + p + g - 1] = gap
        gradient = gradient + np.einsum("bk,bkq->bq", first, jacobian)
        information = information + np.swapaxes(jacobian, 1, 2) @ (jacobian * second[:, :, None])
    diagonal = np.einsum("bii->bi", information)
    diagonal += RIDGE * diagonal.max(axis=1, keepdims=True)
    diagonal[diagonal <= 0] = 1.0
    return LocationScaleState(loglik, gradient, information)
