"""Bias and coverage of planted parameters over repeated samples, fixed seeds."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import recoverymetrics as rm

REPLICATIONS = 80


def draw(rng, n, a, b, mean=0.0, sd=1.0):
    theta = mean + sd * rng.standard_normal(n)
    p = 1 / (1 + np.exp(-a[None, :, None] * (theta[:, None, None] - b[None])))
    return (p > rng.random((n, a.size, 1))).sum(axis=2)


@pytest.fixture(scope="module")
def replications():
    rng = np.random.default_rng(2024)
    a = np.array([0.9, 1.2, 1.5, 1.8, 1.1, 1.6])
    b = np.array([-1.0, 0.0, 1.0])[None, :] + np.linspace(-0.4, 0.4, 6)[:, None]
    truth = np.concatenate([np.concatenate([[a[j]], b[j]]) for j in range(6)])
    tables = [
        rm.fit_irt(draw(rng, 800, a, b)).tidy()[["estimate", "std_error"]].to_numpy()
        for _ in range(REPLICATIONS)
    ]
    return truth, np.array(tables)


def test_estimates_are_unbiased_to_simulation_error(replications):
    truth, tables = replications
    gap = tables[:, :, 0].mean(axis=0) - truth
    allowed = 4 * tables[:, :, 0].std(axis=0) / np.sqrt(REPLICATIONS) + 0.01
    assert (np.abs(gap) < allowed).all()


def test_standard_errors_are_the_spread_of_the_estimates(replications):
    _, tables = replications
    ratio = tables[:, :, 1].mean(axis=0) / tables[:, :, 0].std(axis=0, ddof=1)
    assert 0.93 < ratio.mean() < 1.07


def test_intervals_cover_at_their_level(replications):
    truth, tables = replications
    covered = np.abs(tables[:, :, 0] - truth) < 1.96 * tables[:, :, 1]
    assert 0.93 < covered.mean() < 0.97


def test_errors_fall_with_the_root_of_the_sample():
    rng = np.random.default_rng(7)
    a, b = np.array([0.9, 1.2, 1.5, 1.8]), np.tile([-1.0, 0.0, 1.0], (4, 1))
    small, large = (
        rm.fit_irt(draw(rng, n, a, b)).tidy().query("parameter == 'a'")["std_error"].mean()
        for n in (1000, 4000)
    )
    assert small / large == pytest.approx(2.0, rel=0.12)


def test_results_survive_pickling_without_their_scratch_matrices():
    rng = np.random.default_rng(1)
    fit = rm.fit_irt(draw(rng, 3000, np.full(8, 1.2), np.tile([-1.0, 0.0, 1.0], (8, 1))), se=None)
    raw = pickle.dumps(fit)
    assert len(raw) < 400_000
    assert pickle.loads(raw).scores().equals(fit.scores())
