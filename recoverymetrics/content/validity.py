"""Content validity of items from experts' ratings."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from recoverymetrics.content.agreement import AssignmentResult, assignment, relevance_agreement
from recoverymetrics.content.indices import (
    CvrTable,
    aiken_v,
    i_cvi_criterion,
    lawshe_critical,
    lawshe_cvr,
    modified_kappa,
)
from recoverymetrics.content.ratings import ItemRatings, RatingColumns, check_scale, read_ratings
from recoverymetrics.display import AbstractResult, Table
from recoverymetrics.errors import OptionError
from recoverymetrics.numerics.proportions import difference_interval, proportion_interval
from recoverymetrics.typing import BoolArray, FloatArray, IntoFrame

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from recoverymetrics.content.coverage import CoverageResult

COSMIN_SHARE = 0.85
"""Share of items that must be relevant, and comprehensible (Terwee et al. 2018)."""


@dataclass(frozen=True)
class ContentValiditySpec:
    """Options of :func:`content_validity`; ``relevant`` and ``essential`` are lowest counting categories."""

    relevant: int
    essential: int
    cvr_table: CvrTable
    level: float


@dataclass(frozen=True)
class ContentValidity(AbstractResult):
    """Indices of content validity, per item and for the scale.

    Attributes
    ----------
    ratings : ItemRatings
        The ratings as arrays.
    spec : ContentValiditySpec
        Options used.
    """

    ratings: ItemRatings = field(repr=False)
    spec: ContentValiditySpec

    @cached_property
    def _items(self) -> pd.DataFrame:
        return item_indices(self.ratings, self.spec)

    def tidy(self) -> pd.DataFrame:
        """One row per item: I-CVI with interval, modified kappa, Aiken's V, Lawshe's CVR, and the verdict."""
        return self._items.copy()

    def glance(self) -> pd.DataFrame:
        """Return one row: S-CVI/Ave, S-CVI/UA, counts, and agreement of the raters on relevance."""
        i_cvi = self._items["i_cvi"]
        rated = i_cvi.notna()
        return pd.DataFrame(
            {
                "n_items": [len(self._items)],
                "n_raters": [len(self.ratings.raters)],
                "s_cvi_ave": [float(i_cvi.mean())],
                "s_cvi_ua": [float((i_cvi[rated] >= 1 - 1e-12).mean()) if rated.any() else np.nan],
                "n_below": [len(self.low_relevance)],
                "n_no_data": [int((~rated).sum())],
                "modified_kappa_mean": [float(self._items["modified_kappa"].mean())],
                "aiken_v_mean": [float(self._items["aiken_v"].mean())],
                **relevance_agreement(self.ratings, self.relevant_mask),
            }
        )

    @property
    def relevant_mask(self) -> FloatArray:
        """1 where a rater calls an item relevant, 0 where not, NaN where not rated; shape (I, R)."""
        return flag(self.ratings.relevance, self.spec.relevant)

    @property
    def low_relevance(self) -> tuple[str, ...]:
        """Items whose I-CVI is below the criterion for their number of raters."""
        return tuple(self._items.loc[self._items["verdict"] == "below", "item"])

    def by_group(self, by: str = "stakeholder") -> pd.DataFrame:
        """Relevance within each group of raters beside that of all the other raters.

        Parameters
        ----------
        by : {"stakeholder", "region"}
            Attribute of the raters.

        Returns
        -------
        pandas.DataFrame
            One row per group and item: ``n``, ``i_cvi`` with interval, the others' ``i_cvi_others``, and the
            ``difference`` with Newcombe's interval (``difference_conf_low``, ``difference_conf_high``).
        """
        labels = self.ratings.levels(by)
        return pd.concat([self._against_rest(by, label) for label in labels], ignore_index=True)

    def _against_rest(self, by: str, label: str) -> pd.DataFrame:
        mask = self.ratings.members(by, label)
        (x1, n1), (x2, n2) = (_count(self.relevant_mask[:, rows]) for rows in (mask, ~mask))
        low, high = proportion_interval(x1, n1, level=self.spec.level)
        d_low, d_high = difference_interval(x1, n1, x2, n2, level=self.spec.level)
        own, others = _ratio(x1, n1), _ratio(x2, n2)
        return pd.DataFrame(
            {
                "group": label,
                "item": list(self.ratings.items),
                "n": n1.astype(int),
                "i_cvi": own,
                "conf_low": low,
                "conf_high": high,
                "i_cvi_others": others,
                "difference": own - others,
                "difference_conf_low": d_low,
                "difference_conf_high": d_high,
            }
        )

    def assignment(self, intended: Any = None) -> AssignmentResult:
        """How raters assign items to elements: Anderson-Gerbing indices and chance-corrected agreement.

        Parameters
        ----------
        intended : ItemBank, DataFrame or mapping, optional
            The elements each item is meant for; by default the element most raters chose, which the result
            says.
        """
        return assignment(self.ratings, intended)

    def cosmin(
        self, by: str | None = "stakeholder", *, coverage: CoverageResult | None = None
    ) -> pd.DataFrame:
        """COSMIN counts: share of items that are relevant, and comprehensible (at least 85%), and no concept missing.

        Parameters
        ----------
        by : str or None, default "stakeholder"
            COSMIN asks people and professionals separately; without that attribute all raters count together.
        coverage : CoverageResult, optional
            From :func:`map_coverage`: comprehensiveness counts the elements (of the group's own consensus, where the coverage
            knows it) that have an item; all must.

        Returns
        -------
        pandas.DataFrame
            One row per group and aspect: ``n`` (items; for comprehensiveness elements), ``n_met``, ``share``, ``rating``
            (``+``, ``-`` or ``?`` for no data). An item meets an aspect when its share of positive ratings reaches the
            I-CVI criterion.
        """
        groups = self.ratings.levels(by) if by is not None and by in self.ratings.groups else ()
        masks = {label: self.ratings.members(str(by), label) for label in groups}
        masks = masks or {"all": np.ones(len(self.ratings.raters), dtype=bool)}
        aspects = {"relevance": self.ratings.relevance, "comprehensibility": self.ratings.comprehensibility}
        rows = []
        for label, mask in masks.items():
            rows += [
                _cosmin_row(label, aspect, None if values is None else values[:, mask], self.spec.relevant)
                for aspect, values in aspects.items()
            ]
            rows.append(_comprehensiveness(label, coverage))
        return pd.DataFrame(rows)

    def plot(self, *, by: str | None = None, ax: Axes | None = None) -> Axes:
        """Draw the I-CVI of every item with its interval and the criterion; by group when asked."""
        from recoverymetrics.content.plots import plot_relevance

        return plot_relevance(self, by=by, ax=ax)

    def _title(self) -> str:
        return "Content validity"

    def _tables(self) -> tuple[Table, ...]:
        notes = (
            f"Relevant: {self.spec.relevant} or higher on {self.ratings.scale[0]} to {self.ratings.scale[1]}. "
            "Criterion: I-CVI 1.00 up to five raters, .78 from six (Polit, Beck and Owen 2007); "
            "S-CVI/Ave .90, S-CVI/UA .80.",
            f"Critical CVR: {self.spec.cvr_table}, one-tailed .05.",
        )
        return (Table("Overview", self.glance()), Table("Items", self.tidy(), notes=notes))


def content_validity(
    ratings: IntoFrame,
    *,
    item: str,
    rater: str,
    relevance: str,
    element: str | None = None,
    scale: tuple[int, int] = (1, 4),
    relevant: int | None = None,
    essential: int | None = None,
    comprehensibility: str | None = None,
    stakeholder: str | None = None,
    region: str | None = None,
    cvr_table: CvrTable = "ayre2014",
    level: float = 0.95,
) -> ContentValidity:
    """Content validity indices from experts' ratings of items.

    Parameters
    ----------
    ratings : DataFrame
        One row per item and rater.
    item, rater, relevance : str
        Columns.
    element : str, optional
        Column with the element that the rater assigned the item to.
    scale : tuple of int, default (1, 4)
        Lowest and highest category of the ratings.
    relevant : int, optional
        Lowest category that counts as relevant; by default the upper half (3 on 1 to 4).
    essential : int, optional
        Lowest category that counts as essential in Lawshe's ratio; by default ``relevant``.
    comprehensibility, stakeholder, region : str, optional
        Further columns: ratings of how understandable the item is, and the rater's groups.
    cvr_table : {"ayre2014", "wilson2012", "lawshe1975"}, default "ayre2014"
        Source of the critical value of Lawshe's ratio.
    level : float, default 0.95
        Confidence level.

    Returns
    -------
    ContentValidity

    Raises
    ------
    DataError
        Unknown columns, ratings off the scale, one item rated twice by one rater.
    OptionError
        ``relevant`` outside the scale, unknown table.

    Examples
    --------
    >>> table = {"i": ["a", "a", "b", "b"], "r": [1, 2, 1, 2], "x": [4, 3, 4, 2]}
    >>> result = content_validity(table, item="i", rater="r", relevance="x")
    >>> float(result.glance()["s_cvi_ave"].iloc[0]), float(result.glance()["s_cvi_ua"].iloc[0])
    (0.75, 0.5)
    """
    check_scale(scale)
    if not 0.5 < level < 1:
        raise OptionError(f"level={level!r} must be a share between 0.5 and 1 (0.95 for 95 percent).")
    low, high = scale
    cut = relevant if relevant is not None else (low + high) // 2 + 1
    for name, value in (("relevant", cut), ("essential", essential)):
        if value is not None and not low < value <= high:
            raise OptionError(
                f"{name}={value} must lie above {low} and not above {high}, the ends of the scale."
            )
    lawshe_critical(10, table=cvr_table)
    columns = RatingColumns(item, rater, relevance, element, comprehensibility, stakeholder, region)
    spec = ContentValiditySpec(cut, cut if essential is None else essential, cvr_table, level)
    return ContentValidity(read_ratings(ratings, columns, scale), spec)


def item_indices(ratings: ItemRatings, spec: ContentValiditySpec) -> pd.DataFrame:
    """All indices, one row per item."""
    x, n = _count(flag(ratings.relevance, spec.relevant))
    essential, _ = _count(flag(ratings.relevance, spec.essential))
    i_cvi = _ratio(x, n)
    low, high = proportion_interval(x, n, level=spec.level)
    mean = _ratio(np.nansum(ratings.relevance, axis=1), n)
    v, v_low, v_high = aiken_v(mean, n, ratings.scale, spec.level)
    k_star = modified_kappa(x, n)
    cvr = lawshe_cvr(essential, n)
    critical = np.array([lawshe_critical(int(m), table=spec.cvr_table) for m in n])
    return pd.DataFrame(
        {
            "item": list(ratings.items),
            "n": n.astype(int),
            "n_relevant": x.astype(int),
            "i_cvi": i_cvi,
            "conf_low": low,
            "conf_high": high,
            "modified_kappa": k_star,
            "kappa_band": kappa_band(k_star),
            "aiken_v": v,
            "aiken_v_conf_low": v_low,
            "aiken_v_conf_high": v_high,
            "cvr": cvr,
            "cvr_critical": critical,
            "cvr_met": cvr >= critical - 1e-12,
            "criterion": i_cvi_criterion(n),
            "verdict": np.where(
                n == 0, "no data", np.where(i_cvi >= i_cvi_criterion(n) - 1e-12, "met", "below")
            ).astype(object),
        }
    )


def flag(values: FloatArray, lowest: float) -> FloatArray:
    """1 from ``lowest`` upward, 0 below, NaN where missing."""
    return np.where(np.isnan(values), np.nan, (values >= lowest).astype(float))


def kappa_band(kappa: FloatArray) -> np.ndarray:
    """Words for the modified kappa: excellent above .74, good from .60, fair from .40 (Polit et al. 2007)."""
    words = np.select([kappa > 0.74, kappa >= 0.60, kappa >= 0.40], ["excellent", "good", "fair"], "poor")
    return np.where(np.isnan(kappa), "no data", words).astype(object)


def _count(mask: FloatArray) -> tuple[FloatArray, FloatArray]:
    return np.nansum(mask, axis=1), (~np.isnan(mask)).sum(axis=1).astype(float)


def _ratio(x: FloatArray, n: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(n > 0, x / n, np.nan)


def _cosmin_row(label: str, aspect: str, values: FloatArray | None, relevant: int) -> dict[str, Any]:
    x, n = (np.zeros(0), np.zeros(0)) if values is None else _count(flag(values, relevant))
    rated: BoolArray = n > 0
    met = int((_ratio(x, n)[rated] >= i_cvi_criterion(n[rated]) - 1e-12).sum())
    share = met / int(rated.sum()) if rated.any() else np.nan
    verdict = "?" if not rated.any() else ("+" if share >= COSMIN_SHARE - 1e-12 else "-")
    return {
        "group": label,
        "aspect": aspect,
        "n": int(rated.sum()),
        "n_met": met,
        "share": share,
        "rating": verdict,
    }


def _comprehensiveness(label: str, coverage: CoverageResult | None) -> dict[str, Any]:
    """No key concept missing: every element has an item; unknown without a coverage."""
    row: dict[str, Any] = {"group": label, "aspect": "comprehensiveness"}
    if coverage is None:
        return row | {"n": 0, "n_met": 0, "share": np.nan, "rating": "?"}
    own = coverage.stakeholders.get(label)
    table = coverage.elements if own is None else coverage.elements[coverage.elements["element"].isin(own)]
    met, n = int((table["n_items"] > 0).sum()), len(table)
    rating = "?" if n == 0 else ("+" if met == n else "-")
    return row | {"n": n, "n_met": met, "share": met / n if n else np.nan, "rating": rating}
