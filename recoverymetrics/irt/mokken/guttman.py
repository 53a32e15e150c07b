"""Persons whose answers do not fit the scale: Guttman errors and infrequent answers (Zijlstra et al. 2007)."""

from __future__ import annotations

import numpy as np
import pandas as pd

from recoverymetrics.irt.mokken.violations import item_steps
from recoverymetrics.typing import FloatArray, IntArray


def guttman_errors(codes: IntArray) -> tuple[FloatArray, FloatArray]:
    """Number of Guttman errors of each person, and the largest number that the sum score allows.

    Item steps are ordered by popularity; passing a step and failing one that is strictly more popular is an error.

    Parameters
    ----------
    codes : ndarray of int, shape (n, J)
        Complete category codes from zero.

    Returns
    -------
    errors, largest : ndarray, shape (n,)
        ``largest`` is that of the worst vector with the same sum score (Emons 2008), found over all ways to spread
        the score over the items.
    """
    steps = item_steps(codes)
    S = np.hstack(steps)
    harder = np.subtract.outer(S.sum(axis=0), S.sum(axis=0)) > 0
    errors = np.sum(((1 - S) @ harder) * S, axis=1)
    return errors, _largest_errors(steps)[codes.sum(axis=1)]


def _largest_errors(steps: list[FloatArray]) -> FloatArray:
    """Largest number of errors at each sum score; steps of equal popularity count half.

    The errors of a vector are the sum of the ranks of the passed steps less a function of the sum score alone.
    """
    counts = np.concatenate([s.sum(axis=0) for s in steps])
    order = np.sort(-counts)
    rank = (np.searchsorted(order, -counts, "left") + np.searchsorted(order, -counts, "right") - 1) / 2
    best = _largest_sum(rank, [s.shape[1] for s in steps])
    score = np.arange(best.size)
    value: FloatArray = best - score * (score - 1) / 2
    return value


def _largest_sum(weights: FloatArray, sizes: list[int]) -> FloatArray:
    """Largest sum of the weights of passed steps at each sum score, by dynamic programming over the items."""
    best, start = np.zeros(1), 0
    for size in sizes:
        own = np.concatenate([[0.0], np.cumsum(weights[start : start + size])])
        start += size
        grown = np.full(best.size + size, -np.inf)
        for x, gain in enumerate(own):
            grown[x : x + best.size] = np.maximum(grown[x : x + best.size], best + gain)
        best = grown
    return best


def van_der_flier(codes: IntArray) -> FloatArray:
    """U3 of each person (Van der Flier 1982; Emons 2008 for polytomous items), shape (n,).

    Zero when only the most popular steps are passed, one for the least plausible vector with the same sum score.
    Popularities of zero and one are pulled in by half a person.

    Parameters
    ----------
    codes : ndarray of int, shape (n, J)
        Complete category codes from zero.
    """
    steps = item_steps(codes)
    S, sizes = np.hstack(steps), [s.shape[1] for s in steps]
    p = (S.sum(axis=0) + 0.5) / (S.shape[0] + 1)
    logit = np.log(p / (1 - p))
    score = codes.sum(axis=1)
    top, bottom = _largest_sum(logit, sizes)[score], -_largest_sum(-logit, sizes)[score]
    gap = top - bottom
    value = np.where(gap > 1e-12, (top - S @ logit) / np.where(gap > 1e-12, gap, 1.0), 0.0)
    return np.clip(value, 0.0, 1.0)


def infrequent_answers(codes: IntArray) -> FloatArray:
    """O+: sum over items of the number of categories that are more popular than the one chosen, shape (n,)."""
    out = np.zeros(codes.shape[0])
    for column in codes.T:
        counts = np.bincount(column)
        out += np.array([np.sum(counts > c) for c in counts], dtype=float)[column]
    return out


def medcouple(values: FloatArray) -> float:
    """Robust skewness (Brys, Hubert & Struyf 2004)."""
    x = np.sort(np.asarray(values, dtype=float)) - np.median(values)
    up, down = x[x >= 0][::-1], x[x <= 0]
    gap = np.subtract.outer(up, down)
    kernel = np.where(gap > 0, np.add.outer(up, down) / np.where(gap > 0, gap, 1.0), 0.0)
    k = int(np.sum(x == 0))
    if k:
        rank = np.arange(k)
        kernel[-k:, -k:] = np.sign(k - 1 - rank[:, None] - rank[None, :])
    return float(np.median(kernel))


def adjusted_fence(values: FloatArray) -> float:
    """Upper fence of the boxplot for skewed data (Hubert & Vandervieren 2008)."""
    low, high = np.quantile(values, [0.25, 0.75])
    skew = medcouple(values)
    return float(high + 1.5 * np.exp((3.0 if skew >= 0 else 4.0) * skew) * (high - low))


def person_errors(codes: IntArray) -> pd.DataFrame:
    """One row per person: guttman_errors, normed_errors (share of the largest possible), infrequency, flagged.

    ``flagged``: the Guttman errors lie beyond the adjusted fence.
    """
    errors, largest = guttman_errors(codes)
    return pd.DataFrame(
        {
            "guttman_errors": errors.astype(int),
            "normed_errors": np.divide(errors, largest, out=np.zeros_like(errors), where=largest > 0),
            "infrequency": infrequent_answers(codes).astype(int),
            "flagged": errors > adjusted_fence(errors),
        }
    )
