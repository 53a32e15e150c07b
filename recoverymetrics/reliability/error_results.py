"""Results about measurement error and change of persons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from recoverymetrics.display import AbstractResult, Table
from recoverymetrics.errors import DataError
from recoverymetrics.typing import FloatArray, IntoFrame

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class MeasurementError(AbstractResult):
    """Standard error of measurement and smallest detectable change.

    Attributes
    ----------
    estimates : pandas.DataFrame
        ``group term estimate conf_low conf_high n n_occasions``.
    level : float
        Confidence level.
    notes : tuple of str
        What the reader must know.
    """

    estimates: pd.DataFrame
    level: float
    notes: tuple[str, ...] = ()

    @property
    def estimate(self) -> float:
        """The standard error of measurement (agreement, where occasions were compared) of the first group."""
        return float(self.glance()["estimate"].iloc[0])

    def tidy(self) -> pd.DataFrame:
        """One row per group and term."""
        return self.estimates.copy()

    def glance(self) -> pd.DataFrame:
        """One row: the standard error of measurement and the smallest detectable change, largest over groups."""
        terms = set(self.estimates["term"])
        kind = "_agreement" if "sem_agreement" in terms else ""
        sem = f"sem{kind}"
        table = self.estimates[self.estimates["term"] == sem]
        row = table.loc[table["estimate"].idxmax()]
        same = (self.estimates["term"] == f"sdc{kind}") & (self.estimates["group"] == row["group"])
        kept = {name: row[name] for name in ("estimate", "conf_low", "conf_high", "n")}
        return pd.DataFrame(
            [
                {
                    "method": sem,
                    **kept,
                    "sdc": self.estimates.loc[same, "estimate"].iloc[0],
                    "n_groups": len(table),
                }
            ]
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Forest plot of the standard errors of measurement by group."""
        from recoverymetrics.reliability.plot import forest

        shown = self.estimates[self.estimates["term"].str.startswith("sem")]
        return forest(shown, ax=ax, title="Standard error of measurement", level=self.level)

    def _title(self) -> str:
        return "Measurement error"

    def _tables(self) -> tuple[Table, ...]:
        return (Table(self._title(), self.estimates, (f"{100 * self.level:g}% intervals", *self.notes)),)


@dataclass(frozen=True)
class LimitsOfAgreement(AbstractResult):
    """Bland and Altman's limits of agreement.

    Attributes
    ----------
    estimates : pandas.DataFrame
        ``term estimate conf_low conf_high n`` with the terms ``bias loa_low loa_high``.
    mean, difference : ndarray, shape (n,)
        Mean of the two measurements and their difference (second minus first), per row.
    level, confidence : float
        Share between the limits; confidence level.
    names : tuple of str
        Names of the measurements.
    notes : tuple of str
        What the reader must know.
    """

    estimates: pd.DataFrame
    mean: FloatArray
    difference: FloatArray
    level: float
    confidence: float
    names: tuple[str, str]
    notes: tuple[str, ...] = ()

    def tidy(self) -> pd.DataFrame:
        """One row for the bias and each limit."""
        return self.estimates.copy()

    def glance(self) -> pd.DataFrame:
        """One row: bias with its interval and the two limits."""
        by_term = self.estimates.set_index("term")
        row = {name: by_term.loc["bias", name] for name in ("estimate", "conf_low", "conf_high", "n")}
        limits = {name: by_term.loc[name, "estimate"] for name in ("loa_low", "loa_high")}
        return pd.DataFrame([{"method": "bias", **row, **limits}])

    def plot(self, ax: Axes | None = None) -> Axes:
        """Bland-Altman plot: differences against means, with the limits and their confidence limits."""
        from recoverymetrics.reliability.plot import bland_altman

        return bland_altman(self.mean, self.difference, self.estimates, self.names, ax=ax)

    def _title(self) -> str:
        return "Limits of agreement"

    def _tables(self) -> tuple[Table, ...]:
        note = (
            f"{100 * self.level:g}% limits of {self.names[1]} minus {self.names[0]}, "
            f"{100 * self.confidence:g}% confidence"
        )
        return (Table(self._title(), self.estimates, (note, *self.notes)),)


@dataclass(frozen=True)
class ReliableChange(AbstractResult):
    """Reliable change of each person.

    Attributes
    ----------
    method : str
        Formula.
    persons : pandas.DataFrame
        ``group before after change estimate std_error conf_low conf_high statistic verdict``, one row per
        person.
    constants : pandas.DataFrame
        ``group reliability sd sem sem_difference threshold n``: what was used.
    level : float
        Confidence level.
    notes : tuple of str
        What the reader must know.
    """

    method: str
    persons: pd.DataFrame
    constants: pd.DataFrame
    level: float
    notes: tuple[str, ...] = ()

    def tidy(self) -> pd.DataFrame:
        """One row per group and verdict: number and share of persons."""
        known = self.persons[self.persons["verdict"] != "missing"]
        verdicts = ["improved", "unchanged", "deteriorated"]
        counts = pd.crosstab(known["group"], known["verdict"]).reindex(columns=verdicts, fill_value=0)
        table = counts.stack().rename("n").reset_index()
        return table.assign(share=table["n"] / table.groupby("group")["n"].transform("sum"))

    def glance(self) -> pd.DataFrame:
        """One row: shares of persons who improved, did not change, deteriorated reliably."""
        known = self.persons.loc[self.persons["verdict"] != "missing", "verdict"]
        shares = {v: float((known == v).mean()) for v in ("improved", "unchanged", "deteriorated")}
        return pd.DataFrame([{"method": self.method, **shares, "n": len(known), "level": self.level}])

    def augment(self, data: IntoFrame | None = None) -> pd.DataFrame:
        """One row per person: change, interval of the true change, statistic, verdict.

        Parameters
        ----------
        data : DataFrame, optional
            The table that was analysed; its columns come first.

        Raises
        ------
        DataError
            ``data`` has another number of rows.
        """
        if data is None:
            return self.persons.copy()
        from recoverymetrics.instrument import to_pandas

        frame = to_pandas(data).reset_index(drop=True)
        if len(frame) != len(self.persons):
            raise DataError(f"data has {len(frame)} rows, the result {len(self.persons)} persons.")
        new = self.persons[[c for c in self.persons if c not in frame.columns]]
        return pd.concat([frame, new], axis=1)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Scores after against before, with the band of no reliable change."""
        from recoverymetrics.reliability.plot import change

        threshold = float(self.constants["threshold"].iloc[0])
        return change(self.persons, self.method, threshold=threshold, ax=ax)

    def _title(self) -> str:
        return f"Reliable change ({self.method})"

    def _tables(self) -> tuple[Table, ...]:
        return (
            Table("Persons", self.tidy(), self.notes),
            Table("Constants", self.constants, (f"level {self.level:g}",)),
        )


@dataclass(frozen=True)
class ConditionalError(AbstractResult):
    """Standard error of measurement at each score.

    Attributes
    ----------
    method : str
        Formula.
    scores : pandas.DataFrame
        ``group score estimate conf_low conf_high n``: at each observed sum score; from a model ``theta`` and
        ``information`` in place of ``n``, along the latent variable.
    overall : mapping
        ``estimate``: root mean square over persons (over the latent density of a model), and ``reliability`` that
        follows from it.
    level : float
        Level of the limits, which are those of the person's true score, ``score ± z estimate``.
    notes : tuple of str
        What the reader must know.
    """

    method: str
    scores: pd.DataFrame
    overall: dict[str, object]
    level: float
    notes: tuple[str, ...] = ()

    @property
    def estimate(self) -> float:
        """Root mean square of the conditional standard errors."""
        return float(self.overall["estimate"])  # type: ignore[arg-type]

    def tidy(self) -> pd.DataFrame:
        """One row per group and score."""
        return self.scores.copy()

    def glance(self) -> pd.DataFrame:
        """One row: the average standard error and the reliability that follows from it."""
        return pd.DataFrame([{"method": self.method, **self.overall}])

    def plot(self, ax: Axes | None = None) -> Axes:
        """Standard error against score."""
        from recoverymetrics.reliability.plot import conditional

        return conditional(self.scores, self.method, ax=ax)

    def _title(self) -> str:
        return f"Conditional standard error of measurement ({self.method})"

    def _tables(self) -> tuple[Table, ...]:
        return (Table(self._title(), self.scores, self.notes),)


def root_mean_square(values: FloatArray, weights: FloatArray) -> float:
    """Weighted root mean square."""
    return float(np.sqrt(np.sum(weights * values**2) / np.sum(weights)))
