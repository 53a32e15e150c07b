"""Item parameters of a simulation, in one canonical form for every response model.

Slope-intercept metric throughout. With ``z = slopes @ theta``:

- ``normal_ogive`` and ``graded``: ``P(Y >= k) = F(z + d_k)``, F normal or logistic;
- ``logistic`` (Rasch, 2PL, 3PL, 4PL): ``P(Y = 1) = g + (u - g) F(z + d)``;
- ``softmax`` (GPCM, nominal): ``P(Y = k)`` proportional to ``exp(s_k z + c_k)``;
- ``sequential``: ``P(Y >= k | Y >= k - 1) = F(z + d_k)``, F logistic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from recoverymetrics.errors import ModelError
from recoverymetrics.typing import FloatArray

Family = Literal["normal_ogive", "graded", "logistic", "softmax", "sequential"]


@dataclass(frozen=True)
class ItemParameters:
    """Parameters of ``p`` items on ``m`` factors with at most ``K`` categories.

    Attributes
    ----------
    families : tuple of str
        Response family of each item, see the module's text.
    items : tuple of str
        Item names.
    factors : tuple of str
        Factor names.
    slopes : ndarray, shape (p, m)
        Discriminations.
    intercepts : ndarray, shape (p, K - 1)
        ``d_k`` (cumulative families, decreasing) or ``c_k`` (softmax, with ``c_0 = 0``); NaN beyond an
        item's own categories.
    scores : ndarray, shape (p, K - 1)
        Scoring function ``s_k`` of the softmax family (``s_0 = 0``); 1 in the cumulative families.
    guessing, upper : ndarray, shape (p,)
        Asymptotes of the logistic family.
    """

    families: tuple[Family, ...]
    items: tuple[str, ...]
    factors: tuple[str, ...]
    slopes: FloatArray
    intercepts: FloatArray
    scores: FloatArray
    guessing: FloatArray
    upper: FloatArray

    @property
    def n_categories(self) -> FloatArray:
        """Number of categories of each item, shape (p,)."""
        return 1.0 + np.sum(~np.isnan(self.intercepts), axis=1)


def make_parameters(
    family: Family | Sequence[Family],
    slopes: Any,
    intercepts: Any,
    *,
    items: Sequence[str] | None = None,
    factors: Sequence[str] | None = None,
    scores: Any = None,
    guessing: Any = 0.0,
    upper: Any = 1.0,
) -> ItemParameters:
    """Check shapes and values, name items and factors, and pad unequal numbers of categories."""
    a = _slope_matrix(slopes)
    p, m = a.shape
    names = _names(items, p, "item")
    d = _ragged(intercepts, names, "intercepts")
    families = (family,) * p if isinstance(family, str) else tuple(family)
    cumulative = np.array([name in ("normal_ogive", "graded") for name in families])
    _check_decreasing(d[cumulative], [name for name, kept in zip(names, cumulative, strict=True) if kept])
    s = np.ones_like(d) if scores is None else _ragged(scores, names, "scores")
    if s.shape != d.shape or np.any(np.isnan(s) & ~np.isnan(d)):
        raise ModelError("scores must have as many entries as intercepts for every item.")
    g, u = (np.broadcast_to(np.asarray(value, float), (p,)).copy() for value in (guessing, upper))
    if np.any((g < 0) | (u > 1) | (g >= u)):
        j = int(np.flatnonzero((g < 0) | (u > 1) | (g >= u))[0])
        raise ModelError(
            f"item {names[j]!r}: the asymptotes must satisfy 0 <= guessing < upper <= 1, not {g[j]:g} and {u[j]:g}."
        )
    return ItemParameters(families, names, _names(factors, m, "f"), a, d, s, g, u)


def _slope_matrix(slopes: Any) -> FloatArray:
    a = np.asarray(slopes, dtype=float)
    a = a[:, None] if a.ndim == 1 else a
    if a.ndim != 2 or a.size == 0 or not np.all(np.isfinite(a)):
        raise ModelError(
            "slopes (or loadings) must be finite numbers, one per item or items x factors; "
            f"got an array of shape {np.shape(slopes)}."
        )
    return a


def _names(given: Sequence[str] | None, count: int, stem: str) -> tuple[str, ...]:
    names = tuple(f"{stem}{j + 1}" for j in range(count)) if given is None else tuple(map(str, given))
    if len(names) != count:
        raise ModelError(f"{len(names)} {stem} names were given for {count} {stem} parameters.")
    if len(set(names)) < len(names):
        raise ModelError(
            f"{stem} names must be unique; {next(n for n in names if names.count(n) > 1)!r} repeats."
        )
    return names


def _ragged(values: Any, items: tuple[str, ...], what: str) -> FloatArray:
    """Rows of unequal length as one array, padded with NaN."""
    rows = [np.atleast_1d(np.asarray(row, dtype=float)) for row in values]
    if len(rows) != len(items):
        raise ModelError(f"{what} have {len(rows)} rows for {len(items)} items; give one row per item.")
    out = np.full((len(rows), max(row.size for row in rows)), np.nan)
    for j, row in enumerate(rows):
        kept = row[~np.isnan(row)]
        if kept.size == 0:
            raise ModelError(f"item {items[j]!r} has no {what}; it needs at least two categories.")
        if np.isnan(row[: kept.size]).any() or np.isinf(kept).any():
            raise ModelError(
                f"item {items[j]!r}: {what} must be finite; pad shorter rows with NaN at the end only."
            )
        out[j, : kept.size] = kept
    return out


def _check_decreasing(intercepts: FloatArray, items: Sequence[str]) -> None:
    wrong = np.flatnonzero((np.diff(intercepts, axis=1) >= 0).any(axis=1))
    if wrong.size:
        raise ModelError(
            f"item {items[wrong[0]]!r}: thresholds must increase from category to category "
            "(intercepts must decrease)."
        )
