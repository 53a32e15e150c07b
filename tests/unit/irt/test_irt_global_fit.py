"""Limited-information statistics beside the same statistics from the probabilities of all response patterns."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import block_diag

import recoverymetrics as rm
from recoverymetrics.irt.likelihood import log_tables, log_weights
from recoverymetrics.numerics.lord_wingersky import rest_score_distributions, score_distribution


def responses(n: int = 700, J: int = 4, K: int = 3, seed: int = 5) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    theta = rng.standard_normal(n)
    steps = np.linspace(-0.8, 0.9, K - 1)
    scores = np.cumsum(np.linspace(0.7, 1.5, J)[None, :, None] * (theta[:, None, None] - steps), axis=2)
    scores = np.concatenate([np.zeros((n, J, 1)), scores], axis=2) + rng.gumbel(size=(n, J, K))
    return pd.DataFrame(scores.argmax(axis=2), columns=[f"i{j}" for j in range(J)])


def pattern_probabilities(fit, x):
    """Probability of every response pattern, by brute force."""
    problem = fit.calibration.problem
    extended = problem.layout.extend(x)
    p = np.exp(log_tables(problem.layout, extended, problem.theta))[problem.layout.group_columns[0]]
    weights = np.exp(log_weights(problem, extended, 0))
    K = fit.calibration.coded.n_categories
    offsets = np.concatenate([[0], np.cumsum(K)[:-1]])
    patterns = np.array(list(itertools.product(*[range(k) for k in K])))
    return patterns, np.prod(p[offsets + patterns], axis=1) @ weights


def features(patterns, kind, K):
    J = patterns.shape[1]
    ones = [patterns[:, j] == k for j in range(J) for k in range(1, K)]
    pairs = list(itertools.combinations(range(J), 2))
    if kind == "m2":
        two = [
            (patterns[:, i] == a) & (patterns[:, j] == b)
            for i, j in pairs
            for a in range(1, K)
            for b in range(1, K)
        ]
    else:
        two = [patterns[:, i] * patterns[:, j] for i, j in pairs]
    one = [patterns[:, j] for j in range(J)] if kind == "m2*" else ones
    return np.array([*one, *two], dtype=float)


@pytest.mark.parametrize("kind", ["m2", "m2*", "c2"])
@pytest.mark.parametrize("model", ["graded", "gpcm", "pcm", "rsm", "nominal"])
def test_statistic_is_that_of_the_full_table(model, kind):
    data = responses(J=5)
    fit = rm.fit_irt(data, model, tolerance=1e-12)
    patterns, probability = pattern_probabilities(fit, fit.x)
    T = features(patterns, kind, 3)
    if T.shape[0] <= fit.npar:
        with pytest.raises(rm.ModelError, match="no degrees of freedom"):
            fit.global_fit(kind)
        return
    mean = T @ probability
    Xi = (T * probability) @ T.T - np.outer(mean, mean)
    h = 1e-5
    Delta = np.column_stack(
        [
            T
            @ (pattern_probabilities(fit, fit.x + h * e)[1] - pattern_probabilities(fit, fit.x - h * e)[1])
            / (2 * h)
            for e in np.eye(fit.npar)
        ]
    )
    observed = features(data.to_numpy(), kind, 3).mean(axis=1)
    W = np.linalg.inv(Xi)
    C = W - W @ Delta @ np.linalg.inv(Delta.T @ W @ Delta) @ Delta.T @ W
    expected = len(data) * (observed - mean) @ C @ (observed - mean)
    ours = fit.global_fit(kind).iloc[0]
    assert ours["statistic"] == pytest.approx(expected, rel=1e-5)
    assert ours["df"] == T.shape[0] - fit.npar


def statistic_of_all_patterns(fit, kind, K):
    """Quadratic form over groups, from the probabilities of all response patterns."""
    coded = fit.calibration.coded
    T = features(np.array(list(itertools.product(*[range(K)] * len(fit.items)))), kind, K)
    parts = []
    for g in range(len(coded.groups)):
        prob = [
            group_probabilities(fit, fit.x + h, g)
            for h in (0.0, *1e-5 * np.eye(fit.npar), *-1e-5 * np.eye(fit.npar))
        ]
        Delta = np.column_stack(
            [T @ (a - b) / 2e-5 for a, b in zip(prob[1 : fit.npar + 1], prob[fit.npar + 1 :], strict=True)]
        )
        codes = coded.codes[coded.group == g]
        mean, n = T @ prob[0], len(codes)
        Xi = ((T * prob[0]) @ T.T - np.outer(mean, mean)) / n
        parts.append((features(codes, kind, K).mean(axis=1) - mean, Xi, Delta))
    e, D = np.concatenate([p[0] for p in parts]), np.concatenate([p[2] for p in parts])
    W = np.linalg.inv(block_diag(*(p[1] for p in parts)))
    return e @ (W - W @ D @ np.linalg.inv(D.T @ W @ D) @ D.T @ W) @ e


def group_probabilities(fit, x, g):
    problem = fit.calibration.problem
    extended = problem.layout.extend(x)
    p = np.exp(log_tables(problem.layout, extended, problem.theta))[problem.layout.group_columns[g]]
    K = fit.calibration.coded.n_categories
    offsets = np.concatenate([[0], np.cumsum(K)[:-1]])
    patterns = np.array(list(itertools.product(*[range(k) for k in K])))
    return np.prod(p[offsets + patterns], axis=1) @ np.exp(log_weights(problem, extended, g))


@pytest.mark.parametrize("kind", ["m2*", "c2"])
def test_free_latent_moments_of_groups_count(kind):
    """mirt leaves the derivatives of latent moments out; this is the statistic with them."""
    data = pd.concat(
        [responses(500, J=5, seed=1).assign(g="A"), responses(500, J=5, seed=2).assign(g="B")],
        ignore_index=True,
    )
    fit = rm.fit_irt(data, "gpcm", group="g", equal=("slopes", "intercepts"), se=None, tolerance=1e-11)
    assert fit.groups["variance"][1] != 1.0
    expected = statistic_of_all_patterns(fit, kind, 3)
    assert fit.global_fit(kind)["statistic"][0] == pytest.approx(expected, rel=1e-5)


def test_free_covariances_of_factors_count():
    fit = rm.fit_irt(
        responses(600, J=6), structure="f =~ i0 + i1 + i2\ng =~ i3 + i4 + i5", quadrature=9, se=None
    )
    assert fit.global_fit("c2")["statistic"][0] == pytest.approx(
        statistic_of_all_patterns(fit, "c2", 3), rel=1e-5
    )


def bifactor_data(n: int = 500, seed: int = 6) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    theta = rng.standard_normal((n, 3))
    z = np.column_stack([1.2 * theta[:, :1] + np.repeat(theta[:, 1:], 3, axis=1), 1.1 * theta[:, 0]])
    z = z + rng.logistic(size=z.shape)
    return pd.DataFrame((z[:, :, None] > [-1.0, 0.3]).sum(axis=2), columns=[f"i{j}" for j in range(7)])


@pytest.mark.parametrize("kind", ["m2", "m2*", "c2"])
def test_bifactor_statistic_is_that_of_the_full_grid(kind):
    data = bifactor_data()
    specific = {"s": ["i0", "i1", "i2"], "t": ["i3", "i4", "i5"]}
    reduced = rm.fit_irt(data, structure=rm.Bifactor(specific), quadrature=11, se=None)
    lines = "general =~ " + " + ".join(data.columns) + "\ns =~ i0 + i1 + i2\nt =~ i3 + i4 + i5"
    lines += "\ngeneral ~~ 0*s + 0*t\ns ~~ 0*t"
    full = rm.fit_irt(data, structure=lines, quadrature=11, se=None, start=reduced.x)
    full = replace(full, x=reduced.x)
    ours, theirs = reduced.global_fit(kind).iloc[0], full.global_fit(kind).iloc[0]
    for name in ("statistic", "df", "rmsea", "srmr", "cfi", "tli", "p_value"):
        assert ours[name] == pytest.approx(theirs[name], rel=1e-7, abs=1e-9)


def test_two_tier_statistic_in_two_groups_is_that_of_the_full_grid():
    data = bifactor_data(700).iloc[:, :6].assign(group=["A", "B"] * 350)
    primary = "f =~ i0 + i1 + i2\ng =~ i3 + i4 + i5"
    structure = rm.Bifactor({"s": ["i1", "i2"], "t": ["i3", "i4"]}, primary=primary)
    options = {"group": "group", "quadrature": 7, "se": None}
    reduced = rm.fit_irt(data, structure=structure, **options)
    lines = primary + "\ns =~ i1 + i2\nt =~ i3 + i4\nf ~~ 0*s + 0*t\ng ~~ 0*s + 0*t\ns ~~ 0*t"
    with pytest.warns(rm.EstimationWarning, match="did not converge"):
        full = rm.fit_irt(data, structure=lines, start=reduced.x, max_iterations=1, **options)
    ours, theirs = reduced.global_fit("m2").iloc[0], full.global_fit("m2").iloc[0]
    for name in ("statistic", "df", "rmsea", "srmr_A", "srmr_B"):
        assert ours[name] == pytest.approx(theirs[name], rel=1e-7, abs=1e-9)


def test_a_true_model_fits_and_independent_items_do_not_hide():
    row = rm.fit_irt(responses(3000, J=6), "gpcm").global_fit("c2").iloc[0]
    assert row["p_value"] > 0.01
    assert row["cfi"] > 0.98
    assert row["rmsea_conf_low"] <= row["rmsea"] <= row["rmsea_conf_high"]


def test_unknown_statistic():
    with pytest.raises(rm.OptionError, match="unknown statistic"):
        rm.fit_irt(responses(), se=None).global_fit("g2")


def test_score_distribution_is_a_distribution_and_rest_scores_leave_one_out():
    rng = np.random.default_rng(0)
    tables = [rng.dirichlet(np.ones(k), size=7).T for k in (2, 3, 4, 3)]
    total = score_distribution(tables)
    np.testing.assert_allclose(total.sum(axis=0), 1.0)
    for j, rest in enumerate(rest_score_distributions(tables)):
        direct = score_distribution([t for i, t in enumerate(tables) if i != j])
        np.testing.assert_allclose(rest, direct, atol=1e-14)
