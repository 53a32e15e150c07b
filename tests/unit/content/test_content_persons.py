import numpy as np
import pandas as pd
import pytest

import recoverymetrics as rm
from recoverymetrics.errors import DataError, OptionError

ELEMENTS = pd.DataFrame(
    {"element_id": ["hope", "home", "peers", "stigma"], "label": ["Hope", "Home", "Peers", "Stigma"],
     "domain": ["definition", "definition", "definition", "barrier"]}
)  # fmt: skip


@pytest.fixture
def coverage():
    return rm.map_coverage(
        ["h1", "h2", "m1", "s1"], ELEMENTS, {"h1": "hope", "h2": "hope", "m1": "home", "s1": "stigma"}
    )


@pytest.fixture
def themes():
    return pd.DataFrame(
        {
            "person": ["p1", "p1", "p2", "p3", "p4", "p5"],
            "text": ["to hope", "a home", "others like me", "painting", None, None],
            "coded_element": ["hope", "stigma", "peers", None, None, None],
            "importance": [6, 2, 5, 4, None, None],
            "goal_status": ["met", "unmet", "partly", None, None, None],
            "response_code": ["answered"] * 4 + ["not_applicable", "declines_concept"],
            "service": ["north", "north", "south", "south", "north", "south"],
        }
    )


def test_shares_of_a_published_comparison():
    # PSYCHLOPS beside a fixed measure: 27 of 61 themes (44%) and 128 of 215 people (60%) not covered
    rng = np.random.default_rng(1)
    covered = [f"c{k}" for k in range(34)]
    outside = [f"o{k}" for k in range(27)]
    rows = [(f"p{i}", outside[i % 27], None) for i in range(128)]
    rows += [(f"p{i}", c, c) for i, c in enumerate(rng.choice(covered, 128))]
    rows += [(f"p{i}", covered[i % 34], covered[i % 34]) for i in range(128, 215)]
    said = pd.DataFrame(rows, columns=["person", "theme", "coded_element"])
    coverage = rm.map_coverage(covered, covered, {c: c for c in covered})
    none = dict.fromkeys(("text", "importance", "goal_status", "response_code"))
    row = rm.map_themes(said, coverage, theme="theme", **none).glance().iloc[0]
    assert (row["n_themes"], row["n_themes_uncovered"]) == (61, 27)
    assert (row["n_answered"], row["n_persons_uncovered"]) == (215, 128)
    assert round(row["share_themes_uncovered"], 2) == 0.44
    assert round(row["share_persons_uncovered"], 2) == 0.60


def test_no_element_and_no_item_are_told_apart(themes, coverage):
    result = rm.map_themes(themes, coverage)
    gaps = result.uncovered_themes().set_index("person")["reason"].to_dict()
    assert gaps == {"p2": "element without item", "p3": "no element"}
    row = result.glance().iloc[0]
    assert (row["n_statements_uncovered"], row["n_statements_outside"], row["n_persons_outside"]) == (2, 1, 1)
    assert result.shares()["n_uncovered"].tolist() == [2, 2, 1, 2, 1]
    assert result.by_group("service").set_index("group").loc["south", "share_persons_uncovered"] == 1
    assert result.tidy().set_index("element").loc["peers", ["n_persons", "n_items"]].tolist() == [1, 0]


def test_codes_are_answers_not_missing(themes, coverage):
    codes = rm.map_themes(themes, coverage).codes().set_index("response_code")
    assert codes["n"].to_dict() == {"answered": 3, "not_applicable": 1, "declines_concept": 1}
    assert codes.loc["declines_concept", "share"] == 0.2
    by = rm.map_themes(themes, coverage).codes("service").set_index(["group", "response_code"])
    assert by.loc[("south", "declines_concept"), "share"] == pytest.approx(1 / 3)


def test_goals_keep_barriers_apart(themes, coverage):
    goals = rm.map_themes(themes, coverage).goals("service").set_index(["side", "group"])
    counts = ["n_met", "n_partly", "n_unmet", "n_not_rated"]
    assert goals.loc[("recovery", "all"), counts].tolist() == [1, 1, 0, 0]
    assert goals.loc[("no element", "all"), counts].tolist() == [0, 0, 0, 1]
    assert goals.loc[("barrier", "all"), "n_unmet"] == 1
    assert goals.loc[("recovery", "all"), "need_gap"] == pytest.approx(0.5 * 5 / 11)  # weights 6 and 5
    assert ("barrier", "south") not in goals.index


def test_own_weights_beside_the_fixed_scale(themes, coverage):
    result = rm.map_themes(themes, coverage)
    weights = result.weights().set_index(["person", "element"])["weight"]
    assert weights[("p1", "hope")] == 0.75
    answers = pd.DataFrame(
        {"id": ["p1", "p2", "p5"], "h1": [5, 1, 3], "h2": [3, 1, 3], "m1": [1, 5, 3], "s1": [2, 4, 3]}
    )
    scores = result.augment(answers, id="id").set_index("person")
    assert scores.loc["p1", "fixed_recovery"] == 3
    assert scores.loc["p1", "weighted_recovery"] == 4
    assert scores.loc["p1", "weighted_barrier"] == 2
    assert scores.loc["p1", "weight_uncovered"] == 0
    assert np.isnan(scores.loc["p2", "weighted_recovery"])
    assert scores.loc["p2", "weight_uncovered"] == 1
    assert scores.loc["p5", "response_code"] == "declines_concept"
    assert np.isnan(scores.loc["p5", "weight_uncovered"])
    turned = result.augment(answers, id="id", reverse=["m1"]).set_index("person")
    assert turned.loc["p1", "fixed_recovery"] == pytest.approx(13 / 3)


def test_an_item_never_counts_on_both_sides(themes):
    both = rm.map_coverage(["q"], ELEMENTS, {"q": ["hope", "stigma"]})
    with pytest.raises(DataError, match=r"'q'.*one side"):
        rm.map_themes(themes, both).augment(pd.DataFrame({"id": ["p1"], "q": [3]}), id="id")
    bank = pd.DataFrame({"item_id": ["q"], "domain": ["barrier"], "element": ["hope;stigma"]})
    settled = rm.map_themes(themes, rm.map_coverage(bank, ELEMENTS))
    scores = settled.augment(pd.DataFrame({"id": ["p1"], "q": [3]}), id="id")
    assert np.isnan(scores["fixed_recovery"].item())
    assert scores["fixed_barrier"].item() == 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"coded_element": ["nope"] + [None] * 5}, "elements are unknown.*'nope' in row 1"),
        ({"goal_status": ["done"] + [None] * 5}, "known are met, partly, unmet"),
        ({"response_code": ["refused"] + ["answered"] * 5}, "declines_concept"),
        ({"response_code": ["answered", "not_applicable", *["answered"] * 4]}, "person 'p1'"),
    ],
)
def test_wrong_cells_are_named(themes, coverage, change, message):
    with pytest.raises(DataError, match=message):
        rm.map_themes(themes.assign(**change), coverage)


def test_wrong_columns(themes, coverage):
    with pytest.raises(DataError, match="no column 'coded_element'"):
        rm.map_themes(themes.drop(columns="coded_element"), coverage)
    result = rm.map_themes(themes, coverage)
    with pytest.raises(OptionError, match="'region'"):
        result.goals("region")
    with pytest.raises(DataError, match="'who'"):
        result.augment(pd.DataFrame({"id": ["p1"]}), id="who")
    with pytest.raises(DataError, match="none of the items"):
        result.augment(pd.DataFrame({"id": ["p1"]}), id="id")
    with pytest.raises(DataError, match="'z'"):
        result.augment(pd.DataFrame({"id": ["p1"], "h1": [3]}), id="id", reverse=["z"])
    assert "never" in result.summary() or "nothing here subtracts" in result.summary()


def test_figure_counts_people_and_marks_what_no_item_asks(themes, coverage):
    import matplotlib.pyplot as plt
    from matplotlib.colors import to_hex

    ax = rm.map_themes(themes, coverage).plot()
    labels = [tick.get_text() for tick in ax.get_yticklabels()]
    bars = {labels[round(bar.get_y() + bar.get_height() / 2)]: bar for bar in ax.patches}
    assert {label: bar.get_width() for label, bar in bars.items()} == {
        "Hope": 1, "Peers": 1, "Stigma": 1, "something that no element covers": 1,
    }  # fmt: skip
    assert to_hex(bars["Peers"].get_facecolor()) == to_hex(
        bars["something that no element covers"].get_facecolor()
    )
    assert to_hex(bars["Hope"].get_facecolor()) != to_hex(bars["Peers"].get_facecolor())
    plt.close("all")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"importance": ["high", 2, 5, 4, None, None]}, "'high' in row 1"),
        ({"importance": [6, -2, 5, 4, None, None]}, "numbers from 0 upward"),
        ({"coded_element": ["hope", "stigma", "peers", None, "home", None]}, "person 'p4', not_applicable"),
    ],
)
def test_themes_that_cannot_count_are_refused(themes, coverage, change, message):
    with pytest.raises(DataError, match=message):
        rm.map_themes(themes.assign(**change), coverage)
