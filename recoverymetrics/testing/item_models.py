"""What every item model must satisfy: a distribution, right limits, right derivatives, right conversions.

Whoever adds an ``ItemModel`` runs ``check_item_model`` on it; the repository's own tests do so for all models.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from recoverymetrics.irt.models import CHOICES, ItemModel
from recoverymetrics.typing import FloatArray

H = 1e-6
"""Step of the central differences."""
DERIVATIVE = 2e-6
"""Difference allowed between analytic and numeric derivatives (relative, floor one)."""


@dataclass(frozen=True)
class ItemModelCase:
    """An item model with parameters at which it is checked.

    Attributes
    ----------
    name : str
        Label in messages.
    model : ItemModel
        The model.
    K : int
        Number of categories.
    slope : float
        Slope, positive.
    shape : ndarray, shape (S,)
        Admissible shape parameters.
    lower, upper : float
        Limits of the probability of the highest category at minus and plus infinity.
    """

    name: str
    model: ItemModel
    K: int
    slope: float
    shape: FloatArray
    lower: float = 0.0
    upper: float = 1.0

    @property
    def z(self) -> FloatArray:
        """Linear predictor on a grid, shape (1, Q)."""
        return self.slope * np.linspace(-5, 5, 41)[None, :]

    def log_p(self, z: FloatArray | None = None, shape: FloatArray | None = None) -> FloatArray:
        """Log probabilities, shape (K, Q)."""
        values = self.shape if shape is None else shape
        return self.model.log_probabilities(self.z if z is None else z, values[None], self.K)[0]


def default_cases() -> list[ItemModelCase]:
    """Cases of all models in the library, with two to five categories."""
    cases = []
    for name, choice in CHOICES.items():
        for K in (2,) if choice.model.binary_only else (2, 3, 5):
            proportions = np.linspace(1.0, 1.6, K) / np.linspace(1.0, 1.6, K).sum()
            shape = choice.model.start_shape(proportions, 1.2)
            g = 0.15 if name in ("3pl", "4pl") else 0.0
            u = 0.95 if name == "4pl" else 1.0
            cases.append(
                ItemModelCase(f"{name}-{K}", choice.model, K, 1.2, np.asarray(shape, dtype=float), g, u)
            )
    return cases


def check_item_model(case: ItemModelCase) -> None:
    """Run every check; the first that fails raises an AssertionError that names model and property."""
    for check in ITEM_MODEL_CHECKS.values():
        check(case)


def check_shapes(case: ItemModelCase) -> None:
    """Names, probabilities and derivatives agree on their dimensions."""
    curves = case.model.curves(case.z, case.shape[None], case.K)
    S, Q = case.shape.size, case.z.shape[1]
    _require(case, len(case.model.shape_names(case.K)) == S, "shape_names has one name per shape parameter")
    _require(case, curves.log_p.shape == (1, case.K, Q), "log_p has shape (B, K, Q)")
    _require(case, curves.d_z.shape == (1, case.K, Q), "d_z has shape (B, K, Q)")
    _require(case, curves.d_shape.shape == (1, S, case.K, Q), "d_shape has shape (B, S, K, Q)")


def check_distribution(case: ItemModelCase) -> None:
    """Probabilities are positive and sum to one."""
    p = np.exp(case.log_p())
    _require(case, bool((p >= 0).all()), "probabilities are not negative")
    _require(case, np.allclose(p.sum(axis=0), 1.0, atol=1e-12), "probabilities sum to one")


def check_limits(case: ItemModelCase) -> None:
    """The highest category takes its limits at the ends of the scale, and nothing overflows on the way."""
    far = np.array([[-700.0, 700.0]])
    log_p = case.log_p(far)
    _require(case, not np.isnan(log_p).any(), "log probabilities are defined far out")
    p = np.exp(log_p)
    _require(case, abs(p[-1, 0] - case.lower) < 1e-9, "lower limit of the highest category")
    _require(case, abs(p[-1, 1] - case.upper) < 1e-9, "upper limit of the highest category")


def check_monotone_expectation(case: ItemModelCase) -> None:
    """The expected score rises with the linear predictor."""
    expected = np.arange(case.K) @ np.exp(case.log_p())
    _require(case, bool((np.diff(expected) > -1e-12).all()), "the expected score rises")


def check_derivatives(case: ItemModelCase) -> None:
    """Analytic derivatives match central differences."""
    curves = case.model.curves(case.z, case.shape[None], case.K)
    numeric = (case.log_p(case.z + H) - case.log_p(case.z - H)) / (2 * H)
    _require(case, _close(curves.d_z[0], numeric), "d_z is the derivative of log_p")
    for s in range(case.shape.size):
        step = np.zeros(case.shape.size)
        step[s] = H
        numeric = (case.log_p(shape=case.shape + step) - case.log_p(shape=case.shape - step)) / (2 * H)
        name = case.model.shape_names(case.K)[s]
        _require(
            case, _close(curves.d_shape[0, s], numeric), f"d_shape is the derivative with respect to {name}"
        )


def check_scores_are_centred(case: ItemModelCase) -> None:
    """The expectation of every score under the model is zero."""
    curves = case.model.curves(case.z, case.shape[None], case.K)
    p = np.exp(curves.log_p[0])
    _require(case, np.allclose(np.sum(p * curves.d_z[0], axis=0), 0, atol=1e-9), "the score in z is centred")
    means = np.einsum("kq,skq->sq", p, curves.d_shape[0])
    _require(case, np.allclose(means, 0, atol=1e-9), "the scores in the shape parameters are centred")


def check_conventional_form(case: ItemModelCase) -> None:
    """The (a, b) form has one name per value, the right Jacobian, and an inverse where the model offers one."""
    form = case.model.conventional(case.slope, case.shape, case.K)
    _require(case, len(form.names) == form.values.size, "one name per conventional parameter")
    x = np.concatenate([[case.slope], case.shape])
    numeric = np.column_stack(
        [
            (
                case.model.conventional(float((x + h)[0]), (x + h)[1:], case.K).values
                - case.model.conventional(float((x - h)[0]), (x - h)[1:], case.K).values
            )
            / (2 * H)
            for h in H * np.eye(x.size)
        ]
    )
    _require(case, _close(form.jacobian, numeric), "the Jacobian of the conventional form")
    try:
        back = case.model.from_conventional(float(form.values[0]), form.values[1:], case.K)
    except NotImplementedError:
        return
    _require(case, np.allclose(back, case.shape, atol=1e-8), "from_conventional inverts conventional")


def check_batches(case: ItemModelCase) -> None:
    """A batch of two items gives what the items give one by one."""
    other = case.shape * 0.9
    z = np.vstack([case.z, 0.5 * case.z])
    both = case.model.log_probabilities(z, np.vstack([case.shape, other]), case.K)
    _require(case, np.allclose(both[0], case.log_p()), "first item of a batch")
    _require(case, np.allclose(both[1], case.log_p(0.5 * case.z, other)), "second item of a batch")


ITEM_MODEL_CHECKS: dict[str, Callable[[ItemModelCase], None]] = {
    "shapes": check_shapes,
    "distribution": check_distribution,
    "limits": check_limits,
    "monotone_expectation": check_monotone_expectation,
    "derivatives": check_derivatives,
    "centred_scores": check_scores_are_centred,
    "conventional_form": check_conventional_form,
    "batches": check_batches,
}
"""Name and function of every check."""


def _close(ours: FloatArray, numeric: FloatArray) -> bool:
    return bool((np.abs(ours - numeric) <= DERIVATIVE * np.maximum(np.abs(numeric), 1.0)).all())


def _require(case: ItemModelCase, holds: bool, what: str) -> None:
    if not holds:
        raise AssertionError(f"item model {case.name} (K={case.K}) fails: {what}.")
