"""Which elements have items, which items have elements, and whose consensus is covered."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from recoverymetrics.content.reading import element_frame, item_frame, mapping_frame
from recoverymetrics.display import AbstractResult, Table
from recoverymetrics.errors import DataError, OptionError

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class CoverageResult(AbstractResult):
    """How items cover elements.

    Attributes
    ----------
    elements : pandas.DataFrame
        One row per element; what :meth:`tidy` returns.
    items : pandas.DataFrame
        One row per item: ``item``, ``text``, ``domain`` (the item's own, where the bank has one), ``n_elements``.
    mapping : pandas.DataFrame
        Pairs of ``item`` and ``element``.
    stakeholders : mapping
        Elements of each stakeholder's consensus.
    redundant_above : int
        More items than this make an element over-covered.
    group_agreement : mapping
        Agreement within each stakeholder group, where it is known; the weights of :meth:`by_stakeholder`.
    """

    elements: pd.DataFrame = field(repr=False)
    items: pd.DataFrame = field(repr=False)
    mapping: pd.DataFrame = field(repr=False)
    stakeholders: Mapping[str, frozenset[str]] = field(repr=False)
    redundant_above: int
    group_agreement: Mapping[str, Mapping[str, float]] = field(default_factory=dict, repr=False)

    def tidy(self) -> pd.DataFrame:
        """One row per element: its items, their number, and ``status`` (uncovered, one item, covered, over-covered)."""
        return self.elements.copy()

    def glance(self) -> pd.DataFrame:
        """Return one row: counts, the share of elements covered, and the same weighted by agreement."""
        return pd.DataFrame(
            {
                "n_elements": [len(self.elements)],
                "n_items": [len(self.items)],
                "n_uncovered": [len(self.uncovered)],
                "n_orphans": [len(self.orphans)],
                "n_over_covered": [len(self.redundant)],
                **{name: [value] for name, value in _shares(self.elements).items()},
                "items_per_element": [float(self.elements["n_items"].mean())],
            }
        )

    @property
    def uncovered(self) -> tuple[str, ...]:
        """Elements without items."""
        return tuple(self.elements.loc[self.elements["n_items"] == 0, "element"])

    @property
    def orphans(self) -> tuple[str, ...]:
        """Items without elements."""
        return tuple(self.items.loc[self.items["n_elements"] == 0, "item"])

    @property
    def redundant(self) -> tuple[str, ...]:
        """Over-covered elements: more items than ``redundant_above``."""
        return tuple(self.elements.loc[self.elements["n_items"] > self.redundant_above, "element"])

    @property
    def uncovered_elements(self) -> tuple[str, ...]:
        """The same as ``uncovered``."""
        return self.uncovered

    @property
    def orphan_items(self) -> tuple[str, ...]:
        """The same as ``orphans``."""
        return self.orphans

    @property
    def only_items(self) -> dict[str, str]:
        """Elements that hang on a single item, and that item: dropping it would uncover the element."""
        single = self.elements[self.elements["n_items"] == 1]
        return dict(zip(single["element"], single["items"], strict=True))

    def items_of(self, element: str) -> tuple[str, ...]:
        """Items of one element.

        Raises
        ------
        DataError
            Unknown element.
        """
        if element not in set(self.elements["element"]):
            raise DataError(f"unknown element {element!r}.")
        return tuple(self.mapping.loc[self.mapping["element"] == element, "item"])

    def redundancy(self) -> pd.DataFrame:
        """Pairs of items with the same elements: candidates for a shorter scale, for a person to judge."""
        sets = self.mapping.groupby("item", sort=False)["element"].agg(lambda ids: tuple(sorted(ids)))
        rows = [
            (first, second, "; ".join(own))
            for own, names in sets.groupby(sets, sort=False).groups.items()
            for i, first in enumerate(names)
            for second in names[i + 1 :]
        ]
        return pd.DataFrame(rows, columns=["item", "item_2", "element"])

    def by_domain(self) -> pd.DataFrame:
        """One row per domain: elements, how many are covered, share covered, weighted share, items."""
        domains = self.elements["domain"].fillna("unknown")
        return pd.DataFrame(
            [
                self._part("domain", str(name), rows)
                for name, rows in self.elements.groupby(domains, sort=False)
            ]
        )

    def by_stakeholder(self) -> pd.DataFrame:
        """One row per stakeholder: coverage of that group's own consensus; ``uncovered`` names what is missing.

        Weights are the group's own agreement where the consensus given for it holds that, else the overall one.
        """
        rows = []
        for name, own in self.stakeholders.items():
            part = self.elements[self.elements["element"].isin(own)]
            if name in self.group_agreement:
                part = part.assign(agreement=part["element"].map(self.group_agreement[name]).astype(float))
            rows.append(self._part("group", name, part))
        return pd.DataFrame(rows, columns=None if rows else ["group", *_PART])

    def _part(self, key: str, name: str, rows: pd.DataFrame) -> dict[str, Any]:
        missing = rows.loc[rows["n_items"] == 0, "element"]
        items = set(self.mapping.loc[self.mapping["element"].isin(rows["element"]), "item"])
        values = (
            len(rows),
            int((rows["n_items"] > 0).sum()),
            *_shares(rows).values(),
            len(items),
            "; ".join(missing),
        )
        return {key: name, **dict(zip(_PART, values, strict=True))}

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the coverage map: elements by domain, one square per item, uncovered elements marked."""
        from recoverymetrics.content.plots import plot_coverage

        return plot_coverage(self, ax=ax)

    def _title(self) -> str:
        return "Coverage of elements by items"

    def _tables(self) -> tuple[Table, ...]:
        named = dict(zip(self.elements["element"], self.elements["label"], strict=True))
        gaps = "; ".join(f"{e} ({named[e]})" for e in self.uncovered) or "none"
        notes = (
            f"Elements without items: {gaps}.",
            f"Items without elements: {'; '.join(self.orphans) or 'none'}.",
            f"Over-covered means more than {self.redundant_above} items.",
        )
        tables = [Table("Overview", self.glance(), notes=notes), Table("By domain", self.by_domain())]
        if self.stakeholders:
            tables.append(Table("By stakeholder's consensus", self.by_stakeholder()))
        return (*tables, Table("Elements", self.tidy()))


_PART = (
    "n_elements",
    "n_covered",
    "coverage",
    "coverage_weighted",
    "n_agreement_unknown",
    "n_items",
    "uncovered",
)


def map_coverage(
    items: Any,
    elements: Any,
    mapping: Any = None,
    *,
    stakeholders: Mapping[str, Any] | None = None,
    redundant_above: int = 3,
) -> CoverageResult:
    """Lay items over elements.

    Parameters
    ----------
    items : ItemBank, DataFrame, or list of item ids
        The items.
    elements : ElementSet, DataFrame, or list of element ids
        The elements, with their agreement where known.
    mapping : DataFrame or mapping, optional
        Pairs of ``item`` and ``element`` (several elements in one cell are separated by ``;``), or a dictionary
        from item to elements; by default what the item bank says.
    stakeholders : mapping of name to elements, optional
        Each group's consensus: element ids, an ElementSet, or a consensus result. By default elements are
        grouped by their ``stakeholder`` column, else by ``source`` when that has two to twelve values.
    redundant_above : int, default 3
        More items than this make an element over-covered.

    Returns
    -------
    CoverageResult

    Raises
    ------
    DataError
        A mapping that names unknown items or elements; items that name no elements and no mapping.

    Examples
    --------
    >>> coverage = map_coverage(["q1", "q2"], ["hope", "home"], {"q1": ["hope"]})
    >>> coverage.uncovered, coverage.orphans
    (('home',), ('q2',))
    """
    if redundant_above < 1:
        raise OptionError(f"redundant_above={redundant_above} must be at least 1.")
    item_table, element_table = item_frame(items), element_frame(elements)
    pairs = mapping_frame(mapping, item_table, element_table)
    own = pairs.groupby("element", sort=False)["item"].agg(list)
    lists = [own.get(element, []) for element in element_table["element"]]
    n_items = np.array([len(names) for names in lists])
    table = element_table[["element", "label", "domain", "agreement"]].copy()
    table["n_items"] = n_items
    table["items"] = ["; ".join(names) for names in lists]
    table["status"] = np.select(
        [n_items == 0, n_items == 1, n_items > redundant_above],
        ["uncovered", "one item", "over-covered"],
        "covered",
    ).astype(object)
    n_elements = pairs.groupby("item")["element"].size()
    shown = item_table[["item", "text", "domain"]].copy()
    shown["n_elements"] = shown["item"].map(n_elements).fillna(0).astype(int)
    groups = (
        _own_groups(element_table) if stakeholders is None else _given_groups(stakeholders, element_table)
    )
    return CoverageResult(table, shown, pairs, groups, redundant_above, _own_agreement(stakeholders or {}))


def _shares(rows: pd.DataFrame) -> dict[str, float]:
    """Share of elements covered; the same weighted by agreement where that is known, and where it is not."""
    covered = (rows["n_items"] > 0).to_numpy()
    agreement = rows["agreement"].to_numpy(dtype=float)
    known = ~np.isnan(agreement)
    total = float(agreement[known].sum())
    return {
        "coverage": float(covered.mean()) if len(rows) else np.nan,
        "coverage_weighted": float(agreement[known & covered].sum()) / total if total > 0 else np.nan,
        "n_agreement_unknown": int((~known).sum()),
    }


def _own_groups(elements: pd.DataFrame) -> dict[str, frozenset[str]]:
    for name in ("stakeholder", "source"):
        if name in elements.columns:
            labels = elements[name].replace("", None)
            if name == "stakeholder" or 2 <= labels.nunique() <= 12:
                groups = elements.groupby(labels, sort=False)["element"]
                return {str(label): frozenset(ids) for label, ids in groups}
    return {}


def _given_groups(stakeholders: Mapping[str, Any], elements: pd.DataFrame) -> dict[str, frozenset[str]]:
    known = set(elements["element"])
    groups = {str(name): frozenset(_ids(value)) for name, value in stakeholders.items()}
    for name, ids in groups.items():
        strange = sorted(ids - known)
        if strange:
            raise DataError(
                f"the consensus of {name!r} holds {len(strange)} elements that are not listed (first: {strange[0]!r})."
            )
    return groups


def _own_agreement(stakeholders: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Agreement within each group whose consensus brings it."""
    found = {}
    for name, value in stakeholders.items():
        if hasattr(value, "accepted"):
            rows = value.tidy()
            found[str(name)] = dict(
                zip(rows["statement"].map(str), rows["agreement"].astype(float), strict=True)
            )
        elif isinstance(value, pd.DataFrame) or hasattr(value, "to_frame"):
            rows = element_frame(value)
            if rows["agreement"].notna().any():
                found[str(name)] = dict(zip(rows["element"], rows["agreement"], strict=True))
    return found


def _ids(value: Any) -> Collection[str]:
    if hasattr(value, "accepted"):
        return tuple(value.accepted)
    if isinstance(value, pd.DataFrame) or hasattr(value, "to_frame"):
        return tuple(element_frame(value)["element"])
    return tuple(str(entry) for entry in value)
