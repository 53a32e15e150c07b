"""Continuous and ordered variables together."""

import numpy as np
import pytest

from recoverymetrics.correlation.kernel import ordinal_moments
from recoverymetrics.correlation.kernel_mixed import mixed_moments

SIZES = np.array([0, 3, 0, 4, 2])
CUTS = {1: [-0.5, 0.7], 3: [-1.0, 0.0, 1.0], 4: [0.3]}


def draw(n, seed, missing=0.0):
    rng = np.random.default_rng(seed)
    x = np.sqrt(0.5) * rng.standard_normal((n, 1)) + np.sqrt(0.5) * rng.standard_normal((n, 5))
    for j, cuts in CUTS.items():
        x[:, j] = np.digitize(x[:, j], cuts)
    x[:, 0], x[:, 2] = 3 + 2 * x[:, 0], -1 + 0.5 * x[:, 2]
    x[rng.random(x.shape) < missing] = np.nan
    return x


def test_population_is_recovered():
    moments = mixed_moments(draw(100_000, 1), SIZES, acov="diagonal")
    truth = np.array(
        [-3, -0.5, 0.7, 1, -1, 0, 1, 0.3, 4, 0.25, 1, 0.5, 1, 1, 0.25, 0.5, 0.5, 0.25, 0.25, 0.5]
    )
    assert np.all(np.abs(moments.statistics - truth) < 4 * np.sqrt(moments.acov / moments.n))
    assert moments.converged


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_acov_is_the_sampling_covariance(missing):
    draws = np.array([mixed_moments(draw(300, s, missing), SIZES).statistics for s in range(300)])
    expected = mixed_moments(draw(60_000, 99_999, missing), SIZES, acov="full").acov
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    assert np.abs((300 * np.cov(draws, rowvar=False) - expected) / scale).max() < 0.3


def test_casewise_influence_adds_up_to_nothing_and_to_the_acov():
    moments = mixed_moments(draw(500, 3, 0.1), SIZES, acov="full")
    np.testing.assert_allclose(moments.casewise.sum(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(moments.acov, 500 * moments.casewise.T @ moments.casewise)
    diagonal = mixed_moments(draw(500, 3, 0.1), SIZES, acov="diagonal").acov
    np.testing.assert_allclose(diagonal, np.diag(moments.acov))


def test_only_ordered_variables_give_the_ordinal_kernel():
    x = draw(400, 4)[:, [1, 3, 4]]
    mixed = mixed_moments(x, SIZES[[1, 3, 4]], acov="full")
    pure = ordinal_moments(x.astype(int), SIZES[[1, 3, 4]], acov="full")
    np.testing.assert_allclose(mixed.statistics, pure.statistics)
    np.testing.assert_allclose(mixed.acov, pure.acov)


def test_only_continuous_variables_give_means_and_covariances():
    x = draw(400, 5)[:, [0, 2]]
    moments = mixed_moments(x, np.array([0, 0]), acov="full")
    np.testing.assert_allclose(moments.covariance, np.cov(x, rowvar=False, bias=True))
    np.testing.assert_allclose(moments.means, x.mean(axis=0))
    fourth = np.mean((x[:, 0] - x[:, 0].mean()) ** 4) - moments.covariance[0, 0] ** 2
    np.testing.assert_allclose(moments.acov[2, 2], fourth)
