"""The report of a study: what was found, section by section, in words first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from recoverymetrics.report import Section, render_report
from recoverymetrics.study.sections.content import (
    consensus_section,
    coverage_section,
    people_section,
    themes_section,
)
from recoverymetrics.study.sections.groups import dif_section, invariance_section, reliability_section
from recoverymetrics.study.sections.outcome import (
    decisions_section,
    engines_section,
    evidence_section,
    overview_section,
    planted_section,
    reproduction_section,
    scoring_section,
    short_form_section,
)
from recoverymetrics.study.sections.structure import calibration_section, factors_section, screening_section
from recoverymetrics.study.sections.words import WORDS

if TYPE_CHECKING:
    from recoverymetrics.study.pipeline import StudyResult

_BUILDERS = (
    overview_section,
    people_section,
    consensus_section,
    coverage_section,
    themes_section,
    screening_section,
    factors_section,
    calibration_section,
    reliability_section,
    invariance_section,
    dif_section,
    evidence_section,
    decisions_section,
    short_form_section,
    scoring_section,
    planted_section,
    engines_section,
    reproduction_section,
)


def build_sections(result: StudyResult) -> list[Section]:
    """Build the sections that the study has material for."""
    built = (builder(result) for builder in _BUILDERS)
    return [section for section in built if section is not None]


def report_html(result: StudyResult) -> str:
    """Render the whole report as one HTML page."""
    config = result.study.config
    subtitle = (
        config.study.description
        or "From consensus elements and answers in the WHO regions to a refined scale."
    )
    footer = "Made with recoverymetrics. Analysis proposes; people decide. No score in this report says who has recovered."
    return render_report(config.study.name, subtitle, build_sections(result), footer=footer, words=WORDS)
