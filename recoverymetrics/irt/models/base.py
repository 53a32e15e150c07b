"""The interface of item models: log category probabilities on a linear predictor, and their derivatives."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from recoverymetrics.typing import FloatArray


@dataclass(frozen=True)
class Curves:
    """Log category probabilities of a batch of items, and their derivatives.

    Attributes
    ----------
    log_p : ndarray, shape (B, K, Q)
        Log probability of each category at each node.
    d_z : ndarray, shape (B, K, Q)
        Derivative with respect to the linear predictor ``z = a' theta``.
    d_shape : ndarray, shape (B, S, K, Q)
        Derivatives with respect to the shape parameters.
    """

    log_p: FloatArray
    d_z: FloatArray
    d_shape: FloatArray


@dataclass(frozen=True)
class Conventional:
    """Parameters of one item in the form people read (a, b), with the Jacobian for the delta method.

    Attributes
    ----------
    names : tuple of str
        Parameter names.
    values : ndarray, shape (V,)
        Values.
    jacobian : ndarray, shape (V, 1 + S)
        Derivatives with respect to the slope and the shape parameters.
    """

    names: tuple[str, ...]
    values: FloatArray
    jacobian: FloatArray


class ItemModel(ABC):
    """One family of item response functions. Subclasses are final and hold no data.

    Every function works on a batch of ``B`` items with the same number of categories ``K`` at ``Q`` nodes.
    Categories depend on the latent variables through ``z = a' theta`` alone; what is left are shape
    parameters (intercepts, scoring weights, asymptotes).
    """

    name: str = ""
    binary_only: bool = False
    decreasing: bool = False
    """Whether the intercepts ``d1``, ``d2``, ... must fall."""

    @abstractmethod
    def shape_names(self, K: int) -> tuple[str, ...]:
        """Names of the shape parameters of an item with ``K`` categories."""

    @abstractmethod
    def log_probabilities(self, z: FloatArray, shape: FloatArray, K: int) -> FloatArray:
        """Log category probabilities, shape (B, K, Q), from ``z`` (B, Q) and ``shape`` (B, S)."""

    @abstractmethod
    def curves(self, z: FloatArray, shape: FloatArray, K: int) -> Curves:
        """Log category probabilities with first derivatives."""

    @abstractmethod
    def start_shape(self, proportions: FloatArray, slope: float) -> FloatArray:
        """Starting values of the shape parameters from category proportions, shape (S,)."""

    @abstractmethod
    def conventional(self, slope: float, shape: FloatArray, K: int) -> Conventional:
        """Slope and shape as discrimination, difficulty and so on, with the Jacobian."""

    def start_slope(self, slope: float, K: int) -> float:
        """Turn the slope of a cumulative logit into a starting slope of this model."""
        return slope

    def fixed_shape(self, K: int) -> dict[str, float]:
        """Shape parameters that are constants unless the user frees them."""
        return {}

    def reported(self, name: str, value: float) -> tuple[str, float, float]:
        """Name, value and derivative of a shape parameter in the slope-intercept table."""
        return name, value, 1.0

    def from_conventional(self, a: float, others: FloatArray, K: int) -> FloatArray:
        """Shape parameters from discrimination and difficulties; the inverse of ``conventional``."""
        raise NotImplementedError(f"{self.name} has no (a, b) form.")


def log_sigmoid(x: FloatArray) -> FloatArray:
    """Logarithm of the logistic function, stable in both tails."""
    value: FloatArray = np.minimum(x, 0.0) - np.log1p(np.exp(-np.abs(x)))
    return value


def logit(p: FloatArray) -> FloatArray:
    """Log odds."""
    value: FloatArray = np.log(p) - np.log1p(-p)
    return value


def log_softmax(scores: FloatArray) -> FloatArray:
    """Log probabilities from category scores along the second axis, shape (B, K, Q)."""
    shifted = scores - scores.max(axis=1, keepdims=True)
    value: FloatArray = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return value
