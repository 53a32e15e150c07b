"""Rasch models by conditional maximum likelihood."""

from recoverymetrics.irt.rasch.fit import fit_rasch
from recoverymetrics.irt.rasch.result import RaschResult
from recoverymetrics.irt.rasch.tree import fit_rasch_tree
from recoverymetrics.irt.rasch.tree_result import RaschTree

__all__ = ["RaschResult", "RaschTree", "fit_rasch", "fit_rasch_tree"]
