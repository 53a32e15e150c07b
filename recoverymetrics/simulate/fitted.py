"""Fitted models as response models: simulation from estimates, group by group."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.special import expit

from recoverymetrics.cfa.result import CFAResult
from recoverymetrics.errors import ModelError
from recoverymetrics.irt import IRTResult
from recoverymetrics.irt.layout import Batch, Layout
from recoverymetrics.irt.models.divide_by_total import DivideByTotal
from recoverymetrics.irt.scoring import population_moments
from recoverymetrics.simulate.parameters import Family, ItemParameters, make_parameters
from recoverymetrics.simulate.responsemodel import ResponseModel
from recoverymetrics.simulate.spec import Group
from recoverymetrics.typing import FloatArray

_CUMULATIVE: dict[str, Family] = {"graded": "graded", "sequential": "sequential"}


def from_fitted(fit: Any) -> ResponseModel:
    """Read a fitted model.

    Parameters
    ----------
    fit : IRTResult or CFAResult
        A calibrated item response model, or a confirmatory model of ordered items.

    Returns
    -------
    ResponseModel
        With the groups of the data and their sizes, latent moments and item parameters.

    Raises
    ------
    ModelError
        An object that is no fitted response model; a confirmatory model with continuous items.
    """
    if isinstance(fit, IRTResult):
        return _from_irt(fit)
    if isinstance(fit, CFAResult):
        return _from_cfa(fit)
    raise ModelError(
        f"cannot simulate from {type(fit).__name__}; give irt_model(...), factor_model(...), or the result of "
        "fit_irt or of fit_cfa."
    )


def _from_irt(fit: IRTResult) -> ResponseModel:
    layout, extended, coded = fit.calibration.layout, fit.estimated.extended, fit.calibration.coded
    tables = {label: _group_parameters(layout, extended, g) for g, label in enumerate(layout.groups)}
    sizes = np.bincount(coded.group, minlength=len(layout.groups))
    populations = tuple(
        _population(label, int(sizes[g]), layout, *population_moments(fit.estimated.problem, extended, g))
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


def _from_cfa(fit: CFAResult) -> ResponseModel:
    fit.refuse_given("a simulation from the model")
    if not np.all(fit.layout.ordinal):
        j = int(np.flatnonzero(~fit.layout.ordinal)[0])
        raise ModelError(
            f"variable {fit.table.observed[j]!r} of the fitted model is continuous; simulate_responses needs ordered "
            "items. Use simulate_continuous(fit) for continuous ones."
        )
    parts = {label: _normal_ogive(fit, g) for g, label in enumerate(fit.groups)}
    populations = tuple(
        _moments(fit, g, label, int(n))
        for (g, label), n in zip(enumerate(fit.groups), fit.sample.n, strict=True)
    )
    rows = np.concatenate(fit.sample.data)
    return ResponseModel(
        name="normal_ogive",
        parameters=parts[fit.groups[0]][0],
        factor_correlations=np.asarray(populations[0].correlations),
        by_group={label: part[0] for label, part in parts.items()},
        populations=populations,
        categories=tuple(np.unique(column[~np.isnan(column)]) for column in rows.T),
        residuals={label: part[1] for label, part in parts.items()},
    )


def _moments(fit: CFAResult, g: int, label: str, n: int) -> Group:
    p = fit.state.p
    V = fit.state.V[g, p:, p:]
    spread = np.sqrt(np.diag(V))
    safe = np.where(spread > 0, spread, 1.0)
    R = V / np.outer(safe, safe)
    np.fill_diagonal(R, 1.0)
    return Group(label, n, fit.state.eta[g, p:].tolist(), np.diag(V).tolist(), R)


def _normal_ogive(fit: CFAResult, g: int) -> tuple[ItemParameters, FloatArray]:
    """Slopes, intercepts and residual correlations given the factors: ``y* = mu + L (eta - alpha) + e``."""
    state, p = fit.state, fit.state.p
    V, alpha = state.V[g], state.eta[g, p:]
    L = V[:p, p:] @ np.linalg.pinv(V[p:, p:])
    residual = V[:p, :p] - L @ V[p:, p:] @ L.T
    np.fill_diagonal(residual, 1.0 / state.delta[g] ** 2 - np.diag(L @ V[p:, p:] @ L.T))
    psi = np.diag(residual)
    if np.any(psi <= 0):
        item = fit.table.observed[int(np.argmin(psi))]
        raise ModelError(
            f"item {item!r} has no residual variance in the fitted model; it cannot be simulated."
        )
    root = np.sqrt(psi)
    centre = state.eta[g, :p] - L @ alpha
    place = fit.layout.threshold_item
    intercepts = [(centre[j] - state.tau[g, place == j]) / root[j] for j in range(p)]
    factors = fit.table.latent
    parameters = make_parameters(
        "normal_ogive", L / root[:, None], intercepts, items=fit.table.observed, factors=factors
    )
    R = residual / np.outer(root, root)
    np.fill_diagonal(R, 1.0)
    return parameters, R
