"""The saturated model under missing data: maximum likelihood moments and their information."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from recoverymetrics.cfa.sample import Sample
from recoverymetrics.errors import DataError
from recoverymetrics.numerics.optimise import scoring
from recoverymetrics.numerics.sem_normal import (
    NormalMissing,
    missing_scores,
    pattern_terms,
    pattern_weight,
)
from recoverymetrics.numerics.sem_ram import COVARIANCE, INTERCEPT, MomentMap, RamLayout
from recoverymetrics.typing import FloatArray, IntArray

TOLERANCE = 1e-12


def saturated_layout(p: int) -> RamLayout:
    """Means, variances and covariances as free parameters, in the order of `MomentMap`."""
    col, row = np.triu_indices(p, 1)
    diagonal = np.arange(p)
    kind = np.concatenate([np.full(p, INTERCEPT), np.full(p + len(row), COVARIANCE)])
    rows: IntArray = np.concatenate([diagonal, diagonal, row])
    cols: IntArray = np.concatenate([np.zeros(p, dtype=np.int64), diagonal, col])
    q = len(kind)
    return RamLayout(
        p,
        p,
        kind,
        rows,
        cols,
        np.zeros((1, q)),
        np.arange(q)[None, :],
        q,
        np.zeros(p, dtype=bool),
        np.zeros(0, dtype=np.int64),
    )


def fit_saturated(sample: Sample) -> tuple[Sample, float]:
    """Fill in the maximum likelihood means and covariances of each group; also the log-likelihood."""
    if sample.patterns is None:
        raise ValueError("the sample has no missing-data patterns")
    p = len(sample.items)
    layout = saturated_layout(p)
    moments = MomentMap(layout, means=True)
    row, col = layout.pairs
    means, covariances, loglik = [], [], 0.0
    for group, label in enumerate(sample.groups):
        patterns = sample.patterns.take_group(group)
        objective = NormalMissing(layout, patterns)
        start = moments.pack(
            np.zeros((1, 0)), sample.mean[group : group + 1], sample.covariance[group : group + 1]
        )[0]
        found = scoring(
            objective.value_gradient,
            objective.metric,
            start,
            tolerance=TOLERANCE / patterns.total,
            hessian=objective.hessian,
            refresh=len(patterns.count) <= 400,
        )
        if not found.converged:
            raise DataError(
                f"the saturated model with missing data did not converge in group {label!r}; too few persons "
                "answered some items together."
            )
        S = np.zeros((p, p))
        S[np.arange(p), np.arange(p)] = found.x[p : 2 * p]
        S[row, col] = S[col, row] = found.x[2 * p :]
        means.append(found.x[:p])
        covariances.append(S)
        loglik -= found.value * patterns.total
    return replace(sample, mean=np.stack(means), covariance=np.stack(covariances)), loglik


def saturated_pieces(sample: Sample, moments: MomentMap) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Per group: observed information of the saturated moments and outer product of scores, per person."""
    if sample.patterns is None:
        raise ValueError("the sample has no missing-data patterns")
    for group in range(len(sample.n)):
        patterns = sample.patterns.take_group(group)
        S, m = sample.covariance[group : group + 1], sample.mean[group : group + 1]
        terms = pattern_terms(patterns, S, m)
        if terms is None:
            raise np.linalg.LinAlgError("the saturated covariance matrix is not positive definite")
        A = pattern_weight(patterns, moments, terms, observed=True)[0] / patterns.total
        scores = sample.pooled(group, missing_scores(patterns, S, m, 0, sample.data[group], moments))
        yield A, scores.T @ scores / patterns.total
