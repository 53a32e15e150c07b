"""Polychoric correlations and their asymptotic covariance, beside psych and lavaan where R has them.

Each function returns rows with the keys ``task``, ``engine``, ``seconds`` (median processor time of the runs, children
included), ``least`` (the quickest run) and ``note`` (for R the linear algebra library that it was given).
"""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import recoverymetrics as rm
from benchmarks.irt import REFERENCE, simulate_graded

PERSONS, ITEMS, GROUPS = 10_000, 24, 6
BLAS = {
    "reference BLAS": ("/usr/lib/*/blas/libblas.so.3", "/usr/lib/*/lapack/liblapack.so.3"),
    "OpenBLAS": ("/usr/lib/*/openblas*/libblas.so.3", "/usr/lib/*/openblas*/liblapack.so.3"),
}
"""Where Debian keeps the two; each is loaded into R before the one that the system has chosen."""
R_CALLS = {
    "psych": ("polychorics", "library(psych)", "polychoric(X)"),
    "psych, correct=0": ("polychorics", "library(psych)", "polychoric(X, correct=0)"),
    "lavaan": ("polychorics", "library(lavaan)", "lavCor(X, ordered=names(X))"),
    "psych, corr.test": ("Pearson", "library(psych)", "corr.test(X, ci=FALSE)"),
}


def simulated_responses(persons: int = PERSONS, seed: int = 7) -> pd.DataFrame:
    """Ordered responses of five categories to 24 items that load on four correlated factors."""
    rng = np.random.default_rng(seed)
    factors = rng.multivariate_normal(np.zeros(4), 0.4 + 0.6 * np.eye(4), size=persons)
    loading = rng.uniform(0.5, 0.85, ITEMS)
    latent = factors[:, np.arange(ITEMS) // 6] * loading + rng.standard_normal((persons, ITEMS)) * np.sqrt(
        1 - loading**2
    )
    cuts = np.array([-1.1, -0.3, 0.4, 1.2]) + rng.uniform(-0.3, 0.3, (ITEMS, 1))
    return pd.DataFrame(
        (latent[:, :, None] > cuts).sum(2) + 1, columns=[f"i{j + 1:02d}" for j in range(ITEMS)]
    )


def one_factor_responses() -> pd.DataFrame:
    """Graded responses of 10,000 persons to 24 items, on which R was timed; simulated alike when they are not here."""
    path = REFERENCE / "bench" / "grm24_n10000.csv.gz"
    return pd.read_csv(path) if path.is_file() else simulate_graded(PERSONS, ITEMS)


def correlation_rows(repeats: int = 5) -> list[dict[str, Any]]:
    """Our polychorics, their asymptotic covariance in six groups, and FIML moments."""
    data = one_factor_responses()
    grouped = simulated_responses(1_000 * GROUPS).assign(region=np.repeat(np.arange(GROUPS), 1_000))
    holed = data.astype(float).mask(np.random.default_rng(1).random(data.shape) < 0.05)
    size = f"{PERSONS} x {ITEMS}"
    calls: dict[str, Callable[[], Any]] = {
        f"polychorics ({size})": lambda: rm.polychoric(data),
        f"polychorics, 5% missing, pairwise ({size})": lambda: rm.polychoric(holed),
        f"polychorics, full asymptotic covariance ({GROUPS} groups of 1000 x {ITEMS})": lambda: rm.polychoric(grouped, group="region", acov=True),
        f"Pearson ({size})": lambda: rm.correlate(data),
        f"maximum-likelihood moments, 5% missing ({size})": lambda: rm.correlate(holed, missing="fiml"),
    }  # fmt: skip
    return [
        {"task": task, "engine": "recoverymetrics", **measured(call, repeats), "note": ""}
        for task, call in calls.items()
    ]


def r_rows(repeats: int = 5) -> list[dict[str, Any]]:
    """The same data through psych and lavaan; once per linear algebra library that R can use."""
    return [
        {"task": f"{task} ({PERSONS} x {ITEMS})", "engine": engine, **timed}
        for engine, (task, setup, call) in R_CALLS.items()
        for timed in time_r(one_factor_responses(), setup, call, repeats)
    ]


def rows() -> list[dict[str, Any]]:
    """All rows of this module."""
    return with_times([*correlation_rows(), *r_rows()])


def with_times(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Add how many times ours the other engines take for the same task."""
    ours = {row["task"]: row["seconds"] for row in rows if row["engine"] == "recoverymetrics"}
    return [
        row if row["engine"] == "recoverymetrics" or row["task"] not in ours
        else {**row, "times": round(row["seconds"] / ours[row["task"]], 1)}
        for row in rows
    ]  # fmt: skip


def time_r(data: pd.DataFrame, setup: str, call: str, repeats: int) -> list[dict[str, Any]]:
    """Processor time of an R call on ``X`` or its correlations ``R``: ``seconds least note``, a row per BLAS.

    R gets one thread, as we do. A call that fails gives no row.
    """
    script = shutil.which("Rscript")
    if script is None:
        return []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "responses.csv"
        data.to_csv(path, index=False)
        code = (
            f'suppressPackageStartupMessages({setup}); options(mc.cores=1); X <- read.csv("{path.as_posix()}"); R <- cor(X); '
            f"run <- function(i) {{ s <- proc.time(); suppressWarnings(suppressMessages({call})); "
            "sum((proc.time() - s)[c(1, 2, 4, 5)]) }; "
            f't <- sapply(1:{repeats}, run); cat("SECONDS", t, "\\n")'
        )
        return [timed for blas in r_libraries() if (timed := _run_r(script, code, blas))]


def r_libraries() -> dict[str, str]:
    """Linear algebra libraries that can be loaded into R; without any, the one that R came with."""
    found = {
        name: [path for pattern in patterns for path in glob.glob(pattern)[:1]]
        for name, patterns in BLAS.items()
    }
    return {name: ":".join(paths) for name, paths in found.items() if paths} or {"R's BLAS": ""}


def _run_r(script: str, code: str, blas: str) -> dict[str, Any]:
    environment = {**os.environ, "LD_PRELOAD": r_libraries()[blas], "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([script, "-e", code], capture_output=True, text=True, check=False, env=environment)
    for line in done.stdout.splitlines():
        if line.startswith("SECONDS"):
            return {**_summary([float(value) for value in line.split()[1:]]), "note": blas}
    return {}


def measured(call: Callable[[], Any], repeats: int) -> dict[str, float]:
    """Processor time of several runs: ``seconds`` (median) and ``least``."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return _summary(times)


def _summary(times: list[float]) -> dict[str, float]:
    return {"seconds": float(np.median(times)), "least": min(times)}
