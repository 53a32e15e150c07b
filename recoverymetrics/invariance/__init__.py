"""Measurement invariance, alignment and differential item functioning between groups."""

from recoverymetrics.invariance.alignment import AlignmentLoss, AlignmentResult, align_groups
from recoverymetrics.invariance.dif import (
    CovariateDIFResult,
    CovariateLogistic,
    DIFResult,
    FlagRule,
    IRTLikelihoodRatio,
    IRTWald,
    Lasso,
    Lord,
    MantelHaenszel,
    Mimic,
    Ncdif,
    OrdinalLogistic,
    RajuArea,
    ScoreBased,
    Sibtest,
    detect_covariate_dif,
    detect_dif,
)
from recoverymetrics.invariance.ladder import InvarianceCriteria, InvarianceResult, check_invariance
from recoverymetrics.invariance.plain import PlainSummary, explain_invariance

__all__ = [
    "AlignmentLoss",
    "AlignmentResult",
    "CovariateDIFResult",
    "CovariateLogistic",
    "DIFResult",
    "FlagRule",
    "IRTLikelihoodRatio",
    "IRTWald",
    "InvarianceCriteria",
    "InvarianceResult",
    "Lasso",
    "Lord",
    "MantelHaenszel",
    "Mimic",
    "Ncdif",
    "OrdinalLogistic",
    "PlainSummary",
    "RajuArea",
    "ScoreBased",
    "Sibtest",
    "align_groups",
    "check_invariance",
    "detect_covariate_dif",
    "detect_dif",
    "explain_invariance",
]
