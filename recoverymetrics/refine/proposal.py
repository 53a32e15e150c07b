"""A proposal is not a decision: rules propose, a person accepts or overrules with a reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from recoverymetrics.display import AbstractResult, Table
from recoverymetrics.errors import DataError, require_kind
from recoverymetrics.instrument import Revision, Scale
from recoverymetrics.refine.criteria import Criteria, Criterion
from recoverymetrics.refine.evidence import EvidenceTable

_STRENGTH = {"keep": 0, "note": 0, "revise": 1, "drop": 2}


@dataclass(frozen=True)
class Proposal(AbstractResult):
    """What the rules propose for each item of a scale.

    Attributes
    ----------
    scale : Scale
        The scale before revision.
    evidence : EvidenceTable
        What the rules read.
    criteria : Criteria
        The rules.
    decisions : pandas.DataFrame
        One row per item: ``item``, ``decision`` (keep, revise, drop), ``rules``, ``reason``, ``notes``,
        ``protected`` (the only kept item of an element), ``cost_coverage`` (elements that would lose
        their last item), ``cost_information`` (share of the dimension's information that goes).
    """

    scale: Scale
    evidence: EvidenceTable
    criteria: Criteria
    decisions: pd.DataFrame = field(repr=False)

    def tidy(self) -> pd.DataFrame:
        """One row per item."""
        return self.decisions.copy()

    def glance(self) -> pd.DataFrame:
        """One row: how many items are kept, revised, dropped."""
        counts = self.decisions["decision"].value_counts()
        return pd.DataFrame(
            [
                {
                    "n_items": len(self.decisions),
                    **{d: int(counts.get(d, 0)) for d in ("keep", "revise", "drop")},
                }
            ]
        )

    def _title(self) -> str:
        return f"Proposed revision of {self.scale.name}"

    def _tables(self) -> tuple[Table, ...]:
        return (
            Table("Overview", self.glance()),
            Table("Items", self.tidy()),
            Table("Rules", self.criteria.to_frame()),
        )

    def items(self, decision: str) -> list[str]:
        """Names of the items with one decision."""
        return self.decisions.loc[self.decisions["decision"] == decision, "item"].tolist()

    def accept(
        self,
        *,
        keep: Sequence[str] = (),
        revise: Sequence[str] = (),
        drop: Sequence[str] = (),
        reason: str | Mapping[str, str] = "",
        by: str = "",
        date: str = "",
    ) -> Scale:
        """Accept the proposal, overruling it for the items named.

        Parameters
        ----------
        keep, revise, drop : sequence of str
            Items for which a person decides otherwise than the rules.
        reason : str or mapping item -> str
            Why; required for each overruled item.
        by : str
            Who decided; empty means that the rules were accepted as they are.
        date : str
            Date of the decision, recorded as given.

        Returns
        -------
        Scale
            The items that are kept or to be revised, with every decision in its lineage.

        Raises
        ------
        DataError
            Unknown items, an item in two lists, or an overruled item without a reason.
        """
        wishes = self._wishes(keep, revise, drop)
        rows = [row._asdict() for row in self.decisions.itertuples(index=False)]
        spoken = [row for row in rows if row["item"] in wishes or row["decision"] != "keep"]
        return self.scale.apply([_revision(row, wishes.get(row["item"]), reason, by, date) for row in spoken])

    def _wishes(self, keep: Sequence[str], revise: Sequence[str], drop: Sequence[str]) -> dict[str, str]:
        wishes: dict[str, str] = {}
        known = set(self.decisions["item"])
        for decision, names in (("keep", keep), ("revise", revise), ("drop", drop)):
            for name in names:
                if name not in known:
                    raise DataError(
                        f"unknown item {name!r} in {decision}=; the items are {', '.join(sorted(known))}."
                    )
                if name in wishes:
                    raise DataError(f"item {name!r} is in {wishes[name]}= and in {decision}=; decide once.")
                wishes[name] = decision
        return wishes


def _revision(
    row: Mapping[str, str], wish: str | None, reason: str | Mapping[str, str], by: str, date: str
) -> Revision:
    item, proposed = row["item"], row["decision"]
    decision = proposed if wish is None else wish
    given = reason if isinstance(reason, str) else reason.get(item, "")
    if decision != proposed and not given:
        raise DataError(
            f"item {item!r}: the proposal ({proposed}) is overruled ({decision}) without a reason; give one."
        )
    why = (given or row["reason"] or "accepted as proposed") if wish is not None else row["reason"]
    return Revision(item, decision, why, by or "rule", row["rules"], proposed, date)  # type: ignore[arg-type]


def propose_revision(
    scale: Scale,
    evidence: EvidenceTable,
    criteria: Criteria | None = None,
    protect: Any = None,
) -> Proposal:
    """Propose keep, revise or drop for each item.

    A rule whose evidence is missing does not speak. An item that would be dropped although it is the last
    one that measures an element is proposed for revision instead, and marked as protected.

    Parameters
    ----------
    scale : Scale
        The scale to refine.
    evidence : EvidenceTable
        From ``gather_evidence``.
    criteria : Criteria, optional
        Rules; ``Criteria.default()`` when left out.
    protect : CoverageResult or mapping element -> items, optional
        Elements that must keep at least one item.

    Returns
    -------
    Proposal

    Raises
    ------
    DataError
        When the evidence lacks an item of the scale.
    """
    criteria = Criteria.default() if criteria is None else criteria
    require_kind(scale, "Scale", "scale", "an rm.Scale")
    require_kind(evidence, "EvidenceTable", "evidence", "the result of gather_evidence")
    table = evidence.wide().set_index("item")
    absent = [item for item in scale.items if item not in table.index]
    if absent:
        raise DataError(
            f"there is no evidence on item {absent[0]!r}; gather evidence on all items of the scale."
        )
    rows = [_judge(item, table.loc[item], criteria) for item in scale.items]
    decisions = pd.DataFrame(rows)
    cover = _cover(protect)
    decisions = _protect(decisions, cover, table)
    decisions["cost_coverage"] = [_lost_elements(item, decisions, cover) for item in decisions["item"]]
    share = table["information_share"] if "information_share" in table else pd.Series(dtype=float)
    decisions["cost_information"] = [float(share.get(item, float("nan"))) for item in decisions["item"]]
    return Proposal(scale, evidence, criteria, decisions)


def _judge(item: str, row: pd.Series, criteria: Criteria) -> dict[str, object]:
    held = [
        c for c in criteria if c.column in row.index and bool(c.holds(pd.Series([row[c.column]])).iloc[0])
    ]
    deciding = _first_of_each_column([c for c in held if c.action != "note"])
    decision = max((c.action for c in deciding), key=lambda a: _STRENGTH[a], default="keep")
    return {
        "item": item,
        "decision": decision,
        "rules": ", ".join(c.name for c in deciding),
        "reason": "; ".join(_sentence(c, row) for c in deciding),
        "notes": "; ".join(_sentence(c, row) for c in held if c.action == "note"),
        "protected": False,
    }


def _first_of_each_column(held: list[Criterion]) -> list[Criterion]:
    """Of several rules on one column, keep the first that holds: the others say the same again."""
    first: dict[str, Criterion] = {}
    for criterion in held:
        first.setdefault(criterion.column, criterion)
    return list(first.values())


def _sentence(criterion: Criterion, row: pd.Series) -> str:
    detail = row.get(f"{criterion.column}_detail", "")
    words = [detail] if isinstance(detail, str) and detail else []
    if criterion.operator != "is":
        words.insert(0, f"{float(row[criterion.column]):.2f}")
    return f"{criterion.sentence} ({', '.join(words)})" if words else criterion.sentence


def _cover(protect: Any) -> dict[str, list[str]]:
    if protect is None:
        return {}
    if hasattr(protect, "mapping"):
        pairs = protect.mapping
        return {str(element): part["item"].tolist() for element, part in pairs.groupby("element", sort=False)}
    return {str(element): list(items) for element, items in dict(protect).items() if len(items)}


def _protect(
    decisions: pd.DataFrame, cover: Mapping[str, Sequence[str]], table: pd.DataFrame
) -> pd.DataFrame:
    decisions = decisions.set_index("item", drop=False)
    quality = table["loading"] if "loading" in table else pd.Series(0.0, index=table.index)
    for element, items in cover.items():
        inside = [item for item in items if item in decisions.index]
        if not inside or any(decisions.at[item, "decision"] != "drop" for item in inside):
            continue
        best = max(inside, key=lambda item: float(quality.get(item, 0.0)))
        decisions.at[best, "decision"] = "revise"
        decisions.at[best, "protected"] = True
        note = f"kept for revision: no other item would measure element {element}"
        decisions.at[best, "notes"] = "; ".join(filter(None, [str(decisions.at[best, "notes"]), note]))
    return decisions.reset_index(drop=True)


def _lost_elements(item: str, decisions: pd.DataFrame, cover: Mapping[str, Sequence[str]]) -> str:
    kept = set(decisions.loc[decisions["decision"] != "drop", "item"]) - {item}
    return ", ".join(element for element, items in cover.items() if item in items and not kept & set(items))
