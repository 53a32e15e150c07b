from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import recoverymetrics as rm
from recoverymetrics.irt import CATRules, CATSession, simulate_cat


def answers(
    n: int, seed: int, mean: float = 0.0, sd: float = 1.0, model: str = "graded", J: int = 12
) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    theta = mean + sd * rng.standard_normal(n)
    a, b = np.linspace(0.9, 2.2, J), np.linspace(-1, 1, J)
    if model == "2pl":
        p = 1 / (1 + np.exp(-a * (theta[:, None] - b)))
        return pd.DataFrame((p > rng.random((n, J))).astype(int), columns=[f"i{j + 1}" for j in range(J)])
    steps = np.array([-1.0, 0.0, 1.0])
    p = 1 / (1 + np.exp(-a[None, :, None] * (theta[:, None, None] - b[None, :, None] - steps)))
    return pd.DataFrame((p > rng.random((n, J, 1))).sum(axis=2), columns=[f"i{j + 1}" for j in range(J)])


@pytest.fixture(scope="module")
def fit():
    return rm.fit_irt(answers(1500, 1), se=None)


@pytest.mark.parametrize("method", ["stocking_lord", "haebara", "mean_sigma", "mean_mean"])
@pytest.mark.parametrize("model", ["graded", "2pl"])
def test_link_recovers_a_change_of_scale(method, model):
    first = rm.fit_irt(answers(6000, 2, model=model), model, se=None)
    second = rm.fit_irt(answers(6000, 3, mean=0.6, sd=1.3, model=model), model, se=None)
    link = rm.link_scales(second, first, method=method)
    assert link.slope == pytest.approx(1.3, abs=0.09)
    assert link.intercept == pytest.approx(0.6, abs=0.09)
    assert link.tidy()["difference"].abs().median() < 0.15
    np.testing.assert_allclose(link.transform(np.zeros(2)), link.intercept)


def test_linking_a_calibration_to_itself_changes_nothing(fit):
    link = rm.link_scales(fit, fit)
    assert link.slope == pytest.approx(1.0, abs=1e-6)
    assert link.intercept == pytest.approx(0.0, abs=1e-6)
    assert link.glance()["loss"][0] < 1e-12


def test_linking_errors(fit):
    with pytest.raises(rm.OptionError, match="unknown linking method"):
        rm.link_scales(fit, fit, method="magic")
    with pytest.raises(rm.ModelError, match="share 1 items"):
        rm.link_scales(fit, fit, items=["i1"])


def test_adaptive_items_beat_random_ones_at_equal_length(fit):
    options = {"n": 600, "seed": 5}
    best = simulate_cat(fit, rules=CATRules(max_items=5, std_error=0), **options).glance().iloc[0]
    chance = simulate_cat(fit, rules=CATRules("random", max_items=5, std_error=0), **options).glance().iloc[0]
    assert best["mean_items"] == chance["mean_items"] == 5
    assert best["rmse"] < chance["rmse"]
    assert abs(best["bias"]) < 0.08


@pytest.mark.parametrize("select", ["information", "kl", "posterior_information"])
def test_tests_stop_at_the_standard_error(fit, select):
    result = simulate_cat(fit, rules=CATRules(select, std_error=0.45), n=300, seed=2)
    stopped = result.persons[result.persons["n_items"] < 12]
    assert (stopped["std_error"] <= 0.45).all()
    assert result.tidy()["exposure"].between(0, 1).all()


def test_content_balance_covers_elements(fit):
    content = {f"i{j + 1}": "abc"[j % 3] for j in range(12)}
    result = simulate_cat(fit, rules=CATRules(max_items=6, std_error=0, content=content), n=50, seed=3)
    given = result.administered > 0
    for element in "abc":
        own = [content[item] == element for item in result.items]
        assert (given[:, own].sum(axis=1) == 2).all()


def test_exposure_control_spreads_items(fit):
    sharp = simulate_cat(fit, rules=CATRules(max_items=3, std_error=0), n=300, seed=1).glance()[
        "max_exposure"
    ][0]
    spread = simulate_cat(fit, rules=CATRules(randomesque=5, max_items=3, std_error=0), n=300, seed=1)
    assert spread.glance()["max_exposure"][0] < sharp


def test_post_hoc_simulation_of_all_items_is_the_full_score(fit):
    data = answers(200, 9)
    result = simulate_cat(fit, data=data, rules=CATRules(std_error=0))
    np.testing.assert_allclose(result.persons["estimate"], fit.scores(data)["estimate"], atol=1e-10)


def test_a_session_agrees_with_the_simulation_and_survives_json(fit):
    data = answers(3, 11)
    rules = CATRules(max_items=4, std_error=0)
    result = simulate_cat(fit, data=data, rules=rules)
    for row in range(3):
        session = CATSession(fit, rules)
        while not session.finished:
            item = session.next_item()
            session = session.answer(item, int(data.loc[row, item]))
            session = CATSession.from_dict(fit, json.loads(json.dumps(session.to_dict())), rules)
        assert session.theta == pytest.approx(result.persons["estimate"][row])
        assert session.next_item() is None


def test_session_errors(fit):
    session = CATSession(fit)
    with pytest.raises(rm.DataError, match="has no category 9"):
        session.answer(session.next_item(), 9)
    with pytest.raises(rm.DataError, match="no item 'zz'"):
        CATSession(fit, answers={"zz": 1})
    with pytest.raises(rm.OptionError, match="unknown item selection"):
        CATRules("best")


def test_models_are_compared(fit):
    rival = rm.fit_irt(answers(1500, 1), "gpcm", se=None)
    restricted = rm.fit_irt(answers(1500, 1), constrain=[{f"i{j}.a1" for j in range(1, 13)}], se=None)
    table = fit.compare_with(restricted)
    assert table["df"].iloc[1] == 11
    assert table["p_value"].iloc[1] < 0.001
    vuong = fit.compare_with(rival, method="vuong").iloc[0]
    assert vuong["statistic"] > 2
    with pytest.raises(rm.ModelError, match="different persons"):
        fit.compare_with(rm.fit_irt(answers(100, 4), se=None))
