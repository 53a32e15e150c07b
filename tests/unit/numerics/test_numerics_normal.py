"""The bivariate normal distribution against independent quadrature and its exact special cases."""

import numpy as np
import pytest
from scipy.special import ndtr

from recoverymetrics.numerics.normal import (
    bivariate_normal_cdf,
    bivariate_normal_pdf,
    bivariate_normal_pdf_slope,
)

ABSOLUTE = 1e-14  # the quadrature rules are exact to a few units in the last place of 1


def direct(h, k, rho):
    """Gauss-Legendre panels around the kink of the conditional probability."""
    scale = np.sqrt(1 - rho * rho)
    kink = k / rho if rho else 0.0
    near = kink + scale * np.linspace(-12, 12, 97)
    edges = np.unique(np.concatenate([np.linspace(-12, h, 61), near[(near > -12) & (near < h)], [h]]))
    x, w = np.polynomial.legendre.leggauss(16)
    mid, half = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2
    nodes = mid[:, None] + half[:, None] * x
    value = np.exp(-(nodes**2) / 2) / np.sqrt(2 * np.pi) * ndtr((k - rho * nodes) / scale)
    return float(np.sum(value * w * half[:, None]))


@pytest.mark.parametrize("rho", [0.0, 0.2, -0.29, 0.5, -0.74, 0.9, 0.93, -0.95, 0.999, -0.9999, 0.999999])
def test_cdf_agrees_with_one_dimensional_quadrature(rho):
    for h in (-2.5, -1.0, 0.0, 0.4, 1.7):
        for k in (-2.0, -0.4, 0.1, 0.4, 2.2):
            assert abs(bivariate_normal_cdf(h, k, rho) - direct(h, k, rho)) < ABSOLUTE


@pytest.mark.parametrize("rho", [-1.0, -0.9999999, -0.5, 0.0, 0.3, 0.99, 1.0])
def test_origin_has_the_arcsine_law(rho):
    assert abs(bivariate_normal_cdf(0.0, 0.0, rho) - (0.25 + np.arcsin(rho) / (2 * np.pi))) < ABSOLUTE


def test_perfect_correlation_is_the_smaller_margin():
    h, k = np.array([-1.0, 0.5, 2.0]), np.array([0.3, -0.5, 1.0])
    np.testing.assert_allclose(bivariate_normal_cdf(h, k, 1.0), ndtr(np.minimum(h, k)), atol=ABSOLUTE)
    np.testing.assert_allclose(
        bivariate_normal_cdf(h, k, -1.0), np.maximum(ndtr(h) + ndtr(k) - 1, 0), atol=ABSOLUTE
    )


def test_infinite_limits_give_margins():
    for rho in (0.1, 0.8, -0.97):
        assert abs(bivariate_normal_cdf(np.inf, 0.7, rho) - ndtr(0.7)) < ABSOLUTE
        assert abs(bivariate_normal_cdf(-np.inf, 0.7, rho)) < ABSOLUTE


def test_density_is_the_slope_of_the_cdf_and_its_slope_is_analytic():
    h, k, rho, step = 0.4, -0.8, 0.55, 1e-5
    numeric = (bivariate_normal_cdf(h, k, rho + step) - bivariate_normal_cdf(h, k, rho - step)) / (2 * step)
    density = bivariate_normal_pdf(h, k, rho)
    assert abs(numeric - density) < 1e-9
    higher = (bivariate_normal_pdf(h, k, rho + step) - bivariate_normal_pdf(h, k, rho - step)) / (2 * step)
    assert abs(higher - density * bivariate_normal_pdf_slope(h, k, rho)) < 1e-9


def test_broadcasting_keeps_the_shape():
    grid = bivariate_normal_cdf(np.zeros((3, 1)), np.zeros((1, 4)), 0.2)
    assert grid.shape == (3, 4)
