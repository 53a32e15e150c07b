"""Grouped jackknife: influence values for statistics without a derivative, for the BCa's acceleration."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from recoverymetrics.typing import FloatArray

GROUPS = 100
"""Groups of persons that are left out in turn when there are more persons than this."""


def grouped_influence(
    statistic: Callable[[FloatArray], FloatArray], values: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """Influence of groups of persons on several statistics (Efron & Tibshirani 1993, chapter 11).

    Persons are put into at most ``GROUPS`` random groups of nearly equal size, and each group is left out in
    turn. Sums over groups of the second and third powers estimate those over persons, so the acceleration of
    the BCa is the same up to its sampling error, about ``0.65 / GROUPS``.

    Parameters
    ----------
    statistic : callable
        From the data of the persons who are left, ``(m, p)``, to the statistics ``(k,)``; NaN when it fails.
    values : ndarray, shape (n, p)
        Data of all persons.
    rng : Generator
        For the groups.

    Returns
    -------
    ndarray, shape (groups, k)
        Groups where the statistic failed are left out.
    """
    n = values.shape[0]
    groups = min(n, GROUPS)
    label = rng.permutation(np.arange(n) % groups)
    without = np.array([statistic(values[label != g]) for g in range(groups)])
    without = without[np.isfinite(without).all(1)]
    influence: FloatArray = without.mean(0) - without
    return influence
