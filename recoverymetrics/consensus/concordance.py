"""Do panelists order the statements alike: Kendall's W, Krippendorff's alpha, intraclass correlation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from recoverymetrics.consensus.panel import DelphiPanel
from recoverymetrics.display import AbstractResult, Table
from recoverymetrics.numerics.agreement import category_counts
from recoverymetrics.numerics.concordance import kendall_w
from recoverymetrics.numerics.krippendorff import krippendorff_alpha
from recoverymetrics.typing import BoolArray, FloatArray

BANDS = ((0.9, "unusually strong"), (0.7, "strong"), (0.5, "moderate"), (0.3, "weak"), (0.1, "very weak"))
"""Words for Kendall's W (Schmidt 1997)."""


@dataclass(frozen=True)
class ConcordanceResult(AbstractResult):
    """Concordance of panelists over the statements of each round.

    Attributes
    ----------
    frame : pandas.DataFrame
        What :meth:`tidy` returns.
    """

    frame: pd.DataFrame = field(repr=False)

    def tidy(self) -> pd.DataFrame:
        """One row per round and group: Kendall's W with ties, ordinal alpha, ICC(A,1)."""
        return self.frame.copy()

    def glance(self) -> pd.DataFrame:
        """Return one row: the last round of the whole panel."""
        return self.frame[self.frame["group"] == "all"].tail(1).reset_index(drop=True)

    def _title(self) -> str:
        return "Concordance of panelists"

    def _tables(self) -> tuple[Table, ...]:
        note = (
            "Kendall's W and the ICC use panelists who rated every statement of the round (n); the others are "
            "counted in n_incomplete. Krippendorff's ordinal alpha uses every rating."
        )
        return (Table("Rounds and groups", self.tidy(), notes=(note,)),)


def concordance(panel: DelphiPanel, by: str | None = None) -> ConcordanceResult:
    """Concordance of each round, for all and for each group.

    Parameters
    ----------
    panel : DelphiPanel
        The panel.
    by : str, optional
        Panelist attribute.

    Returns
    -------
    ConcordanceResult
    """
    rows = []
    for r, label in enumerate(panel.rounds):
        masks: dict[str, BoolArray] = {"all": panel.took_part[r]}
        if by is not None:
            groups = panel.attribute(by)[r]
            masks |= {g: panel.took_part[r] & (groups == g) for g in panel.levels(by)}
        rows += [
            {"group": g, "round": label} | _row(panel.ratings[r][:, m], panel.values)
            for g, m in masks.items()
        ]
    return ConcordanceResult(pd.DataFrame(rows))


def _row(ratings: FloatArray, values: FloatArray) -> dict[str, Any]:
    rated = ratings[(~np.isnan(ratings)).any(axis=1)]
    complete = rated[:, ~np.isnan(rated).any(axis=0)]
    row: dict[str, Any] = {
        "n": complete.shape[1],
        "n_incomplete": rated.shape[1] - complete.shape[1],
        "n_statements": rated.shape[0],
    }
    names = ("kendall_w", "statistic", "df", "p_value", "icc")
    if min(complete.shape) < 2:
        row |= dict.fromkeys(names, np.nan) | {"band": "no data"}
    else:
        found = kendall_w(complete)
        numbers = (found.estimate, found.statistic, found.df, found.p_value, agreement_icc(complete))
        row |= dict(zip(names, numbers, strict=True)) | {"band": _band(found.estimate)}
    alpha = (
        krippendorff_alpha(category_counts(rated, values), values, "ordinal").estimate
        if rated.size
        else np.nan
    )
    return row | {"krippendorff_alpha": alpha}


def _band(w: float) -> str:
    if np.isnan(w):
        return "no data"
    return next((word for cut, word in BANDS if w >= cut), "none")


def agreement_icc(ratings: FloatArray) -> float:
    """ICC(A,1): absolute agreement of single raters, two-way random (McGraw and Wong 1996).

    Parameters
    ----------
    ratings : ndarray, shape (n, k)
        Complete ratings of ``n`` targets by ``k`` raters.

    Returns
    -------
    float
        NaN without any variation.

    Examples
    --------
    >>> round(agreement_icc(np.array([[9.0, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]])), 2)
    0.29
    """
    n, k = ratings.shape
    grand = ratings.mean()
    rows = k * ((ratings.mean(axis=1) - grand) ** 2).sum()
    columns = n * ((ratings.mean(axis=0) - grand) ** 2).sum()
    error = ((ratings - grand) ** 2).sum() - rows - columns
    msr, msc, mse = rows / (n - 1), columns / (k - 1), error / ((n - 1) * (k - 1))
    bottom = msr + (k - 1) * mse + k * (msc - mse) / n
    return float((msr - mse) / bottom) if bottom > 0 else np.nan
