"""The committed example study on real answers: the Rosenberg scale in six WHO regions."""

from pathlib import Path

import pytest
from golden import REAL, needs_real

from recoverymetrics.study import Study

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "rosenberg.toml"

pytestmark = [needs_real, pytest.mark.slow]


@pytest.fixture(scope="module")
def result():
    return Study.from_toml(EXAMPLE, data=REAL).run()


def test_everybody_is_read_and_six_regions_take_part(result):
    responses = result.inputs.responses
    assert responses.n == 47_974
    assert responses.groups == ("AFR", "AMR", "SEAR", "EUR", "EMR", "WPR")
    assert sum(n.n for n in responses.notes if n.kind == "unknown_region") == 251
    assert any("251 persons of 47974" in words for words in result.warnings)


def test_every_step_has_run(result):
    assert result.structure.cfa.converged
    assert result.calibration.fits["self_esteem"].converged
    ladder = result.groups.invariance.tidy()
    assert ladder["level"].iloc[0] == "configural"
    assert len(ladder) >= 3
    assert len(result.proposal.tidy()) == 10
    omega = result.groups.reliability.tidy().query("term == 'omega_total'")
    assert len(omega) == 6
    assert omega["estimate"].min() > 0.8


def test_pairs_of_like_wording_are_seen(result):
    pairs = {frozenset((p.item, p.item_2)) for p in result.revision.evidence.pairs.itertuples()}
    assert frozenset(("Q9", "Q10")) in pairs


def test_the_report_is_written(result, tmp_path):
    paths = result.save(tmp_path / "out")
    html = paths["report"].read_text(encoding="utf-8")
    for region in result.inputs.responses.groups:
        assert region in html
    assert "Planted faults" not in html
