"""Differential item functioning: which items work differently in which region, and what that does."""

from recoverymetrics.invariance.dif.covariate import detect_covariate_dif
from recoverymetrics.invariance.dif.detect import detect_dif
from recoverymetrics.invariance.dif.result import DIFResult
from recoverymetrics.invariance.dif.spec import (
    FlagRule,
    IRTLikelihoodRatio,
    IRTWald,
    MantelHaenszel,
    Mimic,
    OrdinalLogistic,
    Sibtest,
)

__all__ = [
    "DIFResult",
    "FlagRule",
    "IRTLikelihoodRatio",
    "IRTWald",
    "MantelHaenszel",
    "Mimic",
    "OrdinalLogistic",
    "Sibtest",
    "detect_covariate_dif",
    "detect_dif",
]
