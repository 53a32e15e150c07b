"""Proportional-odds (and binary) logistic regressions, many at once, on tables of counts.

The cumulative model is ``P(Y >= k | x) = F(alpha_k + x'beta)`` with the logistic ``F`` and
``alpha_1 > alpha_2 > ...`` (McCullagh 1980). Because

``F(a) - F(b) = F(a) F(-b) (1 - exp(b - a))``,

the log-likelihood separates into one binomial term per threshold (category k against k - 1) and a term in
the thresholds alone. Each Newton step therefore needs one logistic function per threshold and cell, the
curvature in ``beta`` is a weighted cross-product, and nothing cancels in the tails.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recoverymetrics.typing import BoolArray, FloatArray, IntArray

GRADIENT_TOLERANCE = 1e-13
"""Stop when the Newton decrement (twice the log-likelihood still to gain) is below this."""
RIDGE = 1e-11
"""Relative jitter on the information; keeps separated and empty columns solvable."""


@dataclass(frozen=True)
class OrdinalLogisticFits:
    """Maximum-likelihood fits of a batch of ``B`` regressions with ``P`` predictors.

    Attributes
    ----------
    thresholds : ndarray, shape (B, K - 1)
        ``alpha_k`` of the observed categories, decreasing; NaN beyond a regression's own categories.
    coefficients : ndarray, shape (B, P)
        ``beta``.
    covariance : ndarray, shape (B, P, P)
        Inverse observed information of ``beta`` (thresholds profiled out).
    loglik : ndarray, shape (B,)
        Log-likelihood.
    null_loglik : ndarray, shape (B,)
        Log-likelihood with thresholds only.
    n : ndarray, shape (B,)
        Number of responses.
    converged : ndarray of bool, shape (B,)
        Newton decrement below the tolerance.
    iterations : int
        Newton steps of the slowest regression.
    """

    thresholds: FloatArray
    coefficients: FloatArray
    covariance: FloatArray
    loglik: FloatArray
    null_loglik: FloatArray
    n: FloatArray
    converged: BoolArray
    iterations: int


@dataclass(frozen=True)
class _Tables:
    """Counts of a batch, observed categories moved to the front.

    ``up`` counts category k and ``both`` counts k - 1 or k, both (B, C, K - 1); ``middle`` (B, K - 2) counts
    the categories that lie between two thresholds; ``valid`` (B, K - 1) marks real thresholds.
    """

    up: FloatArray
    both: FloatArray
    middle: FloatArray
    valid: BoolArray
    totals: FloatArray


def fit_ordinal_logistic(
    design: FloatArray, counts: FloatArray, *, start: OrdinalLogisticFits | None = None, max_iter: int = 60
) -> OrdinalLogisticFits:
    """Fit proportional-odds regressions to tables of counts by stacked Newton steps.

    Parameters
    ----------
    design : ndarray, shape (C, P) or (B, C, P)
        Predictors of each cell, without a constant; shared by the batch when two-dimensional.
    counts : ndarray, shape (B, C, K)
        Number of responses in each category and cell. A category that a regression never observes is left
        out of it; two categories make a binary logistic regression.
    start : OrdinalLogisticFits, optional
        A fit of the first columns of the same design, as starting values.
    max_iter : int, default 60
        Limit on Newton steps.

    Returns
    -------
    OrdinalLogisticFits

    Notes
    -----
    The log-likelihood is concave (Pratt 1981), so a Newton step with halving cannot go astray. Under
    separation coefficients run off while the log-likelihood converges to its supremum.

    Examples
    --------
    >>> counts = np.array([[[30.0, 10.0], [10.0, 30.0]]])
    >>> fit = fit_ordinal_logistic(np.array([[0.0], [1.0]]), counts)
    >>> round(float(fit.coefficients[0, 0]), 6) == round(2 * float(np.log(3)), 6)
    True
    """
    tables = _tables(counts)
    x = np.broadcast_to(design, (counts.shape[0], *design.shape[-2:]))
    null = _null_thresholds(tables)
    theta = _start_values(null, x.shape[2], start)
    theta, state, converged, iterations = _newton(x, tables, theta, max_iter)
    k = null.shape[1]
    return OrdinalLogisticFits(
        thresholds=np.where(tables.valid, theta[:, :k], np.nan),
        coefficients=theta[:, k:],
        covariance=np.asarray(np.linalg.inv(state.information), dtype=float)[:, k:, k:],
        loglik=state.loglik,
        null_loglik=_null_loglik(tables),
        n=tables.totals.sum(axis=1),
        converged=converged,
        iterations=iterations,
    )


def _tables(counts: FloatArray) -> _Tables:
    totals = counts.sum(axis=1)
    order = np.argsort(totals == 0, axis=1, kind="stable")
    counts = np.take_along_axis(counts, order[:, None, :], axis=2)
    totals = np.take_along_axis(totals, order, axis=1)
    valid = totals[:, 1:] > 0
    up = counts[:, :, 1:]
    both = (up + counts[:, :, :-1]) * valid[:, None, :]
    middle = totals[:, 1:-1] * valid[:, 1:]
    return _Tables(up, both, middle, valid, totals)


def _null_thresholds(tables: _Tables) -> FloatArray:
    n = np.maximum(tables.totals.sum(axis=1, keepdims=True), 1.0)
    above = np.flip(np.cumsum(np.flip(tables.totals, axis=1), axis=1), axis=1)[:, 1:] / n
    above = np.clip(above, 1e-12, 1 - 1e-12)
    alpha: FloatArray = np.log(above) - np.log1p(-above)
    return np.where(tables.valid, alpha, -60.0 - np.arange(alpha.shape[1]))


def _null_loglik(tables: _Tables) -> FloatArray:
    n = np.maximum(tables.totals.sum(axis=1, keepdims=True), 1.0)
    share = np.where(tables.totals > 0, tables.totals / n, 1.0)
    loglik: FloatArray = np.sum(tables.totals * np.log(share), axis=1)
    return loglik


def _start_values(null: FloatArray, p: int, start: OrdinalLogisticFits | None) -> FloatArray:
    theta = np.concatenate([null, np.zeros((null.shape[0], p))], axis=1)
    if start is not None:
        k = null.shape[1]
        theta[:, :k] = np.where(np.isnan(start.thresholds), null, start.thresholds)
        theta[:, k : k + start.coefficients.shape[1]] = start.coefficients
    return theta


@dataclass(frozen=True)
class _State:
    loglik: FloatArray
    gradient: FloatArray
    information: FloatArray


def _evaluate(x: FloatArray, tables: _Tables, theta: FloatArray) -> _State:
    """Log-likelihood, gradient and observed information of each regression at ``theta`` (B, K - 1 + P)."""
    k = tables.valid.shape[1]
    alpha, beta = theta[:, :k], theta[:, k:]
    eta = alpha[:, None, :] + (x @ beta[:, :, None])
    e = np.exp(-np.abs(eta))
    upper = np.where(eta >= 0, 1.0, e) / (1.0 + e)
    residual = tables.up - tables.both * upper
    weight = tables.both * (e / np.square(1.0 + e))
    loglik = np.sum(tables.up * eta - tables.both * (np.maximum(eta, 0.0) + np.log1p(e)), axis=(1, 2))
    gap, slope, curve = _gap_terms(alpha, tables)
    gradient = np.concatenate(
        [residual.sum(axis=1) + slope, (residual.sum(axis=2)[:, None, :] @ x)[:, 0, :]], axis=1
    )
    return _State(loglik + gap, gradient, _information(x, weight, curve, tables.valid))


def _gap_terms(alpha: FloatArray, tables: _Tables) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The part of the log-likelihood in threshold gaps: value (B,), gradient (B, K-1), curvature (B, K-2)."""
    gap = np.where(tables.middle > 0, alpha[:, :-1] - alpha[:, 1:], 1.0)
    grown = np.expm1(gap)
    value = np.sum(tables.middle * np.log(-np.expm1(-gap)), axis=1)
    first = tables.middle / grown
    slope = np.zeros_like(alpha)
    slope[:, :-1] += first
    slope[:, 1:] -= first
    return value, slope, tables.middle * (grown + 1.0) / np.square(grown)


def _information(x: FloatArray, weight: FloatArray, curve: FloatArray, valid: BoolArray) -> FloatArray:
    k, p = valid.shape[1], x.shape[2]
    information = np.zeros((x.shape[0], k + p, k + p))
    index = np.arange(k)
    information[:, index, index] = weight.sum(axis=1)
    information[:, index[:-1], index[:-1]] += curve
    information[:, index[1:], index[1:]] += curve
    information[:, index[:-1], index[1:]] = information[:, index[1:], index[:-1]] = -curve
    cross = np.swapaxes(weight, 1, 2) @ x
    information[:, :k, k:] = cross
    information[:, k:, :k] = np.swapaxes(cross, 1, 2)
    weighted = x * weight.sum(axis=2)[:, :, None]
    information[:, k:, k:] = np.swapaxes(x, 1, 2) @ weighted
    diagonal = np.einsum("bii->bi", information)
    diagonal += RIDGE * diagonal.max(axis=1, keepdims=True)
    diagonal[diagonal == 0] = 1.0
    return information


def _newton(
    x: FloatArray, tables: _Tables, theta: FloatArray, max_iter: int
) -> tuple[FloatArray, _State, BoolArray, int]:
    state = _evaluate(x, tables, theta)
    done = np.zeros(theta.shape[0], dtype=bool)
    steps = 0
    for steps in range(max_iter + 1):
        solved = np.linalg.solve(state.information, state.gradient[:, :, None])
        step = np.asarray(solved, dtype=float)[:, :, 0]
        decrement = np.sum(step * state.gradient, axis=1)
        done |= decrement < GRADIENT_TOLERANCE
        if done.all() or steps == max_iter:
            break
        active = np.flatnonzero(~done)
        theta, state = _damped_step(x, tables, theta, state, step, active)
    return theta, state, done, steps


def _damped_step(
    x: FloatArray, tables: _Tables, theta: FloatArray, state: _State, step: FloatArray, active: IntArray
) -> tuple[FloatArray, _State]:
    """Take a Newton step in the active regressions, halved where it would lower the log-likelihood."""
    theta = theta.copy()
    loglik, gradient, information = state.loglik.copy(), state.gradient.copy(), state.information.copy()
    size = _largest_step(theta, step, tables.valid.shape[1])
    for _ in range(30):
        trial = theta[active] + size[active, None] * step[active]
        new = _evaluate(x[active], _take(tables, active), trial)
        better = new.loglik >= loglik[active] - 1e-10 * np.abs(loglik[active])
        rows = active[better]
        theta[rows] = trial[better]
        loglik[rows], gradient[rows] = new.loglik[better], new.gradient[better]
        information[rows] = new.information[better]
        active = active[~better]
        if active.size == 0:
            break
        size[active] *= 0.5
    return theta, _State(loglik, gradient, information)


def _largest_step(theta: FloatArray, step: FloatArray, k: int) -> FloatArray:
    """Largest step up to one that keeps the thresholds in order."""
    gap, change = theta[:, : k - 1] - theta[:, 1:k], step[:, : k - 1] - step[:, 1:k]
    with np.errstate(divide="ignore", invalid="ignore"):
        limit = np.where(change < 0, -0.9 * gap / change, np.inf)
    return np.minimum(1.0, limit.min(axis=1, initial=np.inf))


def _take(tables: _Tables, rows: IntArray) -> _Tables:
    if rows.size == tables.valid.shape[0]:
        return tables
    return _Tables(
        tables.up[rows], tables.both[rows], tables.middle[rows], tables.valid[rows], tables.totals[rows]
    )
