"""Simulate data with a known truth: ordered answers in several groups, and continuous variables."""

from recoverymetrics.simulate.models import simulate_continuous
from recoverymetrics.simulate.responsemodel import ResponseModel, factor_model, irt_model
from recoverymetrics.simulate.responses import simulate_responses
from recoverymetrics.simulate.result import SimulatedResponses
from recoverymetrics.simulate.spec import DIF, Careless, Group, Missingness

__all__ = [
    "DIF",
    "Careless",
    "Group",
    "Missingness",
    "ResponseModel",
    "SimulatedResponses",
    "factor_model",
    "irt_model",
    "simulate_continuous",
    "simulate_responses",
]
