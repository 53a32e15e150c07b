"""Means, covariances and correlations of continuous data: complete, pairwise, or by maximum likelihood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from recoverymetrics.typing import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class PairwiseMoments:
    """Moments that use all persons observed on both variables of each pair.

    Attributes
    ----------
    mean : ndarray, shape (p,)
        Means over the persons observed on each variable.
    covariance : ndarray, shape (p, p)
        Divided by ``n - 1`` of the pair.
    correlation : ndarray, shape (p, p)
        Standardised with the variances of the pair's own persons; 1 on the diagonal.
    n : ndarray, shape (p, p)
        Persons per pair.
    """

    mean: FloatArray
    covariance: FloatArray
    correlation: FloatArray
    n: FloatArray


@dataclass(frozen=True)
class LikelihoodMoments:
    """Maximum-likelihood mean and covariance of a multivariate normal sample with missing values.

    Attributes
    ----------
    mean : ndarray, shape (p,)
        Means.
    covariance : ndarray, shape (p, p)
        Covariance (divided by ``n``).
    loglik : float
        Log-likelihood at the solution.
    iterations : int
        EM cycles.
    converged : bool
        The largest change of a standardised moment fell below the tolerance.
    """

    mean: FloatArray
    covariance: FloatArray
    loglik: float
    iterations: int
    converged: bool


def pairwise_moments(values: FloatArray) -> PairwiseMoments:
    """Pairwise means, covariances and correlations by four matrix products.

    Parameters
    ----------
    values : ndarray, shape (n, p)
        NaN is missing.

    Returns
    -------
    PairwiseMoments
    """
    seen = ~np.isnan(values)
    mask = seen.astype(float)
    count = mask.sum(axis=0)
    centre = np.where(seen, values, 0.0).sum(axis=0) / np.maximum(count, 1)
    filled = np.where(seen, values - centre, 0.0)
    n = mask.T @ mask
    totals = filled.T @ mask
    products = filled.T @ filled
    squares = (filled * filled).T @ mask
    with np.errstate(invalid="ignore", divide="ignore"):
        centred = products - totals * totals.T / n
        spread = squares - totals * totals / n
        covariance = np.where(n > 1, centred / (n - 1), np.nan)
        correlation = centred / np.sqrt(spread * spread.T)
    np.fill_diagonal(correlation, 1.0)
    return PairwiseMoments(centre, covariance, np.clip(correlation, -1.0, 1.0), n)


def covariance_to_correlation(covariance: FloatArray) -> FloatArray:
    """Scale a covariance matrix to unit variances."""
    scale = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(scale, scale)
    np.fill_diagonal(correlation, 1.0)
    return correlation


def missing_patterns(values: FloatArray) -> list[tuple[BoolArray, FloatArray]]:
    """Split rows by what they miss: (observed mask, rows restricted to the observed columns) per pattern."""
    seen = ~np.isnan(values)
    patterns, member = np.unique(seen, axis=0, return_inverse=True)
    member = member.ravel()
    return [
        (pattern, values[member == at][:, pattern]) for at, pattern in enumerate(patterns) if pattern.any()
    ]


def likelihood_moments(
    values: FloatArray, *, tolerance: float = 1e-9, max_iterations: int = 2000
) -> LikelihoodMoments:
    """Maximum-likelihood mean and covariance under missing at random, by EM over missing patterns.

    Parameters
    ----------
    values : ndarray, shape (n, p)
        NaN is missing; rows without any value do not count.
    tolerance : float, default 1e-9
        Largest change of a mean (in standard deviations) or covariance (as a correlation) in one cycle.
    max_iterations : int, default 2000
        Limit of cycles.

    Returns
    -------
    LikelihoodMoments

    Notes
    -----
    Each pattern enters through its sufficient statistics (count, mean, cross-products), so a cycle costs the
    number of patterns, not the number of persons (Little & Rubin 2002, section 11.2).
    """
    patterns = [(seen, *_summaries(rows)) for seen, rows in missing_patterns(values)]
    n = sum(count for _, count, _, _ in patterns)
    mean = np.nanmean(values, axis=0)
    covariance = np.diag(np.nanvar(values, axis=0))
    converged = False
    for iteration in range(1, max_iterations + 1):  # noqa: B007
        total, products = _expectation(patterns, mean, covariance)
        new_mean = total / n
        new_covariance = products / n - np.outer(new_mean, new_mean)
        scale = np.sqrt(np.diag(new_covariance))
        change = max(
            np.max(np.abs(new_mean - mean) / scale),
            np.max(np.abs(new_covariance - covariance) / np.outer(scale, scale)),
        )
        mean, covariance = new_mean, 0.5 * (new_covariance + new_covariance.T)
        if change < tolerance:
            converged = True
            break
    return LikelihoodMoments(mean, covariance, _loglik(patterns, mean, covariance), iteration, converged)


Pattern = tuple[BoolArray, int, FloatArray, FloatArray]


def _summaries(rows: FloatArray) -> tuple[int, FloatArray, FloatArray]:
    mean = rows.mean(axis=0)
    centred = rows - mean
    return rows.shape[0], mean, centred.T @ centred


def _expectation(
    patterns: list[Pattern], mean: FloatArray, covariance: FloatArray
) -> tuple[FloatArray, FloatArray]:
    p = mean.size
    total, products = np.zeros(p), np.zeros((p, p))
    for seen, count, centre, scatter in patterns:
        fill = np.zeros((p, int(seen.sum())))  # regression of all variables on the observed ones
        fill[seen] = np.eye(fill.shape[1])
        unseen = ~seen
        if unseen.any():
            fill[unseen] = np.linalg.solve(covariance[np.ix_(seen, seen)], covariance[np.ix_(seen, unseen)]).T
            rest = covariance[np.ix_(unseen, unseen)] - fill[unseen] @ covariance[np.ix_(seen, unseen)]
            products[np.ix_(unseen, unseen)] += count * rest
        expected = mean + fill @ (centre - mean[seen])
        total += count * expected
        products += count * np.outer(expected, expected) + fill @ scatter @ fill.T
    return total, products


def _loglik(patterns: list[Pattern], mean: FloatArray, covariance: FloatArray) -> float:
    loglik = 0.0
    for seen, count, centre, scatter in patterns:
        block = covariance[np.ix_(seen, seen)]
        gap = centre - mean[seen]
        _, logdet = np.linalg.slogdet(block)
        moment = scatter + count * np.outer(gap, gap)
        quadratic = float(np.trace(np.linalg.solve(block, moment)))
        loglik -= 0.5 * (count * (int(seen.sum()) * np.log(2 * np.pi) + logdet) + quadratic)
    return loglik


def correlation_acov(values: FloatArray, *, kind: Literal["adf", "normal"]) -> FloatArray:
    """``n`` times the asymptotic covariance matrix of the sample correlations.

    Parameters
    ----------
    values : ndarray, shape (n, p)
        Complete rows.
    kind : {"adf", "normal"}
        Fourth moments of the data (Browne 1984), or those of a normal distribution with the same correlations.

    Returns
    -------
    ndarray, shape (p (p - 1) / 2, p (p - 1) / 2)
        Pairs in the order (2,1), (3,1), ..., (p,1), (3,2), ...
    """
    z = (values - values.mean(axis=0)) / values.std(axis=0)
    correlation = z.T @ z / len(z)
    if kind == "normal":
        return normal_correlation_acov(correlation)
    first, second = np.triu_indices(z.shape[1], 1)
    return _adf_correlation_acov(z, correlation, first, second)


def normal_correlation_acov(correlation: FloatArray) -> FloatArray:
    """``n`` times the asymptotic covariance of correlations of normal variables (Pearson & Filon 1898)."""
    r = correlation
    first, second = np.triu_indices(len(r), 1)
    i, j, k, m = first[:, None], second[:, None], first[None, :], second[None, :]
    acov: FloatArray = (
        0.5 * r[i, j] * r[k, m] * (r[i, k] ** 2 + r[i, m] ** 2 + r[j, k] ** 2 + r[j, m] ** 2)
        + r[i, k] * r[j, m] + r[i, m] * r[j, k]
        - r[i, j] * (r[i, k] * r[i, m] + r[j, k] * r[j, m])
        - r[k, m] * (r[i, k] * r[j, k] + r[i, m] * r[j, m])
    )  # fmt: skip
    return acov


def _adf_correlation_acov(
    z: FloatArray, correlation: FloatArray, first: IntArray, second: IntArray
) -> FloatArray:
    half = 0.5 * correlation[first, second]
    total = np.zeros((first.size, first.size))
    for start in range(0, len(z), 2048):
        rows = z[start : start + 2048]
        squares = rows * rows
        influence = rows[:, first] * rows[:, second] - half * (squares[:, first] + squares[:, second])
        total += influence.T @ influence
    return total / len(z)


def covariance_acov(
    values: FloatArray | None, covariance: FloatArray, *, kind: Literal["adf", "normal"]
) -> FloatArray:
    """``n`` times the asymptotic covariance matrix of the covariances (vech, column-wise lower triangle).

    Parameters
    ----------
    values : ndarray, shape (n, p), or None
        Complete rows; needed for ``"adf"``.
    covariance : ndarray, shape (p, p)
        Covariance matrix (divided by ``n``).
    kind : {"adf", "normal"}
        Fourth moments of the data (Browne 1984), or ``2 D+ (S x S) D+'`` of the normal distribution.

    Returns
    -------
    ndarray, shape (p (p + 1) / 2, p (p + 1) / 2)
        Elements in the order (1,1), (2,1), ..., (p,1), (2,2), ...
    """
    second, first = np.triu_indices(covariance.shape[0])  # row-wise upper = column-wise lower
    if kind == "adf" and values is not None:
        centred = values - values.mean(axis=0)
        products = centred[:, first] * centred[:, second] - covariance[first, second]
        result: FloatArray = products.T @ products / len(values)
        return result
    i, j, k, m = first[:, None], second[:, None], first[None, :], second[None, :]
    s = covariance
    return s[i, k] * s[j, m] + s[i, m] * s[j, k]
