"""Full maximum likelihood for one pair: thresholds and correlation together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

from recoverymetrics.correlation.bivariate import (
    RHO_LIMIT,
    cell_probabilities,
    cell_slopes,
    cell_threshold_slopes,
    solve_pairs,
)
from recoverymetrics.correlation.kernel import thresholds_from_margins
from recoverymetrics.correlation.polyserial import serial_scores, solve_serial, thresholds_around
from recoverymetrics.typing import FloatArray, IntArray

Scores = Callable[[FloatArray], tuple[float, FloatArray]]


@dataclass(frozen=True)
class PairFit:
    """One correlation by full maximum likelihood.

    Attributes
    ----------
    rho : float
        Correlation.
    tau_x, tau_y : ndarray
        Thresholds; ``tau_x`` is empty for a polyserial correlation.
    covariance : ndarray
        Sampling covariance of ``(rho, tau_x, tau_y)`` from the observed information.
    loglik : float
        Log-likelihood.
    chi2, df, p_value : float
        Likelihood-ratio test of bivariate normality against the saturated table; NaN for polyserials.
    n : int
        Persons.
    converged : bool
        The score vanished.
    """

    rho: float
    tau_x: FloatArray
    tau_y: FloatArray
    covariance: FloatArray
    loglik: float
    chi2: float
    df: int
    p_value: float
    n: int
    converged: bool


def fit_polychoric_pair(table: FloatArray) -> PairFit:
    """Estimate correlation and both sets of thresholds from one table (Olsson 1979).

    Parameters
    ----------
    table : ndarray, shape (r, c)
        Counts; every row and column must have some.

    Returns
    -------
    PairFit
    """
    counts = np.asarray(table, dtype=float)
    rows, columns = counts.shape
    tau_x = thresholds_from_margins(counts.sum(axis=1)[None, :], np.array([rows]))
    tau_y = thresholds_from_margins(counts.sum(axis=0)[None, :], np.array([columns]))
    start = np.concatenate([solve_pairs(counts[None], tau_x, tau_y).rho, tau_x[0], tau_y[0]])

    def scores(theta: FloatArray) -> tuple[float, FloatArray]:
        rho, x, y = theta[:1], theta[None, 1:rows], theta[None, rows:]
        probability = np.maximum(cell_probabilities(x, y, rho)[0], 1e-15)
        ratio = counts / probability
        gain_x, gain_y = cell_threshold_slopes(x, y, rho)[0], cell_threshold_slopes(y, x, rho)[0]
        slope = [np.sum(ratio * cell_slopes(x, y, rho)[0][0])]
        slope += [np.sum(gain_x[t] * (ratio[t] - ratio[t + 1])) for t in range(rows - 1)]
        slope += [np.sum(gain_y[t] * (ratio[:, t] - ratio[:, t + 1])) for t in range(columns - 1)]
        return float(np.sum(counts * np.log(probability))), np.array(slope)

    theta, loglik, information, converged = _newton(scores, start)
    total = counts.sum()
    filled = counts[counts > 0]
    chi2 = 2.0 * (float(np.sum(filled * np.log(filled / total))) - loglik)
    df = rows * columns - rows - columns
    return PairFit(
        float(theta[0]), theta[1:rows], theta[rows:], _inverse(information), loglik, chi2, df,
        float(chdtrc(df, chi2)) if df > 0 else float("nan"), int(total), converged,
    )  # fmt: skip


def fit_polyserial_pair(x: FloatArray, codes: IntArray, n_categories: int) -> PairFit:
    """Estimate correlation and thresholds of a continuous and an ordered variable (Olsson, Drasgow & Dorans 1982).

    Parameters
    ----------
    x : ndarray, shape (n,)
        Continuous variable, complete; standardised with its mean and standard deviation (divisor n - 1).
    codes : ndarray of int, shape (n,)
        Categories 0, 1, ...
    n_categories : int
        Categories.

    Returns
    -------
    PairFit
    """
    z = (x - x.mean()) / x.std(ddof=1)
    margins = np.bincount(codes, minlength=n_categories)[None, :].astype(float)
    tau = thresholds_from_margins(margins, np.array([n_categories]))
    rho = solve_serial(z, *thresholds_around(codes[:, None], tau))[0]

    def scores(theta: FloatArray) -> tuple[float, FloatArray]:
        upper, lower = thresholds_around(codes[:, None], theta[None, 1:])
        each = serial_scores(z, upper, lower, theta[:1])
        above = np.bincount(codes, each.upper[:, 0], n_categories)[:-1]
        below = np.bincount(codes, each.lower[:, 0], n_categories)[1:]
        slope = np.concatenate([[each.rho.sum()], above + below])
        return _serial_loglik(z, upper[:, 0], lower[:, 0], float(theta[0])), slope

    theta, loglik, information, converged = _newton(scores, np.concatenate([rho, tau[0]]))
    return PairFit(
        float(theta[0]), np.empty(0), theta[1:], _inverse(information), loglik, float("nan"), 0,
        float("nan"), len(x), converged,
    )  # fmt: skip


def ad_hoc_polyserial(x: FloatArray, codes: IntArray, tau: FloatArray) -> float:
    """Pearson correlation with the codes, rescaled by the densities at the thresholds (Olsson et al. 1982)."""
    n = len(x)
    density = np.exp(-0.5 * tau**2) / np.sqrt(2.0 * np.pi)
    pearson = float(np.corrcoef(x, codes)[0, 1])
    return float(np.sqrt((n - 1) / n) * codes.std(ddof=1) * pearson / density.sum())


def _serial_loglik(z: FloatArray, upper: FloatArray, lower: FloatArray, rho: float) -> float:
    from scipy.special import ndtr

    root = np.sqrt(1.0 - rho * rho)
    probability = np.maximum(ndtr((upper - rho * z) / root) - ndtr((lower - rho * z) / root), 1e-15)
    normal = -0.5 * float(z @ z) - 0.5 * z.size * np.log(2.0 * np.pi)
    return float(np.sum(np.log(probability))) + normal


def _newton(
    scores: Scores, start: FloatArray, *, tolerance: float = 1e-8, max_iterations: int = 50
) -> tuple[FloatArray, float, FloatArray, bool]:
    """Newton steps with the observed information by central differences of the score."""
    theta = start.copy()
    value, slope = scores(theta)
    for _ in range(max_iterations):
        information = _information(scores, theta)
        step = np.linalg.solve(information, slope)
        size = 1.0
        while size > 1e-8:
            trial = theta + size * step
            if abs(trial[0]) < RHO_LIMIT:
                new_value, new_slope = scores(trial)
                if new_value >= value - 1e-12 * abs(value):
                    break
            size *= 0.5
        else:
            return theta, value, information, bool(np.max(np.abs(step)) < 1e-5)
        theta, value, slope = trial, new_value, new_slope
        if np.max(np.abs(size * step)) < tolerance:
            return theta, value, _information(scores, theta), True
    return theta, value, _information(scores, theta), False


def _information(scores: Scores, theta: FloatArray, step: float = 1e-5) -> FloatArray:
    columns = []
    for unit in np.eye(theta.size) * step:
        columns.append(-(scores(theta + unit)[1] - scores(theta - unit)[1]) / (2.0 * step))
    matrix = np.array(columns)
    symmetric: FloatArray = 0.5 * (matrix + matrix.T)
    return symmetric


def _inverse(information: FloatArray) -> FloatArray:
    inverse: FloatArray = np.asarray(np.linalg.inv(information), dtype=float)
    return inverse
