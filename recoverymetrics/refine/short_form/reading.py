"""From fitted models, mappings and elements to arrays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from recoverymetrics.errors import DataError, ModelError, require_kind
from recoverymetrics.typing import BoolArray, FloatArray


def read_information(
    fit: Any, theta: Sequence[float], groups: Sequence[str] | None
) -> tuple[tuple[str, ...], pd.DataFrame, FloatArray]:
    """Item information at the targets.

    Parameters
    ----------
    fit : IRTResult, or mapping of dimension to IRTResult
        Anything with ``information(theta, group=)`` and ``groups_labels``.
    theta : sequence of float
        Abilities.
    groups : sequence of str, optional
        Groups that count; all by default.

    Returns
    -------
    items : tuple of str
        All items, in the order of the fits.
    targets : pandas.DataFrame
        ``factor group theta``, one row per target.
    information : ndarray, shape (m, p)
        Information of each item at each target, zero for items of another dimension.
    """
    fits = dict(fit) if isinstance(fit, Mapping) else {"theta": fit}
    items: list[str] = []
    blocks: list[tuple[str, str, pd.DataFrame]] = []
    for factor, one in fits.items():
        if not hasattr(one, "groups_labels"):  # anything with information by group will do
            require_kind(one, "IRTResult", "fit", "the result of fit_irt, or one for each dimension")
        labels = tuple(one.groups_labels)
        unknown = [g for g in groups or () if g not in labels]
        if unknown:
            raise ModelError(f"group {unknown[0]!r} is not in the model; its groups are {', '.join(labels)}.")
        for label in groups or labels:
            table = one.information(np.asarray(theta, dtype=float), label)
            blocks.append((factor, label, table.drop(columns=["theta", "test", "std_error"])))
        items += [name for name in blocks[-1][2].columns if name not in items]
    targets = pd.DataFrame(
        [(factor, label, value) for factor, label, _ in blocks for value in theta],
        columns=["factor", "group", "theta"],
    )
    information = np.vstack(
        [table.reindex(columns=items, fill_value=0.0).to_numpy(float) for *_, table in blocks]
    )
    return tuple(map(str, items)), targets, information


def read_mapping(mapping: Any, items: tuple[str, ...]) -> dict[str, list[str]]:
    """Items of each element, from a table (``item element``) or a mapping of item to element(s)."""
    if mapping is None:
        return {}
    if isinstance(mapping, Mapping):
        pairs = [(item, e) for item, es in mapping.items() for e in ([es] if isinstance(es, str) else es)]
    else:
        frame = pd.DataFrame(mapping).rename(columns={"item_id": "item", "element_id": "element"})
        if not {"item", "element"} <= set(frame.columns):
            raise DataError(
                f"mapping needs the columns item and element; it has {', '.join(map(str, frame))}."
            )
        pairs = list(zip(frame["item"].astype(str), frame["element"].astype(str), strict=True))
    covered: dict[str, list[str]] = {}
    for item, element in pairs:
        covered.setdefault(str(element), [])
        if item in items:
            covered[str(element)].append(str(item))
    return covered


def read_elements(elements: Any, covered: dict[str, list[str]]) -> list[str]:
    """Names of the elements that must be covered; by default those that the mapping names."""
    if elements is None:
        return list(covered)
    names = [str(getattr(element, "element_id", element)) for element in elements]
    if not covered:
        raise DataError("elements= needs mapping=, which says which items cover them.")
    return names


def members(names: Iterable[str], items: tuple[str, ...]) -> BoolArray:
    """Which items are among the names."""
    wanted = set(names)
    return np.array([item in wanted for item in items])


def known(names: Iterable[str], items: tuple[str, ...], what: str) -> frozenset[str]:
    """Check that items exist."""
    chosen = frozenset(map(str, names))
    unknown = sorted(chosen - set(items))
    if unknown:
        raise DataError(f"{what} names item {unknown[0]!r}, which the model does not have.")
    return chosen
