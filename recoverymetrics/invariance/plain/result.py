"""The page as a result object."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from recoverymetrics.display import AbstractResult, Table
from recoverymetrics.invariance.plain import words as say
from recoverymetrics.invariance.plain.facts import Facts
from recoverymetrics.invariance.plain.words import Wording

if TYPE_CHECKING:
    from recoverymetrics.invariance.alignment.result import AlignmentResult
    from recoverymetrics.invariance.dif.result import DIFResult
    from recoverymetrics.invariance.ladder.result import InvarianceResult


@dataclass(frozen=True)
class PlainSummary(AbstractResult):
    """What can be compared between which groups, what cannot, and what to do: one page for everybody.

    Attributes
    ----------
    facts : Facts
        What the page says.
    wording : Wording
        Words that the reader knows.
    ladder : InvarianceResult
    alignment : AlignmentResult
    dif : DIFResult or None
        Where the facts are from.
    """

    facts: Facts
    wording: Wording
    ladder: InvarianceResult = field(repr=False)
    alignment: AlignmentResult = field(repr=False)
    dif: DIFResult | None = field(default=None, repr=False)

    @property
    def converged(self) -> bool:
        """Whether the ladder and the alignment converged."""
        return self.ladder.converged and self.alignment.converged

    @property
    def admissible(self) -> bool:
        """Whether every model of the ladder is admissible."""
        return self.ladder.admissible

    @property
    def headline(self) -> str:
        """The answer in one line."""
        return say.headline(self.facts)

    @property
    def advice(self) -> list[str]:
        """What to do."""
        return say.advice(self.facts, self.wording)

    def tidy(self) -> pd.DataFrame:
        """One row per group: adjusted and raw mean, what the questions do to it, what to use."""
        return pd.DataFrame(
            {
                "group": [g.label for g in self.facts.groups],
                "n": [g.n for g in self.facts.groups],
                "mean": [g.mean for g in self.facts.groups],
                "conf_low": [g.low for g in self.facts.groups],
                "conf_high": [g.high for g in self.facts.groups],
                "mean_observed": [g.observed for g in self.facts.groups],
                "bias_observed": [g.bias for g in self.facts.groups],
                "share_different": [g.different for g in self.facts.groups],
                "n_lower": [len(g.above) for g in self.facts.groups],
                "n_higher": [len(g.below) for g in self.facts.groups],
                "use": [say.group_use(g, self.facts) for g in self.facts.groups],
            }
        )

    def glance(self) -> pd.DataFrame:
        """One row: persons, groups, the answer."""
        return pd.DataFrame(
            {
                "factor": [self.facts.factor],
                "n": [sum(g.n for g in self.facts.groups)],
                "n_groups": [len(self.facts.groups)],
                "highest_level": [self.ladder.highest],
                "share_different": [self.facts.share],
                "verdict": [f"{self.headline} {say.explanation(self.facts, self.wording)}"],
                "converged": [self.converged],
            }
        )

    def plot(self, ax: Any = None) -> Any:
        """Draw the adjusted means with intervals beside the raw ones."""
        from recoverymetrics.invariance.plain.picture import draw_means

        return draw_means(self.facts, self.wording, ax)

    def to_html(self, path: str | Path | None = None, *, title: str = "") -> str:
        """The page as one self-contained HTML document; also written to ``path`` when given."""
        from recoverymetrics.invariance.plain.page import render_page

        text = render_page(self, title)
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text

    def _repr_html_(self) -> str:
        from recoverymetrics.invariance.plain.page import render_body

        return render_body(self, "")

    def _title(self) -> str:
        return f"Can the {self.wording.units} be compared? {self.headline}"

    def _tables(self) -> tuple[Table, ...]:
        steps = pd.DataFrame(
            say.step_rows(self.ladder, self.wording), columns=["question", "answer", "reason"]
        )
        return (
            Table("Checks", steps, notes=(say.explanation(self.facts, self.wording), *self.advice)),
            Table("Averages", self.tidy()),
        )
