"""Agreement and intraclass correlation as users call them: layouts, labels, groups, refusals."""

import numpy as np
import pandas as pd
import pytest

import recoverymetrics as rm
from recoverymetrics import reliability as rel
from recoverymetrics.errors import DataError, OptionError

NA = np.nan
WIDE = pd.DataFrame(
    {
        "r1": [1, 2, 3, 3, 2, 1, 4, 1, 2, NA, NA, NA],
        "r2": [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NA, NA],
        "r3": [NA, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 3],
        "r4": [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NA],
    }
)
WORDS = pd.DataFrame({"a": ["low", "mid", "high", "low"], "b": ["low", "high", "high", "mid"]})
LONG = WIDE.rename_axis("unit").reset_index().melt("unit", var_name="rater", value_name="score").dropna()
LAYOUT = {"unit": "unit", "rater": "rater", "rating": "score"}


@pytest.mark.parametrize("function", [rel.krippendorff_alpha, rel.gwet_ac, rel.fleiss_kappa])
def test_wide_long_and_labelled_ratings_are_the_same(function) -> None:
    options = {"seed": 1} if function is rel.krippendorff_alpha else {}
    wide = function(WIDE, **options).glance()
    long = function(LONG, **LAYOUT, **options).glance()
    labelled = WIDE.map(lambda v: None if np.isnan(v) else "abcde"[int(v) - 1])
    text = function(labelled, categories=list("abcde"), **options).glance()
    for name in ("estimate", "conf_low", "conf_high", "observed", "expected"):
        assert long[name][0] == pytest.approx(wide[name][0])
        assert text[name][0] == pytest.approx(wide[name][0])


@pytest.mark.parametrize("kind", ["object", "string", "category", "Int64"])
def test_numbers_of_any_type_are_numbers(kind) -> None:
    table = WIDE.replace({3: 10, 4: 30})  # as text, "10" would come before "2", and 10 and 30 be neighbours
    whole = table.astype("Int64")
    typed = whole if kind == "Int64" else whole.astype(object).where(whole.notna(), None).astype(kind)
    expected = rel.intraclass_correlation(table).tidy()
    pd.testing.assert_frame_equal(rel.intraclass_correlation(typed).tidy(), expected)
    weighted = [rel.gwet_ac(data, weights="quadratic").estimate for data in (table, typed)]
    assert weighted[0] == pytest.approx(weighted[1])


def test_ordered_labels_bring_their_order() -> None:
    order = pd.CategoricalDtype(["low", "mid", "high"], ordered=True)
    numbers = WORDS.replace({"low": 1, "mid": 2, "high": 3}).astype(int)
    by_type = rel.cohen_kappa(WORDS.astype(order), weights="linear").estimate
    by_name = rel.cohen_kappa(WORDS, weights="linear", categories=["low", "mid", "high"]).estimate
    assert by_type == by_name == pytest.approx(rel.cohen_kappa(numbers, weights="linear").estimate)


def test_responses_are_taken_as_ratings() -> None:
    answers = rm.Responses(WIDE.dropna().assign(site=["a", "b"] * 4), items=list(WIDE), group="site")
    by_site = rel.gwet_ac(WIDE.dropna().assign(site=["a", "b"] * 4), group="site").tidy()
    pd.testing.assert_frame_equal(rel.gwet_ac(answers, group="site").tidy(), by_site)


def test_published_interval_of_ac1() -> None:
    row = rel.gwet_ac(WIDE).glance().iloc[0]
    assert round(row["conf_low"], 3) == 0.461
    assert row["conf_high"] == 1.0
    assert row["method"] == "ac1"
    assert rel.gwet_ac(WIDE, weights="quadratic").coefficient == "ac2"


def test_categories_nobody_used_count_for_ac() -> None:
    data = {"r1": [1, 1, 2, 2], "r2": [1, 2, 2, 2]}
    assert rel.gwet_ac(data, categories=[1, 2, 3, 4]).estimate > rel.gwet_ac(data).estimate


def test_krippendorff_intervals() -> None:
    rng = np.random.default_rng(1)
    x = np.clip(rng.integers(1, 6, (300, 1)) + rng.integers(-1, 2, (300, 3)), 1, 5)
    bootstrap = rel.krippendorff_alpha(x, metric="ordinal", seed=1).glance().iloc[0]
    jackknife = rel.krippendorff_alpha(x, metric="ordinal", interval="jackknife").glance().iloc[0]
    bca = (
        rel.krippendorff_alpha(x, metric="ordinal", interval=rel.Bootstrap(500, "bca", seed=1))
        .glance()
        .iloc[0]
    )
    for other in (jackknife, bca):
        assert bootstrap["conf_low"] == pytest.approx(other["conf_low"], abs=0.02)
        assert bootstrap["conf_high"] == pytest.approx(other["conf_high"], abs=0.02)


def test_groups_of_units() -> None:
    data = WIDE.assign(region=["EUR"] * 6 + ["AFR"] * 6)
    result = rel.gwet_ac(data, group="region")
    assert result.tidy()["group"].tolist() == ["EUR", "AFR"]
    assert result.estimate == pytest.approx(rel.gwet_ac(WIDE).estimate)
    long = LONG.assign(region=np.where(LONG["unit"] < 6, "EUR", "AFR"))
    assert rel.gwet_ac(long, group="region", **LAYOUT).tidy()["estimate"].tolist() == pytest.approx(
        result.tidy()["estimate"].tolist()
    )


def test_single_ratings_are_said() -> None:
    assert "1 units have one rating only" in " ".join(rel.gwet_ac(WIDE).notes)


def test_cohen_kappa_statistics_and_table() -> None:
    data = {"first": ["y"] * 50 + ["n"] * 50, "second": ["y"] * 40 + ["n"] * 55 + ["y"] * 5}
    result = rel.cohen_kappa(data)
    assert result.estimate == pytest.approx(0.7)
    row = result.glance().iloc[0]
    assert row["p_value"] < 1e-10
    assert row["maximum"] > row["estimate"]
    assert result.items["n"].sum() == 100
    assert result.plot().get_title(loc="left") == "Kappa"


def test_fleiss_kappa_by_category() -> None:
    table = rel.fleiss_kappa(WIDE).items
    assert table["category"].tolist() == ["1", "2", "3", "4", "5"]
    assert table["share"].sum() == pytest.approx(1)
    assert table.set_index("category").loc["5", "estimate"] == pytest.approx(1)


def test_kendall_w_interval() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(20, 1)) + rng.normal(size=(20, 8))
    row = rel.kendall_w(x).glance().iloc[0]
    assert row["conf_low"] < row["estimate"] < row["conf_high"]
    assert row["p_value"] < 0.001
    assert np.isnan(rel.kendall_w(x[:, :2]).glance()["conf_low"][0])


def test_intraclass_correlation_with_missing_ratings() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(300, 1)) + rng.normal(size=(1, 4)) * 0.3 + rng.normal(size=(300, 4))
    full = rel.intraclass_correlation(x).tidy().set_index("term")
    holes = x.copy()
    holes[rng.random(x.shape) < 0.2] = np.nan
    reml = rel.intraclass_correlation(holes)
    part = reml.tidy().set_index("term")
    for form in full.index[:3]:
        assert part.loc[form, "estimate"] == pytest.approx(full.loc[form, "estimate"], abs=0.06)
        assert part.loc[form, "conf_low"] < full.loc[form, "estimate"] < part.loc[form, "conf_high"]
    assert reml.converged
    assert "missing ratings" in reml.notes[0]
    listwise = rel.intraclass_correlation(holes, missing="listwise")
    assert listwise.glance()["n"][0] == int((~np.isnan(holes).any(1)).sum())
    assert reml.items["share"].sum() == pytest.approx(1)


def test_intraclass_form_and_groups() -> None:
    rng = np.random.default_rng(1)
    x = pd.DataFrame(rng.normal(size=(100, 1)) + rng.normal(size=(100, 2)), columns=["t1", "t2"])
    result = rel.intraclass_correlation(x.assign(g=["a", "b"] * 50), group="g", form="ICC3k")
    assert result.coefficient == "ICC3k"
    assert len(result.tidy()) == 12
    assert result.estimate == pytest.approx(rel.intraclass_correlation(x, form="ICC3k").estimate)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: rel.cohen_kappa(WIDE), DataError, "compares two raters; there are 4"),
        (lambda: rel.cohen_kappa({"a": [1, None], "b": [None, 1]}), DataError, "no unit was rated by both"),
        (lambda: rel.cohen_kappa(WIDE[["r1", "r2"]], weights="cubic"), OptionError, "identity, linear"),
        (lambda: rel.gwet_ac(WIDE, categories=[1, 2]), DataError, "rating 3 is not among"),
        (lambda: rel.gwet_ac({"a": ["x", "y"], "b": ["x", "z"]}, categories=["x", "y"]), DataError, "'z'"),
        (lambda: rel.gwet_ac({"a": [1, 2], "b": [None, None]}), DataError, "no unit has two"),
        (lambda: rel.gwet_ac({"a": [None, None], "b": [None, None]}), DataError, "there are no ratings"),
        (lambda: rel.gwet_ac(LONG, unit="unit"), DataError, "needs unit=, rater= and rating="),
        (lambda: rel.gwet_ac(pd.concat([LONG, LONG]), **LAYOUT), DataError, "more than once"),
        (lambda: rel.gwet_ac(LONG, group="rater", **LAYOUT), DataError, "changes within a unit"),
        (lambda: rel.gwet_ac(LONG, group=[1, 2], **LAYOUT), DataError, "must name a column"),
        (lambda: rel.gwet_ac(WIDE, items=["r9"]), DataError, "no column 'r9'"),
        (lambda: rel.gwet_ac(WIDE, group=["a"]), DataError, "1 labels for 12 units"),
        (lambda: rel.gwet_ac(WIDE, group=[None] * 12), DataError, "12 units have no group label"),
        (lambda: rel.krippendorff_alpha(WIDE, metric="circular"), OptionError, "nominal, ordinal"),
        (lambda: rel.krippendorff_alpha(WIDE, interval="exact"), OptionError, "bootstrap, jackknife"),
        (lambda: rel.kendall_w(WIDE), DataError, "missing ones"),
        (lambda: rel.intraclass_correlation(WIDE, form="ICC9"), OptionError, "ICC1, ICC2"),
        (lambda: rel.intraclass_correlation(WIDE[:1], missing="listwise"), DataError, "only 0 targets"),
        (lambda: rel.intraclass_correlation(WIDE.replace(3, np.inf)), DataError, "'r1' holds infinite"),
        (
            lambda: rel.intraclass_correlation(WIDE.replace({3: "often"})),
            DataError,
            "give the ratings as num",
        ),
        (lambda: rel.kendall_w(WORDS), DataError, r"labels \(high, low, mid\) whose order"),
        (lambda: rel.gwet_ac(WORDS, weights="linear"), DataError, r"categories=\[...\] from lowest"),
        (lambda: rel.krippendorff_alpha(WORDS, metric="ordinal"), DataError, "whose order is not known"),
        (lambda: rel.fleiss_kappa(WORDS, weights="linear"), DataError, "whose order is not known"),
        (lambda: rel.cohen_kappa(WORDS, weights="linear"), DataError, "whose order is not known"),
        (lambda: rel.gwet_ac(WIDE, categories=["low", "high"]), DataError, "among the categories low, high"),
    ],
)
def test_refusals(call, error, message: str) -> None:
    with pytest.raises(error, match=message):
        call()
