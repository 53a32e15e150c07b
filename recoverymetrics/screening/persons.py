"""Indices of careless responding, one value per person. Arrays in, arrays out; NaN where not computable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recoverymetrics.numerics.normal_missing import NormalMoments, find_missing_patterns, mahalanobis_squared
from recoverymetrics.typing import FloatArray, IntArray

MIN_OVERLAP = 8
"""Fewest pairs of responses behind an autocorrelation."""

MIN_PAIRS = 5
"""Fewest pairs of items for a correlation over pairs."""

INDICES = (
    "longstring",
    "irv",
    "autocorrelation",
    "even_odd",
    "mahalanobis",
    "synonyms",
    "antonyms",
    "person_total",
)


@dataclass(frozen=True)
class PersonIndices:
    """Indices of ``n`` persons; all arrays have shape (n,).

    Attributes
    ----------
    longstring : ndarray
        Longest run of equal responses in the order of the items, before reverse keying; a skipped item
        ends no run.
    irv : ndarray
        Standard deviation of the person's responses before reverse keying (Dunn et al. 2018).
    autocorrelation : ndarray
        Largest absolute autocorrelation of the responses in the order of the items, over as many lags as
        there are categories; near 1 for zigzag and repeating patterns (after Gottfried et al. 2022).
    even_odd : ndarray
        Correlation over scales of the means of even and odd items, stepped up by Spearman-Brown.
    mahalanobis : ndarray
        Squared distance from the mean over the answered items.
    synonyms, antonyms : ndarray
        Correlation over the pairs of items that correlate strongly (positively, negatively) in the sample.
    person_total : ndarray
        Correlation of the person's responses with the item means of the others.
    """

    longstring: FloatArray
    irv: FloatArray
    autocorrelation: FloatArray
    even_odd: FloatArray
    mahalanobis: FloatArray
    synonyms: FloatArray
    antonyms: FloatArray
    person_total: FloatArray

    def get(self, name: str) -> FloatArray:
        """Values of one index by its name."""
        values: FloatArray = getattr(self, name)
        return values


@dataclass(frozen=True)
class IndexModel:
    """What the indices need to know about the sample, so that they can be applied to other answers too.

    Attributes
    ----------
    sums, counts : ndarray, shape (p,)
        Sum and number of raw responses per item.
    moments : NormalMoments
        Of the raw responses.
    halves : tuple of (int array, int array)
        Odd and even items of each scale.
    synonyms, antonyms : ndarray of int, shape (k, 2)
        Pairs of items.
    sign, offset : ndarray, shape (p,)
        Keyed response = offset + sign * raw response.
    n_lags : int
        Lags of the autocorrelation.
    """

    sums: FloatArray
    counts: FloatArray
    moments: NormalMoments
    halves: tuple[tuple[IntArray, IntArray], ...]
    synonyms: IntArray
    antonyms: IntArray
    sign: FloatArray
    offset: FloatArray
    n_lags: int


def person_indices(raw: FloatArray, model: IndexModel, *, inside: bool) -> PersonIndices:
    """Compute all indices.

    Parameters
    ----------
    raw : ndarray, shape (n, p)
        Responses before reverse keying, NaN missing.
    model : IndexModel
    inside : bool
        Whether the persons are part of the sample that ``model`` describes; their own responses are then
        taken out of the item means.
    """
    patterns = find_missing_patterns(raw)
    return PersonIndices(
        longstring=longstring(raw),
        irv=response_variability(raw),
        autocorrelation=largest_autocorrelation(raw, model.n_lags),
        even_odd=even_odd(model.offset + model.sign * raw, model.halves),
        mahalanobis=mahalanobis_squared(raw, patterns, model.moments.mean, model.moments.covariance),
        synonyms=pair_correlation(raw, model.synonyms),
        antonyms=pair_correlation(raw, model.antonyms),
        person_total=person_total(raw, model.sums, model.counts, inside=inside),
    )


def longstring(raw: FloatArray) -> FloatArray:
    """Longest run of equal responses of each row; missing responses are skipped; 0 for an empty row."""
    n, p = raw.shape
    last = np.full(n, np.nan)
    run = np.zeros(n)
    longest = np.zeros(n)
    for j in range(p):
        now = raw[:, j]
        seen = ~np.isnan(now)
        run = np.where(seen, np.where(now == last, run + 1, 1), run)
        last = np.where(seen, now, last)
        longest = np.maximum(longest, run)
    return longest


def response_variability(raw: FloatArray) -> FloatArray:
    """Standard deviation (n - 1) of each row; NaN with fewer than two responses."""
    seen = ~np.isnan(raw)
    n = seen.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(seen, raw, 0.0).sum(axis=1) / n
        square = np.where(seen, raw - mean[:, None], 0.0) ** 2
        return np.where(n > 1, np.sqrt(square.sum(axis=1) / (n - 1)), np.nan)


def largest_autocorrelation(raw: FloatArray, n_lags: int) -> FloatArray:
    """Largest absolute autocorrelation of each row about its mean, over lags 1 to ``n_lags``.

    A lag counts when at least ``MIN_OVERLAP`` pairs of responses are that far apart; NaN when no lag counts or
    the row does not vary.
    """
    seen = ~np.isnan(raw)
    counts = np.maximum(seen.sum(axis=1, keepdims=True), 1)
    mean = np.where(seen, raw, 0.0).sum(axis=1, keepdims=True) / counts
    centered = np.where(seen, raw - mean, 0.0)
    mask = seen.astype(float)
    largest = np.full(len(raw), -1.0)
    for lag in range(1, min(n_lags, raw.shape[1] - MIN_OVERLAP) + 1):
        a, b, seen_a, seen_b = centered[:, lag:], centered[:, :-lag], mask[:, lag:], mask[:, :-lag]
        squares = np.einsum("ij,ij,ij->i", a, a, seen_b) * np.einsum("ij,ij,ij->i", b, b, seen_a)
        pairs = np.einsum("ij,ij->i", seen_a, seen_b)
        usable = (pairs >= MIN_OVERLAP) & (squares > 1e-12)
        size = np.abs(np.einsum("ij,ij->i", a, b)) / np.sqrt(np.where(usable, squares, 1.0))
        largest = np.where(usable, np.maximum(largest, size), largest)
    return np.where(largest < 0, np.nan, np.minimum(largest, 1.0))


def rowwise_correlation(a: FloatArray, b: FloatArray, *, least: int = 3) -> FloatArray:
    """Correlation of row i of ``a`` with row i of ``b`` over the cells that both have.

    NaN with fewer than ``least`` common cells or when one side does not vary.
    """
    both = ~(np.isnan(a) | np.isnan(b))
    n = both.sum(axis=1)
    x, y = np.where(both, a, 0.0), np.where(both, b, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        sx, sy = x.sum(axis=1), y.sum(axis=1)
        xx = np.einsum("ij,ij->i", x, x) - sx * sx / n
        yy = np.einsum("ij,ij->i", y, y) - sy * sy / n
        xy = np.einsum("ij,ij->i", x, y) - sx * sy / n
        enough = (n >= least) & (xx > 1e-9) & (yy > 1e-9)
        return np.where(enough, np.clip(xy / np.sqrt(xx * yy), -1.0, 1.0), np.nan)


def even_odd(keyed: FloatArray, halves: Sequence[tuple[IntArray, IntArray]]) -> FloatArray:
    """Even-odd consistency over scales, Spearman-Brown corrected; needs at least three scales."""
    if len(halves) < 3:
        return np.full(len(keyed), np.nan)
    odd = np.column_stack([row_means(keyed[:, first]) for first, _ in halves])
    even = np.column_stack([row_means(keyed[:, second]) for _, second in halves])
    r = rowwise_correlation(odd, even)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(r > -1, np.maximum(2 * r / (1 + r), -1.0), r)


def row_means(values: FloatArray) -> FloatArray:
    """Mean of the responses of each row, NaN for an empty row."""
    seen = ~np.isnan(values)
    n = seen.sum(axis=1)
    sums = np.where(seen, values, 0.0).sum(axis=1)
    return np.where(n > 0, sums / np.maximum(n, 1), np.nan)


def pair_correlation(raw: FloatArray, pairs: IntArray) -> FloatArray:
    """Correlation within each person over pairs of items (psychometric synonyms or antonyms)."""
    if len(pairs) < MIN_PAIRS:
        return np.full(len(raw), np.nan)
    return rowwise_correlation(raw[:, pairs[:, 0]], raw[:, pairs[:, 1]])


def person_total(raw: FloatArray, sums: FloatArray, counts: FloatArray, *, inside: bool) -> FloatArray:
    """Correlation of each person's responses with the item means of the other persons."""
    seen = ~np.isnan(raw)
    if inside:
        others = (sums - np.where(seen, raw, 0.0)) / np.maximum(counts - seen, 1)
    else:
        others = np.broadcast_to(sums / np.maximum(counts, 1), raw.shape)
    return rowwise_correlation(raw, others)
