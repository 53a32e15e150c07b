"""Responses drawn from a fitted model, and cut-offs from refitting them."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from recoverymetrics.errors import EstimationWarning
from recoverymetrics.irt.calibration import Estimated
from recoverymetrics.irt.curves import latent_points
from recoverymetrics.irt.likelihood import log_weights
from recoverymetrics.irt.persons import probabilities_by_item
from recoverymetrics.irt.regression import expected_values
from recoverymetrics.irt.residuals import residual_correlations
from recoverymetrics.irt.scoring import latent_moments
from recoverymetrics.numerics.seeds import generator, spawn
from recoverymetrics.typing import FloatArray, Seed

if TYPE_CHECKING:
    from recoverymetrics.irt.result import IRTResult


def simulate_from(
    est: Estimated, n: int | None = None, theta: npt.ArrayLike | None = None, seed: Seed = None
) -> pd.DataFrame:
    """Draw responses; with several groups the group column of the calibration comes first."""
    rng = generator(seed)
    if theta is not None:
        return pd.DataFrame(_draw(est, 0, latent_points(est, theta), rng), columns=list(est.layout.items))
    parts = []
    for g, label in enumerate(est.layout.groups):
        size = int((est.coded.group == g).sum()) if n is None else n
        values = _latent_values(est, g, size, rng)
        frame = pd.DataFrame(_draw(est, g, values, rng), columns=list(est.layout.items))
        if len(est.layout.groups) > 1:
            frame.insert(0, est.calibration.spec.group or "group", label)
        parts.append(frame)
    return pd.concat(parts, ignore_index=True)


def _latent_values(est: Estimated, g: int, n: int, rng: np.random.Generator) -> FloatArray:
    """Draws from the latent density of a group, shape (n, D)."""
    if est.problem.histogram is not None or est.layout.angles(est.extended, g).size:
        theta = est.problem.nodes.theta[:, 0]
        weights = np.exp(log_weights(est.problem, est.extended, g))
        place = rng.choice(theta.size, n, p=weights / weights.sum())
        return (theta[place] + (theta[1] - theta[0]) * (rng.random(n) - 0.5))[:, None]
    mean, cov = latent_moments(est.layout, est.extended, g)
    if est.coded.covariates is not None:
        X = est.coded.covariates.values
        rows = np.arange(n) if n == est.coded.n else rng.integers(est.coded.n, size=n)
        mean = expected_values(est.layout, est.extended, X[rows])
    values: FloatArray = mean + rng.standard_normal((n, cov.shape[0])) @ np.linalg.cholesky(cov).T
    return values


def _draw(est: Estimated, g: int, theta: FloatArray, rng: np.random.Generator) -> FloatArray:
    columns = []
    for values, p in zip(
        est.coded.categories, probabilities_by_item(est.layout, est.extended, g, theta), strict=True
    ):
        above = rng.random(theta.shape[0]) > np.cumsum(p, axis=0)[:-1]
        columns.append(values[above.sum(axis=0)])
    table = np.column_stack(columns)
    return table.astype(int) if (table % 1 == 0).all() else table


def q3_cutoff(fit: IRTResult, n_draws: int, quantile: float, seed: Seed) -> pd.DataFrame:
    """Distribution of the largest adjusted Q3 when the model holds."""
    from dataclasses import replace

    from recoverymetrics.instrument.frame import read_items
    from recoverymetrics.irt.fit import calibrate
    from recoverymetrics.irt.responses import code_responses

    est, largest = fit.estimated, []
    spec = replace(est.calibration.spec, se=None)
    many = len(est.layout.groups) > 1
    for rng in spawn(seed, n_draws):
        drawn = simulate_from(est, seed=rng)
        record = read_items(drawn, group=drawn.columns[0] if many else None)
        coded = code_responses(record, categories=est.coded.categories)
        coded = replace(coded, covariates=est.coded.covariates)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", EstimationWarning)  # of a draw, not of the data
            refit = calibrate(spec, coded, start=fit, tolerance=1e-5)
        largest.append(_largest_adjusted(refit.estimated))
    observed = _largest_adjusted(est)
    cutoff = float(np.quantile(largest, quantile))
    adjusted = fit.local_dependence("q3")["adjusted"]
    return pd.DataFrame(
        {
            "cutoff": [cutoff],
            "largest": observed,
            "n_flagged": int((adjusted > cutoff).sum()),
            "n_draws": n_draws,
        }
    )


def _largest_adjusted(est: Estimated) -> float:
    values = residual_correlations(est)[np.triu_indices(len(est.layout.items), 1)]
    return float(np.nanmax(values) - np.nanmean(values))
