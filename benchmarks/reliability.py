"""Reliability with a thousand bootstrap draws, beside psych where R has it.

Each function returns rows with the keys ``task``, ``engine``, ``seconds`` (least processor time of several runs) and ``note``.
"""

from __future__ import annotations

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

PERSONS, ITEMS, DRAWS = 10_000, 24, 1_000
PSYCH = """
suppressPackageStartupMessages(library(psych)); X <- read.csv("{path}")
for (call in c("alpha(X, warnings=FALSE)", "alpha(X, n.iter={draws}, warnings=FALSE)", "omega(X, 4, plot=FALSE)")) {{
  run <- function(i) {{ s <- proc.time(); suppressMessages(eval(parse(text=call))); sum((proc.time() - s)[c(1, 2, 4, 5)]) }}
  t <- tryCatch(min(sapply(1:{repeats}, run)), error=function(e) NA)
  if (!is.na(t)) cat(call, "|", t, "\\n")
}}
cat("BLAS |", extSoftVersion()[["BLAS"]], "\\n")
"""
"""Processor time of R and of the processes that it forks."""


def simulated_responses(seed: int = 7) -> pd.DataFrame:
    """Graded responses of 10,000 persons to 24 items of five categories, one factor."""
    rng = np.random.default_rng(seed)
    slope = rng.uniform(0.8, 2.0, ITEMS)
    latent = rng.normal(size=(PERSONS, 1)) * slope + rng.logistic(size=(PERSONS, ITEMS))
    cuts = np.sort(rng.normal(0, 1.3, (ITEMS, 4)), axis=1)
    answers = (latent[:, :, None] > cuts).sum(2) + 1
    return pd.DataFrame(answers, columns=[f"i{j + 1}" for j in range(ITEMS)])


def reliability_rows(repeats: int = 5) -> list[dict[str, Any]]:
    """Our coefficients on the simulated responses."""
    data = simulated_responses()
    boot = rm.Bootstrap(n_draws=DRAWS, seed=1)
    calls: dict[str, Callable[[], Any]] = {
        "alpha, item table, Feldt interval": lambda: rm.cronbach_alpha(data),
        f"alpha, item table, {DRAWS} bootstrap draws": lambda: rm.cronbach_alpha(data, interval=boot),
        "omega total, ML, robust interval": lambda: rm.mcdonald_omega(data),
        f"omega total, ML, {DRAWS} bootstrap draws": lambda: rm.mcdonald_omega(data, interval=boot),
        "omega hierarchical, 4 factors": lambda: rm.hierarchical_omega(data, 4),
        "categorical omega, robust interval": lambda: rm.categorical_omega(data),
        "lambdas and greatest lower bound": lambda: rm.guttman_lambdas(data),
    }
    size = f"{PERSONS} x {ITEMS}"
    return [
        {
            "task": f"{name} ({size})",
            "engine": "recoverymetrics",
            "seconds": _least(call, repeats),
            "note": "",
        }
        for name, call in calls.items()
    ]


def psych_rows(repeats: int = 3) -> list[dict[str, Any]]:
    """The same data through psych, where ``Rscript`` and psych are installed; else no rows."""
    script = shutil.which("Rscript")
    if script is None:
        return []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "responses.csv"
        simulated_responses().to_csv(path, index=False)
        code = PSYCH.format(path=path.as_posix(), draws=DRAWS, repeats=repeats)
        done = subprocess.run([script, "-e", code], capture_output=True, text=True, check=False)
    pairs = [line.split("|") for line in done.stdout.splitlines() if "|" in line]
    blas = next((value.strip() for name, value in pairs if name.strip() == "BLAS"), "")
    size = f"{PERSONS} x {ITEMS}"
    return [
        {"task": f"{name.strip()} ({size})", "engine": "psych", "seconds": float(value), "note": blas}
        for name, value in pairs
        if name.strip() != "BLAS"
    ]


def rows() -> list[dict[str, Any]]:
    """All rows of this module."""
    return [*reliability_rows(), *psych_rows()]


def _least(call: Callable[[], Any], repeats: int) -> float:
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        seconds.append(time.process_time() - start)
    return min(seconds)
