"""How well extracted factors reproduce the correlations."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import chdtr, chdtrc, chndtr
from scipy.stats import ncx2

from recoverymetrics.typing import FloatArray


@dataclass(frozen=True)
class FitMeasures:
    """Fit of a factor solution; NaN where the sample size is unknown or degrees of freedom run out.

    Attributes
    ----------
    df : int
        Degrees of freedom, ``((p - k)^2 - p - k) / 2``.
    objective : float
        Likelihood discrepancy ``log|Sigma| - log|R| + tr(R Sigma^-1) - p``.
    chi2, p_value : float
        Discrepancy times ``n - 1 - (2 p + 5) / 6 - 2 k / 3`` (Bartlett 1950).
    null_chi2, null_df
        The same for uncorrelated items, times ``n - 1 - (2 p + 5) / 6``.
    chi2_empirical : float
        ``n`` times the sum of squared residual correlations.
    rmsea, rmsea_conf_low, rmsea_conf_high : float
        Root mean square error of approximation with a 90% interval.
    tli, cfi : float
        Relative fit; both discrepancies times the model's multiplier.
    aic, bic, sabic, ebic : float
        ``chi2`` less twice df, less df times log n, with the sample-size adjusted n, and empirical.
    srmr : float
        Root mean square of the off-diagonal residuals.
    crms : float
        The same, corrected for degrees of freedom.
    fit, fit_off : float
        Share of the (off-diagonal) squared correlations that is reproduced.
    """

    df: int
    objective: float
    chi2: float
    p_value: float
    null_chi2: float
    null_df: int
    chi2_empirical: float
    rmsea: float
    rmsea_conf_low: float
    rmsea_conf_high: float
    tli: float
    cfi: float
    aic: float
    bic: float
    sabic: float
    ebic: float
    srmr: float
    crms: float
    fit: float
    fit_off: float


def degrees_of_freedom(p: int, k: int) -> int:
    """Correlations less parameters of an exploratory model with ``k`` factors."""
    return ((p - k) ** 2 - p - k) // 2


def likelihood_discrepancy(R: FloatArray, implied: FloatArray) -> float:
    """``log|Sigma| - log|R| + tr(R Sigma^-1) - p``; NaN when a matrix is not positive definite."""
    sign, logdet = np.linalg.slogdet(implied)
    sign_r, logdet_r = np.linalg.slogdet(R)
    if sign <= 0 or sign_r <= 0:
        return math.nan
    return float(logdet - logdet_r + np.trace(np.linalg.solve(implied, R)) - R.shape[0])


def rmsea_interval(chi2: float, df: int, n: float, level: float = 0.90) -> tuple[float, float]:
    """Interval of the RMSEA from the noncentral chi-square distribution (Steiger 1990).

    Parameters
    ----------
    chi2 : float
        Statistic.
    df : int
        Degrees of freedom.
    n : float
        What divides the noncentrality, ``n - 1`` or ``n``.
    level : float, default 0.90
        Coverage.

    Returns
    -------
    tuple of float
    """
    if df <= 0 or not math.isfinite(chi2):
        return math.nan, math.nan

    def limit(quantile: float) -> float:
        if chdtr(df, max(chi2, 0.0)) <= quantile:
            return 0.0
        return math.sqrt(_noncentrality(chi2, df, quantile) / (df * n))

    return limit(0.5 + level / 2), limit(0.5 - level / 2)


def _noncentrality(chi2: float, df: int, quantile: float) -> float:
    """Noncentrality at which ``chi2`` is that quantile; the quick function first, the exact one to finish."""
    high = max(chi2 * 2.0, 10.0)
    while chndtr(chi2, df, high) > quantile:
        high *= 2.0
    root: float = brentq(lambda nc: chndtr(chi2, df, nc) - quantile, 1e-12, high, xtol=1e-10, rtol=1e-13)
    for _ in range(4):
        gap = float(ncx2.cdf(chi2, df, root)) - quantile
        if abs(gap) < 1e-11:  # at once where SciPy computes both alike (1.16 and later)
            break
        root -= gap * 1e-3 * root / float(chndtr(chi2, df, 1.001 * root) - chndtr(chi2, df, root))
    return root


def fit_measures(R: FloatArray, implied: FloatArray, n_factors: int, n: float | None) -> FitMeasures:
    """Compute the fit of a reproduced correlation matrix.

    Parameters
    ----------
    R : ndarray, shape (p, p)
        Observed correlations.
    implied : ndarray, shape (p, p)
        ``Lambda Phi Lambda'``, the common part; unit diagonals are put in.
    n_factors : int
        Factors.
    n : float or None
        Persons.

    Returns
    -------
    FitMeasures
    """
    p = R.shape[0]
    df = degrees_of_freedom(p, n_factors)
    sigma = implied.copy()
    np.fill_diagonal(sigma, 1.0)
    residual = R - sigma
    off = float(np.sum(residual**2))
    off_total = float(np.sum(R**2) - p)
    with_diagonal = float(np.sum((R - implied) ** 2))
    objective = likelihood_discrepancy(R, sigma)
    null = -float(np.linalg.slogdet(R)[1])
    null_df = p * (p - 1) // 2
    known = n is not None
    size = float(n) if n is not None else math.nan
    chi2 = objective * (size - 1.0 - (2 * p + 5) / 6.0 - 2.0 * n_factors / 3.0)
    null_chi2 = null * (size - 1.0 - (2 * p + 5) / 6.0)
    null_same = null * (size - 1.0 - (2 * p + 5) / 6.0 - 2.0 * n_factors / 3.0)
    p_value = float(chdtrc(df, max(chi2, 0.0))) if df > 0 and known else math.nan
    rmsea = math.sqrt(max(chi2 / (df * size) - 1.0 / (size - 1.0), 0.0)) if df > 0 and known else math.nan
    low, high = rmsea_interval(chi2, df, size - 1.0) if known else (math.nan, math.nan)
    empirical = size * off
    return FitMeasures(
        df=df,
        objective=objective,
        chi2=chi2,
        p_value=p_value,
        null_chi2=null_chi2,
        null_df=null_df,
        chi2_empirical=empirical,
        rmsea=rmsea,
        rmsea_conf_low=low,
        rmsea_conf_high=high,
        tli=_tli(chi2, df, null_same, null_df),
        cfi=_cfi(chi2, df, null_same, null_df),
        aic=chi2 - 2.0 * df,
        bic=chi2 - df * math.log(size) if known else math.nan,
        sabic=chi2 - df * math.log((size + 2.0) / 24.0) if known else math.nan,
        ebic=empirical - df * math.log(size) if known else math.nan,
        srmr=math.sqrt(off / (p * (p - 1))),
        crms=math.sqrt(off / (2.0 * df)) if df > 0 else math.nan,
        fit=1.0 - with_diagonal / float(np.sum(R**2)),
        fit_off=1.0 - off / off_total,
    )


def _tli(chi2: float, df: int, null_chi2: float, null_df: int) -> float:
    if df <= 0 or not math.isfinite(chi2):
        return math.nan
    return (null_chi2 / null_df - chi2 / df) / (null_chi2 / null_df - 1.0)


def _cfi(chi2: float, df: int, null_chi2: float, null_df: int) -> float:
    if not math.isfinite(chi2):
        return math.nan
    excess, null_excess = max(chi2 - df, 0.0), max(null_chi2 - null_df, chi2 - df, 0.0)
    return 1.0 - excess / null_excess if null_excess > 0 else 1.0
