"""Reading files: formats, missing cells, errors."""

import gzip
import sys

import pandas as pd
import pyreadstat
import pytest

import recoverymetrics as rm

TABLE = pd.DataFrame({"q1": [1.0, None, 3.0], "q2": [4.0, 2.0, 1.0], "country": ["NA", "DE", None]})


def same(frame):
    assert list(frame.columns) == ["q1", "q2", "country"]
    assert frame["q1"].tolist()[::2] == [1, 3]
    assert frame["q1"].isna().tolist() == [False, True, False]
    assert frame["country"].isna().tolist() == [False, False, True]
    assert frame["country"].tolist()[:2] == ["NA", "DE"]


def write(path):
    name = path.name
    if ".csv" in name:
        TABLE.to_csv(path, index=False)
    elif ".tsv" in name or ".txt" in name:
        TABLE.to_csv(path, index=False, sep="\t")
    elif name.endswith(".parquet"):
        TABLE.to_parquet(path)
    elif name.endswith(".sav"):
        pyreadstat.write_sav(TABLE, str(path))
    else:
        pyreadstat.write_dta(TABLE.fillna({"country": ""}), str(path))
    return path


@pytest.mark.parametrize(
    "name",
    ["t.csv", "t.csv.gz", "t.tsv", "t.tsv.gz", "t.txt", "t.parquet", "t.sav", "t.dta", "T.CSV".lower()],
)
def test_every_format_gives_the_same_table(tmp_path, name):
    same(rm.read_table(write(tmp_path / name)))
    same(rm.read_table(str(tmp_path / name)))


def test_namibia_survives_up_to_the_region(tmp_path):
    frame = rm.read_table(write(tmp_path / "t.csv"))
    r = rm.Responses(frame, items=["q1", "q2"], region_from="country")
    assert list(r.group) == ["AFR", "EUR", None]


def test_semicolons_and_byte_order_mark(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("q1;q2\n1;2\n", encoding="utf-8-sig")
    assert rm.read_table(path).to_dict("list") == {"q1": [1], "q2": [2]}


def test_missing_words_stay_text(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("q1,q2\n1,n/a\n2,None\n", encoding="utf-8")
    assert rm.read_table(path)["q2"].tolist() == ["n/a", "None"]


def test_words_for_missing_count_only_in_columns_of_numbers(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("q1,q2,country,note\n1,NA,NA,NA\nNA,2,DE,NA\n3,.,NA,NA\n", encoding="utf-8")
    frame = rm.read_table(path)
    assert frame["q1"].isna().tolist() == [False, True, False]
    assert frame["q2"].isna().tolist() == [True, False, True]
    assert frame["q2"].dtype.kind == "f"
    assert frame["country"].tolist() == ["NA", "DE", "NA"]
    assert frame["note"].tolist() == ["NA", "NA", "NA"]


def error_of(path):
    with pytest.raises(rm.DataError) as caught:
        rm.read_table(path)
    return str(caught.value)


def test_no_file(tmp_path):
    assert "there is no file" in error_of(tmp_path / "absent.csv")


@pytest.mark.parametrize("content", ["", "\n\n"])
def test_empty_file(tmp_path, content):
    path = tmp_path / "t.csv"
    path.write_text(content)
    assert error_of(path) == "the file 't.csv' is empty."


def test_header_only(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("q1,q2\n")
    assert error_of(path) == "the file 't.csv' has 2 columns but no rows of data."


def test_unknown_ending(tmp_path):
    path = tmp_path / "t.xlsx"
    path.write_text("x")
    assert "the ending of 't.xlsx' is not known; the endings are .csv" in error_of(path)


def test_other_encoding_is_explained(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes("q1,land\n1,T\u00fcrkei\n".encode("latin-1"))
    assert "is not UTF-8 text" in error_of(path)


def test_ragged_rows(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("q1,q2\n1,2\n1,2,3,4\n")
    assert "is not a table" in error_of(path)


@pytest.mark.parametrize("name", ["t.parquet", "t.sav", "t.dta"])
def test_damaged_binary_file(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"not what it says")
    assert f"the file '{name}' cannot be read" in error_of(path)


def test_damaged_gzip(tmp_path):
    path = tmp_path / "t.csv.gz"
    path.write_bytes(b"not zipped")
    assert "cannot be read" in error_of(path)
    with gzip.open(path, "wt") as handle:
        handle.write("q1\n1\n")
    assert len(rm.read_table(path)) == 1


@pytest.mark.parametrize(("name", "module"), [("t.parquet", "pyarrow.parquet"), ("t.sav", "pyreadstat")])
def test_a_missing_package_is_named(tmp_path, monkeypatch, name, module):
    write(tmp_path / name)
    monkeypatch.setitem(sys.modules, module, None)
    assert "is not installed: pip install 'recoverymetrics[files]'" in error_of(tmp_path / name)
