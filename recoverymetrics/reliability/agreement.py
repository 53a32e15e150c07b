"""Agreement of raters: Cohen's, Fleiss' kappa, Gwet's AC, Krippendorff's alpha, Kendall's W."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import stats

from recoverymetrics.errors import DataError
from recoverymetrics.numerics import agreement as kernel
from recoverymetrics.numerics.agreement import METRICS, WEIGHT_KINDS, Agreement, Metric, WeightKind
from recoverymetrics.numerics.intervals import Interval, bootstrap_interval, wald_interval
from recoverymetrics.numerics.seeds import generator
from recoverymetrics.reliability.ratings import Ratings, read_ratings
from recoverymetrics.reliability.results import CoefficientResult
from recoverymetrics.reliability.spec import Bootstrap, check_level, check_option
from recoverymetrics.typing import FloatArray, GroupSpec, IntoFrame, Seed

Estimator = Callable[[FloatArray], Agreement]


def cohen_kappa(
    data: IntoFrame,
    *,
    items: Sequence[str] | None = None,
    group: GroupSpec = None,
    weights: WeightKind = "identity",
    categories: Sequence[Any] | None = None,
    level: float = 0.95,
) -> CoefficientResult:
    """Cohen's kappa of two raters, unweighted or weighted.

    Parameters
    ----------
    data : DataFrame, mapping or 2-D array
        One row per unit, one column per rater; numbers or labels. Units rated by one rater only are left out.
    items : sequence of two str, optional
        The two columns; by default all but ``group``.
    group : str or array-like, optional
        One kappa per group of units.
    weights : {"identity", "linear", "quadratic", "ordinal", "radical", "ratio"}, default "identity"
        Credit for partial agreement; quadratic weights make kappa an intraclass correlation.
    categories : sequence, optional
        All categories in order; by default the observed ones, sorted.
    level : float, default 0.95
        Confidence level.

    Returns
    -------
    CoefficientResult
        ``glance()`` and ``tidy()`` have ``estimate std_error conf_low conf_high statistic p_value observed expected
        maximum n``. ``std_error`` is the large-sample one of Fleiss, Cohen & Everitt (1969); ``statistic`` tests zero
        with the standard error under chance agreement.

    Raises
    ------
    DataError
        Not exactly two raters, or no unit rated by both.

    Notes
    -----
    psych 2.2.9 agrees for unweighted kappa; its variance of weighted kappa differs from Fleiss, Cohen & Everitt
    (0.00224 against 0.00237 where the bootstrap says 0.0024).

    Examples
    --------
    >>> ratings = {"first": ["a", "a", "b", "b"], "second": ["a", "b", "b", "b"]}
    >>> cohen_kappa(ratings).estimate
    0.5

    References
    ----------
    cohen1960, cohen1968, fleiss1969
    """
    check_level(level)
    check_option("weights", weights, WEIGHT_KINDS)
    ratings = read_ratings(data, items=items, group=group, categories=categories)
    if len(ratings.raters) != 2:
        raise DataError(
            f"Cohen's kappa compares two raters; there are {len(ratings.raters)}: {', '.join(ratings.raters)}. "
            "Name two with items=[...], or use fleiss_kappa, gwet_ac or krippendorff_alpha."
        )
    rows = [_kappa_row(label, v, ratings, weights, level) for label, v in ratings.by_group()]
    overall = _kappa_row("all", ratings.values, ratings, weights, level)
    return CoefficientResult(
        coefficient="kappa" if weights == "identity" else "kappa_weighted",
        formula=f"kappa = (observed - expected) / (1 - expected), {weights} weights (Cohen 1960, 1968)",
        estimates=pd.DataFrame(rows),
        overall=_without_labels(overall),
        level=level,
        interval="Wald, large-sample variance of Fleiss, Cohen & Everitt (1969)",
        details=_crosstable(ratings),
        notes=_one_category_note(rows),
    )


def _kappa_row(
    label: str, values: FloatArray, ratings: Ratings, weights: WeightKind, level: float
) -> dict[str, object]:
    both = values[~np.isnan(values).any(1)]
    if both.shape[0] == 0:
        raise DataError(f"no unit was rated by both raters in group {label!r}.")
    q = ratings.categories.size
    first, second = np.searchsorted(ratings.categories, both).T
    table = np.bincount(first * q + second, minlength=q * q).reshape(q, q).astype(float)
    w = kernel.agreement_weights(ratings.categories, weights)
    k = kernel.cohen_kappa(table, w)
    limits = wald_interval(k.estimate, k.std_error, level=level)
    z = k.estimate / k.std_error_null if k.std_error_null > 0 else np.nan
    return {
        "group": label,
        "term": "kappa" if weights == "identity" else "kappa_weighted",
        "estimate": k.estimate,
        "std_error": k.std_error,
        "conf_low": float(np.maximum(limits.low, -1)),
        "conf_high": float(np.minimum(limits.high, 1)),
        "statistic": z,
        "p_value": float(2 * stats.norm.sf(abs(z))),
        "observed": k.observed,
        "expected": k.expected,
        "maximum": k.maximum,
        "n": both.shape[0],
        "n_raters": 2,
    }


def _crosstable(ratings: Ratings) -> pd.DataFrame:
    both = ratings.values[~np.isnan(ratings.values).any(1)]
    q = ratings.categories.size
    first, second = np.searchsorted(ratings.categories, both).T
    table = np.bincount(first * q + second, minlength=q * q)
    labels = ratings.labels
    return pd.DataFrame(
        {
            "category": np.repeat(labels, q),
            "category_2": np.tile(labels, q),
            "n": table,
        }
    )


def fleiss_kappa(
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
    """Fleiss' kappa of two or more raters, who need not be the same for each unit.

    Parameters
    ----------
    data, items, group, unit, rater, rating, categories
        See ``krippendorff_alpha``.
    weights : {"identity", "linear", "quadratic", "ordinal", "radical", "ratio"}, default "identity"
        Credit for partial agreement.
    level : float, default 0.95
        Confidence level.

    Returns
    -------
    CoefficientResult
        ``std_error`` is the linearised one of Gwet (2008), which holds away from zero and with missing ratings; the
        interval uses t with ``n - 1`` degrees of freedom. ``items``: kappa of each category against the rest.

    Raises
    ------
    DataError
        No unit with two ratings.

    Examples
    --------
    >>> ratings = {"r1": [1, 1, 2, 2], "r2": [1, 1, 2, 2], "r3": [1, 1, 2, 1]}
    >>> round(fleiss_kappa(ratings).estimate, 4)
    0.6571

    References
    ----------
    fleiss1971, gwet2008
    """
    check_option("weights", weights, WEIGHT_KINDS)
    ratings = read_ratings(
        data, items=items, group=group, unit=unit, rater=rater, rating=rating, categories=categories
    )
    w = kernel.agreement_weights(ratings.categories, weights)
    result = _counted(
        ratings,
        lambda counts: kernel.fleiss_kappa(counts, w),
        "fleiss_kappa",
        f"Fleiss' kappa, {weights} weights (Fleiss 1971; Gwet 2014)",
        level,
        details=_category_kappas(ratings),
    )
    return result


def _category_kappas(ratings: Ratings) -> pd.DataFrame:
    rows = []
    for label, values in ratings.by_group():
        counts = kernel.category_counts(values, ratings.categories)
        for k, name in enumerate(ratings.labels):
            binary = np.column_stack([counts[:, k], counts.sum(1) - counts[:, k]])
            a = kernel.fleiss_kappa(binary)
            rows.append(
                {
                    "group": label,
                    "category": name,
                    "estimate": a.estimate,
                    "std_error": a.std_error,
                    "share": counts[:, k].sum() / counts.sum(),
                }
            )
    return pd.DataFrame(rows)


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
        All categories of the scale, used or not: the chance term depends on their number. By default the observed ones.
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
        data, items=items, group=group, unit=unit, rater=rater, rating=rating, categories=categories
    )
    w = kernel.agreement_weights(ratings.categories, weights)
    name = "ac1" if weights == "identity" else "ac2"
    formula = f"Gwet's {name.upper()}, {weights} weights (Gwet 2008, 2014)"
    return _counted(ratings, lambda counts: kernel.gwet_ac(counts, w), name, formula, level)


def _counted(
    ratings: Ratings,
    estimator: Estimator,
    name: str,
    formula: str,
    level: float,
    details: pd.DataFrame | None = None,
) -> CoefficientResult:
    check_level(level)

    def one(label: str, values: FloatArray) -> dict[str, object]:
        a = estimator(kernel.category_counts(values, ratings.categories))
        _require_pairs(a, label)
        df = max(a.n_units - 1, 1)
        limits = wald_interval(a.estimate, a.std_error, level=level, df=df)
        return _agreement_row(label, name, a, limits, ratings)

    rows = [one(label, values) for label, values in ratings.by_group()]
    return CoefficientResult(
        coefficient=name,
        formula=formula,
        estimates=pd.DataFrame(rows),
        overall=_without_labels(one("all", ratings.values)),
        level=level,
        interval="Wald, linearised variance of Gwet (2008), t quantile",
        details=pd.DataFrame() if details is None else details,
        notes=(*_unpaired_note(ratings), *_one_category_note(rows)),
    )


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
        Wide: one row per unit, one column per rater, missing where a rater did not rate. Or long, with the columns
        ``unit``, ``rater`` and ``rating``. Numbers or labels.
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
        data, items=items, group=group, unit=unit, rater=rater, rating=rating, categories=categories
    )
    rng = generator(bootstrap.seed)

    def one(label: str, values: FloatArray) -> dict[str, object]:
        counts = kernel.category_counts(values, ratings.categories)
        a = kernel.krippendorff_alpha(counts, ratings.categories, metric)
        _require_pairs(a, label)
        if interval == "jackknife":
            return _agreement_row(
                label, "krippendorff_alpha", a, wald_interval(a.estimate, a.std_error, level=level), ratings
            )
        draws = kernel.krippendorff_bootstrap(
            counts, ratings.categories, metric, n_draws=bootstrap.n_draws, rng=rng
        )
        limits = bootstrap_interval(
            draws, a.estimate, level=level, method=bootstrap.method, influence=a.influence
        )
        return _agreement_row(label, "krippendorff_alpha", a, limits, ratings)

    rows = [one(label, values) for label, values in ratings.by_group()]
    overall = rows[0] if ratings.group is None else one("all", ratings.values)
    return CoefficientResult(
        coefficient="krippendorff_alpha",
        formula=f"alpha = 1 - observed / expected disagreement, {metric} metric (Krippendorff 2004)",
        estimates=pd.DataFrame(rows),
        overall=_without_labels(overall),
        level=level,
        interval="infinitesimal jackknife over units" if interval == "jackknife" else "bootstrap over units",
        notes=(*_unpaired_note(ratings), *_one_category_note(rows)),
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
        With ``statistic df p_value`` of ``chi2 = m (n - 1) W`` and ``mean_spearman``, the mean rank correlation.

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
    ratings = read_ratings(data, items=items, group=group, unit=unit, rater=rater, rating=rating)

    def one(label: str, values: FloatArray) -> dict[str, object]:
        w = kernel.kendall_w(values)
        se = kernel.kendall_jackknife(values)
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
        overall=_without_labels(overall),
        level=level,
        interval="jackknife over raters, t quantile",
    )


def _agreement_row(
    label: str, term: str, a: Agreement, limits: Interval, ratings: Ratings
) -> dict[str, object]:
    return {
        "group": label,
        "term": term,
        "estimate": a.estimate,
        "std_error": a.std_error,
        "conf_low": float(limits.low),
        "conf_high": float(np.minimum(limits.high, 1.0)),
        "observed": a.observed,
        "expected": a.expected,
        "n": a.n_pairable,
        "n_raters": len(ratings.raters),
    }


def _without_labels(row: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in row.items() if key not in ("group", "term")}


def _require_pairs(a: Agreement, label: str) -> None:
    if a.n_pairable == 0:
        raise DataError(f"no unit in group {label!r} has two ratings; agreement cannot be computed.")


def _unpaired_note(ratings: Ratings) -> tuple[str, ...]:
    single = int(((~np.isnan(ratings.values)).sum(1) == 1).sum())
    if not single:
        return ()
    return (
        f"{single} units have one rating only: they inform the category shares of kappa and AC, nothing else.",
    )


def _one_category_note(rows: list[dict[str, object]]) -> tuple[str, ...]:
    flat = [str(row["group"]) for row in rows if not np.isfinite(float(row["estimate"]))]  # type: ignore[arg-type]
    if not flat:
        return ()
    return (f"not defined where all ratings are in one category: {', '.join(flat)}.",)
