"""``compare_engines``: the same model through a second engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from recoverymetrics.cfa.result import CFAResult
from recoverymetrics.crosscheck import (
    with_factor_analyzer,
    with_girth,
    with_lavaan,
    with_mirt,
    with_ordered_model,
    with_psych,
    with_semopy,
    with_statsmodels,
)
from recoverymetrics.crosscheck.request import EngineRun, Terms
from recoverymetrics.crosscheck.result import EngineComparison
from recoverymetrics.crosscheck.structural import structural_request
from recoverymetrics.crosscheck.terms import factor_request, item_response_request
from recoverymetrics.efa import EFAResult
from recoverymetrics.errors import ModelError, OptionError
from recoverymetrics.invariance import DIFResult
from recoverymetrics.irt import IRTResult

Adapter = Callable[[Any], EngineRun]

ADAPTERS: dict[type, dict[str, Adapter]] = {
    EFAResult: {
        "factor_analyzer": with_factor_analyzer.run,
        "statsmodels": with_statsmodels.run,
        "psych": with_psych.run,
    },
    CFAResult: {"semopy": with_semopy.run, "lavaan": with_lavaan.run},
    IRTResult: {"girth": with_girth.run, "mirt": with_mirt.run},
    DIFResult: {"statsmodels": with_ordered_model.run},
}
REQUESTS: dict[type, Callable[[Any], Any]] = {
    EFAResult: factor_request,
    CFAResult: structural_request,
    IRTResult: item_response_request,
    DIFResult: with_ordered_model.dif_request,
}
NAMES: dict[type, str] = {
    EFAResult: "Exploratory factor analysis",
    CFAResult: "Confirmatory factor analysis",
    IRTResult: "Item response model",
    DIFResult: "Differential item functioning by ordinal logistic regression",
}
ENGINES = ("semopy", "girth", "factor_analyzer", "statsmodels", "lavaan", "mirt", "psych")
REASONS: dict[tuple[type, str], str] = {
    (CFAResult, "factor_analyzer"): "its ConfirmatoryFactorAnalyzer fails with pandas 3.",
    (CFAResult, "statsmodels"): "it has no confirmatory models.",
    (IRTResult, "factor_analyzer"): "it has no item response models.",
    (IRTResult, "statsmodels"): "it has no item response models.",
}


def compare_engines(result: Any, *, engine: str, tolerance: float | None = None) -> EngineComparison:
    """Fit the model of a result again with another engine, and put the numbers side by side.

    Paths that are known to be wrong in an engine are refused with the reason, so that a difference found here
    is never that engine's known fault.

    Parameters
    ----------
    result : EFAResult, CFAResult, IRTResult or DIFResult
        A fitted model, or a DIF analysis by ordinal logistic regression.
    engine : {"semopy", "girth", "factor_analyzer", "statsmodels", "lavaan", "mirt", "psych"}
        Which engine: semopy and lavaan for confirmatory models, girth and mirt for item response models,
        factor_analyzer, statsmodels and psych for exploratory ones, statsmodels for DIF. lavaan, mirt and psych
        need R.
    tolerance : float, optional
        Difference, relative to the larger of 1 and our value, that counts as agreement; by default what the
        engine's own stopping rule explains.

    Returns
    -------
    EngineComparison

    Raises
    ------
    OptionError
        Unknown engine, or one that is not installed.
    ModelError
        A path that the engine lacks or has wrong; the message gives the reason.

    Examples
    --------
    >>> import numpy as np
    >>> from recoverymetrics.efa import fit_efa
    >>> rng = np.random.default_rng(1)
    >>> x = np.repeat(rng.normal(size=(200, 2)), 3, axis=1) + rng.normal(size=(200, 6))
    >>> fit = fit_efa(x, 2, extraction="ml", rotation="oblimin")
    >>> compare_engines(fit, engine="statsmodels").agrees
    True
    """
    if engine not in ENGINES:
        raise OptionError(f"unknown engine {engine!r}; use one of {', '.join(map(repr, ENGINES))}.")
    kind = next((known for known in ADAPTERS if isinstance(result, known)), None)
    if kind is None:
        known = ", ".join(sorted(cls.__name__ for cls in ADAPTERS))
        raise ModelError(f"cannot compare a {type(result).__name__}; give one of {known}.")
    if engine not in ADAPTERS[kind]:
        able = ", ".join(map(repr, ADAPTERS[kind]))
        reason = REASONS.get((kind, engine), "it is not used for this kind of model.")
        raise ModelError(f"{engine} cannot check a {kind.__name__}: {reason} Use one of {able}.")
    request = REQUESTS[kind](result)
    run = ADAPTERS[kind][engine](request)
    return EngineComparison(
        engine=engine,
        version=run.version,
        model=NAMES[kind],
        tolerance=run.tolerance if tolerance is None else tolerance,
        frame=_frame(request.ours, run.theirs),
        notes=run.notes,
    )


def _frame(ours: Terms, theirs: Terms) -> pd.DataFrame:
    """Terms that both have, in our order."""
    rows = [(*key, value, theirs[key]) for key, value in ours.items() if key in theirs]
    if not rows:
        raise ModelError("the two engines have no term in common.")
    frame = pd.DataFrame(rows, columns=["quantity", "term", "ours", "theirs"])
    return frame.assign(difference=frame["theirs"] - frame["ours"])
