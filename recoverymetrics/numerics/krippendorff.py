"""Krippendorff's alpha on counts ``(n_units, n_categories)`` of how many raters chose each category."""

from __future__ import annotations

from typing import Literal

import numpy as np

from recoverymetrics.errors import OptionError
from recoverymetrics.numerics.agreement import Agreement
from recoverymetrics.typing import FloatArray

Metric = Literal["nominal", "ordinal", "interval", "ratio"]
METRICS: tuple[Metric, ...] = ("nominal", "ordinal", "interval", "ratio")


def metric_distance(categories: FloatArray, metric: Metric, margin: FloatArray | None = None) -> FloatArray:
    """Squared distances between categories for Krippendorff's alpha.

    Parameters
    ----------
    categories : ndarray, shape (q,)
        Category scores, sorted.
    metric : {"nominal", "ordinal", "interval", "ratio"}
        The metric; ``"ordinal"`` needs the margin.
    margin : ndarray, shape (..., q), optional
        Number of pairable ratings per category.

    Returns
    -------
    ndarray, shape (..., q, q)

    Raises
    ------
    OptionError
        Unknown metric, or ordinal without margin.
    """
    x = np.asarray(categories, float)
    if metric == "nominal":
        return 1 - np.eye(x.size)
    if metric == "interval":
        return np.subtract.outer(x, x) ** 2
    if metric == "ratio":
        total = np.add.outer(x, x)
        return np.divide(np.subtract.outer(x, x), total, out=np.zeros_like(total), where=total != 0) ** 2
    if metric != "ordinal" or margin is None:
        raise OptionError(
            f"metric={metric!r} is not one of {', '.join(METRICS)} (ordinal needs the category totals)."
        )
    # ratings between two categories, half of each end: differences of midpoints of the cumulative counts
    midpoint = np.cumsum(margin, axis=-1) - margin / 2
    distance: FloatArray = (midpoint[..., :, None] - midpoint[..., None, :]) ** 2
    return distance


def krippendorff_alpha(counts: FloatArray, categories: FloatArray, metric: Metric = "nominal") -> Agreement:
    """Krippendorff's alpha for any number of raters, metric and pattern of missing ratings.

    Parameters
    ----------
    counts : ndarray, shape (n_units, q)
        Raters per unit and category. Units with fewer than two ratings cannot be paired and do not count.
    categories : ndarray, shape (q,)
        Category scores, sorted.
    metric : {"nominal", "ordinal", "interval", "ratio"}
        Distance between categories.

    Returns
    -------
    Agreement
        ``observed`` and ``expected`` are one minus the mean disagreements relative to the expected one for
        nominal data, and minus the mean squared distances for the other metrics. The standard error is
        the infinitesimal jackknife over units.
    """
    kept = counts[counts.sum(1) > 1]
    n = kept.shape[0]
    if n == 0:
        return Agreement(np.nan, np.nan, np.nan, np.nan, 0, 0, np.empty(0))
    margin = kept.sum(0)
    estimate, disagreement, chance = alpha_from_totals(
        _pairs(kept).sum(0), margin, metric_distance(categories, metric, margin)
    )
    influence = estimate + _alpha_influence(kept, categories, metric)
    se = np.sqrt(np.sum((influence - estimate) ** 2) / (n * (n - 1))) if n > 1 else np.nan
    return Agreement(float(estimate), float(se), float(1 - disagreement), float(1 - chance), n, n, influence)


def alpha_from_totals(
    coincidences: FloatArray, margin: FloatArray, distance: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Alpha, observed and expected disagreement from coincidences ``(..., q, q)`` and totals ``(..., q)``."""
    total = margin.sum(-1)
    observed = np.sum(coincidences * distance, axis=(-2, -1)) / total
    chance = np.einsum("...i,...ij,...j->...", margin, distance, margin) / (total * (total - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        alpha = 1 - observed / chance
    return alpha, observed, chance


def _pairs(counts: FloatArray) -> FloatArray:
    """Coincidences of each unit, shape (n, q, q): ordered pairs of ratings over (ratings - 1)."""
    pairs = counts[:, :, None] * counts[:, None, :]
    q = counts.shape[1]
    pairs[:, np.arange(q), np.arange(q)] -= counts
    scaled: FloatArray = pairs / (counts.sum(1) - 1)[:, None, None]
    return scaled


def _alpha_influence(counts: FloatArray, categories: FloatArray, metric: Metric) -> FloatArray:
    """Derivative of alpha in the weight of each unit, times n, centred (the infinitesimal jackknife)."""
    n, step = counts.shape[0], 1e-6
    pairs = _pairs(counts)
    coincidences, margin = pairs.sum(0), counts.sum(0)

    def at(sign: float) -> FloatArray:
        margins = margin + sign * step * counts
        distance = metric_distance(categories, metric, margins)
        return alpha_from_totals(coincidences + sign * step * pairs, margins, distance)[0]

    slope = n * (at(1.0) - at(-1.0)) / (2 * step)
    centred: FloatArray = slope - slope.mean()
    return centred


def krippendorff_bootstrap(
    counts: FloatArray,
    categories: FloatArray,
    metric: Metric,
    *,
    n_draws: int,
    rng: np.random.Generator,
) -> FloatArray:
    """Replications of Krippendorff's alpha over resampled units, shape (n_draws,)."""
    kept = counts[counts.sum(1) > 1]
    n, q = kept.shape
    if n == 0:
        return np.full(n_draws, np.nan)
    weights = rng.multinomial(n, np.full(n, 1 / n), size=n_draws).astype(float)
    coincidences = (weights @ _pairs(kept).reshape(n, q * q)).reshape(n_draws, q, q)
    margin = weights @ kept
    return alpha_from_totals(coincidences, margin, metric_distance(categories, metric, margin))[0]
