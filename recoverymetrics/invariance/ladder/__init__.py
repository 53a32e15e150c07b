"""The ladder of measurement invariance, continuous and ordinal."""

from recoverymetrics.invariance.ladder.check import check_invariance
from recoverymetrics.invariance.ladder.criteria import InvarianceCriteria
from recoverymetrics.invariance.ladder.result import InvarianceResult

__all__ = ["InvarianceCriteria", "InvarianceResult", "check_invariance"]
