"""Marginal likelihood of categorical responses on latent nodes, as two matrix products per pass.

With the one-hot response matrix ``Z`` (persons by categories; a missing response is a block of zeros) and
the log category probabilities ``L`` (categories by nodes), the log-likelihoods at the nodes are ``Z @ L`` and
the expected counts are ``Z.T @ posterior`` (Bock & Aitkin 1981). Persons go through in chunks, so memory
does not grow with their number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from recoverymetrics.typing import FloatArray, IntArray

CHUNK_CELLS = 600_000
"""Cells of the largest array per chunk; fits the second-level cache together with its inputs."""
CACHED_CELLS = 12_000_000
"""One-hot matrices up to this many cells are kept between passes, larger ones are rebuilt chunk by chunk."""


@dataclass(frozen=True)
class OneHot:
    """Categorical responses that unfold into a zero-one matrix chunk by chunk.

    Attributes
    ----------
    codes : ndarray of int8 or int16, shape (n, J)
        Category of each response, 0 to K_j - 1; -1 is missing.
    n_categories : ndarray of int, shape (J,)
        Number of categories of each item.
    weights : ndarray, shape (n,)
        Frequency or sampling weight of each row.
    squared : ndarray, shape (n,), optional
        Sum of the squared sampling weights of the persons behind each row; equal to ``weights`` when left out.
    """

    codes: IntArray
    n_categories: IntArray
    weights: FloatArray
    squared: FloatArray | None = None
    _cache: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the matrices kept between passes out of pickles."""
        return self.__dict__ | {"_cache": {}}

    @property
    def n(self) -> int:
        """Number of rows."""
        return int(self.codes.shape[0])

    @property
    def width(self) -> int:
        """Number of columns of the one-hot matrix: the sum of the numbers of categories."""
        return int(self.n_categories.sum())

    @property
    def offsets(self) -> IntArray:
        """First column of each item."""
        return np.concatenate([[0], np.cumsum(self.n_categories)[:-1]]).astype(np.int64)

    @property
    def meat_weights(self) -> FloatArray:
        """Weights of casewise cross-products in a sandwich."""
        return self.weights if self.squared is None else self.squared

    def chunks(self, n_nodes: int, dtype: Any = np.float64) -> Iterator[tuple[slice, FloatArray]]:
        """Yield row slices and their one-hot matrices; chunks are sized for ``n_nodes`` nodes."""
        size = max(64, CHUNK_CELLS // max(n_nodes, self.width))
        keep = self.n * self.width <= CACHED_CELLS
        if keep and dtype not in self._cache:
            self._cache[dtype] = self.unfold(slice(0, self.n), dtype)
        for start in range(0, self.n, size):
            rows = slice(start, min(start + size, self.n))
            yield rows, self._cache[dtype][rows] if keep else self.unfold(rows, dtype)

    def unfold(self, rows: slice, dtype: Any = np.float64) -> FloatArray:
        """One-hot matrix of some rows, shape (rows, width)."""
        codes = self.codes[rows]
        Z = np.zeros((codes.shape[0], self.width), dtype=dtype)
        place = codes + (self.offsets + self.width * np.arange(codes.shape[0])[:, None])
        answered = codes >= 0
        Z.ravel()[place.ravel() if answered.all() else place[answered]] = 1.0
        return Z


@dataclass(frozen=True)
class Counts:
    """What one pass over the persons leaves behind.

    Attributes
    ----------
    loglik : float
        Weighted marginal log-likelihood.
    category : ndarray, shape (C, Q)
        Expected number of responses per category and node.
    node : ndarray, shape (Q,)
        Expected number of persons per node.
    feature_means : ndarray, shape (n, T)
        Posterior means of the features asked for; empty otherwise.
    """

    loglik: float
    category: FloatArray
    node: FloatArray
    feature_means: FloatArray = field(default_factory=lambda: np.empty((0, 0)))


def node_posterior(Z: FloatArray, L: FloatArray, log_prior: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Posterior over nodes and marginal log-likelihood of each row.

    Parameters
    ----------
    Z : ndarray, shape (n, C)
        One-hot responses.
    L : ndarray, shape (C, Q)
        Log category probabilities.
    log_prior : ndarray, shape (Q,) or (n, Q)
        Log prior weights.

    Returns
    -------
    posterior : ndarray, shape (n, Q)
        Rows sum to one.
    loglik : ndarray, shape (n,)
        Log of the normalising constants.
    """
    A = Z @ L
    A += log_prior
    peak = A.max(axis=1)
    A -= peak[:, None]
    np.exp(A, out=A)
    total = A.sum(axis=1)
    A /= total[:, None]
    return A, np.log(total) + peak


def expected_counts(
    responses: OneHot,
    L: FloatArray,
    log_prior: FloatArray,
    dtype: Any = np.float64,
    features: FloatArray | None = None,
) -> Counts:
    """One E-step: expected counts per category and node.

    Nodes run over rows here, so that the reductions over nodes run along contiguous persons.

    Parameters
    ----------
    responses : OneHot
        ``n`` rows.
    L : ndarray, shape (C, Q)
        Log category probabilities at the nodes.
    log_prior : ndarray, shape (Q,) or (n, Q)
        Log prior weights, common or per row.
    dtype : type, default float64
        Precision of the large arrays; single precision is enough on the way to a maximum.
    features : ndarray, shape (Q, T), optional
        Functions of the nodes whose posterior mean is wanted for each row.

    Returns
    -------
    Counts
    """
    loglik, category, node = 0.0, np.zeros_like(L), np.zeros(L.shape[1])
    table, prior = np.ascontiguousarray(L.T, dtype=dtype), log_prior.T.astype(dtype)
    weights, ones = responses.weights.astype(dtype), np.ones(L.shape[1], dtype=dtype)
    F = np.empty((L.shape[1], 0), dtype=dtype) if features is None else features.astype(dtype)
    means = np.empty((responses.n if F.size else 0, F.shape[1]))
    for rows, Z in responses.chunks(L.shape[1], dtype):
        A = table @ Z.T
        A += prior[:, None] if prior.ndim == 1 else prior[:, rows]
        peak = A.max(axis=0)
        A -= peak
        np.exp(A, out=A)
        total, w = ones @ A, weights[rows]
        if F.size:
            means[rows] = (A.T @ F) / total[:, None]
        loglik += float(responses.weights[rows] @ (np.log(total) + peak))
        scale = w / total
        node += A @ scale
        A *= scale
        category += (A @ Z).T
    return Counts(loglik, category, node, means)
