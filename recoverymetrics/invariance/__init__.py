"""Measurement invariance, alignment and differential item functioning between groups."""

from recoverymetrics.invariance.dif import (
    DIFResult,
    FlagRule,
    IRTLikelihoodRatio,
    IRTWald,
    MantelHaenszel,
    OrdinalLogistic,
    Sibtest,
    detect_dif,
)
from recoverymetrics.invariance.ladder import InvarianceCriteria, InvarianceResult, check_invariance

__all__ = [
    "DIFResult",
    "FlagRule",
    "IRTLikelihoodRatio",
    "IRTWald",
    "InvarianceCriteria",
    "InvarianceResult",
    "MantelHaenszel",
    "OrdinalLogistic",
    "Sibtest",
    "check_invariance",
    "detect_dif",
]
