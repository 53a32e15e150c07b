"""Bootstrap panels: matrix products beside a plain loop over panels.

Each function returns rows with the keys ``task``, ``engine``, ``seconds`` (least processor time of several runs) and ``note``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

import recoverymetrics as rm
from recoverymetrics.consensus import bootstrap_consensus

PANELISTS, STATEMENTS, ROUNDS = 100, 120, 3
PANELS = 10_000
LOOPED = 500


def simulated_panel(seed: int = 0) -> rm.DelphiPanel:
    """100 people rate 120 statements in three rounds."""
    rng = np.random.default_rng(seed)
    shape = (ROUNDS, STATEMENTS, PANELISTS)
    ratings = rng.choice(np.arange(1, 6), size=shape, p=[0.05, 0.08, 0.12, 0.35, 0.40])
    r, s, p = np.indices(shape)
    frame = pd.DataFrame(
        {
            "statement": s.ravel(),
            "panelist": p.ravel(),
            "round": r.ravel() + 1,
            "rating": ratings.ravel(),
            "region": np.array(["AFR", "AMR", "SEAR", "EUR", "EMR", "WPR"])[p.ravel() % 6],
        }
    )
    names = {name: name for name in ("statement", "panelist", "round", "rating", "region")}
    return rm.DelphiPanel.from_frame(frame, **names)


def bootstrap_rows(repeats: int = 3) -> list[dict[str, Any]]:
    """Ten thousand bootstrap panels under three rules, and the loop for comparison."""
    panel = simulated_panel()
    top_box = rm.ConsensusRule()
    regions = rm.WithinGroups(rm.ConsensusRule(agreement=0.5), by="region")
    rules = {
        "top box": top_box,
        "top box and IQR": top_box & rm.IQRRule(),
        "top box in every region": regions,
    }
    task = f"{PANELS} panels, {PANELISTS} people x {STATEMENTS} statements x {ROUNDS} rounds"
    rows = [
        {"task": task, "engine": f"matrix products, {name}", "note": "",
         "seconds": _least(lambda rule=rule: bootstrap_consensus(panel, rule, n_boot=PANELS), repeats)}
        for name, rule in rules.items()
    ]  # fmt: skip
    looped = _least(lambda: _loop(panel, LOOPED), repeats) * PANELS / LOOPED
    note = f"{LOOPED} panels, scaled up"
    return [*rows, {"task": task, "engine": "loop over panels, top box", "seconds": looped, "note": note}]


def reading_rows(repeats: int = 3) -> list[dict[str, Any]]:
    """The rest of a panel's analysis."""
    panel = simulated_panel()
    tasks: dict[str, Callable[[], Any]] = {
        "read 36,000 ratings": simulated_panel,
        "decide 120 statements": panel.check_consensus,
        "exact stability tests of 240 pairs": panel.stability,
        "every sensitivity scenario, no bootstrap": lambda: panel.sensitivity(n_boot=0),
    }
    return [
        {"task": task, "engine": "recoverymetrics", "seconds": _least(run, repeats), "note": ""}
        for task, run in tasks.items()
    ]


def rows() -> list[dict[str, Any]]:
    """All rows of this topic."""
    return [*bootstrap_rows(), *reading_rows()]


def _loop(panel: rm.DelphiPanel, n_panels: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    inside = np.zeros((ROUNDS, STATEMENTS))
    for _ in range(n_panels):
        people = rng.integers(0, PANELISTS, PANELISTS)
        inside += np.nanmean(panel.ratings[:, :, people] >= 4, axis=2) >= 0.8
    return inside / n_panels


def _least(run: Callable[[], Any], repeats: int) -> float:
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        run()
        seconds.append(time.process_time() - start)
    return min(seconds)


if __name__ == "__main__":
    print(pd.DataFrame(rows()).to_string(index=False))
