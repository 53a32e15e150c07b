"""Exploratory factor analysis through statsmodels."""

from __future__ import annotations

from typing import Any

import numpy as np

from recoverymetrics.crosscheck.packages import contained, load, refuse, version
from recoverymetrics.crosscheck.request import EngineRun, FactorRequest
from recoverymetrics.crosscheck.terms import align, factor_terms
from recoverymetrics.typing import FloatArray

ENGINE = "statsmodels"
TOLERANCE = 1e-4
"""Its rotations stop at a gradient of 1e-5."""

EXTRACTIONS = ("ml", "pa")
ROTATIONS = ("none", "varimax", "quartimax", "oblimin")


def run(request: FactorRequest) -> EngineRun:
    """Factor our correlation matrix with ``statsmodels.multivariate.factor.Factor``."""
    check(request)
    load(ENGINE)
    with contained():
        from statsmodels.multivariate.factor import Factor

        n_obs = None if request.n_obs is None else int(request.n_obs)
        engine = Factor(corr=request.R, n_factor=request.n_factors, method=request.extraction, nobs=n_obs)
        options = {"maxiter": 10_000, "tol": 1e-12} if request.extraction == "pa" else {}
        fit = engine.fit(**options)
        unique = np.asarray(fit.uniqueness, dtype=float)
        loadings, phi = _rotated(fit, request)
    loadings, phi = align(request.loadings, loadings, phi)
    return EngineRun(
        factor_terms(request.items, loadings, phi, unique),
        version(ENGINE),
        TOLERANCE,
        ("statsmodels received our correlation matrix; factors were put in our order and direction.",),
    )


def _rotated(fit: Any, request: FactorRequest) -> tuple[FloatArray, FloatArray]:
    if request.rotation == "none":
        return np.asarray(fit.loadings, dtype=float), np.eye(request.n_factors)
    fit.rotate(request.rotation)
    T = np.asarray(fit.rotation_matrix, dtype=float)
    return np.asarray(fit.loadings, dtype=float), T.T @ T


def check(request: FactorRequest) -> None:
    """Refuse what statsmodels has not, or defines differently."""
    if request.extraction not in EXTRACTIONS:
        raise refuse(ENGINE, f"extraction {request.extraction!r}", "it has ml and pa (principal axis) only.")
    if request.rotation not in ROTATIONS or request.normalize is None:
        raise refuse(
            ENGINE,
            f"rotation {request.rotation!r}{' with options of its own' if request.normalize is None else ''}",
            f"only {', '.join(ROTATIONS)} with their defaults are the same criterion in both "
            "(its promax and equamax are defined differently).",
        )
    if request.normalize:
        raise refuse(
            ENGINE,
            f"rotation {request.rotation!r} with Kaiser's normalisation",
            "it rotates the raw loadings only.",
        )
