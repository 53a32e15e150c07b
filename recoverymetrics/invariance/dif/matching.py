"""Matching scores: what makes persons of different groups comparable on an item."""

from __future__ import annotations

import numpy as np

from recoverymetrics.invariance.dif.data import DIFData
from recoverymetrics.typing import BoolArray, FloatArray


def sum_scores(
    data: DIFData, anchors: BoolArray, *, include: bool, weights: FloatArray | None = None
) -> FloatArray:
    """Sum of the anchor items of each item's scale, prorated over missing answers.

    Parameters
    ----------
    data : DIFData
        The responses.
    anchors : ndarray of bool, shape (p,)
        Items free of DIF so far.
    include : bool
        Whether the studied item counts (total score) or not (rest score).
    weights : ndarray, shape (p,), optional
        Weight of each item in the sum; one by default.

    Returns
    -------
    ndarray, shape (n, p)
        Column j matches persons for item j; NaN where a person answered none of its anchors. A person who
        answered a part is given ``points / possible points of the answered x possible points of all``.
    """
    answered = data.answered
    scale = np.ones(len(data.items)) if weights is None else weights
    points = np.where(answered, data.scores, 0.0) * scale
    highest = data.maximum * scale
    p = len(data.items)
    weight = (data.scale_of[:, None] == data.scale_of[None, :]) & anchors[:, None]
    weight[np.arange(p), np.arange(p)] = include
    used = weight.astype(float)
    total = points @ used
    possible = (answered * highest) @ used
    full = highest @ used
    with np.errstate(invalid="ignore", divide="ignore"):
        prorated = np.where(possible == full, total, total / possible * full)
    return np.where(possible > 0, np.round(prorated, 9), np.nan)


def weighted_percentages(data: DIFData, anchors: BoolArray, weights: FloatArray) -> FloatArray:
    """Weighted sum of the anchors and the studied item in percent of what is possible, in steps of a half, (n, p).

    The steps let persons share table cells; they are far below the standard error of any score.
    """
    total = sum_scores(data, anchors, include=True, weights=weights)
    p = len(data.items)
    used = (data.scale_of[:, None] == data.scale_of[None, :]) & anchors[:, None]
    used[np.arange(p), np.arange(p)] = True
    possible = (data.maximum * weights) @ used
    return np.asarray(np.round(200.0 * total / possible) / 2.0, dtype=float)
