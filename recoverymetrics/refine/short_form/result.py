"""A short form: items, information kept, coverage, and how its scores behave in other persons."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from recoverymetrics.display import AbstractResult, Table
from recoverymetrics.instrument import read_items
from recoverymetrics.refine.short_form.evaluation import score_agreement
from recoverymetrics.typing import GroupSpec, IntoFrame

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class ShortForm(AbstractResult):
    """The selected items and what was kept and lost.

    Attributes
    ----------
    items : tuple of str
        Selected items, in the order of the full scale.
    full_items : tuple of str
        Items that could be chosen from.
    information : pandas.DataFrame
        ``factor group theta full short share``: information of the full scale and of the short form at each
        target.
    table : pandas.DataFrame
        ``item selected element``: one row per item of the full scale.
    coverage : pandas.DataFrame
        ``element n_items items covered``: one row per element that should be covered.
    objective, bound, gap : float
        Smallest share of information kept; the proven upper bound of it; their relative difference.
    optimal : bool
        Whether no better selection exists.
    held_out : pandas.DataFrame
        ``group`` and the score agreement in persons who were not used for calibration; empty without
        ``holdout``.
    notes : tuple of str
        What the reader must know.
    """

    items: tuple[str, ...]
    full_items: tuple[str, ...]
    information: pd.DataFrame
    table: pd.DataFrame
    coverage: pd.DataFrame
    objective: float
    bound: float
    gap: float
    optimal: bool
    held_out: pd.DataFrame
    notes: tuple[str, ...] = ()

    @property
    def converged(self) -> bool:
        """Whether the solver proved that the selection is optimal."""
        return self.optimal

    @property
    def uncovered(self) -> tuple[str, ...]:
        """Elements without an item in the short form."""
        return tuple(self.coverage.loc[~self.coverage["covered"].astype(bool), "element"])

    def tidy(self) -> pd.DataFrame:
        """One row per item of the full scale."""
        return self.table.copy()

    def glance(self) -> pd.DataFrame:
        """One row: length, smallest and mean share of information kept, bound, gap, coverage."""
        row = {
            "n_items": len(self.items),
            "n_items_full": len(self.full_items),
            "share_minimum": self.objective,
            "share_mean": float(self.information["share"].mean()),
            "bound": self.bound,
            "gap": self.gap,
            "n_elements": len(self.coverage),
            "n_uncovered": len(self.uncovered),
            "converged": self.converged,
            "admissible": not self.uncovered,
        }
        if len(self.held_out):
            row["correlation_corrected"] = float(self.held_out["correlation_corrected"].min())
        return pd.DataFrame([row])

    @property
    def admissible(self) -> bool:
        """Whether every element is covered."""
        return not self.uncovered

    def evaluate(
        self, data: IntoFrame, *, group: GroupSpec = None, full_items: Sequence[str] | None = None
    ) -> pd.DataFrame:
        """Compare the short form's sum score with the full scale's, in persons who were not used for
        calibration.

        Parameters
        ----------
        data : Responses, DataFrame, mapping or 2-D array
            Responses of other persons, keyed in one direction.
        group : str or array-like, optional
            One row per group.
        full_items : sequence of str, optional
            Items of the full scale; by default those of the calibration.

        Returns
        -------
        pandas.DataFrame
            ``group n correlation correlation_corrected reliability reliability_full mean_difference``: see
            ``score_agreement``.
        """
        record = read_items(data, items=list(full_items or self.full_items), group=group)
        return score_agreement(record, self.items)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Share of the information kept along theta, one line per group."""
        import matplotlib.pyplot as plt

        if ax is None:
            _, ax = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
        names = ["factor", "group"] if self.information["factor"].nunique() > 1 else ["group"]
        for label, part in self.information.groupby(names, sort=False):
            text = " · ".join(map(str, np.atleast_1d(np.array(label, dtype=object))))
            ax.plot(part["theta"], part["share"], marker="o", ms=4, lw=1.3, label=text)
        ax.axhline(self.objective, color="#b2182b", lw=1, ls="--")
        ax.set_ylim(0, 1)
        ax.set_xlabel("theta")
        ax.set_ylabel("share of the full scale's information")
        ax.set_title(
            f"Short form of {len(self.items)} of {len(self.full_items)} items", loc="left", fontsize=11
        )
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(color="#e6e6e6", linewidth=0.8)
        if len(self.information.groupby(names)) > 1:
            ax.legend(frameon=False, fontsize=9)
        return ax

    def _title(self) -> str:
        return f"Short form: {len(self.items)} of {len(self.full_items)} items"

    def _tables(self) -> tuple[Table, ...]:
        proof = (
            "proven optimal" if self.optimal else f"not proven optimal, at most {self.bound:.4f} is possible"
        )
        note = f"smallest share of information kept: {self.objective:.4f} ({proof})"
        tables = [
            Table(self._title(), self.table, (note, *self.notes)),
            Table("Information", self.information),
        ]
        if len(self.coverage):
            tables.append(Table("Coverage", self.coverage))
        if len(self.held_out):
            tables.append(Table("Scores of other persons", self.held_out))
        return tuple(tables)
