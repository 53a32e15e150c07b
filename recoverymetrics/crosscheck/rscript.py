"""Run one of the R scripts beside this module in a folder of its own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path
from shutil import which

import numpy as np
import pandas as pd

from recoverymetrics.errors import ModelError, OptionError
from recoverymetrics.typing import FloatArray

SCRIPTS = Path(__file__).parent / "rscripts"
SECONDS = 600
LINES_OF_R = 6


def require(package: str) -> str:
    """Path of Rscript, when R has the package."""
    rscript = which("Rscript")
    if rscript is None:
        raise OptionError(f"engine {package!r} needs R: Rscript was not found on this machine.")
    if not has_package(package, rscript):
        raise OptionError(f"engine {package!r} needs the R package {package}, which this R does not have.")
    return rscript


def has_package(package: str, rscript: str) -> bool:
    """Whether R finds a package."""
    code = f"quit(status = as.integer(!requireNamespace('{package}', quietly = TRUE)))"
    return subprocess.run([rscript, "-e", code], capture_output=True, check=False).returncode == 0


def run_script(package: str, rscript: str, folder: Path) -> str:
    """Run the script of a package on the files of a folder; returns the package's version."""
    command = [rscript, "--vanilla", str(SCRIPTS / f"{package}.R"), str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, check=False, text=True, timeout=SECONDS)
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"{package} did not finish within {SECONDS} seconds.") from error
    if done.returncode != 0:
        said = "\n".join(done.stderr.strip().splitlines()[-LINES_OF_R:])
        raise ModelError(f"{package} could not fit the model; R said:\n{said}")
    return (folder / "version.txt").read_text("utf-8").strip()


def write_options(folder: Path, options: Iterable[tuple[str, object]]) -> None:
    """Write options.csv; a key may repeat."""
    pd.DataFrame(list(options), columns=["key", "value"]).to_csv(folder / "options.csv", index=False)


def read_matrix(path: Path) -> FloatArray:
    """Read a matrix without headings."""
    return np.atleast_2d(np.loadtxt(path, delimiter=",", ndmin=2))


def logical(value: object) -> str:
    """Spell a truth value as R does."""
    return "TRUE" if value else "FALSE"
