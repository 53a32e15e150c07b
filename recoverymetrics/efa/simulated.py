"""Eigenvalues of random data without structure, the yardstick of parallel analysis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recoverymetrics.correlation.kernel import ordinal_moments
from recoverymetrics.numerics.covariance import pairwise_moments
from recoverymetrics.typing import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class NullTask:
    """One random data set: what to permute or draw, and its own generator.

    Attributes
    ----------
    values : ndarray of float, shape (n, p), or ndarray of int codes
        Data to permute; codes (negative: missing) for polychorics.
    n_categories : ndarray of int or None
        Categories per item, for polychorics.
    draw : str
        ``"permutation"`` shuffles each column, ``"normal"`` draws new normal scores.
    reduced : bool
        Eigenvalues of the matrix reduced by squared multiple correlations instead of the full one.
    generator : numpy.random.Generator
        Stream of this draw.
    """

    values: FloatArray | IntArray
    n_categories: IntArray | None
    draw: str
    reduced: bool
    generator: np.random.Generator


def null_eigenvalues(task: NullTask) -> FloatArray:
    """Eigenvalues, decreasing, of the correlations of one random data set."""
    if task.n_categories is not None:
        codes = shuffle_columns(task.values, task.generator)
        R = ordinal_moments(codes, task.n_categories).correlations  # type: ignore[arg-type]
    elif task.draw == "normal":
        R = normal_correlations(task.generator, np.isnan(task.values))
    else:
        R = pairwise_moments(shuffle_columns(task.values, task.generator)).correlation  # type: ignore[arg-type]
    return eigenvalues(R, reduced=task.reduced)


def shuffle_columns(values: FloatArray | IntArray, generator: np.random.Generator) -> FloatArray | IntArray:
    """Permute every column by itself; missing responses move along, margins stay."""
    if values.dtype.kind == "i" and values.shape[0] > 255:
        return generator.permuted(values.astype(np.int8), axis=0)
    return generator.permuted(values, axis=0)


def normal_correlations(generator: np.random.Generator, missing: BoolArray) -> FloatArray:
    """Correlations of independent normal scores, through the Wishart distribution when nothing is missing.

    The scatter of ``n`` standard normal rows is Wishart with ``n - 1`` degrees of freedom; its Bartlett factor
    takes ``p^2`` numbers instead of ``n p`` (Bartlett 1933).
    """
    n, p = missing.shape
    if missing.any():
        scores = generator.standard_normal((n, p))
        scores[missing] = np.nan
        return pairwise_moments(scores).correlation
    lower = np.tril(generator.standard_normal((p, p)), -1)
    degrees = np.maximum(n - 1 - np.arange(p), 1)
    lower[np.arange(p), np.arange(p)] = np.sqrt(generator.chisquare(degrees))
    scatter = lower @ lower.T
    scale = np.sqrt(np.diag(scatter))
    correlation: FloatArray = scatter / np.outer(scale, scale)
    return correlation


def eigenvalues(R: FloatArray, *, reduced: bool = False) -> FloatArray:
    """Eigenvalues, decreasing; of the matrix with squared multiple correlations on its diagonal if asked."""
    drop = 1.0 / np.diag(np.linalg.pinv(R, hermitian=True)) if reduced else np.zeros(len(R))
    values: FloatArray = np.asarray(np.linalg.eigvalsh(R - np.diag(drop)), dtype=float)[::-1]
    return values
