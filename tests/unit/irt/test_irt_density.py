"""Latent densities that are not normal: Davidian curves and histograms, in one group and several."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

import recoverymetrics as rm
from recoverymetrics.irt.likelihood import log_weights
from recoverymetrics.numerics.davidian import davidian_log_weights, davidian_moments, polynomial
from recoverymetrics.numerics.quadrature import rectangular_nodes


def skewed(rng: np.random.Generator, n: int) -> np.ndarray:
    return (rng.chisquare(4, n) - 4) / np.sqrt(8)


def bimodal(rng: np.random.Generator, n: int) -> np.ndarray:
    left = rng.random(n) < 0.6
    theta = np.where(left, rng.normal(-0.8, 0.5, n), rng.normal(1.2, 0.5, n))
    return theta / np.sqrt(0.25 + 0.6 * 0.4 * 4.0)


def responses(theta: np.ndarray, seed: int = 0, J: int = 8) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    a, b = np.linspace(1.2, 2.2, J), np.array([-1.0, 0.0, 1.0, 2.0])
    p = 1 / (1 + np.exp(-a[None, :, None] * (theta[:, None, None] - b)))
    return pd.DataFrame((p > rng.random((theta.size, J, 1))).sum(axis=2), columns=[f"i{j}" for j in range(J)])


def density(fit, g: int = 0) -> tuple[np.ndarray, np.ndarray]:
    problem = fit.calibration.problem
    return problem.nodes.theta[:, 0], np.exp(log_weights(problem, fit.estimated.extended, g))


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_a_curve_is_a_density_with_the_moments_it_is_given(k):
    angles = np.random.default_rng(k).uniform(-1.2, 1.2, k)
    grid = np.linspace(-12, 12, 4001)
    raw = np.polynomial.polynomial.polyval(grid, polynomial(angles)) ** 2 * norm.pdf(grid)
    step = grid[1] - grid[0]
    assert raw.sum() * step == pytest.approx(1.0, abs=1e-9)
    mean, variance = davidian_moments(angles)
    assert (raw * grid).sum() * step == pytest.approx(mean, abs=1e-9)
    assert (raw * grid**2).sum() * step - mean**2 == pytest.approx(variance, abs=1e-9)
    nodes = rectangular_nodes(801, 1, (-16.0, 16.0))
    w = np.exp(davidian_log_weights(nodes, 0.4, 1.7, angles))
    assert w @ nodes.theta[:, 0] == pytest.approx(0.4, abs=1e-5)
    assert w @ (nodes.theta[:, 0] - 0.4) ** 2 == pytest.approx(1.7, abs=1e-4)


def test_gradient_and_information_with_a_curve_are_those_of_the_loglikelihood():
    data = responses(skewed(np.random.default_rng(1), 400), J=4)
    both = pd.concat([data.iloc[:200].assign(g="A"), data.iloc[200:].assign(g="B")])
    fit = rm.fit_irt(both, group="g", equal=("slopes", "intercepts"), density="davidian-2", se=None)
    from recoverymetrics.irt.information import observed_information

    problem, x, h = fit.calibration.problem, fit.x + 0.02, 1e-5
    slope = [(problem(x + h * e).value - problem(x - h * e).value) / (2 * h) for e in np.eye(x.size)]
    np.testing.assert_allclose(problem(x).gradient, slope, rtol=1e-5, atol=1e-4)
    hessian = [(problem(x + h * e).gradient - problem(x - h * e).gradient) / (2 * h) for e in np.eye(x.size)]
    np.testing.assert_allclose(observed_information(problem, x), -np.array(hessian), rtol=1e-3, atol=0.05)


@pytest.mark.parametrize(("draw", "order"), [(skewed, 3), (bimodal, 2)])
def test_a_planted_shape_comes_back(draw, order):
    theta = draw(np.random.default_rng(12), 3000)
    data = responses(theta)
    normal, curve = (rm.fit_irt(data, density=d, se=None) for d in ("normal", f"davidian-{order}"))
    assert curve.glance()["bic"][0] < normal.glance()["bic"][0] - 50
    nodes, w = density(curve)
    planted = np.histogram(theta, bins=np.append(nodes - 0.1, 6.1))[0] / theta.size
    distances = [np.abs(np.cumsum(v) - np.cumsum(planted)).max() for v in (w, density(normal)[1])]
    assert distances[0] < 0.5 * distances[1]
    planted_b = (np.array([-1.0, 0.0, 1.0, 2.0]) - theta.mean()) / theta.std()
    tables = [f.item_parameters[["b1", "b2", "b3", "b4"]].to_numpy() for f in (curve, normal)]
    errors = [np.sqrt(np.mean((t - planted_b) ** 2)) for t in tables]
    assert errors[0] < errors[1]


def test_the_order_is_chosen_by_bic():
    rng = np.random.default_rng(5)
    two = rm.fit_irt(responses(bimodal(rng, 1500)), density="davidian")
    assert two.calibration.spec.density == "davidian-2"
    assert np.isfinite(two.tidy()["std_error"]).all()
    flat = rm.fit_irt(responses(rng.standard_normal(1500)), density="davidian", se=None)
    assert flat.calibration.spec.density == "normal"


@pytest.mark.parametrize("name", ["davidian-2", "empirical"])
def test_groups_have_shapes_and_moments_of_their_own(name):
    rng = np.random.default_rng(3)
    first, second = bimodal(rng, 2000), 0.5 + 0.8 * rng.standard_normal(2000)
    data = pd.concat(
        [responses(first, 1).assign(g="A"), responses(second, 2).assign(g="B")], ignore_index=True
    )
    options = {"group": "g", "equal": ("slopes", "intercepts"), "se": None}
    normal, fit = rm.fit_irt(data, **options), rm.fit_irt(data, density=name, **options)
    assert fit.loglik > normal.loglik + 50
    scale = (first.mean(), first.std())
    assert fit.groups["mean"][0] == pytest.approx(0.0, abs=0.02)
    assert fit.groups["variance"][0] == pytest.approx(1.0, abs=0.03)
    assert fit.groups["mean"][1] == pytest.approx((second.mean() - scale[0]) / scale[1], abs=0.07)
    assert fit.groups["variance"][1] == pytest.approx(0.64 / scale[1] ** 2, abs=0.09)
    nodes, w = density(fit, 0)
    assert (w * (np.abs(nodes) < 0.25)).sum() < 0.8 * (
        density(fit, 1)[1] * (np.abs(nodes - 0.5) < 0.25)
    ).sum()
    simulated = fit.simulate(500, seed=1)
    assert simulated["g"].value_counts().tolist() == [500, 500]


def test_unit_slopes_leave_the_variance_to_the_histogram():
    rng = np.random.default_rng(8)
    theta = 1.6 * bimodal(rng, 2500)
    z = theta[:, None] + np.linspace(-1.5, 1.5, 12) + rng.logistic(size=(2500, 12))
    fit = rm.fit_irt((z > 0).astype(int), "rasch", density="empirical")
    assert fit.groups["variance"][0] == pytest.approx(2.56, abs=0.35)
    assert np.isfinite(fit.tidy()["std_error"].dropna()).all()


@pytest.mark.parametrize("name", ["davidian-0", "davidian-11", "normal-2", "uniform"])
def test_unknown_densities(name):
    with pytest.raises(rm.OptionError, match="unknown density"):
        rm.fit_irt(responses(np.zeros(50)), density=name)
