"""Rasch models by conditional maximum likelihood."""

from recoverymetrics.irt.rasch.fit import fit_rasch
from recoverymetrics.irt.rasch.result import RaschResult

__all__ = ["RaschResult", "fit_rasch"]
