"""Coefficients that are closed functions of the covariance matrix, and their derivatives.

Every function takes covariances (or correlations) of shape ``(..., p, p)``, so a stack of bootstrap draws
goes through at once.
"""

from __future__ import annotations

import numpy as np

from recoverymetrics.typing import FloatArray


def trace(S: FloatArray) -> FloatArray:
    """Sum of the diagonal."""
    return np.trace(S, axis1=-2, axis2=-1)


def total(S: FloatArray) -> FloatArray:
    """Sum of all elements: the variance of the sum score."""
    return np.asarray(S.sum((-2, -1)))


def alpha(S: FloatArray) -> FloatArray:
    """Coefficient alpha, Guttman's lambda 3 (Guttman 1945; Cronbach 1951)."""
    p = S.shape[-1]
    return np.asarray(p / (p - 1) * (1 - trace(S) / total(S)))


def alpha_gradient(S: FloatArray) -> FloatArray:
    """Derivative of alpha in ``S``, shape (p, p)."""
    p, v = S.shape[-1], float(total(S))
    return p / (p - 1) * (float(trace(S)) / v**2 * np.ones((p, p)) - np.eye(p) / v)


def correlation_gradient(G: FloatArray, S: FloatArray) -> FloatArray:
    """Carry a derivative in the correlations over to the covariances."""
    sd = np.sqrt(np.diag(S))
    R = S / np.outer(sd, sd)
    inner: FloatArray = (G - np.diag(np.diag(G @ R))) / np.outer(sd, sd)
    return inner


def average_correlation(R: FloatArray) -> FloatArray:
    """Mean of the correlations below the diagonal."""
    p = R.shape[-1]
    return np.asarray((total(R) - p) / (p * (p - 1)))


def smc(R: FloatArray) -> FloatArray:
    """Squared multiple correlation of each item with the others, shape (..., p).

    A singular matrix is inverted in the sense of Moore and Penrose.
    """
    inverse = np.linalg.pinv(R, hermitian=True)
    return np.asarray(1 - 1 / np.diagonal(inverse, axis1=-2, axis2=-1))


def lambda1(S: FloatArray) -> FloatArray:
    """Guttman's lambda 1: one minus the share of the item variances."""
    return np.asarray(1 - trace(S) / total(S))


def lambda2(S: FloatArray) -> FloatArray:
    """Guttman's lambda 2."""
    p = S.shape[-1]
    off = np.sum(S**2, axis=(-2, -1)) - np.sum(np.diagonal(S, axis1=-2, axis2=-1) ** 2, axis=-1)
    return np.asarray(lambda1(S) + np.sqrt(p / (p - 1) * off) / total(S))


def lambda2_gradient(S: FloatArray) -> FloatArray:
    """Derivative of lambda 2 in ``S``."""
    p, v = S.shape[-1], float(total(S))
    off = S - np.diag(np.diag(S))
    root = float(np.sqrt(p / (p - 1) * np.sum(off**2)))
    inner: FloatArray = (
        -np.eye(p) / v + (float(trace(S)) - root) / v**2 * np.ones((p, p)) + p / (p - 1) * off / (root * v)
    )
    return inner


def lambda5(S: FloatArray) -> FloatArray:
    """Guttman's lambda 5, by the item that covaries most with the others."""
    columns = np.sum(S**2, axis=-2) - np.diagonal(S, axis1=-2, axis2=-1) ** 2
    return np.asarray(lambda1(S) + 2 * np.sqrt(columns.max(-1)) / total(S))


def lambda5_gradient(S: FloatArray) -> FloatArray:
    """Derivative of lambda 5 in ``S``, where one item covaries most."""
    p, v = S.shape[-1], float(total(S))
    off = S - np.diag(np.diag(S))
    column = int(np.argmax(np.sum(off**2, axis=0)))
    root = float(np.sqrt(np.sum(off[:, column] ** 2)))
    pull = np.zeros((p, p))
    pull[:, column] = (
        off[:, column] / root
    )  # the derivative of 2 root, half of it above, half below the diagonal
    inner: FloatArray = (pull + pull.T - np.eye(p)) / v + (float(trace(S)) - 2 * root) / v**2 * np.ones(
        (p, p)
    )
    return inner


def lambda5_plus(S: FloatArray) -> FloatArray:
    """Lambda 5 with the factor p/(p-1) on its last term; NaN for two items, where it is no lower bound."""
    p = S.shape[-1]
    if p < 3:
        return np.full(S.shape[:-2], np.nan)
    return np.asarray(lambda1(S) + p / (p - 1) * (lambda5(S) - lambda1(S)))


def lambda6(S: FloatArray) -> FloatArray:
    """Guttman's lambda 6, from the error variance of each item regressed on the others."""
    inverse = np.linalg.pinv(S, hermitian=True)
    return np.asarray(1 - np.sum(1 / np.diagonal(inverse, axis1=-2, axis2=-1), axis=-1) / total(S))


def ten_berge_zegers(S: FloatArray) -> FloatArray:
    """The series mu 0 (alpha), mu 1 (lambda 2), mu 2, mu 3 of ten Berge & Zegers (1978), shape (..., 4)."""
    p = S.shape[-1]
    off = S - np.eye(p) * np.diagonal(S, axis1=-2, axis2=-1)[..., None, :]
    sums = [np.sum(off ** (2 * h), axis=(-2, -1)) for h in (0.5, 1, 2, 4)]
    sums[0] = total(off)
    last = p / (p - 1)
    series = []
    for length in range(4):
        value = last * sums[length] if length else last * sums[0]
        for h in range(length - 1, -1, -1):
            value = sums[h] + np.sqrt(value)
        series.append(value / total(S))
    return np.stack(series, axis=-1)


def ten_berge_zegers_gradient(S: FloatArray, length: int) -> FloatArray:
    """Derivative of mu 1, 2 or 3 (``length``) of ten Berge & Zegers in ``S``."""
    p, v = S.shape[0], float(total(S))
    off = S - np.diag(np.diag(S))
    powers = [off ** (2**h) for h in range(length + 1)]
    slopes = [2**h * off ** (2**h - 1) for h in range(length + 1)]
    slopes[0] = 1 - np.eye(p)
    scale = p / (p - 1)
    value, slope = scale * float(powers[length].sum()), scale * slopes[length]
    for h in range(length - 1, -1, -1):
        root = np.sqrt(value)
        value, slope = float(powers[h].sum()) + root, slopes[h] + slope / (2 * root)
    inner: FloatArray = slope / v - value / v**2 * np.ones((p, p))
    return inner


def lambda6_gradient(S: FloatArray) -> FloatArray:
    """Derivative of lambda 6 in ``S``."""
    inverse = np.linalg.pinv(S, hermitian=True)
    v = float(total(S))
    error = 1 / np.diag(inverse)
    columns = inverse * error  # regression residual directions: d(error_j)/dS = c_j c_j'
    inner: FloatArray = error.sum() / v**2 * np.ones_like(S) - columns @ columns.T / v
    return inner
