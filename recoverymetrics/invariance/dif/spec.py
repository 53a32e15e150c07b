"""What to do: the options of a DIF analysis, as frozen objects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from recoverymetrics.errors import OptionError
from recoverymetrics.typing import FloatArray

MatchingName = Literal["theta", "total", "rest"]
Correction = Literal["bh", "by", "holm", "bonferroni", "none"]
EffectName = Literal["difference", "mcfadden", "nagelkerke", "cox_snell", "beta_change"]


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Raise an ``OptionError`` that lists the valid values."""
    if value not in choices:
        listed = ", ".join(repr(choice) for choice in choices)
        raise OptionError(f"{name}={value!r} is not known; choose one of {listed}.")


@dataclass(frozen=True)
class FlagRule:
    """When an item counts as functioning differently: significance and size together.

    Attributes
    ----------
    alpha : float, default 0.05
        Level for the p value after correction.
    minimum : float or None, default None
        Smallest effect that matters; None takes the method's own (0.10 for ``difference``).
    effect : str, default "difference"
        ``"difference"``: the largest departure of a group's expected item score from that of the others, in
        standard deviations of the item, averaged over the group's persons (0.17 and 0.25 are the ETS
        borders of moderate and large for the standardised mean difference). Or the change in a pseudo R2
        between the matched model and the full model: ``"mcfadden"`` (COSMIN: 0.02), ``"nagelkerke"``,
        ``"cox_snell"``; or ``"beta_change"`` (lordif: 0.05 to 0.10).
    """

    alpha: float = 0.05
    minimum: float | None = None
    effect: EffectName = "difference"

    def __post_init__(self) -> None:
        check_choice("effect", self.effect, get_args(EffectName))
        if not 0 < self.alpha < 1:
            raise OptionError(f"alpha={self.alpha!r} is not a level; give a number between 0 and 1.")


@dataclass(frozen=True)
class OrdinalLogistic:
    """Ordinal logistic regression DIF (Zumbo 1999; Choi, Gibbons & Crane 2011).

    Attributes
    ----------
    matching : "theta", "total", "rest" or ndarray of shape (n,), default "total"
        What makes persons comparable: the sum of the anchor items with the studied item, the same without
        it, or the person parameter of a graded response model; or your own values, one per person.
    degree : int, default 1
        Polynomial degree of the matching variable.
    test : "both", "uniform" or "nonuniform", default "both"
        The hypothesis behind ``statistic`` and ``p_value``; all three are reported.
    statistic : "lr" or "wald", default "lr"
        Likelihood-ratio or Wald test for ``statistic``.
    min_cell : int, default 0
        Merge a category with its neighbour when fewer persons than this gave it in any group. Zero merges
        nothing; merged items are listed in the notes.
    """

    matching: MatchingName | FloatArray = "total"
    degree: int = 1
    test: Literal["both", "uniform", "nonuniform"] = "both"
    statistic: Literal["lr", "wald"] = "lr"
    min_cell: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.matching, np.ndarray):
            check_choice("matching", self.matching, get_args(MatchingName))
        check_choice("test", self.test, ("both", "uniform", "nonuniform"))
        check_choice("statistic", self.statistic, ("lr", "wald"))
        if not 1 <= self.degree <= 5:
            raise OptionError(f"degree={self.degree!r} must be an integer from 1 to 5.")
