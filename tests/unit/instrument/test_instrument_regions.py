"""WHO regions: codes, names, dates, unknown entries."""

import csv
from collections import Counter
from importlib import resources

import numpy as np
import pandas as pd
import pytest

import recoverymetrics as rm
from recoverymetrics.instrument.regions import find_regions, normalise, region_changes, region_map

MEMBERS_NOW = {"AFR": 47, "AMR": 35, "SEAR": 10, "EUR": 53, "EMR": 21, "WPR": 28}


def members():
    path = resources.files("recoverymetrics.instrument") / "data" / "who_regions.csv"
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def test_member_states_per_region_now_and_before_indonesia_moved():
    rows = members()
    assert Counter(rm.who_region([row["iso3"] for row in rows])) == MEMBERS_NOW
    before = Counter(rm.who_region([row["iso3"] for row in rows], as_of="2025-05-22"))
    assert before == MEMBERS_NOW | {"SEAR": 11, "WPR": 27}


@pytest.mark.parametrize("column", ["iso2", "iso3", "country"])
def test_every_member_is_found_by_every_kind_of_name(column):
    rows = members()
    assert rm.who_region([row[column] for row in rows]) == [row["region"] for row in rows]


def test_lower_case_and_spaces_do_not_matter():
    assert rm.who_region([" de ", "fra", "NAMIBIA"]) == ["EUR", "EUR", "AFR"]


@pytest.mark.parametrize(
    ("name", "region"),
    [
        ("Türkiye", "EUR"),
        ("Turkey", "EUR"),
        ("UK", "EUR"),
        ("USA", "AMR"),
        ("U.S.A.", "AMR"),
        ("United States", "AMR"),
        ("South Korea", "WPR"),
        ("North Korea", "SEAR"),
        ("Viet Nam", "WPR"),
        ("vietnam", "WPR"),
        ("Côte d’Ivoire", "AFR"),
        ("Ivory Coast", "AFR"),
        ("Bolivia", "AMR"),
        ("Iran", "EMR"),
        ("Democratic Republic of the Congo", "AFR"),
        ("Hong Kong", "WPR"),
        ("HK", "WPR"),
        ("Palestine", "EMR"),
        ("St. Lucia", "AMR"),
        ("Trinidad & Tobago", "AMR"),
        ("Pakistan", "EMR"),
        ("Algeria", "AFR"),
        ("Israel", "EUR"),
    ],
)
def test_names_and_aliases(name, region):
    assert rm.who_region(name) == region


def test_na_is_namibia_but_n_slash_a_is_unknown():
    assert rm.who_region("NA") == "AFR"
    assert rm.who_region("na") == "AFR"
    with pytest.raises(rm.DataError, match="unknown country 'n/a'"):
        rm.who_region("n/a")


@pytest.mark.parametrize(
    ("day", "region"),
    [("2024-09-24", "SEAR"), ("2025-05-22", "SEAR"), ("2025-05-23", "WPR"), ("2026-01-01", "WPR")],
)
def test_indonesia_moves_on_its_day(day, region):
    assert rm.who_region("IDN", as_of=day) == region


def test_only_indonesia_changes_region():
    assert [(move.iso3, move.from_region, move.to_region) for move in region_changes()] == [
        ("IDN", "SEAR", "WPR")
    ]
    assert rm.who_region("ARG", as_of="2026-06-01") == rm.who_region("USA", as_of="2026-06-01") == "AMR"


def test_as_of_takes_a_date_and_refuses_other_text():
    import datetime

    assert rm.who_region("ID", as_of=datetime.date(2025, 1, 1)) == "SEAR"
    with pytest.raises(rm.OptionError, match="as_of='May 2025' is not a date"):
        rm.who_region("ID", as_of="May 2025")


def test_unknown_scalar_names_close_matches():
    with pytest.raises(rm.RecoveryMetricsError, match=r"unknown country 'Germny'.*'Germany'"):
        rm.who_region("Germny")


@pytest.mark.parametrize("place", ["TW", "TWN", "Taiwan", "LI", "Liechtenstein"])
def test_places_without_a_region_say_so(place):
    with pytest.raises(rm.DataError, match="has no WHO region: WHO assigns it to none"):
        rm.who_region(place)


@pytest.mark.parametrize("blank", ["", "  ", None, float("nan")])
def test_a_missing_country_is_an_error(blank):
    with pytest.raises(rm.DataError, match="the country is missing"):
        rm.who_region(blank)


def test_unknown_entries_of_many_are_none_and_listed_with_counts():
    entries = ["DE", "(nu", "(nu", None, "TW", "XX"]
    with pytest.warns(
        rm.DataWarning, match=r"5 of 6 entries.*'\(nu' \(2\).*\(missing\) \(1\).*Taiwan.*'XX' \(1\)"
    ):
        assert rm.who_region(entries) == ["EUR", None, None, None, None, None]


def test_series_keep_their_index_and_arrays_become_lists():
    series = rm.who_region(pd.Series(["KE", "IN"], index=["a", "b"], name="country"))
    assert series.to_dict() == {"a": "AFR", "b": "SEAR"}
    assert rm.who_region(np.array(["KE", "IN"])) == ["AFR", "SEAR"]
    assert rm.who_region(()) == []


def test_find_regions_counts_without_warning():
    assert find_regions(["KE", "ZZ", "ZZ"]) == (["AFR", None, None], {"ZZ": 2})


def test_ambiguous_names_are_not_guessed():
    regions, unknown = find_regions(["Korea", "America", "Virgin Islands"])
    assert regions == [None, None, None]
    assert len(unknown) == 3


def test_every_alias_points_to_a_place_of_the_map_and_none_is_ambiguous():
    atlas = region_map()
    path = resources.files("recoverymetrics.instrument") / "data" / "country_aliases.csv"
    aliases = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))
    assert all(row["iso3"] in atlas.regions for row in aliases)
    official = {normalise(row["country"]): row["iso3"] for row in members()}
    for row in aliases:
        assert official.get(normalise(row["alias"]), row["iso3"]) == row["iso3"]
        assert atlas.codes.get(row["alias"], row["iso3"]) == row["iso3"]
    assert "" not in atlas.names
