import numpy as np
import pandas as pd
import polars as pl
import pytest

import recoverymetrics as rm
from recoverymetrics.errors import DataError, OptionError

NAMES = {"statement": "s", "panelist": "p", "round": "r", "rating": "x"}


def panel(rows, columns="s p r x", **options):
    frame = pd.DataFrame(rows, columns=columns.split())
    return rm.DelphiPanel.from_frame(frame, **NAMES, **options)


def test_reads_pandas_polars_and_mappings_alike():
    table = {"s": ["a", "b", "a"], "p": [1, 1, 2], "r": [1, 1, 1], "x": [5, None, 4]}
    one = rm.DelphiPanel.from_frame(pd.DataFrame(table), **NAMES)
    two = rm.DelphiPanel.from_frame(pl.DataFrame(table), **NAMES)
    three = rm.DelphiPanel.from_frame(table, **NAMES)
    for other in (two, three):
        np.testing.assert_array_equal(one.ratings, other.ratings)
        assert (one.statements, one.panelists, one.rounds) == (
            other.statements,
            other.panelists,
            other.rounds,
        )


def test_input_is_not_changed():
    frame = pd.DataFrame({"s": ["a"], "p": [1], "r": [1.0], "x": [5]})
    before = frame.copy()
    rm.DelphiPanel.from_frame(frame, **NAMES).check_consensus()
    pd.testing.assert_frame_equal(frame, before)


def test_duplicates_are_named():
    with pytest.raises(DataError, match=r"statement a, panelist 1, round 1 \(rows 1, 3\)"):
        panel([("a", 1, 1, 5), ("a", 2, 1, 5), ("a", 1, 1, 4)])


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("a", 1, 1, 7)], "1 to 5.*7 in row 1"),
        ([("a", 1, 1, 3.5)], "whole numbers"),
        ([("a", 1, 1, "often")], "'often' in row 1"),
        ([("a", 1, 1, None)], "no rating"),
        ([(None, 1, 1, 4), ("a", 1, 1, 4)], "belong to no statement"),
        ([("a", None, 1, 4)], "no p"),
    ],
)
def test_bad_cells_are_named(rows, message):
    with pytest.raises(DataError, match=message):
        panel(rows)


def test_unknown_column_and_attribute():
    with pytest.raises(DataError, match=r"'region'.*s, p, r, x"):
        panel([("a", 1, 1, 5)], region="region")
    with pytest.raises(OptionError, match="region="):
        panel([("a", 1, 1, 5)]).participation()
    with pytest.raises(OptionError, match="rounds are 1"):
        panel([("a", 1, 1, 5)]).check_consensus(round=4)
    with pytest.raises(OptionError, match="lowest and the highest"):
        panel([("a", 1, 1, 5)], scale=(5, 1))


def test_latest_round_decides_and_is_stated():
    rows = [("a", p, 1, 5) for p in range(5)] + [("b", p, 1, 1) for p in range(5)]
    rows += [("b", p, 2, 5) for p in range(4)]
    result = panel(rows).check_consensus()
    tidy = result.tidy().set_index("statement")
    assert tidy.loc["a", "round"] == 1
    assert tidy.loc["b", "round"] == 2
    assert tidy["consensus"].all()
    assert tidy.loc["b", "n"] == 4
    assert result.carried_over == ("a",)
    assert "latest round" in result.summary()
    assert panel(rows).check_consensus(round=1).accepted == ("a",)
    assert panel(rows).check_consensus(round=-2).accepted == ("a",)


def test_one_to_nine_scale_has_disagreement():
    rows = [("a", p, 1, x) for p, x in enumerate([7, 7, 8, 8, 9, 7, 8])]
    result = panel(rows, scale=(1, 9)).check_consensus(rm.RandUclaRule())
    assert result.accepted == ("a",)
    assert {"ipr", "ipras", "disagreement_index"} <= set(result.tidy())
    assert "ipras" not in panel([("a", 1, 1, 5)]).check_consensus().tidy()


def test_statement_nobody_rated_has_no_data():
    rows = [("a", 1, 1, 5), ("b", 1, 1, None)]
    tidy = panel(rows, statements=pd.DataFrame({"statement": ["a", "b", "c"]})).check_consensus().tidy()
    assert tidy["status"].tolist() == ["consensus", "no data", "no data"]
    assert tidy["agreement"].isna().tolist() == [False, True, True]


def test_region_with_one_person():
    rows = [("a", p, r, 5 - (p == 0), "EUR" if p else "AFR") for p in range(6) for r in (1, 2) if p or r == 1]
    found = panel(rows, "s p r x region", region="region")
    by = found.check_consensus(by="region").tidy().set_index("group")
    assert by.loc["EUR", "consensus"]
    assert by.loc["AFR", "status"] == "no data"
    first = found.check_consensus(by="region", round=1).tidy().set_index("group")
    assert first.loc["AFR", "status"] == "consensus"
    assert first.loc["AFR", "n"] == 1
    part = found.participation().tidy().set_index(["group", "round"])
    assert part.loc[("AFR", 2), "n"] == 0
    assert part.loc[("AFR", 1), "note"] == "fewer than 5"
    assert found.participation().without_data == ("AMR", "SEAR", "EMR", "WPR")
    assert part.loc[("WPR", 1), "note"] == "no data"
    assert found.attrition("region").tidy()["note"].str.contains("no comparison").any()
    assert found.sensitivity(n_boot=20).glance()["n_statements"].item() == 1


def test_panelist_who_changes_group_counts_where_they_were():
    rows = [
        ("a", 1, 1, 5, "staff"),
        ("a", 2, 1, 1, "users"),
        ("a", 1, 2, 5, "users"),
        ("a", 2, 2, 5, "users"),
    ]
    found = panel(rows, "s p r x who", stakeholder="who")
    changes = found.group_changes()
    assert changes[["panelist", "label_from", "label_to"]].values.tolist() == [["1", "staff", "users"]]
    tidy = found.check_consensus(by="stakeholder").tidy().set_index("group")
    assert tidy.loc["users", "n"] == 2
    assert tidy.loc["staff", "status"] == "no data"
    first = found.check_consensus(by="stakeholder", round=1).tidy().set_index("group")
    assert first.loc["users", "n"] == 1


def test_two_groups_within_one_round_is_an_error():
    rows = [("a", 1, 1, 5, "staff"), ("b", 1, 1, 1, "users")]
    with pytest.raises(DataError, match=r"panelist '1'.*\(staff, users\)"):
        panel(rows, "s p r x who", stakeholder="who")


def test_group_known_from_another_round_is_kept():
    rows = [("a", 1, 1, 5, "users"), ("a", 1, 2, 5, None)]
    assert panel(rows, "s p r x who", stakeholder="who").attributes["stakeholder"].tolist() == [
        ["users"],
        ["users"],
    ]


def test_open_round_holds_comments():
    rows = [(None, 1, 1, None, "safety matters"), ("a", 1, 2, 5, None), ("a", 2, 2, 4, "yes")]
    found = panel(rows, "s p r x text", free_text="text")
    assert found.comments["text"].tolist() == ["safety matters", "yes"]
    assert found.took_part.tolist() == [[True, False], [True, True]]
    assert found.participation(None).tidy()["n_joined"].tolist() == [1, 1]


def test_lineage_takes_replaced_statements_off_the_list():
    rows = [("old", p, 1, 5) for p in range(3)] + [("new", p, 2, 5) for p in range(3)] + [("gone", 1, 1, 5)]
    history = pd.DataFrame(
        {"statement": ["old", "new", "gone"], "left_round": [1, None, 1], "replaced_by": ["new", None, None]}
    )
    found = panel(rows, statements=history)
    tidy = found.check_consensus().tidy().set_index("statement")
    assert tidy["status"].to_dict() == {"old": "replaced by new", "new": "consensus", "gone": "withdrawn"}
    assert found.check_consensus().accepted == ("new",)
    sensitivity = found.sensitivity(n_boot=10, cut_offs=(0.5,)).tidy().set_index("statement")
    assert sensitivity.loc["old", "probability"] == 0
    assert sensitivity.loc["new", "probability"] == 1


@pytest.mark.parametrize(
    ("history", "message"),
    [
        ({"id": ["a"]}, "column 'statement'"),
        ({"statement": ["a", "a"]}, "listed twice"),
        ({"statement": ["b"]}, "first: 'a'"),
        ({"statement": ["a"], "left_round": [9]}, "names round 9"),
    ],
)
def test_wrong_lineage_is_named(history, message):
    with pytest.raises(DataError, match=message):
        panel([("a", 1, 1, 5)], statements=pd.DataFrame(history)).check_consensus()


def test_elements_carry_agreement_and_the_rule():
    rows = [("a", p, 1, 5 if p else 4) for p in range(5)] + [("b", p, 1, 1) for p in range(5)]
    history = pd.DataFrame({"statement": ["a", "b"], "label": ["Hope", "Cure"], "domain": "definition"})
    elements = panel(rows, statements=history).check_consensus().to_elements()
    assert len(elements) == 1
    row = elements.to_frame().iloc[0]
    assert (row["label"], row["agreement"]) == ("Hope", 1.0)
    assert "80%" in row["source"]


def test_select_keeps_people():
    rows = [("a", p, 1, 5, "x") for p in range(4)]
    found = panel(rows, "s p r x text", free_text="text")
    some = found.select(np.array([True, False, True, False]))
    assert some.panelists == ("0", "2")
    assert len(some.comments) == 2
    with pytest.raises(DataError, match="no panelist"):
        found.select(np.zeros(4, dtype=bool))


def test_result_faces():
    result = panel([("a", p, 1, 4 + p % 2) for p in range(4)]).check_consensus()
    assert result.converged
    assert result.admissible
    assert result.to_dict()["tidy"][0]["statement"] == "a"
    assert "<table" in result._repr_html_()
    assert result.glance()["n_consensus"].item() == 1
    with pytest.raises(DataError, match="no group"):
        result.for_group("users")


def test_statements_to_rate_again():
    rows = [("a", p, 1, 5) for p in range(5)] + [("b", p, 1, 2) for p in range(5)] + [("c", 1, 1, None)]
    assert panel(rows).check_consensus().open == ("b", "c")


def test_one_round_has_no_attrition():
    found = panel([("a", p, 1, 5) for p in range(3)])
    assert found.attrition().tidy().empty
    assert found.attrition().glance()["n_left"].item() == 0
    assert "only those who stayed to the end" not in found.sensitivity(n_boot=0, cut_offs=(0.8,)).decisions


def test_token_involvement_is_flagged():
    rows = [("a", p, 1, 5, "users" if p < 3 else "staff", "advise" if p < 2 else "vote") for p in range(6)]
    found = panel(rows, "s p r x who rights", stakeholder="who", decision_rights="rights")
    row = found.involvement("users").iloc[0]
    assert (row["share_group"], row["share_voting"], row["flagged"]) == (0.5, 0.25, True)
    assert row["note"] == "below 50% of the votes"
    unknown = panel([r[:5] for r in rows], "s p r x who", stakeholder="who").involvement("users").iloc[0]
    assert unknown["note"] == "decision rights unknown"
    assert np.isnan(unknown["share_voting"])
    with pytest.raises(OptionError, match=r"'carers'.*users, staff"):
        found.involvement("carers")


def test_list_of_those_who_stayed():
    rows = [("a", p, 1, 5 if p < 6 else 1) for p in range(10)] + [("b", p, 2, 5) for p in range(6)]
    scenarios = panel(rows).sensitivity(n_boot=0, cut_offs=()).scenarios().set_index("scenario")
    assert scenarios.loc["only those who stayed to the end", "entered"] == "a"


def test_further_attributes_and_who_was_not_asked():
    rows = [("a", p, 1, 5, "en" if p else "sw") for p in range(7)]
    found = panel(rows, "s p r x lang", attributes={"language": "lang"})
    part = found.participation("language", expected=["en", "sw", "ar"])
    assert part.without_data == ("ar",)
    assert part.with_few == ("sw",)
    assert "No data, nothing imputed: ar" in part.summary()


def test_rounds_in_natural_order():
    rows = [("a", 1, "round 10", 5), ("a", 1, "round 9", 1), ("a", 1, "round 1", 1)]
    assert panel(rows).rounds == ("round 1", "round 9", "round 10")
    assert panel(rows).check_consensus().accepted == ("a",)


def test_statements_table_may_use_the_same_column_name():
    history = pd.DataFrame({"s": ["a"], "label": ["Hope"]})
    assert panel([("a", 1, 1, 5)], statements=history).check_consensus().tidy()["label"].item() == "Hope"


def test_only_rules_decide_and_combine():
    found = panel([("a", 1, 1, 5)])
    with pytest.raises(OptionError, match=r"ConsensusRule\(agreement"):
        found.check_consensus(0.8)
    with pytest.raises(TypeError):
        rm.ConsensusRule() & 0.8


def test_repr_is_one_line():
    assert repr(panel([("a", 1, 1, 5)])) == "DelphiPanel(1 panelists, 1 statements, 1 rounds, scale 1 to 5)"


def test_no_elements_without_consensus():
    with pytest.raises(DataError, match="no statement has consensus"):
        panel([("a", 1, 1, 1)]).check_consensus().to_elements()
    split = panel([("a", 1, 1, 5, "users")], "s p r x who", stakeholder="who").check_consensus(
        by="stakeholder"
    )
    with pytest.raises(DataError, match="for_group"):
        split.to_elements()


def test_long_scales_say_how_many_categories_agree():
    found = panel([("a", 1, 1, 7), ("a", 2, 1, 9)], scale=(1, 9))
    assert found.check_consensus().accepted == ()
    assert "Two of 9 categories count as agreement" in found.check_consensus().summary()
    third = found.check_consensus(rm.ConsensusRule(top_categories=3))
    assert third.accepted == ("a",)
    assert "categories count as agreement" not in third.summary()


def test_attrition_refuses_more_categories_than_the_scale_has():
    with pytest.raises(OptionError, match="top_categories=9 does not suit"):
        panel([("a", 1, 1, 5), ("a", 1, 2, 5)]).attrition(top_categories=9)


@pytest.mark.parametrize(
    ("history", "message"),
    [
        ({"left_round": [1, None]}, "'a' has ratings after it left .left_round 1"),
        ({"entered_round": [2, None]}, "'a' has ratings before it entered"),
        ({"left_round": [7, None]}, "names round 7, which is not a round"),
        ({"replaced_by": ["z", None]}, "'a' is replaced by 'z', which is not"),
    ],
)
def test_history_must_agree_with_the_ratings(history, message):
    listed = pd.DataFrame({"statement": ["a", "b"], **history})
    with pytest.raises(DataError, match=message):
        panel([("a", 1, 1, 5), ("a", 1, 2, 5), ("b", 1, 1, 5)], statements=listed)


def test_statements_may_enter_in_an_open_round_and_be_split():
    listed = pd.DataFrame(
        {
            "statement": ["a", "b", "c"],
            "entered_round": [1, 2, 2],
            "left_round": [2, None, None],
            "replaced_by": ["b; c", None, None],
        }
    )
    rows = [("a", 1, 2, 5), ("b", 1, 3, 5), ("c", 1, 3, 2)]
    found = panel(rows, statements=listed).check_consensus().tidy()
    assert found["status"].tolist() == ["replaced by b; c", "consensus", "no consensus"]
    early = pd.DataFrame({"statement": ["b", "c", "z"], "left_round": [None, None, 1]})
    told = panel(rows[1:], statements=early).check_consensus().tidy()
    assert told["status"].tolist() == ["consensus", "no consensus", "withdrawn"]
