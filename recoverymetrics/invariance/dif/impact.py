"""What flagged items do to the means of groups and to the scores of persons."""

from __future__ import annotations

import numpy as np
import pandas as pd

from recoverymetrics.invariance.dif.data import DIFData
from recoverymetrics.invariance.dif.irt import latent_impact
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


def impact_table(data: DIFData, flagged: BoolArray, *, freed: bool) -> pd.DataFrame:
    """Means of the groups with all items, without the flagged ones, and with them freed."""
    rows = []
    for scale, name in enumerate(data.scale_names):
        full, kept = _both(data, flagged, scale)
        means = {"all": _group_means(full, data), "dropped": _group_means(kept, data)}
        if freed:
            latent = latent_impact(data, flagged, scale)
            empty = np.full(len(data.groups), np.nan)
            means["latent"] = empty if latent is None else latent.equal_means
            means["freed"] = empty if latent is None else latent.freed_means
        frame = pd.DataFrame({"scale": name, "group": list(data.groups), "n": data.sizes})
        frame = frame.assign(**{f"mean_{key}": values for key, values in means.items()})
        frame["change"] = means["dropped"] - means["all"]
        if freed:
            frame["change_freed"] = means["freed"] - means["latent"]
        rows.append(frame.assign(**{f"rank_{key}": _ranks(values) for key, values in means.items()}))
    return pd.concat(rows, ignore_index=True)


def person_impact(data: DIFData, flagged: BoolArray, *, freed: bool) -> pd.DataFrame:
    """Standardised scores with all items, without the flagged ones, and with them freed; one row per person."""
    frames = []
    for scale, name in enumerate(data.scale_names):
        full, kept = _both(data, flagged, scale)
        columns = {"score_all": full, "score_dropped": kept, "change": kept - full}
        latent = latent_impact(data, flagged, scale) if freed else None
        if latent is not None:
            columns |= {"score_latent": latent.equal_scores, "score_freed": latent.freed_scores}
            columns["change_freed"] = latent.freed_scores - latent.equal_scores
        identity = {"row": np.arange(full.size), "scale": name, "group": np.array(data.groups)[data.group]}
        frames.append(pd.DataFrame(identity | columns))
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
