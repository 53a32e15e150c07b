"""Reporting checklists, filled from the data as far as the data go; the rest is marked missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from recoverymetrics.consensus.agreement_rules import ConsensusRule
from recoverymetrics.consensus.checklists import GUIDELINES
from recoverymetrics.consensus.panel import DelphiPanel
from recoverymetrics.consensus.rules import Rule, as_rule
from recoverymetrics.display import AbstractResult, Table
from recoverymetrics.errors import OptionError

MISSING = "missing"


@dataclass(frozen=True)
class ChecklistResult(AbstractResult):
    """A reporting checklist.

    Attributes
    ----------
    guideline : str
        ``accord``, ``delphistar``, ``credes`` or ``gripp2``.
    frame : pandas.DataFrame
        What :meth:`tidy` returns.
    """

    guideline: str
    frame: pd.DataFrame = field(repr=False)

    def tidy(self) -> pd.DataFrame:
        """One row per entry: section, label, topic, ``status`` (from data, stated, missing) and the text."""
        return self.frame.copy()

    def glance(self) -> pd.DataFrame:
        """Return one row: how many entries are filled from the data, stated by the authors, missing."""
        status = self.frame["status"]
        return pd.DataFrame(
            {
                "guideline": [self.guideline],
                "n_entries": [len(self.frame)],
                "n_from_data": [int((status == "from data").sum())],
                "n_stated": [int((status == "stated").sum())],
                "n_missing": [int((status == MISSING).sum())],
            }
        )

    @property
    def missing(self) -> tuple[str, ...]:
        """Topics to state with ``facts={topic: text}``."""
        return tuple(dict.fromkeys(self.frame.loc[self.frame["status"] == MISSING, "topic"]))

    def _title(self) -> str:
        return f"Reporting checklist: {self.guideline.upper()}"

    def _tables(self) -> tuple[Table, ...]:
        note = (
            "Labels are paraphrases by topic; the published guideline is the authority. Missing entries are for the "
            "authors to state."
        )
        shown = self.frame.assign(text=self.frame["text"].where(self.frame["status"] != MISSING, "MISSING"))
        return (Table("Overview", self.glance()), Table("Entries", shown, notes=(note,)))


def reporting_checklist(
    panel: DelphiPanel,
    guideline: str = "accord",
    *,
    rule: Rule | None = None,
    facts: Mapping[str, str] | None = None,
) -> ChecklistResult:
    """Fill a reporting checklist.

    Parameters
    ----------
    panel : DelphiPanel
        The panel.
    guideline : {"accord", "delphistar", "credes", "gripp2"}, default "accord"
        The guideline; ``gripp2`` is the short form on the involvement of patients and the public.
    rule : Rule, optional
        The consensus rule used.
    facts : mapping, optional
        Texts by topic for what only the authors know (``registration``, ``funding``, ...). They also replace what the
        data say.

    Returns
    -------
    ChecklistResult

    Raises
    ------
    OptionError
        Unknown guideline, or a fact on a topic that the guideline does not have.
    """
    if guideline not in GUIDELINES:
        raise OptionError(f"guideline={guideline!r} is unknown; choose from {', '.join(GUIDELINES)}.")
    entries = GUIDELINES[guideline]
    topics = {entry.topic for entry in entries}
    strange = sorted(set(facts or {}) - topics)
    if strange:
        raise OptionError(
            f"{guideline} has no topic {strange[0]!r}; its topics are {', '.join(sorted(topics))}."
        )
    told = {topic: text.strip() for topic, text in (facts or {}).items() if text.strip()}
    known = {
        topic: fill(panel, as_rule(rule, ConsensusRule()))
        for topic, fill in _FROM_DATA.items()
        if topic in topics
    }
    rows = []
    for number, entry in enumerate(entries, start=1):
        text = told.get(entry.topic) or known.get(entry.topic)
        status = "stated" if entry.topic in told else ("from data" if text else MISSING)
        rows.append((number, entry.section, entry.label, entry.topic, status, text or ""))
    columns = ["entry", "section", "label", "topic", "status", "text"]
    return ChecklistResult(guideline, pd.DataFrame(rows, columns=columns))


def _panel_size(panel: DelphiPanel, rule: Rule) -> str:
    return f"{len(panel.panelists)} panelists gave at least one answer; the reason for this number is not in the data."


def _composition(panel: DelphiPanel, rule: Rule) -> str | None:
    said = []
    for by in ("stakeholder", "region", "country"):
        if by in panel.attributes:
            counts = pd.Series(_first_known(panel, by)).dropna().value_counts()
            named = ", ".join(f"{label} {n}" for label, n in counts.items())
            said.append(f"{by}: {named if len(counts) <= 8 else f'{len(counts)} countries'}")
    return "; ".join(said) or None


def _first_known(panel: DelphiPanel, by: str) -> list[str | None]:
    return [next((label for label in column if label is not None), None) for column in panel.attribute(by).T]


def _involvement(panel: DelphiPanel, rule: Rule) -> str | None:
    if "stakeholder" not in panel.attributes:
        return None
    counts = pd.Series(_first_known(panel, "stakeholder")).dropna().value_counts(normalize=True)
    return ", ".join(f"{label} {share:.0%} of the panel" for label, share in counts.items())


def _decision_rights(panel: DelphiPanel, rule: Rule) -> str | None:
    if "decision_rights" not in panel.attributes:
        return None
    rights = pd.Series(_first_known(panel, "decision_rights"), name="rights")
    if "stakeholder" not in panel.attributes:
        return ", ".join(f"{label} {n}" for label, n in rights.dropna().value_counts().items())
    table = pd.crosstab(pd.Series(_first_known(panel, "stakeholder"), name="who"), rights)
    return "; ".join(
        f"{who}: " + ", ".join(f"{right} {n}" for right, n in row.items()) for who, row in table.iterrows()
    )


def _rounds(panel: DelphiPanel, rule: Rule) -> str:
    rated = (~np.isnan(panel.ratings)).any(axis=2).sum(axis=1)
    said = ", ".join(
        f"round {label}: {n} statements rated" for label, n in zip(panel.rounds, rated, strict=True)
    )
    return f"{len(panel.rounds)} rounds; {said}."


def _scale(panel: DelphiPanel, rule: Rule) -> str:
    return f"{panel.scale[0]} to {panel.scale[1]} ({len(panel.values)} categories); their wording is not in the data."


def _definition(panel: DelphiPanel, rule: Rule) -> str:
    return f"{rule.describe()}; the latest round in which a statement was rated decides."


def _changes(panel: DelphiPanel, rule: Rule) -> str:
    fate = panel.lineage.fate(panel.rounds, len(panel.rounds) - 1)
    entered = panel.lineage.column("entered_round")
    later = [s for s, r in entered.items() if r != panel.rounds[0]]
    gone = "; ".join(f"{statement} {what}" for statement, what in fate.items()) or "none recorded"
    return f"Entered after the first round: {', '.join(later) or 'none recorded'}. Left: {gone}."


def _missing(panel: DelphiPanel, rule: Rule) -> str:
    frame = panel.participation(None).tidy()
    lost, asked = int(frame["n_missing"].sum()), int((frame["n"] * frame["n_statements"]).sum())
    return f"{lost} of {asked} ratings were not given; nothing was imputed."


def _analysis(panel: DelphiPanel, rule: Rule) -> str:
    return "Share in the top categories with Wilson intervals, medians and quartiles; exact tests of change; recoverymetrics."


def _response(panel: DelphiPanel, rule: Rule) -> str:
    frame = panel.participation(None).tidy()
    return ", ".join(
        f"round {r}: {n} ({share:.0%} of the first round)"
        for r, n, share in zip(frame["round"], frame["n"], frame["retention"], strict=True)
    )


def _attrition(panel: DelphiPanel, rule: Rule) -> str | None:
    frame = panel.attrition().tidy()
    if frame.empty:
        return None
    rows = zip(frame["round"], frame["n_left"], frame["difference"], strict=True)
    return "; ".join(
        f"after round {r} {n} left"
        + ("" if np.isnan(gap) else f", who had rated {gap:+.2f} from those who stayed")
        for r, n, gap in rows
    )


def _results(panel: DelphiPanel, rule: Rule) -> str:
    found = panel.check_consensus(rule).glance().iloc[0]
    return f"{found['n_statements']} statements, {found['n_consensus']} with consensus; one row each in the table of statements."


def _comments(panel: DelphiPanel, rule: Rule) -> str | None:
    n = len(panel.comments)
    return (
        f"{n} comments by {panel.comments['panelist'].nunique()} panelists are kept with the panel."
        if n
        else None
    )


def _final_list(panel: DelphiPanel, rule: Rule) -> str:
    return ", ".join(panel.check_consensus(rule).accepted) or "no statement reached consensus"


def _who_was_involved(panel: DelphiPanel, rule: Rule) -> str | None:
    """People of each stakeholder group in every round, and their decision rights."""
    if "stakeholder" not in panel.attributes:
        return None
    counts = panel.participation("stakeholder").tidy().pivot(index="group", columns="round", values="n")
    told = [
        f"{group}: " + ", ".join(f"{int(n)} in round {label}" for label, n in counts.loc[group].items())
        for group in panel.levels("stakeholder")
    ]
    rights = _decision_rights(panel, rule)
    return "; ".join(told) + ("" if rights is None else f". Decision rights - {rights}") + "."


def _what_involvement_changed(panel: DelphiPanel, rule: Rule) -> str | None:
    """How the list differs when the rule is applied within each stakeholder group alone."""
    groups = panel.levels("stakeholder") if "stakeholder" in panel.attributes else ()
    if len(groups) < 2:
        return None
    joint = set(panel.check_consensus(rule).accepted)
    split = panel.check_consensus(rule, by="stakeholder")
    told = []
    for group in groups:
        own = [s for s in split.for_group(group).accepted if s not in joint]
        told.append(f"{group} alone would add {', '.join(own) or 'nothing'}")
    return "By the ratings: " + "; ".join(told) + ". Other effects are not in the data."


_FROM_DATA: dict[str, Callable[[DelphiPanel, Rule], str | None]] = {
    "panel_size": _panel_size,
    "composition": _composition,
    "involvement": _involvement,
    "decision_rights": _decision_rights,
    "involvement_methods": _who_was_involved,
    "involvement_results": _what_involvement_changed,
    "rounds": _rounds,
    "scale": _scale,
    "consensus_definition": _definition,
    "changes": _changes,
    "missing": _missing,
    "analysis": _analysis,
    "response": _response,
    "attrition": _attrition,
    "results": _results,
    "comments": _comments,
    "open_answers": _comments,
    "final_list": _final_list,
    "abstract_panel": _response,
    "abstract_results": _results,
}
