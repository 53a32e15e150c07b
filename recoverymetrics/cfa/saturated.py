"""The saturated model under missing data: maximum likelihood moments and their information."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from recoverymetrics.cfa.sample import Sample
from recoverymetrics.errors import DataError
from recoverymetrics.numerics.optimise import scoring
from recoverymetrics.numerics.sem_missing import (
    PatternTerms,
    em_step,
    missing_scores,
    pattern_slopes,
    pattern_terms,
    pattern_weight,
)
from recoverymetrics.numerics.sem_patterns import GroupPatterns
from recoverymetrics.numerics.sem_ram import MomentMap
from recoverymetrics.typing import FloatArray

TOLERANCE = 1e-12
CYCLES = 20
"""Most EM cycles before Newton steps."""
NEAR = 1e-2
"""Change of the log-likelihood in a cycle from which Newton steps are safe and quicker."""


@dataclass(frozen=True)
class _Saturated:
    """Unrestricted moments of one group as the parameters of its likelihood, per person."""

    group: GroupPatterns
    moments: MomentMap

    def split(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Covariances and means from the moments in their order."""
        p = self.group.mask.shape[1]
        row, col = self.moments.layout.pairs
        S = np.diag(x[p : 2 * p])
        S[row, col] = S[col, row] = x[2 * p :]
        return S, x[:p]

    def _terms(self, x: FloatArray) -> PatternTerms | None:
        last = self.__dict__.get("_last")
        if last is None or last[0] is not x:
            last = self.__dict__["_last"] = (x, pattern_terms(self.group, *self.split(x)))
        found: PatternTerms | None = last[1]
        return found

    def value_gradient(self, x: FloatArray) -> tuple[float, FloatArray]:
        """Minus the mean log-likelihood and its gradient."""
        terms = self._terms(x)
        if terms is None:
            return np.inf, np.zeros_like(x)
        Q, d = pattern_slopes(self.group, terms)
        row, col = self.moments.layout.pairs
        gradient = np.concatenate([d, np.diagonal(Q), 2.0 * Q[row, col]])
        return terms.value / self.group.total, gradient / self.group.total

    def _information(self, x: FloatArray, *, observed: bool) -> FloatArray:
        terms = self._terms(x)
        if terms is None:
            raise np.linalg.LinAlgError("the covariance matrix is not positive definite")
        return pattern_weight(self.group, self.moments, terms, observed=observed) / self.group.total

    def metric(self, x: FloatArray) -> FloatArray:
        """Expected information."""
        return self._information(x, observed=False)

    def hessian(self, x: FloatArray) -> FloatArray:
        """Observed information."""
        return self._information(x, observed=True)


def fit_saturated(sample: Sample, moments: MomentMap) -> tuple[Sample, float]:
    """Fill in the maximum likelihood means and covariances of each group; also the log-likelihood."""
    if sample.patterns is None:
        raise ValueError("the sample has no missing-data patterns")
    means, covariances, loglik = [], [], 0.0
    for g, (label, group) in enumerate(zip(sample.groups, sample.patterns.groups, strict=True)):
        objective = _Saturated(group, moments)
        S, m = _em(group, sample.covariance[g], sample.mean[g])
        try:
            found = scoring(
                objective.value_gradient,
                objective.metric,
                moments.pack(np.zeros((1, 0)), m[None], S[None])[0],
                tolerance=TOLERANCE / group.total,
                hessian=objective.hessian,
                newton_from=0,
            )
        except np.linalg.LinAlgError as error:
            raise DataError(_why_not(sample, g, label, S)) from error
        if not found.converged:
            raise DataError(_why_not(sample, g, label, objective.split(found.x)[0]))
        S, m = objective.split(found.x)
        means.append(m)
        covariances.append(S)
        loglik -= found.value * group.total
    return replace(sample, mean=np.stack(means), covariance=np.stack(covariances)), loglik


def _why_not(sample: Sample, group: int, label: str, S: FloatArray) -> str:
    where = f" in group {label!r}" if len(sample.groups) > 1 else ""
    sd = np.sqrt(np.abs(np.diagonal(S)))
    R = np.tril(np.abs(S / sd[:, None] / sd), -1)
    i, j = divmod(int(R.argmax()), len(R))
    if R[i, j] > 0.9999:
        return f"items {sample.items[j]!r} and {sample.items[i]!r} are perfectly correlated{where}; leave one of them out."
    return (
        f"the saturated model with missing data did not converge{where}; too few persons answered some items together, or "
        "some items are exact combinations of others."
    )


def _em(group: GroupPatterns, S: FloatArray, m: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Covariances and means after EM cycles, near the maximum."""
    value = np.inf
    for _ in range(CYCLES):
        terms = pattern_terms(group, S, m)
        if terms is None or value - terms.value < NEAR:
            break
        value = terms.value
        S, m = em_step(group, terms, m)
    return S, m


def saturated_pieces(
    sample: Sample, moments: MomentMap, *, observed: bool = True
) -> Iterator[tuple[FloatArray, FloatArray]]:
    """Per group: information of the saturated moments and outer product of scores, per person."""
    if sample.patterns is None:
        raise ValueError("the sample has no missing-data patterns")
    for g, group in enumerate(sample.patterns.groups):
        S, m = sample.covariance[g], sample.mean[g]
        terms = pattern_terms(group, S, m)
        if terms is None:
            raise np.linalg.LinAlgError("the saturated covariance matrix is not positive definite")
        A = pattern_weight(group, moments, terms, observed=observed) / group.total
        scores = sample.pooled(g, missing_scores(group, S, m, sample.data[g], moments))
        yield A, scores.T @ scores / group.total
