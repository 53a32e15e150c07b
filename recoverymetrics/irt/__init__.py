"""Item response theory: calibration, fit, scoring, linking, adaptive testing, non-parametric scaling."""

from recoverymetrics.irt.cat import CATResult, CATRules, CATSession, simulate_cat
from recoverymetrics.irt.compare import vuong_test
from recoverymetrics.irt.equating import EquatingResult, LogLinear, equate_models, equate_scores
from recoverymetrics.irt.fit import fit_irt
from recoverymetrics.irt.linking import LinkResult, link_scales
from recoverymetrics.irt.mokken import MokkenResult, fit_mokken
from recoverymetrics.irt.priors import Beta, LogNormal, Normal
from recoverymetrics.irt.rasch import RaschResult, RaschTree, fit_rasch, fit_rasch_tree
from recoverymetrics.irt.result import IRTResult
from recoverymetrics.irt.spec import AdaptiveQuadrature, Quadrature, QuasiMonteCarlo
from recoverymetrics.irt.structure import Bifactor

__all__ = [
    "AdaptiveQuadrature",
    "Beta",
    "Bifactor",
    "CATResult",
    "CATRules",
    "CATSession",
    "EquatingResult",
    "IRTResult",
    "LinkResult",
    "LogLinear",
    "LogNormal",
    "MokkenResult",
    "Normal",
    "Quadrature",
    "QuasiMonteCarlo",
    "RaschResult",
    "RaschTree",
    "equate_models",
    "equate_scores",
    "fit_irt",
    "fit_mokken",
    "fit_rasch",
    "fit_rasch_tree",
    "link_scales",
    "simulate_cat",
    "vuong_test",
]
