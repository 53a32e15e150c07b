"""Measurement invariance, alignment and differential item functioning between groups."""

from recoverymetrics.invariance.dif import (
    DIFResult,
    FlagRule,
    MantelHaenszel,
    OrdinalLogistic,
    Sibtest,
    detect_dif,
)

__all__ = ["DIFResult", "FlagRule", "MantelHaenszel", "OrdinalLogistic", "Sibtest", "detect_dif"]
