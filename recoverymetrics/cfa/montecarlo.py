"""Power of every parameter by simulation (Muthen & Muthen 2002)."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from recoverymetrics.cfa.bootstrap import resample
from recoverymetrics.cfa.esem import has_blocks
from recoverymetrics.cfa.expressions import jacobian
from recoverymetrics.cfa.montecarlo_result import MonteCarloPower
from recoverymetrics.cfa.population import (
    GROUP_COLUMN,
    Population,
    analysis_text,
    check_sizes,
    read_population,
)
from recoverymetrics.cfa.sample import Sample
from recoverymetrics.cfa.spec import EstimatorSpec
from recoverymetrics.errors import DataError, ModelError, OptionError
from recoverymetrics.numerics.seeds import spawn
from recoverymetrics.numerics.threads import single_thread
from recoverymetrics.typing import BoolArray, FloatArray, Seed, Workers
from recoverymetrics.workers import map_tasks

if TYPE_CHECKING:
    from recoverymetrics.cfa.result import CFAResult

PERSONS_OF_TEMPLATE = 5000
MANY = 1e9
"""Persons for which the moments of a population are exact."""


@dataclass(frozen=True)
class Plan:
    """What every replication shares: population, fitted template, population values of its rows."""

    population: Population
    template: CFAResult
    start: FloatArray
    parameters: pd.DataFrame
    kept: BoolArray
    misfit: float
    missing_rate: float


@dataclass(frozen=True)
class _Task:
    plan: Plan
    sizes: tuple[int, ...]
    rng: np.random.Generator


@dataclass(frozen=True)
class _Replication:
    """Estimates and standard errors of one sample; None when it could not be fitted."""

    estimates: FloatArray
    errors: FloatArray
    p_value: float
    admissible: bool


def monte_carlo_power(
    population: str | CFAResult,
    model: str | None = None,
    *,
    n: int | Sequence[int],
    n_reps: int = 500,
    alpha: float = 0.05,
    missing_rate: float = 0.0,
    seed: Seed = None,
    workers: Workers = None,
    **options: Any,
) -> MonteCarloPower:
    """Power, bias and coverage of every parameter in samples from a known population (Muthen & Muthen 2002).

    Parameters
    ----------
    population : str or CFAResult
        lavaan syntax with a value for every loading and regression, ``"f =~ 0.8*x1 + 0.7*x2"``; one per group in
        ``c(...)``. Variances of factors are 1, covariances and intercepts 0, and residual variances such that the
        variable has variance one, unless they are written. Thresholds (``"x1 | -0.5*t1 + 0.8*t2"``) make an
        item ordered. A fitted model stands for the population that it implies.
    model : str, optional
        Analysis model; by default the population's own lines with their values taken off (zeros stay fixed), with
        standardised factors, or the model of the fitted result. A wrong model shows its bias against the values that
        it would have in an endless sample.
    n : int or sequence of int
        Persons, or persons of each group.
    n_reps : int, default 500
        Replications.
    alpha : float, default 0.05
        Level of the tests; intervals cover ``1 - alpha``.
    missing_rate : float, default 0
        Share of responses deleted completely at random; combine it with ``missing="fiml"`` or ``"pairwise"``.
    seed : int or Generator, optional
        Same seed, same result, whatever the number of workers.
    workers : None, int or dask client
        Where the replications run.
    **options
        As in `fit_cfa`: ``estimator``, ``equal``, ``std_lv``, ``parameterization``, ...; ``ordered`` follows from the
        thresholds.

    Returns
    -------
    MonteCarloPower

    Raises
    ------
    ModelError
        Populations without values or with impossible ones, exploratory blocks.
    OptionError
        Impossible sizes, rates and levels.
    DataError
        No replication could be fitted.

    Examples
    --------
    >>> found = monte_carlo_power("f =~ 0.8*x1 + 0.7*x2 + 0.6*x3 + 0.5*x4", n=150, n_reps=20, seed=1)
    >>> bool((found.tidy().query("op == '=~'")["power"] == 1).all())
    True
    """
    sizes = check_sizes(n)
    check_plan(n_reps, alpha, missing_rate)
    plan = prepare(population, model, sizes, missing_rate, options)
    if len(sizes) == 1:
        sizes = plan.population.sizes(sizes[0])
    return run_plan(plan, sizes, n_reps, alpha, seed, workers)


def check_plan(n_reps: int, alpha: float, missing_rate: float) -> None:
    """Refuse impossible numbers of replications, levels and rates."""
    if n_reps < 2:
        raise OptionError(f"n_reps={n_reps} must be at least 2.")
    if not 0 < alpha < 1:
        raise OptionError(f"alpha={alpha} must lie between 0 and 1.")
    if not 0 <= missing_rate < 1:
        raise OptionError(f"missing_rate={missing_rate} must lie between 0 and 1.")


def prepare(
    source: str | CFAResult,
    model: str | None,
    sizes: tuple[int, ...],
    missing_rate: float,
    options: dict[str, Any],
) -> Plan:
    """Fit the analysis model once to a large sample, for its table, and to the population, for its true values."""
    from recoverymetrics.cfa.fit import fit_cfa
    from recoverymetrics.cfa.pipeline import fit_table

    share = np.array(sizes, dtype=float) / sum(sizes)
    population = read_population(source, len(sizes), share)
    if not isinstance(source, str) and len(sizes) not in (1, len(population.groups)):
        raise OptionError(f"n= has {len(sizes)} numbers for {len(population.groups)} groups.")
    rng = np.random.default_rng(0)
    blocks = population.draw([PERSONS_OF_TEMPLATE] * len(population.groups), rng)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if isinstance(source, str) or model is not None:
            if model is None:
                model = analysis_text(str(source))
                options = {"std_lv": not options.get("effects_coding", False)} | options
            grouped = {"group": GROUP_COLUMN} if len(population.groups) > 1 else {}
            ordered = {"ordered": list(population.thresholds)} if population.thresholds else {}
            template = fit_cfa(population.frame(blocks), model, **(grouped | ordered | options))
        elif options:
            raise OptionError("options go with a model text; a fitted model is analysed with its own.")
        else:
            template = source
        if has_blocks(template.table):
            raise ModelError(
                "exploratory blocks are not available in Monte Carlo studies; write a confirmatory model."
            )
        with single_thread():
            truth = fit_table(
                template.table, _exact(population, template), _plain(template.spec), max_iter=1000
            )
    tidy = truth.tidy()
    kept = ((tidy["free"] > 0) | (tidy["op"] == ":=")).to_numpy()
    parameters = tidy.loc[kept, ["group", "lhs", "op", "rhs", "label"]].reset_index(drop=True)
    parameters["population"] = _clean(tidy.loc[kept, "estimate"].to_numpy())
    misfit = max(truth.test.chi2 / truth.sample.total, 0.0)
    return Plan(
        population, template, truth.theta, parameters, kept, misfit if misfit > 1e-9 else 0.0, missing_rate
    )


def _clean(values: FloatArray) -> FloatArray:
    """Population values without the rounding errors of the search."""
    near = np.round(values, 6)
    return np.where(np.abs(values - near) < 1e-7, near, values)


def _plain(spec: EstimatorSpec) -> EstimatorSpec:
    """The same kind of discrepancy without anything that needs rows."""
    ml = spec.discrepancy in ("ML", "GLS")
    return EstimatorSpec(
        "ML" if ml else "ULS", "ML" if ml else "ULS", "standard", "none", "listwise", "expected"
    )


def _exact(population: Population, template: CFAResult) -> Sample:
    """The population's moments in the order of the template's variables, as if from a vast sample."""
    items = template.table.observed
    order = [population.items.index(item) for item in items]
    mean, covariance = population.mean[:, order], population.covariance[:, order][:, :, order]
    ordinal = np.array([item in population.thresholds for item in items])
    sd = np.where(ordinal, np.sqrt(np.diagonal(covariance, axis1=1, axis2=2)), 1.0)
    tau = [
        (population.thresholds[item] - mean[:, [j]]) / sd[:, [j]]
        for j, item in enumerate(items)
        if ordinal[j]
    ]
    groups = len(population.groups)
    return Sample(
        items,
        template.groups,
        tuple(np.zeros((0, len(items))) for _ in range(groups)),
        MANY * population.share,
        0,
        np.where(ordinal, 0.0, mean),
        covariance / sd[:, :, None] / sd[:, None, :],
        np.concatenate(tau, axis=1) if tau else np.zeros((groups, 0)),
        template.sample.threshold_item,
        ordinal,
    )


def run_plan(
    plan: Plan, sizes: tuple[int, ...], n_reps: int, alpha: float, seed: Seed, workers: Workers
) -> MonteCarloPower:
    """Draw and fit all replications of one size."""
    tasks = [_Task(plan, sizes, rng) for rng in spawn(seed, n_reps)]
    with single_thread():
        found = [r for r in map_tasks(_replicate, tasks, workers=workers) if r is not None]
    if len(found) < 2:
        raise DataError(
            f"fewer than two of {n_reps} samples of {sum(sizes)} persons could be fitted; raise n, or simplify the model."
        )
    return MonteCarloPower(
        plan.parameters.copy(),
        np.stack([r.estimates for r in found]),
        np.stack([r.errors for r in found]),
        np.array([r.p_value for r in found]),
        sizes,
        n_reps,
        n_reps - len(found),
        float(np.mean([r.admissible for r in found])),
        plan.template.test.df,
        plan.misfit,
        alpha,
    )


def _replicate(task: _Task) -> _Replication | None:
    from recoverymetrics.cfa.pipeline import fit_table

    plan, template = task.plan, task.plan.template
    blocks = plan.population.draw(task.sizes, task.rng)
    order = [plan.population.items.index(item) for item in template.table.observed]
    blocks = [block[:, order] for block in blocks]
    if plan.missing_rate:
        blocks = [np.where(task.rng.random(b.shape) < plan.missing_rate, np.nan, b) for b in blocks]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            sample = resample(template, blocks)
            if sample.threshold_item.shape != template.sample.threshold_item.shape:
                return None
            fit = fit_table(template.table, sample, template.spec, start=plan.start.copy())
        except (DataError, ModelError, np.linalg.LinAlgError):
            return None
    if not fit.converged:
        return None
    estimates, errors = _numbers(fit, plan.kept)
    scaled = math.isfinite(fit.test.p_scaled)
    return _Replication(estimates, errors, fit.test.p_scaled if scaled else fit.test.p_value, fit.admissible)


def _numbers(fit: CFAResult, kept: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Estimates and standard errors of the kept rows of ``fit.tidy()``, without the rest of that table."""
    index = fit.table.index[kept[: len(fit.table.rows)]]
    spread = np.sqrt(np.maximum(np.diagonal(fit.covariance), 0.0))
    values, errors = fit.theta[index], spread[index]
    if not fit.constraints.defined:
        return values, errors
    J = jacobian(fit.constraints.defined_values, fit.theta)
    defined = np.asarray(fit.constraints.defined_values(fit.theta), dtype=float)
    own = np.sqrt(np.maximum(np.einsum("ij,jk,ik->i", J, fit.covariance, J), 0.0))
    return np.concatenate([values, defined]), np.concatenate([errors, own])
