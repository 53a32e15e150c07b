"""Responses tabulated by matching stratum, group and category: the input of all Mantel-Haenszel methods."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recoverymetrics.invariance.dif.data import DIFData
from recoverymetrics.typing import FloatArray


@dataclass(frozen=True)
class StratifiedTables:
    """Counts of every item by stratum, group and category.

    Attributes
    ----------
    counts : ndarray, shape (p, S, G, K)
        Persons.
    values : ndarray, shape (K,)
        Score of each category.
    strata : ndarray, shape (S,)
        Matching value of each stratum.
    """

    counts: FloatArray
    values: FloatArray
    strata: FloatArray

    def two_groups(self, weights: FloatArray) -> FloatArray:
        """Pool groups into comparison (position 0) and focal (1): ``weights`` (2, G) of zeros and ones."""
        pooled: FloatArray = np.einsum("hg,psgk->pshk", weights, self.counts)
        return pooled


def stratify(data: DIFData, matching: FloatArray, n_strata: int | None = None) -> StratifiedTables:
    """Tabulate responses by rounded matching score (thin matching) or in equal-count strata (thick).

    Parameters
    ----------
    data : DIFData
        Responses.
    matching : ndarray, shape (n, p) or (n, 1)
        Matching values; NaN leaves the person out of that item.
    n_strata : int, optional
        Number of strata of about equal size; by default every whole score is a stratum of its own.
    """
    matching = np.broadcast_to(matching, data.scores.shape)
    level = np.round(matching) if n_strata is None else _thick(matching, n_strata)
    strata = np.unique(level[~np.isnan(level)])
    values = np.unique(data.scores[data.answered])
    seen = data.answered & ~np.isnan(level)
    s, g, k = strata.size, len(data.groups), values.size
    cell = np.minimum(np.searchsorted(strata, level), s - 1) * g + data.group[:, None]
    code = np.minimum(np.searchsorted(values, data.scores), k - 1)
    p = len(data.items)
    flat = (np.arange(p) * s * g + cell) * k + code
    counts = np.bincount(flat[seen], minlength=p * s * g * k).astype(float)
    return StratifiedTables(counts.reshape(p, s, g, k), values, strata)


def _thick(matching: FloatArray, n_strata: int) -> FloatArray:
    level = np.full(matching.shape, np.nan)
    for j, column in enumerate(matching.T):
        seen = ~np.isnan(column)
        edges = np.quantile(column[seen], np.linspace(0, 1, n_strata + 1)[1:-1])
        level[seen, j] = np.searchsorted(edges, column[seen], side="right")
    return level
