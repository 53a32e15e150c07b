"""Factor models beside lavaan (where R has it) and semopy, whole calls on the same data in the same run.

Each function returns rows with the keys ``task``, ``engine``, ``seconds`` (least processor time of several runs,
children excluded), ``megabytes`` (memory that a warm call adds at its peak: traced allocations here, ``gc()`` in R),
``cold`` (seconds of processor time that a fresh process takes to load the package and the data and make its first
call), ``resident`` (megabytes of memory that this process holds at its peak, where the system tells) and ``note``.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import tracemalloc
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import recoverymetrics as rm

SHARED = Path(os.environ.get("RECOVERYMETRICS_SHARED", Path(__file__).resolve().parents[2] / "shared"))
REFERENCE = SHARED / "reference"
THREE = "visual =~ x1 + x2 + x3\ntextual =~ x4 + x5 + x6\nspeed =~ x7 + x8 + x9"
GROUPS, ITEMS = 6, 24


def holzinger_swineford() -> pd.DataFrame:
    """Nine tests of 301 pupils; simulated from the published solution when the reference data are not here."""
    path = REFERENCE / "data" / "hs1939.csv"
    if path.exists():
        return pd.read_csv(path)
    rng = np.random.default_rng(1939)
    factors = rng.multivariate_normal(np.zeros(3), [[1, 0.46, 0.47], [0.46, 1, 0.28], [0.47, 0.28, 1]], 301)
    loading = np.array([0.77, 0.42, 0.58, 0.85, 0.86, 0.84, 0.57, 0.72, 0.67])
    noise = rng.normal(size=(301, 9)) * np.sqrt(1 - loading**2)
    return pd.DataFrame(
        factors[:, np.arange(9) // 3] * loading + noise, columns=[f"x{k}" for k in range(1, 10)]
    )


def six_groups() -> tuple[pd.DataFrame, str]:
    """24 ordered items, four factors, six groups of a thousand; and the model."""
    path = REFERENCE / "bench" / "mg24_4f_n6000.csv.gz"
    if path.exists():
        data = pd.read_csv(path)
    else:
        rng = np.random.default_rng(7)
        factors = rng.multivariate_normal(np.zeros(4), 0.4 + 0.6 * np.eye(4), 6000)
        loading = rng.uniform(0.5, 0.85, ITEMS)
        latent = factors[:, np.arange(ITEMS) // 6] * loading
        latent += rng.normal(size=(6000, ITEMS)) * np.sqrt(1 - loading**2)
        cuts = np.array([-1.1, -0.3, 0.4, 1.2])
        data = pd.DataFrame(
            (latent[:, :, None] > cuts).sum(2) + 1, columns=[f"i{j + 1}" for j in range(ITEMS)]
        )
        data.insert(0, "group", np.repeat(np.arange(GROUPS) + 1, 1000))
    items = [name for name in data.columns if name != "group"]
    model = "\n".join(f"f{k + 1} =~ " + " + ".join(items[k * 6 : k * 6 + 6]) for k in range(4))
    return data, model


def one_group_rows(repeats: int = 30) -> list[dict[str, Any]]:
    """Maximum likelihood with standard errors and every fit index; semopy with estimates and errors alone."""
    data = holzinger_swineford()
    task = "Holzinger-Swineford, three factors, ML"

    def ours() -> None:
        fit = rm.fit_cfa(data, THREE)
        fit.tidy()
        fit.fit_measures()

    rows = [_row(task, "recoverymetrics", ours, repeats, "estimates, errors, all fit indices")]
    rows[0] |= _cold(data, f"fit = rm.fit_cfa(X, {THREE!r}); fit.tidy(); fit.fit_measures()")
    semopy = _semopy(data)
    if semopy is not None:
        rows.append(_row(task, "semopy", semopy, max(repeats // 3, 1), "estimates and errors alone"))
    code = f"f <- function() {{ x <- cfa('{THREE}', X); fitMeasures(x); parameterEstimates(x) }}"
    return rows + _lavaan(task, data, code, repeats)


def group_rows(repeats: int = 3, *, lavaan_ordinal: bool = False) -> list[dict[str, Any]]:
    """Six groups: ML, MLR and WLSMV, configural and scalar."""
    data, model = six_groups()
    items = [name for name in data.columns if name != "group"]
    rows: list[dict[str, Any]] = []
    for estimator in ("ML", "MLR", "WLSMV"):
        ordered = estimator == "WLSMV"
        held = ("loadings", "thresholds", "intercepts") if ordered else ("loadings", "intercepts")
        for level, equal in (("configural", ()), ("scalar", held)):
            task = f"six groups x 1000, 24 items, four factors, {estimator} {level}"
            options = {"group": "group", "estimator": estimator, "ordered": ordered, "equal": equal}
            rows.append(
                _row(
                    task,
                    "recoverymetrics",
                    lambda o=options: rm.fit_cfa(data, model, **o).glance(),
                    repeats,
                    "",
                )
            )
            rows[-1] |= _cold(data, f"rm.fit_cfa(X, {model!r}, **{options!r}).glance()")
            if ordered and not lavaan_ordinal:
                continue
            theirs = "c('loadings', 'thresholds')" if ordered else "c('loadings', 'intercepts')"
            equality = f", group.equal = {theirs}" if equal else ""
            order = f", ordered = c({', '.join(repr(i) for i in items)})" if ordered else ""
            code = f"f <- function() cfa('{model}', X, group = 'group', estimator = '{estimator}'{order}{equality})"
            rows += _lavaan(task, data, code, 1 if ordered else repeats)
    return rows


def missing_rows(repeats: int = 1) -> list[dict[str, Any]]:
    """FIML with a fifth of the responses missing at random: nearly every person has an own pattern."""
    data, model = six_groups()
    items = [name for name in data.columns if name != "group"]
    holed = data[items].astype(float).iloc[:2000]
    holed = holed.mask(np.random.default_rng(5).random(holed.shape) < 0.2)
    task = "2000 x 24, 20% missing, four factors, FIML"
    rows = [
        _row(task, "recoverymetrics", lambda: rm.fit_cfa(holed, model, missing="fiml").glance(), repeats, "")
    ]
    rows[0] |= _cold(holed, f"rm.fit_cfa(X, {model!r}, missing='fiml').glance()")
    code = f"f <- function() cfa('{model}', X, missing = 'fiml')"
    return rows + _lavaan(task, holed, code, 1)


def rows() -> list[dict[str, Any]]:
    """Every benchmark of this module."""
    return [*one_group_rows(), *group_rows(), *missing_rows()]


def _row(task: str, engine: str, call: Callable[[], object], repeats: int, note: str) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        call()
        seconds = []
        for _ in range(repeats):
            start = time.process_time()
            call()
            seconds.append(time.process_time() - start)
        tracemalloc.start()
        call()
        peak = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
    return {
        "task": task,
        "engine": engine,
        "seconds": min(seconds),
        "megabytes": round(peak, 1),
        "cold": None,
        "resident": None,
        "note": note,
    }


def _cold(data: pd.DataFrame, code: str) -> dict[str, float | None]:
    """Time and memory of the first call in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.csv"
        data.to_csv(path, index=False)
        script = (
            "import warnings; warnings.simplefilter('ignore'); import time; import pandas as pd; "
            f"import recoverymetrics as rm; X = pd.read_csv({str(path)!r}); {code}; "
            "print('SECONDS', time.process_time()); print(open('/proc/self/status').read())"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    return _cold_figures(done.stdout)


def _cold_figures(printed: str) -> dict[str, float | None]:
    """Seconds after the word SECONDS, and the high-water mark of resident memory in a Linux process status."""
    words = printed.split()
    seconds = float(words[words.index("SECONDS") + 1]) if "SECONDS" in words else None
    resident = round(float(words[words.index("VmHWM:") + 1]) / 1e3, 1) if "VmHWM:" in words else None
    return {"cold": seconds, "resident": resident}


def _semopy(data: pd.DataFrame) -> Callable[[], object] | None:
    try:
        import semopy
    except ImportError:
        return None
    frame = data[[f"x{k}" for k in range(1, 10)]]

    def call() -> object:
        model = semopy.Model(THREE)
        model.fit(frame)
        return model.inspect()

    return call


def _lavaan(task: str, data: pd.DataFrame, code: str, repeats: int) -> list[dict[str, Any]]:
    """The same call in lavaan; no row when R or lavaan is not here."""
    if shutil.which("Rscript") is None:
        return []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.csv"
        data.to_csv(path, index=False, na_rep="NA")
        script = (
            f"suppressMessages(library(lavaan)); X <- read.csv('{path}'); {code}; invisible(f()); "
            "cat('SECONDS', sum(proc.time()[c('user.self', 'sys.self')]), '\\n'); "
            "s <- '/proc/self/status'; if (file.exists(s)) writeLines(readLines(s)); "
            f"t <- sapply(seq_len({repeats}), function(i) sum(system.time(f())[c('user.self', 'sys.self')])); "
            "invisible(gc(reset = TRUE)); before <- sum(gc()[, 2]); invisible(f()); "
            "cat('WARM', min(t), sum(gc()[, 6]) - before)"
        ).replace("\n", "; ")
        done = subprocess.run(["Rscript", "-e", script], capture_output=True, text=True, check=False)
    if done.returncode or "WARM" not in done.stdout:
        return []
    cold, warm = done.stdout.split("WARM")
    seconds, megabytes = (float(value) for value in warm.split())
    return [
        {
            "task": task,
            "engine": "lavaan",
            "seconds": seconds,
            "megabytes": round(megabytes, 1),
            **_cold_figures(cold),
            "note": "processor time in R",
        }
    ]
