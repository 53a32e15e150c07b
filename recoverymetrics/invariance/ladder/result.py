"""What the ladder found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from recoverymetrics.cfa.result import CFAResult
from recoverymetrics.display import AbstractResult, Table
from recoverymetrics.instrument.frame import ItemData
from recoverymetrics.invariance.ladder.criteria import InvarianceCriteria
from recoverymetrics.invariance.ladder.engine import LadderEngine
from recoverymetrics.invariance.ladder.levels import Rung

COLUMNS = (
    "level", "chi2", "df", "p_value", "chi2_scaled", "p_value_scaled", "cfi", "tli", "rmsea", "srmr", "npar",
    "delta_chi2", "delta_df", "delta_p", "delta_cfi", "delta_rmsea", "delta_srmr", "delta_nci", "delta_gamma",
    "method", "holds", "reason", "converged", "admissible",
)  # fmt: skip


NOT_CONVERGED = "its model did not converge"


@dataclass(frozen=True)
class LevelResult:
    """One rung climbed.

    Attributes
    ----------
    rung : Rung
        The level and what is equal on it.
    fit : CFAResult
        The fitted model.
    row : dict
        Fit measures.
    change : dict
        Changes against the last testable step; empty for the first step and where nothing can be tested.
    holds : bool or None
        None when the step cannot be tested.
    reason : str
        Why.
    method : str
        Difference test.
    given : tuple of str
        Earlier steps that do not hold although this one was tested on top of them.
    """

    rung: Rung
    fit: CFAResult
    row: dict[str, float]
    change: dict[str, float]
    holds: bool | None
    reason: str
    method: str = ""
    given: tuple[str, ...] = ()

    @property
    def testable(self) -> bool:
        """Whether the step restricts anything."""
        return self.holds is not None


@dataclass(frozen=True)
class InvarianceResult(AbstractResult):
    """A ladder of models that grow more equal across groups.

    Attributes
    ----------
    steps : tuple of LevelResult
        The rungs in order.
    criteria : InvarianceCriteria
        The rule.
    engine : LadderEngine
        Model and sample statistics, for further fits.
    record : ItemData
        The responses.
    free : tuple of str
        Parameters left free at every step.
    notes : tuple of str
        What the analyst should know about the data.
    """

    steps: tuple[LevelResult, ...]
    criteria: InvarianceCriteria
    engine: LadderEngine = field(repr=False)
    record: ItemData = field(repr=False)
    free: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def responses(self) -> ItemData:
        """Responses by what is compared: the record, or one row per person and occasion."""
        return self.record if self.engine.occasions is None else self.engine.occasions.stack(self.record)

    @property
    def models(self) -> dict[str, CFAResult]:
        """Fitted model of each level."""
        return {step.rung.level.name: step.fit for step in self.steps}

    @property
    def converged(self) -> bool:
        """Whether every model converged."""
        return all(step.fit.converged for step in self.steps)

    @property
    def admissible(self) -> bool:
        """Whether every model is admissible."""
        return all(step.fit.admissible for step in self.steps)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What went wrong in which level."""
        return tuple(
            f"level {step.rung.level.name}: {reason}" for step in self.steps for reason in step.fit.reasons
        )

    @property
    def untestable(self) -> tuple[str, ...]:
        """Levels that restrict nothing with these numbers of categories."""
        return tuple(step.rung.level.name for step in self.steps if not step.testable)

    @property
    def highest(self) -> str:
        """The last level up to which every testable step holds; empty when not even the first does."""
        reached = ""
        for step in self.steps:
            if step.holds is False:
                break
            if step.testable:
                reached = step.rung.level.name
        return reached

    @property
    def verdict(self) -> str:
        """The outcome in words, with its reason."""
        compared = self.engine.compared
        failed = next((step for step in self.steps if step.holds is False), None)
        if not self.highest:
            first = self.steps[0]
            if not first.fit.converged:
                return f"The model did not converge in the {compared}; nothing can be compared."
            return f"The model does not fit in the {compared} ({first.reason}); nothing can be compared."
        reached = next(step for step in self.steps if step.rung.level.name == self.highest)
        text = f"{self.highest.capitalize()} invariance holds across {compared}: {reached.rung.level.allows}."
        if failed is not None:
            doubt = "does not" if failed.fit.converged else "could not be judged"
            text += f" {failed.rung.level.name.capitalize()} invariance {doubt}: {failed.reason}."
            text += self._conditional(failed)
        if self.untestable:
            text += f" Not testable with these numbers of categories: {', '.join(self.untestable)}."
        return text

    def _conditional(self, failed: LevelResult) -> str:
        later = [s.rung.level.name for s in self.steps if s.given and s.holds]
        if not later:
            return ""
        return (
            f" That {' and '.join(later)} cost{'s' if len(later) == 1 else ''} no further fit is conditional on "
            f"{failed.rung.level.name}, which {'does' if failed.rung.level.name[-1] != 's' else 'do'} not hold: "
            "it allows no comparison that needs them."
        )

    def tidy(self) -> pd.DataFrame:
        """One row per level: fit, change against the last testable step, and whether it holds."""
        rows = [
            {
                "level": step.rung.level.name,
                **step.row,
                **step.change,
                "method": step.method,
                "holds": step.holds,
                "reason": step.reason,
                "converged": step.fit.converged,
                "admissible": step.fit.admissible,
            }
            for step in self.steps
        ]
        return pd.DataFrame(rows).reindex(columns=list(COLUMNS))

    def glance(self) -> pd.DataFrame:
        """One row: persons, groups, the highest level that holds, the verdict."""
        return pd.DataFrame(
            {
                "n": [int(self.engine.sample.total)],
                "n_groups": [len(self.engine.cells)],
                "n_items": [len(self.engine.roles.observed)],
                "estimator": [self.engine.spec.name],
                "criteria": [self.criteria.name],
                "highest_level": [self.highest],
                "converged": [self.converged],
                "admissible": [self.admissible],
                "verdict": [self.verdict],
            }
        )

    def partial(self, level: str | None = None, **options: Any) -> Any:
        """Free parameters one by one, by score tests, until a level holds; see ``find_partial_invariance``."""
        from recoverymetrics.invariance.ladder.partial import find_partial_invariance

        return find_partial_invariance(self, level, **options)

    def effect_sizes(
        self, *, level: str = "configural", reference: str | None = None, of: str = "items"
    ) -> pd.DataFrame:
        """DMACS, signed and unsigned, of each item (or of the scale) in each group; see ``dmacs_table``."""
        from recoverymetrics.invariance.ladder.effects import dmacs_table

        return dmacs_table(self, level=level, reference=reference, of=of)

    def impact(self) -> pd.DataFrame:
        """Observed and latent means of the groups and their rank order; see ``impact_table``."""
        from recoverymetrics.invariance.ladder.effects import impact_table

        return impact_table(self)

    def align(self, **options: Any) -> Any:
        """Align the configural model of this ladder, groups or occasions; options as in ``align_groups``."""
        from recoverymetrics.invariance.alignment.fit import align_ladder

        return align_ladder(self, **options)

    def explain(self, **options: Any) -> Any:
        """One page in plain words, for everybody; see ``explain_invariance``."""
        from recoverymetrics.invariance.plain import explain_invariance

        return explain_invariance(self, **options)

    def permutation_test(self, level: str, **options: Any) -> pd.DataFrame:
        """Compare a step's changes in fit with random groups; see ``ladder.resampling.permutation_test``."""
        from recoverymetrics.invariance.ladder.resampling import permutation_test

        return permutation_test(self, level, **options)

    def leave_one_out(self) -> pd.DataFrame:
        """Climb again without each group in turn; see ``ladder.resampling.leave_one_out``."""
        from recoverymetrics.invariance.ladder.resampling import leave_one_out

        return leave_one_out(self)

    def equivalence(self, *, alpha: float = 0.05) -> pd.DataFrame:
        """T-size RMSEA of every level and step; see ``ladder.equivalence.equivalence_table``."""
        from recoverymetrics.invariance.ladder.equivalence import equivalence_table

        return equivalence_table(self, alpha=alpha)

    def plot(self, kind: str = "ladder", **options: Any) -> Any:
        """Draw the fit along the ladder (``"ladder"``) or the impact on the group means (``"impact"``)."""
        from recoverymetrics.invariance.ladder.plots import plot_invariance

        return plot_invariance(self, kind, **options)

    def _title(self) -> str:
        return f"Measurement invariance across {self.engine.compared}"

    def _tables(self) -> tuple[Table, ...]:
        shown = [
            "level",
            "chi2",
            "df",
            "cfi",
            "rmsea",
            "srmr",
            "delta_chi2",
            "delta_df",
            "delta_p",
            "delta_cfi",
        ]
        frame = self.tidy()[[*shown, "delta_rmsea", "delta_srmr", "holds"]].copy()
        frame["holds"] = [
            "not testable" if step.holds is None
            else "no" if not step.holds
            else "yes, conditionally" if step.given else "yes"
            for step in self.steps
        ]  # fmt: skip
        return (Table("Ladder", frame, notes=(self.verdict, *self.notes)),)


def level_names(steps: Sequence[LevelResult]) -> list[str]:
    """Names of the rungs."""
    return [step.rung.level.name for step in steps]


def pooled_sd(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Within-group standard deviation of each column."""
    labels = np.unique(group)
    total = sum(np.sum(group == g) * np.nanvar(values[group == g], axis=0) for g in labels)
    return np.asarray(np.sqrt(total / len(group)), dtype=float)
