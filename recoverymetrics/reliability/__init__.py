"""Reliability and agreement: alpha, omega, lambda, intraclass correlation, kappa, measurement error."""

from recoverymetrics.reliability.alpha import cronbach_alpha
from recoverymetrics.reliability.estimate import estimate_reliability
from recoverymetrics.reliability.omega import mcdonald_omega
from recoverymetrics.reliability.results import CoefficientResult, ReliabilityResult
from recoverymetrics.reliability.spec import Bootstrap

__all__ = [
    "Bootstrap",
    "CoefficientResult",
    "ReliabilityResult",
    "cronbach_alpha",
    "estimate_reliability",
    "mcdonald_omega",
]
