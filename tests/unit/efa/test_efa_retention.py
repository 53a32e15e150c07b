"""Number of factors: planted structures, agreement, graph analysis, refusals."""

import numpy as np
import pandas as pd
import pytest

import recoverymetrics as rm
from recoverymetrics.display import GLOSSARY
from recoverymetrics.efa import (
    ParallelAnalysis,
    detect_redundancy,
    graph_analysis,
    parallel_analysis,
    suggest_n_factors,
)
from recoverymetrics.efa import retention_kernel as kernel
from recoverymetrics.efa.comparison import comparison_data, generate_population
from recoverymetrics.efa.graph import topological_overlap
from recoverymetrics.efa.simulated import normal_correlations
from recoverymetrics.efa.walktrap import modularity, walktrap

ALL = ("parallel", "map", "map4", "ekc", "hull", "smt_chi2", "smt_rmsea", "cd", "ega")


def planted(n_factors, n=800, per=5, loading=0.7, phi=0.2, seed=1, cuts=(-1.0, 0.0, 1.0)):
    L = np.kron(np.eye(n_factors), np.full((per, 1), loading))
    between = np.full((n_factors, n_factors), phi) + (1 - phi) * np.eye(n_factors)
    sigma = L @ between @ L.T
    np.fill_diagonal(sigma, 1.0)
    x = np.random.default_rng(seed).multivariate_normal(np.zeros(len(L)), sigma, size=n)
    return pd.DataFrame(np.digitize(x, cuts) if cuts else x, columns=[f"i{j:02d}" for j in range(len(L))])


@pytest.mark.parametrize("n_factors", [1, 3])
def test_every_rule_finds_a_clear_structure(n_factors):
    methods = [m for m in ALL if not (n_factors == 1 and m == "hull")]
    result = suggest_n_factors(
        planted(n_factors, cuts=None), methods, correlation="pearson", max_factors=5, seed=1,
        parallel=ParallelAnalysis(n_draws=30),
    )  # fmt: skip
    table = result.tidy().set_index("method")["n_factors"]
    assert (table == n_factors).all(), table
    assert result.n_factors == n_factors


def test_very_simple_structure_rises_to_the_planted_number_and_then_stands():
    curve = kernel.very_simple_structure(planted(3, cuts=None, phi=0.0).corr().to_numpy(), 5).curve
    assert curve[2] - curve[1] > 0.1
    assert np.abs(np.diff(curve[2:])).max() < 0.03


def test_defaults_work_on_ordinal_data_and_agree():
    result = suggest_n_factors(planted(3), seed=2, parallel=ParallelAnalysis(n_draws=20))
    assert result.n_factors == 3
    assert list(result.tidy()["method"]) == ["parallel", "map", "ekc", "hull", "ega"]
    assert set(result.tidy().columns) | set(result.glance().columns) <= set(GLOSSARY)
    assert result.eigenvalues.size == 15
    assert result.extras["ega"].communities.tolist() == [0] * 5 + [1] * 5 + [2] * 5
    assert "Consensus" in result.summary()


def test_noise_has_no_factor_by_parallel_analysis():
    noise = np.random.default_rng(0).standard_normal((500, 10))
    assert parallel_analysis(noise, correlation="pearson", n_iter=50, seed=1).n_factors == 0
    assert (
        parallel_analysis(
            noise, correlation="pearson", n_iter=50, seed=1, reduced=True, draw="normal"
        ).n_factors
        <= 1
    )


@pytest.mark.slow
def test_same_seed_same_numbers_whatever_the_workers():
    data = planted(2, n=300)
    one = parallel_analysis(data, n_iter=4, seed=5)
    two = parallel_analysis(data, n_iter=4, seed=5, workers=2)
    np.testing.assert_array_equal(one.simulated, two.simulated)


def test_missing_values_stay_missing_in_the_random_data():
    data = planted(2, n=400).astype(float)
    data[np.random.default_rng(1).random(data.shape) < 0.1] = np.nan
    for correlation in ("polychoric", "pearson", "spearman"):
        assert parallel_analysis(data, correlation=correlation, n_iter=10, seed=1).n_factors == 2


def test_correlation_matrix_input():
    R = planted(2, cuts=None).corr()
    assert parallel_analysis(R, correlation="cor", n_obs=800, n_iter=20, seed=1).n_factors == 2
    assert (
        suggest_n_factors(R, ("parallel", "map", "ega"), correlation="cor", n_obs=800, seed=1).n_factors == 2
    )


def test_wishart_draws_look_like_correlations_of_noise():
    draws = [
        normal_correlations(np.random.default_rng(s), np.zeros((50, 4), dtype=bool))[0, 1]
        for s in range(3000)
    ]
    assert abs(np.std(draws) - 1 / np.sqrt(49)) < 0.006
    assert abs(np.mean(draws)) < 0.01


def test_consensus_follows_its_rule():
    rules = [
        kernel.Rule(m, k, np.zeros(1), 1, "")
        for m, k in (("parallel", 3), ("map", 2), ("ekc", 3), ("hull", 2))
    ]
    result = suggest_n_factors(planted(2, n=200), ("map",))
    from dataclasses import replace

    assert replace(result, rules=tuple(rules)).n_factors == 3  # tie, parallel analysis decides
    assert replace(result, rules=tuple(rules[1:])).n_factors == 2
    assert replace(result, rules=(rules[0], kernel.Rule("kaiser", 5, np.zeros(1), 1, ""))).n_factors == 3


def test_comparison_population_has_the_margins_and_correlations():
    values = planted(2, n=500).to_numpy(dtype=float)
    population = generate_population(values, 2, 5000, np.random.default_rng(1))
    assert set(np.unique(population)) == set(np.unique(values))
    gap = np.corrcoef(population, rowvar=False) - np.corrcoef(values, rowvar=False)
    assert np.sqrt(np.mean(gap**2)) < 0.04
    assert (
        comparison_data(values, 4, np.random.default_rng(2), n_samples=60, n_population=2000).n_factors == 2
    )


def test_walktrap_finds_blocks_and_isolated_nodes():
    weights = np.kron(np.eye(3), np.ones((4, 4)) - np.eye(4)) + 0.02
    np.fill_diagonal(weights, 0)
    labels = walktrap(weights)
    assert labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert modularity(weights, labels) > 0.6
    lonely = np.zeros((13, 13))
    lonely[:12, :12] = weights
    assert walktrap(lonely)[12] == -1


def test_graph_analysis_is_stable_on_a_clear_structure():
    result = graph_analysis(planted(3), n_boot=8, seed=1)
    assert result.n_factors == 3
    assert result.stability.loc[result.stability["n_factors"] == 3, "share"].item() >= 0.7
    assert result.tidy()["stability"].mean() > 0.8
    assert set(result.tidy().columns) | set(result.glance().columns) <= set(GLOSSARY)
    assert result.network.shape == (15, 15)
    assert set(result.communities) == {1, 2, 3}


def test_redundant_pair_is_found():
    data = planted(2, cuts=None)
    data["copy"] = data["i00"] + 0.3 * np.random.default_rng(4).standard_normal(len(data))
    result = detect_redundancy(data, correlation="pearson")
    assert result.redundant[0] == ("i00", "copy")
    assert set(result.tidy().columns) | set(result.glance().columns) <= set(GLOSSARY)


def test_topological_overlap_of_a_triangle():
    w = 0.5 * (np.ones((3, 3)) - np.eye(3))
    np.testing.assert_allclose(topological_overlap(w)[0, 1], (0.25 + 0.5) / (1.0 + 1.0 - 0.5))


def test_scree_and_network_pictures_draw():
    result = suggest_n_factors(
        planted(2, n=300), ("parallel", "map"), seed=1, parallel=ParallelAnalysis(n_draws=10)
    )
    assert "2 factors" in result.plot().get_title(loc="left")
    assert graph_analysis(planted(2, n=300)).plot() is not None
    assert list(result.eigenvalue_table().columns) == ["term", "estimate", "reference", "simulated_mean"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: suggest_n_factors(planted(1), ("scree",)), "'scree' is not known"),
        (lambda: suggest_n_factors(planted(1), "map"), "sequence"),
        (
            lambda: suggest_n_factors(planted(1, cuts=None).corr(), ("cd",), correlation="cor", n_obs=9),
            "responses",
        ),
        (lambda: suggest_n_factors(planted(1, cuts=None).corr(), ("ekc",), correlation="cor"), "n_obs"),
        (lambda: suggest_n_factors(planted(1), ("map",), max_factors=0), "max_factors=0"),
        (lambda: graph_analysis(planted(1), n_boot=-1), "n_boot=-1"),
        (lambda: parallel_analysis(planted(1), n_iter=0), "at least one"),
        (lambda: parallel_analysis(planted(1), quantile=2.0), "between 0 and 1"),
        (lambda: parallel_analysis(planted(1), draw="bootstrap"), "'permutation'"),
        (lambda: graph_analysis(planted(1, cuts=None).corr(), correlation="cor"), "n_obs"),
        (
            lambda: graph_analysis(planted(1, cuts=None).corr(), correlation="cor", n_obs=99, n_boot=3),
            "responses",
        ),
    ],
)
def test_refusals(call, message):
    with pytest.raises(rm.OptionError, match=message):
        call()
