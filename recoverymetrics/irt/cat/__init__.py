"""Computerised adaptive testing."""

from recoverymetrics.irt.cat.rules import CATRules
from recoverymetrics.irt.cat.session import CATSession
from recoverymetrics.irt.cat.simulate import CATResult, simulate_cat

__all__ = ["CATResult", "CATRules", "CATSession", "simulate_cat"]
