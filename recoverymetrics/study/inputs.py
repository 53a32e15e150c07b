"""Read what a study names: files, their hashes, and the objects that the analyses need."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from recoverymetrics.errors import ConfigError, DataError, RecoveryMetricsError
from recoverymetrics.instrument import ElementSet, ItemBank, Responses, Scale
from recoverymetrics.io import read_table
from recoverymetrics.study.config import StudyConfig

FEWEST_ITEMS = 3
"""Fewest items of a dimension that a factor model and a response model can identify."""


@dataclass(frozen=True)
class InputFile:
    """One input file as it was read: name as written in the study, SHA-256 and size in bytes."""

    key: str
    name: str
    sha256: str
    size: int


@dataclass(frozen=True)
class Inputs:
    """Everything that a study reads.

    Attributes
    ----------
    files : tuple of InputFile
        Provenance of each file.
    responses : Responses
        Validated answers, grouped, reverse keyed.
    scale : Scale
        The scale before revision: items and dimensions.
    bank : ItemBank or None
        The item bank, when there is one.
    elements : ElementSet or None
        Elements listed by the study (before the consensus rule is applied).
    tables : mapping
        The raw frames of ratings, statements, relevance, themes.
    truth : dict or None
        Planted truth of a simulated study.
    """

    files: tuple[InputFile, ...]
    responses: Responses
    scale: Scale
    bank: ItemBank | None
    elements: ElementSet | None
    tables: Mapping[str, pd.DataFrame] = field(repr=False)
    truth: dict[str, Any] | None = field(repr=False, default=None)

    @property
    def grouping(self) -> str | None:
        """Name of the grouping; None without groups, and with one group, where nothing can be compared."""
        return self.responses.group_name if len(self.responses.groups) > 1 else None


def hash_file(path: Path) -> str:
    """SHA-256 of a file, as hexadecimal digits."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


@contextmanager
def reading(key: str, name: str | None) -> Iterator[None]:
    """Put the key and the file before what is wrong with the file's content."""
    try:
        yield
    except RecoveryMetricsError as error:
        place = f"{key} ({name})"
        if str(error).startswith((key, place)) or str(name) in str(error):
            raise
        raise type(error)(f"{place}: {error}") from error


def fingerprint(config: StudyConfig, base: Path) -> tuple[InputFile, ...]:
    """Find and hash every file of a study.

    Raises
    ------
    ConfigError
        A file does not exist; the key is named.
    """
    found = []
    for key, name in config.files().items():
        path = base / name
        if not path.is_file():
            raise ConfigError(f"{key}: there is no file {name!r} in {str(base)!r}.")
        found.append(InputFile(key, name, hash_file(path), path.stat().st_size))
    return tuple(found)


def read_inputs(config: StudyConfig, base: Path) -> Inputs:
    """Read and validate every input of a study; nothing is analysed yet.

    Raises
    ------
    ConfigError, DataError
        With the key, the item, the group and the rows concerned, and what to do.
    """
    files = fingerprint(config, base)
    keys = {"ratings": config.consensus.ratings, "statements": config.consensus.statements,
            "relevance": config.content.relevance, "themes": config.content.themes}  # fmt: skip
    tables = {key: read_table(base / name) for key, name in keys.items() if name is not None}
    bank = elements = None
    if config.items.file is not None:
        with reading("items.file", config.items.file):
            bank = ItemBank.from_frame(read_table(base / config.items.file))
    if config.consensus.elements is not None:
        with reading("consensus.elements", config.consensus.elements):
            elements = ElementSet.from_frame(read_table(base / config.consensus.elements))
    dimensions = _dimensions(config, bank)
    _check_dimensions(dimensions, config)
    reverse = tuple(config.items.reverse) or _reversed_in(bank, dimensions)
    with reading("responses.file", config.responses.file):
        responses = _responses(config, base, dimensions, reverse)
    scale = Scale(name=config.study.name, factors=dimensions, reverse=reverse)
    truth = None if config.truth is None else read_truth(base / config.truth, scale)
    return Inputs(files, responses, scale, bank, elements, tables, truth)


def read_truth(path: Path, scale: Scale) -> dict[str, Any]:
    """Read planted truth and keep what concerns the items of the study.

    Raises
    ------
    ConfigError
        Not JSON, or not an object with planted faults.
    """
    try:
        truth = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"truth: {path.name} is not JSON: {error}. Leave the key out for real data."
        ) from None
    if not isinstance(truth, dict) or not isinstance(truth.get("dif"), list):
        raise ConfigError(
            f"truth: {path.name} holds no planted truth (no list 'dif'). Leave the key out for real data."
        )
    mine = set(scale.items)
    lists = {
        key: [i for i in truth.get(key, []) if i in mine]
        for key in ("weak_items", "low_relevance_items", "clean_items")
    }
    pairs = [pair for pair in truth.get("redundant_pairs", []) if set(pair) <= mine]
    dif = [entry for entry in truth["dif"] if entry["item"] in mine]
    return {
        "uncovered_elements": [],
        "careless_persons": [],
        "regions": {},
        **truth,
        **lists,
        "redundant_pairs": pairs,
        "dif": dif,
    }


def _dimensions(config: StudyConfig, bank: ItemBank | None) -> dict[str, tuple[str, ...]]:
    if config.items.dimensions:
        return {name: tuple(items) for name, items in config.items.dimensions.items()}
    if bank is None:
        raise ConfigError("items: name an item bank (file) or write the items of each dimension (dimensions)")
    frame = bank.to_frame()
    if "dimension" not in frame or frame["dimension"].isna().any():
        raise ConfigError(
            "items.file: every item of the bank needs a value in the column 'dimension', or write the "
            "dimensions into [items.dimensions]."
        )
    return {str(d): tuple(part["item_id"]) for d, part in frame.groupby("dimension", sort=False)}


def _check_dimensions(dimensions: Mapping[str, tuple[str, ...]], config: StudyConfig) -> None:
    homes: dict[str, str] = {}
    for name, items in dimensions.items():
        if len(items) < FEWEST_ITEMS:
            raise ConfigError(
                f"items.dimensions: {name!r} has {len(items)} items; a dimension needs at least {FEWEST_ITEMS}."
            )
        for item in items:
            if item in homes:
                raise ConfigError(
                    f"items.dimensions: item {item!r} is in {homes[item]!r} and in {name!r}; an item belongs to one dimension."
                )
            homes[item] = name
    unknown = [name for name in config.items.separate if name not in dimensions]
    if unknown:
        raise ConfigError(
            f"items.separate: there is no dimension {unknown[0]!r}; the dimensions are {', '.join(dimensions)}."
        )
    for section in ("keep", "revise", "drop"):
        for item in getattr(config.decisions, section):
            if item not in homes:
                raise ConfigError(f"decisions.{section}: there is no item {item!r} in the study.")


def _reversed_in(bank: ItemBank | None, dimensions: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    if bank is None:
        return ()
    used = {item for items in dimensions.values() for item in items}
    frame = bank.to_frame()
    if "reverse" not in frame:
        return ()
    return tuple(frame.loc[frame["reverse"].astype(bool) & frame["item_id"].isin(used), "item_id"])


def _responses(
    config: StudyConfig, base: Path, dimensions: Mapping[str, tuple[str, ...]], reverse: tuple[str, ...]
) -> Responses:
    section = config.responses
    frame = read_table(base / section.file)
    items = [item for names in dimensions.values() for item in names]
    kept = _without_groups(frame, config)
    responses = Responses(
        kept,
        items=items,
        group=section.group,
        id=section.id,
        reverse=reverse,
        missing_codes=tuple(section.missing_codes),
        region_from=section.region_from,
        as_of=section.as_of,
        categories=section.categories,
    )
    responses.require(min_categories=2, min_group_size=0)
    _require_group_sizes(responses, section.min_group_size)
    return responses


def _without_groups(frame: pd.DataFrame, config: StudyConfig) -> pd.DataFrame:
    section = config.responses
    if not section.leave_out_groups:
        return frame
    column = section.group or section.region_from
    if column is not None and column not in frame.columns:
        key = "group" if section.group is not None else "region_from"
        raise ConfigError(
            f"responses.{key}: there is no column {column!r} in {section.file}; the columns are {', '.join(map(str, frame.columns))}."
        )
    if section.group is not None:
        labels = frame[section.group].astype(str)
    elif section.region_from is not None:
        import warnings

        from recoverymetrics.instrument import who_region

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            labels = pd.Series(who_region(frame[section.region_from], as_of=section.as_of), index=frame.index)
    else:
        raise ConfigError(
            "responses.leave_out_groups: there are no groups; name responses.group or responses.region_from."
        )
    unknown = sorted(set(section.leave_out_groups) - set(labels.dropna().astype(str)))
    if unknown:
        raise ConfigError(f"responses.leave_out_groups: there is no group {unknown[0]!r} in the data.")
    kept = frame.loc[~labels.isin(section.leave_out_groups)].reset_index(drop=True)
    if kept.empty:
        raise ConfigError("responses.leave_out_groups: nobody is left; name fewer groups.")
    return kept


def _require_group_sizes(responses: Responses, least: int) -> None:
    if responses.group is None:
        return
    sizes = {label: int((responses.group == label).sum()) for label in responses.groups}
    small = {label: n for label, n in sizes.items() if n < least}
    if small:
        listed = ", ".join(f"{label} has {n}" for label, n in small.items())
        raise DataError(
            f"too few persons in a group: {listed} (at least {least} are needed for the comparisons). "
            "Leave the group out by name (responses.leave_out_groups), or lower responses.min_group_size "
            "knowing that its results will not be stable."
        )
