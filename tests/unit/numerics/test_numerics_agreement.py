"""Agreement kernels against published examples and an independent implementation."""

import numpy as np
import pytest

from recoverymetrics.errors import DataError, OptionError
from recoverymetrics.numerics import agreement as ag
from recoverymetrics.numerics import cohen, concordance, krippendorff

PUBLISHED = 6e-6
"""Books print five decimals."""

NA = np.nan
# Twelve units, four raters, five categories: Krippendorff (2004), also in Gwet (2014), with missing ratings.
RATINGS = np.array(
    [
        [1, 1, NA, 1], [2, 2, 3, 2], [3, 3, 3, 3], [3, 3, 3, 3], [2, 2, 2, 2], [1, 2, 3, 4],
        [4, 4, 4, 4], [1, 1, 2, 1], [2, 2, 2, 2], [NA, 5, 5, 5], [NA, NA, 1, 1], [NA, NA, 3, NA],
    ]
)  # fmt: skip
CATEGORIES = np.arange(1.0, 6.0)
COUNTS = ag.category_counts(RATINGS, CATEGORIES)
# Fourteen raters, ten subjects, five categories: the textbook example of Fleiss' kappa.
FLEISS = np.array(
    [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ],
    dtype=float,
)  # fmt: skip


def test_gwet_ac1_of_the_handbook_example() -> None:
    a = ag.gwet_ac(COUNTS)
    assert a.estimate == pytest.approx(0.77544, abs=PUBLISHED)
    assert a.std_error == pytest.approx(0.14295, abs=PUBLISHED)
    assert a.observed == pytest.approx(0.81818, abs=PUBLISHED)
    assert a.expected == pytest.approx(0.19032, abs=PUBLISHED)
    assert (a.n_units, a.n_pairable) == (12, 11)


def test_fleiss_kappa_with_missing_ratings_of_the_handbook_example() -> None:
    a = ag.fleiss_kappa(COUNTS)
    assert a.estimate == pytest.approx(0.76117, abs=PUBLISHED)
    assert a.std_error == pytest.approx(0.15302, abs=PUBLISHED)


def test_brennan_prediger_of_the_handbook_example() -> None:
    a = ag.brennan_prediger(COUNTS)
    assert a.estimate == pytest.approx(0.77273, abs=PUBLISHED)
    assert a.std_error == pytest.approx(0.14472, abs=PUBLISHED)


def test_fleiss_kappa_of_the_textbook_example() -> None:
    a = ag.fleiss_kappa(FLEISS)
    assert (round(a.observed, 3), round(a.expected, 3), round(a.estimate, 3)) == (0.378, 0.213, 0.210)


@pytest.mark.parametrize(
    ("metric", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)]
)
def test_krippendorff_alpha_of_the_canonical_example(metric: str, alpha: float) -> None:
    assert round(krippendorff.krippendorff_alpha(COUNTS, CATEGORIES, metric).estimate, 3) == alpha


@pytest.mark.parametrize("metric", krippendorff.METRICS)
def test_krippendorff_alpha_equals_the_independent_package(metric: str) -> None:
    package = pytest.importorskip("krippendorff")
    rng = np.random.default_rng(3)
    for _ in range(10):
        truth = rng.integers(1, 7, (40, 1))
        ratings = np.clip(truth + rng.integers(-1, 2, (40, 5)), 1, 6).astype(float)
        ratings[rng.random(ratings.shape) < 0.25] = np.nan
        scale = np.arange(1.0, 7.0)
        ours = krippendorff.krippendorff_alpha(ag.category_counts(ratings, scale), scale, metric).estimate
        theirs = package.alpha(
            reliability_data=ratings.T, level_of_measurement=metric, value_domain=scale.tolist()
        )
        assert ours == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize("metric", ["nominal", "interval"])
def test_standard_errors_agree_with_resampled_units(metric: str) -> None:
    rng = np.random.default_rng(5)
    ratings = np.clip(rng.integers(1, 6, (400, 1)) + rng.integers(-1, 2, (400, 4)), 1, 5).astype(float)
    ratings[:, 2:][rng.random((400, 2)) < 0.3] = np.nan  # every unit keeps two ratings
    counts = ag.category_counts(ratings, CATEGORIES)
    draws = krippendorff.krippendorff_bootstrap(counts, CATEGORIES, metric, n_draws=2000, rng=rng)
    assert krippendorff.krippendorff_alpha(counts, CATEGORIES, metric).std_error == pytest.approx(
        draws.std(), rel=0.1
    )
    for estimator in (ag.gwet_ac, ag.fleiss_kappa):
        w = ag.agreement_weights(CATEGORIES, "quadratic")
        again = [estimator(counts[rng.integers(0, 400, 400)], w).estimate for _ in range(800)]
        assert estimator(counts, w).std_error == pytest.approx(np.std(again), rel=0.1)


def test_kappa_of_two_raters_with_quadratic_weights_is_close_to_an_intraclass_correlation() -> None:
    rng = np.random.default_rng(2)
    truth = rng.normal(size=2000)
    pair = np.digitize(np.column_stack([truth, truth]) + rng.normal(size=(2000, 2)) * 0.5, [-1, 0, 1]).astype(
        float
    )
    counts = ag.category_counts(pair, np.arange(4.0))
    table = np.histogram2d(pair[:, 0], pair[:, 1], bins=np.arange(5) - 0.5)[0]
    w = ag.agreement_weights(np.arange(4.0), "quadratic")
    kappa = cohen.cohen_kappa(table, w).estimate
    assert kappa == pytest.approx(ag.fleiss_kappa(counts, w).estimate, abs=2e-3)
    assert kappa == pytest.approx(
        krippendorff.krippendorff_alpha(counts, np.arange(4.0), "interval").estimate, abs=2e-3
    )


def test_maximum_kappa_given_the_margins() -> None:
    table = np.array([[40.0, 20.0], [0.0, 40.0]])
    k = cohen.cohen_kappa(table)
    assert k.maximum == pytest.approx(k.estimate)
    assert np.isnan(cohen.cohen_kappa(table, np.array([[1, 0.5], [0.5, 1]])).maximum)


@pytest.mark.parametrize("kind", ag.WEIGHT_KINDS)
def test_weights_are_symmetric_with_ones_on_the_diagonal(kind: str) -> None:
    w = ag.agreement_weights(np.array([1.0, 2, 4, 5]), kind)
    assert np.array_equal(w, w.T)
    assert np.array_equal(np.diag(w), np.ones(4))
    assert w.min() >= 0
    assert w.max() == 1


def test_one_category_gives_no_value_instead_of_a_number() -> None:
    counts = np.array([[3.0], [3.0]])
    assert np.isnan(ag.fleiss_kappa(counts).estimate)
    assert np.isnan(ag.gwet_ac(counts).estimate)
    assert np.isnan(krippendorff.krippendorff_alpha(counts, np.array([1.0])).estimate)
    assert np.isnan(cohen.cohen_kappa(np.array([[5.0, 0.0], [0.0, 0.0]])).estimate)


def test_no_pairable_unit() -> None:
    counts = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert ag.gwet_ac(counts).n_pairable == 0
    assert np.isnan(krippendorff.krippendorff_alpha(counts, np.arange(2.0)).estimate)
    assert np.isnan(
        krippendorff.krippendorff_bootstrap(
            counts, np.arange(2.0), "nominal", n_draws=3, rng=np.random.default_rng(0)
        )
    ).all()


def test_kendall_w_of_the_textbook_example() -> None:
    ranks = np.array([[1.0, 6, 3, 2, 5, 4], [1, 5, 6, 4, 2, 3], [6, 3, 2, 5, 4, 1]]).T  # Siegel (1956)
    w = concordance.kendall_w(ranks)
    assert round(w.estimate, 3) == 0.162
    assert w.df == 5
    assert w.statistic == pytest.approx(15 * w.estimate)


def test_kendall_w_with_ties_is_tied_to_the_mean_rank_correlation() -> None:
    from scipy.stats import spearmanr

    rng = np.random.default_rng(1)
    values = np.round(rng.normal(size=(30, 1)) + rng.normal(size=(30, 2)), 0)
    w = concordance.kendall_w(values)
    assert w.mean_spearman == pytest.approx(spearmanr(values).statistic, abs=0.01)
    untied = rng.normal(size=(30, 4))
    rho = spearmanr(untied).statistic
    assert concordance.kendall_w(untied).mean_spearman == pytest.approx(
        rho[np.triu_indices(4, 1)].mean(), abs=1e-12
    )


def test_kendall_jackknife_follows_the_spread_over_raters() -> None:
    rng = np.random.default_rng(9)
    truth = rng.normal(size=(40, 1))
    draws = [concordance.kendall_w(truth + rng.normal(size=(40, 12))).estimate for _ in range(300)]
    errors = [concordance.kendall_jackknife(truth + rng.normal(size=(40, 12))) for _ in range(100)]
    assert np.mean(errors) == pytest.approx(np.std(draws), rel=0.25)
    assert np.isnan(concordance.kendall_jackknife(truth + rng.normal(size=(40, 2))))


def test_all_ties_give_no_value() -> None:
    assert np.isnan(concordance.kendall_w(np.ones((4, 3))).estimate)


@pytest.mark.parametrize(
    ("ratings", "message"),
    [
        (np.array([[1.0, 2.0]]), "at least two units and two raters; there are 1 and 2"),
        (np.array([[1.0, np.nan], [2.0, 1.0]]), "1 of 2 units have missing ones"),
    ],
)
def test_kendall_w_refuses(ratings: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        concordance.kendall_w(ratings)


def test_unknown_options_and_categories_are_named() -> None:
    with pytest.raises(OptionError, match="identity, linear"):
        ag.agreement_weights(np.arange(3.0), "cubic")
    with pytest.raises(OptionError, match="nominal, ordinal"):
        krippendorff.metric_distance(np.arange(3.0), "circular")
    with pytest.raises(DataError, match="rating 7 is not among the categories"):
        ag.category_counts(np.array([[7.0, 1.0]]), np.array([1.0, 2.0]))
