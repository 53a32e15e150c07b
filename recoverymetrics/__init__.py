"""From consensus elements and answers in six WHO regions to a refined scale.

Names are loaded when they are first used, so that the import itself stays light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from recoverymetrics.errors import (
    ConfigError,
    DataError,
    DataWarning,
    EstimationWarning,
    ModelError,
    OptionError,
    RecoveryMetricsError,
    RecoveryMetricsWarning,
)

__version__ = "0.1.0"

_HOMES: dict[str, tuple[str, ...]] = {
    "instrument": ("Element", "ElementSet", "Item", "ItemBank", "Responses", "Scale", "who_region"),
    "io": ("load_consensus", "load_synthetic", "read_table"),
    "consensus": (
        "APMORule",
        "ConsensusRule",
        "CoreOutcomeRule",
        "DelphiPanel",
        "IQRRule",
        "MeanRule",
        "MedianRule",
        "RandUclaRule",
        "WithinGroups",
        "compare_stakeholders",
        "plan_panel_size",
    ),
    "content": ("content_validity", "map_coverage", "map_themes", "screen_wording", "suggest_mapping"),
    "screening": ("screen",),
    "correlation": ("correlate", "polychoric", "polyserial", "tetrachoric"),
    "efa": (
        "CrawfordFerguson",
        "Geomin",
        "Oblimin",
        "ParallelAnalysis",
        "PrincipalAxis",
        "Promax",
        "Target",
        "Varimax",
        "compare_structures",
        "congruence",
        "detect_redundancy",
        "factorability",
        "fit_efa",
        "graph_analysis",
        "parallel_analysis",
        "schmid_leiman",
        "suggest_n_factors",
    ),
    "cfa": (
        "compare_models",
        "fit_cfa",
        "fit_sem",
        "monte_carlo_power",
        "monte_carlo_sample_size",
        "rmsea_power",
        "rmsea_sample_size",
    ),
    "irt": (
        "Bifactor",
        "CATRules",
        "CATSession",
        "LogLinear",
        "equate_models",
        "equate_scores",
        "fit_irt",
        "fit_mokken",
        "fit_rasch",
        "fit_rasch_tree",
        "link_scales",
        "simulate_cat",
    ),
    "reliability": (
        "Bootstrap",
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
    ),
    "simulate": ("simulate_responses",),
    "invariance": (
        "AlignmentLoss",
        "CovariateLogistic",
        "FlagRule",
        "IRTLikelihoodRatio",
        "IRTWald",
        "InvarianceCriteria",
        "Lasso",
        "Lord",
        "MantelHaenszel",
        "Mimic",
        "Ncdif",
        "OrdinalLogistic",
        "RajuArea",
        "ScoreBased",
        "Sibtest",
        "align_groups",
        "check_invariance",
        "detect_covariate_dif",
        "detect_dif",
        "explain_invariance",
    ),
    "refine": (
        "Criteria",
        "assemble_short_form",
        "gather_evidence",
        "propose_revision",
    ),
    "crosscheck": ("compare_engines",),
    "study": ("Study", "verify"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "ConfigError",
    "DataError",
    "DataWarning",
    "EstimationWarning",
    "ModelError",
    "OptionError",
    "RecoveryMetricsError",
    "RecoveryMetricsWarning",
    "__version__",
    *sorted(_HOME_OF),
]

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name in _HOMES:
            return import_module(f"recoverymetrics.{name}")
        if name not in _HOME_OF:
            raise AttributeError(f"module 'recoverymetrics' has no attribute {name!r}")
        value = getattr(import_module(f"recoverymetrics.{_HOME_OF[name]}"), name)
        globals()[name] = value
        return value

    def __dir__() -> list[str]:
        return sorted(__all__)
