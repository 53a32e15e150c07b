"""About 6,000 people's answers, simulated from the planted model."""

from typing import Any

import design
import numpy as np
import pandas as pd
from places import place

from recoverymetrics.simulate import (
    DIF,
    Careless,
    Group,
    Missingness,
    SimulatedResponses,
    factor_model,
    simulate_responses,
)

GENDERS = (("woman", 0.52), ("man", 0.43), ("non-binary", 0.03), ("", 1.0))


def simulate(seed: int) -> SimulatedResponses:
    """Answers in the raw keying, regions in blocks."""
    frame = pd.DataFrame(0.0, index=list(design.flat(design.LOADINGS)), columns=list(design.DIMENSION_ITEMS))
    for name, items in design.DIMENSION_ITEMS.items():
        frame.loc[items, name] = design.LOADINGS[name]
    thresholds = design.thresholds()
    model = factor_model(
        frame,
        [thresholds[item] for item in frame.index],
        factor_correlations=design.FACTOR_CORRELATIONS,
    )
    return simulate_responses(
        model,
        groups=[Group(region, *values) for region, values in design.REGIONS.items()],
        dif=[DIF(*spec) for spec in design.DIF_ITEMS],
        residual_correlations=[(*pair, design.RESIDUAL_CORRELATION) for pair in design.REDUNDANT_PAIRS],
        missing=Missingness(
            rate=design.MISSING_RATE,
            items=design.SENSITIVE_ITEMS,
            groups=design.MISSING_BY_REGION,
            position=design.MISSING_BY_POSITION,
            dropout=design.STOP_SHARE,
            all_missing=design.ALL_MISSING,
        ),
        careless=Careless(design.CARELESS_SHARE),
        reverse=design.REVERSE_ITEMS,
        seed=seed,
    )


def respondent_rows(
    simulated: SimulatedResponses, rng: np.random.Generator
) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows of ``responses.csv`` in shuffled order, and the ids of the careless persons."""
    answers = simulated.responses
    order = np.argsort(rng.random(len(answers)), kind="stable")
    values = answers[list(simulated.items)].to_numpy(dtype=object, na_value="")
    careless = simulated.truth["careless"]
    rows, careless_ids = [], []
    for number, source in enumerate(order):
        person, region = f"P{number + 1:04d}", str(answers["group"].iloc[source])
        country, language = place(region, rng.random())
        row = {"person": person, "region": region, "country": country, "language": language}
        row |= {"age": _age(rng), "gender": _gender(rng.random())}
        rows.append(row | dict(zip(simulated.items, values[source], strict=True)))
        if int(source) in careless:
            careless_ids.append(person)
    return rows, careless_ids


def _age(rng: np.random.Generator) -> int:
    return int(18 + np.floor(62 * (0.5 * rng.random() + 0.5 * rng.random())))


def _gender(uniform: float) -> str:
    for gender, share in GENDERS:
        if uniform < share:
            return gender
        uniform -= share
    return ""
