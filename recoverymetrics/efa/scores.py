"""Factor scores: weights from the factor solution, persons from the weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from recoverymetrics.errors import DataError, ModelError, OptionError
from recoverymetrics.instrument import read_items
from recoverymetrics.typing import FloatArray, IntoFrame

if TYPE_CHECKING:
    from recoverymetrics.efa.result import EFAResult


def thurstone(R: FloatArray, L: FloatArray, phi: FloatArray, psi: FloatArray) -> FloatArray:
    """Regression weights ``R^-1 Lambda Phi`` (Thurstone 1935): most valid scores."""
    return np.asarray(np.linalg.solve(R, L @ phi), dtype=float)


def bartlett(R: FloatArray, L: FloatArray, phi: FloatArray, psi: FloatArray) -> FloatArray:
    """``Psi^-1 Lambda (Lambda' Psi^-1 Lambda)^-1`` (Bartlett 1937): conditionally unbiased scores."""
    scaled = L / psi[:, None]
    return scaled @ np.linalg.inv(L.T @ scaled)


def anderson(R: FloatArray, L: FloatArray, phi: FloatArray, psi: FloatArray) -> FloatArray:
    """``Psi^-1 Lambda (Lambda' Psi^-1 R Psi^-1 Lambda)^-1/2`` (Anderson & Rubin 1956): uncorrelated scores."""
    scaled = L / psi[:, None]
    return scaled @ _power(scaled.T @ R @ scaled, -0.5)


def ten_berge(R: FloatArray, L: FloatArray, phi: FloatArray, psi: FloatArray) -> FloatArray:
    """Scores that correlate exactly as the factors do (ten Berge, Krijnen, Wansbeek & Shapiro 1999)."""
    root = _power(phi, 0.5)
    half = _power(R, -0.5)
    rotated = L @ root
    inner = half @ rotated @ _power(rotated.T @ np.linalg.solve(R, rotated), -0.5)
    return half @ inner @ root


def harman(R: FloatArray, L: FloatArray, phi: FloatArray, psi: FloatArray) -> FloatArray:
    """``Sigma^-1 Lambda`` with the reproduced correlations ``Sigma`` in place of the observed (Harman 1976)."""
    implied = L @ phi @ L.T
    np.fill_diagonal(implied, 1.0)
    return np.asarray(np.linalg.solve(implied, L), dtype=float)


Weights = Callable[[FloatArray, FloatArray, FloatArray, FloatArray], FloatArray]
METHODS: dict[str, Weights] = {
    "regression": thurstone,
    "thurstone": thurstone,
    "bartlett": bartlett,
    "anderson": anderson,
    "tenberge": ten_berge,
    "harman": harman,
}


def weights_of(fit: EFAResult, method: str) -> FloatArray:
    """Score weights of a solution.

    Raises
    ------
    OptionError
        Unknown method.
    ModelError
        A correlation matrix without an inverse, where the method needs one.
    """
    key = method.lower().replace("_", "")
    if key not in METHODS:
        raise OptionError(f"method={method!r} is not known; choose one of {', '.join(map(repr, METHODS))}.")
    smallest = float(np.linalg.eigvalsh(fit.correlation_matrix)[0])
    if smallest <= 1e-12 and key in ("regression", "thurstone", "tenberge"):
        raise ModelError(
            f"{method!r} scores need a correlation matrix that can be inverted (smallest eigenvalue {smallest:.3g}); "
            "leave out one of the items that say the same, fit with smooth=True, or use method='harman'."
        )
    estimates = fit.estimates
    return METHODS[key](fit.correlation_matrix, estimates.loadings, estimates.phi, estimates.uniquenesses)


def score_persons(fit: EFAResult, data: IntoFrame, method: str) -> pd.DataFrame:
    """Scores of persons; see :meth:`EFAResult.scores`."""
    record = read_items(data, items=fit.items)
    centre = fit.centre if fit.centre is not None else np.nanmean(record.values, axis=0)
    scale = fit.scale if fit.scale is not None else np.nanstd(record.values, axis=0, ddof=1)
    if np.any(scale == 0):
        raise DataError(
            f"item {record.items[int(np.argmin(scale))]!r} does not vary; it cannot be standardised."
        )
    scores = (record.values - centre) / scale @ weights_of(fit, method)
    return pd.DataFrame(scores, columns=fit.factors)


def score_validity(fit: EFAResult, method: str) -> pd.DataFrame:
    """Per factor: correlation of the scores with the factor, and its square (determinacy for regression).

    Returns
    -------
    DataFrame
        Columns ``factor``, ``estimate`` (correlation) and ``r_squared``.
    """
    w = weights_of(fit, method)
    covariance = np.diag(w.T @ fit.estimates.loadings @ fit.estimates.phi)
    validity = covariance / np.sqrt(np.diag(w.T @ fit.correlation_matrix @ w))
    return pd.DataFrame({"factor": fit.factors, "estimate": validity, "r_squared": validity**2})


def _power(matrix: FloatArray, exponent: float) -> FloatArray:
    values, vectors = np.linalg.eigh(matrix)
    result: FloatArray = (vectors * np.maximum(values, 1e-300) ** exponent) @ vectors.T
    return result
