"""A Delphi panel: who rated which statement in which round, with drop-outs as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from recoverymetrics.consensus.lineage import Lineage
from recoverymetrics.consensus.reading import Columns, read_panel
from recoverymetrics.consensus.rules import Conditions, RatingCounts, Rule
from recoverymetrics.errors import DataError, OptionError
from recoverymetrics.numerics import counts as tally
from recoverymetrics.typing import REGIONS, BoolArray, FloatArray, IntArray, IntoFrame, ObjectArray, Seed

if TYPE_CHECKING:
    from recoverymetrics.consensus.attrition import AttritionResult
    from recoverymetrics.consensus.check import ConsensusResult
    from recoverymetrics.consensus.concordance import ConcordanceResult
    from recoverymetrics.consensus.participation import ParticipationResult
    from recoverymetrics.consensus.reporting import ChecklistResult
    from recoverymetrics.consensus.sensitivity import SensitivityResult
    from recoverymetrics.consensus.stability import StabilityResult

Scale = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Deciding:
    """The ratings that decide: of each statement, those of the latest round in which it was rated.

    Attributes
    ----------
    ratings : ndarray, shape (S, P)
        NaN where a panelist did not rate the statement in its deciding round.
    round_index : ndarray of int, shape (S,)
        Position of the deciding round, -1 for a statement that nobody rated.
    """

    ratings: FloatArray
    round_index: IntArray


@dataclass(frozen=True, eq=False, repr=False)
class DelphiPanel:
    """Ratings of statements by panelists in rounds.

    Build it with :meth:`from_frame`. Missing ratings and people who left are kept as what they are; nothing
    is filled in.

    Attributes
    ----------
    ratings : ndarray, shape (R, S, P)
        Rounds x statements x panelists; NaN where there is no rating.
    statements, panelists : tuple of str
        Names along the second and third axis, in order of first appearance.
    rounds : tuple
        Round labels in order.
    scale : tuple of int
        Lowest and highest category.
    attributes : mapping
        ``region``, ``stakeholder``, ``country``, ``decision_rights`` and further ones where given: labels of shape (R, P),
        ``None`` where unknown. A panelist may change group between rounds.
    took_part : ndarray of bool, shape (R, P)
        The panelist gave a rating or a comment in the round.
    comments : pandas.DataFrame
        Free text: statement (missing for open rounds), panelist, round, text.
    lineage : Lineage
        What happened to the statements: entered, left, replaced, with their labels and domains.

    Examples
    --------
    >>> panel = DelphiPanel.from_frame(
    ...     {"s": ["a", "a", "b", "b"], "p": [1, 2, 1, 2], "r": [1] * 4, "x": [5, 4, 2, 5]},
    ...     statement="s", panelist="p", round="r", rating="x",
    ... )
    >>> panel.check_consensus().accepted
    ('a',)
    """

    ratings: FloatArray
    statements: tuple[str, ...]
    panelists: tuple[str, ...]
    rounds: tuple[Any, ...]
    scale: Scale
    attributes: Mapping[str, ObjectArray]
    took_part: BoolArray
    comments: pd.DataFrame = field(repr=False)
    lineage: Lineage = field(repr=False)

    @classmethod
    def from_frame(
        cls,
        ratings: IntoFrame,
        *,
        statement: str,
        panelist: str,
        round: str,
        rating: str,
        region: str | None = None,
        stakeholder: str | None = None,
        scale: Scale = (1, 5),
        country: str | None = None,
        free_text: str | None = None,
        decision_rights: str | None = None,
        statements: IntoFrame | None = None,
        attributes: Mapping[str, str] | None = None,
    ) -> DelphiPanel:
        """Read a panel in long form: one row per statement, panelist and round.

        Parameters
        ----------
        ratings : DataFrame
            The ratings. A missing rating is a rating not given. Rows without a statement hold comments of an
            open round.
        statement, panelist, round, rating : str
            Columns.
        region, stakeholder, country, free_text, decision_rights : str, optional
            Further columns; the group columns describe the panelist in that round.
        scale : tuple of int, default (1, 5)
            Lowest and highest category.
        statements : DataFrame, optional
            What happened to the statements: columns ``statement``, and where known ``domain``, ``label``,
            ``entered_round``, ``left_round``, ``replaced_by``, ``note``.

        attributes : mapping, optional
            Further panelist attributes by name, for example ``{"language": "lang"}``; they work wherever ``by=`` does.

        Returns
        -------
        DelphiPanel

        Raises
        ------
        DataError
            Unknown columns; a rating outside the scale or not a whole number; two ratings of one statement
            by one panelist in one round; a panelist in two groups within one round; a rating without a
            statement, panelist or round; no rating at all; a history of statements that the ratings contradict.
        """
        groups = {"region": region, "stakeholder": stakeholder, "country": country}
        groups |= {"decision_rights": decision_rights, **(attributes or {})}
        columns = Columns(statement, panelist, round, rating, free_text, groups)
        return cls(**read_panel(ratings, columns, scale, statements))

    def __repr__(self) -> str:
        known = f", {', '.join(self.attributes)}" if self.attributes else ""
        return (
            f"DelphiPanel({len(self.panelists)} panelists, {len(self.statements)} statements, {len(self.rounds)} rounds, "
            f"scale {self.scale[0]} to {self.scale[1]}{known})"
        )

    @property
    def values(self) -> FloatArray:
        """The categories of the scale, shape (K,)."""
        return np.arange(self.scale[0], self.scale[1] + 1, dtype=float)

    def round_position(self, round: Any) -> int:
        """Position of a round given by its label, or counted from the end by a negative number.

        Raises
        ------
        OptionError
            No such round.
        """
        if round in self.rounds:
            return self.rounds.index(round)
        if isinstance(round, int | np.integer) and -len(self.rounds) <= round < 0:
            return len(self.rounds) + int(round)
        raise OptionError(
            f"round={round!r} is unknown; the rounds are {', '.join(map(str, self.rounds))} (or -1 for the last)."
        )

    def attribute(self, by: str) -> ObjectArray:
        """Labels of a panelist attribute, shape (R, P).

        Raises
        ------
        OptionError
            The panel was built without this attribute.
        """
        if by not in self.attributes:
            have = ", ".join(self.attributes) or "none"
            raise OptionError(
                f"the panel has no attribute {by!r} (it has: {have}); name its column in from_frame({by}=...)."
            )
        return self.attributes[by]

    def levels(self, by: str) -> tuple[str, ...]:
        """Groups of a panelist attribute: WHO regions as AFR AMR SEAR EUR EMR WPR, others in order of first appearance."""
        found = dict.fromkeys(label for label in self.attribute(by).ravel() if label is not None)
        return (
            tuple(region for region in REGIONS if region in found)
            if set(found) <= set(REGIONS)
            else tuple(found)
        )

    def deciding(self, round: Any = -1) -> Deciding:
        """Ratings of each statement in the latest round, up to ``round``, in which it was rated."""
        last = self.round_position(round)
        rated = np.any(~np.isnan(self.ratings[: last + 1]), axis=2)
        index = np.where(rated.any(axis=0), last - np.argmax(rated[::-1], axis=0), -1)
        rows = np.arange(len(self.statements))
        chosen = self.ratings[np.maximum(index, 0), rows]
        return Deciding(np.where(index[:, None] >= 0, chosen, np.nan), index)

    def rating_counts(
        self,
        deciding: Deciding,
        *,
        weights: npt.NDArray[np.floating] | None = None,
        cases: FloatArray | None = None,
    ) -> RatingCounts:
        """Category counts of the deciding ratings, for the panel or for reweighted panels.

        Parameters
        ----------
        deciding : Deciding
            From :meth:`deciding`.
        weights : ndarray, shape (B, P), optional
            One row per resampled panel: how often each panelist is in it.
        cases : ndarray, shape (S, P), optional
            Weight of each single rating.

        Returns
        -------
        RatingCounts
            Counts of shape (S, K), or (B, S, K) with weights.
        """
        indicators = tally.one_hot(deciding.ratings, self.values)
        if cases is not None:
            indicators = indicators * cases[..., None]

        def within(conditions: Conditions) -> FloatArray:
            kept = indicators
            for by, label in conditions:
                kept = kept * (self.membership(by, deciding) == label)[..., None]
            return kept.sum(axis=1) if weights is None else tally.resampled(weights, kept)

        return RatingCounts(within(()), self.values, within, self.levels)

    def membership(self, by: str, deciding: Deciding) -> ObjectArray:
        """Group of each panelist in each statement's deciding round, shape (S, P)."""
        return self.attribute(by)[np.maximum(deciding.round_index, 0)]

    def check_consensus(
        self, rule: Rule | None = None, *, round: Any = -1, by: str | None = None
    ) -> ConsensusResult:
        """Decide which statements have reached consensus.

        Parameters
        ----------
        rule : Rule, optional
            By default ``ConsensusRule(agreement=0.80, top_categories=2)``.
        round : default -1
            State of the panel after this round (label, or negative from the end). Each statement is decided
            by the latest round in which it was rated; the result says which.
        by : str, optional
            Apply the rule within each group of a panelist attribute.

        Returns
        -------
        ConsensusResult
        """
        from recoverymetrics.consensus.check import check_consensus

        return check_consensus(self, rule, round=round, by=by)

    def participation(
        self, by: str | None = "region", *, expected: Sequence[str] | None = None
    ) -> ParticipationResult:
        """Who took part in each round, who stayed, and who was not asked.

        Parameters
        ----------
        by : str or None, default "region"
            Panelist attribute; None counts all together.
        expected : sequence of str, optional
            Groups that should have been asked; those with nobody get rows that say "no data". By default the six
            WHO regions when every label is one of them.

        Returns
        -------
        ParticipationResult

        Raises
        ------
        OptionError
            The panel was built without this attribute.
        """
        from recoverymetrics.consensus.participation import participation

        return participation(self, by, expected=expected)

    def involvement(
        self,
        group: str = "lived_experience",
        *,
        minimum: float = 0.5,
        voting: Sequence[str] = ("vote", "veto"),
    ) -> pd.DataFrame:
        """Is a group's part in each round more than a token?

        Parameters
        ----------
        group : str, default "lived_experience"
            Stakeholder group.
        minimum : float, default 0.5
            A smaller share of panelists, or of those who may vote, is flagged.
        voting : sequence of str, default ("vote", "veto")
            Decision rights that mean a vote.

        Returns
        -------
        pandas.DataFrame
            One row per round: ``n``, ``n_group``, ``share_group``, ``n_voting``, ``share_voting``, ``flagged``, ``note``.
        """
        from recoverymetrics.consensus.participation import involvement

        return involvement(self, group, minimum=minimum, voting=voting)

    def attrition(self, by: str | None = None, *, top_categories: int | None = None) -> AttritionResult:
        """Did those who left rate differently from those who stayed?

        Parameters
        ----------
        by : str, optional
            Panelist attribute: the comparison within each group as well.
        top_categories : int, optional
            Categories that count as agreement; by default the top two, or a third from seven categories on.

        Returns
        -------
        AttritionResult
        """
        from recoverymetrics.consensus.attrition import attrition

        return attrition(self, by, top_categories=top_categories)

    def stability(self, *, top_categories: int | None = None, level: float = 0.95) -> StabilityResult:
        """Compare ratings of the same people between rounds, statement by statement.

        Parameters
        ----------
        top_categories : int, optional
            Categories that count as agreement, for McNemar's test.
        level : float, default 0.95
            Level of Bonett's interval of the coefficient of quartile variation.

        Returns
        -------
        StabilityResult
        """
        from recoverymetrics.consensus.stability import stability

        return stability(self, top_categories=top_categories, level=level)

    def concordance(self, by: str | None = None) -> ConcordanceResult:
        """Kendall's W with ties, ICC(A,1) and Krippendorff's ordinal alpha of each round.

        Parameters
        ----------
        by : str, optional
            Panelist attribute: the coefficients within each group as well.

        Returns
        -------
        ConcordanceResult
        """
        from recoverymetrics.consensus.concordance import concordance

        return concordance(self, by)

    def sensitivity(
        self,
        rule: Rule | None = None,
        *,
        round: Any = -1,
        cut_offs: Sequence[float] = (0.70, 0.75, 0.80, 0.85, 0.90),
        equal_weights: Sequence[str] | None = None,
        leave_out: Sequence[str] | None = None,
        n_boot: int = 2000,
        seed: Seed = 0,
    ) -> SensitivityResult:
        """How the list of statements depends on cut-off, weighting, groups and the particular panelists.

        Parameters
        ----------
        rule : Rule, optional
            By default ``ConsensusRule(agreement=0.80, top_categories=2)``.
        round : default -1
            State of the panel after this round.
        cut_offs : sequence of float
            Other agreement cut-offs, for rules with a top-box part.
        equal_weights : sequence of str, optional
            Attributes whose groups are weighted equally; by default region and stakeholder where known.
        leave_out : sequence of str, optional
            Attributes whose groups are left out one at a time; by default region and stakeholder where known.
        n_boot : int, default 2000
            Panels resampled from the panelists; 0 leaves the bootstrap out.
        seed : int or Generator, default 0
            Random numbers of the bootstrap.

        Returns
        -------
        SensitivityResult
        """
        from recoverymetrics.consensus.sensitivity import SensitivityPlan, sensitivity

        plan = SensitivityPlan(tuple(cut_offs), equal_weights, leave_out, n_boot)
        return sensitivity(self, rule, plan, round=round, seed=seed)

    def reporting_checklist(
        self, guideline: str = "accord", *, rule: Rule | None = None, facts: Mapping[str, str] | None = None
    ) -> ChecklistResult:
        """Fill a reporting checklist from the data; what only the authors know is marked missing.

        Parameters
        ----------
        guideline : {"accord", "delphistar", "credes", "gripp2"}, default "accord"
            The guideline.
        rule : Rule, optional
            The consensus rule used.
        facts : mapping, optional
            Texts by topic for what only the authors know.

        Returns
        -------
        ChecklistResult
        """
        from recoverymetrics.consensus.reporting import reporting_checklist

        return reporting_checklist(self, guideline, rule=rule, facts=facts)

    def group_changes(self) -> pd.DataFrame:
        """Panelists whose group differs between rounds: panelist, attribute, round, from and to."""
        rows = []
        for name, labels in self.attributes.items():
            for p, panelist in enumerate(self.panelists):
                known = [(r, labels[r, p]) for r in range(len(self.rounds)) if labels[r, p] is not None]
                for (_, before), (r, after) in pairwise(known):
                    if before != after:
                        rows.append((panelist, name, self.rounds[r], before, after))
        return pd.DataFrame(rows, columns=["panelist", "attribute", "round", "label_from", "label_to"])

    def select(self, mask: BoolArray) -> DelphiPanel:
        """The panel of some panelists (mask of length P); statements and rounds stay.

        Raises
        ------
        DataError
            No panelist is left.
        """
        if not mask.any():
            raise DataError("no panelist is left in this selection.")
        kept = tuple(p for p, keep in zip(self.panelists, mask, strict=True) if keep)
        comments = self.comments[self.comments["panelist"].isin(kept)].reset_index(drop=True)
        attributes = {name: labels[:, mask] for name, labels in self.attributes.items()}
        return DelphiPanel(
            self.ratings[:, :, mask], self.statements, kept, self.rounds, self.scale, attributes,
            self.took_part[:, mask], comments, self.lineage,
        )  # fmt: skip
