"""Scale, lineage, item bank, elements."""

import copy
import json
import math
import pickle

import pandas as pd
import pytest

import recoverymetrics as rm
from recoverymetrics.instrument import Revision
from recoverymetrics.instrument.frozen import freeze


def scale():
    return rm.Scale(
        "recovery", factors={"hope": ["a", "b", "c"], "links": ["d", "e"]}, reverse=["b"], categories=(1, 5)
    )


def test_items_come_from_the_factors_and_factors_from_the_items():
    assert scale().items == ("a", "b", "c", "d", "e")
    one = rm.Scale("s", items=["a", "b"])
    assert one.factors == {"s": ("a", "b")}
    assert one.to_model() == "s =~ a + b"


def test_drop_makes_a_new_scale_and_records_why():
    old = scale()
    new = old.drop(["b", "e"], reason="weak", by="panel", date="2026-05-01", rule="loading")
    assert old.items == ("a", "b", "c", "d", "e")
    assert old.lineage == ()
    assert new.items == ("a", "c", "d")
    assert new.factors == {"hope": ("a", "c"), "links": ("d",)}
    assert new.reverse == ()
    assert new.version == 2
    assert [(r.item, r.decision, r.reason, r.by, r.version) for r in new.lineage] == [
        ("b", "drop", "weak", "panel", 2),
        ("e", "drop", "weak", "panel", 2),
    ]


def test_a_factor_without_items_goes():
    assert scale().drop(["d", "e"], reason="weak").factors == {"hope": ("a", "b", "c")}


def test_decide_records_rule_and_override():
    new = scale().decide("a", "keep", reason="only item on hope", by="panel", rule="dif", proposed="drop")
    new = new.decide("c", "revise", reason="long", by="rule", rule="wording", proposed="revise")
    assert [entry.basis for entry in new.lineage] == ["override", "rule"]
    assert new.lineage[0].overrides
    assert new.items == scale().items
    frame = new.lineage_frame()
    assert frame["version"].tolist() == [2, 3]
    assert frame["basis"].tolist() == ["override", "rule"]
    assert list(scale().lineage_frame().columns) == list(frame.columns)


def test_keep_and_restrict():
    kept = scale().keep(["a"], reason="judged by the panel", by="panel")
    assert kept.lineage[0].basis == "person"
    assert scale().restrict(["a", "d"], reason="short form").items == ("a", "d")
    assert scale().restrict(["a", "d"], reason="short form").factor_of("d") == "links"


def test_dictionary_and_back():
    new = scale().drop("b", reason="weak")
    again = rm.Scale.from_dict(json.loads(json.dumps(new.to_dict())))
    assert again == new
    assert pickle.loads(pickle.dumps(new)) == new
    assert copy.deepcopy(new) == new


def test_to_frame():
    assert scale().to_frame()["factor"].tolist() == ["hope"] * 3 + ["links"] * 2
    assert len(scale()) == 5


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: rm.Scale("s"), rm.DataError, "scale 's' has no items"),
        (lambda: rm.Scale("s", ["a", "a"]), rm.DataError, "lists item 'a' twice"),
        (lambda: rm.Scale("s", ["a"], {"f": ["b"]}), rm.DataError, "factor 'f' names 'b'"),
        (lambda: rm.Scale("s", ["a"], reverse=["b"]), rm.DataError, "reverse names 'b'"),
        (lambda: scale().drop(["z"], reason="x"), rm.DataError, "unknown item 'z'"),
        (lambda: scale().drop(["a"], reason=" "), rm.DataError, "a decision needs a reason"),
        (lambda: scale().drop(list("abcde"), reason="x"), rm.DataError, "would lose its last item"),
        (
            lambda: scale().decide("a", "maybe", reason="x"),
            rm.OptionError,
            "the values are keep, revise, drop",
        ),
        (lambda: scale().factor_of("z"), rm.DataError, "unknown item 'z'"),
        (lambda: rm.Scale.from_dict({"name": "s", "itms": ["a"]}), rm.DataError, "unknown key 'itms'"),
        (lambda: rm.Scale.from_dict({"items": ["a"]}), rm.DataError, "no key 'name'"),
        (lambda: scale().restrict(["z"], reason="x"), rm.DataError, "unknown item 'z'"),
    ],
)
def test_scale_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_scales_and_mappings_do_not_change():
    with pytest.raises(AttributeError):
        scale().name = "other"
    with pytest.raises(TypeError, match="frozen"):
        scale().factors["hope"] = ()
    with pytest.raises(TypeError, match="frozen"):
        freeze({"a": 1}).update(a=2)
    with pytest.raises(AttributeError):
        Revision("a", "drop", "x").item = "b"


def elements(**columns):
    return {"element_id": ["D1", "D2", "B1"], "domain": ["definition", "definition", "barrier"], "label": ["Hope", "Agency", "Stigma"]} | columns  # fmt: skip


def test_elements_round_trip_and_selection():
    found = rm.ElementSet.from_frame(elements(agreement=[0.9, None, 0.81], theme=["t", None, ""]))
    assert len(found) == 3
    assert [e.element_id for e in found] == ["D1", "D2", "B1"]
    assert math.isnan(found["D2"].agreement)
    assert found["D2"].theme == ""
    assert found.domains == ("definition", "barrier")
    assert found.select(domain="barrier").ids == ("B1",)
    frame = found.to_frame()
    assert frame["agreement"].isna().tolist() == [False, True, False]
    again = rm.ElementSet.from_frame(frame)
    pd.testing.assert_frame_equal(again.to_frame(), frame)
    assert "D1" in found
    assert "unknown" in found._repr_html_()


def test_percent_has_its_own_column():
    found = rm.ElementSet.from_frame(elements(agreement_pct=[90, "", 81]))
    assert found["D1"].agreement == 0.9
    assert math.isnan(found["D2"].agreement)
    with pytest.raises(
        rm.DataError, match=r"numbers from 0 to 1 .a column with percent is called agreement_pct"
    ):
        rm.ElementSet.from_frame(elements(agreement=[90, None, 81]))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"element_id": ["D1", "D1", "B1"]}, "element_id D1 appears more than once"),
        ({"element_id": ["D1", None, "B1"]}, r"column 'element_id' is empty in row 2"),
        ({"label": ["Hope", " ", "Stigma"]}, "column 'label' is empty"),
        ({"agreement": ["a", 1, 1]}, "must hold numbers from 0 to 1"),
        ({"agreement_pct": [101, 1, 1]}, "must hold numbers from 0 to 100"),
    ],
)
def test_element_errors(columns, message):
    with pytest.raises(rm.DataError, match=message):
        rm.ElementSet.from_frame(elements(**columns))


def test_element_errors_without_columns():
    with pytest.raises(rm.DataError, match="has no column 'domain', 'label'"):
        rm.ElementSet.from_frame({"element_id": ["D1"]})
    found = rm.ElementSet.from_frame(elements())
    with pytest.raises(rm.DataError, match="unknown domain 'hope'"):
        found.select(domain="hope")
    with pytest.raises(rm.DataError, match="unknown element 'Z'"):
        found["Z"]


def test_counts_of_elements():
    counts = rm.ElementSet.from_frame(elements(agreement=[0.9, None, 0.81])).counts()
    assert counts["n"].tolist() == [2, 1]
    assert counts["n_known"].tolist() == [1, 1]


def bank():
    return rm.ItemBank.from_frame(
        {
            "item_id": ["a", "b", "c"],
            "text": ["I have hope.", "Others decide for me.", None],
            "element": ["D1; D2", "B1", ""],
            "reverse": ["no", "yes", False],
            "proposed_by": ["panel", "", None],
            "reading_age": [9, 10, 11],
        }
    )


def test_item_bank_round_trip():
    items = bank()
    assert len(items) == 3
    assert [i.item_id for i in items] == ["a", "b", "c"]
    assert items["a"].elements == ("D1", "D2")
    assert items.reverse == ("b",)
    assert items["c"].text == ""
    assert items["a"].other == {"reading_age": 9}
    assert list(items.mapping().itertuples(index=False, name=None)) == [("a", "D1"), ("a", "D2"), ("b", "B1")]
    frame = items.to_frame()
    assert frame["reading_age"].tolist() == [9, 10, 11]
    assert frame["dimension"].isna().all()
    pd.testing.assert_frame_equal(rm.ItemBank.from_frame(frame).to_frame(), frame)
    assert items.select(["c", "a"]).ids == ("c", "a")
    assert "a" in items


def test_changes_are_logged_and_the_old_bank_stays():
    old = bank()
    new = old.revise(
        "a", text="I feel hopeful.", licence="CC0", reason="plainer", by="panel", date="2026-05-01"
    )
    assert old["a"].text == "I have hope."
    assert new["a"].text == "I feel hopeful."
    log = new.changes_frame()
    assert log["field"].tolist() == ["text", "licence"]
    assert log["before"].tolist() == ["I have hope.", ""]
    assert bank().changes_frame().empty


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rm.ItemBank.from_frame({"item": ["a"]}), "has no column 'item_id'"),
        (lambda: rm.ItemBank.from_frame({"item_id": ["a", "a"]}), "item_id a appears more than once"),
        (lambda: rm.ItemBank.from_frame({"item_id": ["a"], "reverse": ["maybe"]}), "neither yes nor no"),
        (lambda: bank()["z"], "unknown item 'z'"),
        (lambda: bank().revise("a", text="x", reason=""), "a change needs a reason"),
        (lambda: bank().revise("a", colour="x", reason="y"), "no field 'colour'"),
    ],
)
def test_item_bank_errors(call, message):
    with pytest.raises(rm.DataError, match=message):
        call()
