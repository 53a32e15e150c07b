"""The graded response model (Samejima 1969)."""

from __future__ import annotations

import numpy as np

from recoverymetrics.irt.models.base import Conventional, Curves, ItemModel, log_sigmoid, logit
from recoverymetrics.typing import FloatArray


class Graded(ItemModel):
    r"""Cumulative logits, ``P(X >= k) = logistic(z + d_k)`` with decreasing intercepts.

    Written as ``log P(X = k) = log s(x_k) + log s(-x_{k+1}) + log(1 - exp(d_{k+1} - d_k))`` with
    ``x_k = z + d_k``, which loses no digits in the tails and is NaN when intercepts are out of order.
    """

    name = "graded"
    decreasing = True

    def shape_names(self, K: int) -> tuple[str, ...]:
        """``d1`` ... ``d{K-1}``; ``d`` for two categories."""
        return ("d",) if K == 2 else tuple(f"d{k}" for k in range(1, K))

    def log_probabilities(self, z: FloatArray, shape: FloatArray, K: int) -> FloatArray:
        """Log category probabilities, shape (B, K, Q)."""
        x = z[:, None, :] + shape[:, :, None]
        up = log_sigmoid(x)
        out = np.empty((z.shape[0], K, z.shape[1]))
        out[:, 0] = 0.0
        out[:, 1:] = up
        out[:, :-1] += up - x
        with np.errstate(invalid="ignore", divide="ignore"):
            out[:, 1:-1] += np.log(-np.expm1(np.diff(shape, axis=1)))[:, :, None]
        return out

    def curves(self, z: FloatArray, shape: FloatArray, K: int) -> Curves:
        """Log category probabilities with first derivatives."""
        B, Q = z.shape
        x = z[:, None, :] + shape[:, :, None]
        down = np.exp(log_sigmoid(-x))
        d_z = np.zeros((B, K, Q))
        d_z[:, 1:] = down
        d_z[:, :-1] -= 1.0 - down
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            gap = 1.0 / np.expm1(-np.diff(shape, axis=1))
        d_shape = np.zeros((B, K - 1, K, Q))
        for k in range(1, K):
            d_shape[:, k - 1, k] = down[:, k - 1]
            d_shape[:, k - 1, k - 1] = down[:, k - 1] - 1.0
            if k < K - 1:
                d_shape[:, k - 1, k] += gap[:, k - 1, None]
            if k > 1:
                d_shape[:, k - 1, k - 1] -= gap[:, k - 2, None]
        return Curves(self.log_probabilities(z, shape, K), d_z, d_shape)

    def start_shape(self, proportions: FloatArray, slope: float) -> FloatArray:
        """Logits of the cumulative proportions, widened by the variance that the latent variable adds."""
        above = np.clip(1.0 - np.cumsum(proportions)[:-1], 1e-4, 1 - 1e-4)
        return logit(above) * np.sqrt(1.0 + 0.35 * slope**2)

    def conventional(self, slope: float, shape: FloatArray, K: int) -> Conventional:
        """Discrimination ``a`` and thresholds ``b_k = -d_k / a``."""
        return intercept_form(slope, shape, tuple(f"b{k}" for k in range(1, K)) if K > 2 else ("b",))

    def from_conventional(self, a: float, others: FloatArray, K: int) -> FloatArray:
        """Intercepts from thresholds."""
        return -a * np.asarray(others, dtype=float)


class GradedRatingScale(ItemModel):
    """Graded model with intercepts shared by the items and a location each (Muraki 1990).

    ``P(X >= k) = logistic(z + c + d_k)``; ``c`` of the first item is zero.
    """

    name = "grsm"
    decreasing = True

    def shape_names(self, K: int) -> tuple[str, ...]:
        """``d1`` ... ``d{K-1}`` and the item location ``c``."""
        return (*(f"d{k}" for k in range(1, K)), "c")

    def log_probabilities(self, z: FloatArray, shape: FloatArray, K: int) -> FloatArray:
        """Log category probabilities, shape (B, K, Q)."""
        return Graded().log_probabilities(z, shape[:, :-1] + shape[:, -1:], K)

    def curves(self, z: FloatArray, shape: FloatArray, K: int) -> Curves:
        """Log category probabilities with first derivatives; the location acts like the linear predictor."""
        inner = Graded().curves(z, shape[:, :-1] + shape[:, -1:], K)
        d_shape = np.concatenate([inner.d_shape, inner.d_z[:, None]], axis=1)
        return Curves(inner.log_p, inner.d_z, d_shape)

    def start_shape(self, proportions: FloatArray, slope: float) -> FloatArray:
        """Intercepts of the graded model, location zero."""
        return np.concatenate([Graded().start_shape(proportions, slope), [0.0]])

    def conventional(self, slope: float, shape: FloatArray, K: int) -> Conventional:
        """Discrimination ``a`` and thresholds ``b_k = -(d_k + c) / a``."""
        names = tuple(f"b{k}" for k in range(1, K)) if K > 2 else ("b",)
        inner = intercept_form(slope, shape[:-1] + shape[-1], names)
        location = inner.jacobian[:, 1:].sum(axis=1, keepdims=True)
        return Conventional(inner.names, inner.values, np.hstack([inner.jacobian, location]))


def intercept_form(slope: float, shape: FloatArray, names: tuple[str, ...]) -> Conventional:
    """``a`` and ``b = -d / a`` with the Jacobian of the delta method."""
    S = shape.size
    jacobian = np.zeros((1 + S, 1 + S))
    jacobian[0, 0] = 1.0
    with np.errstate(divide="ignore", invalid="ignore"):
        b = -shape / slope
        jacobian[1:, 0] = shape / slope**2
        jacobian[np.arange(1, S + 1), np.arange(1, S + 1)] = -1.0 / slope
    return Conventional(("a", *names), np.concatenate([[slope], b]), jacobian)
