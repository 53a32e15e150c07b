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
from recoverymetrics.efa.factorability import FactorabilityResult, factorability
from recoverymetrics.efa.fit import PrincipalAxis, fit_efa
from recoverymetrics.efa.graph import GraphResult, RedundancyResult, detect_redundancy, graph_analysis
from recoverymetrics.efa.regions import StructureComparison, compare_structures
from recoverymetrics.efa.result import EFAResult
from recoverymetrics.efa.retention import (
    ParallelAnalysis,
    RetentionResult,
    parallel_analysis,
    suggest_n_factors,
)
from recoverymetrics.efa.schmid_leiman import SchmidLeimanResult, schmid_leiman

__all__ = [
    "Bentler",
    "BiGeomin",
    "Bifactor",
    "CrawfordFerguson",
    "EFAResult",
    "Entropy",
    "FactorabilityResult",
    "Geomin",
    "GraphResult",
    "Infomax",
    "Oblimax",
    "Oblimin",
    "ParallelAnalysis",
    "PrincipalAxis",
    "Promax",
    "Quartimax",
    "RedundancyResult",
    "RetentionResult",
    "RotationCriterion",
    "SchmidLeimanResult",
    "Simplimax",
    "StructureComparison",
    "Tandem",
    "Target",
    "Varimax",
    "compare_structures",
    "congruence",
    "detect_redundancy",
    "factorability",
    "fit_efa",
    "graph_analysis",
    "parallel_analysis",
    "schmid_leiman",
    "suggest_n_factors",
]
