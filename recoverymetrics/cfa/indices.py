"""Fit indices from the tests of the model and of its baseline."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from recoverymetrics.cfa.statistics import ModelTest, noncentral_tail, noncentrality
from recoverymetrics.typing import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class RobustPair:
    """Statistic and scaling factor of the model and of its baseline behind the robust CFI, TLI and RMSEA."""

    chi2: float
    scale: float
    chi2_baseline: float
    scale_baseline: float


def incremental(
    test: tuple[float, float], baseline: tuple[float, float], suffix: str = ""
) -> dict[str, float]:
    """CFI, TLI, NFI, RFI, IFI, RNI and PNFI from (statistic, df) of model and baseline."""
    (t, df), (tb, dfb) = test, baseline
    out: dict[str, float] = {}
    top, bottom = max(t - df, 0.0), max(t - df, tb - dfb, 0.0)
    out["cfi"] = 1.0 - top / bottom if bottom > 0 else 1.0
    out["tli"] = ((tb / dfb) - (t / df)) / ((tb / dfb) - 1.0) if df > 0 and dfb > 0 else 1.0
    out["nnfi"] = out["tli"]
    out["rfi"] = ((tb / dfb) - (t / df)) / (tb / dfb) if df > 0 and dfb > 0 else 1.0
    out["nfi"] = (tb - t) / tb if tb > 0 else math.nan
    out["pnfi"] = df / dfb * out["nfi"] if dfb > 0 else math.nan
    out["ifi"] = (tb - t) / (tb - df) if tb != df else 1.0
    out["rni"] = ((tb - dfb) - (t - df)) / (tb - dfb) if tb != dfb else 1.0
    return {f"{key}{suffix}": value for key, value in out.items()}


def robust_incremental(pair: RobustPair, df: int, df_baseline: int) -> dict[str, float]:
    """Robust CFI and TLI (Brosseau-Liard & Savalei 2014): misfit beyond chance on the estimator's own scale."""
    top = pair.chi2 - pair.scale * df
    bottom = pair.chi2_baseline - pair.scale_baseline * df_baseline
    worst = max(top, bottom, 0.0)
    cfi = 1.0 - max(top, 0.0) / worst if worst > 0 else 1.0
    tli = 1.0 - top * df_baseline / (bottom * df) if bottom != 0 and df > 0 else 1.0
    rni = 1.0 - top / bottom if bottom != 0 else 1.0
    return {"cfi_robust": cfi, "tli_robust": tli, "nnfi_robust": tli, "rni_robust": rni}


def rmsea_family(
    statistic: float,
    df: float,
    n: float,
    n_groups: int,
    *,
    scale: float = 1.0,
    interval: tuple[float, float, float] | None = None,
    suffix: str = "",
) -> dict[str, float]:
    """RMSEA with 90% interval and the tests of close (.05) and not close (.08) fit.

    ``scale`` is the ``c`` of the robust version: the statistic is then on the unscaled metric. ``interval`` gives
    the (statistic, degrees of freedom, scale) whose noncentral distribution the interval and the tests use.
    """
    if df <= 0:
        return {f"rmsea{suffix}": 0.0, f"rmsea_conf_low{suffix}": 0.0, f"rmsea_conf_high{suffix}": 0.0}
    spread = n_groups / (n * df)
    x, d, c = interval or (statistic / scale, df, scale)
    unit = c * n_groups / (n * d)
    return {
        f"rmsea{suffix}": math.sqrt(max((statistic - scale * df) * spread, 0.0)),
        f"rmsea_conf_low{suffix}": math.sqrt(noncentrality(x, d, 0.95) * unit),
        f"rmsea_conf_high{suffix}": math.sqrt(noncentrality(x, d, 0.05) * unit),
        f"rmsea_p_close{suffix}": noncentral_tail(x, d, 0.05**2 / unit),
        f"rmsea_p_not_close{suffix}": 1.0 - noncentral_tail(x, d, 0.08**2 / unit),
    }


@dataclass(frozen=True)
class ResidualParts:
    """Sample and implied moments of the groups, on the raw scale.

    Attributes
    ----------
    S, Sigma : ndarray, shape (G, p, p)
        Covariances or correlations.
    m, mu : ndarray, shape (G, k)
        Means; thresholds for ordinal variables; k = 0 without mean structure.
    share : ndarray, shape (G,)
        Share of each group.
    ordinal : bool
        Whether the variables are ordered: their variances are not moments.
    """

    S: FloatArray
    Sigma: FloatArray
    m: FloatArray
    mu: FloatArray
    share: FloatArray
    ordinal: bool


def residual_indices(parts: ResidualParts) -> dict[str, float]:
    """RMR, SRMR (Bentler and Mplus versions) and CRMR, each averaged over groups by their size."""
    p = parts.S.shape[1]
    row, col = np.tril_indices(p)
    low = row != col
    totals: dict[str, float] = {}
    for S, Sigma, m, mu, share in zip(parts.S, parts.Sigma, parts.m, parts.mu, parts.share, strict=True):
        found = _group_indices(S, Sigma, m, mu, row, col, low, ordinal=parts.ordinal)
        for key, value in found.items():
            if parts.ordinal and "mplus" in key:
                continue
            totals[key] = totals.get(key, 0.0) + float(share) * value
    has_means = parts.m.shape[1] > 0
    totals["srmr"] = totals["srmr_bentler_nomean" if parts.ordinal or not has_means else "srmr_bentler"]
    return totals


def _group_indices(
    S: FloatArray,
    Sigma: FloatArray,
    m: FloatArray,
    mu: FloatArray,
    row: IntArray,
    col: IntArray,
    low: BoolArray,
    *,
    ordinal: bool,
) -> dict[str, float]:
    sd, sd_model = np.sqrt(np.diagonal(S)), np.sqrt(np.diagonal(Sigma))
    raw = (S - Sigma)[row, col] ** 2
    bentler = ((S - Sigma) / sd[:, None] / sd)[row, col] ** 2
    cor = (S / sd[:, None] / sd - Sigma / sd_model[:, None] / sd_model)[row, col] ** 2
    mplus = cor.copy()
    mplus[~low] = ((np.diagonal(S) - np.diagonal(Sigma)) / np.diagonal(S)) ** 2
    k = len(m)
    if ordinal:
        mean_raw = mean_sd = mean_mplus = (m - mu) ** 2
    else:
        mean_raw, mean_sd = (m - mu) ** 2, ((m - mu) / sd[:k]) ** 2
        mean_mplus = (m / sd[:k] - mu / sd_model[:k]) ** 2

    def root(values: FloatArray, means: FloatArray, count: int) -> float:
        return math.sqrt((float(values.sum()) + float(means.sum())) / max(count, 1))

    none = np.zeros(0)
    e, off = len(raw), int(low.sum())
    return {
        "rmr": root(raw, mean_raw, e + k),
        "rmr_nomean": root(raw, none, e),
        "srmr_bentler": root(bentler, mean_sd, e + k),
        "srmr_bentler_nomean": root(bentler, none, e),
        "crmr": root(cor[low], mean_sd, off + k),
        "crmr_nomean": root(cor[low], none, off),
        "srmr_mplus": root(mplus, mean_mplus, e + k),
        "srmr_mplus_nomean": root(mplus, none, e),
    }


def hoelter(df: int, chi2: float, n: float, n_groups: int, alpha: float) -> float:
    """Sample size at which the model would just be rejected (critical N)."""
    from scipy.special import chdtri

    if df <= 0 or chi2 <= 0:
        return math.nan
    return float(chdtri(df, alpha)) / (chi2 / n) + 1.0 if n_groups else math.nan


def likelihood_indices(loglik: float, npar: int, n: float) -> dict[str, float]:
    """AIC, BIC and the sample-size adjusted BIC."""
    return {
        "loglik": loglik,
        "aic": -2.0 * loglik + 2.0 * npar,
        "bic": -2.0 * loglik + npar * math.log(n),
        "bic_adjusted": -2.0 * loglik + npar * math.log((n + 2.0) / 24.0),
    }


def all_incremental(test: ModelTest, baseline: ModelTest) -> dict[str, float]:
    """Incremental indices of the standard and, where there is one, the scaled test."""
    out = incremental((test.chi2, test.df), (baseline.chi2, baseline.df))
    if math.isfinite(test.scaled):
        out |= incremental((test.scaled, test.df_scaled), (baseline.scaled, baseline.df_scaled), "_scaled")
    return out
