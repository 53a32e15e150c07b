"""Presentation as data: column glossary, digits that follow the standard error, tables, results."""

from recoverymetrics.display.digits import format_estimate, format_number, format_p
from recoverymetrics.display.glossary import GLOSSARY
from recoverymetrics.display.result import AbstractResult
from recoverymetrics.display.table import Table

__all__ = ["GLOSSARY", "AbstractResult", "Table", "format_estimate", "format_number", "format_p"]
