"""Countries to WHO regions, by ISO code or name, on a given date. Unknown codes are reported, never guessed."""

from __future__ import annotations

import csv
import difflib
import re
import unicodedata
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from typing import Any, cast, overload

import numpy as np
import numpy.typing as npt
import pandas as pd

from recoverymetrics.errors import DataError, DataWarning, OptionError
from recoverymetrics.typing import REGIONS, Region

DEFAULT_AS_OF = "2025-05-23"
"""Date of the default map: the day on which Indonesia moved from SEAR to WPR."""

NO_REGION = {"TW": "Taiwan", "TWN": "Taiwan", "LI": "Liechtenstein", "LIE": "Liechtenstein"}
"""Codes of places to which WHO assigns no region."""


@dataclass(frozen=True)
class RegionChange:
    """One country that moved between regions."""

    iso3: str
    from_region: Region
    to_region: Region
    date: date


@dataclass(frozen=True)
class RegionMap:
    """The regions of all countries and areas on one date.

    Attributes
    ----------
    as_of : datetime.date
        Date of the map.
    regions : mapping
        ISO-3 code -> region.
    codes : mapping
        ISO-2 and ISO-3 codes, upper case -> ISO-3.
    names : mapping
        Normalised names and aliases -> ISO-3.
    """

    as_of: date
    regions: Mapping[str, Region]
    codes: Mapping[str, str]
    names: Mapping[str, str]

    def find(self, country: Any) -> Region | None:
        """Return the region of one code or name, or None when it is unknown."""
        text = str(country).strip()
        iso3 = self.codes.get(text.upper()) or self.names.get(normalise(text))
        return None if iso3 is None else self.regions[iso3]


@overload
def who_region(country: str, *, as_of: str | date = DEFAULT_AS_OF) -> Region: ...
@overload
def who_region(
    country: pd.Series | Sequence[Any] | npt.NDArray[Any], *, as_of: str | date = DEFAULT_AS_OF
) -> Any: ...
def who_region(country: Any, *, as_of: str | date = DEFAULT_AS_OF) -> Any:
    """Find the WHO region of a country or of many.

    Parameters
    ----------
    country : str or array-like of str
        ISO-2 code, ISO-3 code or name, any case (``"NA"`` is Namibia).
    as_of : str or datetime.date, default "2025-05-23"
        Date of the map, ``YYYY-MM-DD``. Indonesia is in SEAR before 2025-05-23 and in WPR from that day.
        The rest of the map is membership as of 2022; earlier moves of countries are not in it.

    Returns
    -------
    str, list or pandas.Series
        ``"AFR"``, ``"AMR"``, ``"SEAR"``, ``"EUR"``, ``"EMR"`` or ``"WPR"``. A Series gives a Series with the
        same index, other array-likes a list; an unknown entry among many gives None and one ``DataWarning``
        that lists the unknown entries with their counts.

    Raises
    ------
    DataError
        A single country that is unknown or has no WHO region.
    OptionError
        ``as_of`` is not a date.

    Examples
    --------
    >>> who_region("ID"), who_region("ID", as_of="2025-05-22")
    ('WPR', 'SEAR')
    >>> who_region(["NA", "Viet Nam", "tur"])
    ['AFR', 'WPR', 'EUR']
    """
    atlas = region_map(as_of)
    if isinstance(country, str) or np.ndim(country) == 0:
        region = atlas.find(country)
        if region is None:
            raise DataError(_explain_unknown(country, atlas))
        return region
    regions, unknown = find_regions(country, as_of=as_of)
    if unknown:
        warnings.warn(describe_unknown(unknown, len(regions)), DataWarning, stacklevel=2)
    if isinstance(country, pd.Series):
        return pd.Series(regions, index=country.index, name=country.name, dtype=object)
    return regions


def find_regions(
    countries: Any, *, as_of: str | date = DEFAULT_AS_OF
) -> tuple[list[Region | None], dict[str, int]]:
    """Regions of many entries, and the entries without one with their counts (``"(missing)"`` for blanks)."""
    atlas = region_map(as_of)
    entries = [None if _is_blank(entry) else str(entry).strip() for entry in countries]
    found = {entry: atlas.find(entry) for entry in set(entries) - {None}}
    regions = [None if entry is None else found[entry] for entry in entries]
    unknown = Counter(
        "(missing)" if entry is None else entry
        for entry, region in zip(entries, regions, strict=True)
        if region is None
    )
    return regions, dict(unknown.most_common())


def describe_unknown(unknown: Mapping[str, int], n: int) -> str:
    """Sentence that lists entries without a region, most frequent first."""
    listed = [f"{_with_reason(code)} ({count})" for code, count in unknown.items()]
    more = f" and {len(listed) - 12} more codes" if len(listed) > 12 else ""
    return (
        f"{sum(unknown.values())} of {n} entries have no WHO region: {', '.join(listed[:12])}{more}. They are "
        "kept without a region; correct the codes if they are misspelt."
    )


@cache
def _map_on(day: date) -> RegionMap:
    regions: dict[str, Region] = {}
    codes: dict[str, str] = {}
    names: dict[str, str] = {}
    for row in (*_rows("who_regions.csv"), *_rows("who_region_areas.csv")):
        iso3, name = row["iso3"], row.get("country") or row["area"]
        regions[iso3] = cast("Region", row["region"])
        codes.update({iso3: iso3, **({row["iso2"]: iso3} if "iso2" in row else {})})
        names.update({normalise(name): iso3, normalise(re.sub(r"\(.*", "", name)): iso3})
    for row in _rows("country_aliases.csv"):
        alias, iso3 = row["alias"], row["iso3"]
        names[normalise(alias)] = iso3
        if len(alias) == 2 and alias.isupper():
            codes.setdefault(alias, iso3)
    regions.update({move.iso3: move.from_region for move in region_changes() if day < move.date})
    return RegionMap(day, regions, codes, names)


def region_map(as_of: str | date = DEFAULT_AS_OF) -> RegionMap:
    """Return the map of one date (read once and kept)."""
    return _map_on(parse_date(as_of, "as_of"))


def region_changes() -> tuple[RegionChange, ...]:
    """Countries that moved from one region to another, with the date from which the new region holds."""
    return tuple(
        RegionChange(
            row["iso3"],
            cast("Region", row["from_region"]),
            cast("Region", row["to_region"]),
            date.fromisoformat(row["date"]),
        )
        for row in _rows("who_region_changes.csv")
        if row["from_region"] != row["to_region"]
    )


def parse_date(value: str | date, name: str) -> date:
    """Read a date given as ``YYYY-MM-DD`` or as a date; ``name`` is the option named in the error."""
    if isinstance(value, date):
        return date(value.year, value.month, value.day)
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise OptionError(f"{name}={value!r} is not a date; write it as 'YYYY-MM-DD'.") from error


def normalise(name: str) -> str:
    """Lower case, no accents, no punctuation, ``and`` for ``&``, ``saint`` for ``st``."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().casefold()
    plain = plain.replace("&", " and ").replace(".", "").replace("'", "")
    words = re.sub(r"[^a-z0-9]+", " ", plain).split()
    return " ".join("saint" if word == "st" else word for word in words)


def _rows(name: str) -> list[dict[str, str]]:
    path = resources.files("recoverymetrics.instrument") / "data" / name
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


def _is_blank(entry: Any) -> bool:
    return entry is None or entry is pd.NA or entry != entry or (isinstance(entry, str) and not entry.strip())


def _with_reason(code: str) -> str:
    place = _place_without_region(code)
    return (
        f"{code!r} [{place}: WHO assigns no region]"
        if place
        else (code if code == "(missing)" else repr(code))
    )


def _place_without_region(entry: Any) -> str | None:
    text = str(entry).strip()
    if text.upper() in NO_REGION:
        return NO_REGION[text.upper()]
    return next((place for place in NO_REGION.values() if place.casefold() == text.casefold()), None)


def _explain_unknown(country: Any, atlas: RegionMap) -> str:
    if _is_blank(country):
        return "the country is missing; give an ISO-2 code, an ISO-3 code or a name."
    place = _place_without_region(country)
    if place:
        return f"{place} ({country!r}) has no WHO region: WHO assigns it to none, so choose a group label yourself."
    close = difflib.get_close_matches(normalise(str(country)), list(atlas.names), n=3, cutoff=0.75)
    hint = f" Close names: {', '.join(repr(_display_name(atlas.names[c])) for c in close)}." if close else ""
    return (
        f"unknown country {country!r}: it is not an ISO-2 code, an ISO-3 code or a country name of the map of "
        f"{atlas.as_of.isoformat()} (regions {', '.join(REGIONS)}).{hint}"
    )


@cache
def _display_names() -> dict[str, str]:
    rows = (*_rows("who_regions.csv"), *_rows("who_region_areas.csv"))
    return {row["iso3"]: row.get("country") or row["area"] for row in rows}


def _display_name(iso3: str) -> str:
    return _display_names()[iso3]
