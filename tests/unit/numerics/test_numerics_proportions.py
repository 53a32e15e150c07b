import numpy as np
import pytest
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from recoverymetrics.errors import OptionError
from recoverymetrics.numerics.proportions import difference_interval, proportion_interval

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
