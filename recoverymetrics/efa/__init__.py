"""Exploratory factor analysis: extraction, rotation, scores, and how many factors to keep."""

from recoverymetrics.efa.congruence import congruence
from recoverymetrics.efa.criteria import (
    Bentler,
    Bifactor,
    BiGeomin,
    CrawfordFerguson,
    Entropy,
    Geomin,
    Infomax,
    Oblimax,
    Oblimin,
    Promax,
    Quartimax,
    RotationCriterion,
    Simplimax,
    Tandem,
    Target,
    Varimax,
)
from recoverymetrics.efa.fit import PrincipalAxis, fit_efa
from recoverymetrics.efa.result import EFAResult
from recoverymetrics.efa.retention import (
    ParallelAnalysis,
    RetentionResult,
    parallel_analysis,
    suggest_n_factors,
)

__all__ = [
    "Bentler",
    "BiGeomin",
    "Bifactor",
    "CrawfordFerguson",
    "EFAResult",
    "Entropy",
    "Geomin",
    "Infomax",
    "Oblimax",
    "Oblimin",
    "ParallelAnalysis",
    "PrincipalAxis",
    "Promax",
    "Quartimax",
    "RetentionResult",
    "RotationCriterion",
    "Simplimax",
    "Tandem",
    "Target",
    "Varimax",
    "congruence",
    "fit_efa",
    "parallel_analysis",
    "suggest_n_factors",
]
