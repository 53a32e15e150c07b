"""The code blocks of the guides, the tutorial and the README run as they stand, in order, in one namespace."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
PAGES = {
    path.stem: path
    for path in (
        *sorted((ROOT / "docs" / "guides").glob("*.md")),
        ROOT / "docs" / "tutorial.md",
        ROOT / "README.md",
    )
    if "```python" in path.read_text(encoding="utf-8")
}
LONG = {"cfa", "dif", "tutorial"}
"""Simulations, bootstraps, or the study of 6,000 persons: more than ten seconds."""

BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


def answers(items: list[str], *, n: int = 400, seed: int = 1, loading: float = 0.75) -> pd.DataFrame:
    """Answers 1 to 4 of persons in two regions and three countries to items of one factor."""
    rng = np.random.default_rng(seed)
    latent = loading * rng.normal(size=(n, 1)) + np.sqrt(1 - loading**2) * rng.normal(size=(n, len(items)))
    codes = 1 + (latent[..., None] > np.array([-0.9, 0.1, 1.0])).sum(axis=2)
    return pd.DataFrame(codes, columns=items)


def columns(letter: str, n: int) -> list[str]:
    return [f"{letter}{j}" for j in range(1, n + 1)]


def two_scales(first: list[str], second: list[str]) -> pd.DataFrame:
    return pd.concat([answers(first), answers(second, seed=2)], axis=1)


def grouped(frame: pd.DataFrame) -> pd.DataFrame:
    persons = np.arange(len(frame))
    return frame.assign(
        region=np.array(["AFR", "EUR"])[persons % 2],
        country=np.array(["KE", "BR", "IN"])[persons % 3],
        age=18 + persons % 60,
        woman=persons // 2 % 2,
    )


Q = columns("q", 6)
NAMES = {
    "alignment": lambda: {"data": grouped(answers(Q)), "model": "hope =~ " + " + ".join(Q)},
    "cfa": lambda: {
        "data": grouped(two_scales(columns("h", 4), columns("a", 4))).assign(
            woman=np.arange(400) // 3 % 2, age=18 + np.arange(400) % 61
        )
    },
    "correlation": lambda: {"data": answers(Q).assign(region=np.array(["AFR", "EUR"])[np.arange(400) % 2])},
    "dif": lambda: {"data": grouped(answers([*Q, "q7", "q8"])).drop(columns=["country", "woman"])},
    "efa": lambda: {"data": two_scales(columns("h", 5), columns("a", 5))},
    "invariance": lambda: {
        "data": grouped(answers(Q)),
        "wide": answers([f"{item}_{k}" for k in (1, 2, 3) for item in Q]),
    },
    "reliability": lambda: {
        "data": two_scales(columns("h", 5), columns("m", 5)).assign(
            region=np.array(["AFR", "EUR"])[np.arange(400) % 2]
        ),
        "hope": columns("h", 5),
        "meaning": columns("m", 5),
        "scores": answers(["test", "retest"]),
    },
}
"""What a guide takes for granted: the reader's own data."""


@pytest.mark.filterwarnings("ignore::recoverymetrics.RecoveryMetricsWarning")
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name in LONG else ()) for name in PAGES]
)
def test_code_of_the_page_runs(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plt = pytest.importorskip("matplotlib.pyplot")
    text = PAGES[name].read_text(encoding="utf-8")
    namespace = NAMES.get(name, dict)()
    for match in BLOCK.finditer(text):
        line = text[: match.start()].count("\n") + 2
        code = compile("\n" * (line - 1) + match.group(1), str(PAGES[name]), "exec")
        exec(code, namespace)
        plt.close("all")
