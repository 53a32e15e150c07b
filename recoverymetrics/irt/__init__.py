"""Item response theory: calibration, fit, scoring, linking, non-parametric scaling."""

from recoverymetrics.irt.fit import fit_irt
from recoverymetrics.irt.priors import Beta, LogNormal, Normal
from recoverymetrics.irt.rasch import RaschResult, fit_rasch
from recoverymetrics.irt.result import IRTResult
from recoverymetrics.irt.spec import Quadrature, QuasiMonteCarlo
from recoverymetrics.irt.structure import Bifactor

__all__ = [
    "Beta",
    "Bifactor",
    "IRTResult",
    "LogNormal",
    "Normal",
    "Quadrature",
    "QuasiMonteCarlo",
    "RaschResult",
    "fit_irt",
    "fit_rasch",
]
