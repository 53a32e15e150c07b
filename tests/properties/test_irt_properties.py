from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

import recoverymetrics as rm
from recoverymetrics.numerics.lord_wingersky import convolve_scores, score_distribution
from recoverymetrics.numerics.quadrature import Nodes, normal_log_weights, rectangular_nodes

PROFILE = settings(max_examples=8, deadline=None, derandomize=True)


def responses(seed: int, n: int = 250, J: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((n, 1)) * rng.uniform(0.8, 1.8, J) + rng.logistic(size=(n, J))
    return pd.DataFrame((z[:, :, None] > [-1.0, 0.2, 1.2]).sum(axis=2), columns=[f"i{j}" for j in range(J)])


@given(seed=st.integers(0, 10_000), shift=st.integers(1, 5))
@PROFILE
def test_the_codes_of_the_categories_do_not_matter(seed, shift):
    data = responses(seed)
    first, second = rm.fit_irt(data, se=None), rm.fit_irt(data + shift, se=None)
    assert first.loglik == second.loglik
    assert first.scores().equals(second.scores())


@given(seed=st.integers(0, 10_000))
@PROFILE
def test_the_order_of_items_and_persons_does_not_matter(seed):
    data = responses(seed)
    mixed = data.sample(frac=1.0, random_state=seed)[list(data.columns[::-1])]
    first, second = rm.fit_irt(data, se=None, tolerance=1e-10), rm.fit_irt(mixed, se=None, tolerance=1e-10)
    np.testing.assert_allclose(first.loglik, second.loglik, atol=1e-7)
    a, b = first.scores()["estimate"].to_numpy(), second.scores()["estimate"].to_numpy()
    np.testing.assert_allclose(a[mixed.index], b, atol=1e-3)


@given(seed=st.integers(0, 10_000))
@PROFILE
def test_restrictions_never_raise_the_likelihood(seed):
    data = pd.concat([responses(seed).assign(g="a"), responses(seed + 1).assign(g="b")], ignore_index=True)
    fits = [
        rm.fit_irt(data, group="g", equal=equal, se=None).loglik
        for equal in (("slopes", "intercepts"), ("i0", "i1"), ())
    ]
    assert fits[0] <= fits[1] + 1e-4 <= fits[2] + 2e-4


@given(seed=st.integers(0, 10_000), mean=st.floats(-0.5, 0.5), sd=st.floats(0.5, 1.1))
@PROFILE
def test_weights_and_score_distributions_sum_to_one(seed, mean, sd):
    nodes = rectangular_nodes(61)
    weights = np.exp(normal_log_weights(nodes, np.array([mean]), np.array([[sd**2]])))
    np.testing.assert_allclose([weights.sum(), weights @ nodes.theta[:, 0]], [1.0, mean], atol=1e-5)
    rng = np.random.default_rng(seed)
    tables = [rng.dirichlet(np.ones(k), size=3).T for k in (2, 4, 3)]
    both = convolve_scores(score_distribution(tables[:2]), score_distribution(tables[2:]))
    np.testing.assert_allclose(both, score_distribution(tables), atol=1e-14)
    assert np.isnan(normal_log_weights(Nodes(np.zeros((2, 1)), np.zeros(2)), np.zeros(1), -np.eye(1))).all()
