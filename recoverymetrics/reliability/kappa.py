"""Kappas: Cohen's for two raters, Fleiss' for more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from recoverymetrics.errors import DataError
from recoverymetrics.numerics import agreement as kernel
from recoverymetrics.numerics import cohen
from recoverymetrics.numerics.agreement import WEIGHT_KINDS, WeightKind
from recoverymetrics.numerics.intervals import wald_interval
from recoverymetrics.reliability.agreement_rows import counted, one_category_note, without_labels
from recoverymetrics.reliability.ratings import Ratings, read_ratings
from recoverymetrics.reliability.results import CoefficientResult
from recoverymetrics.reliability.spec import check_level, check_option, in_group
from recoverymetrics.typing import FloatArray, GroupSpec, IntoFrame


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
        ``glance()`` and ``tidy()`` have ``estimate std_error conf_low conf_high statistic p_value observed
        expected maximum n``. ``std_error`` is the large-sample one of Fleiss, Cohen & Everitt (1969);
        ``statistic`` tests zero with the standard error under chance agreement.

    Raises
    ------
    DataError
        Not exactly two raters, or no unit rated by both.

    Notes
    -----
    psych 2.2.9 agrees for unweighted kappa; its variance of weighted kappa differs from Fleiss, Cohen &
    Everitt (0.00224 against 0.00237 where the bootstrap says 0.0024).

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
    ratings = read_ratings(
        data, items=items, group=group, categories=categories, in_order=weights != "identity"
    )
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
        overall=without_labels(overall),
        level=level,
        interval="Wald, large-sample variance of Fleiss, Cohen & Everitt (1969)",
        details=_crosstable(ratings),
        notes=one_category_note(rows),
    )


def _kappa_row(
    label: str, values: FloatArray, ratings: Ratings, weights: WeightKind, level: float
) -> dict[str, object]:
    both = values[~np.isnan(values).any(1)]
    if both.shape[0] == 0:
        raise DataError(
            f"no unit{in_group(label)} was rated by both raters, so there is no agreement to compute."
        )
    q = ratings.categories.size
    first, second = np.searchsorted(ratings.categories, both).T
    table = np.bincount(first * q + second, minlength=q * q).reshape(q, q).astype(float)
    w = kernel.agreement_weights(ratings.categories, weights)
    k = cohen.cohen_kappa(table, w)
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
        ``std_error`` is the linearised one of Gwet (2008), which holds away from zero and with missing
        ratings; the interval uses t with ``n - 1`` degrees of freedom. ``items``: kappa of each category
        against the rest.

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
    result = counted(
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
