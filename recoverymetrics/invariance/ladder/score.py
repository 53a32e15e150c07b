"""Score tests of equality that hold without normality and under diagonal weights.

The generalised score test (White 1982; Boos 1992; Satorra 2000) weighs the gradient with its own sampling covariance,
not with the information. Under diagonally weighted least squares, and under maximum likelihood with non-normal or
clustered data, the usual modification index is no chi-square: it may be wrong by a factor that differs from parameter to
parameter, so that even its ranking misleads.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from recoverymetrics.cfa.estimate import asymptotic_covariance
from recoverymetrics.cfa.inference import AnyObjective, person_scores
from recoverymetrics.cfa.sample import Sample
from recoverymetrics.cfa.spec import EstimatorSpec
from recoverymetrics.numerics.sem_least_squares import LeastSquares
from recoverymetrics.numerics.sem_ram import MomentMap, evaluate
from recoverymetrics.typing import FloatArray

RANK = 1e-8
"""Directions of a block with less information than this share of the largest are not identified."""


@dataclass(frozen=True)
class Scores:
    """What the restrictions hold back, per person, after the free parameters had their say.

    Attributes
    ----------
    score : ndarray, shape (r,)
        Direction in which the released parameters would move.
    information : ndarray, shape (r, r)
        Information about them, the free parameters accounted for.
    covariance : ndarray, shape (r, r)
        Sampling covariance of the score; the information where the model-based test is right.
    total : float
        Persons.
    """

    score: FloatArray
    information: FloatArray
    covariance: FloatArray
    total: float

    def test(self, part: slice) -> tuple[float, int, float]:
        """Statistic, degrees of freedom and p value of releasing some of the parameters together."""
        values, vectors = np.linalg.eigh(self.information[part, part])
        basis = vectors[:, values > RANK * np.abs(self.information).max()]
        if basis.shape[1] == 0:
            return 0.0, 0, 1.0
        s = basis.T @ self.score[part]
        weight = np.linalg.pinv(basis.T @ self.covariance[part, part] @ basis, rcond=RANK, hermitian=True)
        statistic = float(self.total * s @ weight @ s)
        return statistic, basis.shape[1], float(chi2.sf(statistic, basis.shape[1]))


def effective_scores(
    objective: AnyObjective,
    theta: FloatArray,
    moves: FloatArray,
    q: int,
    sample: Sample,
    spec: EstimatorSpec,
    means: bool,
) -> Scores:
    """Scores of the parameters after the first ``q``, cleaned of those.

    Parameters
    ----------
    objective : AnyObjective
        The discrepancy with the restrictions released.
    theta : ndarray, shape (q + r,)
        Estimates under the restrictions.
    moves : ndarray, shape (q + r, q + r)
        Columns: how each own parameter of the new coordinates moves the parameters.
    q : int
        Free parameters of the restricted model.
    sample, spec
        Data and estimator; they say which covariance the scores have.
    means : bool
        Whether means are part of the model.
    """
    gradient = moves.T @ objective.value_gradient(theta)[1]
    observed = spec.errors == "huber_white" and spec.information == "observed"
    curved = observed and not isinstance(objective, LeastSquares)
    information = objective.hessian(theta) if curved else objective.metric(theta)
    A = moves.T @ information @ moves
    clean = A[q:, :q] @ np.linalg.pinv(A[:q, :q], hermitian=True)
    left = A[q:, q:] - clean @ A[:q, q:]
    score = -(gradient[q:] - clean @ gradient[:q])
    B = score_covariance(objective, theta, sample, spec, means)
    if B is None:
        return Scores(score, left, left, sample.total)
    turn = np.hstack([-clean, np.eye(len(score))])
    return Scores(score, left, turn @ (moves.T @ B @ moves) @ turn.T, sample.total)


def score_covariance(
    objective: AnyObjective, theta: FloatArray, sample: Sample, spec: EstimatorSpec, means: bool
) -> FloatArray | None:
    """Sampling covariance of the scores per person; None where it is the information."""
    if spec.errors in ("standard", "first_order"):
        return None
    moments = MomentMap(objective.layout, means)
    if isinstance(objective, LeastSquares):
        return _moment_scores(objective, theta, sample, moments)
    total = np.zeros((len(theta), len(theta)))
    for group in range(len(sample.n)):
        scores = person_scores(objective, theta, sample, moments, group, centred=spec.errors == "robust_sem")
        scores = sample.pooled(group, scores)
        total += scores.T @ scores
    return total / sample.total


def _moment_scores(
    objective: LeastSquares, theta: FloatArray, sample: Sample, moments: MomentMap
) -> FloatArray:
    gamma = asymptotic_covariance(sample, moments)
    J = moments.jacobian(evaluate(objective.layout, theta))
    total = np.zeros((len(theta), len(theta)))
    for group, (W, G, f) in enumerate(zip(objective.weights, gamma, sample.share, strict=True)):
        D = objective.layout.spread(J[group], group)
        WD = W[:, None] * D if W.ndim == 1 else W @ D
        total += f * (WD.T @ (G @ WD))
    return total
