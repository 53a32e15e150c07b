"""Elements of recovery that a panel agreed on, and where they come from."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from recoverymetrics.errors import DataError
from recoverymetrics.instrument.frame import to_pandas
from recoverymetrics.instrument.frozen import freeze
from recoverymetrics.instrument.notes import listing, rows_at
from recoverymetrics.typing import IntoFrame


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a consensus.

    Attributes
    ----------
    element_id : str
    domain : str
        For example definition, indicator, facilitator, barrier.
    label : str
    theme : str
        Theme within the domain, empty when there is none.
    agreement : float
        Share of the panel that agreed, 0 to 1; NaN when it is unknown.
    source : str
    """

    element_id: str
    domain: str
    label: str
    theme: str = ""
    agreement: float = math.nan
    source: str = ""


@dataclass(frozen=True)
class ElementSet:
    """Elements in order, with their provenance.

    Parameters
    ----------
    elements : sequence of Element
    name : str, default ""
    provenance : mapping, optional
        Where the set comes from: citation, panel size, rounds, rule, counts; what is unknown is None.

    Examples
    --------
    >>> table = {"element_id": ["D1", "B1"], "domain": ["definition", "barrier"], "label": ["Hope", "Stigma"]}
    >>> elements = ElementSet.from_frame(table)
    >>> len(elements), [e.label for e in elements.select(domain="barrier")]
    (2, ['Stigma'])
    """

    elements: Sequence[Element]
    name: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "elements", tuple(self.elements))
        object.__setattr__(self, "provenance", freeze(self.provenance))
        ids = pd.Series([element.element_id for element in self.elements], dtype=object)
        twice = ids[ids.duplicated()].drop_duplicates().tolist()
        if twice:
            raise DataError(
                f"element_id {listing(twice)} appears more than once; every element needs its own."
            )

    @classmethod
    def from_frame(
        cls, data: IntoFrame, *, name: str = "", provenance: Mapping[str, Any] | None = None
    ) -> ElementSet:
        """Read elements from a table.

        Parameters
        ----------
        data : table
            Columns ``element_id``, ``domain``, ``label``; optional ``theme``, ``agreement`` (share, 0 to 1) or
            ``agreement_pct`` (0 to 100), ``source``. Empty agreement stays unknown (NaN).
        name : str, optional
        provenance : mapping, optional

        Raises
        ------
        DataError
            Missing columns, empty identifiers or labels, identifiers twice, agreement outside its range.
        """
        frame = to_pandas(data).reset_index(drop=True)
        require_columns(frame, ("element_id", "domain", "label"), "elements")
        columns = {column: text_column(frame, column) for column in ("element_id", "domain", "label")}
        for column, values in columns.items():
            require_filled(values, column)
        for column in ("theme", "source"):
            columns[column] = text_column(frame, column)
        agreement = _agreement(frame)
        rows = zip(*columns.values(), strict=True)
        return cls(
            [
                Element(element_id, domain, label, theme, share, source)
                for (element_id, domain, label, theme, source), share in zip(rows, agreement, strict=True)
            ],
            name,
            provenance or {},
        )

    def __len__(self) -> int:
        return len(self.elements)

    def __iter__(self) -> Iterator[Element]:
        return iter(self.elements)

    def __getitem__(self, element_id: str) -> Element:
        for element in self.elements:
            if element.element_id == element_id:
                return element
        raise DataError(f"unknown element {element_id!r}; the elements are {listing(self.ids, most=40)}.")

    def __contains__(self, element_id: object) -> bool:
        return element_id in self.ids

    @property
    def ids(self) -> tuple[str, ...]:
        """Identifiers in order."""
        return tuple(element.element_id for element in self.elements)

    @property
    def domains(self) -> tuple[str, ...]:
        """Domains in order of first appearance."""
        return tuple(dict.fromkeys(element.domain for element in self.elements))

    def select(self, *, domain: str | Sequence[str]) -> ElementSet:
        """Keep the elements of one or several domains; the provenance stays.

        Raises
        ------
        DataError
            A domain that no element has.
        """
        wanted = [domain] if isinstance(domain, str) else list(domain)
        unknown = [name for name in wanted if name not in self.domains]
        if unknown:
            raise DataError(f"unknown domain {unknown[0]!r}; the domains are {', '.join(self.domains)}.")
        return ElementSet([e for e in self.elements if e.domain in wanted], self.name, self.provenance)

    def to_frame(self) -> pd.DataFrame:
        """One row per element; unknown agreement is NaN, an empty theme or source None."""
        names = list(Element.__dataclass_fields__)
        rows = [[getattr(element, name) or None for name in names] for element in self.elements]
        frame = pd.DataFrame(rows, columns=names, dtype=object)
        frame["agreement"] = [element.agreement for element in self.elements]
        return frame.astype({"agreement": float})

    def counts(self) -> pd.DataFrame:
        """One row per domain: ``domain``, ``n`` listed here, ``n_known`` with a known agreement, and, when the
        provenance has them, ``n_consensus`` of the study with its ``basis`` (stated, inferred or unknown).
        """
        frame = self.to_frame()
        listed = frame.groupby("domain", sort=False)["agreement"].agg(n="size", n_known="count").reset_index()
        stated = self.provenance.get("counts")
        return (
            listed if not stated else listed.merge(pd.DataFrame(stated), on="domain", how="outer", sort=False)
        )

    def _repr_html_(self) -> str:
        html: str = self.to_frame().to_html(index=False, na_rep="unknown")
        return html


def require_columns(frame: pd.DataFrame, columns: Sequence[str], what: str) -> None:
    """Raise when a table lacks columns; names them and those that it has."""
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise DataError(
            f"the table of {what} has no column {listing([repr(c) for c in missing])}; it has "
            f"{', '.join(map(str, frame.columns))}."
        )


def require_filled(values: Sequence[str], column: str) -> None:
    """Raise when a text column has empty cells; names the rows."""
    empty = [row for row, value in enumerate(values) if not value]
    if empty:
        raise DataError(f"column {column!r} is empty in {rows_at(empty)}; fill it.")


def text_column(frame: pd.DataFrame, column: str) -> list[str]:
    """One column as stripped text, empty where missing or when there is no such column."""
    if column not in frame.columns:
        return [""] * len(frame)
    return ["" if missing else str(value).strip() for value, missing in zip(frame[column], frame[column].isna(), strict=True)]  # fmt: skip


def _agreement(frame: pd.DataFrame) -> list[float]:
    name = "agreement" if "agreement" in frame.columns else "agreement_pct"
    if name not in frame.columns:
        return [math.nan] * len(frame)
    given = pd.Series([None if cell == "" else cell for cell in frame[name]], dtype=object)
    values = pd.to_numeric(given, errors="coerce").astype(float)
    top = 1.0 if name == "agreement" else 100.0
    bad = values.index[(values.isna() & given.notna()) | (values < 0) | (values > top)]
    if len(bad):
        hint = " (a column with percent is called agreement_pct)" if name == "agreement" else ""
        raise DataError(
            f"column {name!r} must hold numbers from 0 to {top:g}{hint}; not so in {rows_at(bad)}, for "
            f"example {str(frame[name].iloc[bad[0]])!r}. Leave unknown agreement empty."
        )
    return [float(value) for value in values / top]
