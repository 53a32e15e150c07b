"""Fitted models as response models: simulation from estimates, group by group."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit

from recoverymetrics.errors import ModelError
from recoverymetrics.irt import IRTResult
from recoverymetrics.irt.layout import Batch, Layout
from recoverymetrics.irt.models.divide_by_total import DivideByTotal
from recoverymetrics.simulate.parameters import Family, ItemParameters, make_parameters
from recoverymetrics.simulate.responsemodel import ResponseModel
from recoverymetrics.simulate.spec import Group
from recoverymetrics.typing import FloatArray

_CUMULATIVE: dict[str, Family] = {"graded": "graded", "sequential": "sequential"}


def from_fitted(fit: Any) -> ResponseModel:
    """Read a fitted model.

    Parameters
    ----------
    fit : IRTResult
        A calibrated item response model.

    Returns
    -------
    ResponseModel
        With the groups of the data and their sizes, latent moments and item parameters.

    Raises
    ------
    ModelError
        An object that is no fitted response model.
    """
    if isinstance(fit, IRTResult):
        return _from_irt(fit)
    raise ModelError(
        f"cannot simulate from {type(fit).__name__}; give irt_model(...), factor_model(...), or the result of "
        "fit_irt."
    )


def _from_irt(fit: IRTResult) -> ResponseModel:
    layout, extended, coded = fit.calibration.layout, fit.estimated.extended, fit.calibration.coded
    tables = {label: _group_parameters(layout, extended, g) for g, label in enumerate(layout.groups)}
    sizes = np.bincount(coded.group, minlength=len(layout.groups))
    populations = tuple(
        _population(label, int(sizes[g]), layout, *layout.moments(extended, g))
        for g, label in enumerate(layout.groups)
    )
    first = tables[layout.groups[0]]
    return ResponseModel(
        name="+".join(sorted(set(fit.calibration.spec.models))),
        parameters=first,
        factor_correlations=np.asarray(populations[0].correlations),
        by_group=tables,
        populations=populations,
        categories=coded.categories,
    )


def _population(label: str, n: int, layout: Layout, mean: FloatArray, cov: FloatArray) -> Group:
    """Moments of one group; specific factors are standard normal and uncorrelated."""
    m, primary = len(layout.structure.factors), layout.n_primary
    full_mean, full_variance, R = np.zeros(m), np.ones(m), np.eye(m)
    spread = np.sqrt(np.diag(cov))
    full_mean[:primary], full_variance[:primary] = mean, spread**2
    R[:primary, :primary] = cov / np.outer(spread, spread)
    np.fill_diagonal(R, 1.0)
    return Group(label, n, full_mean.tolist(), full_variance.tolist(), R)


def _group_parameters(layout: Layout, extended: FloatArray, g: int) -> ItemParameters:
    p, m = len(layout.items), len(layout.structure.factors)
    slopes, families, intercepts, scores = np.zeros((p, m)), [], [], []
    guessing, upper = np.zeros(p), np.ones(p)
    for j in range(p):
        b, row = layout.place[g, j]
        batch: Batch = layout.batches[b]
        values = extended[batch.slots[row]]
        n_slopes = batch.factors.shape[1]
        slopes[j, batch.factors[row]] = values[:n_slopes]
        family, d, s = _shape(batch, values[n_slopes:])
        families.append(family)
        intercepts.append(d)
        scores.append(s)
        for name, value in zip(batch.names[row], values, strict=True):
            if name == "logit_g":
                guessing[j] = expit(value)
            if name == "logit_u":
                upper[j] = expit(value)
    return make_parameters(
        families,
        slopes,
        intercepts,
        items=layout.items,
        factors=layout.structure.factors,
        scores=scores,
        guessing=guessing,
        upper=upper,
    )


def _shape(batch: Batch, shape: FloatArray) -> tuple[Family, FloatArray, FloatArray]:
    """Family, intercepts and scores of one item, without the first category."""
    if isinstance(batch.model, DivideByTotal):
        row = shape[None, :]
        weights, steps = batch.model.weights(row, batch.K), batch.model.intercepts(row, batch.K)
        return "softmax", steps[0, 1:], weights[0, 1:]
    d = shape[: batch.K - 1]
    return _CUMULATIVE.get(batch.model.name, "logistic"), d, np.ones(d.size)
