"""Variance components of targets and raters: mean squares, intraclass correlations, REML with missing ratings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from recoverymetrics.errors import DataError
from recoverymetrics.typing import FloatArray

_LOWEST, _ZERO = -25.0, -18.0
"""Logarithms of relative variances: lower bound of the search, and below which a variance counts as zero."""

FORMS = ("ICC1", "ICC2", "ICC3", "ICC1k", "ICC2k", "ICC3k")


@dataclass(frozen=True)
class MeanSquares:
    """Two-way analysis of variance of complete ratings.

    Attributes
    ----------
    targets, within, raters, error : float
        Mean squares between targets, within targets, between raters, and of the residual.
    n, k : int
        Targets and raters.
    """

    targets: float
    within: float
    raters: float
    error: float
    n: int
    k: int


def mean_squares(ratings: FloatArray) -> MeanSquares:
    """Mean squares of complete ratings, shape (n_targets, n_raters).

    Raises
    ------
    DataError
        Missing ratings, fewer than two targets or fewer than two raters.
    """
    n, k = ratings.shape
    if n < 2 or k < 2:
        raise DataError(f"at least two targets and two raters are needed; there are {n} and {k}.")
    if np.isnan(ratings).any():
        raise DataError(
            "mean squares need complete ratings; use the variance components with missing ratings."
        )
    grand = ratings.mean()
    rows, columns = ratings.mean(1), ratings.mean(0)
    targets = k * np.sum((rows - grand) ** 2)
    raters = n * np.sum((columns - grand) ** 2)
    within = np.sum((ratings - rows[:, None]) ** 2)
    return MeanSquares(
        float(targets / (n - 1)),
        float(within / (n * (k - 1))),
        float(raters / (k - 1)),
        float((within - raters) / ((n - 1) * (k - 1))),
        n,
        k,
    )


@dataclass(frozen=True)
class Intraclass:
    """One intraclass correlation with its F test and interval.

    Attributes
    ----------
    form : str
        ``ICC1 ICC2 ICC3 ICC1k ICC2k ICC3k`` of Shrout & Fleiss (1979).
    estimate, conf_low, conf_high : float
        Estimate and limits.
    statistic, df1, df2, p_value : float
        F test of no differences between targets.
    """

    form: str
    estimate: float
    conf_low: float
    conf_high: float
    statistic: float
    df1: float
    df2: float
    p_value: float


def intraclass_correlations(ms: MeanSquares, *, level: float = 0.95) -> tuple[Intraclass, ...]:
    """All six intraclass correlations from mean squares (Shrout & Fleiss 1979; McGraw & Wong 1996).

    Parameters
    ----------
    ms : MeanSquares
        Mean squares.
    level : float, default 0.95
        Confidence level.

    Returns
    -------
    tuple of Intraclass
        In the order of ``FORMS``.

    Examples
    --------
    >>> ratings = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)
    >>> [round(icc.estimate, 2) for icc in intraclass_correlations(mean_squares(ratings))]
    [0.17, 0.29, 0.71, 0.44, 0.62, 0.91]
    """
    n, k = ms.n, ms.k
    single = (
        _ratio(ms.targets - ms.within, ms.targets + (k - 1) * ms.within),
        _ratio(ms.targets - ms.error, ms.targets + (k - 1) * ms.error + k * (ms.raters - ms.error) / n),
        _ratio(ms.targets - ms.error, ms.targets + (k - 1) * ms.error),
    )
    mean = (
        _ratio(ms.targets - ms.within, ms.targets),
        _ratio(ms.targets - ms.error, ms.targets + (ms.raters - ms.error) / n),
        _ratio(ms.targets - ms.error, ms.targets),
    )
    one_way = (_ratio(ms.targets, ms.within), n - 1, n * (k - 1))
    two_way = (_ratio(ms.targets, ms.error), n - 1, (n - 1) * (k - 1))
    tests = (one_way, two_way, two_way)
    limits = (
        _f_limits(one_way, k, level),
        _absolute_limits(ms, single[1], level),
        _f_limits(two_way, k, level),
    )
    stepped = [tuple(_stepped_limit(x, k) for x in pair) for pair in limits]
    return tuple(
        Intraclass(form, estimate, low, high, f, df1, df2, float(stats.f.sf(f, df1, df2)))
        for form, estimate, (low, high), (f, df1, df2) in zip(
            FORMS, (*single, *mean), (*limits, *stepped), (*tests, *tests), strict=True
        )
    )


def spearman_brown(reliability: float, length: float) -> float:
    """Reliability of the mean of ``length`` parallel measurements."""
    return _ratio(length * reliability, 1 + (length - 1) * reliability)


def _stepped_limit(limit: float, k: int) -> float:
    """Spearman-Brown of a limit; minus infinity where it is below what ``k`` ratings can correlate."""
    return float("-inf") if limit <= -1 / (k - 1) else spearman_brown(limit, k)


def _ratio(a: float, b: float) -> float:
    return float(a / b) if b != 0 else float("nan")


def _f_limits(test: tuple[float, float, float], k: int, level: float) -> tuple[float, float]:
    f, df1, df2 = test
    tail = (1 - level) / 2
    low, high = f / stats.f.ppf(1 - tail, df1, df2), f * stats.f.ppf(1 - tail, df2, df1)
    return _ratio(low - 1, low + k - 1), _ratio(high - 1, high + k - 1)


def _absolute_limits(ms: MeanSquares, icc: float, level: float) -> tuple[float, float]:
    """Limits of ICC2 with Satterthwaite degrees of freedom (Shrout & Fleiss 1979; McGraw & Wong 1996)."""
    n, k = ms.n, ms.k
    if not np.isfinite(icc) or ms.error == 0:
        return float("nan"), float("nan")
    a, b = ms.raters / ms.error, n * (1 + (k - 1) * icc) - k * icc
    df = (k - 1) * (n - 1) * (k * icc * a + b) ** 2 / ((n - 1) * (k * icc * a) ** 2 + b**2)
    tail = (1 - level) / 2
    upper, lower = stats.f.ppf(1 - tail, n - 1, df), stats.f.ppf(1 - tail, df, n - 1)
    spread = k * ms.raters + (k * n - k - n) * ms.error
    low = n * (ms.targets - upper * ms.error) / (upper * spread + n * ms.targets)
    high = n * (lower * ms.targets - ms.error) / (spread + n * lower * ms.targets)
    return float(low), float(high)


@dataclass(frozen=True)
class Components:
    """Variance components by restricted maximum likelihood.

    Attributes
    ----------
    targets, raters, error : float
        Variances; ``raters`` is 0 in the one-way model.
    covariance : ndarray, shape (3, 3)
        Large-sample covariance of the three estimates (zero rows where a variance is fixed at or estimated as
        0).
    loglik : float
        Restricted log-likelihood.
    n, k : int
        Targets and raters with at least one rating.
    k_mean : float
        Harmonic mean of the number of ratings per target.
    converged : bool
        Whether the optimiser reached its stopping rule.
    """

    targets: float
    raters: float
    error: float
    covariance: FloatArray
    loglik: float
    n: int
    k: int
    k_mean: float
    converged: bool


def reml_components(ratings: FloatArray, *, rater_effect: bool = True) -> Components:
    """Variance components of incomplete ratings by REML, raters random.

    Parameters
    ----------
    ratings : ndarray, shape (n_targets, n_raters)
        NaN where a rater did not rate a target; missing at random.
    rater_effect : bool, default True
        Whether raters have a variance of their own (two-way model); else one-way.

    Returns
    -------
    Components
        For complete ratings and positive components equal to those of the analysis of variance.

    Raises
    ------
    DataError
        No target with two ratings, or no variation.
    """
    kept = ratings[(~np.isnan(ratings)).any(1)]
    kept = kept[:, (~np.isnan(kept)).any(0)]
    M = (~np.isnan(kept)).astype(float)
    per_target = M.sum(1)
    if kept.shape[0] < 2 or per_target.max(initial=0) < 2:
        raise DataError("no target, or only one, has two ratings; agreement cannot be estimated.")
    scale = float(np.nanvar(kept, ddof=1))
    if scale <= 0:
        raise DataError("all ratings are the same; variance components are not defined.")
    Y = np.where(M > 0, (kept - np.nanmean(kept)) / np.sqrt(scale), 0.0)
    size = 3 if rater_effect else 2

    def objective(x: FloatArray) -> float:
        return -_restricted_loglik(Y, M, _expand(np.exp(x), rater_effect))

    start = np.log([0.4, 0.2, 0.4] if rater_effect else [0.5, 0.5])
    fit = optimize.minimize(
        objective,
        start,
        method="L-BFGS-B",
        bounds=[(_LOWEST, 10.0)] * size,
        options={"ftol": 1e-15, "gtol": 1e-9},
    )
    x, ok = _polish(objective, _snap(objective, fit.x))
    values = np.exp(x)
    free = x > _ZERO
    covariance = np.zeros((size, size))
    hessian = _hessian(objective, x)[np.ix_(free, free)]
    covariance[np.ix_(free, free)] = np.linalg.pinv(hessian, hermitian=True)
    covariance *= np.outer(values, values) * scale**2
    values = np.where(free, values, 0.0) * scale
    full = np.zeros((3, 3))
    where = [0, 1, 2] if rater_effect else [0, 2]
    full[np.ix_(where, where)] = covariance
    targets, raters, error = _expand(values, rater_effect)
    count = float(M.sum())
    loglik = -objective(x) - 0.5 * (count - 1) * np.log(scale)
    return Components(
        targets,
        raters,
        error,
        full,
        float(loglik),
        kept.shape[0],
        kept.shape[1],
        float(1 / np.mean(1 / per_target)),
        ok,
    )


def _expand(values: FloatArray, rater_effect: bool) -> tuple[float, float, float]:
    if rater_effect:
        return float(values[0]), float(values[1]), float(values[2])
    return float(values[0]), 0.0, float(values[1])


def _restricted_loglik(Y: FloatArray, M: FloatArray, variances: tuple[float, float, float]) -> float:
    """REML log-likelihood of zero-filled ratings; targets are eliminated, then raters and the mean."""
    targets, raters, error = variances
    per_target = M.sum(1)
    shrink = targets / (error + per_target * targets)
    sums = Y.sum(1)
    yy = (np.sum(Y**2) - np.sum(shrink * sums**2)) / error
    zz = (np.diag(M.sum(0)) - (M * shrink[:, None]).T @ M) / error
    zy = (Y.sum(0) - M.T @ (shrink * sums)) / error
    logdet = np.sum((per_target - 1) * np.log(error) + np.log(error + per_target * targets))
    inner = np.eye(M.shape[1]) + raters * zz  # Woodbury for the raters
    solved = np.linalg.solve(inner, np.column_stack([zy, zz.sum(1)]))
    ones, cross = zz.sum(), zy.sum()
    xx = ones - raters * zz.sum(1) @ solved[:, 1]
    xy = cross - raters * zz.sum(1) @ solved[:, 0]
    quadratic = yy - raters * zy @ solved[:, 0] - xy**2 / xx
    logdet += np.linalg.slogdet(inner)[1] + np.log(xx)
    count = M.sum()
    return float(-0.5 * (logdet + quadratic + (count - 1) * np.log(2 * np.pi)))


def _hessian(f: Callable[[FloatArray], float], x: FloatArray) -> FloatArray:
    size, h = x.size, 1e-4
    H = np.empty((size, size))
    steps = np.eye(size) * h
    for i in range(size):
        for j in range(i, size):
            if i == j:
                value = (f(x + steps[i]) - 2 * f(x) + f(x - steps[i])) / h**2
            else:
                value = (
                    f(x + steps[i] + steps[j])
                    - f(x + steps[i] - steps[j])
                    - f(x - steps[i] + steps[j])
                    + f(x - steps[i] - steps[j])
                ) / (4 * h**2)
            H[i, j] = H[j, i] = value
    return H


def _snap(f: Callable[[FloatArray], float], x: FloatArray) -> FloatArray:
    """Put tiny components at zero when that does not lower the likelihood."""
    for i in np.flatnonzero((x < -9) & (x > _ZERO)):
        trial = x.copy()
        trial[i] = _LOWEST
        if f(trial) <= f(x) + 1e-7:
            x = trial
    return x


def _polish(f: Callable[[FloatArray], float], x: FloatArray) -> tuple[FloatArray, bool]:
    """Newton steps from numerical derivatives, for the components that are not at zero."""
    for _ in range(10):
        free = np.flatnonzero(x > _ZERO)
        h = 1e-5
        gradient = np.array([(f(x + h * e) - f(x - h * e)) / (2 * h) for e in np.eye(x.size)[free]])
        if np.abs(gradient).max(initial=0.0) < 1e-7:
            return x, True
        step = np.linalg.solve(_hessian(f, x)[np.ix_(free, free)], gradient)
        trial = x.copy()
        trial[free] -= np.clip(step, -1, 1)
        if f(trial) > f(x) + 1e-10:
            break
        x = trial
    return x, bool(np.abs(gradient).max(initial=0.0) < 1e-4)
