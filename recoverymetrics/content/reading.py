"""Items, elements and mappings in, plain frames out, whatever form they come in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pandas as pd

from recoverymetrics.errors import DataError
from recoverymetrics.instrument.frame import to_pandas

SEPARATOR = ";"
"""Between the element ids of one item in a text cell."""


def element_frame(elements: Any) -> pd.DataFrame:
    """Elements as a frame: ``element``, ``label``, ``domain``, ``agreement`` and whatever else is known.

    Parameters
    ----------
    elements : ElementSet, DataFrame or iterable of str
        Frames name the element in ``element_id`` or ``element``.

    Raises
    ------
    DataError
        No identifier column, or an element listed twice.
    """
    frame = _frame(elements, "element")
    frame = _renamed(frame, ("element", "element_id"), "element", "elements")
    if "agreement" not in frame.columns and "agreement_pct" in frame.columns:
        frame["agreement"] = pd.to_numeric(frame["agreement_pct"]) / 100
    for name in ("label", "domain", "agreement"):
        if name not in frame.columns:
            frame[name] = None
    frame["label"] = frame["label"].where(frame["label"].notna() & (frame["label"] != ""), frame["element"])
    frame["agreement"] = pd.to_numeric(frame["agreement"]).astype(float)
    return _unique(frame, "element")


def item_frame(items: Any) -> pd.DataFrame:
    """Items as a frame: ``item``, ``text``, ``domain``, ``element`` (tuple of ids) and whatever else is known.

    Parameters
    ----------
    items : ItemBank, DataFrame, mapping of id to text, or iterable of str
        Frames name the item in ``item_id`` or ``item``.

    Raises
    ------
    DataError
        No identifier column, or an item listed twice.
    """
    if isinstance(items, dict) and all(isinstance(text, str) for text in items.values()):
        items = pd.DataFrame({"item": list(items), "text": list(items.values())})
    frame = _frame(items, "item")
    frame = _renamed(frame, ("item", "item_id"), "item", "items")
    if "text" not in frame.columns:
        frame["text"] = None
    if "domain" not in frame.columns:
        frame["domain"] = None
    for name in ("text", "domain"):
        frame[name] = frame[name].astype(object).where(frame[name].notna() & (frame[name] != ""), None)
    source = next((name for name in ("element", "elements") if name in frame.columns), None)
    cells = [None] * len(frame) if source is None else list(frame[source])
    frame["element"] = pd.Series([split_ids(cell) for cell in cells], index=frame.index, dtype=object)
    return _unique(frame, "item")


def split_ids(cell: Any) -> tuple[str, ...]:
    """Element ids of one cell: a text with ``;`` between ids, a sequence, or nothing.

    Examples
    --------
    >>> split_ids("E1; E2"), split_ids(None)
    (('E1', 'E2'), ())
    """
    if cell is None or (isinstance(cell, float) and cell != cell) or cell is pd.NA:
        return ()
    parts = cell.split(SEPARATOR) if isinstance(cell, str) else [str(part) for part in cell]
    return tuple(part.strip() for part in parts if part.strip())


def mapping_frame(mapping: Any, items: pd.DataFrame, elements: pd.DataFrame) -> pd.DataFrame:
    """Pairs of item and element, each once; from the bank itself when ``mapping`` is None.

    Raises
    ------
    DataError
        Missing columns, an item or an element that is not listed, or nothing to map.
    """
    pairs = _own_pairs(items) if mapping is None else _given_pairs(mapping)
    for name, known in (("item", set(items["item"])), ("element", set(elements["element"]))):
        strange = [value for value in dict.fromkeys(pairs[name]) if value not in known]
        if strange:
            raise DataError(
                f"the mapping names {len(strange)} {name}s that are not listed (first: {strange[0]!r}); "
                f"correct them or add them to the {name}s."
            )
    return pairs.drop_duplicates(ignore_index=True)


def _own_pairs(items: pd.DataFrame) -> pd.DataFrame:
    pairs = [
        (item, element) for item, own in zip(items["item"], items["element"], strict=True) for element in own
    ]
    if not pairs:
        raise DataError(
            "the items name no elements; give mapping= (a frame with the columns item and element)."
        )
    return pd.DataFrame(pairs, columns=["item", "element"], dtype=object)


def _given_pairs(mapping: Any) -> pd.DataFrame:
    if isinstance(mapping, dict) and not {"item", "element"} <= set(mapping):
        pairs = [(item, element) for item, own in mapping.items() for element in split_ids(own)]
        return pd.DataFrame(pairs, columns=["item", "element"], dtype=object)
    frame = to_pandas(mapping)
    frame = _renamed(
        _renamed(frame, ("item", "item_id"), "item", "mapping"),
        ("element", "element_id"),
        "element",
        "mapping",
    )
    split = pd.DataFrame({"item": frame["item"], "element": frame["element"].map(split_ids)}).explode(
        "element"
    )
    named = split[split["element"].notna()]
    return named.astype({"item": str, "element": str}).reset_index(drop=True)


def _frame(table: Any, name: str) -> pd.DataFrame:
    if hasattr(table, "to_frame") and not isinstance(table, pd.Series | pd.Index):
        frame: pd.DataFrame = table.to_frame()
        return frame.reset_index(drop=True).copy()
    if isinstance(table, str):
        raise DataError(
            f"{table!r} is a single text; give a list of {name} ids, a frame, or an object with its own table."
        )
    if isinstance(table, Iterable) and not isinstance(table, dict) and not hasattr(table, "columns"):
        listed = list(table)
        if all(isinstance(value, str) for value in listed) and listed:
            return pd.DataFrame({name: listed})
    return to_pandas(table).reset_index(drop=True)


def _renamed(frame: pd.DataFrame, names: tuple[str, ...], target: str, what: str) -> pd.DataFrame:
    """Give the identifier column its name; identifiers become text."""
    found = [name for name in (f"{target}_id", target) if name in names and name in frame.columns]
    if not found:
        raise DataError(
            f"the {what} need a column {' or '.join(names)}; the columns are {', '.join(map(str, frame.columns))}."
        )
    kept = (
        frame.drop(columns=target)
        if found[0] != target and target in frame.columns and target != "element"
        else frame
    )
    return kept.rename(columns={found[0]: target}).assign(**{target: frame[found[0]].map(str)})


def _unique(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    twice = frame[name][frame[name].duplicated()]
    if len(twice):
        raise DataError(
            f"{name} {twice.iloc[0]!r} is listed {int((frame[name] == twice.iloc[0]).sum())} times."
        )
    return frame.reset_index(drop=True)
