"""What must hold for any responses and any ratings."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recoverymetrics.numerics import agreement as ag
from recoverymetrics.numerics import concordance, krippendorff
from recoverymetrics.numerics.variance_components import intraclass_correlations, mean_squares
from recoverymetrics.reliability import coefficients as c
from recoverymetrics.reliability.feldt import feldt_interval
from recoverymetrics.reliability.glb import greatest_lower_bound
from recoverymetrics.reliability.green_yang import sum_covariances
from recoverymetrics.reliability.halves import best_split, split_halves

FEW = settings(max_examples=25, deadline=None, derandomize=True)
SEEDS = st.integers(0, 10_000)


def covariance(seed: int, p: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(60, 1)) * rng.uniform(0, 1.5, p) + rng.normal(size=(60, p)) * rng.uniform(0.5, 2, p)
    return np.cov(x.T)


def ratings(seed: int, n: int = 25, m: int = 4, q: int = 4) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = np.clip(rng.integers(0, q, (n, 1)) + rng.integers(-1, 2, (n, m)), 0, q - 1).astype(float)
    x[rng.random(x.shape) < 0.15] = np.nan
    return x


@FEW
@given(SEEDS, st.integers(3, 9))
def test_lower_bounds_are_ordered(seed: int, p: int) -> None:
    S = covariance(seed, p)
    bound = greatest_lower_bound(S)
    mu = c.ten_berge_zegers(S)
    assert mu[0] == pytest.approx(float(c.alpha(S)))
    assert mu[1] == pytest.approx(float(c.lambda2(S)))
    assert np.all(np.diff(mu) > -1e-12)
    assert bound.converged
    best = best_split(S, rng=np.random.default_rng(0))[0]
    for lower in (*mu, best, float(c.lambda6(S)), float(c.lambda5(S))):
        assert lower <= bound.estimate + 1e-6
    assert split_halves(S, n_splits=10, rng=np.random.default_rng(0)).estimates.max() <= best + 1e-12


@FEW
@given(SEEDS, st.integers(2, 9), st.floats(0.1, 10))
def test_reliabilities_do_not_depend_on_the_unit(seed: int, p: int, unit: float) -> None:
    S = covariance(seed, p)
    for f in (c.alpha, c.lambda1, c.lambda2, c.lambda5, c.lambda6):
        assert f(S * unit) == pytest.approx(float(f(S)), abs=1e-9)


@FEW
@given(st.floats(-0.5, 0.99), st.integers(5, 500), st.integers(2, 40), st.floats(0.5, 0.99))
def test_feldt_interval_holds_the_estimate(alpha: float, n: int, p: int, level: float) -> None:
    low, high = feldt_interval(alpha, n, p, level=level)
    assert low < high <= 1
    wider = feldt_interval(alpha, n, p, level=(1 + level) / 2)
    assert wider.low < low
    assert wider.high > high


@FEW
@given(SEEDS, st.sampled_from(krippendorff.METRICS))
def test_agreement_ignores_the_order_of_raters_and_units(seed: int, metric: str) -> None:
    x, scale = ratings(seed), np.arange(4.0)
    rng = np.random.default_rng(seed)
    shuffled = rng.permuted(x, axis=1)[rng.permutation(x.shape[0])]
    ours, theirs = (ag.category_counts(v, scale) for v in (x, shuffled))
    first, second = (krippendorff.krippendorff_alpha(v, scale, metric).estimate for v in (ours, theirs))
    assert first == pytest.approx(second, abs=1e-12)
    for estimator in (ag.gwet_ac, ag.fleiss_kappa, ag.brennan_prediger):
        assert estimator(ours).estimate == pytest.approx(estimator(theirs).estimate, abs=1e-12)


@FEW
@given(SEEDS, st.sampled_from(ag.WEIGHT_KINDS))
def test_agreement_is_one_exactly_for_identical_ratings(seed: int, kind: str) -> None:
    rng = np.random.default_rng(seed)
    x = np.repeat(np.r_[0.0, 1.0, 2.0, rng.integers(0, 3, 10)][:, None], 3, axis=1)
    scale = np.arange(3.0)
    counts, weights = ag.category_counts(x, scale), ag.agreement_weights(scale, kind)
    for estimator in (ag.gwet_ac, ag.fleiss_kappa, ag.brennan_prediger):
        assert estimator(counts, weights).estimate == pytest.approx(1)
    for metric in krippendorff.METRICS:
        assert krippendorff.krippendorff_alpha(counts, scale, metric).estimate == pytest.approx(1)
    assert concordance.kendall_w(x).estimate == pytest.approx(1)


@FEW
@given(SEEDS)
def test_influences_average_to_the_estimate(seed: int) -> None:
    counts = ag.category_counts(ratings(seed), np.arange(4.0))
    a = krippendorff.krippendorff_alpha(counts, np.arange(4.0), "interval")
    assert a.influence.mean() == pytest.approx(a.estimate, abs=1e-6)
    kappa = ag.fleiss_kappa(counts)
    assert kappa.influence.mean() == pytest.approx(kappa.estimate, abs=1e-9)


@FEW
@given(SEEDS, st.integers(10, 40), st.integers(2, 6))
def test_intraclass_correlations_are_ordered(seed: int, n: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 1)) * 3 + rng.normal(size=(n, k)) + rng.normal(size=(1, k)) * 0.5
    found = {icc.form: icc for icc in intraclass_correlations(mean_squares(x))}
    for icc in found.values():
        assert icc.conf_low <= icc.estimate <= icc.conf_high
    for form in ("ICC1", "ICC2", "ICC3"):
        if found[form].estimate > 0:
            assert found[form + "k"].estimate >= found[form].estimate
    moved = intraclass_correlations(mean_squares(x * 3 + 7))
    assert [icc.estimate for icc in moved] == pytest.approx([icc.estimate for icc in found.values()])


@FEW
@given(SEEDS)
def test_covariances_of_categories_lie_within_those_of_identical_items(seed: int) -> None:
    rng = np.random.default_rng(seed)
    tau = np.sort(rng.normal(size=(3, 4)), axis=1)
    low, high = (sum_covariances(tau, np.full((3, 3), r)) for r in (0.3, 0.7))
    assert np.all(low < high)
    assert np.allclose(sum_covariances(tau, np.zeros((3, 3))), 0, atol=1e-12)
