"""Rules propose, a person decides: proposals, protection of elements, overrides and lineage."""

import pandas as pd
import pytest

from recoverymetrics import DataError, OptionError
from recoverymetrics.instrument import Scale
from recoverymetrics.refine import Criteria, gather_evidence, propose_revision

SCALE = Scale("hope", factors={"hope": ["a", "b", "c", "d"]})


def evidence(**columns):
    frame = pd.DataFrame({"item": ["a", "b", "c", "d"], **columns})
    return gather_evidence(SCALE, sources={"test": frame})


def test_a_weak_item_is_dropped_and_the_reason_has_the_number():
    proposal = propose_revision(SCALE, evidence(loading=[0.7, 0.2, 0.6, 0.8]))
    table = proposal.tidy().set_index("item")
    assert table["decision"].tolist() == ["keep", "drop", "keep", "keep"]
    assert "below .4 (0.20)" in table.at["b", "reason"]
    assert proposal.glance().iloc[0][["keep", "revise", "drop"]].tolist() == [3, 0, 1]


def test_missing_evidence_triggers_no_rule():
    proposal = propose_revision(SCALE, evidence(loading=[None, 0.6, 0.6, 0.6], i_cvi=[None] * 4))
    assert set(proposal.tidy()["decision"]) == {"keep"}


def test_drop_outweighs_revise():
    proposal = propose_revision(SCALE, evidence(loading=[0.3, 0.6, 0.6, 0.6], missing=[0.2, 0.2, 0, 0]))
    assert proposal.items("drop") == ["a"]
    assert proposal.items("revise") == ["b"]


def test_the_last_item_of_an_element_is_protected():
    table = evidence(loading=[0.3, 0.2, 0.6, 0.7])
    proposal = (
        propose_revision(SCALE, table, protect={"E1": ["a", "b"], "E2": ["c"]}).tidy().set_index("item")
    )
    assert proposal.at["a", "decision"] == "revise"
    assert proposal.at["a", "protected"]
    assert "E1" in proposal.at["a", "notes"]
    assert proposal.at["b", "decision"] == "drop"
    assert proposal.at["c", "cost_coverage"] == "E2"


def test_the_weaker_of_a_dependent_pair_goes():
    frame = pd.DataFrame({"item": list("abcd"), "loading": [0.7] * 4, "information": [0.5, 0.9, 0.4, 0.4]})
    table = gather_evidence(
        SCALE, sources={"t": frame}, pairs=pd.DataFrame({"item": ["a"], "item_2": ["b"], "q3": [0.5]})
    )
    proposal = propose_revision(SCALE, table).tidy().set_index("item")
    assert proposal.at["a", "decision"] == "drop"
    assert "(0.50, with b)" in proposal.at["a", "reason"]
    assert proposal.at["b", "decision"] == "keep"
    assert "with a" in proposal.at["b", "notes"]


def test_accepting_records_rules_and_overrides():
    proposal = propose_revision(SCALE, evidence(loading=[0.3, 0.2, 0.6, 0.7]))
    scale = proposal.accept(keep=["a"], reason={"a": "reworded"}, by="panel", date="2026-03-01")
    assert scale.items == ("a", "c", "d")
    lineage = scale.lineage_frame().set_index("item")
    assert lineage.at["a", "basis"] == "override"
    assert lineage.at["a", "reason"] == "reworded"
    assert lineage.at["b", "basis"] == "rule"
    assert SCALE.items == ("a", "b", "c", "d")


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"keep": ["b"]}, "overruled"),
        ({"keep": ["z"], "reason": "x"}, "unknown item 'z'"),
        ({"keep": ["b"], "drop": ["b"], "reason": "x"}, "decide once"),
    ],
)
def test_accept_refuses(choice, message):
    proposal = propose_revision(SCALE, evidence(loading=[0.7, 0.2, 0.6, 0.8]))
    with pytest.raises(DataError, match=message):
        proposal.accept(**choice)


def test_criteria_can_be_changed_and_removed():
    criteria = Criteria.default().change("weak_loading", threshold=0.1).without("missing")
    proposal = propose_revision(SCALE, evidence(loading=[0.3, 0.2, 0.6, 0.7], missing=[0.5] * 4), criteria)
    assert set(proposal.tidy()["decision"]) == {"keep"}
    with pytest.raises(OptionError, match="no criterion 'nothing'"):
        criteria.change("nothing", threshold=1)


def test_evidence_refuses_ambiguous_sources():
    frame = pd.DataFrame({"item": ["a", "a"], "loading": [0.1, 0.2]})
    with pytest.raises(DataError, match="two rows for item 'a'"):
        gather_evidence(SCALE, sources={"t": frame})
    single = pd.DataFrame({"item": ["a"], "loading": [0.1]})
    with pytest.raises(DataError, match="both have a column 'loading'"):
        gather_evidence(SCALE, sources={"t": single, "u": single})
    with pytest.raises(OptionError, match="not a frame"):
        gather_evidence(SCALE, unheard=object())
