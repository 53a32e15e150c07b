"""DIF from item difficulties estimated in each group: Lord, Raju, and Angoff's transformed difficulties."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
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
