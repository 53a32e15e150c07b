"""Iterative purification of the anchor items, which always ends."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from recoverymetrics.errors import EstimationWarning
from recoverymetrics.invariance.dif.correction import adjust_p_values
from recoverymetrics.invariance.dif.spec import FlagRule
from recoverymetrics.invariance.dif.sweep import Sweep
from recoverymetrics.typing import BoolArray, FloatArray, IntArray

Ending = Literal["not asked for", "stable", "cycle", "limit"]


STAGE = 0.7
"""Share of the largest effect from which items leave after the first sweep."""


@dataclass(frozen=True)
class Judgement:
    """A sweep and what the rule makes of it.

    Attributes
    ----------
    sweep : Sweep
        The tests.
    p_adjusted : ndarray, shape (p,)
        P values after correction.
    flagged : ndarray of bool, shape (p,)
        Items that the rule flags.
    """

    sweep: Sweep
    p_adjusted: FloatArray
    flagged: BoolArray


@dataclass(frozen=True)
class Purified:
    """The end of a purification.

    Attributes
    ----------
    judgement : Judgement
        The last sweep.
    anchors : ndarray of bool, shape (p,)
        Items that the last sweep was matched on.
    path : tuple of ndarray of bool, each of shape (p,)
        Items flagged in each round.
    ending : str
        ``"stable"``: flagging changed nothing; ``"cycle"``: the rounds came back to an earlier anchor set,
        and every item flagged anywhere on the cycle was left out of the anchor for one last sweep;
        ``"limit"``: the limit on rounds was reached; ``"not asked for"``.
    """

    judgement: Judgement
    anchors: BoolArray
    path: tuple[BoolArray, ...]
    ending: Ending


def judge(sweep: Sweep, rule: FlagRule, minimum: float, correction: str) -> Judgement:
    """Apply the rule to a sweep: significant after correction, and at least as large as the minimum."""
    adjusted = adjust_p_values(sweep.p_value, correction)
    with np.errstate(invalid="ignore"):
        found = adjusted <= rule.alpha if sweep.chosen is None else sweep.chosen
        flagged = found & (np.abs(sweep.effect) >= minimum)
    return Judgement(sweep, adjusted, flagged)


def purify(
    run: Callable[[BoolArray], Judgement],
    scale_of: IntArray,
    *,
    min_anchors: int,
    max_rounds: int,
    staged: bool = True,
) -> Purified:
    """Repeat sweeps, each matched on the items that the one before left unflagged.

    Parameters
    ----------
    run : callable
        Takes the anchor items (p,), returns the judgement. Must be deterministic.
    scale_of : ndarray of int, shape (p,)
        Scale of each item.
    min_anchors : int
        Anchor items kept in every scale, those with the smallest effects, whatever the flags say.
    max_rounds : int
        Limit on sweeps.
    staged : bool, default True
        After the first sweep, which is matched on every item, only items with at least `STAGE` of the largest
        effect of their scale leave. DIF to one side makes the clean items look as if they differed to the other
        side, by less; letting all go at once can leave the wrong half.

    Returns
    -------
    Purified

    Notes
    -----
    The next anchor set is a function of the present one, and there are finitely many sets, so the rounds
    must repeat a set. A repeat of the last one is stability; any other repeat is a cycle and is resolved
    towards the purer anchor.
    """
    anchors = np.ones(scale_of.size, dtype=bool)
    seen: list[BoolArray] = [anchors]
    path: list[BoolArray] = []
    for _ in range(max_rounds):
        judgement = run(anchors)
        path.append(judgement.flagged)
        leaving = judgement.flagged
        if staged and anchors.all():
            leaving = _largest_effects(judgement, scale_of)
        following = next_anchors(judgement, scale_of, min_anchors, leaving)
        if np.array_equal(following, anchors):
            return Purified(judgement, anchors, tuple(path), "stable")
        earlier = [i for i, old in enumerate(seen) if np.array_equal(old, following)]
        if earlier:
            return _leave_cycle(run, seen[earlier[0] :], path, scale_of, min_anchors)
        anchors = following
        seen.append(anchors)
    judgement = run(anchors)
    return Purified(judgement, anchors, (*path, judgement.flagged), "limit")


def purify_or_once(
    run: Callable[[BoolArray], Judgement],
    scale_of: IntArray,
    wanted: bool | str,
    min_anchors: int | None,
    max_rounds: int,
) -> Purified:
    """Purify, or sweep once with every item as anchor; a quarter of a scale's items stay anchors by default."""
    if not wanted:
        everything = np.ones(scale_of.size, dtype=bool)
        judgement = run(everything)
        return Purified(judgement, everything, (judgement.flagged,), "not asked for")
    smallest = int(np.bincount(scale_of).min())
    kept = max(2, -(-smallest // 4)) if min_anchors is None else min_anchors
    result = purify(run, scale_of, min_anchors=kept, max_rounds=max_rounds, staged=wanted != "all")
    if result.ending == "limit":
        warnings.warn(
            f"purification did not settle in {max_rounds} rounds; raise max_rounds.",
            EstimationWarning,
            stacklevel=3,
        )
    return result


def _largest_effects(judgement: Judgement, scale_of: IntArray) -> BoolArray:
    """Flagged items with at least `STAGE` of the largest flagged effect of their scale."""
    size = np.where(judgement.flagged, np.abs(judgement.sweep.effect), 0.0)
    largest = np.zeros(int(scale_of.max()) + 1)
    np.maximum.at(largest, scale_of, size)
    return np.asarray(judgement.flagged & (size >= STAGE * largest[scale_of]), dtype=bool)


def next_anchors(judgement: Judgement, scale_of: IntArray, min_anchors: int, leaving: BoolArray) -> BoolArray:
    """Items that do not leave, topped up with the least affected ones where a scale has too few."""
    anchors = ~leaving
    size = np.where(np.isnan(judgement.sweep.effect), -np.inf, np.abs(judgement.sweep.effect))
    for scale in np.unique(scale_of):
        members = np.flatnonzero(scale_of == scale)
        lacking = min(min_anchors, members.size) - int(anchors[members].sum())
        if lacking > 0:
            flagged = members[~anchors[members]]
            anchors[flagged[np.argsort(size[flagged], kind="stable")[:lacking]]] = True
    return anchors


def _leave_cycle(
    run: Callable[[BoolArray], Judgement],
    cycle: list[BoolArray],
    path: list[BoolArray],
    scale_of: IntArray,
    min_anchors: int,
) -> Purified:
    common = np.logical_and.reduce(cycle)
    for scale in np.unique(scale_of):
        members = scale_of == scale
        if common[members].sum() < min(min_anchors, members.sum()):
            common[members] = max(cycle, key=lambda anchors: int(anchors[members].sum()))[members]
    judgement = run(common)
    return Purified(judgement, common, (*path, judgement.flagged), "cycle")
