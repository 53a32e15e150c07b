"""Matching scores: what makes persons of different groups comparable on an item."""

from __future__ import annotations

import numpy as np

from recoverymetrics.invariance.dif.data import DIFData
from recoverymetrics.typing import BoolArray, FloatArray


def sum_scores(data: DIFData, anchors: BoolArray, *, include: bool) -> FloatArray:
    """Sum of the anchor items of each item's scale, prorated over missing answers.

    Parameters
    ----------
    data : DIFData
        The responses.
    anchors : ndarray of bool, shape (p,)
        Items free of DIF so far.
    include : bool
        Whether the studied item counts (total score) or not (rest score).

    Returns
    -------
    ndarray, shape (n, p)
        Column j matches persons for item j; NaN where a person answered none of its anchors. A person who
        answered a part is given ``points / possible points of the answered x possible points of all``.
    """
    answered = data.answered
    points = np.where(answered, data.scores, 0.0)
    p = len(data.items)
    weight = (data.scale_of[:, None] == data.scale_of[None, :]) & anchors[:, None]
    weight[np.arange(p), np.arange(p)] = include
    used = weight.astype(float)
    total = points @ used
    possible = (answered * data.maximum) @ used
    full = data.maximum @ used
    with np.errstate(invalid="ignore", divide="ignore"):
        prorated = np.where(possible == full, total, total / possible * full)
    return np.where(possible > 0, np.round(prorated, 9), np.nan)
