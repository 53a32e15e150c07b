"""Category probabilities, expected scores and information along the latent variable, as frames."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from recoverymetrics.errors import DataError
from recoverymetrics.irt.calibration import Estimated, group_index
from recoverymetrics.irt.persons import item_curves, probabilities_by_item
from recoverymetrics.typing import FloatArray

GRID: tuple[float, ...] = tuple(np.linspace(-4, 4, 81).round(10).tolist())
"""Latent values at which curves are given by default."""


def latent_points(est: Estimated, theta: npt.ArrayLike) -> FloatArray:
    """Read latent values as (Q, D); a vector for several factors moves the first one and holds the rest at 0."""
    D = len(est.layout.structure.factors)
    values = np.asarray(theta, dtype=float)
    if values.ndim == 2 and values.shape[1] == D:
        return values
    if values.ndim == 2 and values.shape[1] != 1:
        raise DataError(f"theta has {values.shape[1]} columns, the model has {D} factors.")
    points = np.zeros((values.size, D))
    points[:, 0] = values.ravel()
    return points


def probability_frame(est: Estimated, theta: npt.ArrayLike, group: str | None = None) -> pd.DataFrame:
    """Category probabilities, one row per theta, item and category.

    Returns
    -------
    DataFrame
        Columns theta (the first factor), item, category (original value), probability.
    """
    points = latent_points(est, theta)
    tables = probabilities_by_item(est.layout, est.extended, group_index(est.layout, group), points)
    parts = []
    for item, values, table in zip(est.layout.items, est.coded.categories, tables, strict=True):
        parts.append(
            pd.DataFrame(
                {
                    "theta": np.repeat(points[:, 0], len(values)),
                    "item": item,
                    "category": np.tile(values, points.shape[0]),
                    "probability": table.T.ravel(),
                }
            )
        )
    frame = pd.concat(parts, ignore_index=True)
    whole = frame["category"] % 1 == 0
    return frame.astype({"category": int}) if whole.all() else frame


def item_information(est: Estimated, theta: npt.ArrayLike, group: str | None = None) -> FloatArray:
    """Fisher information of each item in the direction of the first factor, shape (J, Q)."""
    points = latent_points(est, theta)
    out = np.zeros((len(est.layout.items), points.shape[0]))
    for curves in item_curves(est.layout, est.extended, group_index(est.layout, group), points):
        own = np.sum(curves.p * curves.first**2, axis=1)
        out[curves.items] = own * curves.slopes[:, :1] ** 2
    return out


def information_frame(est: Estimated, theta: npt.ArrayLike, group: str | None = None) -> pd.DataFrame:
    """Information of each item and of the test.

    Returns
    -------
    DataFrame
        Columns theta, one per item, test (their sum) and std_error (one over its square root).
    """
    points = latent_points(est, theta)
    table = item_information(est, theta, group)
    frame = pd.DataFrame(table.T, columns=list(est.layout.items))
    frame.insert(0, "theta", points[:, 0])
    total = table.sum(axis=0)
    with np.errstate(divide="ignore"):
        return frame.assign(test=total, std_error=1.0 / np.sqrt(total))


def expected_scores(est: Estimated, theta: npt.ArrayLike, group: str | None = None) -> pd.DataFrame:
    """Expected item scores and expected test score in the units of the responses.

    Returns
    -------
    DataFrame
        Columns theta, one per item, test.
    """
    points = latent_points(est, theta)
    tables = probabilities_by_item(est.layout, est.extended, group_index(est.layout, group), points)
    scores = {
        item: values @ table
        for item, values, table in zip(est.layout.items, est.coded.categories, tables, strict=True)
    }
    frame = pd.DataFrame(scores)
    frame.insert(0, "theta", points[:, 0])
    return frame.assign(test=frame[list(est.layout.items)].sum(axis=1))
