"""Screening of responses before they are modelled: missingness, distributions, keying, careless responding."""

from recoverymetrics.screening.missing import LittleTest
from recoverymetrics.screening.result import ScreeningResult
from recoverymetrics.screening.rules import ScreeningRules
from recoverymetrics.screening.screen import screen

__all__ = ["LittleTest", "ScreeningResult", "ScreeningRules", "screen"]
