"""Confirmatory models through the R package lavaan."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from recoverymetrics.crosscheck.packages import refuse
from recoverymetrics.crosscheck.request import EngineRun, StructuralRequest
from recoverymetrics.crosscheck.rscript import logical, require, run_script, write_options
from recoverymetrics.crosscheck.structural import term_name

ENGINE = "lavaan"
TOLERANCE = 1e-4
"""Its default stopping rule leaves parameters about 1e-6 away, standard errors and fit about 1e-5."""

FIT = {
    "chisq": "chi2",
    "df": "df",
    "chisq.scaled": "chi2_scaled",
    "cfi": "cfi",
    "tli": "tli",
    "rmsea": "rmsea",
    "srmr": "srmr",
    "logl": "loglik",
}


def run(request: StructuralRequest) -> EngineRun:
    """Fit the same parameter table with ``lavaan::lavaan``."""
    check(request)
    rscript = require(ENGINE)
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "model.txt").write_text(request.model, "utf-8")
        request.data.to_csv(folder / "data.csv", index=False, na_rep="NA", float_format="%.17g")
        write_options(folder, _options(request))
        version = run_script(ENGINE, rscript, folder)
        rows = pd.read_csv(folder / "terms.csv", keep_default_na=False)
    several = len(request.groups) > 1
    theirs = {}
    for quantity, group, lhs, op, rhs, value in rows.itertuples(index=False):
        if quantity == "fit":
            theirs["fit", FIT[lhs]] = float(value)
        else:
            theirs[quantity, term_name(lhs, op, rhs, group if several else "")] = float(value)
    return EngineRun(
        theirs,
        version,
        TOLERANCE,
        ("lavaan received the rows used and every parameter, free or fixed, of our parameter table.",),
    )


def _options(request: StructuralRequest) -> list[tuple[str, object]]:
    spec = request.spec
    options: list[tuple[str, object]] = [("estimator", spec.name), ("missing", spec.missing)]
    if len(request.groups) > 1:
        options.append(("group", "group"))
    if request.ordered:
        options += [("ordered", name) for name in request.ordered]
        return [*options, ("parameterization", "theta" if request.theta else "delta")]
    if spec.discrepancy == "ML":
        options.append(("information", spec.information))
    if spec.name == "ML":
        options.append(("likelihood", "wishart" if spec.wishart else "normal"))
    means = any(row.op == "~1" for row in request.rows)
    return [*options, ("meanstructure", logical(means))]


def check(request: StructuralRequest) -> None:
    """Refuse what cannot be passed on faithfully."""
    if any(row.origin == "exogenous" for row in request.rows):
        raise refuse(
            ENGINE,
            "models with observed predictors",
            "their covariances are conditioned on, and not passed on here.",
        )
