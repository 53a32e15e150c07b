"""Which items load on which factors: lavaan measurement lines, bifactor, one factor, exploratory."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral

import numpy as np

from recoverymetrics.errors import ModelError
from recoverymetrics.typing import BoolArray

LINE = re.compile(r"^\s*(?P<factor>[\w.]+)\s*(?P<op>=~|~~)\s*(?P<terms>.+?)\s*$")


@dataclass(frozen=True)
class Bifactor:
    """A general factor and specific factors, all uncorrelated.

    Parameters
    ----------
    specific : mapping of str to sequence of str
        Items of each specific factor; an item belongs to one at most. Items in none load on the general
        factor alone.
    general : str, default "general"
        Name of the general factor.
    primary : str, optional
        Two-tier models (Cai 2010): measurement lines of several correlated primary factors in place of the
        one general factor.

    Examples
    --------
    >>> Bifactor({"hope": ["i1", "i2"], "meaning": ["i3", "i4"]}).general
    'general'
    """

    specific: Mapping[str, Sequence[str]]
    general: str = "general"
    primary: str | None = None


@dataclass(frozen=True)
class Structure:
    """Loading pattern.

    Attributes
    ----------
    factors : tuple of str
        Names; primary factors first, specific ones after.
    pattern : ndarray of bool, shape (J, D)
        Which slopes are free.
    n_primary : int
        Number of primary factors; equal to ``len(factors)`` when there are no specific ones.
    correlated : ndarray of bool, shape (n_primary, n_primary)
        Which covariances of primary factors are free (symmetric, diagonal false).
    specific_of : ndarray of int, shape (J,)
        Specific factor of each item, -1 for none; empty without specific factors.
    exploratory : bool
        Whether the pattern is that of an exploratory model, to be rotated.
    first_order : tuple of str
        Names of the first-order factors of a second-order model, whose residuals are the specific factors.
    """

    factors: tuple[str, ...]
    pattern: BoolArray
    n_primary: int
    correlated: BoolArray
    specific_of: tuple[int, ...] = ()
    exploratory: bool = False
    first_order: tuple[str, ...] = ()

    @property
    def has_specific(self) -> bool:
        """Whether there are specific factors (bifactor or two-tier)."""
        return self.n_primary < len(self.factors)


def read_structure(
    structure: str | Bifactor | Structure | None, items: Sequence[str], n_factors: int = 1
) -> Structure:
    """Resolve what the user asked for.

    Parameters
    ----------
    structure : str, Bifactor, Structure or None
        ``"f1 =~ i1 + i2"`` lines; ``"f1 ~~ 0*f2"`` makes two factors uncorrelated; ``"g =~ f1 + f2 + f3"`` is a
        second-order factor. None: one factor, or an exploratory model with ``n_factors``.
    items : sequence of str
        Columns of the data.
    n_factors : int, default 1
        Number of factors when ``structure`` is None.

    Raises
    ------
    ModelError
        Lines that cannot be read, unknown items, items without a factor, too many factors.
    """
    if isinstance(structure, Structure):
        return structure
    if isinstance(structure, Bifactor):
        return _bifactor(structure, tuple(items))
    if isinstance(structure, str):
        return _measurement_lines(structure, tuple(items))
    if structure is not None:
        raise ModelError(
            f"structure must be measurement lines, a Bifactor or None, not {type(structure).__name__}."
        )
    return _exploratory(tuple(items), n_factors)


def _exploratory(items: tuple[str, ...], D: int) -> Structure:
    if isinstance(D, bool) or not isinstance(D, Integral):
        raise ModelError(f"n_factors={D!r}: give a whole number.")
    if len(items) < 2:
        raise ModelError(
            f"one item ({items[0]!r}) cannot be calibrated; a latent variable needs two or more."
        )
    if D < 1 or len(items) <= D:
        raise ModelError(f"n_factors={D} does not fit {len(items)} items; ask for 1 to {len(items) - 1}.")
    pattern = np.ones((len(items), D), dtype=bool)
    for d in range(1, D):
        pattern[len(items) - d :, D - d] = False
    names = ("theta",) if D == 1 else tuple(f"f{d + 1}" for d in range(D))
    return Structure(names, pattern, D, np.zeros((D, D), dtype=bool), exploratory=D > 1)


def _measurement_lines(text: str, items: tuple[str, ...]) -> Structure:
    loads: dict[str, list[str]] = {}
    uncorrelated: set[frozenset[str]] = set()
    for line in re.split(r"[\n;]", text):
        line = line.split("#")[0].strip()
        if not line:
            continue
        match = LINE.match(line)
        if match is None:
            raise ModelError(f"cannot read the line {line!r}; write 'factor =~ item1 + item2'.")
        terms = [term.strip() for term in match["terms"].split("+")]
        if match["op"] == "~~":
            uncorrelated |= {
                frozenset((match["factor"], term.split("*")[-1].strip()))
                for term in terms
                if term.replace(" ", "").startswith("0*")
            }
            continue
        loads.setdefault(match["factor"], []).extend(term.split("*")[-1].strip() for term in terms)
    return _from_loads(loads, uncorrelated, items)


def _from_loads(
    loads: dict[str, list[str]], uncorrelated: set[frozenset[str]], items: tuple[str, ...]
) -> Structure:
    if not loads:
        raise ModelError("the structure has no measurement line; write 'factor =~ item1 + item2'.")
    above = {name: factor for factor, names in loads.items() for name in names if name in loads}
    if above:
        return _second_order(loads, above, uncorrelated, items)
    pattern = np.zeros((len(items), len(loads)), dtype=bool)
    for d, (factor, names) in enumerate(loads.items()):
        for name in names:
            if name not in items:
                raise ModelError(
                    f"factor {factor!r} names item {name!r}, which is not in the data; the items are "
                    f"{', '.join(items)}."
                )
            pattern[items.index(name), d] = True
    bare = [item for item, row in zip(items, pattern, strict=True) if not row.any()]
    if bare:
        raise ModelError(f"item {bare[0]!r} loads on no factor; add it to a line or leave it out of items=.")
    correlated = np.array([[f != g and frozenset((f, g)) not in uncorrelated for g in loads] for f in loads])
    _check_identified(tuple(loads), pattern)
    return Structure(tuple(loads), pattern, len(loads), correlated)


def _check_identified(factors: tuple[str, ...], pattern: BoolArray) -> None:
    for d, factor in enumerate(factors):
        if pattern[:, d].sum() < 2:
            raise ModelError(
                f"factor {factor!r} has {int(pattern[:, d].sum())} item; its slope is not identified. Give it two "
                "items or more (three unless it is correlated with other factors)."
            )
        twins = [factors[e] for e in range(d) if np.array_equal(pattern[:, e], pattern[:, d])]
        if twins:
            raise ModelError(
                f"factors {twins[0]!r} and {factor!r} have the same items, so they cannot be told apart; use "
                "structure=None with n_factors for an exploratory model."
            )


def _second_order(
    loads: dict[str, list[str]],
    above: dict[str, str],
    uncorrelated: set[frozenset[str]],
    items: tuple[str, ...],
) -> Structure:
    """Bifactor or two-tier pattern of a second-order model: primary factors, then residuals of first-order ones."""
    flat = {f: [n for n in names if n in items] for f, names in loads.items() if f not in above}
    for factor in set(above.values()):
        if factor in above:
            raise ModelError(f"factor {factor!r} is of the third order; second-order models have two levels.")
        if len(loads[factor]) < 3:
            raise ModelError(
                f"the second-order factor {factor!r} has {len(loads[factor])} first-order factors; its loadings are not "
                "identified. Give it three or more, or correlate the factors."
            )
    specific_of, owners = [-1] * len(items), dict.fromkeys(items, 0)
    for s, first in enumerate(above):
        if len(loads[first]) < 2:
            raise ModelError(f"factor {first!r} has {len(loads[first])} item; it needs two or more.")
        flat[above[first]] += loads[first]
        for name in loads[first]:
            if name in items:
                specific_of[items.index(name)] = s
    for names in flat.values():
        for name in names:
            owners[name] = owners.get(name, 0) + 1
    double = [name for name, count in owners.items() if count > 1]
    if double:
        raise ModelError(
            f"item {double[0]!r} loads on two factors; in a second-order model each item loads on one."
        )
    primary = _from_loads(flat, uncorrelated, items)
    own = np.array([[specific == s for s in range(len(above))] for specific in specific_of])
    return Structure(
        (*primary.factors, *(f"{first}_residual" for first in above)),
        np.hstack([primary.pattern, own]),
        primary.n_primary,
        primary.correlated,
        tuple(specific_of),
        first_order=tuple(above),
    )


def _bifactor(spec: Bifactor, items: tuple[str, ...]) -> Structure:
    if spec.primary is None:
        primary = Structure(
            (spec.general,), np.ones((len(items), 1), dtype=bool), 1, np.zeros((1, 1), dtype=bool)
        )
    else:
        primary = _measurement_lines(spec.primary, items)
    specific_of = [-1] * len(items)
    for s, (factor, names) in enumerate(spec.specific.items()):
        for name in names:
            if name not in items:
                raise ModelError(f"specific factor {factor!r} names item {name!r}, which is not in the data.")
            if specific_of[items.index(name)] >= 0:
                raise ModelError(f"item {name!r} is in two specific factors; dimension reduction needs one.")
            specific_of[items.index(name)] = s
        if len(names) < 2:
            raise ModelError(f"specific factor {factor!r} has {len(names)} item; it needs two or more.")
    S = len(spec.specific)
    own = np.array([[specific_of[j] == s for s in range(S)] for j in range(len(items))])
    names_all = (*primary.factors, *spec.specific)
    if len(set(names_all)) < len(names_all):
        raise ModelError("a primary and a specific factor have the same name; rename one.")
    return Structure(
        names_all,
        np.hstack([primary.pattern, own]),
        primary.n_primary,
        primary.correlated,
        tuple(specific_of),
    )
