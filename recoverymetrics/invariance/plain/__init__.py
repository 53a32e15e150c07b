"""What a ladder, an alignment and an item analysis say, on one page and in plain words."""

from recoverymetrics.invariance.plain.explain import explain_invariance
from recoverymetrics.invariance.plain.result import PlainSummary

__all__ = ["PlainSummary", "explain_invariance"]
