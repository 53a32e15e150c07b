"""Alignment: group means from configural parameters when a few parameters differ."""

from recoverymetrics.invariance.alignment.fit import AlignmentLoss, align_groups
from recoverymetrics.invariance.alignment.result import AlignmentResult

__all__ = ["AlignmentLoss", "AlignmentResult", "align_groups"]
