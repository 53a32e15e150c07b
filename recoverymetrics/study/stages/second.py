"""Stage six: some of the models once more, through other programs, as a check on this library."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import pandas as pd

from recoverymetrics.cfa import fit_cfa
from recoverymetrics.crosscheck import compare_engines
from recoverymetrics.efa import fit_efa
from recoverymetrics.errors import ModelError
from recoverymetrics.instrument import Responses
from recoverymetrics.irt import fit_irt
from recoverymetrics.study.inputs import Inputs


@dataclass(frozen=True)
class SecondEnginesStage:
    """Agreement with second engines.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per engine: ``engine``, ``version``, ``model``, ``n_terms``, ``max_difference``, ``within_tolerance``, ``note``.
    """

    table: pd.DataFrame = field(repr=False)

    def headline(self) -> dict[str, Any]:
        """Nothing: other programs' numbers are not ours to promise."""
        return {}


def run_second_engines(inputs: Inputs, step: Callable[[str], None]) -> SecondEnginesStage:
    """Compare factor analyses, a CFA and a graded model with other programs where these are installed."""
    step("second engines")
    rows = [_row(engine, model, fit, inputs.responses, inputs) for engine, model, fit in _CHECKS]
    return SecondEnginesStage(pd.DataFrame(rows))


def _row(
    engine: str, model: str, fit: Callable[[Responses, Inputs], Any], responses: Responses, inputs: Inputs
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "engine": engine,
        "version": "",
        "model": model,
        "n_terms": None,
        "max_difference": None,
        "within_tolerance": None,
        "note": "",
    }
    if find_spec(engine) is None:
        return {**row, "note": "not installed (extra: crosscheck)"}
    try:
        found = compare_engines(fit(responses, inputs), engine=engine).glance().iloc[0]
    except ModelError as refusal:
        return {**row, "note": str(refusal)}
    return {
        **row,
        **{name: found[name] for name in ("version", "n_terms", "max_difference", "within_tolerance")},
    }


def _first(inputs: Inputs) -> list[str]:
    return list(next(iter(inputs.scale.factors.values())))


def _efa(responses: Responses, inputs: Inputs) -> Any:
    n_factors = len(inputs.scale.factors)
    return fit_efa(
        responses, n_factors, correlation="pearson", rotation="oblimin" if n_factors > 1 else "none"
    )


def _efa_ml(responses: Responses, inputs: Inputs) -> Any:
    return fit_efa(
        responses, len(inputs.scale.factors), correlation="pearson", extraction="ml", rotation="none"
    )


def _cfa(responses: Responses, inputs: Inputs) -> Any:
    return fit_cfa(responses, inputs.scale.to_model(), estimator="ML")


def _graded(responses: Responses, inputs: Inputs) -> Any:
    return fit_irt(responses.select(_first(inputs)), "graded", se=None)


_CHECKS: tuple[tuple[str, str, Callable[[Responses, Inputs], Any]], ...] = (
    ("factor_analyzer", "EFA of Pearson correlations, minres: loadings", _efa),
    ("statsmodels", "EFA of Pearson correlations, maximum likelihood: loadings", _efa_ml),
    ("semopy", "CFA by maximum likelihood, complete cases: estimates and standard errors", _cfa),
    ("girth", "graded response model of the first dimension: slopes and thresholds", _graded),
)
