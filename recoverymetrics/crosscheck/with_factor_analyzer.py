"""Exploratory factor analysis through factor_analyzer."""

from __future__ import annotations

from types import ModuleType

import numpy as np

from recoverymetrics.crosscheck.packages import contained, load, refuse, version
from recoverymetrics.crosscheck.request import EngineRun, FactorRequest
from recoverymetrics.crosscheck.terms import align, factor_terms
from recoverymetrics.typing import FloatArray

ENGINE = "factor_analyzer"
TOLERANCE = 1e-4
"""Its minimiser stops near 1e-5 on the uniquenesses."""

EXTRACTIONS = {"minres": "minres", "uls": "minres", "ml": "ml"}
ROTATIONS = {
    "none": None,
    "varimax": "varimax",
    "quartimax": "quartimax",
    "oblimin": "oblimin",
    "geomin": "geomin_obl",
}
ROTATION_OPTIONS = {"max_iter": 2000, "tol": 1e-7}
FIRST_BROKEN_SKLEARN = (1, 8)


def run(request: FactorRequest) -> EngineRun:
    """Factor our correlation matrix with factor_analyzer and rotate it by the same criterion."""
    check(request)
    package = load(ENGINE)
    with contained():
        engine = package.FactorAnalyzer(
            request.n_factors, rotation=None, method=EXTRACTIONS[request.extraction], is_corr_matrix=True
        )
        engine.fit(request.R)
        loadings, phi = _rotated(package, np.asarray(engine.loadings_), request)
    loadings, phi = align(request.loadings, loadings, phi)
    uniquenesses = 1.0 - np.einsum("jf,fg,jg->j", loadings, phi, loadings)
    return EngineRun(
        factor_terms(request.items, loadings, phi, uniquenesses),
        version(ENGINE),
        TOLERANCE,
        (
            "factor_analyzer received our correlation matrix; factors were put in our order and direction.",
            "Its Rotator rotated its unrotated loadings: FactorAnalyzer.phi_ keeps another order than its loadings.",
            "Uniquenesses are 1 - diag(L Phi L'): its own get_uniquenesses() leaves out the factor correlations.",
        ),
    )


def _rotated(
    package: ModuleType, loadings: FloatArray, request: FactorRequest
) -> tuple[FloatArray, FloatArray]:
    name = ROTATIONS[request.rotation]
    if name is None or request.n_factors == 1:
        return loadings, np.eye(request.n_factors)
    rotator = package.Rotator(method=name, normalize=request.normalize, **ROTATION_OPTIONS)
    rotated = np.asarray(rotator.fit_transform(loadings))
    phi = getattr(rotator, "phi_", None)
    return rotated, np.eye(request.n_factors) if phi is None else np.asarray(phi)


def check(request: FactorRequest) -> None:
    """Refuse what factor_analyzer has not, or has wrong."""
    broken = ".".join(map(str, FIRST_BROKEN_SKLEARN))
    if sklearn_version() >= FIRST_BROKEN_SKLEARN:
        raise refuse(
            ENGINE,
            "anything here",
            f"its fit fails with scikit-learn {broken} and later (the argument force_all_finite is gone); "
            f"install scikit-learn<{broken}.",
        )
    if request.extraction not in EXTRACTIONS:
        raise refuse(
            ENGINE,
            f"extraction {request.extraction!r}",
            "it has minres and ml only (its 'principal' is a principal component analysis of raw data).",
        )
    if request.rotation not in ROTATIONS or request.normalize is None:
        raise refuse(
            ENGINE,
            f"rotation {request.rotation!r}{' with options of its own' if request.normalize is None else ''}",
            f"only {', '.join(ROTATIONS)} with their defaults minimise the same criterion in both "
            "(its promax and equamax are defined differently, its oblimax diverges).",
        )
    if request.normalize and request.rotation != "varimax":
        raise refuse(
            ENGINE,
            f"rotation {request.rotation!r} with Kaiser's normalisation",
            "it normalises for varimax and promax only and ignores the option elsewhere.",
        )


def sklearn_version() -> tuple[int, ...]:
    """Major and minor version of scikit-learn."""
    return tuple(int(part) for part in version("scikit-learn").split(".")[:2])
