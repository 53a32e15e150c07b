"""Violations of an observable property: rest-score groups, McNemar's test, the criterion of Molenaar & Sijtsma."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recoverymetrics.typing import FloatArray, IntArray

IGNORED = 0.03
"""Violations up to this size (in proportions) do not count."""
CRITICAL_Z = 1.6448536269514722
"""One-sided five per cent point of the normal distribution."""
SLACK = 1e-12
"""Differences of proportions are compared with the bound after rounding errors."""


def default_group_size(n: int) -> int:
    """Smallest rest-score group: a tenth of 500 persons or more, a fifth from 250, else a third (at least 50)."""
    if n >= 500:
        return n // 10
    return n // 5 if n >= 250 else max(n // 3, 50)


def rest_groups(rest: IntArray, smallest: int) -> IntArray:
    """Join adjacent rest scores into groups of at least ``smallest`` persons; returns a label per person."""
    values, counts = np.unique(rest, return_counts=True)
    label = np.zeros(values.size, dtype=np.int64)
    group, size = 0, 0
    for i, count in enumerate(counts):
        label[i] = group
        size += count
        if size >= smallest and i < values.size - 1:
            group, size = group + 1, 0
    if size < smallest and group > 0:
        label[label == group] = group - 1
    return label[np.searchsorted(values, rest)]


@dataclass(frozen=True)
class Violations:
    """Count of comparisons, and the violations among them with their test statistics."""

    compared: int
    sizes: FloatArray
    statistics: FloatArray
    significant: int

    def row(self, h: float, prefix: str = "z") -> dict[str, float]:
        """Summary with the criterion of Molenaar & Sijtsma (2000)."""
        n, total = self.sizes.size, float(self.sizes.sum())
        largest = float(self.sizes.max(initial=0.0))
        most = float(self.statistics.max(initial=0.0))
        compared = max(self.compared, 1)
        crit = 0.0
        if n:
            crit = (
                50 * (0.3 - h)
                + np.sqrt(n)
                + 100 * n / compared
                + 100 * largest
                + 10 * np.sqrt(total)
                + 1000 * total / compared
                + 5 * most
                + 10 * np.sqrt(self.significant)
                + 100 * self.significant / compared
            )
        return {
            "h": h,
            "n_compared": self.compared,
            "n_violations": n,
            "share": n / compared,
            "largest": largest,
            "total": total,
            f"{prefix}_max": most,
            "n_significant": self.significant,
            "criterion": float(crit),
        }


def gather(parts: Sequence[Violations]) -> Violations:
    """Violations of several comparisons together."""
    return Violations(
        sum(v.compared for v in parts),
        np.concatenate([np.empty(0), *(v.sizes for v in parts)]),
        np.concatenate([np.empty(0), *(v.statistics for v in parts)]),
        sum(v.significant for v in parts),
    )


def mcnemar_z(expected: FloatArray, against: FloatArray) -> FloatArray:
    """Normal deviate of McNemar's exact test by Molenaar's (1970) binomial approximation.

    Parameters
    ----------
    expected, against : ndarray
        Persons who pass only the easier step, and persons who pass only the harder one. Positive when more persons
        go against the order.
    """
    n = np.maximum(expected + against, 1.0)
    b = ((2 * expected + 1 - n) ** 2 - 10 * n) / (12 * n)
    high = np.sqrt(np.maximum(2 * n - 2 * expected + b, 0.0))
    value: FloatArray = high - np.sqrt(np.maximum(2 * expected + 2 + b, 0.0))
    return value


def mcnemar_violations(
    expected: FloatArray, against: FloatArray, n: FloatArray | float, ignore: float = IGNORED
) -> Violations:
    """Violations among comparisons of two dependent proportions, tested one-sided at 5%."""
    gap = (against - expected) / n
    found = gap > ignore + SLACK
    z = mcnemar_z(expected[found], against[found])
    return Violations(gap.size, gap[found], z, int(np.sum(z > CRITICAL_Z)))


def item_steps(codes: IntArray) -> list[FloatArray]:
    """Indicators of passing each step of each item, shapes (n, m_j)."""
    return [
        (codes[:, j, None] >= np.arange(1, int(codes[:, j].max()) + 1)).astype(float)
        for j in range(codes.shape[1])
    ]
