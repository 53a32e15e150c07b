"""Expected and observed margins of a group's responses: first and second order, with covariance and derivatives.

Maydeu-Olivares & Joe (2006) take all univariate and bivariate category margins, Cai & Hansen (2013) the means and
cross-products of item scores (M2*), Cai & Monroe (2014) univariate category margins with cross-products (C2). Given the
latent variables the items are independent, so all of these are sums over nodes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recoverymetrics.typing import FloatArray, IntArray


@dataclass(frozen=True)
class Features:
    """Functions of one group's responses whose expectations are compared.

    Attributes
    ----------
    univariate : ndarray, shape (U, C)
        Values of first-order functions on the one-hot columns.
    bivariate : ndarray, shape (F, C)
        Values of the functions whose products over pairs of items are taken.
    owner_u, owner_f : ndarray of int
        Item of each function.
    pairs : ndarray of int, shape (M, 2)
        Pairs of bivariate functions of different items.
    """

    univariate: FloatArray
    bivariate: FloatArray
    owner_u: IntArray
    owner_f: IntArray
    pairs: IntArray


def make_features(n_categories: IntArray, kind: str) -> Features:
    """Functions behind a statistic."""
    offsets = np.concatenate([[0], np.cumsum(n_categories)])
    C = int(offsets[-1])
    scores, indicators, owner = np.zeros((n_categories.size, C)), [], []
    for j, K in enumerate(n_categories):
        scores[j, offsets[j] : offsets[j + 1]] = np.arange(K)
        for k in range(1, K):
            indicators.append(offsets[j] + k)
            owner.append(j)
    items = np.arange(n_categories.size)
    table = np.zeros((len(indicators), C))
    table[np.arange(len(indicators)), indicators] = 1.0
    owners = np.asarray(owner)
    U, owner_u = (scores, items) if kind == "m2*" else (table, owners)
    F, owner_f = (table, owners) if kind == "m2" else (scores, items)
    first, second = np.triu_indices(owner_f.size, 1)
    different = owner_f[first] != owner_f[second]
    pairs = np.stack([first[different], second[different]], axis=1)
    return Features(U, F, owner_u, owner_f, pairs)


def moments(features: Features, p: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Expected moments (first order, then pairs) and their covariance matrix for one person.

    Parameters
    ----------
    p : ndarray, shape (C, Q)
        Category probabilities at the nodes, all items behind each other.
    weights : ndarray, shape (Q,)
        Node weights.
    """
    u, f = features.univariate @ p, features.bivariate @ p
    i, k = features.pairs.T
    t = np.concatenate([u, f[i] * f[k]])
    mean = t @ weights
    Xi = (t * weights) @ t.T - np.outer(mean, mean)
    n_u = u.shape[0]
    same_u = features.owner_u[:, None] == features.owner_u[None, :]
    products = (features.univariate[:, None, :] * features.univariate[None, :, :]) @ (p @ weights)
    Xi[:n_u, :n_u] += np.where(same_u, products - (u * weights) @ u.T, 0.0)
    _add_pair_covariance(Xi, features, p, u, f, weights)
    return mean, Xi


def _add_pair_covariance(
    Xi: FloatArray, features: Features, p: FloatArray, u: FloatArray, f: FloatArray, weights: FloatArray
) -> None:
    """Covariances given the nodes of products that share items, averaged over the nodes."""
    n_u, M = u.shape[0], features.pairs.shape[0]
    lookup = np.full((f.shape[0],) * 2, -1)
    lookup[features.pairs[:, 0], features.pairs[:, 1]] = np.arange(M)
    lookup[features.pairs[:, 1], features.pairs[:, 0]] = np.arange(M)
    both = np.zeros((M, M)) if _several_per_item(features) else None
    for j in np.unique(features.owner_f):
        own = np.flatnonzero(features.owner_f == j)
        rest = np.flatnonzero(features.owner_f != j)
        for a in own:
            for b in own:
                v = (features.bivariate[a] * features.bivariate[b]) @ p - f[a] * f[b]
                block = (f[rest] * (v * weights)) @ f[rest].T
                Xi[np.ix_(n_u + lookup[a, rest], n_u + lookup[b, rest])] += block
        for a in np.flatnonzero(features.owner_u == j):
            for b in own:
                v = (features.univariate[a] * features.bivariate[b]) @ p - u[a] * f[b]
                row = f[rest] @ (v * weights)
                Xi[a, n_u + lookup[b, rest]] += row
                Xi[n_u + lookup[b, rest], a] += row
    _add_both(Xi, features, p, f, weights, n_u, both)


def _several_per_item(features: Features) -> bool:
    return bool(np.bincount(features.owner_f).max() > 1)


def _add_both(
    Xi: FloatArray,
    features: Features,
    p: FloatArray,
    f: FloatArray,
    weights: FloatArray,
    n_u: int,
    both: FloatArray | None,
) -> None:
    """Products over the same two items: the product of the two conditional covariances."""
    if both is None:
        v = (features.bivariate**2) @ p - f * f
        i, k = features.pairs.T
        place = n_u + np.arange(features.pairs.shape[0])
        Xi[place, place] += (v[i] * v[k]) @ weights
        return
    owner = features.owner_f[features.pairs]
    label = owner[:, 0] * (features.owner_f.max() + 1) + owner[:, 1]
    for pair in np.unique(label):
        rows = np.flatnonzero(label == pair)
        i, k = features.pairs[rows].T
        first = (features.bivariate[i][:, None] * features.bivariate[i][None]) @ p - f[i][:, None] * f[i][
            None
        ]
        second = (features.bivariate[k][:, None] * features.bivariate[k][None]) @ p - f[k][:, None] * f[k][
            None
        ]
        Xi[np.ix_(n_u + rows, n_u + rows)] += (first * second) @ weights


def moment_derivatives(
    features: Features,
    p: FloatArray,
    weights: FloatArray,
    items: FloatArray,
    latent: FloatArray,
) -> FloatArray:
    """Derivatives of the expected moments, shape (moments, p_g).

    Parameters
    ----------
    items : ndarray, shape (Q, p_g, C)
        Score of each parameter on each one-hot column.
    latent : ndarray, shape (p_g, Q)
        Scores of latent parameters.
    """
    i, k = features.pairs.T
    u, f = features.univariate @ p, features.bivariate @ p
    t = np.concatenate([u, f[i] * f[k]])
    out = (t * weights) @ latent.T
    for m in np.flatnonzero(np.any(items != 0, axis=(0, 2))):
        dp = items[:, m, :].T * p
        du, df = features.univariate @ dp, features.bivariate @ dp
        touched = np.flatnonzero(np.any(df != 0, axis=1))
        out[: u.shape[0], m] += du @ weights
        rows = np.flatnonzero(np.isin(i, touched) | np.isin(k, touched))
        change = df[i[rows]] * f[k[rows]] + f[i[rows]] * df[k[rows]]
        out[u.shape[0] + rows, m] += change @ weights
    return out


def observed_moments(features: Features, Z: FloatArray, w: FloatArray) -> FloatArray:
    """Observed counterparts from one-hot responses of complete cases."""
    total = w.sum()
    u = features.univariate @ (w @ Z)
    scores = Z @ features.bivariate.T
    cross = scores.T @ (w[:, None] * scores)
    i, k = features.pairs.T
    return np.concatenate([u, cross[i, k]]) / total


def score_covariance(features: Features, p: FloatArray, weights: FloatArray) -> FloatArray:
    """Covariance matrix of the item scores that the model implies (features of ``"m2*"``)."""
    f = features.bivariate @ p
    cross = (f * weights) @ f.T
    np.fill_diagonal(cross, (features.bivariate**2) @ (p @ weights))
    mean = f @ weights
    value: FloatArray = cross - np.outer(mean, mean)
    return value
