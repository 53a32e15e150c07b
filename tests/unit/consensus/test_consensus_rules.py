import numpy as np
import pytest

import recoverymetrics as rm
from recoverymetrics.consensus import IQRRule, MedianRule
from recoverymetrics.consensus.rules import RatingCounts
from recoverymetrics.consensus.spread_rules import interpercentile_range
from recoverymetrics.errors import OptionError

NINE = np.arange(1.0, 10.0)
FIVE = np.arange(1.0, 6.0)


def counts_of(*ratings, values=FIVE, groups=None):
    """Counts of statements given as lists of ratings; ``groups`` labels the raters of every statement."""
    table = np.array([[(np.array(r) == v).sum() for v in values] for r in ratings], dtype=float)

    def within(conditions):
        rows = table if not conditions else np.zeros_like(table)
        for _, label in conditions:
            mask = np.array([g == label for g in groups])
            rows = np.array(
                [[((np.array(r) == v) & mask).sum() for v in values] for r in ratings], dtype=float
            )
        return rows

    labels = tuple(dict.fromkeys(groups or ()))
    return RatingCounts(table, values, within, lambda by: labels)


def passed(rule, *ratings, **options):
    return rule.evaluate(counts_of(*ratings, **options)).passed.tolist()


def excluded(rule, *ratings, **options):
    return rule.evaluate(counts_of(*ratings, **options)).excluded.tolist()


def test_eighty_percent_is_reached_at_exactly_eighty():
    assert passed(rm.ConsensusRule(), [5, 4, 4, 5, 1], [5, 4, 4, 3, 1], []) == [True, False, False]


def test_lower_limit_asks_for_more():
    rule = rm.ConsensusRule(judge_by="conf_low")
    assert passed(rule, [5] * 9 + [1], [5] * 60 + [1]) == [False, True]


def test_min_raters():
    assert passed(rm.ConsensusRule(min_raters=3), [5, 5], [5, 5, 5]) == [False, True]


def test_rand_ucla_vector_of_fifteen_raters():
    # n = 15, P30 = 7, P70 = 8, median 7: IPR 1, IPRAS 6.1 (PMC3467596)
    ratings = [6, 7, 7, 7, 7, 7, 7, 7, 7, 8, 8, 8, 8, 9, 9]
    data = counts_of(ratings, values=NINE)
    width, adjusted = interpercentile_range(data.counts, NINE)
    assert width[0] == 1.0
    assert adjusted[0] == pytest.approx(6.1, abs=1e-12)
    assert rm.RandUclaRule().evaluate(data).passed[0]


def test_rand_ucla_disagreement_and_inappropriate():
    split = [1, 1, 1, 1, 5, 9, 9, 9, 9]
    low = [1, 1, 2, 2, 2, 3, 3, 2, 1]
    assert passed(rm.RandUclaRule(), split, low, values=NINE) == [False, False]
    assert excluded(rm.RandUclaRule(), split, low, values=NINE) == [False, True]


def test_rand_ucla_refuses_other_scales():
    with pytest.raises(OptionError, match="1 to 9"):
        passed(rm.RandUclaRule(), [4, 5])


def test_core_outcome_set_rule():
    include = [9] * 7 + [5] * 2 + [2]
    against = [9] * 8 + [1, 2]
    out = [1] * 8 + [5, 5]
    assert passed(rm.CoreOutcomeRule(), include, against, out, values=NINE) == [True, False, False]
    assert excluded(rm.CoreOutcomeRule(), include, against, out, values=NINE) == [False, False, True]


def test_apmo_cut_off_by_hand():
    # votes for: 8 of 10 (majority), 6 of 10 (majority), 3 of 10 with 7 against (majority against)
    statements = ([5] * 8 + [1] * 2, [4] * 6 + [2] * 4, [5] * 3 + [1] * 7)
    rule = rm.APMORule()
    assert float(rule.cut_off(counts_of(*statements))) == pytest.approx((8 + 6 + 7) / 30)
    assert passed(rule, *statements) == [True, False, False]
    assert excluded(rule, *statements) == [False, False, True]


def test_iqr_median_mean_rules():
    tight, loose = [4, 4, 5, 5, 4], [1, 2, 3, 4, 5]
    assert passed(rm.IQRRule(), tight, loose) == [True, False]
    assert rm.IQRRule().limit(NINE) == 2
    assert passed(rm.MedianRule(4), tight, loose) == [True, False]
    assert passed(rm.MeanRule(minimum=4, maximum_sd=1), tight, loose, [5]) == [True, False, False]
    with pytest.raises(OptionError, match="minimum"):
        rm.MeanRule()


def test_rules_combine():
    tight, loose = [4, 4, 5, 5, 4], [5, 5, 5, 5, 1, 5, 5, 5, 1, 1]
    both = rm.ConsensusRule(agreement=0.7) & rm.IQRRule()
    either = rm.ConsensusRule(agreement=0.7) | rm.IQRRule()
    assert passed(both, tight, loose) == [True, False]
    assert passed(either, tight, loose) == [True, True]
    assert "and" in both.describe()
    assert "or" in either.describe()
    assert len(list((both & rm.MedianRule(3)).parts())) == 3
    assert (both | rm.MedianRule(5)).describe().startswith("(")


def test_and_excludes_when_one_part_excludes():
    rule = rm.CoreOutcomeRule() & rm.IQRRule()
    assert excluded(rule, [1, 1, 2, 1], values=NINE) == [True]
    assert excluded(rm.CoreOutcomeRule() | rm.MeanRule(minimum=1), [1, 1, 2, 1], values=NINE) == [False]


def test_rule_within_groups():
    groups = ["users"] * 4 + ["staff"] * 6
    statements = ([5, 5, 5, 5, 1, 5, 5, 5, 5, 5], [1, 1, 5, 5, 5, 5, 5, 5, 5, 5])
    users = rm.WithinGroups(rm.ConsensusRule(), groups=("users",))
    assert passed(rm.ConsensusRule(), *statements) == [True, True]
    assert passed(rm.ConsensusRule() & users, *statements, groups=groups) == [True, False]
    assert passed(rm.WithinGroups(rm.ConsensusRule()), *statements, groups=groups) == [True, False]
    with pytest.raises(OptionError, match=r"'carers'.*users, staff"):
        passed(rm.WithinGroups(rm.ConsensusRule(), groups="carers"), *statements, groups=groups)


def test_named_group_without_ratings_fails_and_unnamed_has_no_say():
    groups = ["users"] * 2 + ["staff"] * 2
    statement = [np.nan, np.nan, 5, 5]
    assert passed(rm.WithinGroups(rm.ConsensusRule(), groups=("users",)), statement, groups=groups) == [False]
    assert passed(rm.WithinGroups(rm.ConsensusRule()), statement, groups=groups) == [True]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: rm.ConsensusRule(agreement=80), "between 0 and 1"),
        (lambda: rm.ConsensusRule(interval="wald"), "wilson, clopper_pearson"),
        (lambda: rm.ConsensusRule(judge_by="upper"), "estimate, conf_low"),
        (lambda: passed(rm.ConsensusRule(top_categories=5), [5, 4]), "1 to 4"),
        (lambda: rm.CoreOutcomeRule(include=2), "include"),
    ],
)
def test_wrong_options_say_what_is_allowed(make, message):
    with pytest.raises(OptionError, match=message):
        make()


@pytest.mark.parametrize(("n", "limit"), [(9, 3), (12, 4), (15, 5)])
def test_classic_disagreement_counts_people_at_both_ends(n, limit):
    rule = rm.RandUclaRule(definition="classic")
    at_limit = [1] * limit + [9] * (n - limit)
    below = [1] * (limit - 1) + [9] * (n - limit + 1)
    assert passed(rule, at_limit, below, [], values=NINE) == [False, True, False]
    with pytest.raises(OptionError, match="ipras, classic"):
        rm.RandUclaRule(definition="new")


def test_limits_of_rules_are_numbers():
    with pytest.raises(OptionError, match=r"for example MedianRule\(4\)"):
        MedianRule("7")
    with pytest.raises(OptionError, match="range of 0 or more"):
        IQRRule(-1)
