"""The manifest: comparison of recorded and found numbers, and what cannot be read."""

import json

import pytest

from recoverymetrics import ConfigError
from recoverymetrics.study.manifest import compare_headlines, read_manifest


def agrees(recorded, found):
    return compare_headlines(recorded, found).set_index("term")["agrees"].to_dict()


def test_numbers_agree_within_the_tolerance_of_their_kind():
    recorded = {"alpha.x.EUR": 0.8, "cfa.cfi": 0.95, "n": 100, "proposal.a": "keep"}
    assert all(agrees(recorded, {**recorded, "alpha.x.EUR": 0.8 + 1e-8, "cfa.cfi": 0.95 + 1e-6}).values())
    moved = agrees(recorded, {"alpha.x.EUR": 0.8 + 1e-5, "cfa.cfi": 0.96, "n": 101, "proposal.a": "drop"})
    assert not any(moved.values())


def test_missing_and_new_numbers_do_not_agree():
    assert agrees({"a": 1.0}, {}) == {"a": False}
    assert agrees({}, {"b": 1.0}) == {"b": False}
    assert agrees({"a": None}, {"a": None}) == {"a": True}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not a manifest"),
        ("{}", "'format' is missing"),
        ("[]", "not a JSON object"),
        (
            json.dumps(
                {"format": 99, "configuration": {}, "headline": {}, "inputs": [], "inputs_folder": "."}
            ),
            "format 99",
        ),
    ],
)
def test_unreadable_manifests_are_refused(tmp_path, text, message):
    path = tmp_path / "manifest.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_manifest(path)
    with pytest.raises(ConfigError, match="there is no manifest"):
        read_manifest(tmp_path / "other.json")
