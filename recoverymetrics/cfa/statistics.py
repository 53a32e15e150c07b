"""Test statistics: standard, scaled, scaled and shifted, mean and variance adjusted."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.optimize import brentq
from scipy.special import chdtrc, chndtr, chndtrinc

from recoverymetrics.cfa.inference import Curvature
from recoverymetrics.cfa.spec import ScaledTest


@dataclass(frozen=True)
class ModelTest:
    """A test of exact fit.

    Attributes
    ----------
    chi2, df, p_value : float
        Standard statistic.
    scaled, df_scaled, p_scaled : float
        Scaled statistic; NaN without one.
    factor, shift : float
        ``scaled = chi2 / factor + shift``.
    scale : float
        Mean of the eigenvalues of ``U Gamma``, the ``c`` of the robust fit indices.
    """

    chi2: float
    df: int
    p_value: float
    scaled: float = math.nan
    df_scaled: float = math.nan
    p_scaled: float = math.nan
    factor: float = math.nan
    shift: float = math.nan
    scale: float = math.nan


def chi2_tail(statistic: float, df: float) -> float:
    """Upper tail of the chi-square distribution; NaN when there are no degrees of freedom."""
    if df <= 0 or not math.isfinite(statistic):
        return math.nan
    return float(chdtrc(df, max(statistic, 0.0)))


def model_test(
    chi2: float, df: int, found: Curvature, kind: ScaledTest, *, unweighted: bool = False
) -> ModelTest:
    """Assemble the standard test and the scaled one that the estimator asks for.

    Satorra and Bentler (1994) scale the mean, Asparouhov and Muthen (2010) scale and shift to match mean
    and variance, the mean and variance adjusted test changes the degrees of freedom instead. The plain
    statistic of unweighted least squares is not a chi-square and gets no p value. Without positive traces, as at
    estimates with a singular information matrix, the scaled statistic is left out.
    """
    p_value = math.nan if unweighted else chi2_tail(chi2, df)
    if kind == "none" or df == 0:
        return ModelTest(chi2, df, p_value)
    adjusted = kind in ("scaled_shifted", "mean_var_adjusted")
    if not found.trace > 0 or (adjusted and not found.trace2 > 0):
        return ModelTest(chi2, df, p_value)
    scale = found.trace / df
    if kind in ("satorra_bentler", "yuan_bentler_mplus"):
        scaled = chi2 / scale
        return ModelTest(chi2, df, p_value, scaled, df, chi2_tail(scaled, df), scale, 0.0, scale)
    if kind == "scaled_shifted":
        a = math.sqrt(df / found.trace2)
        shift = df - a * found.trace
        scaled = a * chi2 + shift
        return ModelTest(chi2, df, p_value, scaled, df, chi2_tail(scaled, df), 1.0 / a, shift, scale)
    df_adjusted = found.trace**2 / found.trace2
    factor = found.trace / df_adjusted
    scaled = chi2 / factor
    return ModelTest(
        chi2, df, p_value, scaled, df_adjusted, chi2_tail(scaled, df_adjusted), factor, 0.0, scale
    )


def noncentrality(statistic: float, df: float, probability: float) -> float:
    """Noncentrality at which the statistic sits at a probability of the noncentral chi-square; 0 if none."""
    if df <= 0 or not math.isfinite(statistic) or chndtr(statistic, df, 0.0) < probability:
        return 0.0
    found = float(chndtrinc(statistic, df, probability))
    if math.isfinite(found) and found < 1e9:
        return found
    high = max(statistic, 1.0)
    while chndtr(statistic, df, high) > probability:
        high *= 2.0
        if high > 1e9:
            return math.nan
    return float(
        brentq(lambda ncp: chndtr(statistic, df, ncp) - probability, 0.0, high, xtol=1e-10, rtol=1e-13)
    )


def noncentral_tail(statistic: float, df: float, ncp: float) -> float:
    """Upper tail of the noncentral chi-square distribution."""
    if df <= 0 or not math.isfinite(statistic):
        return math.nan
    return float(1.0 - chndtr(statistic, df, ncp))
