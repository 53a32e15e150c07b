"""Two or more consensus lists side by side: matched, partly matched, unmatched, and how far apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd
from scipy import stats

from recoverymetrics.consensus.check import ConsensusResult
from recoverymetrics.consensus.lists import ConsensusList, read_list, read_matches
from recoverymetrics.display import AbstractResult, Table
from recoverymetrics.errors import OptionError
from recoverymetrics.numerics.proportions import difference_interval, equivalence_p_value

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Denominator = Literal["pooled", "unique", "one_sided"]


def convergence(matched: float, n_a: int, n_b: int, *, denominator: Denominator = "pooled") -> float:
    """Share of two lists that matches, over a declared denominator.

    Parameters
    ----------
    matched : float
        Matched pairs.
    n_a, n_b : int
        Length of the lists.
    denominator : {"pooled", "unique", "one_sided"}, default "pooled"
        ``2m / (a + b)``, ``m / (a + b - m)``, or ``m / a``.

    Returns
    -------
    float
        NaN for empty lists.

    Examples
    --------
    >>> round(convergence(5, 10, 12), 3), round(convergence(5, 10, 12, denominator="unique"), 3)
    (0.455, 0.294)
    """
    if denominator not in get_args(Denominator):
        raise OptionError(
            f"denominator={denominator!r} is unknown; choose from {', '.join(get_args(Denominator))}."
        )
    top, bottom = {
        "pooled": (2 * matched, n_a + n_b),
        "unique": (matched, n_a + n_b - matched),
        "one_sided": (matched, n_a),
    }[denominator]
    return float(top / bottom) if bottom > 0 else np.nan


@dataclass(frozen=True)
class StakeholderComparison(AbstractResult):
    """What panels share and where they part.

    Attributes
    ----------
    lists : tuple of ConsensusList
        The lists compared.
    frame : pandas.DataFrame
        What :meth:`tidy` returns.
    denominator : str
        Denominator of ``convergence``.
    matched_by : str
        How elements were matched.
    margin : float
        Equivalence margin of differences in agreement.
    level : float
        Confidence level.
    partial_weight : float
        What a partly matched pair counts.
    """

    lists: tuple[ConsensusList, ...]
    frame: pd.DataFrame = field(repr=False)
    denominator: Denominator
    matched_by: str
    margin: float
    level: float
    partial_weight: float

    def tidy(self) -> pd.DataFrame:
        """One row per pair of panels and matched or unmatched element; see the glossary."""
        return self.frame.copy()

    def pairs(self, by: str | None = None) -> pd.DataFrame:
        """One row per pair of panels (and domain with ``by="domain"``).

        Returns
        -------
        pandas.DataFrame
            Length of both lists, matches, convergence over each denominator, rank correlation of agreement.
        """
        keys = ["panel_a", "panel_b"] + ([by] if by else [])
        rows = [
            dict(zip(keys, names if isinstance(names, tuple) else (names,), strict=True))
            | self._summary(part)
            for names, part in self.frame.groupby(keys, sort=False, dropna=False)
        ]
        return pd.DataFrame(rows)

    def _summary(self, part: pd.DataFrame) -> dict[str, Any]:
        n_a, n_b = int((part["in_a"] == True).sum()), int((part["in_b"] == True).sum())  # noqa: E712
        both = part["status"] == "both"
        full, partly = (
            int((both & (part["match"] == "matched")).sum()),
            int((both & (part["match"] == "partly")).sum()),
        )
        m = full + self.partial_weight * partly
        rho, tau, n_ranked = _rank_correlation(part)
        return {
            "n_a": n_a,
            "n_b": n_b,
            "n_matched": full,
            "n_partly": partly,
            "convergence": convergence(m, n_a, n_b, denominator=self.denominator),
            "pooled": convergence(m, n_a, n_b),
            "unique": convergence(m, n_a, n_b, denominator="unique"),
            "one_sided_a": convergence(m, n_a, n_b, denominator="one_sided"),
            "one_sided_b": convergence(m, n_b, n_a, denominator="one_sided"),
            "spearman": rho,
            "kendall": tau,
            "n_ranked": n_ranked,
            "n_no_data": int((part["status"] == "no data").sum()),
        }

    def glance(self) -> pd.DataFrame:
        """Return one row: for two panels their comparison, for more the mean convergence over pairs."""
        pairs = self.pairs()
        head = {"n_panels": len(self.lists), "denominator": self.denominator, "matched_by": self.matched_by}
        if len(pairs) == 1:
            return pd.DataFrame([head | pairs.iloc[0].to_dict()])
        spread = {"convergence": pairs["convergence"].mean(), "convergence_min": pairs["convergence"].min()}
        return pd.DataFrame([head | spread | {"n_no_data": int(pairs["n_no_data"].sum())}])

    def if_ruled(self, base: ConsensusResult | Sequence[str] | None = None) -> pd.DataFrame:
        """What would enter and leave if each panel's consensus ruled.

        Parameters
        ----------
        base : ConsensusResult or ids, optional
            The list in force; by default, for every panel, each other panel's list (through the matches).

        Returns
        -------
        pandas.DataFrame
            One row per panel and list in force: ``group``, ``against``, ``n_consensus``, ``entered``, ``left``, ``no_data``
            (elements the panel has no data on: neither in nor out).
        """
        if base is not None:
            accepted = tuple(base.accepted) if isinstance(base, ConsensusResult) else tuple(base)
            return pd.DataFrame([_against(own, accepted) for own in self.lists])
        rows = []
        for (a, b), part in self.frame.groupby(["panel_a", "panel_b"], sort=False):
            for own, other, mine, theirs in ((a, b, "a", "b"), (b, a, "b", "a")):
                rows.append(_swap(part, own, other, mine, theirs))
        return pd.DataFrame(rows)

    def profile(self, categories: Mapping[str, str] | pd.DataFrame | None = None) -> pd.DataFrame:
        """How each list spreads over a framework such as CHIME.

        Parameters
        ----------
        categories : mapping or DataFrame, optional
            Category of each element: a mapping from id to category, or a frame whose first column holds ids
            and whose column ``category``, ``chime`` or ``chime_proposed`` holds the category. By default what the lists
            bring: the CHIME processes that this library proposes for the published lists, or the themes of the elements.

        Returns
        -------
        pandas.DataFrame
            One row per panel and category: ``n_elements`` and ``share`` of the panel's list; elements without a category
            form the row ``no category``.

        Raises
        ------
        OptionError
            No categories, neither given nor with the lists.
        """
        if categories is None and not any(own.categories for own in self.lists):
            raise OptionError(
                "the lists bring no categories; give categories= (a mapping from id to category)."
            )
        given = categories if categories is None or isinstance(categories, Mapping) else _linked(categories)
        rows = []
        for own in self.lists:
            linked = own.categories if given is None else given
            names = pd.Series([linked.get(e) or "no category" for e in own.accepted], dtype=object)
            for name, n in names.value_counts(sort=False).items():
                rows.append((own.name, name, int(n), n / len(names)))
        frame = pd.DataFrame(rows, columns=["group", "category", "n_elements", "share"])
        return frame.sort_values(["group", "category"], ignore_index=True)

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw agreement of the first pair of panels, element by element, joined by a line."""
        from recoverymetrics.consensus.plots import plot_stakeholders

        return plot_stakeholders(self, ax=ax)

    def _title(self) -> str:
        return "Stakeholders compared: " + ", ".join(own.name for own in self.lists)

    def _tables(self) -> tuple[Table, ...]:
        words = {"pooled": "2m / (a + b)", "unique": "m / (a + b - m)", "one_sided": "m / a"}[
            self.denominator
        ]
        equivalence = (
            f"Equivalent: two one-sided tests find the difference smaller than {self.margin * 100:g} points either way "
            f"(equivalence_p_value below {1 - self.level:g}; its {1 - 2 * (1 - self.level):.0%} interval lies inside)."
        )
        notes = [
            f"Convergence uses the {self.denominator} denominator, {words}. Elements matched by {self.matched_by}.",
            *([equivalence] if self.frame["equivalent"].notna().any() else []),
            *(own.note for own in self.lists if own.note),
        ]
        return (Table("Pairs of panels", self.pairs(), notes=tuple(notes)), Table("Elements", self.tidy()))


def compare_stakeholders(
    consensus_a: Any,
    consensus_b: Any,
    *others: Any,
    matches: Any = None,
    denominator: Denominator = "pooled",
    names: Sequence[str] | None = None,
    margin: float = 0.10,
    level: float = 0.95,
    partial_weight: float = 0.0,
) -> StakeholderComparison:
    """Compare the consensus of two or more panels.

    Parameters
    ----------
    consensus_a, consensus_b, *others : ConsensusResult, ElementSet or DataFrame
        Results of :meth:`DelphiPanel.check_consensus` (also ``for_group``), or published lists. Agreement that is not
        known stays unknown.
    matches : DataFrame or sequence of pairs, optional
        Elements that mean the same: columns ``a``, ``b`` and, where some only partly match, ``degree`` (``full`` or
        ``partial``). By default the same id, or, when the lists share no id, the same label in the same domain.
    denominator : {"pooled", "unique", "one_sided"}, default "pooled"
        Of the convergence; the others are given beside it.
    names : sequence of str, optional
        Names of the panels.
    margin : float, default 0.10
        Differences in agreement inside this margin count as equivalent.
    level : float, default 0.95
        Confidence level; equivalence uses two one-sided tests at ``1 - level``.
    partial_weight : float, default 0
        What a partly matched pair counts in the convergence.

    Returns
    -------
    StakeholderComparison

    Raises
    ------
    OptionError
        Unknown denominator, or a margin, level or weight that is not a share.
    DataError
        A match that names an unknown element.

    Examples
    --------
    >>> import pandas as pd
    >>> users = pd.DataFrame({"element_id": ["u1", "u2"], "label": ["Hope", "Coercion"], "domain": "x"})
    >>> staff = pd.DataFrame({"element_id": ["p1", "p2"], "label": ["hope", "Stigma"], "domain": "x"})
    >>> compare_stakeholders(users, staff, names=["users", "staff"]).glance()["convergence"].item()
    0.5
    """
    convergence(0, 1, 1, denominator=denominator)
    if not 0 < margin < 1 or not 0.5 < level < 1 or not 0 <= partial_weight <= 1:
        raise OptionError(
            f"margin={margin!r}, level={level!r}, partial_weight={partial_weight!r}: a margin lies between 0 and 1 (0.10 "
            "for 10 points), a level between 0.5 and 1, a weight from 0 to 1."
        )
    given = (consensus_a, consensus_b, *others)
    if names is not None and len(names) != len(given):
        raise OptionError(f"names= has {len(names)} entries for {len(given)} panels.")
    lists = tuple(
        read_list(one, None if names is None else names[i], f"panel {i + 1}") for i, one in enumerate(given)
    )
    parts, how = [], []
    for a, b in combinations(lists, 2):
        pairs, matched_by = read_matches(a, b, matches, others=lists)
        how.append(matched_by)
        parts.append(_compare(a, b, pairs, margin, level))
    frame = pd.concat(parts, ignore_index=True)
    matched_by = " / ".join(dict.fromkeys(how))
    return StakeholderComparison(lists, frame, denominator, matched_by, margin, level, partial_weight)


def _compare(
    a: ConsensusList, b: ConsensusList, pairs: pd.DataFrame, margin: float, level: float
) -> pd.DataFrame:
    rows = pairs.merge(a.frame.add_suffix("_a"), how="outer", left_on="a", right_on="element_a")
    rows = rows.merge(b.frame.add_suffix("_b"), how="outer", left_on="b", right_on="element_b")
    order = {e: i for i, e in enumerate(dict.fromkeys([*a.frame["element"], *b.frame["element"]]))}
    rows = rows.sort_values(
        by="element_a", key=lambda c: c.where(c.notna(), rows["element_b"]).map(order), ignore_index=True
    )
    match = np.where(
        rows["element_b"].isna(), "only a", np.where(rows["element_a"].isna(), "only b", rows["degree"])
    )
    x1, n1, x2, n2 = (rows[c].to_numpy(float) for c in ("n_agree_a", "n_a", "n_agree_b", "n_b"))
    low, high = difference_interval(x1, n1, x2, n2, level=level)
    frame = pd.DataFrame(
        {
            "panel_a": a.name,
            "panel_b": b.name,
            "element_a": rows["element_a"],
            "element_b": rows["element_b"],
            "label": rows["label_a"].where(rows["label_a"].notna(), rows["label_b"]),
            "domain": rows["domain_a"].where(rows["domain_a"].notna(), rows["domain_b"]),
            "match": match,
            "in_a": rows["accepted_a"].astype(object),
            "in_b": rows["accepted_b"].astype(object),
            "agreement_a": rows["agreement_a"].astype(float),
            "agreement_b": rows["agreement_b"].astype(float),
        }
    )
    frame["difference"] = frame["agreement_a"] - frame["agreement_b"]
    frame["conf_low"], frame["conf_high"] = low, high
    frame["equivalence_p_value"] = equivalence_p_value(x1, n1, x2, n2, margin=margin)
    frame["equivalent"] = _equivalent(frame["equivalence_p_value"], 1 - level)
    frame["status"] = [_status(*row) for row in frame[["match", "in_a", "in_b"]].itertuples(index=False)]
    return frame


def _equivalent(p_values: pd.Series, alpha: float) -> list[bool | None]:
    """Two one-sided tests at ``alpha``; None where they cannot be computed."""
    return [None if np.isnan(p) else bool(p < alpha) for p in p_values]


def _status(match: str, in_a: Any, in_b: Any) -> str:
    """Whose list holds the element; ``no data`` when a panel that has the element has no rating of it."""
    a, b = (value if isinstance(value, bool | np.bool_) else None for value in (in_a, in_b))
    if match == "only a":
        return "no data" if a is None else ("a only" if a else "neither")
    if match == "only b":
        return "no data" if b is None else ("b only" if b else "neither")
    if a is None or b is None:
        return "no data"
    return {
        (True, True): "both",
        (True, False): "a only",
        (False, True): "b only",
        (False, False): "neither",
    }[(bool(a), bool(b))]


def _rank_correlation(part: pd.DataFrame) -> tuple[float, float, int]:
    known = part[["agreement_a", "agreement_b"]].dropna()
    n = len(known)
    if n < 3 or known.nunique().min() < 2:
        return np.nan, np.nan, n
    x, y = known["agreement_a"], known["agreement_b"]
    return float(stats.spearmanr(x, y).statistic), float(stats.kendalltau(x, y).statistic), n


def _against(own: ConsensusList, accepted: tuple[str, ...]) -> dict[str, Any]:
    state = dict(zip(own.frame["element"], own.frame["accepted"], strict=True))
    entered = [e for e in own.accepted if e not in accepted]
    left = [e for e in accepted if state.get(e) is False or state.get(e) is np.False_]
    silent = [e for e in accepted if state.get(e) is None]
    return {
        "group": own.name,
        "against": "list in force",
        "n_consensus": len(own.accepted),
        "entered": "; ".join(entered),
        "left": "; ".join(left),
        "no_data": "; ".join(silent),
    }


def _swap(part: pd.DataFrame, own: str, other: str, mine: str, theirs: str) -> dict[str, Any]:
    name = part["element_a"].where(part["element_a"].notna(), part["element_b"])
    i, they = part[f"in_{mine}"] == True, part[f"in_{theirs}"] == True  # noqa: E712
    silent = they & (part["match"].isin(["matched", "partly"])) & part[f"in_{mine}"].isna()
    return {
        "group": own,
        "against": other,
        "n_consensus": int(i.sum()),
        "entered": "; ".join(name[i & ~they]),
        "left": "; ".join(name[they & ~i & ~silent]),
        "no_data": "; ".join(name[silent]),
    }


def _linked(frame: pd.DataFrame) -> dict[str, str]:
    column = next((c for c in ("category", "chime", "chime_proposed", "theme") if c in frame.columns), None)
    if column is None:
        raise OptionError("the frame of categories needs a column category, chime, chime_proposed or theme.")
    known = frame.loc[frame[column].notna() & (frame[column] != "")]
    return dict(zip(known.iloc[:, 0].map(str), known[column].map(str), strict=True))
