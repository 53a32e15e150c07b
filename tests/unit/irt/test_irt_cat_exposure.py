"""Adaptive tests: the cap on exposure holds, content and stopping with it, sessions as JSON."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import recoverymetrics as rm
from recoverymetrics.irt import CATRules, CATSession, simulate_cat

J, N = 24, 400


@pytest.fixture(scope="module")
def fit():
    rng = np.random.default_rng(21)
    theta = rng.standard_normal((1500, 1, 1))
    slope = np.exp(rng.normal(0.3, 0.4, (J, 1)))
    cuts = np.linspace(-1.5, 1.5, J)[:, None] + np.array([-0.7, 0.0, 0.7])
    X = (slope * (theta - cuts) + rng.logistic(size=(1500, J, 1)) > 0).sum(axis=2)
    return rm.fit_irt(pd.DataFrame(X, columns=[f"i{j}" for j in range(J)]), "graded", se=None, quadrature=31)


@pytest.mark.parametrize("cap", [0.3, 0.5, 0.8])
@pytest.mark.parametrize("select", ["information", "kl", "posterior_information", "random"])
def test_no_item_is_seen_by_more_than_its_share_at_any_time(fit, cap, select):
    rules = CATRules(select, max_items=6, std_error=0, max_exposure=cap)
    given = simulate_cat(fit, rules=rules, n=120, seed=1).administered > 0
    seen = np.cumsum(given, axis=0)
    persons = np.arange(1, 121)[:, None]
    assert (seen <= cap * persons + 1).all()
    assert (given.sum(axis=1)[5:] == 6).all()


def test_the_cap_costs_little_precision_and_spreads_the_items(fit):
    free = simulate_cat(fit, rules=CATRules(max_items=6, std_error=0), n=N, seed=2).glance().iloc[0]
    capped = simulate_cat(fit, rules=CATRules(max_items=6, std_error=0, max_exposure=0.35), n=N, seed=2)
    row = capped.glance().iloc[0]
    assert free["max_exposure"] > 0.9
    assert row["max_exposure"] <= 0.35 + 1 / N
    assert row["n_unused"] < free["n_unused"]
    assert row["rmse"] < 1.5 * free["rmse"]


def test_content_and_stopping_hold_under_the_cap(fit):
    content = {f"i{j}": "abc"[j % 3] for j in range(J)}
    rules = CATRules(max_items=9, std_error=0, content=content, max_exposure=0.5)
    given = simulate_cat(fit, rules=rules, n=100, seed=3).administered > 0
    for element in "abc":
        own = [content[i] == element for i in fit.items]
        assert (given[:, own].sum(axis=1)[10:] == 3).mean() > 0.9
    rules = CATRules(std_error=0.35, max_exposure=0.9)
    persons = simulate_cat(fit, rules=rules, n=100, seed=4).persons
    assert (persons["std_error"][persons["n_items"] < 12] <= 0.35).all()


def test_unequal_shares_are_met(fit):
    content = {f"i{j}": "ab"[j % 2] for j in range(J)}
    rules = CATRules(max_items=8, std_error=0, content=content, targets={"a": 0.75, "b": 0.25})
    given = simulate_cat(fit, rules=rules, n=40, seed=5).administered > 0
    assert (given[:, ::2].sum(axis=1) == 6).all()


def test_posterior_errors_are_honest(fit):
    """The mean squared error of the estimates is the mean of their posterior variances."""
    persons = simulate_cat(fit, rules=CATRules(std_error=0.35), n=3000, seed=6).persons
    z = (persons["estimate"] - persons["theta"]) / persons["std_error"]
    assert np.mean(z**2) == pytest.approx(1, abs=0.08)
    assert np.mean(np.abs(z) < 1.96) == pytest.approx(0.95, abs=0.012)


def test_a_session_is_resumed_from_json_in_the_middle_with_its_rules(fit):
    content = {f"i{j}": "abc"[j % 3] for j in range(J)}
    rules = CATRules("kl", randomesque=2, max_items=6, std_error=0, content=content, max_exposure=0.4)
    blocked = CATSession.blocked_by(fit, rules, {"i3": 8, "i4": 3}, 10)
    assert blocked == ("i3",)
    session = whole = CATSession(fit, rules, blocked=blocked, seed=9)
    while not session.finished:
        item = session.next_item()
        assert item == whole.next_item() != "i3"
        whole = whole.answer(item, 2)
        session = CATSession.from_dict(fit, json.loads(json.dumps(session.answer(item, 2).to_dict())))
        assert session.rules == rules
    assert session.theta == whole.theta
    assert len(session.answers) == 6


def test_a_session_ends_when_every_item_is_blocked(fit):
    session = CATSession(fit, CATRules(min_items=2), blocked=fit.items)
    assert session.finished
    assert session.next_item() is None


def test_messages(fit):
    with pytest.raises(rm.OptionError, match=r"max_exposure=1\.5"):
        CATRules(max_exposure=1.5)
    with pytest.raises(rm.OptionError, match=r"need 0\.50 or more"):
        simulate_cat(fit, rules=CATRules(max_items=12, max_exposure=0.3), n=5, seed=1)
    with pytest.raises(rm.DataError, match="no item 'zz'"):
        CATSession(fit, blocked=["zz"])
