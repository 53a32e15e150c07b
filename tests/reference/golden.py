"""Where the reference results are, how they are read, and how a comparison is stated."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

SHARED = Path(os.environ.get("RECOVERYMETRICS_SHARED", Path(__file__).resolve().parents[3] / "shared"))
REFERENCE = SHARED / "reference"
REAL = SHARED / "real"

needs_reference = pytest.mark.skipif(
    not REFERENCE.is_dir(),
    reason="reference results are not here; set RECOVERYMETRICS_SHARED to the folder that holds reference/",
)
needs_real = pytest.mark.skipif(
    not REAL.is_dir(),
    reason="real responses are not here; set RECOVERYMETRICS_SHARED to the folder that holds real/",
)


@dataclass(frozen=True)
class Comparison:
    """One number (or array) beside its reference.

    ``tolerance`` is relative: ``|ours - theirs| <= tolerance * max(|theirs|, floor)``.
    """

    area: str
    case: str
    quantity: str
    ours: Any
    theirs: Any
    tolerance: float
    note: str = ""
    floor: float = 1e-2

    @property
    def difference(self) -> float:
        """Largest relative difference, with the floor in the denominator; infinite when only one side is NaN."""
        ours = np.atleast_1d(np.asarray(self.ours, dtype=float))
        theirs = np.atleast_1d(np.asarray(self.theirs, dtype=float))
        if ours.shape != theirs.shape:
            return math.inf
        one_sided = np.isnan(ours) != np.isnan(theirs)
        if one_sided.any():
            return math.inf
        kept = ~np.isnan(theirs)
        if not kept.any():
            return math.inf
        gap = np.abs(ours[kept] - theirs[kept]) / np.maximum(np.abs(theirs[kept]), self.floor)
        return float(gap.max())

    def check(self) -> None:
        """Fail with the numbers side by side when the difference exceeds the tolerance."""
        assert self.difference <= self.tolerance, (
            f"{self.area}/{self.case} {self.quantity}: relative difference {self.difference:.3g} "
            f"> {self.tolerance:g}\nours   {np.asarray(self.ours)}\ntheirs {np.asarray(self.theirs)}"
        )


@cache
def load_case(area: str, case: str) -> dict[str, Any]:
    """Read ``reference/<area>/<case>.json``."""
    with open(REFERENCE / area / f"{case}.json", encoding="utf-8") as handle:
        return json.load(handle)


@cache
def load_data(name: str) -> pd.DataFrame:
    """Read ``reference/data/<name>.csv``."""
    return pd.read_csv(REFERENCE / "data" / f"{name}.csv")


def matrix(entry: dict[str, Any]) -> pd.DataFrame:
    """Turn ``{rows, cols, values}`` into a frame."""
    return pd.DataFrame(np.asarray(entry["values"], dtype=float), index=entry["rows"], columns=entry["cols"])


def frame(entry: dict[str, Any]) -> pd.DataFrame:
    """Turn ``{.row, column: [...]}`` into a frame."""
    columns = {key: np.atleast_1d(value) for key, value in entry.items() if key != ".row"}
    return pd.DataFrame(columns, index=entry.get(".row"))


def ids(comparisons: Iterable[Comparison]) -> list[str]:
    """Test ids."""
    return [f"{c.area}-{c.case}-{c.quantity}" for c in comparisons]
