"""Continuous single-group maximum likelihood models through semopy."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pandas as pd

from recoverymetrics.crosscheck.packages import contained, load, refuse, version
from recoverymetrics.crosscheck.request import EngineRun, ModelRow, StructuralRequest
from recoverymetrics.crosscheck.structural import term_name
from recoverymetrics.errors import ModelError

ENGINE = "semopy"
TOLERANCE = 1e-4
"""With its minimiser told to stop at 1e-14, parameters agree to about 1e-6 and standard errors to 1e-5."""

STOP = {"ftol": 1e-14, "maxiter": 2000}


def run(request: StructuralRequest) -> EngineRun:
    """Fit the same model to the same covariance matrix with ``semopy.Model``."""
    check(request)
    semopy = load(ENGINE)
    S = pd.DataFrame(request.S, list(request.variables), list(request.variables))
    with contained():
        model = semopy.Model(description(request.rows))
        found = model.fit(cov=S, n_samples=int(request.n), options=dict(STOP))
        if not found.success:
            raise ModelError(f"semopy did not converge: {found.message}")
        theirs = _terms(semopy, model, {row.lhs for row in request.rows if row.op == "=~"})
    return EngineRun(
        theirs,
        version(ENGINE),
        TOLERANCE,
        (
            "semopy received our covariance matrix (divisor n) and every parameter of our parameter table.",
            "Not compared: its AIC and BIC take the discrepancy for the log-likelihood; its RMSEA divides by n - 1. "
            "Its CFI was cut at 1.",
        ),
    )


def description(rows: tuple[ModelRow, ...]) -> str:
    """Write the parameter table in semopy's syntax."""
    lines = []
    for row in rows:
        if row.free:
            factor = f"{row.label}*" if row.label else ""
        else:
            factor = f"{row.value:.15g}*"
        lines.append(f"{row.lhs} {row.op} {factor}{row.rhs}")
    return "\n".join(lines)


def _terms(semopy: ModuleType, model: Any, factors: set[str]) -> dict[tuple[str, str], float]:
    theirs: dict[tuple[str, str], float] = {}
    for row in model.inspect().to_dict("records"):
        lhs, op, rhs = row["lval"], row["op"], row["rval"]
        if op == "~" and rhs in factors and lhs not in factors:
            lhs, op, rhs = rhs, "=~", lhs
        name = term_name(lhs, op, rhs)
        theirs["estimate", name] = float(row["Estimate"])
        if row["Std. Err"] != "-":
            theirs["std_error", name] = float(row["Std. Err"])
    stats = semopy.calc_stats(model).loc["Value"]
    columns = {"chi2": "chi2", "DoF": "df", "CFI": "cfi", "TLI": "tli"}
    theirs |= {("fit", ours): float(stats[name]) for name, ours in columns.items()}
    theirs["fit", "cfi"] = min(theirs["fit", "cfi"], 1.0)
    return theirs


def check(request: StructuralRequest) -> None:
    """Refuse what semopy has not, or has wrong."""
    spec = request.spec
    if request.ordered:
        raise refuse(
            ENGINE, "ordered items", "its ordinal models fail with NumPy 2.4 and SciPy 1.14 and later."
        )
    if len(request.groups) > 1:
        raise refuse(ENGINE, "several groups", "it has no equality constraints across groups.")
    if spec.fiml:
        raise refuse(
            ENGINE,
            "missing='fiml'",
            "its FIML ignores the means without a warning, so uncentred data give wrong estimates and fit.",
        )
    if spec.name != "ML" or spec.wishart or spec.information != "expected":
        raise refuse(
            ENGINE,
            f"estimator {spec.name!r}{' with the Wishart likelihood' if spec.wishart else ''}",
            "only normal maximum likelihood with the expected information is the same in both.",
        )
    if any(row.op == "~1" for row in request.rows):
        raise refuse(ENGINE, "a mean structure", "its Model leaves means out; fit with meanstructure=False.")
    if request.constrained:
        raise refuse(ENGINE, "constraints", "only equal labels are passed on.")
    if any(row.origin == "exogenous" for row in request.rows):
        raise refuse(ENGINE, "models with observed predictors", "it treats their covariances in another way.")
    _check_markers(request.rows)


def _check_markers(rows: tuple[ModelRow, ...]) -> None:
    for factor in dict.fromkeys(row.lhs for row in rows if row.op == "=~"):
        first = next(row for row in rows if row.op == "=~" and row.lhs == factor)
        if first.free or first.value != 1.0:
            raise refuse(
                ENGINE,
                f"factor {factor!r} without a marker",
                f"it fixes the first loading ({first.rhs}) at 1 whatever is asked; fit with std_lv=False.",
            )
