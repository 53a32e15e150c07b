"""Score-based tests: published critical values, simulation of the limits, size, power, identities."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

from recoverymetrics.errors import DataError, OptionError
from recoverymetrics.numerics import fluctuation as fl
from recoverymetrics.numerics import fluctuation_limits as limits

PUBLISHED = 4e-6
"""Anderson & Darling (1952) print five decimals, and the density there is up to 0.7."""
POINT = 1e-4
"""Over a span of zero all of the infinitely many basis functions would be needed; sixty leave this."""
SIMULATED = 0.006
"""Three standard errors of a proportion near 0.05 from 20,000 draws and what the grid misses."""
GRID = 0.006
"""Andrews' (2003) values come from a grid of 3,600 points, on which the supremum is a little smaller."""


@pytest.mark.parametrize(("value", "p"), [(0.34730, 0.10), (0.46136, 0.05), (0.74346, 0.01)])
def test_cramer_von_mises_of_one_dimension_is_the_classical_table(value: float, p: float) -> None:
    assert limits.cramer_von_mises_p_value(value, 1) == pytest.approx(p, abs=PUBLISHED)


def test_double_max_of_one_dimension_is_kolmogorov_and_of_two_their_maximum() -> None:
    assert limits.double_max_p_value(1.3581, 1) == pytest.approx(0.05, abs=1e-4)
    one = limits.double_max_p_value(1.2, 1)
    assert limits.double_max_p_value(1.2, 2) == pytest.approx(1 - (1 - one) ** 2)


@pytest.mark.parametrize(
    ("k", "value", "p"), [(1, 7.12, 0.10), (1, 8.68, 0.05), (1, 12.16, 0.01), (2, 11.72, 0.05)]
)
def test_supremum_agrees_with_andrews(k: int, value: float, p: float) -> None:
    ours = limits.max_lm_p_value(value, k, 0.15, 0.85)
    assert p <= ours <= p + 1.7 * GRID


@pytest.mark.parametrize("k", [1, 3, 12, 60])
def test_supremum_over_a_point_is_chi_square_and_the_tail_is_continuous(k: int) -> None:
    c = float(chi2.isf(0.03, k))
    assert limits.max_lm_p_value(c, k, 0.5 - 1e-12, 0.5 + 1e-12) == pytest.approx(0.03, abs=POINT)
    values = np.linspace(k + 25, k + 120, 60)
    log_p = np.log([limits.max_lm_p_value(float(c), k, 0.1, 0.9) for c in values])
    assert (np.diff(log_p) < 0).all()
    assert np.abs(np.diff(log_p, 2)).max() < 0.05


def _bridges(k: int, times: np.ndarray, n: int) -> np.ndarray:
    root = np.linalg.cholesky(np.minimum.outer(times, times) - np.outer(times, times))
    return np.einsum("ab,rbk->rak", root, np.random.default_rng(k).standard_normal((n, times.size, k)))


@pytest.mark.parametrize("k", [1, 4, 25])
def test_ordered_p_values_are_those_of_simulated_bridges(k: int) -> None:
    times = np.array([0.2, 0.5, 0.6, 0.9])
    z = _bridges(k, times, 20_000) / np.sqrt(times * (1 - times))[:, None]
    lm, dm = np.sum(z**2, axis=2).max(axis=1), np.abs(z).max(axis=(1, 2))
    assert limits.ordered_max_lm_p_value(float(np.quantile(lm, 0.95)), k, times) == pytest.approx(
        0.05, abs=SIMULATED
    )
    assert limits.ordered_double_max_p_value(float(np.quantile(dm, 0.95)), k, times) == pytest.approx(
        0.05, abs=SIMULATED
    )


def test_one_cut_of_an_ordered_variable_is_chi_square() -> None:
    assert limits.ordered_max_lm_p_value(9.0, 4, np.array([0.3])) == pytest.approx(chi2.sf(9.0, 4))


def test_cvm_of_three_dimensions_is_that_of_simulated_bridges() -> None:
    times = np.arange(1, 200) / 200
    value = np.mean(np.sum(_bridges(3, times, 4000) ** 2, axis=2), axis=1)
    assert limits.cramer_von_mises_p_value(float(np.quantile(value, 0.9)), 3) == pytest.approx(0.1, abs=0.015)


def _scores(rng: np.random.Generator, n: int, k: int, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    x = rng.uniform(20, 80, n)
    s = rng.standard_normal((n, k)) @ np.tril(np.ones((k, k))) + shift * (x > 55)[:, None]
    return s - s.mean(axis=0), x


@pytest.mark.parametrize("kind", ["max_lm", "cvm", "double_max"])
def test_size_and_power(kind: fl.FluctuationKind) -> None:
    rng = np.random.default_rng(3)
    null = [fl.fluctuation_test(*_scores(rng, 300, 2), kind=kind).p_value for _ in range(250)]
    assert 0.01 < np.mean(np.asarray(null) < 0.05) < 0.085
    found = fl.fluctuation_test(*_scores(rng, 600, 2, 1.0), kind=kind)
    assert found.p_value < 1e-4
    assert 48 < found.cut < 62


def test_ordered_and_unordered_categories_hold_their_level() -> None:
    rng = np.random.default_rng(4)
    p = {"lm": [], "ordered_max_lm": [], "ordered_double_max": []}
    for _ in range(150):
        scores, x = _scores(rng, 300, 3)
        for kind in p:
            p[kind].append(fl.fluctuation_test(scores, np.digitize(x, [30, 45, 70]), kind=kind).p_value)
    for values in p.values():
        assert 0.01 < np.mean(np.asarray(values) < 0.05) < 0.1


def test_two_categories_give_one_number_by_three_roads() -> None:
    scores, x = _scores(np.random.default_rng(5), 200, 3, 0.3)
    two = (x > 50).astype(float)
    lm = fl.fluctuation_test(scores, two, kind="lm")
    ordered = fl.fluctuation_test(scores, two, kind="ordered_max_lm")
    mean = scores[two == 1].mean(axis=0) - scores[two == 0].mean(axis=0)
    n1, n0 = (two == 1).sum(), (two == 0).sum()
    direct = mean @ np.linalg.solve(scores.T @ scores / 200, mean) * n1 * n0 / 200
    assert lm.statistic == pytest.approx(direct)
    assert ordered.statistic == pytest.approx(direct)
    assert ordered.p_value == pytest.approx(lm.p_value)


def test_statistics_do_not_depend_on_the_order_of_ties_or_the_units_of_the_parameters() -> None:
    scores, x = _scores(np.random.default_rng(6), 240, 2, 0.2)
    x = np.round(x, -1)
    mix = np.random.default_rng(7).permutation(240)
    for kind in ("max_lm", "cvm", "lm", "ordered_max_lm"):
        first = fl.fluctuation_test(scores, x, kind=kind)
        assert fl.fluctuation_test(scores[mix], x[mix], kind=kind).statistic == pytest.approx(first.statistic)
        other = fl.fluctuation_test(scores @ np.array([[3.0, 1.0], [0.0, -2.0]]), x, kind=kind)
        assert other.statistic == pytest.approx(first.statistic)


def test_a_redundant_parameter_is_taken_out() -> None:
    scores, x = _scores(np.random.default_rng(8), 240, 2)
    doubled = np.column_stack([scores, scores.sum(axis=1)])
    assert fl.fluctuation_test(doubled, x).n_parameters == 2
    assert fl.fluctuation_test(doubled, x).statistic == pytest.approx(
        fl.fluctuation_test(scores, x).statistic
    )


def test_messages() -> None:
    scores, x = _scores(np.random.default_rng(9), 40, 2)
    with pytest.raises(OptionError, match="choose one of max_lm"):
        fl.fluctuation_test(scores, x, kind="sup")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match=r"between 0 and 0\.5"):
        fl.fluctuation_test(scores, x, trim=0.6)
    with pytest.raises(DataError, match="they must match"):
        fl.fluctuation_test(scores, x[:3])
    with pytest.raises(DataError, match="missing values"):
        fl.fluctuation_test(scores, np.where(x > 50, np.nan, x))
    with pytest.raises(DataError, match="one value"):
        fl.fluctuation_test(scores, np.ones(40))
    with pytest.raises(DataError, match="inside the trimming"):
        fl.fluctuation_test(scores, (np.arange(40) > 38).astype(float))
