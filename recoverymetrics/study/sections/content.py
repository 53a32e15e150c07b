"""Who was asked, what they agreed on, how the items cover it, what people say themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from recoverymetrics.display import Table
from recoverymetrics.io import load_consensus
from recoverymetrics.report import Block, Callout, Figure, Section
from recoverymetrics.typing import REGIONS

if TYPE_CHECKING:
    from recoverymetrics.consensus import DelphiPanel
    from recoverymetrics.study.pipeline import StudyResult


def people_section(result: StudyResult) -> Section:
    """Who answered and who sat on the panel, by region; regions with nobody are named."""
    responses, panel = result.inputs.responses, result.content.panel
    sizes = responses.group_sizes()
    by_region = set(sizes) <= set(REGIONS) and bool(sizes)
    labels = list(REGIONS) if by_region else list(sizes)
    table = pd.DataFrame({"group": labels, "respondents": [sizes.get(label) for label in labels]})
    blocks: list[Block] = (
        [
            Table(
                "Respondents",
                table,
                ("A dash would mean that nobody was asked: no data, not zero.",)
                if not all(sizes.get(x) for x in labels)
                else (),
            )
        ]
        if labels
        else []
    )
    nobody = [label for label in labels if not sizes.get(label)]
    if nobody:
        blocks.append(
            Callout(
                f"No respondents from {', '.join(nobody)}. Nothing in this report speaks for them.", "warning"
            )
        )
    if panel is not None:
        blocks += [
            table
            for by in ("region", "stakeholder")
            if by in panel.attributes
            for table in _panel_tables(panel, by)
        ]
    lead = f"{responses.n:,} people answered" + (f", in {len(sizes)} groups" if sizes else "") + "."
    return Section("Who was asked", lead, tuple(blocks))


_PARTICIPATION = ("group", "round", "n", "n_left", "retention", "conf_low", "conf_high", "note")

_ATTRITION = (
    "group",
    "round",
    "n_stayed",
    "n_left",
    "mean_stayed",
    "mean_left",
    "difference",
    "conf_low",
    "conf_high",
    "p_value",
)


def _panel_tables(panel: DelphiPanel, by: str) -> list[Block]:
    taken = panel.participation(by).tidy()
    left = panel.attrition(by).tidy()[list(_ATTRITION)]
    return [
        Table(f"Delphi panel by {by}: who stayed", taken[[c for c in _PARTICIPATION if c in taken]]),
        Table(f"Delphi panel by {by}: did those who left rate differently?", left),
    ]


def consensus_section(result: StudyResult) -> Section | None:
    """What reached consensus, overall and by stakeholder group, and how firmly."""
    content = result.content
    if content.consensus is None:
        return None
    table, rule = content.consensus.tidy(), content.consensus.glance()["rule"].iloc[0]
    blocks: list[Block] = []
    if content.by_stakeholder is not None:
        split = _split(content.by_stakeholder.tidy())
        differs = split[split["differs"]].drop(columns="differs")
        note = "Agreement within each group. Neither group's list replaces the other's: an element counts when either holds it."
        blocks.append(Table("Where the stakeholder groups disagree about consensus", differs, (note,)))
    if content.comparison is not None:
        blocks.append(_convergence("Convergence of the stakeholder groups", content.comparison))
        blocks.append(_differences(content.comparison))
    if content.sensitivity is not None:
        blocks += _sensitivity(content.sensitivity)
    columns = [
        c
        for c in (
            "statement",
            "label",
            "domain",
            "round",
            "n",
            "agreement",
            "conf_low",
            "conf_high",
            "status",
        )
        if c in table
    ]
    note = "Intervals: Wilson, 95%. The round is the latest in which the statement was rated."
    blocks.append(Table("All statements", table[columns], (note,)))
    blocks += _published(result)
    lead = f"{int(table['consensus'].sum())} of {len(table)} statements reached consensus in the whole panel ({rule})."
    if content.elements is not None and content.by_stakeholder is not None:
        more = len(content.elements) - int(table["consensus"].sum())
        lead += (
            f" With {more} more that one stakeholder group holds on its own, {len(content.elements)} elements count."
            if more > 0
            else ""
        )
    return Section("What people agree on", lead, tuple(blocks))


def _sensitivity(sensitivity: Any) -> list[Block]:
    table = sensitivity.tidy()
    fragile = table[~table["robust"] | table["probability"].between(0.05, 0.95)]
    shown = fragile[
        [
            "statement",
            "label",
            "agreement",
            "consensus",
            "probability",
            "n_scenarios_in",
            "n_scenarios",
            "changed_by",
        ]
    ]
    note = "Probability: share of resampled panels in which the statement stays in. Scenarios: other cut-offs, equal weight for each region, each region or group left out."
    drawn = sensitivity.plot().figure
    figure = Figure(
        drawn,
        "How firmly each statement is in or out.",
        "Probability that each statement stays in the consensus list.",
    )
    return [Table("Statements whose place is not certain", shown, (note,)), figure]


_DIFFERENCE = (
    "element_a",
    "label",
    "agreement_a",
    "agreement_b",
    "difference",
    "conf_low",
    "conf_high",
    "equivalence_p_value",
    "status",
)


def _differences(comparison: Any) -> Table:
    table = comparison.tidy()
    note = "Difference in agreement, first group minus second, with 95% interval; the p value is of equivalence within the margin."
    return Table(
        "Agreement of the stakeholder groups, statement by statement",
        table[[c for c in _DIFFERENCE if c in table]],
        (note,),
    )


def _convergence(title: str, comparison: Any) -> Table:
    row = comparison.glance().iloc[0]
    columns = [
        "panel_a",
        "panel_b",
        "n_a",
        "n_b",
        "n_matched",
        "pooled",
        "unique",
        "one_sided_a",
        "one_sided_b",
    ]
    note = f"Matched by {row['matched_by']}. Pooled: 2m/(a+b); unique: m/(a+b-m); one-sided: m/a and m/b."
    return Table(title, comparison.glance()[columns], (note,))


def _split(table: pd.DataFrame) -> pd.DataFrame:
    wide = table.pivot_table(
        index=["statement", "label"], columns="group", values="agreement", sort=False
    ).reset_index()
    agreed = table.pivot_table(
        index=["statement", "label"], columns="group", values="consensus", aggfunc="first", sort=False
    )
    wide["differs"] = agreed.astype(float).nunique(axis=1).to_numpy() > 1
    return wide.rename_axis(columns=None)


def _published(result: StudyResult) -> list[Block]:
    blocks: list[Block] = []
    if result.content.published is not None:
        blocks.append(
            _convergence("The two published consensus sets (named elements only)", result.content.published)
        )
    for name in result.study.config.consensus.published:
        frame = load_consensus(name).to_frame()
        shown = frame[[c for c in ("element_id", "domain", "label", "theme") if c in frame]]
        note = "Our own short labels of elements named in abstracts; all met the 80% rule, and the percentages are not public: unknown, not zero."
        blocks.append(Table(f"Published consensus: {name.replace('_', ' ')}", shown, (note,)))
    return blocks


def coverage_section(result: StudyResult) -> Section | None:
    """Elements without items, items without elements, content validity."""
    coverage, validity = result.content.coverage, result.content.validity
    if coverage is None and validity is None:
        return None
    blocks: list[Block] = []
    sentences = []
    if coverage is not None:
        labels = coverage.elements.set_index("element")["label"]
        sentences.append(
            f"{len(coverage.elements) - len(coverage.uncovered)} of {len(coverage.elements)} consensus elements have at least one item."
        )
        if coverage.uncovered:
            listed = "; ".join(f"{e} ({labels[e]})" for e in coverage.uncovered)
            blocks.append(Callout(f"No item measures: {listed}.", "warning"))
        drawn = coverage.plot()
        blocks.append(
            Figure(
                drawn.figure, "Which item measures which element.", "Map of items over consensus elements."
            )
        )
        shares = ["n_elements", "n_covered", "coverage", "coverage_weighted", "n_items", "uncovered"]
        note = "Weighted: by the share of the panel that agreed on the element."
        blocks.append(Table("Coverage by domain", coverage.by_domain()[["domain", *shares]], (note,)))
        if coverage.stakeholders:
            blocks.append(
                Table("Coverage of each group's own consensus", coverage.by_stakeholder()[["group", *shares]])
            )
        blocks.append(Table("Elements and their items", coverage.tidy()))
    if validity is not None:
        row = validity.glance().iloc[0]
        sentences.append(
            f"Experts' ratings of relevance: S-CVI/Ave {row['s_cvi_ave']:.2f}, universal agreement {row['s_cvi_ua']:.2f}."
        )
        below = validity.tidy().query("verdict != 'met'")
        blocks.append(
            Table(
                "Items that too few raters call relevant",
                below[["item", "n", "n_relevant", "i_cvi", "criterion", "modified_kappa", "aiken_v"]],
            )
        )
        blocks.append(Table("Content validity of each item", validity.tidy()))
    if result.content.wording is not None and len(result.content.wording.tidy()):
        blocks.append(
            Table(
                "Wording: hints to read again",
                result.content.wording.tidy(),
                ("Hints, not faults: each names its rule.",),
            )
        )
    return Section("Do the items cover it?", " ".join(sentences), tuple(blocks))


def themes_section(result: StudyResult) -> Section | None:
    """Themes that people state themselves."""
    themes = result.content.themes
    if themes is None:
        return None
    row = themes.glance().iloc[0]
    lead = (
        f"{row['share_themes_uncovered']:.0%} of the themes that people state themselves are asked about by no item; "
        f"{row['share_persons_uncovered']:.0%} of the {int(row['n_answered'])} people who stated any have at least one such theme."
    )
    goals = themes.goals()[
        [
            "side",
            "n_goals",
            "n_met",
            "n_partly",
            "n_unmet",
            "share_unmet",
            "share_unmet_conf_low",
            "share_unmet_conf_high",
            "need_gap",
        ]
    ]
    note = "Barriers are their own side; nothing is subtracted from recovery. Need gap: unmet 1, partly one half, met 0, weighted by importance."
    return Section(
        "What people say themselves",
        lead,
        (
            Table("What the items miss", themes.shares()),
            Table(
                "Answers to the question itself",
                themes.codes().drop(columns="group"),
                ("Not applicable, and declining the idea of recovery, are answers.",),
            ),
            Table("Goals met, partly met and unmet", goals, (note,)),
            Table("Elements that people named, and how much they matter", themes.tidy()),
            Table(
                "Themes that no item covers",
                themes.uncovered_themes()[["region", "text", "importance", "reason"]]
                if "region" in themes.groups
                else themes.uncovered_themes(),
            ),
        ),
    )
