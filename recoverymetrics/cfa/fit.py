"""Entry functions: data and model text in, a fitted model out."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from recoverymetrics.cfa.admissibility import inspect_estimates
from recoverymetrics.cfa.baseline import fit_baseline
from recoverymetrics.cfa.equality import check_equal
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
    ModelOptions,
    build_layout,
    build_table,
    check_identified,
    check_variables,
    starting_values,
)
from recoverymetrics.cfa.result import CFAResult
from recoverymetrics.cfa.sample import Sample, continuous_sample, mixed_sample, ordinal_sample
from recoverymetrics.cfa.saturated import fit_saturated
from recoverymetrics.cfa.spec import EstimatorSpec, resolve_estimator
from recoverymetrics.cfa.statistics import ModelTest, model_test
from recoverymetrics.cfa.syntax import parse_model
from recoverymetrics.cfa.table import ParameterTable, Roles, find_roles
from recoverymetrics.errors import EstimationWarning, ModelError, OptionError
from recoverymetrics.instrument.frame import ItemData, read_items, to_pandas
from recoverymetrics.numerics.em_threads import single_thread
from recoverymetrics.numerics.sem_least_squares import LeastSquares
from recoverymetrics.numerics.sem_normal import (
    LOG_2PI,
    NormalComplete,
    NormalMissing,
    expected_information,
)
from recoverymetrics.numerics.sem_ram import MomentMap, RamLayout, evaluate
from recoverymetrics.typing import FloatArray, GroupSpec, IntArray, IntoFrame

IDENTIFICATIONS = ("wu_estabrook", "default")


def fit_cfa(
    data: IntoFrame,
    model: str,
    *,
    group: GroupSpec = None,
    ordered: bool | Sequence[str] = False,
    estimator: str | None = None,
    missing: str = "listwise",
    equal: str | Sequence[str] = (),
    free: str | Sequence[str] = (),
    std_lv: bool = False,
    parameterization: str = "delta",
    identification: str = "wu_estabrook",
    orthogonal: bool = False,
    meanstructure: bool | None = None,
    likelihood: str = "normal",
    information: str | None = None,
    rotation: str | BlockRotation = "geomin",
    weights: str | Sequence[float] | None = None,
    cluster: str | Sequence[Any] | None = None,
    max_iter: int = 150,
) -> CFAResult:
    """Fit a confirmatory factor model, in one group or several.

    Parameters
    ----------
    data : DataFrame, Responses, ItemData, mapping or 2-D array
        One row per person; columns that the model does not name are left alone.
    model : str
        lavaan model syntax: ``"f =~ x1 + x2 + x3"``.
    group : str or array-like of length n, optional
        Column with group labels, or the labels.
    ordered : bool or list of str, default False
        Items to treat as ordered categories (all with True).
    estimator : str, optional
        ML, MLR, MLM, MLMV, MLMVS, MLF, GLS, ULS, ULSM, ULSMV, WLS, DWLS, WLSM, WLSMV, WLSMVS.
        Default ML, or WLSMV with ordered items.
    missing : {"listwise", "fiml", "pairwise"}, default "listwise"
        ``fiml`` for continuous items, ``pairwise`` for ordered ones.
    equal : str or sequence of str
        What is equal across groups: loadings, intercepts, residuals, residual_covariances, means, thresholds,
        regressions, lv_variances, lv_covariances.
    free : str or sequence of str
        Exceptions from ``equal``, such as ``"x2~1"``, ``"f=~x2"``, ``"A1|t1"``.
    std_lv : bool, default False
        Factors with variance one instead of a marker item.
    parameterization : {"delta", "theta"}, default "delta"
        Scaling of ordered items.
    identification : {"wu_estabrook", "default"}, default "wu_estabrook"
        How ordered items in several groups are identified: for every pattern of equality as in Wu and Estabrook
        (2016), standardised factors in the first group; or markers with free scales once thresholds are equal.
    orthogonal : bool, default False
        Factors without covariances.
    meanstructure : bool, optional
        Whether intercepts are part of the model; by default with groups, FIML, ordered items, or ``~1`` lines.
    likelihood : {"normal", "wishart"}, default "normal"
        Divisor n or n - 1 for covariances under maximum likelihood.
    information : {"expected", "observed"}, optional
        Information behind standard errors; by default expected, observed under FIML and MLR.
    rotation : {"geomin", "oblimin"} or BlockRotation, default "geomin"
        Oblique rotation of exploratory blocks, written ``efa("a")*F1 + efa("a")*F2 =~ x1 + x2 + ...``.
    weights : str or sequence of float, optional
        Sampling weights (continuous items, MLR); they are scaled to sum to the number of rows.
    cluster : str or sequence, optional
        Clusters of dependent rows, such as countries within regions (continuous items, MLR): standard errors and the
        scaled test add the scores up within clusters.
    max_iter : int, default 150
        Most iterations.

    Returns
    -------
    CFAResult

    Raises
    ------
    ModelError
        Syntax (with line and column), unknown variables, models that are not identified.
    DataError
        Zero variances, perfectly correlated items, empty categories in a group, too few rows.
    OptionError
        Unknown or incompatible options.

    Warns
    -----
    EstimationWarning
        No convergence or inadmissible estimates; also in ``result.warnings``.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> f = rng.normal(size=(300, 1))
    >>> x = f * [1.0, 0.8, 0.6, 0.9] + rng.normal(size=(300, 4))
    >>> fit = fit_cfa(x, "f =~ item1 + item2 + item3 + item4")
    >>> fit.converged, int(fit.glance()["df"].iloc[0])
    (True, 2)
    """
    _check_choice("parameterization", parameterization, ("delta", "theta"))
    _check_choice("identification", identification, IDENTIFICATIONS)
    parsed = parse_model(model)
    roles = find_roles(parsed)
    record = _read(data, roles, group)
    ordinal = _ordered_names(ordered, roles)
    if estimator is None and not ordinal and (weights is not None or cluster is not None):
        estimator = "MLR"
    spec = resolve_estimator(
        estimator, ordinal=bool(ordinal), missing=missing, information=information, likelihood=likelihood
    )
    several = len(record.groups) > 1
    written = any(s.op == "~1" for s in parsed.statements)
    means = bool(several or ordinal or spec.fiml or written) if meanstructure is None else bool(meanstructure)
    if not means and ((several and "intercepts" in check_equal(equal)) or spec.fiml or ordinal):
        raise OptionError("meanstructure=False is impossible with FIML, ordered items or equal intercepts.")
    options = ModelOptions(
        equal=check_equal(equal),
        free=(free,) if isinstance(free, str) else tuple(free),
        std_lv=std_lv,
        orthogonal=orthogonal,
        mean_structure=means,
        theta=parameterization == "theta",
        identification=identification,
    )
    with single_thread():
        sample = draw_sample(record, spec, ordinal, *_design(data, record.n, weights, cluster))
    counts = np.bincount(sample.threshold_item, minlength=len(roles.observed))
    table = build_table(parsed, roles, sample.groups, [int(k) for k in counts], options)
    with single_thread():
        turn = BlockRotation(rotation) if isinstance(rotation, str) else rotation
        return fit_table(table, sample, spec, max_iter=max_iter, model=model, rotation=turn)


def fit_sem(data: IntoFrame, model: str, **options: Any) -> CFAResult:
    """Fit a structural equation model: the same as `fit_cfa`, whose options it takes, with regressions.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(size=200)
    >>> fit = fit_sem({"x": x, "y": 0.5 * x + rng.normal(size=200)}, "y ~ x")
    >>> fit.tidy().query("op == '~'")["rhs"].item()
    'x'
    """
    return fit_cfa(data, model, **options)


def _check_choice(name: str, value: str, valid: Sequence[str]) -> None:
    if value not in valid:
        raise OptionError(f"{name}={value!r} is unknown; choose from {', '.join(valid)}.")


def _read(data: IntoFrame, roles: Roles, group: GroupSpec) -> ItemData:
    if isinstance(data, ItemData) or hasattr(data, "item_data"):
        whole = read_items(data, group=group)
        check_variables(roles, whole.items, ordered=(), categories=False)
        return whole.select(roles.observed)
    columns = _column_names(data)
    if columns is not None:
        check_variables(roles, columns, ordered=(), categories=False)
    if isinstance(data, pd.DataFrame) and group is None:
        values = _plain_numbers(data, roles.observed)
        if values is not None:
            return ItemData(values, roles.observed)
    return read_items(data, items=list(roles.observed), group=group)


def _plain_numbers(data: pd.DataFrame, items: Sequence[str]) -> FloatArray | None:
    """The items as an array when every column is an ordinary numeric one; else None, and the careful way is taken."""
    columns = [data[item] for item in items]
    arrays = [column.to_numpy() for column in columns if isinstance(column, pd.Series)]
    if len(arrays) < len(items) or not len(data) or any(a.dtype.kind not in "fiu" for a in arrays):
        return None
    values = np.column_stack(arrays).astype(float, copy=False)
    return None if np.isinf(values).any() else values


def _column_names(data: IntoFrame) -> list[str] | None:
    if isinstance(data, np.ndarray) and data.ndim == 2:
        return [f"item{j + 1}" for j in range(data.shape[1])]
    if isinstance(data, dict):
        return [str(name) for name in data]
    columns = getattr(data, "columns", getattr(data, "column_names", None))
    return None if columns is None or callable(columns) else [str(name) for name in columns]


def _ordered_names(ordered: bool | Sequence[str], roles: Roles) -> tuple[str, ...]:
    if isinstance(ordered, str):
        ordered = [ordered]
    if isinstance(ordered, bool):
        return roles.observed if ordered else ()
    chosen = set(ordered)
    return tuple(name for name in roles.observed if name in chosen)


def _design(
    data: IntoFrame, n: int, weights: str | Sequence[float] | None, cluster: str | Sequence[Any] | None
) -> tuple[FloatArray | None, IntArray | None]:
    """Weights and cluster numbers of all rows."""
    w = c = None
    if weights is not None:
        w = np.asarray(_column(data, weights, "weights"), dtype=float)
        if w.shape != (n,) or not np.isfinite(w).all() or (w <= 0).any():
            raise OptionError(f"weights= needs {n} positive numbers, one per row.")
    if cluster is not None:
        labels = pd.Series(np.asarray(_column(data, cluster, "cluster"), dtype=object))
        if len(labels) != n or labels.isna().any():
            raise OptionError(f"cluster= needs {n} labels, one per row and none missing.")
        c = np.unique(labels.astype(str), return_inverse=True)[1].ravel()
    return w, c


def _column(data: IntoFrame, source: str | Sequence[Any], name: str) -> Any:
    if not isinstance(source, str):
        return source
    frame = to_pandas(data)
    if source not in frame.columns:
        raise OptionError(f"{name}={source!r} is not a column of the data.")
    return frame[source].to_numpy()


def draw_sample(
    record: ItemData,
    spec: EstimatorSpec,
    ordinal: Sequence[str],
    weights: FloatArray | None = None,
    cluster: IntArray | None = None,
) -> Sample:
    """Sample statistics that the estimator needs."""
    if (weights is not None or cluster is not None) and (ordinal or spec.errors != "huber_white"):
        raise OptionError("weights= and cluster= need continuous items and estimator='MLR'.")
    if ordinal:
        if len(ordinal) < record.n_items:
            return mixed_sample(record, ordinal, missing=spec.missing)
        return ordinal_sample(record, missing=spec.missing)
    sample = continuous_sample(record, missing=spec.missing, weights=weights, cluster=cluster)
    if spec.wishart:
        factor = sample.n / (sample.n - 1.0)
        return replace(sample, covariance=sample.covariance * factor[:, None, None])
    return sample


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
        sample, loglik_h1 = fit_saturated(sample)
    if start is None:
        start = starting_values(table, sample.covariance, sample.mean, sample.tau)
    plan = _plan(table, layout, sample, start)
    _identify(plan.table, plan.layout, moments, plan.start, constraints)
    weights = None if spec.discrepancy == "ML" else least_squares_weights(sample, spec, moments)
    effective = effective_sample(sample, spec)
    objective = make_objective(layout, effective, spec, moments, weights)
    if plan.blocks:
        estimate = _fit_blocks(plan, table, layout, effective, spec, weights, constraints, rotation, max_iter)
    else:
        estimate = minimise(objective, start, sample.total, constraints, max_iter=max_iter)
    found = curvature(objective, estimate.theta, estimate.tangent, sample, spec, moments)
    divisor = sample.total if spec.discrepancy == "ML" and not spec.wishart else sample.total - len(sample.n)
    covariance = parameter_covariance(found, spec, divisor, layout.arrow)
    npar = table.n_free if estimate.tangent is None else estimate.tangent.shape[1]
    df = moments.size * len(sample.n) - npar
    chi2, loglik, loglik_h1 = fit_values(objective, estimate, sample, effective, loglik_h1)
    unweighted = spec.discrepancy == "ULS"
    test = model_test(chi2, df, found, spec.test, unweighted=unweighted)
    baseline, baseline_test = baseline_fit(table, sample, effective, spec, moments, weights, loglik_h1)
    if table.exogenous and spec.likelihood_based:
        given = _exogenous_loglik(table, sample)
        loglik, loglik_h1, npar = loglik - given, loglik_h1 - given, npar - table.n_exogenous
    state = evaluate(layout, estimate.theta)
    reasons = inspect_estimates(table, layout, state, estimate, found)
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


def _identify(
    table: ParameterTable,
    layout: RamLayout,
    moments: MomentMap,
    start: FloatArray,
    constraints: ConstraintSet,
) -> None:
    """Check the rank of the Jacobian near the start, before any optimisation."""
    if layout.n_free == 0:
        return
    shaken = start * (1.0 + 0.1 * np.cos(1.0 + np.arange(len(start)))) + 0.03 * np.sin(
        2.0 + np.arange(len(start))
    )
    state = evaluate(layout, shaken)
    n_rules = len(constraints.equalities)
    if layout.any_ordinal:
        J = moments.jacobian(state)
        gram = layout.gather_square(np.swapaxes(J, 1, 2) @ J)
    else:
        identity = np.broadcast_to(np.eye(layout.n_observed), state.sigma.shape)
        gram = expected_information(layout, state, identity, np.ones(layout.n_groups))
    if n_rules:
        R = jacobian(constraints.equality_values, shaken)
        gram = gram + R.T @ R
        arrow = None
    else:
        arrow = layout.arrow
    check_identified(table, gram, moments.size * layout.n_groups, n_rules, arrow)


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
