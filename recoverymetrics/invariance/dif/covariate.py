"""DIF along a variable such as age: ordinal logistic regression, or the fluctuation of casewise scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

import numpy as np
import pandas as pd
from scipy.stats import chi2

from recoverymetrics.display import AbstractResult, Table
from recoverymetrics.errors import DataError, OptionError
from recoverymetrics.instrument.frame import numeric_column, read_items, to_pandas
from recoverymetrics.invariance.dif.data import DIFData, arrange
from recoverymetrics.invariance.dif.fluctuation import classes_along, sweep_scores
from recoverymetrics.invariance.dif.matching import sum_scores
from recoverymetrics.invariance.dif.purify import Judgement, Purified, judge, purify_or_once
from recoverymetrics.invariance.dif.spec import (
    Correction,
    CovariateLogistic,
    FlagRule,
    ScoreBased,
    check_choice,
)
from recoverymetrics.invariance.dif.sweep import Sweep
from recoverymetrics.numerics.fluctuation import FluctuationTest
from recoverymetrics.numerics.ordinal_logistic import fit_ordinal_logistic
from recoverymetrics.typing import BoolArray, FloatArray, IntArray, IntoFrame

CovariateMethod = CovariateLogistic | ScoreBased
COVARIATE_METHODS: dict[str, type] = {"ordinal_logistic": CovariateLogistic, "score_based": ScoreBased}
SMALLEST_CHANGE = 0.02
"""McFadden's R2 below which a logistic effect does not matter (COSMIN)."""
SMALLEST_DIFFERENCE = 0.12
"""Difference in item standard deviations below which a fluctuation does not matter."""


@dataclass(frozen=True, repr=False)
class CovariateDIFResult(AbstractResult):
    """Items that function differently along a variable.

    Attributes
    ----------
    covariate : str
        The variable.
    method : str
        ``"ordinal_logistic"`` or ``"score_based"``.
    spec : CovariateLogistic or ScoreBased
        Options.
    purified : Purified
        Last sweep, anchors and path.
    minimum : float
        Smallest effect that matters.
    alpha : float
        Level for the corrected p value.
    data : DIFData
        Responses that were analysed.
    n_left_out : int
        Persons without a value of the covariate.
    tests : tuple of FluctuationTest
        Paths of the scores; empty for logistic regression.
    """

    covariate: str
    method: str
    spec: CovariateMethod
    purified: Purified
    minimum: float
    alpha: float
    data: DIFData = field(repr=False)
    n_left_out: int = 0
    tests: tuple[FluctuationTest, ...] = field(default=(), repr=False)

    def __repr__(self) -> str:
        """Variable, method and flagged items."""
        return f"CovariateDIFResult({self.covariate}, {self.method}; flagged: {', '.join(self.flagged) or 'none'})"

    @property
    def flagged(self) -> list[str]:
        """Names of the flagged items, in the order of the items."""
        return np.array(self.data.items)[self.purified.judgement.flagged].tolist()

    @property
    def converged(self) -> bool:
        """Whether every model converged and purification settled."""
        return bool(self.purified.judgement.sweep.converged.all()) and self.purified.ending != "limit"

    def tidy(self) -> pd.DataFrame:
        """One row per item."""
        judgement = self.purified.judgement
        sweep = judgement.sweep
        return pd.DataFrame(
            {
                "item": list(self.data.items),
                "n": sweep.n.astype(int),
                "n_missing": (self.data.scores.shape[0] - sweep.n + self.n_left_out).astype(int),
                "statistic": sweep.statistic,
                "df": sweep.df,
                "p_value": sweep.p_value,
                "p_adjusted": judgement.p_adjusted,
                "effect_size": sweep.effect,
                **sweep.columns,
                "anchor": self.purified.anchors,
                "flagged": judgement.flagged,
            }
        )

    def glance(self) -> pd.DataFrame:
        """One row: how many items were tested and flagged, and how purification ended."""
        return pd.DataFrame(
            {
                "method": [self.method],
                "covariate": [self.covariate],
                "n": [self.data.scores.shape[0]],
                "n_items": [len(self.data.items)],
                "n_flagged": [len(self.flagged)],
                "alpha": [self.alpha],
                "minimum_effect": [self.minimum],
                "rounds": [len(self.purified.path)],
                "purification": [self.purified.ending],
                "converged": [self.converged],
            }
        )

    def plot(self, *, item: str | None = None, ax: Any = None) -> Any:
        """Draw the LM statistic of a change at each value of the variable, for one item (score-based only)."""
        from recoverymetrics.invariance.dif.plots import plot_fluctuation

        return plot_fluctuation(self, item, ax)

    def _title(self) -> str:
        return f"Differential item functioning along {self.covariate}: {self.method}"

    def _tables(self) -> tuple[Table, ...]:
        return Table("Overview", self.glance()), Table("Items", self.tidy())


def detect_along(
    data: IntoFrame,
    *,
    covariate: str,
    items: Sequence[str] | None,
    adjust_for: str | None,
    method: object,
    purify: bool | str,
    correction: Correction,
    alpha: float,
    minimum: float | None,
    min_anchors: int | None = None,
    max_rounds: int = 25,
) -> CovariateDIFResult:
    """Find items that function differently along a variable; see ``detect_dif(by=...)``."""
    check_choice("correction", correction, get_args(Correction))
    spec = _resolve(method)
    record, values, left_out = _read(data, covariate, items, adjust_for)
    grouped = adjust_for is not None
    scored = isinstance(spec, ScoreBased)
    if minimum is None:
        minimum = SMALLEST_DIFFERENCE if scored else SMALLEST_CHANGE
    found: list[tuple[FluctuationTest, ...]] = [()]
    classes = classes_along(values, record.group) if scored else record.group

    def run(anchors: BoolArray) -> Judgement:
        if isinstance(spec, ScoreBased):
            sweep, found[0] = sweep_scores(record, classes, values, anchors, spec)
        else:
            sweep = sweep_covariate(record, values, anchors, spec.degree, grouped=grouped)
        return judge(sweep, FlagRule(alpha=alpha), minimum, correction)

    purified = purify_or_once(run, record.scale_of, purify, min_anchors, max_rounds)
    name = next(key for key, kind in COVARIATE_METHODS.items() if isinstance(spec, kind))
    return CovariateDIFResult(covariate, name, spec, purified, minimum, alpha, record, left_out, found[0])


def _resolve(method: object) -> CovariateMethod:
    if isinstance(method, str):
        check_choice("method", method, tuple(COVARIATE_METHODS))
        found: CovariateMethod = COVARIATE_METHODS[method]()
        return found
    if not isinstance(method, CovariateLogistic | ScoreBased):
        raise OptionError(
            f"method={method!r} does not work along a variable; give 'ordinal_logistic', 'score_based' or an "
            "object CovariateLogistic(...) or ScoreBased(...)."
        )
    return method


def _read(
    data: IntoFrame, covariate: str, items: Sequence[str] | None, adjust_for: str | None
) -> tuple[DIFData, FloatArray, int]:
    frame = to_pandas(data)
    if covariate not in frame.columns:
        raise DataError(f"there is no column {covariate!r} for the covariate.")
    values = numeric_column(frame, covariate)
    known = ~np.isnan(values)
    if np.unique(values[known]).size < 2:
        raise DataError(f"column {covariate!r} has fewer than two values; there is nothing to compare.")
    chosen = (
        [name for name in frame.columns if name not in (covariate, adjust_for)] if items is None else items
    )
    answers = read_items(frame.loc[known], items=list(chosen), group=adjust_for)
    record = arrange(answers, answers.groups or ("all",), None)
    return record, values[known], int((~known).sum())


def detect_covariate_dif(
    data: IntoFrame,
    *,
    covariate: str,
    items: Sequence[str] | None = None,
    adjust_for: str | None = None,
    degree: int = 1,
    correction: Correction = "bh",
    alpha: float = 0.05,
    minimum: float = 0.02,
) -> pd.DataFrame:
    """Test by ordinal logistic regression whether items function differently along a continuous covariate.

    ``detect_dif(by=...)`` does the same with purification and score-based tests.

    Parameters
    ----------
    data : DataFrame
        One row per person.
    covariate : str
        Numeric column, such as age; persons without a value are left out and counted.
    items : sequence of str, optional
        Item columns; by default all but the covariate and ``adjust_for``.
    adjust_for : str, optional
        Group column: groups get their own location and slope, so that the covariate is tested within groups.
    degree : int, default 1
        Polynomial degree of the covariate.
    correction : str, default "bh"
        Correction over the items.
    alpha, minimum : float
        An item is flagged when its corrected p value is at most ``alpha`` and the change in McFadden's R2 at
        least ``minimum``.

    Returns
    -------
    pandas.DataFrame
        One row per item: n, n_missing, uniform, non-uniform and joint likelihood-ratio tests, p_adjusted of the
        joint test, effect_size (change in McFadden's R2), estimate (log odds per standard deviation of the
        covariate), flagged. Persons are matched on the sum of all items, prorated over missing answers.
    """
    result = detect_along(
        data, covariate=covariate, items=items, adjust_for=adjust_for, method=CovariateLogistic(degree),
        purify=False, correction=correction, alpha=alpha, minimum=minimum,
    )  # fmt: skip
    return result.tidy().drop(columns="anchor")


def sweep_covariate(
    data: DIFData, covariate: FloatArray, anchors: BoolArray, degree: int, *, grouped: bool
) -> Sweep:
    """Three nested ordinal logistic regressions per item: matching, and covariate, and their product."""
    matching = sum_scores(data, anchors, include=True)
    z = (covariate - covariate.mean()) / covariate.std()
    s = (matching - np.nanmean(matching)) / np.nanstd(matching)
    s = np.where(np.isnan(s), 0.0, s).T
    base = _base_columns(s, data.group, len(data.groups), grouped=grouped)
    powers = [np.broadcast_to(z**k, s.shape) for k in range(1, degree + 1)]
    x = np.stack([*base, *powers, *(s * power for power in powers)], axis=-1)
    top = int(data.maximum.max()) + 1
    counts = (np.where(data.answered, data.scores, -1).T[:, :, None] == np.arange(top)).astype(float)
    one = fit_ordinal_logistic(x[..., : len(base)], counts)
    two = fit_ordinal_logistic(x[..., : len(base) + degree], counts, start=one)
    three = fit_ordinal_logistic(x, counts, start=two)
    tests = {
        "both": (one, three, 2 * degree),
        "uniform": (one, two, degree),
        "nonuniform": (two, three, degree),
    }
    found = {
        name: np.maximum(2.0 * (large.loglik - small.loglik), 0.0)
        for name, (small, large, _) in tests.items()
    }
    columns: dict[str, FloatArray] = {}
    for name in ("uniform", "nonuniform"):
        columns[f"{name}_statistic"], columns[f"{name}_df"] = found[name], np.full(one.n.size, float(degree))
        columns[f"{name}_p_value"] = chi2.sf(found[name], degree)
    return Sweep(
        statistic=found["both"],
        df=np.full(one.n.size, 2.0 * degree),
        p_value=chi2.sf(found["both"], 2 * degree),
        effect=(one.loglik - three.loglik) / one.null_loglik,
        n=one.n,
        converged=one.converged & two.converged & three.converged,
        columns={**columns, "estimate": two.coefficients[:, len(base)]},
    )


def _base_columns(s: FloatArray, group: IntArray, g: int, *, grouped: bool) -> list[FloatArray]:
    if not grouped:
        return [s]
    dummies = [(group == k).astype(float) for k in range(1, g)]
    return [s, *(np.broadcast_to(d, s.shape) for d in dummies), *(s * d for d in dummies)]
