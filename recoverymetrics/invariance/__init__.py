"""Measurement invariance, alignment and differential item functioning between groups."""

from recoverymetrics.invariance.dif import DIFResult, FlagRule, OrdinalLogistic, detect_dif

__all__ = ["DIFResult", "FlagRule", "OrdinalLogistic", "detect_dif"]
