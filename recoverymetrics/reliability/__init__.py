"""Reliability and agreement: alpha, omega, lambda, intraclass correlation, kappa, measurement error."""

from recoverymetrics.reliability.agreement import gwet_ac, kendall_w, krippendorff_alpha
from recoverymetrics.reliability.alpha import cronbach_alpha
from recoverymetrics.reliability.change import reliable_change
from recoverymetrics.reliability.compare import ReliabilityComparison, compare_reliability
from recoverymetrics.reliability.compare_scales import compare_scales
from recoverymetrics.reliability.conditional import conditional_error
from recoverymetrics.reliability.error_results import (
    ConditionalError,
    LimitsOfAgreement,
    MeasurementError,
    ReliableChange,
)
from recoverymetrics.reliability.estimate import estimate_reliability
from recoverymetrics.reliability.guttman import guttman_lambdas
from recoverymetrics.reliability.hierarchical import hierarchical_omega
from recoverymetrics.reliability.htmt import heterotrait_monotrait
from recoverymetrics.reliability.icc import intraclass_correlation
from recoverymetrics.reliability.kappa import cohen_kappa, fleiss_kappa
from recoverymetrics.reliability.measurement_error import limits_of_agreement, measurement_error
from recoverymetrics.reliability.model_based import model_reliability
from recoverymetrics.reliability.omega import mcdonald_omega
from recoverymetrics.reliability.ordinal import categorical_omega, ordinal_alpha
from recoverymetrics.reliability.results import CoefficientResult, ReliabilityResult
from recoverymetrics.reliability.scale_scores import ScaleScores, score_scales
from recoverymetrics.reliability.spec import Bootstrap
from recoverymetrics.reliability.split_half import split_half

__all__ = [
    "Bootstrap",
    "CoefficientResult",
    "ConditionalError",
    "LimitsOfAgreement",
    "MeasurementError",
    "ReliabilityComparison",
    "ReliabilityResult",
    "ReliableChange",
    "ScaleScores",
    "categorical_omega",
    "cohen_kappa",
    "compare_reliability",
    "compare_scales",
    "conditional_error",
    "cronbach_alpha",
    "estimate_reliability",
    "fleiss_kappa",
    "guttman_lambdas",
    "gwet_ac",
    "heterotrait_monotrait",
    "hierarchical_omega",
    "intraclass_correlation",
    "kendall_w",
    "krippendorff_alpha",
    "limits_of_agreement",
    "mcdonald_omega",
    "measurement_error",
    "model_reliability",
    "ordinal_alpha",
    "reliable_change",
    "score_scales",
    "split_half",
]
