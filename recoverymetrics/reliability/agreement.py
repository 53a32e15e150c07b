"""Agreement of raters beyond kappa: Gwet's AC, Krippendorff's alpha, Kendall's W."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from recoverymetrics.numerics import agreement as kernel
from recoverymetrics.numerics import concordance, krippendorff
from recoverymetrics.numerics.agreement import WEIGHT_KINDS, WeightKind
from recoverymetrics.numerics.intervals import bootstrap_interval, wald_interval
from recoverymetrics.numerics.krippendorff import METRICS, Metric
from recoverymetrics.numerics.seeds import generator
from recoverymetrics.reliability.agreement_rows import (
    agreement_row,
    counted,
    one_category_note,
    require_pairs,
    unpaired_note,
    without_labels,
)
from recoverymetrics.reliability.ratings import read_ratings
from recoverymetrics.reliability.results import CoefficientResult
from recoverymetrics.reliability.spec import Bootstrap, check_level, check_option, naming_group
from recoverymetrics.typing import FloatArray, GroupSpec, IntoFrame, Seed


def gwet_ac(
    data: IntoFrame,
    *,
    items: Sequence[str] | None = None,
    group: GroupSpec = None,
    unit: str | None = None,
    rater: str | None = None,
    rating: str | None = None,
    weights: WeightKind = "identity",
    categories: Sequence[Any] | None = None,
    level: float = 0.95,
) -> CoefficientResult:
    """Gwet's AC1 (identity weights) or AC2 (other weights).

    Unlike kappa it stays near the observed agreement when nearly all ratings fall into one category.

    Parameters
    ----------
    data, items, group, unit, rater, rating
        See ``krippendorff_alpha``.
    weights : {"identity", "linear", "quadratic", "ordinal", "radical", "ratio"}, default "identity"
        Credit for partial agreement.
    categories : sequence, optional
        All categories of the scale, used or not: the chance term depends on their number. By default the
        observed ones.
    level : float, default 0.95
        Confidence level.

    Returns
    -------
    CoefficientResult
        ``std_error`` is Gwet's linearised one; the interval uses t with ``n - 1`` degrees of freedom.

    Raises
    ------
    DataError
        No unit with two ratings.

    Examples
    --------
    >>> ratings = {"r1": [1, 1, 1, 1, 2], "r2": [1, 1, 1, 1, 1]}
    >>> round(gwet_ac(ratings).estimate, 4)
    0.7561

    References
    ----------
    gwet2008, gwet2014
    """
    check_option("weights", weights, WEIGHT_KINDS)
    ratings = read_ratings(
        data,
        items=items,
        group=group,
        unit=unit,
        rater=rater,
        rating=rating,
        categories=categories,
        in_order=weights != "identity",
    )
    w = kernel.agreement_weights(ratings.categories, weights)
    name = "ac1" if weights == "identity" else "ac2"
    formula = f"Gwet's {name.upper()}, {weights} weights (Gwet 2008, 2014)"
    return counted(ratings, lambda counts: kernel.gwet_ac(counts, w), name, formula, level)


def krippendorff_alpha(
    data: IntoFrame,
    *,
    items: Sequence[str] | None = None,
    group: GroupSpec = None,
    unit: str | None = None,
    rater: str | None = None,
    rating: str | None = None,
    metric: Metric = "nominal",
    categories: Sequence[Any] | None = None,
    interval: Literal["bootstrap", "jackknife"] | Bootstrap = "bootstrap",
    level: float = 0.95,
    seed: Seed = None,
) -> CoefficientResult:
    """Krippendorff's alpha for any number of raters, any metric and missing ratings.

    Parameters
    ----------
    data : DataFrame, mapping or 2-D array
        Wide: one row per unit, one column per rater, missing where a rater did not rate. Or long, with the
        columns ``unit``, ``rater`` and ``rating``. Numbers or labels.
    items : sequence of str, optional
        Columns of the raters in a wide table; by default all but ``group``.
    group : str or array-like, optional
        One alpha per group of units.
    unit, rater, rating : str, optional
        Columns of a long table.
    metric : {"nominal", "ordinal", "interval", "ratio"}, default "nominal"
        Distance between categories.
    categories : sequence, optional
        All categories in order, for labels; by default sorted.
    interval : {"bootstrap", "jackknife"} or Bootstrap, default "bootstrap"
        Units are resampled (1,000 draws), or the infinitesimal jackknife over units.
    level : float, default 0.95
        Confidence level.
    seed : int, Generator or None
        For the bootstrap.

    Returns
    -------
    CoefficientResult
        ``glance()`` has ``estimate conf_low conf_high``.

    Raises
    ------
    DataError
        No unit with two ratings.

    Examples
    --------
    >>> ratings = {"r1": [1, 2, 3, 3], "r2": [1, 2, 3, 4], "r3": [1, None, 3, 3]}
    >>> round(krippendorff_alpha(ratings, metric="ordinal", seed=1).estimate, 3)
    0.916

    References
    ----------
    krippendorff2004
    """
    check_level(level)
    check_option("metric", metric, METRICS)
    bootstrap = interval if isinstance(interval, Bootstrap) else Bootstrap(seed=seed)
    if not isinstance(interval, Bootstrap):
        check_option("interval", interval, ("bootstrap", "jackknife"))
    ratings = read_ratings(
        data,
        items=items,
        group=group,
        unit=unit,
        rater=rater,
        rating=rating,
        categories=categories,
        in_order=metric != "nominal",
    )
    rng = generator(bootstrap.seed)

    def one(label: str, values: FloatArray) -> dict[str, object]:
        counts = kernel.category_counts(values, ratings.categories)
        a = krippendorff.krippendorff_alpha(counts, ratings.categories, metric)
        require_pairs(a, label)
        if interval == "jackknife":
            return agreement_row(
                label, "krippendorff_alpha", a, wald_interval(a.estimate, a.std_error, level=level), ratings
            )
        draws = krippendorff.krippendorff_bootstrap(
            counts, ratings.categories, metric, n_draws=bootstrap.n_draws, rng=rng
        )
        limits = bootstrap_interval(
            draws, a.estimate, level=level, method=bootstrap.method, influence=a.influence
        )
        return agreement_row(label, "krippendorff_alpha", a, limits, ratings)

    rows = [one(label, values) for label, values in ratings.by_group()]
    overall = rows[0] if ratings.group is None else one("all", ratings.values)
    return CoefficientResult(
        coefficient="krippendorff_alpha",
        formula=f"alpha = 1 - observed / expected disagreement, {metric} metric (Krippendorff 2004)",
        estimates=pd.DataFrame(rows),
        overall=without_labels(overall),
        level=level,
        interval="infinitesimal jackknife over units" if interval == "jackknife" else "bootstrap over units",
        notes=(*unpaired_note(ratings), *one_category_note(rows)),
    )


def kendall_w(
    data: IntoFrame,
    *,
    items: Sequence[str] | None = None,
    group: GroupSpec = None,
    unit: str | None = None,
    rater: str | None = None,
    rating: str | None = None,
    level: float = 0.95,
) -> CoefficientResult:
    """Kendall's coefficient of concordance W, corrected for ties.

    Parameters
    ----------
    data, items, group, unit, rater, rating
        See ``krippendorff_alpha``; ratings must be complete.
    level : float, default 0.95
        Confidence level; the interval comes from the jackknife over raters and needs three of them.

    Returns
    -------
    CoefficientResult
        With ``statistic df p_value`` of ``chi2 = m (n - 1) W`` and ``mean_spearman``, the mean rank
        correlation.

    Raises
    ------
    DataError
        Missing ratings, fewer than two units or raters.

    Examples
    --------
    >>> kendall_w({"r1": [1, 2, 3], "r2": [1, 2, 3]}).estimate
    1.0

    References
    ----------
    kendall1939
    """
    check_level(level)
    ratings = read_ratings(
        data, items=items, group=group, unit=unit, rater=rater, rating=rating, in_order=True
    )

    def one(label: str, values: FloatArray) -> dict[str, object]:
        with naming_group(label):
            w = concordance.kendall_w(values)
        se = concordance.kendall_jackknife(values)
        limits = wald_interval(w.estimate, se, level=level, df=max(w.n_raters - 1, 1))
        return {
            "group": label,
            "term": "kendall_w",
            "estimate": w.estimate,
            "std_error": se,
            "conf_low": float(np.maximum(limits.low, 0.0)),
            "conf_high": float(np.minimum(limits.high, 1.0)),
            "statistic": w.statistic,
            "df": w.df,
            "p_value": w.p_value,
            "mean_spearman": w.mean_spearman,
            "n": w.n_units,
            "n_raters": w.n_raters,
        }

    rows = [one(label, values) for label, values in ratings.by_group()]
    overall = rows[0] if ratings.group is None else one("all", ratings.values)
    return CoefficientResult(
        coefficient="kendall_w",
        formula="W = 12 S / (m^2 (n^3 - n) - m T), T the ties (Kendall & Babington Smith 1939)",
        estimates=pd.DataFrame(rows),
        overall=without_labels(overall),
        level=level,
        interval="jackknife over raters, t quantile",
    )
