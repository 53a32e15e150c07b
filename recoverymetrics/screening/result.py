"""The screening result: tables per item, person, rule and missing pattern."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from recoverymetrics.display import AbstractResult, Table
from recoverymetrics.errors import DataError
from recoverymetrics.instrument import Note, Responses, to_pandas
from recoverymetrics.instrument.notes import condense
from recoverymetrics.screening.missing import LittleTest
from recoverymetrics.typing import IntoFrame

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class ScreeningResult(AbstractResult):
    """What a screening found. Nothing is removed; persons and items are only flagged.

    Attributes
    ----------
    item_table : pandas.DataFrame
        One row per group and item; the group ``"all"`` comes first.
    person_table : pandas.DataFrame
        One row per person, in the order of the data.
    rules : pandas.DataFrame
        One row per rule: ``rule``, ``tail``, ``cutoff``, ``expected`` (share of simulated attentive persons
        beyond it), ``n_careless``.
    patterns : pandas.DataFrame
        One row per missing pattern, most frequent first: ``pattern`` (items missing), ``n_missing``, ``n``.
    mcar : LittleTest
        Little's test.
    totals : mapping
        Numbers for ``glance``.
    notes : tuple of Note
        Notes of the responses and of the screening.
    """

    item_table: pd.DataFrame = field(repr=False)
    person_table: pd.DataFrame = field(repr=False)
    rules: pd.DataFrame = field(repr=False)
    patterns: pd.DataFrame = field(repr=False)
    mcar: LittleTest
    totals: dict[str, Any]
    notes: tuple[Note, ...] = field(repr=False)

    def tidy(self) -> pd.DataFrame:
        """One row per item, for everybody (``group`` is ``"all"``) and for each group.

        Columns: ``group``, ``item``, ``n``, ``n_missing``, ``missing`` (share), ``mean``, ``sd``, ``skew``,
        ``kurtosis``, ``floor``, ``ceiling``, ``n_categories``, ``n_empty``, ``n_sparse``, ``min_count``,
        ``item_rest``, ``floor_effect``, ``ceiling_effect``, ``zero_variance``, ``keying_suspect``, ``findings``.
        """
        return self.item_table.copy()

    def persons(self) -> pd.DataFrame:
        """One row per person.

        Columns: ``id`` (when there is one), ``group``, ``n_answered``, ``missing``, ``longstring``, ``irv``,
        ``autocorrelation``, ``even_odd``, ``mahalanobis``, ``p_value`` (of the distance, chi-square),
        ``synonyms``, ``antonyms``, ``person_total``, ``flagged``, ``rules`` (names of the rules that hold).
        """
        return self.person_table.copy()

    def augment(self, data: IntoFrame) -> pd.DataFrame:
        """Put the person columns beside the data that were screened.

        Raises
        ------
        DataError
            When ``data`` has another number of rows.
        """
        frame = (
            pd.concat([data.data, data.frame()], axis=1) if isinstance(data, Responses) else to_pandas(data)
        )
        if len(frame) != len(self.person_table):
            raise DataError(f"data have {len(frame)} rows, {len(self.person_table)} persons were screened.")
        found = self.person_table.drop(columns=["id", "group"], errors="ignore")
        clash = [column for column in found.columns if column in frame.columns]
        named = found.rename(columns={column: f"screen_{column}" for column in clash})
        return pd.concat([frame.reset_index(drop=True), named], axis=1)

    def glance(self) -> pd.DataFrame:
        """One row: sizes, missingness, Little's test, flagged persons, extremes of the total."""
        return pd.DataFrame([self.totals])

    @property
    def flagged(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Persons flagged as careless, shape (n,)."""
        return self.person_table["flagged"].to_numpy(dtype=bool)

    def flagged_items(self, flag: str | None = None) -> list[str]:
        """Items with a flag (``"floor"``, ``"ceiling"``, ``"empty"``, ``"sparse"``, ``"zero_variance"``, ``"keying"``),
        or with any, in the rows for everybody.
        """
        rows = self.item_table[self.item_table["group"] == "all"]
        hits = rows["findings"].str.split(", ").map(lambda flags: flag in flags if flag else flags != [""])
        return list(rows.loc[hits, "item"])

    def _title(self) -> str:
        return "Screening of the responses"

    def _tables(self) -> tuple[Table, ...]:
        items = self.item_table[self.item_table["group"] == "all"].drop(columns="group")
        notes = tuple(condense(self.notes))
        return (
            Table("Overview", self.glance(), notes),
            Table(
                "Items",
                items.drop(columns=["floor_effect", "ceiling_effect", "zero_variance", "keying_suspect"]),
            ),
            Table("Rules for careless responding", self.rules),
            Table("Most frequent missing patterns", self.patterns.head(10)),
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Share of missing responses per item and group, as a heat map."""
        import matplotlib.pyplot as plt

        table = self.item_table.pivot(index="item", columns="group", values="missing")
        order = (
            self.item_table.drop_duplicates("item")["item"],
            self.item_table.drop_duplicates("group")["group"],
        )
        table = table.loc[order[0].tolist(), order[1].tolist()]
        if ax is None:
            _, ax = plt.subplots(figsize=(1.5 + 0.7 * table.shape[1], 1.5 + 0.22 * table.shape[0]))
        image = ax.imshow(table.to_numpy(), aspect="auto", cmap="Blues", vmin=0.0)
        ax.set_xticks(range(table.shape[1]), table.columns)
        ax.set_yticks(range(table.shape[0]), table.index)
        ax.figure.colorbar(image, ax=ax, label="share missing")
        return ax
