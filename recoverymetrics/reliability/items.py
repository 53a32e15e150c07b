"""The item table of a scale: item-total correlations, reliability without the item, distributions."""

from __future__ import annotations

import numpy as np
import pandas as pd

from recoverymetrics.reliability import coefficients as c
from recoverymetrics.reliability.moments import Moments, to_correlation
from recoverymetrics.typing import FloatArray


def item_table(m: Moments) -> pd.DataFrame:
    """One row per item, in the order of the items.

    Returns
    -------
    pandas.DataFrame
        ``item n n_missing mean sd skew r_total r_standardized r_cor r_drop alpha_if_deleted
        alpha_standardized_if_deleted lambda6_if_deleted average_r_if_deleted std_error_if_deleted``. The
        columns ending in ``_if_deleted`` are NaN for a scale of two items.
    """
    n, squares = m.observed.sum(0), m.centred * m.centred
    second = squares.sum(0) / n
    columns = {
        "n": n,
        "n_missing": m.n - n,
        "mean": np.nanmean(m.values, axis=0),
        "sd": np.sqrt(np.diag(m.S)),
        "skew": np.einsum("ij,ij->j", squares, m.centred) / n / second**1.5,
        "r_total": item_total(m),
        "r_standardized": m.R.sum(0) / np.sqrt(m.R.sum()),
        "r_cor": overlap_corrected(m.R),
        "r_drop": item_rest(m.S),
    }
    return pd.DataFrame({"group": m.label, "item": list(m.items), **columns, **_without_each(m)})


def item_total(m: Moments) -> FloatArray:
    """Correlation of each item with the mean of the answered items, over persons who answered the item."""
    total = np.mean(m.values, axis=1, where=m.observed)
    M = m.observed.astype(float)
    n = M.sum(0)
    total = total - total.mean()
    Z = m.centred
    cross = Z.T @ total
    sums = M.T @ total
    spread = M.T @ total**2 - sums**2 / n
    r: FloatArray = cross / np.sqrt(np.sum(Z**2, axis=0) * spread)
    return r


def item_rest(S: FloatArray) -> FloatArray:
    """Correlation of each item with the sum of the others, from covariances."""
    own, sums = np.diag(S), S.sum(0)
    rest: FloatArray = (sums - own) / np.sqrt(own * (S.sum() - 2 * sums + own))
    return rest


def overlap_corrected(R: FloatArray) -> FloatArray:
    """Item-total correlation with the item's own variance replaced by its squared multiple correlation."""
    reduced = R - np.eye(R.shape[0]) + np.diag(c.smc(R))
    with np.errstate(invalid="ignore"):
        corrected: FloatArray = reduced.sum(0) / np.sqrt(reduced.sum())
    return corrected


def _without_each(m: Moments) -> dict[str, FloatArray]:
    names = ("alpha", "alpha_standardized", "lambda6", "average_r", "std_error")
    if m.p < 3:
        return {f"{name}_if_deleted": np.full(m.p, np.nan) for name in names}
    kept = np.array([[k for k in range(m.p) if k != j] for j in range(m.p)])
    S = m.S[kept[:, :, None], kept[:, None, :]]
    R = to_correlation(S)
    errors = [_normal_se(c.alpha_gradient(s), s, m.n) for s in S]
    values = (c.alpha(S), c.alpha(R), c.lambda6(R), c.average_correlation(R), np.array(errors))
    return {f"{name}_if_deleted": value for name, value in zip(names, values, strict=True)}


def _normal_se(G: FloatArray, S: FloatArray, n: int) -> float:
    GS = G @ S
    return float(np.sqrt(2 * np.sum(GS * GS.T) / n))
