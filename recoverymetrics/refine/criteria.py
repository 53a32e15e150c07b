"""Rules that turn evidence into a proposal: one column, one threshold, one action, one source each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

from recoverymetrics.errors import OptionError

Action = Literal["drop", "revise", "note"]
Operator = Literal["<", "<=", ">", ">=", "is"]


@dataclass(frozen=True, slots=True)
class Criterion:
    """One rule.

    Attributes
    ----------
    name : str
        Short name, used in tables and in the configuration.
    column : str
        Column of the evidence table that the rule reads.
    operator : {"<", "<=", ">", ">=", "is"}
        How the value is compared with the threshold; ``"is"`` is for yes/no columns.
    threshold : float
        The cut-off, in the unit of the column.
    action : {"drop", "revise", "note"}
        What the rule proposes when it holds.
    meaning : str
        The rule as a sentence; ``{cut}`` stands for the threshold.
    source : str
        Where the cut-off comes from (a key of the bibliography, or plain words).
    """

    name: str
    column: str
    operator: Operator
    threshold: float
    action: Action
    meaning: str
    source: str

    @property
    def sentence(self) -> str:
        """The rule in words, with its threshold."""
        return self.meaning.format(cut=f"{self.threshold:g}".replace("0.", ".", 1))

    def holds(self, values: pd.Series) -> pd.Series:
        """Tell for each item whether the rule holds; missing evidence never triggers a rule."""
        if self.operator == "is":
            return values.map(lambda v: v is True or v == 1).astype(bool)
        numbers = pd.to_numeric(values, errors="coerce")
        compare = {"<": numbers.lt, "<=": numbers.le, ">": numbers.gt, ">=": numbers.ge}[self.operator]
        held: pd.Series = compare(self.threshold) & numbers.notna()
        return held


@dataclass(frozen=True)
class Criteria:
    """An ordered set of rules.

    Attributes
    ----------
    rules : tuple of Criterion
        Rules in the order in which they are printed; ``drop`` outweighs ``revise``, which outweighs ``note``.

    Examples
    --------
    >>> criteria = Criteria.default().change("weak_loading", threshold=0.35)
    >>> criteria["weak_loading"].threshold
    0.35
    """

    rules: tuple[Criterion, ...]

    def __iter__(self) -> Iterator[Criterion]:
        return iter(self.rules)

    def __len__(self) -> int:
        return len(self.rules)

    def __getitem__(self, name: str) -> Criterion:
        for rule in self.rules:
            if rule.name == name:
                return rule
        raise OptionError(
            f"there is no criterion {name!r}; there are {', '.join(r.name for r in self.rules)}."
        )

    @classmethod
    def default(cls) -> Criteria:
        """Return the published rules of thumb; change any of them with ``change``."""
        return cls(_DEFAULT)

    def change(self, name: str, *, threshold: float | None = None, action: Action | None = None) -> Criteria:
        """Return a copy with another threshold or action for one rule.

        Raises
        ------
        OptionError
            When there is no rule of that name, or the action is unknown.
        """
        old = self[name]
        if action is not None and action not in ("drop", "revise", "note"):
            raise OptionError(f"action {action!r} is unknown; it is drop, revise or note.")
        new = replace(
            old,
            threshold=old.threshold if threshold is None else float(threshold),
            action=old.action if action is None else action,
        )
        return Criteria(tuple(new if rule is old else rule for rule in self.rules))

    def without(self, name: str) -> Criteria:
        """Return a copy that lacks one rule."""
        gone = self[name]
        return Criteria(tuple(rule for rule in self.rules if rule is not gone))

    def to_frame(self) -> pd.DataFrame:
        """One row per rule."""
        columns = ("name", "column", "operator", "threshold", "action", "meaning", "source")
        rows = [{c: getattr(rule, c) for c in columns} | {"meaning": rule.sentence} for rule in self.rules]
        return pd.DataFrame(rows, columns=list(columns))


_DEFAULT = (
    Criterion(
        "weak_loading",
        "loading",
        "<",
        0.40,
        "drop",
        "standardised loading below {cut}",
        "Hair et al.; convention",
    ),
    Criterion(
        "weak_item_rest",
        "r_drop",
        "<",
        0.30,
        "revise",
        "item-rest correlation below {cut}",
        "Nunnally & Bernstein 1994",
    ),
    Criterion(
        "redundant",
        "redundancy",
        ">",
        0.40,
        "drop",
        "residuals of a pair correlate above {cut}, and this is the less informative item",
        "Christensen et al. 2017",
    ),
    Criterion(
        "dependent",
        "redundancy",
        ">",
        0.20,
        "revise",
        "residuals of a pair correlate above {cut}, and this is the less informative item",
        "Christensen et al. 2017",
    ),
    Criterion(
        "dependent_partner",
        "redundant_stronger",
        "is",
        1,
        "note",
        "the more informative item of a dependent pair",
        "Christensen et al. 2017",
    ),
    Criterion(
        "dif_large",
        "dif_effect",
        ">",
        0.50,
        "drop",
        "people with the same score differ by more than {cut} standard deviations of the item",
        "convention; twice the ETS border of a large effect",
    ),
    Criterion(
        "dif", "dif", "is", 1, "revise", "differential item functioning between regions", "Choi et al. 2011"
    ),
    Criterion(
        "misfit",
        "misfit",
        "is",
        1,
        "revise",
        "the item does not follow its model (S-X2, corrected, with RMSEA above .06)",
        "Orlando & Thissen 2000",
    ),
    Criterion(
        "cross_loading",
        "cross_loading",
        ">",
        0.40,
        "revise",
        "loads above {cut} on another factor",
        "convention",
    ),
    Criterion(
        "low_relevance",
        "i_cvi",
        "<",
        0.78,
        "revise",
        "share of raters who call the item relevant below {cut}",
        "Polit & Beck 2006",
    ),
    Criterion(
        "missing", "missing", ">", 0.10, "revise", "share of missing answers above {cut}", "convention"
    ),
    Criterion(
        "floor_ceiling",
        "extreme",
        ">",
        0.60,
        "revise",
        "share of answers in the lowest or the highest category above {cut}",
        "convention",
    ),
    Criterion(
        "sparse_category",
        "min_category_n",
        "<",
        10,
        "revise",
        "a category has fewer than {cut} answers",
        "Linacre 2002",
    ),
    Criterion(
        "no_element",
        "no_element",
        "is",
        1,
        "revise",
        "no consensus element is measured by the item",
        "this library",
    ),
)
