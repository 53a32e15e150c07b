"""The same model through a second engine: what agrees, what differs, and what is refused with the reason."""

from recoverymetrics.crosscheck.compare import compare_engines
from recoverymetrics.crosscheck.result import EngineComparison

__all__ = ["EngineComparison", "compare_engines"]
