"""Continuous data with given moments."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from recoverymetrics.errors import ModelError, OptionError
from recoverymetrics.simulate import simulate_continuous
from recoverymetrics.simulate.nonnormal import fleishman, intermediate_correlations

N = 100_000
LAMBDA = np.array([[0.7, 0.0], [0.8, 0.0], [0.0, 0.6], [0.0, 0.9]])
PHI = np.array([[1.0, 0.4], [0.4, 1.0]])


def test_normal_data_have_the_implied_moments():
    theta = np.array([0.5, 0.4, 0.7, 0.3])
    data = simulate_continuous(
        LAMBDA,
        N,
        factor_covariance=PHI,
        residual_covariance=theta,
        intercepts=[1, 2, 3, 4],
        factor_means=[0.5, -0.5],
        seed=1,
    )
    assert np.allclose(data.cov(), LAMBDA @ PHI @ LAMBDA.T + np.diag(theta), atol=0.02)
    assert np.allclose(data.mean(), [1.35, 2.4, 2.7, 3.55], atol=0.02)


def test_variances_are_one_when_residuals_are_left_out():
    frame = pd.DataFrame(LAMBDA, index=list("abcd"))
    data = simulate_continuous(frame, N, factor_covariance=PHI, seed=1)
    assert list(data) == list("abcd")
    assert np.allclose(data.var(), 1, atol=0.03)


def test_nonnormal_data_keep_the_covariances_and_take_the_moments():
    data = simulate_continuous(LAMBDA, 4 * N, factor_covariance=PHI, skewness=1.0, kurtosis=2.0, seed=3)
    assert np.allclose(
        data.cov(), LAMBDA @ PHI @ LAMBDA.T + np.diag(1 - np.diag(LAMBDA @ PHI @ LAMBDA.T)), atol=0.02
    )
    assert np.allclose(stats.skew(data), 1, atol=0.06)
    assert np.allclose(stats.kurtosis(data), 2, atol=0.35)


def test_fleishman_of_the_normal_is_the_identity():
    assert np.allclose(fleishman(0.0, 0.0), [0, 1, 0, 0], atol=1e-10)


def test_fleishman_of_the_published_table():
    # Fleishman (1978), table 1: skewness 1.75, excess kurtosis 3.75.
    assert np.allclose(fleishman(1.75, 3.75)[1:], [0.92966052, 0.39949667, -0.03646699], atol=1e-6)


def test_intermediate_correlation_of_normal_variables_is_the_correlation():
    R = np.array([[1, 0.3], [0.3, 1]])
    assert np.allclose(intermediate_correlations(R, np.array([[0.0, 1, 0, 0]] * 2)), R)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"n": 0}, OptionError, "at least 1"),
        ({"factor_covariance": np.eye(3)}, ModelError, r"\(2, 2\)"),
        ({"factor_covariance": [[1, 2], [2, 1]]}, ModelError, "positive semi-definite"),
        ({"factor_covariance": [[1, 0.2], [0.1, 1]]}, ModelError, "not symmetric"),
        ({"factor_covariance": 2 * PHI}, ModelError, "communality"),
        ({"intercepts": [1, 2]}, ModelError, "one value or 4"),
        ({"names": ["a"]}, ModelError, "1 names"),
        ({"skewness": 2.0, "kurtosis": 0.0}, ModelError, "excess kurtosis 0"),
    ],
)
def test_wrong_input_is_named(options, error, words):
    with pytest.raises(error, match=words):
        simulate_continuous(LAMBDA, **({"n": 10} | options))


def test_impossible_correlations_are_named():
    with pytest.raises(ModelError, match="cannot correlate"):
        simulate_continuous([0.99, -0.99], 10, skewness=[1.75, 1.75], kurtosis=[3.75, 3.75])
