"""Did ratings settle between rounds? The same people, statement by statement."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from recoverymetrics.consensus.paired import (
    distribution_change,
    mcnemar_exact,
    quartile_variation,
    signed_ranks,
)
from recoverymetrics.consensus.panel import DelphiPanel
from recoverymetrics.consensus.rules import default_top, require_categories, require_share
from recoverymetrics.display import AbstractResult, Table
from recoverymetrics.numerics import counts as tally
from recoverymetrics.numerics.agreement import agreement_weights
from recoverymetrics.numerics.cohen import cohen_kappa
from recoverymetrics.typing import FloatArray

CV_BANDS = ((0.5, "good"), (0.8, "another round may help"))
"""Words for the coefficient of variation, up to each limit (English and Kernan 1976)."""
CV_POOR = "another round is needed"

STABLE = 0.15
"""Less than this share of people moving counts as stable (Scheibe, Skutsch and Schofer 1975)."""


@dataclass(frozen=True)
class StabilityResult(AbstractResult):
    """Change of each statement between the rounds that rated it.

    Attributes
    ----------
    frame : pandas.DataFrame
        What :meth:`tidy` returns.
    never_repeated : tuple of str
        Statements rated in fewer than two rounds: stability cannot be judged.
    """

    frame: pd.DataFrame = field(repr=False)
    never_repeated: tuple[str, ...]

    def tidy(self) -> pd.DataFrame:
        """One row per statement and pair of successive rounds that rated it; people who rated both times."""
        return self.frame.copy()

    def glance(self) -> pd.DataFrame:
        """Return one row: how many comparisons, how many stable, how many statements without a second round."""
        return pd.DataFrame(
            {
                "n_comparisons": [len(self.frame)],
                "n_stable": [int(self.frame["stable"].sum()) if len(self.frame) else 0],
                "n_never_repeated": [len(self.never_repeated)],
            }
        )

    def _title(self) -> str:
        return "Stability between rounds"

    def _tables(self) -> tuple[Table, ...]:
        notes = (
            f"Stable: fewer than {STABLE:.0%} of the people would have to move to turn one histogram into the other. "
            "Wilcoxon and McNemar are exact; kappa has quadratic weights; cv and cqv are the coefficient of variation and of "
            "quartile variation (with Bonett's interval) in the later round. cv_band: up to .5 good, up to .8 another "
            "round may help, above that one is needed (English and Kernan 1976); it depends on where the scale starts.",
            f"Rated in one round only: {', '.join(self.never_repeated) or 'none'}.",
        )
        return (Table("Overview", self.glance()), Table("Statements", self.tidy(), notes=notes))


def stability(
    panel: DelphiPanel, *, top_categories: int | None = None, level: float = 0.95
) -> StabilityResult:
    """Compare each statement's ratings in successive rounds that rated it.

    Parameters
    ----------
    panel : DelphiPanel
        The panel.
    top_categories : int, optional
        Categories that count as agreement, for McNemar's test.
    level : float, default 0.95
        Level of the interval of the coefficient of quartile variation.

    Returns
    -------
    StabilityResult
    """
    require_share(level, "level")
    top = default_top(panel.values) if top_categories is None else top_categories
    lowest = panel.scale[1] - require_categories(top, panel.values, "top_categories") + 1
    rated = np.any(~np.isnan(panel.ratings), axis=2)
    rows, single = [], []
    for s, statement in enumerate(panel.statements):
        rounds = np.flatnonzero(rated[:, s])
        if rounds.size < 2:
            single.append(statement)
        for before, after in pairwise(rounds):
            head = {
                "statement": statement,
                "round_from": panel.rounds[before],
                "round_to": panel.rounds[after],
            }
            first, second = panel.ratings[before, s], panel.ratings[after, s]
            rows.append(head | _compare(first, second, panel.values, lowest, level))
    return StabilityResult(pd.DataFrame(rows, columns=list(_COLUMNS)), tuple(single))


_COLUMNS = (
    "statement", "round_from", "round_to", "n", "agreement_from", "agreement_to", "mean_change", "n_changed",
    "wilcoxon", "wilcoxon_p_value", "gained", "lost", "mcnemar_p_value", "kappa", "distribution_change", "stable",
    "cv", "cv_band", "cqv", "cqv_conf_low", "cqv_conf_high",
)  # fmt: skip


def _compare(
    first: FloatArray, second: FloatArray, values: FloatArray, lowest: int, level: float
) -> dict[str, Any]:
    both = ~np.isnan(first) & ~np.isnan(second)
    a, b = first[both], second[both]
    n = int(both.sum())
    if n == 0:
        return {"n": 0, "stable": False}
    agree_a, agree_b = a >= lowest, b >= lowest
    gained, lost = int((~agree_a & agree_b).sum()), int((agree_a & ~agree_b).sum())
    ranks = signed_ranks(b - a)
    one, two = tally.one_hot(a, values), tally.one_hot(b, values)
    moved = distribution_change(one.sum(axis=0), two.sum(axis=0))
    everyone = second[~np.isnan(second)] if values[0] >= 0 else np.empty(0)  # ratios need a zero point
    cqv = quartile_variation(everyone, level=level)
    variation = coefficient_of_variation(everyone)
    return {
        "n": n,
        "agreement_from": float(agree_a.mean()),
        "agreement_to": float(agree_b.mean()),
        "mean_change": float((b - a).mean()),
        "n_changed": ranks.n_changed,
        "wilcoxon": ranks.statistic,
        "wilcoxon_p_value": ranks.p_value,
        "gained": gained,
        "lost": lost,
        "mcnemar_p_value": mcnemar_exact(gained, lost),
        "kappa": cohen_kappa(one.T @ two, agreement_weights(values, "quadratic")).estimate,
        "distribution_change": moved,
        "stable": moved < STABLE,
        "cv": variation,
        "cv_band": cv_band(variation),
        "cqv": cqv.estimate,
        "cqv_conf_low": cqv.conf_low,
        "cqv_conf_high": cqv.conf_high,
    }


def coefficient_of_variation(ratings: FloatArray) -> float:
    """Standard deviation (``n - 1``) over mean; NaN below two ratings or without a positive mean."""
    if ratings.size < 2 or ratings.mean() <= 0:
        return float("nan")
    return float(ratings.std(ddof=1) / ratings.mean())


def cv_band(variation: float) -> str:
    """Words for a coefficient of variation (English and Kernan 1976).

    Examples
    --------
    >>> cv_band(0.25), cv_band(0.6), cv_band(0.9)
    ('good', 'another round may help', 'another round is needed')
    """
    if np.isnan(variation):
        return "no data"
    return next((word for limit, word in CV_BANDS if variation <= limit), CV_POOR)
