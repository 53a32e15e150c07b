"""Simulation from fitted models."""

import numpy as np
import pytest

from recoverymetrics.cfa import fit_cfa
from recoverymetrics.errors import ModelError, OptionError
from recoverymetrics.irt import Bifactor, fit_irt
from recoverymetrics.simulate import Group, factor_model, irt_model, simulate_continuous, simulate_responses
from recoverymetrics.simulate.fitted import from_fitted
from recoverymetrics.simulate.kernel import survival

THETA = np.linspace(-2.5, 2.5, 7)
PROBABILITY_TOLERANCE = 1e-10  # the same formula evaluated twice
SAMPLING_TOLERANCE = 0.035  # about four standard errors at the sizes used here


def answers(n=600, n_items=5, steps=(-1, 0, 1), seed=1, **options):
    model = irt_model("graded", slopes=[1.4] * n_items, difficulties=[steps] * n_items)
    return simulate_responses(model, None if options else n, seed=seed, **options).responses


@pytest.mark.parametrize("model", ["graded", "gpcm", "pcm", "rsm", "nominal", "sequential"])
def test_curves_of_a_fitted_model_are_its_own(model):
    fit = fit_irt(answers().drop(columns="group"), model, se=None)
    curves = fit.probabilities(THETA)
    tail = survival(from_fitted(fit).parameters, THETA[:, None])
    for j, item in enumerate(fit.items):
        own = curves[curves["item"] == item].pivot_table(
            index="theta", columns="category", values="probability"
        )
        expected = own.to_numpy()[:, ::-1].cumsum(axis=1)[:, ::-1][:, 1:]
        assert np.allclose(tail[:, j], expected, atol=PROBABILITY_TOLERANCE)


@pytest.mark.parametrize("model", ["rasch", "1pl", "2pl", "3pl"])
@pytest.mark.filterwarnings("ignore::recoverymetrics.errors.EstimationWarning")
def test_curves_of_dichotomous_models_are_their_own(model):
    fit = fit_irt(answers(steps=(0.2,)).drop(columns="group"), model, se=None, max_iterations=40)
    curves = fit.probabilities(THETA)
    tail = survival(from_fitted(fit).parameters, THETA[:, None])
    for j, item in enumerate(fit.items):
        own = curves[(curves["item"] == item) & (curves["category"] == curves["category"].max())]
        assert np.allclose(tail[:, j, 0], own["probability"], atol=PROBABILITY_TOLERANCE)


def test_mixed_models_keep_their_families():
    data = answers().drop(columns="group")
    fit = fit_irt(data, {item: ("graded" if j < 3 else "gpcm") for j, item in enumerate(data)}, se=None)
    assert from_fitted(fit).parameters.families == ("graded",) * 3 + ("softmax",) * 2
    assert set(np.unique(simulate_responses(fit, 300, seed=1).responses["item5"])) == {1, 2, 3, 4}


def test_groups_of_the_data_are_simulated_with_their_sizes_and_moments():
    data = answers(groups=[Group("a", 700), Group("b", 400, mean=0.8, variance=0.6)])
    fit = fit_irt(data, "graded", group="group", equal=("slopes", "intercepts"), se=None)
    again = simulate_responses(fit, seed=2)
    assert again.responses["group"].value_counts().to_dict() == {"a": 700, "b": 400}
    moments = fit.groups.set_index("group").loc["b"]
    theta = again.theta["f1" if "f1" in again.theta else again.theta.columns[0]][
        again.responses["group"] == "b"
    ]
    assert theta.mean() == pytest.approx(moments["mean"], abs=0.12)
    assert theta.var() == pytest.approx(moments["variance"], abs=0.15)
    refit = fit_irt(again.responses, "graded", group="group", equal=("slopes", "intercepts"), se=None)
    assert refit.item_parameters["a"].mean() == pytest.approx(fit.item_parameters["a"].mean(), abs=0.2)


def test_categories_come_back_as_they_were():
    data = answers().drop(columns="group") * 2
    with pytest.warns(UserWarning, match="nobody used"):
        fit = fit_irt(data, "graded", se=None)
    assert set(np.unique(simulate_responses(fit, 300, seed=1).responses["item1"])) == {2, 4, 6, 8}


def test_bifactor_models_keep_their_specific_factors():
    data = answers(n_items=6).drop(columns="group")
    specific = {"s1": ["item1", "item2", "item3"], "s2": ["item4", "item5", "item6"]}
    fit = fit_irt(data, "graded", structure=Bifactor(specific), se=None, quadrature=15)
    spec = from_fitted(fit)
    assert spec.parameters.slopes.shape == (6, 3)
    assert np.array_equal(spec.factor_correlations, np.eye(3))
    assert np.all(spec.parameters.slopes[:3, 2] == 0)


def test_other_objects_are_refused():
    with pytest.raises(ModelError, match="cannot simulate from dict"):
        simulate_responses({}, 10)


ORDINAL = "F =~ item1 + item2 + item3\nG =~ item4 + item5 + item6\nitem1 ~~ item2"


@pytest.fixture(scope="module")
def two_factors():
    loadings = np.kron(np.eye(2), np.array([[0.8], [0.7], [0.6]]))
    model = factor_model(loadings, [[-1.0, 0.0, 1.2]] * 6, factor_correlations=[[1, 0.5], [0.5, 1]])
    groups = [Group("a", 4000), Group("b", 3000, mean=[0.5, -0.3], variance=[1.3, 0.8])]
    pairs = [("item1", "item2", 0.3)]
    return simulate_responses(model, groups=groups, residual_correlations=pairs, seed=5).responses


@pytest.mark.parametrize("parameterization", ["delta", "theta"])
def test_ordinal_cfa_is_simulated_as_fitted(two_factors, parameterization):
    data = two_factors[two_factors["group"] == "a"].drop(columns="group")
    fit = fit_cfa(data, ORDINAL, ordered=True, parameterization=parameterization)
    again = simulate_responses(fit, 30_000, seed=6)
    refit = fit_cfa(
        again.responses.drop(columns="group"), ORDINAL, ordered=True, parameterization=parameterization
    )
    both = [f.tidy().set_index(["lhs", "op", "rhs"])["std_all"] for f in (fit, refit)]
    assert (both[0] - both[1]).abs().max() < SAMPLING_TOLERANCE


def test_groups_of_an_ordinal_cfa_are_simulated_as_fitted(two_factors):
    options = {"ordered": True, "group": "group", "equal": ["thresholds", "loadings", "intercepts"]}
    fit = fit_cfa(two_factors, ORDINAL, **options)
    again = simulate_responses(fit, seed=7).responses
    assert again["group"].value_counts().to_dict() == {"a": 4000, "b": 3000}
    for item in again.columns[1:]:
        for label in ("a", "b"):
            seen, planted = (
                frame.loc[frame["group"] == label, item].value_counts(normalize=True).sort_index()
                for frame in (again, two_factors)
            )
            assert np.abs(seen - planted).max() < SAMPLING_TOLERANCE


def test_continuous_cfa_is_simulated_as_fitted():
    loadings = np.kron(np.eye(2), np.array([[0.8], [0.7], [0.6]]))
    data = simulate_continuous(loadings, 800, factor_covariance=[[1, 0.5], [0.5, 1]], intercepts=2.0, seed=1)
    data["site"] = np.repeat(["a", "b"], 400)
    data.loc[data["site"] == "b", "x1"] += 1.0
    model = "F =~ x1 + x2 + x3\nG =~ x4 + x5 + x6"
    fit = fit_cfa(data, model, group="site")
    again = simulate_continuous(fit, 60_000, seed=2)
    for label, block in again.groupby("group"):
        implied = fit.implied()[label]
        assert np.allclose(block.drop(columns="group").cov(), implied["cov"], atol=SAMPLING_TOLERANCE)
        assert np.allclose(block.drop(columns="group").mean(), implied["mean"], atol=SAMPLING_TOLERANCE)
    assert len(simulate_continuous(fit, seed=2)) == 800
    single = fit_cfa(data, model)
    assert np.allclose(
        simulate_continuous(single, 60_000, seed=3).mean(),
        data[list(single.table.observed)].mean(),
        atol=0.03,
    )


def test_kinds_of_confirmatory_models_are_not_mixed_up(two_factors):
    ordinal = fit_cfa(two_factors.drop(columns="group"), ORDINAL, ordered=True)
    continuous = fit_cfa(two_factors.drop(columns="group").astype(float), ORDINAL)
    with pytest.raises(ModelError, match="use simulate_responses"):
        simulate_continuous(ordinal, 10)
    with pytest.raises(ModelError, match="'item1' of the fitted model is continuous"):
        simulate_responses(continuous, 10)
    with pytest.raises(OptionError, match="at least 1"):
        simulate_continuous(continuous, 0)


def test_one_group_keeps_the_variance_of_the_fitted_model():
    fit = fit_irt(answers().drop(columns="group"), "pcm", se=None)
    theta = simulate_responses(fit, 20_000, seed=1).theta.iloc[:, 0]
    assert theta.var() == pytest.approx(fit.groups["variance"][0], rel=0.05)


def test_persons_of_a_regression_are_drawn_from_its_population():
    made = answers(groups=[Group("a", 450), Group("b", 450, mean=1.2)], steps=(-1, 0, 1))
    data = made.drop(columns="group").assign(b=(made["group"] == "b").astype(int))
    fit = fit_irt(data, "graded", covariates=["b"], se=None)
    population = from_fitted(fit).populations[0]
    assert population.mean[0] == pytest.approx(float(fit.groups["mean"].iloc[0]))
    assert population.mean[0] == pytest.approx(0.6, abs=0.15)
    assert population.variance[0] > 1.2
