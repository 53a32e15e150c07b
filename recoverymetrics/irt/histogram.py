"""Empirical histogram of the latent density (Mislevy 1984; Woods 2007), in one group or several."""

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
    """Alternate the histograms of expected persons per node with the item parameters.

    A mean or variance that the items do not identify is held by moving the histogram after every cycle; those that they
    identify (anchors, unit slopes) follow the histogram. The alternation ends when a cycle gains less than a hundredth
    of a log-likelihood unit.

    Parameters
    ----------
    task : Problem
        One factor.
    start : Maximum
        Fit with normal densities.
    tolerance : float
        Of the last maximisation.

    Returns
    -------
    found : Maximum
        Without the latent moments, which belong to the histograms now.
    task : Problem
        With histograms in place of the normal densities; its layout holds their means and variances as constants.
    """
    theta = task.nodes.theta[:, 0]
    identified = task.layout.latent[:, :2] < task.layout.n_free
    extended = task.layout.extend(start.x)
    held = [task.layout.moments(extended, g) for g in range(len(task.layout.groups))]
    shares = node_shares(task, start.x)
    layout, x = task.layout.with_known_moments(start.x)
    task = replace(task, layout=layout)
    value, calls = start.point.value, start.n_evaluations
    for _ in range(CYCLES):
        weights = [
            moved(w, theta, None if free[0] else mean[0], None if free[1] else cov[0, 0])
            for w, free, (mean, cov) in zip(shares, identified, held, strict=True)
        ]
        trial = with_histograms(task, weights)
        found = maximise(trial, x, tolerance=1e-3, max_evaluations=4)
        calls += found.n_evaluations + 1
        if found.point.value - value < 1e-2:
            break
        x, value, task = found.x, found.point.value, trial
        shares = node_shares(task, x)
    last = maximise(task, x, tolerance=tolerance)
    return replace(last, n_evaluations=calls + last.n_evaluations), task


def with_histograms(task: Problem, weights: list[FloatArray]) -> Problem:
    """Histograms in place of the densities, their moments as constants of the layout."""
    theta, layout = task.nodes.theta[:, 0], task.layout
    constants = layout.constants.copy()
    for g, w in enumerate(weights):
        mean = float(w @ theta)
        constants[layout.latent[g, 0] - layout.n_free] = mean
        constants[layout.latent[g, 1] - layout.n_free] = float(w @ (theta - mean) ** 2)
    histogram = tuple(np.log(np.maximum(w, FLOOR)) for w in weights)
    return replace(task, layout=replace(layout, constants=constants), histogram=histogram)


def node_shares(task: Problem, x: FloatArray) -> list[FloatArray]:
    """Expected share of persons at each node, per group."""
    extended = task.layout.extend(x)
    stacked = log_tables(task.layout, extended, task.theta)
    out = []
    for g in range(len(task.layout.groups)):
        L = group_table(task.layout, stacked, g)
        node = group_counts(task, L, log_weights(task, extended, g), g).node
        out.append(node / node.sum())
    return out


def moved(weights: FloatArray, theta: FloatArray, mean: float | None, variance: float | None) -> FloatArray:
    """Move a histogram to a mean and a variance, interpolating its cumulative distribution between nodes.

    None leaves a moment where it is.
    """
    center = float(weights @ theta)
    spread = float(weights @ (theta - center) ** 2)
    scale = 1.0 if variance is None else float(np.sqrt(spread / variance))
    target = center if mean is None else mean
    half = 0.5 * (theta[1] - theta[0])
    edges = np.concatenate([[theta[0] - half], theta + half])
    cumulative = np.concatenate([[0.0], np.cumsum(weights)])
    value: FloatArray = np.diff(np.interp(center + scale * (edges - target), edges, cumulative))
    return value / value.sum()
