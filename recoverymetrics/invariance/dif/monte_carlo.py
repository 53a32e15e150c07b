"""Cut-offs for DIF statistics and effects from data without DIF (as lordif does; Choi et al. 2011)."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import expit

from recoverymetrics.errors import EstimationWarning, RecoveryMetricsError
from recoverymetrics.invariance.dif.data import DIFData
from recoverymetrics.invariance.dif.irt import item_data
from recoverymetrics.invariance.dif.spec import FlagRule
from recoverymetrics.irt import fit_irt
from recoverymetrics.numerics.seeds import spawn
from recoverymetrics.typing import FloatArray, Seed, Workers
from recoverymetrics.workers import map_tasks

if TYPE_CHECKING:
    from recoverymetrics.invariance.dif.result import DIFResult


@dataclass(frozen=True)
class NullModel:
    """Graded items without DIF, and the groups' latent distributions, per scale.

    Attributes
    ----------
    parameters : tuple of ndarray
        Slope and intercepts of each item.
    means, sds : ndarray, shape (n_scales, G)
        Latent distributions.
    """

    parameters: tuple[FloatArray, ...]
    means: FloatArray
    sds: FloatArray


@dataclass(frozen=True)
class NullTask:
    """One draw: what a worker needs."""

    data: DIFData
    model: NullModel
    spec: Any
    rule: FlagRule
    to_reference: bool
    generator: np.random.Generator


def monte_carlo_thresholds(
    result: DIFResult,
    *,
    n_draws: int = 100,
    quantile: float = 0.95,
    seed: Seed = None,
    workers: Workers = None,
) -> pd.DataFrame:
    """Simulate responses without DIF and read off how large statistics and effects become by chance.

    Parameters
    ----------
    result : DIFResult
        The analysis; its method, groups, sizes and pattern of missing responses are kept.
    n_draws : int, default 100
        Simulated data sets, from graded models with equal items and the groups' own latent distributions.
    quantile : float, default 0.95
        Quantile reported as the cut-off.
    seed : int or Generator, optional
    workers : None, int or Client

    Returns
    -------
    pandas.DataFrame
        One row per item: effect_size and statistic observed, their cut-offs (``effect_critical``,
        ``statistic_critical``), the cut-off of the largest effect over all items
        (``effect_critical_max``), whether the item exceeds its own (``beyond``), and ``n_failed``.
    """
    model = fit_null_model(result.data)
    tasks = [
        NullTask(result.data, model, result.spec, result.rule, result.reference is not None, generator)
        for generator in spawn(seed, n_draws)
    ]
    drawn = np.array(map_tasks(null_sweep, tasks, workers=workers))
    kept = drawn[~np.isnan(drawn[:, 0]).all(axis=1)]
    sweep = result.purified.judgement.sweep
    effect = np.abs(sweep.effect)
    critical = np.nanquantile(kept[:, 0], quantile, axis=0)
    return pd.DataFrame(
        {
            "item": list(result.data.items),
            "effect_size": effect,
            "effect_critical": critical,
            "statistic": sweep.statistic,
            "statistic_critical": np.nanquantile(kept[:, 1], quantile, axis=0),
            "effect_critical_max": float(np.quantile(np.nanmax(kept[:, 0], axis=1), quantile)),
            "beyond": effect > critical,
            "n_failed": len(drawn) - len(kept),
        }
    )


def fit_null_model(data: DIFData) -> NullModel:
    """Calibrate each scale with all items equal across groups."""
    parameters: list[FloatArray] = [np.empty(0)] * len(data.items)
    means = np.zeros((len(data.scale_names), len(data.groups)))
    sds = np.ones_like(means)
    for scale in range(len(data.scale_names)):
        members = np.flatnonzero(data.scale_of == scale).tolist()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", EstimationWarning)
            fit = fit_irt(item_data(data, members), equal=("slopes", "intercepts"), se=None, tolerance=1e-4)
        means[scale] = fit.groups["mean"].to_numpy(dtype=float)
        sds[scale] = np.sqrt(fit.groups["variance"].to_numpy(dtype=float))
        table = fit.parameter_table
        first = table[table["group"] == data.groups[0]]
        for j in members:
            own = first.loc[first["item"] == data.items[j], "estimate"]
            parameters[j] = own.to_numpy(dtype=float)
    return NullModel(tuple(parameters), means, sds)


def draw_responses(data: DIFData, model: NullModel, generator: np.random.Generator) -> DIFData:
    """Responses without DIF for the same persons, with the same ones missing."""
    n, p = data.scores.shape
    z = generator.standard_normal((n, len(data.scale_names)))
    theta = model.means[:, data.group].T + model.sds[:, data.group].T * z
    uniform = generator.uniform(size=(n, p))
    scores = np.empty((n, p))
    for j in range(p):
        slope, intercepts = model.parameters[j][0], model.parameters[j][1:]
        above = expit(slope * theta[:, data.scale_of[j], None] + intercepts)
        rank = (above > uniform[:, j, None]).sum(axis=1)
        column = data.scores[:, j]
        scores[:, j] = np.unique(column[~np.isnan(column)])[rank]
    return replace(data, scores=np.where(data.answered, scores, np.nan))


def null_sweep(task: NullTask) -> FloatArray:
    """Effects and statistics, (2, p), of one data set without DIF; NaN where the method cannot run."""
    from recoverymetrics.invariance.dif.detect import matcher, sweeper

    simulated = draw_responses(task.data, task.model, task.generator)
    everything = np.ones(len(simulated.items), dtype=bool)
    try:
        match = matcher(simulated, task.spec)
        sweep = sweeper(simulated, task.spec, task.rule, match, to_reference=task.to_reference)(everything)
    except RecoveryMetricsError:
        return np.full((2, len(simulated.items)), np.nan)
    return np.stack([np.abs(sweep.effect), sweep.statistic])
