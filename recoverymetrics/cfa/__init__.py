"""Confirmatory factor analysis and structural equation models in lavaan syntax."""

from recoverymetrics.cfa.compare import compare_models
from recoverymetrics.cfa.fit import fit_cfa, fit_sem
from recoverymetrics.cfa.montecarlo import monte_carlo_power
from recoverymetrics.cfa.montecarlo_result import MonteCarloPower
from recoverymetrics.cfa.power import (
    PowerResult,
    chi2_power,
    rmsea_power,
    rmsea_power_nested,
    rmsea_sample_size,
)
from recoverymetrics.cfa.result import CFAResult
from recoverymetrics.cfa.sample_size import monte_carlo_sample_size
from recoverymetrics.cfa.syntax import parse_model
from recoverymetrics.cfa.table import ParameterTable

__all__ = [
    "CFAResult",
    "MonteCarloPower",
    "ParameterTable",
    "PowerResult",
    "chi2_power",
    "compare_models",
    "fit_cfa",
    "fit_sem",
    "monte_carlo_power",
    "monte_carlo_sample_size",
    "parse_model",
    "rmsea_power",
    "rmsea_power_nested",
    "rmsea_sample_size",
]
