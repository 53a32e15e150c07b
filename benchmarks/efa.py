"""Factor analysis and parallel analysis, beside psych and factor_analyzer where they are installed.

Each function returns rows with the keys ``task``, ``engine``, ``seconds`` (median processor time of the runs),
``least`` (the quickest run), ``note`` and, from ``rows()``, ``times`` (how many times ours another engine takes).
The one-factor responses are those on which R was timed first; four factors of them are three too many, so that the
criterion of the rotation is flat. The four-factor responses are what four factors should be taken from.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

import pandas as pd

import recoverymetrics as rm
from benchmarks.correlation import (
    PERSONS,
    measured,
    one_factor_responses,
    simulated_responses,
    time_r,
    with_times,
)

FACTORS, DRAWS = 4, 20
DATA: dict[str, Callable[[], pd.DataFrame]] = {"one": one_factor_responses, "four": simulated_responses}
SOURCES = ("responses", "correlations")
ROTATED = (("minres", "oblimin"), ("minres", "varimax"), ("ml", "varimax"))
PARALLEL = {"polychoric": "fa.parallel(X, cor='poly', n.iter={}, plot=FALSE)", "Pearson": "fa.parallel(X, n.iter={}, plot=FALSE)"}  # fmt: skip
VSS = "very simple structure and MAP, 8 factors"


def task_name(extraction: str, rotation: str, source: str, data: str) -> str:
    """Name of a factor analysis, the same for every engine."""
    return f"{extraction} and {rotation}, {FACTORS} factors of {data}-factor data, from the {source}"


def parallel_name(kind: str) -> str:
    """Name of a parallel analysis, the same for every engine."""
    return f"parallel analysis, {kind} correlations, {DRAWS} draws"


def efa_rows(repeats: int = 5) -> list[dict[str, Any]]:
    """Our factor and parallel analyses."""
    calls: dict[str, Callable[[], Any]] = {}
    for name, draw in DATA.items():
        data = draw()
        R, options = data.corr(), {"correlation": "cor", "n_obs": PERSONS}
        for extraction, rotation in ROTATED:
            spec: dict[str, Any] = {"extraction": extraction, "rotation": rotation}
            calls[task_name(extraction, rotation, "responses", name)] = partial(
                rm.fit_efa, data, FACTORS, **spec
            )
            calls[task_name(extraction, rotation, "correlations", name)] = partial(
                rm.fit_efa, R, FACTORS, **spec, **options
            )
        calls[f"minres and oblimin, one start, {name}-factor data, from the correlations"] = partial(
            rm.fit_efa, R, FACTORS, n_starts=1, **options
        )
    data, R = simulated_responses(), simulated_responses().corr()
    one = one_factor_responses()
    calls |= {
        "minres and oblimin of polychorics": lambda: rm.fit_efa(data, FACTORS, correlation="polychoric"),
        "the same with delta-method standard errors": lambda: rm.fit_efa(data, FACTORS, correlation="polychoric", se="delta"),
        parallel_name("polychoric"): lambda: rm.parallel_analysis(one, n_iter=DRAWS, seed=1),
        parallel_name("Pearson"): lambda: rm.parallel_analysis(one, correlation="pearson", n_iter=DRAWS, seed=1),
        VSS: lambda: rm.suggest_n_factors(R, ("vss", "map"), max_factors=8, correlation="cor", n_obs=PERSONS),
        "exploratory graph analysis": lambda: rm.graph_analysis(R, correlation="cor", n_obs=PERSONS),
    }  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rm.EstimationWarning)
        return [
            {"task": task, "engine": "recoverymetrics", **measured(call, repeats), "note": ""}
            for task, call in calls.items()
        ]


def psych_rows(repeats: int = 5) -> list[dict[str, Any]]:
    """The same through psych; a call that its installation cannot run gives no row."""
    out = []
    given = {"responses": f"X, {FACTORS}", "correlations": f"R, {FACTORS}, n.obs=nrow(X)"}
    for name, draw in DATA.items():
        for extraction, rotation in ROTATED:
            # without GPArotation psych leaves the factors unrotated and says so only
            setup = "{library(psych); library(GPArotation)}" if rotation == "oblimin" else "library(psych)"
            for source in SOURCES:
                call = f"fa({given[source]}, fm='{extraction}', rotate='{rotation}')"
                task = task_name(extraction, rotation, source, name)
                out += [{"task": task, "engine": "psych", **t} for t in time_r(draw(), setup, call, repeats)]
    calls = {parallel_name(kind): call.format(DRAWS) for kind, call in PARALLEL.items()}
    out += [
        {"task": task, "engine": "psych", **timed}
        for task, call in calls.items()
        for timed in time_r(one_factor_responses(), "library(psych)", call, repeats)
    ]
    call = "vss(R, n=8, n.obs=nrow(X), plot=FALSE)"
    timed = time_r(simulated_responses(), "library(psych)", call, repeats)
    return out + [{"task": VSS, "engine": "psych", **row} for row in timed]


def factor_analyzer_rows(repeats: int = 5) -> list[dict[str, Any]]:
    """The same through factor_analyzer, where it is installed; it starts its rotations once."""
    if find_spec("factor_analyzer") is None:
        return []
    from factor_analyzer import FactorAnalyzer

    out = []
    for name, draw in DATA.items():
        data = draw()
        for extraction, rotation in ROTATED:
            for source in SOURCES:
                matrix = source == "correlations"
                given = (data.corr() if matrix else data).to_numpy()
                model = partial(
                    FactorAnalyzer, FACTORS, method=extraction, rotation=rotation, is_corr_matrix=matrix
                )
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    timed = measured(lambda model=model, given=given: model().fit(given), repeats)  # type: ignore[misc]
                task = task_name(extraction, rotation, source, name)
                out.append({"task": task, "engine": "factor_analyzer", **timed, "note": "one start"})
    return out


def rows() -> list[dict[str, Any]]:
    """All rows of this module."""
    return with_times([*efa_rows(), *factor_analyzer_rows(), *psych_rows()])
