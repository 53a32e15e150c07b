"""Statistics behind robust fit indices where a scaled test alone does not do: ordered items and missing data.

Savalei (2021) for ordered items, and Zhang and Savalei (2023) for missing data, evaluate the complete-data normal
discrepancy between the saturated and the implied moments, and scale it by the trace that belongs to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from recoverymetrics.cfa.baseline import baseline_layout
from recoverymetrics.cfa.indices import RobustPair
from recoverymetrics.cfa.saturated import saturated_pieces
from recoverymetrics.numerics.sem_least_squares import LeastSquares
from recoverymetrics.numerics.sem_normal import invert, normal_weight
from recoverymetrics.numerics.sem_ram import MomentMap, evaluate, scaled_covariance
from recoverymetrics.typing import FloatArray, IntArray

if TYPE_CHECKING:
    from recoverymetrics.cfa.result import CFAResult


def categorical_pair(result: CFAResult) -> RobustPair | None:
    """Normal discrepancy of the polychoric (and, with continuous items, polyserial and ordinary) moments and its scale.

    None when a matrix is not positive definite, and with exogenous predictors.
    """
    sample, objective = result.sample, result.objective
    if sample.gamma is None or not isinstance(objective, LeastSquares) or not objective.diagonal:
        return None
    if result.curvature.middle is None or result.table.exogenous or result.table.given:
        return None
    R, implied = sample.covariance, scaled_covariance(result.layout, result.state)
    sd = np.sqrt(np.diagonal(R, axis1=1, axis2=2))
    logdet, logdet_implied = _logdet(R / sd[:, :, None] / sd[:, None, :]), _logdet(implied)
    if logdet is None or logdet_implied is None:
        return None
    inverse = invert(implied)
    trace = np.einsum("gij,gji->g", R, inverse)
    whole_logdet = logdet + 2.0 * np.log(sd).sum(axis=1)
    chi2 = float(sample.n @ (logdet_implied - whole_logdet + trace - R.shape[1]))
    moments = result.moments
    start, c = moments.n_first, result.layout.continuous
    row, col = (np.concatenate([c, side]) for side in result.layout.pairs)
    below = start + len(c)
    J = moments.jacobian(result.state)
    V = [moment_weight(inv, row, col) for inv in inverse]
    cross, outer = np.zeros_like(result.covariance), np.zeros_like(result.covariance)
    whole = whole_baseline = 0.0
    for g, (v, G, W, f) in enumerate(zip(V, sample.gamma, objective.weights, sample.share, strict=True)):
        cells, parameters, matrix = result.layout.reductions[g]
        D = J[g][:, cells] if matrix is None else J[g][:, cells] @ matrix
        right = v @ D[start:]
        at = np.ix_(parameters, parameters)
        cross[at] += f * (right.T @ (G[start:] @ (W[:, None] * D)))
        outer[at] += f * (D[start:].T @ right)
        whole += float((v * G[start:, start:].T).sum())
        unit = (sd[g, row] * sd[g, col])[len(c) :] ** 2
        whole_baseline += float((np.diagonal(G)[below:] / unit).sum())
    sandwich = result.layout.arrow.sandwich(result.curvature.inverse, result.curvature.middle)
    trace = whole - 2.0 * float((result.curvature.inverse * cross).sum()) + float((outer * sandwich).sum())
    return RobustPair(
        chi2,
        trace / max(result.test.df, 1),
        -float(sample.n @ logdet),
        whole_baseline / max(result.baseline_test.df, 1),
    )


def _logdet(matrices: FloatArray) -> FloatArray | None:
    sign, logdet = np.linalg.slogdet(matrices)
    return logdet if (sign > 0).all() and (np.linalg.eigvalsh(matrices)[:, 0] > 0).all() else None


def moment_weight(inverse: FloatArray, row: IntArray, col: IntArray) -> FloatArray:
    """Normal-theory weight of the covariances (or correlations) at ``row``, ``col``, variances among them."""
    straight = inverse[row[:, None], row] * inverse[col[:, None], col]
    half = np.where(row == col, 0.5, 1.0)
    weight: FloatArray = (
        half[:, None] * half * (straight + inverse[row[:, None], col] * inverse[col[:, None], row])
    )
    return weight


def residual_trace(
    D: Sequence[FloatArray],
    W: Sequence[FloatArray],
    V: Sequence[FloatArray],
    G: Sequence[FloatArray],
    share: FloatArray,
) -> float:
    """``tr[(I - H)' V (I - H) Gamma]`` with ``H = Delta (Delta' W Delta)^-1 Delta' W``, summed over groups.

    ``D`` are the derivatives (m, q) of each group, ``W`` the weights of the estimator (diagonal or full), ``V`` those
    of the discrepancy, ``G`` the asymptotic covariances.
    """
    q = D[0].shape[1]
    E, cross, outer, middle = (np.zeros((q, q)) for _ in range(4))
    whole = 0.0
    for d, w, v, g, f in zip(D, W, V, G, share, strict=True):
        wd = w[:, None] * d if w.ndim == 1 else w @ d
        vd, gwd = v @ d, g @ wd
        E += f * d.T @ wd
        cross += f * gwd.T @ vd
        outer += f * d.T @ vd
        middle += f * wd.T @ gwd
        whole += float((v * g.T).sum())
    inverse = np.linalg.pinv(E, hermitian=True)
    last = inverse @ outer @ inverse @ middle
    return whole - 2.0 * float((inverse * cross.T).sum()) + float(np.trace(last))


def missing_pair(result: CFAResult) -> RobustPair | None:
    """Complete-data discrepancy of the saturated moments and its scale."""
    sample, moments = result.sample, result.moments
    pieces = list(saturated_pieces(sample, moments))
    W = [A for A, _ in pieces]
    inverses = [invert(A) for A in W]
    robust = result.spec.errors == "huber_white"
    G = [inv @ B @ inv if robust else inv for inv, (_, B) in zip(inverses, pieces, strict=True)]
    V = [normal_weight(moments, inverse) for inverse in invert(sample.covariance)]
    J = moments.jacobian(result.state)
    D = [_free(result, result.layout.spread(J[g], g)) for g in range(len(sample.n))]
    scale = residual_trace(D, W, V, G, sample.share) / max(result.test.df, 1)
    chi2 = _normal_chi2(sample.covariance, sample.mean, result.state.sigma, result.state.mu, sample.n)
    where = np.array([result.table.observed.index(x) for x in result.table.exogenous], dtype=np.int64)
    layout = baseline_layout(sample, means=True, exogenous=where)
    own = MomentMap(layout, means=True)
    values, means = (
        np.stack([fun(block, axis=0) for block in sample.data]) for fun in (np.nanvar, np.nanmean)
    )
    diagonal = np.stack([np.diag(v) for v in values])
    state = evaluate(layout, np.zeros(layout.n_free))
    Jb = own.jacobian(state)
    Db = [layout.spread(Jb[g], g) for g in range(len(sample.n))]
    chi2_b = _normal_chi2(sample.covariance, sample.mean, diagonal, means, sample.n)
    scale_b = residual_trace(Db, W, V, G, sample.share) / max(result.baseline_test.df, 1)
    return RobustPair(chi2, scale, chi2_b, scale_b)


def _free(result: CFAResult, D: FloatArray) -> FloatArray:
    tangent = result.estimate.tangent
    return D if tangent is None else D @ tangent


def _normal_chi2(S: FloatArray, m: FloatArray, sigma: FloatArray, mu: FloatArray, n: FloatArray) -> float:
    inverse = invert(sigma)
    gap = m - mu
    trace = np.einsum("gij,gji->g", S, inverse) + np.einsum("gi,gij,gj->g", gap, inverse, gap)
    logdet = np.linalg.slogdet(sigma)[1] - np.linalg.slogdet(S)[1]
    return float(n @ (logdet + trace - S.shape[1]))
