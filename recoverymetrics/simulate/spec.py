"""What to simulate, as frozen records: groups, differential item functioning, missingness, carelessness."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from recoverymetrics.errors import OptionError

CarelessKind = Literal["straight", "random", "pattern"]
CARELESS_KINDS: tuple[CarelessKind, ...] = ("straight", "random", "pattern")


@dataclass(frozen=True)
class Group:
    """A population: how many persons, and where they lie on each factor.

    Attributes
    ----------
    label : str
        Name of the group.
    n : int
        Number of persons.
    mean : float or sequence of m floats, default 0
        Factor means; one number serves all factors.
    variance : float or sequence of m floats, default 1
        Factor variances; one number serves all factors.
    correlations : array, shape (m, m), optional
        Factor correlations of this group, where they differ from the model's.

    Examples
    --------
    >>> Group("EUR", 500, mean=0.2).variance
    1.0
    """

    label: str
    n: int
    mean: float | Sequence[float] = 0.0
    variance: float | Sequence[float] = 1.0
    correlations: Any = None

    def __post_init__(self) -> None:
        if isinstance(self.n, bool) or int(self.n) != self.n or self.n < 1:
            raise OptionError(
                f"group {self.label!r}: n must be a whole number of at least 1, not {self.n!r}."
            )


@dataclass(frozen=True)
class DIF:
    """One item that works differently in some groups.

    ``a_g = slope * a`` and ``d_g = d - |a_g| * shift``: a shift moves every location of the item by that many
    standard deviations of the reference factor; a slope turns the curves around ``theta = 0``.

    Attributes
    ----------
    item : str
        The item.
    groups : tuple of str
        Groups in which it differs.
    shift : float, default 0
        Move of the difficulties; positive is harder to agree with (uniform DIF).
    slope : float, default 1
        Factor on the slope (non-uniform DIF where it is not 1).

    Examples
    --------
    >>> DIF("i1", "AFR", shift=0.5).kind
    'uniform'
    """

    item: str
    groups: str | tuple[str, ...]
    shift: float = 0.0
    slope: float = 1.0

    def __post_init__(self) -> None:
        labels = (self.groups,) if isinstance(self.groups, str) else tuple(self.groups)
        object.__setattr__(self, "groups", labels)
        if self.slope <= 0:
            raise OptionError(f"DIF of item {self.item!r}: slope must be above 0, not {self.slope!r}.")
        if self.slope == 1 and self.shift == 0:
            raise OptionError(f"DIF of item {self.item!r} changes nothing; give a shift or a slope.")

    @property
    def kind(self) -> str:
        """``"uniform"`` when only the locations move, else ``"non_uniform"``."""
        return "uniform" if self.slope == 1 else "non_uniform"


@dataclass(frozen=True)
class Missingness:
    """How answers get lost. The log-odds of a missing answer add up over the parts.

    Attributes
    ----------
    rate : float, default 0.03
        Share missing at random for an average item (MCAR when nothing else is given).
    items : mapping item -> float
        Odds multipliers, for sensitive items.
    groups : mapping group -> float
        Odds multipliers (MAR given the group).
    position : float, default 0
        Log-odds that the last item has more than the first (MAR given the position).
    dropout : float, default 0
        Share of persons who stop somewhere in the questionnaire.
    all_missing : int, default 0
        Number of persons without a single answer.
    """

    rate: float = 0.03
    items: Mapping[str, float] = field(default_factory=dict)
    groups: Mapping[str, float] = field(default_factory=dict)
    position: float = 0.0
    dropout: float = 0.0
    all_missing: int = 0

    def __post_init__(self) -> None:
        for name in ("rate", "dropout"):
            value = getattr(self, name)
            if not 0 <= value < 1:
                raise OptionError(f"Missingness: {name} must be at least 0 and below 1, not {value!r}.")
        for name, value in [*self.items.items(), *self.groups.items()]:
            if value < 0:
                raise OptionError(
                    f"Missingness: the multiplier of {name!r} must not be negative ({value!r})."
                )
        if self.all_missing < 0:
            raise OptionError(f"Missingness: all_missing must not be negative ({self.all_missing!r}).")


@dataclass(frozen=True)
class Careless:
    """Persons who answer without reading.

    Attributes
    ----------
    rate : float, default 0.03
        Share of persons, rounded to whole persons.
    kinds : tuple of {"straight", "random", "pattern"}
        What they do, in equal parts: one category throughout, any category, or a run up and down.
    """

    rate: float = 0.03
    kinds: tuple[CarelessKind, ...] = CARELESS_KINDS

    def __post_init__(self) -> None:
        if not 0 <= self.rate < 1:
            raise OptionError(f"Careless: rate must be at least 0 and below 1, not {self.rate!r}.")
        unknown = [kind for kind in self.kinds if kind not in CARELESS_KINDS]
        if unknown or not self.kinds:
            shown = repr(unknown[0]) if unknown else "nothing"
            raise OptionError(f"Careless: kinds has {shown}; use {', '.join(map(repr, CARELESS_KINDS))}.")
