"""Simulated answers follow the parameters that made them."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, ndtr

from recoverymetrics.errors import ModelError, OptionError
from recoverymetrics.simulate import (
    DIF,
    Careless,
    Group,
    Missingness,
    factor_model,
    irt_model,
    simulate_responses,
)

N = 40_000
SHARE_TOLERANCE = 0.013  # five standard errors of a share of 0.5 at N persons


def graded_pair():
    return irt_model("graded", slopes=[1.5, 1.0], difficulties=[[-1, 0, 1], [-0.5, 0.5, 1.5]])


def item_shares(simulated, item):
    return simulated.responses[item].value_counts(normalize=True).sort_index().to_numpy(dtype=float)


def marginal(probability):
    """Average a function of theta over the standard normal distribution."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(61)
    return np.array([np.sum(weights * curve) for curve in probability(nodes)]) / np.sqrt(2 * np.pi)


def test_same_seed_gives_the_same_answers():
    first, again = (simulate_responses(graded_pair(), 50, seed=3).responses for _ in range(2))
    pd.testing.assert_frame_equal(first, again)


def test_numpy_state_is_left_alone():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    simulate_responses(graded_pair(), 50, seed=3)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_graded_shares_match_the_model():
    simulated = simulate_responses(graded_pair(), N, seed=1)
    tail = marginal(lambda t: [expit(1.5 * (t - b)) for b in (-1, 0, 1)])
    expected = -np.diff(np.concatenate([[1], tail, [0]]))
    assert np.allclose(item_shares(simulated, "item1"), expected, atol=SHARE_TOLERANCE)


def test_gpcm_shares_match_the_model():
    model = irt_model("gpcm", slopes=[1.2], difficulties=[[-0.5, 0.8]])
    simulated = simulate_responses(model, N, seed=2)

    def curves(theta):
        steps = np.stack([0 * theta, 1.2 * (theta + 0.5), 1.2 * (theta - 0.8)])
        weights = np.exp(np.cumsum(steps, axis=0))
        return weights / weights.sum(axis=0)

    assert np.allclose(item_shares(simulated, "item1"), marginal(curves), atol=SHARE_TOLERANCE)


def test_nominal_with_ordered_scores_is_the_gpcm():
    gpcm = irt_model("gpcm", slopes=[1.2], difficulties=[[-0.5, 0.8]])
    nominal = irt_model(
        "nominal", slopes=[1.2], intercepts=gpcm.parameters.intercepts, scores=np.array([[1.0, 2.0]])
    )
    pair = [simulate_responses(model, 500, seed=5).responses for model in (gpcm, nominal)]
    pd.testing.assert_frame_equal(*pair)


def test_guessing_and_upper_asymptote_bound_the_shares():
    model = irt_model("4pl", slopes=[2.0], difficulties=[[0.0]], guessing=0.2, upper=0.9)
    low, high = (
        simulate_responses(model, groups=[Group("g", N, mean=mean, variance=0.01)], seed=1)
        for mean in (-9, 9)
    )
    assert item_shares(low, "item1")[1] == pytest.approx(0.2, abs=SHARE_TOLERANCE)
    assert item_shares(high, "item1")[1] == pytest.approx(0.9, abs=SHARE_TOLERANCE)


def test_rasch_needs_no_slopes():
    simulated = simulate_responses(irt_model("rasch", difficulties=[[0.0], [1.0]]), N, seed=1)
    expected = marginal(lambda t: [expit(t), expit(t - 1)])
    assert np.allclose(simulated.tidy()["mean"] - 1, expected, atol=SHARE_TOLERANCE)


def test_factor_model_keeps_thresholds_and_correlations():
    phi = [[1, 0.5], [0.5, 1]]
    loadings = pd.DataFrame({"F": [0.8, 0.0], "G": [0.0, 0.7]}, index=["a", "b"])
    model = factor_model(loadings, [[-1, 0.5], [0.2]], factor_correlations=phi)
    simulated = simulate_responses(model, N, seed=4)
    assert simulated.items == ("a", "b")
    assert list(simulated.theta) == ["F", "G"]
    expected = -np.diff(np.concatenate([[1], ndtr([1, -0.5]), [0]]))
    assert np.allclose(item_shares(simulated, "a"), expected, atol=SHARE_TOLERANCE)
    assert simulated.theta.corr().iloc[0, 1] == pytest.approx(0.5, abs=0.02)


def test_residual_correlation_is_the_correlation_beyond_the_factors():
    # Two dichotomies at 0 with underlying correlation r agree with probability 1/2 + asin(r) / pi.
    model = factor_model([0.6, 0.6], [[0.0], [0.0]])
    simulated = simulate_responses(model, N, residual_correlations=[("item1", "item2", 0.5)], seed=4)
    agree = (simulated.responses["item1"] == simulated.responses["item2"]).mean()
    underlying = 0.36 + 0.5 * 0.64
    assert agree == pytest.approx(0.5 + np.arcsin(underlying) / np.pi, abs=SHARE_TOLERANCE)


def test_groups_get_their_means_and_variances():
    groups = [Group("a", N), Group("b", N, mean=-0.5, variance=1.5)]
    simulated = simulate_responses(graded_pair(), groups=groups, seed=6)
    theta = simulated.theta["f1"].groupby(simulated.responses["group"])
    assert np.allclose(theta.mean(), [0, -0.5], atol=0.03)
    assert np.allclose(theta.var(), [1, 1.5], atol=0.06)


def test_uniform_dif_moves_the_difficulties_by_its_size():
    dif = [DIF("item1", "b", shift=0.6)]
    simulated = simulate_responses(graded_pair(), groups=[Group("a", N), Group("b", N)], dif=dif, seed=7)
    block = simulated.responses[simulated.responses["group"] == "b"]
    expected = marginal(lambda t: [expit(1.5 * (t - b - 0.6)) for b in (-1, 0, 1)])
    seen = [(block["item1"] > k).mean() for k in (1, 2, 3)]
    assert np.allclose(seen, expected, atol=SHARE_TOLERANCE)
    assert simulated.truth["dif"][0]["kind"] == "uniform"


def test_non_uniform_dif_turns_the_curve_around_zero():
    dif = [DIF("item1", ("b",), slope=0.5)]
    simulated = simulate_responses(graded_pair(), groups=[Group("a", N), Group("b", N)], dif=dif, seed=7)
    rest = simulated.responses["item1"].astype(float).groupby(simulated.responses["group"])
    slopes = {g: np.polyfit(simulated.theta.loc[x.index, "f1"], x, 1)[0] for g, x in rest}
    assert slopes["b"] < 0.65 * slopes["a"]
    block = simulated.responses[simulated.responses["group"] == "b"]
    expected = marginal(lambda t: [expit(0.75 * t - 1.5 * b) for b in (-1, 0, 1)])
    assert np.allclose([(block["item1"] > k).mean() for k in (1, 2, 3)], expected, atol=SHARE_TOLERANCE)


def test_dif_in_the_gpcm_moves_every_step():
    model = irt_model("gpcm", slopes=[1.2], difficulties=[[-0.5, 0.8]])
    moved = irt_model("gpcm", slopes=[1.2], difficulties=[[-0.1, 1.2]])
    with_dif = simulate_responses(model, groups=[Group("g", 500)], dif=[DIF("item1", "g", shift=0.4)], seed=8)
    without = simulate_responses(moved, groups=[Group("g", 500)], seed=8)
    pd.testing.assert_frame_equal(with_dif.responses, without.responses)


def test_missing_answers_follow_their_rates():
    missing = Missingness(rate=0.1, items={"item1": 3.0}, groups={"b": 2.0}, dropout=0.05, all_missing=7)
    model = irt_model("graded", slopes=[1.0] * 4, difficulties=[[-1, 0, 1]] * 4)
    plain = simulate_responses(model, N, missing=Missingness(rate=0.1), seed=9)
    assert plain.glance()["missing"][0] == pytest.approx(0.1, abs=0.005)
    simulated = simulate_responses(model, groups=[Group("a", N), Group("b", N)], missing=missing, seed=9)
    lost = simulated.responses[list(simulated.items)].isna()
    by_group = lost["item2"].groupby(simulated.responses["group"]).mean()
    odds = by_group / (1 - by_group)
    # Persons who stop add the same share to both groups, so the ratio of the odds lies below 2.
    assert 1.7 < odds["b"] / odds["a"] < 2.1
    assert lost["item1"].mean() > lost["item2"].mean()
    assert lost["item4"].mean() > lost["item2"].mean() + 0.02
    assert lost.all(axis=1).sum() >= 7


def test_position_makes_later_items_more_often_missing():
    model = irt_model("2pl", slopes=[1.0] * 10, difficulties=[[0.0]] * 10)
    missing = Missingness(rate=0.1, position=2.0)
    lost = simulate_responses(model, N, missing=missing, seed=9).responses.isna().mean()
    assert lost["item10"] > 3 * lost["item1"] > 0


def test_dropouts_answer_the_first_item_and_miss_the_last():
    model = irt_model("2pl", slopes=[1.0] * 5, difficulties=[[0.0]] * 5)
    simulated = simulate_responses(model, 1000, missing=Missingness(rate=0.0, dropout=0.1), seed=9)
    lost = simulated.responses[list(simulated.items)].isna()
    assert lost["item1"].sum() == 0
    assert lost["item5"].sum() == 100
    assert (lost.astype(int).diff(axis=1).iloc[:, 1:] >= 0).all(axis=None)


def test_careless_persons_do_what_is_recorded():
    model = irt_model("graded", slopes=[1.5] * 12, difficulties=[[-1, -0.5, 0.5, 1]] * 12)
    simulated = simulate_responses(model, 200, careless=Careless(0.15), seed=10)
    careless = simulated.truth["careless"]
    assert len(careless) == 30
    rows = simulated.responses[list(simulated.items)].astype(int)
    for row, kind in careless.items():
        if kind == "straight":
            assert rows.loc[row].nunique() == 1
        if kind == "pattern":
            assert (np.abs(np.diff(rows.loc[row])) == 1).all()
    assert {kind: list(careless.values()).count(kind) for kind in ("straight", "random", "pattern")} == {
        "straight": 10,
        "random": 10,
        "pattern": 10,
    }


def test_reverse_keyed_items_come_back_as_asked():
    plain = simulate_responses(graded_pair(), 100, seed=1).responses
    turned = simulate_responses(graded_pair(), 100, reverse=["item2"], seed=1).responses
    assert (turned["item2"] == 5 - plain["item2"]).all()
    assert (turned["item1"] == plain["item1"]).all()


def test_first_category_zero():
    lowest = simulate_responses(graded_pair(), 500, first_category=0, seed=1).responses["item1"].min()
    assert lowest == 0


def test_items_may_have_unequal_numbers_of_categories():
    model = irt_model("graded", slopes=[1, 1], difficulties=[[0.0], [-1, 0, 1]])
    assert simulate_responses(model, 500, seed=1).tidy()["n_categories"].tolist() == [2, 4]


def test_result_describes_itself():
    simulated = simulate_responses(graded_pair(), 100, seed=1)
    assert simulated.glance().loc[0, ["n", "n_items", "n_groups"]].tolist() == [100, 2, 1]
    assert "item1" in simulated.summary()
    assert simulated.to_dict()["glance"]["model"] == "graded"


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: irt_model("graeded", difficulties=[[0]]), OptionError, "'graeded'.*'graded'"),
        (lambda: irt_model("graded"), ModelError, "either difficulties or intercepts"),
        (lambda: irt_model("graded", slopes=[1], difficulties=[[1, 0]]), ModelError, "'item1': thresholds"),
        (lambda: irt_model("2pl", slopes=[1], difficulties=[[0, 1]]), ModelError, "two categories"),
        (lambda: irt_model("2pl", slopes=[1, 2], difficulties=[[0]]), ModelError, "1 rows for 2 items"),
        (lambda: irt_model("2pl", slopes=[np.nan], difficulties=[[0]]), ModelError, "finite"),
        (
            lambda: irt_model("2pl", slopes=[1], difficulties=[[np.nan]]),
            ModelError,
            "at least two categories",
        ),
        (
            lambda: irt_model("graded", slopes=[1], difficulties=[[0, np.nan, 1]]),
            ModelError,
            "at the end only",
        ),
        (lambda: irt_model("3pl", slopes=[1], difficulties=[[0]], guessing=1.2), ModelError, "asymptotes"),
        (
            lambda: irt_model("2pl", slopes=[1], difficulties=[[0]], items=["a", "b"]),
            ModelError,
            "2 item names",
        ),
        (
            lambda: irt_model("2pl", slopes=[1, 1], difficulties=[[0], [0]], items=["a", "a"]),
            ModelError,
            "'a'",
        ),
        (lambda: factor_model([1.1], [[0]]), ModelError, "communality of 1.210"),
        (
            lambda: factor_model([0.5], [[0]], factor_correlations=np.eye(2)),
            ModelError,
            r"shape \(1, 1\)",
        ),
        (
            lambda: factor_model(0.3 * np.ones((2, 2)), [[0], [0]], factor_correlations=[[1, 1.2], [1.2, 1]]),
            ModelError,
            "within",
        ),
        (lambda: simulate_responses(graded_pair()), OptionError, "either n"),
        (lambda: simulate_responses(graded_pair(), 5, groups=[Group("a", 5)]), OptionError, "either n"),
        (lambda: simulate_responses(graded_pair(), groups=[Group("a", 5)] * 2), OptionError, "'a' is given"),
        (lambda: simulate_responses(graded_pair(), 0), OptionError, "at least 1"),
        (lambda: simulate_responses("graded", 5), ModelError, "cannot simulate from str"),
        (lambda: simulate_responses(graded_pair(), 5, first_category=2), OptionError, "0 or 1"),
        (lambda: simulate_responses(graded_pair(), 5, reverse=["x"]), ModelError, "unknown item 'x'"),
        (
            lambda: simulate_responses(graded_pair(), 5, dif=[DIF("item1", "z", shift=1)]),
            ModelError,
            "'z', which is not simulated",
        ),
        (
            lambda: simulate_responses(graded_pair(), 5, residual_correlations=[("item1", "x", 0.1)]),
            ModelError,
            "'x'",
        ),
        (
            lambda: simulate_responses(graded_pair(), 5, residual_correlations=[("item1", "item2", 1.5)]),
            ModelError,
            "residual_correlations",
        ),
        (
            lambda: simulate_responses(graded_pair(), groups=[Group("a", 5, mean=[0, 1])]),
            ModelError,
            "mean needs",
        ),
        (
            lambda: simulate_responses(graded_pair(), groups=[Group("a", 5, variance=-1)]),
            ModelError,
            "negative",
        ),
        (lambda: DIF("item1", "a"), OptionError, "changes nothing"),
        (lambda: DIF("item1", "a", slope=0), OptionError, "above 0"),
        (lambda: Missingness(rate=1.0), OptionError, "below 1"),
        (lambda: Missingness(items={"a": -1}), OptionError, "'a' must not be negative"),
        (lambda: Missingness(all_missing=-1), OptionError, "all_missing"),
        (lambda: Careless(rate=-0.1), OptionError, "rate"),
        (lambda: Careless(kinds=("lazy",)), OptionError, "'lazy'; use 'straight'"),
        (lambda: Careless(kinds=()), OptionError, "nothing"),
    ],
)
def test_wrong_input_is_named(make, error, words):
    with pytest.raises(error, match=words):
        make()
