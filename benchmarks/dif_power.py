"""Power and false positives of every DIF method under impact; writes its tables into ``docs/guides/dif.md``.

``python -m benchmarks.dif_power`` takes about twenty minutes on one core. Seeds are fixed: the tables come out the same.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.invariance import SIZES, graded_regions
from recoverymetrics.invariance import (
    FlagRule,
    IRTLikelihoodRatio,
    IRTWald,
    Lasso,
    Lord,
    MantelHaenszel,
    Ncdif,
    OrdinalLogistic,
    RajuArea,
    ScoreBased,
    Sibtest,
    detect_dif,
)

GUIDE = Path(__file__).parent.parent / "docs" / "guides" / "dif.md"
ITEMS = 12


@dataclass(frozen=True)
class Scenario:
    """Planted DIF: name, shifts and slopes by (region, item), numbers of items."""

    name: str
    planted: dict[str, dict[tuple[int, int], float]]
    n_items: int = ITEMS

    @property
    def truth(self) -> set[str]:
        """Names of the items with DIF."""
        return {f"i{j + 1:02d}" for cells in self.planted.values() for _, j in cells}


SCENARIOS = (
    Scenario("no DIF", {}),
    Scenario("2 items, both ways", {"shift": {(2, 3): 0.5, (4, 8): -0.5}}),
    Scenario("40 %, one way, one region", {"shift": {(3, j): 0.5 for j in range(5)}}),
    Scenario("slope halved, 2 items", {"slope": {(2, 3): 0.5, (4, 8): 0.5}}),
)

QUICK, SLOW = 25, 6
"""Replications; the last rows of ``METHODS`` take seconds for each."""

METHODS: dict[str, tuple[Any, FlagRule, int]] = {
    "ordinal logistic (default)": (OrdinalLogistic(), FlagRule(), QUICK),
    "ordinal logistic, plain sum": (OrdinalLogistic(matching="total"), FlagRule(), QUICK),
    "ordinal logistic, product term": (OrdinalLogistic(test="both"), FlagRule(), QUICK),
    "ordinal logistic, rest score": (OrdinalLogistic(matching="rest"), FlagRule(), QUICK),
    "ordinal logistic, p value alone": (OrdinalLogistic(), FlagRule(minimum=0.0), QUICK),
    "ordinal logistic, McFadden .02": (OrdinalLogistic(), FlagRule(effect="mcfadden"), QUICK),
    "Mantel (mean score)": ("mantel_haenszel", FlagRule(), QUICK),
    "generalised Mantel-Haenszel": (MantelHaenszel(association="general"), FlagRule(), QUICK),
    "SIBTEST": ("sibtest", FlagRule(), QUICK),
    "crossing SIBTEST": (Sibtest(crossing=True), FlagRule(), QUICK),
    "ordinal logistic, on theta †": (OrdinalLogistic(matching="theta"), FlagRule(), 3),
    "MIMIC †": ("mimic", FlagRule(), SLOW),
    "IRT likelihood ratio †": (
        IRTLikelihoodRatio(quadrature=31, tolerance=1e-3, min_cell=1),
        FlagRule(),
        SLOW,
    ),
    "IRT Wald †": (IRTWald(quadrature=31, tolerance=1e-4, min_cell=1), FlagRule(), 3),
    "IRT Wald, two-step †": (
        IRTWald(scheme="two_step", quadrature=31, tolerance=1e-4, min_cell=1),
        FlagRule(),
        SLOW,
    ),
    "Lord †": (Lord(quadrature=31, tolerance=1e-4, min_cell=1), FlagRule(), SLOW),
    "Raju, unsigned area †": (
        RajuArea(quadrature=31, tolerance=1e-4, min_cell=1, n_draws=200),
        FlagRule(),
        SLOW,
    ),
    "Raju, signed area †": (
        RajuArea(area="signed", quadrature=31, tolerance=1e-4, min_cell=1),
        FlagRule(),
        SLOW,
    ),
    "NCDIF †": (Ncdif(quadrature=31, tolerance=1e-4, min_cell=1, n_draws=300), FlagRule(), SLOW),
    "lasso, BIC": (Lasso(quadrature=21), FlagRule(), SLOW),
    "lasso, one block per item": (Lasso(quadrature=21, penalty="item"), FlagRule(), 3),
}
"""Method, rule, replications. Rows with a dagger let all flagged items leave the anchor at once."""


def region_rows(share: float = 1.0) -> list[dict[str, Any]]:
    """One row per method, sizes and scenario; ``share`` of the replications."""
    rows = []
    for name, (method, rule, replications) in METHODS.items():
        for size, sizes in SIZES.items():
            for scenario in SCENARIOS:
                reps = max(1, round(share * replications))
                start = time.process_time()
                purify = "all" if name.endswith("†") else True
                flags = [set(_detect(1000 + r, sizes, scenario, method, rule, purify)) for r in range(reps)]
                seconds = (time.process_time() - start) / reps
                rows.append(_row(name, size, scenario, flags) | {"seconds": seconds})
    return rows


def _detect(
    seed: int, sizes: tuple[int, ...], scenario: Scenario, method: Any, rule: FlagRule, purify: bool | str
) -> list[str]:
    data = graded_regions(seed, sizes, n_items=scenario.n_items, **scenario.planted)
    return detect_dif(data, group="region", method=method, rule=rule, purify=purify).flagged


def _row(name: str, size: str, scenario: Scenario, flags: list[set[str]]) -> dict[str, Any]:
    truth, reps = scenario.truth, len(flags)
    clean = scenario.n_items - len(truth)
    false = sum(len(found - truth) for found in flags) / (reps * clean)
    power = sum(len(found & truth) for found in flags) / (reps * len(truth)) if truth else np.nan
    return {
        "method": name, "regions": size, "condition": scenario.name, "false_positives": false, "power": power,
        "replications": reps,
    }  # fmt: skip


CHANGES: dict[str, Callable[[np.ndarray], tuple[Any, Any]]] = {
    "no DIF": lambda age: (0.0, 1.0),
    "jump at 50": lambda age: (0.5 * (age > 50), 1.0),
    "drift": lambda age: (0.016 * (age - 49), 1.0),
    "middle differs": lambda age: (0.5 * (np.abs(age - 49) > 15.5), 1.0),
    "slope halved from 50": lambda age: (0.0, np.where(age > 50, 0.5, 1.0)),
}
"""Shift and factor of the discrimination of item 4 along age."""
ALONG: dict[str, Any] = {
    "score-based, maximum LM": ScoreBased("max_lm"),
    "score-based, Cramer-von Mises": ScoreBased("cvm"),
    "score-based, double maximum": ScoreBased("double_max"),
    "ordinal logistic, linear": "ordinal_logistic",
}


def graded_along_age(seed: int, n: int, change: Callable[[np.ndarray], tuple[Any, Any]]) -> pd.DataFrame:
    """Eight graded items of persons of 18 to 80, whose mean rises by 1.2 standard deviations with age."""
    rng = np.random.default_rng(seed)
    age = rng.uniform(18, 80, n)
    theta = rng.normal(size=n) + 0.02 * (age - 49)
    a = rng.uniform(0.9, 2.5, 8)
    b = rng.normal(0, 0.5, (8, 1)) + np.array([-1.6, -0.6, 0.4, 1.4])
    shift, factor = change(age)
    answers = {}
    for j in range(8):
        own_b = b[j] + np.zeros((n, 1)) + (np.reshape(shift, (-1, 1)) if j == 3 else 0.0)
        own_a = a[j] * (np.reshape(factor, (-1, 1)) if j == 3 else 1.0)
        p = 1.0 / (1.0 + np.exp(-own_a * (theta[:, None] - own_b)))
        answers[f"i{j + 1:02d}"] = (p > rng.uniform(size=(n, 1))).sum(axis=1)
    return pd.DataFrame(answers).assign(age=age)


def age_rows(n: int = 1000, replications: int = 8) -> list[dict[str, Any]]:
    """Tests along age, item 4 changing in different ways."""
    rows = []
    for name, method in ALONG.items():
        for label, change in CHANGES.items():
            scenario = Scenario(label, {} if label == "no DIF" else {"shift": {(0, 3): 1.0}}, 8)
            flags = [
                set(
                    detect_dif(
                        graded_along_age(50 + r, n, change), by="age", method=method, purify="all"
                    ).flagged
                )
                for r in range(replications)
            ]
            rows.append(_row(name, str(n), scenario, flags))
    return rows


def markdown(rows: list[dict[str, Any]], heading: str) -> str:
    """A table of false positives and power, one line per method."""
    frame = pd.DataFrame(rows)
    conditions = list(dict.fromkeys(frame["condition"]))
    sizes = list(dict.fromkeys(frame["regions"]))
    lines = ["| " + " | ".join([heading, *conditions, "replications"]) + " |"]
    lines.append("|" + " --- |" * (len(conditions) + 2))
    for method, block in frame.groupby("method", sort=False):
        cells = [" ; ".join(_cell(block, size, condition) for size in sizes) for condition in conditions]
        lines.append("| " + " | ".join([str(method), *cells, str(block["replications"].iloc[0])]) + " |")
    return "\n".join(lines)


def _cell(block: pd.DataFrame, size: str, condition: str) -> str:
    row = block[(block["regions"] == size) & (block["condition"] == condition)].iloc[0]
    power = "" if np.isnan(row["power"]) else f", {row['power']:.2f}"
    return f"{row['false_positives']:.3f}{power}"


def insert(text: str, name: str, table: str) -> str:
    """Put a table between its markers."""
    start, end = f"<!-- {name}: start -->", f"<!-- {name}: end -->"
    head, rest = text.split(start)
    return f"{head}{start}\n{table}\n{end}{rest.split(end)[1]}"


def rows() -> list[dict[str, Any]]:
    """A tenth of the replications, as a check that the tables can be made."""
    return region_rows(0.1)


def main(share: float = 1.0) -> None:
    """Make both tables and write them into the guide."""
    warnings.simplefilter("ignore")
    by_region, by_age = region_rows(share), age_rows()
    text = GUIDE.read_text()
    text = insert(text, "regions", markdown(by_region, "method"))
    text = insert(text, "age", markdown(by_age, "method"))
    GUIDE.write_text(text)
    print(pd.DataFrame(by_region).groupby("method", sort=False)["seconds"].mean().round(2).to_string())


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0)
