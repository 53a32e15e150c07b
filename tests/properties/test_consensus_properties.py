"""What must hold for every panel."""

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

import recoverymetrics as rm
from recoverymetrics.consensus import convergence
from recoverymetrics.consensus.paired import signed_ranks
from recoverymetrics.content.indices import aiken_v
from recoverymetrics.numerics import counts as tally
from recoverymetrics.numerics.proportions import difference_interval, proportion_interval

SETTINGS = settings(max_examples=40, deadline=None, derandomize=True)
RATINGS = st.lists(
    st.lists(st.sampled_from([1, 2, 3, 4, 5, None]), min_size=6, max_size=6), min_size=1, max_size=4
)


def panel_of(table):
    rows = [(f"s{s}", p, 1, x) for s, own in enumerate(table) for p, x in enumerate(own)]
    frame = pd.DataFrame(rows, columns=["s", "p", "r", "x"])
    return rm.DelphiPanel.from_frame(frame, statement="s", panelist="p", round="r", rating="x")


@given(RATINGS.filter(lambda t: any(x is not None for own in t for x in own)), st.randoms())
@SETTINGS
def test_order_of_people_does_not_matter(table, random):
    order = list(range(6))
    random.shuffle(order)
    shuffled = [[own[i] for i in order] for own in table]
    one, two = (panel_of(t).check_consensus().tidy() for t in (table, shuffled))
    pd.testing.assert_frame_equal(one, two)


@given(RATINGS.filter(lambda t: any(x is not None for own in t for x in own)))
@SETTINGS
def test_a_lower_cut_off_never_shortens_the_list(table):
    lists = [
        set(panel_of(table).check_consensus(rm.ConsensusRule(agreement=c)).accepted) for c in (0.9, 0.7, 0.5)
    ]
    assert lists[0] <= lists[1] <= lists[2]


@given(RATINGS.filter(lambda t: any(x is not None for own in t for x in own)))
@SETTINGS
def test_and_is_the_intersection_and_or_the_union(table):
    panel = panel_of(table)
    a, b = rm.ConsensusRule(agreement=0.6), rm.IQRRule()
    alone = [set(panel.check_consensus(rule).accepted) for rule in (a, b)]
    assert set(panel.check_consensus(a & b).accepted) == alone[0] & alone[1]
    assert set(panel.check_consensus(a | b).accepted) == alone[0] | alone[1]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=30), st.floats(0, 1))
@SETTINGS
def test_quantiles_of_counts(ratings, probability):
    values = np.arange(1.0, 10.0)
    counts = tally.one_hot(np.array(ratings, float), values).sum(axis=0)
    np.testing.assert_allclose(
        tally.quantile(counts, values, probability), np.quantile(ratings, probability), atol=1e-7
    )


@given(st.integers(0, 60), st.integers(1, 60), st.integers(0, 60), st.integers(1, 60))
@SETTINGS
def test_intervals_contain_the_estimate(x1, n1, x2, n2):
    x1, x2 = min(x1, n1), min(x2, n2)
    for method in ("wilson", "clopper_pearson"):
        low, high = proportion_interval(x1, n1, method=method)
        assert 0 <= low <= x1 / n1 <= high <= 1
    low, high = difference_interval(x1, n1, x2, n2)
    assert -1 - 1e-12 <= low <= x1 / n1 - x2 / n2 <= high <= 1 + 1e-12


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=25))
@SETTINGS
def test_signed_ranks_are_symmetric(change):
    found, mirrored = signed_ranks(np.array(change, float)), signed_ranks(-np.array(change, float))
    assert abs(found.p_value - mirrored.p_value) < 1e-12
    assert 0 <= found.p_value <= 1


@given(st.integers(0, 30), st.integers(1, 30), st.integers(1, 30))
@SETTINGS
def test_convergence_stays_between_zero_and_one(matched, a, b):
    m = min(matched, a, b)
    for denominator in ("pooled", "unique", "one_sided"):
        assert 0 <= convergence(m, a, b, denominator=denominator) <= 1
    assert convergence(m, a, b, denominator="unique") <= convergence(m, a, b)


@given(st.floats(1, 5), st.integers(1, 40))
@SETTINGS
def test_aiken_interval_contains_v(mean, n):
    v, low, high = aiken_v(mean, n, (1, 5))
    assert -1e-12 <= low <= v + 1e-12
    assert v - 1e-12 <= high <= 1 + 1e-12
