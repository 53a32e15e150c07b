"""Second-order models: equivalence with correlated factors, derivatives, recovery, messages."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

import recoverymetrics as rm

LOADINGS = np.array([0.8, 0.6, 0.9, 0.7])


def responses(n: int = 1500, factors: int = 3, seed: int = 3, mean: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    loadings = LOADINGS[:factors]
    g = mean + rng.standard_normal(n)
    F = loadings * g[:, None] + np.sqrt(1 - loadings**2) * rng.standard_normal((n, factors))
    a = np.tile([1.0, 1.5, 2.0], factors)
    z = a * np.repeat(F, 3, axis=1) + rng.logistic(size=(n, 3 * factors))
    names = [f"i{j}" for j in range(3 * factors)]
    return pd.DataFrame((z[:, :, None] > [-1.0, 0.0, 1.2]).sum(axis=2), columns=names)


def lines(factors: int = 3) -> str:
    return "\n".join(f"f{k} =~ " + " + ".join(f"i{3 * k + j}" for j in range(3)) for k in range(factors))


def above(factors: int = 3) -> str:
    return "g =~ " + " + ".join(f"f{k}" for k in range(factors)) + "\n" + lines(factors)


@pytest.fixture(scope="module")
def three():
    return rm.fit_irt(responses(), structure=above(), quadrature=21)


def test_three_factors_are_the_correlated_factor_model(three):
    free = rm.fit_irt(responses(), structure=lines(), quadrature=21)
    assert three.npar == free.npar
    assert three.loglik == pytest.approx(free.loglik, abs=0.02)
    table = three.second_order()
    ours = table.query("parameter == 'slope'")
    theirs = free.tidy("slope_intercept").query("parameter.str.startswith('a')")
    np.testing.assert_allclose(ours["estimate"], theirs["estimate"], rtol=1e-3)
    np.testing.assert_allclose(ours["std_error"], theirs["std_error"], rtol=5e-3)
    loadings = table.query("parameter == 'loading'")["estimate"].to_numpy()
    implied = np.outer(loadings, loadings)[np.triu_indices(3, 1)]
    found = free.groups[["cor_f0", "cor_f1", "cor_f2"]].to_numpy()[np.triu_indices(3, 1)]
    np.testing.assert_allclose(implied, found, atol=1e-3)
    ours, theirs = three.global_fit("c2").iloc[0], free.global_fit("c2").iloc[0]
    assert ours["df"] == theirs["df"]
    assert ours["statistic"] == pytest.approx(theirs["statistic"], rel=2e-3)


def test_derivatives_are_those_of_the_loglikelihood(three):
    from recoverymetrics.irt.search import observed
    from recoverymetrics.irt.second_order import ProportionalProblem

    problem = three.calibration.problem
    task = ProportionalProblem(problem, problem.products)
    y, h = problem.products.restrict(three.x) + 0.03, 1e-5
    slope = [(task(y + h * e).value - task(y - h * e).value) / (2 * h) for e in np.eye(y.size)]
    np.testing.assert_allclose(task(y).gradient, slope, rtol=1e-5, atol=2e-4)
    hessian = np.array(
        [(task(y + h * e).gradient - task(y - h * e).gradient) / (2 * h) for e in np.eye(y.size)]
    )
    np.testing.assert_allclose(observed(task, y), -hessian, rtol=1e-4, atol=2e-2)


def test_four_loadings_come_back_and_the_bifactor_model_is_wider():
    data = responses(3000, 4, seed=9)
    fit = rm.fit_irt(data, structure=above(4), quadrature=21)
    table = fit.second_order().query("parameter == 'loading'")
    assert (np.abs(table["estimate"] - LOADINGS) < 3.5 * table["std_error"]).all()
    wide = rm.fit_irt(
        data,
        structure=rm.Bifactor({f"s{k}": [f"i{3 * k + j}" for j in range(3)] for k in range(4)}),
        se=None,
        quadrature=21,
    )
    assert wide.npar - fit.npar == 8
    row = fit.compare_with(wide).iloc[1]
    assert row["df"] == 8
    assert row["p_value"] > 0.001
    slopes = fit.tidy().pivot(index="item", columns="parameter", values="estimate")
    ratio = slopes["a1"] / slopes[["a2", "a3", "a4", "a5"]].sum(axis=1)
    assert ratio.groupby([int(i[1:]) // 3 for i in slopes.index]).std().max() < 1e-9


def test_means_of_groups_are_those_of_the_second_order_factor():
    data = pd.concat(
        [responses(1200, seed=1).assign(g="A"), responses(1200, seed=2, mean=0.6).assign(g="B")],
        ignore_index=True,
    )
    fit = rm.fit_irt(data, structure=above(), group="g", equal=("slopes", "intercepts"), quadrature=21)
    second = fit.groups.iloc[1]
    assert abs(second["mean"] - 0.6) < 3.5 * second["mean_se"]
    assert fit.second_order().query("parameter == 'loading'").groupby("factor")["estimate"].std().max() < 1e-9
    apart = rm.fit_irt(data, structure=above(), group="g", se=None, quadrature=21)
    assert apart.npar == 2 * (27 + 9 + 3)


def test_items_may_load_on_the_second_order_factor_directly():
    structure = "g =~ f0 + f1 + i6 + i7 + i8\n" + lines(2)
    fit = rm.fit_irt(responses(600), structure=structure, se=None, quadrature=15)
    assert fit.npar == 27 + 9 + 2
    assert set(fit.second_order()["factor"]) == {"f0", "f1"}


def test_a_factor_that_is_the_second_order_factor_is_reported():
    rng = np.random.default_rng(2)
    F = rng.multivariate_normal(np.zeros(3), [[1, 0.6, 0.6], [0.6, 1, 0.2], [0.6, 0.2, 1]], 1500)
    z = 1.5 * np.repeat(F, 3, axis=1) + rng.logistic(size=(1500, 9))
    data = pd.DataFrame((z[:, :, None] > [-1.0, 1.0]).sum(axis=2), columns=[f"i{j}" for j in range(9)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rm.EstimationWarning)
        fit = rm.fit_irt(data, structure=above(), se=None, quadrature=15, max_iterations=100)
    assert any("'f0' on the second-order factor is at its bound" in note for note in fit.notes)


@pytest.mark.parametrize(
    ("structure", "options", "message"),
    [
        ("g =~ f0 + f1\n" + lines(2) + "\nh =~ i6 + i7 + i8", {}, "loadings are not identified"),
        (above() + "\nh =~ g + i0 + i1", {}, "third order"),
        ("g =~ f0 + f1 + f2 + i0\n" + lines(), {}, "item 'i0' loads on two factors"),
        (
            "g =~ f0 + f1 + f2\nf0 =~ i0\nf1 =~ i1 + i2 + i3\nf2 =~ i4 + i5 + i6 + i7 + i8",
            {},
            "factor 'f0' has 1 item",
        ),
        (above(), {"model": "pcm"}, "needs free slopes"),
        (above(), {"equal": ["i0"], "group": "g"}, "single anchors"),
    ],
)
def test_errors_say_what_was_wrong(structure, options, message):
    data = responses(200).assign(g=["A", "B"] * 100) if "group" in options else responses(200)
    with pytest.raises(rm.RecoveryMetricsError, match=message):
        rm.fit_irt(data, structure=structure, **options)


def test_other_models_have_no_second_order_table():
    with pytest.raises(rm.ModelError, match="no second-order factor"):
        rm.fit_irt(responses(200), se=None).second_order()
