"""Reliability, invariance and DIF by region."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from recoverymetrics.display import Table
from recoverymetrics.report import Block, Figure, Section
from recoverymetrics.report.figures import draw_forest

if TYPE_CHECKING:
    from recoverymetrics.study.pipeline import StudyResult


def reliability_section(result: StudyResult) -> Section:
    """Alpha and omega by region with intervals."""
    table = result.groups.reliability.tidy()
    omega = table[table["term"].str.startswith("omega")]
    lowest = omega.loc[omega["estimate"].idxmin()]
    figure = Figure(
        draw_forest(
            omega.rename(columns={"scale": "dimension"}),
            panel="dimension",
            row="group",
            label="omega total with 95% interval",
            least=0.70,
        ),
        "Reliability of each dimension in each region; the dashed line is .70.",
        "Forest plot of omega total by region, one panel per dimension.",
    )
    lead = f"The lowest reliability (omega total) is {lowest['estimate']:.2f}, for {str(lowest['scale']).replace('_', ' ')} in {lowest['group']}."
    return Section("Reliability by region", lead, (figure, Table("Coefficients", table)))


def invariance_section(result: StudyResult) -> Section | None:
    """The ladder and its verdict."""
    invariance = result.groups.invariance
    if invariance is None:
        return None
    blocks: list[Block] = [
        Table(
            "The ladder",
            invariance.tidy(),
            (
                "Each row is compared with the row before it; differences of scaled statistics are tested by the scaled difference test.",
            ),
        )
    ]
    return Section("Does the scale mean the same everywhere?", str(invariance.verdict), tuple(blocks))


def dif_section(result: StudyResult) -> Section | None:
    """Items that work differently between regions."""
    dif = result.groups.dif
    if dif is None:
        return None
    names = ", ".join(dif.flagged) or "none"
    lead = f"{len(dif.flagged)} of {result.inputs.responses.n_items} items are answered differently by people of different regions who have the same latent score: {names}."
    blocks: list[Block] = [Table("Tests of each item", dif.tidy())]
    impact = dif.impact()
    if isinstance(impact, pd.DataFrame) and len(impact):
        blocks.append(
            Table(
                "What it does to the regional means",
                impact,
                ("Regional means with all items, and without the flagged ones.",),
            )
        )
    return Section("Differential item functioning", lead, tuple(blocks))
