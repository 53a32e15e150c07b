import numpy as np
import pytest
from statsmodels.stats.proportion import (
    confint_proportions_2indep,
    proportion_confint,
    tost_proportions_2indep,
)

from recoverymetrics.errors import OptionError
from recoverymetrics.numerics.proportions import difference_interval, equivalence_p_value, proportion_interval

CLOSED_FORM = 1e-12  # the same formula in floating point


@pytest.mark.parametrize(("ours", "theirs"), [("wilson", "wilson"), ("clopper_pearson", "beta")])
@pytest.mark.parametrize("level", [0.90, 0.95])
def test_intervals_agree_with_statsmodels(ours, theirs, level):
    x, n = np.array([0, 1, 7, 15, 15]), np.array([15, 15, 15, 15, 40])
    low, high = proportion_interval(x, n, method=ours, level=level)
    expected = [proportion_confint(a, m, alpha=1 - level, method=theirs) for a, m in zip(x, n)]
    np.testing.assert_allclose(np.column_stack([low, high]), expected, rtol=0, atol=CLOSED_FORM)


def test_difference_agrees_with_statsmodels():
    low, high = difference_interval([56, 9, 0], [70, 10, 12], [48, 3, 5], [80, 10, 12])
    for i, (x1, n1, x2, n2) in enumerate([(56, 70, 48, 80), (9, 10, 3, 10), (0, 12, 5, 12)]):
        expected = confint_proportions_2indep(x1, n1, x2, n2, method="newcomb", compare="diff")
        np.testing.assert_allclose([low[i], high[i]], expected, rtol=0, atol=1e-9)


def test_difference_of_newcombe_1998_table_ii():
    # contrasts (a) to (d) of the paper, method 10
    published = [
        (56, 70, 48, 80, 0.0524, 0.3339),
        (9, 10, 3, 10, 0.1705, 0.8090),
        (6, 7, 2, 7, 0.0582, 0.8062),
    ]
    for x1, n1, x2, n2, low, high in published:
        np.testing.assert_allclose(difference_interval(x1, n1, x2, n2), [low, high], atol=5e-5)


def test_no_trials_give_no_interval():
    assert np.isnan(proportion_interval(0, 0)).all()
    assert np.isnan(difference_interval(0, 0, 3, 4)).all()


def test_unknown_interval_lists_the_known_ones():
    with pytest.raises(OptionError, match="wilson, clopper_pearson"):
        proportion_interval(1, 2, method="wald")


TABLES = [(180, 200, 178, 200, 0.10), (47, 52, 40, 43, 0.15), (12, 20, 13, 20, 0.20), (20, 20, 20, 20, 0.10)]


@pytest.mark.parametrize(("x1", "n1", "x2", "n2", "margin"), TABLES)
def test_equivalence_p_value_inverts_the_interval(x1, n1, x2, n2, margin):
    p = float(equivalence_p_value(x1, n1, x2, n2, margin=margin))
    low, high = difference_interval(x1, n1, x2, n2, level=1 - 2 * p)
    assert max(-low, high) == pytest.approx(margin, abs=1e-9)


@pytest.mark.parametrize(("x1", "n1", "x2", "n2", "margin"), TABLES[:3])
def test_equivalence_p_value_is_near_that_of_the_score_test(x1, n1, x2, n2, margin):
    score = tost_proportions_2indep(x1, n1, x2, n2, -margin, margin, method="score", compare="diff").pvalue
    # another one-sided test of the same hypothesis: they differ in the second digit
    assert float(equivalence_p_value(x1, n1, x2, n2, margin=margin)) == pytest.approx(score, rel=0.25)


def test_equivalence_p_value_outside_the_margin_and_without_data():
    p = equivalence_p_value([10, 30, 0], [20, 40, 0], [19, 26, 3], [20, 40, 4], margin=0.10)
    assert p[0] > 0.99
    assert p[1] == pytest.approx(0.5, abs=1e-3)  # the difference is the margin
    assert np.isnan(p[2])
    swapped = equivalence_p_value(
        [19, 26], 20 * np.array([1, 2]), [10, 30], 20 * np.array([1, 2]), margin=0.10
    )
    assert swapped == pytest.approx(p[:2])


def test_equivalence_holds_its_level_at_the_margin():
    # at a true difference equal to the margin at most about five in a hundred are called equivalent
    rng = np.random.default_rng(3)
    x1, x2 = rng.binomial(150, 0.85, 20_000), rng.binomial(150, 0.75, 20_000)
    assert (equivalence_p_value(x1, 150, x2, 150, margin=0.10) < 0.05).mean() == pytest.approx(0.05, abs=0.01)


def test_margin_must_be_a_share():
    with pytest.raises(OptionError, match="for 10 points"):
        equivalence_p_value(1, 2, 1, 2, margin=10)
