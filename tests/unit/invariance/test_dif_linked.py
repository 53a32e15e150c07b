"""Item parameters of each group on one metric: Lord, Raju, NCDIF and the two-step Wald test."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import expit
from test_dif_logistic import graded

from recoverymetrics import OptionError
from recoverymetrics.invariance import IRTWald, Lord, Ncdif, RajuArea, detect_dif
from recoverymetrics.invariance.dif import item_parameters as ip
from recoverymetrics.invariance.dif.irt import GroupItem, wald_test
from recoverymetrics.invariance.dif.linked import move_item

INTEGRATION = 1e-3
"""Relative error of 241 trapezoids where the integrand has a kink."""


def pair(first, second, spread=0.01):
    q = len(first)
    rng = np.random.default_rng(7)
    covariances = [spread * (m @ m.T / q + np.eye(q)) for m in rng.normal(size=(2, q, q))]
    return ip.ParameterPair(np.array(first), covariances[0], np.array(second), covariances[1])


def score(parameters, theta):
    return expit(parameters[0] * theta + np.array(parameters[1:])).sum()


@pytest.mark.parametrize(
    ("first", "second"),
    [([1.2, 0.3], [1.2, -0.4]), ([0.8, 0.3], [1.9, 0.1]), ([1.4, 1.5, 0.2, -1.8], [0.9, 1.0, 0.4, -0.9])],
)
def test_areas_are_those_between_the_curves(first, second):
    unsigned = ip.unsigned_area(np.array([first]), np.array([second]))[0]
    by_hand = quad(lambda t: abs(score(second, t) - score(first, t)), -30, 30, limit=400, epsabs=1e-10)[0]
    assert unsigned == pytest.approx(by_hand, rel=INTEGRATION if len(first) > 2 else 1e-7)
    signed, error = ip.signed_area(pair(first, second))
    assert signed == pytest.approx(
        quad(lambda t: score(second, t) - score(first, t), -40, 40, limit=400)[0], abs=1e-6
    )
    one, two = pair(first, second), np.random.default_rng(1)
    draws = []
    for values, covariance in ((one.first, one.first_covariance), (one.second, one.second_covariance)):
        drawn = two.multivariate_normal(values, 1e-4 * covariance, size=20_000)
        draws.append(drawn[:, 1:].sum(axis=1) / drawn[:, 0])
    assert error == pytest.approx(100 * np.std(draws[1] - draws[0]), rel=0.03)


def test_areas_with_equal_slopes_agree():
    one = pair([1.5, 0.6], [1.5, -0.3])
    assert ip.unsigned_area(one.first[None], one.second[None])[0] == pytest.approx(0.6, rel=1e-6)
    assert ip.signed_area(one)[0] == pytest.approx(-0.6, rel=1e-12)


def test_a_scaled_chi2_has_the_tail_of_a_quadratic_form():
    rng = np.random.default_rng(3)
    null = rng.standard_normal((4000, 3)) ** 2 @ np.array([1.0, 0.5, 0.2])
    statistic, df = ip.scaled_chi2(float(np.quantile(null, 0.99)), null)
    from scipy.stats import chi2

    assert chi2.sf(statistic, df) == pytest.approx(0.01, abs=0.004)
    single = rng.standard_normal(200_000) ** 2
    assert ip.scaled_chi2(3.84, single)[1] == pytest.approx(1.0, abs=0.03)


def test_moving_an_item_keeps_its_curve_and_its_wald_statistic():
    item = GroupItem(
        np.array([[1.3, 0.9, -0.8], [1.1, 0.5, -1.0]]), np.diag([0.01, 0.02, 0.03, 0.02, 0.01, 0.02])
    )
    moved = move_item(item, np.array([[0.0, 0.7], [1.0, 2.25]]))
    theta = np.linspace(-2, 2, 5)
    for t in theta:
        assert score(item.values[1], t) == pytest.approx(score(moved.values[1], 0.7 + 1.5 * t))
    same = move_item(item, np.array([[0.0, 0.0], [1.0, 1.0]]))
    contrast = np.hstack([-np.eye(3), np.eye(3)])
    statistic, df = wald_test(same, contrast)
    kernel = ip.lord_chi2(
        item.values[:1], item.covariance[None, :3, :3], item.values[1:], item.covariance[None, 3:, 3:]
    )
    assert (statistic, df) == (pytest.approx(float(kernel[0][0])), 3.0)


@pytest.mark.parametrize("link", [ip.characteristic_curve_link, ip.mean_sigma_link])
def test_links_recover_a_planted_metric(link):
    rng = np.random.default_rng(4)
    first = [np.array([a, *np.sort(rng.normal(size=3))[::-1]]) for a in rng.uniform(0.8, 2.0, 6)]
    mean, sd = 0.6, 1.4
    second = [np.array([sd * own[0], *(own[1:] + own[0] * mean)]) for own in first]
    found = link(first, second)
    assert found == (pytest.approx(mean, abs=1e-6), pytest.approx(sd, abs=1e-6))


@pytest.fixture(scope="module")
def planted():
    return graded(
        np.random.default_rng(13), [700, 800, 900], means=[0, 0.5, -0.5], n_items=8, shift={(2, 3): 0.6}
    )


def test_lord_with_the_concurrent_link_is_the_two_step_wald_test(planted):
    lord = detect_dif(planted, group="region", method=Lord(linking="concurrent")).tidy()
    wald = detect_dif(planted, group="region", method=IRTWald(scheme="two_step")).tidy()
    np.testing.assert_allclose(lord["statistic"], wald["statistic"], rtol=1e-9)
    assert (lord["df"] == 10).all()


def test_the_two_wald_schemes_are_close(planted):
    one = detect_dif(planted, group="region", method="wald", purify=False).tidy()
    two = detect_dif(planted, group="region", method=IRTWald(scheme="two_step"), purify=False).tidy()
    assert np.corrcoef(one["statistic"], two["statistic"])[0, 1] > 0.99


def test_cdif_adds_up_to_dtf_and_the_cutoff_separates(planted):
    result = detect_dif(planted, group="region", method="ncdif")
    table = result.contrasts()
    for _, rows in table.groupby("group"):
        assert rows["cdif"].sum() == pytest.approx(rows["dtf"].iloc[0])
    shifted = table[(table["item"] == "i4") & (table["group"] == "R3")].iloc[0]
    assert shifted["ncdif"] > 5 * shifted["cutoff"]
    clean = table[~table["item"].eq("i4")]
    assert (clean["ncdif"] > clean["cutoff"]).mean() < 0.2
    assert result.flagged == ["i4"]


def test_signed_areas_miss_crossing_curves_that_unsigned_areas_see():
    data = graded(np.random.default_rng(14), [1500, 1500], n_items=9, tilt={(1, 4): 0.4})
    signed = detect_dif(data, group="region", method=RajuArea(area="signed"), purify=False).tidy()
    unsigned = detect_dif(data, group="region", method="raju", purify=False)
    row = unsigned.tidy().set_index("item").loc["i5"]
    assert row["p_value"] < 1e-4 < signed.set_index("item").loc["i5", "p_value"]
    again = detect_dif(data, group="region", method="raju", purify=False).tidy()
    np.testing.assert_array_equal(again["p_value"], unsigned.tidy()["p_value"])


def test_messages():
    with pytest.raises(OptionError, match="'unsigned'"):
        RajuArea(area="both")
    with pytest.raises(OptionError, match="'stocking_lord'"):
        Lord(linking="magic")
    with pytest.raises(OptionError, match="100 or more"):
        Ncdif(n_draws=10)
    with pytest.raises(OptionError, match="alpha"):
        Ncdif(alpha=0)
    with pytest.raises(OptionError, match="'two_step'"):
        IRTWald(scheme="both")
