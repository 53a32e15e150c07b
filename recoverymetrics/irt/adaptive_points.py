"""Points of adaptive quadrature, and cubic interpolation between them and the grid of one dimension."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recoverymetrics.typing import FloatArray, IntArray

GRID = np.linspace(-9.0, 9.0, 181)
"""Grid of one dimension; cubic interpolation between its nodes costs less than 1e-5 per person."""


@dataclass(frozen=True)
class Points:
    """Integration points for a standard normal variable.

    Attributes
    ----------
    z : ndarray, shape (N, D)
        Points.
    log_volume : ndarray, shape (N,)
        Log weight over normal density, the volume that a point stands for.
    """

    z: FloatArray
    log_volume: FloatArray


def make_points(n: int, D: int) -> Points:
    """Product of ``D`` Gauss-Hermite rules of ``n`` nodes."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(n)
    log_volume = np.log(weights) + 0.5 * nodes**2
    axes = np.meshgrid(*[nodes] * D, indexing="ij")
    volume = sum(np.meshgrid(*[log_volume] * D, indexing="ij"), np.zeros(()))
    return Points(np.stack(axes, axis=-1).reshape(-1, D), np.asarray(volume).ravel())


@dataclass(frozen=True)
class Interpolation:
    """Cubic interpolation from the grid to the points of some persons, for one factor.

    Attributes
    ----------
    start : ndarray of int, shape (n, N)
        First of the four grid nodes around each point.
    weights : tuple of four ndarray, shape (n, N)
        Lagrange weights of these nodes.
    """

    start: IntArray
    weights: tuple[FloatArray, ...]

    @classmethod
    def at(cls, theta: FloatArray) -> Interpolation:
        """Interpolation at some coordinates, shape (n, N)."""
        place = (theta - GRID[0]) / (GRID[1] - GRID[0])
        middle = np.clip(place.astype(np.int64), 1, GRID.size - 3)
        t = place - middle
        a, b, c = t + 1, t - 1, t - 2
        return cls(middle - 1, (-t * b * c / 6, a * b * c / 2, -a * t * c / 2, a * t * b / 6))

    def values(self, curves: FloatArray) -> FloatArray:
        """Curves of the persons, shape (n, G), at their points, shape (n, N)."""
        flat = np.ascontiguousarray(curves).ravel()
        place = self.start + (GRID.size * np.arange(self.start.shape[0]))[:, None]
        out = self.weights[0] * flat[place]
        for k in (1, 2, 3):
            out += self.weights[k] * flat[place + k]
        return out

    def spread(self, mass: FloatArray) -> FloatArray:
        """The transpose: mass at the points, shape (n, N), carried to the grid, shape (n, G)."""
        n = mass.shape[0]
        place = (self.start + (GRID.size * np.arange(n))[:, None]).ravel()
        out = np.zeros(n * GRID.size)
        for k in range(4):
            out += np.bincount(place + k, (self.weights[k] * mass).ravel(), minlength=out.size)
        return out.reshape(n, -1)
