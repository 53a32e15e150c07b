"""Conditional standard errors from a fitted item response model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pandas as pd
from scipy import stats

from recoverymetrics.errors import ModelError
from recoverymetrics.reliability.alpha import z_quantile
from recoverymetrics.reliability.error_results import ConditionalError
from recoverymetrics.reliability.spec import check_option
from recoverymetrics.typing import FloatArray

if TYPE_CHECKING:
    from recoverymetrics.irt import IRTResult

ModelMethod = Literal["sum_score", "true_score", "theta", "t_score"]
FORMULAS = {
    "sum_score": "standard deviation of the sum score given the latent value, sqrt(sum of item variances) (Lord 1980)",
    "true_score": "slope of the expected sum score / sqrt(information): error of the expected sum score at the "
    "maximum-likelihood latent score (Lord 1980)",
    "theta": "1 / sqrt(information), error of the maximum-likelihood latent score",
    "t_score": "10 / sqrt(information), on the scale 50 + 10 theta",
}
_STEP = 1e-4


def model_conditional_error(fit: IRTResult, method: str, theta: FloatArray, level: float) -> ConditionalError:
    """Conditional standard errors along the latent variable, for each group of a fitted model."""
    check_option("method", method, get_args(ModelMethod))
    moments = _latent_moments(fit)
    z = z_quantile(level)
    tables, parts = [], []
    for label, mean, variance, n in moments:
        tables.append(_curve(fit, label, method, theta, z))
        nodes, weights = _normal_nodes(mean, variance)
        parts.append((*_averages(_curve(fit, label, method, nodes, z), method, weights, variance), n))
    error, spread, sizes = (np.array(column) for column in zip(*parts, strict=True))
    share = sizes / sizes.sum()
    overall: dict[str, object] = {
        "estimate": float(np.sqrt(share @ error)),
        "reliability": float(share @ (spread / (spread + error))),
        "n": int(sizes.sum()),
        "n_items": len(fit.items),
    }
    return ConditionalError(method, pd.concat(tables, ignore_index=True), overall, level, (FORMULAS[method],))


def _latent_moments(fit: IRTResult) -> list[tuple[str, float, float, int]]:
    groups = fit.groups
    if "factor" in groups.columns or len(fit.calibration.layout.structure.factors) > 1:
        raise ModelError(
            "the conditional error of a model with several factors depends on all of them; fit one factor, or use "
            "fit.information(theta) with points in all dimensions."
        )
    columns = (groups[name].tolist() for name in ("group", "mean", "variance", "n"))
    return [(str(g), float(m), float(v), int(n)) for g, m, v, n in zip(*columns, strict=True)]


def _curve(fit: IRTResult, label: str, method: str, theta: FloatArray, z: float) -> pd.DataFrame:
    information = fit.information(theta, label)["test"].to_numpy(float)
    expected, variance = _sum_moments(fit, label, theta)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = 1 / np.sqrt(information)
    if method == "sum_score":
        score, estimate = expected, np.sqrt(variance)
    elif method == "true_score":
        up, down = (_sum_moments(fit, label, theta + step)[0] for step in (_STEP, -_STEP))
        score, estimate = expected, np.where(information > 0, (up - down) / (2 * _STEP) * error, 0.0)
    elif method == "t_score":
        score, estimate = 50 + 10 * theta, 10 * error
    else:
        score, estimate = theta, error
    return pd.DataFrame(
        {
            "group": label,
            "theta": theta,
            "score": score,
            "estimate": estimate,
            "conf_low": score - z * estimate,
            "conf_high": score + z * estimate,
            "information": information,
        }
    )


def _sum_moments(fit: IRTResult, label: str, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and variance of the sum score given each latent value."""
    mean, variance = np.zeros(theta.size), np.zeros(theta.size)
    for _, block in fit.probabilities(theta, label).groupby("item", sort=False):
        p = block["probability"].to_numpy(float).reshape(theta.size, -1)
        value = block["category"].to_numpy(float).reshape(theta.size, -1)
        first = np.sum(p * value, axis=1)
        mean += first
        variance += np.sum(p * value**2, axis=1) - first**2
    return mean, variance


def _normal_nodes(mean: float, variance: float) -> tuple[FloatArray, FloatArray]:
    z = np.linspace(-6, 6, 121)
    weights = stats.norm.pdf(z)
    return mean + np.sqrt(variance) * z, weights / weights.sum()


def _averages(curve: pd.DataFrame, method: str, weights: FloatArray, variance: float) -> tuple[float, float]:
    """Mean error variance of a group, and the true variance that gives its reliability.

    Latent scores: reliability averages ``I / (I + 1 / variance)`` (Green et al. 1984), which extreme values
    with hardly any information do not spoil; the error variance is the one that belongs to it.
    """
    score, estimate = curve["score"].to_numpy(float), curve["estimate"].to_numpy(float)
    if method in ("theta", "t_score"):
        unit = 100.0 if method == "t_score" else 1.0
        information = curve["information"].to_numpy(float)
        reliability = float(weights @ (information / (information + 1 / variance)))
        return unit * variance * (1 - reliability) / reliability, unit * variance
    mean = float(weights @ score)
    return float(weights @ estimate**2), float(weights @ (score - mean) ** 2)
