"""Log-likelihood of each person's responses as a function of that person's own latent value."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recoverymetrics.irt.layout import Batch, Layout
from recoverymetrics.irt.likelihood import batch_parameters
from recoverymetrics.typing import FloatArray, IntArray

STEP = 1e-4
"""Step in the linear predictor for second derivatives (central differences of exact first derivatives)."""


@dataclass(frozen=True)
class ItemCurves:
    """Category probabilities of one batch along persons or nodes, with derivatives in the linear predictor.

    Attributes
    ----------
    items : ndarray of int, shape (B,)
        Positions of the items.
    slopes : ndarray, shape (B, D)
        Slopes on all factors.
    p, first, second : ndarray, shape (B, K, Q)
        Probability, and first and second derivative of its logarithm with respect to ``z``.
    """

    items: IntArray
    slopes: FloatArray
    p: FloatArray
    first: FloatArray
    second: FloatArray


def rows_of_group(layout: Layout, g: int) -> list[tuple[Batch, IntArray]]:
    """Batches with the rows that serve a group."""
    out = []
    for b, batch in enumerate(layout.batches):
        rows = np.array([r for owner, r in layout.place[g] if owner == b], dtype=np.int64)
        if rows.size:
            out.append((batch, rows))
    return out


def full_slopes(batch: Batch, rows: IntArray, parameters: FloatArray, D: int) -> FloatArray:
    """Slopes of some rows on all factors, shape (rows, D)."""
    slopes = np.zeros((rows.size, D))
    m = batch.factors.shape[1]
    slopes[np.arange(rows.size)[:, None], batch.factors[rows]] = parameters[rows, :m]
    return slopes


def item_curves(layout: Layout, extended: FloatArray, g: int, theta: FloatArray) -> list[ItemCurves]:
    """Curves of all items of a group at latent values ``theta``, shape (Q, D)."""
    out = []
    for batch, rows in rows_of_group(layout, g):
        parameters = batch_parameters(batch, extended)
        slopes = full_slopes(batch, rows, parameters, theta.shape[1])
        shape = parameters[rows, batch.factors.shape[1] :]
        z = slopes @ theta.T
        here = batch.model.curves(z, shape, batch.K)
        up = batch.model.curves(z + STEP, shape, batch.K).d_z
        down = batch.model.curves(z - STEP, shape, batch.K).d_z
        out.append(
            ItemCurves(batch.items[rows], slopes, np.exp(here.log_p), here.d_z, (up - down) / (2 * STEP))
        )
    return out


def probabilities_by_item(
    layout: Layout, extended: FloatArray, g: int, theta: FloatArray
) -> list[FloatArray]:
    """Category probabilities of each item, shape (K_j, Q) each, in item order."""
    out: list[FloatArray] = [np.empty(0)] * len(layout.items)
    for batch, rows in rows_of_group(layout, g):
        parameters = batch_parameters(batch, extended)
        slopes = full_slopes(batch, rows, parameters, theta.shape[1])
        shape = parameters[rows, batch.factors.shape[1] :]
        p = np.exp(batch.model.log_probabilities(slopes @ theta.T, shape, batch.K))
        for item, table in zip(batch.items[rows], p, strict=True):
            out[int(item)] = table
    return out


@dataclass(frozen=True)
class Slope:
    """Derivatives of the log-likelihood in the latent variables, per person.

    Attributes
    ----------
    gradient : ndarray, shape (n, D)
        First derivatives.
    expected : ndarray, shape (n, D, D)
        Expected information of the items answered.
    observed : ndarray, shape (n, D, D)
        Minus the second derivatives.
    bias : ndarray, shape (n, D)
        Half the numerator of Warm's correction, ``sum P' P'' / P``, in the linear predictor times the slope.
    """

    gradient: FloatArray
    expected: FloatArray
    observed: FloatArray
    bias: FloatArray


def log_likelihood_slope(
    layout: Layout, extended: FloatArray, g: int, theta: FloatArray, codes: IntArray
) -> Slope:
    """Derivatives at each person's own ``theta``.

    Parameters
    ----------
    layout, extended
        Model and parameters.
    g : int
        Group.
    theta : ndarray, shape (n, D)
        Latent values.
    codes : ndarray of int, shape (n, J)
        Responses, -1 missing.
    """
    n, D = theta.shape
    gradient, bias = np.zeros((n, D)), np.zeros((n, D))
    expected, observed = np.zeros((n, D, D)), np.zeros((n, D, D))
    person = np.arange(n)
    for curves in item_curves(layout, extended, g, theta):
        for b, item in enumerate(curves.items):
            answered = codes[:, item] >= 0
            x = np.where(answered, codes[:, item], 0)
            a = curves.slopes[b]
            p, first, second = curves.p[b], curves.first[b], curves.second[b]
            outer = np.outer(a, a)
            gradient += np.where(answered, first[x, person], 0.0)[:, None] * a
            observed -= np.where(answered, second[x, person], 0.0)[:, None, None] * outer
            expected += np.where(answered, np.sum(p * first**2, axis=0), 0.0)[:, None, None] * outer
            curl = np.sum(p * first * (first**2 + second), axis=0)
            bias += np.where(answered, curl, 0.0)[:, None] * a**3
    return Slope(gradient, expected, observed, bias)
