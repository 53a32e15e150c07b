"""Adjacent-category models: generalised partial credit, rating scale, nominal."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from recoverymetrics.irt.models.base import Conventional, Curves, ItemModel, log_softmax
from recoverymetrics.typing import FloatArray


class DivideByTotal(ItemModel):
    """``P(X = k)`` proportional to ``exp(w_k z + e_k)`` with scoring weights ``w`` and intercepts ``e``.

    Subclasses say how weights and intercepts depend on their shape parameters, linearly.
    """

    @abstractmethod
    def weights(self, shape: FloatArray, K: int) -> FloatArray:
        """Scoring weights, shape (B, K)."""

    @abstractmethod
    def intercepts(self, shape: FloatArray, K: int) -> FloatArray:
        """Category intercepts, shape (B, K)."""

    @abstractmethod
    def weight_design(self, K: int) -> FloatArray:
        """Derivatives of the weights, shape (S, K)."""

    @abstractmethod
    def intercept_design(self, K: int) -> FloatArray:
        """Derivatives of the intercepts, shape (S, K)."""

    def log_probabilities(self, z: FloatArray, shape: FloatArray, K: int) -> FloatArray:
        """Log category probabilities, shape (B, K, Q)."""
        weights, intercepts = self.weights(shape, K), self.intercepts(shape, K)
        return log_softmax(weights[:, :, None] * z[:, None, :] + intercepts[:, :, None])

    def curves(self, z: FloatArray, shape: FloatArray, K: int) -> Curves:
        """Log category probabilities with first derivatives: design minus its expectation."""
        log_p = self.log_probabilities(z, shape, K)
        p = np.exp(log_p)
        weights = self.weights(shape, K)
        d_z = weights[:, :, None] - np.einsum("bk,bkq->bq", weights, p)[:, None, :]
        E, W = self.intercept_design(K), self.weight_design(K)
        d_shape = E[None, :, :, None] - np.einsum("sk,bkq->bsq", E, p)[:, :, None, :]
        if W.any():
            varying = W[None, :, :, None] - np.einsum("sk,bkq->bsq", W, p)[:, :, None, :]
            d_shape = d_shape + varying * z[:, None, None, :]
        return Curves(log_p, d_z, d_shape)

    def start_slope(self, slope: float, K: int) -> float:
        """Adjacent-category slopes are smaller than cumulative ones."""
        return slope / np.sqrt(max(K - 1, 1))


class GeneralizedPartialCredit(DivideByTotal):
    """Generalised partial credit model (Muraki 1992); partial credit and Rasch models fix the slope."""

    name = "gpcm"

    def shape_names(self, K: int) -> tuple[str, ...]:
        """``d1`` ... ``d{K-1}`` with ``d0 = 0``; ``d`` for two categories."""
        return ("d",) if K == 2 else tuple(f"d{k}" for k in range(1, K))

    def weights(self, shape: FloatArray, K: int) -> FloatArray:
        """Integer scores 0 to K - 1."""
        return np.broadcast_to(np.arange(K, dtype=float), (shape.shape[0], K))

    def intercepts(self, shape: FloatArray, K: int) -> FloatArray:
        """The shape parameters behind a zero."""
        return np.concatenate([np.zeros((shape.shape[0], 1)), shape], axis=1)

    def weight_design(self, K: int) -> FloatArray:
        """Weights are constants."""
        return np.zeros((K - 1, K))

    def intercept_design(self, K: int) -> FloatArray:
        """One intercept per category but the first."""
        return np.eye(K)[1:]

    def start_shape(self, proportions: FloatArray, slope: float) -> FloatArray:
        """Log odds against the first category."""
        p = np.clip(proportions, 1e-4, None)
        return np.log(p[1:] / p[0])

    def conventional(self, slope: float, shape: FloatArray, K: int) -> Conventional:
        """Discrimination ``a`` and step difficulties ``b_k = (d_{k-1} - d_k) / a``."""
        S = shape.size
        step = np.eye(S) - np.eye(S, k=-1)
        names = tuple(f"b{k}" for k in range(1, K)) if K > 2 else ("b",)
        jacobian = np.zeros((1 + S, 1 + S))
        jacobian[0, 0] = 1.0
        with np.errstate(divide="ignore", invalid="ignore"):
            b = -(step @ shape) / slope
            jacobian[1:, 0] = -b / slope
            jacobian[1:, 1:] = -step / slope
        return Conventional(("a", *names), np.concatenate([[slope], b]), jacobian)

    def from_conventional(self, a: float, others: FloatArray, K: int) -> FloatArray:
        """Intercepts from step difficulties."""
        return -a * np.cumsum(np.asarray(others, dtype=float))


class RatingScale(DivideByTotal):
    """Rating scale model (Andrich 1978): steps ``b_1 ... b_{K-1}`` shared by the items, a location each.

    ``P(X = k)`` is proportional to ``exp(k (z + c) - b_1 - ... - b_k)``; ``c`` of the first item is zero.
    """

    name = "rsm"

    def shape_names(self, K: int) -> tuple[str, ...]:
        """``b1`` ... ``b{K-1}`` and the item location ``c``."""
        return (*(f"b{k}" for k in range(1, K)), "c")

    def weights(self, shape: FloatArray, K: int) -> FloatArray:
        """Integer scores 0 to K - 1."""
        return np.broadcast_to(np.arange(K, dtype=float), (shape.shape[0], K))

    def intercepts(self, shape: FloatArray, K: int) -> FloatArray:
        """``k c`` minus the cumulated steps."""
        return shape @ self.intercept_design(K)

    def weight_design(self, K: int) -> FloatArray:
        """Weights are constants."""
        return np.zeros((K, K))

    def intercept_design(self, K: int) -> FloatArray:
        """Cumulated steps, then the location times the category."""
        k = np.arange(K)
        return np.concatenate(
            [-(k[None, :] >= np.arange(1, K)[:, None]).astype(float), k[None, :].astype(float)]
        )

    def start_shape(self, proportions: FloatArray, slope: float) -> FloatArray:
        """Steps from adjacent log odds, location zero."""
        p = np.clip(proportions, 1e-4, None)
        return np.concatenate([np.log(p[:-1] / p[1:]), [0.0]])

    def conventional(self, slope: float, shape: FloatArray, K: int) -> Conventional:
        """The parameters are already steps and locations."""
        names = ("a", *self.shape_names(K))
        return Conventional(names, np.concatenate([[slope], shape]), np.eye(1 + shape.size))

    def from_conventional(self, a: float, others: FloatArray, K: int) -> FloatArray:
        """Steps and location as they are."""
        return np.asarray(others, dtype=float)


class Nominal(DivideByTotal):
    """Nominal categories model (Bock 1972) in the form of Thissen, Cai & Bock (2010).

    Scoring weights run from 0 to K - 1 with the ones in between free, so that the slope keeps its meaning.
    """

    name = "nominal"

    def shape_names(self, K: int) -> tuple[str, ...]:
        """``ak1`` ... ``ak{K-2}`` and ``d1`` ... ``d{K-1}``."""
        return (*(f"ak{k}" for k in range(1, K - 1)), *(f"d{k}" for k in range(1, K)))

    def weights(self, shape: FloatArray, K: int) -> FloatArray:
        """0, free weights, K - 1."""
        B = shape.shape[0]
        return np.concatenate([np.zeros((B, 1)), shape[:, : K - 2], np.full((B, 1), K - 1.0)], axis=1)

    def intercepts(self, shape: FloatArray, K: int) -> FloatArray:
        """Free intercepts behind a zero."""
        return np.concatenate([np.zeros((shape.shape[0], 1)), shape[:, K - 2 :]], axis=1)

    def weight_design(self, K: int) -> FloatArray:
        """The inner weights."""
        return np.concatenate([np.eye(K)[1 : K - 1], np.zeros((K - 1, K))])

    def intercept_design(self, K: int) -> FloatArray:
        """All intercepts but the first."""
        return np.concatenate([np.zeros((K - 2, K)), np.eye(K)[1:]])

    def start_shape(self, proportions: FloatArray, slope: float) -> FloatArray:
        """Integer weights and log odds against the first category."""
        K = proportions.size
        p = np.clip(proportions, 1e-4, None)
        return np.concatenate([np.arange(1.0, K - 1), np.log(p[1:] / p[0])])

    def conventional(self, slope: float, shape: FloatArray, K: int) -> Conventional:
        """Bock's ``a_k`` and ``c_k``, each summing to zero."""
        center = np.eye(K) - 1.0 / K
        weights = self.weights(shape[None], K)[0]
        W, E = self.weight_design(K).T, self.intercept_design(K).T
        jacobian = np.zeros((2 * K, 1 + shape.size))
        jacobian[:K, 0] = center @ weights
        jacobian[:K, 1:] = slope * center @ W
        jacobian[K:, 1:] = center @ E
        names = (*(f"a{k}" for k in range(1, K + 1)), *(f"c{k}" for k in range(1, K + 1)))
        values = np.concatenate([slope * center @ weights, center @ self.intercepts(shape[None], K)[0]])
        return Conventional(names, values, jacobian)
