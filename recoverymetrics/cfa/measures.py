"""All fit measures of a fitted model in one dictionary."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from recoverymetrics.cfa.indices import (
    RobustPair,
    all_incremental,
    hoelter,
    likelihood_indices,
    residual_indices,
    rmsea_family,
    robust_incremental,
)
from recoverymetrics.cfa.residuals import residual_parts
from recoverymetrics.numerics.sem_least_squares import LeastSquares
from recoverymetrics.numerics.sem_normal import invert
from recoverymetrics.numerics.sem_ram import scaled_slopes
from recoverymetrics.typing import FloatArray

if TYPE_CHECKING:
    from recoverymetrics.cfa.result import CFAResult


def fit_measures(result: CFAResult) -> dict[str, float]:
    """Tests, likelihood, incremental, absolute and residual indices."""
    test, base = result.test, result.baseline_test
    n, n_groups = result.sample.total, len(result.groups)
    n_fit = n if result.spec.likelihood_based and not result.spec.wishart else n - n_groups
    out: dict[str, float] = {"n": n, "npar": float(result.npar)}
    out |= {
        "fmin": 0.5 * test.chi2 / (n_fit if result.spec.wishart else n),
        "chi2": test.chi2,
        "df": float(test.df),
        "p_value": test.p_value,
    }
    if math.isfinite(test.scaled):
        out |= {
            "chi2_scaled": test.scaled,
            "df_scaled": test.df_scaled,
            "p_value_scaled": test.p_scaled,
            "scaling_factor": test.factor,
            "shift": test.shift,
        }
    out |= {"chi2_baseline": base.chi2, "df_baseline": float(base.df), "p_value_baseline": base.p_value}
    if math.isfinite(base.scaled):
        out |= {
            "chi2_baseline_scaled": base.scaled,
            "df_baseline_scaled": base.df_scaled,
            "p_value_baseline_scaled": base.p_scaled,
            "scaling_factor_baseline": base.factor,
        }
    out |= all_incremental(test, base)
    if result.spec.likelihood_based:
        out |= likelihood_indices(result.loglik, result.npar, n)
        out["loglik_saturated"] = result.loglik_saturated
        if math.isfinite(result.curvature.trace_h0):
            given = _given_trace(result)
            out["scaling_factor_h0"] = (result.curvature.trace_h0 - given) / result.npar
            out["scaling_factor_h1"] = (result.curvature.trace_h1 - given) / (test.df + result.npar)
    out |= rmsea_family(test.chi2, test.df, n_fit, n_groups)
    if math.isfinite(test.scaled):
        mean_scaled = result.spec.test != "scaled_shifted"
        interval = (test.chi2, test.scale * test.df, 1.0) if mean_scaled else None
        out |= rmsea_family(test.scaled, test.df_scaled, n_fit, n_groups, interval=interval, suffix="_scaled")
    pair = robust_pair(result)
    if pair is not None and test.df > 0:
        out |= robust_incremental(pair, test.df, base.df)
        shifted = result.spec.test == "scaled_shifted" and pair.chi2 == test.chi2
        interval = (test.scaled, float(test.df), test.factor) if shifted else None
        out |= rmsea_family(
            pair.chi2, test.df, n_fit, n_groups, scale=pair.scale, interval=interval, suffix="_robust"
        )
    out |= residual_indices(residual_parts(result))
    out["cn_05"] = hoelter(test.df, test.chi2, n_fit, n_groups, 0.05)
    out["cn_01"] = hoelter(test.df, test.chi2, n_fit, n_groups, 0.01)
    out |= _goodness(result, n_fit)
    return out


def _given_trace(result: CFAResult) -> float:
    """What the moments of exogenous predictors, which are given, add to the traces of both models."""
    found, table = result.curvature, result.table
    x = sorted(
        {
            int(k)
            for row, k in zip(table.rows, table.index, strict=True)
            if row.origin == "exogenous" and k >= 0
        }
    )
    if found.middle is None or not x:
        return 0.0
    return float(np.einsum("ij,ji->i", found.inverse[x], found.middle[:, x]).sum())


def robust_pair(result: CFAResult) -> RobustPair | None:
    """What the robust indices are made of: complete data from the scaled tests, else corrected statistics."""
    from recoverymetrics.cfa.robust_fit import categorical_pair, missing_pair

    test, base = result.test, result.baseline_test
    if result.sample.patterns is not None:
        return missing_pair(result)
    if result.layout.any_ordinal:
        return categorical_pair(result) if math.isfinite(test.scaled) else None
    if math.isfinite(test.scale) and math.isfinite(base.scale):
        return RobustPair(test.chi2, test.scale, base.chi2, base.scale)
    return None


def _gfi(result: CFAResult) -> float:
    """Goodness of fit: one less the share of the weighted moments that is left; those of exogenous predictors are given."""
    parts, moments, objective = residual_parts(result), result.moments, result.objective
    x = np.isin(np.array(result.table.observed, dtype=object), result.table.exogenous)
    together = x[:, None] & x
    S, D = np.where(together, 0.0, parts.S), np.where(together, 0.0, parts.S - parts.Sigma)
    if isinstance(objective, LeastSquares):
        weights = objective.weights
        if result.spec.discrepancy == "ULS" and not result.layout.any_ordinal:
            weights = np.ones_like(weights)
        tau = result.sample.tau
        gap = tau - parts.mu if tau.size else tau
        m = np.where(x, 0.0, result.sample.mean)
        d = np.where(x, 0.0, result.sample.mean - result.state.mu)
        slopes, off = result.sample.slopes, None
        if slopes is not None:
            off = slopes - scaled_slopes(result.layout, result.state)
        left, whole = (
            _weighted_square(weights, moments.pack(*v)) for v in ((gap, d, D, off), (tau, m, S, slopes))
        )
    else:
        m, d = parts.m, parts.m - parts.mu
        if moments.means:
            m, d = np.where(x, 0.0, m), np.where(x, 0.0, d)
        inverse = invert(result.state.sigma)
        left, whole = (_normal_square(inverse, *v) for v in ((D, d), (S, m)))
    return float(parts.share @ (1.0 - left / whole))


def _weighted_square(weights: FloatArray, moments: FloatArray) -> FloatArray:
    """``s' W s`` of each group for diagonal (G, m) or full (G, m, m) weights."""
    if weights.ndim == 2:
        return np.asarray((weights * moments**2).sum(axis=1))
    return np.asarray(np.einsum("gi,gij,gj->g", moments, weights, moments))


def _normal_square(inverse: FloatArray, S: FloatArray, m: FloatArray) -> FloatArray:
    """The same for the normal weight of covariances and means: ``tr((Si S)^2) / 2 + m' Si m``."""
    product = inverse @ S
    square = 0.5 * (product * np.swapaxes(product, 1, 2)).sum(axis=(1, 2))
    if m.shape[1]:
        square = square + (m * (inverse @ m[:, :, None])[:, :, 0]).sum(axis=1)
    return np.asarray(square)


def _goodness(result: CFAResult, n: float) -> dict[str, float]:
    """GFI, AGFI, PGFI, McDonald's index, ECVI and, for ordered items, WRMR."""
    test, moments, sample = result.test, result.moments, result.sample
    gfi = _gfi(result)
    m = moments.size * len(sample.n)
    df = test.df
    out = {"gfi": gfi}
    out["agfi"] = 1.0 - m / df * (1.0 - gfi) if df > 0 else math.nan
    out["pgfi"] = df / m * gfi
    out["mfi"] = math.exp(-0.5 * (test.chi2 - df) / n)
    if not result.layout.any_ordinal:
        out["ecvi"] = test.chi2 / n + 2.0 * result.npar / n
    if isinstance(result.objective, LeastSquares) and result.layout.any_ordinal:
        out["wrmr"] = math.sqrt(test.chi2 / moments.size)
    return out
