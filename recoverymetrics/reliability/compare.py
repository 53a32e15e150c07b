"""Comparison of reliabilities across independent groups."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from scipy import stats

from recoverymetrics.display import AbstractResult, Table
from recoverymetrics.errors import DataError
from recoverymetrics.reliability.feldt import feldt_ratio, hakstian_whalen
from recoverymetrics.reliability.results import CoefficientResult, ReliabilityResult
from recoverymetrics.reliability.spec import check_level, check_option
from recoverymetrics.typing import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Adjust = Literal["holm", "bh", "none"]


@dataclass(frozen=True)
class ReliabilityComparison(AbstractResult):
    """Reliabilities of independent groups, or of scales answered by the same persons, tested for equality.

    Attributes
    ----------
    omnibus : pandas.DataFrame
        ``scale term method statistic df p_value``: all groups at once.
    pairs : pandas.DataFrame
        ``scale term group group_2 estimate std_error conf_low conf_high statistic p_value p_adjusted``:
        second minus first, and for alpha ``ratio ratio_conf_low ratio_conf_high``, Feldt's ratio of the
        shares of error. Scales of the same persons: ``scale_2`` in place of ``group_2``.
    level : float
        Confidence level.
    adjust : str
        Correction of the pairs' p values.
    """

    omnibus: pd.DataFrame
    pairs: pd.DataFrame
    level: float
    adjust: str

    def tidy(self) -> pd.DataFrame:
        """One row per pair of groups."""
        return self.pairs.copy()

    def glance(self) -> pd.DataFrame:
        """One row: the omnibus test with the smallest p value, and the largest difference."""
        row = self.omnibus.loc[self.omnibus["p_value"].idxmin()].to_dict()
        largest = self.pairs.loc[self.pairs["estimate"].abs().idxmax()]
        extra = {name: largest[name] for name in ("estimate", "conf_low", "conf_high")}
        first, second = self._sides()
        count = "n_groups" if first == "group" else "n_scales"
        return pd.DataFrame([{**row, **extra, count: len({*self.pairs[first], *self.pairs[second]})}])

    def plot(self, ax: Axes | None = None) -> Axes:
        """Forest plot of the differences."""
        from recoverymetrics.reliability.plot import forest

        first, second = self._sides()
        shown = self.pairs.assign(**{first: self.pairs[second] + " − " + self.pairs[first]})
        axes = forest(shown, ax=ax, title="Differences in reliability", level=self.level)
        axes.axvline(0, color="#444444", lw=1)
        return axes

    def _sides(self) -> tuple[str, str]:
        return ("group", "group_2") if "group_2" in self.pairs else ("scale", "scale_2")

    def _title(self) -> str:
        return "Comparison of reliabilities"

    def _tables(self) -> tuple[Table, ...]:
        note = f"{100 * self.level:g}% intervals; p values adjusted: {self.adjust}"
        return (Table("All at once", self.omnibus), Table("Pairs", self.pairs, (note,)))


def compare_reliability(
    result: CoefficientResult | ReliabilityResult, *, adjust: Adjust = "holm", level: float = 0.95
) -> ReliabilityComparison:
    """Test whether independent groups have the same reliability, and estimate the differences.

    Alpha is compared by the tests of Hakstian & Whalen (1976; all groups) and Feldt (1969; pairs), which
    assume normal items of equal covariances. Every coefficient with standard errors, alpha too, is also
    compared by Wald tests of ``log(1 - reliability)``, whose assumptions are those of its standard errors.

    Parameters
    ----------
    result : CoefficientResult or ReliabilityResult
        From a function of this package called with ``group=``.
    adjust : {"holm", "bh", "none"}, default "holm"
        Correction of the p values of the pairs, within scale and coefficient.
    level : float, default 0.95
        Confidence level. Intervals of differences are those of Zou (2007): limits of the two reliabilities
        are combined.

    Returns
    -------
    ReliabilityComparison

    Raises
    ------
    DataError
        The result has one group only.

    Examples
    --------
    >>> import numpy as np
    >>> from recoverymetrics.reliability import cronbach_alpha
    >>> rng = np.random.default_rng(1)
    >>> data = rng.normal(size=(400, 1)) + rng.normal(size=(400, 4))
    >>> comparison = compare_reliability(cronbach_alpha(data, group=np.repeat(["EUR", "AFR"], 200)))
    >>> comparison.omnibus["method"].tolist()
    ['Hakstian-Whalen', 'Wald']

    References
    ----------
    hakstian1976, feldt1969, zou2007
    """
    check_level(level)
    check_option("adjust", adjust, ("holm", "bh", "none"))
    table = result.tidy()
    if table["group"].nunique() < 2:
        raise DataError("there is one group only; call the reliability function with group=.")
    keys = [name for name in ("scale", "term", "factor") if name in table]
    omnibus, pairs = [], []
    for names, part in table.groupby(keys, sort=False, dropna=False):
        label = dict(zip(keys, names, strict=True))
        if part["group"].nunique() < 2 or part["std_error"].isna().any():
            continue
        omnibus += [{**label, **test} for test in _omnibus(part, str(label["term"]))]
        rows = _pairs(part, str(label["term"]), level)
        corrected = adjusted(np.array([r["p_value"] for r in rows], dtype=float), adjust)
        pairs += [{**label, **r, "p_adjusted": p} for r, p in zip(rows, corrected, strict=True)]
    if not pairs:
        raise DataError("no coefficient of this result has standard errors; ask for an interval first.")
    return ReliabilityComparison(pd.DataFrame(omnibus), pd.DataFrame(pairs), level, adjust)


def _omnibus(part: pd.DataFrame, term: str) -> list[dict[str, object]]:
    tests: list[dict[str, object]] = []
    if term == "alpha":
        x, n, p = (part[name].to_numpy(float) for name in ("estimate", "n", "n_items"))
        statistic, df, p_value, _ = hakstian_whalen(x, n, p)
        tests.append({"method": "Hakstian-Whalen", "statistic": statistic, "df": df, "p_value": p_value})
    statistic, df, p_value = wald_equality(
        part["estimate"].to_numpy(float), part["std_error"].to_numpy(float)
    )
    tests.append({"method": "Wald", "statistic": statistic, "df": df, "p_value": p_value})
    return tests


def wald_equality(estimates: FloatArray, errors: FloatArray) -> tuple[float, int, float]:
    """Chi-square test that independent reliabilities are equal, on the scale ``log(1 - reliability)``."""
    x = np.log1p(-estimates)
    weight = ((1 - estimates) / errors) ** 2
    statistic = float(np.sum(weight * (x - np.sum(weight * x) / weight.sum()) ** 2))
    df = estimates.size - 1
    return statistic, df, float(stats.chi2.sf(statistic, df))


def _pairs(part: pd.DataFrame, term: str, level: float) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for a, b in combinations(part.to_dict("records"), 2):
        gap = b["estimate"] - a["estimate"]
        low = gap - np.hypot(b["estimate"] - b["conf_low"], a["conf_high"] - a["estimate"])
        high = gap + np.hypot(b["conf_high"] - b["estimate"], a["estimate"] - a["conf_low"])
        statistic, _, p_value = wald_equality(
            np.array([a["estimate"], b["estimate"]]), np.array([a["std_error"], b["std_error"]])
        )
        row = {
            "group": a["group"],
            "group_2": b["group"],
            "estimate": gap,
            "std_error": float(np.hypot(a["std_error"], b["std_error"])),
            "conf_low": float(low),
            "conf_high": float(high),
            "statistic": float(np.sign(gap) * np.sqrt(statistic)),
            "p_value": p_value,
        }
        if term == "alpha":
            sizes = (int(a["n"]), int(b["n"])), (int(a["n_items"]), int(b["n_items"]))
            ratio, p_feldt, limits = feldt_ratio(a["estimate"], b["estimate"], *sizes, level=level)
            row |= {
                "ratio": ratio,
                "ratio_conf_low": float(limits.low),
                "ratio_conf_high": float(limits.high),
                "p_value_ratio": p_feldt,
            }
        rows.append(row)
    return rows


def adjusted(p: FloatArray, adjust: str) -> FloatArray:
    """P values corrected for their number, by Holm or Benjamini and Hochberg, or as they are."""
    if adjust == "none":
        return p
    order = np.argsort(p)
    m = p.size
    if adjust == "holm":
        sorted_p = np.maximum.accumulate(p[order] * (m - np.arange(m)))
    else:
        sorted_p = np.minimum.accumulate((p[order] * m / np.arange(1, m + 1))[::-1])[::-1]
    out = np.empty(m)
    out[order] = np.minimum(sorted_p, 1.0)
    return out
