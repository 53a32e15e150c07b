"""Correlations of any kind of item, all pairs at once, with their asymptotic covariance."""

from recoverymetrics.correlation.kernel import Influence, OrdinalMoments, ordinal_moments

__all__ = ["Influence", "OrdinalMoments", "ordinal_moments"]
