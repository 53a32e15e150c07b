"""Latent regression estimated together with the items."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

import recoverymetrics as rm
from recoverymetrics.errors import DataError, ModelError, OptionError
from recoverymetrics.irt import AdaptiveQuadrature, Bifactor, IRTResult, Quadrature
from recoverymetrics.irt.compare import casewise_loglik
from recoverymetrics.irt.information import cross_product_information, observed_information

SAME_MAXIMUM = 1e-5
"""Two formulations of one model, each stopped when the log-likelihood gains less than 1e-7."""
DIFFERENCES = 1e-6
"""Relative error of central differences of exact gradients."""

GAMMA = {"site_b": 0.5, "age": -0.4}


def planted(n: int, seed: int, J: int = 6, K: int = 2, missing: float = 0.1) -> pd.DataFrame:
    """Graded responses of N(gamma'x, 1) persons with a site, an age and missing answers."""
    rng = np.random.default_rng(seed)
    site, age = rng.choice(["a", "b"], n), rng.standard_normal(n)
    site[0] = "a"
    theta = GAMMA["site_b"] * (site == "b") + GAMMA["age"] * age + rng.standard_normal(n)
    a, b = np.linspace(0.8, 2.0, J), np.linspace(-1, 1, J)
    steps = b[:, None] + (np.arange(K - 1) - (K - 2) / 2)
    X = (rng.random((n, J, 1)) < expit(a[:, None] * (theta[:, None, None] - steps))).sum(axis=2).astype(float)
    X[rng.random(X.shape) < missing] = np.nan
    return pd.DataFrame(X, columns=[f"i{j}" for j in range(J)]).assign(site=site, age=age)


def differences(fit: IRTResult, h: float = 1e-4) -> tuple[np.ndarray, np.ndarray]:
    """Gradient from values and information from gradients, by central differences."""
    problem, p = fit.calibration.problem, fit.x.size
    gradient, information = np.zeros(p), np.zeros((p, p))
    for k, e in enumerate(h * np.eye(p)):
        up, down = problem(fit.x + e), problem(fit.x - e)
        gradient[k] = (up.value - down.value) / (2 * h)
        information[k] = (down.gradient - up.gradient) / (2 * h)
    return gradient, information


@pytest.mark.parametrize("model", ["2pl", "rasch"])
def test_an_indicator_is_a_second_group_with_equal_items(model):
    data = planted(1200, 1).drop(columns="age")
    one = rm.fit_irt(data, model, covariates=["site"], tolerance=1e-9)
    two = rm.fit_irt(
        data, model, group="site", equal=("slopes", "intercepts"), free=("means",), tolerance=1e-9
    )
    if model == "rasch":  # groups have variances of their own, a regression has one
        assert one.loglik < two.loglik
        assert one.npar == two.npar - 1
        return
    assert two.groups["group"].tolist() == ["a", "b"]
    assert one.npar == two.npar
    assert one.loglik == pytest.approx(two.loglik, abs=SAME_MAXIMUM)
    items, other = one.tidy("slope_intercept"), two.tidy("slope_intercept").query("group == 'a'")
    np.testing.assert_allclose(items["estimate"], other["estimate"], atol=SAME_MAXIMUM)
    np.testing.assert_allclose(items["std_error"], other["std_error"], atol=SAME_MAXIMUM)
    slope, mean = one.regression.set_index("term").loc["site_b"], two.groups.set_index("group").loc["b"]
    np.testing.assert_allclose(slope[["estimate", "std_error"]], mean[["mean", "mean_se"]], atol=SAME_MAXIMUM)
    np.testing.assert_allclose(one.scores()["estimate"], two.scores()["estimate"], atol=SAME_MAXIMUM)
    np.testing.assert_allclose(
        one.scores(method="map")["estimate"], two.scores(method="map")["estimate"], atol=1e-4
    )


def test_loglik_is_that_of_an_integral_over_each_persons_own_density():
    data = planted(60, 2, J=4)
    fit = rm.fit_irt(data, "2pl", covariates=["site", "age"], se=None, quadrature=Quadrature(181, (-9, 9)))
    table = fit.tidy("slope_intercept").pivot(index="item", columns="parameter", values="estimate")
    gamma = fit.regression.set_index("term")["estimate"]
    mean = gamma["site_b"] * (data["site"] == "b") + gamma["age"] * data["age"]
    theta = np.linspace(-12, 12, 20_001)
    p = expit(table["a1"].to_numpy()[:, None] * theta + table["d"].to_numpy()[:, None])
    loglik = np.empty(60)
    for i in range(60):
        density = np.exp(-0.5 * (theta - mean.iloc[i]) ** 2) / np.sqrt(2 * np.pi)
        for j in range(4):
            x = data.iloc[i, j]
            density = density * (1.0 if np.isnan(x) else p[j] if x == 1 else 1 - p[j])
        loglik[i] = np.log(density.sum() * (theta[1] - theta[0]))
    assert fit.loglik == pytest.approx(loglik.sum(), abs=1e-6)
    np.testing.assert_allclose(casewise_loglik(fit.estimated), loglik, atol=1e-7)
    k, n = fit.npar, 60
    assert k == 4 * 2 + 2
    row = fit.glance().iloc[0]
    assert row["aic"] == pytest.approx(-2 * fit.loglik + 2 * k)
    assert row["bic"] == pytest.approx(-2 * fit.loglik + k * np.log(n))


TWO = "f1 =~ i0 + i2 + i4\nf2 =~ i1 + i3 + i5"


@pytest.mark.parametrize(
    ("model", "K", "options"),
    [
        ("2pl", 2, {}),
        ("rasch", 2, {}),
        ("graded", 4, {}),
        ("gpcm", 3, {}),
        ("pcm", 3, {"weights": np.linspace(0.5, 1.5, 400)}),
        ("2pl", 2, {"fixed": {"i0.a1": 1.0, "i0.d": 0.3}}),
    ],
)
def test_gradient_and_information_are_those_of_differences(model, K, options):
    data = planted(400, 3, K=K)
    fit = rm.fit_irt(data, model, covariates=["site", "age"], quadrature=Quadrature(81, (-8, 8)), **options)
    gradient, information = differences(fit)
    problem = fit.calibration.problem
    np.testing.assert_allclose(problem(fit.x).gradient, gradient, atol=1e-4)
    found = observed_information(problem, fit.x)
    np.testing.assert_allclose(found, information, atol=DIFFERENCES * np.abs(information).max())
    scale = np.sqrt(np.diag(fit.covariance))
    np.testing.assert_allclose(
        fit.covariance / np.outer(scale, scale),
        np.linalg.inv(information) / np.outer(scale, scale),
        atol=1e-3,
    )


def test_two_factors_have_a_multivariate_regression():
    rng = np.random.default_rng(4)
    n = 700
    x = rng.standard_normal(n)
    theta = np.outer(x, [0.5, -0.3]) + rng.multivariate_normal([0, 0], [[1, 0.4], [0.4, 1]], n)
    a = np.linspace(1, 2, 6)
    X = (rng.random((n, 6)) < expit(a * theta[:, [0, 1, 0, 1, 0, 1]])).astype(float)
    data = pd.DataFrame(X, columns=[f"i{j}" for j in range(6)]).assign(x=x)
    fit = rm.fit_irt(data, "2pl", structure=TWO, covariates="x")
    gradient, information = differences(fit)
    assert np.abs(gradient).max() < 1e-2
    found = observed_information(fit.calibration.problem, fit.x)
    np.testing.assert_allclose(found, information, atol=DIFFERENCES * np.abs(information).max())
    slopes = fit.regression.query("term == 'x'").set_index("factor")
    assert (np.abs(slopes["estimate"] - [0.5, -0.3]) < 3 * slopes["std_error"]).all()
    assert {"beta[f1,x]", "beta[f2,x]"} <= set(fit.parameter_table["parameter"])
    assert fit.scores().shape == (n, 6)


def test_cross_product_is_that_of_casewise_differences():
    data = planted(300, 5)
    fit = rm.fit_irt(data, "2pl", covariates=["site", "age"], se="crossprod")
    scores = np.empty((300, fit.x.size))
    for k, e in enumerate(1e-5 * np.eye(fit.x.size)):
        sides = [
            casewise_loglik(type(fit.estimated)(fit.calibration, fit.x + sign * e)) for sign in (1.0, -1.0)
        ]
        scores[:, k] = (sides[0] - sides[1]) / 2e-5
    found = cross_product_information(fit.calibration.problem, fit.x)
    np.testing.assert_allclose(found, scores.T @ scores, atol=1e-5 * np.abs(found).max())


def test_weights_count_like_repeated_persons():
    data = planted(250, 6)
    w = np.tile([1.0, 2.0], 125)
    once = rm.fit_irt(data, "2pl", covariates=["site", "age"], weights=w)
    twice = rm.fit_irt(data.loc[data.index.repeat(w.astype(int))], "2pl", covariates=["site", "age"])
    assert once.loglik == pytest.approx(twice.loglik, abs=SAME_MAXIMUM)
    np.testing.assert_allclose(once.x, twice.x, atol=1e-3)


def coverage(replications: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Share of 95% intervals that hold the planted coefficients, and bias in standard errors of the mean."""
    hit, error = [], []
    for seed in range(replications):
        table = rm.fit_irt(planted(n, 1000 + seed), "2pl", covariates=["site", "age"]).regression
        table = table.set_index("term").loc[list(GAMMA)]
        truth = np.array(list(GAMMA.values()))
        hit.append((table["conf_low"] < truth) & (truth < table["conf_high"]))
        error.append(table["estimate"] - truth)
    bias = np.mean(error, axis=0) / (np.std(error, axis=0) / np.sqrt(replications))
    return np.mean(hit, axis=0), bias


def test_planted_coefficients_are_recovered():
    share, _ = coverage(20, 500)
    assert (share >= 0.75).all()


@pytest.mark.slow
def test_intervals_hold_their_level():
    share, bias = coverage(300, 500)
    assert (np.abs(share - 0.95) < 3 * np.sqrt(0.95 * 0.05 / 300)).all()
    assert (np.abs(bias) < 3.5).all()


def test_scores_and_plausible_values_use_the_regression():
    data = planted(2000, 7)
    fit = rm.fit_irt(data, "2pl", covariates=["site", "age"])
    nobody = data.head(2).copy()
    nobody.iloc[:, :6] = np.nan
    nobody["site"], nobody["age"] = ["a", "b"], [1.0, 1.0]
    gamma = fit.regression.set_index("term")["estimate"]
    for method in ("eap", "map"):
        empty = fit.scores(nobody, method)
        np.testing.assert_allclose(
            empty["estimate"], [gamma["age"], gamma["age"] + gamma["site_b"]], atol=1e-9
        )
        assert empty["flagged"].all()
        np.testing.assert_array_equal(fit.scores(data, method), fit.scores(method=method))
    X = np.column_stack([np.ones(2000), data["site"] == "b", data["age"]]).astype(float)
    drawn = fit.plausible_values(20, seed=1).to_numpy()
    slopes = np.linalg.lstsq(X, drawn, rcond=None)[0].mean(axis=1)
    error = fit.regression["std_error"].to_numpy()[1:]
    assert (np.abs(slopes[1:] - gamma[["site_b", "age"]]) < error).all()
    plain = rm.fit_irt(data.drop(columns=["site", "age"]), "2pl", se=None)
    blind = np.linalg.lstsq(X, plain.plausible_values(20, seed=1).to_numpy(), rcond=None)[0].mean(axis=1)
    assert (np.abs(blind[1:]) < 0.9 * np.abs(slopes[1:])).all()
    row = fit.groups.iloc[0]
    assert row["variance"] == pytest.approx(1 + np.var(X[:, 1:] @ gamma[["site_b", "age"]]), rel=1e-6)
    assert fit.simulate(seed=1).shape == (2000, 6)


def test_a_table_of_its_own_and_categories_in_their_order():
    data = planted(300, 8)
    columns = data[["site", "age"]].assign(
        site=pd.Categorical(data["site"], categories=["b", "a", "never"], ordered=False)
    )
    fit = rm.fit_irt(data.iloc[:, :6], "2pl", covariates=columns, se=None)
    named = rm.fit_irt(data, "2pl", covariates=["site", "age"], se=None)
    assert fit.regression["term"].tolist() == ["intercept", "site_a", "age"]
    assert fit.loglik == pytest.approx(named.loglik, abs=1e-4)
    again = fit.refit()
    assert again.loglik == pytest.approx(fit.loglik, abs=1e-6)


def test_anchored_items_leave_an_intercept_to_estimate():
    data = planted(1500, 9)
    first = rm.fit_irt(data, "2pl", covariates=["site", "age"], se=None)
    moved = data.assign(age=data["age"] + 1.0)
    fit = rm.fit_irt(moved, "2pl", covariates=["site", "age"], fixed=first.fixed_values(["i2", "i3"]))
    slopes = fit.regression.set_index("term")["estimate"]
    assert slopes["intercept"] == pytest.approx(-slopes["age"], abs=0.02)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"covariates": ["sex"]}, DataError, "no covariate 'sex'"),
        ({"covariates": ["site", "age"], "group": "site"}, ModelError, "among the covariates"),
        ({"covariates": ["site"], "density": "empirical"}, OptionError, "normal residuals"),
        ({"covariates": ["site", "age"], "n_factors": 2}, ModelError, "confirmatory"),
        ({"covariates": ["age"], "structure": Bifactor({"s": ["i0", "i1"]})}, ModelError, "specific"),
        (
            {"covariates": ["age"], "structure": TWO, "quadrature": AdaptiveQuadrature()},
            OptionError,
            "fixed nodes",
        ),
        ({"covariates": pd.DataFrame({"x": [1.0]})}, DataError, "1 rows for 300 persons"),
    ],
)
def test_what_does_not_go_together_is_refused(options, error, words):
    data = planted(300, 10)
    items = [f"i{j}" for j in range(6)]
    with pytest.raises(error, match=words):
        rm.fit_irt(data, "2pl", items=items, **options)


def test_bad_covariates_name_their_rows():
    data = planted(300, 11)
    fit = rm.fit_irt(data, "2pl", covariates=["site", "age"], se=None)
    holes = data.copy()
    holes.loc[[4, 7], "age"] = np.nan
    with pytest.raises(DataError, match="'age' is missing in rows 5, 8"):
        rm.fit_irt(holes, "2pl", covariates=["site", "age"])
    with pytest.raises(DataError, match="unknown level 'c' in row 1"):
        fit.scores(data.assign(site=["c"] + ["a"] * 299))
    with pytest.raises(DataError, match="linearly dependent"):
        rm.fit_irt(data.assign(old=2 * data["age"]), "2pl", covariates=["site", "age", "old"])
    with pytest.raises(DataError, match="for everybody"):
        rm.fit_irt(data.assign(site="a"), "2pl", covariates=["site", "age"])
    with pytest.raises(DataError, match="no covariate 'age'"):
        fit.scores(data.drop(columns="age"))
    with pytest.raises(ModelError, match="one latent density"):
        fit.global_fit()
    with pytest.raises(ModelError, match="has no covariates"):
        _ = rm.fit_irt(data.iloc[:, :6], "2pl", se=None).regression
