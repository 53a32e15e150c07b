from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import recoverymetrics as rm
from recoverymetrics.irt import AdaptiveQuadrature
from recoverymetrics.irt.rotate import rotate


def regression_data(n: int = 3000) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(8)
    covariates = pd.DataFrame({"age": rng.standard_normal(n), "site": rng.choice(["a", "b"], n)})
    theta = 0.5 * covariates["age"] - 0.4 * (covariates["site"] == "b") + 0.8 * rng.standard_normal(n)
    a, b = np.linspace(0.8, 2, 8), np.array([-1.0, 0.0, 1.0])
    p = 1 / (1 + np.exp(-a[None, :, None] * (theta.to_numpy()[:, None, None] - b)))
    X = pd.DataFrame((p > rng.random((n, 8, 1))).sum(axis=2), columns=[f"i{j}" for j in range(8)])
    return X, covariates


def test_latent_regression_recovers_coefficients_that_scores_shrink():
    data, covariates = regression_data()
    fit = rm.fit_irt(data, se=None)
    table = fit.latent_regression(covariates).tidy().set_index("term")
    scale = np.sqrt(0.25 + 0.4**2 * 0.25 + 0.64)
    for term, truth in (("age", 0.5 / scale), ("site_b", -0.4 / scale)):
        assert abs(table.loc[term, "estimate"] - truth) < 3.5 * table.loc[term, "std_error"]
    shrunken = np.polyfit(covariates["age"], fit.scores()["estimate"], 1)[0]
    assert shrunken < table.loc["age", "estimate"]


def test_latent_regression_is_at_the_maximum_of_its_likelihood():
    from recoverymetrics.irt.latent_regression import _posterior, node_likelihoods

    data, covariates = regression_data(600)
    fit = rm.fit_irt(data, se=None)
    found = fit.latent_regression(covariates)
    X = np.column_stack([np.ones(600), covariates["age"], covariates["site"] == "b"]).astype(float)
    A = node_likelihoods(fit.estimated)

    def loglik(x):
        return _posterior(A, found.theta, X @ x[:3], x[3])[1].sum()

    at = np.array([*found.coefficients, found.residual_variance])
    h = 1e-3
    H = np.empty((4, 4))
    for i in range(4):
        for j in range(4):
            e, f = h * np.eye(4)[i], h * np.eye(4)[j]
            H[i, j] = (loglik(at + e + f) - loglik(at + e - f) - loglik(at - e + f) + loglik(at - e - f)) / (
                4 * h * h
            )
    np.testing.assert_allclose(found.covariance, np.linalg.inv(-H), rtol=2e-3, atol=1e-6)


def test_plausible_values_have_the_latent_variance():
    data, _ = regression_data()
    fit = rm.fit_irt(data, se=None)
    drawn = fit.plausible_values(4, seed=1)
    assert drawn.shape == (3000, 4)
    assert drawn.var().mean() == pytest.approx(1.0, abs=0.06)
    pd.testing.assert_frame_equal(drawn, fit.plausible_values(4, seed=1))


def test_latent_regression_refuses_what_it_cannot_use():
    data, covariates = regression_data(300)
    fit = rm.fit_irt(data, se=None)
    with pytest.raises(rm.DataError, match="covariates has 10 rows"):
        fit.latent_regression(covariates.head(10))
    with pytest.raises(rm.DataError, match="missing values"):
        fit.latent_regression(covariates.mask(covariates["age"] > 1))
    with pytest.raises(rm.DataError, match="linearly dependent"):
        fit.latent_regression(covariates.assign(twin=covariates["age"]))


def test_simulated_responses_lead_back_to_the_parameters():
    data, _ = regression_data()
    fit = rm.fit_irt(data)
    again = rm.fit_irt(fit.simulate(20_000, seed=3), se=None)
    np.testing.assert_allclose(again.item_parameters["a"], fit.item_parameters["a"], atol=0.12)
    assert set(np.unique(fit.simulate(50, seed=1))) <= set(np.unique(data))


def test_q3_cutoff_flags_a_planted_pair():
    data, _ = regression_data(1500)
    rng = np.random.default_rng(3)
    copied = rng.random(1500) < 0.5
    data.loc[copied, "i1"] = data.loc[copied, "i0"]
    row = rm.fit_irt(data, se=None).q3_cutoff(n_draws=8, seed=1).iloc[0]
    assert row["largest"] > row["cutoff"] > 0
    assert row["n_flagged"] >= 1


def test_rotation_finds_a_planted_simple_structure():
    simple = np.zeros((9, 3))
    for d in range(3):
        simple[3 * d : 3 * d + 3, d] = [0.7, 0.6, 0.5]
    mixed = simple @ np.linalg.qr(np.random.default_rng(1).standard_normal((3, 3)))[0]
    for name in ("oblimin", "geomin", "varimax"):
        loadings, correlations = rotate(mixed, name)
        np.testing.assert_allclose(
            np.sort(np.abs(loadings).max(axis=1)), np.sort(simple.max(axis=1)), atol=0.02
        )
        np.testing.assert_allclose(correlations, np.eye(3), atol=0.03)


def test_exploratory_loadings_separate_two_factors():
    rng = np.random.default_rng(5)
    theta = rng.multivariate_normal([0, 0], [[1, 0.3], [0.3, 1]], 1500)
    z = np.repeat(1.6 * theta, 4, axis=1) + rng.logistic(size=(1500, 8))
    data = pd.DataFrame((z[:, :, None] > [-1.0, 0.0, 1.0]).sum(axis=2), columns=[f"i{j}" for j in range(8)])
    fit = rm.fit_irt(data, n_factors=2, se=None, quadrature=15)
    loadings = np.abs(fit.standardised_loadings().to_numpy())
    owner = loadings.argmax(axis=1)
    assert len(set(owner[:4])) == len(set(owner[4:])) == 1
    assert owner[0] != owner[7]
    assert loadings.min(axis=1).max() < 0.12
    with pytest.raises(rm.OptionError, match="unknown rotation"):
        fit.standardised_loadings("procrustes")


@pytest.mark.parametrize("kind", ["information", "categories", "expected", "wright"])
def test_plots_draw(kind):
    import matplotlib.pyplot as plt

    data, _ = regression_data(300)
    axes = rm.fit_irt(data, se=None).plot(kind)
    assert axes.has_data()
    plt.close("all")


def two_factors(n: int = 500) -> pd.DataFrame:
    rng = np.random.default_rng(6)
    theta = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], n)
    z = np.repeat(1.5 * theta, 4, axis=1) + rng.logistic(size=(n, 8))
    return pd.DataFrame((z[:, :, None] > [-1.0, 0.0, 1.0]).sum(axis=2), columns=[f"i{j}" for j in range(8)])


LINES = "f =~ i0 + i1 + i2 + i3\ng =~ i4 + i5 + i6 + i7"


def test_adaptive_quadrature_reaches_the_fixed_grid_with_few_nodes():
    data = two_factors()
    grid = rm.fit_irt(data, structure=LINES, quadrature=41)
    few = rm.fit_irt(data, structure=LINES, quadrature=AdaptiveQuadrature(9))
    assert few.loglik == pytest.approx(grid.loglik, abs=0.02)
    np.testing.assert_allclose(few.tidy()["estimate"], grid.tidy()["estimate"], atol=5e-3)
    np.testing.assert_allclose(few.tidy()["std_error"], grid.tidy()["std_error"], rtol=5e-3)
    np.testing.assert_allclose(few.scores()["estimate_f"], grid.scores()["estimate_f"], atol=5e-3)
    np.testing.assert_allclose(few.scores()["std_error_g"], grid.scores()["std_error_g"], atol=5e-3)


def test_adaptive_gradient_is_that_of_its_loglikelihood():
    from recoverymetrics.irt.adaptive import starting_problem
    from recoverymetrics.irt.adaptive_information import adaptive_information

    fit = rm.fit_irt(two_factors(200), structure=LINES, quadrature=11, se=None)
    problem = starting_problem(fit.calibration.layout, fit.calibration.problem.patterns, 5, fit.x)
    x, h = fit.x + 0.05, 1e-5
    information, _ = adaptive_information(problem, x)
    hessian = [(problem(x + h * e).gradient - problem(x - h * e).gradient) / (2 * h) for e in np.eye(x.size)]
    np.testing.assert_allclose(information, -np.array(hessian), rtol=1e-4, atol=1e-2)
    numeric = [(problem(x + h * e).value - problem(x - h * e).value) / (2 * h) for e in np.eye(x.size)]
    np.testing.assert_allclose(problem(x).gradient, numeric, rtol=1e-5, atol=1e-4)


def test_adaptive_quadrature_needs_simple_structure():
    with pytest.raises(rm.OptionError, match="load on one factor each"):
        rm.fit_irt(two_factors(100), n_factors=2, quadrature=AdaptiveQuadrature())


def test_four_correlated_factors_use_adaptive_quadrature():
    rng = np.random.default_rng(9)
    theta = rng.multivariate_normal(np.zeros(4), 0.4 + 0.6 * np.eye(4), 400)
    z = np.repeat(1.7 * theta, 3, axis=1) + rng.logistic(size=(400, 12))
    data = pd.DataFrame((z > 0).astype(int), columns=[f"i{j}" for j in range(12)])
    lines = "\n".join(f"f{d} =~ " + " + ".join(f"i{3 * d + k}" for k in range(3)) for d in range(4))
    fit = rm.fit_irt(data, "2pl", structure=lines)
    assert fit.converged
    assert fit.calibration.spec.quadrature == AdaptiveQuadrature()
    correlations = fit.groups[[f"cor_f{d}" for d in range(4)]].to_numpy()[np.triu_indices(4, 1)]
    assert abs(correlations.mean() - 0.4) < 0.12
    assert np.isfinite(fit.tidy()["std_error"]).all()


def test_empirical_histogram_finds_a_skewed_density():
    rng = np.random.default_rng(12)
    theta = rng.chisquare(3, 4000)
    theta = (theta - 3) / np.sqrt(6)
    a, b = np.linspace(1.2, 2.2, 10), np.array([-1.0, 0.0, 1.0, 2.0])
    p = 1 / (1 + np.exp(-a[None, :, None] * (theta[:, None, None] - b)))
    data = pd.DataFrame((p > rng.random((4000, 10, 1))).sum(axis=2), columns=[f"i{j}" for j in range(10)])
    normal, histogram = rm.fit_irt(data, se=None), rm.fit_irt(data, density="empirical")
    assert histogram.loglik > normal.loglik + 20
    errors = [np.abs(fit.item_parameters["b1"] + 1.0).mean() for fit in (normal, histogram)]
    assert errors[1] < errors[0]
    weights = np.exp(histogram.calibration.problem.histogram[0])
    nodes = histogram.calibration.problem.nodes.theta[:, 0]
    assert weights @ nodes == pytest.approx(0.0, abs=0.02)
    assert weights @ nodes**3 > 0.5
    assert np.isfinite(histogram.tidy()["std_error"]).all()


def test_empirical_histogram_of_normal_data_changes_little():
    data, _ = regression_data(1500)
    normal, histogram = rm.fit_irt(data, se=None), rm.fit_irt(data, density="empirical", se=None)
    assert 0 <= histogram.loglik - normal.loglik < 25
    with pytest.raises(rm.OptionError, match="are for one factor"):
        rm.fit_irt(data, density="empirical", n_factors=2)
    with pytest.raises(rm.OptionError, match="unknown density"):
        rm.fit_irt(data, density="uniform")


def test_bifactor_scores_and_item_fit_agree_with_the_full_grid():
    data = two_factors(600)
    structure = rm.Bifactor({"s": ["i0", "i1", "i2", "i3"]})
    reduced = rm.fit_irt(data, structure=structure, quadrature=21)
    lines = "g =~ " + " + ".join(data.columns) + "\ns =~ i0 + i1 + i2 + i3\ng ~~ 0*s"
    full = rm.fit_irt(data, structure=lines, quadrature=21)
    assert reduced.loglik == pytest.approx(full.loglik, abs=1e-5)
    np.testing.assert_allclose(reduced.tidy()["std_error"], full.tidy()["std_error"], rtol=2e-3)
    names = ["estimate_general", "estimate_s", "std_error_general", "std_error_s"]
    theirs = ["estimate_g", "estimate_s", "std_error_g", "std_error_s"]
    np.testing.assert_allclose(reduced.scores()[names], full.scores()[theirs], atol=2e-3)
    np.testing.assert_allclose(reduced.item_fit()["statistic"], full.item_fit()["statistic"], rtol=2e-2)
    np.testing.assert_allclose(reduced.score_table()["estimate"], full.score_table()["estimate"], atol=2e-3)
