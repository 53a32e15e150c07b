"""Figures, sections and the self-contained HTML report."""

from recoverymetrics.report.blocks import Block, Callout, Figure, Section, Text
from recoverymetrics.report.render import render_report

__all__ = ["Block", "Callout", "Figure", "Section", "Text", "render_report"]
