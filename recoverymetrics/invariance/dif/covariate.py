"""DIF along continuous covariates such as age, by ordinal logistic regression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import numpy as np
import pandas as pd
from scipy.stats import chi2

from recoverymetrics.errors import DataError, OptionError
from recoverymetrics.instrument.frame import numeric_column, read_items, to_pandas
from recoverymetrics.invariance.dif.correction import adjust_p_values
from recoverymetrics.invariance.dif.data import DIFData, arrange
from recoverymetrics.invariance.dif.matching import sum_scores
from recoverymetrics.invariance.dif.spec import Correction, check_choice
from recoverymetrics.numerics.ordinal_logistic import fit_ordinal_logistic
from recoverymetrics.typing import FloatArray, IntoFrame


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
    """Test whether items function differently along a continuous covariate.

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
    check_choice("correction", correction, get_args(Correction))
    frame = to_pandas(data)
    if covariate not in frame.columns:
        raise DataError(f"there is no column {covariate!r} for the covariate.")
    if not 1 <= degree <= 3:
        raise OptionError(f"degree={degree!r} must be 1, 2 or 3.")
    values = numeric_column(frame, covariate)
    known = ~np.isnan(values)
    chosen = (
        [name for name in frame.columns if name not in (covariate, adjust_for)] if items is None else items
    )
    answers = read_items(frame.loc[known], items=list(chosen), group=adjust_for)
    record = arrange(answers, answers.groups or ("all",), None)
    matching = sum_scores(record, np.ones(len(record.items), dtype=bool), include=True)
    table = _test_items(record, values[known], matching, degree, grouped=adjust_for is not None)
    table["n_missing"] = len(frame) - table["n"]
    table["p_adjusted"] = adjust_p_values(table["p_value"].to_numpy(), correction)
    table["flagged"] = (table["p_adjusted"] <= alpha) & (table["effect_size"] >= minimum)
    return table


def _test_items(
    data: DIFData, covariate: FloatArray, matching: FloatArray, degree: int, *, grouped: bool
) -> pd.DataFrame:
    z = (covariate - covariate.mean()) / covariate.std()
    s = (matching - np.nanmean(matching)) / np.nanstd(matching)
    s = np.where(np.isnan(s), 0.0, s).T
    base = [s]
    if grouped:
        dummies = [(data.group == g).astype(float) for g in range(1, len(data.groups))]
        base += [np.broadcast_to(d, s.shape) for d in dummies] + [s * d for d in dummies]
    powers = [np.broadcast_to(z**k, s.shape) for k in range(1, degree + 1)]
    x = np.stack([*base, *powers, *(s * power for power in powers)], axis=-1)
    top = int(data.maximum.max()) + 1
    counts = (np.where(data.answered, data.scores, -1).T[:, :, None] == np.arange(top)).astype(float)
    one = fit_ordinal_logistic(x[..., : len(base)], counts)
    two = fit_ordinal_logistic(x[..., : len(base) + degree], counts, start=one)
    three = fit_ordinal_logistic(x, counts, start=two)
    tests = {
        "uniform": (one, two, degree),
        "nonuniform": (two, three, degree),
        "both": (one, three, 2 * degree),
    }
    columns: dict[str, object] = {"item": list(data.items), "n": one.n.astype(int)}
    for name, (small, large, df) in tests.items():
        statistic = np.maximum(2.0 * (large.loglik - small.loglik), 0.0)
        prefix = "" if name == "both" else f"{name}_"
        columns |= {f"{prefix}statistic": statistic, f"{prefix}df": float(df)}
        columns[f"{prefix}p_value"] = chi2.sf(statistic, df)
    columns["estimate"] = two.coefficients[:, len(base)]
    columns["effect_size"] = (one.loglik - three.loglik) / one.null_loglik
    return pd.DataFrame(columns)
