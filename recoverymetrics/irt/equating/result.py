"""``EquatingResult``: the table from old to new scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from recoverymetrics.display import AbstractResult, Table
from recoverymetrics.typing import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, repr=False)
class EquatingResult(AbstractResult):
    """Which score on the second form stands for each score on the first.

    Attributes
    ----------
    method : str
        How it was found.
    score : ndarray, shape (S,)
        Scores of the first form.
    equated : ndarray, shape (S,)
        Equivalent scores of the second form, not rounded.
    std_error : ndarray, shape (S,)
        Bootstrap standard errors; NaN when none were asked for.
    n_first, n_second : int
        Persons behind the two forms.
    notes : tuple of str
        What was decided on the way.
    """

    method: str
    score: FloatArray
    equated: FloatArray
    std_error: FloatArray
    n_first: int
    n_second: int
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        """Method and range."""
        return f"EquatingResult({self.method}, {self.score.size} scores)"

    def tidy(self) -> pd.DataFrame:
        """One row per score: score, equated, std_error, rounded."""
        return pd.DataFrame(
            {
                "score": self.score,
                "equated": self.equated,
                "std_error": self.std_error,
                "rounded": np.floor(self.equated + 0.5),
            }
        )

    def glance(self) -> pd.DataFrame:
        """One row: method, n_first, n_second, n_scores, mean_difference, largest."""
        gap = self.equated - self.score
        return pd.DataFrame(
            {
                "method": [self.method],
                "n_first": self.n_first,
                "n_second": self.n_second,
                "n_scores": self.score.size,
                "mean_difference": float(gap.mean()),
                "largest": float(np.abs(gap).max()),
            }
        )

    def transform(self, scores: npt.ArrayLike) -> FloatArray:
        """Equated scores of persons; between the scores of the table by interpolation, NaN outside it."""
        value: FloatArray = np.interp(
            np.asarray(scores, dtype=float), self.score, self.equated, left=np.nan, right=np.nan
        )
        return value

    def plot(self, ax: Axes | None = None) -> Axes:
        """Equated score minus score, with two standard errors to either side."""
        import matplotlib.pyplot as plt

        axes = ax if ax is not None else plt.subplots(figsize=(6.4, 4.0), layout="constrained")[1]
        gap = self.equated - self.score
        if np.isfinite(self.std_error).any():
            axes.fill_between(
                self.score,
                gap - 2 * self.std_error,
                gap + 2 * self.std_error,
                color="#1f4e79",
                alpha=0.15,
                lw=0,
            )
        axes.axhline(0, color="0.6", linewidth=0.8)
        axes.plot(self.score, gap, color="#1f4e79", marker="o", markersize=3)
        axes.set(xlabel="score on the first form", ylabel="equated score minus score")
        return axes

    def _title(self) -> str:
        return f"Equating ({self.method.replace('_', ' ')})"

    def _tables(self) -> tuple[Table, ...]:
        return Table("Overview", self.glance(), notes=self.notes), Table("Scores", self.tidy())
