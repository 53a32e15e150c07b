"""Sampling weights and clusters: how the rows of a sample count, and which of them depend on one another.

Weighted estimates and their sandwich follow Asparouhov (2005): estimating functions, those of thresholds and correlations
among them, are weighted and added up within clusters before their cross-product is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recoverymetrics.typing import FloatArray, IntArray


@dataclass(frozen=True)
class Design:
    """Design of ``G`` groups.

    Attributes
    ----------
    n : ndarray, shape (G,)
        Rows of each group, weighted.
    weights : tuple of ndarray, or None
        Weights of the rows, which sum to the number of rows of all groups.
    clusters : tuple of ndarray, or None
        Cluster numbers of the rows.
    """

    n: FloatArray
    weights: tuple[FloatArray, ...] | None = None
    clusters: tuple[IntArray, ...] | None = None

    @property
    def simple(self) -> bool:
        """Whether every row counts once and stands alone."""
        return self.weights is None and self.clusters is None

    def weight(self, group: int) -> FloatArray | None:
        """Weights of the rows of a group."""
        return None if self.weights is None else self.weights[group]

    def covariance(self, group: int, influence: FloatArray) -> FloatArray:
        """Asymptotic covariance, times n, of statistics with this influence of each row, shape (m, m)."""
        pooled = self.pooled(group, influence)
        return self.n[group] * (pooled.T @ pooled)

    def as_if_repeated(self, group: int, influence: FloatArray) -> FloatArray:
        """The same as if a weight counted repeated, independent rows."""
        w = self.weight(group)
        rows = influence if w is None else influence * np.sqrt(w)[:, None]
        return self.n[group] * (rows.T @ rows)

    def pooled(self, group: int, scores: FloatArray) -> FloatArray:
        """Casewise scores of a group, weighted and added up within clusters."""
        if self.weights is not None:
            scores = scores * self.weights[group][:, None]
        if self.clusters is None:
            return scores
        labels, index = np.unique(self.clusters[group], return_inverse=True)
        out = np.zeros((len(labels), scores.shape[1]))
        np.add.at(out, index.ravel(), scores)
        return out * np.sqrt(len(labels) / (len(labels) - 1.0))


def make_design(
    blocks: Sequence[FloatArray],
    weights: tuple[FloatArray, ...] | None,
    clusters: tuple[IntArray, ...] | None,
) -> Design:
    """Scale weights to the number of rows and count the groups with them."""
    n = np.array([float(len(block)) for block in blocks])
    if weights is None:
        return Design(n, None, clusters)
    scale = n.sum() / sum(float(part.sum()) for part in weights)
    scaled = tuple(part * scale for part in weights)
    return Design(np.array([float(part.sum()) for part in scaled]), scaled, clusters)
