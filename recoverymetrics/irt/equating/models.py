"""``equate_models``: equating of sum scores through item response models."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recoverymetrics.errors import ModelError, OptionError
from recoverymetrics.irt.calibration import Estimated, group_index
from recoverymetrics.irt.equating import kernel
from recoverymetrics.irt.equating.result import EquatingResult
from recoverymetrics.irt.likelihood import log_weights
from recoverymetrics.irt.linking import LinkResult, link_scales
from recoverymetrics.irt.persons import probabilities_by_item
from recoverymetrics.irt.result import IRTResult, estimated_of
from recoverymetrics.numerics.lord_wingersky import score_distribution
from recoverymetrics.typing import FloatArray

METHODS = ("true_score", "observed_score")
FARTHEST = 30.0
"""True scores are inverted between minus and plus this latent value."""


def equate_models(
    fit_a: IRTResult,
    fit_b: IRTResult,
    *,
    method: str = "true_score",
    link: LinkResult | None = None,
    items_a: Sequence[str] | None = None,
    items_b: Sequence[str] | None = None,
    share: float = 0.5,
) -> EquatingResult:
    """Equate sum scores of two forms through their calibrations (Kolen & Brennan 2014, chapter 6).

    Parameters
    ----------
    fit_a, fit_b : IRTResult
        One-factor calibrations of the forms; the same result twice when both forms are in one calibration.
    method : {"true_score", "observed_score"}, default "true_score"
        Scores that are expected at the same latent value; or equipercentile equating of the score distributions
        that the models imply in a synthetic population (Lord & Wingersky 1984).
    link : LinkResult, optional
        From the scale of ``fit_a`` to that of ``fit_b``; by default none for one calibration, else Stocking-Lord
        through the common items.
    items_a, items_b : sequence of str, optional
        Items of each form; by default all.
    share : float, default 0.5
        Weight of the first calibration's population in the synthetic one.

    Returns
    -------
    EquatingResult
        Scores count from zero. Below the sum of the guessing parameters, where no latent value has the expected
        score, true scores are interpolated from the lowest score.

    Raises
    ------
    ModelError
        Several factors, unknown items.
    OptionError
        Unknown method.
    """
    if method not in METHODS:
        raise OptionError(f"unknown equating method {method!r}; choose one of {', '.join(METHODS)}.")
    a, b = estimated_of(fit_a, "fit_a"), estimated_of(fit_b, "fit_b")
    forms = [_positions(a, items_a), _positions(b, items_b)]
    if link is None and fit_a is not fit_b:
        link = link_scales(fit_a, fit_b)
    slope, intercept = (link.slope, link.intercept) if link else (1.0, 0.0)
    if method == "true_score":
        equated, note = _true_scores(a, b, forms, slope, intercept)
    else:
        equated, note = _observed_scores(a, b, forms, slope, intercept, share)
    score = np.arange(equated.size, dtype=float)
    return EquatingResult(
        f"irt_{method}", score, equated, np.full(score.size, np.nan), fit_a.n, fit_b.n, note
    )


def _positions(est: Estimated, items: Sequence[str] | None) -> list[int]:
    if len(est.layout.structure.factors) > 1:
        raise ModelError("equating through models is for calibrations with one factor.")
    names = est.layout.items if items is None else tuple(items)
    unknown = [i for i in names if i not in est.layout.items]
    if unknown:
        raise ModelError(f"item {unknown[0]!r} is not in the calibration.")
    return [est.layout.items.index(i) for i in names]


def _tables(est: Estimated, form: list[int], theta: FloatArray) -> list[FloatArray]:
    tables = probabilities_by_item(est.layout, est.extended, group_index(est.layout, None), theta[:, None])
    return [tables[j] for j in form]


def _expected(est: Estimated, form: list[int], theta: FloatArray) -> FloatArray:
    value: FloatArray = np.sum([np.arange(p.shape[0]) @ p for p in _tables(est, form, theta)], axis=0)
    return value


def _true_scores(
    a: Estimated, b: Estimated, forms: list[list[int]], slope: float, intercept: float
) -> tuple[FloatArray, tuple[str, ...]]:
    top_a, top_b = (
        sum(len(e.coded.categories[j]) - 1 for j in f) for e, f in zip((a, b), forms, strict=True)
    )
    lowest = float(_expected(a, forms[0], np.array([-FARTHEST]))[0])
    scores = np.arange(top_a + 1, dtype=float)
    inside = (scores > lowest + 1e-9) & (scores < top_a)
    theta = _inverted(a, forms[0], scores[inside])
    new = _expected(b, forms[1], slope * theta + intercept)
    equated = np.empty(scores.size)
    equated[inside], equated[-1] = new, top_b
    floor = float(_expected(b, forms[1], np.array([-FARTHEST]))[0])
    equated[~inside & (scores < top_a)] = np.interp(
        scores[~inside & (scores < top_a)], [0.0, max(lowest, 1e-9)], [0.0, floor]
    )
    note = (
        f"{int((~inside).sum())} scores have no latent value: the top score, and those up to {lowest:.2f}.",
    )
    return equated, note


def _inverted(est: Estimated, form: list[int], scores: FloatArray) -> FloatArray:
    """Latent values with these expected scores, by bisection.

    Raises
    ------
    ModelError
        The expected score falls somewhere: items keyed the other way.
    """
    grid = np.linspace(-6, 6, 61)
    if (np.diff(_expected(est, form, grid)) < 0).any():
        raise ModelError("the expected sum score falls along theta; key all items the same way.")
    low, high = np.full(scores.size, -FARTHEST), np.full(scores.size, FARTHEST)
    for _ in range(60):
        middle = (low + high) / 2
        below = _expected(est, form, middle) < scores
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return (low + high) / 2


def _observed_scores(
    a: Estimated, b: Estimated, forms: list[list[int]], slope: float, intercept: float, share: float
) -> tuple[FloatArray, tuple[str, ...]]:
    """Score distributions of both forms in the synthetic population, whose nodes come from both calibrations."""
    first, second = (est.problem.nodes.theta[:, 0] for est in (a, b))
    weights = [np.exp(log_weights(est.problem, est.extended, 0)) for est in (a, b)]
    in_b = np.concatenate([slope * first + intercept, second])
    in_a = np.concatenate([first, (second - intercept) / slope])
    population = np.concatenate([share * weights[0], (1 - share) * weights[1]])
    p = score_distribution(_tables(a, forms[0], in_a)) @ population
    q = score_distribution(_tables(b, forms[1], in_b)) @ population
    return kernel.equipercentile(p / p.sum(), q / q.sum()), ()
