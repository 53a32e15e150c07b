"""Information, covariance of the estimates, and the traces behind scaled tests."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from recoverymetrics.cfa.estimate import asymptotic_covariance
from recoverymetrics.cfa.sample import Sample
from recoverymetrics.cfa.spec import EstimatorSpec
from recoverymetrics.numerics.arrow import Arrow
from recoverymetrics.numerics.sem_least_squares import LeastSquares
from recoverymetrics.numerics.sem_missing import NormalMissing, missing_scores
from recoverymetrics.numerics.sem_normal import NormalComplete, casewise_scores, normal_weight
from recoverymetrics.numerics.sem_patterns import MissingPatterns
from recoverymetrics.numerics.sem_ram import MomentMap, RamLayout, RamState, evaluate
from recoverymetrics.typing import FloatArray

SINGULAR = 1e-11
"""Smallest pivot of a scaled information matrix that counts as positive."""
AnyObjective = NormalComplete | NormalMissing | LeastSquares


@dataclass(frozen=True)
class Curvature:
    """Information about the parameters and what the robust corrections need.

    Attributes
    ----------
    information : ndarray, shape (q, q)
        Information per person.
    inverse : ndarray, shape (q, q)
        Its inverse along the constraints.
    middle : ndarray, shape (q, q), or None
        Covariance of the scores per person, for sandwich errors.
    trace, trace2 : float
        Traces of ``U Gamma`` and its square; NaN when not computed.
    trace_h1, trace_h0 : float
        Parts of the trace in the Yuan-Bentler correction; NaN when not computed.
    singular : bool
        The information could not be inverted.
    """

    information: FloatArray
    inverse: FloatArray
    middle: FloatArray | None = None
    trace: float = np.nan
    trace2: float = np.nan
    trace_h1: float = np.nan
    trace_h0: float = np.nan
    singular: bool = False


def invert(
    information: FloatArray, tangent: FloatArray | None, arrow: Arrow | None = None
) -> tuple[FloatArray, bool]:
    """Inverse of the information along the constraints, and whether it was singular."""
    inner = information if tangent is None else tangent.T @ information @ tangent
    if inner.size == 0:
        return np.zeros_like(information), False
    shape = arrow if arrow is not None and tangent is None else Arrow((), np.arange(len(inner)))
    factor = shape.factor(inner)
    singular = factor is None or factor.relative_pivot < SINGULAR
    if factor is None or singular:
        scale = np.sqrt(np.maximum(np.abs(np.diagonal(inner)), 1e-300))
        outer = scale[:, None] * scale
        inverse = np.linalg.pinv(inner / outer, hermitian=True) / outer
    else:
        inverse = factor.inverse()
    return (inverse if tangent is None else tangent @ inverse @ tangent.T), singular


def curvature(
    objective: AnyObjective,
    theta: FloatArray,
    tangent: FloatArray | None,
    sample: Sample,
    spec: EstimatorSpec,
    moments: MomentMap,
    gamma: FloatArray | None = None,
) -> Curvature:
    """Information of the estimator at the estimates, with the robust pieces that the estimator asks for.

    ``gamma`` is a ready asymptotic covariance of the moments.
    """
    least_squares = isinstance(objective, LeastSquares)
    if isinstance(objective, LeastSquares):
        objective = replace(objective, share=sample.share)
    observed = spec.information == "observed" and not least_squares
    if isinstance(objective, LeastSquares) and spec.name == "ULS" and not objective.layout.any_ordinal:
        unit = replace(objective, weights=np.ones_like(objective.weights))
        information = unit.metric(theta)
    else:
        information = objective.hessian(theta) if observed else objective.metric(theta)
    inverse, singular = invert(information, tangent, objective.layout.arrow)
    plain = Curvature(information, inverse, singular=singular)
    if isinstance(objective, LeastSquares):
        if spec.errors == "standard" and spec.test == "none":
            return plain
        return _least_squares_traces(objective, theta, plain, sample, moments, gamma)
    if spec.errors == "standard" and spec.test == "none":
        return plain
    if spec.errors == "first_order":
        middle = _cross_product(objective, theta, sample, moments)
        inverse, singular = invert(middle, tangent)
        return Curvature(middle, inverse, singular=singular)
    if spec.test in ("yuan_bentler_mplus",):
        return _yuan_bentler(objective, theta, plain, sample, moments, spec)
    return _satorra_bentler(objective, theta, plain, sample, moments, spec, gamma)


def _cross_product(
    objective: AnyObjective, theta: FloatArray, sample: Sample, moments: MomentMap, *, centred: bool = False
) -> FloatArray:
    """Mean outer product of the casewise scores."""
    total = np.zeros((len(theta), len(theta)))
    for group in range(len(sample.n)):
        scores = person_scores(objective, theta, sample, moments, group, centred=centred)
        scores = sample.pooled(group, scores)
        total += scores.T @ scores
    return total / sample.total


def person_scores(
    objective: AnyObjective,
    theta: FloatArray,
    sample: Sample,
    moments: MomentMap,
    group: int,
    *,
    centred: bool = False,
) -> FloatArray:
    """Casewise scores of one group, shape (n_g, q); ``centred`` subtracts their mean."""
    layout = objective.layout
    state = evaluate(layout, theta)
    data = sample.data[group]
    if isinstance(objective, NormalMissing):
        full = MomentMap(layout, means=True)
        patterns = sample_patterns(sample).groups[group]
        by_moment = missing_scores(patterns, state.sigma[group], state.mu[group], data, full)
        return by_moment @ layout.spread(full.jacobian(state)[group], group)
    if moments.means and not centred:
        return casewise_scores(layout, state, group, data, means=True)
    if moments.means:
        shift = data - sample.mean[group] + state.mu[group]
        scores = casewise_scores(layout, state, group, shift, means=True)
    else:
        scores = casewise_scores(layout, state, group, data - sample.mean[group], means=False)
    return scores - scores.mean(axis=0) if centred else scores


def sample_patterns(sample: Sample) -> MissingPatterns:
    """Missing-data patterns of a sample that has them."""
    if sample.patterns is None:
        raise ValueError("the sample has no missing-data patterns")
    return sample.patterns


def _quadratic_trace(inverse: FloatArray, data: FloatArray, S: FloatArray, *, means: bool) -> float:
    """``tr(W Gamma)`` for the normal weight at ``inverse`` without forming either matrix."""
    centred = data - data.mean(axis=0)
    q = np.einsum("np,np->n", centred @ inverse, centred)
    product = inverse @ S
    trace = 0.5 * float((q * q).mean()) - 0.5 * float((product * product.T).sum())
    return trace + float(np.trace(product)) if means else trace


def _saturated_quadratic(sample: Sample, group: int, moments: MomentMap) -> float:
    """Trace of the saturated sandwich of one group, rows weighted and clustered where the design says so."""
    S, block = sample.covariance[group], sample.data[group]
    inverse = np.linalg.inv(S)
    if sample.weights is None and sample.clusters is None:
        return _quadratic_trace(inverse, block, S, means=moments.means)
    gap = block - sample.mean[group]
    c = moments.layout.continuous
    row, col = moments.layout.pairs
    r, s = np.concatenate([c, row]), np.concatenate([c, col])
    deviation = np.concatenate([gap[:, moments.mean_items], gap[:, r] * gap[:, s] - S[r, s]], axis=1)
    pooled = sample.pooled(group, deviation)
    return float(((pooled @ normal_weight(moments, inverse)) * pooled).sum()) / float(sample.n[group])


def _yuan_bentler(
    objective: NormalComplete | NormalMissing,
    theta: FloatArray,
    plain: Curvature,
    sample: Sample,
    moments: MomentMap,
    spec: EstimatorSpec,
) -> Curvature:
    """Huber-White sandwich and the trace of the Yuan-Bentler test as Mplus computes it."""
    middle = _cross_product(objective, theta, sample, moments)
    trace_h0 = float((plain.inverse * middle).sum())
    if isinstance(objective, NormalMissing):
        trace_h1 = _saturated_trace(sample, moments, observed=spec.information == "observed")
    else:
        trace_h1 = sum(_saturated_quadratic(sample, group, moments) for group in range(len(sample.n)))
    return Curvature(
        plain.information,
        plain.inverse,
        middle,
        trace_h1 - trace_h0,
        trace_h1=trace_h1,
        trace_h0=trace_h0,
        singular=plain.singular,
    )


def _saturated_trace(sample: Sample, moments: MomentMap, *, observed: bool) -> float:
    from recoverymetrics.cfa.saturated import saturated_pieces

    pieces = saturated_pieces(sample, moments, observed=observed)
    return sum(float(np.trace(np.linalg.solve(A, B))) for A, B in pieces)


def _satorra_bentler(
    objective: AnyObjective,
    theta: FloatArray,
    plain: Curvature,
    sample: Sample,
    moments: MomentMap,
    spec: EstimatorSpec,
    gamma: FloatArray | None,
) -> Curvature:
    """Sandwich with the distribution-free covariance of the moments, and traces of ``U Gamma``."""
    if spec.test != "satorra_bentler":
        return normal_traces(objective.layout, theta, plain, sample, moments, gamma)
    state = evaluate(objective.layout, theta)
    middle = _cross_product(objective, theta, sample, moments, centred=True)
    inverses = np.linalg.inv(state.sigma)
    whole = sum(
        _quadratic_trace(inverse, block, S, means=moments.means)
        for inverse, block, S in zip(inverses, sample.data, sample.covariance, strict=True)
    )
    trace = whole - float((plain.inverse * middle).sum())
    return Curvature(plain.information, plain.inverse, middle, trace, singular=plain.singular)


def normal_traces(
    layout: RamLayout,
    theta: FloatArray,
    plain: Curvature,
    sample: Sample,
    moments: MomentMap,
    gamma: FloatArray | None,
) -> Curvature:
    """Both traces under maximum likelihood, from explicit matrices."""
    state = evaluate(layout, theta)
    if gamma is None:
        gamma = asymptotic_covariance(sample, moments)
    weights = np.stack([normal_weight(moments, inverse) for inverse in np.linalg.inv(state.sigma)])
    return trace_pieces(layout, state, plain, moments, weights, gamma, sample.share)


def _least_squares_traces(
    objective: LeastSquares,
    theta: FloatArray,
    plain: Curvature,
    sample: Sample,
    moments: MomentMap,
    gamma: FloatArray | None,
) -> Curvature:
    state = evaluate(objective.layout, theta)
    if gamma is None:
        gamma = asymptotic_covariance(sample, moments)
    return trace_pieces(objective.layout, state, plain, moments, objective.weights, gamma, objective.share)


def trace_pieces(
    layout: RamLayout,
    state: RamState,
    plain: Curvature,
    moments: MomentMap,
    weights: FloatArray,
    gamma: FloatArray,
    share: FloatArray,
) -> Curvature:
    """Sandwich middle and traces of ``U Gamma`` and its square, group by group.

    ``U = W - W Delta E^-1 Delta' W``; with block-diagonal ``W`` and ``Gamma`` the traces need no matrix larger
    than one group's moments.
    """
    J = moments.jacobian(state)
    q = len(plain.information)
    middle, second = np.zeros((q, q)), np.zeros((q, q))
    whole = whole2 = 0.0
    for group, (W, G, f) in enumerate(zip(weights, gamma, share, strict=True)):
        cells, parameters, matrix = layout.reductions[group]
        D = J[group][:, cells]
        WD = W[:, None] * D if W.ndim == 1 else W @ D
        GWD = G @ WD
        WGWD = W[:, None] * GWD if W.ndim == 1 else W @ GWD
        part, part2 = WD.T @ GWD, GWD.T @ WGWD
        if matrix is not None:
            part, part2 = matrix.T @ part @ matrix, matrix.T @ part2 @ matrix
        at = (parameters[:, None], parameters)
        middle[at] += f * part
        second[at] += f * part2
        if W.ndim == 1:
            whole += float(W @ np.diagonal(G))
            whole2 += float(W @ (G * G) @ W)
        else:
            WG = W @ G
            whole += float(np.trace(WG))
            whole2 += float((WG * WG.T).sum())
    linear, quadratic = layout.arrow.traces(plain.inverse, middle)
    trace = whole - linear
    trace2 = whole2 - 2.0 * float((plain.inverse * second).sum()) + quadratic
    return Curvature(plain.information, plain.inverse, middle, trace, trace2, singular=plain.singular)


def parameter_covariance(found: Curvature, spec: EstimatorSpec, total: float, arrow: Arrow) -> FloatArray:
    """Covariance matrix of the estimates."""
    if found.middle is None or spec.errors in ("standard", "first_order"):
        return found.inverse / total
    return arrow.sandwich(found.inverse, found.middle) / total
