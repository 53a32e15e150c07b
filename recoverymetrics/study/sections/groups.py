"""Reliability, invariance and DIF by region."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from recoverymetrics.display import Table
from recoverymetrics.report import Block, Figure, Section, Text
from recoverymetrics.report.figures import draw_forest, draw_heat

if TYPE_CHECKING:
    from recoverymetrics.invariance import DIFResult
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
    table = invariance.tidy()
    fit = [
        c
        for c in (
            "level",
            "chi2_scaled",
            "chi2",
            "df",
            "cfi",
            "tli",
            "rmsea",
            "srmr",
            "npar",
            "converged",
            "admissible",
        )
        if c in table
    ]
    change = [
        c
        for c in (
            "level",
            "delta_chi2",
            "delta_df",
            "delta_p",
            "delta_cfi",
            "delta_rmsea",
            "delta_srmr",
            "method",
            "holds",
        )
        if c in table
    ]
    blocks: list[Block] = [
        Table(
            "Fit at each step",
            table[fit],
            (
                "Each step makes more parameters equal across regions. CFI, TLI and RMSEA are scaled where the estimator has scaled versions.",
            ),
        ),
        Table(
            "Change from the step before",
            table[change].iloc[1:],
            ("Differences of scaled chi-squares are tested by the scaled difference test, not subtracted.",),
        ),
        Table("Why", table[["level", "holds", "reason"]]),
    ]
    blocks += [Text(str(note)) for note in invariance.notes]
    return Section("Does the scale mean the same everywhere?", str(invariance.verdict), tuple(blocks))


def dif_section(result: StudyResult) -> Section | None:
    """Items that work differently between regions."""
    dif = result.groups.dif
    if dif is None:
        return None
    names = ", ".join(dif.flagged) or "none"
    lead = (
        f"{len(dif.flagged)} of {result.inputs.responses.n_items} items are answered differently by people of different regions "
        f"who have the same score on the dimension: {names}."
    )
    table = dif.tidy()
    shown = [
        c
        for c in (
            "item",
            "scale",
            "n",
            "statistic",
            "df",
            "p_adjusted",
            "effect_size",
            "largest_group",
            "flagged",
        )
        if c in table
    ]
    blocks: list[Block] = []
    if dif.flagged:
        blocks += [*_dif_figures(dif), Table("Flagged items", table.loc[table["flagged"], shown])]
    impact = dif.impact()
    if dif.flagged:
        note = "Mean of each region in standard deviations, with all items and without the flagged ones, and its rank."
        blocks.append(Table("What the flagged items do to the regional means", impact, (note,)))
    blocks.append(Table("Tests of all items", table[shown]))
    return Section("Differential item functioning", lead, tuple(blocks))


def _dif_figures(dif: DIFResult) -> list[Block]:
    contrasts = dif.contrasts()
    flagged = contrasts[contrasts["item"].isin(dif.flagged)]

    def heat(value: str, label: str, signed: bool) -> Any:
        wide = flagged.pivot_table(index="item", columns="group", values=value, sort=False)
        return draw_heat(wide, limit=0.5, label=label, signed=signed)

    direction = "signed_difference" if "signed_difference" in contrasts else "estimate"
    figures: list[Block] = [
        Figure(
            heat(direction, "item score beside others with the same score (SD)", True),
            "How much higher (orange) or lower (purple) people of a region answer a flagged item than others with the same score.",
            "Heat map of flagged items by region: higher or lower.",
        )
    ]
    if "unsigned_difference" in contrasts:
        figures.append(
            Figure(
                heat("unsigned_difference", "distance of the curves (SD)", False),
                "How far the answers of a region lie from those of others with the same score, whether above or below. An item "
                "that is pale above and dark here discriminates differently: its curves cross.",
                "Heat map of flagged items by region: distance whatever its direction.",
            )
        )
    return figures
