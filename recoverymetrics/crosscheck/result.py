"""Our numbers beside another engine's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from recoverymetrics.display import AbstractResult, Table


@dataclass(frozen=True)
class EngineComparison(AbstractResult):
    """The same model through a second engine.

    Attributes
    ----------
    engine : str
        The other engine.
    version : str
        Its version.
    model : str
        What was compared.
    tolerance : float
        Difference, relative to the larger of 1 and our value, up to which the engines agree.
    frame : pandas.DataFrame
        Columns ``quantity``, ``term``, ``ours``, ``theirs``, ``difference``.
    notes : tuple of str
        How the engine was used, and what was left out because it is wrong there.
    """

    engine: str
    version: str
    model: str
    tolerance: float
    frame: pd.DataFrame
    notes: tuple[str, ...] = ()

    def tidy(self) -> pd.DataFrame:
        """One row per number: quantity, term, ours, theirs, difference (theirs minus ours)."""
        return self.frame.copy()

    def glance(self) -> pd.DataFrame:
        """One row: engine, version, number of terms, largest and mean difference, whether they agree."""
        size = self.frame["difference"].abs()
        return pd.DataFrame(
            {
                "engine": [self.engine],
                "version": [self.version],
                "n_terms": [len(self.frame)],
                "max_difference": [float(size.max())],
                "mean_difference": [float(size.mean())],
                "tolerance": [self.tolerance],
                "within_tolerance": [self.agrees],
            }
        )

    @property
    def agrees(self) -> bool:
        """Whether every difference lies within the tolerance."""
        return bool((self.relative() <= self.tolerance).all())

    def relative(self) -> pd.Series:
        """Differences relative to the larger of 1 and the size of our value."""
        scale = np.maximum(self.frame["ours"].abs(), 1.0)
        return self.frame["difference"].abs() / scale

    def _title(self) -> str:
        return f"{self.model}: recoverymetrics and {self.engine} {self.version}"

    def _tables(self) -> tuple[Table, ...]:
        worst = self.frame.loc[self.relative().sort_values(ascending=False).index].head(10)
        return (Table("Overview", self.glance(), notes=self.notes), Table("Largest differences", worst))
