"""Multivariate normal moments from incomplete rows, vectorised over rows.

Conditioning on the answered items uses the precision matrix ``K``: given the rest of a row, the missing part has
covariance ``inv(K_mm)`` and mean ``mu_m - inv(K_mm) K_mo (x_o - mu_o)``. Only the small blocks of missing items
are inverted, all rows with equally many missing items at once, so that thousands of patterns cost little.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from recoverymetrics.typing import BoolArray, FloatArray, IntArray

_BLOCK_CELLS = 20_000_000
_JITTER = 1e-10


@dataclass(frozen=True)
class MissingPatterns:
    """Distinct patterns of missing values.

    Attributes
    ----------
    missing : ndarray of bool, shape (k, p)
        True where the pattern misses the item.
    index : ndarray of int, shape (n,)
        Pattern of each row.
    counts : ndarray of int, shape (k,)
        Rows with each pattern.
    """

    missing: BoolArray
    index: IntArray
    counts: IntArray


@dataclass(frozen=True)
class NormalMoments:
    """Maximum-likelihood moments of a multivariate normal distribution.

    Attributes
    ----------
    mean : ndarray, shape (p,)
    covariance : ndarray, shape (p, p)
        Divided by n.
    n : int
        Rows with at least one value.
    n_iter : int
        EM cycles, 0 for complete data.
    converged : bool
    """

    mean: FloatArray
    covariance: FloatArray
    n: int
    n_iter: int
    converged: bool


def find_missing_patterns(values: FloatArray) -> MissingPatterns:
    """Group the rows of ``values``, shape (n, p), by which of them are NaN."""
    missing = np.isnan(values)
    packed = np.ascontiguousarray(np.packbits(missing, axis=1))
    keys = packed.view(np.dtype((np.void, packed.shape[1]))).ravel()
    _, first, index, counts = np.unique(keys, return_index=True, return_inverse=True, return_counts=True)
    return MissingPatterns(missing[first], index.ravel().astype(np.int64), counts.astype(np.int64))


def em_normal(values: FloatArray, *, tolerance: float = 1e-9, max_iter: int = 1000) -> NormalMoments:
    """Estimate mean and covariance from incomplete rows (Dempster, Laird & Rubin 1977; Little & Rubin 2019).

    Parameters
    ----------
    values : ndarray, shape (n, p)
        NaN is missing; every column has at least two different values. Empty rows are left out.
    tolerance : float, default 1e-9
        Largest change of a standardised moment at which the cycles stop.
    max_iter : int, default 1000

    Returns
    -------
    NormalMoments
    """
    rows = values[~np.isnan(values).all(axis=1)]
    center, spread = np.nanmean(rows, axis=0), np.nanstd(rows, axis=0)
    z = (rows - center) / spread
    n, p = z.shape
    if not np.isnan(z).any():
        return NormalMoments(center, np.cov(rows.T, bias=True).reshape(p, p), n, 0, True)
    patterns = find_missing_patterns(z)
    mean, covariance = np.zeros(p), np.eye(p)
    cycle, change = 0, np.inf
    while change >= tolerance and cycle < max_iter:
        cycle += 1
        new_mean, new_covariance = _em_cycle(z, patterns, mean, covariance)
        change = max(np.abs(new_mean - mean).max(), np.abs(new_covariance - covariance).max())
        mean, covariance = new_mean, new_covariance
    scaled = covariance * np.outer(spread, spread)
    return NormalMoments(center + spread * mean, scaled, n, cycle, bool(change < tolerance))


def _em_cycle(
    z: FloatArray, patterns: MissingPatterns, mean: FloatArray, covariance: FloatArray
) -> tuple[FloatArray, FloatArray]:
    precision = precision_of(covariance)
    centered = np.where(np.isnan(z), 0.0, z - mean)
    weighted = centered @ precision
    extra = np.zeros_like(covariance)
    for items, inverse, rows, which, counts in _blocks(patterns, precision):
        if rows.size:
            filled = -np.einsum("nij,nj->ni", inverse[which], weighted[rows[:, None], items[which]])
            centered[rows[:, None], items[which]] = filled
        if counts is not None:
            np.add.at(extra, (items[:, :, None], items[:, None, :]), inverse * counts[:, None, None])
    shift = centered.mean(axis=0)
    moments = (centered.T @ centered + extra) / len(z) - np.outer(shift, shift)
    return mean + shift, (moments + moments.T) / 2


def precision_of(covariance: FloatArray) -> FloatArray:
    """Inverse of a covariance matrix, with a trace-relative jitter that keeps singular ones invertible."""
    p = len(covariance)
    inverse: FloatArray = np.linalg.inv(covariance + _JITTER * np.trace(covariance) / p * np.eye(p))
    return (inverse + inverse.T) / 2


def _blocks(
    patterns: MissingPatterns, precision: FloatArray
) -> Iterator[tuple[IntArray, FloatArray, IntArray, IntArray, IntArray | None]]:
    """Per number of missing items: item positions and inverse blocks of the patterns, and their rows in chunks."""
    sizes = patterns.missing.sum(axis=1)
    for size in np.unique(sizes[sizes > 0]):
        chosen = np.flatnonzero(sizes == size)
        items = np.nonzero(patterns.missing[chosen])[1].reshape(len(chosen), size)
        inverse = np.asarray(np.linalg.inv(precision[items[:, :, None], items[:, None, :]]), dtype=float)
        local = np.full(len(sizes), -1)
        local[chosen] = np.arange(len(chosen))
        rows = np.flatnonzero(local[patterns.index] >= 0)
        chunks = max(1, -(-rows.size * int(size) ** 2 // _BLOCK_CELLS))
        for position, chunk in enumerate(np.array_split(rows, chunks)):
            counts = patterns.counts[chosen] if position == 0 else None
            yield items, inverse, chunk, local[patterns.index[chunk]], counts


def mahalanobis_squared(
    values: FloatArray, patterns: MissingPatterns, mean: FloatArray, covariance: FloatArray
) -> FloatArray:
    """Squared distance of each row from the mean, over the items that the row has.

    Parameters
    ----------
    values : ndarray, shape (n, p)
    patterns : MissingPatterns
        Of ``values``.
    mean : ndarray, shape (p,)
    covariance : ndarray, shape (p, p)

    Returns
    -------
    ndarray, shape (n,)
        ``(x_o - mu_o)' inv(Sigma_oo) (x_o - mu_o)``; 0 for an empty row. Under normality chi-square with as
        many degrees of freedom as the row has values.
    """
    precision = precision_of(covariance)
    centered = np.where(np.isnan(values), 0.0, values - mean)
    weighted = centered @ precision
    distance: FloatArray = np.einsum("ij,ij->i", centered, weighted)
    for items, inverse, rows, which, _ in _blocks(patterns, precision):
        part = weighted[rows[:, None], items[which]]
        distance[rows] -= np.einsum("ni,nij,nj->n", part, inverse[which], part)
    return np.maximum(distance, 0.0)
