"""Rules on location and spread: median, interquartile range, mean and SD, RAND/UCLA disagreement."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Literal

import numpy as np

from recoverymetrics.consensus.rules import RatingCounts, Rule, RuleOutcome, at_least, at_most, outcome
from recoverymetrics.errors import OptionError
from recoverymetrics.numerics import counts as tally
from recoverymetrics.typing import BoolArray, FloatArray


@dataclass(frozen=True)
class MedianRule(Rule):
    """The median reaches a category.

    Parameters
    ----------
    minimum : float
        Smallest median.
    """

    minimum: float

    def __post_init__(self) -> None:
        if not isinstance(self.minimum, Real):
            raise OptionError(f"minimum={self.minimum!r} must be a number, for example MedianRule(4).")

    def evaluate(self, ratings: RatingCounts) -> RuleOutcome:
        """Decide on every statement."""
        return outcome(at_least(tally.quantile(ratings.counts, ratings.values, 0.5), self.minimum))

    def describe(self) -> str:
        """State the rule in words."""
        return f"median at least {self.minimum:g}"


@dataclass(frozen=True)
class IQRRule(Rule):
    """The interquartile range is small (von der Gracht 2012).

    Parameters
    ----------
    maximum : float, optional
        Largest range; by default 1 up to seven categories and 2 above that.
    """

    maximum: float | None = None

    def __post_init__(self) -> None:
        if self.maximum is not None and (not isinstance(self.maximum, Real) or self.maximum < 0):
            raise OptionError(
                f"maximum={self.maximum!r} must be a range of 0 or more, for example IQRRule(1)."
            )

    def evaluate(self, ratings: RatingCounts) -> RuleOutcome:
        """Decide on every statement."""
        quartiles = [tally.quantile(ratings.counts, ratings.values, p) for p in (0.25, 0.75)]
        return outcome(at_most(quartiles[1] - quartiles[0], self.limit(ratings.values)))

    def limit(self, values: FloatArray) -> float:
        """Largest range on this scale."""
        if self.maximum is not None:
            return self.maximum
        return 1.0 if len(values) <= 7 else 2.0

    def describe(self) -> str:
        """State the rule in words."""
        limit = "1 (2 above seven categories)" if self.maximum is None else f"{self.maximum:g}"
        return f"interquartile range at most {limit}"


@dataclass(frozen=True)
class MeanRule(Rule):
    """The mean is high, the standard deviation small, or both.

    Parameters
    ----------
    minimum : float, optional
        Smallest mean.
    maximum_sd : float, optional
        Largest standard deviation; a single rating has none and does not pass.
    """

    minimum: float | None = None
    maximum_sd: float | None = None

    def __post_init__(self) -> None:
        if self.minimum is None and self.maximum_sd is None:
            raise OptionError("MeanRule needs minimum=, maximum_sd= or both.")

    def evaluate(self, ratings: RatingCounts) -> RuleOutcome:
        """Decide on every statement."""
        passed = ratings.n > 0
        if self.minimum is not None:
            passed = passed & at_least(tally.mean(ratings.counts, ratings.values), self.minimum)
        if self.maximum_sd is not None:
            passed = passed & at_most(tally.sd(ratings.counts, ratings.values), self.maximum_sd)
        return outcome(passed)

    def describe(self) -> str:
        """State the rule in words."""
        said = [
            f"mean at least {self.minimum:g}" if self.minimum is not None else "",
            f"SD at most {self.maximum_sd:g}" if self.maximum_sd is not None else "",
        ]
        return " and ".join(text for text in said if text)


@dataclass(frozen=True)
class RandUclaRule(Rule):
    """RAND/UCLA appropriateness: median in the top third without disagreement (Fitch et al. 2001).

    Disagreement: the interpercentile range (70th minus 30th) exceeds the one adjusted for symmetry,
    ``IPRAS = 2.35 + 1.5 |5 - (P30 + P70) / 2|``. Out: median in the bottom third without disagreement.
    The constants hold for ratings from 1 to 9 alone; any other scale is an error. The classic definition counts
    people instead: disagreement when both the lowest and the highest third hold at least ``(n + 1) // 3`` ratings
    (3 of 9, 5 of 15).

    Parameters
    ----------
    definition : {"ipras", "classic"}, default "ipras"
        Definition of disagreement.
    """

    definition: Literal["ipras", "classic"] = "ipras"

    def __post_init__(self) -> None:
        if self.definition not in ("ipras", "classic"):
            raise OptionError(f"definition={self.definition!r} is unknown; choose from ipras, classic.")

    def evaluate(self, ratings: RatingCounts) -> RuleOutcome:
        """Decide on every statement."""
        if not is_one_to_nine(ratings.values):
            raise OptionError(
                f"the RAND/UCLA rule holds for ratings from 1 to 9, not {ratings.values[0]:g} to "
                f"{ratings.values[-1]:g}; use IQRRule or ConsensusRule on this scale."
            )
        agreed = ~self._disagreement(ratings) & (ratings.n > 0)
        median = tally.quantile(ratings.counts, ratings.values, 0.5)
        return RuleOutcome(agreed & at_least(median, 6.5), agreed & ~at_least(median, 3.5))

    def _disagreement(self, ratings: RatingCounts) -> BoolArray:
        counts = ratings.counts
        if self.definition == "ipras":
            return ~at_most(disagreement_index(counts, ratings.values), 1.0)
        limit = np.floor((ratings.n + 1) / 3)
        return at_least(counts[..., :3].sum(axis=-1) - limit, 0.0) & at_least(
            counts[..., 6:].sum(axis=-1) - limit, 0.0
        )

    def describe(self) -> str:
        """State the rule in words."""
        if self.definition == "classic":
            return "RAND/UCLA: median in 7 to 9 without a third of the panel at both ends"
        return "RAND/UCLA: median in 7 to 9 without disagreement (IPR not above IPRAS)"


def is_one_to_nine(values: FloatArray) -> bool:
    """Whether the scale is the one that the RAND/UCLA constants were made for."""
    return bool(np.array_equal(values, np.arange(1.0, 10.0)))


def interpercentile_range(counts: FloatArray, values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """IPR (70th minus 30th percentile) and IPRAS of 1 to 9 ratings."""
    p30, p70 = (tally.quantile(counts, values, p) for p in (0.3, 0.7))
    return p70 - p30, ipras(p30, p70)


def ipras(p30: FloatArray, p70: FloatArray) -> FloatArray:
    """Interpercentile range adjusted for symmetry, ``2.35 + 1.5 |5 - (P30 + P70) / 2|``.

    Examples
    --------
    >>> round(float(ipras(np.array(7.0), np.array(8.0))), 2)
    6.1
    """
    return 2.35 + 1.5 * np.abs(5.0 - (p30 + p70) / 2)


def disagreement_index(counts: FloatArray, values: FloatArray) -> FloatArray:
    """IPR / IPRAS; above 1 is disagreement."""
    width, adjusted = interpercentile_range(counts, values)
    return width / adjusted
