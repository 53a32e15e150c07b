"""Twelve raters judge how relevant each item is and which element it belongs to."""

from typing import Any

import design
import numpy as np
from elements_and_items import ELEMENTS, ITEMS

REGIONS = ("AFR", "AMR", "SEAR", "EUR", "EMR", "WPR")
N_LOW_IF_DOUBTED = 7


def relevance_rows(rng: np.random.Generator) -> list[dict[str, Any]]:
    """Rows of ``relevance.csv``: half of the raters with lived experience, two raters per region."""
    raters = [
        (f"R{i + 1:02d}", "lived_experience" if i < 6 else "professional", REGIONS[i % 6]) for i in range(12)
    ]
    rows = []
    for number, (item, _, elements, _) in enumerate(ITEMS):
        n_low = N_LOW_IF_DOUBTED if item in design.LOW_RELEVANCE_ITEMS else (0, 1, 0, 0, 1, 0, 2)[number % 7]
        order = np.argsort(rng.random(len(raters)), kind="stable")
        low = set(order[:n_low].tolist())
        for index, (rater, stakeholder, region) in enumerate(raters):
            graded, assigned, other = rng.random(3)
            relevance = (2 if graded < 0.7 else 1) if index in low else (4 if graded < 0.65 else 3)
            rows.append(
                {
                    "item": item,
                    "rater": rater,
                    "relevance": relevance,
                    "element": _assigned(elements.split(";"), assigned, other),
                    "stakeholder": stakeholder,
                    "region": region,
                }
            )
    return rows


def _assigned(elements: list[str], uniform: float, other: float) -> str:
    if uniform < 0.72 or (uniform < 0.9 and len(elements) == 1):
        return elements[0]
    if uniform < 0.9:
        return elements[1]
    return ELEMENTS[int(other * len(ELEMENTS))][0] if uniform < 0.97 else ""
