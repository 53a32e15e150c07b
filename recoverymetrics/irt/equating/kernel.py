"""Score distributions and the functions that equate them (Kolen & Brennan 2014): arrays in, arrays out.

Distributions are over the scores ``0, 1, ..., S - 1``.
"""

from __future__ import annotations

import numpy as np

from recoverymetrics.typing import FloatArray


def percentile_ranks(p: FloatArray, at: FloatArray) -> FloatArray:
    """Share below each score; a score is spread evenly from half a point below to half a point above it.

    Parameters
    ----------
    p : ndarray, shape (S,)
        Proportions.
    at : ndarray
        Scores, not necessarily whole.
    """
    value: FloatArray = np.interp(
        at, np.arange(p.size + 1) - 0.5, np.concatenate([[0.0], np.cumsum(p)]), left=0.0, right=1.0
    )
    return value


def percentiles(p: FloatArray, ranks: FloatArray) -> FloatArray:
    """Score below which a share lies; where nobody has a score, the middle of the empty stretch."""
    ends = np.arange(p.size + 1) - 0.5
    above = np.concatenate([[0.0], np.cumsum(p)])
    above = np.minimum(above / above[-1], 1.0)
    low = np.searchsorted(above, ranks - 1e-12, "left").clip(1, p.size)
    high = (np.searchsorted(above, ranks + 1e-12, "right") - 1).clip(0, p.size - 1)
    width_low = above[low] - above[low - 1]
    first = ends[low - 1] + np.clip((ranks - above[low - 1]) / np.maximum(width_low, 1e-300), 0.0, 1.0)
    width_high = above[high + 1] - above[high]
    second = ends[high] + np.clip((ranks - above[high]) / np.maximum(width_high, 1e-300), 0.0, 1.0)
    value: FloatArray = (first + second) / 2
    return value


def equipercentile(p: FloatArray, q: FloatArray, at: FloatArray | None = None) -> FloatArray:
    """Scores of the second distribution with the percentile ranks of scores (all by default) of the first."""
    scores = np.arange(p.size, dtype=float) if at is None else at
    return percentiles(q, percentile_ranks(p, scores))


def moments(p: FloatArray) -> tuple[float, float]:
    """Mean and standard deviation."""
    scores = np.arange(p.size)
    mean = float(p @ scores)
    return mean, float(np.sqrt(p @ (scores - mean) ** 2))


def linear(p: FloatArray, q: FloatArray) -> FloatArray:
    """Scores of the second distribution as many standard deviations from the mean."""
    (mean_p, sd_p), (mean_q, sd_q) = moments(p), moments(q)
    return np.asarray(mean_q + sd_q / sd_p * (np.arange(p.size) - mean_p), dtype=float)


def log_linear(counts: FloatArray, degree: int) -> tuple[FloatArray, float]:
    """Smooth a distribution; its first ``degree`` moments stay as they are (Holland & Thayer 1987).

    Parameters
    ----------
    counts : ndarray, shape (S,)
        Persons with each score.
    degree : int
        Degree of the polynomial in the log of the frequencies.

    Returns
    -------
    proportions : ndarray, shape (S,)
        Smoothed proportions.
    aic : float
        Likelihood-ratio chi-square plus twice the number of parameters.
    """
    x = np.linspace(-1, 1, counts.size)
    B = np.linalg.qr(np.vander(x, degree + 1, increasing=True))[0]
    n = counts.sum()
    beta = np.linalg.lstsq(B, np.log(counts + 0.5), rcond=None)[0]

    def deviance(b: FloatArray) -> tuple[float, FloatArray]:
        fitted = np.exp(np.minimum(B @ b, 700.0))
        return 2 * float(fitted.sum() - counts @ (B @ b)), fitted

    value, fitted = deviance(beta)
    for _ in range(200):
        step = np.linalg.solve(B.T @ (B * fitted[:, None]), B.T @ (counts - fitted))
        size = 1.0
        while size > 1e-8:
            trial, moved = deviance(beta + size * step)
            if np.isfinite(trial) and trial <= value + 1e-12 * abs(value):
                break
            size /= 2
        beta, done = beta + size * step, value - trial
        value, fitted = trial, moved
        if abs(done) < 1e-12 * n:
            break
    some = counts > 0
    g2 = 2 * float(np.sum(counts[some] * np.log(counts[some] / fitted[some])))
    return fitted / fitted.sum(), g2 + 2 * (degree + 1)


def frequency_estimation(
    first: FloatArray, second: FloatArray, share: float
) -> tuple[FloatArray, FloatArray]:
    """Distributions of both forms in one synthetic population, through the anchor (Braun & Holland 1982).

    Parameters
    ----------
    first, second : ndarray, shape (S1, A) and (S2, A)
        Joint proportions of form and anchor score in the population that took the form.
    share : float
        Weight of the first population.
    """
    anchor = share * first.sum(axis=0) + (1 - share) * second.sum(axis=0)
    return _reweighted(first, anchor), _reweighted(second, anchor)


def _reweighted(joint: FloatArray, anchor: FloatArray) -> FloatArray:
    """Distribution of the form if the anchor were distributed as given; anchor scores nobody has keep no share."""
    own = joint.sum(axis=0)
    p = joint @ np.where(own > 0, anchor / np.where(own > 0, own, 1.0), 0.0)
    value: FloatArray = p / p.sum()
    return value
