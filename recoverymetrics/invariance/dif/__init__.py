"""Differential item functioning: which items work differently in which region or along age, and what that does.

Which method when, and a table of power and false positives of all of them, is in the guide ``docs/guides/dif.md``
(``benchmarks/dif_power.py`` makes the table).
"""

from recoverymetrics.invariance.dif.covariate import CovariateDIFResult, detect_covariate_dif
from recoverymetrics.invariance.dif.detect import detect_dif
from recoverymetrics.invariance.dif.result import DIFResult
from recoverymetrics.invariance.dif.spec import (
    CovariateLogistic,
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
)

__all__ = [
    "CovariateDIFResult",
    "CovariateLogistic",
    "DIFResult",
    "FlagRule",
    "IRTLikelihoodRatio",
    "IRTWald",
    "Lasso",
    "Lord",
    "MantelHaenszel",
    "Mimic",
    "Ncdif",
    "OrdinalLogistic",
    "RajuArea",
    "ScoreBased",
    "Sibtest",
    "detect_covariate_dif",
    "detect_dif",
]
