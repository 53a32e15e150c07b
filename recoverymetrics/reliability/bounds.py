"""Lower bounds of the reliability, all at once: values, derivatives, bootstrap draws."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recoverymetrics.reliability import coefficients as c
from recoverymetrics.reliability.glb import greatest_lower_bound, lower_bound_draws
from recoverymetrics.reliability.halves import best_split, best_split_draws
from recoverymetrics.typing import BoolArray, FloatArray

TERMS = (
    "lambda1",
    "lambda2",
    "lambda3",
    "lambda4",
    "lambda5",
    "lambda5_plus",
    "lambda6",
    "mu2",
    "mu3",
    "glb",
)


@dataclass(frozen=True)
class Bounds:
    """Lower bounds of one covariance matrix.

    Attributes
    ----------
    values : dict of str to float
        The bounds in the order of ``TERMS``; NaN where one is not defined.
    gradients : dict of str to ndarray
        Derivative of each bound in the covariances, (p, p). Those of ``lambda4``, ``lambda5`` and ``glb`` hold
        where the best split, the best item and the dual solution are unique.
    split : ndarray of bool, shape (p,)
        One part of the split of lambda 4.
    proven : bool
        Whether the greatest lower bound is known to be right (see ``greatest_lower_bound``).
    """

    values: dict[str, float]
    gradients: dict[str, FloatArray]
    split: BoolArray
    proven: bool


def lower_bounds(S: FloatArray, rng: np.random.Generator) -> Bounds:
    """All bounds of one covariance matrix with their derivatives."""
    lambda4, split = best_split(S, rng=rng)
    glb = greatest_lower_bound(S)
    values = {term: float(value) for term, value in _closed(S).items()}
    values |= {"lambda4": lambda4, "glb": glb.estimate}
    gradients = {
        **_closed_gradients(S),
        "lambda4": split_gradient(S, split),
        "glb": ((1 - glb.estimate) * np.ones_like(S) - glb.dual) / S.sum(),
    }
    return Bounds({t: values[t] for t in TERMS}, gradients, split, glb.converged)


def bound_draws(S: FloatArray, split: BoolArray, rng: np.random.Generator) -> dict[str, FloatArray]:
    """The bounds of each matrix of a stack ``(n, p, p)``; ``split`` is where the search for lambda 4 starts."""
    values = {
        **_closed(S),
        "lambda4": best_split_draws(S, split, rng=rng),
        "glb": lower_bound_draws(S),
    }
    return {t: values[t] for t in TERMS}


def split_gradient(S: FloatArray, split: BoolArray) -> FloatArray:
    """Derivative in ``S`` of the reliability ``1 - t'St / V`` of a split."""
    t, V = np.where(split, 1.0, -1.0), float(S.sum())
    spread = float(t @ S @ t)
    G: FloatArray = spread / V**2 * np.ones_like(S) - np.outer(t, t) / V
    return G


def _closed(S: FloatArray) -> dict[str, FloatArray]:
    mu = c.ten_berge_zegers(S)
    return {
        "lambda1": c.lambda1(S),
        "lambda2": c.lambda2(S),
        "lambda3": c.alpha(S),
        "lambda5": c.lambda5(S),
        "lambda5_plus": c.lambda5_plus(S),
        "lambda6": c.lambda6(S),
        "mu2": mu[..., 2],
        "mu3": mu[..., 3],
    }


def _closed_gradients(S: FloatArray) -> dict[str, FloatArray]:
    p = S.shape[0]
    first = (p - 1) / p * c.alpha_gradient(S)
    fifth = c.lambda5_gradient(S)
    return {
        "lambda1": first,
        "lambda2": c.lambda2_gradient(S),
        "lambda3": c.alpha_gradient(S),
        "lambda5": fifth,
        "lambda5_plus": first + p / (p - 1) * (fifth - first) if p > 2 else np.full_like(S, np.nan),
        "lambda6": c.lambda6_gradient(S),
        "mu2": c.ten_berge_zegers_gradient(S, 2),
        "mu3": c.ten_berge_zegers_gradient(S, 3),
    }
