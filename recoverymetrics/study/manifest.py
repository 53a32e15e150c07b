"""The manifest: what was read, how it was run, every headline number; and its verification."""

from __future__ import annotations

import json
import math
import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

import pandas as pd

from recoverymetrics.display import AbstractResult
from recoverymetrics.errors import ConfigError
from recoverymetrics.study.config import StudyConfig, parse_config
from recoverymetrics.study.inputs import InputFile, fingerprint

FORMAT = 1
TOLERANCE = 1e-6
"""Relative tolerance of numbers with a closed form; counts and words must be equal."""
TOLERANCE_OPTIMISED = 1e-4
"""Relative tolerance of numbers that an optimiser found: processors round differently on the way."""
_OPTIMISED = ("efa.", "cfa.", "irt.", "omega.", "invariance.", "dif.", "refined.", "scoring.")
_PACKAGES = ("recoverymetrics", "numpy", "scipy", "pandas", "statsmodels", "scikit-learn", "networkx")


_KINDS: dict[str, type] = {
    "format": int,
    "configuration": dict,
    "headline": dict,
    "inputs": list,
    "inputs_folder": str,
}
_WORDS: dict[type, str] = {int: "a whole number", dict: "an object", list: "a list", str: "text"}


def build_manifest(
    config: StudyConfig, base: Path, out: Path, files: tuple[InputFile, ...], headline: Mapping[str, Any]
) -> dict[str, Any]:
    """Assemble the manifest of a run as plain JSON types.

    Parameters
    ----------
    config : StudyConfig
        The configuration that was run.
    base : Path
        Folder of the input files; stored relative to ``out`` where that is possible.
    out : Path
        Folder that the manifest is written to.
    files : tuple of InputFile
        Hashes of the inputs.
    headline : mapping
        Name -> number (or short text) that ``verify`` compares.
    """
    return {
        "format": FORMAT,
        "study": config.study.name,
        "inputs_folder": _relative(base, out),
        "inputs": [asdict(file) for file in files],
        "configuration": config.model_dump(mode="json"),
        "seed": config.study.seed,
        "python": platform.python_version(),
        "packages": {name: metadata.version(name) for name in _PACKAGES},
        "tolerance": {
            "closed_form": TOLERANCE,
            "optimised": TOLERANCE_OPTIMISED,
            "optimised_prefixes": list(_OPTIMISED),
        },
        "headline": dict(headline),
    }


def _relative(base: Path, out: Path) -> str:
    try:
        return Path(os.path.relpath(base.resolve(), out.resolve())).as_posix()
    except ValueError:
        return base.resolve().as_posix()


@dataclass(frozen=True)
class VerificationResult(AbstractResult):
    """What a re-run found.

    Attributes
    ----------
    ok : bool
        Whether every number agrees and every input file is unchanged.
    numbers : pandas.DataFrame
        One row per headline number: ``term``, ``recorded``, ``found``, ``difference``, ``tolerance``, ``agrees``.
    changed_files : tuple of str
        Input files whose hash is not the recorded one.
    """

    ok: bool
    numbers: pd.DataFrame = field(repr=False)
    changed_files: tuple[str, ...] = ()

    def tidy(self) -> pd.DataFrame:
        """One row per headline number."""
        return self.numbers.copy()

    def glance(self) -> pd.DataFrame:
        """One row: how many numbers, how many moved, how many files changed."""
        moved = int((~self.numbers["agrees"]).sum())
        return pd.DataFrame(
            [
                {
                    "ok": self.ok,
                    "n_numbers": len(self.numbers),
                    "n_moved": moved,
                    "n_files_changed": len(self.changed_files),
                }
            ]
        )

    def moved(self) -> pd.DataFrame:
        """Return the numbers that do not agree."""
        return self.numbers[~self.numbers["agrees"]].reset_index(drop=True)


def read_manifest(path: str | Path) -> dict[str, Any]:
    """Read a manifest.

    Raises
    ------
    ConfigError
        No such file, not JSON, or not a manifest of a format that this version reads.
    """
    path = Path(path)
    if not path.is_file():
        raise ConfigError(f"there is no manifest {str(path)!r}.")
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ConfigError(f"{path} is not a manifest: {error}") from None
    if not isinstance(manifest, dict):
        raise ConfigError(f"{path} is not a manifest: it is not a JSON object.")
    for key, kind in _KINDS.items():
        if not isinstance(manifest.get(key), kind):
            raise ConfigError(f"{path} is not a manifest: {key!r} is missing or is not {_WORDS[kind]}.")
    if not all(isinstance(entry, dict) and {"key", "sha256"} <= set(entry) for entry in manifest["inputs"]):
        raise ConfigError(f"{path} is not a manifest: an entry of 'inputs' lacks key or sha256.")
    if manifest["format"] != FORMAT:
        raise ConfigError(
            f"{path} has manifest format {manifest['format']}; this version reads format {FORMAT}."
        )
    return manifest


def recorded_study(manifest: Mapping[str, Any], path: Path) -> tuple[StudyConfig, Path]:
    """Return the configuration and the input folder that a manifest records."""
    config = parse_config(manifest["configuration"], f"the configuration in {path}")
    folder = Path(manifest["inputs_folder"])
    return config, folder if folder.is_absolute() else path.parent / folder


def changed_inputs(manifest: Mapping[str, Any], config: StudyConfig, base: Path) -> tuple[str, ...]:
    """Names of the input files whose hash is not the recorded one."""
    recorded = {entry["key"]: entry["sha256"] for entry in manifest["inputs"]}
    found = fingerprint(config, base)
    gone = [key for key in recorded if key not in {f.key for f in found}]
    return (*(f.name for f in found if recorded.get(f.key) != f.sha256), *gone)


def compare_headlines(recorded: Mapping[str, Any], found: Mapping[str, Any]) -> pd.DataFrame:
    """Compare recorded and re-computed numbers, one row each, in the recorded order."""
    names = [*recorded, *(name for name in found if name not in recorded)]
    return pd.DataFrame([_compare(name, recorded.get(name), found.get(name)) for name in names])


def _compare(name: str, recorded: Any, found: Any) -> dict[str, Any]:
    tolerance = TOLERANCE_OPTIMISED if name.startswith(_OPTIMISED) else TOLERANCE
    row = {"term": name, "recorded": recorded, "found": found, "difference": math.nan, "tolerance": tolerance}
    both = [recorded, found]
    if any(isinstance(v, bool) or not isinstance(v, int | float) for v in both):
        return {**row, "tolerance": 0.0, "agrees": recorded == found}
    difference = abs(found - recorded) / max(abs(recorded), abs(found), 1e-3)
    exact = all(isinstance(v, int) for v in both)
    return {
        **row,
        "difference": difference,
        "agrees": recorded == found if exact else difference <= tolerance,
    }
