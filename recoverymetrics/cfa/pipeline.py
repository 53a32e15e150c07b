"""From a parameter table and a sample to a fitted model, stage by stage."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from recoverymetrics.cfa.admissibility import NO_SCALED_TEST, inspect_estimates
from recoverymetrics.cfa.baseline import fit_baseline
from recoverymetrics.cfa.checks import refuse_start
from recoverymetrics.cfa.esem import (
    Block,
    BlockRotation,
    find_blocks,
    has_blocks,
    rotated,
    unrotated,
    unrotated_start,
)
from recoverymetrics.cfa.estimate import Estimate, least_squares_weights, make_objective, minimise
from recoverymetrics.cfa.expressions import ConstraintSet, compile_constraints, jacobian
from recoverymetrics.cfa.inference import Curvature, curvature, parameter_covariance
from recoverymetrics.cfa.model import (
    CLEARLY_POSITIVE,
    build_layout,
    check_identified,
)
from recoverymetrics.cfa.result import CFAResult
from recoverymetrics.cfa.sample import Sample
from recoverymetrics.cfa.saturated import fit_saturated
from recoverymetrics.cfa.spec import EstimatorSpec
from recoverymetrics.cfa.starting import starting_values
from recoverymetrics.cfa.statistics import ModelTest, model_test
from recoverymetrics.cfa.table import ParameterTable
from recoverymetrics.errors import EstimationWarning, ModelError
from recoverymetrics.numerics.sem_least_squares import LeastSquares
from recoverymetrics.numerics.sem_missing import NormalMissing
from recoverymetrics.numerics.sem_normal import NormalComplete, expected_information
from recoverymetrics.numerics.sem_patterns import LOG_2PI
from recoverymetrics.numerics.sem_ram import MomentMap, RamLayout, evaluate
from recoverymetrics.typing import FloatArray


def fit_table(
    table: ParameterTable,
    sample: Sample,
    spec: EstimatorSpec,
    *,
    max_iter: int = 150,
    model: str = "",
    start: FloatArray | None = None,
    rotation: BlockRotation | None = None,
) -> CFAResult:
    """Fit a parameter table to sample statistics: the part of `fit_cfa` after parsing and reading."""
    layout = build_layout(table, sample.threshold_item)
    moments = MomentMap(layout, table.mean_structure)
    constraints = _constraints(table)
    loglik_h1 = np.nan
    if sample.patterns is not None:
        sample, loglik_h1 = sample.once("saturated", partial(fit_saturated, sample, moments))
    if start is None:
        start = starting_values(table, sample.covariance, sample.mean, sample.tau)
    plan = _plan(table, layout, sample, start)
    weights = None if spec.discrepancy == "ML" else _weights(sample, spec, moments)
    effective = effective_sample(sample, spec)
    objective = make_objective(layout, effective, spec, moments, weights)
    metric = _first_metric(objective, plan, moments, constraints)
    if metric is None:
        own = MomentMap(plan.layout, moments.means) if plan.blocks else moments
        _identify(plan.table, plan.layout, own, plan.start, constraints)
    if plan.blocks:
        estimate = _fit_blocks(plan, table, layout, effective, spec, weights, constraints, rotation, max_iter)
    else:
        near = _two_stage(objective, start, sample, constraints)
        estimate = minimise(
            objective,
            start if near is None else near,
            sample.total,
            constraints,
            max_iter=max_iter,
            close=near is not None,
            first=metric,
        )
    if not np.isfinite(estimate.minimum.value):
        refuse_start(table)
    found = curvature(objective, estimate.theta, estimate.tangent, sample, spec, moments)
    divisor = sample.total if spec.discrepancy == "ML" and not spec.wishart else sample.total - len(sample.n)
    covariance = parameter_covariance(found, spec, divisor, layout.arrow)
    npar = _count_free(table, estimate, constraints)
    df = moments.size * len(sample.n) - npar
    chi2, loglik, loglik_h1 = fit_values(objective, estimate, sample, effective, loglik_h1)
    unweighted = spec.discrepancy == "ULS"
    test = model_test(chi2, df, found, spec.test, unweighted=unweighted)
    baseline, baseline_test = sample.once(
        ("baseline", spec, moments.means, table.exogenous),
        partial(baseline_fit, table, sample, effective, spec, moments, weights, loglik_h1),
    )
    if table.exogenous and spec.likelihood_based:
        given = _exogenous_loglik(table, sample)
        loglik, loglik_h1, npar = loglik - given, loglik_h1 - given, npar - table.n_exogenous
    state = evaluate(layout, estimate.theta)
    reasons = inspect_estimates(table, layout, state, estimate, found)
    if spec.test != "none" and df > 0 and not np.isfinite(test.scaled):
        reasons = (*reasons, NO_SCALED_TEST)
    for note in (*sample.warnings, *reasons):
        warnings.warn(note, EstimationWarning, stacklevel=3)
    return CFAResult(
        table=table,
        layout=layout,
        moments=moments,
        sample=sample,
        spec=spec,
        objective=objective,
        estimate=estimate,
        curvature=found,
        covariance=covariance,
        constraints=constraints,
        test=test,
        baseline=baseline,
        baseline_test=baseline_test,
        loglik=loglik,
        loglik_saturated=loglik_h1,
        npar=npar,
        warnings=(*sample.warnings, *reasons),
        model=model,
    )


def _count_free(table: ParameterTable, estimate: Estimate, constraints: ConstraintSet) -> int:
    """Free parameters after equality constraints; inequalities take none away, whether they bind or not."""
    if estimate.tangent is None:
        return table.n_free
    if not constraints.inequalities:
        return estimate.tangent.shape[1]
    if not constraints.equalities:
        return table.n_free
    return table.n_free - int(np.linalg.matrix_rank(jacobian(constraints.equality_values, estimate.theta)))


def _two_stage(
    objective: NormalComplete | NormalMissing | LeastSquares,
    start: FloatArray,
    sample: Sample,
    constraints: ConstraintSet,
) -> FloatArray | None:
    """Under missing data, the model fitted to the saturated moments: a start close to the solution."""
    if not isinstance(objective, NormalMissing):
        return None
    complete = NormalComplete(objective.layout, sample.covariance, sample.mean, sample.share, True)
    found = minimise(complete, start, sample.total, constraints)
    return found.theta if found.minimum.converged else None


@dataclass(frozen=True)
class _Plan:
    """What is estimated: the table itself, or its unrotated form when it has exploratory blocks."""

    table: ParameterTable
    layout: RamLayout
    start: FloatArray
    blocks: list[Block]


def _plan(table: ParameterTable, layout: RamLayout, sample: Sample, start: FloatArray) -> _Plan:
    """Decide what is estimated first."""
    if not has_blocks(table):
        return _Plan(table, layout, start, [])
    if table.constraints:
        raise ModelError("constraints and defined parameters cannot be combined with exploratory blocks.")
    blocks = find_blocks(table, sample.covariance)
    plain = unrotated(table, blocks)
    first = starting_values(plain, sample.covariance, sample.mean, sample.tau)
    first = unrotated_start(plain, first, blocks, sample.covariance)
    return _Plan(plain, build_layout(plain, sample.threshold_item), first, blocks)


def _fit_blocks(
    plan: _Plan,
    table: ParameterTable,
    layout: RamLayout,
    effective: Sample,
    spec: EstimatorSpec,
    weights: FloatArray | None,
    constraints: ConstraintSet,
    rotation: BlockRotation | None,
    max_iter: int,
) -> Estimate:
    """Estimate the unrotated form, then rotate."""
    own = MomentMap(plan.layout, table.mean_structure)
    plain = make_objective(plan.layout, effective, spec, own, weights)
    found = minimise(plain, plan.start, effective.total, constraints, max_iter=max_iter)
    theta, tangent = rotated(
        table, layout, plan.layout, found.theta, plan.blocks, rotation or BlockRotation()
    )
    return Estimate(theta, replace(found.minimum, x=theta), tangent)


def _weights(sample: Sample, spec: EstimatorSpec, moments: MomentMap) -> FloatArray:
    return sample.once(
        ("weights", spec.discrepancy, moments.means), partial(least_squares_weights, sample, spec, moments)
    )


def effective_sample(sample: Sample, spec: EstimatorSpec) -> Sample:
    """The sample with the group sizes that weigh the likelihood: n - 1 under Wishart."""
    return replace(sample, n=sample.n - 1.0) if spec.wishart else sample


def _constraints(table: ParameterTable) -> ConstraintSet:
    labels: dict[str, int] = {}
    fixed: dict[str, float] = {}
    for row, k in zip(table.rows, table.index, strict=True):
        if row.label and k >= 0:
            labels.setdefault(row.label, int(k))
        elif row.label and np.isfinite(row.value):
            fixed.setdefault(row.label, row.value)
    return compile_constraints(table.constraints, labels, fixed)


def _first_metric(
    objective: NormalComplete | NormalMissing | LeastSquares,
    plan: _Plan,
    moments: MomentMap,
    constraints: ConstraintSet,
) -> FloatArray | None:
    """Metric at the start when it is clearly positive definite, which shows that the model is identified.

    It is ``Delta' W Delta`` with positive definite ``W``, so that its rank is that of the Jacobian of the moments.
    """
    layout = plan.layout
    if plan.blocks or constraints.equalities or isinstance(objective, NormalMissing):
        return None
    if not 0 < layout.n_free <= moments.size * layout.n_groups:
        return None
    metric = objective.metric(plan.start)
    if not (np.isfinite(metric).all() and (np.diagonal(metric) > 0).all()):
        return None
    factor = layout.arrow.factor(metric)
    return metric if factor is not None and factor.relative_pivot > CLEARLY_POSITIVE else None


def _identify(
    table: ParameterTable,
    layout: RamLayout,
    moments: MomentMap,
    start: FloatArray,
    constraints: ConstraintSet,
) -> None:
    """Check the rank of the Jacobian of the moments before any optimisation, near the start."""
    if layout.n_free == 0:
        return
    n_rules = len(constraints.equalities)
    if not n_rules and layout.n_free <= moments.size * layout.n_groups:
        factor = layout.arrow.factor(_cross_product(layout, moments, start))
        if factor is not None and factor.smallest_pivot > CLEARLY_POSITIVE:
            return
    wave = np.arange(len(start))
    shaken = start * (1.0 + 0.1 * np.cos(1.0 + wave)) + 0.03 * np.sin(2.0 + wave)
    gram = _cross_product(layout, moments, shaken)
    if n_rules:
        R = jacobian(constraints.equality_values, shaken)
        gram = gram + R.T @ R
    check_identified(table, gram, moments.size * layout.n_groups, n_rules, None if n_rules else layout.arrow)


def _cross_product(layout: RamLayout, moments: MomentMap, theta: FloatArray) -> FloatArray:
    """Cross-product of the derivatives of the standardised moments, shape (q, q), with unit diagonal."""
    state = evaluate(layout, theta)
    if layout.any_ordinal:
        J = moments.jacobian(state)
        gram = layout.gather_square(np.swapaxes(J, 1, 2) @ J)
    else:
        variances = np.abs(np.diagonal(state.sigma, axis1=1, axis2=2)) + 1e-12
        precision = np.eye(layout.n_observed) / variances[:, None, :]
        gram = expected_information(layout, state, precision, np.ones(layout.n_groups))
    diagonal = np.diagonal(gram)
    if (diagonal <= 0).any():
        return gram
    scale = np.sqrt(diagonal)
    scaled: FloatArray = gram / (scale[:, None] * scale)
    return scaled


def _exogenous_loglik(table: ParameterTable, sample: Sample) -> float:
    """Log-likelihood of the exogenous predictors alone, which the model does not explain."""
    x = [table.observed.index(name) for name in table.exogenous]
    logdet = np.linalg.slogdet(sample.covariance[:, x][:, :, x])[1]
    return -0.5 * float(sample.n @ (len(x) * LOG_2PI + logdet + len(x)))


def fit_values(
    objective: NormalComplete | NormalMissing | LeastSquares,
    estimate: Estimate,
    sample: Sample,
    effective: Sample,
    loglik_h1: float,
) -> tuple[float, float, float]:
    """Chi-square, log-likelihood and saturated log-likelihood."""
    value = estimate.minimum.value
    if isinstance(objective, NormalMissing):
        loglik = -value * sample.total
        return max(2.0 * (loglik_h1 - loglik), 0.0), loglik, loglik_h1
    chi2 = 2.0 * effective.total * value
    if isinstance(objective, LeastSquares):
        return chi2, np.nan, np.nan
    p = len(sample.items)
    logdet = np.linalg.slogdet(sample.covariance)[1]
    saturated = -0.5 * float(sample.n @ (p * LOG_2PI + logdet + p))
    share = sample.total / effective.total
    return max(chi2, 0.0), saturated - 0.5 * chi2 * share, saturated


def baseline_fit(
    table: ParameterTable,
    sample: Sample,
    effective: Sample,
    spec: EstimatorSpec,
    moments: MomentMap,
    weights: FloatArray | None,
    loglik_h1: float,
) -> tuple[Curvature, ModelTest]:
    """Fit and test the independence model."""
    if spec.discrepancy == "ML" and spec.test == "none" and sample.patterns is None and not table.exogenous:
        return _plain_baseline(effective, spec, moments)
    where = np.array([table.observed.index(name) for name in table.exogenous], dtype=np.int64)
    objective, theta = fit_baseline(effective, spec, means=moments.means, exogenous=where, weights=weights)
    own = MomentMap(objective.layout, moments.means)
    value = objective.value_gradient(theta)[0]
    chi2 = (
        2.0 * (loglik_h1 + value * sample.total)
        if isinstance(objective, NormalMissing)
        else 2.0 * effective.total * value
    )
    df = own.size * len(sample.n) - objective.layout.n_free
    if spec.test == "none":
        found = Curvature(np.zeros((0, 0)), np.zeros((0, 0)))
    else:
        found = curvature(objective, theta, None, sample, spec, own)
    return found, model_test(chi2, df, found, spec.test, unweighted=spec.discrepancy == "ULS")


def fit_baseline_test(
    table: ParameterTable,
    sample: Sample,
    effective: Sample,
    spec: EstimatorSpec,
    moments: MomentMap,
    weights: FloatArray | None,
    loglik_h1: float,
) -> ModelTest:
    """Test of the independence model alone."""
    return baseline_fit(table, sample, effective, spec, moments, weights, loglik_h1)[1]


def _plain_baseline(sample: Sample, spec: EstimatorSpec, moments: MomentMap) -> tuple[Curvature, ModelTest]:
    """The independence model under maximum likelihood with complete data, in closed form."""
    variances = np.diagonal(sample.covariance, axis1=1, axis2=2)
    gap = np.log(variances).sum(axis=1) - np.linalg.slogdet(sample.covariance)[1]
    none = Curvature(np.zeros((0, 0)), np.zeros((0, 0)))
    df = len(moments.layout.pairs[0]) * len(sample.n)
    return none, model_test(float(sample.n @ gap), df, none, spec.test)
