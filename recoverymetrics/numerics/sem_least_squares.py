"""Least-squares discrepancies of moments: ULS, GLS, DWLS and WLS in one form."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from recoverymetrics.numerics.sem_ram import MomentMap, RamLayout, evaluate, moment_curvature
from recoverymetrics.typing import FloatArray


@dataclass(frozen=True)
class LeastSquares:
    """``sum w_g (s_g - sigma_g)' W_g (s_g - sigma_g) / 2``.

    Attributes
    ----------
    layout : RamLayout
        Model.
    moments : MomentMap
        Moments in play and their order.
    sample : ndarray, shape (G, m)
        Sample moments.
    weights : ndarray, shape (G, m) or (G, m, m)
        Diagonal or full weight matrices.
    share : ndarray, shape (G,)
        Share of each group, ``n_g / N``.
    """

    layout: RamLayout
    moments: MomentMap
    sample: FloatArray
    weights: FloatArray
    share: FloatArray

    @cached_property
    def diagonal(self) -> bool:
        """Whether the weight matrices are diagonal."""
        return self.weights.ndim == 2

    def weigh(self, columns: FloatArray) -> FloatArray:
        """``W_g`` times the columns of each group, shape (G, m, k)."""
        return self.weights[:, :, None] * columns if self.diagonal else self.weights @ columns

    def value_gradient(self, theta: FloatArray) -> tuple[float, FloatArray]:
        """Half the discrepancy and its gradient; infinite where a latent variance is not positive."""
        state = evaluate(self.layout, theta)
        gap = self.sample - self.moments.moments(state)
        if not np.isfinite(gap).all():
            return np.inf, np.zeros_like(theta)
        weighted = self.share[:, None] * self.weigh(gap[:, :, None])[:, :, 0]
        J = self.moments.jacobian(state)
        gradient = -(weighted[:, None, :] @ J)[:, 0, :]
        return 0.5 * float((weighted * gap).sum()), self.layout.gather(gradient)

    def metric(self, theta: FloatArray) -> FloatArray:
        """Gauss-Newton Hessian ``sum w_g Delta_g' W_g Delta_g``, shape (q, q)."""
        J = self.moments.jacobian(evaluate(self.layout, theta))
        blocks = np.swapaxes(J, 1, 2) @ self.weigh(J)
        return self.layout.gather_square(self.share[:, None, None] * blocks)

    def hessian(self, theta: FloatArray) -> FloatArray:
        """Second derivatives, shape (q, q); for ordinal variables the Gauss-Newton part alone."""
        if self.layout.any_ordinal:
            return self.metric(theta)
        state = evaluate(self.layout, theta)
        J = self.moments.jacobian(state)
        gap = self.sample - self.moments.moments(state)
        pull = -self.share[:, None] * self.weigh(gap[:, :, None])[:, :, 0]
        n_first, p = self.moments.n_first, self.layout.n_observed
        Q = np.zeros((len(gap), p, p))
        row, col = self.layout.pairs
        diagonal = np.arange(p)
        Q[:, diagonal, diagonal] = pull[:, n_first : n_first + p]
        Q[:, row, col] = Q[:, col, row] = 0.5 * pull[:, n_first + p :]
        d = pull[:, :n_first] if n_first else np.zeros((len(gap), p))
        blocks = self.share[:, None, None] * (np.swapaxes(J, 1, 2) @ self.weigh(J))
        return self.layout.gather_square(blocks + moment_curvature(self.layout, state, Q, d))
