"""Properties of the numerics under DIF and alignment."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from recoverymetrics.invariance.alignment.kernel import Configural, aligned_parameters
from recoverymetrics.invariance.dif.correction import adjust_p_values
from recoverymetrics.invariance.dif.mantel_haenszel import general_association_test, mean_score_test
from recoverymetrics.numerics.ordinal_logistic import fit_ordinal_logistic

SETTINGS = settings(max_examples=25, deadline=None, derandomize=True)


def tables(seed, categories=4):
    rng = np.random.default_rng(seed)
    return rng.integers(1, 20, size=(3, 12, categories)).astype(float), rng.normal(size=(12, 2))


@SETTINGS
@given(st.integers(0, 10_000))
def test_doubling_the_counts_doubles_the_log_likelihood_and_halves_the_variance(seed):
    counts, x = tables(seed)
    one, two = fit_ordinal_logistic(x, counts), fit_ordinal_logistic(x, 2 * counts)
    np.testing.assert_allclose(two.loglik, 2 * one.loglik, rtol=1e-10)
    np.testing.assert_allclose(two.coefficients, one.coefficients, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(two.covariance, one.covariance / 2, rtol=1e-4)


@SETTINGS
@given(st.integers(0, 10_000))
def test_reversing_the_categories_turns_the_coefficients(seed):
    counts, x = tables(seed)
    one, two = fit_ordinal_logistic(x, counts), fit_ordinal_logistic(x, counts[:, :, ::-1])
    np.testing.assert_allclose(two.loglik, one.loglik, rtol=1e-10)
    np.testing.assert_allclose(two.coefficients, -one.coefficients, rtol=1e-5, atol=1e-6)


@SETTINGS
@given(st.integers(0, 10_000))
def test_an_unused_category_changes_nothing(seed):
    counts, x = tables(seed)
    wide = np.insert(counts, 2, 0.0, axis=2)
    np.testing.assert_allclose(
        fit_ordinal_logistic(x, wide).loglik, fit_ordinal_logistic(x, counts).loglik, rtol=1e-12
    )


@SETTINGS
@given(st.integers(0, 10_000))
def test_mantel_statistics_ignore_order_of_groups_and_scale_of_scores(seed):
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 9, size=(2, 5, 3, 4)).astype(float)
    values = np.arange(4.0)
    base = mean_score_test(counts, values)[0]
    np.testing.assert_allclose(mean_score_test(counts[:, :, ::-1], values)[0], base, rtol=1e-8)
    np.testing.assert_allclose(mean_score_test(counts, 3 + 2 * values)[0], base, rtol=1e-7)
    assert (general_association_test(counts)[0] >= base - 1e-7).all()


@SETTINGS
@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=30),
    st.sampled_from(["bh", "by", "holm", "bonferroni", "none"]),
)
def test_corrected_p_values_are_larger_and_keep_their_order(p_values, method):
    p = np.array(p_values)
    adjusted = adjust_p_values(p, method)
    assert (adjusted >= p - 1e-15).all()
    assert (adjusted <= 1).all()
    assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= -1e-12).all()


@SETTINGS
@given(st.integers(0, 10_000))
def test_alignment_never_changes_the_implied_moments(seed):
    rng = np.random.default_rng(seed)
    configural = Configural(rng.uniform(0.3, 1.5, (4, 5)), rng.normal(size=(4, 5)), np.arange(5))
    means, sds = rng.normal(size=4), rng.uniform(0.5, 2, 4)
    loadings, intercepts = aligned_parameters(configural, means, sds)
    np.testing.assert_allclose(intercepts + means[:, None] * loadings, configural.intercepts, atol=1e-12)
    np.testing.assert_allclose(loadings * sds[:, None], configural.loadings, atol=1e-12)
