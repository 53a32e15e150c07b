import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar

import recoverymetrics as rm
from recoverymetrics.consensus.concordance import agreement_icc
from recoverymetrics.consensus.paired import (
    distribution_change,
    mcnemar_exact,
    quartile_variation,
    signed_ranks,
)
from recoverymetrics.consensus.stability import coefficient_of_variation, cv_band
from recoverymetrics.errors import OptionError

EXACT = 1e-12  # both sides enumerate the same distribution


def long(first, second):
    rows = [("a", p, 1, x) for p, x in enumerate(first)] + [("a", p, 2, x) for p, x in enumerate(second)]
    frame = pd.DataFrame(rows, columns=["s", "p", "r", "x"])
    return rm.DelphiPanel.from_frame(frame, statement="s", panelist="p", round="r", rating="x")


def test_signed_ranks_are_exact_without_ties():
    change = np.array([1.5, -0.5, 2.5, 3.0, -1.0, 4.0, 0.2])
    expected = stats.wilcoxon(change, method="exact")
    assert signed_ranks(change).p_value == pytest.approx(expected.pvalue, abs=EXACT)


def test_signed_ranks_with_ties_match_full_enumeration():
    change = np.array([1, 1, -1, 2, 2, 1, 0, -2, 3], dtype=float)
    moved = change[change != 0]
    ranks = stats.rankdata(np.abs(moved))
    signs = np.array(np.meshgrid(*[[0, 1]] * moved.size)).reshape(moved.size, -1)
    sums = ranks @ signs
    observed = ranks[moved > 0].sum()
    tail = min((sums <= observed).mean(), (sums >= observed).mean())
    assert signed_ranks(change).p_value == pytest.approx(min(1, 2 * tail), abs=EXACT)
    assert signed_ranks(change).n_changed == 8


def test_signed_ranks_of_many_people_approach_the_normal():
    change = np.random.default_rng(1).integers(-2, 4, 90).astype(float)
    approximate = stats.wilcoxon(change, method="asymptotic", correction=False).pvalue
    assert signed_ranks(change).p_value == pytest.approx(approximate, abs=0.01)


def test_signed_ranks_of_very_many_people_are_those_of_scipy():
    change = np.random.default_rng(2).integers(-3, 4, 900).astype(float)
    expected = stats.wilcoxon(change, method="asymptotic", correction=False)
    assert signed_ranks(change).p_value == pytest.approx(expected.pvalue, rel=1e-9)


def test_nobody_changed():
    found = signed_ranks(np.zeros(5))
    assert (found.p_value, found.n_changed) == (1.0, 0)
    assert mcnemar_exact(0, 0) == 1.0


@pytest.mark.parametrize(("gained", "lost"), [(1, 5), (7, 7), (0, 9), (12, 3)])
def test_mcnemar_agrees_with_statsmodels(gained, lost):
    expected = mcnemar([[10, lost], [gained, 10]], exact=True).pvalue
    assert mcnemar_exact(gained, lost) == pytest.approx(min(expected, 1), abs=EXACT)


def test_distribution_change_counts_people():
    assert distribution_change(np.array([0.0, 20, 30]), np.array([5.0, 20, 25])) == pytest.approx(0.1)
    assert np.isnan(distribution_change(np.zeros(3), np.zeros(3)))


def test_quartile_variation_of_bonetts_example():
    # statpsych's example for ci.cqv: estimate .5; its limits .2618 and .8842 have the same centre on the log
    # scale, ln(.5) n / (n - 1). Its standard error takes the order statistics' coverage with one term left out
    # and halves it twice; ours is the paper's, and covers 94 to 96% of lognormal, uniform and exponential samples
    y = np.array([30, 20, 15, 10, 10, 60, 20, 25, 20, 30, 10, 5, 50, 40, 20, 10, 0, 20, 50.0])
    found = quartile_variation(y)
    assert found.estimate == 0.5
    assert np.sqrt(found.conf_low * found.conf_high) == pytest.approx(
        np.sqrt(0.2617885 * 0.8841821), abs=1e-6
    )


def test_quartile_variation_covers():
    rng = np.random.default_rng(4)
    true = 0.5  # quartiles .25 and .75
    found = [quartile_variation(rng.random(60)) for _ in range(600)]
    coverage = np.mean([f.conf_low <= true <= f.conf_high for f in found])
    assert 0.92 < coverage < 0.975


def test_quartile_variation_without_interval():
    same = quartile_variation(np.array([4.0] * 9))
    assert same.estimate == 0
    assert np.isnan(same.conf_low)
    assert np.isnan(quartile_variation(np.array([])).estimate)
    ties = quartile_variation(np.array([4.0] * 40 + [5.0] * 50))
    assert ties.estimate == pytest.approx(1 / 9)
    assert np.isnan(ties.conf_high)


def test_stability_of_one_statement_by_hand():
    first, second = [5, 4, 3, 2, 4, 4, 5, 3], [5, 5, 4, 2, 4, 3, 5, np.nan]
    row = long(first, second).stability().tidy().iloc[0]
    assert row["n"] == 7
    assert row["n_changed"] == 3
    assert row["agreement_from"] == pytest.approx(5 / 7)
    assert row["agreement_to"] == pytest.approx(5 / 7)
    assert (row["gained"], row["lost"], row["mcnemar_p_value"]) == (1, 1, 1.0)
    assert row["mean_change"] == pytest.approx(1 / 7)
    assert row["distribution_change"] == pytest.approx(1 / 7)
    assert row["stable"]


def test_statement_rated_once_is_listed():
    found = long([5, 4], [np.nan, np.nan]).stability()
    assert found.never_repeated == ("a",)
    assert found.glance()["n_comparisons"].item() == 0
    assert "a" in found.summary()


def test_nobody_rated_both_times():
    row = long([5, np.nan], [np.nan, 4]).stability().tidy().iloc[0]
    assert row["n"] == 0
    assert np.isnan(row["wilcoxon_p_value"])
    assert not row["stable"]


def test_icc_of_shrout_and_fleiss():
    ratings = np.array(
        [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7.0]]
    )
    assert agreement_icc(ratings) == pytest.approx(0.29, abs=0.005)


def test_concordance_leaves_incomplete_panelists_out_of_w():
    rows = [
        (s, p, 1, x) for p, own in enumerate([[1, 3, 5], [2, 4, 5], [1, 2, 4]]) for s, x in zip("abc", own)
    ]
    rows.append(("a", 3, 1, 5))
    frame = pd.DataFrame(rows, columns=["s", "p", "r", "x"])
    found = rm.DelphiPanel.from_frame(frame, statement="s", panelist="p", round="r", rating="x").concordance()
    row = found.glance().iloc[0]
    assert row["kendall_w"] == 1.0
    assert row["band"] == "unusually strong"
    assert (row["n"], row["n_incomplete"]) == (3, 1)
    alone = rm.DelphiPanel.from_frame(
        frame[frame["p"] == 3], statement="s", panelist="p", round="r", rating="x"
    )
    assert alone.concordance().glance()["band"].item() == "no data"


def test_attrition_shows_who_rated_lower():
    rows = [(s, p, 1, 5 - (p >= 12)) for s in "abc" for p in range(16)]
    rows += [(s, p, 2, 5) for s in "abc" for p in range(12)]
    rows[0] = ("a", 0, 1, 4)
    frame = pd.DataFrame(rows, columns=["s", "p", "r", "x"])
    found = rm.DelphiPanel.from_frame(frame, statement="s", panelist="p", round="r", rating="x").attrition()
    row = found.tidy().iloc[0]
    assert (row["n_stayed"], row["n_left"]) == (12, 4)
    assert row["difference"] == pytest.approx(-(1 - 1 / 36))
    per = found.statements.set_index("statement")
    assert per.loc["a", "agreement_left"] == 1.0
    assert "Overview" in found.summary()


def test_attrition_interval_is_welch():
    rng = np.random.default_rng(8)
    values = rng.integers(1, 6, (20, 30))
    rows = [(f"s{s}", p, 1, values[s, p]) for s in range(20) for p in range(30)]
    rows += [(f"s{s}", p, 2, 3) for s in range(20) for p in range(18)]
    frame = pd.DataFrame(rows, columns=["s", "p", "r", "x"])
    row = (
        rm.DelphiPanel.from_frame(frame, statement="s", panelist="p", round="r", rating="x")
        .attrition()
        .tidy()
        .iloc[0]
    )
    means = values.mean(axis=0)
    expected = stats.ttest_ind(means[18:], means[:18], equal_var=False)
    interval = expected.confidence_interval()
    assert row["p_value"] == pytest.approx(expected.pvalue, rel=1e-10)
    np.testing.assert_allclose([row["conf_low"], row["conf_high"]], [interval.low, interval.high])


@pytest.mark.parametrize(
    ("variation", "band"),
    # English & Kernan 1976: up to .5 good, up to .8 another round may help, above it is needed
    [(0.0, "good"), (0.5, "good"), (0.51, "another round may help"), (0.8, "another round may help"),
     (0.81, "another round is needed"), (np.nan, "no data")],
)  # fmt: skip
def test_bands_of_the_coefficient_of_variation(variation, band):
    assert cv_band(variation) == band


def test_coefficient_of_variation_of_a_panel():
    row = long([1, 1, 5], [1, 1, 5]).stability().tidy().iloc[0]
    assert row["cv"] == pytest.approx(np.std([1, 1, 5], ddof=1) / (7 / 3))
    assert row["cv_band"] == "another round is needed"
    assert np.isnan(coefficient_of_variation(np.array([3.0])))
    assert np.isnan(coefficient_of_variation(np.zeros(4)))


def test_ratios_need_a_zero_point():
    frame = pd.DataFrame({"s": "a", "p": [1, 2, 1, 2], "r": [1, 1, 2, 2], "x": [-2, 2, -1, 2]})
    below = rm.DelphiPanel.from_frame(
        frame, statement="s", panelist="p", round="r", rating="x", scale=(-2, 2)
    )
    row = below.stability().tidy().iloc[0]
    assert np.isnan(row["cv"])
    assert np.isnan(row["cqv"])
    assert row["cv_band"] == "no data"
    with pytest.raises(OptionError, match="level=95"):
        below.stability(level=95)
