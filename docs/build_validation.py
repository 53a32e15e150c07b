"""Write docs/validation.md: our numbers, the reference's, and the difference. Run with ``make validation``."""

from __future__ import annotations

import importlib
import sys
import warnings
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
REFERENCE_TESTS = HERE.parent / "tests" / "reference"
sys.path.insert(0, str(REFERENCE_TESTS))

HEAD = """# Validation

This page is generated (`make validation`) from the same comparisons that the tests run: every number of a reference
program beside ours. *Difference* is the largest relative difference over the values of a row (with a floor of 0.01, or
the one stated, in the denominator); *tolerance* is what the test allows. Where we and a reference disagree on purpose,
the note says why. The reference results come from R 4.2 with lavaan 0.6-14, mirt 1.47, psych 2.2.9, semTools 0.5-6,
lordif 0.4.2, difR 5.1, mokken 3.1.2, eRm 1.0.2, EFAtools 0.6.0 and sirt 4.1.15, and from irrCAC 0.4.4; full calls are kept with the data.

"""


def main() -> None:
    """Collect all comparisons and write the page."""
    from golden import REFERENCE

    if not REFERENCE.is_dir():
        raise SystemExit("the reference results are not here; set RECOVERYMETRICS_SHARED")
    parts, total, worst = [], 0, 0
    for path in sorted(REFERENCE_TESTS.glob("test_*.py")):
        module = importlib.import_module(path.stem)
        if not hasattr(module, "comparisons"):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = list(module.comparisons())
        total += sum(np.size(c.theirs) for c in found)
        worst += sum(c.difference > c.tolerance for c in found)
        parts.append(_part(path.stem, module.__doc__ or "", found))
    summary = f"{total:,} reference values in {len(parts)} groups; {worst} rows outside their tolerance.\n\n"
    (HERE / "validation.md").write_text(HEAD + summary + "\n".join(parts), encoding="utf-8")


def _part(stem: str, doc: str, found: list) -> str:
    title = stem.removeprefix("test_").replace("_", " ")
    lines = [
        f"## {title}",
        "",
        doc.strip().splitlines()[0] if doc.strip() else "",
        "",
        "| case | quantity | values | ours | theirs | difference | tolerance | note |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [_row(c) for c in found]
    return "\n".join(lines) + "\n"


def _row(c: object) -> str:
    size = int(np.size(c.theirs))
    ours, theirs = (_value(v) for v in (c.ours, c.theirs))
    return f"| {c.area}/{c.case} | {c.quantity} | {size} | {ours} | {theirs} | {c.difference:.1e} | {c.tolerance:g} | {c.note} |"


def _value(value: object) -> str:
    array = np.atleast_1d(np.asarray(value, dtype=float)).ravel()
    return f"{array[0]:.8g}" if array.size == 1 else f"{array[0]:.6g} …"


if __name__ == "__main__":
    main()
