"""What must hold for any ordered data: reversal, relabelling, reordering, bounds."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from recoverymetrics.correlation.kernel import ordinal_moments
from recoverymetrics.numerics.covariance import pairwise_moments
from recoverymetrics.numerics.normal import bivariate_normal_cdf
from recoverymetrics.numerics.smoothing import smooth_correlation

EXACT = 1e-8  # two runs of a Newton search that stops at 1e-10
FEW = settings(max_examples=25, deadline=None, derandomize=True)


@st.composite
def ordered_data(draw):
    seed, n, p, k = (
        draw(st.integers(0, 10_000)),
        draw(st.integers(60, 200)),
        draw(st.integers(2, 5)),
        draw(st.integers(2, 6)),
    )
    rng = np.random.default_rng(seed)
    latent = draw(st.floats(0, 1.2)) * rng.standard_normal((n, 1)) + rng.standard_normal((n, p))
    codes = np.digitize(latent, np.sort(rng.normal(0, 1, k - 1)))
    codes[:k] = np.arange(k)[:, None]  # every category is chosen
    return codes, np.full(p, k)


@FEW
@given(ordered_data())
def test_reversing_an_item_flips_its_correlations_and_thresholds(data):
    codes, sizes = data
    turned = codes.copy()
    turned[:, 0] = sizes[0] - 1 - turned[:, 0]
    a, b = ordinal_moments(codes, sizes, acov="diagonal"), ordinal_moments(turned, sizes, acov="diagonal")
    np.testing.assert_allclose(b.correlations[0, 1:], -a.correlations[0, 1:], atol=EXACT)
    np.testing.assert_allclose(b.tau[0], -a.tau[0][::-1], atol=EXACT)
    np.testing.assert_allclose(np.sort(b.acov), np.sort(a.acov), rtol=1e-5)


@FEW
@given(ordered_data())
def test_order_of_items_and_persons_does_not_matter(data):
    codes, sizes = data
    a, b = ordinal_moments(codes, sizes), ordinal_moments(codes[::-1, ::-1], sizes[::-1])
    np.testing.assert_allclose(b.correlations[::-1, ::-1], a.correlations, atol=EXACT)


@FEW
@given(ordered_data())
def test_estimates_stay_inside_and_converge(data):
    codes, sizes = data
    moments = ordinal_moments(codes, sizes)
    assert moments.converged
    assert np.abs(moments.correlations).max() <= 1
    assert (np.diff(moments.tau, axis=1) >= 0).all()


@FEW
@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(-0.999, 0.999))
def test_bivariate_normal_obeys_its_symmetries(h, k, rho):
    value = bivariate_normal_cdf(h, k, rho)
    assert abs(value - bivariate_normal_cdf(k, h, rho)) < 1e-14
    margin = bivariate_normal_cdf(h, np.inf, rho)
    assert abs(value + bivariate_normal_cdf(h, -k, -rho) - margin) < 1e-14
    assert 0 <= value <= margin + 1e-15


@FEW
@given(st.integers(0, 10_000), st.integers(3, 8))
def test_smoothing_gives_a_correlation_matrix(seed, p):
    rng = np.random.default_rng(seed)
    R = np.clip(np.triu(rng.uniform(-1, 1, (p, p)), 1), -0.95, 0.95)
    R = R + R.T + np.eye(p)
    found = smooth_correlation(R)
    assert np.linalg.eigvalsh(found.matrix)[0] > -1e-10
    np.testing.assert_allclose(np.diag(found.matrix), 1.0)
    assert found.changed == (np.linalg.eigvalsh(R)[0] < 1e-12)


@FEW
@given(st.integers(0, 10_000), st.floats(0, 0.4))
def test_pairwise_moments_are_those_of_each_pair(seed, missing):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((60, 3)) + 10
    x[rng.random(x.shape) < missing] = np.nan
    both = ~np.isnan(x[:, 0]) & ~np.isnan(x[:, 1])
    found = pairwise_moments(x)
    assert found.n[0, 1] == both.sum()
    assert abs(found.correlation[0, 1] - np.corrcoef(x[both, 0], x[both, 1])[0, 1]) < 1e-10
