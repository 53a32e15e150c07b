"""Factor analysis and parallel analysis, beside psych and factor_analyzer where they are installed.

Each function returns rows with the keys ``task``, ``engine``, ``seconds`` (median processor time of the
runs), ``least`` (the quickest run) and ``note``.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import recoverymetrics as rm
from benchmarks.correlation import ITEMS, PERSONS, measured, simulated_responses, time_r

FACTORS, DRAWS = 4, 20
R_CALLS = {
    f"minres and oblimin, {FACTORS} factors, from the correlations": f"fa(R, {FACTORS}, n.obs=nrow(X))",
    f"minres and varimax, {FACTORS} factors, from the correlations": f"fa(R, {FACTORS}, n.obs=nrow(X), rotate='varimax')",
    f"ml and varimax, {FACTORS} factors, from the correlations": f"fa(R, {FACTORS}, n.obs=nrow(X), fm='ml', rotate='varimax')",
    f"parallel analysis, polychorics, {DRAWS} draws": f"fa.parallel(X, cor='poly', n.iter={DRAWS}, plot=FALSE)",
    f"parallel analysis, Pearson, {DRAWS} draws": f"fa.parallel(X, n.iter={DRAWS}, plot=FALSE)",
    "very simple structure and MAP, 8 factors": "vss(R, n=8, n.obs=nrow(X), plot=FALSE)",
}


def efa_rows(repeats: int = 5) -> list[dict[str, Any]]:
    """Our factor and parallel analyses."""
    data = simulated_responses()
    R = data.corr()
    options = {"correlation": "cor", "n_obs": PERSONS}
    calls: dict[str, Callable[[], Any]] = {
        f"minres and oblimin, {FACTORS} factors, from the correlations": lambda: rm.fit_efa(R, FACTORS, **options),
        f"minres and oblimin, {FACTORS} factors, one start": lambda: rm.fit_efa(R, FACTORS, n_starts=1, **options),
        f"minres and varimax, {FACTORS} factors, from the correlations": lambda: rm.fit_efa(R, FACTORS, rotation="varimax", **options),
        f"ml and varimax, {FACTORS} factors, from the correlations": lambda: rm.fit_efa(R, FACTORS, extraction="ml", rotation="varimax", **options),
        f"minres and oblimin of polychorics ({PERSONS} x {ITEMS})": lambda: rm.fit_efa(data, FACTORS, correlation="polychoric"),
        f"the same with delta-method standard errors ({PERSONS} x {ITEMS})": lambda: rm.fit_efa(data, FACTORS, correlation="polychoric", se="delta"),
        f"parallel analysis, polychorics, {DRAWS} draws": lambda: rm.parallel_analysis(data, n_iter=DRAWS, seed=1),
        f"parallel analysis, Pearson, {DRAWS} draws": lambda: rm.parallel_analysis(data, correlation="pearson", n_iter=DRAWS, seed=1),
        "very simple structure and MAP, 8 factors": lambda: rm.suggest_n_factors(R, ("vss", "map"), max_factors=8, **options),
        "exploratory graph analysis": lambda: rm.graph_analysis(R, **options),
    }  # fmt: skip
    return [
        {"task": task, "engine": "recoverymetrics", **measured(call, repeats), "note": ""}
        for task, call in calls.items()
    ]


def psych_rows(repeats: int = 5) -> list[dict[str, Any]]:
    """The same through psych (its time includes ``cor(X)``); a call that its installation cannot run gives no row."""
    out = []
    for task, call in R_CALLS.items():
        rotates = "oblimin" in task  # without GPArotation psych leaves the factors unrotated and says so only
        setup = "{library(psych); library(GPArotation)}" if rotates else "library(psych)"
        call = call.replace("fa(R", "fa(cor(X)").replace("vss(R", "vss(cor(X)")
        out += [
            {"task": task, "engine": "psych", **timed}
            for timed in time_r(simulated_responses(), setup, call, repeats)
        ]
    return out


def factor_analyzer_rows(repeats: int = 5) -> list[dict[str, Any]]:
    """The same through factor_analyzer, where it is installed."""
    if find_spec("factor_analyzer") is None:
        return []
    from factor_analyzer import FactorAnalyzer

    R = simulated_responses().corr().to_numpy()
    out = []
    for method, rotation in (("minres", "oblimin"), ("minres", "varimax"), ("ml", "varimax")):

        def fit(method: str = method, rotation: str = rotation) -> None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                FactorAnalyzer(FACTORS, method=method, rotation=rotation, is_corr_matrix=True).fit(R)

        task = f"{method} and {rotation}, {FACTORS} factors, from the correlations"
        out.append({"task": task, "engine": "factor_analyzer", **measured(fit, repeats), "note": "one start"})
    return out


def rows() -> list[dict[str, Any]]:
    """All rows of this module."""
    return [*efa_rows(), *factor_analyzer_rows(), *psych_rows()]
