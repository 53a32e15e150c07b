"""Moments of continuous and ordered variables together, with their asymptotic covariance.

Thresholds, means and variances come from each variable alone, then one covariance per pair: polychoric,
polyserial (times the standard deviation) or the ordinary one (given both variances where responses are missing). The casewise influence of every statistic follows
by stacking the estimating functions of the steps (Muthen 1984); means, variances and covariances of continuous
variables enter with their exact influence, so they are robust to non-normality.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recoverymetrics.correlation.kernel import AcovKind, OrdinalMoments, ordinal_moments
from recoverymetrics.correlation.polyserial import serial_scores, solve_serial, thresholds_around
from recoverymetrics.typing import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class MixedMoments:
    """Moments of ``p`` variables, some ordered, some continuous.

    ``statistics`` and ``acov`` hold, in this order: thresholds of ordered and *minus* means of continuous
    variables, variable by variable; variances of continuous variables; covariances (2,1), (3,1), ..., (p,1),
    (3,2), ... This is the order of lavaan's weighted least squares.

    Attributes
    ----------
    n : int
        Persons.
    n_categories : ndarray of int, shape (p,)
        Categories of ordered variables, 0 for continuous ones.
    tau : ndarray, shape (p, K - 1)
        Thresholds; NaN rows for continuous variables.
    means : ndarray, shape (p,)
        Means of continuous variables, 0 for ordered ones.
    covariance : ndarray, shape (p, p)
        Variances (1 for ordered variables) and covariances; divisor ``n``.
    correlations : ndarray, shape (p, p)
        The same as correlations.
    statistics : ndarray
        All statistics in one vector.
    acov : ndarray or None
        ``n`` times their asymptotic covariance, matrix or diagonal.
    casewise : ndarray or None, shape (n, len(statistics))
        Influence of each person on each statistic.
    converged : bool
        Every correlation was found.
    ordinal : OrdinalMoments or None
        What the ordered variables alone gave.
    """

    n: int
    n_categories: IntArray
    tau: FloatArray
    means: FloatArray
    covariance: FloatArray
    correlations: FloatArray
    statistics: FloatArray
    acov: FloatArray | None
    casewise: FloatArray | None
    converged: bool
    ordinal: OrdinalMoments | None


@dataclass
class _Columns:
    """Influence columns while they are collected."""

    level: list[FloatArray]
    variance: dict[int, FloatArray]
    pair: dict[tuple[int, int], FloatArray]


def mixed_moments(
    values: FloatArray,
    n_categories: IntArray,
    *,
    acov: AcovKind | None = None,
    weights: FloatArray | None = None,
) -> MixedMoments:
    """Estimate the moments of one sample.

    Parameters
    ----------
    values : ndarray, shape (n, p)
        Continuous values, and codes ``0 .. K - 1`` for ordered variables; NaN is missing (pairwise).
    n_categories : ndarray of int, shape (p,)
        Categories of each ordered variable; 0 marks continuous ones.
    acov : {"full", "diagonal"} or None, default None
        Asymptotic covariance, or its diagonal.
    weights : ndarray, shape (n,), optional
        Sampling weights.

    Returns
    -------
    MixedMoments
    """
    n_categories = np.asarray(n_categories, dtype=np.int64)
    n, p = values.shape
    weight = np.ones(n) if weights is None else weights
    ordered, continuous = np.flatnonzero(n_categories > 0), np.flatnonzero(n_categories == 0)
    seen = ~np.isnan(values)
    means, variances = np.zeros(p), np.ones(p)
    z = np.full((n, p), np.nan)
    for j in continuous:
        means[j], variances[j] = _mean_variance(values[:, j], seen[:, j], weight)
        z[:, j] = (values[:, j] - means[j]) / np.sqrt(variances[j])
    codes = np.where(seen[:, ordered], values[:, ordered], -1.0).astype(np.int64)
    found = (
        ordinal_moments(codes, n_categories[ordered], acov=acov, weights=weights) if ordered.size else None
    )
    R = np.eye(p)
    converged = found is None or found.converged
    if found is not None:
        R[np.ix_(ordered, ordered)] = found.correlations
        around = thresholds_around(codes, found.tau)
        for j in continuous:
            rho, settled = solve_serial(z[:, j], *around, weights)
            R[j, ordered] = R[ordered, j] = rho
            converged = converged and bool(settled.all())
    R = _continuous_correlations(R, z, seen, continuous, weight)
    scale = np.sqrt(variances)
    tau = np.full((p, found.tau.shape[1] if found is not None else 0), np.nan)
    if found is not None:
        tau[ordered] = found.tau
    covariance = R * np.outer(scale, scale)
    casewise = matrix = None
    if acov is not None:
        casewise = _casewise(values, z, seen, codes, n_categories, found, R, means, variances, weight)
        scaled = casewise * weight[:, None]
        matrix = n * np.sum(scaled * scaled, axis=0) if acov == "diagonal" else n * (scaled.T @ scaled)
    statistics = _statistics(n_categories, found, means, variances, covariance)
    return MixedMoments(
        n, n_categories, tau, means, covariance, R, statistics, matrix, casewise, converged, found
    )  # fmt: skip


def _mean_variance(x: FloatArray, seen: BoolArray, weight: FloatArray) -> tuple[float, float]:
    total = weight[seen].sum()
    mean = float(weight[seen] @ x[seen] / total)
    return mean, float(weight[seen] @ (x[seen] - mean) ** 2 / total)


def _continuous_correlations(
    R: FloatArray, z: FloatArray, seen: BoolArray, continuous: IntArray, weight: FloatArray
) -> FloatArray:
    filled, mask = np.where(seen, z, 0.0)[:, continuous], seen[:, continuous].astype(float)
    weighted = mask * weight[:, None]
    n = weighted.T @ mask
    products = (filled * weight[:, None]).T @ filled / n
    squares = (filled**2 * weight[:, None]).T @ mask / n
    R[np.ix_(continuous, continuous)] = _given_margins(products, squares + squares.T)
    return R


def _given_margins(product: FloatArray, squares: FloatArray) -> FloatArray:
    """Correlations that maximise the normal likelihood of the pairs, means and variances known.

    ``product`` is the mean product of a pair's standardised values and ``squares`` the sum of their two mean squares,
    which is 2 when every person has both; ``rho^3 - product rho^2 + (squares - 1) rho - product`` is then zero at
    ``product``.
    """
    rho: FloatArray = np.clip(2.0 * product / squares, -0.99, 0.99)
    for _ in range(50):
        value = rho**3 - product * rho**2 + (squares - 1.0) * rho - product
        step = value / np.maximum(3.0 * rho**2 - 2.0 * product * rho + squares - 1.0, 1e-3)
        rho = np.clip(rho - step, -0.9999999, 0.9999999)
        if np.max(np.abs(step), initial=0.0) < 1e-15:
            break
    complete = np.abs(squares - 2.0) < 1e-14
    rho = np.where(complete, product, rho)
    np.fill_diagonal(rho, 1.0)
    return rho


def _statistics(
    n_categories: IntArray,
    found: OrdinalMoments | None,
    means: FloatArray,
    variances: FloatArray,
    covariance: FloatArray,
) -> FloatArray:
    rank = np.cumsum(n_categories > 0) - 1
    level = [
        found.tau[rank[j], : size - 1] if size and found is not None else np.array([-means[j]])
        for j, size in enumerate(n_categories)
    ]
    pairs = covariance[np.triu_indices(len(means), 1)]
    return np.concatenate([*level, variances[n_categories == 0], pairs])


def _casewise(
    values: FloatArray, z: FloatArray, seen: BoolArray, codes: IntArray, n_categories: IntArray,
    found: OrdinalMoments | None, R: FloatArray, means: FloatArray, variances: FloatArray, weight: FloatArray,
) -> FloatArray:  # fmt: skip
    """Influence of each person on each statistic, columns in the order of the statistics."""
    p = len(n_categories)
    rank = np.cumsum(n_categories > 0) - 1
    columns = _Columns([], {}, {})
    of_ordered = (
        found.influence.casewise(codes) if found is not None and found.influence is not None else None
    )
    starts = np.concatenate([[0], np.cumsum(n_categories[n_categories > 0] - 1)])
    taus: dict[int, FloatArray] = {}
    mean_influence: dict[int, FloatArray] = {}
    for j, size in enumerate(n_categories):
        if size and of_ordered is not None:
            taus[j] = of_ordered[:, starts[rank[j]] : starts[rank[j] + 1]]
            columns.level.append(taus[j])
        else:
            total = weight[seen[:, j]].sum()
            gap = np.where(seen[:, j], values[:, j] - means[j], 0.0)
            mean_influence[j] = gap / total
            columns.level.append(-mean_influence[j][:, None])
            columns.variance[j] = np.where(seen[:, j], gap**2 - variances[j], 0.0) / total
    if of_ordered is not None:
        ordered = np.flatnonzero(n_categories > 0)
        first, second = np.triu_indices(ordered.size, 1)
        for at, (a, b) in enumerate(zip(ordered[first], ordered[second], strict=True)):
            columns.pair[int(a), int(b)] = of_ordered[:, starts[-1] + at]
    for j in columns.variance:
        if found is not None:
            serial = _serial_influence(
                z[:, j], codes, found, R[j, n_categories > 0], taus, n_categories, mean_influence[j],
                columns.variance[j], float(variances[j]), weight,
            )  # fmt: skip
            for at, item in enumerate(np.flatnonzero(n_categories > 0)):
                columns.pair[min(j, int(item)), max(j, int(item))] = serial[:, at]
        for other in columns.variance:
            if j < other:
                columns.pair[j, other] = _covariance_influence(
                    z, seen, j, other, R, variances, mean_influence, columns.variance, weight
                )
    first, second = np.triu_indices(p, 1)
    pairs = [columns.pair[int(a), int(b)][:, None] for a, b in zip(first, second, strict=True)]
    return np.hstack([*columns.level, *(v[:, None] for v in columns.variance.values()), *pairs])


def _serial_influence(
    z: FloatArray, codes: IntArray, found: OrdinalMoments, rho: FloatArray, taus: dict[int, FloatArray],
    n_categories: IntArray, of_mean: FloatArray, of_variance: FloatArray, variance: float, weight: FloatArray,
) -> FloatArray:  # fmt: skip
    """Influence on the covariances of one continuous variable with all ordered ones."""
    scores = serial_scores(z, *thresholds_around(codes, found.tau), rho)
    weighted = weight[:, None] * scores.rho
    information = np.maximum(np.sum(weighted * scores.rho, axis=0), 1e-300)
    sd = np.sqrt(variance)
    by_mean = np.sum(weighted * scores.z, axis=0) * (-1.0 / sd)
    by_variance = np.sum(weighted * scores.z * np.nan_to_num(z)[:, None], axis=0) * (-0.5 / variance)
    influence = scores.rho - np.outer(of_mean, by_mean) - np.outer(of_variance, by_variance)
    for at, item in enumerate(np.flatnonzero(n_categories > 0)):
        for step in range(int(n_categories[item]) - 1):
            above, below = codes[:, at] == step, codes[:, at] == step + 1
            cross = (
                weighted[above, at] @ scores.upper[above, at] + weighted[below, at] @ scores.lower[below, at]
            )
            influence[:, at] -= cross * np.nan_to_num(taus[int(item)][:, step])
    influence /= information
    return sd * influence + np.outer(of_variance, rho / (2.0 * sd))


def _covariance_influence(
    z: FloatArray, seen: BoolArray, i: int, j: int, R: FloatArray, variances: FloatArray,
    of_mean: dict[int, FloatArray], of_variance: dict[int, FloatArray], weight: FloatArray,
) -> FloatArray:  # fmt: skip
    """Influence on the covariance of two continuous variables: of their correlation, which makes ``condition`` sum
    to zero over the pairs given the margins (see ``_given_margins``), and of the margins.
    """
    both, rho = seen[:, i] & seen[:, j], R[i, j]
    x, y = np.where(both, z[:, i], 0.0), np.where(both, z[:, j], 0.0)
    total = weight[both].sum()
    xx, yy, xy = (float(weight @ product / total) for product in (x * x, y * y, x * y))
    condition = (1.0 + rho**2) * x * y - rho * (x * x + y * y) + rho - rho**3
    of_rho = np.where(both, condition, 0.0) / total
    for own, other, at, square in ((x, y, i, xx), (y, x, j, yy)):
        level = 2.0 * rho * float(weight @ own) / total - (1.0 + rho**2) * float(weight @ other) / total
        of_rho = of_rho + level / np.sqrt(variances[at]) * of_mean[at]
        of_rho = of_rho + (rho * square - 0.5 * (1.0 + rho**2) * xy) / variances[at] * of_variance[at]
    of_rho = of_rho / (3.0 * rho**2 - 2.0 * rho * xy + xx + yy - 1.0)
    relative = of_variance[i] / variances[i] + of_variance[j] / variances[j]
    influence: FloatArray = (of_rho + 0.5 * rho * relative) * np.sqrt(variances[i] * variances[j])
    return influence
