"""DIF from item difficulties estimated in each group: Lord, Raju, and Angoff's transformed difficulties."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares
from scipy.special import expit
from scipy.stats import chi2, norm

from recoverymetrics.typing import FloatArray


def lord_chi2(
    first: FloatArray, first_covariance: FloatArray, second: FloatArray, second_covariance: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Lord's chi-square for equal item parameters in two groups on one metric (Lord 1980).

    Parameters
    ----------
    first, second : ndarray, shape (p, q)
        Item parameters of the two groups; link the metrics beforehand.
    first_covariance, second_covariance : ndarray, shape (p, q, q)
        Their sampling covariances.

    Returns
    -------
    statistic, df, p_value : ndarray, shape (p,)
    """
    difference = first - second
    weight = np.linalg.inv(first_covariance + second_covariance)
    statistic = np.einsum("pi,pij,pj->p", difference, weight, difference)
    df = np.full(statistic.size, float(first.shape[1]))
    return statistic, df, chi2.sf(statistic, df)


def raju_rasch_areas(
    first: FloatArray, first_error: FloatArray, second: FloatArray, second_error: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Signed area between two Rasch curves, its z value and two-sided p value (Raju 1988, 1990).

    Parameters
    ----------
    first, second : ndarray, shape (p,)
        Difficulties of the reference and the focal group on one metric.
    first_error, second_error : ndarray, shape (p,)
        Standard errors.
    """
    area = second - first
    z = area / np.hypot(first_error, second_error)
    return area, z, 2.0 * norm.sf(np.abs(z))


def centre_difficulties(
    first: FloatArray, second: FloatArray, anchors: FloatArray | None = None
) -> FloatArray:
    """Shift the second group's difficulties so that both groups' anchor means are equal (mean-mean linking)."""
    kept = np.ones(first.size, dtype=bool) if anchors is None else np.asarray(anchors, dtype=bool)
    return np.asarray(second + first[kept].mean() - second[kept].mean(), dtype=float)


@dataclass(frozen=True)
class TransformedDifficulties:
    """Angoff's delta plot of two groups.

    Attributes
    ----------
    deltas : ndarray, shape (p, 2)
        Transformed proportions right, ``4 z + 13``; high is difficult.
    intercept, slope : float
        Major axis.
    distance : ndarray, shape (p,)
        Perpendicular distance from the axis; 1.5 is the usual border.
    """

    deltas: FloatArray
    intercept: float
    slope: float
    distance: FloatArray


def transformed_item_difficulties(
    proportions: FloatArray, *, limit: float = 0.001
) -> TransformedDifficulties:
    """Angoff's transformed item difficulties (Angoff & Ford 1973).

    Parameters
    ----------
    proportions : ndarray, shape (p, 2)
        Proportions right of the reference and the focal group.
    limit : float, default 0.001
        Proportions are kept between this and one minus this.

    Examples
    --------
    >>> transformed_item_difficulties(np.array([[0.5, 0.4], [0.8, 0.7], [0.3, 0.2]])).deltas[0, 0]
    np.float64(13.0)
    """
    kept = np.clip(proportions, limit, 1.0 - limit)
    deltas = 4.0 * norm.isf(kept) + 13.0
    variance = deltas.var(axis=0, ddof=1)
    covariance = float(np.cov(deltas.T)[0, 1])
    gap = float(variance[1] - variance[0])
    slope = (gap + np.sqrt(gap**2 + 4.0 * covariance**2)) / (2.0 * covariance)
    intercept = float(deltas[:, 1].mean() - slope * deltas[:, 0].mean())
    distance = (slope * deltas[:, 0] + intercept - deltas[:, 1]) / np.sqrt(slope**2 + 1.0)
    return TransformedDifficulties(deltas, intercept, float(slope), distance)


@dataclass(frozen=True)
class ParameterPair:
    """One item in two groups on one metric: slope and intercepts, high to low.

    Attributes
    ----------
    first, second : ndarray, shape (q,)
        Parameters in the comparison group and in the focal group.
    first_covariance, second_covariance : ndarray, shape (q, q)
        Sampling covariances.
    """

    first: FloatArray
    first_covariance: FloatArray
    second: FloatArray
    second_covariance: FloatArray


def signed_area(pair: ParameterPair) -> tuple[float, float]:
    """Area between the expected-score curves, focal minus comparison, and its standard error (Raju 1988, 1990).

    The area is minus the sum of the differences in thresholds ``b_k = -d_k / a``: positive when the focal group
    scores higher.
    """
    variance, sums = 0.0, []
    for values, covariance in (
        (pair.first, pair.first_covariance),
        (pair.second, pair.second_covariance),
    ):
        slope, intercepts = values[0], values[1:]
        gradient = np.concatenate([[-intercepts.sum() / slope**2], np.full(intercepts.size, 1.0 / slope)])
        sums.append(float(intercepts.sum() / slope))
        variance += float(gradient @ covariance @ gradient)
    return sums[1] - sums[0], float(np.sqrt(variance))


def unsigned_area(first: FloatArray, second: FloatArray, *, nodes: int = 241) -> FloatArray:
    """Area between expected-score curves whatever their order, for a batch of parameters (B, q).

    One threshold has the closed form of Raju (1988); more are integrated from ten over the smaller slope below
    the lowest threshold to as much above the highest.
    """
    if first.shape[1] == 2:
        return _two_parameter_area(first, second)
    slopes = np.minimum(np.abs(first[:, 0]), np.abs(second[:, 0]))
    thresholds = np.concatenate([-first[:, 1:] / first[:, :1], -second[:, 1:] / second[:, :1]], axis=1)
    low, high = thresholds.min(axis=1) - 10.0 / slopes, thresholds.max(axis=1) + 10.0 / slopes
    theta = low[:, None] + (high - low)[:, None] * np.linspace(0.0, 1.0, nodes)
    gap = np.abs(_expected_scores(second, theta) - _expected_scores(first, theta))
    area: FloatArray = np.trapezoid(gap, theta, axis=1)
    return area


def _two_parameter_area(first: FloatArray, second: FloatArray) -> FloatArray:
    a1, a2 = first[:, 0], second[:, 0]
    shift = first[:, 1] / a1 - second[:, 1] / a2
    turn = np.where(np.abs(a2 - a1) < 1e-8, 1e-8, a2 - a1)
    y = a1 * a2 * shift / turn
    return np.abs(2.0 * turn / (a1 * a2) * np.logaddexp(0.0, y) - shift)


def score_gap(first: FloatArray, second: FloatArray, theta: FloatArray) -> FloatArray:
    """Expected score in the focal group minus that in the comparison group, (B, T)."""
    gap: FloatArray = _expected_scores(second, theta) - _expected_scores(first, theta)
    return gap


def _expected_scores(parameters: FloatArray, theta: FloatArray) -> FloatArray:
    position = parameters[:, :1] * np.broadcast_to(theta, (parameters.shape[0], theta.shape[-1]))
    score: FloatArray = expit(position[:, :, None] + parameters[:, None, 1:]).sum(axis=2)
    return score


def latent_grid(mean: float, variance: float, nodes: int = 41) -> tuple[FloatArray, FloatArray]:
    """Nodes over a normal distribution and their shares."""
    z = np.linspace(-4.5, 4.5, nodes)
    mass = np.exp(-0.5 * z**2)
    return mean + np.sqrt(variance) * z, mass / mass.sum()


def replicate(pair: ParameterPair, n: int, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Parameters of two groups without DIF as sampling error would have them (Oshima, Raju & Nanda 2006).

    Both groups are drawn around the precision-weighted mean of the two estimates, each with its own
    covariance, so that groups of unequal size keep their unequal errors. Draws keep slopes away from zero.
    """
    w1, w2 = np.linalg.inv(pair.first_covariance), np.linalg.inv(pair.second_covariance)
    centre = np.linalg.solve(w1 + w2, w1 @ pair.first + w2 @ pair.second)
    draws = []
    for covariance in (pair.first_covariance, pair.second_covariance):
        values, vectors = np.linalg.eigh(covariance)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        drawn = centre + rng.standard_normal((n, centre.size)) @ root.T
        drawn[:, 0] = np.sign(centre[0]) * np.maximum(np.sign(centre[0]) * drawn[:, 0], 0.1 * abs(centre[0]))
        draws.append(drawn)
    return draws[0], draws[1]


def scaled_chi2(observed: float, null: FloatArray) -> tuple[float, float]:
    """Statistic and degrees of freedom of the chi-square that has the mean and variance of the null draws.

    NCDIF and a squared area are quadratic forms in normal errors; a scaled chi-square follows their tail
    further out than the draws themselves reach (Satterthwaite 1946).
    """
    mean, variance = float(null.mean()), float(null.var(ddof=1))
    df = 2.0 * mean**2 / max(variance, 1e-300)
    return float(observed) * df / mean, df


def characteristic_curve_link(
    first: list[FloatArray], second: list[FloatArray], *, nodes: int = 41
) -> tuple[float, float]:
    """Mean and standard deviation of the second group on the first group's metric (Stocking & Lord 1983).

    Parameters
    ----------
    first, second : list of ndarray, each of shape (q,)
        Slope and intercepts of the anchor items in each group, each calibrated on its own N(0, 1).
    nodes : int, default 41
        Points of N(0, 1) at which the test characteristic curves are compared.

    Returns
    -------
    mean, sd : float
    """
    theta, mass = latent_grid(0.0, 1.0, nodes)
    weight = np.sqrt(mass)

    def curve(items: list[FloatArray], at: FloatArray) -> FloatArray:
        return np.sum([_expected_scores(own[None], at)[0] for own in items], axis=0)

    own_metric, target = curve(second, theta), curve(first, theta)

    def gaps(x: FloatArray) -> FloatArray:
        mean, sd = x[0], np.exp(x[1])
        forth = curve(first, mean + sd * theta) - own_metric
        back = curve(second, (theta - mean) / sd) - target
        return np.concatenate([weight * forth, weight * back])

    found = least_squares(gaps, np.zeros(2), xtol=1e-10, ftol=1e-12)
    return float(found.x[0]), float(np.exp(found.x[1]))


def mean_sigma_link(first: list[FloatArray], second: list[FloatArray]) -> tuple[float, float]:
    """Mean and standard deviation of the second group on the first group's metric (Marco 1977)."""
    b1, b2 = (np.concatenate([-own[1:] / own[0] for own in items]) for items in (first, second))
    sd = float(b1.std() / b2.std())
    return float(b1.mean() - sd * b2.mean()), sd
