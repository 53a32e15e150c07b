"""Recovery as people define it themselves: themes beside elements and items, goals, and who declines the idea."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from recoverymetrics.content.coverage import CoverageResult
from recoverymetrics.content.person_scores import score_beside
from recoverymetrics.content.person_tables import code_rates, goal_table, uncovered_shares
from recoverymetrics.display import AbstractResult, Table
from recoverymetrics.errors import DataError, OptionError
from recoverymetrics.instrument.frame import to_pandas
from recoverymetrics.typing import IntoFrame

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CODES: Mapping[str, str] = {
    "answered": "named what matters",
    "not_applicable": "not applicable to me",
    "declines_concept": "I do not use the idea of recovery",
}
"""Valid answers to the question what recovery means; none of them is a missing value."""

GOALS = ("met", "partly", "unmet")


@dataclass(frozen=True)
class PersonDefinedResult(AbstractResult):
    """Themes that people state themselves, laid over elements and items.

    Attributes
    ----------
    themes : pandas.DataFrame
        One row per stated theme: ``person``, ``theme``, ``element`` (missing when it fits none), ``importance``,
        ``goal_status``, ``in_elements``, ``in_items``, ``barrier`` and the groups.
    persons : pandas.DataFrame
        One row per person: ``person``, ``response_code`` and the groups.
    coverage : CoverageResult
        Elements and items the themes are laid over.
    groups : tuple of str
        Columns that describe people or services.
    """

    themes: pd.DataFrame = field(repr=False)
    persons: pd.DataFrame = field(repr=False)
    coverage: CoverageResult = field(repr=False)
    groups: tuple[str, ...]

    @cached_property
    def _elements(self) -> pd.DataFrame:
        counts = self.themes.groupby("element")["person"].agg(["size", "nunique"])
        weight = self.themes.groupby("element")["importance"].mean()
        table = self.coverage.tidy()[["element", "label", "domain", "n_items"]]
        table["n_themes"] = table["element"].map(counts["size"]).fillna(0).astype(int)
        table["n_persons"] = table["element"].map(counts["nunique"]).fillna(0).astype(int)
        table["share_persons"] = table["n_persons"] / max(self.themes["person"].nunique(), 1)
        table["importance_mean"] = table["element"].map(weight)
        return table

    def tidy(self) -> pd.DataFrame:
        """One row per element: how many people named it, how much it matters to them, how many items ask about it."""
        return self._elements.copy()

    def glance(self) -> pd.DataFrame:
        """Return one row: shares of themes and of people that no element, and no item, covers."""
        row: dict[str, Any] = {
            "n_persons": len(self.persons),
            "n_answered": self.themes["person"].nunique(),
            "n_themes": self.themes["theme"].nunique(),
            "n_statements": len(self.themes),
        }
        return pd.DataFrame([row | uncovered_shares(self.themes)])

    def shares(self) -> pd.DataFrame:
        """The shares not covered as a table: one row per unit (theme, statement, person) and yardstick."""
        row = self.glance().iloc[0]
        rows = []
        for unit, name, total in (
            ("themes", "themes_uncovered", "n_themes"),
            ("statements", "statements_uncovered", "n_statements"),
            ("statements", "statements_outside", "n_statements"),
            ("persons", "persons_uncovered", "n_answered"),
            ("persons", "persons_outside", "n_answered"),
        ):
            what = "by no item" if name.endswith("uncovered") else "by no element"
            limits = (row[f"share_{name}_conf_low"], row[f"share_{name}_conf_high"])
            rows.append((unit, what, int(row[f"n_{name}"]), int(row[total]), row[f"share_{name}"], *limits))
        return pd.DataFrame(
            rows, columns=["unit", "not_covered", "n_uncovered", "n", "share", "conf_low", "conf_high"]
        )

    def by_group(self, by: str) -> pd.DataFrame:
        """The shares not covered, within each group.

        Raises
        ------
        OptionError
            Unknown group column.
        """
        self._need(by)
        rows = [
            {"group": name, "n_persons": part["person"].nunique(), "n_statements": len(part)}
            | uncovered_shares(part)
            for name, part in self.themes.groupby(by, sort=False)
        ]
        return pd.DataFrame(rows)

    def uncovered_themes(self) -> pd.DataFrame:
        """Themes that no item covers: ``reason`` says whether no element fits or the element has no item."""
        rows = self.themes[~self.themes["in_items"]]
        reason = np.where(rows["in_elements"], "element without item", "no element")
        kept = ["person", "theme", "text", "element", "importance", *self.groups]
        return rows[kept].assign(reason=reason).reset_index(drop=True)

    def goals(self, by: str | None = None) -> pd.DataFrame:
        """Goals met, partly met and unmet, by service or any other group; recovery and barriers apart.

        Themes that fit no element have a side of their own, because nobody has said whether they are barriers.

        Parameters
        ----------
        by : str, optional
            Group column, for example the service.

        Returns
        -------
        pandas.DataFrame
            One row per side (recovery, barrier, no element) and group: counts, shares with Wilson's interval for ``unmet``, and ``need_gap``
            (unmet 1, partly one half, met 0, weighted by importance).
        """
        if by is not None:
            self._need(by)
        return goal_table(self.themes, by, GOALS)

    def codes(self, by: str | None = None) -> pd.DataFrame:
        """How many people answered, found the question not applicable, or do not use the idea of recovery."""
        if by is not None:
            self._need(by)
        return code_rates(self.persons, by, tuple(CODES))

    def weights(self) -> pd.DataFrame:
        """Each person's own weights of elements, summing to one per person; ``element`` is missing for themes outside."""
        known = self.themes.dropna(subset=["importance"])
        total = known.groupby("person")["importance"].transform("sum")
        return pd.DataFrame(
            {
                "person": known["person"],
                "element": known["element"],
                "importance": known["importance"],
                "weight": known["importance"] / total,
                "in_items": known["in_items"],
            }
        ).reset_index(drop=True)

    def augment(
        self, data: IntoFrame, *, id: str, reverse: Sequence[str] = (), scale: tuple[int, int] = (1, 5)
    ) -> pd.DataFrame:
        """Scores with the person's own weights beside the fixed ones; barriers apart, never netted.

        Parameters
        ----------
        data : DataFrame
            Item responses, one row per person.
        id : str
            Column with the person identifiers used for the themes.
        reverse : sequence of str
            Items keyed against their side.
        scale : tuple of int, default (1, 5)
            Lowest and highest category of the responses.

        Returns
        -------
        pandas.DataFrame
            One row per person of ``data``: ``person``, ``fixed_recovery``, ``weighted_recovery``, ``fixed_barrier``, ``weighted_barrier``,
            ``weight_uncovered`` (share of the person's weight on what no item asks about), ``response_code``.
        """
        frame = to_pandas(data)
        if id not in frame.columns:
            raise DataError(
                f"there is no column {id!r}; the columns are {', '.join(map(str, frame.columns))}."
            )
        scores = score_beside(frame, id, self.weights(), self.coverage, reverse, scale)
        codes = dict(zip(self.persons["person"], self.persons["response_code"], strict=True))
        return scores.assign(response_code=scores["person"].map(codes))

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw how many people named each element in their own words, and what no item asks about."""
        from recoverymetrics.content.plots import plot_themes

        return plot_themes(self, ax=ax)

    def _need(self, by: str) -> None:
        if by not in self.groups:
            raise OptionError(
                f"there is no group column {by!r}; name it in groups= (there are: {', '.join(self.groups) or 'none'})."
            )

    def _title(self) -> str:
        return "Recovery as people define it"

    def _tables(self) -> tuple[Table, ...]:
        note = "Barriers are their own domain; nothing here subtracts them from recovery."
        return (
            Table("Themes and people not covered", self.shares()),
            Table("Who answered", self.codes()),
            Table("Goals", self.goals(), notes=(note,)),
            Table("Elements people name", self.tidy()),
        )


def map_themes(
    themes: IntoFrame,
    coverage: CoverageResult,
    *,
    person: str = "person",
    element: str = "coded_element",
    text: str | None = "text",
    theme: str | None = None,
    importance: str | None = "importance",
    goal_status: str | None = "goal_status",
    response_code: str | None = "response_code",
    groups: Sequence[str] | None = None,
    barrier: str = "barrier",
) -> PersonDefinedResult:
    """Lay themes that people state themselves over elements and items.

    Parameters
    ----------
    themes : DataFrame
        One row per person and theme; people without a theme have one row with their response code.
    coverage : CoverageResult
        From :func:`map_coverage`.
    person, element : str
        Columns: who, and the element the theme was coded to (empty when it fits none).
    text, theme, importance, goal_status, response_code : str or None
        Further columns where there are any: free text, name of the theme where several people share one (without it
        every row is a theme of its own), how much it matters, ``met``/``partly``/``unmet``, and ``answered``/``not_applicable``/
        ``declines_concept``.
    groups : sequence of str, optional
        Columns that describe people or services; by default those of region, language, service, country, stakeholder
        that are there.
    barrier : str, default "barrier"
        Domain of elements that stand in the way.

    Returns
    -------
    PersonDefinedResult

    Raises
    ------
    DataError
        Unknown columns, elements, goal states or codes; importance that is no number; a person with two codes; a theme of a
        person who did not answer.

    Examples
    --------
    >>> from recoverymetrics.content import map_coverage
    >>> coverage = map_coverage(["q1"], ["hope", "home"], {"q1": "hope"})
    >>> said = {"person": [1, 1, 2], "coded_element": ["hope", "home", None]}
    >>> columns = dict.fromkeys(("text", "importance", "goal_status", "response_code"))
    >>> round(map_themes(said, coverage, **columns).glance()["share_persons_uncovered"].item(), 2)
    1.0
    """
    columns = {"person": person, "element": element, "text": text, "theme": theme, "importance": importance}
    columns |= {"goal_status": goal_status, "response_code": response_code}
    read, kept = _read(to_pandas(themes).reset_index(drop=True), columns, groups)
    _check(read, coverage)
    read["importance"] = _importance(read["importance"])
    persons = _persons(read, kept)
    stated = read[read["response_code"] == "answered"].drop(columns="response_code").reset_index(drop=True)
    return PersonDefinedResult(_laid_over(stated, coverage, barrier), persons, coverage, kept)


_USUAL_GROUPS = ("region", "language", "service", "country", "stakeholder")


def _read(
    frame: pd.DataFrame, columns: Mapping[str, str | None], groups: Sequence[str] | None
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The named columns under their own names, with the group columns; a missing code means an answer."""
    kept = tuple(groups) if groups is not None else tuple(n for n in _USUAL_GROUPS if n in frame.columns)
    for column in [*(c for c in columns.values() if c is not None), *kept]:
        if column not in frame.columns:
            raise DataError(
                f"there is no column {column!r}; the columns are {', '.join(map(str, frame.columns))}."
            )
    read = pd.DataFrame({name: frame[c] if c is not None else None for name, c in columns.items()})
    read = pd.concat([read, frame[list(kept)]], axis=1)
    read["person"] = read["person"].map(str)
    code = read["response_code"].astype(object)
    read["response_code"] = code.where(code.notna(), "answered")
    return read, kept


def _laid_over(stated: pd.DataFrame, coverage: CoverageResult, barrier: str) -> pd.DataFrame:
    """Say of each stated theme whether elements and items cover it, and whether it is a barrier."""
    elements = coverage.elements.set_index("element")
    own_row = pd.Series(stated.index, dtype=object).map("row {}".format)
    stated["theme"] = stated["theme"].where(stated["theme"].notna(), own_row)
    stated["importance"] = stated["importance"].astype(float)
    stated["in_elements"] = stated["element"].notna()
    stated["in_items"] = stated["element"].map(elements["n_items"]).fillna(0) > 0
    stated["barrier"] = stated["element"].map(elements["domain"]) == barrier
    return stated


def _check(read: pd.DataFrame, coverage: CoverageResult) -> None:
    known = set(coverage.elements["element"])
    valid = (
        ("element", known, "elements"),
        ("goal_status", set(GOALS), "goal states"),
        ("response_code", set(CODES), "codes"),
    )
    for column, allowed, what in valid:
        strange = read[column].dropna()
        strange = strange[~strange.isin(allowed)]
        if len(strange):
            listed = ", ".join(sorted(map(str, allowed))[:8])
            raise DataError(
                f"{len(strange)} {what} are unknown (first: {strange.iloc[0]!r} in row {strange.index[0] + 1}); "
                f"known are {listed}{' ...' if len(allowed) > 8 else ''}."
            )


def _importance(column: pd.Series) -> pd.Series:
    """Importance as numbers; what is not a number, or negative, cannot weigh a theme."""
    numbers = pd.to_numeric(column, errors="coerce").astype(float)
    wrong = column.notna() & ~(numbers >= 0)
    if wrong.any():
        first = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"{int(wrong.sum())} values of importance are not numbers from 0 upward (first: {str(column.iloc[first])!r} in row "
            f"{first + 1}); correct them, or leave the cell empty."
        )
    return numbers


def _persons(read: pd.DataFrame, groups: tuple[str, ...]) -> pd.DataFrame:
    codes = read.groupby("person", sort=False)["response_code"].nunique()
    if (codes > 1).any():
        raise DataError(
            f"{int((codes > 1).sum())} people have more than one response code (first: person {codes.index[codes > 1][0]!r}); "
            "a person answers, or finds it not applicable, or declines."
        )
    lost = read[(read["response_code"] != "answered") & read["element"].notna()]
    if len(lost):
        raise DataError(
            f"{len(lost)} themes belong to people who are coded as not answering (first: person {lost['person'].iloc[0]!r}, "
            f"{lost['response_code'].iloc[0]}); a theme that counts needs the code answered."
        )
    return read.drop_duplicates("person")[["person", "response_code", *groups]].reset_index(drop=True)
