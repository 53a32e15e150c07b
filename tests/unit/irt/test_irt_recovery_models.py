"""Bias and coverage of planted parameters for the other models and six groups; fixed seeds.

A mean over R replications may differ from the truth by four of its own standard errors plus the bias of order 1 / n.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import recoverymetrics as rm
from recoverymetrics.typing import FloatArray

REPLICATIONS = 40
SLOPES = np.array([0.9, 1.2, 1.5, 1.8, 1.1, 1.4, 1.0, 1.6])
INTERCEPTS = np.linspace(-1.0, 1.0, 8)


def categories(rng: np.random.Generator, scores: FloatArray) -> FloatArray:
    """Draw from category scores (persons, items, categories): the largest of scores plus Gumbel noise."""
    value: FloatArray = (scores + rng.gumbel(size=scores.shape)).argmax(axis=2).astype(float)
    return value


def read(fit: rm.IRTResult) -> FloatArray:
    table = fit.parameter_table.query("free > 0").drop_duplicates("free").sort_values("free")
    return table[["estimate", "std_error"]].to_numpy()


def two_parameters(rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    theta = rng.standard_normal((800, 1))
    data = (theta * SLOPES + INTERCEPTS + rng.logistic(size=(800, 8)) > 0).astype(float)
    return read(rm.fit_irt(data, "2pl")), np.column_stack([SLOPES, INTERCEPTS]).ravel()


def partial_credit(rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    steps = np.column_stack([np.zeros(6), INTERCEPTS[:6] + 0.5, 2 * INTERCEPTS[:6]])
    theta = rng.standard_normal((800, 1, 1))
    data = categories(rng, theta * (SLOPES[:6, None] * np.arange(3)) + steps)
    return read(rm.fit_irt(data, "gpcm")), np.column_stack([SLOPES[:6], steps[:, 1:]]).ravel()


def nominal(rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    weights = np.column_stack([np.zeros(6), np.linspace(0.6, 1.4, 6), np.full(6, 2.0)])
    steps = np.column_stack([np.zeros(6), INTERCEPTS[:6] + 0.5, INTERCEPTS[:6]])
    theta = rng.standard_normal((1500, 1, 1))
    data = categories(rng, theta * (0.7 * SLOPES[:6, None] * weights) + steps)
    truth = np.column_stack([0.7 * SLOPES[:6], weights[:, 1], steps[:, 1:]]).ravel()
    return read(rm.fit_irt(data, "nominal")), truth


def six_groups(rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    means, sds = np.array([0, 0.3, -0.4, 0.6, 0.1, -0.2]), np.array([1, 1.2, 0.9, 1.0, 1.3, 0.8])
    site = np.repeat(np.arange(6), 300)
    theta = means[site, None] + sds[site, None] * rng.standard_normal((1800, 1))
    cuts = INTERCEPTS[:6, None] + np.array([1.0, -1.0])
    latent = SLOPES[:6] * theta + rng.logistic(size=(1800, 6))
    data = (
        pd.DataFrame((latent[:, :, None] + cuts > 0).sum(axis=2))
        .add_prefix("i")
        .assign(site=site.astype(str))
    )
    fit = rm.fit_irt(data, group="site", equal=("slopes", "intercepts"))
    latent_truth = np.column_stack([means, sds**2])[1:].ravel()
    return read(fit), np.concatenate([np.column_stack([SLOPES[:6], cuts]).ravel(), latent_truth])


@pytest.mark.slow
@pytest.mark.parametrize(
    "draw",
    [two_parameters, partial_credit, nominal, six_groups],
    ids=lambda draw: draw.__name__,
)
def test_planted_parameters_come_back_at_the_cramer_rao_rate(draw):
    seeds = np.random.SeedSequence(2026).spawn(REPLICATIONS)
    drawn = [draw(np.random.default_rng(seed)) for seed in seeds]
    gaps = np.array([table[:, 0] - truth for table, truth in drawn])
    errors = np.array([table[:, 1] for table, _ in drawn])
    spread = gaps.std(axis=0, ddof=1)
    assert np.abs(gaps.mean(axis=0) / spread).max() < 4 / np.sqrt(REPLICATIONS) + 0.2
    assert 0.9 < np.median(errors.mean(axis=0) / spread) < 1.12
    assert 0.93 < (np.abs(gaps) < 1.96 * errors).mean() < 0.97
