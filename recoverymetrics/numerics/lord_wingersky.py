"""Distribution of summed scores given the latent variable (Lord & Wingersky 1984; Thissen et al. 1995)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recoverymetrics.typing import FloatArray


def add_item(scores: FloatArray, probabilities: FloatArray) -> FloatArray:
    """Convolve a score distribution with one more item.

    Parameters
    ----------
    scores : ndarray, shape (S, Q)
        Probability of each summed score at each node.
    probabilities : ndarray, shape (K, Q)
        Category probabilities of the new item, categories scored 0 to K - 1.

    Returns
    -------
    ndarray, shape (S + K - 1, Q)
    """
    S, K = scores.shape[0], probabilities.shape[0]
    total = np.zeros((S + K - 1, scores.shape[1]))
    for k in range(K):
        total[k : k + S] += scores * probabilities[k]
    return total


def score_distribution(probabilities: Sequence[FloatArray]) -> FloatArray:
    """Probability of each summed score at each node.

    Parameters
    ----------
    probabilities : sequence of ndarray, each shape (K_j, Q)
        Category probabilities per item.

    Returns
    -------
    ndarray, shape (1 + sum of (K_j - 1), Q)
        Columns sum to one.
    """
    scores = np.ones((1, probabilities[0].shape[1]))
    for item in probabilities:
        scores = add_item(scores, item)
    return scores


def rest_score_distributions(probabilities: Sequence[FloatArray]) -> list[FloatArray]:
    """Score distribution of all items but one, for each item.

    The forward and backward partial convolutions are combined, so that the cost is that of three passes
    instead of one pass per item.

    Returns
    -------
    list of ndarray
        For item j, shape (1 + sum over the other items of (K - 1), Q).
    """
    J = len(probabilities)
    one = np.ones((1, probabilities[0].shape[1]))
    forward, backward = [one], [one]
    for item in probabilities[:-1]:
        forward.append(add_item(forward[-1], item))
    for item in reversed(probabilities[1:]):
        backward.append(add_item(backward[-1], item))
    return [convolve_scores(forward[j], backward[J - 1 - j]) for j in range(J)]


def convolve_scores(first: FloatArray, second: FloatArray) -> FloatArray:
    """Score distribution of two sets of items from those of each set, (S1, Q) and (S2, Q)."""
    if first.shape[0] < second.shape[0]:
        first, second = second, first
    return add_item(first, second)
