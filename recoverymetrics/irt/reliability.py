"""Reliability of latent scores: marginal, empirical, conditional."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from recoverymetrics.irt.calibration import Estimated
from recoverymetrics.irt.curves import item_information
from recoverymetrics.irt.likelihood import log_weights
from recoverymetrics.irt.score_frames import score_codes
from recoverymetrics.irt.scoring import population_moments
from recoverymetrics.typing import FloatArray


def marginal_reliability(est: Estimated, g: int) -> float:
    """Expected conditional reliability ``I / (I + 1 / variance)`` over the latent density (Green et al. 1984)."""
    layout = est.layout
    _, cov = population_moments(est.problem, est.extended, g)
    theta = est.problem.nodes.theta[:, 0]
    if len(layout.structure.factors) > 1:
        return float("nan")
    information = item_information(est, theta, layout.groups[g]).sum(axis=0)
    weights = np.exp(log_weights(est.problem, est.extended, g))
    return float(weights @ (information / (information + 1.0 / cov[0, 0])))


def empirical_reliability(estimate: FloatArray, std_error: FloatArray) -> float:
    """Variance of the scores over variance plus mean error variance (posterior scores)."""
    kept = np.isfinite(estimate) & np.isfinite(std_error)
    if kept.sum() < 2:
        return float("nan")
    spread = float(np.var(estimate[kept], ddof=1))
    return spread / (spread + float(np.mean(std_error[kept] ** 2)))


def reliability_frame(est: Estimated) -> pd.DataFrame:
    """Reliability per group (and factor).

    Returns
    -------
    DataFrame
        Columns group, factor, marginal, empirical_eap, n.
    """
    scores = score_codes(est, est.coded, "eap")
    rows: list[dict[str, Any]] = []
    for g, label in enumerate(est.layout.groups):
        own = est.coded.group == g
        for d, factor in enumerate(est.layout.structure.factors):
            rows.append(
                {
                    "group": label,
                    "factor": factor,
                    "marginal": marginal_reliability(est, g) if d == 0 else float("nan"),
                    "empirical_eap": empirical_reliability(scores.estimate[own, d], scores.std_error[own, d]),
                    "n": int(own.sum()),
                }
            )
    return pd.DataFrame(rows)
