"""Bad input: a clear error on the command line, exit code 2, and no output at all."""

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

import recoverymetrics
from recoverymetrics.cli import app
from recoverymetrics.study import Study
from recoverymetrics.study.inputs import read_inputs

ITEMS = ["i1", "i2", "i3", "i4", "i5", "i6"]
TOML = """
[study]
name = "small"

[responses]
file = "r.csv"
id = "person"
region_from = "country"
min_group_size = 50

[items.dimensions]
hope = ["i1", "i2", "i3", "i4", "i5", "i6"]
"""


def answers(n: int = 240) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    theta = rng.normal(size=(n, 1))
    values = np.clip(np.round(2.5 + theta + rng.normal(scale=0.8, size=(n, 6))), 1, 4).astype(int)
    frame = pd.DataFrame(values, columns=ITEMS)
    frame.insert(0, "country", np.where(np.arange(n) % 2 == 0, "KE", "DE"))
    frame.insert(0, "person", [f"p{i}" for i in range(n)])
    return frame


def write(folder, frame, toml=TOML):
    frame.to_csv(folder / "r.csv", index=False)
    (folder / "study.toml").write_text(toml)
    return folder / "study.toml"


def refuse(folder, *wanted):
    done = CliRunner().invoke(app, ["run", str(folder / "study.toml"), "--out", str(folder / "out")])
    assert done.exit_code == 2, done.output
    for words in wanted:
        assert words in done.output
    assert sorted(p.name for p in folder.iterdir()) == ["r.csv", "study.toml"]


def test_empty_file(tmp_path):
    (tmp_path / "r.csv").write_text("")
    (tmp_path / "study.toml").write_text(TOML)
    refuse(tmp_path, "r.csv", "empty")


def test_unknown_item(tmp_path):
    write(tmp_path, answers().drop(columns="i4"))
    refuse(tmp_path, "responses.file (r.csv)", "'i4'", "columns are")


def test_item_with_one_category(tmp_path):
    write(tmp_path, answers().assign(i3=2))
    refuse(tmp_path, "'i3'", "one category")


def test_region_with_three_people(tmp_path):
    frame = answers()
    frame.loc[:2, "country"] = "BR"
    write(tmp_path, frame)
    refuse(tmp_path, "AMR has 3", "leave_out_groups")


def test_text_in_an_item_column(tmp_path):
    frame = answers().astype({"i2": object})
    frame.loc[4, "i2"] = "often"
    write(tmp_path, frame)
    refuse(tmp_path, "'i2'", "'often'", "row")


def test_duplicate_ids(tmp_path):
    frame = answers()
    frame.loc[7, "person"] = "p3"
    write(tmp_path, frame)
    refuse(tmp_path, "p3", "person")


def test_misspelt_key(tmp_path):
    write(tmp_path, answers(), TOML.replace("min_group_size", "min_gruop_size"))
    refuse(tmp_path, "responses.min_gruop_size", "did you mean 'min_group_size'")


def test_categories_shifted_between_regions(tmp_path):
    frame = answers()
    frame.loc[frame["country"] == "DE", ITEMS] -= 1
    write(tmp_path, frame)
    refuse(tmp_path, "AFR", "EUR", "0", "4")


def test_missing_input_file(tmp_path):
    write(tmp_path, answers(), TOML.replace("r.csv", "other.csv"))
    refuse(tmp_path, "responses.file", "'other.csv'")


def test_leaving_out_a_group_that_is_not_there(tmp_path):
    write(tmp_path, answers(), TOML.replace("min_group_size = 50", 'leave_out_groups = ["WPR"]'))
    refuse(tmp_path, "leave_out_groups", "'WPR'")


def test_a_small_region_is_left_out_only_by_name(tmp_path):
    frame = answers()
    frame.loc[:2, "country"] = "BR"
    path = write(
        tmp_path,
        frame,
        TOML.replace("min_group_size = 50", 'min_group_size = 50\nleave_out_groups = ["AMR"]'),
    )
    study = Study.from_toml(path)
    responses = read_inputs(study.config, study.base).responses
    assert responses.n == 237
    assert set(responses.groups) == {"AFR", "EUR"}


def test_a_person_without_answers_is_kept_and_reported(tmp_path):
    frame = answers().astype(dict.fromkeys(ITEMS, float))
    frame.loc[5, ITEMS] = np.nan
    study = Study.from_toml(write(tmp_path, frame))
    responses = read_inputs(study.config, study.base).responses
    assert responses.n == 240
    assert any(note.kind == "empty_person" and note.n == 1 for note in responses.notes)


@pytest.mark.parametrize("command", [["run", "nowhere.toml"], ["verify", "nowhere.json"]])
def test_missing_files_on_the_command_line(command):
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 2
    assert "nowhere" in done.output


@pytest.mark.parametrize(
    ("toml", "wanted"),
    [
        (
            TOML.replace("hope = [", 'other = ["i1", "i2", "i3"]\nhope = ['),
            "'i1' is in 'other' and in 'hope'",
        ),
        (TOML.replace("hope = [", 'other = ["i1", "i2"]\nhope = ['), "'other' has 2 items"),
        (
            TOML.replace("[items.dim", '[items]\nseparate = ["bariers"]\n\n[items.dim'),
            "no dimension 'bariers'",
        ),
        (TOML + '\n[decisions.drop]\ni1 = "because"\n', "who decided"),
        (
            TOML + '\n[decisions]\nby = "panel"\n\n[decisions.drop]\nzz = "because"\n',
            "decisions.drop: there is no item 'zz'",
        ),
        (
            TOML.replace('region_from = "country"', 'group = "land"\nleave_out_groups = ["x"]'),
            "responses.group: there is no column 'land'",
        ),
        (TOML.replace("min_group_size = 50", 'leave_out_groups = ["AFR", "EUR"]'), "nobody is left"),
    ],
)
def test_contradictions_in_the_study_file(tmp_path, toml, wanted):
    write(tmp_path, answers(), toml)
    refuse(tmp_path, wanted)


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_truth_that_is_none(tmp_path, text):
    write(tmp_path, answers(), 'truth = "t.json"\n' + TOML)
    (tmp_path / "t.json").write_text(text)
    done = CliRunner().invoke(app, ["run", str(tmp_path / "study.toml")])
    assert done.exit_code == 2
    assert "truth:" in done.output


def test_output_into_a_file_is_refused_before_anything_runs(tmp_path):
    write(tmp_path, answers())
    taken = tmp_path / "taken"
    taken.write_text("mine")
    for out in (taken, taken / "sub"):
        done = CliRunner().invoke(app, ["run", str(tmp_path / "study.toml"), "--out", str(out)])
        assert done.exit_code == 2
        assert "is a file" in done.output
    assert taken.read_text() == "mine"


def test_relevance_of_an_item_that_is_not_there(tmp_path):
    write(tmp_path, answers(), TOML + '\n[content]\nrelevance = "rel.csv"\n')
    (tmp_path / "rel.csv").write_text("item,rater,relevance\ni1,R1,4\nZZ9,R1,3\n")
    done = CliRunner().invoke(app, ["run", str(tmp_path / "study.toml")])
    assert done.exit_code == 2
    assert "'ZZ9' is rated" in done.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("section", "key", "file", "content", "column"),
    [
        ("content", "relevance", "rel.csv", "item,rater,score\ni1,R1,4\n", "relevance"),
        ("consensus", "ratings", "rat.csv", "statement,panelist,round\ns1,p1,1\n", "rating"),
        ("consensus", "elements", "el.csv", "element,domain,label\ne1,definition,hope\n", "element_id"),
    ],
)
def test_a_missing_column_names_the_key_and_the_file(tmp_path, section, key, file, content, column):
    write(tmp_path, answers(), TOML + f'\n[{section}]\n{key} = "{file}"\n')
    (tmp_path / file).write_text(content)
    done = CliRunner().invoke(app, ["run", str(tmp_path / "study.toml"), "--out", str(tmp_path / "out")])
    assert done.exit_code == 2, done.output
    said = " ".join(done.output.split())
    assert f"{section}.{key} ({file})" in said
    assert f"'{column}'" in said


def test_a_folder_that_cannot_be_written_is_refused_before_the_work(tmp_path, monkeypatch):
    write(tmp_path, answers())
    monkeypatch.setattr("recoverymetrics.cli._writable", lambda folder: False)
    refuse(tmp_path, "--out", "nothing can be written")


def test_the_version_is_told():
    done = CliRunner().invoke(app, ["--version"])
    assert done.exit_code == 0
    assert done.output.strip() == f"recoverymetrics {recoverymetrics.__version__}"
