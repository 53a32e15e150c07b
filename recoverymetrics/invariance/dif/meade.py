"""Effect sizes of DIF for items and for the scale in points of the score (Meade 2010).

Items that were flagged are free in every group of a graded model, the others equal. Expected scores with a group's own
parameters are compared with those under the others' parameters, at the standing of the group's persons (SIDS, UIDS,
ESSD, and for the scale STDS, UTDS, UETSDS, ETSSD) and over its normal distribution (SIDN, UIDN, STDN, UETSDN).
"""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd

from recoverymetrics.errors import DataError, EstimationWarning
from recoverymetrics.invariance.dif.data import DIFData
from recoverymetrics.invariance.dif.irt import (
    comparison_weights,
    expected_score,
    item_data,
    latent_moments,
    read_item,
)
from recoverymetrics.invariance.dif.item_parameters import latent_grid
from recoverymetrics.irt import IRTResult, fit_irt
from recoverymetrics.typing import BoolArray, FloatArray


def effect_tables(
    data: DIFData, flagged: BoolArray, *, to_reference: bool
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Effect sizes per item and group, and per scale and group.

    Raises
    ------
    DataError
        Every item of a scale is flagged; a category of a flagged item is unused in a group.
    """
    by_item: list[dict[str, object]] = []
    by_scale: list[dict[str, object]] = []
    for scale, name in enumerate(data.scale_names):
        members = np.flatnonzero(data.scale_of == scale).tolist()
        fit = _freed_model(data, members, flagged, name)
        theta = fit.scores()["estimate"].to_numpy(dtype=float)
        moments = latent_moments(fit)
        values = [read_item(fit, data.items[j]).values for j in members]
        for k in range(1 if to_reference else 0, len(data.groups)):
            persons = data.group == k
            weights = comparison_weights(data.sizes.astype(float), k, to_reference)
            at = np.concatenate([theta[persons & ~np.isnan(theta)], latent_grid(*moments[:, k])[0]])
            own = np.stack([expected_score(item[k], at) for item in values])
            others = np.stack([expected_score(weights @ item, at) for item in values])
            n = at.size - 41
            mass = latent_grid(*moments[:, k])[1]
            by_item += [
                {"item": data.items[j], "group": data.groups[k], **item_sizes(a, b, n, mass)}
                for j, a, b in zip(members, own, others, strict=True)
            ]
            by_scale.append({"scale": name, "group": data.groups[k], **scale_sizes(own, others, n, mass)})
    return pd.DataFrame(by_item), pd.DataFrame(by_scale)


def _freed_model(data: DIFData, members: list[int], flagged: BoolArray, name: str) -> IRTResult:
    free = tuple(data.items[j] for j in members if flagged[j])
    if len(free) == len(members):
        raise DataError(f"every item of scale {name!r} is flagged; nothing is left to compare with.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EstimationWarning)
        return fit_irt(
            item_data(data, members), equal=("slopes", "intercepts"), partial=free, se=None, tolerance=1e-5
        )


def item_sizes(own: FloatArray, others: FloatArray, n: int, mass: FloatArray) -> dict[str, float]:
    """Effect sizes of one item.

    Parameters
    ----------
    own, others : ndarray, shape (n + Q,)
        Expected item scores at the persons, then at the nodes.
    n : int
        Number of persons.
    mass : ndarray, shape (Q,)
        Shares of the nodes.
    """
    difference = own - others
    sample, normal = difference[:n], difference[n:]
    return {
        "sids": float(sample.mean()),
        "uids": float(np.abs(sample).mean()),
        "sidn": float(mass @ normal),
        "uidn": float(mass @ np.abs(normal)),
        "d_max": _largest(sample),
        "essd": _standardised(own[:n], others[:n]),
    }


def scale_sizes(own: FloatArray, others: FloatArray, n: int, mass: FloatArray) -> dict[str, float]:
    """Effect sizes of the sum of the items; arguments as in `item_sizes` with items in rows.

    ``stds`` lets items and persons cancel, ``uetsds`` items but not persons, ``utds`` nothing.
    """
    difference = own - others
    total = difference.sum(axis=0)
    return {
        "stds": float(total[:n].mean()),
        "utds": float(np.abs(difference[:, :n]).mean(axis=1).sum()),
        "uetsds": float(np.abs(total[:n]).mean()),
        "stdn": float(mass @ total[n:]),
        "uetsdn": float(mass @ np.abs(total[n:])),
        "d_max": _largest(total[:n]),
        "etssd": _standardised(own[:, :n].sum(axis=0), others[:, :n].sum(axis=0)),
    }


def _largest(difference: FloatArray) -> float:
    return float(difference[np.argmax(np.abs(difference))])


def _standardised(own: FloatArray, others: FloatArray) -> float:
    pooled = np.sqrt(0.5 * (own.var(ddof=1) + others.var(ddof=1)))
    return float((own.mean() - others.mean()) / max(pooled, 1e-12))
