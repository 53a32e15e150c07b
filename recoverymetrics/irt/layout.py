"""The parameter table: which model parameter of which item and group sits in which free slot.

Every constraint (equal slopes, anchors, fixed values, common steps) is an edit of this table: two cells with
the same slot are one parameter, a cell with a constant is none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from recoverymetrics.errors import ModelError, OptionError
from recoverymetrics.irt.models import Choice, ItemModel
from recoverymetrics.irt.structure import Structure
from recoverymetrics.typing import FloatArray, IntArray

Key = tuple[Any, ...]


@dataclass(frozen=True)
class Batch:
    """Items of one model, one number of categories and one number of slopes, worked on together.

    Attributes
    ----------
    model : ItemModel
        Response function.
    K : int
        Number of categories.
    items : ndarray of int, shape (B,)
        Position of each row's item in the data.
    slots : ndarray of int, shape (B, P)
        Place of each parameter (slopes, then shape) in the extended parameter vector.
    dims : ndarray of int, shape (B, m)
        Node dimension that each slope multiplies.
    factors : ndarray of int, shape (B, m)
        Factor that each slope belongs to.
    columns : ndarray of int, shape (B, K)
        Rows of the stacked category tables.
    """

    model: ItemModel
    K: int
    items: IntArray
    slots: IntArray
    dims: IntArray
    factors: IntArray
    columns: IntArray

    @property
    def names(self) -> list[tuple[str, ...]]:
        """Parameter names of each row."""
        shape = self.model.shape_names(self.K)
        return [(*(f"a{f + 1}" for f in row), *shape) for row in self.factors]


@dataclass(frozen=True)
class Layout:
    """Slots of all parameters.

    Attributes
    ----------
    items, groups : tuple of str
        Labels.
    structure : Structure
        Loading pattern.
    batches : tuple of Batch
        Item parameters. A row serves every group that shares all parameters of the item.
    place : ndarray of int, shape (G, J, 2)
        Batch and row that serve an item in a group.
    group_columns : tuple of ndarray
        For each group, the rows of the stacked category tables in the order of the one-hot columns.
    latent : ndarray of int, shape (G, T)
        Slots of latent means and of the lower triangle of the covariance matrix.
    n_free : int
        Number of free parameters.
    constants : ndarray
        Values behind the free parameters in the extended vector.
    labels : tuple of (str, str, str)
        Group (``"all"`` when shared), item (``""`` for latent parameters) and name of each free parameter.
    """

    items: tuple[str, ...]
    groups: tuple[str, ...]
    structure: Structure
    batches: tuple[Batch, ...]
    place: IntArray
    group_columns: tuple[IntArray, ...]
    latent: IntArray
    n_free: int
    constants: FloatArray
    labels: tuple[tuple[str, str, str], ...]

    @property
    def n_columns(self) -> int:
        """Rows of the stacked category tables."""
        return int(sum(batch.columns.size for batch in self.batches))

    @property
    def n_primary(self) -> int:
        """Number of primary factors."""
        return self.structure.n_primary

    def extend(self, x: FloatArray) -> FloatArray:
        """Free parameters followed by the constants."""
        return np.concatenate([x, self.constants])

    def moments(self, extended: FloatArray, g: int) -> tuple[FloatArray, FloatArray]:
        """Mean vector and covariance matrix of the primary factors in a group."""
        D = self.n_primary
        values = extended[self.latent[g]]
        cov = np.zeros((D, D))
        cov[np.tril_indices(D)] = values[D:]
        return values[:D], cov + np.tril(cov, -1).T

    def cells(self) -> Iterator[tuple[int, int, str, int]]:
        """Group, item, name and slot of every item parameter."""
        for g in range(len(self.groups)):
            for j in range(len(self.items)):
                b, r = self.place[g, j]
                batch = self.batches[b]
                for name, slot in zip(batch.names[r], batch.slots[r], strict=True):
                    yield g, j, name, int(slot)

    def to_frame(self, x: FloatArray) -> pd.DataFrame:
        """The parameter table as people read it: group, item, parameter, free (0 when fixed), estimate."""
        extended = self.extend(x)
        rows = [(self.groups[g], self.items[j], name, slot) for g, j, name, slot in self.cells()]
        for g, label in enumerate(self.groups):
            rows += [
                (label, "", name, int(s)) for name, s in zip(self.latent_names(), self.latent[g], strict=True)
            ]
        frame = pd.DataFrame(rows, columns=["group", "item", "parameter", "free"])
        frame["estimate"] = extended[frame["free"].to_numpy()]
        frame["free"] = np.where(frame["free"] < self.n_free, frame["free"] + 1, 0)
        return frame

    def latent_names(self) -> list[str]:
        """Names of the latent parameters in the order of ``latent``."""
        factors = self.structure.factors[: self.n_primary]
        if len(factors) == 1:
            return ["mean", "variance"]
        names = [f"mean[{f}]" for f in factors]
        for i, f in enumerate(factors):
            names += [f"cov[{f},{g}]" if i != k else f"variance[{f}]" for k, g in enumerate(factors[: i + 1])]
        return names


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
                _item_slot(slots, choices, structure, j, item, g, label, name, int(n_categories[j]))
                for name in _names(choices[j], factors, int(n_categories[j]))
            ]
            members.append((j, cells, dims, factors))
            place[g, j] = list(rows).index(key), len(members) - 1
            if _all_shared(choices[j], factors, item, int(n_categories[j]), rules):
                place[:, j] = place[g, j]
                break
    latent = _latent_slots(slots, groups, choices, structure, items, rules)
    if not slots.labels:
        raise ModelError("nothing is left to estimate: every parameter is fixed.")
    return _assemble(items, groups, structure, choices, rows, place, latent, slots, n_categories)


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
    structure: Structure,
    j: int,
    item: str,
    g: int,
    label: str,
    name: str,
    K: int,
) -> int:
    """Slot of one parameter of one item in one group."""
    choice, rules = choices[j], slots.rules
    if f"{item}.{name}" in rules.fixed:
        return slots.constant(float(rules.fixed[f"{item}.{name}"]))
    is_slope = kind_of(name) == "slopes" and not name.startswith("ak")
    if is_slope and choice.slope == "one":
        return slots.constant(1.0)
    if choice.shared_steps and name == "c" and _first_rating_item(choices) == j:
        return slots.constant(0.0)
    shared = len(slots.rules.equal) > 0 and shared_across_groups(item, name, rules)
    where: Any = "all" if shared else g
    owner: Any = item
    if (is_slope and choice.slope == "common") or (choice.shared_steps and not is_slope and name != "c"):
        owner = ("common", choice.model.name)
    for number, members in enumerate(rules.constrain):
        if f"{item}.{name}" in members:
            owner, name = ("set", number), "constrained"
            break
    return slots.free((owner, name, where), ("all" if shared else label, item, name))


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
