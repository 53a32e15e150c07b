"""Mean squares, intraclass correlations and REML."""

import numpy as np
import pytest

from recoverymetrics.errors import DataError
from recoverymetrics.numerics.variance_components import (
    intraclass_correlations,
    mean_squares,
    reml_components,
    spearman_brown,
)

# Six targets, four judges: Shrout & Fleiss (1979), table 2.
RATINGS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], dtype=float
)


def test_published_mean_squares_and_intraclass_correlations() -> None:
    ms = mean_squares(RATINGS)
    assert [round(x, 2) for x in (ms.targets, ms.within, ms.raters, ms.error)] == [11.24, 6.26, 32.49, 1.02]
    found = intraclass_correlations(ms)
    assert [round(icc.estimate, 2) for icc in found] == [0.17, 0.29, 0.71, 0.44, 0.62, 0.91]
    assert all(icc.conf_low < icc.estimate < icc.conf_high for icc in found)


def test_intervals_cover() -> None:
    rng = np.random.default_rng(1)
    truth = {"ICC1": 0.5, "ICC3": 0.5}
    hits = dict.fromkeys(truth, 0)
    for _ in range(600):
        x = rng.normal(size=(40, 1)) + rng.normal(size=(40, 3))
        for icc in intraclass_correlations(mean_squares(x), level=0.9):
            if icc.form in truth:
                hits[icc.form] += icc.conf_low < truth[icc.form] < icc.conf_high
    assert all(0.865 < count / 600 < 0.93 for count in hits.values())


def test_reml_equals_the_analysis_of_variance_on_balanced_ratings() -> None:
    ms, fit = mean_squares(RATINGS), reml_components(RATINGS)
    assert fit.converged
    expected = [(ms.targets - ms.error) / 4, (ms.raters - ms.error) / 6, ms.error]
    assert [fit.targets, fit.raters, fit.error] == pytest.approx(expected, rel=1e-6)
    one_way = reml_components(RATINGS, rater_effect=False)
    assert [one_way.targets, one_way.error] == pytest.approx(
        [(ms.targets - ms.within) / 4, ms.within], rel=1e-6
    )
    assert one_way.raters == 0


def test_reml_likelihood_equals_the_dense_formula() -> None:
    ratings = RATINGS.copy()
    ratings[0, 1] = ratings[3, 2] = np.nan
    fit = reml_components(ratings)
    rows, columns = np.nonzero(~np.isnan(ratings))
    y = ratings[rows, columns]
    V = (
        fit.targets * (rows[:, None] == rows)
        + fit.raters * (columns[:, None] == columns)
        + fit.error * np.eye(y.size)
    )
    W, one = np.linalg.inv(V), np.ones(y.size)
    xx = one @ W @ one
    quadratic = y @ W @ y - (one @ W @ y) ** 2 / xx
    logdet = np.linalg.slogdet(V)[1] + np.log(xx)
    assert fit.loglik == pytest.approx(
        -0.5 * (logdet + quadratic + (y.size - 1) * np.log(2 * np.pi)), rel=1e-9
    )


def test_reml_recovers_planted_components_from_incomplete_ratings() -> None:
    rng = np.random.default_rng(4)
    x = rng.normal(size=(1500, 1)) + rng.normal(size=(1, 40)) * 0.5 + rng.normal(size=(1500, 40)) * 0.8
    x[rng.random(x.shape) < 0.85] = np.nan
    fit = reml_components(x)
    assert fit.targets == pytest.approx(1.0, abs=0.12)
    assert fit.raters == pytest.approx(0.25, abs=0.12)
    assert fit.error == pytest.approx(0.64, abs=0.04)
    assert 1 < fit.k_mean < 40


def test_a_component_at_zero_stays_there() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(30, 3))
    x -= x.mean(0)
    fit = reml_components(x)
    assert fit.raters == 0
    assert fit.converged


def test_spearman_brown() -> None:
    assert spearman_brown(0.5, 2) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mean_squares(np.ones((1, 3))), "two targets and two raters"),
        (lambda: mean_squares(np.array([[1.0, np.nan], [1, 2]])), "complete ratings"),
        (lambda: reml_components(np.array([[1.0, np.nan], [np.nan, 2.0]])), "two ratings"),
        (lambda: reml_components(np.ones((4, 3))), "all ratings are the same"),
    ],
)
def test_refusals(call, message: str) -> None:
    with pytest.raises(DataError, match=message):
        call()
