"""Intervals from standard errors and from bootstrap draws."""

import numpy as np
import pytest
from scipy import stats

from recoverymetrics.errors import OptionError
from recoverymetrics.numerics.intervals import bootstrap_interval, wald_interval


def test_wald_intervals_on_each_scale() -> None:
    low, high = wald_interval(0.5, 0.1, level=0.9)
    assert (high - low) / 2 == pytest.approx(0.1 * stats.norm.ppf(0.95))
    low, high = wald_interval(0.8, 0.05, scale="fisher_z")
    assert np.arctanh(0.8) - np.arctanh(low) == pytest.approx(np.arctanh(high) - np.arctanh(0.8))
    low, high = wald_interval(0.8, 0.05, scale="log_complement")
    assert (1 - low) / 0.2 == pytest.approx(0.2 / (1 - high))
    low, high = wald_interval(0.8, 0.05, scale="logit")
    assert low > 0
    assert high < 1


def test_an_error_without_bounds_gives_a_limit_without_bounds() -> None:
    limits = wald_interval(0.5, 1e4, scale="log_complement")
    assert limits.low == -np.inf
    assert limits.high == pytest.approx(1)


def test_t_quantile_with_few_degrees_of_freedom_is_wider() -> None:
    assert wald_interval(0.0, 1.0, df=3).high == pytest.approx(stats.t.ppf(0.975, 3))


def test_bootstrap_intervals_of_a_mean() -> None:
    rng = np.random.default_rng(1)
    x = rng.exponential(size=200)
    draws = rng.choice(x, (4000, 200)).mean(1)
    percentile = bootstrap_interval(draws, x.mean())
    assert percentile.low == pytest.approx(np.quantile(draws, 0.025))
    basic = bootstrap_interval(draws, x.mean(), method="basic")
    assert basic.low == pytest.approx(2 * x.mean() - percentile.high)
    normal = bootstrap_interval(draws, x.mean(), method="normal")
    assert normal.high - normal.low == pytest.approx(2 * 1.959964 * draws.std(ddof=1), rel=1e-6)
    bca = bootstrap_interval(draws, x.mean(), method="bca", influence=x - x.mean())
    assert bca.high > percentile.high  # right-skewed data move the interval up


def test_draws_that_failed_are_left_out() -> None:
    draws = np.array([0.1, 0.2, np.nan, 0.3])
    assert bootstrap_interval(draws, 0.2).high == pytest.approx(np.quantile([0.1, 0.2, 0.3], 0.975))
    assert np.isnan(bootstrap_interval(np.array([np.nan, 1.0]), 1.0).low)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: wald_interval(0.5, 0.1, level=1.5), "between 0 and 1"),
        (lambda: wald_interval(0.5, 0.1, scale="cubic"), "identity, fisher_z"),
        (lambda: bootstrap_interval(np.arange(5.0), 1.0, method="studentised"), "percentile, bca"),
        (lambda: bootstrap_interval(np.arange(5.0), 1.0, method="bca"), "influence values"),
    ],
)
def test_refusals(call, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        call()
