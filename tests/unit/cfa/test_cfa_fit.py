import pickle
import warnings

import matplotlib
import numpy as np
import pandas as pd
import pytest

import recoverymetrics as rm
from recoverymetrics.cfa.inference import Curvature
from recoverymetrics.cfa.power import chi2_power, rmsea_power, rmsea_power_nested, rmsea_sample_size
from recoverymetrics.cfa.statistics import model_test
from recoverymetrics.errors import DataError, EstimationWarning, ModelError, OptionError

matplotlib.use("Agg")
PUBLISHED = 1e-9  # closed form
SAME = 1e-6  # two parameterisations of one model

LOADINGS = np.array([[0.8, 0], [0.7, 0], [0.6, 0], [0, 0.8], [0, 0.7], [0, 0.5]])
TWO = "f =~ x1 + x2 + x3\ng =~ x4 + x5 + x6"


def draw(n=600, seed=3, loadings=LOADINGS, correlation=0.4):
    rng = np.random.default_rng(seed)
    k = loadings.shape[1]
    psi = np.full((k, k), correlation) + (1 - correlation) * np.eye(k)
    factors = rng.multivariate_normal(np.zeros(k), psi, size=n)
    noise = rng.normal(size=(n, len(loadings))) * np.sqrt(1 - np.diag(loadings @ psi @ loadings.T))
    return pd.DataFrame(factors @ loadings.T + noise, columns=[f"x{j + 1}" for j in range(len(loadings))])


def cut(data, at=(-0.7, 0.2, 1.0)):
    return data.apply(lambda column: np.searchsorted(at, column)).astype(float)


@pytest.fixture(scope="module")
def data():
    return draw()


@pytest.fixture(scope="module")
def grouped():
    frame = pd.concat([draw(400, 1).assign(country="A"), draw(500, 2).assign(country="B")], ignore_index=True)
    frame.loc[frame.country == "B", ["x1", "x2", "x3"]] += 0.4 * LOADINGS[:3, 0]
    return frame


def value(fit, line, column="estimate", group=None):
    tidy = fit.tidy()
    match = (tidy.lhs + tidy.op + tidy.rhs) == line
    if group is not None:
        match &= tidy.group == group
    return float(tidy.loc[match, column].iloc[0])


class TestEstimates:
    def test_planted_loadings_come_back(self, data):
        fit = rm.fit_cfa(data, TWO, std_lv=True)
        tidy = fit.tidy().query("op == '=~'")
        planted = LOADINGS[LOADINGS > 0]
        assert fit.converged
        assert fit.admissible
        assert np.all(np.abs(tidy.estimate - planted) < 4 * tidy.std_error)
        assert abs(value(fit, "f~~g") - 0.4) < 4 * value(fit, "f~~g", "std_error")

    def test_tidy_and_glance_have_the_promised_columns(self, data):
        fit = rm.fit_cfa(data, TWO)
        promised = "group lhs op rhs label free estimate std_error statistic p_value conf_low conf_high std_lv std_all"
        assert list(fit.tidy().columns) == promised.split()
        promised = "n npar loglik chi2 df p_value cfi tli rmsea rmsea_conf_low rmsea_conf_high srmr aic bic"
        glance = fit.glance()
        assert set(promised.split()) <= set(glance.columns)
        assert len(glance) == 1
        assert "Parameters" in fit.summary()
        assert fit.to_dict()["result"] == "CFAResult"

    def test_marker_and_standardised_factors_imply_the_same_moments(self, data):
        a, b = rm.fit_cfa(data, TWO), rm.fit_cfa(data, TWO, std_lv=True)
        np.testing.assert_allclose(a.implied()["cov"], b.implied()["cov"], atol=SAME)
        np.testing.assert_allclose(a.tidy().std_all, b.tidy().std_all, atol=SAME)

    def test_effects_coding_is_the_same_model_in_other_units(self, data, grouped):
        marker, effects = rm.fit_cfa(data, TWO), rm.fit_cfa(data, TWO, effects_coding=True)
        assert effects.test.df == marker.test.df
        assert effects.test.chi2 == pytest.approx(marker.test.chi2, rel=SAME)
        assert effects.tidy().query("op == '=~' and lhs == 'f'").estimate.mean() == pytest.approx(1.0)
        held = ("loadings", "intercepts")
        marker = rm.fit_cfa(grouped, TWO, group="country", equal=held)
        effects = rm.fit_cfa(grouped, TWO, group="country", equal=held, effects_coding=True)
        assert effects.test.df == marker.test.df
        assert effects.test.chi2 == pytest.approx(marker.test.chi2, rel=SAME)
        own = effects.tidy().query("op == '~1' and group == 'A'").set_index("lhs").estimate
        assert own[["x1", "x2", "x3"]].sum() == pytest.approx(0.0, abs=1e-9)

    def test_starting_values_and_fixed_values_are_respected(self, data):
        fit = rm.fit_cfa(data, "f =~ start(0.9)*x1 + 0.5*x2 + x3\nf ~~ 1*f\nx1 ~~ x1")
        assert value(fit, "f=~x2") == 0.5

    def test_mixed_reading_of_tables(self, data):
        pa = pytest.importorskip("pyarrow")
        sources = (data, data.to_dict("list"), data.assign(text="a"), pa.Table.from_pandas(data))
        fits = [rm.fit_cfa(source, TWO) for source in sources]
        assert len({round(fit.test.chi2, 8) for fit in fits}) == 1


class TestConstraints:
    def test_equal_labels_share_one_parameter(self, data):
        fit = rm.fit_cfa(data, "f =~ a*x1 + a*x2 + x3\ng =~ x4 + x5 + x6", std_lv=True)
        assert value(fit, "f=~x1") == value(fit, "f=~x2")
        assert fit.test.df == rm.fit_cfa(data, TWO).test.df + 1

    def test_linear_constraints_equal_labels(self, data):
        by_label = rm.fit_cfa(data, "f =~ a*x1 + a*x2 + x3\ng =~ x4 + x5 + x6", std_lv=True)
        by_line = rm.fit_cfa(data, "f =~ a*x1 + b*x2 + x3\ng =~ x4 + x5 + x6\na == b", std_lv=True)
        assert by_line.test.df == by_label.test.df
        assert by_line.test.chi2 == pytest.approx(by_label.test.chi2, rel=SAME)
        assert value(by_line, "f=~x1", "std_error") == pytest.approx(
            value(by_label, "f=~x1", "std_error"), rel=1e-5
        )

    def test_curved_constraints_hold(self, data):
        fit = rm.fit_cfa(
            data, "f =~ a*x1 + b*x2 + c*x3\ng =~ x4 + x5 + x6\na^2 == b^2 + c^2 - 0.1", std_lv=True
        )
        a, b, c = (value(fit, f"f=~x{k}") for k in (1, 2, 3))
        assert a**2 == pytest.approx(b**2 + c**2 - 0.1, abs=1e-8)
        assert fit.test.df == 9

    def test_inequalities_bind_only_where_they_must(self, data):
        loose = rm.fit_cfa(data, "f =~ a*x1 + x2 + x3\ng =~ x4 + x5 + x6\na > 0.1", std_lv=True)
        tight = rm.fit_cfa(data, "f =~ a*x1 + x2 + x3\ng =~ x4 + x5 + x6\na > 1.2", std_lv=True)
        assert loose.test.chi2 == pytest.approx(rm.fit_cfa(data, TWO).test.chi2, rel=1e-5)
        assert value(tight, "f=~x1") == pytest.approx(1.2, abs=1e-6)

    def test_defined_parameters_have_delta_method_errors(self, data):
        fit = rm.fit_cfa(data, "f =~ x1 + a*x2 + b*x3\nab := a*b", std_lv=True)
        V = fit.vcov.loc[["f=~x2", "f=~x3"], ["f=~x2", "f=~x3"]].to_numpy()
        g = np.array([value(fit, "f=~x3"), value(fit, "f=~x2")])
        row = fit.tidy().query("op == ':='").iloc[0]
        assert row.estimate == pytest.approx(g.prod())
        assert row.std_error == pytest.approx(np.sqrt(g @ V @ g), rel=1e-9)

    def test_unknown_labels_and_code_are_refused(self, data):
        with pytest.raises(ModelError, match=r"'zz' .* is not a label"):
            rm.fit_cfa(data, TWO + "\nnew := zz * 2")
        with pytest.raises(ModelError, match="unknown function"):
            rm.fit_cfa(data, "f =~ a*x1 + x2 + x3\nnew := open(a)")


class TestRegression:
    def test_a_regression_is_least_squares(self):
        rng = np.random.default_rng(5)
        x, z = rng.normal(size=(2, 300))
        y = 0.5 * x - 0.3 * z + rng.normal(size=300)
        fit = rm.fit_sem({"x": x, "z": z, "y": y}, "y ~ x + z", meanstructure=True)
        beta = np.linalg.lstsq(np.column_stack([x, z, np.ones(300)]), y, rcond=None)[0]
        assert value(fit, "y~x") == pytest.approx(beta[0], abs=1e-8)
        assert value(fit, "y~1") == pytest.approx(beta[2], abs=1e-8)
        assert fit.test.df == 0
        assert fit.npar == 4

    def test_mimic_counts_only_modelled_moments(self, data):
        rng = np.random.default_rng(8)
        frame = data.assign(age=rng.normal(size=len(data)))
        fit = rm.fit_sem(frame, "f =~ x1 + x2 + x3\nf ~ age")
        assert fit.test.df == 2
        assert value(fit, "age~~age", "free") == 0


class TestGroups:
    def test_equalities_are_equal_and_can_be_freed(self, grouped):
        scalar = rm.fit_cfa(grouped, TWO, group="country", equal=("loadings", "intercepts"))
        partial = rm.fit_cfa(grouped, TWO, group="country", equal=("loadings", "intercepts"), free="x2~1")
        assert value(scalar, "f=~x2", group="A") == value(scalar, "f=~x2", group="B")
        assert value(partial, "x2~1", group="A") != value(partial, "x2~1", group="B")
        assert partial.test.df == scalar.test.df - 1
        assert value(scalar, "f~1", group="B") > 0.2

    def test_groups_alone_add_up_to_the_configural_model(self, grouped):
        together = rm.fit_cfa(grouped, TWO, group="country")
        alone = [rm.fit_cfa(part, TWO, meanstructure=True) for _, part in grouped.groupby("country")]
        assert together.test.chi2 == pytest.approx(sum(fit.test.chi2 for fit in alone), rel=1e-7)
        assert together.groups == ("A", "B")

    def test_standardised_factors_free_their_variance_with_equal_loadings(self, grouped):
        marker = rm.fit_cfa(grouped, TWO, group="country", equal="loadings")
        unit = rm.fit_cfa(grouped, TWO, group="country", equal="loadings", std_lv=True)
        assert unit.test.df == marker.test.df
        assert unit.test.chi2 == pytest.approx(marker.test.chi2, rel=SAME)

    def test_unknown_equalities_and_freed_lines(self, grouped):
        with pytest.raises(OptionError, match="choose from loadings"):
            rm.fit_cfa(grouped, TWO, group="country", equal="slopes")
        with pytest.raises(ModelError, match="matches no parameter"):
            rm.fit_cfa(grouped, TWO, group="country", equal="loadings", free="f=~x9")

    def test_modifiers_must_match_the_groups(self, grouped):
        with pytest.raises(ModelError, match="3 modifiers for 2 groups"):
            rm.fit_cfa(grouped, "f =~ c(1, 1, 1)*x1 + x2 + x3", group="country")

    def test_released_equalities_agree_with_refits(self, grouped):
        scalar = rm.fit_cfa(grouped, TWO, group="country", equal=("loadings", "intercepts"))
        tests = scalar.score_tests().iloc[1:]
        worst = tests.sort_values("statistic").iloc[-1]
        line = f"{worst.lhs}{worst.op}{worst.rhs}"
        freed = rm.fit_cfa(grouped, TWO, group="country", equal=("loadings", "intercepts"), free=line)
        drop = scalar.test.chi2 - freed.test.chi2
        assert worst.statistic == pytest.approx(drop, rel=0.2, abs=0.5)


class TestOrdinal:
    def test_both_parameterisations_are_one_model(self, data):
        ordered = cut(data)
        delta = rm.fit_cfa(ordered, TWO, ordered=True)
        theta = rm.fit_cfa(ordered, TWO, ordered=True, parameterization="theta")
        assert delta.spec.name == "WLSMV"
        assert theta.test.scaled == pytest.approx(delta.test.scaled, rel=SAME)
        np.testing.assert_allclose(delta.implied()["cov"], theta.implied()["cov"], atol=1e-5)

    def test_polytomous_ladder_counts_degrees_of_freedom(self, grouped):
        frame = cut(grouped.drop(columns="country")).assign(country=grouped.country)
        steps = [(), ("thresholds",), ("thresholds", "loadings"), ("thresholds", "loadings", "intercepts")]
        df = [rm.fit_cfa(frame, TWO, ordered=True, group="country", equal=s).test.df for s in steps]
        assert df == [16, 22, 26, 30]
        strict = rm.fit_cfa(frame, TWO, ordered=True, group="country", equal=(*steps[-1], "residuals"))
        assert strict.test.df == 36
        assert any("theta" in note for note in strict.notes)

    def test_binary_items_say_what_cannot_be_tested(self, grouped):
        shift = np.array([-0.8, 0.0, 0.8, -0.8, 0.0, 0.8])
        spread = grouped.drop(columns="country") + shift
        frame = cut(spread, at=(0.1,)).assign(country=grouped.country)
        steps = [(), ("thresholds",), ("thresholds", "loadings"), ("thresholds", "loadings", "intercepts")]
        fits = [rm.fit_cfa(frame, TWO, ordered=True, group="country", equal=s) for s in steps]
        assert [fit.test.df for fit in fits] == [16, 16, 16, 18]
        assert "two or three categories" in fits[1].notes[0]
        assert "only together" in fits[2].notes[1]

    def test_three_categories_leave_thresholds_untestable(self, grouped):
        frame = cut(grouped.drop(columns="country"), at=(-0.4, 0.6)).assign(country=grouped.country)
        fits = [rm.fit_cfa(frame, TWO, ordered=True, group="country", equal=s) for s in ((), ("thresholds",))]
        assert fits[0].test.df == fits[1].test.df
        assert fits[0].test.chi2 == pytest.approx(fits[1].test.chi2, rel=1e-5)

    def test_the_default_identification_is_the_scalar_model(self, grouped):
        frame = cut(grouped.drop(columns="country")).assign(country=grouped.country)
        ladder = rm.fit_cfa(
            frame, TWO, ordered=True, group="country", equal=("thresholds", "loadings", "intercepts")
        )
        plain = rm.fit_cfa(
            frame,
            TWO,
            ordered=True,
            group="country",
            equal=("thresholds", "loadings"),
            identification="default",
        )
        assert plain.test.df == ladder.test.df
        assert plain.test.scaled == pytest.approx(ladder.test.scaled, rel=1e-5)

    def test_empty_categories_name_item_group_and_category(self, grouped):
        frame = cut(grouped.drop(columns="country")).assign(country=grouped.country)
        frame.loc[(frame.country == "B") & (frame.x3 == 3), "x3"] = 2
        with pytest.raises(DataError, match="'x3' has nobody in category 3 in group 'B'"):
            rm.fit_cfa(frame, TWO, ordered=True, group="country")


class TestMixed:
    def test_ordered_and_continuous_items_share_a_model(self, data):
        frame = data.assign(**cut(data[["x2", "x5"]]).to_dict("list"))
        delta = rm.fit_cfa(frame, TWO, ordered=["x2", "x5"])
        theta = rm.fit_cfa(frame, TWO, ordered=["x2", "x5"], parameterization="theta")
        assert delta.test.df == 8
        assert theta.test.scaled == pytest.approx(delta.test.scaled, rel=1e-5)
        whole = rm.fit_cfa(data, TWO)
        assert value(delta, "f=~x2", "std_all") == pytest.approx(value(whole, "f=~x2", "std_all"), abs=0.08)
        se = data.x1.std(ddof=0) / np.sqrt(len(data))
        assert value(delta, "x1~1", "std_error") == pytest.approx(se, rel=2e-3)

    def test_the_ladder_takes_both_kinds(self, grouped):
        frame = grouped.assign(**cut(grouped[["x2", "x5"]]).to_dict("list"))
        steps = [(), ("thresholds",), ("thresholds", "loadings"), ("thresholds", "loadings", "intercepts")]
        df = [rm.fit_cfa(frame, TWO, ordered=["x2", "x5"], group="country", equal=s).test.df for s in steps]
        assert df == [16, 18, 22, 26]


class TestMissing:
    def test_fiml_without_missing_values_is_maximum_likelihood(self, data):
        a, b = (
            rm.fit_cfa(data, TWO, meanstructure=True),
            rm.fit_cfa(data, TWO, missing="fiml", information="expected"),
        )
        assert a.test.chi2 == pytest.approx(b.test.chi2, rel=SAME)

    def test_fiml_recovers_what_listwise_loses(self, data):
        holes = data.copy()
        holes.loc[holes.x1 > 0.3, "x2"] = np.nan
        fiml = rm.fit_cfa(holes, TWO, missing="fiml", std_lv=True)
        complete = rm.fit_cfa(data, TWO, std_lv=True)
        assert value(fiml, "f=~x2") == pytest.approx(value(complete, "f=~x2"), abs=0.12)
        assert fiml.sample.n_dropped == 0
        assert rm.fit_cfa(holes, TWO).sample.n_dropped == int(holes.x2.isna().sum())

    def test_scores_come_back_in_the_order_of_the_data(self, data):
        holes = data.copy()
        holes.loc[5, ["x1", "x2"]] = np.nan
        holes.loc[7] = np.nan
        scores = rm.fit_cfa(holes, TWO, missing="fiml").factor_scores(holes, std_error=True)
        assert scores.loc[7].isna().all()
        assert scores.loc[5].notna().all()
        assert scores.loc[5, "f_std_error"] > scores.loc[0, "f_std_error"]


class TestDesign:
    def test_weights_act_like_repeated_rows(self, data):
        weights = np.where(np.arange(len(data)) % 3 == 0, 2.0, 1.0)
        repeated = data.loc[data.index.repeat(weights.astype(int))]
        a, b = rm.fit_cfa(data, TWO, weights=weights), rm.fit_cfa(repeated, TWO)
        np.testing.assert_allclose(a.tidy().estimate, b.tidy().estimate, atol=1e-6)
        assert a.spec.name == "MLR"

    def test_clusters_of_one_change_next_to_nothing(self, data):
        plain = rm.fit_cfa(data, TWO, estimator="MLR", meanstructure=True)
        alone = rm.fit_cfa(data, TWO, cluster=np.arange(len(data)))
        ratio = np.sqrt(len(data) / (len(data) - 1))
        np.testing.assert_allclose(np.diag(alone.vcov), np.diag(plain.vcov) * ratio**2, rtol=1e-8)

    def test_copies_in_a_cluster_add_no_information(self, data):
        twice = pd.concat([data, data], ignore_index=True)
        pairs = rm.fit_cfa(twice, TWO, cluster=np.tile(np.arange(len(data)), 2))
        once = rm.fit_cfa(data, TWO, estimator="MLR", meanstructure=True)
        np.testing.assert_allclose(np.diag(pairs.vcov), np.diag(once.vcov), rtol=1e-2)
        assert pairs.test.scaled == pytest.approx(once.test.scaled, rel=1e-2)

    def test_weights_and_clusters_under_missing_data(self, data):
        holes = data.mask(np.random.default_rng(0).random(data.shape) < 0.1)
        weights = np.ones(len(data))
        fit = rm.fit_cfa(holes, TWO, missing="fiml", weights=weights, cluster=np.arange(len(data)))
        plain = rm.fit_cfa(holes, TWO, missing="fiml", estimator="MLR")
        assert fit.test.scaled == pytest.approx(plain.test.scaled, rel=1e-2)

    def test_impossible_designs(self, data):
        with pytest.raises(OptionError, match="robust standard errors"):
            rm.fit_cfa(data, TWO, weights=np.ones(len(data)), estimator="ML")
        with pytest.raises(OptionError, match="positive"):
            rm.fit_cfa(data, TWO, weights=-np.ones(len(data)))
        with pytest.raises(OptionError, match="not a column"):
            rm.fit_cfa(data, TWO, cluster="country")


class TestRefusals:
    def test_unknown_variables_are_named(self, data):
        with pytest.raises(ModelError, match="'y9', which is neither a column"):
            rm.fit_cfa(data, "f =~ x1 + x2 + y9")

    def test_under_identified_models_name_the_parameters(self, data):
        with pytest.raises(ModelError, match=r"not identified.*x1"):
            rm.fit_cfa(data, "f =~ x1 + x2")
        with pytest.raises(ModelError, match=r"not identified: 1 combination of these.*f~~f"):
            rm.fit_cfa(data, "f =~ NA*x1 + x2 + x3 + x4")

    def test_constant_and_duplicate_items_are_named(self, data):
        with pytest.raises(DataError, match="'x2' has zero variance"):
            rm.fit_cfa(data.assign(x2=1.0), TWO)
        with pytest.raises(DataError, match="'x1' and 'x2' are perfectly correlated"):
            rm.fit_cfa(data.assign(x2=2 * data.x1), TWO)

    @pytest.mark.parametrize(
        ("options", "match"),
        [
            ({"estimator": "EM"}, "choose from ML"),
            ({"estimator": "WLSMV", "missing": "fiml"}, "fiml"),
            ({"missing": "drop"}, "listwise"),
            ({"parameterization": "gamma"}, "delta"),
            ({"ordered": True, "estimator": "ML"}, "ordered"),
            ({"missing": "pairwise"}, "ordered variables"),
            ({"likelihood": "wishart", "estimator": "ULS"}, "maximum likelihood"),
        ],
    )
    def test_impossible_options(self, data, options, match):
        with pytest.raises(OptionError, match=match):
            rm.fit_cfa(data, TWO, **options)

    def test_a_scaled_test_without_positive_traces_is_left_out(self):
        bad = Curvature(np.zeros((0, 0)), np.zeros((0, 0)), trace=5.0, trace2=-1.0)
        assert np.isnan(model_test(10.0, 4, bad, "scaled_shifted").scaled)
        assert np.isfinite(model_test(10.0, 4, bad, "satorra_bentler").scaled)

    def test_heywood_cases_are_warned_about_and_kept(self):
        rng = np.random.default_rng(2)
        base = rng.normal(size=(60, 1))
        noise = rng.normal(size=(60, 3)) * [0.02, 1.0, 1.0]
        frame = pd.DataFrame(base * [1.0, 0.9, 0.2] + noise, columns=["x1", "x2", "x3"])
        frame["x1"] += 0.3 * frame["x3"]
        with pytest.warns(EstimationWarning, match="negative"):
            fit = rm.fit_cfa(frame, "f =~ x1 + x2 + x3")
        assert not fit.admissible
        assert fit.converged
        assert "negative" in fit.reasons[0]


class TestComparison:
    def test_the_row_order_follows_the_restrictions(self, data):
        loose = rm.fit_cfa(data, TWO)
        tight = rm.fit_cfa(data, TWO, orthogonal=True)
        table = rm.compare_models(tight, loose)
        assert table.delta_df.tolist()[1] == 1.0
        assert table.delta_chi2[1] == pytest.approx(tight.test.chi2 - loose.test.chi2)
        assert table.method.tolist() == ["", "standard"]

    def test_incomparable_models_are_refused(self, data, grouped):
        fit = rm.fit_cfa(data, TWO)
        with pytest.raises(ModelError, match="different items"):
            rm.compare_models(fit, rm.fit_cfa(data, "f =~ x1 + x2 + x3 + x4"))
        with pytest.raises(ModelError, match="same degrees"):
            rm.compare_models(fit, rm.fit_cfa(data, TWO))
        with pytest.raises(ModelError, match="different estimators"):
            rm.compare_models(fit, rm.fit_cfa(data, TWO, estimator="MLR", orthogonal=True))
        with pytest.raises(OptionError, match="two or more"):
            rm.compare_models(fit)


class TestExport:
    def test_written_syntax_fits_the_same_model(self, grouped):
        fit = rm.fit_cfa(grouped, TWO, group="country", equal=("loadings", "intercepts"))
        again = rm.fit_cfa(grouped, fit.to_lavaan(), group="country")
        assert again.test.df == fit.test.df
        assert again.test.chi2 == pytest.approx(fit.test.chi2, rel=SAME)

    def test_mplus_input_says_weights_and_clusters(self, grouped):
        n = len(grouped)
        fit = rm.fit_cfa(grouped, TWO, weights=np.linspace(0.5, 1.5, n), cluster=np.arange(n) // 10)
        text = fit.to_mplus()
        for part in (" wgt clus;", "WEIGHT IS wgt;", "CLUSTER IS clus;", "TYPE = COMPLEX;"):
            assert part in text
        assert "WEIGHT" not in rm.fit_cfa(grouped, TWO).to_mplus()

    def test_mplus_input_names_every_part(self, grouped):
        frame = cut(grouped.drop(columns="country")).assign(country=grouped.country)
        text = rm.fit_cfa(frame, TWO, ordered=True, group="country", equal="thresholds").to_mplus()
        for part in (
            "CATEGORICAL ARE x1",
            "ESTIMATOR = WLSMV",
            "f BY x1",
            "[x1$1",
            "MODEL g2:",
            "PARAMETERIZATION",
        ):
            assert part in text

    def test_mplus_input_keeps_constraints_and_blocks(self, data):
        text = "f =~ x1 + a*x2 + b*x3 + x4\na == 2*b\na > 0\ntotal := a^2 + b"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", EstimationWarning)
            lines = rm.fit_cfa(data, text).to_mplus().split("\n")
        at = lines.index("MODEL CONSTRAINT:")
        assert lines[at + 1 : at + 5] == [
            "  NEW (total);",
            "  0 = (p1) - (2 * p2);",
            "  p1 > 0;",
            "  total = p1 ** 2 + p2;",
        ]
        block = 'efa("e")*f + efa("e")*g =~ x1 + x2 + x3 + x4 + x5 + x6'
        lines = rm.fit_cfa(data, block).to_mplus().split("\n")
        assert "  f g BY x1 x2 x3 x4 x5 x6 (*1);" in lines
        assert "  ROTATION = GEOMIN (OBLIQUE 0.01);" in lines

    def test_exploratory_blocks_come_back(self, data, grouped):
        block = 'efa("e")*f + efa("e")*g =~ x1 + x2 + x3 + x4 + x5 + x6'
        fit = rm.fit_cfa(grouped, block, group="country", equal="loadings")
        for model in (fit.to_lavaan(), fit.parameter_table):
            again = rm.fit_cfa(grouped, model, group="country")
            keys = ["group", "lhs", "op", "rhs"]
            both = fit.tidy().merge(again.tidy(), on=keys, validate="1:1")
            assert len(both) == len(fit.tidy())
            np.testing.assert_allclose(both.estimate_x, both.estimate_y, atol=1e-5)

    def test_results_travel(self, data):
        fit = rm.fit_cfa(data, TWO)
        again = pickle.loads(pickle.dumps(fit))
        pd.testing.assert_frame_equal(again.tidy(), fit.tidy())
        assert "<table" in fit._repr_html_()
        assert {"f", "g", "f_std_error"} <= set(fit.augment(data).columns)

    def test_the_table_shows_every_row(self, data):
        table = rm.fit_cfa(data, TWO).parameter_table
        assert {"lhs", "op", "rhs", "free", "estimate"} <= set(table.columns)

    def test_plots_are_drawn(self, data):
        import matplotlib.pyplot as plt

        fit = rm.fit_cfa(data, TWO)
        assert fit.plot().get_title().startswith("Standardised")
        fit.plot(kind="residuals")
        plt.close("all")
        with pytest.raises(OptionError, match="path"):
            fit.plot(kind="tree")


class TestDiagnostics:
    def test_a_planted_residual_covariance_leads_the_indices(self, data):
        rng = np.random.default_rng(4)
        shared = rng.normal(size=len(data))
        frame = data.assign(x1=data.x1 + 0.4 * shared, x4=data.x4 + 0.4 * shared)
        first = rm.fit_cfa(frame, TWO).modification_indices(sort=True).iloc[0]
        assert {first.lhs, first.rhs} == {"x1", "x4"}
        assert first.epc > 0

    def test_residual_kinds(self, data):
        fit = rm.fit_cfa(data, TWO)
        raw, cor = fit.residuals("raw"), fit.residuals("cor")
        sd = np.sqrt(np.diag(fit.sample.covariance[0]))
        np.testing.assert_allclose(raw / np.outer(sd, sd), cor, atol=1e-12)
        with pytest.raises(OptionError, match="cor_bollen"):
            fit.residuals("z")

    def test_r2_and_standardised_errors(self, data):
        fit = rm.fit_cfa(data, TWO)
        assert fit.r2()["x1"] == pytest.approx(value(fit, "f=~x1", "std_all") ** 2)
        unit = rm.fit_cfa(data, TWO, std_lv=True)
        std = fit.standardized().query("op == '~~' and lhs == 'f' and rhs == 'g'").iloc[0]
        assert std.std_error == pytest.approx(value(unit, "f~~g", "std_error"), rel=1e-5)


class TestPower:
    def test_power_and_sample_size_agree(self):
        n = rmsea_sample_size(df=24)
        assert rmsea_power(n, df=24).power >= 0.80 > rmsea_power(n - 1, df=24).power

    def test_power_falls_to_the_level_without_an_effect(self):
        assert rmsea_power(200, df=10, rmsea=0.0500001).power == pytest.approx(0.05, abs=1e-4)
        assert chi2_power(0.0, n=100, df=3).power == pytest.approx(0.05, abs=PUBLISHED)

    def test_nested_power_and_refusals(self):
        found = rmsea_power_nested(
            200, df_restricted=22, df_free=20, rmsea_restricted=(0.06, 0.08), rmsea_free=(0.05, 0.05)
        )
        assert 0.5 < found.power < 0.6
        with pytest.raises(OptionError, match="above 1"):
            rmsea_power(1, df=3)


class TestEditing:
    def test_an_edited_table_is_a_model(self, grouped):
        fit = rm.fit_cfa(grouped, TWO, group="country", equal=("loadings", "intercepts"))
        table = fit.parameter_table
        same = rm.fit_cfa(grouped, table, group="country")
        assert same.test.chi2 == pytest.approx(fit.test.chi2, rel=SAME)
        freed = table.copy()
        freed.loc[(freed.lhs == "x2") & (freed.op == "~1"), "label"] = ""
        partial = rm.fit_cfa(grouped, freed, group="country")
        by_option = rm.fit_cfa(grouped, TWO, group="country", equal=("loadings", "intercepts"), free="x2~1")
        assert partial.test.chi2 == pytest.approx(by_option.test.chi2, rel=SAME)
        assert partial.test.df == by_option.test.df

    def test_a_table_must_be_complete(self, data):
        table = rm.fit_cfa(data, TWO).parameter_table
        with pytest.raises(ModelError, match="needs the columns"):
            rm.fit_cfa(data, table.drop(columns="label"))
        with pytest.raises(ModelError, match="has no value"):
            rm.fit_cfa(data, table.assign(free=0, value=np.nan))
