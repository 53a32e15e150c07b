"""Mokken scaling beside mokken 3.1.2 (R)."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from golden import REFERENCE, Comparison, ids, load_case, load_data, needs_reference

from recoverymetrics.irt import fit_mokken

EXACT = 1e-9
ROUNDED = 0.11  # R computes the criterion from entries that it has rounded before
TIED = 3e-2  # four of 45 pairs have tied popularities, where the derivative of the largest covariance has two values
TIED_MS = 2e-3  # the interpolation depends on the order of tied item steps


@cache
def fitted(first: int, last: int) -> Any:
    return fit_mokken(load_data("acl").iloc[:, first:last])


def _results(case: str) -> Any:
    return load_case("mokken", case)["results"]


def _values(table: dict[str, Any]) -> np.ndarray:
    return np.asarray(table["values"], dtype=float)


def _coefficients() -> list[Comparison]:
    case, fit = "acl_coefH_communality", fitted(10, 20)
    theirs, upper = _results(case), np.triu_indices(10, 1)
    se, z = theirs["se"], theirs["Z"]
    return [
        Comparison("mokken", case, "Hij", fit.h.pairs[upper], _values(se["Hij"])[upper], EXACT),
        Comparison("mokken", case, "Hi", fit.h.items, _values(se["Hi"]).ravel(), EXACT),
        Comparison("mokken", case, "H", fit.h.scale, _values(se["H"]).ravel(), EXACT),
        Comparison("mokken", case, "Hij SE", fit.h.pairs_se[upper], _values(se["se.Hij"])[upper], TIED),
        Comparison("mokken", case, "Hi SE", fit.h.items_se, _values(se["se.Hi"]).ravel(), TIED),
        Comparison("mokken", case, "H SE", fit.h.scale_se, se["se.H"], TIED),
        Comparison("mokken", case, "Zij", fit.h.pairs_z[upper], _values(z["Zij"])[upper], EXACT),
        Comparison("mokken", case, "Zi", fit.h.items_z, list(z["Zi"].values()), EXACT),
        Comparison("mokken", case, "Z", fit.h.scale_z, z["Z"], EXACT),
        Comparison(
            "mokken",
            "acl_coefH_all218_first60",
            "Hi",
            fitted(0, 60).h.items,
            list(_results("acl_coefH_all218_first60")["Hi"].values()),
            EXACT,
        ),
    ]


def _selection() -> list[Comparison]:
    theirs = _results("acl_aisp")
    compare = []
    for k, bound in enumerate((0.2, 0.3, 0.4)):
        mine = fitted(0, 60).select(bound)
        compare.append(
            Comparison("mokken", "acl_aisp", f"60 items {bound}", mine, _values(theirs["l60"])[:, k], 0.0)
        )
    for k, bound in enumerate(np.arange(0.05, 0.601, 0.05)):
        mine = fitted(10, 20).select(float(bound))
        reference = _values(theirs["l10_20_55"])[:, k]
        compare.append(Comparison("mokken", "acl_aisp", f"10 items {bound:.2f}", mine, reference, 0.0))
    return compare


def _checks() -> list[Comparison]:
    case = "acl_monotonicity_minsize100"
    ours, theirs = fitted(20, 30).monotonicity(smallest=50), _values(_results(case)["summary"])
    compare = [
        Comparison("mokken", case, "comparisons", ours["n_compared"], theirs[:, 1], 0.0),
        Comparison("mokken", case, "violations", ours["n_violations"], theirs[:, 2], 0.0),
        Comparison("mokken", case, "largest", ours["largest"].round(2), theirs[:, 4], EXACT),
        Comparison("mokken", case, "z", ours["z_max"].round(2), theirs[:, 7], EXACT),
        Comparison("mokken", case, "criterion", ours["criterion"].round(), theirs[:, 9], ROUNDED),
    ]
    first = fitted(10, 20).monotonicity()
    reference = _values(_results("acl_monotonicity")["summary"])
    compare.append(
        Comparison("mokken", "acl_monotonicity", "comparisons", first["n_compared"], reference[:, 1], 0.0)
    )
    order, miio = fitted(10, 20).item_ordering(), _results("acl_iio_MIIO")
    table, theirs = order.table, _values(miio["item.summary"])
    compare += [
        Comparison("mokken", "acl_iio_MIIO", "violations", table["n_violations"], theirs[:, 2], 0.0),
        Comparison("mokken", "acl_iio_MIIO", "largest", table["largest"].round(2), theirs[:, 4], EXACT),
        Comparison("mokken", "acl_iio_MIIO", "t", table["t_max"].round(2), theirs[:, 7], EXACT),
        Comparison("mokken", "acl_iio_MIIO", "significant", table["n_significant"], theirs[:, 8], 0.0),
        Comparison("mokken", "acl_iio_MIIO", "HT", order.ht, miio["HT"], EXACT),
    ]
    reliability, glance = _results("acl_reliability"), fitted(10, 20).glance().iloc[0]
    compare += [
        Comparison("mokken", "acl_reliability", "MS", glance["ms"], reliability["MS"], TIED_MS),
        Comparison("mokken", "acl_reliability", "alpha", glance["alpha"], reliability["alpha"], EXACT),
        Comparison(
            "mokken", "acl_reliability", "lambda 2", glance["lambda2"], reliability["lambda.2"], EXACT
        ),
    ]
    return compare


@cache
def _all() -> tuple[Comparison, ...]:
    return (*_coefficients(), *_selection(), *_checks()) if REFERENCE.is_dir() else ()


def comparisons() -> list[Comparison]:
    return list(_all())


@needs_reference
@pytest.mark.parametrize("comparison", comparisons(), ids=ids(comparisons()))
def test_agrees_with_mokken(comparison: Comparison) -> None:
    comparison.check()


@needs_reference
def test_items_that_violate_the_ordering_are_removed_in_the_same_order() -> None:
    assert fitted(10, 20).item_ordering().removed == ("alert", "thorough")
