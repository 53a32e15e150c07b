"""Stage one: consensus, stakeholders, content validity, coverage and person-defined themes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from recoverymetrics.consensus import ConsensusRule, DelphiPanel, compare_stakeholders
from recoverymetrics.content import content_validity, map_coverage, map_themes, screen_wording
from recoverymetrics.errors import DataError
from recoverymetrics.instrument import ElementSet
from recoverymetrics.io import load_consensus
from recoverymetrics.study.config import StudyConfig
from recoverymetrics.study.inputs import Inputs, reading


@dataclass(frozen=True)
class ContentStage:
    """What people agreed on, and how the items cover it. Parts that a study does not have are None.

    Attributes
    ----------
    panel : DelphiPanel or None
    consensus : ConsensusResult or None
    by_stakeholder : ConsensusResult or None
        The rule applied within each stakeholder group.
    comparison : StakeholderComparison or None
    elements : ElementSet or None
        Elements that reached consensus, with their agreement; the listed elements without a panel.
    coverage : CoverageResult or None
    validity : ContentValidity or None
    themes : PersonDefinedResult or None
        Themes that people state themselves, over all listed elements.
    sensitivity : SensitivityResult or None
        How the consensus list depends on cut-off, weighting, groups left out and the panelists.
    published : StakeholderComparison or None
        The two published consensus sets compared.
    wording : WordingResult or None
        Hints on the wording of the items.
    """

    panel: Any
    consensus: Any
    by_stakeholder: Any
    comparison: Any
    elements: ElementSet | None
    coverage: Any
    validity: Any
    themes: Any
    sensitivity: Any
    published: Any
    wording: Any

    def headline(self) -> dict[str, Any]:
        """Numbers that the manifest keeps."""
        numbers: dict[str, Any] = {}
        if self.consensus is not None:
            table = self.consensus.tidy()
            numbers["consensus.n_elements"] = int(table["consensus"].sum())
            numbers |= {f"consensus.agreement.{r.statement}": float(r.agreement) for r in table.itertuples()}
        if self.coverage is not None:
            numbers["coverage.uncovered"] = ", ".join(self.coverage.uncovered)
        if self.validity is not None:
            row = self.validity.glance().iloc[0]
            numbers |= {f"content.{c}": float(row[c]) for c in ("s_cvi_ave", "s_cvi_ua")}
        if self.themes is not None:
            row = self.themes.glance().iloc[0]
            numbers |= {
                f"themes.{c}": float(row[c]) for c in ("share_themes_uncovered", "share_persons_uncovered")
            }
        return numbers


def run_content(inputs: Inputs, config: StudyConfig, step: Callable[[str], None]) -> ContentStage:
    """Apply the consensus rule, compare stakeholders, and map items to elements."""
    step("consensus")
    panel = read_panel(inputs, config)
    rule = ConsensusRule(agreement=config.consensus.agreement, top_categories=config.consensus.top_categories)
    consensus = None if panel is None else panel.check_consensus(rule)
    split = (
        panel.check_consensus(rule, by="stakeholder")
        if panel is not None and "stakeholder" in panel.attributes
        else None
    )
    elements = consensus_elements(inputs, consensus, split)
    comparison = (
        compare_stakeholders(*(split.for_group(g) for g in split.groups))
        if split is not None and len(split.groups) == 2
        else None
    )
    step("coverage and content validity")
    coverage = None
    if inputs.bank is not None and elements is not None and has_elements(inputs):
        own = None if split is None else {g: set(split.for_group(g).accepted) for g in split.groups}
        coverage = map_coverage(inputs.bank, elements, agreed_mapping(inputs, elements), stakeholders=own)
    validity = None
    if "relevance" in inputs.tables:
        with reading("content.relevance", config.content.relevance):
            check_rated_items(inputs)
            validity = content_validity(
                inputs.tables["relevance"],
                item="item",
                rater="rater",
                relevance="relevance",
                scale=config.content.scale,
            )
    return ContentStage(
        panel=panel,
        consensus=consensus,
        by_stakeholder=split,
        comparison=comparison,
        elements=elements,
        coverage=coverage,
        validity=validity,
        themes=read_themes(inputs, config),
        sensitivity=None if panel is None else panel.sensitivity(rule, seed=config.study.seed),
        published=compare_published(config),
        wording=read_wording(inputs),
    )


def check_rated_items(inputs: Inputs) -> None:
    """Refuse relevance ratings of items that the study does not have.

    Raises
    ------
    DataError
        Names the first such item.
    """
    rated = inputs.tables["relevance"]
    if "item" not in rated:
        raise DataError(
            f"content.relevance: there is no column 'item'; the columns are {', '.join(map(str, rated.columns))}."
        )
    known = set(inputs.scale.items) | (
        set() if inputs.bank is None else set(inputs.bank.to_frame()["item_id"])
    )
    unknown = sorted(set(rated["item"].dropna().astype(str)) - known)
    if unknown:
        raise DataError(
            f"content.relevance: {unknown[0]!r} is rated but is not an item of the study ({len(unknown)} such items)."
        )


def read_panel(inputs: Inputs, config: StudyConfig) -> DelphiPanel | None:
    """Read the Delphi ratings, when the study has any."""
    if "ratings" not in inputs.tables:
        return None
    ratings = inputs.tables["ratings"]
    optional: dict[str, Any] = {
        k: k for k in ("region", "stakeholder", "country", "free_text", "decision_rights") if k in ratings
    }
    with reading("consensus.ratings", config.consensus.ratings):
        return DelphiPanel.from_frame(
            ratings, statement="statement", panelist="panelist", round="round", rating="rating",
            scale=config.consensus.scale, statements=inputs.tables.get("statements"), **optional,
        )  # fmt: skip


def consensus_elements(inputs: Inputs, consensus: Any, split: Any) -> ElementSet | None:
    """Elements that reached consensus in the whole panel or in any stakeholder group, with their agreement.

    The column ``stakeholder`` says whose consensus it is: no group's list replaces another's.
    """
    if inputs.elements is None or consensus is None:
        return inputs.elements
    agreed = {"whole panel": set(consensus.accepted)}
    agreed |= {} if split is None else {g: set(split.for_group(g).accepted) for g in split.groups}
    frame = inputs.elements.to_frame()
    frame["stakeholder"] = [
        "; ".join(g for g, own in agreed.items() if e in own) for e in frame["element_id"]
    ]
    frame["agreement"] = frame["element_id"].map(consensus.tidy().set_index("statement")["agreement"])
    return ElementSet.from_frame(frame[frame["stakeholder"] != ""])


def agreed_mapping(inputs: Inputs, elements: ElementSet) -> pd.DataFrame:
    """Pairs of item and element, for elements with consensus; items without any stay visible as orphans."""
    if inputs.bank is None:
        return pd.DataFrame(columns=["item", "element"])
    pairs = inputs.bank.mapping()
    known = set(elements.to_frame()["element_id"])
    return pairs[pairs["element"].isin(known)].reset_index(drop=True)


def has_elements(inputs: Inputs) -> bool:
    """Whether the item bank says which elements the items measure."""
    return inputs.bank is not None and len(inputs.bank.mapping()) > 0


def read_themes(inputs: Inputs, config: StudyConfig) -> Any:
    """Lay the themes that people state over all listed elements and the items, when the study has themes."""
    if (
        "themes" not in inputs.tables
        or inputs.bank is None
        or inputs.elements is None
        or not has_elements(inputs)
    ):
        return None
    with reading("content.themes", config.content.themes):
        return map_themes(inputs.tables["themes"], map_coverage(inputs.bank, inputs.elements))


def compare_published(config: StudyConfig) -> Any:
    """Compare two published consensus sets; None unless the study names two."""
    names = config.consensus.published
    return (
        compare_stakeholders(*(load_consensus(name) for name in names), names=names)
        if len(names) == 2
        else None
    )


def read_wording(inputs: Inputs) -> Any:
    """Screen the wording of the items, when their texts are known."""
    if inputs.bank is None or "text" not in inputs.bank.to_frame():
        return None
    return screen_wording(inputs.bank)
