import numpy as np
import pandas as pd
import pytest
from scipy import stats

import recoverymetrics as rm
from recoverymetrics.content import definitional_validity, lawshe_critical, lawshe_cvr
from recoverymetrics.content.indices import aiken_v, critical_count, modified_kappa
from recoverymetrics.errors import DataError, OptionError

# number of raters needed for 5 to 40 raters, exact one-tailed binomial .05 (Ayre & Scally 2014)
NEEDED = [5, 6, 7, 7, 8, 9, 9, 10, 10, 11, 12, 12, 13, 13, 14, 15, 15, 16, 16, 17, 18, 18, 19, 19, 20, 20, 21, 22, 22, 23, 23,
          24, 24, 25, 26, 26]  # fmt: skip


def ratings(matrix, **more):
    matrix = np.asarray(matrix, dtype=float)
    rows = [(f"i{i}", f"r{r}", x) for i, own in enumerate(matrix) for r, x in enumerate(own)]
    return pd.DataFrame(rows, columns=["item", "rater", "x"]).assign(**more)


def validity(matrix, **options):
    return rm.content_validity(ratings(matrix), item="item", rater="rater", relevance="x", **options)


def test_scale_indices_of_a_published_panel():
    # 6 raters, 12 items, ten at 1.00 and two at .83: S-CVI/Ave .97, S-CVI/UA .83 (PMC7253559, table 4)
    matrix = np.full((12, 6), 4.0)
    matrix[3, 0] = matrix[8, 5] = 2
    glance = validity(matrix).glance()
    assert glance["s_cvi_ave"].item() == pytest.approx((10 + 2 * 5 / 6) / 12)
    assert round(glance["s_cvi_ave"].item(), 2) == 0.97
    assert round(glance["s_cvi_ua"].item(), 2) == 0.83
    assert glance["n_below"].item() == 0


@pytest.mark.parametrize(
    ("agree", "n", "published"),
    # Polit, Beck & Owen 2007, table 4: I-CVI and modified kappa, printed after rounding in between
    [(3, 3, 1.00), (2, 3, 0.47), (4, 4, 1.00), (3, 4, 0.67), (4, 5, 0.76), (5, 6, 0.81), (4, 6, 0.56), (6, 7, 0.85), (5, 7, 0.65),
     (7, 8, 0.88), (6, 8, 0.72), (8, 9, 0.89), (7, 9, 0.76)],
)  # fmt: skip
def test_modified_kappa_of_polit_beck_owen(agree, n, published):
    assert float(modified_kappa(agree, n)) == pytest.approx(published, abs=0.0101)


def test_lawshe_exact_table():
    for n, needed in zip(range(5, 41), NEEDED, strict=True):
        assert critical_count(n) == needed
        assert lawshe_critical(n) == pytest.approx((needed - n / 2) / (n / 2))
        assert stats.binom.sf(needed - 1, n, 0.5) <= 0.05 < stats.binom.sf(needed - 2, n, 0.5)
    assert np.isnan(lawshe_critical(4))


def test_named_tables_differ():
    assert lawshe_critical(13) == pytest.approx(0.538, abs=5e-4)
    assert lawshe_critical(13, table="wilson2012") == pytest.approx(0.456, abs=5e-4)
    assert lawshe_critical(13, table="lawshe1975") == 0.54
    assert np.isnan(lawshe_critical(16, table="lawshe1975"))
    with pytest.raises(OptionError, match="ayre2014, wilson2012, lawshe1975"):
        lawshe_critical(10, table="schipper")
    with pytest.raises(OptionError, match="table="):
        validity([[4, 4]], cvr_table="schipper")


def test_cvr_and_essential_category():
    result = validity([[4, 4, 4, 3, 3]], essential=4).tidy().iloc[0]
    assert result["cvr"] == pytest.approx(0.2)
    assert not result["cvr_met"]
    assert float(lawshe_cvr(10, 13)) == pytest.approx(0.538, abs=5e-4)


def test_aiken_interval_solves_the_score_equation():
    # Penfield & Giacobbi 2004: the limits are the V0 at which a score test of n k trials is just not rejected
    v, low, high = aiken_v(3.2, 12, (1, 5))
    z = stats.norm.ppf(0.975)
    for limit in (low, high):
        assert abs(v - limit) / np.sqrt(limit * (1 - limit) / (12 * 4)) == pytest.approx(z, rel=1e-10)
    assert float(v) == pytest.approx(0.55)


def test_missing_ratings_are_not_raters():
    result = validity([[4, 4, np.nan], [np.nan, np.nan, np.nan]])
    tidy = result.tidy().set_index("item")
    assert tidy.loc["i0", "n"] == 2
    assert tidy.loc["i0", "i_cvi"] == 1
    assert tidy.loc["i1", "verdict"] == "no data"
    assert np.isnan(tidy.loc["i1", "modified_kappa"])
    assert result.glance()["n_no_data"].item() == 1
    assert result.glance()["s_cvi_ua"].item() == 1


def test_criterion_depends_on_the_number_of_raters():
    five, six = validity([[4] * 4 + [1]]), validity([[4] * 5 + [1]])
    assert five.low_relevance == ("i0",)
    assert six.low_relevance == ()


def test_other_scales():
    assert validity([[7, 7, 4, 1]], scale=(1, 7), relevant=6).tidy()["i_cvi"].item() == 0.5
    assert validity([[3, 3, 3, 2]], scale=(1, 3)).spec.relevant == 3
    with pytest.raises(OptionError, match="relevant=9"):
        validity([[1, 2]], relevant=9)


def test_groups_and_cosmin():
    table = ratings([[4, 4, 1, 2], [4, 3, 4, 4]])
    table["who"] = table["rater"].map({"r0": "users", "r1": "users", "r2": "staff", "r3": "staff"})
    table["clear"] = [4, 4, 4, 4, 1, 1, 4, 4]
    result = rm.content_validity(
        table, item="item", rater="rater", relevance="x", stakeholder="who", comprehensibility="clear"
    )
    by = result.by_group().set_index(["group", "item"])
    assert by.loc[("users", "i0"), "i_cvi"] == 1
    assert by.loc[("users", "i0"), "difference"] == 1
    cosmin = result.cosmin().set_index(["group", "aspect"])["rating"].to_dict()
    assert cosmin == {
        ("users", "relevance"): "+", ("users", "comprehensibility"): "-", ("users", "comprehensiveness"): "?",
        ("staff", "relevance"): "-", ("staff", "comprehensibility"): "+", ("staff", "comprehensiveness"): "?",
    }  # fmt: skip
    assert validity([[4, 4]]).cosmin()["rating"].tolist() == ["+", "?", "?"]
    with pytest.raises(OptionError, match="region="):
        result.by_group("region")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pd.DataFrame({"item": ["a", "a"], "rater": [1, 1], "x": [4, 3]}), r"item a, rater 1 \(rows 1, 2\)"),
        (pd.DataFrame({"item": ["a"], "rater": [1], "x": [6]}), "1 to 4.*row 1"),
        (pd.DataFrame({"item": ["a"], "rater": [1], "x": [None]}), "no rating"),
        (pd.DataFrame({"item": ["a"], "rater": [None], "x": [4]}), "no rater"),
        (pd.DataFrame({"item": ["a"], "x": [4]}), "no column 'rater'"),
    ],
)
def test_bad_ratings_are_named(table, message):
    with pytest.raises(DataError, match=message):
        rm.content_validity(table, item="item", rater="rater", relevance="x")


def test_rater_in_two_groups():
    table = ratings([[4], [4]]).assign(who=["users", "staff"])
    with pytest.raises(DataError, match=r"rater 'r0'.*\(users, staff\)"):
        rm.content_validity(table, item="item", rater="rater", relevance="x", stakeholder="who")


def assigned(cells):
    rows = [(f"i{i}", f"r{r}", 4, e) for i, own in enumerate(cells) for r, e in enumerate(own)]
    table = pd.DataFrame(rows, columns=["item", "rater", "x", "e"])
    return rm.content_validity(table, item="item", rater="rater", relevance="x", element="e")


def test_substantive_validity():
    result = assigned([["A", "A", "A", "B"], ["B", "C", "C", None]]).assignment({"i0": "A", "i1": "B"})
    tidy = result.tidy().set_index("item")
    assert tidy.loc["i0", ["p_sa", "c_sv"]].tolist() == [0.75, 0.5]
    assert tidy.loc["i1", "p_sa"] == pytest.approx(1 / 3)
    assert tidy.loc["i1", "c_sv"] == pytest.approx(-1 / 3)
    assert tidy.loc["i1", "most_chosen"] == "C"
    assert result.intended_from == "given"


def test_intended_by_default_is_modal_and_several_count():
    found = assigned([["A", "A", "B"], ["B", "B", "C"]])
    assert found.assignment().intended_from == "modal"
    both = found.assignment({"i0": "A;B", "i1": "B"}).tidy().set_index("item")
    assert both.loc["i0", "p_sa"] == 1
    with pytest.raises(DataError, match="first: 'i1'"):
        found.assignment({"i0": "A"})
    with pytest.raises(DataError, match=r"element="):
        validity([[4, 4]]).assignment()


def test_agreement_on_assignment_is_that_of_the_oracle():
    krippendorff = pytest.importorskip("krippendorff")
    rng = np.random.default_rng(6)
    cells = [
        [("ABC"[i % 3] if rng.random() < 0.7 else "ABC"[rng.integers(3)]) for _ in range(7)]
        for i in range(12)
    ]
    found = assigned(cells).assignment()
    codes = np.array([["ABC".index(c) for c in own] for own in cells]).T
    expected = krippendorff.alpha(reliability_data=codes, level_of_measurement="nominal")
    assert found.glance()["krippendorff_alpha"].item() == pytest.approx(expected, rel=1e-10)


def test_definitional_correspondence():
    rows = [
        ("q", e, r, x)
        for e, own in {"A": [7, 6], "B": [2, 3], "C": [1, 2]}.items()
        for r, x in enumerate(own)
    ]
    table = pd.DataFrame(rows, columns=["item", "element", "rater", "x"])
    found = definitional_validity(
        table, item="item", element="element", rating="x", intended={"q": "A"}
    ).iloc[0]
    assert found["htc"] == pytest.approx(6.5 / 7)
    assert found["htd"] == pytest.approx((4 + 5) / 2 / 6)
    with pytest.raises(DataError, match="own element"):
        definitional_validity(table, item="item", element="element", rating="x", intended={"q": "D"})


def test_figures():
    import matplotlib.pyplot as plt

    table = ratings([[4, 4, 1, 2], [4, 3, 4, 4]])
    table["who"] = table["rater"].map({"r0": "users", "r1": "users", "r2": "staff", "r3": "staff"})
    result = rm.content_validity(table, item="item", rater="rater", relevance="x", stakeholder="who")
    assert len(result.plot().get_yticklabels()) == 2
    assert len(result.plot(by="stakeholder").get_legend().get_texts()) == 2
    plt.close("all")
    assert "I-CVI 1.00" in result.summary()
    assert result.to_dict()["glance"]["n_items"] == 2


def test_cosmin_asks_whether_a_concept_is_missing():
    elements = ["hope", "home"]
    mapping = {"i0": "hope"}
    result = validity([[4, 4, 4]])
    missing = rm.map_coverage(["i0"], elements, mapping)
    row = result.cosmin(coverage=missing).iloc[2]
    assert (row["aspect"], row["n"], row["n_met"], row["rating"]) == ("comprehensiveness", 2, 1, "-")
    assert result.cosmin(coverage=rm.map_coverage(["i0"], ["hope"], mapping)).iloc[2]["rating"] == "+"
    # each group of raters is asked about its own consensus
    table = ratings([[4, 4]])
    table["who"] = table["rater"].map({"r0": "users", "r1": "staff"})
    own = rm.map_coverage(
        ["i0"], elements, mapping, stakeholders={"users": ["hope"], "staff": ["hope", "home"]}
    )
    both = rm.content_validity(table, item="item", rater="rater", relevance="x", stakeholder="who")
    found = both.cosmin(coverage=own).set_index(["group", "aspect"])["rating"]
    assert found["users", "comprehensiveness"] == "+"
    assert found["staff", "comprehensiveness"] == "-"


@pytest.mark.parametrize(
    ("options", "message"),
    [({"scale": (4, 1)}, "lowest and the highest"), ({"level": 95}, "between 0.5 and 1")],
)
def test_scale_and_level_are_checked(options, message):
    with pytest.raises(OptionError, match=message):
        validity([[4, 4]], **options)


def test_values_off_the_scale_are_shown_plainly():
    with pytest.raises(DataError, match=r"first: '5.0' in row 2"):
        validity([[4, 5]])


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"i": ["a"], "e": ["E"], "x": [9]}, "whole numbers from 1 to 7"),
        ({"i": ["a"], "e": ["E"], "x": [6]}, "one element only"),
        ({"item": ["a"], "e": ["E"], "x": [6]}, "no column 'i'"),
    ],
)
def test_definitional_task_refuses_what_it_cannot_use(table, message):
    with pytest.raises(DataError, match=message):
        definitional_validity(table, item="i", element="e", rating="x", intended={"a": "E"})
