"""What holds for any data: units and row order do not matter, derivatives are derivatives."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import recoverymetrics as rm
from recoverymetrics.numerics.arrow import Arrow
from recoverymetrics.numerics.sem_missing import NormalMissing
from recoverymetrics.numerics.sem_normal import NormalComplete
from recoverymetrics.numerics.sem_patterns import find_patterns
from recoverymetrics.numerics.sem_ram import COVARIANCE, INTERCEPT, PATH, MomentMap, RamLayout, evaluate

FEW = settings(max_examples=8, deadline=None, derandomize=True)
STEP = 1e-6
DIFFERENCE = 1e-6  # central differences


def sample(seed, n=250):
    rng = np.random.default_rng(seed)
    f = rng.multivariate_normal([0, 0], [[1, 0.4], [0.4, 1]], size=n)
    x = f[:, [0, 0, 0, 1, 1, 1]] * rng.uniform(0.5, 0.9, 6) + rng.normal(size=(n, 6)) * 0.6
    return pd.DataFrame(x, columns=list("abcdeh"))


@FEW
@given(seed=st.integers(0, 10**6))
def test_units_and_row_order_do_not_change_the_test(seed):
    data = sample(seed)
    rng = np.random.default_rng(seed)
    moved = data * rng.uniform(0.2, 5.0, 6) + rng.normal(size=6)
    model = "f =~ a + b + c\ng =~ d + e + h"
    plain = rm.fit_cfa(data, model, estimator="MLR")
    other = rm.fit_cfa(moved.sample(frac=1.0, random_state=0), model, estimator="MLR")
    assert other.test.chi2 == pytest.approx(plain.test.chi2, rel=1e-6, abs=1e-6)
    assert other.test.scaled == pytest.approx(plain.test.scaled, rel=1e-5, abs=1e-6)


def random_layout(rng):
    """Two factors, a path between items, means; two groups that share loadings."""
    cells = [(PATH, i, 6 + i // 3) for i in range(6)] + [(PATH, 5, 0)]
    cells += [(COVARIANCE, i, i) for i in range(8)] + [(COVARIANCE, 7, 6), (COVARIANCE, 1, 0)]
    cells += [(INTERCEPT, i, 0) for i in range(6)]
    kind, row, col = np.array(cells).T
    free = np.full((2, len(cells)), -1)
    free[:, :7] = np.arange(7)
    free[0, 7:] = 7 + np.arange(len(cells) - 7)
    free[1, 7:] = 7 + (len(cells) - 7) + np.arange(len(cells) - 7)
    q = int(free.max()) + 1
    layout = RamLayout(
        6,
        8,
        kind,
        row,
        col,
        np.zeros(free.shape),
        free,
        q,
        np.zeros(6, dtype=bool),
        np.zeros(0, dtype=np.int64),
    )
    theta = np.concatenate([rng.uniform(0.4, 0.9, 7), np.zeros(q - 7)])
    for k, (kind_k, i, j) in enumerate(cells):
        for g in range(2):
            if k >= 7:
                value = rng.uniform(0.8, 1.2) if i == j and kind_k == COVARIANCE else rng.uniform(-0.2, 0.2)
                theta[free[g, k]] = value
    return layout, theta


def numeric(function, theta):
    return np.array(
        [(function(theta + s) - function(theta - s)) / (2 * STEP) for s in STEP * np.eye(len(theta))]
    )


@FEW
@given(seed=st.integers(0, 10**6))
def test_derivatives_of_the_likelihood_match_differences(seed):
    rng = np.random.default_rng(seed)
    layout, theta = random_layout(rng)
    data = [sample(seed + k).to_numpy() for k in range(2)]
    S = np.stack([np.cov(x.T, ddof=0) for x in data])
    m = np.stack([x.mean(axis=0) for x in data])
    complete = NormalComplete(layout, S, m, np.array([0.4, 0.6]), True)
    holed = [np.where(rng.random(x.shape) < 0.15, np.nan, x) for x in data]
    holed = [x[~np.isnan(x).all(axis=1)] for x in holed]
    for objective in (complete, NormalMissing(layout, find_patterns(holed))):
        gradient = objective.value_gradient(theta)[1]
        by_difference = numeric(lambda t, o=objective: o.value_gradient(t)[0], theta)
        np.testing.assert_allclose(gradient, by_difference, atol=DIFFERENCE)
        hessian = objective.hessian(theta)
        by_difference = numeric(lambda t, o=objective: o.value_gradient(t)[1], theta)
        np.testing.assert_allclose(hessian, by_difference, atol=10 * DIFFERENCE)


@FEW
@given(seed=st.integers(0, 10**6))
def test_the_jacobian_of_the_moments_matches_differences(seed):
    layout, theta = random_layout(np.random.default_rng(seed))
    moments = MomentMap(layout)
    J = moments.jacobian(evaluate(layout, theta))
    by_difference = numeric(lambda t: moments.moments(evaluate(layout, t)), theta)
    for group in range(2):
        np.testing.assert_allclose(layout.spread(J[group], group), by_difference[:, group].T, atol=DIFFERENCE)


@FEW
@given(seed=st.integers(0, 10**6), shared=st.integers(0, 8))
def test_arrow_matrices_solve_and_invert_like_dense_ones(seed, shared):
    rng = np.random.default_rng(seed)
    sizes = [40, 45, 50]
    local, start = [], 0
    for size in sizes:
        local.append(np.arange(start, start + size))
        start += size
    n = start + shared
    matrix = np.zeros((n, n))
    for part in local:
        at = np.concatenate([part, np.arange(start, n)])
        half = rng.normal(size=(len(at), len(at) + 20))
        matrix[np.ix_(at, at)] += half @ half.T
    factor = Arrow(tuple(local), np.arange(start, n)).factor(matrix)
    b = rng.normal(size=n)
    np.testing.assert_allclose(factor.solve(b), np.linalg.solve(matrix, b), rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(factor.inverse(), np.linalg.inv(matrix), rtol=1e-6, atol=1e-9)
