"""The sequential (continuation ratio) model (Tutz 1990)."""

from __future__ import annotations

import numpy as np

from recoverymetrics.irt.models.base import Conventional, Curves, ItemModel, log_sigmoid, logit
from recoverymetrics.irt.models.graded import intercept_form
from recoverymetrics.typing import FloatArray


class Sequential(ItemModel):
    """Steps taken one after the other: ``P(X >= k | X >= k - 1) = logistic(z + d_k)``."""

    name = "sequential"

    def shape_names(self, K: int) -> tuple[str, ...]:
        """``d1`` ... ``d{K-1}``; ``d`` for two categories."""
        return ("d",) if K == 2 else tuple(f"d{k}" for k in range(1, K))

    def log_probabilities(self, z: FloatArray, shape: FloatArray, K: int) -> FloatArray:
        """Log category probabilities, shape (B, K, Q)."""
        x = z[:, None, :] + shape[:, :, None]
        passed = log_sigmoid(x)
        out = np.zeros((z.shape[0], K, z.shape[1]))
        out[:, 1:] = np.cumsum(passed, axis=1)
        out[:, :-1] += passed - x
        return out

    def curves(self, z: FloatArray, shape: FloatArray, K: int) -> Curves:
        """Log category probabilities with first derivatives."""
        B, Q = z.shape
        p = np.exp(log_sigmoid(z[:, None, :] + shape[:, :, None]))
        d_shape = np.zeros((B, K - 1, K, Q))
        for k in range(1, K):
            d_shape[:, k - 1, k:] = 1.0 - p[:, k - 1 : k]
            d_shape[:, k - 1, k - 1] = -p[:, k - 1]
        return Curves(self.log_probabilities(z, shape, K), d_shape.sum(axis=1), d_shape)

    def start_shape(self, proportions: FloatArray, slope: float) -> FloatArray:
        """Logits of the continuation proportions."""
        at_least = np.cumsum(proportions[::-1])[::-1]
        ratio = np.clip(at_least[1:] / np.maximum(at_least[:-1], 1e-8), 1e-3, 1 - 1e-3)
        return logit(ratio) * np.sqrt(1.0 + 0.35 * slope**2)

    def conventional(self, slope: float, shape: FloatArray, K: int) -> Conventional:
        """Discrimination ``a`` and step difficulties ``b_k = -d_k / a``."""
        return intercept_form(slope, shape, tuple(f"b{k}" for k in range(1, K)) if K > 2 else ("b",))

    def from_conventional(self, a: float, others: FloatArray, K: int) -> FloatArray:
        """Intercepts from step difficulties."""
        return -a * np.asarray(others, dtype=float)
