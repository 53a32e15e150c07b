"""Evidence per item, criteria, a proposal that a person accepts or overrules, short forms."""

from recoverymetrics.refine.criteria import Criteria, Criterion
from recoverymetrics.refine.evidence import EvidenceTable, gather_evidence
from recoverymetrics.refine.proposal import Proposal, propose_revision
from recoverymetrics.refine.short_form import ShortForm, assemble_short_form

__all__ = [
    "Criteria",
    "Criterion",
    "EvidenceTable",
    "Proposal",
    "ShortForm",
    "assemble_short_form",
    "gather_evidence",
    "propose_revision",
]
