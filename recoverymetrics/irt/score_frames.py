"""Scores of persons as frames in the order of the input, and the raw-score table."""

from __future__ import annotations

import numpy as np
import pandas as pd

from recoverymetrics.errors import OptionError
from recoverymetrics.irt.adaptive import adaptive_scores
from recoverymetrics.irt.calibration import Estimated, code_new
from recoverymetrics.irt.responses import CodedResponses, Patterns, collapse
from recoverymetrics.irt.scoring import (
    METHODS,
    Scores,
    eap_scores,
    newton_scores,
    pattern_moments,
    population_moments,
    sum_score_table,
)
from recoverymetrics.typing import BoolArray, FloatArray, GroupSpec, IntoFrame


def score_frame(
    est: Estimated, data: IntoFrame | None = None, method: str = "eap", group: GroupSpec = None
) -> pd.DataFrame:
    """Score persons.

    Parameters
    ----------
    est : Estimated
        Fitted model.
    data : DataFrame, optional
        Persons to score; the calibration sample by default.
    method : {"eap", "map", "ml", "wle", "sum_eap"}
        Kind of score.
    group : str or array-like, optional
        Group column of new data.

    Returns
    -------
    DataFrame
        One row per person in the order of the input: group (with several groups), estimate and std_error
        (``estimate_<factor>``, ``std_error_<factor>`` with several factors), n_answered, flagged (nothing
        answered: the prior mean; or no finite estimate).

    Raises
    ------
    OptionError
        Unknown method, WLE with several factors.
    """
    kind = str(method).lower()
    if kind not in METHODS:
        raise OptionError(f"unknown scoring method {method!r}; choose one of {', '.join(METHODS)}.")
    D = len(est.layout.structure.factors)
    if kind == "wle" and D > 1:
        raise OptionError("the weighted likelihood estimate is for one factor; use 'eap' or 'map'.")
    coded = code_new(est, data, group)
    scores = score_codes(est, coded, kind)
    answered = (coded.codes >= 0).sum(axis=1)
    names = est.layout.structure.factors
    frame = pd.DataFrame(index=pd.RangeIndex(coded.n))
    if len(est.layout.groups) > 1:
        frame["group"] = np.asarray(est.layout.groups, dtype=object)[coded.group]
    width = scores.estimate.shape[1]
    for d in range(width):
        suffix = "" if width == 1 else f"_{names[d]}"
        frame[f"estimate{suffix}"] = scores.estimate[:, d]
        frame[f"std_error{suffix}"] = scores.std_error[:, d]
    frame["n_answered"] = answered
    frame["flagged"] = (answered == 0) | ~np.isfinite(scores.estimate).all(axis=1)
    return frame


def score_codes(est: Estimated, coded: CodedResponses, kind: str) -> Scores:
    """Scores of coded persons, row by row."""
    patterns = collapse(coded) if coded is not est.coded else est.problem.patterns
    width = 1 if kind == "sum_eap" else len(est.layout.structure.factors)
    estimate, error = np.full((coded.n, width), np.nan), np.full((coded.n, width), np.nan)
    for g, own in enumerate(patterns):
        if not own.persons.size:
            continue
        found = _pattern_scores(est, g, own, kind)
        estimate[own.persons] = found.estimate[own.pattern]
        error[own.persons] = found.std_error[own.pattern]
    return Scores(estimate, error)


def _pattern_scores(est: Estimated, g: int, patterns: Patterns, kind: str) -> Scores:
    codes = patterns.responses.codes
    nothing: BoolArray = np.all(codes < 0, axis=1)
    if kind == "sum_eap":
        return _sum_scores(est, g, patterns, nothing)
    if est.problem.adaptive:
        scores = Scores(*adaptive_scores(est.layout, patterns, g, est.problem.adaptive, est.x))
    else:
        scores = eap_scores(est.problem, est.x, g, patterns)
    if kind != "eap":
        scores = newton_scores(est.layout, est.extended, g, patterns, scores.estimate, kind)  # type: ignore[arg-type]
    if nothing.any():
        mean, spread = prior_score(est, g, patterns)
        scores.estimate[nothing], scores.std_error[nothing] = mean[nothing], spread
    return scores


def prior_score(est: Estimated, g: int, patterns: Patterns) -> tuple[FloatArray, FloatArray]:
    """Prior mean of each pattern, shape (n, D), and standard deviation of all factors in a group."""
    mean, cov = pattern_moments(est.layout, est.extended, g, patterns)
    return mean, np.sqrt(np.diag(cov))


def _sum_scores(est: Estimated, g: int, patterns: Patterns, nothing: BoolArray) -> Scores:
    """EAP given the summed score; NaN where an item is missing, because the sum is then not comparable."""
    table = sum_score_table(est.problem, est.x, g)
    codes = patterns.responses.codes.astype(np.int64)
    complete = (codes >= 0).all(axis=1)
    total = np.where(complete, codes.sum(axis=1), 0)
    estimate = np.where(complete, table.estimate[total], np.nan)[:, None]
    error = np.where(complete, table.std_error[total], np.nan)[:, None]
    mean, spread = prior_score(est, g, patterns)
    estimate[nothing, 0], error[nothing, 0] = mean[nothing, 0], spread[0]
    return Scores(estimate, error)


def raw_score_table(est: Estimated) -> pd.DataFrame:
    """Summed score to latent score to T score, per group.

    Returns
    -------
    DataFrame
        Columns group, sum_score (in the units of the responses), estimate, std_error, t_score, t_std_error
        (mean 50 and standard deviation 10 in the first group's metric), n (observed), expected.
    """
    lowest = int(sum(values[0] for values in est.coded.categories))
    parts = []
    for g, label in enumerate(est.layout.groups):
        table = sum_score_table(est.problem, est.x, g)
        rows = est.coded.codes[est.coded.group == g].astype(np.int64)
        complete = rows[(rows >= 0).all(axis=1)].sum(axis=1)
        observed = np.bincount(complete, minlength=table.score.size)
        mean, spread = reference_moments(est)
        parts.append(
            pd.DataFrame(
                {
                    "group": label,
                    "sum_score": table.score + lowest,
                    "estimate": table.estimate,
                    "std_error": table.std_error,
                    "t_score": 50 + 10 * (table.estimate - mean) / spread,
                    "t_std_error": 10 * table.std_error / spread,
                    "n": observed,
                    "expected": table.probability * complete.size,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def reference_moments(est: Estimated) -> tuple[float, float]:
    """Mean and standard deviation of the first factor in the first group."""
    mean, cov = population_moments(est.problem, est.extended, 0)
    return float(mean[0]), float(np.sqrt(cov[0, 0]))
