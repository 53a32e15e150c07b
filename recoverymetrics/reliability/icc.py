"""Intraclass correlations: all six forms, with missing ratings by variance components."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from recoverymetrics.errors import DataError
from recoverymetrics.instrument.notes import plural
from recoverymetrics.numerics.intervals import wald_interval
from recoverymetrics.numerics.variance_components import (
    FORMS,
    Components,
    intraclass_correlations,
    mean_squares,
    reml_components,
)
from recoverymetrics.reliability.ratings import read_ratings
from recoverymetrics.reliability.results import CoefficientResult
from recoverymetrics.reliability.spec import check_level, check_option, in_group
from recoverymetrics.typing import FloatArray, GroupSpec, IntoFrame

Form = Literal["ICC1", "ICC2", "ICC3", "ICC1k", "ICC2k", "ICC3k"]
MEANING = {
    "ICC1": "one rating, raters differ by target: absolute agreement",
    "ICC2": "one rating, raters random: absolute agreement",
    "ICC3": "one rating, raters fixed: consistency",
    "ICC1k": "mean of k ratings, raters differ by target: absolute agreement",
    "ICC2k": "mean of k ratings, raters random: absolute agreement",
    "ICC3k": "mean of k ratings, raters fixed: consistency",
}


def intraclass_correlation(
    data: IntoFrame,
    *,
    items: Sequence[str] | None = None,
    group: GroupSpec = None,
    unit: str | None = None,
    rater: str | None = None,
    rating: str | None = None,
    form: Form = "ICC2",
    missing: Literal["reml", "listwise"] = "reml",
    level: float = 0.95,
) -> CoefficientResult:
    """All six intraclass correlations of Shrout & Fleiss (1979), for raters or for test and retest.

    Parameters
    ----------
    data : DataFrame, mapping or 2-D array
        Wide: one row per target (person), one column per rater or occasion. Or long: ``unit``, ``rater``,
        ``rating``.
    items : sequence of str, optional
        Columns of the raters in a wide table; by default all but ``group``.
    group : str or array-like, optional
        One analysis per group of targets.
    unit, rater, rating : str, optional
        Columns of a long table.
    form : {"ICC1", "ICC2", "ICC3", "ICC1k", "ICC2k", "ICC3k"}, default "ICC2"
        The one that ``glance`` reports. Test-retest of one measurement: ICC2 (agreement) or ICC3
        (consistency).
    missing : {"reml", "listwise"}, default "reml"
        With missing ratings: variance components by restricted maximum likelihood from all ratings, or
        complete targets only. Without missing ratings the mean squares are used either way.
    level : float, default 0.95
        Confidence level.

    Returns
    -------
    CoefficientResult
        ``tidy()``: one row per group and form, with F test (``statistic df df2 p_value``). ``items``: the
        variance components. With missing ratings the limits come from the delta method and there is no F
        test; ``k`` is the harmonic mean of the ratings per target.

    Raises
    ------
    DataError
        Fewer than two targets or raters.

    Examples
    --------
    >>> ratings = {"j1": [9, 6, 8, 7, 10, 6], "j2": [2, 1, 4, 1, 5, 2], "j3": [5, 3, 6, 2, 6, 4], "j4": [8, 2, 8, 6, 9, 7]}
    >>> intraclass_correlation(ratings).tidy()["estimate"].round(2).tolist()
    [0.17, 0.29, 0.71, 0.44, 0.62, 0.91]

    References
    ----------
    shrout1979, mcgraw1996, tenhove2022
    """
    check_level(level)
    check_option("form", form, FORMS)
    check_option("missing", missing, ("reml", "listwise"))
    ratings = read_ratings(
        data, items=items, group=group, unit=unit, rater=rater, rating=rating, in_order=True
    )
    if len(ratings.raters) < 2:
        raise DataError(
            f"an intraclass correlation compares raters or occasions; there is one column: {ratings.raters[0]}."
        )
    parts = [_forms(label, values, missing, level) for label, values in ratings.by_group()]
    overall = parts[0] if ratings.group is None else _forms("all", ratings.values, missing, level)
    chosen = next(row for row in overall[0] if row["term"] == form)
    incomplete = int(np.isnan(ratings.values).any(1).sum())
    return CoefficientResult(
        coefficient=form,
        formula=f"{form}: {MEANING[form]} (Shrout & Fleiss 1979)",
        estimates=pd.DataFrame([row for rows, _, _ in parts for row in rows]),
        overall={k: v for k, v in chosen.items() if k not in ("group", "term")},
        level=level,
        interval="F distribution (Shrout & Fleiss 1979)"
        if missing == "listwise" or not incomplete
        else "delta method on REML variance components where ratings are missing, else F distribution",
        details=pd.concat([table for _, table, _ in parts], ignore_index=True),
        notes=(*_notes(incomplete, missing), *_undefined(parts)),
        has_converged=all(ok for _, _, ok in parts),
    )


def _notes(incomplete: int, missing: str) -> tuple[str, ...]:
    if not incomplete:
        return ()
    if missing == "listwise":
        return (f"{incomplete} targets with missing ratings were left out.",)
    return (f"{incomplete} targets have missing ratings; they count with the ratings they have.",)


def _undefined(parts: list[tuple[list[dict[str, object]], pd.DataFrame, bool]]) -> tuple[str, ...]:
    """Say in which groups all ratings are the same."""
    flat = [str(rows[0]["group"]) for rows, _, _ in parts if np.isnan(float(rows[0]["estimate"]))]  # type: ignore[arg-type]
    return (f"not defined where all ratings are the same: {', '.join(flat)}.",) if flat else ()


def _forms(
    label: str, values: FloatArray, missing: str, level: float
) -> tuple[list[dict[str, object]], pd.DataFrame, bool]:
    complete = ~np.isnan(values).any(1)
    if missing == "listwise" or complete.all():
        if complete.sum() < 2:
            raise DataError(
                f"only {plural(int(complete.sum()), 'target')}{in_group(label)} with all ratings; at least 2 are needed"
                + (", or missing='reml'." if missing == "listwise" and not complete.all() else ".")
            )
        return _from_mean_squares(label, values[complete], level)
    return _from_components(label, values, level)


def _from_mean_squares(
    label: str, values: FloatArray, level: float
) -> tuple[list[dict[str, object]], pd.DataFrame, bool]:
    ms = mean_squares(values)
    rows: list[dict[str, object]] = [
        {
            "group": label,
            "term": icc.form,
            "estimate": icc.estimate,
            "conf_low": icc.conf_low,
            "conf_high": icc.conf_high,
            "statistic": icc.statistic,
            "df": icc.df1,
            "df2": icc.df2,
            "p_value": icc.p_value,
            "n": ms.n,
            "n_raters": ms.k,
        }
        for icc in intraclass_correlations(ms, level=level)
    ]
    parts = {
        "targets": (ms.targets - ms.error) / ms.k,
        "raters": (ms.raters - ms.error) / ms.n,
        "error": ms.error,
    }
    return rows, _component_table(label, parts), True


def _component_table(label: str, parts: dict[str, float]) -> pd.DataFrame:
    table = pd.DataFrame({"group": label, "source": list(parts), "variance": list(parts.values())})
    positive = table["variance"].clip(lower=0)
    return table.assign(share=positive / positive.sum())


def _from_components(
    label: str, values: FloatArray, level: float
) -> tuple[list[dict[str, object]], pd.DataFrame, bool]:
    two_way, one_way = reml_components(values), reml_components(values, rater_effect=False)
    rows = []
    for form in FORMS:
        fit = one_way if form.startswith("ICC1") else two_way
        estimate, se = _ratio(fit, form)
        limits = wald_interval(estimate, se, level=level, scale="log_complement")
        rows.append(
            {
                "group": label,
                "term": form,
                "estimate": estimate,
                "std_error": se,
                "conf_low": float(limits.low),
                "conf_high": float(limits.high),
                "statistic": np.nan,
                "df": np.nan,
                "df2": np.nan,
                "p_value": np.nan,
                "n": fit.n,
                "n_raters": fit.k,
            }
        )
    parts = {"targets": two_way.targets, "raters": two_way.raters, "error": two_way.error}
    return rows, _component_table(label, parts), two_way.converged and one_way.converged


def _ratio(fit: Components, form: str) -> tuple[float, float]:
    """Intraclass correlation of variance components and its delta-method standard error."""
    k = fit.k_mean if form.endswith("k") else 1.0
    noise = np.array([0.0, 0.0 if form.startswith("ICC3") else 1 / k, 1 / k])
    total = fit.targets + noise @ [fit.targets, fit.raters, fit.error]
    estimate = fit.targets / total
    slope = (np.array([1.0, 0.0, 0.0]) - estimate * (np.array([1.0, 0.0, 0.0]) + noise)) / total
    return float(estimate), float(np.sqrt(slope @ fit.covariance @ slope))
