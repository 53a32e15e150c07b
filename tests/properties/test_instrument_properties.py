"""Properties of reading, keying and lineage that hold for all answers."""

import json

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import recoverymetrics as rm
from recoverymetrics.instrument.keying import reverse_key
from recoverymetrics.instrument.regions import find_regions, region_map

QUICK = settings(max_examples=40, deadline=None, derandomize=True)


@st.composite
def answers(draw, low=None):
    low = draw(st.integers(0, 1)) if low is None else low
    high = low + draw(st.integers(1, 6))
    shape = (draw(st.integers(2, 12)), draw(st.integers(1, 5)))
    values = draw(hnp.arrays(float, shape, elements=st.integers(low, high).map(float)))
    holes = draw(hnp.arrays(bool, shape))
    return np.where(holes, np.nan, values), (low, high)


def columns(values):
    return [f"q{j}" for j in range(values.shape[1])]


@QUICK
@given(answers(), st.data())
def test_reverse_keying_is_an_involution_within_the_categories(case, data):
    values, limits = case
    names = columns(values)
    reverse = data.draw(st.lists(st.sampled_from(names), unique=True))
    ranges = dict.fromkeys(names, limits)
    keyed = reverse_key(values, names, reverse, ranges)
    np.testing.assert_array_equal(reverse_key(keyed, names, reverse, ranges), values)
    np.testing.assert_array_equal(np.isnan(keyed), np.isnan(values))
    assert not np.any((keyed < limits[0]) | (keyed > limits[1]))


@QUICK
@given(answers(), st.data())
def test_responses_keep_every_answer_and_undo_their_keying(case, data):
    values, limits = case
    names = columns(values)
    reverse = data.draw(st.lists(st.sampled_from(names), unique=True))
    r = rm.Responses(pd.DataFrame(values, columns=names), reverse=reverse, categories=limits)
    np.testing.assert_array_equal(r.raw, values)
    assert int(r.counts()["n"].sum()) == int((~np.isnan(values)).sum())
    assert r.n == len(values)


@QUICK
@given(answers(), st.data())
def test_the_order_of_the_items_does_not_matter(case, data):
    values, limits = case
    names = columns(values)
    order = data.draw(st.permutations(names))
    frame = pd.DataFrame(values, columns=names)
    straight = rm.Responses(frame, reverse=names[:1], categories=limits)
    shuffled = rm.Responses(frame[order], reverse=names[:1], categories=limits)
    np.testing.assert_array_equal(shuffled.select(names).values, straight.values)


@QUICK
@given(answers(low=1), st.integers(90, 99))
def test_a_missing_code_equals_a_missing_answer(case, code):
    values, _ = case
    names = columns(values)
    blank = rm.Responses(pd.DataFrame(values, columns=names))
    coded = rm.Responses(
        pd.DataFrame(np.where(np.isnan(values), code, values), columns=names), missing_codes=[code]
    )
    np.testing.assert_array_equal(coded.values, blank.values)
    assert coded.categories == blank.categories
    assert sum(n.n for n in coded.notes if n.kind == "missing_code") == int(np.isnan(values).sum())


@QUICK
@given(st.lists(st.text(max_size=8)))
def test_any_text_has_a_region_or_is_counted_as_unknown(entries):
    regions, unknown = find_regions(entries)
    assert len(regions) == len(entries)
    assert sum(region is None for region in regions) == sum(unknown.values())
    assert set(regions) <= {"AFR", "AMR", "SEAR", "EUR", "EMR", "WPR", None}


@QUICK
@given(st.sampled_from(sorted(region_map().codes)), st.dates())
def test_only_indonesia_depends_on_the_date(code, day):
    same = rm.who_region(code, as_of=day) == rm.who_region(code)
    assert same or (code in ("ID", "IDN") and day.isoformat() < "2025-05-23")


@QUICK
@given(st.lists(st.sampled_from([f"q{j}" for j in range(6)]), unique=True, max_size=5), st.data())
def test_lineage_explains_every_item_that_left(dropped, data):
    items = [f"q{j}" for j in range(6)]
    start = rm.Scale("s", factors={"a": items[:3], "b": items[3:]}, reverse=items[::2])
    scale = start
    for item in dropped:
        scale = scale.decide(item, "drop", reason="because", by=data.draw(st.sampled_from(["rule", "panel"])))
    assert set(start.items) - set(scale.items) == {entry.item for entry in scale.lineage}
    assert scale.version == 1 + len(dropped)
    assert [item for members in scale.factors.values() for item in members] == list(scale.items)
    assert rm.Scale.from_dict(json.loads(json.dumps(scale.to_dict()))) == scale
