"""Rules on shares of ratings: top box, core outcome set, APMO."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from recoverymetrics.consensus.rules import (
    RatingCounts,
    Rule,
    RuleOutcome,
    at_least,
    outcome,
    require_categories,
    require_share,
)
from recoverymetrics.errors import OptionError
from recoverymetrics.numerics import counts as tally
from recoverymetrics.numerics.proportions import PROPORTION_METHODS, ProportionMethod, proportion_interval
from recoverymetrics.typing import FloatArray

JudgeBy = Literal["estimate", "conf_low"]


@dataclass(frozen=True)
class ConsensusRule(Rule):
    """Agreement in the top categories reaches a cut-off.

    The default is the rule of both recovery Delphi studies (Guerrero et al. 2024, 2025): at least 80% rate
    "relevant" or "very relevant".

    Parameters
    ----------
    agreement : float, default 0.80
        Smallest share in the top categories.
    top_categories : int, default 2
        How many of the highest categories count as agreement.
    interval : {"wilson", "clopper_pearson"}, default "wilson"
        Interval reported with the share.
    level : float, default 0.95
        Its confidence level.
    judge_by : {"estimate", "conf_low"}, default "estimate"
        Compare the share itself, or its lower limit, with the cut-off.
    min_raters : int, default 1
        With fewer ratings the rule does not hold.

    Examples
    --------
    >>> ConsensusRule(agreement=0.75).describe()
    'at least 75% in the top 2 categories'
    >>> (ConsensusRule() & ConsensusRule(agreement=0.9, top_categories=3)).describe()
    'at least 80% in the top 2 categories and at least 90% in the top 3 categories'
    """

    agreement: float = 0.80
    top_categories: int = 2
    interval: ProportionMethod = "wilson"
    level: float = 0.95
    judge_by: JudgeBy = "estimate"
    min_raters: int = 1

    def __post_init__(self) -> None:
        require_share(self.agreement, "agreement")
        require_share(self.level, "level")
        if self.judge_by not in get_args(JudgeBy):
            raise OptionError(f"judge_by={self.judge_by!r} is unknown; choose from estimate, conf_low.")
        if self.interval not in PROPORTION_METHODS:
            raise OptionError(
                f"interval={self.interval!r} is unknown; choose from {', '.join(PROPORTION_METHODS)}."
            )

    def evaluate(self, ratings: RatingCounts) -> RuleOutcome:
        """Decide on every statement."""
        top = require_categories(self.top_categories, ratings.values, "top_categories")
        n = ratings.n
        share = tally.top_share(ratings.counts, top)
        if self.judge_by == "conf_low":
            share = proportion_interval(np.nan_to_num(share) * n, n, method=self.interval, level=self.level)[
                0
            ]
        return outcome(at_least(share, self.agreement) & (n >= max(self.min_raters, 1e-9)))

    def describe(self) -> str:
        """State the rule in words."""
        what = "" if self.judge_by == "estimate" else f"lower {self.interval} limit "
        fewest = f" from at least {self.min_raters} raters" if self.min_raters > 1 else ""
        boxes = "category" if self.top_categories == 1 else f"{self.top_categories} categories"
        return f"{what}at least {self.agreement * 100:g}% in the top {boxes}{fewest}"


@dataclass(frozen=True)
class CoreOutcomeRule(Rule):
    """Include and exclude rule of core outcome sets (Williamson et al. 2017).

    In: at least ``include`` in the top categories and fewer than ``against`` in the bottom categories.
    Out: the mirror image. On 1 to 9: 70% score 7 to 9 and fewer than 15% score 1 to 3.

    Parameters
    ----------
    include : float, default 0.70
        Share needed on the winning side.
    against : float, default 0.15
        Share on the other side that must not be reached.
    categories : int, optional
        How many categories make a side; by default a third of the scale.
    """

    include: float = 0.70
    against: float = 0.15
    categories: int | None = None

    def __post_init__(self) -> None:
        require_share(self.include, "include")
        require_share(self.against, "against")

    def evaluate(self, ratings: RatingCounts) -> RuleOutcome:
        """Decide on every statement."""
        size = self.categories or max(len(ratings.values) // 3, 1)
        side = require_categories(size, ratings.values, "categories")
        top, bottom = tally.top_share(ratings.counts, side), tally.bottom_share(ratings.counts, side)
        return RuleOutcome(self._wins(top, bottom), self._wins(bottom, top))

    def _wins(self, side: FloatArray, other: FloatArray) -> np.ndarray:
        return at_least(side, self.include) & ~at_least(other, self.against)

    def describe(self) -> str:
        """State the rule in words."""
        side = "third" if self.categories is None else f"{self.categories} categories"
        return (
            f"at least {self.include * 100:g}% in the top {side} and fewer than {self.against * 100:g}% in the "
            f"bottom {side}"
        )


@dataclass(frozen=True)
class APMORule(Rule):
    """Agreement reaches the average per cent of majority opinions (Kapoor 1987; von der Gracht 2012).

    The cut-off comes from the panel: votes of statements with a majority for (their votes for) and with a
    majority against (their votes against), over all votes. Out: the share against reaches the cut-off.

    Parameters
    ----------
    top_categories : int, default 2
        How many of the highest categories are votes for.
    bottom_categories : int, optional
        How many of the lowest categories are votes against; by default all the others.
    """

    top_categories: int = 2
    bottom_categories: int | None = None

    def cut_off(self, ratings: RatingCounts) -> FloatArray:
        """The APMO share, shape (...)."""
        agree, against, n = self._votes(ratings)
        majority = np.where(2 * agree > n, agree, 0) + np.where(2 * against > n, against, 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(majority.sum(axis=-1) / n.sum(axis=-1))

    def _votes(self, ratings: RatingCounts) -> tuple[FloatArray, FloatArray, FloatArray]:
        top = require_categories(self.top_categories, ratings.values, "top_categories")
        rest = len(ratings.values) - top
        bottom = rest if self.bottom_categories is None else min(self.bottom_categories, rest)
        counts = ratings.counts
        return counts[..., -top:].sum(axis=-1), counts[..., :bottom].sum(axis=-1), ratings.n

    def evaluate(self, ratings: RatingCounts) -> RuleOutcome:
        """Decide on every statement."""
        agree, against, n = self._votes(ratings)
        cut = np.nan_to_num(self.cut_off(ratings), nan=2.0)[..., None]
        with np.errstate(invalid="ignore", divide="ignore"):
            share_for, share_against = agree / n, against / n
        return RuleOutcome(at_least(share_for - cut, 0.0), at_least(share_against - cut, 0.0))

    def describe(self) -> str:
        """State the rule in words."""
        return f"agreement (top {self.top_categories} categories) at or above the average per cent of majority opinions"
