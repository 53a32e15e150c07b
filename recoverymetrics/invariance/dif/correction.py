"""Correction of p values for multiplicity."""

from __future__ import annotations

import numpy as np

from recoverymetrics.typing import FloatArray


def adjust_p_values(p_values: FloatArray, method: str) -> FloatArray:
    """Correct p values for the number of tests.

    Parameters
    ----------
    p_values : ndarray
        Raw p values, any shape; NaN stays NaN and is not counted.
    method : {"bh", "by", "holm", "bonferroni", "none"}
        Benjamini-Hochberg 1995 and Benjamini-Yekutieli 2001 (false discovery rate), Holm 1979 and
        Bonferroni (family-wise error).

    Returns
    -------
    ndarray
        Corrected p values, same shape.

    Examples
    --------
    >>> adjust_p_values(np.array([0.01, 0.04, 0.03]), "bh").round(3).tolist()
    [0.03, 0.04, 0.04]
    """
    flat = np.asarray(p_values, dtype=float).ravel()
    kept = np.flatnonzero(~np.isnan(flat))
    adjusted = flat.copy()
    if kept.size:
        adjusted[kept] = _adjust(flat[kept], method)
    return adjusted.reshape(np.shape(p_values))


def _adjust(p: FloatArray, method: str) -> FloatArray:
    m = p.size
    if method == "none":
        return p
    if method == "bonferroni":
        return np.minimum(p * m, 1.0)
    order = np.argsort(p)
    rank = np.arange(1, m + 1)
    if method == "holm":
        sorted_p = np.maximum.accumulate(p[order] * (m - rank + 1))
    else:
        factor = m * (np.sum(1.0 / rank) if method == "by" else 1.0)
        sorted_p = np.minimum.accumulate((p[order] * factor / rank)[::-1])[::-1]
    adjusted = np.empty(m)
    adjusted[order] = np.minimum(sorted_p, 1.0)
    return adjusted
