"""Rules that must hold among particular people."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recoverymetrics.consensus.rules import RatingCounts, Rule, RuleOutcome
from recoverymetrics.errors import OptionError


@dataclass(frozen=True)
class WithinGroups(Rule):
    """A rule that must hold within groups of panelists, for example among people with lived experience.

    Parameters
    ----------
    rule : Rule
        The rule applied to each group alone.
    groups : tuple of str, optional
        The groups; by default every group of the panel.
    by : str, default "stakeholder"
        Panelist attribute that defines the groups.
    min_raters : int, default 1
        A named group with fewer ratings of a statement does not pass it; among unnamed groups those with
        fewer ratings have no say, and at least one group must have.

    Examples
    --------
    >>> from recoverymetrics.consensus.agreement_rules import ConsensusRule
    >>> (ConsensusRule() & WithinGroups(ConsensusRule(), groups=("lived experience",))).describe()
    'at least 80% in the top 2 categories and within stakeholder lived experience, at least 80% in the top 2 categories'
    """

    rule: Rule
    groups: tuple[str, ...] | None = None
    by: str = "stakeholder"
    min_raters: int = 1

    def __post_init__(self) -> None:
        if isinstance(self.groups, str):
            object.__setattr__(self, "groups", (self.groups,))
        elif self.groups is not None:
            object.__setattr__(self, "groups", tuple(self.groups))

    def evaluate(self, ratings: RatingCounts) -> RuleOutcome:
        """Decide on every statement."""
        known = ratings.levels(self.by)
        unknown = [g for g in self.groups or () if g not in known]
        if unknown:
            raise OptionError(
                f"no panelist belongs to the {self.by} group {unknown[0]!r}; the groups are {', '.join(known)}."
            )
        views = [ratings.group(self.by, label) for label in (known if self.groups is None else self.groups)]
        enough = np.stack([view.n >= max(self.min_raters, 1e-9) for view in views])
        outcomes = [self.rule.evaluate(view) for view in views]
        held = np.stack([o.passed for o in outcomes]) & enough
        passed = (
            held.all(axis=0) if self.groups is not None else (held | ~enough).all(axis=0) & enough.any(axis=0)
        )
        excluded = (np.stack([o.excluded for o in outcomes]) & enough).any(axis=0)
        return RuleOutcome(np.asarray(passed & ~excluded), np.asarray(excluded))

    def describe(self) -> str:
        """State the rule in words."""
        who = f"every {self.by} group" if self.groups is None else f"{self.by} {', '.join(self.groups)}"
        return f"within {who}, {self.rule.describe()}"
