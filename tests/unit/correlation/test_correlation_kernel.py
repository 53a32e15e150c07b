"""The polychoric kernel: derivatives, casewise influence, empty categories, boundary correlations."""

import numpy as np
import pytest

from recoverymetrics.correlation.bivariate import (
    RHO_LIMIT,
    cell_probabilities,
    cell_slopes,
    cell_threshold_slopes,
    solve_pairs,
)
from recoverymetrics.correlation.kernel import cross_product, ordinal_moments
from recoverymetrics.correlation.tables import pair_tables


def ordered(n, rho, cuts, seed=1, missing=0.0):
    """Cut a trivariate normal sample with one common correlation."""
    rng = np.random.default_rng(seed)
    latent = np.sqrt(rho) * rng.standard_normal((n, 1)) + np.sqrt(1 - rho) * rng.standard_normal((n, 3))
    codes = np.column_stack([np.searchsorted(c, latent[:, j]) for j, c in enumerate(cuts)])
    codes[rng.random(codes.shape) < missing] = -1
    return codes


CUTS = ([-1.0, 0.0, 0.8], [-0.5, 0.7], [-1.2, -0.2, 0.3, 1.1])
SIZES = np.array([4, 3, 5])


def test_tables_count_like_a_loop():
    codes = ordered(300, 0.4, CUTS, missing=0.1)
    tables = pair_tables(codes, 5)
    for i in range(3):
        for j in range(3):
            for a in range(5):
                for b in range(5):
                    assert tables[i, j, a, b] == np.sum((codes[:, i] == a) & (codes[:, j] == b))


def test_cell_derivatives_match_finite_differences():
    tau_x, tau_y = np.array([[-1.0, 0.2, np.inf]]), np.array([[-0.4, 0.9, 1.5]])
    rho, step = np.array([0.6]), 1e-5
    first, second = cell_slopes(tau_x, tau_y, rho)
    up, down = cell_probabilities(tau_x, tau_y, rho + step), cell_probabilities(tau_x, tau_y, rho - step)
    np.testing.assert_allclose(first, (up - down) / (2 * step), atol=1e-9)
    np.testing.assert_allclose(
        second, (cell_slopes(tau_x, tau_y, rho + step)[0] - cell_slopes(tau_x, tau_y, rho - step)[0]) / (2 * step),
        atol=1e-8,
    )  # fmt: skip
    gain = cell_threshold_slopes(tau_x, tau_y, rho)
    shift = np.array([[step, 0.0, 0.0]])
    change = cell_probabilities(tau_x + shift, tau_y, rho) - cell_probabilities(tau_x - shift, tau_y, rho)
    np.testing.assert_allclose(gain[:, 0], change[:, 0] / (2 * step), atol=1e-9)
    np.testing.assert_allclose(-gain[:, 0], change[:, 1] / (2 * step), atol=1e-9)


def test_estimates_recover_the_population():
    moments = ordinal_moments(ordered(200_000, 0.5, CUTS), SIZES, acov="diagonal")
    errors = np.sqrt(moments.acov / moments.n)
    truth = np.concatenate([*CUTS, [0.5, 0.5, 0.5]])
    assert np.all(np.abs(moments.statistics - truth) < 4 * errors)


def test_exact_tables_give_the_exact_correlation():
    rho = np.array([-0.95, -0.3, 0.0, 0.7, 0.99])
    tau = np.tile([-0.7, 0.1, 1.0], (5, 1))
    solution = solve_pairs(1e4 * cell_probabilities(tau, tau, rho), tau, tau)
    np.testing.assert_allclose(solution.rho, rho, atol=1e-9)
    assert solution.converged.all()
    assert not solution.boundary.any()


@pytest.mark.parametrize("missing", [0.0, 0.15])
def test_influence_is_the_effect_of_one_more_person(missing):
    codes = ordered(800, 0.5, CUTS, missing=missing)
    base = ordinal_moments(codes, SIZES, acov="full")
    casewise = base.influence.casewise(codes)
    np.testing.assert_allclose(casewise.sum(axis=0), 0, atol=1e-8)
    step = 1e-3
    for person in (0, 5, 17):
        weights = np.ones(len(codes))
        weights[person] += step
        more = ordinal_moments(codes, SIZES, weights=weights).statistics
        # outer-product and exact curvature agree in expectation only, hence the loose bound
        np.testing.assert_allclose((more - base.statistics) / step, casewise[person], atol=4e-4)


@pytest.mark.parametrize("missing", [0.0, 0.15])
def test_diagonal_is_the_diagonal_of_the_full_matrix(missing):
    codes = ordered(500, 0.4, CUTS, missing=missing)
    full = ordinal_moments(codes, SIZES, acov="full").acov
    np.testing.assert_allclose(ordinal_moments(codes, SIZES, acov="diagonal").acov, np.diag(full), rtol=1e-10)


def test_acov_is_the_sampling_covariance():
    draws = [ordinal_moments(ordered(400, 0.5, CUTS, seed=s), SIZES).statistics for s in range(600)]
    observed = 400 * np.cov(np.array(draws), rowvar=False)
    expected = ordinal_moments(ordered(100_000, 0.5, CUTS, seed=9_999), SIZES, acov="full").acov
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    assert np.abs((observed - expected) / scale).max() < 0.2


def test_weights_equal_repeated_rows():
    codes = ordered(400, 0.5, CUTS)
    weights = np.where(np.arange(400) < 100, 2.0, 1.0)
    repeated = np.vstack([codes, codes[:100]])
    np.testing.assert_allclose(
        ordinal_moments(codes, SIZES, weights=weights).statistics,
        ordinal_moments(repeated, SIZES).statistics,
        atol=1e-9,
    )


def test_empty_categories_are_reported_and_survive():
    codes = ordered(500, 0.5, CUTS)
    codes[codes[:, 0] == 1, 0] = 0  # nobody left in an inner category
    codes[codes[:, 2] == 4, 2] = 3  # nor in the highest one
    moments = ordinal_moments(codes, SIZES, acov="diagonal")
    assert moments.empty == ((0, 1), (2, 4))
    assert moments.tau[0, 0] == moments.tau[0, 1]
    assert moments.tau[2, 3] == np.inf
    assert np.isfinite(moments.correlations).all()
    infinite = np.isinf(moments.thresholds)
    assert np.isnan(moments.acov[: infinite.size][infinite]).all()
    assert np.isfinite(moments.acov[infinite.size :]).all()


def test_duplicated_item_stops_at_the_boundary_and_says_so():
    codes = ordered(500, 0.5, CUTS)
    codes = np.column_stack([codes, codes[:, 0]])
    moments = ordinal_moments(codes, np.append(SIZES, 4))
    assert moments.boundary_pairs == ((0, 3),)
    assert abs(moments.correlations[0, 3] - RHO_LIMIT) < 1e-5


def test_correction_fills_empty_cells_only():
    codes = np.array([[0, 0]] * 30 + [[1, 1]] * 30 + [[0, 1]] * 10)
    plain = ordinal_moments(codes, np.array([2, 2]))
    filled = ordinal_moments(codes, np.array([2, 2]), correct=0.5)
    assert plain.empty_cells[0, 1] == 1
    assert plain.boundary_pairs
    assert not filled.boundary_pairs
    assert 0.8 < filled.correlations[0, 1] < plain.correlations[0, 1]


def test_blocks_of_persons_add_up():
    codes = ordered(5000, 0.5, CUTS)
    moments = ordinal_moments(codes, SIZES, acov="full")
    casewise = moments.influence.casewise(codes)
    np.testing.assert_allclose(moments.acov, 5000 * casewise.T @ casewise, rtol=1e-10)
    np.testing.assert_allclose(
        cross_product(moments.influence, codes, np.ones(5000)), moments.acov, rtol=1e-10
    )
