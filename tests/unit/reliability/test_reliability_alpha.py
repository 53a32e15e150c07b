"""Alpha, its intervals, the item table, lambdas, halves, lower bounds."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from recoverymetrics import reliability as rel
from recoverymetrics.errors import DataError, DataWarning, OptionError
from recoverymetrics.reliability import coefficients as c
from recoverymetrics.reliability.alpha import alpha_draws
from recoverymetrics.reliability.feldt import feldt_interval, feldt_ratio, feldt_test, hakstian_whalen
from recoverymetrics.reliability.glb import greatest_lower_bound
from recoverymetrics.reliability.halves import best_split, split_halves
from recoverymetrics.reliability.moments import moments, pairwise_covariance, to_correlation

RNG = np.random.default_rng(8)
N = 600
PARALLEL = RNG.normal(size=(N, 1)) + RNG.normal(size=(N, 5))


def responses(n: int = N, p: int = 5, seed: int = 1, missing: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    slope = np.linspace(0.6, 1.2, p)
    latent = rng.normal(size=(n, 1)) * slope + rng.normal(size=(n, p))
    x = np.digitize(latent, [-1.2, -0.3, 0.5, 1.4]).astype(float)
    x[rng.random(x.shape) < missing] = np.nan
    return pd.DataFrame(x, columns=[f"i{j + 1}" for j in range(p)])


def numerical_gradient(f, S: np.ndarray, h: float = 1e-6) -> np.ndarray:
    G = np.zeros_like(S)
    for i in range(len(S)):
        for j in range(i + 1):
            E = np.zeros_like(S)
            E[i, j] = E[j, i] = h
            G[i, j] = G[j, i] = (f(S + E) - f(S - E)) / (2 * h) * (1.0 if i == j else 0.5)
    return G


@pytest.mark.parametrize(
    ("f", "gradient"),
    [
        (c.alpha, c.alpha_gradient),
        (c.lambda2, c.lambda2_gradient),
        (c.lambda6, c.lambda6_gradient),
        (
            lambda S: c.alpha(to_correlation(S)),
            lambda S: c.correlation_gradient(c.alpha_gradient(to_correlation(S)), S),
        ),
    ],
    ids=["alpha", "lambda2", "lambda6", "standardised"],
)
def test_gradients_match_finite_differences(f, gradient) -> None:
    S = np.cov(responses().to_numpy().T)
    assert gradient(S) == pytest.approx(numerical_gradient(f, S), abs=1e-8)


def test_alpha_of_parallel_items_is_what_was_planted() -> None:
    result = rel.cronbach_alpha(PARALLEL)
    assert result.estimate == pytest.approx(5 / 6, abs=0.02)
    glance = result.glance()
    assert glance.shape[0] == 1
    assert glance["conf_low"][0] < result.estimate < glance["conf_high"][0]


def test_feldt_interval_is_the_inverse_of_the_f_test() -> None:
    low, high = feldt_interval(0.8, 120, 6)
    assert feldt_test(0.8, 120, 6, null=float(low))[1] == pytest.approx(0.05, abs=1e-9)
    assert feldt_test(0.8, 120, 6, null=float(high))[1] == pytest.approx(0.05, abs=1e-9)


@pytest.mark.parametrize("interval", ["feldt", "duhachek", "robust", "bootstrap"])
def test_every_interval_is_close_to_the_others_on_normal_parallel_items(interval: str) -> None:
    ours = rel.cronbach_alpha(PARALLEL, interval=interval, seed=1).glance().iloc[0]
    low, high = feldt_interval(ours["estimate"], N, 5)
    assert ours["conf_low"] == pytest.approx(float(low), abs=0.008)
    assert ours["conf_high"] == pytest.approx(float(high), abs=0.008)


@pytest.mark.parametrize("missing", [0.0, 0.1])
@pytest.mark.parametrize("standardized", [False, True])
def test_robust_standard_errors_agree_with_the_bootstrap(missing: float, standardized: bool) -> None:
    data = responses(n=1500, missing=missing)
    robust = rel.cronbach_alpha(data, interval="robust", standardized=standardized).glance()["std_error"][0]
    draws = rel.cronbach_alpha(data, interval="bootstrap", standardized=standardized, seed=3)
    assert robust == pytest.approx(draws.glance()["std_error"][0], rel=0.08)


def test_fast_bootstrap_is_exactly_alpha_of_the_resampled_rows() -> None:
    data = responses(n=50)
    m = moments(data.to_numpy(), tuple(data.columns))
    fast = alpha_draws(m, 30, np.random.default_rng(5))
    rows = np.random.default_rng(5).integers(0, 50, size=(30, 50), dtype=np.int32)
    slow = [float(c.alpha(np.cov(data.to_numpy()[r].T))) for r in rows]
    assert fast == pytest.approx(slow, abs=1e-12)


def test_resampled_covariances_are_exact_with_missing_responses() -> None:
    data = responses(n=60, missing=0.2).to_numpy()
    m = moments(data, tuple("abcde"))
    draws = m.resample_covariances(10, np.random.default_rng(5))
    rows = np.random.default_rng(5).integers(0, m.n, size=(10, m.n), dtype=np.int32)
    expected = [pd.DataFrame(m.values[r]).cov().to_numpy() for r in rows]
    assert draws == pytest.approx(np.array(expected), abs=1e-10)


def test_pairwise_covariance_is_that_of_pandas() -> None:
    data = responses(missing=0.3)
    assert pairwise_covariance(data.to_numpy()) == pytest.approx(data.cov().to_numpy(), abs=1e-12)


def test_same_seed_same_draws() -> None:
    boot = rel.Bootstrap(n_draws=100, method="bca", seed=4)
    first, second = (rel.cronbach_alpha(responses(), interval=boot).glance() for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


def test_item_table_says_what_happens_without_each_item() -> None:
    data = responses()
    table = rel.cronbach_alpha(data).items.set_index("item")
    for item in data:
        rest = data.drop(columns=item)
        assert table.loc[item, "alpha_if_deleted"] == pytest.approx(rel.cronbach_alpha(rest).estimate)
        assert table.loc[item, "r_drop"] == pytest.approx(data[item].corr(rest.sum(axis=1)))
        assert table.loc[item, "r_total"] == pytest.approx(data[item].corr(data.mean(axis=1)))


def test_groups_are_analysed_alone_and_pooled_within() -> None:
    data = responses().assign(region=["EUR", "AFR", "WPR"] * (N // 3))
    data.loc[data["region"] == "AFR", ["i1", "i2", "i3", "i4", "i5"]] += 3  # a mean shift must not count
    result = rel.cronbach_alpha(data, group="region")
    by_group = result.tidy().set_index("group")
    alone = rel.cronbach_alpha(data[data["region"] == "AFR"].drop(columns="region"))
    assert by_group.loc["AFR", "estimate"] == pytest.approx(alone.estimate)
    assert by_group["estimate"].min() < result.estimate < by_group["estimate"].max()
    assert result.glance()["n"][0] == N
    assert list(by_group.index) == ["EUR", "AFR", "WPR"]


def test_two_items() -> None:
    table = rel.cronbach_alpha(responses(p=2)).items
    assert table["alpha_if_deleted"].isna().all()


def test_missing_responses_are_counted_and_said() -> None:
    data = responses(missing=0.1)
    listwise = rel.cronbach_alpha(data, missing="listwise")
    assert listwise.glance()["n"][0] == len(data.dropna())
    assert "left out" in listwise.notes[0]
    pairwise = rel.cronbach_alpha(data)
    assert "responses are missing" in " ".join(pairwise.notes)


def test_items_keyed_the_wrong_way_are_warned_about_by_name() -> None:
    data = responses().assign(i2=lambda d: 4 - d["i2"])
    with pytest.warns(DataWarning, match="i2"):
        result = rel.cronbach_alpha(data)
    assert "i2" in result.notes[0]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: rel.cronbach_alpha(responses(), items=["i1"]), DataError, "at least 2 items; there are 1"),
        (lambda: rel.cronbach_alpha(responses().assign(i3=1)), DataError, "item 'i3' has no variance"),
        (lambda: rel.cronbach_alpha(responses().iloc[:2]), DataError, "only 2 persons"),
        (lambda: rel.cronbach_alpha(responses(), level=2), OptionError, "between 0 and 1"),
        (lambda: rel.cronbach_alpha(responses(), interval="exact"), OptionError, "feldt, duhachek"),
        (lambda: rel.cronbach_alpha(responses(), missing="em"), OptionError, "pairwise, listwise"),
        (lambda: rel.Bootstrap(n_draws=3), OptionError, "at least 20"),
        (lambda: rel.Bootstrap(method="t"), OptionError, "percentile"),
        (
            lambda: rel.cronbach_alpha({"a": [1, 2, 3, None, None, None], "b": [None, None, None, 1, 2, 3]}),
            DataError,
            "answered together by fewer than 2",
        ),
    ],
)
def test_refusals(call, error, message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_lambda_order_and_series() -> None:
    table = rel.guttman_lambdas(responses()).tidy().set_index("term")["estimate"]
    assert table["lambda1"] < table["lambda3"] <= table["lambda2"] <= table["mu2"] <= table["mu3"]
    assert table["lambda4"] <= table["glb"]
    assert table["lambda2"] <= table["glb"]


def test_greatest_lower_bound_is_proven_by_its_dual() -> None:
    for p in (3, 6, 12):
        S = np.cov(responses(p=p).to_numpy().T)
        bound = greatest_lower_bound(S)
        assert bound.converged
        assert 0 <= bound.gap < 1e-6
        left = np.linalg.eigvalsh(S - np.diag(bound.error_variances))
        assert left[0] == pytest.approx(0, abs=1e-6)
        assert bound.error_variances.min() > 0


def test_greatest_lower_bound_of_a_one_factor_matrix_is_its_omega() -> None:
    loading = np.array([0.5, 0.6, 0.7, 0.8])
    S = np.outer(loading, loading)
    np.fill_diagonal(S, 1)
    assert greatest_lower_bound(S).estimate == pytest.approx(loading.sum() ** 2 / S.sum(), abs=1e-6)


def test_mean_of_all_split_halves_is_alpha_for_an_even_number_of_items() -> None:
    data = responses(p=6)
    result = rel.split_half(data)
    assert result.estimate == pytest.approx(rel.cronbach_alpha(data).estimate)
    assert set(result.items.columns) == {"group", "item", "in_best_half", "in_worst_half"}


def test_number_of_splits() -> None:
    rng = np.random.default_rng(0)
    for p, count in ((4, 3), (5, 10), (6, 10), (9, 126)):
        S = np.cov(responses(p=p).to_numpy().T)
        assert split_halves(S, n_splits=10, rng=rng).estimates.size == count
    S = np.cov(responses(p=24).to_numpy().T)
    sampled = split_halves(S, n_splits=500, rng=rng)
    assert sampled.estimates.size == 500
    assert not sampled.exhaustive


def test_search_for_the_best_split_finds_what_enumeration_finds() -> None:
    from recoverymetrics.reliability.halves import _descend

    S = np.cov(responses(p=12, n=80).to_numpy().T)
    value, members = best_split(S, rng=np.random.default_rng(0))
    signs = _descend(S, np.where(np.random.default_rng(1).random((200, 12)) < 0.5, -1.0, 1.0))
    found = 1 - np.einsum("ij,jk,ik->i", signs, S, signs).min() / S.sum()
    assert found == pytest.approx(value)
    t = np.where(members, 1, -1)
    assert 1 - t @ S @ t / S.sum() == pytest.approx(value)
    assert 0.5 < best_split(np.cov(responses(p=20).to_numpy().T), rng=np.random.default_rng(0))[0] < 1


def test_one_given_split() -> None:
    data = responses(p=4)
    result = rel.split_half(data, first_half=["i1", "i2"])
    first, second = data[["i1", "i2"]].sum(axis=1), data[["i3", "i4"]].sum(axis=1)
    expected = 4 * np.cov(first, second)[0, 1] / (first + second).var()
    assert result.estimate == pytest.approx(expected)
    r = first.corr(second)
    table = result.tidy().set_index("term")
    assert table.loc["spearman_brown", "estimate"] == pytest.approx(2 * r / (1 + r))
    assert table.loc["split_half", "conf_low"] < expected < table.loc["split_half", "conf_high"]
    for wrong in ([], list(data), ["nobody"]):
        with pytest.raises(DataError, match="first_half"):
            rel.split_half(data, first_half=wrong)


def test_equal_alphas_are_rejected_at_the_nominal_rate() -> None:
    rng = np.random.default_rng(1)
    n, p = np.array([40, 90, 150]), np.array([5, 5, 8])
    all_groups, pairs = [], []
    for _ in range(400):
        alphas = []
        for size, items in zip(n, p, strict=True):
            x = rng.normal(size=(size, 1)) + rng.normal(size=(size, items)) * np.sqrt(items * 0.4)
            alphas.append(float(c.alpha(np.cov(x.T))))
        all_groups.append(hakstian_whalen(np.array(alphas), n.astype(float), p.astype(float))[2] < 0.1)
        pairs.append(feldt_ratio(alphas[0], alphas[1], (40, 90), (5, 5))[1] < 0.1)
    assert 0.06 < np.mean(all_groups) < 0.145
    assert 0.06 < np.mean(pairs) < 0.145


def test_comparison_of_groups() -> None:
    good, poor = responses(n=400, seed=1), responses(n=400, seed=2)
    poor += np.random.default_rng(0).normal(size=poor.shape) * 2
    data = pd.concat(
        [good.assign(g="good"), poor.assign(g="poor"), responses(n=400, seed=3).assign(g="same")]
    )
    comparison = rel.compare_reliability(rel.cronbach_alpha(data, group="g"))
    pairs = comparison.tidy().set_index(["group", "group_2"])
    assert pairs.loc[("good", "poor"), "p_adjusted"] < 0.001
    assert pairs.loc[("good", "poor"), "conf_high"] < 0
    assert pairs.loc[("good", "same"), "p_adjusted"] > 0.05
    assert (pairs["p_adjusted"] >= pairs["p_value"]).all()
    assert comparison.glance()["p_value"][0] < 0.001
    bh = rel.compare_reliability(rel.mcdonald_omega(data, group="g"), adjust="bh").tidy()
    assert (bh["p_adjusted"] >= bh["p_value"]).all()
    assert "ratio" not in bh
    with pytest.raises(DataError, match="one group only"):
        rel.compare_reliability(rel.cronbach_alpha(good))
    alpha = rel.cronbach_alpha(data, group="g")
    without = replace(alpha, estimates=alpha.estimates.assign(std_error=np.nan))
    with pytest.raises(DataError, match="no coefficient of this result has standard errors"):
        rel.compare_reliability(without)
