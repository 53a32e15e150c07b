"""Whether groups have the same factors: solutions rotated to a common target, Tucker's congruence per factor."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from recoverymetrics.display import AbstractResult, Table
from recoverymetrics.efa.fit import fit_efa
from recoverymetrics.efa.result import EFAResult
from recoverymetrics.errors import DataError
from recoverymetrics.instrument import read_items
from recoverymetrics.instrument.notes import plural
from recoverymetrics.typing import FloatArray, GroupSpec, IntoFrame

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class StructureComparison(AbstractResult):
    """Factor solutions of several groups beside the solution of everybody.

    Attributes
    ----------
    pooled : EFAResult
        Solution of all persons, the target.
    fits : mapping of str to EFAResult
        Each group's own solution.
    aligned : mapping of str to ndarray, shape (p, k)
        Each group's loadings after orthogonal rotation of the unrotated solution to the target (Schoenemann 1966).
    """

    pooled: EFAResult
    fits: dict[str, EFAResult]
    aligned: dict[str, FloatArray]

    @property
    def converged(self) -> bool:
        """Whether every solution converged."""
        return all(fit.converged for fit in self.fits.values())

    @property
    def admissible(self) -> bool:
        """Whether no group has a Heywood case."""
        return all(fit.admissible for fit in self.fits.values())

    def tidy(self) -> pd.DataFrame:
        """One row per pair of groups and factor: ``group``, ``group_2``, ``factor``, ``estimate``, ``verdict``.

        Above .95 the factors are equal, from .85 similar (Lorenzo-Seva & ten Berge 2006).
        """
        rows = []
        for a, b in combinations(self.fits, 2):
            for factor, value in zip(
                self.pooled.factors, _tucker(self.aligned[a], self.aligned[b]), strict=True
            ):
                verdict = "equal" if value >= 0.95 else "similar" if value >= 0.85 else "different"
                rows.append(
                    {"group": a, "group_2": b, "factor": factor, "estimate": value, "verdict": verdict}
                )
        return pd.DataFrame(rows)

    def items(self) -> pd.DataFrame:
        """One row per item: congruence of its loadings over groups, the mean over pairs; low for items that move."""
        pairs = [_tucker(self.aligned[a].T, self.aligned[b].T) for a, b in combinations(self.fits, 2)]
        return pd.DataFrame({"item": self.pooled.items, "estimate": np.mean(pairs, axis=0)})

    def glance(self) -> pd.DataFrame:
        """One row: groups, factors, smallest and mean congruence."""
        value = self.tidy()["estimate"]
        row = {
            "n": self.pooled.n_obs, "n_groups": len(self.fits), "n_items": len(self.pooled.items),
            "n_factors": self.pooled.n_factors, "congruence_min": value.min(), "congruence_mean": value.mean(),
            "converged": self.converged, "admissible": self.admissible,
        }  # fmt: skip
        return pd.DataFrame([row])

    def plot(self, *, factor: str | None = None, ax: Axes | None = None) -> Axes:
        """Heat map of the congruence between groups, of one factor or the smallest over factors.

        Parameters
        ----------
        factor : str, optional
            Factor to show; by default the smallest congruence over all factors.
        ax : matplotlib.axes.Axes, optional
            Axes to draw on.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from recoverymetrics.correlation.figures import draw_heat_map

        table = self.tidy()
        chosen = table if factor is None else table[table["factor"] == factor]
        groups = list(self.fits)
        square = pd.DataFrame(np.eye(len(groups)), groups, groups)
        for (a, b), value in chosen.groupby(["group", "group_2"])["estimate"].min().items():
            square.loc[a, b] = square.loc[b, a] = value
        title = f"Congruence of {factor}" if factor else "Smallest congruence over factors"
        return draw_heat_map(square, title=title, ax=ax, label="Tucker's congruence", limits=(0.7, 1.0))

    def _title(self) -> str:
        return f"Factor structure in {len(self.fits)} groups"

    def _tables(self) -> tuple[Table, ...]:
        return (
            Table("Overview", self.glance()),
            Table("Congruence of factors", self.tidy()),
            Table("Congruence of items", self.items()),
        )


def compare_structures(
    data: IntoFrame,
    n_factors: int,
    *,
    group: GroupSpec,
    items: Sequence[str] | None = None,
    **options: Any,
) -> StructureComparison:
    """Fit the same number of factors in every group and compare the loadings.

    Parameters
    ----------
    data : Responses, DataFrame, mapping or 2-D array
        One row per person.
    n_factors : int
        Factors.
    group : str or array-like
        Groups, such as regions.
    items : sequence of str, optional
        Item columns.
    **options
        Options of :func:`fit_efa`: ``correlation``, ``extraction``, ``rotation``, ...

    Returns
    -------
    StructureComparison

    Raises
    ------
    DataError
        With fewer than two groups, or a group that has no more rows than items.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> x = np.repeat(rng.normal(size=(500, 2)), 4, axis=1) + rng.normal(size=(500, 8))
    >>> found = compare_structures(x, 2, group=["AFR", "EUR"] * 250, correlation="pearson")
    >>> bool(found.glance()["congruence_min"].item() > 0.95)
    True
    """
    record = read_items(data, items=items, group=group)
    if len(record.groups) < 2:
        raise DataError("comparing structures needs at least two groups; name them with group=.")
    frame = pd.DataFrame(record.values, columns=list(record.items))
    pooled = fit_efa(frame, n_factors, **options)
    fits = {
        label: _fit_group(label, frame[record.group == label], n_factors, options) for label in record.groups
    }
    target = pooled.estimates.loadings
    aligned = {label: _procrustes(fit.estimates.unrotated, target) for label, fit in fits.items()}
    return StructureComparison(pooled, fits, aligned)


def _fit_group(label: str, frame: pd.DataFrame, n_factors: int, options: dict[str, Any]) -> EFAResult:
    """Solution of one group; its warnings name the group."""
    if len(frame) <= frame.shape[1]:
        raise DataError(
            f"group {label!r} has {plural(len(frame), 'row')} for {frame.shape[1]} items, too few for factors of its "
            "own; join it with another group or leave it out."
        )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit = fit_efa(frame, n_factors, **options)
    for warning in caught:
        warnings.warn(f"group {label!r}: {warning.message}", warning.category, stacklevel=3)
    return fit


def _procrustes(loadings: FloatArray, target: FloatArray) -> FloatArray:
    u, _, vt = np.linalg.svd(loadings.T @ target)
    rotated: FloatArray = loadings @ (u @ vt)
    return rotated


def _tucker(a: FloatArray, b: FloatArray) -> FloatArray:
    """Congruence of the columns of two matrices."""
    value: FloatArray = np.sum(a * b, axis=0) / np.sqrt(np.sum(a * a, axis=0) * np.sum(b * b, axis=0))
    return value
