"""Kernels of the fits: incomplete rows, starting values, what fits of one sample share."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

import recoverymetrics as rm
from recoverymetrics.cfa.model import ModelOptions, build_table
from recoverymetrics.cfa.pipeline import fit_table
from recoverymetrics.cfa.starting import spearman_loadings, starting_values
from recoverymetrics.cfa.syntax import parse_model
from recoverymetrics.cfa.table import find_roles
from recoverymetrics.numerics.normal_missing import em_normal
from recoverymetrics.numerics.sem_missing import em_step, pattern_terms
from recoverymetrics.numerics.sem_patterns import find_patterns

EXACT = 1e-10
"""Both sides are the same closed form, computed in another order."""
TWO = "f =~ x1 + x2 + x3\ng =~ x4 + x5 + x6"


@pytest.fixture(scope="module")
def holed():
    rng = np.random.default_rng(3)
    data = rng.normal(size=(200, 4)) @ rng.normal(size=(4, 4))
    data[:80, 0] = np.nan
    return np.where(rng.random(data.shape) < 0.1, np.nan, data)[~np.isnan(data).all(axis=1)]


class TestMissing:
    def test_value_is_the_sum_over_rows(self, holed):
        rows = holed[~np.isnan(holed).all(axis=1)]
        group = find_patterns([rows]).groups[0]
        rng = np.random.default_rng(1)
        half = rng.normal(size=(4, 8))
        sigma, mu = half @ half.T, rng.normal(size=4)
        by_row = 0.0
        for row in rows:
            o = ~np.isnan(row)
            by_row -= multivariate_normal(mu[o], sigma[np.ix_(o, o)]).logpdf(row[o])
        terms = pattern_terms(group, sigma, mu)
        assert terms.value == pytest.approx(by_row, rel=EXACT)
        assert group.total == len(rows)
        assert pattern_terms(group, -sigma, mu) is None

    def test_whole_weights_are_repeated_rows(self, holed):
        rows = holed[~np.isnan(holed).all(axis=1)]
        weight = np.random.default_rng(2).integers(1, 4, len(rows))
        weighted = find_patterns([rows], [weight.astype(float)]).groups[0]
        repeated = find_patterns([np.repeat(rows, weight, axis=0)]).groups[0]
        first, second = (pattern_terms(g, np.eye(4) * 3.0, np.full(4, 0.2)) for g in (weighted, repeated))
        assert first.value == pytest.approx(second.value, rel=EXACT)
        np.testing.assert_allclose(first.cross, second.cross, rtol=EXACT, atol=1e-9)

    def test_cycles_reach_the_moments_of_the_em_algorithm(self, holed):
        rows = holed[~np.isnan(holed).all(axis=1)]
        group = find_patterns([rows]).groups[0]
        sigma, mu = np.eye(4), np.zeros(4)
        for _ in range(400):
            sigma, mu = em_step(group, pattern_terms(group, sigma, mu), mu)
        found = em_normal(rows, tolerance=1e-12)
        np.testing.assert_allclose(sigma, found.covariance, rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(mu, found.mean, rtol=1e-6, atol=1e-8)


class TestStarts:
    def test_loadings_of_one_factor_are_exact(self):
        loading = np.array([0.8, -0.6, 0.7, 0.5])
        R = np.outer(loading, loading)
        np.fill_diagonal(R, 1.0)
        sd = np.array([1.0, 2.0, 3.0, 4.0])
        found = spearman_loadings((R * np.outer(sd, sd))[None], [0, 1, 2, 3])[0]
        np.testing.assert_allclose(found, loading * sd, rtol=EXACT)

    def test_a_model_that_fits_starts_at_its_solution(self):
        parsed = parse_model(TWO)
        roles = find_roles(parsed)
        table = build_table(parsed, roles, ("all",), [0] * 6, ModelOptions())
        L = np.zeros((6, 2))
        L[:3, 0], L[3:, 1] = [1.0, 0.8, 0.6], [1.0, 0.9, 0.7]
        Psi = np.array([[1.0, 0.3], [0.3, 0.8]])
        S = L @ Psi @ L.T + np.diag([0.5, 0.6, 0.7, 0.4, 0.5, 0.6])
        theta = starting_values(table, S[None], np.zeros((1, 6)), np.zeros((1, 0)))
        expected = [0.8, 0.6, 0.9, 0.7, 0.5, 0.6, 0.7, 0.4, 0.5, 0.6, 1.0, 0.8, 0.3]
        np.testing.assert_allclose(theta, expected, rtol=EXACT)


def test_fits_of_one_sample_share_what_follows_from_it():
    rng = np.random.default_rng(4)
    f = rng.normal(size=(400, 1))
    data = np.digitize(f + rng.normal(size=(400, 6)), [-1.0, 0.0, 1.0])
    names = [f"x{k}" for k in range(1, 7)]
    first = rm.fit_cfa(dict(zip(names, data.T, strict=True)), "f =~ " + " + ".join(names), ordered=True)
    second = fit_table(first.table, first.sample, first.spec)
    assert second.baseline_test is first.baseline_test
    assert second.objective.weights is first.objective.weights
    assert second.test.chi2 == pytest.approx(first.test.chi2, rel=EXACT)
