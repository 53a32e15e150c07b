"""Responses: reading, codes, keying, groups, and every error message."""

import pickle
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from golden import REAL, needs_real

import recoverymetrics as rm
from recoverymetrics.instrument import read_items
from recoverymetrics.instrument.frame import numeric_column


def table(**more):
    columns = {"a": [1, 2, 3, 4], "b": [4, 3, 2, 1], "c": [1, 1, 4, 2], "region": ["X", "X", "Y", "Y"]}
    return pd.DataFrame(columns | more)


def responses(data=None, **options):
    return rm.Responses(table() if data is None else data, **({"items": ["a", "b", "c"]} | options))


def kinds(r):
    return [note.kind for note in r.notes]


def test_reads_items_groups_and_ids():
    r = responses(table(pid=["p1", "p2", "p3", "p4"]), group="region", id="pid")
    assert (r.n, r.n_items, r.items, r.groups) == (4, 3, ("a", "b", "c"), ("X", "Y"))
    assert list(r.group) == ["X", "X", "Y", "Y"]
    assert list(r.ids) == ["p1", "p2", "p3", "p4"]
    assert r.categories == {"a": (1, 4), "b": (1, 4), "c": (1, 4)}
    assert list(r.data.columns) == ["region", "pid"]
    assert r.frame().equals(table()[["a", "b", "c"]].astype(float))


@pytest.mark.parametrize(
    "convert", [pl.from_pandas, pa.Table.from_pandas, lambda d: d, lambda d: d.to_dict("list")]
)
def test_every_kind_of_table_gives_the_same(convert):
    data = table(a=[1, None, 3, 4])
    r = rm.Responses(convert(data), group="region", reverse=["b"])
    np.testing.assert_array_equal(r.values, [[1, 1, 1], [np.nan, 2, 1], [3, 3, 4], [4, 4, 2]])
    assert r.groups == ("X", "Y")


def test_items_default_to_all_other_columns():
    r = rm.Responses(table(country=["KE", "KE", "IN", "IN"]).drop(columns="region"), region_from="country")
    assert r.items == ("a", "b", "c")


def test_zero_based_categories_are_detected_and_reported():
    r = responses(table(a=[0, 2, 3, 3], b=[1, 2, 3, 0], c=[0, 1, 2, 3]))
    assert set(r.categories.values()) == {(0, 3)}
    assert "categories 0 to 3 detected from all items" in r.report()


def test_reverse_keying_uses_low_plus_high_minus_x_and_is_recorded():
    r = responses(reverse=["b"])
    np.testing.assert_array_equal(r.values[:, 1], [1, 2, 3, 4])
    np.testing.assert_array_equal(r.raw, table()[["a", "b", "c"]])
    assert r.reverse == ("b",)
    assert "item 'b' reversed: 5 - response." in r.report()


def test_a_reversed_item_with_a_narrow_range_uses_the_shared_range_and_says_so():
    r = responses(table(b=[3, 3, 2, 1]), reverse=["b"])
    np.testing.assert_array_equal(r.values[:, 1], [2, 2, 3, 4])
    assert any(n.kind == "reversed" and "range of all items" in n.message for n in r.notes)


def test_zero_based_reversal():
    r = responses(table(a=[0, 1, 2, 3], b=[3, 2, 1, 0], c=[0, 1, 2, 3]), reverse=["b"])
    np.testing.assert_array_equal(r.values[:, 1], [0, 1, 2, 3])


def test_declared_categories_rule_the_reversal():
    r = responses(reverse=["a"], categories={"a": (1, 5)})
    np.testing.assert_array_equal(r.values[:, 0], [5, 4, 3, 2])
    assert r.categories["a"] == (1, 5)
    assert r.categories["b"] == (1, 4)
    assert responses(categories=(1, 7)).categories["c"] == (1, 7)


def test_missing_codes_are_counted_per_item_and_code():
    r = responses(table(a=[0, 2, 9, 4], b=[4, 0, 0, 1]), missing_codes=[0, 9])
    assert [(n.item, n.n) for n in r.notes if n.kind == "missing_code"] == [("a", 1), ("a", 1), ("b", 2)]
    assert np.isnan(r.values).sum() == 4


def test_missing_codes_may_be_text_or_per_item():
    r = responses(table(a=["1", "n/a", "3", " n/a"]), missing_codes=["n/a"])
    np.testing.assert_array_equal(r.values[:, 0], [1, np.nan, 3, np.nan])
    r = responses(table(a=[1, 4, 3, 2]), missing_codes={"a": [4]})
    assert np.isnan(r.values[:, 0]).sum() == 1
    assert not np.isnan(r.values[:, 1:]).any()
    assert np.isnan(responses(missing_codes=4).values).sum() == 3


def test_missing_codes_do_not_reach_into_reversed_values():
    r = responses(table(b=[4, 3, 2, 0]), reverse=["b"], missing_codes=[0])
    np.testing.assert_array_equal(r.values[:, 1], [1, 2, 3, np.nan])


def test_regions_become_groups_and_unknown_codes_are_reported_not_dropped():
    r = responses(table(country=["KE", "IN", "(nu", None]), region_from="country")
    assert list(r.group) == ["AFR", "SEAR", None, None]
    assert r.groups == ("AFR", "SEAR")
    assert r.group_name == "region"
    assert r.n == 4
    unknown = [(n.message, n.n) for n in r.notes if n.kind == "unknown_region"]
    assert unknown == [
        ("no WHO region for country '(nu' (1 person).", 1),
        ("no WHO region for country '(missing)' (1 person).", 1),
    ]


def test_the_region_map_has_a_date():
    old = responses(table(country=["ID"] * 4), region_from="country", as_of="2024-01-01")
    new = responses(table(country=["ID"] * 4), region_from="country")
    assert (old.groups, new.groups) == (("SEAR",), ("WPR",))


def test_item_data_leaves_out_persons_without_label_and_says_how_many():
    r = responses(table(country=["KE", "IN", "(nu", "KE"]), region_from="country")
    with pytest.warns(rm.DataWarning, match="1 person of 4 without a region label"):
        assert r.item_data("group").n == 3
    assert r.item_data().n == 4
    assert r.ungrouped().item_data().n == 4
    assert r.ungrouped().groups == ()


def test_read_items_accepts_responses_with_own_or_other_groups():
    r = responses(table(sex=["f", "m", "f", "m"]), group="region", reverse=["b"])
    assert read_items(r).groups == ()
    assert read_items(r, group="region").groups == ("X", "Y")
    assert read_items(r, group="sex").groups == ("f", "m")
    assert read_items(r, group=[1, 1, 2, 2]).groups == ("1", "2")
    np.testing.assert_array_equal(read_items(r, items=["b"]).values[:, 0], [1, 2, 3, 4])


def test_region_is_a_name_of_the_grouping_made_from_countries():
    r = responses(table(country=["KE", "IN", "KE", "IN"]).drop(columns="region"), region_from="country")
    assert read_items(r, group="region").groups == ("AFR", "SEAR")


def test_group_labels_keep_the_order_of_a_categorical():
    data = table(region=pd.Categorical(["X", "X", "Y", "Y"], categories=["Y", "X", "Z"]))
    assert responses(data, group="region").groups == ("Y", "X")


def test_group_labels_may_be_missing():
    r = responses(table(region=["X", None, "Y", "Y"]), group="region")
    assert list(r.group) == ["X", None, "Y", "Y"]
    assert "no region label for 1 person." in r.report()


def test_select_keeps_keying():
    r = responses(reverse=["b"], group="region").select(["b", "a"])
    np.testing.assert_array_equal(r.values[:, 0], [1, 2, 3, 4])
    np.testing.assert_array_equal(r.raw[:, 0], [4, 3, 2, 1])
    assert r.reverse == ("b",)
    assert list(r.data.columns) == ["region"]
    with pytest.raises(rm.DataError, match="unknown item 'z'"):
        r.select(["z"])


def test_counts_have_a_row_for_every_category():
    counts = responses(group="region").counts(by="group")
    assert list(counts.columns) == ["group", "item", "category", "n", "share"]
    assert len(counts) == 2 * 3 * 4
    assert counts["n"].sum() == 12
    assert counts.groupby(["group", "item"])["share"].sum().round(12).eq(1).all()
    assert responses().counts().query("item == 'c'")["n"].tolist() == [2, 1, 0, 1]


def test_nothing_changes_and_the_input_is_left_alone():
    data = table()
    before = data.copy()
    r = responses(data, reverse=["b"], group="region")
    with pytest.raises(ValueError, match="read-only"):
        r.values[0, 0] = 3
    with pytest.raises(AttributeError, match="do not change"):
        r.items = ()
    r.group[0] = "Z"
    assert r.groups == ("X", "Y")
    assert r.group[0] == "X"
    pd.testing.assert_frame_equal(data, before)


def test_responses_can_be_pickled():
    r = pickle.loads(pickle.dumps(responses(reverse=["b"], group="region")))
    np.testing.assert_array_equal(r.values[:, 1], [1, 2, 3, 4])
    assert r.categories == {"a": (1, 4), "b": (1, 4), "c": (1, 4)}


def test_representations_are_short_and_without_addresses():
    r = responses(group="region")
    assert repr(r) == "<Responses: 4 persons, 3 items, groups X, Y>"
    assert "<table" in r._repr_html_()


def test_an_all_missing_person_is_kept_and_reported():
    r = responses(table(a=[1, 2, 3, None], b=[4, 3, 2, None], c=[1, 1, 4, None]), group="region")
    assert r.n == 4
    assert "1 person without any answer (row 4), kept." in r.report()
    assert r.group_sizes() == {"X": 2, "Y": 1}


# -- errors -----------------------------------------------------------------------------------------


def test_responses_are_never_reversed_twice():
    with pytest.raises(rm.OptionError, match="would reverse items twice"):
        rm.Responses(responses(reverse=["b"]), reverse=["b"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"items": ["a", "zz"]}, "there is no column 'zz'"),
        ({"items": ["a", "a"]}, "item 'a' is listed twice"),
        ({"reverse": ["zz"]}, "reverse names 'zz', which is not an item"),
        ({"reverse": ["a", "a"]}, "item 'a' is listed twice in reverse="),
        ({"group": "zz"}, "there is no column 'zz'"),
        ({"group": ["X"]}, "group has 1 labels for 4 rows"),
        ({"id": "zz"}, "there is no column 'zz'"),
        ({"region_from": "zz"}, "there is no column 'zz'"),
        ({"missing_codes": {"zz": [1]}}, "missing_codes names 'zz'"),
        ({"categories": {"zz": (1, 4)}}, "categories names 'zz'"),
        (
            {"categories": (1, 3)},
            r"item 'a' has responses outside its categories 1 to 3 in row 4 \(first value 4\)",
        ),
    ],
)
def test_data_errors_name_the_place(options, message):
    with pytest.raises(rm.DataError, match=message):
        responses(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"categories": (4, 1)}, "must be 0 or more and below the highest"),
        ({"categories": 5}, r"is not a pair \(lowest, highest\)"),
        ({"group": "region", "region_from": "region"}, "give group= or region_from=, not both"),
        ({"region_from": "region", "as_of": "soon"}, "as_of='soon' is not a date"),
    ],
)
def test_option_errors_name_the_option(options, message):
    with pytest.raises(rm.OptionError, match=message):
        responses(**options)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (
            ["1", "x", "3", "y"],
            r"item 'a' holds text that is not a number in rows 2, 4 \(first value 'x'\)",
        ),
        ([1, 2.5, 3, 4], r"item 'a' holds 2.5 \(row 2\), which is not a whole number"),
        (
            [1, -9, 3, -9],
            r"item 'a' holds -9 \(rows 2, 4\), which is negative; list it in missing_codes",
        ),
        ([1, np.inf, 3, 4], "item 'a' holds infinite values"),
    ],
)
def test_values_that_are_no_categories(column, message):
    with pytest.raises(rm.DataError, match=message):
        responses(table(a=column))


@pytest.mark.parametrize(
    "dtype", ["int8", "int64", "uint8", "float32", "float64", "Int64", "Float64", "object", "str"]
)
def test_columns_of_every_type_are_read_alike(dtype):
    frame = pd.DataFrame({"a": pd.Series([1, 2, 4], dtype=dtype)})
    values = numeric_column(frame, "a")
    assert values.dtype == np.float64
    np.testing.assert_array_equal(values, [1.0, 2.0, 4.0])


@pytest.mark.parametrize("dtype", ["float64", "Int64", "object"])
def test_missing_values_of_every_type_are_nan(dtype):
    frame = pd.DataFrame({"a": pd.Series([1, None, 4], dtype=dtype)})
    np.testing.assert_array_equal(numeric_column(frame, "a"), [1.0, np.nan, 4.0])


def test_duplicate_identifiers_are_named():
    with pytest.raises(rm.DataError, match="duplicate identifiers in column 'pid': p1, p3"):
        responses(table(pid=["p1", "p1", "p3", "p3"]), id="pid")


def test_missing_identifiers_are_noted():
    assert "no_id" in kinds(responses(table(pid=["p1", None, "p3", None]), id="pid"))


def test_empty_data():
    with pytest.raises(rm.DataError, match="the data are empty: 0 rows"):
        rm.Responses(pd.DataFrame({"a": []}))


def test_groups_that_are_coded_differently():
    data = table(a=[0, 3, 1, 4], b=[3, 0, 4, 1], c=[0, 1, 1, 2])
    with pytest.raises(
        rm.DataError, match=r"X use categories 0 to 3, Y use 1 to 4, and no group uses both 0 and 4"
    ):
        responses(data, group="region")
    assert responses(data, group="region", categories=(0, 4)).groups == ("X", "Y")


def test_a_group_that_spans_the_whole_range_speaks_against_a_shift():
    data = pd.DataFrame({"a": [0, 3, 1, 4, 0, 4], "b": [3, 0, 4, 1, 2, 2], "g": list("XXYYZZ")})
    assert rm.Responses(data, group="g").categories["a"] == (0, 4)


def test_require_names_items_and_groups():
    data = table(a=[2, 2, 2, None], b=[None] * 4)
    r = responses(data, group="region")
    assert [n.kind for n in r.problems] == ["one_category", "no_responses"]
    with pytest.raises(
        rm.DataError,
        match=r"item 'b' has no response at all.*item 'a' has one category only.*group 'X' has 2",
    ):
        r.require()
    good = responses(group="region")
    assert good.require(min_group_size=2) is good
    with pytest.raises(rm.DataError, match="item 'c' has 3 categories, 4 are needed"):
        good.require(min_categories=4, min_group_size=1)


def test_an_undeclared_code_stops_reversal_and_require():
    data = table(a=[1, 2, 99, 4])
    with pytest.raises(rm.DataError, match="1 response of 99 or more"):
        responses(data).require(min_group_size=0)
    with pytest.raises(rm.DataError, match="items cannot be reversed: 1 response of 99"):
        responses(data, reverse=["b"])


def test_a_rare_zero_is_noted():
    rng = np.random.default_rng(0)
    data = pd.DataFrame(rng.integers(1, 5, (200, 4)), columns=list("abcd"))
    data.iloc[0, 0] = 0
    assert "rare_zero" in kinds(rm.Responses(data))


def test_counts_by_group_need_groups():
    with pytest.raises(rm.OptionError, match="needs responses with groups"):
        responses().counts(by="group")
    with pytest.raises(rm.OptionError, match="the values are 'group' and None"):
        responses().counts(by="sex")


def test_a_group_without_any_label():
    with pytest.raises(rm.DataError, match="no person has a region label"):
        responses(table(region=[None] * 4), group="region")


# -- answers that people gave -----------------------------------------------------------------------


@needs_real
def test_rosenberg_scale_in_six_regions():
    data = pd.read_csv(REAL / "rse.tsv.gz", sep="\t", keep_default_na=False)
    items = [f"Q{i}" for i in range(1, 11)]
    negative = ["Q3", "Q5", "Q8", "Q9", "Q10"]
    r = rm.Responses(data, items=items, reverse=negative, missing_codes=[0], region_from="country")
    assert set(r.groups) == {"AFR", "AMR", "SEAR", "EUR", "EMR", "WPR"}
    assert r.n == 47_974
    assert np.isnan(r.values).sum() == (data[items] == 0).to_numpy().sum()
    assert sum(n.n for n in r.notes if n.kind == "missing_code") == np.isnan(r.values).sum()
    assert (
        sum(label is None for label in r.group)
        == sum(n.n for n in r.notes if n.kind == "unknown_region")
        == 251
    )
    correlations = r.frame().corr()
    assert correlations.to_numpy().min() > 0.2
    assert (data.loc[data["country"] == "NA"].shape[0] > 0) == ("NA" in set(data["country"]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rm.DataWarning)
        assert read_items(r, group="region").n == 47_974 - 251
    assert read_items(r).n == 47_974


def test_many_notes_of_one_kind_are_condensed_in_the_report():
    data = pd.DataFrame({f"q{j}": [0, 1, 2, 3] for j in range(9)})
    report = rm.Responses(data, missing_codes=[0]).report()
    assert "item 'q5': code 0 read as missing in 1 response." in report
    assert "'q6'" not in report
    assert "... and 3 more like this, 9 in all 9." in report


@pytest.mark.parametrize("codes", [[9], (9,), {9}, 9, "9", np.array([9]), pd.Index([9])])
@pytest.mark.parametrize("column", [[1, 9, 3, 4], ["1", "9", "3", "4"]])
def test_missing_codes_come_in_any_container_and_as_text(codes, column):
    r = responses(table(a=column), missing_codes=codes)
    np.testing.assert_array_equal(r.values[:, 0], [1, np.nan, 3, 4])
    assert [(n.item, n.n) for n in r.notes if n.kind == "missing_code"] == [("a", 1)]


def test_a_missing_code_that_never_occurs_is_noted():
    assert "missing code 77 does not occur." in responses(missing_codes=[77]).report()


def test_items_may_be_an_index_and_columns_may_be_numbers():
    data = pd.DataFrame({0: [1, 2, 3], 1: [3, 2, 1], "g": ["x", "y", "y"]})
    r = rm.Responses(data, items=pd.Index([0, 1]), group="g", missing_codes=[3])
    assert r.items == ("0", "1")
    assert list(r.data.columns) == ["g"]
    assert len(r.select(["1"]).notes) == len([n for n in r.notes if n.item in (None, "1")])


@pytest.mark.parametrize(
    "column",
    [
        pd.Series([1, 2, None, 4], dtype="Int64"),
        pd.Series(pd.Categorical(["1", "2", None, "4"], ordered=True)),
        pd.Series([1, "2", None, 4.0], dtype=object),
        pd.Series([1, 2, None, 4], dtype="int64[pyarrow]"),
    ],
)
def test_every_kind_of_column(column):
    np.testing.assert_array_equal(responses(table(a=column)).values[:, 0], [1, 2, np.nan, 4])


def test_text_without_declared_items_says_how_to_leave_the_column_out():
    with pytest.raises(rm.DataError, match=r"item 'region' holds text.*naming the items with items=\[...\]"):
        rm.Responses(table())


def test_a_region_coded_from_zero_against_declared_categories_is_named():
    data = table(a=[1, 4, 0, 3], b=[4, 1, 3, 0], c=[1, 1, 3, 2])
    with pytest.raises(rm.DataError, match=r"item 'a'.*1 to 4 in row 3 .*Group Y uses 0 to 3\. Correct"):
        responses(data, group="region", categories=(1, 4))
