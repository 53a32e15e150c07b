"""Power and required sample size by simulation, parameter by parameter (Muthen & Muthen 2002)."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from recoverymetrics.cfa.bootstrap import resample
from recoverymetrics.cfa.esem import has_blocks
from recoverymetrics.cfa.expressions import jacobian
from recoverymetrics.cfa.population import (
    GROUP_COLUMN,
    Population,
    analysis_text,
    check_sizes,
    read_population,
)
from recoverymetrics.cfa.sample import Sample
from recoverymetrics.cfa.spec import EstimatorSpec
from recoverymetrics.display import AbstractResult
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


@dataclass(frozen=True, repr=False)
class MonteCarloPower(AbstractResult):
    """What a model does in samples from a known population.

    Attributes
    ----------
    parameters : DataFrame
        group, lhs, op, rhs, label and population value of each estimated or defined parameter.
    estimates, errors : ndarray, shape (R, k)
        Estimates and standard errors of each replication that converged.
    p_values : ndarray, shape (R,)
        p value of the test of fit, scaled where the estimator scales it.
    n : tuple of int
        Persons of each group.
    n_reps, n_failed : int
        Replications asked for, and those that could not be fitted or did not converge.
    share_admissible : float
        Share of the converged replications without Heywood cases and the like.
    df : int
        Degrees of freedom of the analysis model.
    misfit : float
        Chi-square of the analysis model in the population, per person: 0 when it is correct. It is what
        ``chi2_power`` asks for.
    alpha : float
        Level of the tests.
    search : DataFrame
        Sample sizes tried and the power found, when a sample size was searched.
    """

    parameters: pd.DataFrame
    estimates: FloatArray
    errors: FloatArray
    p_values: FloatArray
    n: tuple[int, ...]
    n_reps: int
    n_failed: int
    share_admissible: float
    df: int
    misfit: float
    alpha: float
    search: pd.DataFrame = field(default_factory=pd.DataFrame)

    def __repr__(self) -> str:
        return f"MonteCarloPower(n={sum(self.n)}, n_reps={self.n_reps}, n_failed={self.n_failed}, alpha={self.alpha})"

    @property
    def converged(self) -> bool:
        """Whether every replication could be fitted."""
        return self.n_failed == 0

    @property
    def admissible(self) -> bool:
        """Whether every converged replication was admissible."""
        return self.share_admissible == 1.0

    def tidy(self) -> pd.DataFrame:
        """One row per parameter.

        Returns
        -------
        DataFrame
            group, lhs, op, rhs, label, population, estimate (mean), bias, relative_bias, sd (of the estimates),
            std_error (mean), se_ratio (mean standard error over sd), mse, interval_coverage, power (share of
            replications in which the parameter differs from zero at ``alpha``).
        """
        truth = self.parameters["population"].to_numpy()
        mean, sd = self.estimates.mean(axis=0), self.estimates.std(axis=0, ddof=1)
        half = ndtri(1.0 - self.alpha / 2.0) * self.errors
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = np.where(truth != 0, (mean - truth) / truth, np.nan)
            ratio = self.errors.mean(axis=0) / sd
        return self.parameters.assign(
            estimate=mean,
            bias=mean - truth,
            relative_bias=relative,
            sd=sd,
            std_error=self.errors.mean(axis=0),
            se_ratio=ratio,
            mse=((self.estimates - truth) ** 2).mean(axis=0),
            interval_coverage=(np.abs(self.estimates - truth) <= half).mean(axis=0),
            power=(np.abs(self.estimates) > half).mean(axis=0),
        )

    def glance(self) -> pd.DataFrame:
        """One row: n, n_reps, n_failed, share_converged, share_admissible, df, misfit, rejection_rate, alpha."""
        known = self.p_values[np.isfinite(self.p_values)]
        row = {
            "n": sum(self.n),
            "n_reps": self.n_reps,
            "n_failed": self.n_failed,
            "share_converged": 1.0 - self.n_failed / self.n_reps,
            "share_admissible": self.share_admissible,
            "df": self.df,
            "misfit": self.misfit,
            "rejection_rate": float((known < self.alpha).mean()) if known.size else math.nan,
            "alpha": self.alpha,
        }
        return pd.DataFrame([row])

    def _title(self) -> str:
        return f"Monte Carlo power, n = {sum(self.n)}, {self.n_reps} replications"


@dataclass(frozen=True)
class _Plan:
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
    plan: _Plan
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
    _check(n_reps, alpha, missing_rate)
    plan = _prepare(population, model, sizes, missing_rate, options)
    if len(sizes) == 1:
        sizes = plan.population.sizes(sizes[0])
    return _run(plan, sizes, n_reps, alpha, seed, workers)


def monte_carlo_sample_size(
    population: str | CFAResult,
    model: str | None = None,
    *,
    parameter: str | Sequence[str],
    power: float = 0.80,
    n_reps: int = 500,
    alpha: float = 0.05,
    n_max: int = 100_000,
    share: Sequence[float] | None = None,
    missing_rate: float = 0.0,
    seed: Seed = None,
    workers: Workers = None,
    **options: Any,
) -> MonteCarloPower:
    r"""Smallest sample in which a parameter is found with the wanted power, by simulation.

    A probit curve in the root of n, to which every size tried adds a point, says where to look next; the search ends
    when the curve's answer moves by less than 2%.

    Parameters
    ----------
    population, model : str or CFAResult, str
        As in `monte_carlo_power`.
    parameter : str or sequence of str
        Model line (``"f =~ x1"``, ``"y ~ x"``), label or defined parameter; of several, the one with least power
        counts. In several groups the least over groups.
    power : float, default 0.80
        Wanted power.
    n_reps, alpha, missing_rate, seed, workers
        As in `monte_carlo_power`; ``n_reps`` for every size tried.
    n_max : int, default 100000
        Where to give up.
    share : sequence of float, optional
        Relative sizes of the groups of a population text; as many as groups.
    **options
        As in `fit_cfa`.

    Returns
    -------
    MonteCarloPower
        At the size found, persons of all groups in ``n``; ``search`` lists the sizes tried.

    Raises
    ------
    OptionError
        Unknown parameters, powers outside (0, 1), and parameters that no sample below ``n_max`` finds.

    Examples
    --------
    >>> text = "f =~ 0.8*x1 + 0.7*x2 + 0.6*x3\ng =~ 0.8*x4 + 0.7*x5 + 0.6*x6\nf ~~ 0.3*g"
    >>> found = monte_carlo_sample_size(text, parameter="f ~~ g", n_reps=50, seed=1)
    >>> 90 < sum(found.n) < 200
    True
    """
    if not 0 < power < 1:
        raise OptionError(f"power={power} must lie between 0 and 1.")
    _check(n_reps, alpha, missing_rate)
    parts = check_sizes(n=[1000] * (1 if share is None else len(share)))
    plan = _prepare(population, model, parts, missing_rate, options)
    if share is not None:
        total = float(np.sum(share))
        plan = replace(plan, population=replace(plan.population, share=np.asarray(share, float) / total))
    picked = _find(plan.parameters, parameter)
    runs: dict[int, MonteCarloPower] = {}
    n = 200 * len(plan.population.groups)
    for rng in spawn(seed, 8):
        runs[n] = _run(plan, plan.population.sizes(n), n_reps, alpha, rng, workers)
        wanted = _next_size(runs, picked, power, alpha)
        if wanted > n_max:
            raise OptionError(
                f"no sample of up to {n_max} persons finds {parameter!r} with power {power}; the parameter is too close "
                "to zero."
            )
        done = abs(wanted - n) <= max(0.02 * n, 2.0) or wanted in runs
        n = wanted
        if done:
            break
    if n not in runs:
        runs[n] = _run(plan, plan.population.sizes(n), n_reps, alpha, spawn(seed, 9)[-1], workers)
    rows = [(k, float(run.tidy()["power"].to_numpy()[picked].min())) for k, run in sorted(runs.items())]
    return replace(runs[n], search=pd.DataFrame(rows, columns=["n", "power"]))


def _check(n_reps: int, alpha: float, missing_rate: float) -> None:
    if n_reps < 2:
        raise OptionError(f"n_reps={n_reps} must be at least 2.")
    if not 0 < alpha < 1:
        raise OptionError(f"alpha={alpha} must lie between 0 and 1.")
    if not 0 <= missing_rate < 1:
        raise OptionError(f"missing_rate={missing_rate} must lie between 0 and 1.")


def _prepare(
    source: str | CFAResult,
    model: str | None,
    sizes: tuple[int, ...],
    missing_rate: float,
    options: dict[str, Any],
) -> _Plan:
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
    return _Plan(
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


def _run(
    plan: _Plan, sizes: tuple[int, ...], n_reps: int, alpha: float, seed: Seed, workers: Workers
) -> MonteCarloPower:
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


def _find(parameters: pd.DataFrame, wanted: str | Sequence[str]) -> list[int]:
    """Rows of the parameters that are named by line or label."""
    names = (wanted,) if isinstance(wanted, str) else tuple(wanted)
    found: list[int] = []
    for name in names:
        text = "".join(name.split())
        rows = [
            k
            for k, row in enumerate(parameters.itertuples())
            if text
            in (row.label, f"{row.lhs}{row.op}{row.rhs}", f"{row.rhs}{row.op}{row.lhs}" * (row.op == "~~"))
            or (row.op == ":=" and row.lhs == text)
            or (row.op == "~1" and text in (f"{row.lhs}~1", f"{row.lhs}~"))
        ]
        if not rows:
            raise OptionError(
                f"parameter={name!r} is not an estimated parameter of the analysis; they are "
                f"{', '.join(dict.fromkeys(f'{r.lhs} {r.op} {r.rhs}'.strip() for r in parameters.itertuples()))}."
            )
        found += rows
    return found


def _next_size(runs: dict[int, MonteCarloPower], picked: list[int], power: float, alpha: float) -> int:
    """Where a probit curve in the root of n through all runs reaches the wanted power."""
    sizes = np.array(sorted(runs), dtype=float)
    powers = np.stack([runs[int(k)].tidy()["power"].to_numpy()[picked] for k in sizes])
    weakest = powers[-1].argmin() if len(powers) else 0
    trials = np.array([len(runs[int(k)].estimates) for k in sizes], dtype=float)
    last = runs[int(sizes[-1])]
    worst = picked[int(weakest)]
    truth = abs(float(last.parameters["population"].iloc[worst]))
    slope = truth / (float(last.errors[:, worst].mean()) * math.sqrt(sizes[-1]))
    critical = ndtri(1.0 - alpha / 2.0)
    if slope <= 0:
        return 10**9
    root = (critical + ndtri(power)) / slope
    informative = (powers[:, weakest] > 0.02) & (powers[:, weakest] < 0.995)
    if informative.any():
        p, m, x = powers[informative, weakest], trials[informative], np.sqrt(sizes[informative])
        y, density = ndtri(p), np.exp(-0.5 * ndtri(p) ** 2) / math.sqrt(2.0 * math.pi)
        weight = m * density**2 / (p * (1.0 - p))
        if len(x) == 1:
            root = x[0] + (ndtri(power) - y[0]) / slope
        else:
            # the slope is known from the standard errors; the points give the level of the curve
            level = float((weight * (y - slope * x)).sum() / weight.sum())
            root = (ndtri(power) - level) / slope
    return int(min(max(math.ceil(max(root, 0.0) ** 2), 3 * len(last.n) + 3, 10), 10**9))
