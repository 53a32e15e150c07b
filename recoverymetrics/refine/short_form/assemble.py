"""Entry function: assemble a short form from a calibrated scale."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from recoverymetrics.errors import DataError, DataWarning, ModelError, OptionError
from recoverymetrics.instrument import read_items
from recoverymetrics.refine.short_form.evaluation import score_agreement
from recoverymetrics.refine.short_form.problem import AssemblyProblem, Requirements, solve
from recoverymetrics.refine.short_form.reading import (
    known,
    members,
    read_elements,
    read_information,
    read_mapping,
)
from recoverymetrics.refine.short_form.result import ShortForm
from recoverymetrics.typing import FloatArray, GroupSpec, IntoFrame


def assemble_short_form(
    fit: Any,
    *,
    length: int | tuple[int, int],
    mapping: Any = None,
    elements: Iterable[Any] | None = None,
    groups: Sequence[str] | None = None,
    theta: Sequence[float] = (-2.0, -1.0, 0.0, 1.0, 2.0),
    exclude: Iterable[str] = (),
    include: Iterable[str] = (),
    enemies: Iterable[Iterable[str]] = (),
    per_element: tuple[int, int | None] = (1, None),
    reverse: Iterable[str] = (),
    reverse_keyed: tuple[int, int] | None = None,
    balance: pd.DataFrame | None = None,
    tolerance: float = 0.0,
    holdout: IntoFrame | None = None,
    holdout_group: GroupSpec = None,
    time_limit: float = 60.0,
) -> ShortForm:
    """Choose the items that keep most information everywhere while every element of the consensus stays
    covered.

    The smallest share of the full scale's information, over abilities and groups, is maximised exactly: a 0-1
    linear programme (van der Linden 2005), solved by branch and bound, so that the result comes with a proof.

    Parameters
    ----------
    fit : IRTResult, or mapping of dimension to IRTResult
        Calibrated scale (from persons other than those of ``holdout``).
    length : int or (int, int)
        Number of items, or fewest and most.
    mapping : DataFrame or mapping, optional
        Columns ``item`` and ``element``, or item -> element(s): which items cover which elements.
    elements : ElementSet or iterable of str, optional
        Elements that must stay covered; by default all that the mapping names. Elements for which no item is
        left cannot be covered: they are warned about and listed in ``uncovered``.
    groups : sequence of str, optional
        Groups that count; all groups of the model by default.
    theta : sequence of float, default (-2, -1, 0, 1, 2)
        Abilities at which information is compared.
    exclude, include : iterable of str
        Items left out (for example with DIF) and forced in.
    enemies : iterable of sets of str
        At most one item of each set (redundant pairs).
    per_element : (int, int or None), default (1, None)
        Fewest and most items per element.
    reverse : iterable of str
        Reverse-keyed items.
    reverse_keyed : (int, int), optional
        Fewest and most reverse-keyed items in the short form.
    balance : DataFrame, optional
        Items by columns of signed effects, such as DIF in each region; the sum over the short form stays
        within ``tolerance`` for each column.
    tolerance : float, default 0
        See ``balance``.
    holdout : Responses, DataFrame, ..., optional
        Responses of persons who were not used for calibration, keyed in one direction.
    holdout_group : str or array-like, optional
        Their groups.
    time_limit : float, default 60
        Seconds for the solver.

    Returns
    -------
    ShortForm
        ``items``, ``information`` (share kept by group and ability), ``coverage``, ``objective`` with
        ``bound`` and ``gap``, ``held_out`` (score agreement corrected for the shared items).

    Raises
    ------
    ModelError
        No selection satisfies all rules (the message names which rules compete), or unknown groups.
    DataError
        Unknown items, a target without any information.

    Warns
    -----
    DataWarning
        Elements for which no item is left.

    Examples
    --------
    >>> import numpy as np, recoverymetrics as rm
    >>> rng = np.random.default_rng(1)
    >>> latent = rng.normal(size=(500, 1)) * np.linspace(0.5, 2, 8) + rng.logistic(size=(500, 8))
    >>> fit = rm.fit_irt({f"q{j}": np.digitize(latent[:, j], [-1, 1]) for j in range(8)}, "graded")
    >>> form = assemble_short_form(fit, length=3, mapping={"q0": "hope", "q7": "agency"}, enemies=[("q6", "q7")])
    >>> len(form.items), "q0" in form.items, "q6" in form.items
    (3, True, False)

    References
    ----------
    vanderlinden2005, levy1967
    """
    items, targets, information = read_information(fit, theta, groups)
    covered = read_mapping(mapping, items)
    wanted = read_elements(elements, covered)
    left_out = known(exclude, items, "exclude")
    lost = [e for e in wanted if not set(covered.get(e, ())) - left_out]
    requirements = Requirements(
        length=_length(length, len(items)),
        elements={e: members(covered[e], items) for e in wanted if e not in lost},
        per_element=per_element,
        include=known(include, items, "include"),
        exclude=left_out,
        enemies=tuple(known(group, items, "enemies") for group in enemies),
        reverse=members(known(reverse, items, "reverse"), items),
        reverse_keyed=reverse_keyed,
        balance={} if balance is None else _balance(balance, items),
        tolerance=tolerance,
    )
    total = information.sum(1)
    _check_targets(total, targets)
    problem = AssemblyProblem(information / total[:, None], requirements.rules(items))
    found = solve(problem, time_limit=time_limit)
    notes = _warn_lost(lost)
    selected = tuple(item for item, chosen in zip(items, found.selected, strict=True) if chosen)
    kept = information[:, found.selected].sum(1)
    return ShortForm(
        items=selected,
        full_items=items,
        information=targets.assign(full=total, short=kept, share=kept / total),
        table=_item_table(items, found.selected, covered, requirements, information / total[:, None]),
        coverage=_coverage(wanted, covered, selected),
        objective=found.objective,
        bound=found.bound,
        gap=found.gap,
        optimal=found.optimal,
        held_out=_held_out(holdout, holdout_group, items, selected),
        notes=notes,
    )


def _length(length: int | tuple[int, int], p: int) -> tuple[int, int]:
    fewest, most = (length, length) if isinstance(length, int) else length
    if not 1 <= fewest <= most:
        raise OptionError(f"length={length!r} must be a positive number, or the fewest and the most items.")
    if fewest > p:
        raise ModelError(f"a short form of {fewest} items cannot be made of {p} items.")
    return fewest, most


def _balance(balance: pd.DataFrame, items: tuple[str, ...]) -> dict[str, FloatArray]:
    missing = [item for item in items if item not in balance.index]
    if missing:
        raise DataError(f"balance= has no row for item {missing[0]!r}; its index must hold the items.")
    return {str(name): balance.loc[list(items), name].to_numpy(float) for name in balance}


def _check_targets(total: FloatArray, targets: pd.DataFrame) -> None:
    empty = np.flatnonzero(~(total > 0))
    if empty.size:
        row = targets.iloc[empty[0]]
        raise DataError(
            f"the full scale gives no information at theta = {row['theta']:g} in group {row['group']!r}; leave that "
            "value out of theta=."
        )


def _warn_lost(lost: list[str]) -> tuple[str, ...]:
    if not lost:
        return ()
    note = f"no item is left for these elements, so that they cannot be covered: {', '.join(lost)}."
    warnings.warn(note, DataWarning, stacklevel=3)
    return (note,)


def _item_table(
    items: tuple[str, ...],
    selected: np.ndarray,
    covered: Mapping[str, Sequence[str]],
    requirements: Requirements,
    shares: FloatArray,
) -> pd.DataFrame:
    elements = {item: ", ".join(e for e, names in covered.items() if item in names) for item in items}
    status = [
        "forced in" if item in requirements.include else "excluded" if item in requirements.exclude else ""
        for item in items
    ]
    return pd.DataFrame(
        {
            "item": list(items),
            "selected": selected,
            "element": [elements[item] for item in items],
            "rule": status,
            "share": shares.mean(0),
        }
    )


def _coverage(
    wanted: list[str], covered: Mapping[str, Sequence[str]], selected: tuple[str, ...]
) -> pd.DataFrame:
    rows = []
    for element in wanted:
        inside = [item for item in covered.get(element, ()) if item in selected]
        rows.append(
            {
                "element": element,
                "n_items": len(inside),
                "items": ", ".join(inside),
                "covered": bool(inside),
            }
        )
    return pd.DataFrame(rows, columns=["element", "n_items", "items", "covered"])


def _held_out(
    holdout: IntoFrame | None, group: GroupSpec, items: tuple[str, ...], selected: tuple[str, ...]
) -> pd.DataFrame:
    if holdout is None:
        return pd.DataFrame()
    return score_agreement(read_items(holdout, items=list(items), group=group), selected)
