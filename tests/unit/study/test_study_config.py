"""The study file: what is accepted, and errors that name the key."""

import pytest

from recoverymetrics import ConfigError
from recoverymetrics.study import parse_config, read_config

MINIMAL = {
    "study": {"name": "s"},
    "responses": {"file": "r.csv"},
    "items": {"dimensions": {"f": ["a", "b", "c"]}},
}


def changed(**sections):
    return {**MINIMAL, **sections}


def test_minimal_configuration_has_defaults():
    config = parse_config(MINIMAL)
    assert config.consensus.agreement == 0.80
    assert config.analysis.estimator == "WLSMV"
    assert config.files() == {"responses.file": "r.csv"}


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (
            changed(responses={"file": "r.csv", "grup": "x"}),
            r"responses\.grup: unknown key; did you mean 'group'",
        ),
        (changed(analyses={}), r"analyses: unknown key; did you mean 'analysis'"),
        (changed(responses={}), r"responses\.file: this key is required"),
        (changed(analysis={"estimator": "OLS"}), r"analysis\.estimator: .*found 'OLS'"),
        (changed(items={}), r"items: .*name an item bank"),
        (changed(responses={"file": "r", "group": "g", "region_from": "c"}), r"responses: .*either group"),
        (changed(consensus={"agreement": 1.2}), r"consensus\.agreement: .*found 1\.2"),
    ],
)
def test_errors_name_the_key(raw, message):
    with pytest.raises(ConfigError, match=message):
        parse_config(raw)


def test_all_wrong_keys_are_listed_at_once():
    with pytest.raises(ConfigError) as caught:
        parse_config(changed(responses={"file": "r", "idd": "x"}, analysis={"n_factors": 0.5}))
    assert "responses.idd" in str(caught.value)
    assert "analysis.n_factors" in str(caught.value)


def test_missing_file_and_broken_toml_say_what_to_do(tmp_path):
    with pytest.raises(ConfigError, match="recoverymetrics new DIR"):
        read_config(tmp_path / "none.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text('[study]\nname = "x\n')
    with pytest.raises(ConfigError, match="line 2"):
        read_config(broken)


def test_configuration_survives_json(tmp_path):
    config = parse_config(MINIMAL)
    assert parse_config(config.model_dump(mode="json")) == config
