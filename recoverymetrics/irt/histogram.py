"""Empirical histogram of the latent density (Mislevy 1984; Woods 2007)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from recoverymetrics.irt.likelihood import Problem, group_counts, group_table, log_tables, log_weights
from recoverymetrics.numerics.em_accelerated import Maximum, maximise
from recoverymetrics.typing import FloatArray

CYCLES = 500
"""Most alternations of histogram and item parameters."""
FLOOR = 1e-12
"""Smallest weight of a node."""


def maximise_with_histogram(task: Problem, start: Maximum, tolerance: float) -> tuple[Maximum, Problem]:
    """Alternate the histogram of expected persons per node with the item parameters.

    The histogram is standardised after every cycle (mean 0, variance 1), which keeps the scale of the items.
    The alternation ends when a cycle gains less than a hundredth of a log-likelihood unit.

    Parameters
    ----------
    task : Problem
        One group, one factor.
    start : Maximum
        Fit with the normal density.
    tolerance : float
        Of the last maximisation.

    Returns
    -------
    found : Maximum
    task : Problem
        With the histogram in place of the normal density.
    """
    found, calls = start, start.n_evaluations
    theta = task.nodes.theta[:, 0]
    for _ in range(CYCLES):
        weights = standardise(node_shares(task, found.x), theta)
        trial = replace(task, histogram=(np.log(np.maximum(weights, FLOOR)),))
        moved = maximise(trial, found.x, tolerance=1e-3, max_evaluations=4)
        calls += moved.n_evaluations + 1
        gain = moved.point.value - found.point.value
        if gain < 1e-2:
            break
        found, task = moved, trial
    last = maximise(task, found.x, tolerance=tolerance)
    return replace(last, n_evaluations=calls + last.n_evaluations), task


def node_shares(task: Problem, x: FloatArray) -> FloatArray:
    """Expected share of persons at each node."""
    extended = task.layout.extend(x)
    L = group_table(task.layout, log_tables(task.layout, extended, task.theta), 0)
    counts = group_counts(task, L, log_weights(task, extended, 0), 0)
    share: FloatArray = counts.node / counts.node.sum()
    return share


def standardise(weights: FloatArray, theta: FloatArray) -> FloatArray:
    """Move a histogram to mean 0 and variance 1, interpolating its cumulative distribution between nodes."""
    mean = float(weights @ theta)
    spread = float(np.sqrt(weights @ (theta - mean) ** 2))
    half = 0.5 * (theta[1] - theta[0])
    edges = np.concatenate([[theta[0] - half], theta + half])
    cumulative = np.concatenate([[0.0], np.cumsum(weights)])
    moved = np.diff(np.interp(mean + spread * edges, edges, cumulative))
    value: FloatArray = moved / moved.sum()
    return value
