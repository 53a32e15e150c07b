"""DIF along a variable by score-based tests: scores, level under impact, power, messages."""

import numpy as np
import pandas as pd
import pytest

from recoverymetrics import DataError, OptionError
from recoverymetrics.instrument.frame import read_items
from recoverymetrics.invariance import CovariateLogistic, ScoreBased, detect_covariate_dif, detect_dif
from recoverymetrics.invariance.dif import fluctuation as fl
from recoverymetrics.invariance.dif.data import arrange


def along_age(seed, n=900, n_items=8, kind=None, impact=0.02):
    rng = np.random.default_rng(seed)
    age = rng.uniform(18, 80, n)
    theta = rng.normal(size=n) + impact * (age - 49)
    columns = {}
    for j in range(n_items):
        a, b = 1.0 + 0.15 * j, 0.2 * (j - 4) + np.array([-1.5, -0.5, 0.5, 1.5]) + np.zeros((n, 1))
        slope = np.full((n, 1), a)
        if j == 3 and kind == "jump":
            b = b + 0.7 * (age[:, None] > 50)
        if j == 3 and kind == "slope":
            slope = np.where(age[:, None] > 50, 0.4 * a, a)
        columns[f"i{j + 1}"] = (
            1 / (1 + np.exp(-slope * (theta[:, None] - b))) > rng.uniform(size=(n, 1))
        ).sum(1)
    return pd.DataFrame(columns).assign(age=age)


def test_derivatives_of_the_category_probabilities_are_right():
    theta, parameters, step = np.linspace(-3, 3, 7), np.array([1.3, 1.1, 0.2, -0.9]), 1e-6

    def log_p(values):
        above = 1 / (1 + np.exp(-(values[0] * theta + values[1:, None])))
        return np.log(-np.diff(np.vstack([np.ones(7), above, np.zeros(7)]), axis=0))

    ours = fl.graded_derivatives(parameters, theta)
    for i in range(4):
        shift = step * np.eye(4)[i]
        numeric = (log_p(parameters + shift) - log_p(parameters - shift)) / (2 * step)
        np.testing.assert_allclose(ours[:, i], numeric, atol=1e-7)


def test_item_scores_are_derivatives_of_the_likelihood_and_sum_to_zero():
    data = along_age(1)
    record = arrange(read_items(data.drop(columns="age")), ("all",), None)
    one = np.zeros(len(data), dtype=np.int64)
    fit = fl.calibrate_along(record, one, np.arange(8))
    scores, expected = fl.item_scores(record, one, fit, 3)
    assert np.abs(scores.sum(axis=0)).max() < 1e-3 * np.abs(scores).sum(axis=0).min()
    assert np.corrcoef(expected, record.scores[:, 3])[0, 1] > 0.6
    assert expected.mean() == pytest.approx(record.scores[:, 3].mean(), abs=0.02)


def test_the_level_holds_though_ability_rises_with_age():
    p = np.concatenate([
        detect_dif(along_age(s), by="age", method="score_based", purify=False).tidy()["p_value"] for s in range(6)
    ])  # fmt: skip
    assert (p < 0.05).mean() < 0.15
    assert p.min() > 1e-4
    assert np.median(p) > 0.3


@pytest.mark.parametrize("statistic", ["auto", "cvm", "double_max"])
def test_a_jump_is_found_and_dated(statistic):
    result = detect_dif(along_age(2, kind="jump"), by="age", method=ScoreBased(statistic))
    assert result.flagged == ["i4"]
    row = result.tidy().set_index("item").loc["i4"]
    assert 45 < row["cut"] < 55
    assert row["signed_difference"] < -0.2
    assert result.converged
    assert not result.tidy().set_index("item").loc["i4", "anchor"]
    ax = result.plot()
    assert "i4" in ax.get_ylabel()
    import matplotlib.pyplot as plt

    plt.close("all")


def test_a_change_of_discrimination_is_found():
    data = along_age(3, n=1500, kind="slope")
    assert detect_dif(data, by="age", method="score_based").flagged == ["i4"]


def test_ordered_categories_and_region_together():
    data = along_age(4, n=1200, kind="jump")
    data["education"] = np.digitize(data["age"], [33, 50, 65])
    rng = np.random.default_rng(0)
    data["region"] = np.where(rng.uniform(size=len(data)) < 0.5, "A", "B")
    items = [f"i{j}" for j in range(1, 9)]
    result = detect_dif(data, items=items, by="education", group="region", method="score_based")
    assert result.flagged == ["i4"]
    assert result.tests[3].kind == "ordered_max_lm"
    assert result.tidy().set_index("item").loc["i4", "cut"] == 1


def test_logistic_along_age_is_purified_and_equals_the_plain_function():
    data = along_age(5, kind="jump")
    once = detect_dif(data, by="age", purify=False).tidy().drop(columns="anchor")
    pd.testing.assert_frame_equal(once, detect_covariate_dif(data, covariate="age"))
    result = detect_dif(data, by="age", method=CovariateLogistic(degree=2))
    assert result.flagged == ["i4"]
    assert result.glance().loc[0, "covariate"] == "age"
    assert "along age" in result.summary()
    with pytest.raises(OptionError, match="score_based"):
        result.plot()


def test_messages():
    data = along_age(6, n=300)
    with pytest.raises(OptionError, match="does not work along"):
        detect_dif(data, by="age", method=fl.Sweep)
    with pytest.raises(OptionError, match="'score_based'"):
        detect_dif(data, by="age", method="sibtest")
    with pytest.raises(OptionError, match="reference="):
        detect_dif(data, by="age", reference="A")
    with pytest.raises(OptionError, match="name of a column"):
        detect_dif(data, by="age", group=np.repeat(["a", "b"], 150))
    with pytest.raises(DataError, match="fewer than two values"):
        detect_dif(data.assign(age=3.0), by="age")
    with pytest.raises(DataError, match="'income'"):
        detect_dif(data, by="income")
    with pytest.raises(OptionError, match="'cvm'"):
        ScoreBased("sup")
    with pytest.raises(OptionError, match="trim"):
        ScoreBased(trim=0.6)
    with pytest.raises(OptionError, match="item='x'"):
        detect_dif(data, by="age", method="score_based").plot(item="x")
