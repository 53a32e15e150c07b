"""Exploratory factor analysis through the R package psych."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from recoverymetrics.crosscheck.packages import refuse
from recoverymetrics.crosscheck.request import EngineRun, FactorRequest
from recoverymetrics.crosscheck.rscript import (
    has_package,
    logical,
    read_matrix,
    require,
    run_script,
    write_options,
)
from recoverymetrics.crosscheck.terms import align, factor_terms

ENGINE = "psych"
TOLERANCE = 1e-4
"""Its minres and ml differ from an exact minimum by up to 1.2e-5 on the uniquenesses."""

EXTRACTIONS = {
    "minres": "minres",
    "uls": "uls",
    "ml": "ml",
    "pa": "pa",
    "alpha": "alpha",
}
ROTATIONS = {
    "none": "none",
    "varimax": "varimax",
    "quartimax": "quartimax",
    "oblimin": "oblimin",
    "geomin": "geominQ",
}
OWN = ("none", "varimax")
DEFAULT_N = 1000


def run(request: FactorRequest) -> EngineRun:
    """Factor our correlation matrix with ``psych::fa``."""
    check(request)
    rscript = require(ENGINE)
    if request.rotation not in OWN and not has_package("GPArotation", rscript):
        raise refuse(ENGINE, f"rotation {request.rotation!r}", "this R lacks the package GPArotation.")
    with TemporaryDirectory() as name:
        folder = Path(name)
        pd.DataFrame(request.R, columns=list(request.items)).to_csv(
            folder / "correlations.csv", index=False, float_format="%.17g"
        )
        write_options(
            folder,
            [
                ("n_factors", request.n_factors),
                ("n_obs", request.n_obs or DEFAULT_N),
                ("extraction", EXTRACTIONS[request.extraction]),
                ("rotation", ROTATIONS[request.rotation]),
                ("normalize", logical(request.normalize)),
            ],
        )
        version = run_script(ENGINE, rscript, folder)
        loadings, phi = read_matrix(folder / "loadings.csv"), read_matrix(folder / "phi.csv")
        unique = read_matrix(folder / "uniquenesses.csv").ravel()
    loadings, phi = align(request.loadings, loadings, phi)
    return EngineRun(
        factor_terms(request.items, loadings, phi, unique),
        version,
        TOLERANCE,
        (
            "psych received our correlation matrix; factors were put in our order and direction.",
            "Varimax is stats::varimax, as in psych, with eps = 1e-14: the default stops up to 0.01 away.",
        ),
    )


def check(request: FactorRequest) -> None:
    """Refuse what psych has not, or defines differently."""
    if request.extraction not in EXTRACTIONS:
        raise refuse(
            ENGINE,
            f"extraction {request.extraction!r}",
            f"only {', '.join(EXTRACTIONS)} minimise the same function in both "
            "(its gls sums the squared elements of R^-1 (R - Sigma), where the trace of the square belongs, and "
            "its gls and wls take least-squares loadings).",
        )
    if request.rotation not in ROTATIONS or request.normalize is None:
        raise refuse(
            ENGINE,
            f"rotation {request.rotation!r}{' with options of its own' if request.normalize is None else ''}",
            f"only {', '.join(ROTATIONS)} with their defaults are passed on as the same criterion.",
        )
