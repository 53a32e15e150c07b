"""Correlations of any kind of item, all pairs at once, with their asymptotic covariance."""

from recoverymetrics.correlation.fit import correlate, polychoric, tetrachoric
from recoverymetrics.correlation.kernel import Influence, OrdinalMoments, ordinal_moments
from recoverymetrics.correlation.kernel_mixed import MixedMoments, mixed_moments
from recoverymetrics.correlation.pair import PairFit
from recoverymetrics.correlation.result import CorrelationResult, PolychoricResult
from recoverymetrics.correlation.serial import PolyserialResult, polychoric_pair, polyserial

__all__ = [
    "CorrelationResult",
    "Influence",
    "MixedMoments",
    "OrdinalMoments",
    "PairFit",
    "PolychoricResult",
    "PolyserialResult",
    "correlate",
    "mixed_moments",
    "ordinal_moments",
    "polychoric",
    "polychoric_pair",
    "polyserial",
    "tetrachoric",
]
