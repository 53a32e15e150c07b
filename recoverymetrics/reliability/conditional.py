"""Standard error of measurement as a function of the score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, TypeGuard

import numpy as np
import pandas as pd

from recoverymetrics.errors import DataError, OptionError
from recoverymetrics.instrument import read_items
from recoverymetrics.reliability import coefficients as c
from recoverymetrics.reliability.alpha import z_quantile
from recoverymetrics.reliability.conditional_model import model_conditional_error
from recoverymetrics.reliability.error_results import ConditionalError, root_mean_square
from recoverymetrics.reliability.groups import keying_notes
from recoverymetrics.reliability.halves import half_members
from recoverymetrics.reliability.moments import Moments, moments
from recoverymetrics.reliability.spec import check_level, check_option
from recoverymetrics.typing import FloatArray, GroupSpec, IntoFrame

if TYPE_CHECKING:
    from recoverymetrics.irt import IRTResult

Method = Literal[
    "generalizability",
    "feldt_qualls",
    "anova",
    "thorndike",
    "mollenkopf",
    "binomial",
    "binomial_keats",
    "sum_score",
    "true_score",
    "theta",
    "t_score",
]
FORMULAS = {
    "generalizability": "within-person variance of item deviations, relative error, smoothed over scores (Brennan 1998; "
    "Feldt & Qualls 1996)",
    "feldt_qualls": "within-person variance of item deviations, averaged over the persons with a score "
    "(Feldt & Qualls 1996)",
    "anova": "sqrt(k times the persons x items mean square among the persons with a score) "
    "(Feldt, Steffen & Gupta 1985)",
    "thorndike": "standard deviation of the difference of two halves among the persons with a score (Thorndike 1951)",
    "mollenkopf": "squared difference of two halves, smoothed over scores (Mollenkopf 1949)",
    "binomial": "sqrt(x (k - x) / (k - 1)) for k items scored 0/1 (Lord 1955)",
    "binomial_keats": "Lord's formula times sqrt((1 - alpha) / (1 - KR21)) (Keats 1957)",
}
SMOOTHED = ("generalizability", "mollenkopf")
THETA: tuple[float, ...] = tuple(np.linspace(-4, 4, 81).round(10).tolist())


def conditional_error(
    data: IntoFrame | IRTResult,
    *,
    items: Sequence[str] | None = None,
    group: GroupSpec = None,
    method: Method | None = None,
    first_half: Sequence[str] | None = None,
    degree: int = 2,
    theta: Sequence[float] = THETA,
    level: float = 0.95,
) -> ConditionalError:
    """Standard error of measurement as a function of the score, from responses or from a fitted model.

    Parameters
    ----------
    data : Responses, DataFrame, mapping, 2-D array or IRTResult
        One row per person, items keyed in one direction; persons with missing responses are left out and
        counted. Or a model with one factor, from ``fit_irt``.
    items : sequence of str, optional
        Item columns; by default all but ``group``.
    group : str or array-like, optional
        One curve per group (a fitted model has its own groups).
    method : str, optional
        From responses: ``"generalizability"`` (default), ``"feldt_qualls"``, ``"anova"``, ``"thorndike"``,
        ``"mollenkopf"`` for any scoring, ``"binomial"``, ``"binomial_keats"`` for items scored 0/1. From a
        model: ``"sum_score"`` (default; error of the observed sum), ``"true_score"`` (of the expected sum at
        the maximum-likelihood latent score), ``"theta"`` or ``"t_score"`` (of the latent score itself).
    first_half : sequence of str, optional
        Items of one half for ``"thorndike"`` and ``"mollenkopf"``; by default every other item.
    degree : int, default 2
        Degree of the polynomial in the score that smooths the squared errors of ``"generalizability"`` and
        ``"mollenkopf"``.
    theta : sequence of float, optional
        Latent values of a model's curve; by default -4 to 4.
    level : float, default 0.95
        Level of the limits of the true score.

    Returns
    -------
    ConditionalError
        ``tidy()``: ``group score estimate conf_low conf_high n`` (from a model ``theta information`` in place
        of ``n``). For 0/1 items the error is largest in the middle and zero at the ends, for the latent score
        it is the other way round. The mean square over persons of ``"generalizability"`` and
        ``"feldt_qualls"`` reproduces alpha, that of ``"thorndike"`` and ``"mollenkopf"`` the split half
        (nearly so where a polynomial had to be cut at zero).

    Raises
    ------
    DataError
        Items that are not scored 0/1 (binomial methods), fewer than two items or three complete persons.
    ModelError
        A model with several factors.
    OptionError
        A method of responses for a model, or the other way round.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> right = (rng.normal(size=(200, 1)) + rng.normal(size=(200, 10)) > 0).astype(int)
    >>> curve = conditional_error(right, method="binomial").tidy().set_index("score")["estimate"]
    >>> float(curve[5].round(4))
    1.6667

    References
    ----------
    lord1955, keats1957, thorndike1951, mollenkopf1949, feldt1985, feldtqualls1996, brennan1998, lord1980
    """
    check_level(level)
    if _is_model(data):
        _refuse_choices(items, group, first_half)
        return model_conditional_error(data, method or "sum_score", np.asarray(theta, dtype=float), level)
    method = method or "generalizability"
    check_option("method", method, tuple(FORMULAS))
    record = read_items(data, items=items, group=group)
    halves = _signs(record.items, first_half)
    z, groups, tables, dropped = z_quantile(level), [], [], 0
    for label, values in record.by_group():
        complete = values[~np.isnan(values).any(1)]
        dropped += values.shape[0] - complete.shape[0]
        m = moments(complete, record.items, missing="listwise", label=label)
        groups.append(m)
        squared = _squared_errors(m, method, halves)
        tables.append(_curve(m, squared, method, degree, z))
    notes = (
        FORMULAS[method],
        *keying_notes(groups),
        *((f"{dropped} persons with missing responses were left out.",) if dropped else ()),
    )
    return ConditionalError(
        method,
        pd.concat(tables, ignore_index=True).drop(columns="variance"),
        {**_overall(tables), "n_items": record.n_items},
        level,
        notes,
    )


def _is_model(data: IntoFrame | IRTResult) -> TypeGuard[IRTResult]:
    """Whether ``data`` is a fitted item response model; told by what it can do, which loads nothing."""
    return all(
        callable(getattr(data, name, None)) for name in ("information", "probabilities", "expected_scores")
    )


def _refuse_choices(items: Sequence[str] | None, group: GroupSpec, first_half: Sequence[str] | None) -> None:
    named = [
        name
        for name, value in (("items", items), ("group", group), ("first_half", first_half))
        if value is not None
    ]
    if named:
        raise OptionError(f"{named[0]}= belongs to responses; a fitted model has its own items and groups.")


def _signs(items: tuple[str, ...], first_half: Sequence[str] | None) -> FloatArray:
    """+1 for the items of the first half, -1 for the others; every other item by default."""
    chosen = np.arange(len(items)) % 2 == 0 if first_half is None else half_members(items, first_half)
    return np.where(chosen, 1.0, -1.0)


def _overall(tables: list[pd.DataFrame]) -> dict[str, object]:
    """Root mean square error over persons, and the reliability that follows from it."""
    scores = pd.concat(tables)
    known = scores["estimate"].notna()
    average = root_mean_square(
        scores.loc[known, "estimate"].to_numpy(), scores.loc[known, "n"].to_numpy(float)
    )
    n = int(scores["n"].sum())
    variance = float((scores["variance"] * scores["n"]).sum()) / n
    return {"estimate": average, "reliability": 1 - average**2 / variance, "n": n}


def _squared_errors(m: Moments, method: str, halves: FloatArray) -> FloatArray:
    """Squared error of each person's sum score; their average at a score is the error variance there."""
    if method in ("binomial", "binomial_keats"):
        return _binomial(m.values, m.items, method)
    if method in ("thorndike", "mollenkopf"):
        difference = m.values @ halves
        squared: FloatArray = (difference - difference.mean()) ** 2 * m.n / (m.n - 1)
        return squared
    return _within_scores(m.values) if method == "anova" else _spread(m.values)


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


def _within_scores(values: FloatArray) -> FloatArray:
    """Deviations from the item means of the persons with the same score; NaN for a score of one person.

    Persons with one score differ in nothing but the interaction with items, whose mean square has
    ``(n - 1)(k - 1)`` degrees of freedom.
    """
    k = values.shape[1]
    _, where, count = np.unique(values.sum(1), return_inverse=True, return_counts=True)
    means = np.zeros((count.size, k))
    np.add.at(means, where, values)
    means /= count[:, None]
    squares = np.sum((values - means[where]) ** 2, axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled: FloatArray = squares * k / (k - 1) * (count / (count - 1.0))[where]
    return np.where(count[where] > 1, scaled, np.nan)


def _spread(values: FloatArray) -> FloatArray:
    """Relative error variance of each person's sum score."""
    k = values.shape[1]
    residual = values - values.mean(1, keepdims=True) - (values.mean(0) - values.mean())
    n = values.shape[0]
    squared: FloatArray = k * np.sum(residual**2, axis=1) / (k - 1) * n / (n - 1)
    return squared


def _curve(m: Moments, squared: FloatArray, method: str, degree: int, z: float) -> pd.DataFrame:
    score = m.values.sum(1)
    levels, where, n = np.unique(score, return_inverse=True, return_counts=True)
    if method in SMOOTHED:
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
            "group": m.label,
            "score": levels,
            "estimate": estimate,
            "conf_low": levels - z * estimate,
            "conf_high": levels + z * estimate,
            "n": n,
            "variance": float(c.total(m.S)),
        }
    )
