"""What a DIF analysis found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from recoverymetrics.display import AbstractResult, Table
from recoverymetrics.invariance.dif.data import DIFData
from recoverymetrics.invariance.dif.impact import impact_table, person_impact
from recoverymetrics.invariance.dif.purify import Purified
from recoverymetrics.invariance.dif.spec import FlagRule, check_choice


@dataclass(frozen=True)
class DIFResult(AbstractResult):
    """Items that function differently between groups, and how much it matters.

    Attributes
    ----------
    method : str
        Method of the tests.
    spec : object
        Options of the method.
    rule : FlagRule
        When an item is flagged.
    minimum : float
        The rule's smallest effect that matters, resolved.
    correction : str
        Correction for multiplicity.
    reference : str or None
        Group that the others are compared with; None compares each group with all the others.
    purified : Purified
        Last sweep, anchors and path.
    data : DIFData
        Responses that were analysed.
    matching : ndarray, shape (n, p) or (n, 1), or None
        Matching values of the last sweep.
    notes : tuple of str
        What the analyst should know: groups left out, items not testable, categories merged.
    """

    method: str
    spec: Any
    rule: FlagRule
    minimum: float
    correction: str
    reference: str | None
    purified: Purified
    data: DIFData = field(repr=False)
    matching: Any = field(default=None, repr=False)
    notes: tuple[str, ...] = ()

    @property
    def flagged(self) -> list[str]:
        """Names of the flagged items, in the order of the items."""
        return [item for item, flag in zip(self.data.items, self._flags, strict=True) if flag]

    @property
    def anchors(self) -> list[str]:
        """Names of the items that the last sweep was matched on."""
        return [item for item, kept in zip(self.data.items, self.purified.anchors, strict=True) if kept]

    @property
    def converged(self) -> bool:
        """Whether every model converged and purification settled."""
        return bool(self.purified.judgement.sweep.converged.all()) and self.purified.ending != "limit"

    @property
    def _flags(self) -> Any:
        return self.purified.judgement.flagged

    def tidy(self) -> pd.DataFrame:
        """One row per item: omnibus test over all groups, effect sizes, and whether the item is flagged."""
        sweep, judgement = self.purified.judgement.sweep, self.purified.judgement
        largest = _largest_group(self)
        frame = pd.DataFrame(
            {
                "item": list(self.data.items),
                "scale": [self.data.scale_names[s] for s in self.data.scale_of],
                "n": sweep.n.astype(int),
                "n_missing": (self.data.scores.shape[0] - sweep.n).astype(int),
                "statistic": sweep.statistic,
                "df": sweep.df,
                "p_value": sweep.p_value,
                "p_adjusted": judgement.p_adjusted,
                "effect_size": sweep.effect,
                "largest_group": largest,
                "anchor": self.purified.anchors,
                "flagged": judgement.flagged,
            }
        )
        return frame.assign(**sweep.columns)

    def contrasts(self) -> pd.DataFrame:
        """One row per item and group: the group against all others, or against the reference group."""
        columns = self.purified.judgement.sweep.contrasts
        if not columns:
            return pd.DataFrame(columns=["item", "group"])
        p, g = next(iter(columns.values())).shape
        frame = pd.DataFrame(
            {"item": np.repeat(self.data.items, g), "group": np.tile(self.data.groups, p)}
            | {name: values.ravel() for name, values in columns.items()}
        )
        if "p_value" in frame:
            from recoverymetrics.invariance.dif.correction import adjust_p_values

            frame["p_adjusted"] = adjust_p_values(frame["p_value"].to_numpy(), self.correction)
        if self.reference is not None:
            frame = frame[frame["group"] != self.reference].reset_index(drop=True)
        return frame

    def glance(self) -> pd.DataFrame:
        """One row: how many items were tested and flagged, and how purification ended."""
        return pd.DataFrame(
            {
                "method": [self.method],
                "n": [self.data.scores.shape[0]],
                "n_groups": [len(self.data.groups)],
                "n_items": [len(self.data.items)],
                "n_flagged": [int(self._flags.sum())],
                "correction": [self.correction],
                "alpha": [self.rule.alpha],
                "minimum_effect": [self.minimum],
                "rounds": [len(self.purified.path)],
                "purification": [self.purified.ending],
                "converged": [self.converged],
            }
        )

    def purification_path(self) -> pd.DataFrame:
        """One row per round: how many items were flagged, and which."""
        rows = [
            {
                "round": i,
                "n_flagged": int(flags.sum()),
                "flagged": ", ".join(np.array(self.data.items)[flags]),
            }
            for i, flags in enumerate(self.purified.path)
        ]
        return pd.DataFrame(rows, columns=["round", "n_flagged", "flagged"])

    def impact(self, *, persons: bool = False, freed: bool = True) -> pd.DataFrame:
        """What the flagged items do to the groups' means, or to the persons' scores.

        Parameters
        ----------
        persons : bool, default False
            One row per person instead of one per scale and group.
        freed : bool, default True
            Also calibrate graded models with the flagged items equal in all groups and free in each.

        Returns
        -------
        pandas.DataFrame
            Per scale and group: the observed mean with all items (``mean_all``) and without the flagged ones
            (``mean_dropped``), the latent mean with all items equal (``mean_latent``) and with the flagged
            ones free (``mean_freed``), the changes, and the rank of the group each way. Means are distances
            from the mean over all persons in standard deviations.
        """
        if persons:
            return person_impact(self.data, self._flags, freed=freed)
        return impact_table(self.data, self._flags, freed=freed)

    def effect_sizes(self, level: str = "item") -> pd.DataFrame:
        """Effect sizes in points of the score, from a graded model with the flagged items free (Meade 2010).

        Parameters
        ----------
        level : {"item", "scale"}, default "item"
            One row per item and group: signed and unsigned differences over the group's persons (``sids``,
            ``uids``) and over its normal distribution (``sidn``, ``uidn``), the largest difference (``d_max``) and
            ``essd``; or one row per scale and group: ``stds``, ``utds``, ``uetsds``, ``stdn``, ``uetsdn``,
            ``d_max`` and ``etssd``. Items that were not flagged are equal in all groups and have zero.

        Raises
        ------
        OptionError
            Another level.
        DataError
            Every item of a scale is flagged.
        """
        from recoverymetrics.invariance.dif.meade import effect_tables

        check_choice("level", level, ("item", "scale"))
        tables = effect_tables(self.data, self._flags, to_reference=self.reference is not None)
        return tables[0] if level == "item" else tables[1]

    def monte_carlo(self, **options: Any) -> pd.DataFrame:
        """Cut-offs from simulated data without DIF; see ``dif.monte_carlo.monte_carlo_thresholds``."""
        from recoverymetrics.invariance.dif.monte_carlo import monte_carlo_thresholds

        return monte_carlo_thresholds(self, **options)

    def plot(self, kind: str = "effects", *, item: str | None = None, ax: Any = None) -> Any:
        """Draw the result.

        Parameters
        ----------
        kind : {"effects", "heatmap", "curves"}, default "effects"
            Signed effects by item and group, with the unsigned ones beside them where curves cross;
            a map of signed and one of unsigned effects; or mean scores on one item along the matching variable.
        item : str, optional
            Item of the curves; by default the one with the largest effect.
        ax : matplotlib Axes, optional
            Where to draw; the map makes its own pair.
        """
        from recoverymetrics.invariance.dif.plots import plot_dif

        return plot_dif(self, kind, item, ax)

    def _title(self) -> str:
        return f"Differential item functioning between {len(self.data.groups)} groups: {self.method}"

    def _tables(self) -> tuple[Table, ...]:
        shown = [
            "item",
            "n",
            "statistic",
            "df",
            "p_value",
            "p_adjusted",
            "effect_size",
            "largest_group",
            "flagged",
        ]
        return (
            Table("Overview", self.glance(), notes=(*self.sentences(), *self.notes)),
            Table("Items", self.tidy()[shown]),
            Table("What the flagged items do to the groups' means", self.impact(freed=False)),
        )

    def sentences(self) -> tuple[str, ...]:
        """The findings in words."""
        table = self.tidy().set_index("item")
        if not self.flagged:
            return (f"No item was flagged among {len(self.data.items)}.",)
        lines = [
            f"{item}: differs most in {table.at[item, 'largest_group']} "
            f"(effect {table.at[item, 'effect_size']:.2f}, corrected p {table.at[item, 'p_adjusted']:.2g})."
            for item in self.flagged
        ]
        return (f"{len(self.flagged)} of {len(self.data.items)} items were flagged.", *lines)


def _largest_group(result: DIFResult) -> list[str]:
    contrasts = result.purified.judgement.sweep.contrasts
    for name in ("unsigned_difference", "effect_size", "statistic"):
        if name in contrasts:
            size = np.abs(np.where(np.isnan(contrasts[name]), -1.0, contrasts[name]))
            return [result.data.groups[g] for g in np.argmax(size, axis=1)]
    return [""] * len(result.data.items)
