from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import recoverymetrics as rm
from recoverymetrics.irt import Normal, Quadrature


def graded_data(n: int = 800, J: int = 6, seed: int = 3, shift: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    theta = rng.standard_normal(n) + shift
    a, b = np.linspace(0.8, 2.0, J), np.array([-1.2, 0.1, 1.1])
    u = rng.random((n, J))
    p = 1 / (1 + np.exp(-a[None, :, None] * (theta[:, None, None] - b)))
    return pd.DataFrame((p > u[:, :, None]).sum(axis=2) + 1, columns=[f"i{j + 1}" for j in range(J)])


def two_groups() -> pd.DataFrame:
    first, second = graded_data(seed=1), graded_data(seed=2, shift=0.5)
    return pd.concat([first.assign(region="A"), second.assign(region="B")], ignore_index=True)


def test_planted_parameters_come_back():
    fit = rm.fit_irt(graded_data(6000, seed=11))
    table = fit.item_parameters
    errors = fit.tidy().set_index(["item", "parameter"])["std_error"]
    truth = np.linspace(0.8, 2.0, 6)
    z = (table["a"].to_numpy() - truth) / errors.xs("a", level="parameter").to_numpy()
    assert np.abs(z).max() < 3.5
    assert fit.converged
    assert fit.admissible


def test_result_has_the_promised_tables():
    fit = rm.fit_irt(graded_data())
    assert list(fit.tidy().columns) == ["group", "item", "parameter", "estimate", "std_error"]
    assert set(fit.tidy()["parameter"]) == {"a", "b1", "b2", "b3"}
    assert set(fit.tidy("slope_intercept")["parameter"]) == {"a1", "d1", "d2", "d3"}
    assert {"loglik", "aic", "bic", "npar", "n"} <= set(fit.glance().columns)
    assert list(fit.item_parameters.columns) == ["a", "b1", "b2", "b3"]
    assert "Item parameters" in fit.summary()
    assert fit.to_dict()["result"] == "IRTResult"
    assert "i1" in fit._repr_html_()


def test_slope_intercept_and_ab_say_the_same():
    fit = rm.fit_irt(graded_data())
    ab = fit.tidy().pivot(index="item", columns="parameter", values="estimate")
    si = fit.tidy("slope_intercept").pivot(index="item", columns="parameter", values="estimate")
    np.testing.assert_allclose(-ab["a"] * ab["b2"], si["d2"])


def test_standard_errors_agree_between_oakes_and_finite_differences_of_the_gradient():
    fit = rm.fit_irt(graded_data(), tolerance=1e-11)
    problem, x = fit.calibration.problem, fit.x
    h = 1e-5
    hessian = np.array(
        [(problem(x + h * e).gradient - problem(x - h * e).gradient) / (2 * h) for e in np.eye(x.size)]
    )
    np.testing.assert_allclose(np.linalg.inv(fit.covariance), -hessian, rtol=1e-5, atol=1e-4)


def test_gradient_is_that_of_the_loglikelihood_in_several_groups():
    fit = rm.fit_irt(two_groups(), group="region", equal=("slopes", "intercepts"), se=None)
    problem, x = fit.calibration.problem, fit.x + 0.05
    h = 1e-5
    numeric = [(problem(x + h * e).value - problem(x - h * e).value) / (2 * h) for e in np.eye(x.size)]
    np.testing.assert_allclose(problem(x).gradient, numeric, rtol=1e-5, atol=1e-4)


def test_group_means_are_recovered_with_anchors():
    fit = rm.fit_irt(two_groups(), group="region", equal=["i1", "i2", "i3", "i4"])
    second = fit.groups.set_index("group").loc["B"]
    assert abs(second["mean"] - 0.5) < 3 * second["mean_se"]
    assert fit.groups["mean"][0] == 0.0
    assert fit.groups["variance"][0] == 1.0


def test_metric_equality_alone_frees_variances_but_not_means():
    fit = rm.fit_irt(two_groups(), group="region", equal="slopes", se=None)
    assert fit.groups["mean"].eq(0).all()
    assert fit.groups["variance"][1] != 1.0


def test_nothing_equal_is_each_group_on_its_own():
    data = two_groups()
    both = rm.fit_irt(data, group="region", se=None)
    single = rm.fit_irt(data[data["region"] == "B"].drop(columns="region"), se=None)
    mine = both.tidy().query("group == 'B'")["estimate"].to_numpy()
    np.testing.assert_allclose(mine, single.tidy()["estimate"], atol=2e-4)


def test_refit_frees_one_item_from_a_warm_start():
    scalar = rm.fit_irt(two_groups(), group="region", equal=("slopes", "intercepts"), se=None)
    freed = scalar.refit(partial=["i3"])
    fresh = rm.fit_irt(two_groups(), group="region", equal=("slopes", "intercepts"), partial=["i3"], se=None)
    assert freed.npar == scalar.npar + 4
    assert freed.loglik == pytest.approx(fresh.loglik, abs=1e-5)
    assert freed.n_evaluations <= fresh.n_evaluations
    only = scalar.refit(partial=["i3.d2"])
    assert only.npar == scalar.npar + 1


def test_fixed_values_carry_a_scale_to_new_data():
    calibration = rm.fit_irt(graded_data(3000, seed=5), se=None)
    fit = rm.fit_irt(graded_data(3000, seed=6, shift=0.7), fixed=calibration.fixed_values(), se="oakes")
    assert fit.npar == 2
    assert abs(fit.groups["mean"][0] - 0.7) < 0.1


def test_weights_count_like_copies():
    data = graded_data(300)
    w = np.arange(300) % 3 + 1.0
    weighted = rm.fit_irt(data, se=None, weights=w)
    copied = rm.fit_irt(data.loc[data.index.repeat(w.astype(int))].reset_index(drop=True), se=None)
    assert weighted.loglik == pytest.approx(copied.loglik, abs=1e-6)


def test_missing_responses_contribute_nothing():
    data = graded_data(500).astype(float)
    more = pd.concat([data, pd.DataFrame(np.nan, index=range(20), columns=data.columns)], ignore_index=True)
    assert rm.fit_irt(more, se=None).loglik == pytest.approx(rm.fit_irt(data, se=None).loglik, abs=1e-6)


def test_a_person_with_no_answers_gets_the_prior_and_is_flagged():
    data = graded_data(200).astype(float)
    data.loc[7] = np.nan
    fit = rm.fit_irt(data, se=None)
    for method in ("eap", "map", "ml", "wle", "sum_eap"):
        row = fit.scores(method=method).iloc[7]
        assert row["flagged"]
        assert row["estimate"] == pytest.approx(0.0, abs=1e-9)
        assert row["std_error"] == pytest.approx(1.0, abs=1e-6)


def test_scores_keep_the_order_of_new_data():
    data = graded_data(300)
    fit = rm.fit_irt(data, se=None)
    shuffled = data.sample(frac=1, random_state=1)
    np.testing.assert_allclose(
        fit.scores(shuffled)["estimate"], fit.scores()["estimate"][shuffled.index], atol=1e-10
    )
    assert len(fit.augment(shuffled)) == 300


def test_polars_and_arrays_give_the_same_numbers():
    import polars

    data = graded_data(300)
    fits = [rm.fit_irt(d, se=None).loglik for d in (data, polars.from_pandas(data), data.to_numpy())]
    assert fits[0] == fits[1] == fits[2]


def test_mixed_formats_in_one_calibration():
    data = graded_data(1500)
    data["i1"] = (data["i1"] > 2).astype(int)
    models = {"i1": "2pl", "i2": "graded", "i3": "gpcm", "i4": "nominal", "i5": "sequential", "i6": "graded"}
    fit = rm.fit_irt(data, models)
    assert fit.converged
    assert np.isfinite(fit.tidy()["std_error"]).all()


def test_constrain_makes_parameters_equal():
    fit = rm.fit_irt(graded_data(), constrain=[("i1.a1", "i2.a1")], se=None)
    a = fit.item_parameters["a"]
    assert a["i1"] == a["i2"] != a["i3"]


def test_exploratory_and_confirmatory_structures_fit():
    data = graded_data(600)
    fit = rm.fit_irt(data, structure="f =~ i1 + i2 + i3\ng =~ i4 + i5 + i6", se=None, quadrature=15)
    assert fit.npar == 6 + 18 + 1
    assert fit.groups.loc[0, "cor_g"] > 0.8
    assert rm.fit_irt(data, n_factors=2, se=None, quadrature=11).npar == 6 * 2 - 1 + 18


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "5pl"}, "unknown item model '5pl'"),
        ({"model": "2pl"}, "item 'i1' has 4 categories"),
        ({"model": {"i1": "graded"}}, "no entry for item 'i2'"),
        ({"equal": ["i9"]}, "equal= names 'i9'"),
        ({"free": ["sd"]}, "free= names 'sd'"),
        ({"partial": ["i9.d1"]}, "'i9.d1' names no item"),
        ({"se": "magic"}, "unknown se='magic'"),
        ({"estimator": "mcmc"}, "unknown estimator 'mcmc'"),
        ({"quadrature": 2}, "quadrature=2"),
        ({"structure": "f = i1"}, "cannot read the line"),
        ({"structure": "f =~ i1 + i9"}, "names item 'i9'"),
        ({"structure": "f =~ i1 + i2 + i3"}, "item 'i4' loads on no factor"),
        ({"structure": "f =~ i1 + i2 + i3 + i4 + i5\ng =~ i6"}, "factor 'g' has 1 item"),
        ({"structure": "f =~ i1+i2+i3+i4+i5+i6\ng =~ i1+i2+i3+i4+i5+i6"}, "cannot be told apart"),
        ({"n_factors": 6}, "n_factors=6 does not fit 6 items"),
        ({"weights": [1.0]}, "weights has 1 values"),
        ({"priors": {"g": Normal()}}, "fits no free parameter"),
    ],
)
def test_errors_say_what_was_wrong(options, message):
    with pytest.raises(rm.RecoveryMetricsError, match=message):
        rm.fit_irt(graded_data(100), **options)


def test_an_item_everybody_endorses_is_named():
    data = graded_data(100).assign(i3=4)
    with pytest.raises(rm.DataError, match="everybody who answered item 'i3' chose category 4"):
        rm.fit_irt(data)


def test_an_empty_category_in_a_group_names_item_group_and_category():
    data = two_groups()
    data.loc[(data["region"] == "B") & (data["i2"] == 4), "i2"] = 3
    with pytest.raises(rm.DataError, match="nobody in group 'B' used category 4 of item 'i2'"):
        rm.fit_irt(data, group="region")
    with pytest.warns(rm.EstimationWarning, match="its parameters come from the other groups"):
        fit = rm.fit_irt(data, group="region", equal=("slopes", "intercepts"), se=None)
    assert any("'i2'" in note for note in fit.notes)


def test_a_category_nobody_used_is_said():
    data = graded_data(200)
    data.loc[data["i2"] == 2, "i2"] = 3
    with pytest.warns(rm.EstimationWarning, match="nobody used category 2 of item 'i2'"):
        rm.fit_irt(data, se=None)


def test_a_duplicated_item_is_reported_as_diverging():
    data = graded_data(300)
    data["i2"] = data["i1"]
    with pytest.warns(rm.EstimationWarning, match="slope of item 'i[12]' diverges"):
        rm.fit_irt(data, se=None)


def test_unknown_categories_in_new_data_are_refused():
    fit = rm.fit_irt(graded_data(200), se=None)
    with pytest.raises(rm.DataError, match="none of the calibrated categories"):
        fit.scores(graded_data(5).replace(1, 9))


def test_groups_of_new_data_must_be_known():
    fit = rm.fit_irt(two_groups(), group="region", equal=["i1", "i2"], se=None)
    with pytest.raises(rm.DataError, match="group 'C' is not one"):
        fit.scores(graded_data(10).assign(region="C"))
    assert fit.scores(two_groups())["estimate"].equals(fit.scores()["estimate"])


def test_every_column_is_in_the_glossary():
    from recoverymetrics.display import GLOSSARY

    fit = rm.fit_irt(graded_data(300))
    tables = [fit.tidy(), fit.glance(), fit.scores(), fit.item_fit(), fit.item_fit("infit"), fit.person_fit()]
    tables += [fit.local_dependence(), fit.local_dependence("x2"), fit.global_fit(), fit.score_table()]
    for table in tables:
        assert set(table.columns) <= set(GLOSSARY)


def test_graded_rating_scale_shares_its_intercepts():
    data = graded_data(1500)
    fit = rm.fit_irt(data, "grsm")
    assert fit.npar == 6 + 3 + 5
    table = fit.tidy("slope_intercept").pivot(index="item", columns="parameter", values="estimate")
    assert table[["d1", "d2", "d3"]].nunique().eq(1).all()
    assert fit.loglik < rm.fit_irt(data, se=None).loglik
    assert np.isfinite(fit.tidy()["std_error"]).all()


def test_sandwich_of_weighted_persons_counts_each_person_once():
    data = graded_data(400)
    plain = rm.fit_irt(data, se="sandwich").tidy()["std_error"]
    doubled = rm.fit_irt(data, se="sandwich", weights=np.full(400, 2.0)).tidy()["std_error"]
    np.testing.assert_allclose(doubled, plain, rtol=1e-4)
    naive = rm.fit_irt(data, weights=np.full(400, 2.0)).tidy()["std_error"]
    assert (naive < plain).all()


def test_category_functioning_sees_an_idle_category():
    data = graded_data(2000, seed=4)
    good = rm.fit_irt(data, se=None).category_functioning()
    assert good["ordered"].all()
    assert good.groupby("item")["share"].sum().round(9).eq(1).all()
    rng = np.random.default_rng(1)
    swap = (data["i5"] == 2) & (rng.random(2000) < 0.9)
    data.loc[swap, "i5"] = rng.choice([1, 3], swap.sum())
    bad = rm.fit_irt(data, "gpcm", se=None).category_functioning().query("item == 'i5'")
    assert not bad["ordered"].all()


def test_responses_bring_their_own_group():
    responses = rm.Responses(two_groups(), group="region")
    fit = rm.fit_irt(responses, group="region", equal=("slopes", "intercepts"), se=None)
    assert fit.groups["group"].tolist() == ["A", "B"]
    assert len(fit.scores(responses)) == len(two_groups())


def test_a_density_wider_than_the_nodes_is_reported():
    rng = np.random.default_rng(3)
    z = 3.5 * rng.standard_normal((600, 1)) + np.linspace(-3, 3, 8) + rng.logistic(size=(600, 8))
    data = (z > 0).astype(int)
    with pytest.warns(rm.EstimationWarning, match="reaches beyond the nodes"):
        narrow = rm.fit_irt(data, "rasch", se=None)
    wide = rm.fit_irt(data, "rasch", quadrature=Quadrature(121, (-15, 15)), se=None)
    assert abs(wide.groups["variance"][0] - 12.25) < abs(narrow.groups["variance"][0] - 12.25)


def test_factors_that_run_together_end_without_standard_errors() -> None:
    rng = np.random.default_rng(4)
    latent = 0.75 * rng.normal(size=(300, 1)) + 0.66 * rng.normal(size=(300, 6))
    data = pd.DataFrame(
        (latent[..., None] > np.array([-0.8, 0.1, 0.9])).sum(2), columns=[f"q{j}" for j in range(1, 7)]
    )
    with pytest.warns(rm.EstimationWarning, match="standard errors|information"):
        fit = rm.fit_irt(data, "graded", structure="f1 =~ q1 + q2 + q3\nf2 =~ q4 + q5 + q6", quadrature=11)
    assert np.isfinite(fit.loglik)
    assert not fit.admissible


def test_weights_of_nobody_are_refused() -> None:
    with pytest.raises(rm.DataError, match="all weights are zero"):
        rm.fit_irt(np.random.default_rng(1).integers(0, 2, (50, 4)), "2pl", weights=np.zeros(50))
