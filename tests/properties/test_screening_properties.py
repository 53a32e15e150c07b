"""Properties of the screening kernels that hold for all answers."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from recoverymetrics.numerics.normal_missing import find_missing_patterns, mahalanobis_squared
from recoverymetrics.screening import items, persons

QUICK = settings(max_examples=40, deadline=None, derandomize=True)
SIZES = st.tuples(st.integers(1, 8), st.integers(2, 14))


@st.composite
def answers(draw):
    shape = draw(SIZES)
    values = draw(hnp.arrays(float, shape, elements=st.integers(1, 5).map(float)))
    return np.where(draw(hnp.arrays(bool, shape)), np.nan, values)


@QUICK
@given(answers())
def test_longstring_lies_between_one_and_the_number_of_answers(values):
    runs = persons.longstring(values)
    answered = (~np.isnan(values)).sum(axis=1)
    assert np.all(runs <= answered)
    assert np.all((runs >= 1) == (answered >= 1))


@QUICK
@given(answers())
def test_relabelling_categories_backwards_changes_no_index_of_persistence(values):
    mirrored = 6 - values
    np.testing.assert_array_equal(persons.longstring(mirrored), persons.longstring(values))
    np.testing.assert_allclose(
        persons.response_variability(mirrored), persons.response_variability(values), atol=1e-12
    )
    np.testing.assert_allclose(
        persons.largest_autocorrelation(mirrored, 5), persons.largest_autocorrelation(values, 5), atol=1e-9
    )


@QUICK
@given(answers())
def test_correlations_within_persons_lie_between_minus_one_and_one(values):
    sums, counts = np.nansum(values, axis=0), (~np.isnan(values)).sum(axis=0).astype(float)
    r = persons.person_total(values, sums, counts, inside=True)
    known = r[np.isfinite(r)]
    assert np.all(np.abs(known) <= 1)


@QUICK
@given(answers())
def test_category_counts_add_up(values):
    p = values.shape[1]
    counts = items.category_counts(values, np.ones(p, dtype=int), np.full(p, 5))
    np.testing.assert_array_equal(counts.sum(axis=1), (~np.isnan(values)).sum(axis=0))


@QUICK
@given(answers())
def test_distance_over_fewer_items_is_never_larger(values):
    p = values.shape[1]
    covariance = 0.4 + 0.6 * np.eye(p)
    mean = np.full(p, 3.0)
    full = np.nan_to_num(values, nan=3.5)
    whole = mahalanobis_squared(full, find_missing_patterns(full), mean, covariance)
    part = mahalanobis_squared(values, find_missing_patterns(values), mean, covariance)
    assert np.all(part <= whole + 1e-9)
