"""Kernels against slow, plain computations written out row by row."""

import itertools

import numpy as np
import pytest
from scipy import stats

from recoverymetrics.numerics.normal_missing import em_normal, find_missing_patterns, mahalanobis_squared
from recoverymetrics.screening import items, persons
from recoverymetrics.screening.missing import little_test, pattern_means

EXACT = 1e-10  # closed forms in double precision
ITERATED = 1e-7  # the EM cycles stop at changes of 1e-9


def incomplete(n=120, p=5, share=0.2, seed=3):
    rng = np.random.default_rng(seed)
    values = rng.integers(1, 6, (n, p)).astype(float) + rng.integers(0, 3, (n, 1))
    values[rng.random((n, p)) < share] = np.nan
    values[0] = np.nan
    return values


def observed_loglik(values, mean, covariance):
    total = 0.0
    for row in values:
        o = ~np.isnan(row)
        if o.any():
            total += stats.multivariate_normal(mean[o], covariance[np.ix_(o, o)]).logpdf(row[o])
    return total


def test_em_reaches_a_stationary_point_of_the_observed_likelihood():
    values = incomplete()
    fit = em_normal(values)
    assert fit.converged
    assert fit.n == 119
    best = observed_loglik(values, fit.mean, fit.covariance)
    rng = np.random.default_rng(0)
    for _ in range(20):
        step = rng.normal(size=fit.covariance.shape) * 0.02
        assert observed_loglik(values, fit.mean + rng.normal(size=5) * 0.02, fit.covariance) < best
        assert observed_loglik(values, fit.mean, fit.covariance + step + step.T) < best


def test_em_of_complete_rows_is_the_sample_moments():
    values = incomplete(share=0.0)[1:]
    fit = em_normal(values)
    np.testing.assert_allclose(fit.mean, values.mean(axis=0), rtol=EXACT)
    np.testing.assert_allclose(fit.covariance, np.cov(values.T, bias=True), rtol=EXACT)
    assert fit.n_iter == 0


def test_em_does_not_depend_on_the_unit_of_the_items():
    values = incomplete()
    scale = np.array([1, 10, 100, 0.1, 1])
    a, b = em_normal(values), em_normal(values * scale)
    np.testing.assert_allclose(b.mean, a.mean * scale, rtol=ITERATED)
    np.testing.assert_allclose(b.covariance, a.covariance * np.outer(scale, scale), rtol=ITERATED)


def test_monotone_missingness_has_the_known_solution():
    values = incomplete(p=2, share=0.0)[1:]
    values[60:, 1] = np.nan
    fit = em_normal(values)
    x, y = values[:60].T
    slope = np.cov(x, y)[0, 1] / x.var(ddof=1)
    np.testing.assert_allclose(
        fit.mean[1], y.mean() + slope * (values[:, 0].mean() - x.mean()), rtol=ITERATED
    )
    np.testing.assert_allclose(fit.covariance[0, 1], slope * values[:, 0].var(), rtol=1e-6)


def test_patterns_partition_the_rows():
    values = incomplete(p=11)
    found = find_missing_patterns(values)
    np.testing.assert_array_equal(found.missing[found.index], np.isnan(values))
    assert found.counts.sum() == len(values)
    assert len(np.unique(found.missing, axis=0)) == len(found.missing)


def test_mahalanobis_of_incomplete_rows():
    values = incomplete()
    fit = em_normal(values)
    ours = mahalanobis_squared(values, find_missing_patterns(values), fit.mean, fit.covariance)
    for row, distance in zip(values, ours, strict=True):
        o = ~np.isnan(row)
        d = row[o] - fit.mean[o]
        theirs = d @ np.linalg.solve(fit.covariance[np.ix_(o, o)], d) if o.any() else 0.0
        np.testing.assert_allclose(distance, theirs, rtol=1e-6, atol=1e-8)


def test_little_test_pattern_by_pattern():
    values = incomplete()
    fit = em_normal(values)
    patterns = find_missing_patterns(values)
    test = little_test(values, patterns, fit)
    statistic, df = 0.0, -values.shape[1]
    for mask in np.unique(np.isnan(values), axis=0):
        o = ~mask
        rows = values[(np.isnan(values) == mask).all(axis=1)]
        if o.any():
            d = rows[:, o].mean(axis=0) - fit.mean[o]
            statistic += len(rows) * d @ np.linalg.solve(fit.covariance[np.ix_(o, o)], d)
            df += o.sum()
    np.testing.assert_allclose(test.statistic, statistic, rtol=1e-6)
    assert test.df == df
    np.testing.assert_allclose(test.p_value, stats.chi2.sf(statistic, df), rtol=1e-5)


def test_little_test_keeps_its_level_and_sees_selective_missingness():
    rng = np.random.default_rng(11)
    p_values, power = [], []
    for _ in range(200):
        full = rng.multivariate_normal(np.zeros(3), 0.5 + 0.5 * np.eye(3), 200)
        random, selective = full.copy(), full.copy()
        random[rng.random(200) < 0.3, 2] = np.nan
        random[rng.random(200) < 0.2, 1] = np.nan
        selective[full[:, 0] > 0.7, 2] = np.nan
        for data, found in ((random, p_values), (selective, power)):
            found.append(little_test(data, find_missing_patterns(data), em_normal(data)).p_value)
    assert 0.01 <= np.mean(np.array(p_values) < 0.05) <= 0.10
    assert np.mean(np.array(power) < 0.05) == 1.0


def test_little_test_without_missing_responses_says_why():
    values = incomplete(share=0.0)[1:]
    test = little_test(values, find_missing_patterns(values), em_normal(values))
    assert np.isnan(test.statistic)
    assert test.reason == "no response is missing"


def test_pattern_means():
    values = incomplete(n=40, p=2)
    patterns = find_missing_patterns(values)
    means = pattern_means(values, patterns)
    for k in range(len(patterns.counts)):
        rows = values[patterns.index == k]
        seen = ~patterns.missing[k]
        np.testing.assert_allclose(means[k][seen], rows[:, seen].mean(axis=0))
        assert np.isnan(means[k][~seen]).all()


def test_longstring_row_by_row():
    values = incomplete(share=0.15)
    for row, ours in zip(values, persons.longstring(values), strict=True):
        seen = row[~np.isnan(row)]
        assert ours == max((len(list(run)) for _, run in itertools.groupby(seen)), default=0)


@pytest.mark.parametrize("index", ["irv", "person_total"])
def test_indices_row_by_row(index):
    values = incomplete(p=8)
    sums, counts = np.nansum(values, axis=0), (~np.isnan(values)).sum(axis=0).astype(float)
    ours = {
        "irv": persons.response_variability(values),
        "person_total": persons.person_total(values, sums, counts, inside=True),
    }[index]
    for i, row in enumerate(values):
        seen = ~np.isnan(row)
        if seen.sum() < 3:
            continue
        if index == "irv":
            theirs = row[seen].std(ddof=1)
        else:
            others = np.nanmean(np.delete(values, i, axis=0), axis=0)
            theirs = np.corrcoef(row[seen], others[seen])[0, 1] if np.ptp(row[seen]) else np.nan
        np.testing.assert_allclose(ours[i], theirs, rtol=1e-8, atol=1e-12)


def test_straight_lines_have_no_person_total_and_no_variability():
    values = np.full((1, 6), 3.0)
    assert persons.response_variability(values)[0] == 0.0
    assert np.isnan(persons.person_total(values, np.arange(6.0), np.ones(6), inside=False)[0])


def test_even_odd_by_hand():
    keyed = np.array([[1, 2, 3, 4, 5, 5, 2, 2.0]])
    halves = tuple((np.array([j]), np.array([j + 1])) for j in (0, 2, 4, 6))
    r = np.corrcoef([1, 3, 5, 2], [2, 4, 5, 2])[0, 1]
    np.testing.assert_allclose(persons.even_odd(keyed, halves), [2 * r / (1 + r)])
    assert np.isnan(persons.even_odd(keyed, halves[:2])).all()


def test_synonyms_need_five_pairs():
    rng = np.random.default_rng(0)
    raw = rng.integers(1, 6, (4, 12)).astype(float)
    pairs = np.arange(12).reshape(6, 2)
    ours = persons.pair_correlation(raw, pairs)
    np.testing.assert_allclose(ours, [np.corrcoef(row[0::2], row[1::2])[0, 1] for row in raw])
    assert np.isnan(persons.pair_correlation(raw, pairs[:4])).all()


def test_moments_against_scipy():
    values = incomplete()
    mean, sd, skew, kurtosis = items.moments(values)
    for j, column in enumerate(values.T):
        x = column[~np.isnan(column)]
        np.testing.assert_allclose([mean[j], sd[j]], [x.mean(), x.std(ddof=1)], rtol=EXACT)
        np.testing.assert_allclose(skew[j], stats.skew(x, bias=False), rtol=EXACT)
        np.testing.assert_allclose(kurtosis[j], stats.kurtosis(x, bias=False), rtol=EXACT)


def test_moments_of_a_constant_or_empty_item_have_no_shape():
    values = np.column_stack([np.full(5, 2.0), np.full(5, np.nan)])
    mean, _, skew, kurtosis = items.moments(values)
    assert mean[0] == 2.0
    assert np.isnan(mean[1])
    assert np.isnan(skew).all()
    assert np.isnan(kurtosis).all()


def test_category_counts():
    values = np.array([[0, 1], [2, 3], [2, np.nan], [5, 1]])
    counts = items.category_counts(values, np.array([0, 1]), np.array([2, 3]))
    np.testing.assert_array_equal(counts, [[1, 0, 2], [2, 0, 1]])


def test_description_of_items():
    found = items.describe_items(
        np.array([[1, 4], [1, np.nan], [3, 4]]), np.array([1, 1]), np.array([4, 4]), sparse=2
    )
    np.testing.assert_array_equal(found.n, [3, 2])
    np.testing.assert_array_equal(found.n_missing, [0, 1])
    np.testing.assert_allclose(found.floor, [2 / 3, 0])
    np.testing.assert_allclose(found.ceiling, [0, 1])
    np.testing.assert_array_equal(found.n_categories, [2, 1])
    np.testing.assert_array_equal(found.n_empty, [2, 3])
    np.testing.assert_array_equal(found.n_sparse, [3, 3])
    np.testing.assert_array_equal(found.min_count, [0, 0])


def test_pairwise_correlation_of_incomplete_columns():
    values = incomplete()
    ours = items.pairwise_correlation(values)
    for i, j in itertools.combinations(range(5), 2):
        both = ~np.isnan(values[:, [i, j]]).any(axis=1)
        np.testing.assert_allclose(ours[i, j], np.corrcoef(values[both, i], values[both, j])[0, 1], rtol=1e-9)


def test_item_rest_of_complete_data_is_the_corrected_item_total_of_standardised_items():
    values = incomplete(share=0.0)[1:]
    z = (values - values.mean(axis=0)) / values.std(axis=0)
    theirs = [np.corrcoef(z[:, j], np.delete(z, j, axis=1).sum(axis=1))[0, 1] for j in range(5)]
    np.testing.assert_allclose(items.item_rest(values, np.zeros(5, dtype=int)), theirs, rtol=1e-9)
    alone = items.item_rest(values, np.array([0, 0, 1, 1, 2]))
    np.testing.assert_allclose(alone[0], np.corrcoef(values[:, 0], values[:, 1])[0, 1], rtol=1e-9)
    assert np.isnan(alone[4])


def test_autocorrelation_row_by_row():
    values = incomplete(n=60, p=20, share=0.1)
    ours = persons.largest_autocorrelation(values, 5)
    for row, found in zip(values[1:], ours[1:], strict=True):
        d = row - np.nanmean(row)
        sizes = []
        for lag in range(1, 6):
            a, b = d[lag:], d[:-lag]
            both = ~np.isnan(a * b)
            if both.sum() >= persons.MIN_OVERLAP:
                sizes.append(
                    abs((a[both] * b[both]).sum()) / np.sqrt((a[both] ** 2).sum() * (b[both] ** 2).sum())
                )
        np.testing.assert_allclose(found, max(sizes), rtol=1e-9)
    assert np.isnan(ours[0])


@pytest.mark.parametrize("cycle", [[1, 5], [1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 4, 3, 2]])
def test_repeating_patterns_have_an_autocorrelation_near_one(cycle):
    row = np.resize(np.array(cycle, dtype=float), 40)[None, :]
    assert persons.largest_autocorrelation(row, 5)[0] > 0.95
    assert np.isnan(persons.largest_autocorrelation(np.full((1, 40), 3.0), 5)[0])
