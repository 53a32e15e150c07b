"""What a consensus rule is, and how rules combine with ``&`` and ``|``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from recoverymetrics.errors import OptionError
from recoverymetrics.numerics import counts as tally
from recoverymetrics.typing import BoolArray, FloatArray

Conditions = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class RatingCounts:
    """What a rule sees: category counts of each statement, for all panelists and within groups.

    Attributes
    ----------
    counts : ndarray, shape (..., S, K)
        Ratings per category; leading axes are resampled or reweighted panels.
    values : ndarray, shape (K,)
        The categories of the scale.
    within : callable
        ``within(conditions)`` gives the same counts for the panelists who meet every ``(by, label)``.
    levels : callable
        ``levels(by)`` gives the groups of a panelist attribute.
    conditions : tuple of (str, str)
        The group that this view is limited to; empty for the whole panel.
    """

    counts: FloatArray
    values: FloatArray
    within: Callable[[Conditions], FloatArray]
    levels: Callable[[str], tuple[str, ...]]
    conditions: Conditions = ()

    @property
    def n(self) -> FloatArray:
        """Number of ratings of each statement, shape (..., S)."""
        return tally.total(self.counts)

    def group(self, by: str, label: str) -> RatingCounts:
        """The same view of one group."""
        conditions = (*self.conditions, (by, label))
        return RatingCounts(self.within(conditions), self.values, self.within, self.levels, conditions)


@dataclass(frozen=True)
class RuleOutcome:
    """Decision of a rule on each statement.

    Attributes
    ----------
    passed : ndarray of bool, shape (..., S)
        The rule holds; false where nobody rated.
    excluded : ndarray of bool, shape (..., S)
        There is consensus that the statement does not belong; always false for rules without such a side.
    """

    passed: BoolArray
    excluded: BoolArray


class Rule(ABC):
    """A consensus rule: counts in, decisions out. Combine rules with ``&`` (both) and ``|`` (either)."""

    @abstractmethod
    def evaluate(self, ratings: RatingCounts) -> RuleOutcome:
        """Decide on every statement."""

    @abstractmethod
    def describe(self) -> str:
        """State the rule in words."""

    def parts(self) -> Iterator[Rule]:
        """Yield the single rules that this one is made of."""
        yield self

    def __and__(self, other: Rule) -> Rule:
        if not isinstance(other, Rule):
            return NotImplemented
        return AllOf((*_same(self, AllOf), *_same(other, AllOf)))

    def __or__(self, other: Rule) -> Rule:
        if not isinstance(other, Rule):
            return NotImplemented
        return AnyOf((*_same(self, AnyOf), *_same(other, AnyOf)))


def _same(rule: Rule, kind: type[AllOf] | type[AnyOf]) -> tuple[Rule, ...]:
    return rule.rules if isinstance(rule, kind) else (rule,)


@dataclass(frozen=True)
class AllOf(Rule):
    """Every rule holds; excluded when any rule excludes."""

    rules: tuple[Rule, ...]

    def evaluate(self, ratings: RatingCounts) -> RuleOutcome:
        """Decide on every statement."""
        outcomes = [rule.evaluate(ratings) for rule in self.rules]
        passed = np.logical_and.reduce([o.passed for o in outcomes])
        excluded = np.logical_or.reduce([o.excluded for o in outcomes])
        return RuleOutcome(passed & ~excluded, excluded)

    def describe(self) -> str:
        """State the rule in words."""
        return " and ".join(_bracket(rule, AnyOf) for rule in self.rules)

    def parts(self) -> Iterator[Rule]:
        """Yield the single rules."""
        for rule in self.rules:
            yield from rule.parts()


@dataclass(frozen=True)
class AnyOf(Rule):
    """At least one rule holds; excluded when a rule excludes and none includes."""

    rules: tuple[Rule, ...]

    def evaluate(self, ratings: RatingCounts) -> RuleOutcome:
        """Decide on every statement."""
        outcomes = [rule.evaluate(ratings) for rule in self.rules]
        passed = np.logical_or.reduce([o.passed for o in outcomes])
        excluded = np.logical_or.reduce([o.excluded for o in outcomes])
        return RuleOutcome(passed, excluded & ~passed)

    def describe(self) -> str:
        """State the rule in words."""
        return " or ".join(_bracket(rule, AllOf) for rule in self.rules)

    def parts(self) -> Iterator[Rule]:
        """Yield the single rules."""
        for rule in self.rules:
            yield from rule.parts()


def _bracket(rule: Rule, kind: type[Rule]) -> str:
    return f"({rule.describe()})" if isinstance(rule, kind) else rule.describe()


def as_rule(rule: Rule | None, default: Rule) -> Rule:
    """The rule, or the default for None; anything else is refused.

    Raises
    ------
    OptionError
        Not a rule.
    """
    if rule is None:
        return default
    if not isinstance(rule, Rule):
        raise OptionError(
            f"rule={rule!r} is not a consensus rule; give for example ConsensusRule(agreement=0.80, top_categories=2)."
        )
    return rule


def outcome(passed: BoolArray, excluded: BoolArray | None = None) -> RuleOutcome:
    """Make an outcome, with nothing excluded by default."""
    return RuleOutcome(passed, np.zeros_like(passed) if excluded is None else excluded)


def at_least(value: FloatArray, cut: float) -> BoolArray:
    """``value >= cut`` that forgives the last bit of a share such as 4/5 and is false for NaN."""
    return np.asarray(np.nan_to_num(value, nan=-np.inf) >= cut - 1e-12)


def at_most(value: FloatArray, cut: float) -> BoolArray:
    """``value <= cut`` that forgives the last bit and is false for NaN."""
    return np.asarray(np.nan_to_num(value, nan=np.inf) <= cut + 1e-12)


def require_share(value: float, name: str) -> None:
    """Refuse a share outside [0, 1]."""
    if not 0 <= value <= 1:
        raise OptionError(f"{name}={value!r} must be a share between 0 and 1, such as 0.80 for 80 percent.")


def require_categories(number: int, values: FloatArray, name: str) -> int:
    """Refuse a number of categories that is not a proper part of the scale."""
    if not 1 <= number < len(values):
        raise OptionError(
            f"{name}={number} does not suit a scale with {len(values)} categories "
            f"({values[0]:g} to {values[-1]:g}); give 1 to {len(values) - 1}."
        )
    return number


def default_top(values: FloatArray) -> int:
    """How many categories count as agreement: the top two, or the top third from seven categories on."""
    k = len(values)
    return min(2, k - 1) if k < 7 else k // 3
