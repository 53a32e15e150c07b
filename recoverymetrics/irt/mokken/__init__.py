"""Non-parametric item response theory: Mokken scaling."""

from recoverymetrics.irt.mokken.fit import MokkenResult, fit_mokken

__all__ = ["MokkenResult", "fit_mokken"]
