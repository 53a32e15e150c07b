"""The synthetic study: the same bytes each time, and the planted faults are in the data."""

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

FOLDER = Path(__file__).parents[3] / "data" / "synthetic"
FILES = (
    "elements.csv",
    "delphi_statements.csv",
    "delphi_ratings.csv",
    "items.csv",
    "relevance.csv",
    "themes.csv",
    "responses.csv",
    "truth.json",
)
RECOVERY = ("agency", "connection", "safety_rights", "hope_meaning")


@cache
def table(name):
    return pd.read_csv(FOLDER / f"{name}.csv", keep_default_na=False, na_values=[""])


@cache
def truth():
    return json.loads((FOLDER / "truth.json").read_text("utf-8"))


@cache
def keyed():
    """Answers with reverse-keyed items turned, careless persons left out."""
    frame = table("responses").copy()
    frame[truth()["reverse_items"]] = 6 - frame[truth()["reverse_items"]]
    return frame[~frame["person"].isin(truth()["careless_persons"])]


def items():
    return [item for names in truth()["dimensions"].values() for item in names]


def test_script_writes_the_committed_bytes(tmp_path):
    done = subprocess.run(
        [sys.executable, "-B", str(FOLDER / "generate.py"), "--out", str(tmp_path)],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES)
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes(), name


def test_truth_has_every_key():
    assert list(truth()) == [
        "seed",
        "dimensions",
        "loadings",
        "slopes",
        "thresholds",
        "regions",
        "factor_correlations",
        "dif",
        "redundant_pairs",
        "weak_items",
        "careless_persons",
        "uncovered_elements",
        "low_relevance_items",
        "stakeholder_split",
        "reverse_items",
        "clean_items",
    ]


def test_items_agree_with_truth_and_elements():
    bank = table("items")
    assert list(bank["item_id"]) == items() == list(table("responses").columns[6:])
    assert bank["text"].is_unique
    assert (
        list(bank.loc[bank["reverse"].astype(str).str.lower() == "true", "item_id"])
        == truth()["reverse_items"]
    )
    used = {element for cell in bank["element"] for element in cell.split(";")}
    elements = set(table("elements")["element_id"])
    assert used <= elements
    assert sorted(elements - used) == truth()["uncovered_elements"]
    assert set(bank.loc[bank["dimension"] == "barriers", "domain"]) == {"barrier"}
    assert set(bank.loc[bank["dimension"] != "barriers", "domain"]) == {"recovery"}


def test_planted_faults_do_not_overlap():
    found = truth()
    dif = {entry["item"] for entry in found["dif"]}
    redundant = {item for pair in found["redundant_pairs"] for item in pair}
    weak = set(found["weak_items"])
    assert len(dif | redundant | weak) == len(dif) + len(redundant) + len(weak)
    assert not set(found["clean_items"]) & (dif | redundant | weak | set(found["low_relevance_items"]))
    for names in found["dimensions"].values():
        assert len(dif & set(names)) <= 2
    sizes = [entry["size"] for entry in found["dif"] if entry["kind"] == "uniform"]
    assert min(sizes) < 0 < max(sizes)


def test_respondents_have_the_planted_regions():
    counts = table("responses")["region"].value_counts()
    assert {region: entry["n"] for region, entry in truth()["regions"].items()} == counts.to_dict()
    assert table("responses")["person"].is_unique


def test_every_category_is_used_in_every_region():
    for _, block in table("responses").groupby("region"):
        for item in items():
            counts = block[item].value_counts().reindex([1, 2, 3, 4, 5], fill_value=0)
            assert counts.min() >= 10, (item, counts.to_dict())


def test_missing_answers_are_as_many_as_planned():
    lost = table("responses")[items()].isna()
    assert 0.025 < lost.to_numpy().mean() < 0.045
    assert 3 <= lost.all(axis=1).sum() <= 5
    by_region = lost.mean(axis=1).groupby(table("responses")["region"]).mean()
    assert by_region["EMR"] > by_region["EUR"]
    assert lost["BA05"].mean() > 1.5 * lost["BA06"].mean()


def test_weak_items_are_weak_and_all_others_are_not():
    rest = {}
    for names in truth()["dimensions"].values():
        block = keyed()[names]
        rest |= {item: block[item].corr(block.drop(columns=item).mean(axis=1)) for item in names}
    weak = {item for item, value in rest.items() if value < 0.35}
    assert weak == set(truth()["weak_items"])


def test_redundant_pairs_correlate_beyond_their_dimension():
    for first, second in truth()["redundant_pairs"]:
        loadings = truth()["loadings"]
        seen = keyed()[first].corr(keyed()[second])
        assert seen > loadings[first] * loadings[second] + 0.1


def test_factors_correlate_as_planted():
    planted = truth()["factor_correlations"]
    scores = pd.DataFrame(
        {name: keyed()[names].mean(axis=1) for name, names in truth()["dimensions"].items()}
    )
    seen = scores.groupby(keyed()["region"]).corr().groupby(level=1, sort=False).mean()
    for row in RECOVERY:
        assert seen.loc[row, "barriers"] == pytest.approx(0.85 * planted[row]["barriers"], abs=0.1)
        for column in RECOVERY:
            if row != column:
                assert seen.loc[row, column] == pytest.approx(0.85 * planted[row][column], abs=0.12)


def test_regional_means_are_ordered_as_planted():
    dif = {entry["item"] for entry in truth()["dif"]}
    for name, names in truth()["dimensions"].items():
        clean = [item for item in names if item not in dif]
        seen = keyed()[clean].mean(axis=1).groupby(keyed()["region"]).mean()
        planted = pd.Series({region: entry["mean"][name] for region, entry in truth()["regions"].items()})
        assert seen.corr(planted) > 0.95, name


@pytest.mark.parametrize("position", range(7))
def test_dif_items_differ_from_their_dimension_in_the_named_regions(position):
    entry = truth()["dif"][position]
    dimension = next(names for names in truth()["dimensions"].values() if entry["item"] in names)
    dif = {other["item"] for other in truth()["dif"]}
    rest = keyed()[[item for item in dimension if item not in dif]].mean(axis=1)
    inside = keyed()["region"].isin(entry["regions"])
    if entry["kind"] == "uniform":
        gap = keyed()[entry["item"]] - np.poly1d(_line(rest, keyed()[entry["item"]]))(rest)
        assert np.sign(gap[inside].mean() - gap[~inside].mean()) == -np.sign(entry["size"])
        assert abs(gap[inside].mean() - gap[~inside].mean()) > 0.35
    else:
        inner, outer = (_line(rest[mask], keyed()[entry["item"]][mask])[0] for mask in (inside, ~inside))
        assert inner < 0.65 * outer


def _line(x, y):
    kept = x.notna() & y.notna()
    return np.polyfit(x[kept], y[kept], 1)


def test_careless_persons_answer_without_regard_to_keying():
    careless = table("responses")[table("responses")["person"].isin(truth()["careless_persons"])]
    assert len(careless) == 180
    recovery = truth()["dimensions"]["hope_meaning"]
    straight = [item for item in recovery if item not in truth()["reverse_items"]]
    turned = [item for item in recovery if item in truth()["reverse_items"]]
    assert careless[straight].mean(axis=1).corr(careless[turned].mean(axis=1)) > 0.2
    careful = table("responses").drop(careless.index)
    assert careful[straight].mean(axis=1).corr(careful[turned].mean(axis=1)) < -0.4


def final_agreement():
    ratings = table("delphi_ratings").dropna(subset="rating")
    last = ratings[ratings["round"] == ratings.groupby("statement")["round"].transform("max")]
    relevant = last.assign(relevant=last["rating"] >= 4)
    return relevant.pivot_table(index="statement", columns="stakeholder", values="relevant", aggfunc="mean")


def test_consensus_differs_between_stakeholders_where_planted():
    agreed = final_agreement() >= 0.80
    split = truth()["stakeholder_split"]
    lived, professional = agreed["lived_experience"], agreed["professional"]
    assert list(agreed.index[lived & ~professional]) == split["lived_experience_only"]
    assert list(agreed.index[professional & ~lived]) == split["professionals_only"]
    assert list(agreed.index[lived | professional]) == sorted(table("elements")["element_id"])


def test_panel_loses_most_where_planted():
    people = table("delphi_ratings").groupby(["region", "round"])["panelist"].nunique().unstack()
    kept = people[3] / people[1]
    assert set(kept.nsmallest(2).index) == {"AFR", "EMR"}
    assert len(people) == 6
    assert people[1].sum() == 110


def test_round_three_rates_only_what_was_below_consensus():
    ratings = table("delphi_ratings")
    second = ratings[ratings["round"] == 2].dropna(subset="rating")
    share = (second["rating"] >= 4).groupby(second["statement"]).mean()
    assert set(ratings.loc[ratings["round"] == 3, "statement"]) == set(share.index[share < 0.80])


def test_lineage_is_complete():
    statements = table("delphi_statements").set_index("statement").sort_index()
    rounds = table("delphi_ratings").groupby("statement")["round"].agg(["min", "max"])
    assert (rounds["min"] == statements["entered_round"]).all()
    left = statements["left_round"].dropna()
    assert (rounds.loc[left.index, "max"] == left).all()
    assert set(statements["replaced_by"].dropna()) <= set(statements.index)


def test_low_relevance_items_are_rated_low():
    relevance = table("relevance")
    share = (relevance["relevance"] >= 3).groupby(relevance["item"]).mean()
    assert sorted(share.index[share < 0.78]) == truth()["low_relevance_items"]
    assert relevance.groupby("stakeholder")["rater"].nunique().to_dict() == {
        "lived_experience": 6,
        "professional": 6,
    }


def test_themes_have_the_planned_gaps():
    themes = table("themes")
    answered = themes[themes["response_code"] == "answered"]
    assert themes["person"].nunique() == 300
    assert 0.35 <= answered["coded_element"].isna().mean() <= 0.45
    assert set(themes["response_code"]) == {"answered", "not_applicable", "declines_concept"}
    assert answered["importance"].between(0, 10).all()
    assert themes["person"].isin(table("responses")["person"]).all()
