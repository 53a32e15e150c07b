"""A scale and its lineage: every decision makes a new scale and is recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

import pandas as pd

from recoverymetrics.errors import DataError, OptionError
from recoverymetrics.instrument.frozen import FrozenMapping, freeze
from recoverymetrics.instrument.notes import listing

Decision = Literal["keep", "revise", "drop"]


@dataclass(frozen=True, slots=True)
class Revision:
    """One decision about one item.

    Attributes
    ----------
    item : str
    decision : {"keep", "revise", "drop"}
    reason : str
        Why, in words.
    by : str
        Who decided; ``"rule"`` when a rule was accepted as it is.
    rule : str
        Names of the rules that spoke, empty when none did.
    proposed : str
        What the rules proposed, empty when nothing was proposed.
    date : str
        Date of the decision as it was given.
    version : int
        Version of the scale that the decision produced.
    change : str
        What was changed (for example the new wording), empty when nothing.
    """

    item: str
    decision: Decision
    reason: str
    by: str = ""
    rule: str = ""
    proposed: str = ""
    date: str = ""
    version: int = 0
    change: str = ""

    @property
    def overrides(self) -> bool:
        """Whether a person decided otherwise than the rules proposed."""
        return bool(self.proposed) and self.proposed != self.decision

    @property
    def basis(self) -> str:
        """``"override"``, ``"rule"`` or ``"person"``."""
        if self.overrides:
            return "override"
        return "rule" if self.rule or self.by == "rule" else "person"


@dataclass(frozen=True)
class Scale:
    """Items, the factors they measure, their keying and the decisions that made the scale.

    Parameters
    ----------
    name : str
    items : sequence of str, optional
        By default the items of the factors, in their order.
    factors : mapping of factor to sequence of items, optional
        By default one factor with the scale's name that holds all items.
    reverse : sequence of str, default ()
        Items keyed against the factor.
    categories : (low, high), optional
        Category range of the responses.
    version : int, default 1
    lineage : sequence of Revision, default ()

    Raises
    ------
    DataError
        No items, an item twice, a factor or ``reverse`` with an item that the scale does not have.

    Examples
    --------
    >>> scale = Scale("hope", factors={"hope": ["q1", "q2", "q3"]}, reverse=["q2"])
    >>> shorter = scale.drop(["q2"], reason="floor effect in two regions", by="panel", date="2026-03-01")
    >>> shorter.items, shorter.version, scale.items
    (('q1', 'q3'), 2, ('q1', 'q2', 'q3'))
    """

    name: str
    items: Sequence[str] = ()
    factors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    reverse: Sequence[str] = ()
    categories: tuple[int, int] | None = None
    version: int = 1
    lineage: Sequence[Revision] = ()

    def __post_init__(self) -> None:
        listed = [self.items] if isinstance(self.items, str) else list(self.items)
        items = tuple(listed or dict.fromkeys(i for members in self.factors.values() for i in members))
        factors = freeze(
            {str(f): tuple(members) for f, members in (self.factors or {self.name: items}).items()}
        )
        reverse = (self.reverse,) if isinstance(self.reverse, str) else tuple(self.reverse)
        _check_scale(self.name, items, factors, reverse)
        limits = None if self.categories is None else (int(self.categories[0]), int(self.categories[1]))
        made = {"items": items, "factors": factors, "reverse": reverse, "categories": limits}
        for name, value in {**made, "lineage": tuple(self.lineage)}.items():
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.items)

    def factor_of(self, item: str) -> str:
        """Return the factor of an item (the first one when it belongs to several; empty when to none)."""
        self._known(item)
        return next((factor for factor, members in self.factors.items() if item in members), "")

    def decide(
        self,
        item: str,
        decision: Decision,
        *,
        reason: str,
        by: str = "",
        rule: str = "",
        proposed: str = "",
        date: str = "",
        change: str = "",
    ) -> Scale:
        """Decide about one item and return the new scale.

        Parameters
        ----------
        item : str
            An item of the scale.
        decision : {"keep", "revise", "drop"}
            A dropped item leaves the scale, its factor and the keying.
        reason : str
            Why; never empty.
        by, rule, proposed, date, change : str, optional
            As in ``Revision``.

        Returns
        -------
        Scale

        Raises
        ------
        DataError
            Unknown item, empty reason, or the last item of the scale dropped.
        OptionError
            Unknown decision.
        """
        if decision not in get_args(Decision):
            raise OptionError(f"decision={decision!r} is not known; the values are keep, revise, drop.")
        entry = Revision(item, decision, reason, by, rule, proposed, date, change=change)
        return self.apply([entry])

    def apply(self, revisions: Sequence[Revision]) -> Scale:
        """Take several decisions in one step (one new version)."""
        if not revisions:
            return self
        for entry in revisions:
            self._known(entry.item)
            if not entry.reason.strip():
                raise DataError(f"item {entry.item!r}: a decision needs a reason; give one.")
        version = self.version + 1
        dropped = {entry.item for entry in revisions if entry.decision == "drop"}
        kept = tuple(item for item in self.items if item not in dropped)
        if not kept:
            raise DataError(f"scale {self.name!r} would lose its last item ({listing(sorted(dropped))}).")
        factors = {f: tuple(i for i in members if i not in dropped) for f, members in self.factors.items()}
        return replace(
            self,
            items=kept,
            factors={factor: members for factor, members in factors.items() if members},
            reverse=tuple(item for item in self.reverse if item not in dropped),
            version=version,
            lineage=(*self.lineage, *(replace(entry, version=version) for entry in revisions)),
        )

    def drop(
        self, items: Sequence[str], *, reason: str, by: str = "", date: str = "", rule: str = ""
    ) -> Scale:
        """Drop items for one reason."""
        return self.apply([Revision(i, "drop", reason, by, rule, date=date) for i in _several(items)])

    def keep(
        self, items: Sequence[str], *, reason: str, by: str = "", date: str = "", rule: str = ""
    ) -> Scale:
        """Record that items were looked at and kept; the items stay the same."""
        return self.apply([Revision(i, "keep", reason, by, rule, date=date) for i in _several(items)])

    def restrict(
        self, items: Sequence[str], *, reason: str, by: str = "", date: str = "", rule: str = ""
    ) -> Scale:
        """Drop all items but these."""
        wanted = _several(items)
        for item in wanted:
            self._known(item)
        return self.drop(
            [i for i in self.items if i not in wanted], reason=reason, by=by, date=date, rule=rule
        )

    def to_model(self) -> str:
        """Measurement model in lavaan syntax, one line per factor."""
        return "\n".join(f"{factor} =~ {' + '.join(members)}" for factor, members in self.factors.items())

    def to_frame(self) -> pd.DataFrame:
        """One row per item: ``item``, ``factor``, ``reverse``."""
        return pd.DataFrame(
            {
                "item": list(self.items),
                "factor": [self.factor_of(item) for item in self.items],
                "reverse": [item in self.reverse for item in self.items],
            }
        )

    def lineage_frame(self) -> pd.DataFrame:
        """One row per decision, with ``basis`` (rule, override or person)."""
        columns = [*Revision.__dataclass_fields__, "basis"]
        return pd.DataFrame([{**asdict(r), "basis": r.basis} for r in self.lineage], columns=columns)

    def to_dict(self) -> dict[str, Any]:
        """Plain types; ``Scale.from_dict`` reads them back."""
        return {
            "name": self.name,
            "items": list(self.items),
            "factors": {factor: list(members) for factor, members in self.factors.items()},
            "reverse": list(self.reverse),
            "categories": None if self.categories is None else list(self.categories),
            "version": self.version,
            "lineage": [asdict(entry) for entry in self.lineage],
        }

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Scale:
        """Read what ``to_dict`` wrote.

        Raises
        ------
        DataError
            Unknown or missing keys; they are named.
        """
        unknown = set(record) - set(cls.__dataclass_fields__)
        if unknown or "name" not in record:
            fault = f"unknown key {sorted(unknown)[0]!r}" if unknown else "no key 'name'"
            raise DataError(
                f"this is not a scale: {fault}; the keys are {', '.join(cls.__dataclass_fields__)}."
            )
        lineage = tuple(Revision(**entry) for entry in record.get("lineage", ()))
        return cls(**{**record, "lineage": lineage})

    def _known(self, item: str) -> None:
        if item not in self.items:
            raise DataError(f"unknown item {item!r}; scale {self.name!r} has {', '.join(self.items)}.")


def _several(items: Sequence[str]) -> list[str]:
    return [items] if isinstance(items, str) else list(items)


def _check_scale(
    name: str, items: tuple[str, ...], factors: FrozenMapping[str, tuple[str, ...]], reverse: tuple[str, ...]
) -> None:
    if not items:
        raise DataError(f"scale {name!r} has no items; give items or factors.")
    twice = next((item for item in items if items.count(item) > 1), None)
    if twice is not None:
        raise DataError(f"scale {name!r} lists item {twice!r} twice.")
    places = {**{f"factor {factor!r}": members for factor, members in factors.items()}, "reverse": reverse}
    for place, members in places.items():
        unknown = [item for item in members if item not in items]
        if unknown:
            raise DataError(f"{place} names {unknown[0]!r}, which is not an item of scale {name!r}.")
