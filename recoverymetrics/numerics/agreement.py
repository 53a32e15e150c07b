"""Chance-corrected agreement of any number of raters on arrays: Fleiss' kappa, Gwet's AC, Brennan-Prediger.

Ratings are ``(n_units, n_raters)`` arrays with NaN where a rater did not rate a unit; most coefficients only
need the counts ``(n_units, n_categories)`` of how many raters chose each category.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from recoverymetrics.errors import DataError, OptionError
from recoverymetrics.typing import FloatArray

WeightKind = Literal["identity", "linear", "quadratic", "ordinal", "radical", "ratio"]
WEIGHT_KINDS: tuple[WeightKind, ...] = ("identity", "linear", "quadratic", "ordinal", "radical", "ratio")


@dataclass(frozen=True)
class Agreement:
    """A chance-corrected agreement coefficient.

    Attributes
    ----------
    estimate : float
        ``(observed - expected) / (1 - expected)``.
    std_error : float
        Large-sample standard error, raters fixed; NaN when it cannot be computed.
    observed, expected : float
        (Weighted) share of agreement observed, and expected by chance.
    n_units : int
        Units with at least one rating (for Krippendorff's alpha: at least two).
    n_pairable : int
        Units with at least two ratings.
    influence : ndarray, shape (n_units,)
        Contribution of each unit: their mean is the estimate, their spread its variance.
    """

    estimate: float
    std_error: float
    observed: float
    expected: float
    n_units: int
    n_pairable: int
    influence: FloatArray


def observed_categories(ratings: FloatArray) -> FloatArray:
    """Sorted distinct values among the ratings, missing values left out."""
    return np.unique(ratings[~np.isnan(ratings)])


def category_counts(ratings: FloatArray, categories: FloatArray | None = None) -> FloatArray:
    """Count how many raters put each unit into each category.

    Parameters
    ----------
    ratings : ndarray, shape (n_units, n_raters)
        NaN is missing.
    categories : ndarray, shape (q,), optional
        All categories, sorted; by default the observed ones.

    Returns
    -------
    ndarray, shape (n_units, q)

    Raises
    ------
    DataError
        A rating is not among the categories.

    Examples
    --------
    >>> category_counts(np.array([[1.0, 1.0], [1.0, 2.0]])).tolist()
    [[2.0, 0.0], [1.0, 1.0]]
    """
    known = observed_categories(ratings) if categories is None else np.asarray(categories, float)
    rows, raters = np.nonzero(~np.isnan(ratings))
    values = ratings[rows, raters]
    position = np.clip(np.searchsorted(known, values), 0, max(known.size - 1, 0))
    if known.size == 0 or np.any(known[position] != values):
        unknown = values[0] if known.size == 0 else values[known[position] != values][0]
        raise DataError(f"rating {unknown:g} is not among the categories {known.tolist()}.")
    flat = np.bincount(rows * known.size + position, minlength=ratings.shape[0] * known.size)
    return flat.reshape(ratings.shape[0], known.size).astype(float)


def agreement_weights(categories: FloatArray, kind: WeightKind = "identity") -> FloatArray:
    """Weights for partial agreement between categories (Gwet 2014, chapter 3).

    Parameters
    ----------
    categories : ndarray, shape (q,)
        Category scores, sorted.
    kind : {"identity", "linear", "quadratic", "ordinal", "radical", "ratio"}
        Weighting; ``"ordinal"`` uses ranks only, the others the scores.

    Returns
    -------
    ndarray, shape (q, q)
        One on the diagonal.

    Raises
    ------
    OptionError
        Unknown kind.

    Examples
    --------
    >>> agreement_weights(np.array([1.0, 2.0, 3.0]), "linear")[0].tolist()
    [1.0, 0.5, 0.0]
    """
    x = np.asarray(categories, float)
    if kind == "identity" or x.size < 2:
        if kind not in WEIGHT_KINDS:
            raise OptionError(f"weights={kind!r} is not one of {', '.join(WEIGHT_KINDS)}.")
        return np.eye(x.size)
    gap = np.abs(np.subtract.outer(x, x))
    if kind == "linear":
        return 1 - gap / np.ptp(x)
    if kind == "quadratic":
        return 1 - (gap / np.ptp(x)) ** 2
    if kind == "radical":
        return 1 - np.sqrt(gap / np.ptp(x))
    if kind == "ordinal":
        rank = np.arange(x.size)
        steps = np.abs(np.subtract.outer(rank, rank)) + 1.0
        pairs = steps * (steps - 1) / 2
        return 1 - pairs / pairs.max()
    if kind == "ratio":
        total = np.add.outer(x, x)
        share = np.divide(gap, total, out=np.zeros_like(gap), where=total != 0) ** 2
        return 1 - share / share.max()
    raise OptionError(f"weights={kind!r} is not one of {', '.join(WEIGHT_KINDS)}.")


def fleiss_kappa(counts: FloatArray, weights: FloatArray | None = None) -> Agreement:
    """Fleiss' (weighted) kappa for any number of raters, ratings may be missing (Fleiss 1971; Gwet 2008).

    Parameters
    ----------
    counts : ndarray, shape (n_units, q)
        Raters per unit and category.
    weights : ndarray, shape (q, q), optional
        Agreement weights; identity by default.

    Returns
    -------
    Agreement
        The standard error is Gwet's linearised one: valid away from zero and with missing ratings.
    """
    w = np.eye(counts.shape[1]) if weights is None else weights
    counts = counts[counts.sum(1) > 0]
    share = counts / counts.sum(1, keepdims=True)
    pi = share.mean(0)
    expected_of_unit = share @ (w @ pi + w.T @ pi) / 2
    return _linearised(counts, w, float(pi @ w @ pi), expected_of_unit)


def gwet_ac(counts: FloatArray, weights: FloatArray | None = None) -> Agreement:
    """Gwet's AC1 (identity weights) or AC2 (other weights), ratings may be missing (Gwet 2008, 2014).

    Parameters
    ----------
    counts : ndarray, shape (n_units, q)
        Raters per unit and category; ``q`` counts all categories of the scale, used or not.
    weights : ndarray, shape (q, q), optional
        Agreement weights; identity by default.

    Returns
    -------
    Agreement
    """
    q = counts.shape[1]
    w = np.eye(q) if weights is None else weights
    counts = counts[counts.sum(1) > 0]
    share = counts / counts.sum(1, keepdims=True)
    pi = share.mean(0)
    if q < 2:
        return _linearised(counts, w, 1.0, np.ones(counts.shape[0]))
    factor = w.sum() / (q * (q - 1))
    return _linearised(counts, w, float(factor * np.sum(pi * (1 - pi))), factor * (share @ (1 - pi)))


def brennan_prediger(counts: FloatArray, weights: FloatArray | None = None) -> Agreement:
    """Agreement against uniform chance (Brennan & Prediger 1981), ratings may be missing."""
    q = counts.shape[1]
    w = np.eye(q) if weights is None else weights
    counts = counts[counts.sum(1) > 0]
    expected = float(w.sum() / q**2)
    return _linearised(counts, w, expected, np.full(counts.shape[0], expected))


def unit_agreement(counts: FloatArray, weights: FloatArray) -> FloatArray:
    """Weighted share of agreeing pairs of raters within each unit; NaN with fewer than two ratings."""
    r = counts.sum(1)
    agreeing = np.sum(counts * (counts @ weights.T - 1), axis=1)
    out: FloatArray = np.divide(agreeing, r * (r - 1), out=np.full(r.shape, np.nan), where=r > 1)
    return out


def _linearised(counts: FloatArray, w: FloatArray, pe: float, pe_unit: FloatArray) -> Agreement:
    """Coefficient and Gwet's variance: the influence of unit i is linear in its agreement and chance terms.

    Units with a single rating count with influence ``-kappa`` (Gwet 2014), which makes the standard error a
    little too large when there are many of them.
    """
    n = counts.shape[0]
    agreement = unit_agreement(counts, w)
    pairable = ~np.isnan(agreement)
    m = int(pairable.sum())
    nothing = np.full(n, np.nan)
    if m == 0:
        return Agreement(np.nan, np.nan, np.nan, pe, n, 0, nothing)
    pa = float(agreement[pairable].mean())
    if 1 - pe < 1e-12:
        return Agreement(np.nan, np.nan, pa, pe, n, m, nothing)
    kappa = (pa - pe) / (1 - pe)
    own = np.where(pairable, n / m * (np.where(pairable, agreement, 0.0) - pe) / (1 - pe), 0.0)
    influence = own - 2 * (1 - kappa) * (pe_unit - pe) / (1 - pe)
    se = np.sqrt(np.sum((influence - kappa) ** 2) / (n * (n - 1))) if n > 1 else np.nan
    return Agreement(float(kappa), float(se), pa, pe, n, m, influence)
