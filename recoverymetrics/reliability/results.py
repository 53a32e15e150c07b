"""What the reliability functions return."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from recoverymetrics.display import AbstractResult, Table
from recoverymetrics.reliability.spec import check_option

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class CoefficientResult(AbstractResult):
    """A reliability or agreement coefficient, for one group or several.

    Attributes
    ----------
    coefficient : str
        Which coefficient ``glance`` reports; a value of the column ``term``.
    formula : str
        The formula in words and symbols, with its source.
    estimates : pandas.DataFrame
        ``group term estimate std_error conf_low conf_high n n_items``: one row per group and coefficient.
    overall : mapping
        The same fields for all persons: the group itself, or the covariances pooled within groups.
    level : float
        Confidence level.
    interval : str
        How the interval was computed.
    details : pandas.DataFrame
        Further table: items, factors or halves (empty when there is none).
    notes : tuple of str
        What the reader must know (missing responses, warnings).
    """

    coefficient: str
    formula: str
    estimates: pd.DataFrame
    overall: dict[str, object]
    level: float
    interval: str
    details: pd.DataFrame = field(default_factory=pd.DataFrame)
    notes: tuple[str, ...] = ()
    has_converged: bool = True
    is_admissible: bool = True

    @property
    def converged(self) -> bool:
        """Whether every fit that was needed reached its stopping rule."""
        return self.has_converged

    @property
    def admissible(self) -> bool:
        """Whether no variance is negative."""
        return self.is_admissible

    @property
    def estimate(self) -> float:
        """The coefficient for all persons."""
        return float(self.overall["estimate"])  # type: ignore[arg-type]

    @property
    def items(self) -> pd.DataFrame:
        """The table of details, one row per item and group where the coefficient has one."""
        return self.details.copy()

    def tidy(self) -> pd.DataFrame:
        """One row per group and coefficient."""
        return self.estimates.copy()

    def glance(self) -> pd.DataFrame:
        """One row: the coefficient for all persons (with groups: pooled within them)."""
        row = {"method": self.coefficient, **self.overall}
        return pd.DataFrame([row]).assign(converged=self.converged, admissible=self.admissible)

    def plot(self, ax: Axes | None = None, *, term: str | None = None) -> Axes:
        """Forest plot: estimates and intervals by group.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw.
        term : str, optional
            One coefficient of ``tidy``; by default the one that ``glance`` reports where there are groups, all
            of them where there are none.

        Raises
        ------
        OptionError
            No such coefficient.
        """
        from recoverymetrics.reliability.plot import forest

        terms = list(dict.fromkeys(self.estimates["term"]))
        if term is None and self.estimates["group"].nunique() > 1 and self.coefficient in terms:
            term = self.coefficient
        if term is not None:
            check_option("term", term, terms)
        shown = self.estimates if term is None else self.estimates[self.estimates["term"] == term]
        title = self._title() if term is None else term.replace("_", " ")
        return forest(shown, ax=ax, title=title, level=self.level)

    def _title(self) -> str:
        return self.coefficient.replace("_", " ").capitalize()

    def _tables(self) -> tuple[Table, ...]:
        level = f"{100 * self.level:g}% intervals: {self.interval}"
        tables = [Table(self._title(), self.estimates, (self.formula, level, *self.notes))]
        if len(self.details):
            tables.append(Table("Details", self.details))
        return tuple(tables)


@dataclass(frozen=True)
class ReliabilityResult(AbstractResult):
    """Reliability of several scales in several groups.

    Attributes
    ----------
    estimates : pandas.DataFrame
        ``scale group term estimate std_error conf_low conf_high n n_items``.
    items : pandas.DataFrame
        Item tables of all scales and groups.
    tests : pandas.DataFrame
        ``scale term statistic df p_value``: equality across groups (empty without groups).
    level : float
        Confidence level.
    notes : tuple of str
        What the reader must know.
    """

    estimates: pd.DataFrame
    items: pd.DataFrame
    tests: pd.DataFrame
    level: float
    notes: tuple[str, ...] = ()
    has_converged: bool = True
    is_admissible: bool = True

    @property
    def converged(self) -> bool:
        """Whether every fit reached its stopping rule."""
        return self.has_converged

    @property
    def admissible(self) -> bool:
        """Whether no fit has a negative variance."""
        return self.is_admissible

    def tidy(self) -> pd.DataFrame:
        """One row per scale, group and coefficient."""
        return self.estimates.copy()

    def glance(self) -> pd.DataFrame:
        """One row: size, and the lowest omega total over scales and groups (alpha for scales of two items only)."""
        terms = self.estimates["term"]
        term = "omega_total" if (terms == "omega_total").any() else "alpha"
        shown = self.estimates[terms == term]
        lowest = shown.loc[shown["estimate"].idxmin()]
        row = {
            "method": f"lowest {term}",
            **{k: lowest[k] for k in ("estimate", "conf_low", "conf_high")},
            "n": int(self.estimates.groupby("scale")["n"].apply(_total_n, self.estimates).max()),
            "n_items": int(self.estimates["n_items"].max()),
            "n_scales": self.estimates["scale"].nunique(),
            "n_groups": self.estimates["group"].nunique(),
        }
        return pd.DataFrame([row]).assign(converged=self.converged, admissible=self.admissible)

    def plot(self, ax: Axes | None = None, *, term: str = "omega_total") -> Axes:
        """Forest plot of one coefficient by scale and group."""
        from recoverymetrics.reliability.plot import forest

        check_option("term", term, list(dict.fromkeys(self.estimates["term"])))
        shown = self.estimates[self.estimates["term"] == term]
        return forest(shown, ax=ax, title=f"{term.replace('_', ' ')} by group", level=self.level)

    def _title(self) -> str:
        return "Reliability"

    def _tables(self) -> tuple[Table, ...]:
        notes = (f"{100 * self.level:g}% intervals", *self.notes)
        tables = [Table("Reliability", self.estimates, notes)]
        if len(self.tests):
            tables.append(Table("Equality across groups", self.tests))
        return (*tables, Table("Items", self.items))


def _total_n(n: pd.Series, estimates: pd.DataFrame) -> int:
    groups = estimates.loc[n.index, "group"]
    return int(n.groupby(groups).max().sum())
