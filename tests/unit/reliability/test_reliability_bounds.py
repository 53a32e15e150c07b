"""Lower bounds: duality, derivatives, draws, intervals."""

import numpy as np
import pandas as pd
import pytest

from recoverymetrics import reliability as rel
from recoverymetrics.errors import EstimationWarning, OptionError
from recoverymetrics.reliability.bounds import TERMS, bound_draws, lower_bounds
from recoverymetrics.reliability.glb import greatest_lower_bound, lower_bound_draws
from recoverymetrics.reliability.halves import best_split, best_split_draws


def pseudo_random(p: int, shift: float) -> np.ndarray:
    """Cross-products of p + 3 rows of a formula that looks random and is the same everywhere."""
    rows, columns = np.indices((p + 3, p))
    noise = np.modf(1000 * np.sin(12.9898 * rows + 78.233 * columns + shift))[0]
    x = noise + 0.5 * noise[:, :1]
    return np.round(x.T @ x, 6)


def with_sum(S: np.ndarray) -> np.ndarray:
    """One more item: the sum of the first two."""
    A = np.vstack([np.eye(len(S)), np.r_[1, 1, np.zeros(len(S) - 2)]])
    return A @ S @ A.T


FOUR = np.array([[215, 64, 33, 22], [64, 97, 57, 25], [33, 57, 103, 36], [22, 25, 36, 77]], dtype=float)


def test_the_dual_point_is_feasible() -> None:
    S = pseudo_random(9, 4.0)
    bound = greatest_lower_bound(S)
    assert np.diag(bound.dual).min() > 1 - 1e-9
    assert np.linalg.eigvalsh(bound.dual)[0] > -1e-6  # inverses of a nearly singular matrix keep 7 digits
    assert np.sum(S * bound.dual) - bound.error_variances.sum() == pytest.approx(
        bound.gap * S.sum(), abs=1e-10
    )


def test_a_matrix_with_negative_eigenvalues_has_no_bound() -> None:
    S = FOUR - 100 * np.eye(4)
    S[np.diag_indices(4)] = 80
    bound = greatest_lower_bound(S - np.diag([60.0, 0, 0, 0]))
    assert np.isnan(bound.estimate)
    assert not bound.converged


def test_draws_are_the_bounds_of_each_matrix() -> None:
    stack = np.array([pseudo_random(7, shift) for shift in range(12)])
    stack[3] = with_sum(stack[3][:6, :6])
    stack[5] -= 2 * np.linalg.eigvalsh(stack[5])[0] * np.eye(7)  # one negative eigenvalue
    rng = np.random.default_rng(1)
    glb, lambda4 = lower_bound_draws(stack), best_split_draws(stack, np.ones(7, dtype=bool), rng=rng)
    for b, S in enumerate(stack):
        assert glb[b] == pytest.approx(greatest_lower_bound(S).estimate, abs=1e-6, nan_ok=True)
        assert lambda4[b] == pytest.approx(best_split(S, rng=rng)[0], abs=1e-12)
    assert np.flatnonzero(np.isnan(glb)).tolist() == [5]


def test_the_best_split_of_many_items_is_found_from_a_start() -> None:
    stack = np.array([pseudo_random(18, shift) for shift in range(3)])
    rng = np.random.default_rng(1)
    searched = best_split_draws(stack, best_split(stack[0], rng=rng)[1], rng=rng)
    for b, S in enumerate(stack):
        assert searched[b] == pytest.approx(best_split(S, rng=rng)[0], abs=1e-3)


@pytest.mark.parametrize("term", TERMS)
def test_gradients_of_all_bounds_match_finite_differences(term: str) -> None:
    S, rng, h = pseudo_random(6, 1.5), np.random.default_rng(0), 1e-5
    G = lower_bounds(S, rng).gradients[term]
    for i, j in ((0, 0), (3, 3), (0, 4), (2, 5)):
        E = np.zeros_like(S)
        E[i, j] = E[j, i] = h
        up, down = (lower_bounds(S + sign * E, rng).values[term] for sign in (1, -1))
        assert G[i, j] == pytest.approx((up - down) / (2 * h) * (1 if i == j else 0.5), abs=2e-6)


def one_factor(n: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    loading = np.linspace(0.4, 0.8, 6)
    return rng.normal(size=(n, 1)) * loading + rng.normal(size=(n, 6)) * np.sqrt(1 - loading**2)


@pytest.mark.parametrize("standardized", [False, True])
def test_standard_errors_of_the_bounds_are_those_of_the_bootstrap(standardized: bool) -> None:
    data = one_factor(2000, 1)
    boot = rel.Bootstrap(n_draws=300, method="normal", seed=1)
    delta = rel.guttman_lambdas(data, standardized=standardized).tidy().set_index("term")
    drawn = rel.guttman_lambdas(data, standardized=standardized, interval=boot).tidy().set_index("term")
    smooth = [term for term in TERMS if term not in ("lambda4", "lambda5", "lambda5_plus", "glb")]
    ratio = (drawn["std_error"] / delta["std_error"])[smooth]
    assert ratio.between(0.88, 1.14).all(), ratio
    assert (drawn["conf_low"] < drawn["conf_high"]).all()
    assert drawn.loc["glb", "bias"] > 5 * abs(drawn.loc["lambda2", "bias"])
    assert (
        delta.loc["lambda2", "conf_low"]
        < delta.loc["lambda2", "estimate"]
        < delta.loc["lambda2", "conf_high"]
    )
    assert delta.loc["lambda2", "estimate"] <= delta.loc["glb", "estimate"]


def test_the_bound_is_too_high_in_small_samples() -> None:
    loading = np.linspace(0.4, 0.8, 6)
    truth = loading.sum() ** 2 / (loading.sum() ** 2 + np.sum(1 - loading**2))
    values = [greatest_lower_bound(np.cov(one_factor(100, seed).T)).estimate for seed in range(60)]
    assert 0.02 < np.mean(values) - truth < 0.08


@pytest.mark.slow
def test_intervals_of_the_bound_cover_as_seldom_as_the_guide_says() -> None:
    """Eight items with reliability .822, 300 persons: shares of 60 samples, standard error .06."""
    loading = np.linspace(0.4, 0.8, 8)
    truth = loading.sum() ** 2 / (loading.sum() ** 2 + np.sum(1 - loading**2))
    assert truth == pytest.approx(0.822, abs=5e-4)
    rng = np.random.default_rng(300)
    hits: dict[str, list[bool]] = {"normal": [], "percentile": []}
    for seed in range(60):
        data = rng.normal(size=(300, 1)) * loading + rng.normal(size=(300, 8)) * np.sqrt(1 - loading**2)
        for method, hit in hits.items():
            boot = rel.Bootstrap(n_draws=100, method=method, seed=seed)
            row = rel.guttman_lambdas(data, interval=boot).tidy().set_index("term").loc["glb"]
            hit.append(row["conf_low"] < truth < row["conf_high"])
    assert 0.53 < np.mean(hits["normal"]) < 0.92  # .73 in 150 samples, not .95
    assert np.mean(hits["percentile"]) < 0.41  # .21


@pytest.mark.parametrize("method", ["percentile", "bca", "basic", "normal"])
def test_every_bootstrap_interval_of_the_bounds(method: str) -> None:
    boot = rel.Bootstrap(n_draws=60, method=method, seed=1)
    result = rel.guttman_lambdas(one_factor(300, 2), interval=boot)
    assert result.tidy()[["conf_low", "conf_high", "std_error", "bias"]].notna().all(axis=None)
    assert method in result.interval
    assert any("percentile" in note for note in result.notes) == (method == "percentile")


def test_an_item_that_is_a_sum_keeps_the_bound_and_loses_its_standard_error() -> None:
    data = pd.DataFrame(one_factor(300, 3), columns=list("abcdef")).assign(total=lambda d: d["a"] + d["b"])
    boot = rel.Bootstrap(n_draws=40, method="bca", seed=1)
    for interval in ("robust", boot):
        table = rel.guttman_lambdas(data, interval=interval).tidy().set_index("term")
        assert 0.8 < table.loc["glb", "estimate"] < 1
        assert np.isnan(table.loc["glb", "conf_low"])
    assert np.isfinite(table.loc["lambda2", "conf_low"])


def test_pairwise_covariances_with_a_negative_eigenvalue_are_reported() -> None:
    rng = np.random.default_rng(5)
    x = rng.normal(size=(200, 1)) + 0.05 * rng.normal(size=(200, 6))
    x[rng.random(x.shape) < 0.5] = np.nan
    with pytest.warns(EstimationWarning, match="negative eigenvalues in all.*listwise"):
        result = rel.guttman_lambdas(x)
    assert np.isnan(result.tidy().set_index("term").loc["glb", "estimate"])
    assert result.converged


def test_a_nearly_dependent_item_is_reported() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(100, 1)) + rng.normal(size=(100, 7))
    x[:, 6] = x[:, 0] + x[:, 1] + 3e-6 * rng.normal(size=100)
    with pytest.warns(EstimationWarning, match="nearly sums of others"):
        result = rel.guttman_lambdas(x)
    assert not result.converged


def test_fewer_persons_than_items_are_reported() -> None:
    result = rel.guttman_lambdas(one_factor(5, 1))
    assert result.tidy().set_index("term").loc["glb", "estimate"] == pytest.approx(1, abs=1e-6)
    assert any("no more persons than items" in note for note in result.notes)


def test_bounds_by_group_are_those_of_the_groups_alone() -> None:
    data = pd.DataFrame(one_factor(400, 6), columns=list("abcdef")).assign(g=["EUR"] * 200 + ["AFR"] * 200)
    both = rel.guttman_lambdas(data, group="g").tidy()
    alone = rel.guttman_lambdas(data[data["g"] == "AFR"].drop(columns="g")).tidy()
    pd.testing.assert_frame_equal(
        both[both["group"] == "AFR"].reset_index(drop=True).drop(columns="group"), alone.drop(columns="group")
    )


def test_draws_of_two_items() -> None:
    stack = np.array([[[1.0, r], [r, 1.0]] for r in (0.2, 0.5)])
    draws = bound_draws(stack, np.array([True, False]), np.random.default_rng(0))
    assert draws["glb"] == pytest.approx(draws["lambda3"], abs=1e-6)
    assert np.isnan(draws["lambda5_plus"]).all()


def test_refused_interval() -> None:
    with pytest.raises(OptionError, match="robust, bootstrap"):
        rel.guttman_lambdas(one_factor(50, 1), interval="feldt")
