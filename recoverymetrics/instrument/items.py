"""Items: wording, what they measure, who proposed and approved them, and what was changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import pandas as pd

from recoverymetrics.errors import DataError
from recoverymetrics.instrument.elements import require_columns, require_filled, text_column
from recoverymetrics.instrument.frame import to_pandas
from recoverymetrics.instrument.frozen import freeze
from recoverymetrics.instrument.notes import listing
from recoverymetrics.typing import IntoFrame

_TEXT_FIELDS = ("text", "domain", "dimension", "licence", "proposed_by", "approved_by", "origin")
_YES = {"true", "yes", "1", "1.0", "y", "-1", "-1.0"}
_NO = {"", "false", "no", "0", "0.0", "n"}


@dataclass(frozen=True)
class Item:
    """One item.

    Attributes
    ----------
    item_id : str
    text : str
        Wording; empty when it is not ours to hold.
    elements : tuple of str
        Identifiers of the elements that the item is meant to measure.
    domain, dimension : str
    reverse : bool
        Keyed against its dimension.
    licence, proposed_by, approved_by, origin : str
        Provenance; empty when unknown.
    other : mapping
        Further columns of the table it was read from.
    """

    item_id: str
    text: str = ""
    elements: tuple[str, ...] = ()
    domain: str = ""
    dimension: str = ""
    reverse: bool = False
    licence: str = ""
    proposed_by: str = ""
    approved_by: str = ""
    origin: str = ""
    other: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ItemChange:
    """One change to an item: which field, from what to what, why, by whom, when (as given)."""

    item_id: str
    field: str
    before: str
    after: str
    reason: str
    by: str = ""
    date: str = ""


@dataclass(frozen=True)
class ItemBank:
    """Items in order, with a log of changes.

    Examples
    --------
    >>> bank = ItemBank.from_frame({"item_id": ["q1", "q2"], "text": ["I have hope.", ""], "element": ["D1;D2", ""]})
    >>> bank.mapping()["element"].tolist()
    ['D1', 'D2']
    >>> bank.revise("q1", text="I feel hopeful.", reason="plainer", by="panel").changes[0].before
    'I have hope.'
    """

    items: Sequence[Item]
    changes: Sequence[ItemChange] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "items", tuple(self.items))
        object.__setattr__(self, "changes", tuple(self.changes))
        ids = pd.Series([item.item_id for item in self.items], dtype=object)
        twice = ids[ids.duplicated()].drop_duplicates().tolist()
        if twice:
            raise DataError(f"item_id {listing(twice)} appears more than once; every item needs its own.")

    @classmethod
    def from_frame(cls, data: IntoFrame) -> ItemBank:
        """Read items from a table.

        Parameters
        ----------
        data : table
            Column ``item_id``; optional ``text``, ``element`` (one identifier or several separated by ``;``),
            ``domain``, ``dimension``, ``reverse`` (true/false, yes/no, 1/0), ``licence``, ``proposed_by``,
            ``approved_by``, ``origin``. Further columns are kept with the item.

        Raises
        ------
        DataError
            No ``item_id``, empty or repeated identifiers, a ``reverse`` that is neither yes nor no.
        """
        frame = to_pandas(data).reset_index(drop=True)
        require_columns(frame, ("item_id",), "items")
        ids = text_column(frame, "item_id")
        require_filled(ids, "item_id")
        texts = {name: text_column(frame, name) for name in _TEXT_FIELDS}
        elements = [_split(cell) for cell in text_column(frame, "element")]
        reverse = _yes_no(text_column(frame, "reverse"), ids)
        known = {"item_id", "element", "reverse", *_TEXT_FIELDS}
        others = frame[[column for column in frame.columns if column not in known]].to_dict("records")
        return cls(
            [
                Item(
                    item_id,
                    elements=elements[row],
                    reverse=reverse[row],
                    other=freeze({str(key): value for key, value in others[row].items()} if others else {}),
                    **{name: texts[name][row] for name in _TEXT_FIELDS},
                )
                for row, item_id in enumerate(ids)
            ]
        )

    def __len__(self) -> int:
        return len(self.items)

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def __getitem__(self, item_id: str) -> Item:
        for item in self.items:
            if item.item_id == item_id:
                return item
        raise DataError(f"unknown item {item_id!r}; the items are {listing(self.ids, most=60)}.")

    def __contains__(self, item_id: object) -> bool:
        return item_id in self.ids

    @property
    def ids(self) -> tuple[str, ...]:
        """Identifiers in order."""
        return tuple(item.item_id for item in self.items)

    @property
    def reverse(self) -> tuple[str, ...]:
        """Identifiers of the reverse-keyed items."""
        return tuple(item.item_id for item in self.items if item.reverse)

    def select(self, item_ids: Sequence[str]) -> ItemBank:
        """Keep some items, in the order asked for; the log stays whole."""
        return ItemBank([self[item_id] for item_id in item_ids], self.changes)

    def revise(self, item_id: str, *, reason: str, by: str = "", date: str = "", **fields: Any) -> ItemBank:
        """Change fields of one item and log each change.

        Parameters
        ----------
        item_id : str
        reason : str
            Why; never empty.
        by, date : str, optional
            Who and when, recorded as given.
        **fields
            New values of ``text``, ``elements``, ``domain``, ``dimension``, ``reverse``, ``licence``, ...

        Returns
        -------
        ItemBank

        Raises
        ------
        DataError
            Unknown item or field, or no reason.
        """
        item = self[item_id]
        unknown = [name for name in fields if name not in Item.__dataclass_fields__ or name == "item_id"]
        if unknown:
            raise DataError(f"an item has no field {unknown[0]!r} that can be revised.")
        if not reason.strip():
            raise DataError(f"item {item_id!r}: a change needs a reason; give one.")
        log = [
            ItemChange(item_id, name, str(getattr(item, name)), str(value), reason, by, date)
            for name, value in fields.items()
        ]
        items = [replace(item, **fields) if other is item else other for other in self.items]
        return ItemBank(items, (*self.changes, *log))

    def mapping(self) -> pd.DataFrame:
        """One row per item and element: ``item``, ``element``; items without element have no row."""
        pairs = [(item.item_id, element) for item in self.items for element in item.elements]
        return pd.DataFrame(pairs, columns=["item", "element"], dtype=object)

    def to_frame(self) -> pd.DataFrame:
        """One row per item; elements joined by ``;``, further columns last, empty texts None."""
        columns = ["item_id", "text", "element", "domain", "dimension", "reverse", *_TEXT_FIELDS[3:]]
        rows = []
        for item in self.items:
            own = {name: getattr(item, name, "") or None for name in columns}
            own |= {"element": ";".join(item.elements) or None, "reverse": item.reverse}
            rows.append(own | dict(item.other))
        return pd.DataFrame(rows).astype({"reverse": bool}) if rows else pd.DataFrame(columns=columns)

    def changes_frame(self) -> pd.DataFrame:
        """One row per logged change."""
        return pd.DataFrame([asdict(c) for c in self.changes], columns=list(ItemChange.__dataclass_fields__))

    def _repr_html_(self) -> str:
        html: str = self.to_frame().to_html(index=False)
        return html


def _split(cell: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in cell.split(";") if part.strip())


def _yes_no(cells: Sequence[str], ids: Sequence[str]) -> list[bool]:
    for cell, item_id in zip(cells, ids, strict=True):
        if cell.casefold() not in _YES | _NO:
            raise DataError(f"item {item_id!r}: reverse={cell!r} is neither yes nor no; write true or false.")
    return [cell.casefold() in _YES for cell in cells]
