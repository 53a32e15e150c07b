import numpy as np
import pytest

from recoverymetrics.numerics import counts as tally

VALUES = np.arange(1.0, 8.0)


@pytest.fixture
def ratings():
    return np.random.default_rng(3).integers(1, 8, (40, 23)).astype(float)


@pytest.mark.parametrize("probability", [0.0, 0.25, 0.3, 0.5, 0.7, 0.75, 1.0])
def test_quantiles_of_counts_are_type_7(ratings, probability):
    counts = tally.one_hot(ratings, VALUES).sum(axis=1)
    np.testing.assert_allclose(
        tally.quantile(counts, VALUES, probability), np.quantile(ratings, probability, axis=1)
    )


def test_moments_of_counts(ratings):
    counts = tally.one_hot(ratings, VALUES).sum(axis=1)
    np.testing.assert_allclose(tally.mean(counts, VALUES), ratings.mean(axis=1))
    np.testing.assert_allclose(tally.sd(counts, VALUES), ratings.std(axis=1, ddof=1))
    np.testing.assert_allclose(tally.top_share(counts, 2), (ratings >= 6).mean(axis=1))
    np.testing.assert_allclose(tally.bottom_share(counts, 3), (ratings <= 3).mean(axis=1))


def test_weights_repeat_people(ratings):
    weights = np.random.default_rng(5).multinomial(23, np.full(23, 1 / 23), size=6).astype(float)
    counts = tally.resampled(weights, tally.one_hot(ratings, VALUES))
    for b in range(6):
        repeated = np.repeat(ratings, weights[b].astype(int), axis=1)
        np.testing.assert_allclose(
            tally.quantile(counts[b], VALUES, 0.75), np.quantile(repeated, 0.75, axis=1)
        )


def test_scaled_weights_leave_shares_alone(ratings):
    counts = tally.one_hot(ratings, VALUES).sum(axis=1)
    np.testing.assert_allclose(tally.top_share(counts * 0.37, 2), tally.top_share(counts, 2))


def test_nobody_rated():
    empty = np.zeros((1, 7))
    assert np.isnan(tally.quantile(empty, VALUES, 0.5)).all()
    assert np.isnan(tally.mean(empty, VALUES)).all()
    assert np.isnan(tally.top_share(empty, 1)).all()
    assert np.isnan(tally.sd(np.eye(7)[:1], VALUES)).all()  # one rating has no spread
