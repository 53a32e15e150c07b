"""Graded item response models as configural input."""

from __future__ import annotations

from typing import Any

import numpy as np

from recoverymetrics.invariance.alignment.extract import FactorParameters
from recoverymetrics.invariance.alignment.kernel import Configural


def graded_factor(fit: Any, factor: str, items: tuple[str, ...]) -> FactorParameters:
    """Read slopes and intercepts of a fit without equalities across groups, with their covariance."""
    table = fit.parameter_table
    groups = list(fit.groups_labels)
    book = {
        (row.group, row.item, row.parameter): (row.estimate, int(row.free) - 1) for row in table.itertuples()
    }
    names = [
        (item, name)
        for item in items
        for name in table.loc[(table["item"] == item) & (table["group"] == groups[0]), "parameter"]
        if name.startswith("d")
    ]
    loading = [[book[(label, item, "a1")] for item in items] for label in groups]
    level = [[book[(label, item, name)] for item, name in names] for label in groups]
    slots = np.array([s for block in (loading, level) for row in block for _, s in row])
    free = np.flatnonzero(slots >= 0)
    covariance = np.zeros((slots.size, slots.size))
    if fit.covariance is not None:
        covariance[np.ix_(free, free)] = fit.covariance[np.ix_(slots[free], slots[free])]
    owner = np.array([items.index(item) for item, _ in names], dtype=np.int64)
    configural = Configural(
        np.array([[v for v, _ in row] for row in loading]),
        np.array([[v for v, _ in row] for row in level]),
        owner,
    )
    ones = np.ones(configural.loadings.shape)
    names_out = tuple(f"{item}|t{name[1:]}" for item, name in names)
    return FactorParameters(factor, items, names_out, configural, ones, covariance)
