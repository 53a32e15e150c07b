"""Screening of data that are too small, constant, empty or singular: an answer with a reason, never a crash."""

import numpy as np
import pandas as pd
import pytest

import recoverymetrics as rm
from recoverymetrics.instrument import read_items
from recoverymetrics.screening import screen


def answers(n, p, high=6, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(rng.integers(1, high, (n, p)).astype(float), columns=[f"q{j}" for j in range(p)])


def holes(data, share=0.2, seed=1):
    return data.mask(np.random.default_rng(seed).random(data.shape) < share)


CASES = {
    "one item": answers(100, 1),
    "one person": answers(1, 5),
    "two persons": answers(2, 5),
    "constant": answers(50, 4) * 0 + 2,
    "everything missing": answers(10, 3) * np.nan,
    "empty item": answers(100, 6).assign(q0=np.nan),
    "as many items as persons": holes(answers(40, 40)),
    "more items than persons": holes(answers(20, 30)),
    "the same item twice": holes(answers(300, 10).assign(q9=lambda d: d["q8"])),
    "binary": answers(300, 10, high=3),
    "one answer per person": pd.DataFrame(np.repeat(answers(200, 1).to_numpy(), 8, axis=1)),
}


@pytest.mark.parametrize("name", CASES)
def test_every_table_of_a_difficult_sample_can_be_read(name):
    data = CASES[name]
    result = screen(data)
    assert len(result.persons()) == len(data)
    assert len(result.tidy()) == data.shape[1]
    assert np.isfinite(result.mcar.p_value) or result.mcar.reason
    assert "Screening of the responses" in result.summary()
    assert "<table" in result._repr_html_()
    assert result.to_dict()["glance"]["n"] == len(data)
    assert len(result.augment(data)) == len(data)


def test_too_few_persons_or_items_are_not_judged_and_the_note_says_so():
    note = next(n for n in screen(answers(30, 10)).notes if n.kind == "no_rules")
    assert "10 varying items and 30 persons" in note.message
    assert not screen(answers(30, 10)).flagged.any()
    assert any(n.kind == "no_indices" for n in screen(CASES["constant"]).notes)


def test_items_never_answered_together_leave_the_test_without_degrees_of_freedom():
    data = answers(200, 6)
    data.iloc[:100, :3] = np.nan
    data.iloc[100:, 3:] = np.nan
    assert screen(data).mcar.reason == "no item is answered in two patterns"


def test_an_item_empty_in_one_group():
    data = answers(100, 6).assign(region=["x"] * 50 + ["y"] * 50)
    data.loc[:49, "q1"] = np.nan
    table = screen(data, group="region").tidy().set_index(["group", "item"])
    assert table.loc[("x", "q1"), "n"] == 0
    assert np.isnan(table.loc[("x", "q1"), "mean"])
    assert "zero_variance" in table.loc[("x", "q1"), "findings"]
    assert table.loc[("y", "q1"), "n"] == 50


def test_person_without_answers_is_kept_without_indices():
    data = answers(100, 6)
    data.iloc[3] = np.nan
    person = screen(data).persons().iloc[3]
    assert person["n_answered"] == 0
    assert not person["flagged"]
    assert np.isnan(person["mahalanobis"])
    assert np.isnan(person["p_value"])


def test_item_data_and_responses_are_accepted():
    data = answers(120, 6).assign(region=["x", "y"] * 60)
    plain = screen(data, group="region")
    for other in (screen(read_items(data, group="region")), screen(rm.Responses(data, group="region"))):
        pd.testing.assert_frame_equal(other.tidy(), plain.tidy())
        pd.testing.assert_frame_equal(other.persons(), plain.persons())
    assert screen(data, items=["q1", "q0", "q2"]).tidy()["item"].tolist() == ["q1", "q0", "q2"]


def test_unknown_item_in_a_scale():
    with pytest.raises(rm.DataError, match="scale 'a' names 'zz', which is not an item"):
        screen(answers(60, 6), scales={"a": ["zz"]})


def test_the_same_seed_gives_the_same_cut_offs():
    data = answers(200, 8)
    pd.testing.assert_frame_equal(screen(data, seed=4).rules, screen(data, seed=4).rules)


def test_the_plot_shows_every_item():
    axes = screen(holes(answers(100, 6))).plot()
    assert [label.get_text() for label in axes.get_yticklabels()] == [f"q{j}" for j in range(6)]
    import matplotlib.pyplot as plt

    plt.close(axes.figure)
