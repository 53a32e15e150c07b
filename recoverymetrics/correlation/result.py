"""Results of the correlation functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from recoverymetrics.correlation.moments import GroupMoments
from recoverymetrics.display import AbstractResult
from recoverymetrics.errors import DataError, OptionError
from recoverymetrics.typing import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def check_level(conf_level: float) -> None:
    """Refuse levels of confidence that are no probability."""
    if not 0.0 < conf_level < 1.0:
        raise OptionError(f"conf_level={conf_level!r} must lie between 0 and 1, such as 0.95.")


@dataclass(frozen=True)
class CorrelationResult(AbstractResult):
    """Correlations of items, by group where there are groups.

    Attributes
    ----------
    items : tuple of str
        Items.
    moments : tuple of GroupMoments
        One record per group.
    method : str
        Kind of correlation.
    missing : str
        How missing responses were treated.
    n_missing : int
        Missing responses in the data.
    n_dropped : int
        Rows left out by ``missing="listwise"``.
    grouped : bool
        Whether groups were given.
    notes : tuple of str
        What the analyst should know; also issued as warnings.
    acov_terms : tuple of str
        Names of the rows of ``acov``.
    categories : tuple of ndarray
        Response value of each category, for ordered items.
    """

    items: tuple[str, ...]
    moments: tuple[GroupMoments, ...]
    method: str
    missing: str
    n_missing: int
    n_dropped: int
    grouped: bool
    notes: tuple[str, ...] = ()
    acov_terms: tuple[str, ...] = ()
    categories: tuple[FloatArray, ...] = ()

    @property
    def groups(self) -> tuple[str, ...]:
        """Group labels."""
        return tuple(m.label for m in self.moments)

    @property
    def converged(self) -> bool:
        """Whether every correlation was found."""
        return all(m.converged for m in self.moments)

    @property
    def admissible(self) -> bool:
        """Whether every matrix is positive definite and no correlation ran to +-1."""
        inside = all(m.boundary is None or not m.boundary.any() for m in self.moments)
        return inside and all(m.positive_definite for m in self.moments)

    @property
    def correlations(self) -> pd.DataFrame:
        """Correlation matrix, items by items; with groups, ``correlations["EUR"]`` is that group's matrix."""
        return self._by_group([self._square(m.correlations) for m in self.moments])

    @property
    def pair_n(self) -> pd.DataFrame:
        """Persons per pair."""
        return self._by_group([self._square(m.pair_n) for m in self.moments])

    @property
    def std_errors(self) -> pd.DataFrame:
        """Standard errors of the correlations."""
        return self._by_group([self._square(m.std_errors) for m in self.moments])

    @property
    def covariance(self) -> pd.DataFrame | None:
        """Covariance matrix of continuous items; None for ordered ones."""
        blocks = [m.covariance for m in self.moments if m.covariance is not None]
        return self._by_group([self._square(block) for block in blocks]) if blocks else None

    @property
    def means(self) -> pd.DataFrame | None:
        """Means of continuous items, one column per group; None for ordered ones."""
        columns = {m.label: m.means for m in self.moments if m.means is not None}
        return pd.DataFrame(columns, index=list(self.items)) if columns else None

    @property
    def thresholds(self) -> pd.DataFrame | None:
        """Thresholds, items by ``t1, t2, ...``; NaN where an item has fewer; None for continuous items."""
        tables = [self._threshold_table(m) for m in self.moments if m.tau is not None]
        return self._by_group(tables) if tables else None

    @property
    def acov(self) -> pd.DataFrame | None:
        """``n`` times the asymptotic covariance matrix, where it was asked for.

        Rows and columns: thresholds (``item|t1``) item by item where items are ordered, then correlations
        (or covariances) in the order (2,1), (3,1), ..., (p,1), (3,2), ...
        """
        names = list(self.acov_terms)
        blocks = [pd.DataFrame(m.acov, names, names) for m in self.moments if m.acov is not None]
        return self._by_group(blocks) if blocks else None

    def tidy(self, *, conf_level: float = 0.95) -> pd.DataFrame:
        """One row per pair of items and group, with a standard error and an interval (Fisher's z)."""
        check_level(conf_level)
        tables = [self._pairs(m, conf_level) for m in self.moments]
        return pd.concat(tables, ignore_index=True)

    def glance(self) -> pd.DataFrame:
        """One row: size, missing data, empty cells, boundary correlations, positive definiteness."""
        cells = [int(np.triu(m.empty_cells, 1).sum()) for m in self.moments if m.empty_cells is not None]
        edges = [int(np.triu(m.boundary, 1).sum()) for m in self.moments if m.boundary is not None]
        smallest = [m.smoothing.smallest_eigenvalue for m in self.moments if m.smoothing is not None]
        row = {
            "method": self.method,
            "missing": self.missing,
            "n": sum(m.n for m in self.moments),
            "n_items": len(self.items),
            "n_groups": len(self.moments),
            "n_missing": self.n_missing,
            "n_dropped": self.n_dropped,
            "n_empty_categories": sum(len(m.empty) for m in self.moments),
            "n_empty_cells": sum(cells),
            "n_boundary": sum(edges),
            "smallest_eigenvalue": min(smallest, default=np.nan),
            "smoothed": any(m.smoothed for m in self.moments),
            "converged": self.converged,
            "admissible": self.admissible,
        }
        return pd.DataFrame([row])

    def plot(self, *, group: str | None = None, ax: Axes | None = None, annotate: bool | None = None) -> Axes:
        """Heat map of one group's correlations.

        Parameters
        ----------
        group : str, optional
            Group to show; the first by default.
        ax : matplotlib.axes.Axes, optional
            Axes to draw on.
        annotate : bool, optional
            Write the numbers; by default up to 16 items.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from recoverymetrics.correlation.figures import draw_heat_map

        if group is not None and group not in self.groups:
            raise DataError(
                f"there is no group {group!r}; the groups are {', '.join(map(repr, self.groups))}."
            )
        chosen = self.moments[0] if group is None else self.moments[self.groups.index(group)]
        title = f"{self.method.capitalize()} correlations" + (f", {chosen.label}" if self.grouped else "")
        return draw_heat_map(self._square(chosen.correlations), title=title, ax=ax, annotate=annotate)

    def _title(self) -> str:
        return f"{self.method.capitalize()} correlations of {len(self.items)} items"

    def _square(self, matrix: FloatArray) -> pd.DataFrame:
        return pd.DataFrame(matrix, index=list(self.items), columns=list(self.items))

    def _by_group(self, tables: list[pd.DataFrame]) -> pd.DataFrame:
        return pd.concat(tables, axis=1, keys=list(self.groups)) if self.grouped else tables[0]

    def _threshold_table(self, moments: GroupMoments) -> pd.DataFrame:
        if moments.tau is None:
            raise AttributeError("these correlations have no thresholds")
        steps = np.array([len(c) - 1 for c in self.categories])
        kept = np.arange(moments.tau.shape[1])[None, :] < steps[:, None]
        names = [f"t{k + 1}" for k in range(moments.tau.shape[1])]
        return pd.DataFrame(np.where(kept, moments.tau, np.nan), index=list(self.items), columns=names)

    def _pairs(self, moments: GroupMoments, conf_level: float) -> pd.DataFrame:
        first, second = np.triu_indices(len(self.items), 1)
        estimate = moments.correlations[first, second]
        error = moments.std_errors[first, second]
        with np.errstate(divide="ignore", invalid="ignore"):
            z, half = np.arctanh(estimate), ndtri(0.5 + conf_level / 2) * error / (1.0 - estimate**2)
        columns: dict[str, Any] = {
            "group": moments.label,
            "item": np.array(self.items, dtype=object)[first],
            "item_2": np.array(self.items, dtype=object)[second],
            "estimate": estimate,
            "std_error": error,
            "conf_low": np.tanh(z - half),
            "conf_high": np.tanh(z + half),
            "n": moments.pair_n[first, second],
        }
        if moments.empty_cells is not None and moments.boundary is not None:
            columns["n_empty_cells"] = moments.empty_cells[first, second]
            columns["boundary"] = moments.boundary[first, second]
        return pd.DataFrame(columns)


@dataclass(frozen=True)
class PolychoricResult(CorrelationResult):
    """Polychoric correlations with thresholds; see :class:`CorrelationResult` for the shared attributes."""

    def tidy_thresholds(self) -> pd.DataFrame:
        """One row per threshold and group: group, item, term, estimate, std_error."""
        tables = []
        for moments in self.moments:
            estimate = self._threshold_table(moments)
            rows, columns = np.nonzero(~np.isnan(estimate.to_numpy()))
            errors = moments.tau_errors
            tables.append(
                pd.DataFrame(
                    {
                        "group": moments.label,
                        "item": np.array(self.items, dtype=object)[rows],
                        "term": [f"t{k + 1}" for k in columns],
                        "estimate": estimate.to_numpy()[rows, columns],
                        "std_error": np.nan if errors is None else errors[rows, columns],
                    }
                )
            )
        return pd.concat(tables, ignore_index=True)
