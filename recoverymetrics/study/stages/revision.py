"""Stage five: evidence per item, proposal, decision, the refined scale and its scoring tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from recoverymetrics.cfa import fit_cfa
from recoverymetrics.instrument import Responses, Scale
from recoverymetrics.irt import fit_irt
from recoverymetrics.refine import (
    Criteria,
    EvidenceTable,
    Proposal,
    ShortForm,
    gather_evidence,
    propose_revision,
)
from recoverymetrics.reliability import estimate_reliability
from recoverymetrics.study.config import DecisionsSection, StudyConfig
from recoverymetrics.study.inputs import FEWEST_ITEMS, Inputs
from recoverymetrics.study.stages.calibration import CalibrationStage
from recoverymetrics.study.stages.content import ContentStage
from recoverymetrics.study.stages.groups import GroupsStage
from recoverymetrics.study.stages.short import make_short_form
from recoverymetrics.study.stages.structure import StructureStage, ordinal_options

Q3_STAR_CUT = 0.20
"""Locally dependent when Q3 exceeds its mean by this much (Christensen, Makransky & Horton 2017)."""
RESIDUAL_CUT = 0.20
"""Locally dependent when the residuals of the factor model would correlate by more than this."""


@dataclass(frozen=True)
class RevisionStage:
    """From evidence to the refined scale.

    Attributes
    ----------
    evidence : EvidenceTable
    proposal : Proposal
    scale : Scale
        After the decision, with its lineage.
    cfa : CFAResult or None
        The refined scale, fitted again; None when no dimension has enough items left.
    reliability : ReliabilityResult or None
        Of the refined scale, by region.
    scoring : mapping dimension -> pandas.DataFrame
        Sum score -> theta, standard error, T score.
    short_form : ShortForm or None
        A short form of the refined scale, when the study asks for one.
    lost_elements : tuple of str
        Elements that had items before the revision and have none after it.
    unscored : tuple of str
        Dimensions left with too few items to be fitted or scored.
    """

    evidence: EvidenceTable
    proposal: Proposal
    scale: Scale
    cfa: Any
    reliability: Any
    scoring: Mapping[str, pd.DataFrame] = field(repr=False)
    short_form: ShortForm | None = None
    lost_elements: tuple[str, ...] = ()
    unscored: tuple[str, ...] = ()

    def headline(self) -> dict[str, Any]:
        """Numbers that the manifest keeps."""
        numbers: dict[str, Any] = {"refined.items": ", ".join(self.scale.items)}
        numbers |= {f"proposal.{row.item}": row.decision for row in self.proposal.tidy().itertuples()}
        fit = pd.Series(dtype=float) if self.cfa is None else self.cfa.glance().iloc[0]
        for name in ("chi2", "cfi", "rmsea", "srmr"):
            if pd.notna(fit.get(name)):
                numbers[f"refined.cfa.{name}"] = float(fit[name])
        if self.short_form is not None:
            numbers["short_form.items"] = ", ".join(self.short_form.items)
            numbers["refined.short_form.share"] = float(self.short_form.objective)
        for dimension, table in self.scoring.items():
            middle = table.iloc[len(table) // 2]
            numbers[f"scoring.{dimension}.theta_at_{int(middle['sum_score'])}"] = float(middle["estimate"])
        return numbers


def run_revision(
    inputs: Inputs, content: ContentStage, structure: StructureStage, calibration: CalibrationStage,
    groups: GroupsStage, config: StudyConfig, step: Callable[[str], None],
) -> RevisionStage:  # fmt: skip
    """Gather the evidence, propose, decide, and fit the refined scale."""
    step("evidence and proposal")
    evidence = gather_evidence(
        inputs.scale, pairs=dependent_pairs(calibration.dependence, structure.cfa), screening=structure.screening,
        reliability=groups.reliability, efa=structure.efa, cfa=structure.cfa, calibration=calibration.evidence(), dif=groups.dif,
        content=content.validity, coverage=content.coverage,
    )  # fmt: skip
    criteria = Criteria.default()
    for name, threshold in config.criteria.items():
        criteria = criteria.change(name, threshold=threshold)
    proposal = propose_revision(inputs.scale, evidence, criteria, protect=content.coverage)
    scale = decide(proposal, config.decisions)
    step("the refined scale")
    pooled = inputs.responses.ungrouped()
    scorable = {d: list(items) for d, items in scale.factors.items() if len(items) >= FEWEST_ITEMS}
    model = "\n".join(f"{d} =~ {' + '.join(items)}" for d, items in scorable.items())
    cfa = (
        fit_cfa(pooled, model, estimator=config.analysis.estimator, **ordinal_options(config))
        if scorable
        else None
    )
    group = inputs.grouping
    reliability = (
        estimate_reliability(inputs.responses if group else pooled, group=group, scales=scorable)
        if scorable
        else None
    )
    step("scoring tables")
    short = make_short_form(inputs, content, scale, evidence.pairs, config)
    return RevisionStage(
        evidence=evidence,
        proposal=proposal,
        scale=scale,
        cfa=cfa,
        reliability=reliability,
        scoring={d: scoring_table(pooled, items) for d, items in scorable.items()},
        short_form=short,
        lost_elements=_lost(content, scale),
        unscored=tuple(d for d in inputs.scale.factors if d not in scorable),
    )


def decide(proposal: Proposal, decisions: DecisionsSection) -> Scale:
    """Accept the proposal, with the overrides and reasons of the study file."""
    reasons = {**decisions.keep, **decisions.revise, **decisions.drop}
    return proposal.accept(
        keep=list(decisions.keep), revise=list(decisions.revise), drop=list(decisions.drop),
        reason=reasons, by=decisions.by, date=decisions.date,
    )  # fmt: skip


def dependent_pairs(dependence: pd.DataFrame, cfa: Any) -> pd.DataFrame:
    """Pairs of one dimension that share more than the dimension, by either of two signs.

    Parameters
    ----------
    dependence : pandas.DataFrame
        Q3 of the pairs (``item``, ``item_2``, ``q3``, ``q3_star``).
    cfa : CFAResult
        Its modification indices give the residual correlation that a pair would have if it were free.

    Returns
    -------
    pandas.DataFrame
        ``item``, ``item_2``, ``q3``, ``q3_star``, ``residual_correlation``, strongest first.
    """
    indices = cfa.modification_indices()
    free = indices[indices["op"] == "~~"]
    expected = {frozenset((r.lhs, r.rhs)): r.epc_all for r in free.itertuples()}
    table = dependence.assign(
        residual_correlation=[
            expected.get(frozenset(pair), np.nan)
            for pair in zip(dependence["item"], dependence["item_2"], strict=True)
        ]
    )
    high = table[(table["q3_star"] > Q3_STAR_CUT) | (table["residual_correlation"] > RESIDUAL_CUT)]
    return high.sort_values("residual_correlation", ascending=False, kind="stable").reset_index(drop=True)


def scoring_table(responses: Responses, items: Sequence[str]) -> pd.DataFrame:
    """Sum score to theta (EAP for summed scores), its standard error and T = 50 + 10 theta."""
    fit = fit_irt(responses.select(list(items)), "graded", se=None)
    table: pd.DataFrame = fit.score_table()
    return table[["sum_score", "estimate", "std_error", "t_score", "t_std_error", "n"]]


def _lost(content: ContentStage, scale: Scale) -> tuple[str, ...]:
    if content.coverage is None:
        return ()
    pairs = content.coverage.mapping
    kept = set(pairs.loc[pairs["item"].isin(scale.items), "element"])
    return tuple(dict.fromkeys(element for element in pairs["element"] if element not in kept))
