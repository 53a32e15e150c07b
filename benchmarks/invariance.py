"""DIF sweeps, the invariance ladder and alignment: speed.

Functions named ``*_rows`` return rows; speed rows have the keys ``task``, ``engine``, ``seconds`` (least processor time of
several runs) and ``note``. ``python -m benchmarks.invariance`` prints them, ``python -m benchmarks.invariance FILE`` also
the sweeps on the file that mirt was timed on, ``python -m benchmarks.invariance lavaan`` times the ladder beside
lavaan's (minutes). Power and false positives of the DIF methods: ``python -m benchmarks.dif_power``.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from recoverymetrics.invariance import (
    IRTLikelihoodRatio,
    IRTWald,
    OrdinalLogistic,
    align_groups,
    check_invariance,
    detect_dif,
)

REGIONS = ("AFR", "AMR", "SEAR", "EUR", "EMR", "WPR")
ITEMS, PERSONS = 24, 6_000
IMPACT = (0.0, 0.5, -0.5, 0.3, -0.3, 0.1)
"""Means of the regions: one standard deviation between the lowest and the highest."""
SIZES = {"200 to 500": (200, 250, 300, 350, 400, 500), "500 to 3000": (500, 700, 900, 1200, 1800, 3000)}


def graded_regions(
    seed: int,
    sizes: tuple[int, ...],
    *,
    n_items: int = 12,
    means: tuple[float, ...] = IMPACT,
    shift: dict[tuple[int, int], float] | None = None,
    slope: dict[tuple[int, int], float] | None = None,
) -> pd.DataFrame:
    """Graded responses (five categories); ``shift`` moves the thresholds of (region, item), ``slope`` scales its slope."""
    rng = np.random.default_rng(seed)
    a = rng.uniform(0.9, 2.5, n_items)
    b = np.sort(
        rng.normal(0, 0.5, (n_items, 1))
        + np.array([-1.6, -0.6, 0.4, 1.4])
        + rng.uniform(-0.25, 0.25, (n_items, 4))
    )
    frames = []
    for g, n in enumerate(sizes):
        theta = rng.normal(means[g], 1.0, (n, 1))
        answers = {}
        for j in range(n_items):
            own_a = a[j] * (slope or {}).get((g, j), 1.0)
            own_b = b[j] + (shift or {}).get((g, j), 0.0)
            p = 1.0 / (1.0 + np.exp(-own_a * (theta - own_b)))
            answers[f"i{j + 1:02d}"] = (p > rng.uniform(size=(n, 1))).sum(axis=1)
        frames.append(pd.DataFrame(answers).assign(region=REGIONS[g]))
    return pd.concat(frames, ignore_index=True)


def sweep_rows(repeats: int = 3) -> list[dict[str, Any]]:
    """A full DIF analysis of 24 graded items in six regions of 1,000, as the caller runs it."""
    data = graded_regions(7, (1000,) * 6, n_items=ITEMS, shift={(2, 3): 0.5, (4, 9): -0.5})
    task = f"DIF, {ITEMS} graded items x 6 regions x {PERSONS} persons"
    calls: dict[str, Callable[[], Any]] = {
        "ordinal logistic, purified": lambda: detect_dif(data, group="region"),
        "ordinal logistic on theta, purified": lambda: detect_dif(
            data, group="region", method=OrdinalLogistic(matching="theta")
        ),
        "Mantel-Haenszel, purified": lambda: detect_dif(data, group="region", method="mantel_haenszel"),
        "SIBTEST, purified": lambda: detect_dif(data, group="region", method="sibtest"),
        "IRT likelihood ratio, one pass": lambda: detect_dif(
            data, group="region", method=IRTLikelihoodRatio(), purify=False
        ),
        "IRT likelihood ratio, purified": lambda: detect_dif(data, group="region", method="irt_lr"),
        "IRT Wald, two-step, purified": lambda: detect_dif(
            data, group="region", method=IRTWald(scheme="two_step")
        ),
        "lasso": lambda: detect_dif(data, group="region", method="lasso"),
    }
    return [
        {"task": task, "engine": name, "seconds": _least(call, repeats), "note": ""}
        for name, call in calls.items()
    ]


MIRT_SECONDS = {"drop (all items once)": 42.851, "drop_sequential (BIC)": 179.480}
"""mirt 1.47, single thread, 12 graded items x 6 groups x 500 persons; R 4.2.2, other jobs on the second core."""


def mirt_rows(path: str | Path, repeats: int = 3) -> list[dict[str, Any]]:
    """The sweeps that mirt::DIF was timed on, on the same file (columns ``i01`` .. ``i12`` and ``group``)."""
    data = pd.read_csv(path)
    items = [name for name in data.columns if name != "group"]
    rows = []
    for scheme, purify in (("drop (all items once)", False), ("drop_sequential (BIC)", True)):
        seconds = _least(
            lambda purify=purify: detect_dif(
                data, items=items, group="group", method="irt_lr", purify=purify
            ),
            repeats,
        )
        theirs = MIRT_SECONDS[scheme]
        note = f"mirt::DIF {theirs:.0f} s on the same data: {theirs / seconds:.0f} times"
        rows.append(
            {
                "task": f"IRT likelihood-ratio DIF, {scheme}",
                "engine": "recoverymetrics",
                "seconds": seconds,
                "note": note,
            }
        )
    return rows


def ladder_data() -> tuple[pd.DataFrame, str]:
    """Answers of 1,000 persons in each region, and a model of four factors with six items each."""
    data = graded_regions(7, (1000,) * 6, n_items=ITEMS)
    names = list(data.columns[:ITEMS])
    return data, "\n".join(f"f{k + 1} =~ " + " + ".join(names[6 * k : 6 * k + 6]) for k in range(4))


def ladder_rows(repeats: int = 1) -> list[dict[str, Any]]:
    """Five rungs of the ordinal ladder and an alignment, four factors of six items in six regions."""
    data, model = ladder_data()
    one = "f =~ " + " + ".join(data.columns[:ITEMS])
    calls: dict[str, Callable[[], Any]] = {
        "ordinal ladder, five levels with difference tests": lambda: check_invariance(
            data, model, group="region", ordered=True
        ),
        "continuous ladder, four levels (MLR)": lambda: check_invariance(
            data, model, group="region", estimator="MLR"
        ),
        "alignment, WLSMV": lambda: align_groups(data, one, group="region", method="fixed", ordered=True),
    }
    task = f"{ITEMS} items x 6 regions x {PERSONS} persons"
    return [
        {"task": task, "engine": name, "seconds": _least(call, repeats), "note": ""}
        for name, call in calls.items()
    ]


LAVAAN = """
suppressMessages(library(lavaan)); options(warn = -1)
data <- read.csv("data.csv"); items <- setdiff(names(data), "region"); before <- NULL; spent <- 0
for (file in sort(list.files(pattern = "model"))) {
  time <- system.time({
    fit <- lavaan(paste(readLines(file), collapse = "\n"), data, group = "region", ordered = items,
                  estimator = "WLSMV", parameterization = "theta")
    if (!is.null(before)) lavTestLRT(before, fit, method = "satorra.2000", A.method = "delta")
  })
  before <- fit; spent <- spent + sum(time[c("user.self", "sys.self")])
  cat("ROW", sub("^model[0-9]_", "", file), spent, fitMeasures(fit, "chisq.scaled"), fitMeasures(fit, "df"), "\n")
}
"""
"""Every level of the ladder as one model of lavaan's, with the same difference tests."""


def lavaan_ladder_rows() -> list[dict[str, Any]]:
    """The same ordinal ladder in lavaan, on the same data: minutes; none where R or lavaan is not here."""
    if shutil.which("Rscript") is None:
        return []
    data, model = ladder_data()
    result = check_invariance(data, model, group="region", ordered=True)
    with tempfile.TemporaryDirectory() as folder:
        data.to_csv(Path(folder) / "data.csv", index=False)
        for k, (level, fit) in enumerate(result.models.items()):
            (Path(folder) / f"model{k}_{level}").write_text(fit.to_lavaan())
        done = subprocess.run(
            ["Rscript", "-e", LAVAAN], capture_output=True, text=True, check=False, cwd=folder
        )
    table = result.tidy().set_index("level")["chi2_scaled"]
    return [
        {
            "task": f"{ITEMS} items x 6 regions x {PERSONS} persons",
            "engine": f"lavaan, ordinal ladder up to {level}",
            "seconds": float(seconds),
            "note": f"scaled chi-square {float(statistic):.3f}, ours {table[level]:.3f}; processor time in R",
        }
        for level, seconds, statistic, _ in (
            line.split()[1:] for line in done.stdout.splitlines() if line.startswith("ROW")
        )
    ]


def _least(call: Callable[[], Any], repeats: int) -> float:
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        seconds.append(time.process_time() - start)
    return min(seconds)


def rows() -> list[dict[str, Any]]:
    """Sweeps and the ladder."""
    return sweep_rows() + ladder_rows()


def main(mirt_data: str | None = None) -> None:
    """Print the speed rows; with the file that mirt was timed on, those rows too."""
    warnings.simplefilter("ignore")
    found = rows() + ([] if mirt_data is None else mirt_rows(mirt_data))
    print(pd.DataFrame(found).to_string(index=False))


if __name__ == "__main__":
    if sys.argv[1:] == ["lavaan"]:
        print(pd.DataFrame([*ladder_rows(3), *lavaan_ladder_rows()]).to_string(index=False))
    else:
        main(*sys.argv[1:2])
