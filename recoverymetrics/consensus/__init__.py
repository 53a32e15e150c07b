"""Delphi panels, consensus rules, stability, sensitivity, stakeholder comparison."""

from recoverymetrics.consensus.agreement_rules import APMORule, ConsensusRule, CoreOutcomeRule
from recoverymetrics.consensus.check import ConsensusResult, check_consensus
from recoverymetrics.consensus.group_rules import WithinGroups
from recoverymetrics.consensus.lineage import Lineage
from recoverymetrics.consensus.panel import DelphiPanel
from recoverymetrics.consensus.planning import PanelPlan, plan_panel_size
from recoverymetrics.consensus.reporting import reporting_checklist
from recoverymetrics.consensus.rules import AllOf, AnyOf, Rule
from recoverymetrics.consensus.sensitivity import bootstrap_consensus
from recoverymetrics.consensus.spread_rules import IQRRule, MeanRule, MedianRule, RandUclaRule
from recoverymetrics.consensus.stakeholders import StakeholderComparison, compare_stakeholders, convergence

__all__ = [
    "APMORule",
    "AllOf",
    "AnyOf",
    "ConsensusResult",
    "ConsensusRule",
    "CoreOutcomeRule",
    "DelphiPanel",
    "IQRRule",
    "Lineage",
    "MeanRule",
    "MedianRule",
    "PanelPlan",
    "RandUclaRule",
    "Rule",
    "StakeholderComparison",
    "WithinGroups",
    "bootstrap_consensus",
    "check_consensus",
    "compare_stakeholders",
    "convergence",
    "plan_panel_size",
    "reporting_checklist",
]
