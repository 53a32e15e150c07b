"""Effect sizes on items and scale, classes, pictures, and the warning where DIF is no minority."""

import numpy as np
import pytest
from statsmodels.miscmodels.ordinal_model import OrderedModel
from statsmodels.stats.contingency_tables import StratifiedTable
from test_dif_logistic import graded

from recoverymetrics import DataError, DataWarning, OptionError
from recoverymetrics.invariance import MantelHaenszel, OrdinalLogistic, detect_dif
from recoverymetrics.invariance.dif import mantel_haenszel as mh
from recoverymetrics.invariance.dif.meade import item_sizes, scale_sizes

OPTIMISER = 1e-4
"""OrderedModel stops at a gradient of 1e-5."""


def test_sizes_of_an_item_by_hand():
    own, others = np.array([1.0, 2.0, 2.5, 1.5]), np.array([1.5, 1.8, 2.0, 1.0])
    found = item_sizes(own, others, 3, np.array([1.0]))
    assert found["sids"] == pytest.approx((-0.5 + 0.2 + 0.5) / 3)
    assert found["uids"] == pytest.approx(0.4)
    assert (found["sidn"], found["uidn"]) == (0.5, 0.5)
    assert abs(found["d_max"]) == 0.5
    pooled = np.sqrt((own[:3].var(ddof=1) + others[:3].var(ddof=1)) / 2)
    assert found["essd"] == pytest.approx(found["sids"] / pooled)


def test_items_cancel_in_the_scale_but_not_in_the_unsigned_sum():
    own, others = np.array([[1.0, 2.0, 1.5], [2.0, 1.0, 1.5]]), np.array([[1.5, 2.5, 1.5], [1.5, 0.5, 1.5]])
    found = scale_sizes(own, others, 2, np.array([1.0]))
    assert found["stds"] == pytest.approx(0.0)
    assert found["uetsds"] == pytest.approx(0.0)
    assert found["utds"] == pytest.approx(1.0)


@pytest.fixture(scope="module")
def result():
    data = graded(
        np.random.default_rng(3),
        [700, 800, 900],
        means=[0, 0.4, -0.4],
        n_items=8,
        shift={(2, 3): 0.6},
        tilt={(1, 5): 0.4},
    )
    return detect_dif(data, group="region")


def test_effect_sizes_of_flagged_items_and_the_scale(result):
    table = result.effect_sizes().set_index(["item", "group"])
    row = table.loc[("i4", "R3")]
    assert row["sids"] < -0.3
    assert row["sids"] == pytest.approx(row["sidn"], abs=0.03)
    assert row["uids"] >= abs(row["sids"])
    assert (table.loc["i1", ["sids", "uids", "essd"]].abs() < 1e-12).all(axis=None)
    crossing = table.loc[("i6", "R2")]
    assert crossing["uids"] > 2 * abs(crossing["sids"])
    scale = result.effect_sizes("scale").set_index("group")
    items = result.effect_sizes().groupby("group")[["sids", "uids"]].sum()
    np.testing.assert_allclose(scale["stds"], items.loc[scale.index, "sids"], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(scale["utds"], items.loc[scale.index, "uids"], rtol=1e-9)
    assert (scale["uetsds"] <= scale["utds"] + 1e-12).all()
    with pytest.raises(OptionError, match="'scale'"):
        result.effect_sizes("test")


def test_pictures_show_crossing_curves(result):
    import matplotlib.pyplot as plt

    figure = result.plot("heatmap")
    signed, unsigned = (ax for ax in figure.axes if ax.images)
    assert unsigned.images[0].get_array()[5, 1] > 0.12
    assert abs(signed.images[0].get_array()[5, 1]) < unsigned.images[0].get_array()[5, 1] / 2
    ax = result.plot()
    diamonds = [line for line in ax.get_lines() if line.get_marker() == "D" and line.get_xdata().size]
    assert diamonds
    with pytest.raises(OptionError, match="'heatmap'"):
        result.plot("forest")
    plt.close("all")


def test_half_the_items_shifted_to_one_side_is_said_to_be_undecidable():
    data = graded(np.random.default_rng(5), [900, 900], n_items=6, shift={(1, j): 1.0 for j in (0, 2, 4)})
    with pytest.warns(DataWarning, match="cannot say which half"):
        found = detect_dif(data, group="region")
    assert any("cannot say which half" in note for note in found.notes)


def test_effect_sizes_refuse_scales_without_anchor(result):
    from dataclasses import replace

    judgement = replace(result.purified.judgement, flagged=np.ones(8, dtype=bool))
    everything = replace(result, purified=replace(result.purified, judgement=judgement))
    with pytest.raises(DataError, match="every item"):
        everything.effect_sizes()


def test_mantel_haenszel_equals_statsmodels_on_tables_by_hand():
    tables = np.array([[[30, 10], [20, 25]], [[40, 22], [35, 30]], [[12, 18], [9, 33]]], dtype=float)
    counts = tables[None][..., ::-1]
    theirs = StratifiedTable(list(tables))
    odds = mh.common_odds_ratio(counts)
    assert odds.alpha[0] == pytest.approx(theirs.oddsratio_pooled, rel=1e-12)
    assert np.sqrt(odds.variance[0]) == pytest.approx(theirs.logodds_pooled_se, rel=1e-12)
    for corrected in (True, False):
        ours = mh.two_group_chi2(counts, np.array([0.0, 1.0]), continuity=corrected)[0]
        assert ours == pytest.approx(theirs.test_null_odds(correction=corrected).statistic, rel=1e-12)
    by_hand = (30 * 25 / 85 + 40 * 30 / 127 + 12 * 33 / 72) / (10 * 20 / 85 + 22 * 35 / 127 + 18 * 9 / 72)
    assert odds.alpha[0] == pytest.approx(by_hand, rel=1e-12)
    bd = mh.breslow_day(counts)
    assert bd[0][0] == pytest.approx(theirs.test_equal_odds().statistic, rel=1e-9)


def test_likelihood_ratios_equal_those_of_statsmodels():
    data = graded(np.random.default_rng(9), [250, 250], n_items=5, shift={(1, 1): 0.5})
    ours = detect_dif(
        data, group="region", method=OrdinalLogistic(matching="total", test="both"), purify=False
    ).tidy()
    total = data.iloc[:, :5].sum(axis=1).to_numpy(float)
    s, g = (total - total.mean()) / total.std(), (data["region"] == "R2").to_numpy(float)
    for j in (0, 1):
        fits = [
            OrderedModel(data.iloc[:, j].to_numpy(), np.column_stack(x), distr="logit").fit(
                method="bfgs", disp=False
            )
            for x in ((s,), (s, g), (s, g, s * g))
        ]
        assert ours.loc[j, "uniform_statistic"] == pytest.approx(
            2 * (fits[1].llf - fits[0].llf), rel=OPTIMISER, abs=OPTIMISER
        )
        assert ours.loc[j, "both_statistic"] == pytest.approx(
            2 * (fits[2].llf - fits[0].llf), rel=OPTIMISER, abs=OPTIMISER
        )


def test_polytomous_items_have_classes_too(result):
    data = graded(np.random.default_rng(6), [900, 900], n_items=8, shift={(1, 2): 0.8})
    table = detect_dif(data, group="region", method=MantelHaenszel()).tidy().set_index("item")
    assert table.loc["i3", "ets_class"] == "CC"
    assert set(table["ets_class"].drop("i3")) <= {"AA", "BB"}
    assert mh.polytomous_class(np.array([0.2, 0.2, 0.3, np.nan]), np.array([0.01, 0.5, 0.001, 0.5])) == [
        "BB", "AA", "CC", "",
    ]  # fmt: skip
