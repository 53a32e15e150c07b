"""Content: items mapped to elements, content validity, coverage, wording, person-defined themes."""

from recoverymetrics.content.agreement import AssignmentResult, definitional_validity
from recoverymetrics.content.coverage import CoverageResult, map_coverage
from recoverymetrics.content.indices import lawshe_critical, lawshe_cvr
from recoverymetrics.content.persons import PersonDefinedResult, map_themes
from recoverymetrics.content.suggest import suggest_mapping
from recoverymetrics.content.validity import ContentValidity, content_validity
from recoverymetrics.content.wording import WordingResult, screen_wording

__all__ = [
    "AssignmentResult",
    "ContentValidity",
    "CoverageResult",
    "PersonDefinedResult",
    "WordingResult",
    "content_validity",
    "definitional_validity",
    "lawshe_critical",
    "lawshe_cvr",
    "map_coverage",
    "map_themes",
    "screen_wording",
    "suggest_mapping",
]
