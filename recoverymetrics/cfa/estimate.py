"""Point estimates: the discrepancy that the estimator names, minimised under the model's constraints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.linalg import null_space
from scipy.optimize import minimize

from recoverymetrics.cfa.expressions import ConstraintSet, jacobian
from recoverymetrics.cfa.sample import Sample
from recoverymetrics.cfa.spec import EstimatorSpec
from recoverymetrics.errors import ModelError
from recoverymetrics.numerics.optimise import NEWTON_FROM, Minimum, scoring
from recoverymetrics.numerics.sem_least_squares import LeastSquares
from recoverymetrics.numerics.sem_missing import NormalMissing
from recoverymetrics.numerics.sem_normal import NormalComplete, invert, normal_weight
from recoverymetrics.numerics.sem_ram import MomentMap, RamLayout
from recoverymetrics.typing import FloatArray

DECREASE = 1e-13
"""Predicted decrease of the test statistic below which the search stops."""


class Objective(Protocol):
    """Half a discrepancy per person, its gradient, and a metric for scoring steps."""

    @property
    def layout(self) -> RamLayout:
        """The model."""

    def value_gradient(self, theta: FloatArray) -> tuple[float, FloatArray]:
        """Value and gradient."""

    def metric(self, theta: FloatArray) -> FloatArray:
        """Approximate Hessian."""


@dataclass(frozen=True)
class Estimate:
    """Where the search ended.

    Attributes
    ----------
    theta : ndarray, shape (q,)
        Free parameters.
    minimum : Minimum
        Report of the optimiser.
    tangent : ndarray, shape (q, q - r), or None
        Directions in which the active constraints allow the parameters to move; None without constraints.
    """

    theta: FloatArray
    minimum: Minimum
    tangent: FloatArray | None


def least_squares_weights(sample: Sample, spec: EstimatorSpec, moments: MomentMap) -> FloatArray:
    """Weight matrices of the estimator, diagonal (G, m) or full (G, m, m)."""
    if spec.discrepancy == "ULS":
        weights = np.ones((len(sample.n), moments.size))
        if not moments.layout.any_ordinal:  # half the trace of (S - Sigma)^2
            stop = moments.n_first + len(moments.layout.continuous)
            weights[:, moments.n_first : stop] = 0.5
        return weights
    if spec.discrepancy == "GLS":
        inverse = np.linalg.inv(_unbiased(sample))
        return np.stack([normal_weight(moments, block) for block in inverse])
    gamma = asymptotic_covariance(sample, moments) if sample.weight_gamma is None else sample.weight_gamma
    if spec.discrepancy == "DWLS":
        return 1.0 / np.diagonal(gamma, axis1=1, axis2=2)
    try:
        np.linalg.cholesky(gamma)
    except np.linalg.LinAlgError as error:
        raise ModelError(
            f"WLS needs more rows than moments: the asymptotic covariance of {moments.size} moments is singular. "
            "Use DWLS or WLSMV."
        ) from error
    return invert(gamma)


def asymptotic_covariance(sample: Sample, moments: MomentMap) -> FloatArray:
    """Distribution-free covariance of the moments times n, shape (G, m, m)."""
    if sample.gamma is not None:
        return sample.gamma
    return sample.once(
        ("gamma", moments.means), lambda: np.stack([_fourth_moments(block, moments) for block in sample.data])
    )


def _fourth_moments(data: FloatArray, moments: MomentMap) -> FloatArray:
    centred = data - data.mean(axis=0)
    row, col = moments.layout.pairs
    c = moments.layout.continuous
    stacked = np.concatenate(
        [centred[:, moments.mean_items], centred[:, c] ** 2, centred[:, row] * centred[:, col]], axis=1
    )
    stacked = stacked - stacked.mean(axis=0)
    return stacked.T @ stacked / len(data)


def make_objective(
    layout: RamLayout, sample: Sample, spec: EstimatorSpec, moments: MomentMap, weights: FloatArray | None
) -> NormalComplete | NormalMissing | LeastSquares:
    """The discrepancy of the estimator for these data."""
    if spec.discrepancy == "ML":
        if sample.patterns is not None:
            return NormalMissing(layout, sample.patterns)
        mean = sample.mean if moments.means else np.zeros_like(sample.mean)
        return NormalComplete(layout, sample.covariance, mean, sample.share, moments.means)
    if weights is None:
        weights = least_squares_weights(sample, spec, moments)
    observed = moments.pack(sample.tau, sample.mean, _unbiased(sample), sample.slopes)
    return LeastSquares(layout, moments, observed, weights, (sample.n - 1.0) / sample.total)


def _unbiased(sample: Sample) -> FloatArray:
    """Covariances with divisor n - 1, which the least-squares estimators use; correlations as they are."""
    if sample.ordinal.any():
        return sample.covariance
    return sample.covariance * (sample.n / (sample.n - 1.0))[:, None, None]


def minimise(
    objective: NormalComplete | NormalMissing | LeastSquares,
    start: FloatArray,
    total: float,
    constraints: ConstraintSet,
    *,
    max_iter: int = 150,
    close: bool = False,
    first: FloatArray | None = None,
) -> Estimate:
    """Minimise, by scoring without constraints or along linear ones, by SLSQP under curved ones.

    From a start ``close`` to the minimum, Newton steps are taken at once; ``first`` is the metric there when it is known.
    """
    tolerance = DECREASE / total
    layout_is_ordinal = objective.layout.any_ordinal
    newton_from = 0 if close else NEWTON_FROM
    if not constraints.equalities and not constraints.inequalities:
        found = scoring(
            objective.value_gradient,
            objective.metric,
            start,
            tolerance=tolerance,
            hessian=None if layout_is_ordinal else objective.hessian,
            max_iter=max_iter,
            newton_from=newton_from,
            arrow=objective.layout.arrow,
            first=first,
        )
        return Estimate(found.x, found, None)
    linear = _linear_part(constraints, start)
    if linear is not None and not constraints.inequalities:
        return _along(objective, linear, start, tolerance, max_iter, newton_from)
    return _curved(objective, constraints, start, tolerance, max_iter)


def _linear_part(constraints: ConstraintSet, start: FloatArray) -> tuple[FloatArray, FloatArray] | None:
    """Jacobian and offset ``R theta = c`` when all equalities are linear."""
    R = jacobian(constraints.equality_values, start)
    shifted = start + np.linspace(0.3, 0.7, len(start))
    if not np.allclose(R, jacobian(constraints.equality_values, shifted), rtol=1e-10, atol=1e-12):
        return None
    return R, R @ start - np.asarray(constraints.equality_values(start), dtype=float)


def _along(
    objective: NormalComplete | NormalMissing | LeastSquares,
    linear: tuple[FloatArray, FloatArray],
    start: FloatArray,
    tolerance: float,
    max_iter: int,
    newton_from: int,
) -> Estimate:
    """Search in the null space of linear constraints."""
    R, c = linear
    basis = null_space(R)
    origin = start - np.linalg.lstsq(R, R @ start - c, rcond=None)[0]
    if not np.allclose(R @ origin, c, rtol=1e-8, atol=1e-8):
        raise ModelError("the equality constraints (==) contradict one another; leave one of them out.")

    def value_gradient(z: FloatArray) -> tuple[float, FloatArray]:
        value, gradient = objective.value_gradient(origin + basis @ z)
        return value, basis.T @ gradient

    def metric(z: FloatArray) -> FloatArray:
        return basis.T @ objective.metric(origin + basis @ z) @ basis

    def hessian(z: FloatArray) -> FloatArray:
        return basis.T @ objective.hessian(origin + basis @ z) @ basis

    found = scoring(
        value_gradient,
        metric,
        np.zeros(basis.shape[1]),
        tolerance=tolerance,
        hessian=None if objective.layout.any_ordinal else hessian,
        max_iter=max_iter,
        newton_from=newton_from,
    )
    theta = origin + basis @ found.x
    full = Minimum(
        theta,
        found.value,
        objective.value_gradient(theta)[1],
        found.iterations,
        found.converged,
        found.message,
    )
    return Estimate(theta, full, basis)


def _curved(
    objective: NormalComplete | NormalMissing | LeastSquares,
    constraints: ConstraintSet,
    start: FloatArray,
    tolerance: float,
    max_iter: int,
) -> Estimate:
    """SLSQP in coordinates that make the metric the identity, then the tangent of the active constraints."""
    root = np.linalg.cholesky(objective.metric(start) + 1e-8 * np.eye(len(start)))
    to_theta = np.linalg.inv(root.T)

    def value(z: FloatArray) -> float:
        return float(min(objective.value_gradient(to_theta @ z)[0], 1e10))

    def gradient(z: FloatArray) -> FloatArray:
        return to_theta.T @ objective.value_gradient(to_theta @ z)[1]

    rules = []
    for kind, function, present in (
        ("eq", constraints.equality_values, constraints.equalities),
        ("ineq", constraints.inequality_values, constraints.inequalities),
    ):
        if present:
            rules.append(
                {
                    "type": kind,
                    "fun": lambda z, f=function: np.asarray(f(to_theta @ z), dtype=float),
                    "jac": lambda z, f=function: jacobian(f, to_theta @ z) @ to_theta,
                }
            )
    found = minimize(
        value,
        np.linalg.solve(to_theta, start),
        jac=gradient,
        method="SLSQP",
        constraints=rules,
        options={"maxiter": 10 * max_iter, "ftol": min(tolerance, 1e-14)},
    )
    theta = to_theta @ found.x
    value_at, gradient_at = objective.value_gradient(theta)
    tangent = _tangent(constraints, theta)
    step = np.linalg.lstsq(
        tangent.T @ objective.metric(theta) @ tangent, tangent.T @ gradient_at, rcond=None
    )[0]
    small = float(step @ (tangent.T @ gradient_at)) < 1e6 * tolerance
    ok = bool(found.success or small)
    return Estimate(
        theta, Minimum(theta, value_at, gradient_at, int(found.nit), ok, str(found.message)), tangent
    )


def _tangent(constraints: ConstraintSet, theta: FloatArray) -> FloatArray:
    """Null space of the equalities and of the inequalities that bind."""
    parts = [np.zeros((0, len(theta)))]
    if constraints.equalities:
        parts.append(jacobian(constraints.equality_values, theta))
    if constraints.inequalities:
        binding = np.abs(np.asarray(constraints.inequality_values(theta), dtype=float)) < 1e-7
        parts.append(jacobian(constraints.inequality_values, theta)[binding])
    R = np.concatenate(parts)
    return null_space(R) if len(R) else np.eye(len(theta))
