"""The bundled six-region study: planted faults are found, clean items left alone, numbers reproduced."""

import pytest

from recoverymetrics.study import Study, demo_study_path, verify
from recoverymetrics.study.planted import careless_found, check_planted, clean_items_flagged

pytestmark = pytest.mark.slow

LEAST_FOUND = 0.80
MOST_CLEAN_FLAGGED = 0.10


@pytest.fixture(scope="module")
def result():
    return Study.from_toml(demo_study_path()).run()


@pytest.mark.parametrize(
    "fault", ["DIF", "weak item", "redundant pair", "uncovered element", "low relevance"]
)
def test_planted_faults_are_found(result, fault):
    table = check_planted(result)
    outcome = table.loc[table["fault"] == fault, "outcome"]
    assert len(outcome)
    assert (outcome == "found").mean() >= LEAST_FOUND


def test_clean_items_are_left_alone(result):
    clean = result.inputs.truth["clean_items"]
    assert len(clean_items_flagged(result)) <= MOST_CLEAN_FLAGGED * len(clean)


def test_careless_respondents_are_flagged_more_often_than_others(result):
    found = careless_found(result)
    assert found["found"] > 0.5
    assert found["false_alarms"] < 0.02


def test_regional_means_are_recovered(result):
    truth = result.inputs.truth["regions"]
    for dimension, fit in result.calibration.fits.items():
        found = fit.groups.set_index("group")["mean"]
        planted = found.index.map(lambda g, d=dimension: truth[g]["mean"][d]).to_numpy(dtype=float)
        gap = (found - found.mean()).to_numpy() - (planted - planted.mean())
        assert abs(gap).max() < 0.2


def test_the_numbers_are_reproduced(result, tmp_path):
    paths = result.save(tmp_path / "out")
    checked = verify(paths["manifest"])
    assert checked.ok, checked.moved()
    assert len(checked.numbers) > 200
