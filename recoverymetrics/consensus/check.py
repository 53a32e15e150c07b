"""Which statements have reached consensus, and on what ground."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from recoverymetrics.consensus.agreement_rules import ConsensusRule
from recoverymetrics.consensus.panel import Deciding, DelphiPanel
from recoverymetrics.consensus.rules import RatingCounts, Rule, RuleOutcome, as_rule, default_top
from recoverymetrics.consensus.spread_rules import interpercentile_range, is_one_to_nine
from recoverymetrics.display import AbstractResult, Table
from recoverymetrics.errors import DataError
from recoverymetrics.numerics import counts as tally
from recoverymetrics.numerics.proportions import proportion_interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from recoverymetrics.instrument import ElementSet

DECIDED = ("consensus", "excluded", "no consensus")
"""Statuses of statements that the rule decided on."""
IN_PLAY = (*DECIDED, "no data")
"""Statuses of statements that are still in play; every other status says what became of the statement."""


@dataclass(frozen=True)
class ConsensusResult(AbstractResult):
    """The decision on every statement.

    Attributes
    ----------
    frame : pandas.DataFrame
        What :meth:`tidy` returns.
    rule : Rule
        The rule that decided.
    scale : tuple of int
        Lowest and highest category.
    round : object
        The account is given as it stood after this round.
    by : str or None
        Panelist attribute the rule was applied within.
    n_panelists : int
        Panelists with at least one deciding rating.
    name : str
        Label of the panel in comparisons.
    """

    frame: pd.DataFrame = field(repr=False)
    rule: Rule
    scale: tuple[int, int]
    round: Any
    by: str | None
    n_panelists: int
    name: str = "panel"

    def tidy(self) -> pd.DataFrame:
        """One row per statement (and group): see the column glossary; ``round`` is the deciding round."""
        return self.frame.copy()

    def glance(self) -> pd.DataFrame:
        """Return one row: how many statements are in, out, open, without data."""
        status = self.frame["status"]
        return pd.DataFrame(
            {
                "n_statements": [int(self.frame["statement"].nunique())],
                "n_consensus": [int((status == "consensus").sum())],
                "n_excluded": [int((status == "excluded").sum())],
                "n_open": [int((status == "no consensus").sum())],
                "n_no_data": [int((status == "no data").sum())],
                "n_gone": [len(self.frame) - int(status.isin(IN_PLAY).sum())],
                "n_panelists": [self.n_panelists],
                "round": [self.round],
                "rule": [self.rule.describe()],
            }
        )

    @property
    def accepted(self) -> tuple[str, ...]:
        """Statements with consensus; with ``by=`` those that have it in every group with data."""
        if self.by is None:
            return tuple(self.frame.loc[self.frame["consensus"], "statement"])
        with_data = self.frame[self.frame["status"] != "no data"]
        holds = with_data.groupby("statement", sort=False)["consensus"].all()
        return tuple(holds.index[holds])

    @property
    def open(self) -> tuple[str, ...]:
        """Statements without consensus either way: what a next round that re-rates only these would ask."""
        undecided = self.frame["status"].isin(["no consensus", "no data"])
        return tuple(dict.fromkeys(self.frame.loc[undecided, "statement"]))

    @property
    def carried_over(self) -> tuple[str, ...]:
        """Statements decided by an earlier round than the one of the account."""
        rated = self.frame[self.frame["round"].notna() & self.frame["status"].isin(IN_PLAY)]
        return tuple(dict.fromkeys(rated.loc[rated["round"] != self.round, "statement"]))

    @property
    def groups(self) -> tuple[str, ...]:
        """Groups of a result made with ``by=``."""
        return tuple(dict.fromkeys(self.frame["group"])) if self.by else ()

    def for_group(self, label: str) -> ConsensusResult:
        """The result of one group of a result made with ``by=``.

        Raises
        ------
        DataError
            The result has no such group.
        """
        if label not in self.groups:
            raise DataError(
                f"there is no group {label!r}; the groups are {', '.join(self.groups) or 'none (use by=)'}."
            )
        rows = self.frame[self.frame["group"] == label].drop(columns="group").reset_index(drop=True)
        count = int(rows["n"].max()) if len(rows) else 0
        return ConsensusResult(rows, self.rule, self.scale, self.round, None, count, label)

    def named(self, name: str) -> ConsensusResult:
        """The same result under another name, for comparisons."""
        return ConsensusResult(self.frame, self.rule, self.scale, self.round, self.by, self.n_panelists, name)

    def to_elements(self) -> ElementSet:
        """Statements with consensus as an element set, with their agreement and this rule as the source.

        Raises
        ------
        DataError
            The result is split by group, or no statement has consensus.
        """
        from recoverymetrics.instrument import ElementSet

        if self.by is not None:
            raise DataError(
                f"the result is split by {self.by}; take the elements of one group: .for_group(label)."
            )
        if not self.accepted:
            raise DataError(
                f"no statement has consensus by the rule: {self.rule.describe()}; there are no elements."
            )
        rows = self.frame[self.frame["statement"].isin(self.accepted)].drop_duplicates("statement")
        elements = pd.DataFrame(
            {
                "element_id": rows["statement"],
                "domain": rows["domain"].fillna("unknown"),
                "label": rows["label"].fillna(rows["statement"]),
                "agreement": rows["agreement"],
                "source": f"{self.name}, round {self.round}: {self.rule.describe()}",
            }
        )
        return ElementSet.from_frame(elements.reset_index(drop=True))

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw agreement with its interval for every statement, sorted, with the cut-off as a line."""
        from recoverymetrics.consensus.plots import plot_consensus

        return plot_consensus(self, ax=ax)

    def _boxes(self) -> list[int]:
        """How many categories each top-box part of the rule counts."""
        return [part.top_categories for part in self.rule.parts() if isinstance(part, ConsensusRule)]

    def _title(self) -> str:
        return f"Consensus after round {self.round}: {self.rule.describe()}"

    def _tables(self) -> tuple[Table, ...]:
        notes = [f"Scale {self.scale[0]} to {self.scale[1]}. Rule: {self.rule.describe()}."]
        if self.carried_over:
            notes.append(
                f"{len(self.carried_over)} statements were not rated in round {self.round}; the latest round in "
                "which each was rated decides (column round)."
            )
        third = default_top(np.arange(self.scale[0], self.scale[1] + 1, dtype=float))
        if self._boxes() == [2] and third > 2:
            notes.append(
                f"Two of {self.scale[1] - self.scale[0] + 1} categories count as agreement; on scales this long studies often "
                f"count the top third: ConsensusRule(top_categories={third})."
            )
        shown = ["group"] if self.by else []
        shown += [
            "statement",
            "label",
            "domain",
            "round",
            "n",
            "agreement",
            "conf_low",
            "conf_high",
            "median",
            "iqr",
            "status",
        ]
        return (
            Table("Overview", self.glance()),
            Table("Statements", self.frame[shown], notes=tuple(notes)),
        )


def check_consensus(
    panel: DelphiPanel, rule: Rule | None = None, *, round: Any = -1, by: str | None = None
) -> ConsensusResult:
    """Apply a rule to a panel; see :meth:`DelphiPanel.check_consensus`."""
    rule = as_rule(rule, ConsensusRule())
    deciding = panel.deciding(round)
    ratings = panel.rating_counts(deciding)
    last = panel.round_position(round)
    if by is None:
        frame = _statement_table(panel, rule, deciding, ratings, last)
    else:
        frame = pd.concat(
            [
                _statement_table(panel, rule, deciding, ratings.group(by, label), last).assign(group=label)
                for label in panel.levels(by)
            ],
            ignore_index=True,
        )
        frame.insert(0, "group", frame.pop("group"))
    n_panelists = int((~np.isnan(deciding.ratings)).any(axis=0).sum())
    return ConsensusResult(frame, rule, panel.scale, panel.rounds[last], by, n_panelists)


def _statement_table(
    panel: DelphiPanel, rule: Rule, deciding: Deciding, ratings: RatingCounts, last: int
) -> pd.DataFrame:
    outcome = rule.evaluate(ratings)
    gone = panel.lineage.fate(panel.rounds, last)
    label, domain = panel.lineage.column("label"), panel.lineage.column("domain")
    status = _status(panel.statements, ratings, outcome, gone)
    frame = pd.DataFrame(
        {
            "statement": list(panel.statements),
            "label": pd.Series([label.get(s) for s in panel.statements], dtype=object),
            "domain": pd.Series([domain.get(s) for s in panel.statements], dtype=object),
            "round": pd.Series(
                [panel.rounds[i] if i >= 0 else None for i in deciding.round_index], dtype=object
            ),
            **describe_ratings(ratings, rule),
        }
    )
    frame["consensus"] = status == "consensus"
    frame["status"] = status
    frame["reason"] = _reasons(rule, ratings, status)
    return frame


def _status(
    statements: Iterable[str], ratings: RatingCounts, outcome: RuleOutcome, gone: dict[str, str]
) -> np.ndarray:
    status = np.where(outcome.passed, "consensus", np.where(outcome.excluded, "excluded", "no consensus"))
    status = np.where(ratings.n > 0, status, "no data").astype(object)
    for i, statement in enumerate(statements):
        status[i] = gone.get(statement, status[i])
    return status


def describe_ratings(ratings: RatingCounts, rule: Rule) -> dict[str, np.ndarray]:
    """Agreement with its interval, location and spread of each statement; disagreement on a 1 to 9 scale."""
    shape = next((part for part in rule.parts() if isinstance(part, ConsensusRule)), None)
    top = default_top(ratings.values) if shape is None else shape.top_categories
    interval = shape or ConsensusRule()
    counts, values, n = ratings.counts, ratings.values, ratings.n
    agree = counts[..., len(values) - top :].sum(axis=-1)
    low, high = proportion_interval(agree, n, method=interval.interval, level=interval.level)
    q1, median, q3 = (tally.quantile(counts, values, p) for p in (0.25, 0.5, 0.75))
    columns = {
        "n": n.astype(int),
        "n_agree": agree.astype(int),
        "agreement": tally.top_share(counts, top),
        "conf_low": low,
        "conf_high": high,
        "mean": tally.mean(counts, values),
        "sd": tally.sd(counts, values),
        "median": median,
        "q1": q1,
        "q3": q3,
        "iqr": q3 - q1,
    }
    if is_one_to_nine(values):
        width, adjusted = interpercentile_range(counts, values)
        columns |= {"ipr": width, "ipras": adjusted, "disagreement_index": width / adjusted}
    return columns


def _reasons(rule: Rule, ratings: RatingCounts, status: np.ndarray) -> list[str]:
    """Which parts of the rule hold or fail, in words."""
    parts = [(part.describe(), part.evaluate(ratings)) for part in rule.parts()]
    reasons = []
    for i, state in enumerate(status):
        failed = [text for text, outcome in parts if not outcome.passed[i]]
        against = [text for text, outcome in parts if outcome.excluded[i]]
        if state == "no consensus":
            reasons.append("not met: " + "; ".join(failed))
        elif state == "excluded":
            reasons.append("excluded by: " + "; ".join(against))
        elif state == "no data":
            reasons.append("nobody rated it")
        else:
            reasons.append("met" if state == "consensus" else str(state))
    return reasons
