"""Calibration with Davidian curves as latent densities (Woods & Lin 2009)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from recoverymetrics.irt.histogram import moved, node_shares, with_histograms
from recoverymetrics.irt.likelihood import Problem
from recoverymetrics.numerics.davidian import fit_davidian
from recoverymetrics.numerics.em_accelerated import Maximum, maximise
from recoverymetrics.typing import FloatArray

SHARPENING = 20
"""Histogram cycles before a curve is laid through the shares of persons; the normal density blurs them."""


def maximise_with_curves(
    task: Problem, start: Maximum, normal: Problem, tolerance: float, max_evaluations: int
) -> Maximum:
    """Climb jointly over items, latent moments and the angles of every group's curve.

    Parameters
    ----------
    task : Problem
        With a layout that has angles, behind all other parameters.
    start : Maximum
        Fit with normal densities.
    normal : Problem
        What it maximised.
    tolerance : float
        As in ``maximise``.
    max_evaluations : int
        Most E-steps.
    """
    order = task.layout.latent.shape[1] - task.layout.n_moments
    extended = normal.layout.extend(start.x)
    angles = [
        fit_davidian(task.nodes, shares, order, float(mean[0]), float(cov[0, 0]))
        for shares, (mean, cov) in zip(
            sharpened(normal, start.x),
            (normal.layout.moments(extended, g) for g in range(len(normal.layout.groups))),
            strict=True,
        )
    ]
    found = maximise(
        task, np.concatenate([start.x, *angles]), tolerance=tolerance, max_evaluations=max_evaluations
    )
    return replace(found, n_evaluations=found.n_evaluations + start.n_evaluations)


def sharpened(normal: Problem, x: FloatArray) -> list[FloatArray]:
    """Shares of persons at the nodes after some histogram cycles with the items held, at the moments of the groups."""
    theta, layout = normal.nodes.theta[:, 0], normal.layout
    moments = [layout.moments(layout.extend(x), g) for g in range(len(layout.groups))]
    shares = node_shares(normal, x)
    known, items = layout.with_known_moments(x)
    for _ in range(SHARPENING):
        shares = [
            moved(w, theta, float(mean[0]), float(cov[0, 0]))
            for w, (mean, cov) in zip(shares, moments, strict=True)
        ]
        task = with_histograms(replace(normal, layout=known), shares)
        shares = node_shares(task, items)
    return shares
