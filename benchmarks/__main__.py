"""Time the engines beside other programs: ``python -m benchmarks [topic ...]``.

Each topic is a module here with a function ``rows()``; other programs are timed on the same data in the same run
where they are installed. Quote the figures with the machine they were measured on.
"""

from __future__ import annotations

import importlib
import os
import platform
import sys
from pathlib import Path

import pandas as pd

TOPICS = tuple(sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py")))


def main(topics: list[str]) -> int:
    unknown = [topic for topic in topics if topic not in TOPICS]
    if unknown:
        print(f"unknown topic {unknown[0]!r}; the topics are {', '.join(TOPICS)}.", file=sys.stderr)
        return 2
    print(f"Python {platform.python_version()}, {platform.machine()}, {os.cpu_count()} cores")
    for topic in topics or TOPICS:
        module = importlib.import_module(f"benchmarks.{topic}")
        print(f"\n== {topic}: {(module.__doc__ or '').strip().splitlines()[0]}")
        print(pd.DataFrame(module.rows()).to_string(index=False))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
