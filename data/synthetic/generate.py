"""Write the synthetic six-region study: ``python data/synthetic/generate.py [--out DIR]``.

The same bytes each time. Nobody in these files is real. ``README.md`` describes every column.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import design
import numpy as np
from elements_and_items import ELEMENTS, item_rows
from panel import panelists, rating_rows, statement_rows, statements
from relevance import relevance_rows
from respondents import respondent_rows, simulate
from themes import theme_rows
from writing import write_csv, write_json

from recoverymetrics.simulate import SimulatedResponses

HERE = Path(__file__).resolve().parent
MIN_PER_CATEGORY = 10


def main() -> None:
    """Read the command line and write the files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write to")
    generate(parser.parse_args().out)


def generate(out: Path) -> None:
    """Write every file of the study into ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    streams = np.random.default_rng(design.SEED).spawn(4)
    simulated = simulate(design.SEED)
    check_categories(simulated)
    people, careless = respondent_rows(simulated, streams[0])
    rows = statements()
    tables: dict[str, list[dict[str, Any]]] = {
        "elements": element_rows(),
        "items": item_rows(),
        "delphi_statements": statement_rows(rows),
        "delphi_ratings": rating_rows(rows, panelists(streams[1]), streams[1]),
        "relevance": relevance_rows(streams[2]),
        "themes": theme_rows(people, streams[3]),
        "responses": people,
    }
    for name, table in tables.items():
        write_csv(out / f"{name}.csv", list(table[0]), table)
    write_json(out / "truth.json", truth(careless))


def element_rows() -> list[dict[str, str]]:
    """Rows of ``elements.csv``."""
    columns = ("element_id", "domain", "label", "theme", "source")
    return [dict(zip(columns, row, strict=True)) for row in ELEMENTS]


def check_categories(simulated: SimulatedResponses) -> None:
    """Stop when a category of an item is used by fewer than ten people of a region."""
    for region, block in simulated.responses.groupby("group"):
        for item in simulated.items:
            counts = block[item].value_counts().reindex(range(1, 6), fill_value=0)
            if counts.min() < MIN_PER_CATEGORY:
                raise SystemExit(f"{item} in {region} has category counts {counts.tolist()}")


def truth(careless: list[str]) -> dict[str, Any]:
    """Everything that was planted."""
    names = list(design.DIMENSION_ITEMS)
    loadings = design.flat(design.LOADINGS)
    return {
        "seed": design.SEED,
        "dimensions": design.DIMENSION_ITEMS,
        "loadings": loadings,
        "slopes": {item: round(value / np.sqrt(1 - value**2), 6) for item, value in loadings.items()},
        "thresholds": design.thresholds(),
        "regions": {
            region: {
                "n": n,
                "mean": dict(zip(names, mean, strict=True)),
                "variance": dict(zip(names, variance, strict=True)),
            }
            for region, (n, mean, variance) in design.REGIONS.items()
        },
        "factor_correlations": {
            name: dict(zip(names, row, strict=True))
            for name, row in zip(names, design.FACTOR_CORRELATIONS, strict=True)
        },
        "dif": [
            {
                "item": item,
                "kind": "uniform" if slope == 1 else "non_uniform",
                "regions": list(regions),
                "size": shift if slope == 1 else slope,
            }
            for item, regions, shift, slope in design.DIF_ITEMS
        ],
        "redundant_pairs": [list(pair) for pair in design.REDUNDANT_PAIRS],
        "weak_items": design.WEAK_ITEMS,
        "careless_persons": careless,
        "uncovered_elements": design.UNCOVERED_ELEMENTS,
        "low_relevance_items": design.LOW_RELEVANCE_ITEMS,
        "stakeholder_split": {
            "lived_experience_only": design.LIVED_EXPERIENCE_ONLY,
            "professionals_only": design.PROFESSIONALS_ONLY,
        },
        "reverse_items": design.REVERSE_ITEMS,
        "clean_items": design.clean_items(),
    }


if __name__ == "__main__":
    main()
