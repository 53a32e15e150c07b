"""The bundled demonstration study, and a starting point for a new one."""

from __future__ import annotations

import shutil
from pathlib import Path

from recoverymetrics.errors import ConfigError
from recoverymetrics.io import load_synthetic

_STARTER_FILES = (
    "study.toml",
    "responses.csv",
    "items.csv",
    "elements.csv",
    "delphi_ratings.csv",
    "delphi_statements.csv",
    "relevance.csv",
    "themes.csv",
    "truth.json",
)


def demo_study_path() -> Path:
    """Path of the study file of the bundled synthetic six-region study."""
    return load_synthetic().path / "study.toml"


def new_study(folder: str | Path) -> Path:
    """Create a folder with a commented study file and example inputs that run as they are.

    Parameters
    ----------
    folder : str or Path
        Must not exist, or be empty.

    Returns
    -------
    Path
        The study file.

    Raises
    ------
    ConfigError
        The folder holds something already; nothing is overwritten.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{str(folder)!r} exists and is not empty; choose another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    source = load_synthetic().path
    for name in _STARTER_FILES:
        shutil.copyfile(source / name, folder / name)
    return folder / "study.toml"
