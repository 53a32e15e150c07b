"""Mokken scaling beside mokken 3.1.2 (R)."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from golden import REFERENCE, Comparison, ids, load_case, load_data, needs_reference
from scipy.stats import binom, norm

from recoverymetrics.irt import fit_mokken
from recoverymetrics.irt.mokken.association import first_index, third_index
from recoverymetrics.irt.mokken.guttman import medcouple
from recoverymetrics.irt.mokken.violations import item_steps, rest_groups

EXACT = 1e-9
UNIT = 0.013  # R cuts the criterion to an integer; for two of ten items of the P-matrix it is one unit below ours
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
        Comparison("mokken", case, "Hij SE", fit.h.pairs_se[upper], _values(se["se.Hij"])[upper], EXACT),
        Comparison("mokken", case, "Hi SE", fit.h.items_se, _values(se["se.Hi"]).ravel(), EXACT),
        Comparison("mokken", case, "H SE", fit.h.scale_se, se["se.H"], EXACT),
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


def _criterion(row: Any, compared: float, letter: str) -> float:
    """Criterion of Molenaar & Sijtsma with another number of comparisons, cut to an integer as R shows it."""
    n, significant = row["n_violations"], row["n_significant"]
    if not n:
        return 0.0
    parts = 50 * (0.3 - row["h"]) + np.sqrt(n) + 100 * row["largest"] + 10 * np.sqrt(row["total"])
    parts += (100 * n + 1000 * row["total"] + 100 * significant) / compared
    return float(np.floor(parts + 5 * row[f"{letter}_max"] + 10 * np.sqrt(significant)))


def _table(
    case: str, ours: Any, theirs: dict[str, Any], letter: str, criterion_tolerance: float = EXACT
) -> list[Comparison]:
    """Every column of a summary; the criterion is rebuilt from our numbers and R's number of comparisons."""
    values = _values(theirs)
    criterion = [
        _criterion(row, ac, letter) for (_, row), ac in zip(ours.iterrows(), values[:, 1], strict=True)
    ]
    columns = {
        "H": (ours["h"].round(2), 0),
        "violations": (ours["n_violations"], 2),
        "largest": (ours["largest"].round(2), 4),
        "total": (ours["total"].round(2), 5),
        f"{letter} max": (ours[f"{letter}_max"].round(2), 7),
        "significant": (ours["n_significant"], 8),
        "criterion": (criterion, 9),
    }
    return [
        Comparison(
            "mokken", case, name, own, values[:, k], criterion_tolerance if name == "criterion" else EXACT
        )
        for name, (own, k) in columns.items()
    ]


def _checks() -> list[Comparison]:
    first = fitted(10, 20)
    small = fitted(20, 30).monotonicity(smallest=50)
    compare = _table(
        "acl_monotonicity_minsize100", small, _results("acl_monotonicity_minsize100")["summary"], "z"
    )
    compare += _table("acl_monotonicity", first.monotonicity(), _results("acl_monotonicity")["summary"], "z")
    for case, ours in (("acl_monotonicity_minsize100", small), ("acl_monotonicity", first.monotonicity())):
        reference = _values(_results(case)["summary"])[:, 1]
        compare.append(Comparison("mokken", case, "comparisons", ours["n_compared"], reference, 0.0))
    for case, method, letter in (("acl_iio_MIIO", "miio", "t"), ("acl_iio_IT", "it", "x2")):
        order, theirs = first.item_ordering(method), _results(case)
        compare += _table(case, order.table, theirs["item.summary"], letter)
        compare += [
            Comparison("mokken", case, "HT", order.ht, theirs["HT"], EXACT),
            Comparison(
                "mokken",
                case,
                "selection",
                np.nan_to_num(order.selection.to_numpy(), nan=-1),
                np.nan_to_num(_values(theirs["backward.selection"]), nan=-1),
                0.0,
            ),
        ]
    compare += _table(
        "acl_pmatrix", first.nonintersection("pmatrix"), _results("acl_pmatrix")["summary"], "z", UNIT
    )
    compare += _restscore(first)
    reliability, glance = _results("acl_reliability"), first.glance().iloc[0]
    compare += [
        Comparison("mokken", "acl_reliability", "MS", glance["ms"], reliability["MS"], TIED_MS),
        Comparison("mokken", "acl_reliability", "alpha", glance["alpha"], reliability["alpha"], EXACT),
        Comparison(
            "mokken", "acl_reliability", "lambda 2", glance["lambda2"], reliability["lambda.2"], EXACT
        ),
    ]
    return compare + _association(first)


def _restscore(first: Any) -> list[Comparison]:
    """Items of which no step ties with a step of another item; R gives tied steps an order, we none."""
    free = [2, 5, 6, 8]
    theirs = dict(_results("acl_restscore")["summary"])
    theirs["values"] = _values(theirs)[free]
    return _table("acl_restscore", first.nonintersection().iloc[free], theirs, "z")


def _association(first: Any) -> list[Comparison]:
    case, index = "acl_ca", _results("acl_ca")["Index"][0]
    w1, w3 = first_index(first.codes), third_index(first.codes)
    return [
        Comparison("mokken", case, "W1", np.nan_to_num(w1), np.nan_to_num(_values(index["W1"])), EXACT),
        Comparison("mokken", case, "W2", np.nansum(w3, axis=1), _values(index["W2"]).ravel(), EXACT),
        Comparison("mokken", case, "W3", np.nan_to_num(w3), np.nan_to_num(_values(index["W3"])), EXACT),
    ]


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


@needs_reference
def test_r_counts_one_rest_score_group_too_few_and_half_of_the_p_matrix_comparisons() -> None:
    """Its violations come from four groups of each pair, its number of comparisons from three."""
    first = fitted(10, 20)
    total = first.codes.sum(axis=1)
    groups = {
        np.unique(rest_groups(total - first.codes[:, i] - first.codes[:, j], 86)).size
        for i in range(10)
        for j in range(i)
    }
    assert groups == {4}
    assert set(_values(_results("acl_iio_MIIO")["item.summary"])[:, 1]) == {9 * 3.0}
    ours = first.nonintersection("pmatrix").set_index("item")["n_compared"]
    assert ours["ambitious"] == 2 * _values(_results("acl_pmatrix")["summary"])[2, 1]


@needs_reference
def test_rest_score_violations_of_tied_steps_are_all_that_r_has_more() -> None:
    ours, theirs = fitted(10, 20).nonintersection(), _values(_results("acl_restscore")["summary"])
    extra = theirs[:, 2] - ours["n_violations"]
    assert dict(zip(ours["item"][extra > 0], extra[extra > 0], strict=True)) == {
        "alert": 1, "thorough": 1, "determined": 1, "persevering": 1,
    }  # fmt: skip
    steps = item_steps(fitted(10, 20).codes)
    for i, j in ((1, 3), (7, 9)):
        assert np.intersect1d(steps[i].sum(axis=0), steps[j].sum(axis=0)).size == 1


@needs_reference
def test_violations_of_the_cumulative_probability_model() -> None:
    """A difference of exactly 3 in 100 is no larger than 0.03; in R two such differences are, by rounding."""
    theirs = _values(_results("acl_iio_MSCPM")["item.summary"])
    ours = fitted(10, 20).item_ordering("mscpm").table
    extra = theirs[:, 2] - ours["n_violations"].to_numpy()
    assert ours["item"][extra > 0].tolist() == ["ambitious", "thorough"]
    assert np.allclose(ours["total"] + 0.03 * extra, theirs[:, 5], atol=0.005)
    assert np.array_equal(ours["largest"].round(2), theirs[:, 4])


@needs_reference
def test_the_z_of_the_cumulative_probability_model_is_not_that_of_r() -> None:
    """R's only violation of the last item, 15 against 11 persons, has z = 3.83 there; the exact p value is 0.28.

    The same comparison has the right z in R's own method restscore; two items get no z at all (NaN).
    """
    row = fitted(10, 20).item_ordering("mscpm").table.iloc[-1]
    theirs = _values(_results("acl_iio_MSCPM")["item.summary"])
    exact = binom.sf(14, 26, 0.5)
    assert row["n_violations"] == theirs[-1, 2] == 1
    assert norm.sf(row["z_max"]) == pytest.approx(exact, abs=0.002)
    assert norm.sf(theirs[-1, 7]) < 1e-4
    assert np.isnan(theirs[:, 7]).sum() == 2


@needs_reference
def test_guttman_errors_agree_where_no_tied_steps_are_passed_and_failed() -> None:
    """Tied steps have no order; R gives them one that differs between persons, by one error per tie at most."""
    first, theirs = fitted(10, 20), np.asarray(_results("acl_errors")["Gplus"])
    S = np.hstack(item_steps(first.codes))
    tied = (np.subtract.outer(S.sum(axis=0), S.sum(axis=0)) == 0) & ~np.eye(40, dtype=bool)
    discordant = np.sum(((1 - S) @ tied) * S, axis=1)
    gap = theirs - first.person_fit()["guttman_errors"].to_numpy()
    assert (discordant == 0).sum() > 330
    assert not gap[discordant == 0].any()
    assert ((gap >= 0) & (gap <= discordant)).all()


@needs_reference
def test_the_skewed_fence_of_r_multiplies_the_whole_fence_by_the_skewness() -> None:
    """``(Q3 + 1.5 IQR) exp(3.87 MC)`` gives its 232.5, twice the largest sensible value of 155 errors."""
    values = np.asarray(_results("acl_errors")["Gplus"], dtype=float)
    low, high = np.quantile(values, [0.25, 0.75])
    plain = high + 1.5 * (high - low)
    theirs = _results("acl_errors")["UGplus"]
    assert plain == theirs["U1Gplus"]
    assert plain * np.exp(3.87 * medcouple(values)) == pytest.approx(theirs["U2Gplus"], rel=1e-9)


@needs_reference
def test_the_infrequency_of_r_reads_the_ranks_of_the_mirrored_category() -> None:
    """With ranks from rare to common looked up at ``m - x`` its numbers come out; those are not frequencies of x."""
    codes, theirs = fitted(10, 20).codes, np.asarray(_results("acl_errors")["Oplus"])
    counts = np.array([np.bincount(column, minlength=5) for column in codes.T])
    rank = np.array([[(row < row[x]).sum() for x in range(5)] for row in counts])
    assert np.array_equal(rank[np.arange(10), 4 - codes].sum(axis=1), theirs)
    active = counts[0]
    assert active[4] > active[1]
    assert rank[0][4 - 4] < rank[0][4 - 1]


@needs_reference
def test_the_flagged_item_of_conditional_association_is_the_one_that_r_takes_out() -> None:
    frame = fitted(10, 20).local_dependence()
    kept = np.asarray(_results("acl_ca")["InScale"])
    flagged = frame[frame["w1_flagged"] | frame["w3_flagged"]]
    assert flagged[["item", "item_2"]].to_numpy().tolist() == [["unambitious*", "ambitious"]]
    assert fitted(10, 20).items[int(np.flatnonzero(~kept[1])[0])] == "unambitious*"
