"""Overview, evidence, decisions, scoring, planted truth, reproduction."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from recoverymetrics.display import Table
from recoverymetrics.report import Block, Callout, Figure, Section, Text
from recoverymetrics.report.figures import draw_lines
from recoverymetrics.study.planted import careless_found, check_planted, clean_items_flagged

if TYPE_CHECKING:
    from recoverymetrics.study.pipeline import StudyResult


def overview_section(result: StudyResult) -> Section:
    """What came out, on one screen."""
    counts = result.proposal.glance().iloc[0]
    before, after = len(result.inputs.scale.items), len(result.scale.items)
    lead = (
        f"{result.inputs.responses.n:,} people answered {before} candidate items. The rules propose to keep {counts['keep']}, "
        f"revise {counts['revise']} and drop {counts['drop']}. The scale as decided has {after} items in {len(result.scale.factors)} dimensions; "
        f"items to revise are among them as they stand, until somebody rewrites and tries them again."
    )
    fits = pd.DataFrame(
        [{"version": name, "items": len(scale.items), **_fit_row(fit)} for name, scale, fit in (
            ("before", result.inputs.scale, result.structure.cfa), ("after", result.scale, result.revision.cfa)) if fit is not None]
    )  # fmt: skip
    blocks: list[Block] = [
        Table(
            "The scale before and after revision",
            fits,
            (
                "Chi-square, CFI, TLI and RMSEA are the scaled versions where the estimator has them. Fixed cut-offs do not carry over to ordinal items and long scales; read them beside the residuals.",
            ),
        )
    ]
    if result.groups.invariance is not None:
        blocks.append(Callout(str(result.groups.invariance.verdict)))
    lost = result.revision.lost_elements
    blocks.append(
        Callout(f"Consensus elements that would lose their last item: {', '.join(lost)}.", "warning") if lost
        else Callout("Every consensus element that had an item still has one.", "good")
    )  # fmt: skip
    if result.revision.unscored:
        few = ", ".join(result.revision.unscored)
        blocks.append(Callout(f"Too few items are left to fit or score: {few}.", "warning"))
    blocks += [Callout(note, "warning") for note in result.warnings[:8]]
    return Section("Overview", lead, tuple(blocks))


def _fit_row(fit: object) -> dict[str, float]:
    row = fit.glance().iloc[0]  # type: ignore[attr-defined]
    scaled = {
        name: row[f"{name}_scaled"]
        if f"{name}_scaled" in row and pd.notna(row[f"{name}_scaled"])
        else row[name]
        for name in ("chi2", "cfi", "tli", "rmsea")
    }
    chi2 = scaled.pop("chi2")
    return {"chi2": chi2, "df": row["df"], **scaled, "srmr": row["srmr"]}


_COLUMNS = (
    "item",
    "factor",
    "loading",
    "r_drop",
    "discrimination",
    "information_share",
    "missing",
    "i_cvi",
    "dif",
    "dif_effect",
    "cross_loading",
)


def evidence_section(result: StudyResult) -> Section:
    """One row per item."""
    table = result.revision.evidence.wide()
    shown = table[[c for c in _COLUMNS if c in table]]
    pairs = result.revision.evidence.pairs
    blocks: list[Block] = [
        Table("Evidence on each item", shown, ("A dash means that no analysis speaks about it.",))
    ]
    if len(pairs):
        blocks.append(
            Table(
                "Locally dependent pairs",
                pairs,
                (
                    "Q3 is the correlation of residuals; Q3 star is Q3 minus its mean within the dimension; the residual correlation is what the factor model would find if it were free.",
                ),
            )
        )
    return Section(
        "Evidence per item", f"Every number that the rules read, for all {len(table)} items.", tuple(blocks)
    )


def decisions_section(result: StudyResult) -> Section:
    """What the rules propose and what was decided."""
    table = result.proposal.tidy().rename(columns={"decision": "proposed"})
    table.insert(1, "decided", table["item"].map(_decided(result)))
    person = result.study.config.decisions
    overruled = table[table["decided"] != table["proposed"]]
    words = (
        f"{len(overruled)} items were decided otherwise than the rules propose, with reasons."
        if len(overruled)
        else "The rules were accepted as they are; nobody overruled them."
    )
    bank = result.inputs.bank
    texts = {} if bank is None else bank.to_frame().set_index("item_id")["text"].to_dict()
    changed = table[(table["proposed"] != "keep") | (table["decided"] != "keep")]
    changed = changed.assign(text=[texts.get(item, "") for item in changed["item"]])
    blocks: list[Block] = [
        Table("Items to revise or drop", changed[["item", "proposed", "decided", "reason", "notes", "text"]])
    ]
    if len(overruled):
        reasons = {**person.keep, **person.revise, **person.drop}
        rows = overruled[["item", "proposed", "decided"]].assign(
            why=[reasons[item] for item in overruled["item"]], by=person.by, date=person.date
        )
        blocks.append(Table("Overruled by a person", rows))
    cost = "Cost in coverage: elements that would lose their last item. Cost in information: share of the information of its dimension."
    columns = ["item", "proposed", "decided", "reason", "notes", "cost_coverage", "cost_information"]
    blocks.append(Table("All items", table[columns], (cost,)))
    rules = result.proposal.criteria.to_frame()
    blocks.append(Table("Rules", rules[["name", "meaning", "action", "source"]]))
    return Section("Proposal and decision", f"Analysis proposes, people decide. {words}", tuple(blocks))


def _decided(result: StudyResult) -> dict[str, str]:
    decided = dict.fromkeys(result.inputs.scale.items, "keep")
    return decided | {entry.item: entry.decision for entry in result.scale.lineage}


def short_form_section(result: StudyResult) -> Section | None:
    """The short form, what it keeps, and how its scores behave in people it was not made on."""
    form = result.short_form
    if form is None:
        return None
    texts = (
        result.inputs.bank.to_frame().set_index("item_id")["text"].to_dict()
        if result.inputs.bank is not None
        else {}
    )
    items = pd.DataFrame(
        {
            "item": list(form.items),
            "dimension": [result.scale.factor_of(i) for i in form.items],
            "text": [texts.get(i, "") for i in form.items],
        }
    )
    lead = (
        f"{len(form.items)} of {len(form.full_items)} items keep at least {form.objective:.0%} of the information of the refined scale, in every region and at "
        f"every level looked at{'; no other selection of this length keeps more' if form.optimal else ''}."
    )
    blocks: list[Block] = [Table("Items of the short form", items)]
    if form.uncovered:
        blocks.insert(
            0, Callout(f"Elements without an item in the short form: {', '.join(form.uncovered)}.", "warning")
        )
    elif len(form.coverage):
        blocks.insert(
            0,
            Callout(
                f"All {len(form.coverage)} elements that the refined scale measures are still measured.",
                "good",
            ),
        )
    if len(form.held_out):
        note = "People who took no part in choosing the items. Correlations are corrected for the items that both forms share. Those who missed an answer of the dimension are counted as dropped; a dimension with fewer than two short items has no row."
        blocks.append(Table("Short and full scores in held-out people", form.held_out, (note,)))
    return Section("A short form", lead, tuple(blocks))


def scoring_section(result: StudyResult) -> Section | None:
    """Raw score to theta to T."""
    if not result.scoring:
        return None
    tables = [table.assign(dimension=name) for name, table in result.scoring.items()]
    curves = pd.concat(tables, ignore_index=True)
    figure = Figure(
        draw_lines(
            curves,
            x="t_score",
            y="t_std_error",
            group="dimension",
            xlabel="T score",
            ylabel="standard error of T",
        ),
        "How certain a score is depends on where it lies: the standard error of the T score, by dimension.",
        "Curves of the standard error of measurement over the T score, one per dimension.",
    )
    blocks: list[Block] = [figure]
    for name, table in result.scoring.items():
        blocks.append(Table(f"{name.replace('_', ' ')}: sum score, theta and T", table))
    separate = result.study.config.items.separate
    if separate:
        blocks.insert(
            0,
            Callout(
                f"{', '.join(separate)}: scored in its own right and never set off against the other dimensions."
            ),
        )
    lead = "Sum scores of complete answers, the latent score they stand for (EAP), its standard error, and T scores with mean 50 and standard deviation 10 in this sample."
    return Section("Scoring tables", lead, tuple(blocks))


def planted_section(result: StudyResult) -> Section | None:
    """For simulated studies: what was planted and what was found."""
    if result.inputs.truth is None:
        return None
    table = check_planted(result)
    flagged = clean_items_flagged(result)
    clean = result.inputs.truth.get("clean_items", [])
    found = (
        table.groupby("fault", sort=False)["outcome"]
        .agg(planted="size", found=lambda s: int((s == "found").sum()))
        .reset_index()
    )
    careless = careless_found(result)
    share = len(flagged) / max(len(clean), 1)
    lead = f"{int((table['outcome'] == 'found').sum())} of {len(table)} planted faults were found; {len(flagged)} of {len(clean)} clean items ({share:.0%}) were flagged."
    return Section(
        "Planted faults",
        lead,
        (
            Table("Found, by kind of fault", found),
            Table("Each planted fault", table),
            Text(f"Clean items flagged: {', '.join(flagged) or 'none'}."),
            Text(
                f"Careless respondents: {careless['found']:.0%} of the planted ones are flagged, and {careless['false_alarms']:.1%} of the others. Nobody is removed."
            ),
            *_region_means(result),
        ),
    )


def _region_means(result: StudyResult) -> list[Table]:
    truth = result.inputs.truth or {}
    rows = []
    for dimension, fit in result.calibration.fits.items():
        if not set(fit.groups["group"]) <= set(truth["regions"]) or len(fit.groups) < 3:
            return []
        groups = fit.groups.set_index("group")
        planted = pd.Series({g: truth["regions"][g]["mean"].get(dimension, np.nan) for g in groups.index})
        found = groups["mean"].astype(float)
        rows.append(
            {
                "dimension": dimension,
                "r_planted_found": float(np.corrcoef(planted, found)[0, 1]),
                "largest_gap": float((found - found.mean() - planted + planted.mean()).abs().max()),
            }
        )
    return [
        Table(
            "Latent means of the regions, planted and found",
            pd.DataFrame(rows),
            (
                "Found: graded response model, all regions together, before any item is revised; gaps are in standard deviations of the reference region.",
            ),
        )
    ]


def engines_section(result: StudyResult) -> Section:
    """Some models once more, through other programs."""
    table = result.second.table
    done = table[table["n_terms"].notna()]
    agree = int(done["within_tolerance"].astype(bool).sum())
    lead = (
        f"{agree} of {len(done)} comparisons with other programs agree within the tolerance of their own stopping rules."
        if len(done)
        else "No second engine is installed; the extra 'crosscheck' brings them."
    )
    note = "Only models that the other program is known to estimate rightly are compared; everything else in this report is checked against published results in the tests."
    return Section("Second engines", lead, (Table("The same model, another program", table, (note,)),))


def reproduction_section(result: StudyResult) -> Section:
    """How to reproduce the numbers."""
    files = pd.DataFrame(
        [
            {"key": f.key, "file": f.name, "bytes": f.size, "sha256": f.sha256[:16] + "…"}
            for f in result.inputs.files
        ]
    )
    lead = f"The manifest beside this report keeps {len(result.headline())} numbers, the hashes of the inputs, the configuration, the seed and the package versions."
    return Section(
        "Reproduce it", lead, (Text("Run: recoverymetrics verify manifest.json"), Table("Inputs", files))
    )
