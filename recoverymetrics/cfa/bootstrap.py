"""Resampling a fitted model: nonparametric, parametric and Bollen-Stine draws, and cut-offs of fit made to measure."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from recoverymetrics.cfa.bollen_stine import turned_rows
from recoverymetrics.cfa.estimate import least_squares_weights, make_objective, minimise
from recoverymetrics.cfa.sample import Sample, continuous_sample, mixed_sample, ordinal_sample
from recoverymetrics.cfa.standardize import row_values
from recoverymetrics.cfa.table import ParameterTable
from recoverymetrics.display import AbstractResult
from recoverymetrics.errors import DataError, OptionError
from recoverymetrics.instrument.frame import ItemData
from recoverymetrics.numerics.seeds import spawn
from recoverymetrics.numerics.sem_ram import evaluate, scaled_covariance
from recoverymetrics.typing import FloatArray, ObjectArray, Seed, Workers
from recoverymetrics.workers import map_tasks

if TYPE_CHECKING:
    from recoverymetrics.cfa.result import CFAResult

BootstrapKind = Literal["nonparametric", "parametric", "bollen_stine"]
KINDS = ("nonparametric", "parametric", "bollen_stine")


@dataclass(frozen=True)
class Draw:
    """One refit: parameters, chi-square, RMSEA, CFI, SRMR; NaN when it failed."""

    theta: FloatArray
    chi2: float
    fit: tuple[float, float, float]


@dataclass(frozen=True, repr=False)
class BootstrapResult(AbstractResult):
    """Draws of a fitted model.

    Attributes
    ----------
    kind : str
        How the rows were drawn.
    draws : ndarray, shape (B, rows)
        Value of each row of the parameter table in each draw.
    chi2 : ndarray, shape (B,)
        Chi-square of each draw.
    fit : ndarray, shape (B, 3)
        RMSEA, CFI and SRMR of each draw.
    n_failed : int
        Draws left out because the refit failed.
    """

    kind: str
    draws: FloatArray
    chi2: FloatArray
    fit: FloatArray
    n_failed: int
    table: ParameterTable
    estimate: FloatArray
    statistic: float

    def __repr__(self) -> str:
        return f"BootstrapResult({self.kind}, draws={len(self.chi2)}, failed={self.n_failed})"

    @property
    def p_value(self) -> float:
        """Share of draws whose chi-square reaches the observed one; a test of fit under ``bollen_stine``."""
        return float((self.chi2 >= self.statistic).mean())

    def tidy(self, *, level: float = 0.95) -> pd.DataFrame:
        """One row per parameter: estimate, bootstrap standard error and percentile interval."""
        low, high = np.quantile(self.draws, [(1 - level) / 2, (1 + level) / 2], axis=0)
        rows = self.table.rows
        return pd.DataFrame(
            {
                "group": [self.table.groups[r.group] for r in rows],
                "lhs": [r.lhs for r in rows],
                "op": [r.op for r in rows],
                "rhs": [r.rhs for r in rows],
                "label": [r.label for r in rows],
                "free": self.table.index + 1,
                "estimate": self.estimate,
                "std_error": self.draws.std(axis=0, ddof=1),
                "conf_low": low,
                "conf_high": high,
            }
        )

    def glance(self) -> pd.DataFrame:
        """One row: observed chi-square, its bootstrap p value, draws and failures."""
        row = {
            "method": self.kind,
            "chi2": self.statistic,
            "p_value": self.p_value,
            "n_draws": len(self.chi2),
            "n_failed": self.n_failed,
        }
        return pd.DataFrame([row])


@dataclass(frozen=True)
class _Task:
    """A fitted model and the rows of one draw."""

    result: CFAResult
    rng: np.random.Generator
    kind: str
    rows: tuple[FloatArray, ...]


def bootstrap(
    result: CFAResult,
    *,
    n_boot: int = 1000,
    kind: BootstrapKind = "nonparametric",
    seed: Seed = None,
    workers: Workers = None,
) -> BootstrapResult:
    """Refit a model to resamples.

    Parameters
    ----------
    result : CFAResult
        Fitted model.
    n_boot : int, default 1000
        Number of draws.
    kind : {"nonparametric", "parametric", "bollen_stine"}
        Rows of each group with replacement; normal draws from the implied moments, missing where the data are; or rows
        after turning the data so that the model holds exactly, which tests the fit (Bollen & Stine 1992; with missing
        values Savalei & Yuan 2009).
    seed : int or Generator, optional
        Same seed, same draws, whatever the number of workers.
    workers : None, int or dask client
        Where the refits run.

    Returns
    -------
    BootstrapResult

    Raises
    ------
    OptionError
        Unknown kinds, parametric or Bollen-Stine draws of ordered items, and weights or clusters.
    """
    if kind not in KINDS:
        raise OptionError(f"kind={kind!r} is unknown; choose from {', '.join(KINDS)}.")
    if kind != "nonparametric" and result.layout.any_ordinal:
        raise OptionError(
            f"kind={kind!r} needs continuous items: ordered answers cannot be turned, only drawn; use 'nonparametric', or "
            "draw from the fitted model with monte_carlo_power."
        )
    result.refuse_given("bootstrap")
    if result.sample.weights is not None or result.sample.clusters is not None:
        raise OptionError("weighted or clustered rows cannot be resampled one by one.")
    rows = turned_rows(result) if kind == "bollen_stine" else result.sample.data
    tasks = [_Task(result, rng, kind, rows) for rng in spawn(seed, n_boot)]
    draws = map_tasks(_refit_draw, tasks, workers=workers)
    kept = [draw for draw in draws if np.isfinite(draw.chi2)]
    if not kept:
        raise DataError("no bootstrap draw could be fitted.")
    values = np.stack([row_values(result.table, result.layout, draw.theta) for draw in kept])
    return BootstrapResult(
        kind,
        values,
        np.array([draw.chi2 for draw in kept]),
        np.array([draw.fit for draw in kept]),
        n_boot - len(kept),
        result.table,
        row_values(result.table, result.layout, result.theta),
        result.test.chi2,
    )


def _refit_draw(task: _Task) -> Draw:
    result = task.result
    blocks = [_rows(task, group) for group in range(len(result.groups))]
    failed = Draw(result.theta, np.nan, (np.nan, np.nan, np.nan))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return refit(result, resample(result, blocks))
        except (DataError, np.linalg.LinAlgError):
            return failed


def _rows(task: _Task, group: int) -> FloatArray:
    data, result, rng = task.rows[group], task.result, task.rng
    if task.kind != "parametric":
        picked: FloatArray = data[rng.integers(0, len(data), size=len(data))]
        return picked
    mean = result.state.mu[group] if result.moments.means else result.sample.mean[group]
    drawn = rng.multivariate_normal(mean, result.state.sigma[group], size=len(data), method="cholesky")
    return np.where(np.isnan(data), np.nan, drawn)


def resample(result: CFAResult, blocks: Sequence[FloatArray]) -> Sample:
    """Statistics of other rows, as the estimator of a fitted model needs them; one block of rows per group."""
    groups = result.groups
    labels: ObjectArray | None = None
    if len(groups) > 1:
        labels = np.repeat(np.array(groups, dtype=object), [len(block) for block in blocks])
    record = ItemData(
        np.concatenate(blocks), result.table.observed, labels, groups if len(groups) > 1 else ()
    )
    if result.layout.any_ordinal and not result.layout.ordinal.all():
        names = [n for n, o in zip(result.table.observed, result.layout.ordinal, strict=True) if o]
        return mixed_sample(record, names, missing=result.spec.missing)
    if result.layout.any_ordinal:
        return ordinal_sample(record, missing=result.spec.missing)
    sample = continuous_sample(record, missing=result.spec.missing)
    if result.spec.wishart:
        factor = sample.n / (sample.n - 1.0)
        return replace(sample, covariance=sample.covariance * factor[:, None, None])
    return sample


def refit(result: CFAResult, sample: Sample) -> Draw:
    """Fit the same model to another sample, starting from its estimates."""
    from recoverymetrics.cfa.indices import ResidualParts, incremental, residual_indices, rmsea_family
    from recoverymetrics.cfa.pipeline import effective_sample, fit_baseline_test, fit_values
    from recoverymetrics.cfa.saturated import fit_saturated

    spec, moments = result.spec, result.moments
    loglik = np.nan
    if sample.patterns is not None:
        sample, loglik = fit_saturated(sample, moments)
    weights = None if spec.discrepancy == "ML" else least_squares_weights(sample, spec, moments)
    effective = effective_sample(sample, spec)
    objective = make_objective(result.layout, effective, spec, moments, weights)
    found = minimise(objective, result.theta.copy(), sample.total, result.constraints)
    if not found.minimum.converged:
        raise np.linalg.LinAlgError("no convergence")
    chi2, _, loglik = fit_values(objective, found, sample, effective, loglik)
    plain = replace(spec, test="none", errors="standard")
    baseline = fit_baseline_test(result.table, sample, effective, plain, moments, weights, loglik)
    state = evaluate(result.layout, found.theta)
    vector = moments.moments(state)
    n_th = len(result.layout.threshold_item)
    means = (sample.tau, vector[:, :n_th]) if n_th else (sample.mean, state.mu)
    if not n_th and not moments.means:
        means = (np.zeros((len(sample.n), 0)), np.zeros((len(sample.n), 0)))
    parts = ResidualParts(
        sample.covariance,
        scaled_covariance(result.layout, state),
        *means,
        sample.share,
        bool(n_th),
    )
    df = result.test.df
    rmsea = rmsea_family(chi2, df, sample.total, len(sample.n))["rmsea"]
    cfi = incremental((chi2, df), (baseline.chi2, baseline.df))["cfi"]
    return Draw(found.theta, chi2, (rmsea, cfi, residual_indices(parts)["srmr"]))


def dynamic_cutoffs(
    result: CFAResult,
    *,
    n_sim: int = 500,
    seed: Seed = None,
    workers: Workers = None,
) -> pd.DataFrame:
    """Cut-offs for RMSEA, CFI and SRMR made for this model and sample size (McNeish & Wolf 2023).

    Data are drawn from the fitted model as it is, and from versions with residual correlations of .3 added between one
    third, two thirds and all pairs of items of different factors, one pair per item; the cut-off of a level is the value
    that 95% of the correct draws do better than and at most 5% of the misspecified draws reach.

    Parameters
    ----------
    result : CFAResult
        Fitted single-group model of continuous items.
    n_sim : int, default 500
        Draws per level.
    seed : int or Generator, optional
        Seed.
    workers : None, int or dask client
        Where the refits run.

    Returns
    -------
    DataFrame
        level (0 to 3), rmsea, cfi, srmr, power: the share of misspecified draws beyond the RMSEA cut-off of level 0.
    """
    if result.layout.any_ordinal or len(result.groups) > 1 or result.sample.patterns is not None:
        raise OptionError("dynamic cut-offs need one group of complete continuous items.")
    pairs = _pairs(result)
    rows = []
    limit = np.nan
    for level, rng in zip(range(4), spawn(seed, 4), strict=True):
        chosen = pairs[: int(np.ceil(len(pairs) * level / 3))]
        sigma = _misspecified(result, chosen)
        tasks = [_Simulated(result, sigma, r) for r in rng.spawn(n_sim)]
        fits = np.array([draw.fit for draw in map_tasks(_refit_simulated, tasks, workers=workers)])
        fits = fits[np.isfinite(fits).all(axis=1)]
        quantile = (0.95, 0.05) if level == 0 else (0.05, 0.95)
        values = [np.quantile(fits[:, 0], quantile[0]), np.quantile(fits[:, 1], quantile[1])]
        values.append(np.quantile(fits[:, 2], quantile[0]))
        limit = values[0] if level == 0 else limit
        power = float((fits[:, 0] > limit).mean())
        rows.append((level, *values, power))
    return pd.DataFrame(rows, columns=["level", "rmsea", "cfi", "srmr", "power"])


@dataclass(frozen=True)
class _Simulated:
    """A fitted model and the covariance matrix to draw from."""

    result: CFAResult
    sigma: FloatArray
    rng: np.random.Generator


def _refit_simulated(task: _Simulated) -> Draw:
    n = round(task.result.sample.total)
    mean = task.result.sample.mean[0]
    block = task.rng.multivariate_normal(mean, task.sigma, size=n, method="cholesky")
    try:
        return refit(task.result, resample(task.result, [block]))
    except (DataError, np.linalg.LinAlgError):
        return Draw(task.result.theta, np.nan, (np.nan, np.nan, np.nan))


def _pairs(result: CFAResult) -> list[tuple[int, int]]:
    """One residual covariance per item, between items of different factors where there are several."""
    factor = {r.rhs: r.lhs for r in result.table.rows if r.op == "=~"}
    items = [k for k, name in enumerate(result.table.observed) if name in factor]
    names = result.table.observed
    several = len(set(factor.values())) > 1
    taken: set[int] = set()
    found = []
    for i in items:
        for j in items:
            apart = not several or factor[names[i]] != factor[names[j]]
            if i < j and apart and i not in taken and j not in taken:
                found.append((i, j))
                taken |= {i, j}
    return found


def _misspecified(result: CFAResult, pairs: Sequence[tuple[int, int]]) -> FloatArray:
    sigma = result.state.sigma[0].copy()
    theta = np.diagonal(result.state.S[0])
    for i, j in pairs:
        sigma[i, j] += 0.3 * np.sqrt(max(theta[i], 0.0) * max(theta[j], 0.0))
        sigma[j, i] = sigma[i, j]
    return sigma
