"""Who took part, who stayed, and who was not asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from recoverymetrics.consensus.panel import DelphiPanel
from recoverymetrics.display import AbstractResult, Table
from recoverymetrics.errors import OptionError
from recoverymetrics.numerics.proportions import proportion_interval
from recoverymetrics.typing import REGIONS, BoolArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FEW = 5
"""A group with fewer panelists than this cannot speak for itself; the table says so."""


@dataclass(frozen=True)
class ParticipationResult(AbstractResult):
    """Participation per round, for all and for each group.

    Attributes
    ----------
    frame : pandas.DataFrame
        What :meth:`tidy` returns.
    by : str or None
        Panelist attribute.
    """

    frame: pd.DataFrame = field(repr=False)
    by: str | None

    def tidy(self) -> pd.DataFrame:
        """One row per group and round; ``retention`` is the share of the group's first round who took part."""
        return self.frame.copy()

    def glance(self) -> pd.DataFrame:
        """Return one row: panelists in the first and last round, retention, groups without data."""
        total = self.frame[self.frame["group"] == "all"]
        first, last = total.iloc[0], total.iloc[-1]
        return pd.DataFrame(
            {
                "n_rounds": [len(total)],
                "n_first": [int(first["n"])],
                "n_last": [int(last["n"])],
                "retention": [float(last["retention"])],
                "conf_low": [float(last["conf_low"])],
                "conf_high": [float(last["conf_high"])],
                "groups_without_data": ["; ".join(self.without_data)],
                "groups_with_few": ["; ".join(self.with_few)],
            }
        )

    @property
    def without_data(self) -> tuple[str, ...]:
        """Expected groups with nobody on the panel."""
        return tuple(dict.fromkeys(self.frame.loc[self.frame["note"] == "no data", "group"]))

    @property
    def with_few(self) -> tuple[str, ...]:
        """Groups with fewer than five people in some round."""
        return tuple(dict.fromkeys(self.frame.loc[self.frame["note"].str.startswith("fewer"), "group"]))

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the number of panelists per round, one line per group."""
        from recoverymetrics.consensus.plots import plot_participation

        return plot_participation(self, ax=ax)

    def _title(self) -> str:
        return "Participation" + (f" by {self.by}" if self.by else "")

    def _tables(self) -> tuple[Table, ...]:
        notes = ["Retention: share of those in the group's first round who took part in the round."]
        if self.without_data:
            notes.append(f"No data, nothing imputed: {', '.join(self.without_data)}.")
        return (Table("Overview", self.glance()), Table("Groups and rounds", self.tidy(), notes=tuple(notes)))


def participation(
    panel: DelphiPanel, by: str | None = "region", *, expected: Sequence[str] | None = None
) -> ParticipationResult:
    """Count panelists and ratings per round and group.

    Parameters
    ----------
    panel : DelphiPanel
        The panel.
    by : str or None, default "region"
        Panelist attribute; None counts all together.
    expected : sequence of str, optional
        Groups that should have been asked; those with nobody get a row that says "no data". By default the
        six WHO regions when every label is one of them.

    Returns
    -------
    ParticipationResult
    """
    everybody = np.ones(panel.took_part.shape, dtype=bool)
    rows = _group_rows(panel, "all", everybody)
    if by is not None:
        labels = panel.attribute(by)
        present = panel.levels(by)
        wanted = expected if expected is not None else (REGIONS if set(present) <= set(REGIONS) else ())
        order = [*wanted, *(label for label in present if label not in wanted)]
        for label in order:
            rows += _group_rows(panel, label, labels == label)
        unknown = pd.isna(labels)
        if (panel.took_part & unknown).any():
            rows += _group_rows(panel, f"unknown {by}", unknown)
    return ParticipationResult(pd.DataFrame(rows), by)


def _group_rows(panel: DelphiPanel, label: str, member: BoolArray) -> list[dict[str, Any]]:
    here = panel.took_part & member
    started = here[int(np.argmax(here.any(axis=1)))]
    rated = ~np.isnan(panel.ratings)
    asked = rated.any(axis=2).sum(axis=1)
    rows = []
    for r, name in enumerate(panel.rounds):
        n, stayed = int(here[r].sum()), int((started & panel.took_part[r]).sum())
        low, high = proportion_interval(stayed, started.sum())
        given = int(rated[r][:, here[r]].sum())
        before = here[r - 1] if r else np.zeros_like(started)
        rows.append(
            {
                "group": label,
                "round": name,
                "n": n,
                "n_joined": int((here[r] & ~panel.took_part[:r].any(axis=0)).sum()) if r else n,
                "n_left": int((before & ~panel.took_part[r]).sum()),
                "retention": stayed / started.sum() if started.any() else np.nan,
                "conf_low": float(low),
                "conf_high": float(high),
                "n_statements": int(asked[r]),
                "n_ratings": given,
                "n_missing": int(n * asked[r] - given),
                "note": _note(here, n),
            }
        )
    return rows


def _note(here: BoolArray, n: int) -> str:
    if not here.any():
        return "no data"
    return f"fewer than {FEW}" if n < FEW else ""


def involvement(
    panel: DelphiPanel, group: str, *, minimum: float = 0.5, voting: Sequence[str] = ("vote", "veto")
) -> pd.DataFrame:
    """Part of one stakeholder group in each round, and its say.

    Parameters
    ----------
    panel : DelphiPanel
        With ``stakeholder``, and ``decision_rights`` where known.
    group : str
        The group, for example people with lived experience.
    minimum : float, default 0.5
        A smaller share of panelists, or of those who may vote, is flagged.
    voting : sequence of str
        Decision rights that mean a vote.

    Returns
    -------
    pandas.DataFrame
        One row per round: ``n``, ``n_group``, ``share_group``, ``n_voting``, ``share_voting`` (the group's share of the votes; NaN
        when decision rights are unknown), ``flagged`` and ``note``.

    Raises
    ------
    OptionError
        No such group.
    """
    if group not in panel.levels("stakeholder"):
        raise OptionError(
            f"no panelist belongs to the stakeholder group {group!r}; the groups are {', '.join(panel.levels('stakeholder'))}."
        )
    who = panel.attribute("stakeholder") == group
    known = "decision_rights" in panel.attributes
    votes = np.isin(panel.attribute("decision_rights"), list(voting)) if known else np.zeros_like(who)
    rows = []
    for r, label in enumerate(panel.rounds):
        here = panel.took_part[r]
        n, own = int(here.sum()), int((here & who[r]).sum())
        n_voting, own_voting = int((here & votes[r]).sum()), int((here & votes[r] & who[r]).sum())
        share, say = own / n if n else np.nan, own_voting / n_voting if n_voting else np.nan
        few = [text for text, value in (("of the panel", share), ("of the votes", say)) if value < minimum]
        note = (
            f"below {minimum:.0%} " + " and ".join(few)
            if few
            else ("" if known else "decision rights unknown")
        )
        rows.append((label, n, own, share, n_voting if known else None, say, bool(few), note))
    columns = ["round", "n", "n_group", "share_group", "n_voting", "share_voting", "flagged", "note"]
    return pd.DataFrame(rows, columns=columns)
