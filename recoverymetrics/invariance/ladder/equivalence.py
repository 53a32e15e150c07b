"""Equivalence testing: how much misfit the data cannot rule out (Yuan & Chan 2016)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import chi2, ncx2

from recoverymetrics.errors import OptionError

if TYPE_CHECKING:
    from recoverymetrics.invariance.ladder.result import InvarianceResult

BANDS = ((0.01, "excellent"), (0.05, "close"), (0.08, "fair"), (0.10, "mediocre"))
"""Conventional borders of the RMSEA; above the last one fit is poor."""


def t_size(statistic: float, df: float, alpha: float = 0.05) -> float:
    """Noncentrality that a statistic this small rejects at ``alpha``: the T-size misspecification times n.

    Parameters
    ----------
    statistic : float
        Chi-square statistic.
    df : float
        Degrees of freedom.
    alpha : float, default 0.05
        Level of the equivalence test.

    Returns
    -------
    float
        Largest noncentrality in the one-sided ``1 - alpha`` confidence interval; 0 when already a central
        chi-square exceeds the statistic with this probability.
    """
    if chi2.cdf(statistic, df) <= alpha:
        return 0.0
    top = 4.0 * max(statistic, df) + 100.0
    return float(brentq(lambda delta: ncx2.cdf(statistic, df, max(delta, 1e-12)) - alpha, 0.0, top))


def equivalence_table(result: InvarianceResult, *, alpha: float = 0.05) -> pd.DataFrame:
    """T-size RMSEA of every level and of every step.

    Parameters
    ----------
    result : InvarianceResult
        A ladder.
    alpha : float, default 0.05
        Level.

    Returns
    -------
    pandas.DataFrame
        level, ``t_rmsea`` (with confidence ``1 - alpha`` the model's RMSEA is no larger), its band in words,
        ``t_rmsea_step`` (the same for the restrictions that the level adds) and its band; NaN without degrees of
        freedom.

    Notes
    -----
    Where the estimator scales its test, the scaled statistic and the scaled difference are used.
    """
    if not 0 < alpha < 1:
        raise OptionError(f"alpha={alpha!r} must lie between 0 and 1.")
    n, groups = result.engine.sample.total, len(result.engine.sample.groups)
    rows = []
    for step in result.steps:
        scaled = step.row["chi2_scaled"]
        statistic = step.row["chi2"] if np.isnan(scaled) else scaled
        model = _rmsea(statistic, step.row["df"], n, groups, alpha)
        added = np.nan
        if step.change and np.isfinite(step.change["delta_chi2"]):
            added = _rmsea(step.change["delta_chi2"], step.change["delta_df"], n, groups, alpha)
        rows.append(
            {
                "level": step.rung.level.name,
                "t_rmsea": model,
                "band": _band(model),
                "t_rmsea_step": added,
                "band_step": _band(added),
            }
        )
    return pd.DataFrame(rows)


def _rmsea(statistic: float, df: float, n: float, groups: int, alpha: float) -> float:
    if df <= 0 or not np.isfinite(statistic):
        return np.nan
    return float(np.sqrt(groups * t_size(max(statistic, 0.0), df, alpha) / (df * n)))


def _band(value: float) -> str:
    if np.isnan(value):
        return ""
    return next((name for border, name in BANDS if value <= border), "poor")
