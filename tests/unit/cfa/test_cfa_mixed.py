"""Models of ordered and continuous items together: scores, robust fit, weights and clusters."""

import numpy as np
import pandas as pd
import pytest

import recoverymetrics as rm
from recoverymetrics.cfa.population import read_population
from recoverymetrics.cfa.robust_fit import categorical_pair
from recoverymetrics.errors import OptionError

LINES = "f =~ .8*a + .7*b + .6*c + .7*d\ng =~ .7*e + .8*h + .6*i + .7*j\nf ~~ .4*g"
CUTS = "\na | -.5*t1 + .5*t2\nb | 0*t1\ne | -.5*t1 + .6*t2\nh | .1*t1"
MODEL = "f =~ a + b + c + d\ng =~ e + h + i + j"
ORDERED = list("abeh")


def draw(seed, n, text=LINES + CUTS):
    population = read_population(text, 1, np.ones(1))
    return population.frame(population.draw((n,), np.random.default_rng(seed)))


@pytest.fixture(scope="module")
def persons():
    rng = np.random.default_rng(1)
    theta = rng.normal(size=3000)
    x = 0.8 * theta[:, None] + 0.6 * rng.normal(size=(3000, 6))
    frame = pd.DataFrame(x, columns=[f"v{k}" for k in range(1, 7)])
    frame[["v1", "v2", "v3"]] = np.searchsorted([-0.6, 0.5], frame[["v1", "v2", "v3"]])
    return theta, frame


@pytest.fixture(scope="module")
def fit(persons):
    return rm.fit_cfa(persons[1], "f =~ v1+v2+v3+v4+v5+v6", ordered=["v1", "v2", "v3"], std_lv=True)


class TestScores:
    def test_standard_errors_are_the_errors(self, persons, fit):
        scores = fit.factor_scores(std_error=True)
        gap = scores.f - persons[0]
        assert np.sqrt((gap**2).mean()) == pytest.approx(scores.f_std_error.mean(), rel=0.05)
        unbiased = fit.factor_scores(method="ml", std_error=True)
        kept = unbiased.f.abs() < 5
        assert np.polyfit(persons[0][kept], unbiased.f[kept], 1)[0] == pytest.approx(1.0, abs=0.04)

    def test_continuous_items_alone_give_regression_scores(self, persons, fit):
        holes = persons[1].astype(float).assign(v1=np.nan, v2=np.nan, v3=np.nan)
        whole = rm.fit_cfa(persons[1], "f =~ v4 + v5 + v6", std_lv=True, meanstructure=True)
        a, b = fit.factor_scores(holes, std_error=True), whole.factor_scores(std_error=True)
        assert np.corrcoef(a.f, b.f)[0, 1] > 0.9999
        assert a.f_std_error.mean() == pytest.approx(b.f_std_error.mean(), rel=0.02)

    def test_a_missing_response_widens_the_error(self, persons, fit):
        holes = persons[1].astype(float).copy()
        holes.loc[0, ["v4", "v1"]] = np.nan
        holes.loc[1] = np.nan
        before, after = (fit.factor_scores(x, std_error=True) for x in (persons[1], holes))
        assert after.f_std_error[0] > before.f_std_error[0]
        assert after.loc[1].isna().all()
        assert after.f[2] == pytest.approx(before.f[2])

    def test_both_parameterisations_score_alike(self, persons):
        delta, theta = (
            rm.fit_cfa(persons[1], "f =~ v1+v2+v4+v5", ordered=["v1", "v2"], parameterization=p)
            .factor_scores()
            .f
            for p in ("delta", "theta")
        )
        assert np.std(theta / delta) < 1e-5

    def test_regression_scores_are_for_continuous_items(self, fit):
        with pytest.raises(OptionError, match="'ebm' or 'ml'"):
            fit.factor_scores(method="regression")


def test_the_robust_statistic_of_a_true_model_has_its_expected_mean():
    statistics, expected = [], []
    for seed in range(60):
        fit = rm.fit_cfa(draw(seed, 400, LINES + CUTS + "\ni ~~ 2*i"), MODEL, ordered=ORDERED)
        pair = categorical_pair(fit)
        statistics.append(pair.chi2)
        expected.append(pair.scale * fit.test.df)
    error = np.std(statistics, ddof=1) / np.sqrt(60)
    assert np.mean(statistics) == pytest.approx(np.mean(expected), abs=2.5 * error)
    assert {"cfi_robust", "rmsea_robust", "tli_robust"} <= set(fit.fit_measures().index)


def test_units_of_continuous_items_do_not_matter_to_robust_fit():
    frame = draw(3, 500)
    fit, scaled = (rm.fit_cfa(x, MODEL, ordered=ORDERED) for x in (frame, frame.assign(i=10 * frame.i)))
    for name in ("cfi_robust", "rmsea_robust", "rmsea_conf_high_robust"):
        assert fit.fit_measures()[name] == pytest.approx(scaled.fit_measures()[name], abs=1e-5)


class TestGroupsOfScores:
    @pytest.fixture
    def grouped(self):
        return draw(4, 600).assign(country=np.where(np.arange(600) % 3 == 0, "A", "B"))

    def test_the_group_column_of_the_fit_is_remembered(self, grouped):
        fit = rm.fit_cfa(grouped, MODEL, ordered=ORDERED, group="country")
        named, remembered = fit.factor_scores(grouped, group="country"), fit.factor_scores(grouped)
        pd.testing.assert_frame_equal(named, remembered)
        assert {"f", "g_std_error"} <= set(fit.augment(grouped).columns)
        with pytest.raises(OptionError, match="column 'country' that the fit used is not in these data"):
            fit.factor_scores(grouped.drop(columns="country"))
        fit = rm.fit_cfa(grouped, MODEL, ordered=ORDERED, group=grouped.country.to_numpy())
        with pytest.raises(OptionError, match="the fit was given labels"):
            fit.factor_scores(grouped)

    def test_responses_bring_their_grouping(self, grouped):
        responses = rm.Responses(grouped[[*"abeh", "country"]], group="country")
        fit = rm.fit_cfa(responses, "f =~ a + b + e + h", ordered=True, group="country", std_lv=True)
        expected = fit.factor_scores(grouped, group="country")
        np.testing.assert_allclose(fit.factor_scores(responses), expected, atol=1e-9)

    def test_a_model_without_factors_has_no_scores(self, grouped):
        with pytest.raises(OptionError, match="no latent variables"):
            rm.fit_sem(grouped, "i ~ j").factor_scores()
