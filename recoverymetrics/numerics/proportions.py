"""Intervals for one proportion and for the difference of two; everything works on arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
from scipy.special import betaincinv, ndtr, ndtri

from recoverymetrics.errors import OptionError
from recoverymetrics.numerics.intervals import Interval
from recoverymetrics.typing import FloatArray

ProportionMethod: TypeAlias = Literal["wilson", "clopper_pearson"]
PROPORTION_METHODS: tuple[str, ...] = get_args(ProportionMethod)


def proportion_interval(
    count: npt.ArrayLike, n: npt.ArrayLike, *, method: ProportionMethod = "wilson", level: float = 0.95
) -> Interval:
    """Interval for a proportion (Brown, Cai and DasGupta 2001).

    Parameters
    ----------
    count, n : array-like
        Successes and trials, broadcast against each other; ``n = 0`` gives NaN.
    method : {"wilson", "clopper_pearson"}, default "wilson"
        Wilson's score interval, or the exact one of Clopper and Pearson.
    level : float, default 0.95
        Confidence level.

    Returns
    -------
    Interval

    Raises
    ------
    OptionError
        Unknown method.

    Examples
    --------
    >>> low, high = proportion_interval(8, 10)
    >>> round(float(low), 4), round(float(high), 4)
    (0.4902, 0.9433)
    """
    kernels: dict[str, Callable[[FloatArray, FloatArray, float], Interval]] = {
        "wilson": wilson_interval,
        "clopper_pearson": clopper_pearson_interval,
    }
    if method not in kernels:
        raise OptionError(f"interval={method!r} is unknown; choose from {', '.join(PROPORTION_METHODS)}.")
    x, m = np.broadcast_arrays(np.asarray(count, float), np.asarray(n, float))
    return kernels[method](x, m, level)


def wilson_interval(x: FloatArray, n: FloatArray, level: float) -> Interval:
    """Score interval: the proportions that a z test does not reject."""
    return _score_limits(x, n, ndtri(0.5 + level / 2))


def _score_limits(x: FloatArray, n: FloatArray, z: npt.ArrayLike) -> Interval:
    z2 = np.square(z)
    with np.errstate(invalid="ignore", divide="ignore"):
        centre = (x + z2 / 2) / (n + z2)
        half = np.sqrt(z2) / (n + z2) * np.sqrt(x * (n - x) / n + z2 / 4)
    low, high = np.where(x <= 0, 0.0, centre - half), np.where(x >= n, 1.0, centre + half)
    return Interval(np.where(n > 0, low, np.nan), np.where(n > 0, high, np.nan))


def clopper_pearson_interval(x: FloatArray, n: FloatArray, level: float) -> Interval:
    """Exact interval from the binomial tails."""
    tail = (1 - level) / 2
    low = np.where(x > 0, betaincinv(np.maximum(x, 1e-300), n - x + 1, tail), 0.0)
    high = np.where(x < n, betaincinv(x + 1, np.maximum(n - x, 1e-300), 1 - tail), 1.0)
    return Interval(np.where(n > 0, low, np.nan), np.where(n > 0, high, np.nan))


def difference_interval(
    x1: npt.ArrayLike, n1: npt.ArrayLike, x2: npt.ArrayLike, n2: npt.ArrayLike, *, level: float = 0.95
) -> Interval:
    """Interval for the difference of two independent proportions, first minus second.

    Hybrid score interval, method 10 of Newcombe (1998).

    Parameters
    ----------
    x1, n1, x2, n2 : array-like
        Successes and trials of both samples, broadcast against each other; no trials give NaN.
    level : float, default 0.95
        Confidence level.

    Returns
    -------
    Interval

    Examples
    --------
    >>> low, high = difference_interval(56, 70, 48, 80)
    >>> round(float(low), 4), round(float(high), 4)
    (0.0524, 0.3339)
    """
    a, m, b, k = (np.asarray(value, float) for value in (x1, n1, x2, n2))
    return _difference_limits(a, m, b, k, ndtri(0.5 + level / 2))


def _difference_limits(
    a: FloatArray, m: FloatArray, b: FloatArray, k: FloatArray, z: npt.ArrayLike
) -> Interval:
    (l1, u1), (l2, u2) = _score_limits(a, m, z), _score_limits(b, k, z)
    with np.errstate(invalid="ignore", divide="ignore"):
        p1, p2 = a / m, b / k
    gap = p1 - p2
    low = gap - np.sqrt((p1 - l1) ** 2 + (u2 - p2) ** 2)
    high = gap + np.sqrt((u1 - p1) ** 2 + (p2 - l2) ** 2)
    return Interval(low, high)


def equivalence_p_value(
    x1: npt.ArrayLike, n1: npt.ArrayLike, x2: npt.ArrayLike, n2: npt.ArrayLike, *, margin: float
) -> FloatArray:
    """P value of equivalence of two independent proportions: two one-sided tests (Schuirmann 1987).

    The one-sided tests are those of :func:`difference_interval`, so that ``p < alpha`` says the same as the interval at
    level ``1 - 2 alpha`` lying inside the margin. The larger of the two p values is reported.

    Parameters
    ----------
    x1, n1, x2, n2 : array-like
        Successes and trials of both samples, broadcast against each other; no trials give NaN.
    margin : float
        Differences smaller than this count as none.

    Returns
    -------
    ndarray
        Above one half when the observed difference itself is outside the margin; resolved down to 1e-15.

    Raises
    ------
    OptionError
        A margin that is not between 0 and 1.

    Examples
    --------
    >>> round(float(equivalence_p_value(180, 200, 178, 200, margin=0.10)), 4)
    0.0024
    """
    if not 0 < margin < 1:
        raise OptionError(
            f"margin={margin!r} must be a difference in shares between 0 and 1 (0.10 for 10 points)."
        )
    a, m, b, k = np.broadcast_arrays(*(np.asarray(value, float) for value in (x1, n1, x2, n2)))
    below = _crossing(a, m, b, k, margin)
    above = _crossing(b, k, a, m, margin)
    return np.asarray(np.maximum(ndtr(-below), ndtr(-above)))


def _crossing(a: FloatArray, m: FloatArray, b: FloatArray, k: FloatArray, margin: float) -> FloatArray:
    """Normal deviate at which a limit of the difference reaches ``-margin``; negative when the difference is below it."""
    with np.errstate(invalid="ignore", divide="ignore"):
        outside = a / m - b / k < -margin
    low, high = np.zeros(a.shape), np.full(a.shape, 8.0)
    for _ in range(60):
        z = (low + high) / 2
        limits = _difference_limits(a, m, b, k, z)
        short = np.where(outside, limits.high < -margin, limits.low > -margin)
        low, high = np.where(short, z, low), np.where(short, high, z)
    signed = np.where(outside, -low, low)
    return np.where((m > 0) & (k > 0), signed, np.nan)
