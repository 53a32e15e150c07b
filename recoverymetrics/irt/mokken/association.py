"""Conditional association: indices of local dependence (Straat, Van der Ark & Sijtsma 2016)."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import norm

from recoverymetrics.irt.mokken.violations import rest_groups
from recoverymetrics.typing import FloatArray, IntArray

FEWEST = 4
"""Persons that a conditional covariance needs: its standard error divides by n - 3."""


def negative_probability(x: FloatArray, y: FloatArray) -> FloatArray:
    """Probability that the covariance of the columns of ``x`` and ``y`` is negative, by Fisher's z.

    Parameters
    ----------
    x : ndarray, shape (n, p)
        Scores of one group.
    y : ndarray, shape (n, q)
        Scores of the same persons.

    Returns
    -------
    ndarray, shape (p, q)
        Zero where a column does not vary or the group is smaller than four.
    """
    n = x.shape[0]
    if n < FEWEST:
        return np.zeros((x.shape[1], y.shape[1]))
    a, b = x - x.mean(axis=0), y - y.mean(axis=0)
    size = np.sqrt(np.outer(np.sum(a**2, axis=0), np.sum(b**2, axis=0)))
    varies = size > 0
    r = np.where(varies, a.T @ b / np.where(varies, size, 1.0), 0.0)
    with np.errstate(divide="ignore"):
        z = np.arctanh(np.clip(r, -1.0, 1.0)) * np.sqrt(n - 3)
    return np.where(varies, norm.sf(z), 0.0)


def conditional_association(codes: IntArray, names: tuple[str, ...]) -> pd.DataFrame:
    """Signs of local dependence in negative conditional covariances.

    Under the monotone homogeneity model no covariance of two items is negative, whatever is held constant of the
    other items. Each index adds up the probabilities that such covariances are negative.

    Parameters
    ----------
    codes : ndarray of int, shape (n, J)
        Complete category codes.
    names : tuple of str
        Items.

    Returns
    -------
    DataFrame
        One row per ordered pair: item, item_2, ``w1`` (covariances of ``item`` with all third items given
        ``item_2``: large when the two share more than the latent variable), ``w3`` (covariance of the two given
        their rest score: large when they share less), and for each whether it lies beyond the upper Tukey fence
        of all pairs (``w1_flagged``, ``w3_flagged``).
    """
    w1, w3 = first_index(codes), third_index(codes)
    i, j = np.nonzero(~np.eye(len(names), dtype=bool))
    labels = np.asarray(names, dtype=object)
    upper = np.triu_indices(len(names), 1)
    return pd.DataFrame(
        {
            "item": labels[i],
            "item_2": labels[j],
            "w1": w1[i, j],
            "w1_flagged": w1[i, j] > tukey_fence(w1[i, j]),
            "w3": w3[i, j],
            "w3_flagged": w3[i, j] > tukey_fence(w3[upper]),
        }
    )


def first_index(codes: IntArray) -> FloatArray:
    """W1: sum over third items k and categories x of P(cov(i, k | j = x) < 0), shape (J, J), rows i, columns j."""
    X = codes.astype(float)
    J = X.shape[1]
    out = np.full((J, J), np.nan)
    for j in range(J):
        others = np.array([i for i in range(J) if i != j])
        total = np.zeros((J - 1, J - 1))
        for x in np.unique(codes[:, j]):
            own = X[codes[:, j] == x][:, others]
            total += negative_probability(own, own)
        out[others, j] = total.sum(axis=1) - np.diag(total)
    return out


def third_index(codes: IntArray) -> FloatArray:
    """W3: sum over rest scores (joined to four persons) of P(cov(i, j | rest score) < 0), shape (J, J); its row sums are W2."""
    X, total = codes.astype(float), codes.sum(axis=1)
    J = X.shape[1]
    out = np.full((J, J), np.nan)
    for i in range(J):
        for j in range(i + 1, J):
            groups = rest_groups(total - codes[:, i] - codes[:, j], FEWEST)
            value = 0.0
            for g in np.unique(groups):
                own = groups == g
                value += float(negative_probability(X[own, i : i + 1], X[own, j : j + 1])[0, 0])
            out[i, j] = out[j, i] = value
    return out


def tukey_fence(values: FloatArray) -> float:
    """Upper quartile and one and a half times the interquartile range."""
    low, high = np.quantile(values, [0.25, 0.75])
    return float(high + 1.5 * (high - low))
