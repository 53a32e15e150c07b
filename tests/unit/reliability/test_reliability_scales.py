"""Scores of several scales and the correlations of items with them."""

import numpy as np
import pandas as pd
import pytest

from recoverymetrics import reliability as rel
from recoverymetrics.cfa import fit_cfa
from recoverymetrics.errors import DataError, OptionError

EXACT = 1e-12
SCALES = {"one": ["a", "b", "c"], "two": ["d", "e", "f"]}


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(3)
    factors = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], size=2000)
    return pd.DataFrame(np.repeat(factors, 3, axis=1) + rng.normal(size=(2000, 6)), columns=list("abcdef"))


def test_complete_data_give_the_correlations_of_the_scores(data):
    found = rel.score_scales(data, SCALES)
    scores = found.augment(data)[["one", "two"]]
    np.testing.assert_allclose(scores["one"], data[["a", "b", "c"]].mean(axis=1), rtol=EXACT)
    np.testing.assert_allclose(found.correlations, scores.corr(), rtol=EXACT)
    wanted = [[data[item].corr(scores[scale]) for scale in SCALES] for item in data]
    np.testing.assert_allclose(found.item_correlations, wanted, rtol=EXACT)


def test_alpha_is_that_of_each_scale_alone(data):
    found = rel.score_scales(data, SCALES)
    table = found.tidy().set_index(["scale", "term"])["estimate"]
    for scale, items in SCALES.items():
        alone = rel.cronbach_alpha(data, items=items).estimate
        assert table[(scale, "alpha")] == pytest.approx(alone, rel=EXACT)
        assert found.corrected.loc[scale, scale] == pytest.approx(alone, rel=EXACT)


def test_correction_finds_the_correlation_of_the_factors(data):
    found = rel.score_scales(data, SCALES)
    assert found.corrected.loc["one", "two"] == pytest.approx(0.5, abs=0.05)
    assert found.corrected.loc["two", "one"] == pytest.approx(found.correlations.loc["one", "two"])


def test_items_belong_to_their_own_scale(data):
    items = rel.score_scales(data, SCALES).items
    own = items[items["member"]].set_index("item")
    other = items[~items["member"]].set_index("item")
    assert (own["r_cor"] > other["r_cor"] + 0.1).all()
    assert (own["r_cor"] < own["r_total"]).all()


def test_an_item_may_belong_to_two_scales(data):
    found = rel.score_scales(data, {"one": ["a", "b", "c"], "all": list("abcdef")})
    assert found.members.sum(0).tolist() == [3, 6]
    assert found.glance()["n_items"].item() == 6


def test_sums_stand_for_missing_answers_and_few_answers_give_no_score():
    data = pd.DataFrame(
        {"a": [1, 2, 3, np.nan, np.nan], "b": [2, 2, np.nan, 4, np.nan], "c": [1, 3, 3, np.nan, np.nan]}
    )
    found = rel.score_scales(data, {"s": ["a", "b", "c"]}, score="sum")
    np.testing.assert_array_equal(found.augment(data)["s"], [4, 7, 9, np.nan, np.nan])
    lenient = rel.score_scales(data, {"s": ["a", "b", "c"]}, min_answered=0.0)
    np.testing.assert_allclose(lenient.augment(data)["s"], [4 / 3, 7 / 3, 3, 4, np.nan])
    assert any("responses are missing" in note for note in found.notes)
    assert "s" not in data


@pytest.mark.parametrize(
    ("scales", "options", "error", "words"),
    [
        ({}, {}, DataError, "names no scale"),
        ({"one": ["a"]}, {}, DataError, "scale 'one' has 1 item; at least two are needed"),
        ({"one": ["a", "z"]}, {}, DataError, "there is no column 'z'"),
        (SCALES, {"score": "median"}, OptionError, "score='median' is not one of mean, sum"),
        (SCALES, {"missing": "fiml"}, OptionError, "missing='fiml' is not one of"),
        (SCALES, {"min_answered": 2}, OptionError, "min_answered=2 must lie between 0 and 1"),
    ],
)
def test_wrong_input_is_named(data, scales, options, error, words):
    with pytest.raises(error, match=words):
        rel.score_scales(data, scales, **options)


def test_the_picture_has_one_row_per_item_and_one_column_per_scale(data):
    axes = rel.score_scales(data, SCALES).plot()
    assert axes.images[0].get_array().shape == (6, 2)


def test_a_second_order_factor_has_its_share_of_the_factors_below_it():
    rng = np.random.default_rng(8)
    g = rng.normal(size=(4000, 1))
    first = 0.8 * g + 0.6 * rng.normal(size=(4000, 3))
    x = np.repeat(first, 3, axis=1) + rng.normal(size=(4000, 9))
    data = pd.DataFrame(x, columns=[f"x{j}" for j in range(9)])
    model = "f1 =~ x0 + x1 + x2\nf2 =~ x3 + x4 + x5\nf3 =~ x6 + x7 + x8\ng =~ f1 + f2 + f3"
    table = rel.model_reliability(fit_cfa(data, model)).tidy()
    found = table[table["factor"] == "g"].set_index("term")["estimate"]
    general = 0.64 * 81  # of a sum with disturbances 3 * 0.36 * 9 and errors 9
    assert found["omega"] == pytest.approx(general / (general + 3 * 0.36 * 9 + 9), abs=0.02)
    assert found["omega_factors"] == pytest.approx(0.64 * 9 / (0.64 * 9 + 3 * 0.36), abs=0.02)
    assert found["omega_partial"] == pytest.approx(general / (general + 9), abs=0.02)
    assert table.loc[table["factor"] == "g", "std_error"].gt(0).all()
    assert set(table.loc[table["factor"] == "f1", "term"]) == {"omega", "ave"}
