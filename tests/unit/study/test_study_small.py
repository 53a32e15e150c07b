"""A small study from file to report, verified and tampered with, on the command line."""

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from recoverymetrics.cli import app
from recoverymetrics.study import Study, new_study

ITEMS = [f"i{j}" for j in range(1, 8)]
TOML = """
[study]
name = "Hope in two regions"
seed = 3

[responses]
file = "answers.csv"
id = "person"
group = "region"
categories = [1, 4]
missing_codes = [9]

[items]
reverse = ["i2"]

[items.dimensions]
hope = ["i1", "i2", "i3", "i4", "i5", "i6", "i7"]

[analysis]
parallel_draws = 5
quadrature = 31

[criteria]
weak_loading = 0.45

[decisions]
by = "advisory group"

[decisions.keep]
i7 = "reworded after interviews"
"""


def answers(n: int = 700) -> pd.DataFrame:
    rng = np.random.default_rng(11)
    theta = rng.normal(size=(n, 1))
    loadings = np.array([0.8, 0.7, 0.75, 0.7, 0.65, 0.7, 0.1])
    latent = loadings * theta + np.sqrt(1 - loadings**2) * rng.normal(size=(n, 7))
    values = 1 + (latent[..., None] > np.array([-0.9, 0.0, 0.8])).sum(axis=2)
    values[:, 1] = 5 - values[:, 1]
    values[rng.random(values.shape) < 0.02] = 9
    frame = pd.DataFrame(values, columns=ITEMS)
    frame.insert(0, "region", np.where(np.arange(n) < 400, "AFR", "EUR"))
    frame.insert(0, "person", [f"p{i}" for i in range(n)])
    return frame


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("study")
    answers().to_csv(path / "answers.csv", index=False)
    (path / "study.toml").write_text(TOML)
    done = CliRunner().invoke(app, ["run", str(path / "study.toml")])
    assert done.exit_code == 0, done.output
    assert done.output.strip().splitlines()[-1].endswith("report.html")
    return path


def test_a_run_leaves_report_manifest_and_tables(folder):
    out = folder / "out"
    assert {p.name for p in out.iterdir()} == {
        "report.html", "manifest.json", "evidence.csv", "proposal.csv", "scale.json", "scoring_hope.csv",
    }  # fmt: skip
    html = (out / "report.html").read_text()
    assert "Hope in two regions" in html
    assert "reworded after interviews" in html
    assert "Planted faults" not in html


def test_the_weak_item_is_proposed_for_dropping_and_kept_by_a_person(folder):
    proposal = pd.read_csv(folder / "out" / "proposal.csv").set_index("item")
    assert proposal.at["i7", "decision"] == "drop"
    scale = json.loads((folder / "out" / "scale.json").read_text())
    assert "i7" in scale["items"]
    entry = next(e for e in scale["lineage"] if e["item"] == "i7")
    assert entry["by"] == "advisory group"
    assert entry["proposed"] == "drop"


def test_verify_agrees_and_names_what_moved(folder):
    manifest = folder / "out" / "manifest.json"
    done = CliRunner().invoke(app, ["verify", str(manifest)])
    assert done.exit_code == 0, done.output
    assert "numbers agree" in done.output

    edited = json.loads(manifest.read_text())
    edited["headline"]["cfa.cfi"] += 0.01
    tampered = folder / "out" / "tampered.json"
    tampered.write_text(json.dumps(edited))
    done = CliRunner().invoke(app, ["verify", str(tampered)])
    tampered.unlink()
    assert done.exit_code == 1
    assert "moved: cfa.cfi" in done.output
    assert done.output.count("moved:") == 1


def test_verify_notices_one_changed_answer(folder):
    path = folder / "answers.csv"
    before = path.read_bytes()
    frame = pd.read_csv(path)
    frame.loc[10, "i1"] = 1 if frame.loc[10, "i1"] != 1 else 4
    frame.to_csv(path, index=False)
    done = CliRunner().invoke(app, ["verify", str(folder / "out" / "manifest.json")])
    path.write_bytes(before)
    assert done.exit_code == 1
    assert "input file changed: answers.csv" in done.output
    assert "moved: alpha.hope.AFR" in done.output


def test_results_are_summarised_and_plain(folder):
    result = Study.from_toml(folder / "study.toml").run()
    assert result.glance()["n_items"].iloc[0] == 7
    assert len(result.tidy()) == 7
    assert "keep" in result.headline_sentence()
    assert json.dumps(result.headline())


def test_new_makes_a_study_that_can_be_read(tmp_path):
    path = new_study(tmp_path / "mine")
    assert Study.from_toml(path).config.study.name
    done = CliRunner().invoke(app, ["new", str(tmp_path / "mine")])
    assert done.exit_code == 2
    assert "not empty" in done.output


def test_a_truth_about_other_items_is_left_aside(tmp_path):
    answers().to_csv(tmp_path / "answers.csv", index=False)
    (tmp_path / "truth.json").write_text(
        json.dumps({"dif": [{"item": "zz", "kind": "uniform", "regions": ["AFR"]}], "clean_items": ["zz"]})
    )
    (tmp_path / "study.toml").write_text('truth = "truth.json"\n' + TOML)
    result = Study.from_toml(tmp_path / "study.toml").run()
    assert result.inputs.truth["dif"] == []
    assert result.report(tmp_path / "r.html").is_file()


def test_a_dimension_left_with_two_items_is_named_not_fitted(tmp_path):
    answers().to_csv(tmp_path / "answers.csv", index=False)
    drops = "".join(f'{i} = "out"\n' for i in ITEMS[:5])
    toml = (
        TOML[: TOML.index("[decisions.keep]")]
        + "[decisions.drop]\n"
        + drops
        + '\n[decisions.keep]\ni7 = "stays"\n'
    )
    (tmp_path / "study.toml").write_text(toml)
    result = Study.from_toml(tmp_path / "study.toml").run()
    assert result.revision.unscored == ("hope",)
    assert result.revision.cfa is None
    paths = result.save(tmp_path / "out")
    assert "Too few items are left to fit or score: hope" in paths["report"].read_text()


def test_one_region_alone_is_analysed_without_comparison(tmp_path):
    answers().to_csv(tmp_path / "answers.csv", index=False)
    (tmp_path / "study.toml").write_text(
        TOML.replace('group = "region"', 'group = "region"\nleave_out_groups = ["EUR"]')
    )
    result = Study.from_toml(tmp_path / "study.toml").run()
    assert result.groups.dif is None
    assert result.groups.invariance is None
    result.save(tmp_path / "out")
