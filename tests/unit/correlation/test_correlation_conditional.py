"""Probit regressions on covariates and residual correlations given them."""

from __future__ import annotations

import numpy as np
import pytest

from recoverymetrics.correlation.kernel_conditional import conditional_moments
from recoverymetrics.correlation.kernel_mixed import mixed_moments
from recoverymetrics.correlation.probit import fit_probit


def draw(n=400, seed=1):
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.integers(0, 2, n), rng.normal(3.0, 2.0, n)])
    f = rng.normal(size=(n, 1))
    latent = x @ [[0.5, 0.3, 0.0, 0.4], [-0.2, 0.1, 0.3, 0.2]] + 0.8 * f + 0.6 * rng.normal(size=(n, 4))
    values = latent.copy()
    values[:, 0] = np.searchsorted([-0.8, 0.4], latent[:, 0])
    values[:, 1] = np.searchsorted([-0.2, 0.5, 1.2], latent[:, 1])
    return values, np.array([3, 4, 0, 0]), x


def test_probit_is_that_of_statsmodels():
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    values, _, x = draw(4000)
    found = fit_probit(values[:, 1].astype(int), 4, x, np.ones(len(x)))
    model = OrderedModel(values[:, 1].astype(int), x, distr="probit").fit(
        method="bfgs", disp=False, gtol=1e-8
    )
    np.testing.assert_allclose(found.slopes, model.params[:2], rtol=1e-5)
    first = model.params[2]
    np.testing.assert_allclose(
        found.thresholds, first + np.append(0.0, np.cumsum(np.exp(model.params[3:]))), rtol=1e-5
    )
    # influence is the inverse information times the score, so that it has the covariance of the estimates
    np.testing.assert_allclose(found.influence.sum(axis=0), 0.0, atol=1e-8)
    spread = np.sqrt(np.diagonal(found.influence.T @ found.influence))
    np.testing.assert_allclose(spread[3:], model.bse[:2], rtol=0.05)


def test_without_effects_the_residual_correlations_are_near_the_ordinary_ones():
    values, n_categories, _ = draw(2000)
    noise = np.random.default_rng(5).normal(size=(2000, 1))
    given = conditional_moments(values, n_categories, noise)
    plain = mixed_moments(values, n_categories)
    np.testing.assert_allclose(given.covariance, plain.covariance, atol=0.02)
    np.testing.assert_allclose(given.slopes, 0.0, atol=0.15)


def test_planted_residual_correlations_come_back():
    values, n_categories, x = draw(6000)
    found = conditional_moments(values, n_categories, x)
    sd = np.sqrt(np.diagonal(found.covariance))
    off = (found.covariance / sd[:, None] / sd)[np.triu_indices(4, 1)]
    np.testing.assert_allclose(off, 0.64, atol=0.04)
    np.testing.assert_allclose(found.slopes, [[0.5, -0.2], [0.3, 0.1], [0.0, 0.3], [0.4, 0.2]], atol=0.08)


@pytest.mark.parametrize("person", [0, 17])
def test_influence_is_the_change_when_a_person_counts_more(person):
    values, n_categories, x = draw()
    n, h = len(x), 1e-4

    def statistics(step):
        weights = np.ones(n)
        weights[person] += step
        m = conditional_moments(values, n_categories, x, weights)
        pairs = m.covariance[np.triu_indices(4, 1)]
        variances = np.diagonal(m.covariance)[2:]
        return np.concatenate([m.thresholds, m.intercepts[2:], m.slopes.T.ravel(), variances, pairs])

    change = (statistics(h) - statistics(-h)) / (2 * h)
    influence = conditional_moments(values, n_categories, x).casewise[person]
    linear = [
        5,
        6,
        9,
        10,
        13,
        14,
        15,
        16,
        22,
    ]  # intercepts, slopes, variances and covariance of continuous variables
    np.testing.assert_allclose(influence[linear], change[linear], rtol=1e-5, atol=1e-8)
    # the others weigh by the outer product of the scores in place of their derivative
    np.testing.assert_allclose(influence, change, atol=0.15 * np.abs(change).max())


def test_covariates_of_another_unit_change_slopes_and_nothing_else():
    values, n_categories, x = draw()
    one = conditional_moments(values, n_categories, x)
    two = conditional_moments(values, n_categories, (x + np.array([2.0, -1.0])) * np.array([1.0, 100.0]))
    np.testing.assert_allclose(two.covariance, one.covariance, atol=1e-8)
    np.testing.assert_allclose(two.slopes * [1.0, 100.0], one.slopes, atol=1e-7)


def test_missing_responses_leave_the_other_pairs_alone():
    values, n_categories, x = draw()
    holes = values.copy()
    holes[::5, 0] = np.nan
    full, some = conditional_moments(values, n_categories, x), conditional_moments(holes, n_categories, x)
    np.testing.assert_allclose(some.covariance[1:, 1:], full.covariance[1:, 1:], atol=1e-9)
    assert not np.allclose(some.covariance[0, 1], full.covariance[0, 1])
    np.testing.assert_array_equal(some.casewise[::5, :2], 0.0)
