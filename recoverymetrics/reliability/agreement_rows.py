"""Rows and notes that the agreement coefficients share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from recoverymetrics.errors import DataError
from recoverymetrics.numerics import agreement as kernel
from recoverymetrics.numerics.agreement import Agreement
from recoverymetrics.numerics.intervals import Interval, wald_interval
from recoverymetrics.reliability.ratings import Ratings
from recoverymetrics.reliability.results import CoefficientResult
from recoverymetrics.reliability.spec import check_level, in_group
from recoverymetrics.typing import FloatArray

Estimator = Callable[[FloatArray], Agreement]


def counted(
    ratings: Ratings,
    estimator: Estimator,
    name: str,
    formula: str,
    level: float,
    details: pd.DataFrame | None = None,
) -> CoefficientResult:
    """Result of a coefficient that needs category counts only, by group."""
    check_level(level)

    def one(label: str, values: FloatArray) -> dict[str, object]:
        a = estimator(kernel.category_counts(values, ratings.categories))
        require_pairs(a, label)
        df = max(a.n_units - 1, 1)
        limits = wald_interval(a.estimate, a.std_error, level=level, df=df)
        return agreement_row(label, name, a, limits, ratings)

    rows = [one(label, values) for label, values in ratings.by_group()]
    return CoefficientResult(
        coefficient=name,
        formula=formula,
        estimates=pd.DataFrame(rows),
        overall=without_labels(one("all", ratings.values)),
        level=level,
        interval="Wald, linearised variance of Gwet (2008), t quantile",
        details=pd.DataFrame() if details is None else details,
        notes=(*unpaired_note(ratings), *one_category_note(rows)),
    )


def agreement_row(
    label: str, term: str, a: Agreement, limits: Interval, ratings: Ratings
) -> dict[str, object]:
    """One row of ``tidy``."""
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


def without_labels(row: dict[str, object]) -> dict[str, object]:
    """Drop group and term, which ``glance`` does not repeat."""
    return {key: value for key, value in row.items() if key not in ("group", "term")}


def require_pairs(a: Agreement, label: str) -> None:
    """Raise when no unit of the group has two ratings."""
    if a.n_pairable == 0:
        raise DataError(
            f"no unit{in_group(label)} has two ratings, so there is no agreement to compute; two raters must have rated "
            "the same unit."
        )


def unpaired_note(ratings: Ratings) -> tuple[str, ...]:
    """Say how many units have a single rating."""
    single = int(((~np.isnan(ratings.values)).sum(1) == 1).sum())
    if not single:
        return ()
    return (
        f"{single} units have one rating only: they inform the category shares of kappa and AC, nothing else.",
    )


def one_category_note(rows: list[dict[str, object]]) -> tuple[str, ...]:
    """Say where a coefficient is not defined."""
    flat = [str(row["group"]) for row in rows if not np.isfinite(float(row["estimate"]))]  # type: ignore[arg-type]
    if not flat:
        return ()
    return (f"not defined where all ratings are in one category: {', '.join(flat)}.",)
