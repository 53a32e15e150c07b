"""Item responses as category codes, collapsed into patterns with weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recoverymetrics.errors import DataError
from recoverymetrics.instrument.frame import ItemData
from recoverymetrics.irt.covariates import Covariates
from recoverymetrics.numerics.em import OneHot
from recoverymetrics.typing import FloatArray, IntArray


@dataclass(frozen=True)
class CodedResponses:
    """Responses of ``n`` persons to ``J`` items as category codes.

    Attributes
    ----------
    items : tuple of str
        Item names.
    categories : tuple of ndarray
        Original values of the categories of each item, in order; code ``k`` stands for ``categories[j][k]``.
    codes : ndarray of int8, shape (n, J)
        Category codes; -1 is missing.
    group : ndarray of int, shape (n,)
        Index of each person's group.
    groups : tuple of str
        Group labels; ``("all",)`` without groups.
    weights : ndarray, shape (n,)
        Sampling weights, one without.
    covariates : Covariates or None
        Of a latent regression.
    """

    items: tuple[str, ...]
    categories: tuple[FloatArray, ...]
    codes: IntArray
    group: IntArray
    groups: tuple[str, ...]
    weights: FloatArray
    covariates: Covariates | None = None

    @property
    def n(self) -> int:
        """Number of persons."""
        return int(self.codes.shape[0])

    @property
    def n_categories(self) -> IntArray:
        """Number of categories per item."""
        return np.array([len(values) for values in self.categories], dtype=np.int64)

    @property
    def complete(self) -> bool:
        """Whether nobody left an item out."""
        return bool((self.codes >= 0).all())

    def usage(self) -> IntArray:
        """Number of responses per group, item and category (padded with -1), shape (G, J, K)."""
        widest = int(self.n_categories.max())
        table = np.full((len(self.groups), len(self.items), widest), -1, dtype=np.int64)
        for g in range(len(self.groups)):
            codes = self.codes[self.group == g]
            for j, K in enumerate(self.n_categories):
                column = codes[:, j]
                table[g, j, :K] = np.bincount(column[column >= 0], minlength=K)
        return table


@dataclass(frozen=True)
class Design:
    """Covariates of some rows.

    Attributes
    ----------
    values : ndarray, shape (U, R)
        Distinct covariate vectors.
    row : ndarray of int, shape (n,)
        Which of them each row has.
    """

    values: FloatArray
    row: IntArray


@dataclass(frozen=True)
class Patterns:
    """Distinct response patterns of one group (patterns of responses and covariates in a latent regression).

    Attributes
    ----------
    responses : OneHot
        Patterns with their summed weights.
    persons : ndarray of int, shape (n_g,)
        Row numbers of the group's persons.
    pattern : ndarray of int, shape (n_g,)
        Pattern of each of these persons.
    design : Design or None
        Covariates of the patterns.
    """

    responses: OneHot
    persons: IntArray
    pattern: IntArray
    design: Design | None = None

    @property
    def design_of(self) -> Design:
        """Covariates of the patterns; none of them without a latent regression."""
        if self.design is not None:
            return self.design
        n = self.responses.n
        return Design(np.zeros((1, 0)), np.zeros(n, dtype=np.int64))


def code_responses(
    data: ItemData,
    *,
    categories: Sequence[FloatArray] | None = None,
    weights: FloatArray | Sequence[float] | None = None,
) -> CodedResponses:
    """Turn responses into category codes.

    Parameters
    ----------
    data : ItemData
        Responses of whole numbers.
    categories : sequence of ndarray, optional
        Values of each item's categories; by default those observed.
    weights : ndarray, shape (n,), optional
        Sampling weights.

    Raises
    ------
    DataError
        A value outside ``categories``, weights of the wrong length or sign.
    """
    known = tuple(np.asarray(c, dtype=float) for c in (categories or data.categories()))
    codes = np.full(data.values.shape, -1, dtype=np.int8 if max(map(len, known)) < 127 else np.int16)
    for j, values in enumerate(known):
        column = data.values[:, j]
        seen = ~np.isnan(column)
        place = np.searchsorted(values, column[seen])
        place = np.minimum(place, len(values) - 1) if len(values) else place
        wrong = values[place] != column[seen] if len(values) else np.ones(place.size, dtype=bool)
        if wrong.any():
            row = np.flatnonzero(seen)[np.flatnonzero(wrong)[0]]
            listed = ", ".join(f"{v:g}" for v in values)
            raise DataError(
                f"item {data.items[j]!r} has the response {column[row]:g} in row {row + 1}, which is none of the "
                f"calibrated categories ({listed}); recode it or set it to missing."
            )
        codes[seen, j] = place
    group = np.zeros(data.n, dtype=np.int64)
    for g, label in enumerate(data.groups):
        group[data.group == label] = g
    return CodedResponses(
        data.items, known, codes, group, data.groups or ("all",), _check_weights(weights, data.n)
    )


def _check_weights(weights: FloatArray | Sequence[float] | None, n: int) -> FloatArray:
    if weights is None:
        return np.ones(n)
    try:
        values = np.asarray(weights, dtype=float).ravel()
    except (TypeError, ValueError):
        raise DataError("weights must be numbers, one per person.") from None
    if values.size != n:
        raise DataError(f"weights has {values.size} values for {n} rows; give one weight per person.")
    if not np.isfinite(values).all() or (values < 0).any():
        row = int(np.flatnonzero(~np.isfinite(values) | (values < 0))[0])
        raise DataError(f"weights must be zero or positive; row {row + 1} has {values[row]}.")
    if not values.any():
        raise DataError("all weights are zero, so nobody counts; give some persons a positive weight.")
    return values


def collapse(coded: CodedResponses) -> tuple[Patterns, ...]:
    """Collapse identical patterns within each group, summing weights."""
    found = []
    for g in range(len(coded.groups)):
        persons = np.flatnonzero(coded.group == g)
        codes = coded.codes if persons.size == coded.n else coded.codes[persons]
        design, first, pattern = None, *_unique_rows(codes)
        if coded.covariates is not None:
            values, row = np.unique(coded.covariates.values[persons], axis=0, return_inverse=True)
            row = np.asarray(row, dtype=np.int64).ravel()
            first, pattern = _unique_rows(np.column_stack([pattern, row]))
            design = Design(np.asarray(values, dtype=float), row[first])
        own = coded.weights[persons]
        weights = np.bincount(pattern, weights=own, minlength=first.size).astype(float)
        squared = np.bincount(pattern, weights=own**2, minlength=first.size).astype(float)
        responses = OneHot(codes[first], coded.n_categories, weights, squared)
        found.append(Patterns(responses, persons, pattern, design))
    return tuple(found)


def _unique_rows(codes: IntArray) -> tuple[IntArray, IntArray]:
    """First row of each distinct pattern and the pattern of each row; hashed, then verified."""
    multipliers = 2 * np.random.default_rng(20).integers(1, 2**61, (codes.shape[1],), dtype=np.int64) + 1
    key = np.zeros(codes.shape[0], dtype=np.int64)
    with np.errstate(over="ignore"):
        for j in range(codes.shape[1]):
            key += codes[:, j].astype(np.int64) * multipliers[j]
    _, first, pattern = np.unique(key, return_index=True, return_inverse=True)
    if first.size == codes.shape[0]:
        return np.arange(codes.shape[0]), np.arange(codes.shape[0])
    if not np.array_equal(codes[first][pattern], codes):
        _, first, pattern = np.unique(codes, axis=0, return_index=True, return_inverse=True)
    return np.asarray(first), np.asarray(pattern).ravel()
