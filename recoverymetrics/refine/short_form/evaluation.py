"""How the short form's scores behave beside the full scale's."""

from __future__ import annotations

import numpy as np
import pandas as pd

from recoverymetrics.errors import DataError
from recoverymetrics.instrument import ItemData
from recoverymetrics.reliability import coefficients as c
from recoverymetrics.typing import FloatArray


def overlap_corrected(S: FloatArray, short: FloatArray) -> tuple[float, float, float]:
    """Correlation of short and full sum scores, as observed and as if the short form had been given on its
    own.

    Both scores contain the same errors of the same items, which inflates their correlation. For a parallel
    short form given on its own the covariance lacks the short form's error variance (Levy 1967): ``r_c =
    (cov(s, f) - (1 - rel_s) var(s)) / (sd_s sd_f)``.

    Parameters
    ----------
    S : ndarray, shape (p, p)
        Covariances of the full scale's items.
    short : ndarray of bool, shape (p,)
        Members of the short form, at least two.

    Returns
    -------
    tuple of float
        Observed correlation, corrected correlation, alpha of the short form (the reliability used).
    """
    inside = S[np.ix_(short, short)]
    variance, whole = float(inside.sum()), float(S.sum())
    covariance = float(S[short].sum())
    reliability = float(c.lambda2(inside))
    scale = np.sqrt(variance * whole)
    return covariance / scale, (covariance - (1 - reliability) * variance) / scale, reliability


def score_agreement(record: ItemData, short: tuple[str, ...]) -> pd.DataFrame:
    """Score agreement per group of persons with complete responses.

    Returns
    -------
    pandas.DataFrame
        ``group``; ``n`` complete persons; ``n_dropped`` others; ``correlation`` of the two sums and
        ``correlation_corrected`` for the items they share; ``reliability`` and ``reliability_full``
        (Guttman's lambda 2); ``mean_difference`` of the mean item scores, short minus full, in standard
        deviations of the full one.

    Raises
    ------
    DataError
        An item is missing, or a group has fewer than ten complete persons.
    """
    chosen = np.array([item in short for item in record.items])
    if chosen.sum() != len(short) or chosen.sum() < 2:
        raise DataError("the data lack items of the short form, or it has fewer than two items.")
    rows = []
    for label, values in record.by_group():
        complete = values[~np.isnan(values).any(1)]
        if complete.shape[0] < 10:
            raise DataError(
                f"group {label!r} has {complete.shape[0]} complete persons; at least 10 are needed."
            )
        S = np.cov(complete.T)
        observed, corrected, reliability = overlap_corrected(S, chosen)
        full = complete.mean(1)
        gap = float(complete[:, chosen].mean() - full.mean()) / float(full.std(ddof=1))
        rows.append(
            {
                "group": label,
                "n": complete.shape[0],
                "n_dropped": values.shape[0] - complete.shape[0],
                "correlation": observed,
                "correlation_corrected": corrected,
                "reliability": reliability,
                "reliability_full": float(c.lambda2(S)),
                "mean_difference": gap,
            }
        )
    return pd.DataFrame(rows)
