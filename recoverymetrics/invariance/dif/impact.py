"""What flagged items do to the means of groups and to the scores of persons."""

from __future__ import annotations

import numpy as np
import pandas as pd

from recoverymetrics.invariance.dif.data import DIFData
from recoverymetrics.typing import BoolArray, FloatArray


def scale_scores(data: DIFData, keep: BoolArray, scale: int) -> FloatArray:
    """Share of the possible points that a person reached on a scale's kept items; NaN without answers."""
    columns = np.flatnonzero((data.scale_of == scale) & keep)
    answered = data.answered[:, columns]
    points = np.where(answered, data.scores[:, columns], 0.0).sum(axis=1)
    possible = answered @ data.maximum[columns]
    return np.divide(points, possible, out=np.full(points.size, np.nan), where=possible > 0)


def standardised(scores: FloatArray) -> FloatArray:
    """Distance from the mean of all persons in standard deviations."""
    z: FloatArray = (scores - np.nanmean(scores)) / np.nanstd(scores)
    return z


def impact_table(data: DIFData, flagged: BoolArray) -> pd.DataFrame:
    """Means of the groups with all items and without the flagged ones, one row per scale and group."""
    rows = []
    for scale, name in enumerate(data.scale_names):
        full, kept = _both(data, flagged, scale)
        means = {key: _group_means(z, data) for key, z in (("all", full), ("dropped", kept))}
        ranks = {key: _ranks(m) for key, m in means.items()}
        rows += [
            {
                "scale": name,
                "group": label,
                "n": int(data.sizes[g]),
                "mean_all": means["all"][g],
                "mean_dropped": means["dropped"][g],
                "change": means["dropped"][g] - means["all"][g],
                "rank_all": ranks["all"][g],
                "rank_dropped": ranks["dropped"][g],
            }
            for g, label in enumerate(data.groups)
        ]
    return pd.DataFrame(rows)


def person_impact(data: DIFData, flagged: BoolArray) -> pd.DataFrame:
    """Standardised scores with all items and without the flagged ones, one row per person and scale."""
    frames = []
    for scale, name in enumerate(data.scale_names):
        full, kept = _both(data, flagged, scale)
        frames.append(
            pd.DataFrame(
                {
                    "row": np.arange(full.size),
                    "scale": name,
                    "group": np.array(data.groups)[data.group],
                    "score_all": full,
                    "score_dropped": kept,
                    "change": kept - full,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def _both(data: DIFData, flagged: BoolArray, scale: int) -> tuple[FloatArray, FloatArray]:
    everything = np.ones(len(data.items), dtype=bool)
    full = standardised(scale_scores(data, everything, scale))
    members = data.scale_of == scale
    if flagged[members].all():
        return full, np.full(full.size, np.nan)
    return full, standardised(scale_scores(data, ~flagged, scale))


def _group_means(z: FloatArray, data: DIFData) -> FloatArray:
    seen = ~np.isnan(z)
    g = len(data.groups)
    n = np.bincount(data.group[seen], minlength=g)
    total = np.bincount(data.group[seen], weights=z[seen], minlength=g)
    return np.divide(total, n, out=np.full(g, np.nan), where=n > 0)


def _ranks(means: FloatArray) -> FloatArray:
    order = np.argsort(np.argsort(-means, kind="stable"), kind="stable") + 1.0
    return np.where(np.isnan(means), np.nan, order)
