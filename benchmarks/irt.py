"""Item response models, beside mirt (R), girth and the PyPI package mirt where they are installed.

The reference data and mirt's stored times come from the reference folder (``RECOVERYMETRICS_SHARED``) when it is
there; otherwise data of the same size are simulated. Rows have the keys ``task``, ``engine``, ``seconds`` (least
processor time of several runs) and ``note`` (log-likelihood, peak memory).
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import recoverymetrics as rm

SHARED = Path(os.environ.get("RECOVERYMETRICS_SHARED", Path(__file__).resolve().parents[2] / "shared"))
REFERENCE = SHARED / "reference"
MIRT_SECONDS = {"graded 24x5x10000": 1.438, "graded 24x5x10000, Oakes SEs": 5.653, "EAP scores": 0.492,
                "C2": 3.557, "S-X2": 0.159, "bifactor 24 x 5000": 16.604, "six groups, scalar, 12 x 3000": 10.008}  # fmt: skip
"""mirt 1.47, R 4.2.2, reference BLAS, idle 2-core machine: reference/bench/TIMES.md."""


def simulate_graded(n: int, J: int, *, specific: int = 0, seed: int = 7) -> pd.DataFrame:
    """Graded responses in five categories, with ``specific`` further factors if asked for."""
    rng = np.random.default_rng(seed)
    a, b = rng.uniform(0.8, 2.2, J), np.sort(rng.normal(0, 1.2, (J, 4)), axis=1)
    X = np.empty((n, J), dtype=np.int8)
    for start in range(0, n, 50_000):
        rows = slice(start, min(start + 50_000, n))
        size = rows.stop - rows.start
        z = a * rng.standard_normal((size, 1))
        if specific:
            z = z + np.repeat(rng.standard_normal((size, specific)), J // specific, axis=1)
        p = 1 / (1 + np.exp(-(z[:, :, None] - (a[:, None] * b))))
        X[rows] = (p > rng.random((size, J, 1))).sum(axis=2)
    return pd.DataFrame(X, columns=[f"i{j + 1:02d}" for j in range(J)])


def _data(name: str, otherwise: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    path = REFERENCE / name
    return pd.read_csv(path) if path.is_file() else otherwise()


def _six_groups() -> pd.DataFrame:
    parts = [simulate_graded(500, 12, seed=7) for _ in range(6)]
    return pd.concat([p.assign(group=f"G{g}") for g, p in enumerate(parts)], ignore_index=True)


def _timed(task: str, call: Callable[[], Any], repeats: int) -> tuple[dict[str, Any], Any]:
    best, value = np.inf, None
    for _ in range(repeats):
        start = time.process_time()
        value = call()
        best = min(best, time.process_time() - start)
    note = (
        f"loglik {value.loglik:.3f}, {value.n_evaluations} E-steps" if hasattr(value, "n_evaluations") else ""
    )
    return {"task": task, "engine": "recoverymetrics", "seconds": best, "note": note}, value


def irt_rows(repeats: int = 3) -> list[dict[str, Any]]:
    """Our fits."""
    graded = _data("bench/grm24_n10000.csv.gz", lambda: simulate_graded(10_000, 24))
    two = _data("bench/bif24_n5000.csv.gz", lambda: simulate_graded(5_000, 24, specific=4))
    groups = _data("data/mg_grm_sim.csv", _six_groups)
    structure = rm.Bifactor({f"s{k}": list(two.columns[6 * k : 6 * k + 6]) for k in range(4)})
    scalar = {"group": "group", "equal": ("slopes", "intercepts")}
    rows = [_timed("graded 24x5x10000", lambda: rm.fit_irt(graded, se=None), repeats)[0]]
    row, fit = _timed("graded 24x5x10000, Oakes SEs", lambda: rm.fit_irt(graded), repeats)
    rows.append(row)
    calls: dict[str, Callable[[], Any]] = {
        "EAP scores": fit.scores,
        "C2": lambda: fit.global_fit("c2"),
        "S-X2": fit.item_fit,
        "bifactor 24 x 5000": lambda: rm.fit_irt(two, structure=structure, se=None),
        "six groups, scalar, 12 x 3000": lambda: rm.fit_irt(groups, se=None, **scalar),
        "six groups, scalar, 12 x 3000, Oakes SEs": lambda: rm.fit_irt(groups, **scalar),
    }
    return rows + [_timed(task, call, repeats)[0] for task, call in calls.items()]


def refit_rows(repeats: int = 3) -> list[dict[str, Any]]:
    """A likelihood-ratio sweep that frees each of twelve items across six groups."""
    groups = _data("data/mg_grm_sim.csv", _six_groups)
    fit = rm.fit_irt(groups, group="group", equal=("slopes", "intercepts"), se=None)
    return [
        _timed(
            "free each item in turn, six groups", lambda: [fit.refit(partial=[i]) for i in fit.items], repeats
        )[0]
    ]


def size_rows(sizes: tuple[int, ...] = (100_000, 1_000_000)) -> list[dict[str, Any]]:
    """Growth with the number of persons; ``note`` gives the peak memory of the process so far."""
    rows = []
    for n in sizes:
        data = simulate_graded(n, 24)
        row, _ = _timed(f"graded 24x5x{n}", lambda data=data: rm.fit_irt(data, se=None), 1)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
        rows.append(row | {"note": f"{row['note']}, peak {peak:.2f} GB"})
    return rows


def mirt_rows() -> list[dict[str, Any]]:
    """Stored times of mirt in R."""
    note = "mirt 1.47, R 4.2.2, elapsed, stored"
    return [
        {"task": task, "engine": "mirt (R)", "seconds": s, "note": note} for task, s in MIRT_SECONDS.items()
    ]


def python_rows(repeats: int = 3) -> list[dict[str, Any]]:
    """girth and the PyPI package mirt on 5,000 persons, beside ours, all without standard errors.

    The note gives the log-likelihood of each engine's estimates by one and the same function, so that a time is read
    together with the accuracy it bought.
    """
    data = _data("bench/grm24_n10000.csv.gz", lambda: simulate_graded(10_000, 24)).iloc[:5000]
    task = "graded 24x5x5000"
    row, fit = _timed(task, lambda: rm.fit_irt(data, se=None), repeats)
    rows, codes = [row], np.ascontiguousarray(data.to_numpy())
    missing = {"task": task, "seconds": float("nan"), "note": "not installed"}
    if find_spec("girth"):
        from girth import grm_mml

        timed, found = _timed(task, lambda: grm_mml(codes.T), repeats)
        value = _loglik_at(fit, found["Discrimination"], found["Difficulty"])
        rows.append(timed | {"engine": "girth", "note": f"loglik {value:.3f}"})
    else:
        rows.append(missing | {"engine": "girth"})
    if find_spec("mirt"):
        import mirt

        options = {"model": "GRM", "n_quadpts": 61, "compute_standard_errors": False}
        timed, found = _timed(task, lambda: mirt.fit_mirt(codes - codes.min(), **options), repeats)
        rows.append(timed | {"engine": "mirt (PyPI)", "note": f"loglik {found.log_likelihood:.3f}"})
    else:
        rows.append(missing | {"engine": "mirt (PyPI)"})
    return rows


def _loglik_at(fit: rm.IRTResult, a: Any, b: Any) -> float:
    """Our log-likelihood at discriminations (J,) and difficulties (J, K - 1)."""
    layout, x = fit.calibration.layout, fit.x.copy()
    for _, j, name, slot in layout.cells():
        x[slot] = a[j] if name == "a1" else -a[j] * b[j][int(name[1:]) - 1]
    return fit.calibration.problem(x).value


def rows() -> list[dict[str, Any]]:
    """All rows but the million persons."""
    return [*irt_rows(), *refit_rows(), *python_rows(), *mirt_rows(), *size_rows((100_000,))]
