"""Agreement of two raters: Cohen's kappa of their table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recoverymetrics.typing import FloatArray


@dataclass(frozen=True)
class TwoRaters:
    """Cohen's kappa of two raters.

    Attributes
    ----------
    estimate : float
        (Weighted) kappa.
    std_error : float
        Large-sample standard error of Fleiss, Cohen & Everitt (1969).
    std_error_null : float
        Standard error under chance agreement, for the test of ``kappa = 0``.
    observed, expected : float
        (Weighted) share of agreement, observed and by chance.
    maximum : float
        Largest kappa that the margins allow (identity weights only, else NaN).
    """

    estimate: float
    std_error: float
    std_error_null: float
    observed: float
    expected: float
    maximum: float


def cohen_kappa(table: FloatArray, weights: FloatArray | None = None) -> TwoRaters:
    """Cohen's (weighted) kappa from a square table of two raters.

    Parameters
    ----------
    table : ndarray, shape (q, q)
        Counts: rows first rater, columns second rater.
    weights : ndarray, shape (q, q), optional
        Agreement weights, one on the diagonal; identity by default.

    Returns
    -------
    TwoRaters
        NaN where chance agreement is complete (only one category used).

    Examples
    --------
    >>> round(cohen_kappa(np.array([[20.0, 5.0], [10.0, 15.0]])).estimate, 3)
    0.4
    """
    n = table.sum()
    p = table / n
    w = np.eye(table.shape[0]) if weights is None else np.asarray(weights, float)
    row, column = p.sum(1), p.sum(0)
    po, pe = float(np.sum(w * p)), float(row @ w @ column)
    if 1 - pe < 1e-12:
        return TwoRaters(np.nan, np.nan, np.nan, po, pe, np.nan)
    kappa = (po - pe) / (1 - pe)
    marginal = np.add.outer(w @ column, row @ w)  # w_i. + w_.j
    spread = np.sum(p * (w - marginal * (1 - kappa)) ** 2) - (kappa - pe * (1 - kappa)) ** 2
    chance = np.sum(np.outer(row, column) * (w - marginal) ** 2) - pe**2
    maximum = np.nan
    if weights is None or np.array_equal(w, np.eye(w.shape[0])):
        maximum = float((np.minimum(row, column).sum() - pe) / (1 - pe))
    return TwoRaters(
        float(kappa),
        float(np.sqrt(max(spread, 0) / n) / (1 - pe)),
        float(np.sqrt(max(chance, 0) / n) / (1 - pe)),
        po,
        pe,
        maximum,
    )
