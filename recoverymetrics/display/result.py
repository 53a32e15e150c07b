"""What every result object can do: tidy, glance, summary, HTML, dictionary."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
import pandas as pd

from recoverymetrics.display.table import Table


class AbstractResult(ABC):
    """Interface of all results. Subclasses are final frozen dataclasses.

    A subclass supplies ``tidy`` and ``glance``, and may supply ``_title`` and ``_tables``; the rest
    follows. ``converged`` and ``admissible`` are two separate flags: fields or properties of the
    subclass where estimation is iterative, true here for closed forms.
    """

    @abstractmethod
    def tidy(self) -> pd.DataFrame:
        """One row per parameter, item or test."""

    @abstractmethod
    def glance(self) -> pd.DataFrame:
        """One row for the whole result."""

    @property
    def converged(self) -> bool:
        """Whether the computation reached its stopping rule."""
        return True

    @property
    def admissible(self) -> bool:
        """Whether the estimates lie inside the parameter space."""
        return True

    def _title(self) -> str:
        return type(self).__name__

    def _tables(self) -> tuple[Table, ...]:
        return (Table("Overview", self.glance()), Table("Details", self.tidy()))

    def summary(self) -> str:
        """Text to read at a console."""
        tables = "\n\n".join(table.to_text() for table in self._tables())
        return f"{self._title()}\n{'=' * len(self._title())}\n\n{tables}\n"

    def _repr_html_(self) -> str:
        return "\n".join(table.to_html() for table in self._tables())

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types: ``{"result": name, "glance": {...}, "tidy": [{...}, ...]}``."""
        return {
            "result": type(self).__name__,
            "glance": plain(self.glance().to_dict("records")[0]),
            "tidy": plain(self.tidy().to_dict("records")),
        }


def plain(value: Any) -> Any:
    """Reduce NumPy and pandas scalars, arrays and containers to JSON types; NaN becomes None."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, pd.DataFrame):
        return plain(value.to_dict("records"))
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return str(value)
