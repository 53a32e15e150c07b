import pandas as pd
import pytest

import recoverymetrics as rm
from recoverymetrics.consensus.checklists import GUIDELINES
from recoverymetrics.errors import OptionError


@pytest.fixture(scope="module")
def panel():
    rows = [
        ("a", p, r, 5, "users" if p < 2 else "staff", "vote" if p else "advise", "fine" if p == 1 else None)
        for p in range(4)
        for r in (1, 2)
        if p or r == 1
    ]
    frame = pd.DataFrame(rows, columns=["s", "p", "r", "x", "who", "rights", "text"])
    names = {"statement": "s", "panelist": "p", "round": "r", "rating": "x"}
    return rm.DelphiPanel.from_frame(
        frame, **names, stakeholder="who", decision_rights="rights", free_text="text"
    )


@pytest.mark.parametrize(
    ("guideline", "sections"),
    [
        ("accord", [1, 3, 21, 5, 2, 3]),
        ("delphistar", [3, 7, 20, 4, 4]),
        ("credes", [1, 2, 4, 9]),
        ("gripp2", [1, 1, 1, 1, 1]),
    ],
)
def test_sections_have_the_published_sizes(guideline, sections):
    found = pd.Series([entry.section for entry in GUIDELINES[guideline]]).value_counts(sort=False)
    assert found.tolist() == sections


def test_filled_from_data_and_marked_missing(panel):
    result = panel.reporting_checklist("accord")
    tidy = result.tidy().set_index("topic")
    assert (
        tidy.loc["response", "text"]
        == "round 1: 4 (100% of the first round), round 2: 3 (75% of the first round)"
    )
    assert "users 50%" in tidy.loc["involvement", "text"]
    assert "users: advise 1, vote 1" in tidy.loc["decision_rights", "text"]
    assert tidy.loc["funding", "status"] == "missing"
    assert "funding" in result.missing
    assert "MISSING" in result.summary()
    assert "80%" in tidy.loc["consensus_definition", "text"]


def test_authors_state_facts(panel):
    result = panel.reporting_checklist(
        "credes", facts={"method": "Views differ and evidence is thin.", "use": " "}
    )
    tidy = result.tidy().set_index("topic")
    assert tidy.loc["method", "status"] == "stated"
    assert tidy.loc["use", "status"] == "missing"
    assert result.glance()["n_stated"].item() == 1


def test_rule_is_described(panel):
    text = (
        panel.reporting_checklist("accord", rule=rm.MedianRule(4))
        .tidy()
        .set_index("topic")
        .loc["consensus_definition", "text"]
    )
    assert text.startswith("median at least 4")


def test_unknown_guideline_and_topic(panel):
    with pytest.raises(OptionError, match="accord, delphistar, credes"):
        panel.reporting_checklist("prisma")
    with pytest.raises(OptionError, match="'weather'"):
        panel.reporting_checklist(facts={"weather": "fine"})


def test_involvement_is_told_from_the_data(panel):
    tidy = panel.reporting_checklist("gripp2").tidy().set_index("topic")
    methods = tidy.loc["involvement_methods", "text"]
    assert methods.startswith("users: 2 in round 1, 1 in round 2; staff: 2 in round 1, 2 in round 2")
    assert "users: advise 1, vote 1" in methods
    assert tidy.loc["involvement_results", "text"].startswith("By the ratings: users alone would add nothing")
    assert tidy.loc["involvement_reflections", "status"] == "missing"


def test_involvement_without_groups_is_missing():
    frame = pd.DataFrame({"s": ["a"], "p": [1], "r": [1], "x": [5]})
    panel = rm.DelphiPanel.from_frame(frame, statement="s", panelist="p", round="r", rating="x")
    assert panel.reporting_checklist("gripp2").glance()["n_missing"].item() == 5
