"""Building the parameter table: one slot per free parameter, shared where a restriction says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from recoverymetrics.errors import ModelError
from recoverymetrics.irt.layout import Batch, Layout, coefficient_name
from recoverymetrics.irt.models import Choice
from recoverymetrics.irt.restrictions import (
    Restrictions,
    check_parameters,
    check_restrictions,
    kind_of,
    shared_across_groups,
)
from recoverymetrics.irt.structure import Structure
from recoverymetrics.typing import IntArray

Key = tuple[Any, ...]


class _Slots:
    """Hands out slots while a layout is built."""

    def __init__(self, rules: Restrictions):
        self.rules = rules
        self.index: dict[Key, int] = {}
        self.labels: list[tuple[str, str, str]] = []
        self.constants: list[float] = []

    def free(self, key: Key, label: tuple[str, str, str]) -> int:
        if key not in self.index:
            self.index[key] = len(self.labels)
            self.labels.append(label)
        return self.index[key]

    def constant(self, value: float) -> int:
        self.constants.append(value)
        return -len(self.constants)

    def resolve(self, slots: Any) -> IntArray:
        """Turn the codes of constants (negative) into places behind the free parameters."""
        array = np.asarray(slots, dtype=np.int64)
        return np.where(array < 0, len(self.labels) - array - 1, array)


def build_layout(
    items: tuple[str, ...],
    n_categories: IntArray,
    groups: tuple[str, ...],
    choices: Sequence[Choice],
    structure: Structure,
    rules: Restrictions,
    n_angles: int = 0,
    terms: tuple[str, ...] = (),
) -> Layout:
    """Lay out the parameters of a model.

    Parameters
    ----------
    items, groups : tuple of str
        Labels.
    n_categories : ndarray of int, shape (J,)
        Categories per item.
    choices : sequence of Choice
        Model of each item.
    structure : Structure
        Loading pattern.
    rules : Restrictions
        Equalities, freed and fixed parameters.
    n_angles : int, default 0
        Order of the Davidian curve of each group.
    terms : tuple of str, default ()
        Coded covariates of a latent regression.

    Raises
    ------
    ModelError
        Binary models for items with more categories, rating scales over unequal numbers of categories,
        nothing left to estimate.
    OptionError
        Misspelt restrictions.
    """
    check_restrictions(rules, items)
    _check_models(items, n_categories, choices)
    check_parameters(
        rules,
        {
            item: _names(choices[j], np.flatnonzero(structure.pattern[j]), int(n_categories[j]))
            for j, item in enumerate(items)
        },
    )
    slots = _Slots(rules)
    rows: dict[Key, list[tuple[int, list[int], IntArray, IntArray]]] = {}
    place = np.zeros((len(groups), len(items), 2), dtype=np.int64)
    for j, item in enumerate(items):
        factors = np.flatnonzero(structure.pattern[j])
        dims = np.minimum(factors, structure.n_primary)
        key = (choices[j].model.name, int(n_categories[j]), factors.size)
        members = rows.setdefault(key, [])
        for g, label in enumerate(groups):
            cells = [
                _item_slot(slots, choices, items, j, g, label, name)
                for name in _names(choices[j], factors, int(n_categories[j]))
            ]
            members.append((j, cells, dims, factors))
            place[g, j] = list(rows).index(key), len(members) - 1
            if _all_shared(choices[j], factors, item, int(n_categories[j]), rules):
                place[:, j] = place[g, j]
                break
    latent = _latent_slots(slots, groups, choices, structure, items, rules)
    for g, label in enumerate(groups):
        latent[g] += [slots.free(("angle", i, g), (label, "", f"angle{i + 1}")) for i in range(n_angles)]
    regression = [
        [
            slots.free(("beta", term, d), (groups[0], "", coefficient_name(structure, term, d)))
            for d in range(structure.n_primary)
        ]
        for term in terms
    ]
    if not slots.labels:
        raise ModelError("nothing is left to estimate: every parameter is fixed.")
    layout = _assemble(items, groups, structure, choices, rows, place, latent, slots, n_categories)
    if not terms:
        return layout
    return replace(layout, regression=np.asarray(regression, dtype=np.int64), terms=terms)


def _names(choice: Choice, factors: IntArray, K: int) -> list[str]:
    return [*(f"a{f + 1}" for f in factors), *choice.model.shape_names(K)]


def _all_shared(choice: Choice, factors: IntArray, item: str, K: int, rules: Restrictions) -> bool:
    return all(
        shared_across_groups(item, name, rules) or (choice.slope == "one" and kind_of(name) == "slopes")
        for name in _names(choice, factors, K)
    )


def _check_models(items: tuple[str, ...], n_categories: IntArray, choices: Sequence[Choice]) -> None:
    for item, K, choice in zip(items, n_categories, choices, strict=True):
        if choice.model.binary_only and K != 2:
            raise ModelError(
                f"item {item!r} has {K} categories and the {choice.model.name} model takes two; use 'graded', 'gpcm' "
                "or 'nominal' for it."
            )
    steps = {int(K) for K, choice in zip(n_categories, choices, strict=True) if choice.shared_steps}
    if len(steps) > 1:
        raise ModelError(
            f"the rating scale model shares its steps between items, but the items have {sorted(steps)} categories; "
            "use 'pcm', or a dict that gives other items another model."
        )


def _item_slot(
    slots: _Slots,
    choices: Sequence[Choice],
    items: tuple[str, ...],
    j: int,
    g: int,
    label: str,
    name: str,
) -> int:
    """Slot of one parameter of one item in one group."""
    choice, rules, item = choices[j], slots.rules, items[j]
    if f"{item}.{name}" in rules.fixed:
        return slots.constant(float(rules.fixed[f"{item}.{name}"]))
    is_slope = kind_of(name) == "slopes" and not name.startswith("ak")
    if is_slope and choice.slope == "one":
        return slots.constant(1.0)
    if choice.shared_steps and name == "c" and _first_rating_item(choices) == j:
        return slots.constant(0.0)
    shared = len(slots.rules.equal) > 0 and shared_across_groups(item, name, rules)
    owner: Any = item
    if (is_slope and choice.slope == "common") or (choice.shared_steps and not is_slope and name != "c"):
        owner = ("common", choice.model.name)
        shared = f"{item}.{name}" not in rules.partial and any(
            shared_across_groups(other, name, rules)
            for other, its in zip(items, choices, strict=True)
            if its == choice
        )
    where: Any = "all" if shared else g
    kind = name
    for number, members in enumerate(rules.constrain):
        if f"{item}.{name}" in members:
            owner, kind = ("set", number), "constrained"
            break
    return slots.free((owner, kind, where), ("all" if shared else label, item, name))


def _first_rating_item(choices: Sequence[Choice]) -> int:
    return next(j for j, choice in enumerate(choices) if choice.shared_steps)


def _latent_slots(
    slots: _Slots,
    groups: tuple[str, ...],
    choices: Sequence[Choice],
    structure: Structure,
    items: tuple[str, ...],
    rules: Restrictions,
) -> list[list[int]]:
    """Means and covariances: free where the items identify them."""
    D = structure.n_primary
    unit = [
        any(c.slope == "one" and structure.pattern[j, d] for j, c in enumerate(choices)) for d in range(D)
    ]
    table = []
    for g, label in enumerate(groups):
        mean = [_anchored(d, "intercepts", g, structure, items, rules) for d in range(D)]
        variance = [unit[d] or _anchored(d, "slopes", g, structure, items, rules) for d in range(D)]
        row = [
            slots.free(("mean", d, g), (label, "", "mean" if D == 1 else f"mean[{structure.factors[d]}]"))
            if mean[d] and "means" in rules.free
            else slots.constant(0.0)
            for d in range(D)
        ]
        for i in range(D):
            for k in range(i + 1):
                row.append(_covariance_slot(slots, structure, i, k, g, label, variance[i], unit[i]))
        table.append(row)
    return table


def _covariance_slot(
    slots: _Slots, structure: Structure, i: int, k: int, g: int, label: str, identified: bool, unit: bool
) -> int:
    f = structure.factors
    if i == k:
        wanted = unit or "variances" in slots.rules.free
        name = "variance" if structure.n_primary == 1 else f"variance[{f[i]}]"
        return (
            slots.free(("cov", i, i, g), (label, "", name)) if identified and wanted else slots.constant(1.0)
        )
    if structure.correlated[i, k]:
        return slots.free(("cov", i, k, g), (label, "", f"cov[{f[i]},{f[k]}]"))
    return slots.constant(0.0)


def _anchored(
    d: int, kind: str, g: int, structure: Structure, items: tuple[str, ...], rules: Restrictions
) -> bool:
    """Whether some item pins the mean (intercepts) or variance (slopes) of factor ``d`` in group ``g``."""
    for j, item in enumerate(items):
        if not structure.pattern[j, d]:
            continue
        if any(
            key.rsplit(".", 1)[0] == item and kind_of(key.rsplit(".", 1)[1]) == kind for key in rules.fixed
        ):
            return True
        equal = item in rules.equal or kind in rules.equal
        freed = item in rules.partial or any(
            w.rsplit(".", 1)[0] == item and kind_of(w.rsplit(".", 1)[-1]) == kind
            for w in rules.partial
            if "." in w
        )
        if g > 0 and equal and not freed:
            return True
    return False


def _assemble(
    items: tuple[str, ...],
    groups: tuple[str, ...],
    structure: Structure,
    choices: Sequence[Choice],
    rows: dict[Key, list[tuple[int, list[int], IntArray, IntArray]]],
    place: IntArray,
    latent: list[list[int]],
    slots: _Slots,
    n_categories: IntArray,
) -> Layout:
    batches, start = [], 0
    for (_, K, _), members in rows.items():
        columns = start + np.arange(len(members) * K).reshape(len(members), K)
        start += columns.size
        owners = np.array([m[0] for m in members], dtype=np.int64)
        batches.append(
            Batch(
                choices[owners[0]].model,
                K,
                owners,
                slots.resolve([m[1] for m in members]),
                np.array([m[2] for m in members]),
                np.array([m[3] for m in members]),
                columns,
            )
        )
    group_columns = tuple(
        np.concatenate([batches[b].columns[r] for b, r in place[g]]) for g in range(len(groups))
    )
    return Layout(
        items,
        groups,
        structure,
        tuple(batches),
        place,
        group_columns,
        slots.resolve(latent),
        len(slots.labels),
        np.asarray(slots.constants),
        tuple(slots.labels),
    )
