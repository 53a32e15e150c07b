"""Confidence intervals on arrays: Wald on four scales, bootstrap percentile, basic, normal and BCa."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from scipy import special, stats

from recoverymetrics.errors import OptionError
from recoverymetrics.typing import FloatArray

Scale = Literal["identity", "fisher_z", "logit", "log_complement"]
BootstrapMethod = Literal["percentile", "bca", "basic", "normal"]

BOOTSTRAP_METHODS: tuple[BootstrapMethod, ...] = ("percentile", "bca", "basic", "normal")


class Interval(NamedTuple):
    """Lower and upper limit, each of the shape of the estimate."""

    low: FloatArray
    high: FloatArray


def wald_interval(
    estimate: FloatArray | float,
    std_error: FloatArray | float,
    *,
    level: float = 0.95,
    scale: Scale = "identity",
    df: float = np.inf,
) -> Interval:
    """Interval from an estimate and its standard error, symmetric on the chosen scale.

    Parameters
    ----------
    estimate, std_error : array_like
        Estimates and their standard errors, on the identity scale.
    level : float, default 0.95
        Confidence level.
    scale : {"identity", "fisher_z", "logit", "log_complement"}
        Scale on which the interval is symmetric: the estimate itself, ``atanh`` (correlations), ``logit``
        (quantities in 0..1) or ``-log(1 - x)`` (reliabilities, which may be negative). The standard
        error is carried over by the delta method.
    df : float, default infinity
        Degrees of freedom of a t quantile; infinity is the normal quantile.

    Returns
    -------
    Interval

    Raises
    ------
    OptionError
        Unknown scale.
    """
    x, se = np.asarray(estimate, float), np.asarray(std_error, float)
    q = stats.t.ppf(0.5 + level / 2, df) if np.isfinite(df) else _z(level)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if scale == "identity":
            return Interval(x - q * se, x + q * se)
        if scale == "fisher_z":
            half = q * se / (1 - x**2)
            return Interval(np.tanh(np.arctanh(x) - half), np.tanh(np.arctanh(x) + half))
        if scale == "logit":
            half = q * se / (x * (1 - x))
            return Interval(special.expit(special.logit(x) - half), special.expit(special.logit(x) + half))
        if scale == "log_complement":
            half = q * se / (1 - x)
            return Interval(1 - (1 - x) * np.exp(half), 1 - (1 - x) * np.exp(-half))
    raise OptionError(f"scale={scale!r} is not one of identity, fisher_z, logit, log_complement.")


def bootstrap_interval(
    draws: FloatArray,
    estimate: FloatArray | float,
    *,
    level: float = 0.95,
    method: BootstrapMethod = "percentile",
    influence: FloatArray | None = None,
) -> Interval:
    """Interval from bootstrap replications (Efron 1987 for the BCa).

    Parameters
    ----------
    draws : ndarray, shape (n_draws,)
        Replications of one statistic; NaN replications are left out (the caller reports how many).
    estimate : float
        The statistic on the data.
    level : float, default 0.95
        Confidence level.
    method : {"percentile", "bca", "basic", "normal"}
        Kind of interval.
    influence : ndarray, shape (n,), optional
        Empirical influence values (or jackknife deviations), needed by ``"bca"`` for the acceleration.

    Returns
    -------
    Interval

    Raises
    ------
    OptionError
        Unknown method, or ``"bca"`` without influence values.
    """
    kept = draws[np.isfinite(draws)]
    tails = np.array([(1 - level) / 2, 1 - (1 - level) / 2])
    if kept.size < 2:
        return Interval(np.asarray(np.nan), np.asarray(np.nan))
    if method == "normal":
        bias = kept.mean() - estimate
        return wald_interval(estimate - bias, kept.std(ddof=1), level=level)
    if method == "basic":
        high, low = 2 * np.asarray(estimate) - np.quantile(kept, tails)
        return Interval(np.asarray(low), np.asarray(high))
    if method == "bca":
        tails = _bca_tails(kept, float(estimate), tails, influence)
    elif method != "percentile":
        raise OptionError(f"method={method!r} is not one of {', '.join(BOOTSTRAP_METHODS)}.")
    low, high = np.quantile(kept, tails)
    return Interval(np.asarray(low), np.asarray(high))


def _bca_tails(
    draws: FloatArray, estimate: float, tails: FloatArray, influence: FloatArray | None
) -> FloatArray:
    if influence is None:
        raise OptionError('method="bca" needs the influence values of the statistic.')
    share = (np.sum(draws < estimate) + 0.5 * np.sum(draws == estimate)) / draws.size
    z0 = stats.norm.ppf(np.clip(share, 0.5 / draws.size, 1 - 0.5 / draws.size))
    centred = influence - influence.mean()
    spread = np.sum(centred**2) ** 1.5
    acceleration = np.sum(centred**3) / (6 * spread) if spread > 0 else 0.0
    z = z0 + stats.norm.ppf(tails)
    shifted: FloatArray = stats.norm.cdf(z0 + z / (1 - acceleration * z))
    return shifted


def _z(level: float) -> float:
    if not 0 < level < 1:
        raise OptionError(f"level={level!r} must lie between 0 and 1, for example 0.95.")
    return float(stats.norm.ppf(0.5 + level / 2))
