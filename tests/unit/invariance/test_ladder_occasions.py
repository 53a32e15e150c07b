"""The ladder over rounds: planted change, options, messages."""

import numpy as np
import pandas as pd
import pytest

from recoverymetrics import DataError, ModelError, OptionError
from recoverymetrics.invariance import check_invariance
from recoverymetrics.invariance.ladder.occasions import read_occasions

MODEL = "hope =~ a + b + c + d + e"
ROUNDS = {"before": "{item}1", "after": "{item}2", "later": "{item}3"}
ITEMS = tuple("abcde")


def rounds_data(seed, n=700, *, means=(0.0, 0.4, 0.7), shift=None, cuts=None, carry=0.5):
    """Five items at three rounds; ``shift`` maps (round, item) to what is added; ``carry`` is what items share."""
    rng = np.random.default_rng(seed)
    covariance = np.array([[1.0, 0.7, 0.6], [0.7, 1.0, 0.7], [0.6, 0.7, 1.0]])
    eta = rng.multivariate_normal(means, covariance, n)
    own = carry * rng.normal(size=(n, 5))
    columns = {}
    for t in range(3):
        for j, item in enumerate(ITEMS):
            x = 0.8 * eta[:, t] + own[:, j] + 0.5 * rng.normal(size=n) + (shift or {}).get((t, j), 0.0)
            columns[f"{item}{t + 1}"] = x if cuts is None else np.searchsorted(cuts, x)
    return pd.DataFrame(columns)


@pytest.fixture(scope="module")
def drifted():
    return rounds_data(1, shift={(1, 2): 0.6})


def test_invariance_over_time_and_the_change_of_the_means():
    result = check_invariance(rounds_data(3), MODEL, occasions=ROUNDS)
    assert result.highest == "strict"
    assert "3 occasions" in result.verdict
    means = result.models["strict"].tidy().query("op == '~1' and lhs.str.startswith('hope')")
    assert means["lhs"].tolist() == ["hope_before", "hope_after", "hope_later"]
    np.testing.assert_allclose(means["estimate"], [0, 0.4, 0.7], atol=0.12)
    assert result.tidy()["df"].tolist() == [72.0, 80.0, 88.0, 98.0]
    equal = check_invariance(rounds_data(3), MODEL, occasions=ROUNDS, levels=["scalar", "means"])
    assert not equal.tidy().set_index("level").loc["means", "holds"]


def test_an_item_that_drifts_is_found_and_freed(drifted):
    result = check_invariance(drifted, MODEL, occasions=ROUNDS)
    assert result.highest == "metric"
    partial = result.partial()
    assert partial.freed == ("c~1",)
    sizes = result.effect_sizes(reference="before").set_index(["item", "group"])["dmacs_signed"]
    assert sizes["c", "after"] > 0.4
    assert abs(sizes["a", "later"]) < 0.1
    impact = result.impact().set_index("group")
    assert list(impact.index) == ["before", "after", "later"]
    np.testing.assert_allclose(impact["mean_aligned"], np.array([0, 0.4, 0.7]) - 1.1 / 3, atol=0.12)


def test_ordered_answers_over_time():
    data = rounds_data(5, cuts=[-1.0, 0.2, 1.2], shift={(2, 1): 0.7})
    result = check_invariance(data, MODEL, occasions=ROUNDS, ordered=True, criteria="likelihood_ratio")
    table = result.tidy().set_index("level")
    assert table["delta_df"].iloc[1:].tolist() == [10.0, 8.0, 8.0, 10.0]
    assert not table.loc["intercepts", "holds"]
    assert result.partial("intercepts").freed[0] == "b~1"
    assert (
        result.effect_sizes(reference="before").set_index(["item", "group"]).loc[("b", "later"), "dmacs"]
        > 0.3
    )


def test_residuals_of_an_item_are_carried_over_time(drifted):
    carried = check_invariance(drifted, MODEL, occasions=ROUNDS, levels=["metric"]).tidy()
    apart = check_invariance(
        drifted, MODEL, occasions=ROUNDS, levels=["metric"], correlated_residuals=False
    ).tidy()
    assert (apart["df"] - carried["df"]).tolist() == [15.0, 15.0]
    assert apart["cfi"].iloc[0] < carried["cfi"].iloc[0] - 0.05


def test_rounds_can_be_named_three_ways_and_crossed_with_groups(drifted):
    lists = {"before": list("abcde"), "after": [f"{i}2" for i in ITEMS]}
    renamed = drifted.rename(columns={f"{i}1": i for i in ITEMS})
    first = check_invariance(renamed, MODEL, occasions=lists, levels=["metric"]).tidy()
    pairs = {"x": {i: f"{i}1" for i in ITEMS}, "y": "{item}2"}
    second = check_invariance(drifted, MODEL, occasions=pairs, levels=["metric"]).tidy()
    assert first["chi2"].tolist() == pytest.approx(second["chi2"].tolist())
    crossed = drifted.assign(sex=np.resize(["f", "m"], len(drifted)))
    result = check_invariance(crossed, MODEL, occasions=ROUNDS, group="sex", levels=["metric"])
    assert result.tidy()["df"].tolist() == [144.0, 164.0]
    assert result.engine.cells[:4] == ("f, before", "f, after", "f, later", "m, before")
    assert "3 occasions in 2 groups" in result.summary()


def test_attrition_is_met_by_full_information(drifted):
    gone = drifted.copy()
    gone.loc[:99, [f"{i}3" for i in ITEMS]] = np.nan
    few = check_invariance(gone, MODEL, occasions=ROUNDS, levels=["metric"])
    assert any(note.startswith("100 persons") for note in few.notes)
    fiml = check_invariance(gone, MODEL, occasions=ROUNDS, levels=["metric"], missing="fiml")
    assert fiml.glance()["n"].item() == 700


def test_leaving_out_an_occasion(drifted):
    result = check_invariance(drifted, MODEL, occasions=ROUNDS, levels=["metric", "scalar"])
    highest = result.leave_one_out().groupby("left_out")["highest_level"].first()
    assert highest["after"] == "scalar"
    assert highest["before"] == "metric"
    with pytest.raises(OptionError, match="does not apply to occasions"):
        result.permutation_test("scalar")
    two = check_invariance(
        drifted, MODEL, occasions={k: ROUNDS[k] for k in ("before", "after")}, levels=["metric"]
    )
    with pytest.raises(OptionError, match="three occasions"):
        two.leave_one_out()


def test_bifactor_and_second_order_over_time():
    rng = np.random.default_rng(8)
    general, parts = rng.normal(size=(900, 1)), rng.normal(size=(900, 3))
    columns = {}
    for t in (1, 2):
        x = (
            0.7 * (0.8 * general + 0.6 * rng.normal(size=(900, 1)))
            + 0.6 * np.repeat(0.8 * parts + 0.6 * rng.normal(size=(900, 3)), 3, axis=1)
            + 0.5 * rng.normal(size=(900, 9))
        )
        columns |= {f"i{j + 1}_{t}": x[:, j] for j in range(9)}
    data = pd.DataFrame(columns)
    twice = {"t1": "{item}_1", "t2": "{item}_2"}
    specific = "\n".join(f"s{k + 1} =~ " + " + ".join(f"i{3 * k + j}" for j in (1, 2, 3)) for k in range(3))
    second = check_invariance(data, f"{specific}\ng =~ s1 + s2 + s3", occasions=twice, levels=["scalar"])
    assert second.highest == "scalar"
    names = set(second.models["configural"].tidy().query("op == '~~' and lhs != rhs")["lhs"])
    assert {"s1_t1", "g_t1", "i1_1"} <= names
    whole = "g =~ " + " + ".join(f"i{j}" for j in range(1, 10))
    bifactor = check_invariance(
        data, f"{whole}\n{specific}", occasions=twice, levels=["scalar"], orthogonal=True
    )
    assert bifactor.highest == "scalar"
    between = bifactor.models["configural"].tidy().query("op == '~~' and lhs == 'g_t1' and free > 0")
    assert between["rhs"].tolist() == ["g_t2"]


def test_messages():
    with pytest.raises(OptionError, match="two rounds or more"):
        read_occasions({"once": "{item}1"}, ITEMS)
    with pytest.raises(OptionError, match="must hold"):
        read_occasions({"once": "item1", "twice": "{item}2"}, ITEMS)
    with pytest.raises(OptionError, match="no column for e"):
        read_occasions({"once": dict(zip("abcd", "abcd", strict=True)), "twice": "{item}2"}, ITEMS)
    with pytest.raises(OptionError, match="2 columns for 5 items"):
        read_occasions({"once": ["a", "b"], "twice": "{item}2"}, ITEMS)
    with pytest.raises(OptionError, match="'a1' twice"):
        read_occasions({"once": "{item}1", "twice": "{item}1"}, ITEMS)
    data = rounds_data(2, 60)
    with pytest.raises(DataError, match="'a4'"):
        check_invariance(data, MODEL, occasions={"x": "{item}1", "y": "{item}4"})
    with pytest.raises(ModelError, match="measurement model"):
        check_invariance(data, MODEL + "\ne ~ a", occasions=ROUNDS)
    with pytest.raises(DataError, match="the data has 10 persons"):
        check_invariance(data.head(10), MODEL, occasions=ROUNDS)
    answers = rounds_data(2, 200, cuts=[-1.0, 1.0])
    answers["b2"] = answers["b2"].clip(upper=1)
    with pytest.raises(DataError, match="b category 2 in after"):
        check_invariance(answers, MODEL, occasions=ROUNDS, ordered=True)
    merged = check_invariance(
        answers, MODEL, occasions=ROUNDS, ordered=True, merge_empty=True, levels=["loadings"]
    )
    assert any("b: 3 categories merged to 2" in note for note in merged.notes)


def test_ordered_items_are_named_as_in_the_model_or_by_column():
    data = rounds_data(5)
    for t in (1, 2, 3):
        data[f"b{t}"] = np.digitize(data[f"b{t}"], [-1, 0.2, 1.2])
    by_item, by_column = (
        check_invariance(data, MODEL, occasions=ROUNDS, ordered=named, levels=["loadings"])
        for named in ("b", ["b1", "b2", "b3"])
    )
    assert by_item.engine.ordered == by_column.engine.ordered == ("b",)
    assert list(by_item.models) == ["configural", "loadings"]
    np.testing.assert_allclose(by_item.tidy()["chi2"], by_column.tidy()["chi2"])
    parameters = by_item.align(method="fixed").parameters()["parameter"].tolist()
    assert parameters[5:] == ["a~1", "b|t1", "b|t2", "b|t3", "c~1", "d~1", "e~1"]


def test_rounds_without_answers_and_unused_categories_are_named():
    data = rounds_data(5, cuts=[-1.0, 0.2, 1.2]).astype(float)
    silent = data.assign(c3=np.nan)
    with pytest.raises(DataError, match="nobody in later answered item 'c'"):
        check_invariance(silent, MODEL, occasions=ROUNDS, ordered=True, missing="pairwise")
    data.loc[data["b2"] == 3, "b2"] = 2
    merged = check_invariance(
        data, MODEL, occasions=ROUNDS, ordered=True, merge_empty=True, levels=["thresholds"]
    )
    assert "item b: 4 categories merged to 3, as some were unused in after." in merged.notes
