"""The independence model of the same estimator, against which CFI and TLI are measured."""

from __future__ import annotations

import numpy as np

from recoverymetrics.cfa.estimate import make_objective
from recoverymetrics.cfa.sample import Sample
from recoverymetrics.cfa.spec import EstimatorSpec
from recoverymetrics.numerics.sem_least_squares import LeastSquares
from recoverymetrics.numerics.sem_missing import NormalMissing
from recoverymetrics.numerics.sem_normal import NormalComplete
from recoverymetrics.numerics.sem_ram import (
    COVARIANCE,
    INTERCEPT,
    PATH,
    SCALE,
    THRESHOLD,
    MomentMap,
    RamLayout,
)
from recoverymetrics.typing import FloatArray, IntArray


def baseline_layout(sample: Sample, *, means: bool, exogenous: IntArray) -> RamLayout:
    """Variances, means, thresholds and slopes on covariates free, covariances zero but those among exogenous variables."""
    p = len(sample.items)
    covariates = sample.covariates
    k = 0 if covariates is None else len(covariates.names)
    continuous = np.flatnonzero(~sample.ordinal)
    ordered = np.flatnonzero(sample.ordinal)
    low = [(i, j) for a, j in enumerate(exogenous) for i in exogenous[a + 1 :]]
    shape = (
        [(COVARIANCE, i, i) for i in continuous]
        + [(COVARIANCE, max(i, j), min(i, j)) for i, j in low]
        + ([(INTERCEPT, i, 0) for i in continuous] if means else [])
        + [(THRESHOLD, t, 0) for t in range(len(sample.threshold_item))]
        + [(PATH, i, p + x) for x in range(k) for i in range(p)]
    )
    kinds = np.array([*shape, *((SCALE, i, 0) for i in ordered)], dtype=np.int64)
    n_groups, q = len(sample.n), len(shape)
    fixed = np.zeros((n_groups, len(kinds)))
    fixed[:, q:] = 1.0
    free = np.full(fixed.shape, -1, dtype=np.int64)
    free[:, :q] = np.arange(n_groups * q).reshape(n_groups, q)
    return RamLayout(
        p,
        p + k,
        kinds[:, 0],
        kinds[:, 1],
        kinds[:, 2],
        fixed,
        free,
        n_groups * q,
        sample.ordinal,
        sample.threshold_item,
        given=None if covariates is None else covariates.covariance,
    )


def baseline_start(layout: RamLayout, sample: Sample, variances: FloatArray, means: FloatArray) -> FloatArray:
    """Sample values of the free parameters, the solution for all estimators with diagonal weights."""
    values = np.zeros(layout.free.shape)
    kind, row, col = layout.kind, layout.row, layout.col
    on = (kind == COVARIANCE) & (row == col)
    off = (kind == COVARIANCE) & (row != col)
    values[:, on] = variances[:, row[on]]
    values[:, off] = sample.covariance[:, row[off], col[off]]
    values[:, kind == INTERCEPT] = means[:, row[kind == INTERCEPT]]
    values[:, kind == THRESHOLD] = sample.tau[:, row[kind == THRESHOLD]]
    if sample.slopes is not None:
        at = kind == PATH
        values[:, at] = sample.slopes[:, row[at], col[at] - layout.n_observed]
    theta = np.zeros(layout.n_free)
    theta[layout.free[layout.is_free]] = values[layout.is_free]
    return theta


def fit_baseline(
    sample: Sample,
    spec: EstimatorSpec,
    *,
    means: bool,
    exogenous: IntArray,
    weights: FloatArray | None,
) -> tuple[NormalComplete | NormalMissing | LeastSquares, FloatArray]:
    """Fit the independence model; its solution is closed-form, or one linear least-squares step."""
    layout = baseline_layout(sample, means=means, exogenous=exogenous)
    moments = MomentMap(layout, means)
    objective = make_objective(layout, sample, spec, moments, weights)
    variances = np.diagonal(sample.covariance, axis1=1, axis2=2)
    centre = sample.mean
    if isinstance(objective, NormalMissing):
        variances = np.stack([np.nanvar(block, axis=0) for block in sample.data])
        centre = np.stack([np.nanmean(block, axis=0) for block in sample.data])
    elif isinstance(objective, LeastSquares) and not sample.ordinal.any():
        variances = variances * (sample.n / (sample.n - 1.0))[:, None]
    theta = baseline_start(layout, sample, variances, centre)
    if isinstance(objective, LeastSquares) and not objective.diagonal:
        gradient = objective.value_gradient(theta)[1]
        theta = theta - np.linalg.solve(objective.metric(theta), gradient)
    return objective, theta
