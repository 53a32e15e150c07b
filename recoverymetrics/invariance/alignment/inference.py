"""Sampling errors of aligned parameters, and which groups a parameter is invariant in."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

from recoverymetrics.invariance.alignment.kernel import Aligned, Configural
from recoverymetrics.typing import BoolArray, FloatArray


def aligned_jacobian(configural: Configural, solution: Aligned, moments: FloatArray) -> FloatArray:
    """Derivative of aligned loadings and intercepts by the configural ones.

    Parameters
    ----------
    configural : Configural
    solution : Aligned
    moments : ndarray, shape (2 G, G p + G T)
        Derivative of the means and standard deviations, see ``kernel.sensitivity``.

    Returns
    -------
    ndarray, shape (G p + G T, G p + G T)
    """
    g, p = configural.loadings.shape
    t = configural.intercepts.shape[1]
    by_mean, by_sd = moments[:g], moments[g:]
    loading = np.zeros((g, p, g * p + g * t))
    intercept = np.zeros((g, t, g * p + g * t))
    for k in range(g):
        own = np.arange(k * p, (k + 1) * p)
        loading[k, np.arange(p), own] = 1.0 / solution.sds[k]
        loading[k] -= np.outer(solution.loadings[k] / solution.sds[k], by_sd[k])
        intercept[k, np.arange(t), g * p + np.arange(k * t, (k + 1) * t)] = 1.0
        intercept[k] -= np.outer(solution.loadings[k, configural.owner], by_mean[k])
        intercept[k] -= solution.means[k] * loading[k, configural.owner]
    return np.concatenate([loading.reshape(g * p, -1), intercept.reshape(g * t, -1)])


def invariant_groups(
    values: FloatArray, covariance: FloatArray, alpha: float
) -> tuple[BoolArray, FloatArray]:
    """Largest set of groups that agree with their own mean (Asparouhov & Muthen 2014).

    Parameters
    ----------
    values : ndarray, shape (G,)
        One aligned parameter in every group.
    covariance : ndarray, shape (G, G)
        Sampling covariance.
    alpha : float
        A group leaves the set when it differs from the set's mean at this level.

    Returns
    -------
    invariant : ndarray of bool, shape (G,)
    p_values : ndarray, shape (G,)
        Of each group's difference from the mean of the invariant set.
    """
    members = _start(values, covariance)
    seen: list[tuple[bool, ...]] = []
    p_values = np.ones(values.size)
    while tuple(members) not in seen:
        seen.append(tuple(members))
        p_values = _departures(values, covariance, members)
        following = p_values > alpha
        if not following.any():
            break
        members = following
    return members, p_values


def _start(values: FloatArray, covariance: FloatArray) -> BoolArray:
    """Groups that do not differ at .01 from the group that most others agree with."""
    variance = np.diag(covariance)
    spread = variance[:, None] + variance[None, :] - 2.0 * covariance
    z = np.abs(values[:, None] - values[None, :]) / np.sqrt(np.maximum(spread, 1e-12))
    agree = 2.0 * norm.sf(z) > 0.01
    np.fill_diagonal(agree, True)
    best: BoolArray = agree[int(np.argmax(agree.sum(axis=1)))]
    return best


def _departures(values: FloatArray, covariance: FloatArray, members: BoolArray) -> FloatArray:
    g = values.size
    contrast = np.eye(g) - np.outer(np.ones(g), members / members.sum())
    difference = contrast @ values
    error = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", contrast, covariance, contrast), 1e-12))
    return np.asarray(2.0 * norm.sf(np.abs(difference) / error), dtype=float)


def explained_variance(configural: Configural, solution: Aligned) -> tuple[FloatArray, FloatArray]:
    """R2 of each loading (p,) and intercept (T,): how much of its variation the factor moments explain.

    One minus the variance of ``lambda_g - psi_g mean(lambda*)`` over that of ``lambda_g``, and likewise for
    ``nu_g - mean(nu*) - alpha_g mean(lambda*)``; near one for an invariant parameter whose configural values
    vary because groups differ in factor mean and variance.
    """
    first, second = _residuals(configural, solution)
    return _share(first, configural.loadings), _share(second, configural.intercepts)


def _residuals(configural: Configural, solution: Aligned) -> tuple[FloatArray, FloatArray]:
    """What the average aligned parameters and the factor moments leave of the configural parameters."""
    loading, intercept = solution.loadings.mean(axis=0), solution.intercepts.mean(axis=0)
    first = configural.loadings - solution.sds[:, None] * loading
    return first, configural.intercepts - intercept - solution.means[:, None] * loading[configural.owner]


def _share(residual: FloatArray, raw: FloatArray) -> FloatArray:
    total = raw.var(axis=0)
    share: FloatArray = 1.0 - residual.var(axis=0) / np.maximum(total, 1e-12)
    return np.where(total > 1e-12, share, np.nan)


def overall_r2(configural: Configural, solution: Aligned) -> tuple[float, float]:
    """R2 over all loadings and over all intercepts, from sums of squares about zero (Asparouhov & Muthen 2014)."""
    first, second = _residuals(configural, solution)
    loadings = 1.0 - np.sum(first**2) / np.sum(configural.loadings**2)
    intercepts = 1.0 - np.sum(second**2) / np.sum(configural.intercepts**2)
    return float(loadings), float(intercepts)
