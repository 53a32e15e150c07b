"""Equating of raw scores: which score on one form stands for a score on another."""

from recoverymetrics.irt.equating.models import equate_models
from recoverymetrics.irt.equating.observed import LogLinear, equate_scores
from recoverymetrics.irt.equating.result import EquatingResult

__all__ = ["EquatingResult", "LogLinear", "equate_models", "equate_scores"]
