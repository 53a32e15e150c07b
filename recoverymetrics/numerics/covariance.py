"""Covariances and correlations of continuous data, pairwise, and their asymptotic covariance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from recoverymetrics.typing import FloatArray, IntArray


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
    if seen.all():
        return _complete_moments(values)
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


def _complete_moments(values: FloatArray) -> PairwiseMoments:
    n, p = values.shape
    mean = values.mean(axis=0)
    centred = values - mean
    products = centred.T @ centred
    scale = np.sqrt(np.diag(products))
    with np.errstate(invalid="ignore", divide="ignore"):
        covariance = products / (n - 1) if n > 1 else np.full((p, p), np.nan)
        correlation = products / np.outer(scale, scale)
    np.fill_diagonal(correlation, 1.0)
    return PairwiseMoments(mean, covariance, np.clip(correlation, -1.0, 1.0), np.full((p, p), float(n)))


def covariance_to_correlation(covariance: FloatArray) -> FloatArray:
    """Scale a covariance matrix to unit variances."""
    scale = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(scale, scale)
    np.fill_diagonal(correlation, 1.0)
    return correlation


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


def fiml_correlation_acov(values: FloatArray, mean: FloatArray, covariance: FloatArray) -> FloatArray:
    """``n`` times the asymptotic covariance of maximum-likelihood correlations under missing data.

    Inverse of the cross-products of the casewise scores of means and covariances (observed-data likelihood), taken
    to the correlations by the delta method; valid for normal variables missing at random.

    Parameters
    ----------
    values : ndarray, shape (n, p)
        NaN is missing.
    mean : ndarray, shape (p,)
        Maximum-likelihood means.
    covariance : ndarray, shape (p, p)
        Maximum-likelihood covariance.

    Returns
    -------
    ndarray, shape (p (p - 1) / 2, p (p - 1) / 2)
        Pairs in the order (2,1), (3,1), ..., (p,1), (3,2), ...
    """
    n, p = values.shape
    first, second = np.triu_indices(p)
    half = np.where(first == second, 0.5, 1.0)
    scores = np.zeros((n, p + first.size))
    patterns, member = np.unique(~np.isnan(values), axis=0, return_inverse=True)
    for at, seen in enumerate(patterns):
        rows = np.flatnonzero(member.ravel() == at)
        inverse = np.zeros((p, p))
        inverse[np.ix_(seen, seen)] = np.linalg.inv(covariance[np.ix_(seen, seen)])
        pulled = np.where(seen, values[rows] - mean, 0.0) @ inverse
        scores[rows, :p] = pulled
        scores[rows, p:] = half * (pulled[:, first] * pulled[:, second] - inverse[first, second])
    acov = n * np.linalg.inv(scores.T @ scores)[p:, p:]
    scale = np.sqrt(np.diag(covariance))
    slopes = np.zeros((p * (p - 1) // 2, first.size))
    pair = np.flatnonzero(first != second)
    i, j = first[pair], second[pair]
    at_variance = np.cumsum(np.concatenate([[0], np.arange(p, 1, -1)]))  # where (i, i) stands
    r = covariance[i, j] / (scale[i] * scale[j])
    rows = np.arange(pair.size)
    slopes[rows, pair] = 1.0 / (scale[i] * scale[j])
    slopes[rows, at_variance[i]] = -0.5 * r / scale[i] ** 2
    slopes[rows, at_variance[j]] = -0.5 * r / scale[j] ** 2
    result: FloatArray = slopes @ acov @ slopes.T
    return result
