"""Binary models with asymptotes: two to four parameters (Birnbaum 1968; Barton & Lord 1981)."""

from __future__ import annotations

import numpy as np

from recoverymetrics.irt.models.base import Conventional, Curves, ItemModel, log_sigmoid, logit
from recoverymetrics.irt.models.graded import intercept_form
from recoverymetrics.typing import FloatArray

FAR = 999.0
"""Logit at which an asymptote is 0 or 1 to machine precision."""


class Logistic(ItemModel):
    """``P(X = 1) = g + (u - g) logistic(z + d)`` with both asymptotes on the logit scale.

    Parameters
    ----------
    n_parameters : {2, 3, 4}
        Two fixes both asymptotes (0 and 1), three frees the lower, four frees both.
    """

    binary_only = True

    def __init__(self, n_parameters: int):
        self.n_parameters = n_parameters
        self.name = f"{n_parameters}pl"

    def shape_names(self, K: int) -> tuple[str, ...]:
        """``d``, ``logit_g``, ``logit_u`` as far as the model has them."""
        return ("d", "logit_g", "logit_u")[: self.n_parameters - 1]

    def _asymptotes(self, shape: FloatArray) -> tuple[FloatArray, FloatArray]:
        B = shape.shape[0]
        lower = shape[:, 1] if self.n_parameters > 2 else np.full(B, -FAR)
        upper = shape[:, 2] if self.n_parameters > 3 else np.full(B, FAR)
        return lower[:, None], upper[:, None]

    def log_probabilities(self, z: FloatArray, shape: FloatArray, K: int) -> FloatArray:
        """Log category probabilities, shape (B, 2, Q)."""
        x = z + shape[:, :1]
        s, t = log_sigmoid(x), log_sigmoid(-x)
        if self.n_parameters == 2:
            return np.stack([t, s], axis=1)
        lower, upper = self._asymptotes(shape)
        one = np.logaddexp(log_sigmoid(lower) + t, log_sigmoid(upper) + s)
        zero = np.logaddexp(log_sigmoid(-lower) + t, log_sigmoid(-upper) + s)
        return np.stack([zero, one], axis=1)

    def curves(self, z: FloatArray, shape: FloatArray, K: int) -> Curves:
        """Log category probabilities with first derivatives."""
        log_p = self.log_probabilities(z, shape, K)
        lower, upper = self._asymptotes(shape)
        g, u = np.exp(log_sigmoid(lower)), np.exp(log_sigmoid(upper))
        s = np.exp(log_sigmoid(z + shape[:, :1]))
        parts = [(u - g) * s * (1 - s), g * (1 - g) * (1 - s), u * (1 - u) * s]
        sign = np.array([-1.0, 1.0])[None, :, None]
        inverse = np.exp(np.minimum(-log_p, 700.0))
        slopes = [sign * part[:, None, :] * inverse for part in parts]
        return Curves(log_p, slopes[0], np.stack(slopes[: self.n_parameters - 1], axis=1))

    def start_shape(self, proportions: FloatArray, slope: float) -> FloatArray:
        """Logit of the proportion, asymptotes at .15 and .95."""
        p = np.clip(proportions[1], 0.02, 0.98)
        guess = 0.15 if self.n_parameters > 2 else 0.0
        d = logit(np.clip((p - guess) / (1 - guess), 0.02, 0.98)) * np.sqrt(1.0 + 0.35 * slope**2)
        return np.array([d, logit(np.array(0.15)), logit(np.array(0.95))])[: self.n_parameters - 1]

    def conventional(self, slope: float, shape: FloatArray, K: int) -> Conventional:
        """``a``, ``b``, and the asymptotes ``g``, ``u`` as probabilities."""
        base = intercept_form(slope, shape[:1], ("b",))
        names, values, jacobian = (
            list(base.names),
            list(base.values),
            np.zeros((1 + shape.size, 1 + shape.size)),
        )
        jacobian[:2, :2] = base.jacobian
        for i, name in enumerate(("g", "u")[: shape.size - 1], start=1):
            p = float(np.exp(log_sigmoid(shape[i])))
            names.append(name)
            values.append(p)
            jacobian[1 + i, 1 + i] = p * (1 - p)
        return Conventional(tuple(names), np.asarray(values), jacobian)

    def reported(self, name: str, value: float) -> tuple[str, float, float]:
        """Asymptotes are shown as probabilities."""
        if not name.startswith("logit_"):
            return name, value, 1.0
        p = float(np.exp(log_sigmoid(np.asarray(value))))
        return name.removeprefix("logit_"), p, p * (1 - p)

    def from_conventional(self, a: float, others: FloatArray, K: int) -> FloatArray:
        """Intercept from difficulty, asymptotes to logits."""
        others = np.asarray(others, dtype=float)
        return np.concatenate([[-a * others[0]], logit(np.clip(others[1:], 1e-12, 1 - 1e-12))])
