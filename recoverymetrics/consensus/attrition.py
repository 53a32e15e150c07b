"""Did those who left rate differently from those who stayed?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from recoverymetrics.consensus.panel import DelphiPanel
from recoverymetrics.consensus.rules import default_top, require_categories
from recoverymetrics.display import AbstractResult, Table
from recoverymetrics.numerics.proportions import difference_interval
from recoverymetrics.typing import BoolArray, FloatArray


@dataclass(frozen=True)
class AttritionResult(AbstractResult):
    """People who left after a round beside those who stayed, on the ratings of that round.

    Attributes
    ----------
    frame : pandas.DataFrame
        What :meth:`tidy` returns.
    statements : pandas.DataFrame
        One row per round and statement: agreement of those who stayed and of those who left, difference with
        Newcombe's interval.
    """

    frame: pd.DataFrame = field(repr=False)
    statements: pd.DataFrame = field(repr=False)

    def tidy(self) -> pd.DataFrame:
        """One row per round and group: numbers, and the difference in mean rating, left minus stayed (Welch)."""
        return self.frame.copy()

    def glance(self) -> pd.DataFrame:
        """Return one row: how many left in all, and the largest standardised difference."""
        total = self.frame[self.frame["group"] == "all"]
        gaps = total["hedges_g"].dropna()
        return pd.DataFrame(
            {
                "n_left": [int(total["n_left"].sum())],
                "max_abs_hedges_g": [float(gaps.abs().max()) if len(gaps) else np.nan],
                "min_p_value": [float(total["p_value"].min())],
            }
        )

    def _title(self) -> str:
        return "Attrition: did those who left rate differently?"

    def _tables(self) -> tuple[Table, ...]:
        note = (
            "Ratings are taken as deviations from each statement's mean, so that people who rated different "
            "statements compare. Difference: left minus stayed, Welch's interval."
        )
        return (Table("Overview", self.glance()), Table("Rounds and groups", self.tidy(), notes=(note,)))


def attrition(
    panel: DelphiPanel, by: str | None = None, *, top_categories: int | None = None
) -> AttritionResult:
    """Compare those who left after a round with those who stayed.

    Parameters
    ----------
    panel : DelphiPanel
        The panel.
    by : str, optional
        Panelist attribute: the comparison within each group as well.
    top_categories : int, optional
        Categories that count as agreement.

    Returns
    -------
    AttritionResult
    """
    top = default_top(panel.values) if top_categories is None else top_categories
    require_categories(top, panel.values, "top_categories")
    rows: list[dict[str, Any]] = []
    tables = []
    for r in range(len(panel.rounds) - 1):
        later = panel.took_part[r + 1 :].any(axis=0)
        stayed, left = panel.took_part[r] & later, panel.took_part[r] & ~later
        rows.append(_compare(panel, r, "all", stayed, left))
        if by is not None:
            labels = panel.attribute(by)[r]
            rows += [
                _compare(panel, r, g, stayed & (labels == g), left & (labels == g)) for g in panel.levels(by)
            ]
        tables.append(_statements(panel, r, stayed, left, panel.scale[1] - top + 1))
    empty = pd.DataFrame(columns=["statement", "round"])
    return AttritionResult(
        pd.DataFrame(rows, columns=list(_COLUMNS)), pd.concat(tables, ignore_index=True) if tables else empty
    )


_COLUMNS = (
    "group", "round", "n_stayed", "n_left", "mean_stayed", "mean_left", "difference", "conf_low", "conf_high",
    "statistic", "df", "p_value", "hedges_g", "note",
)  # fmt: skip


def _compare(panel: DelphiPanel, r: int, group: str, stayed: BoolArray, left: BoolArray) -> dict[str, Any]:
    ratings = panel.ratings[r]
    rated = ~np.isnan(ratings)
    n_raters = rated.sum(axis=1, keepdims=True)
    means = np.where(rated, ratings, 0).sum(axis=1, keepdims=True) / np.maximum(n_raters, 1)
    n_given = rated.sum(axis=0)
    deviation = np.where(rated, ratings - means, 0).sum(axis=0)
    level = float(ratings[rated].mean()) if rated.any() else np.nan
    a, b = (deviation[m & (n_given > 0)] / n_given[m & (n_given > 0)] for m in (stayed, left))
    row = {
        "group": group,
        "round": panel.rounds[r],
        "n_stayed": int(stayed.sum()),
        "n_left": int(left.sum()),
        "mean_stayed": level + a.mean() if a.size else np.nan,
        "mean_left": level + b.mean() if b.size else np.nan,
        "difference": b.mean() - a.mean() if a.size and b.size else np.nan,
    }
    return row | _welch(a, b)


def _welch(a: FloatArray, b: FloatArray) -> dict[str, Any]:
    """Interval and test for the mean of ``b`` minus the mean of ``a``."""
    names = ("conf_low", "conf_high", "statistic", "df", "p_value", "hedges_g")
    if min(a.size, b.size) < 2:
        note = "nobody left" if b.size == 0 else "no comparison: fewer than two people on one side"
        return dict.fromkeys(names, np.nan) | {"note": note}
    va, vb = a.var(ddof=1) / a.size, b.var(ddof=1) / b.size
    if va + vb <= 0:
        return dict.fromkeys(names, np.nan) | {"note": "no comparison: no spread on either side"}
    df = (va + vb) ** 2 / (va**2 / (a.size - 1) + vb**2 / (b.size - 1))
    gap, se = b.mean() - a.mean(), np.sqrt(va + vb)
    half = stats.t.ppf(0.975, df) * se
    pooled_df = a.size + b.size - 2
    pooled = np.sqrt(((a.size - 1) * a.var(ddof=1) + (b.size - 1) * b.var(ddof=1)) / pooled_df)
    g = gap / pooled * (1 - 3 / (4 * pooled_df - 1))
    values = (gap - half, gap + half, gap / se, df, 2 * stats.t.sf(abs(gap / se), df), g)
    return dict(zip(names, map(float, values), strict=True)) | {"note": ""}


def _statements(panel: DelphiPanel, r: int, stayed: BoolArray, left: BoolArray, lowest: int) -> pd.DataFrame:
    ratings = panel.ratings[r]
    agree = ratings >= lowest
    rated = ~np.isnan(ratings)
    (x1, n1), (x2, n2) = ((agree[:, m].sum(axis=1), rated[:, m].sum(axis=1)) for m in (left, stayed))
    low, high = difference_interval(x1, n1, x2, n2)
    with np.errstate(invalid="ignore", divide="ignore"):
        p1, p2 = x1 / n1, x2 / n2
    frame = pd.DataFrame(
        {
            "statement": list(panel.statements),
            "round": panel.rounds[r],
            "n_stayed": n2,
            "n_left": n1,
            "agreement_stayed": p2,
            "agreement_left": p1,
            "difference": p1 - p2,
            "conf_low": low,
            "conf_high": high,
        }
    )
    return frame[rated.any(axis=1)]
