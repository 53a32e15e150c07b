"""Covariances of a group of persons, their influence values, and bootstrap draws of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from recoverymetrics.errors import DataError
from recoverymetrics.instrument.notes import plural
from recoverymetrics.reliability.spec import Missing, in_group
from recoverymetrics.typing import BoolArray, FloatArray

_CHUNK = 2_000_000
"""Resampled persons handled at once, which keeps memory flat."""


@dataclass(frozen=True)
class Moments:
    """Responses of one group and their covariance matrix.

    Attributes
    ----------
    values : ndarray, shape (n, p)
        Responses of the persons used; NaN is missing (pairwise only).
    S : ndarray, shape (p, p)
        Covariances with divisor (pairs - 1).
    items : tuple of str
        Names of the items.
    label : str
        Group.
    n_dropped : int
        Persons left out: no response at all (pairwise) or an incomplete one (listwise).
    """

    values: FloatArray
    S: FloatArray
    items: tuple[str, ...]
    label: str
    n_dropped: int

    @property
    def n(self) -> int:
        """Number of persons used."""
        return int(self.values.shape[0])

    @property
    def p(self) -> int:
        """Number of items."""
        return int(self.values.shape[1])

    @cached_property
    def observed(self) -> BoolArray:
        """Which responses are there, shape (n, p)."""
        return ~np.isnan(self.values)

    @property
    def complete(self) -> bool:
        """Whether no response is missing."""
        return bool(self.observed.all())

    @cached_property
    def R(self) -> FloatArray:
        """Correlations."""
        return to_correlation(self.S)

    @cached_property
    def centred(self) -> FloatArray:
        """Deviations from the item means, zero where missing, shape (n, p)."""
        deviations: FloatArray = np.where(self.observed, self.values - np.nanmean(self.values, axis=0), 0.0)
        return deviations

    def dependent_items(self) -> tuple[str, ...]:
        """Items of a linear dependency: those with a part in a direction that has no variance."""
        values, vectors = np.linalg.eigh(self.R)
        share = np.abs(vectors[:, np.abs(values) < 1e-10]).max(axis=1, initial=0.0)
        return tuple(item for item, own in zip(self.items, share, strict=True) if own > 1e-6)

    def influence(self, G: FloatArray) -> FloatArray:
        """Influence of each person on a coefficient with derivative ``G = dc/dS``, shape (n,)."""
        Z = self.centred
        if self.complete:
            return np.einsum("ij,jk,ik->i", Z, G, Z, optimize=True) - np.sum(G * self.S)
        M = self.observed.astype(float)
        share = G * self.n / np.maximum(M.T @ M, 1)
        linear: FloatArray = np.sum((Z @ share) * Z, axis=1) - np.sum((M @ (share * self.S)) * M, axis=1)
        return linear

    def robust_se(self, G: FloatArray) -> float:
        """Distribution-free standard error of a coefficient with derivative ``G = dc/dS``."""
        return float(np.sqrt(np.sum(self.influence(G) ** 2) / (self.n - 1) / self.n))

    def normal_theory_se(self, G: FloatArray) -> float:
        """Standard error under multivariate normality, ``sqrt(2 tr(GSGS) / n)``."""
        GS = G @ self.S
        return float(np.sqrt(2 * np.sum(GS * GS.T) / self.n))

    def resample_covariances(self, n_draws: int, rng: np.random.Generator) -> FloatArray:
        """Bootstrap draws of ``S``, shape (n_draws, p, p)."""
        draws = np.empty((n_draws, self.p, self.p))
        rows, columns = np.triu_indices(self.p)
        features = self._features(rows, columns)
        for where, weights in resample_weights(self.n, n_draws, rng):
            upper = self._weighted(weights, features, rows, columns)
            draws[where, rows, columns] = upper
            draws[where, columns, rows] = upper
        return draws

    def _features(self, rows: np.ndarray, columns: np.ndarray) -> FloatArray:
        Z = self.centred
        products = Z[:, rows] * Z[:, columns]
        if self.complete:
            return np.hstack([products, Z])
        M = self.observed.astype(float)
        both = M[:, rows] * M[:, columns]
        return np.hstack([products, both, Z[:, rows] * M[:, columns], Z[:, columns] * M[:, rows]])

    def _weighted(
        self, weights: FloatArray, features: FloatArray, rows: np.ndarray, columns: np.ndarray
    ) -> FloatArray:
        sums = weights @ features
        m = rows.size
        if self.complete:
            mean = sums[:, m:] / self.n
            return (sums[:, :m] - self.n * mean[:, rows] * mean[:, columns]) / (self.n - 1)
        pairs = sums[:, m : 2 * m]
        with np.errstate(divide="ignore", invalid="ignore"):
            cross = sums[:, :m] - sums[:, 2 * m : 3 * m] * sums[:, 3 * m :] / pairs
            covariance: FloatArray = cross / (pairs - 1)
        return covariance


def moments(
    values: FloatArray,
    items: tuple[str, ...],
    *,
    missing: Missing = "pairwise",
    label: str = "all",
    at_least: int = 2,
) -> Moments:
    """Covariances of one group; names what cannot be computed.

    Raises
    ------
    DataError
        Fewer than ``at_least`` items, fewer than three persons, an item without variance, or a pair of items
        that nobody answered both.
    """
    where = in_group(label)
    if len(items) < at_least:
        raise DataError(f"this coefficient needs at least {at_least} items; there are {len(items)}: {items}.")
    observed = ~np.isnan(values)
    keep = observed.all(1) if missing == "listwise" else observed.any(1)
    used = values[keep]
    if used.shape[0] < 3:
        raise DataError(
            f"only {plural(used.shape[0], 'person')}{where} gave "
            f"{'complete responses' if missing == 'listwise' else 'any response'}; at least 3 are needed."
        )
    unanswered = [item for item, seen in zip(items, np.any(observed[keep], axis=0), strict=True) if not seen]
    if unanswered:
        raise DataError(f"item {unanswered[0]!r}{where} has no responses; leave it out with items=[...].")
    S = pairwise_covariance(used)
    empty = np.argwhere(np.isnan(S))
    if empty.size:
        first, second = (items[j] for j in empty[0])
        raise DataError(
            f"items {first!r} and {second!r}{where} were answered together by fewer than 2 persons; leave "
            "one of them out with items=[...]."
        )
    flat = [item for item, variance in zip(items, np.diag(S), strict=True) if variance <= 0]
    if flat:
        raise DataError(
            f"item {flat[0]!r}{where} has no variance (everybody gave the same answer); leave it out with "
            "items=[...]."
        )
    return Moments(used, S, items, label, int(values.shape[0] - used.shape[0]))


def pairwise_covariance(values: FloatArray) -> FloatArray:
    """Covariances over the persons who answered both items, divisor (pairs - 1); NaN below two pairs."""
    known = ~np.isnan(values)
    if known.all() and values.shape[0] > 1:
        deviations = values - values.mean(0)
        return np.asarray(deviations.T @ deviations / (values.shape[0] - 1))
    M = known.astype(float)
    Z = np.where(M > 0, values - np.nanmean(values, axis=0), 0.0) if values.size else values
    pairs = M.T @ M
    sums = Z.T @ M  # sum of item j over the persons who also answered item k
    with np.errstate(divide="ignore", invalid="ignore"):
        covariance = (Z.T @ Z - sums * sums.T / pairs) / (pairs - 1)
    return np.where(pairs > 1, covariance, np.nan)


def to_correlation(S: FloatArray) -> FloatArray:
    """Scale covariances ``(..., p, p)`` to correlations."""
    sd = np.sqrt(np.diagonal(S, axis1=-2, axis2=-1))
    R: FloatArray = S / (sd[..., :, None] * sd[..., None, :])
    return R


def resample_weights(n: int, n_draws: int, rng: np.random.Generator) -> Iterator[tuple[slice, FloatArray]]:
    """Yield chunks of bootstrap weights: how often each of ``n`` persons was drawn, shape (chunk, n)."""
    size = max(1, min(n_draws, _CHUNK // n))
    for start in range(0, n_draws, size):
        stop = min(start + size, n_draws)
        drawn = rng.integers(0, n, size=(stop - start, n), dtype=np.int32)
        drawn += (np.arange(stop - start, dtype=np.int32) * n)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=(stop - start) * n)
        yield slice(start, stop), counts.reshape(stop - start, n).astype(float)
