"""Confirmatory factor analysis and structural equation models in lavaan syntax."""

from recoverymetrics.cfa.compare import compare_models
from recoverymetrics.cfa.fit import fit_cfa, fit_sem
from recoverymetrics.cfa.result import CFAResult
from recoverymetrics.cfa.syntax import parse_model
from recoverymetrics.cfa.table import ParameterTable

__all__ = ["CFAResult", "ParameterTable", "compare_models", "fit_cfa", "fit_sem", "parse_model"]
