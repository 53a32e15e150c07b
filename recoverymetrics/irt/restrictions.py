"""What the user holds equal, frees or fixes across items and groups."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Real

from recoverymetrics.errors import OptionError


@dataclass(frozen=True)
class Restrictions:
    """What the user holds equal, frees or fixes.

    Attributes
    ----------
    equal : collection of str
        ``"slopes"``, ``"intercepts"`` for all items, or names of items that are anchors.
    partial : collection of str
        Items (``"i4"``) or single parameters (``"i4.a1"``) freed across groups in spite of ``equal``.
    free : collection of str
        ``"means"``, ``"variances"``: latent moments freed beyond the first group where anchors allow.
    fixed : mapping of str to float
        ``"i1.a1" -> value``.
    constrain : sequence of collection of str
        Sets of ``"item.parameter"`` that are equal within each group.
    """

    equal: Collection[str] = ()
    partial: Collection[str] = ()
    free: Collection[str] = ("means", "variances")
    fixed: Mapping[str, float] = field(default_factory=dict)
    constrain: Sequence[Collection[str]] = ()


def kind_of(name: str) -> str:
    """Whether a parameter counts as a slope (scoring weights ``ak`` included) or as an intercept."""
    return "slopes" if name.startswith("a") else "intercepts"


def shared_across_groups(item: str, name: str, rules: Restrictions) -> bool:
    """Whether a parameter is one and the same in all groups."""
    if item in rules.partial or f"{item}.{name}" in rules.partial:
        return False
    return item in rules.equal or kind_of(name) in rules.equal


def check_restrictions(rules: Restrictions, items: Sequence[str]) -> None:
    """Refuse misspelt options with a list of what is known."""
    for word in rules.equal:
        if word not in ("slopes", "intercepts") and word not in items:
            raise OptionError(
                f"equal= names {word!r}; use 'slopes', 'intercepts' or items that are anchors ({', '.join(items)})."
            )
    for word in rules.free:
        if word not in ("means", "variances"):
            raise OptionError(f"free= names {word!r}; use 'means' and 'variances'.")
    for word in (*rules.partial, *rules.fixed, *(w for members in rules.constrain for w in members)):
        if word not in items and word.rsplit(".", 1)[0] not in items:
            raise OptionError(f"{word!r} names no item; write 'item' or 'item.parameter'.")
    for word, value in rules.fixed.items():
        if not isinstance(value, Real) or not math.isfinite(value):
            raise OptionError(f"fixed= holds {word!r} at {value!r}; give a finite number.")


def check_parameters(rules: Restrictions, known: Mapping[str, Sequence[str]]) -> None:
    """Refuse restrictions on parameters that an item does not have; ``known`` lists the names of each item's."""
    whole = [word for word in rules.partial if word not in known]
    for word in (*whole, *rules.fixed, *(w for members in rules.constrain for w in members)):
        item, _, name = word.rpartition(".") if word not in known else (word, "", "")
        if name not in known[item]:
            raise OptionError(
                f"{word!r} names no parameter of item {item!r}; its parameters are "
                f"{', '.join(f'{item}.{n}' for n in known[item])} (slope-intercept form, asymptotes as logits)."
            )
