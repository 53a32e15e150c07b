"""The parameter table: which model parameter of which item and group sits in which free slot.

Every constraint (equal slopes, anchors, fixed values, common steps) is an edit of this table: two cells with
the same slot are one parameter, a cell with a constant is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from recoverymetrics.irt.models import ItemModel
from recoverymetrics.irt.structure import Structure
from recoverymetrics.typing import FloatArray, IntArray


@dataclass(frozen=True)
class Batch:
    """Items of one model, one number of categories and one number of slopes, worked on together.

    Attributes
    ----------
    model : ItemModel
        Response function.
    K : int
        Number of categories.
    items : ndarray of int, shape (B,)
        Position of each row's item in the data.
    slots : ndarray of int, shape (B, P)
        Place of each parameter (slopes, then shape) in the extended parameter vector.
    dims : ndarray of int, shape (B, m)
        Node dimension that each slope multiplies.
    factors : ndarray of int, shape (B, m)
        Factor that each slope belongs to.
    columns : ndarray of int, shape (B, K)
        Rows of the stacked category tables.
    """

    model: ItemModel
    K: int
    items: IntArray
    slots: IntArray
    dims: IntArray
    factors: IntArray
    columns: IntArray

    @property
    def names(self) -> list[tuple[str, ...]]:
        """Parameter names of each row."""
        shape = self.model.shape_names(self.K)
        return [(*(f"a{f + 1}" for f in row), *shape) for row in self.factors]


@dataclass(frozen=True)
class Layout:
    """Slots of all parameters.

    Attributes
    ----------
    items, groups : tuple of str
        Labels.
    structure : Structure
        Loading pattern.
    batches : tuple of Batch
        Item parameters. A row serves every group that shares all parameters of the item.
    place : ndarray of int, shape (G, J, 2)
        Batch and row that serve an item in a group.
    group_columns : tuple of ndarray
        For each group, the rows of the stacked category tables in the order of the one-hot columns.
    latent : ndarray of int, shape (G, T)
        Slots of latent means, of the lower triangle of the covariance matrix, and of the angles of a Davidian curve.
    n_free : int
        Number of free parameters.
    constants : ndarray
        Values behind the free parameters in the extended vector.
    labels : tuple of (str, str, str)
        Group (``"all"`` when shared), item (``""`` for latent parameters) and name of each free parameter.
    regression : ndarray of int, shape (R, D)
        Slots of the coefficients of a latent regression; no rows without covariates.
    terms : tuple of str
        Names of the coded covariates.
    """

    items: tuple[str, ...]
    groups: tuple[str, ...]
    structure: Structure
    batches: tuple[Batch, ...]
    place: IntArray
    group_columns: tuple[IntArray, ...]
    latent: IntArray
    n_free: int
    constants: FloatArray
    labels: tuple[tuple[str, str, str], ...]
    regression: IntArray = field(default_factory=lambda: np.zeros((0, 1), dtype=np.int64))
    terms: tuple[str, ...] = ()

    @property
    def n_columns(self) -> int:
        """Rows of the stacked category tables."""
        return int(sum(batch.columns.size for batch in self.batches))

    @property
    def n_primary(self) -> int:
        """Number of primary factors."""
        return self.structure.n_primary

    @property
    def n_moments(self) -> int:
        """Means and different covariances of the primary factors."""
        return self.n_primary + self.n_primary * (self.n_primary + 1) // 2

    def angles(self, extended: FloatArray, g: int) -> FloatArray:
        """Shape of the Davidian curve of a group; empty for normal densities."""
        value: FloatArray = extended[self.latent[g, self.n_moments :]]
        return value

    def extend(self, x: FloatArray) -> FloatArray:
        """Free parameters followed by the constants."""
        return np.concatenate([x, self.constants])

    def moments(self, extended: FloatArray, g: int) -> tuple[FloatArray, FloatArray]:
        """Mean vector and covariance matrix of the primary factors in a group."""
        D = self.n_primary
        values = extended[self.latent[g]]
        cov = np.zeros((D, D))
        cov[np.tril_indices(D)] = values[D : self.n_moments]
        return values[:D], cov + np.tril(cov, -1).T

    def with_known_moments(self, x: FloatArray) -> tuple[Layout, FloatArray]:
        """Hold the latent moments at their values in ``x``; the layout and the parameters left."""
        latent = np.unique(self.latent[self.latent < self.n_free])
        kept = np.setdiff1d(np.arange(self.n_free), latent)
        moved = np.empty(self.n_free + self.constants.size, dtype=np.int64)
        moved[kept] = np.arange(kept.size)
        moved[self.n_free :] = kept.size + np.arange(self.constants.size)
        moved[latent] = kept.size + self.constants.size + np.arange(latent.size)
        layout = replace(
            self,
            batches=tuple(replace(b, slots=moved[b.slots]) for b in self.batches),
            latent=moved[self.latent],
            n_free=kept.size,
            constants=np.concatenate([self.constants, x[latent]]),
            labels=tuple(self.labels[k] for k in kept),
        )
        return layout, x[kept]

    def cells(self) -> Iterator[tuple[int, int, str, int]]:
        """Group, item, name and slot of every item parameter."""
        for g in range(len(self.groups)):
            for j in range(len(self.items)):
                b, r = self.place[g, j]
                batch = self.batches[b]
                for name, slot in zip(batch.names[r], batch.slots[r], strict=True):
                    yield g, j, name, int(slot)

    def to_frame(self, x: FloatArray) -> pd.DataFrame:
        """The parameter table as people read it: group, item, parameter, free (0 when fixed), estimate."""
        extended = self.extend(x)
        rows = [(self.groups[g], self.items[j], name, slot) for g, j, name, slot in self.cells()]
        for g, label in enumerate(self.groups):
            rows += [
                (label, "", name, int(s)) for name, s in zip(self.latent_names(), self.latent[g], strict=True)
            ]
        rows += [(self.groups[0], "", name, slot) for name, slot in self.regression_cells()]
        frame = pd.DataFrame(rows, columns=["group", "item", "parameter", "free"])
        frame["estimate"] = extended[frame["free"].to_numpy()]
        frame["free"] = np.where(frame["free"] < self.n_free, frame["free"] + 1, 0)
        return frame

    def regression_cells(self) -> Iterator[tuple[str, int]]:
        """Name and slot of every coefficient of the latent regression."""
        for term, row in zip(self.terms, self.regression, strict=True):
            for d, slot in enumerate(row):
                yield coefficient_name(self.structure, term, d), int(slot)

    def latent_names(self) -> list[str]:
        """Names of the latent parameters in the order of ``latent``."""
        factors = self.structure.factors[: self.n_primary]
        if len(factors) == 1:
            return ["mean", "variance", *(f"angle{i + 1}" for i in range(self.latent.shape[1] - 2))]
        names = [f"mean[{f}]" for f in factors]
        for i, f in enumerate(factors):
            names += [f"cov[{f},{g}]" if i != k else f"variance[{f}]" for k, g in enumerate(factors[: i + 1])]
        return names


def coefficient_name(structure: Structure, term: str, d: int) -> str:
    """Name of a coefficient of the latent regression: ``"beta[age]"``, ``"beta[f1,age]"`` with several factors."""
    return f"beta[{term}]" if structure.n_primary == 1 else f"beta[{structure.factors[d]},{term}]"
