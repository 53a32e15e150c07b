"""One table with one row per item: what each analysis says about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from recoverymetrics.display import AbstractResult, Table
from recoverymetrics.errors import DataError
from recoverymetrics.instrument import Scale


@dataclass(frozen=True)
class EvidenceTable(AbstractResult):
    """Evidence per item.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row per item: ``item``, ``factor`` and one column per criterion. Columns that end in
        ``_detail`` hold words (the partner of a pair, the regions of a DIF effect).
    origins : mapping
        Column -> the analysis that it comes from.
    pairs : pandas.DataFrame
        Locally dependent pairs: ``item``, ``item_2`` and the statistics that show it.
    """

    frame: pd.DataFrame = field(repr=False)
    origins: Mapping[str, str]
    pairs: pd.DataFrame = field(repr=False)

    def wide(self) -> pd.DataFrame:
        """One row per item, one column per criterion."""
        return self.frame.copy()

    def tidy(self) -> pd.DataFrame:
        """One row per item and criterion: ``item``, ``term``, ``estimate``, ``origin``."""
        numeric = [c for c in self.frame.columns if c not in ("item", "factor") and not c.endswith("_detail")]
        long = self.frame.melt("item", numeric, "term", "estimate")
        long["origin"] = long["term"].map(dict(self.origins))
        return long.sort_values(["item", "term"], kind="stable").reset_index(drop=True)

    def glance(self) -> pd.DataFrame:
        """One row: items, criteria, dependent pairs."""
        return pd.DataFrame(
            [{"n_items": len(self.frame), "n_criteria": len(self.origins), "n_pairs": len(self.pairs)}]
        )

    def _title(self) -> str:
        return "Evidence per item"

    def _tables(self) -> tuple[Table, ...]:
        return (
            Table("Overview", self.glance()),
            Table("Items", self.wide()),
            Table("Dependent pairs", self.pairs),
        )


def gather_evidence(
    scale: Scale,
    *,
    sources: Mapping[str, pd.DataFrame] | None = None,
    pairs: pd.DataFrame | None = None,
    **more: Any,
) -> EvidenceTable:
    """Join what the analyses say about each item.

    Parameters
    ----------
    scale : Scale
        Its items are the rows, its factors the column ``factor``.
    sources : mapping origin -> frame
        Frames with a column ``item`` and one column per criterion, one row per item.
    pairs : pandas.DataFrame, optional
        Locally dependent pairs (``item``, ``item_2`` and ``residual_correlation``, ``q3_star`` or ``q3``). The member
        with the smaller ``information`` (``loading`` when there is none) gets the strength of the dependence as
        ``redundancy``; the other is marked ``redundant_stronger``.
    **more
        Further sources by keyword: a frame, or a result object that the library knows how to read
        (``screening=``, ``reliability=``, ``efa=``, ``cfa=``, ``irt=``, ``dif=``, ``content=``, ``coverage=``).

    Returns
    -------
    EvidenceTable

    Raises
    ------
    DataError
        A source that has no column ``item``, two rows for an item, or two sources with the same column.
    """
    from recoverymetrics.refine.sources import item_frame

    frame = pd.DataFrame({"item": list(scale.items)})
    frame["factor"] = [scale.factor_of(item) for item in scale.items]
    origins: dict[str, str] = {}
    extracted = {name: item_frame(name, result, scale) for name, result in more.items() if result is not None}
    for origin, source in {**(sources or {}), **extracted}.items():
        frame = _join(frame, origin, source, origins)
    pairs = pd.DataFrame(columns=["item", "item_2"]) if pairs is None else pairs.reset_index(drop=True)
    frame = _mark_pairs(frame, pairs)
    if "redundancy" in frame:
        origins.update({"redundancy": "local dependence", "redundant_stronger": "local dependence"})
    return EvidenceTable(frame, origins, pairs)


def _join(frame: pd.DataFrame, origin: str, source: pd.DataFrame, origins: dict[str, str]) -> pd.DataFrame:
    if "item" not in source.columns:
        raise DataError(f"evidence from {origin!r} has no column 'item'.")
    if source["item"].duplicated().any():
        twice = source.loc[source["item"].duplicated(), "item"].iloc[0]
        raise DataError(f"evidence from {origin!r} has two rows for item {twice!r}.")
    clash = [c for c in source.columns if c != "item" and c in frame.columns]
    if clash:
        raise DataError(
            f"evidence from {origin!r} and {origins.get(clash[0], 'the scale')!r} both have a column {clash[0]!r}."
        )
    origins.update({c: origin for c in source.columns if c != "item" and not str(c).endswith("_detail")})
    return frame.merge(source, on="item", how="left")


_STRENGTH = ("residual_correlation", "q3_star", "q3")
"""Columns of the pairs that say how strong the dependence is; the first that is there counts."""


def _mark_pairs(frame: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    if pairs.empty:
        return frame
    quality = frame.set_index("item")
    rank = quality["information"] if "information" in quality else quality.get("loading")
    strength = next((pairs[c] for c in _STRENGTH if c in pairs), pd.Series(1.0, index=pairs.index))
    redundancy: dict[str, float] = {}
    with_stronger: dict[str, list[str]] = {}
    with_weaker: dict[str, list[str]] = {}
    for a, b, size in zip(pairs["item"], pairs["item_2"], strength, strict=True):
        weaker, stronger = _order(a, b, rank)
        redundancy[weaker] = max(redundancy.get(weaker, 0.0), float(size))
        with_stronger.setdefault(weaker, []).append(stronger)
        with_weaker.setdefault(stronger, []).append(weaker)
    return frame.assign(
        redundancy=frame["item"].map(redundancy),
        redundancy_detail=frame["item"].map(_partners(with_stronger)).fillna(""),
        redundant_stronger=frame["item"].isin(list(with_weaker)),
        redundant_stronger_detail=frame["item"].map(_partners(with_weaker)).fillna(""),
    )


def _partners(names: Mapping[str, Sequence[str]]) -> dict[str, str]:
    return {item: "with " + ", ".join(others) for item, others in names.items()}


def _order(a: str, b: str, rank: pd.Series | None) -> tuple[str, str]:
    if rank is None:
        return b, a
    return (a, b) if float(rank.get(a, 0.0)) < float(rank.get(b, 0.0)) else (b, a)
