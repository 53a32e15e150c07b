"""The simulated six-region study that ships with the library, and the truth planted in it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

import pandas as pd

from recoverymetrics.errors import DataError, OptionError
from recoverymetrics.io.tables import read_table

SyntheticName = Literal["six_regions"]

TABLES = {
    "responses": "responses.csv",
    "items": "items.csv",
    "elements": "elements.csv",
    "delphi": "delphi_ratings.csv",
    "statements": "delphi_statements.csv",
    "relevance": "relevance.csv",
    "themes": "themes.csv",
}


@dataclass(frozen=True)
class SyntheticStudy:
    """Inputs of a simulated study.

    Attributes
    ----------
    name : str
    path : pathlib.Path
        Folder with the files.
    responses : pandas.DataFrame
        One row per respondent: identifier, country or region, items.
    items : pandas.DataFrame
        Item bank, for ``ItemBank.from_frame``.
    elements : pandas.DataFrame
        Consensus elements, for ``ElementSet.from_frame``.
    delphi : pandas.DataFrame
        Ratings, one row per panellist, statement and round.
    statements : pandas.DataFrame
        Delphi statements.
    relevance : pandas.DataFrame
        Expert ratings of the relevance of items.
    themes : pandas.DataFrame
        Themes that persons named in their own words.
    truth : dict
        What was planted.
    """

    name: str
    path: Path
    responses: pd.DataFrame = field(repr=False)
    items: pd.DataFrame = field(repr=False)
    elements: pd.DataFrame = field(repr=False)
    delphi: pd.DataFrame = field(repr=False)
    statements: pd.DataFrame = field(repr=False)
    relevance: pd.DataFrame = field(repr=False)
    themes: pd.DataFrame = field(repr=False)
    truth: dict[str, Any] = field(repr=False)


def load_synthetic(name: SyntheticName = "six_regions") -> SyntheticStudy:
    """Load a simulated study with its planted truth.

    Parameters
    ----------
    name : {"six_regions"}

    Returns
    -------
    SyntheticStudy

    Raises
    ------
    OptionError
        Unknown study.
    DataError
        The files are not there; the folders that were searched are named.

    Examples
    --------
    >>> study = load_synthetic("six_regions")
    >>> len(study.responses), len(study.items), sorted(study.truth["dimensions"])[:2]
    (6000, 40, ['agency', 'barriers'])
    """
    if name not in get_args(SyntheticName):
        raise OptionError(
            f"unknown simulated study {name!r}; the studies are {', '.join(get_args(SyntheticName))}."
        )
    folder = synthetic_folder()
    tables = {key: read_table(folder / file) for key, file in TABLES.items()}
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    return SyntheticStudy(name=name, path=folder, truth=truth, **tables)


def synthetic_folder() -> Path:
    """Folder with the simulated study: inside the installed package, or ``data/synthetic`` of the repository."""
    package = Path(__file__).resolve().parent / "synthetic"
    repository = Path(__file__).resolve().parents[2] / "data" / "synthetic"
    for folder in (package, repository):
        if (folder / TABLES["responses"]).is_file():
            return folder
    raise DataError(
        f"the simulated study is not here: neither {str(package)!r} nor {str(repository)!r} holds "
        f"{TABLES['responses']}; reinstall the package."
    )
