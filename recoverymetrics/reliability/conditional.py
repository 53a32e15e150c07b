"""Standard error of measurement as a function of the score, without item response theory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import pandas as pd

from recoverymetrics.errors import DataError
from recoverymetrics.instrument import read_items
from recoverymetrics.reliability import coefficients as c
from recoverymetrics.reliability.alpha import z_quantile
from recoverymetrics.reliability.error_results import ConditionalError, root_mean_square
from recoverymetrics.reliability.moments import moments
from recoverymetrics.reliability.spec import check_level, check_option
from recoverymetrics.typing import FloatArray, GroupSpec, IntoFrame

Method = Literal["binomial", "binomial_keats", "generalizability"]
FORMULAS = {
    "binomial": "sqrt(x (k - x) / (k - 1)) for k items scored 0/1 (Lord 1955)",
    "binomial_keats": "Lord's formula times sqrt((1 - alpha) / (1 - KR21)) (Keats 1957)",
    "generalizability": "within-person variance of item deviations, relative error, smoothed over scores (Brennan 1998; "
    "Feldt & Qualls 1996)",
}


def conditional_error(
    data: IntoFrame,
    *,
    items: Sequence[str] | None = None,
    group: GroupSpec = None,
    method: Method = "generalizability",
    degree: int = 2,
    level: float = 0.95,
) -> ConditionalError:
    """Standard error of measurement at each sum score.

    Parameters
    ----------
    data : Responses, DataFrame, mapping or 2-D array
        One row per person, items keyed in one direction. Persons with missing responses are left out and
        counted.
    items : sequence of str, optional
        Item columns; by default all but ``group``.
    group : str or array-like, optional
        One curve per group.
    method : {"generalizability", "binomial", "binomial_keats"}, default "generalizability"
        From each person's spread over the items (any scoring), or the binomial formulas (items scored 0/1).
    degree : int, default 2
        Degree of the polynomial in the score that smooths the squared errors of ``"generalizability"``.
    level : float, default 0.95
        Level of the limits of the true score.

    Returns
    -------
    ConditionalError
        ``tidy()``: ``group score estimate conf_low conf_high n``. For 0/1 items the error is largest in the
        middle and zero at the ends; the sum of squares over persons of ``"generalizability"`` reproduces
        alpha.

    Raises
    ------
    DataError
        Items that are not scored 0/1 (binomial methods), fewer than two items or three complete persons.

    Examples
    --------
    >>> import numpy as np
    >>> right = (np.random.default_rng(1).random((200, 10)) < 0.6).astype(int)
    >>> curve = conditional_error(right, method="binomial").tidy().set_index("score")["estimate"]
    >>> float(curve[5].round(4))
    1.6667

    References
    ----------
    lord1955, keats1957, feldtqualls1996, brennan1998
    """
    check_level(level)
    check_option("method", method, get_args(Method))
    record = read_items(data, items=items, group=group)
    z, tables, dropped = z_quantile(level), [], 0
    for label, values in record.by_group():
        complete = values[~np.isnan(values).any(1)]
        dropped += values.shape[0] - complete.shape[0]
        m = moments(complete, record.items, missing="listwise", label=label)
        squared = _binomial(m.values, m.items, method) if method != "generalizability" else _spread(m.values)
        tables.append(_curve(label, m.values.sum(1), squared, method, degree, z, float(c.total(m.S))))
    scores = pd.concat(tables, ignore_index=True)
    weights = scores["n"].to_numpy(float)
    average = root_mean_square(scores["estimate"].to_numpy(), weights)
    variance = sum(float(t["variance"].iloc[0]) * t["n"].sum() for t in tables) / weights.sum()
    notes = (
        FORMULAS[method],
        *((f"{dropped} persons with missing responses were left out.",) if dropped else ()),
    )
    return ConditionalError(
        method,
        scores.drop(columns="variance"),
        {
            "estimate": average,
            "reliability": 1 - average**2 / variance,
            "n": int(weights.sum()),
            "n_items": record.n_items,
        },
        level,
        notes,
    )


def _binomial(values: FloatArray, items: tuple[str, ...], method: str) -> FloatArray:
    wrong = [item for item, column in zip(items, values.T, strict=True) if not np.isin(column, (0, 1)).all()]
    if wrong:
        raise DataError(
            f"item {wrong[0]!r} is not scored 0/1; the binomial formulas need that. Use method='generalizability'."
        )
    k, x = values.shape[1], values.sum(1)
    squared = x * (k - x) / (k - 1)
    if method == "binomial":
        return squared
    S = np.cov(values.T)
    variance, mean = float(S.sum()), float(x.mean())
    kr21 = k / (k - 1) * (1 - mean * (k - mean) / (k * variance))
    factor: FloatArray = squared * (1 - float(c.alpha(S))) / (1 - kr21)
    return factor


def _spread(values: FloatArray) -> FloatArray:
    """Relative error variance of each person's sum score."""
    k = values.shape[1]
    residual = values - values.mean(1, keepdims=True) - (values.mean(0) - values.mean())
    n = values.shape[0]
    squared: FloatArray = k * np.sum(residual**2, axis=1) / (k - 1) * n / (n - 1)
    return squared


def _curve(
    label: str, score: FloatArray, squared: FloatArray, method: str, degree: int, z: float, variance: float
) -> pd.DataFrame:
    levels, where, n = np.unique(score, return_inverse=True, return_counts=True)
    if method == "generalizability":
        spread = max(float(np.ptp(levels)), 1.0)
        power = np.vander((score - score.mean()) / spread, min(degree, levels.size - 1) + 1)
        slope = np.linalg.lstsq(power, squared, rcond=None)[0]
        smooth = np.vander((levels - score.mean()) / spread, power.shape[1]) @ slope
        mean = np.maximum(smooth, 0.0)
    else:
        mean = np.bincount(where, squared) / n
    estimate = np.sqrt(mean)
    return pd.DataFrame(
        {
            "group": label,
            "score": levels,
            "estimate": estimate,
            "conf_low": levels - z * estimate,
            "conf_high": levels + z * estimate,
            "n": n,
            "variance": variance,
        }
    )
