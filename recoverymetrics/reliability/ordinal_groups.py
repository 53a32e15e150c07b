"""Polychoric statistics by group, with the standard errors and influence of coefficients of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from recoverymetrics.correlation import OrdinalMoments, PolychoricResult, ordinal_moments, polychoric
from recoverymetrics.correlation.codes import category_codes
from recoverymetrics.errors import DataError
from recoverymetrics.instrument import read_items
from recoverymetrics.reliability.spec import Missing, check_option, in_group
from recoverymetrics.typing import FloatArray, GroupSpec, IntArray, IntoFrame

_PERSON_BLOCK = 4096
"""Persons whose influence is looked up at once."""


@dataclass(frozen=True)
class Slope:
    """Derivative of a coefficient in the polychoric statistics.

    Attributes
    ----------
    by_threshold : ndarray, shape (p, t)
        In each threshold.
    by_correlation : ndarray, shape (p, p)
        In the correlation of each pair.
    """

    by_threshold: FloatArray
    by_correlation: FloatArray


@dataclass(frozen=True)
class OrdinalGroup:
    """Polychoric statistics of one group.

    Attributes
    ----------
    label : str
        Group.
    n : int
        Persons.
    R, tau : ndarray, shapes (p, p) and (p, t)
        Correlations and thresholds.
    acov : ndarray
        ``n`` times the asymptotic covariance of thresholds (item by item), then correlations (2,1), (3,1),
        ...
    codes : ndarray of int, shape (n, p)
        Categories from 0; -1 is missing.
    sizes : ndarray of int, shape (p,)
        Categories of each item.
    """

    label: str
    n: int
    R: FloatArray
    tau: FloatArray
    acov: FloatArray
    codes: IntArray
    sizes: IntArray

    @property
    def p(self) -> int:
        """Number of items."""
        return int(self.R.shape[0])

    def std_error(self, slope: Slope) -> float:
        """Delta-method standard error of a coefficient."""
        along = self._along(slope)
        return float(np.sqrt(along @ self.acov @ along / self.n))

    def influence(self, slope: Slope) -> FloatArray:
        """Influence of each person on a coefficient, shape (n,)."""
        tables = ordinal_moments(self.codes, self.sizes, acov="diagonal").influence
        if tables is None:
            raise DataError(f"group {self.label!r} has no polychoric correlations.")
        along = self._along(slope)
        blocks = range(0, self.codes.shape[0], _PERSON_BLOCK)
        return np.concatenate([tables.casewise(self.codes[i : i + _PERSON_BLOCK]) @ along for i in blocks])

    def _along(self, slope: Slope) -> FloatArray:
        """Derivative in the thresholds and correlations, in the order of ``acov``."""
        pairs = slope.by_correlation.T[np.triu_indices(self.p, 1)]
        thresholds = self.acov.shape[0] - pairs.size
        kept = ~np.isposinf(self.tau) if thresholds != self.tau.size else np.ones_like(self.tau, dtype=bool)
        return np.concatenate([slope.by_threshold[kept], pairs])

    def pair_weights(self) -> FloatArray:
        """Inverse asymptotic variances of the correlations, shape (p, p)."""
        return 1 / self.pair_variances()

    def pair_variances(self) -> FloatArray:
        """Asymptotic variances of the correlations, shape (p, p), 1 on the diagonal."""
        return pair_table(np.diag(self.acov)[-self.p * (self.p - 1) // 2 :], self.p)

    def resample(self, n_draws: int, rng: np.random.Generator) -> Iterator[OrdinalMoments]:
        """Polychoric statistics of bootstrap samples of the persons."""
        for _ in range(n_draws):
            rows = rng.integers(0, self.n, self.n)
            yield ordinal_moments(self.codes[rows], self.sizes, acov="diagonal")


def pair_table(variance: FloatArray, p: int) -> FloatArray:
    """Symmetric matrix of the variances of the correlations (2,1), (3,1), ..., (3,2), ...; 1 on the diagonal."""
    table = np.ones((p, p))
    rows, columns = np.triu_indices(p, 1)
    table[rows, columns] = table[columns, rows] = variance
    return table


def read_ordinal(
    data: IntoFrame,
    items: Sequence[str] | None,
    group: GroupSpec,
    missing: Missing,
    at_least: int,
) -> tuple[PolychoricResult, list[OrdinalGroup]]:
    """Polychoric correlations with their asymptotic covariance, by group."""
    check_option("missing", missing, ("pairwise", "listwise"))
    found = polychoric(data, items=items, group=group, missing=missing, acov=True)
    if len(found.items) < at_least:
        raise DataError(f"this coefficient needs at least {at_least} items; there are {len(found.items)}.")
    record = read_items(data, items=items, group=group)
    if missing == "listwise":
        record = record.complete()
    codes, categories = category_codes(record)
    sizes = np.array([known.size for known in categories])
    groups = []
    for m in found.moments:
        rows = slice(None) if record.group is None else record.group == m.label
        if m.tau is None or m.acov is None:
            raise DataError(f"group {m.label!r} has no polychoric correlations.")
        holes = np.isnan(m.correlations).sum(1)
        if holes.any():
            names = ", ".join(np.array(found.items)[holes == holes.max()])
            raise DataError(
                f"correlations{in_group(m.label)} are not defined for {names}: an item has one category there, or nobody "
                "answered both; leave the item out with items=[...], or the group."
            )
        groups.append(OrdinalGroup(m.label, m.n, m.correlations, m.tau, m.acov, codes[rows], sizes))
    return found, groups
