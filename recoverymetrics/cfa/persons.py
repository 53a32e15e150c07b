"""Scoring persons with a fitted model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from recoverymetrics.cfa.reading import column_names
from recoverymetrics.cfa.scores import (
    OrdinalModel,
    Scores,
    bartlett_scores,
    gaussian_likelihood,
    gaussian_prior,
    ordinal_scores,
    patterns,
    regression_scores,
)
from recoverymetrics.cfa.standardize import disturbance_variances
from recoverymetrics.errors import DataError, OptionError
from recoverymetrics.instrument.frame import read_items
from recoverymetrics.numerics.sem_ram import PATH
from recoverymetrics.typing import FloatArray, IntArray, IntoFrame

if TYPE_CHECKING:
    from recoverymetrics.cfa.result import CFAResult


def score_persons(
    result: CFAResult, data: IntoFrame | None, method: str, group: Any, *, std_error: bool
) -> pd.DataFrame:
    """Score the analysed rows, or new ones."""
    result.refuse_given("scoring")
    if not result.table.latent:
        raise OptionError("the model has no latent variables, so there is nothing to score.")
    ordered = result.layout.any_ordinal
    if ordered and method in ("regression", "bartlett"):
        raise OptionError(f"method={method!r} is for models of continuous items alone; choose 'ebm' or 'ml'.")
    if not ordered and method in ("ebm", "ml"):
        method = "regression" if method == "ebm" else "bartlett"
    if data is None:
        values = np.concatenate(result.sample.data)
        labels = np.repeat(np.arange(len(result.groups)), [len(block) for block in result.sample.data])
        index: Any = pd.RangeIndex(len(values))
    else:
        values, labels, index = _read(result, data, group)
    k = len(result.table.latent)
    scores, errors = np.full((len(values), k), np.nan), np.full((len(values), k), np.nan)
    for g in range(len(result.groups)):
        rows = np.flatnonzero((labels == g) & ~np.isnan(values).all(axis=1))
        if rows.size:
            found = _score_group(result, g, values[rows], method)
            scores[rows], errors[rows] = found.values, found.std_error
    frame = pd.DataFrame(scores, columns=list(result.table.latent), index=index)
    if std_error:
        for j, name in enumerate(result.table.latent):
            frame[f"{name}_std_error"] = errors[:, j]
    return frame


def _read(result: CFAResult, data: IntoFrame, group: Any) -> tuple[FloatArray, IntArray, Any]:
    several = len(result.groups) > 1
    if several and group is None:
        group = _remembered(result, data)
    record = read_items(data, items=list(result.table.observed), group=group if several else None)
    index = data.index if isinstance(data, pd.DataFrame) else pd.RangeIndex(record.n)
    if not several or record.group is None:
        return record.values, np.zeros(record.n, dtype=np.int64), index
    known = {label: g for g, label in enumerate(result.groups)}
    strange = [label for label in record.groups if label not in known]
    if strange:
        raise DataError(
            f"group {strange[0]!r} is not in the model; its groups are {', '.join(result.groups)}."
        )
    return record.values, np.array([known[label] for label in record.group], dtype=np.int64), index


def _remembered(result: CFAResult, data: IntoFrame) -> str:
    """The grouping of the fit, when the data have it."""
    name = result.group_name
    if name and (hasattr(data, "item_data") or name in (column_names(data) or ())):
        return name
    where = (
        f"the column {name!r} that the fit used is not in these data" if name else "the fit was given labels"
    )
    raise OptionError(
        f"the model has the groups {', '.join(result.groups)} and {where}: give group= with the data."
    )


def _score_group(result: CFAResult, group: int, values: FloatArray, method: str) -> Scores:
    layout, state = result.layout, result.state
    shift = 0.0 if result.moments.means else _latent_means(result, group)
    if not result.moments.means:
        values = values - result.sample.mean[group]
    if method == "regression":
        return _moved(regression_scores(layout, state, group, values), shift)
    loadings, nu = _measurement(result, group)
    if method == "bartlett":
        return _moved(bartlett_scores(layout, state, loadings, nu, group, values), shift)
    return _score_ordered(result, group, values, loadings, nu, prior=method == "ebm")


def _score_ordered(
    result: CFAResult, group: int, values: FloatArray, loadings: FloatArray, nu: FloatArray, *, prior: bool
) -> Scores:
    """Ordered responses on top of what the continuous variables of each person say, by their pattern of missing ones."""
    layout, state = result.layout, result.state
    ordered, rest = np.flatnonzero(layout.ordinal), layout.continuous
    model = _ordinal_model(result, group, loadings, nu)
    codes = _codes(result, values)[:, ordered]
    direct = np.eye(layout.n_variables) - np.linalg.inv(state.E[group])
    scores, errors = np.empty((len(values), loadings.shape[1])), np.empty((len(values), loadings.shape[1]))
    for mask, rows in patterns(values[:, rest]):
        seen, block = rest[mask], values[rows]
        if prior:
            known = gaussian_prior(layout, state, group, block, seen)
        else:
            own = seen[(loadings[seen] != 0).any(axis=1)]
            residual = state.S[group][np.ix_(own, own)]
            known = gaussian_likelihood(loadings[own], nu[own], residual, block[:, own])
        offset = block[:, seen] @ direct[np.ix_(ordered, seen)].T if seen.size else 0.0
        found = ordinal_scores(model, codes[rows], known, offset)
        scores[rows], errors[rows] = found.values, found.std_error
    return Scores(scores, errors)


def _latent_means(result: CFAResult, group: int) -> FloatArray:
    """Means of the latent variables when their intercepts are zero and the observed variables have the sample's means."""
    p = result.layout.n_observed
    A = np.eye(result.layout.n_variables) - np.linalg.inv(result.state.E[group])
    given: FloatArray = A[p:, :p] @ result.sample.mean[group]
    return np.asarray(np.linalg.solve(np.eye(len(given)) - A[p:, p:], given), dtype=np.float64)


def _moved(scores: Scores, shift: FloatArray | float) -> Scores:
    return Scores(scores.values + shift, scores.std_error)


def _measurement(result: CFAResult, group: int) -> tuple[FloatArray, FloatArray]:
    """Direct loadings (p, k) and intercepts (p,) of the observed variables."""
    layout, p = result.layout, result.layout.n_observed
    values = layout.values(result.theta)[group]
    loadings = np.zeros((p, layout.n_variables - p))
    cells = layout.cells[PATH]
    keep = cells[(layout.row[cells] < p) & (layout.col[cells] >= p)]
    loadings[layout.row[keep], layout.col[keep] - p] = values[keep]
    nu = np.zeros(p)
    where = layout.cells[2]
    own = where[layout.row[where] < p]
    nu[layout.row[own]] = values[own]
    return loadings, nu


def _ordinal_model(result: CFAResult, group: int, loadings: FloatArray, nu: FloatArray) -> OrdinalModel:
    layout, state = result.layout, result.state
    ordered = np.flatnonzero(layout.ordinal)
    residual = disturbance_variances(layout, state)[group, ordered]
    if (residual <= 0).any():
        raise DataError(
            f"item {result.table.observed[ordered[int(np.argmin(residual))]]!r} has a negative residual variance; "
            "persons cannot be scored with this solution."
        )
    thresholds = tuple(state.tau[group][layout.threshold_item == j] for j in ordered)
    return OrdinalModel(loadings[ordered], np.sqrt(residual), nu[ordered], thresholds)


def _codes(result: CFAResult, values: FloatArray) -> IntArray:
    """Categories of ordered items counted from zero in the order of the analysed sample; -1 for missing."""
    analysed = np.concatenate(result.sample.data)
    codes = np.full(values.shape, -1, dtype=np.int64)
    for j, item in enumerate(result.table.observed):
        if not result.layout.ordinal[j]:
            continue
        seen = np.unique(analysed[~np.isnan(analysed[:, j]), j])
        known = ~np.isnan(values[:, j])
        found = np.searchsorted(seen, values[known, j])
        inside = np.minimum(found, len(seen) - 1)
        bad = values[known, j] != seen[inside]
        if bad.any():
            raise DataError(
                f"item {item!r} has category {values[known, j][bad][0]:g}, which the model has not seen; its "
                f"categories are {', '.join(f'{v:g}' for v in seen)}."
            )
        codes[known, j] = inside
    return codes
