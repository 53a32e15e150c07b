"""Sampling weights and clusters with ordered items."""

import warnings

import numpy as np
import pandas as pd
import pytest

import recoverymetrics as rm
from recoverymetrics.cfa.population import read_population
from recoverymetrics.errors import OptionError

LOADINGS = np.array([0.8, 0.7, 0.6, 0.7])
ONE, TWO = "f =~ x1 + x2 + x3 + x4", "f =~ x1 + x2 + x3\ng =~ x4 + x5 + x6"
TEXT = "f =~ .8*x1 + .7*x2 + .6*x3\ng =~ .7*x4 + .8*x5 + .6*x6\nf ~~ .4*g"
CUTS = "".join(f"\nx{k} | -.6*t1 + .5*t2" for k in (1, 2, 5))
ALL_CUTS = CUTS + "".join(f"\nx{k} | -.6*t1 + .5*t2" for k in (3, 4, 6))
SAME = 1e-7


def people(text, n=900):
    population = read_population(text, 1, np.ones(1))
    frame = population.frame(population.draw((n,), np.random.default_rng(2)))
    return frame.assign(country=np.where(np.arange(n) % 2 == 0, "A", "B"))


@pytest.mark.parametrize("group", [None, "country"])
@pytest.mark.parametrize(("text", "ordered"), [(TEXT + ALL_CUTS, True), (TEXT + CUTS, ["x1", "x2", "x5"])])
class TestIdentities:
    def test_whole_weights_are_repeated_rows(self, text, ordered, group):
        data = people(text)
        weights = np.random.default_rng(3).integers(1, 4, len(data))
        repeated = data.loc[data.index.repeat(weights)].reset_index(drop=True)
        a = rm.fit_cfa(data, TWO, ordered=ordered, group=group, weights=weights)
        b = rm.fit_cfa(repeated, TWO, ordered=ordered, group=group)
        np.testing.assert_allclose(a.tidy().estimate, b.tidy().estimate, atol=SAME)
        assert (a.tidy().std_error >= 1.05 * b.tidy().std_error)[a.tidy().free > 0].mean() > 0.9

    def test_clusters_of_one_are_no_clusters(self, text, ordered, group):
        data = people(text)
        alone = rm.fit_cfa(data, TWO, ordered=ordered, group=group, cluster=np.arange(len(data)))
        plain = rm.fit_cfa(data, TWO, ordered=ordered, group=group)
        size = len(data) / len(plain.groups)
        np.testing.assert_allclose(alone.theta, plain.theta, atol=SAME)
        np.testing.assert_allclose(np.diag(alone.vcov), np.diag(plain.vcov) * size / (size - 1), rtol=1e-8)
        assert alone.test.scaled == pytest.approx(plain.test.scaled, rel=1e-2)

    def test_copies_in_a_cluster_add_no_information(self, text, ordered, group):
        data = people(text)
        twice = pd.concat([data, data], ignore_index=True)
        pairs = rm.fit_cfa(twice, TWO, ordered=ordered, group=group, cluster=np.tile(np.arange(len(data)), 2))
        once = rm.fit_cfa(data, TWO, ordered=ordered, group=group)
        np.testing.assert_allclose(np.diag(pairs.vcov), np.diag(once.vcov), rtol=1e-2)
        assert pairs.test.scaled == pytest.approx(once.test.scaled, rel=1e-2)


def test_weights_and_clusters_need_robust_errors_and_allow_missing_responses():
    data = people(TEXT + ALL_CUTS)
    with pytest.raises(OptionError, match="WLSMV"):
        rm.fit_cfa(data, TWO, ordered=True, estimator="DWLS", weights=np.ones(len(data)))
    holes = data.drop(columns="country").astype(float)
    holes = holes.mask(np.random.default_rng(0).random(holes.shape) < 0.1)
    plain = rm.fit_cfa(holes, TWO, ordered=True, missing="pairwise")
    ones = rm.fit_cfa(holes, TWO, ordered=True, missing="pairwise", weights=np.ones(len(data)))
    np.testing.assert_allclose(ones.tidy().std_error, plain.tidy().std_error, atol=SAME)


def clustered(rng, n_clusters=80, size=10):
    """Factor and residuals share 30% and 20% of their variance within clusters."""
    between, within = rng.normal(size=(n_clusters, 1, 5)), rng.normal(size=(n_clusters, size, 5))
    share = np.array([0.3, 0.2, 0.2, 0.2, 0.2])
    draws = (np.sqrt(share) * between + np.sqrt(1 - share) * within).reshape(-1, 5)
    latent = draws[:, :1] * LOADINGS + draws[:, 1:] * np.sqrt(1 - LOADINGS**2)
    return pd.DataFrame(np.searchsorted([-0.5, 0.6], latent), columns=["x1", "x2", "x3", "x4"])


def selected(rng, n=4000):
    """Persons with high answers to the first item are five times as likely to be asked."""
    latent = rng.normal(size=(n, 1)) * LOADINGS + rng.normal(size=(n, 4)) * np.sqrt(1 - LOADINGS**2)
    chance = 0.05 + 0.2 * (latent[:, 0] > 0.3)
    kept = rng.random(n) < chance
    frame = pd.DataFrame(np.searchsorted([-0.5, 0.6], latent), columns=["x1", "x2", "x3", "x4"])
    return frame[kept].reset_index(drop=True), 1.0 / chance[kept]


def replicate(make, n_reps, seed):
    estimates, errors, p_values = [], [], []
    for rng in np.random.default_rng(seed).spawn(n_reps):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit = make(rng)
        estimates.append(fit.theta)
        errors.append(np.sqrt(np.diag(fit.vcov)))
        p_values.append(fit.test.p_scaled)
    return np.array(estimates), np.array(errors), np.array(p_values)


@pytest.mark.slow
def test_cluster_robust_errors_are_the_spread_of_the_estimates():
    def fit(rng):
        return rm.fit_cfa(
            clustered(rng), ONE, ordered=True, std_lv=True, cluster=np.repeat(np.arange(80), 10)
        )

    estimates, errors, p_values = replicate(fit, 300, 5)
    ratio = errors.mean(axis=0) / estimates.std(axis=0)
    np.testing.assert_allclose(ratio, 1.0, atol=0.13)  # three standard errors of a ratio of 300 draws
    assert (p_values < 0.05).mean() < 0.09


@pytest.mark.slow
def test_weights_undo_an_unequal_selection():
    def fit(rng):
        data, weights = selected(rng)
        return rm.fit_cfa(data, ONE, ordered=True, std_lv=True, weights=weights)

    estimates, errors, p_values = replicate(fit, 300, 6)
    truth = np.concatenate([LOADINGS, np.tile([-0.5, 0.6], 4)])
    np.testing.assert_allclose(estimates.mean(axis=0), truth, atol=0.03)
    np.testing.assert_allclose(errors.mean(axis=0) / estimates.std(axis=0), 1.0, atol=0.13)
    assert 0.02 <= (p_values < 0.05).mean() <= 0.09
