"""The other DIF methods on planted data, and their messages."""

import numpy as np
import pytest
from test_dif_logistic import graded

from recoverymetrics import DataError, DataWarning, EstimationWarning, OptionError
from recoverymetrics.invariance import (
    FlagRule,
    IRTLikelihoodRatio,
    MantelHaenszel,
    OrdinalLogistic,
    Sibtest,
    detect_dif,
)
from recoverymetrics.invariance.dif.correction import adjust_p_values
from recoverymetrics.invariance.dif.irt import score_differences


@pytest.fixture(scope="module")
def planted():
    return graded(
        np.random.default_rng(13), [500, 600, 700], means=[0, 0.5, -0.5], n_items=8, shift={(2, 3): 0.6}
    )


@pytest.mark.parametrize(
    "method",
    ["mantel_haenszel", "sibtest", "irt_lr", "wald", "mimic", "lord", "raju", "ncdif", "lasso", "ordinal_logistic",
     OrdinalLogistic(matching="theta"),
     MantelHaenszel(association="general"), MantelHaenszel(n_strata=8), Sibtest(crossing=True)],
    ids=str,
)  # fmt: skip
def test_every_method_finds_the_shifted_item_under_impact(planted, method):
    result = detect_dif(planted, group="region", method=method)
    assert "i4" in result.flagged
    assert len(result.flagged) <= 2
    table = result.tidy().set_index("item")
    assert table.loc["i4", "largest_group"] == "R3"
    assert {"statistic", "df", "p_value", "p_adjusted", "effect_size", "flagged"} <= set(table.columns)
    assert set(result.contrasts()["group"]) == {"R1", "R2", "R3"}
    assert len(result.impact()) == 3


@pytest.mark.parametrize(
    "method", ["ordinal_logistic", "irt_lr", pytest.param("wald", marks=pytest.mark.slow)]
)
def test_a_lower_discrimination_is_found(method):
    data = graded(np.random.default_rng(14), [700, 700, 700], n_items=8, tilt={(1, 5): 0.4})
    assert detect_dif(data, group="region", method=method).flagged == ["i6"]


def test_two_groups_of_binary_items_have_ets_classes():
    data = graded(np.random.default_rng(15), [900, 900], n_items=10, shift={(1, 2): 0.9})
    data.iloc[:, :10] = (data.iloc[:, :10] > 1).astype(int)
    result = detect_dif(data, group="region", method="mantel_haenszel")
    table = result.tidy().set_index("item")
    assert result.flagged == ["i3"]
    assert table.loc["i3", "ets_class"] == "C"
    assert (table.drop("i3")["ets_class"] == "A").mean() > 0.7
    assert table.loc["i3", "odds_ratio"] > 1.5


def test_unused_categories_stop_the_irt_sweep_with_advice(planted):
    data = planted.copy()
    data.loc[(data["region"] == "R1") & (data["i2"] == 4), "i2"] = 3
    with pytest.raises(DataError, match="i2 category 4 in R1"):
        detect_dif(data, group="region", method="irt_lr")
    merged = detect_dif(data, group="region", method=IRTLikelihoodRatio(min_cell=1), purify=False)
    assert any("i2: categories merged" in note for note in merged.notes)


def test_missing_answers_in_every_method(planted):
    data = planted.astype(dict.fromkeys(planted.columns[:8], float))
    mask = np.random.default_rng(0).uniform(size=(len(data), 8)) < 0.05
    data.iloc[:, :8] = data.iloc[:, :8].mask(mask)
    for method in ("mantel_haenszel", "sibtest", "irt_lr", OrdinalLogistic(matching="theta")):
        table = detect_dif(data, group="region", method=method, purify=False).tidy().set_index("item")
        assert (table["n"] + table["n_missing"] == len(data)).all()
        assert table["effect_size"].idxmax() == "i4"


def test_score_differences_have_known_values():
    same = np.array([1.5, 1.0, -1.0])
    assert score_differences(same, same, 0.3, 1.2) == pytest.approx((0, 0, 0))
    easier = same + np.array([0, 1.0, 1.0])
    signed, unsigned, standardised = score_differences(easier, same, 0.0, 1.0)
    assert signed == pytest.approx(unsigned)
    assert signed > 0.2
    assert standardised > 0
    crossing = np.array([3.0, 0.0])
    signed, unsigned, _ = score_differences(crossing, np.array([1.0, 0.0]), 0.0, 1.0)
    assert abs(signed) < 1e-9 < unsigned


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("bonferroni", [0.03, 0.06, 0.9]),
        ("holm", [0.03, 0.04, 0.3]),
        ("bh", [0.03, 0.03, 0.3]),
        ("none", [0.01, 0.02, 0.3]),
    ],
)
def test_corrections(method, expected):
    np.testing.assert_allclose(adjust_p_values(np.array([0.01, 0.02, 0.3]), method), expected)
    with_gap = adjust_p_values(np.array([0.01, np.nan, 0.02, 0.3]), method)
    np.testing.assert_allclose(with_gap[[0, 2, 3]], expected)
    assert np.isnan(with_gap[1])


def test_messages_of_the_options():
    with pytest.raises(OptionError, match="'mean_score', 'general'"):
        MantelHaenszel(association="ordinal")
    with pytest.raises(OptionError, match="n_strata"):
        MantelHaenszel(n_strata=1)
    with pytest.raises(OptionError, match="min_cell"):
        Sibtest(min_cell=0)
    with pytest.raises(OptionError, match="'theta', 'total', 'rest'"):
        OrdinalLogistic(matching="sum")
    with pytest.raises(OptionError, match="degree"):
        OrdinalLogistic(degree=9)


def test_r2_rules_belong_to_logistic_regression(planted):
    with pytest.raises(OptionError, match="ordinal logistic"):
        detect_dif(planted, group="region", method="sibtest", rule=FlagRule(effect="mcfadden"))
    cosmin = detect_dif(planted, group="region", rule=FlagRule(effect="mcfadden"))
    assert cosmin.minimum == 0.02
    assert cosmin.tidy()["effect_size"].max() < 0.05


def test_sibtest_says_which_items_it_could_not_test(planted):
    alone = planted[planted["region"] != "R3"].copy()
    alone.loc[alone.index[0], "region"] = "X"
    alone = alone[(alone["region"] == "R1") | (alone["region"] == "X")]
    with (
        pytest.warns(EstimationWarning, match=r"not tested.*i1, i2.*ordinal_logistic"),
        pytest.warns(DataWarning, match="only 1 person;"),
    ):
        result = detect_dif(alone, group="region", method="sibtest")
    assert not result.converged
    assert any("not tested" in note for note in result.notes)


def test_sibtest_needs_persons_with_all_answers(planted):
    holes = planted.astype({"i1": float, "i2": float}).reset_index(drop=True)
    holes.loc[holes.index % 2 == 0, "i1"] = np.nan
    holes.loc[holes.index % 2 == 1, "i2"] = np.nan
    with pytest.raises(DataError, match="nobody answered item 'i1' and all items"):
        detect_dif(holes, group="region", method="sibtest")
