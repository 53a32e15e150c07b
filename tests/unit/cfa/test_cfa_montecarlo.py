import numpy as np
import pandas as pd
import pytest

import recoverymetrics as rm
from recoverymetrics.cfa import chi2_power
from recoverymetrics.cfa.montecarlo_result import MonteCarloPower
from recoverymetrics.cfa.population import analysis_text, read_population
from recoverymetrics.errors import ModelError, OptionError

MUTHEN = "f =~ .8*y1 + .8*y2 + .8*y3 + .8*y4 + .8*y5\ng =~ .8*y6 + .8*y7 + .8*y8 + .8*y9 + .8*y10\nf ~~ .25*g"
SMALL = "f =~ 0.8*x1 + 0.7*x2 + 0.6*x3 + 0.7*x4"
CUTS = "".join(f"\nx{k} | -0.6*t1 + 0.7*t2" for k in range(1, 5))


def row(found: MonteCarloPower, line: str) -> pd.Series:
    tidy = found.tidy()
    return tidy[(tidy.lhs + tidy.op + tidy.rhs) == line].iloc[0]


class TestPopulation:
    def test_what_is_not_written_is_standardised(self):
        found = read_population("f =~ .8*a + .6*b + .5*c\ns ~ 0.5*f\ns =~ .9*d + .9*e", 1, np.ones(1))
        np.testing.assert_allclose(np.diagonal(found.covariance[0]), 1.0)
        assert found.covariance[0, 0, 1] == pytest.approx(0.48)
        assert found.covariance[0, 0, 3] == pytest.approx(0.8 * 0.5 * 0.9)

    def test_what_is_written_is_kept_by_group(self):
        text = SMALL + "\nf ~~ c(1, 2)*f\nx1 ~~ 0.5*x1\nf ~ c(0, .4)*1\nx1 | c(-1, -.5)*t1"
        found = read_population(text, 2, np.full(2, 0.5))
        assert found.covariance[1, 0, 0] == pytest.approx(2 * 0.64 + 0.5)
        assert found.mean[1, 1] == pytest.approx(0.4 * 0.7)
        np.testing.assert_array_equal(found.thresholds["x1"].ravel(), [-1, -0.5])

    @pytest.mark.parametrize(
        ("text", "match"),
        [
            ("f =~ x1 + 0.5*x2 + 0.5*x3", "no value to f=~x1"),
            ("f =~ 1.2*x1 + 0.5*x2 + 0.5*x3", "more than a variance of one"),
            (SMALL + "\nx1 ~~ 2*x2", "not positive definite"),
            (SMALL + "\nx1 | 0.5*t1 + 0.2*t2", "ascend"),
            (SMALL + "\nx1 | 0.5*t2", "without gaps"),
            (SMALL + "\nx1 | t1", "no value to x1|t1"),
            (SMALL + "\nz | 0.2*t1", "not an observed variable"),
        ],
    )
    def test_impossible_populations_are_refused(self, text, match):
        with pytest.raises(ModelError, match=match.replace("|", r"\|")):
            read_population(text, 1, np.ones(1))

    def test_the_analysis_keeps_zeros_and_labels(self):
        text = "g =~ .7*x1 + a*.5*x2 + .5*x3\ns =~ .4*x1 + .4*x2\ng ~~ 0*s\ng ~~ 1*g\nx1 | 0.5*t1\nb := a^2"
        assert analysis_text(text).split("\n") == [
            "g =~ x1",
            "g =~ a*x2",
            "g =~ x3",
            "s =~ x1",
            "s =~ x2",
            "g ~~ 0*s",
            "b := a ^ 2",
        ]


class TestPower:
    def test_the_published_factor_model_has_its_published_power(self):
        # Muthen and Muthen (2002), table 1: n = 150 gives the factor correlation of .25 a power of .81
        found = rm.monte_carlo_power(MUTHEN, n=150, n_reps=300, seed=7)
        correlation = row(found, "f~~g")
        assert correlation.power == pytest.approx(0.81, abs=3 * np.sqrt(0.81 * 0.19 / 300))
        assert correlation.interval_coverage > 0.91
        assert abs(row(found, "f=~y1").relative_bias) < 0.02
        assert found.misfit == 0.0
        assert found.converged

    def test_workers_do_not_change_the_draws(self):
        a = rm.monte_carlo_power(SMALL, n=100, n_reps=6, seed=3)
        b = rm.monte_carlo_power(SMALL, n=100, n_reps=6, seed=3, workers=2)
        pd.testing.assert_frame_equal(a.tidy(), b.tidy())

    def test_ordered_items_and_their_thresholds(self):
        found = rm.monte_carlo_power(SMALL + CUTS, n=400, n_reps=60, seed=2)
        assert abs(row(found, "x1|t2").bias) < 0.05
        assert row(found, "f=~x2").population == pytest.approx(0.7)
        assert 0.8 < row(found, "f=~x2").se_ratio < 1.25

    def test_a_fitted_model_is_a_population(self):
        rng = np.random.default_rng(1)
        x = 0.8 * rng.normal(size=(400, 1)) + 0.6 * rng.normal(size=(400, 4))
        fit = rm.fit_cfa(x, "f =~ item1 + item2 + item3 + item4")
        found = rm.monte_carlo_power(fit, n=200, n_reps=40, seed=1)
        np.testing.assert_allclose(found.parameters.population, fit.theta, atol=1e-4)
        with pytest.raises(OptionError, match="options go with a model text"):
            rm.monte_carlo_power(fit, n=200, n_reps=5, estimator="MLR")

    def test_a_fitted_ordinal_model_in_two_groups_is_a_population(self):
        source = read_population(SMALL + CUTS, 2, np.full(2, 0.5))
        frame = source.frame(source.draw((400, 300), np.random.default_rng(5)))
        model = "f =~ x1 + x2 + x3 + x4"
        fit = rm.fit_cfa(frame, model, ordered=True, group="group", equal=("thresholds", "loadings"))
        found = rm.monte_carlo_power(fit, n=700, n_reps=5, seed=1)
        assert found.n == (400, 300)
        np.testing.assert_allclose(
            found.parameters.population, fit.theta[fit.table.index[fit.table.index >= 0]], atol=1e-4
        )

    def test_a_wrong_model_shows_its_misfit(self):
        found = rm.monte_carlo_power(
            SMALL + "\nx1 ~~ .2*x2", "f =~ x1 + x2 + x3 + x4", n=500, n_reps=60, seed=1
        )
        expected = chi2_power(found.misfit, n=500, df=found.df).power
        assert found.glance()["rejection_rate"].item() == pytest.approx(expected, abs=0.17)

    def test_groups_missing_responses_and_indirect_effects(self):
        found = rm.monte_carlo_power(
            SMALL + "\nf ~ c(0, .3)*1", n=(150, 150), n_reps=20, seed=1, equal=("loadings", "intercepts")
        )
        tidy = found.tidy()
        assert tidy[(tidy.lhs == "f") & (tidy.op == "~1")].population.item() == pytest.approx(0.3, abs=1e-5)
        found = rm.monte_carlo_power(
            "m ~ a*.4*x\ny ~ b*.3*m\nind := a*b", n=150, n_reps=20, seed=1, missing_rate=0.1, missing="fiml"
        )
        assert found.tidy().query("op == ':='").population.item() == pytest.approx(0.12, abs=1e-6)

    @pytest.mark.parametrize(
        ("options", "match"),
        [
            ({"n": 2}, "above 2"),
            ({"n": 100, "n_reps": 1}, "n_reps"),
            ({"n": 100, "alpha": 2}, "alpha"),
            ({"n": 100, "missing_rate": 1.0}, "missing_rate"),
        ],
    )
    def test_impossible_options(self, options, match):
        with pytest.raises(OptionError, match=match):
            rm.monte_carlo_power(SMALL, **options)


class TestSampleSize:
    def test_the_search_agrees_with_the_wald_test(self):
        text = "y ~ 0.2*x"
        found = rm.monte_carlo_sample_size(text, parameter="y ~ x", n_reps=200, seed=1)
        exact = (1.959964 + 0.841621) ** 2 * 0.96 / 0.04
        assert sum(found.n) == pytest.approx(exact, rel=0.15)
        assert found.search.n.is_monotonic_increasing

    def test_refusals(self):
        with pytest.raises(OptionError, match="not an estimated parameter"):
            rm.monte_carlo_sample_size(SMALL, parameter="f ~~ g", n_reps=5)
        with pytest.raises(OptionError, match="too close"):
            rm.monte_carlo_sample_size("y ~ 0.001*x", parameter="y ~ x", n_reps=20, seed=1)
        with pytest.raises(OptionError, match="power="):
            rm.monte_carlo_sample_size(SMALL, parameter="f =~ x1", power=1.5)
