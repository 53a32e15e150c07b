"""The synthetic study: what was planted is found."""

import json
from pathlib import Path

import pandas as pd
import pytest

import recoverymetrics as rm

DATA = Path(__file__).parents[3] / "data" / "synthetic"


@pytest.fixture(scope="module")
def truth():
    return json.loads((DATA / "truth.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def panel():
    return rm.DelphiPanel.from_frame(
        pd.read_csv(DATA / "delphi_ratings.csv"),
        statement="statement", panelist="panelist", round="round", rating="rating",
        region="region", stakeholder="stakeholder", country="country", free_text="free_text",
        decision_rights="decision_rights", statements=pd.read_csv(DATA / "delphi_statements.csv"),
    )  # fmt: skip


def test_the_stakeholder_split_is_found(panel, truth):
    split = panel.check_consensus(by="stakeholder")
    users, staff = split.for_group("lived_experience"), split.for_group("professional")
    comparison = rm.compare_stakeholders(users, staff).tidy().set_index("element_a")
    planted = truth["stakeholder_split"]
    assert sorted(comparison.index[comparison["status"] == "a only"]) == sorted(
        planted["lived_experience_only"]
    )
    assert sorted(comparison.index[comparison["status"] == "b only"]) == sorted(planted["professionals_only"])


def test_uncovered_element_has_consensus_and_no_item(panel, truth):
    items = rm.ItemBank.from_frame(pd.read_csv(DATA / "items.csv"))
    elements = rm.ElementSet.from_frame(pd.read_csv(DATA / "elements.csv"))
    coverage = rm.map_coverage(items, elements)
    assert list(coverage.uncovered) == truth["uncovered_elements"]
    assert set(coverage.uncovered) <= set(panel.check_consensus().accepted)


def test_every_element_of_the_list_is_an_element_of_the_study(panel):
    elements = set(pd.read_csv(DATA / "elements.csv")["element_id"])
    assert set(panel.check_consensus().accepted) <= elements


def test_attrition_by_region(panel):
    frame = panel.participation("region").tidy()
    assert set(frame["group"]) == {"all", "AFR", "AMR", "SEAR", "EUR", "EMR", "WPR"}
    total = frame[frame["group"] == "all"].set_index("round")
    parts = frame[frame["group"] != "all"].groupby("round")["n"].sum()
    assert (total["n"] == parts).all()
    assert total["n"].is_monotonic_decreasing


def test_low_relevance_items_are_found(truth):
    found = rm.content_validity(
        pd.read_csv(DATA / "relevance.csv"), item="item", rater="rater", relevance="relevance", element="element",
        stakeholder="stakeholder", region="region",
    )  # fmt: skip
    assert sorted(found.low_relevance) == sorted(truth["low_relevance_items"])


def test_every_column_is_in_the_glossary(panel):
    from recoverymetrics.display import GLOSSARY

    split = panel.check_consensus(by="stakeholder")
    users, staff = split.for_group("lived_experience"), split.for_group("professional")
    results = [
        split, panel.participation(), panel.attrition("region"), panel.stability(), panel.concordance(),
        panel.sensitivity(n_boot=10), panel.reporting_checklist(), rm.plan_panel_size((10,), n_sim=5),
        rm.compare_stakeholders(users, staff), rm.compare_stakeholders(users, staff, users.named("again")),
    ]  # fmt: skip
    for result in results:
        for frame in (result.tidy(), result.glance()):
            assert set(frame) <= set(GLOSSARY), type(result).__name__
        assert len(result.glance()) == 1
        assert result.summary()
        assert result.to_dict()["tidy"]
