"""The consensus studies and the simulated study."""

import json

import pandas as pd
import pytest

import recoverymetrics as rm
from recoverymetrics.io import synthetic_study


@pytest.mark.parametrize(
    ("study", "n", "panel"), [("professionals_2025", 17, 78), ("experts_by_experience_2024", 18, 101)]
)
def test_consensus_elements(study, n, panel):
    elements = rm.load_consensus(study)
    assert len(elements) == n
    assert elements.name == study
    assert elements.domains == ("definition", "indicator", "facilitator", "barrier")
    assert elements.to_frame()["agreement"].isna().all()
    assert elements.to_frame()["source"].notna().all()
    assert elements.provenance["panel_n"] == panel
    assert elements.provenance["rounds"] == 3
    assert set(elements.provenance["chime_proposed"]) == set(elements.ids)


def test_counts_say_what_is_stated_inferred_and_unknown():
    users = rm.load_consensus("experts_by_experience_2024").counts().set_index("domain")
    assert users["n_consensus"].to_dict() == {
        "definition": 26,
        "indicator": 31,
        "facilitator": 8,
        "barrier": 12,
    }
    assert set(users["basis"]) == {"stated"}
    professionals = rm.load_consensus("professionals_2025").counts().set_index("domain")
    assert professionals["basis"].to_dict() == {
        "definition": "unknown",
        "indicator": "unknown",
        "facilitator": "inferred",
        "barrier": "inferred",
    }
    assert professionals["n_consensus"].isna().sum() == 2
    assert (professionals["n_known"] == 0).all()


def test_consensus_elements_carry_their_theme():
    elements = rm.load_consensus("experts_by_experience_2024")
    assert elements["U24-D5"].theme == "Transition"


def test_unknown_consensus_study():
    with pytest.raises(
        rm.OptionError, match="unknown consensus study 'everyone'; the studies are professionals_2025"
    ):
        rm.load_consensus("everyone")


def test_provenance_does_not_change():
    with pytest.raises(TypeError, match="frozen"):
        rm.load_consensus("professionals_2025").provenance["panel_n"] = 79


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for file in synthetic_study.TABLES.values():
        pd.DataFrame({"a": [1, 2], "country": ["NA", "DE"]}).to_csv(tmp_path / file, index=False)
    (tmp_path / "truth.json").write_text(json.dumps({"seed": 1}), encoding="utf-8")
    monkeypatch.setattr(synthetic_study, "synthetic_folder", lambda: tmp_path)
    return tmp_path


def test_simulated_study_has_every_table(folder):
    study = rm.load_synthetic("six_regions")
    assert study.path == folder
    assert study.truth == {"seed": 1}
    for name in synthetic_study.TABLES:
        assert getattr(study, name)["country"].tolist() == ["NA", "DE"]
    assert len(repr(study)) < 100 + len(str(folder))


def test_unknown_simulated_study():
    with pytest.raises(rm.OptionError, match="unknown simulated study 'seven'; the studies are six_regions"):
        rm.load_synthetic("seven")


def test_missing_files_name_the_folders(monkeypatch, tmp_path):
    monkeypatch.setattr(synthetic_study, "__file__", str(tmp_path / "a" / "b" / "c.py"))
    with pytest.raises(rm.DataError, match="the simulated study is not here: neither"):
        synthetic_study.synthetic_folder()


def test_the_bundled_study_reads_into_the_objects_of_the_library():
    study = rm.load_synthetic("six_regions")
    bank = rm.ItemBank.from_frame(study.items)
    elements = rm.ElementSet.from_frame(study.elements)
    assert set(bank.mapping()["element"]) <= set(elements.ids)
    items = [item for item in bank.ids if item in study.responses.columns]
    responses = rm.Responses(study.responses, items=items, reverse=bank.reverse, group="region")
    assert len(responses.groups) == 6
    assert responses.require(min_group_size=200).n == len(study.responses)
