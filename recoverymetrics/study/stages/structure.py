"""Stage two: screening, number of factors, exploratory and confirmatory factor analysis."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from recoverymetrics.cfa import fit_cfa
from recoverymetrics.efa import ParallelAnalysis, fit_efa, suggest_n_factors
from recoverymetrics.screening import screen
from recoverymetrics.study.config import StudyConfig
from recoverymetrics.study.inputs import Inputs
from recoverymetrics.typing import Workers


@dataclass(frozen=True)
class StructureStage:
    """Screening, retention, EFA and CFA of the scale before revision.

    Attributes
    ----------
    screening : ScreeningResult
    retention : RetentionResult
    efa : EFAResult
    cfa : CFAResult
    model : str
        The CFA model in lavaan syntax.
    """

    screening: Any
    retention: Any
    efa: Any
    cfa: Any
    model: str

    def headline(self) -> dict[str, Any]:
        """Numbers that the manifest keeps."""
        fit = self.cfa.glance().iloc[0]
        loadings = standardised_loadings(self.cfa)
        numbers: dict[str, Any] = {"retention.n_factors": int(self.retention.n_factors)}
        numbers |= {
            f"screening.missing.{r.item}": float(r.missing)
            for r in screened_items(self.screening).itertuples()
        }
        numbers |= {
            f"efa.communality.{item}": float(v) for item, v in self.efa.communalities["communality"].items()
        }
        for name in ("chi2", "chi2_scaled", "cfi", "cfi_scaled", "rmsea", "rmsea_scaled", "srmr"):
            if name in fit and pd.notna(fit[name]):
                numbers[f"cfa.{name}"] = float(fit[name])
        numbers["cfa.df"] = int(fit["df"])
        return numbers | {f"cfa.loading.{item}": float(v) for item, v in loadings.items()}


def standardised_loadings(cfa: Any) -> pd.Series:
    """Standardised loading of each item, averaged over groups when there are several."""
    table = cfa.tidy()
    loadings = table[table["op"] == "=~"]
    return loadings.groupby("rhs", sort=False)["std_all"].mean()


def screened_items(screening: Any) -> pd.DataFrame:
    """Rows of the screening table that hold for all groups together."""
    table = screening.tidy()
    return table[table["group"].isin(["all"])] if "group" in table else table


def run_structure(
    inputs: Inputs, config: StudyConfig, workers: Workers, step: Callable[[str], None]
) -> StructureStage:
    """Screen the answers, look for the number of factors, fit EFA and CFA."""
    dimensions = dict(inputs.scale.factors)
    responses = inputs.responses.ungrouped()
    step("screening")
    screening = screen(inputs.responses, group=inputs.grouping, scales=dimensions, seed=config.study.seed)
    step("number of factors")
    retention = suggest_n_factors(
        responses,
        parallel=ParallelAnalysis(n_draws=config.analysis.parallel_draws),
        seed=config.study.seed,
        workers=workers,
    )
    step("exploratory factor analysis")
    wanted = config.analysis.n_factors
    n_factors = (
        len(dimensions)
        if wanted == "dimensions"
        else int(retention.n_factors)
        if wanted == "suggested"
        else int(wanted)
    )
    efa = fit_efa(
        responses, n_factors, correlation="polychoric", rotation="oblimin" if n_factors > 1 else "none"
    )
    step("confirmatory factor analysis")
    model = config.analysis.model or inputs.scale.to_model()
    cfa = fit_cfa(responses, model, estimator=config.analysis.estimator, **ordinal_options(config))
    return StructureStage(screening, retention, efa, cfa, model)


def ordinal_options(config: StudyConfig) -> dict[str, Any]:
    """Options of fit_cfa that follow from the estimator: ordered items pairwise, continuous ones by FIML."""
    if config.analysis.estimator == "WLSMV":
        return {"ordered": True, "missing": "pairwise"}
    return {"ordered": False, "missing": "fiml"}
