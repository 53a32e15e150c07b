"""Conditional likelihood of Rasch, partial credit and rating scale models: arrays in, records out.

Given the raw score the person parameter drops out (Rasch 1960; Andersen 1972). The normalising constants are the
elementary symmetric functions, computed by summation over items.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recoverymetrics.numerics.lord_wingersky import rest_score_distributions, score_distribution
from recoverymetrics.typing import FloatArray, IntArray


@dataclass(frozen=True)
class ScoreGroup:
    """Persons who answered the same items.

    Attributes
    ----------
    items : ndarray of int
        Positions of the items answered.
    counts : tuple of ndarray, shape (K_j,)
        Responses per category of each of these items.
    scores : ndarray
        Number of persons with each raw score on these items.
    """

    items: IntArray
    counts: tuple[FloatArray, ...]
    scores: FloatArray


@dataclass(frozen=True)
class Conditional:
    """Conditional log-likelihood with derivatives in the category easiness parameters.

    Attributes
    ----------
    loglik : float
        Value.
    gradient : ndarray, shape (C,)
        First derivatives.
    information : ndarray, shape (C, C)
        Minus the second derivatives.
    """

    loglik: float
    gradient: FloatArray
    information: FloatArray


def score_groups(codes: IntArray, n_categories: IntArray) -> list[ScoreGroup]:
    """Sort persons by the items that they answered."""
    answered = codes >= 0
    patterns, which = np.unique(answered, axis=0, return_inverse=True)
    which = np.asarray(which).ravel()
    groups = []
    for g, pattern in enumerate(patterns):
        items = np.flatnonzero(pattern)
        if items.size < 2:
            continue
        own = codes[which == g][:, items].astype(np.int64)
        counts = tuple(
            np.bincount(own[:, i], minlength=n_categories[j]).astype(float) for i, j in enumerate(items)
        )
        top = int((n_categories[items] - 1).sum())
        groups.append(
            ScoreGroup(items, counts, np.bincount(own.sum(axis=1), minlength=top + 1).astype(float))
        )
    return groups


def category_slices(n_categories: IntArray) -> list[slice]:
    """Place of each item's free categories (all but the lowest) in the vector of easiness parameters."""
    ends = np.cumsum(n_categories - 1)
    return [slice(int(e - k + 1), int(e)) for e, k in zip(ends, n_categories, strict=True)]


def conditional_likelihood(
    beta: FloatArray, groups: Sequence[ScoreGroup], n_categories: IntArray, *, second: bool = True
) -> Conditional:
    """Conditional log-likelihood at easiness parameters.

    Parameters
    ----------
    beta : ndarray, shape (C,)
        Cumulated easiness of the categories above the lowest, item after item.
    groups : sequence of ScoreGroup
        Responses.
    n_categories : ndarray of int, shape (J,)
        Categories per item.
    second : bool, default True
        Whether the information is wanted.
    """
    places = category_slices(n_categories)
    loglik, gradient = 0.0, np.zeros(beta.size)
    information = np.zeros((beta.size, beta.size))
    for group in groups:
        epsilon = [np.concatenate([[1.0], np.exp(beta[places[j]])])[:, None] for j in group.items]
        gamma = score_distribution(epsilon)[:, 0]
        used = group.scores > 0
        loglik -= float(group.scores[used] @ np.log(gamma[used]))
        columns = np.concatenate([np.arange(places[j].start, places[j].stop) for j in group.items])
        observed = np.concatenate([c[1:] for c in group.counts])
        loglik += float(observed @ beta[columns])
        share = np.where(used, group.scores / gamma, 0.0)
        expected = _expected(epsilon, rest_score_distributions(epsilon))
        gradient[columns] += observed - expected @ share
        if second:
            information[np.ix_(columns, columns)] += _covariance(epsilon, expected, share, gamma)
    return Conditional(loglik, gradient, information)


def casewise_scores(beta: FloatArray, codes: IntArray, n_categories: IntArray) -> FloatArray:
    """Derivatives of each person's conditional log-likelihood in the easiness parameters, shape (n, C).

    A person's indicator of each category less its expectation given the person's raw score.

    Parameters
    ----------
    beta : ndarray, shape (C,)
        Category easiness.
    codes : ndarray of int, shape (n, J)
        Category codes, -1 missing.
    n_categories : ndarray of int, shape (J,)
        Categories per item.
    """
    places = category_slices(n_categories)
    answered = codes >= 0
    patterns, which = np.unique(answered, axis=0, return_inverse=True)
    out = np.zeros((codes.shape[0], beta.size))
    for g, pattern in enumerate(patterns):
        items = np.flatnonzero(pattern)
        if items.size < 2:
            continue
        rows = np.flatnonzero(np.asarray(which).ravel() == g)
        own = codes[np.ix_(rows, items)].astype(np.int64)
        epsilon = [np.concatenate([[1.0], np.exp(beta[places[j]])])[:, None] for j in items]
        share = _expected(epsilon, rest_score_distributions(epsilon)) / score_distribution(epsilon)[:, 0]
        columns = np.concatenate([np.arange(places[j].start, places[j].stop) for j in items])
        chosen = np.hstack([own[:, [i]] == np.arange(1, n_categories[j]) for i, j in enumerate(items)])
        out[np.ix_(rows, columns)] = chosen - share[:, own.sum(axis=1)].T
    return out


def _expected(epsilon: Sequence[FloatArray], rest: Sequence[FloatArray]) -> FloatArray:
    """Unnormalised probability of each category given each score, shape (C, S)."""
    S = int(sum(e.shape[0] - 1 for e in epsilon)) + 1
    rows = []
    for e, other in zip(epsilon, rest, strict=True):
        for k in range(1, e.shape[0]):
            row = np.zeros(S)
            row[k : k + other.shape[0]] = e[k, 0] * other[:, 0]
            rows.append(row)
    return np.asarray(rows)


def _covariance(
    epsilon: Sequence[FloatArray], expected: FloatArray, share: FloatArray, gamma: FloatArray
) -> FloatArray:
    """Covariance of the category indicators given the score, summed over persons, shape (C, C)."""
    ends = np.cumsum([e.shape[0] - 1 for e in epsilon])
    starts = ends - [e.shape[0] - 1 for e in epsilon]
    joint = np.diag(expected @ share)
    for i in range(len(epsilon) - 1):
        others = [e for m, e in enumerate(epsilon) if m != i]
        rest = rest_score_distributions(others)
        for m in range(i, len(others)):
            target = m + 1
            for k in range(1, epsilon[i].shape[0]):
                for q in range(1, others[m].shape[0]):
                    row = rest[m][:, 0]
                    value = float(share[k + q : k + q + row.size] @ row) * epsilon[i][k, 0] * others[m][q, 0]
                    a, b = starts[i] + k - 1, starts[target] + q - 1
                    joint[a, b] = joint[b, a] = value
    return joint - (expected * (share / gamma)) @ expected.T


@dataclass(frozen=True)
class ConditionalFit:
    """Conditional maximum-likelihood estimates.

    Attributes
    ----------
    eta : ndarray, shape (p,)
        Basic parameters.
    beta : ndarray, shape (C,)
        Category easiness, ``W @ eta``.
    covariance : ndarray, shape (p, p)
        Of the basic parameters.
    loglik : float
        Conditional log-likelihood.
    iterations : int
        Newton steps.
    converged : bool
        Whether the gradient vanished.
    """

    eta: FloatArray
    beta: FloatArray
    covariance: FloatArray
    loglik: float
    iterations: int
    converged: bool


def maximise_conditional(
    groups: Sequence[ScoreGroup], n_categories: IntArray, W: FloatArray, *, max_iterations: int = 100
) -> ConditionalFit:
    """Newton steps with halving on the conditional log-likelihood of ``beta = W eta``."""
    eta = np.zeros(W.shape[1])
    now = conditional_likelihood(W @ eta, groups, n_categories)
    converged, iterations = False, 0
    for _ in range(max_iterations):
        iterations += 1
        gradient, information = W.T @ now.gradient, W.T @ now.information @ W
        step = np.linalg.lstsq(information, gradient, rcond=None)[0]
        if 0.5 * float(gradient @ step) < 1e-12 * max(1.0, abs(now.loglik)):
            converged = True
            break
        step *= min(1.0, 2.0 / float(np.abs(step).max()))
        for _ in range(30):
            trial = conditional_likelihood(W @ (eta + step), groups, n_categories, second=False)
            if np.isfinite(trial.loglik) and trial.loglik >= now.loglik:
                break
            step *= 0.5
        eta = eta + step
        now = conditional_likelihood(W @ eta, groups, n_categories)
    covariance = np.asarray(np.linalg.pinv(W.T @ now.information @ W, hermitian=True), dtype=float)
    return ConditionalFit(eta, W @ eta, covariance, now.loglik, iterations, converged)


def design_matrix(n_categories: IntArray, model: str) -> FloatArray:
    """Design of the easiness parameters: partial credit (free categories) or rating scale, summing to zero.

    For binary items the partial credit design is that of the Rasch model.

    Returns
    -------
    ndarray, shape (C, p)
        Partial credit: all category parameters but the first, which balances their sum. Rating scale: item
        parameters but the first, then the category parameters from the second category on.
    """
    C, J = int((n_categories - 1).sum()), n_categories.size
    if model != "rsm":
        return np.vstack([-np.ones((1, C - 1)), np.eye(C - 1)])
    K = int(n_categories[0])
    items = np.vstack([-np.ones((1, J - 1)), np.eye(J - 1)])
    steps = np.vstack([np.zeros((1, K - 2)), np.eye(K - 2)])
    return np.hstack([np.kron(items, np.arange(1.0, K)[:, None]), np.tile(steps, (J, 1))])


@dataclass(frozen=True)
class RawScoreEstimates:
    """Person parameters of every raw score on a set of items.

    Attributes
    ----------
    score : ndarray of int
        Raw scores.
    theta, std_error : ndarray
        Maximum-likelihood estimates; infinite (NaN error) for the extreme scores.
    wle, wle_std_error : ndarray
        Warm's weighted likelihood estimates, finite everywhere.
    """

    score: IntArray
    theta: FloatArray
    std_error: FloatArray
    wle: FloatArray
    wle_std_error: FloatArray


def category_probabilities(theta: FloatArray, beta: FloatArray, places: Sequence[slice]) -> list[FloatArray]:
    """Category probabilities of each item, shape (K_j, Q) each."""
    out = []
    for place in places:
        logits = np.concatenate([[0.0], beta[place]])[:, None]
        logits = logits + np.arange(logits.shape[0])[:, None] * theta
        p = np.exp(logits - logits.max(axis=0))
        out.append(p / p.sum(axis=0))
    return out


def raw_score_estimates(beta: FloatArray, places: Sequence[slice]) -> RawScoreEstimates:
    """Person parameters by Newton steps on ``score = expected score``, with and without Warm's correction."""
    top = sum(place.stop - place.start for place in places)
    score = np.arange(top + 1)
    theta = _solve(score[1:-1].astype(float), beta, places, warm=False)
    wle = _solve(score.astype(float), beta, places, warm=True)
    padded = np.concatenate([[-np.inf], theta, [np.inf]])
    error = np.concatenate([[np.nan], 1 / np.sqrt(_moments(theta, beta, places)[1]), [np.nan]])
    return RawScoreEstimates(score, padded, error, wle, 1 / np.sqrt(_moments(wle, beta, places)[1]))


def _moments(
    theta: FloatArray, beta: FloatArray, places: Sequence[slice]
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean, variance and third central moment of the raw score at each theta."""
    mean, variance, third = np.zeros(theta.size), np.zeros(theta.size), np.zeros(theta.size)
    for p in category_probabilities(theta, beta, places):
        k = np.arange(p.shape[0])[:, None]
        m = np.sum(k * p, axis=0)
        mean += m
        variance += np.sum((k - m) ** 2 * p, axis=0)
        third += np.sum((k - m) ** 3 * p, axis=0)
    return mean, variance, third


def _solve(score: FloatArray, beta: FloatArray, places: Sequence[slice], *, warm: bool) -> FloatArray:
    theta = np.zeros(score.size)
    for _ in range(200):
        mean, variance, third = _moments(theta, beta, places)
        gap = score - mean + (third / (2 * variance) if warm else 0.0)
        step = np.clip(gap / variance, -0.7, 0.7)
        theta = theta + step
        if np.abs(step).max(initial=0.0) < 1e-11:
            break
    return theta
