"""Limited-information fit of the whole model: M2, M2* and C2 with RMSEA2, SRMSR, CFI and TLI.

Maydeu-Olivares & Joe (2006) take all univariate and bivariate category margins, Cai & Hansen (2013) the means and
cross-products of item scores (M2*), Cai & Monroe (2014) univariate category margins with cross-products (C2).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from scipy.linalg import block_diag, cholesky, qr, solve_triangular
from scipy.optimize import brentq
from scipy.stats import chi2, ncx2

from recoverymetrics.errors import ModelError, OptionError
from recoverymetrics.irt.calibration import Estimated
from recoverymetrics.irt.information import score_design
from recoverymetrics.irt.likelihood import (
    batch_parameters,
    batch_table,
    group_table,
    log_weights,
    stack_tables,
)
from recoverymetrics.typing import FloatArray, IntArray

KINDS = ("m2", "m2*", "c2")


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


@dataclass(frozen=True)
class LimitedInformation:
    """A limited-information statistic.

    Attributes
    ----------
    statistic : float
        Quadratic form.
    df : int
        Moments minus free parameters.
    n : int
        Persons used.
    """

    statistic: float
    df: int
    n: int


def quadratic_form(residual: FloatArray, Xi: FloatArray, Delta: FloatArray) -> float:
    """``e' (W - W D (D' W D)^-1 D' W) e`` with ``W`` the inverse of ``Xi``."""
    scale = np.sqrt(np.diag(Xi))
    root = cholesky(Xi / np.outer(scale, scale), lower=True)
    e = solve_triangular(root, residual / scale, lower=True)
    D = solve_triangular(root, Delta / scale[:, None], lower=True)
    basis, triangle, _ = qr(D, mode="economic", pivoting=True)
    diagonal = np.abs(np.diag(triangle))
    rank = int((diagonal > 1e-9 * diagonal[0]).sum()) if diagonal.size else 0
    inside = basis[:, :rank].T @ e
    return float(e @ e - inside @ inside)


def global_fit_frame(est: Estimated, kind: str | None = None) -> pd.DataFrame:
    """Limited-information goodness of fit.

    Parameters
    ----------
    kind : {"m2", "m2*", "c2"}, optional
        Statistic; by default M2 for binary items, M2* for polytomous ones where it has degrees of freedom, C2
        otherwise.

    Returns
    -------
    DataFrame
        One row: method, statistic, df, p_value, rmsea, rmsea_conf_low, rmsea_conf_high, srmr, cfi, tli, n.
        Persons with missing responses are left out and counted in n_missing.
    """
    K = est.coded.n_categories
    name = _default_kind(est, K) if kind is None else str(kind).lower()
    if name not in KINDS:
        raise OptionError(f"unknown statistic {kind!r}; choose one of {', '.join(KINDS)}.")
    if est.problem.specific is not None:
        raise ModelError(
            "limited-information fit of bifactor models is computed on a full grid; refit with structure lines."
        )
    model = _model_statistic(est, name)
    null = _null_statistic(est, name)
    return pd.DataFrame(
        [{"method": name.upper()} | _indices(model, null, len(est.layout.groups)) | _residual_size(est)]
    )


def _default_kind(est: Estimated, K: IntArray) -> str:
    if (K == 2).all():
        return "m2"
    J, G = K.size, len(est.layout.groups)
    return "m2*" if est.layout.n_free < G * (J + J * (J - 1) // 2) else "c2"


def complete_rows(est: Estimated, g: int) -> tuple[FloatArray, FloatArray]:
    """One-hot matrix and weights of a group's complete patterns."""
    responses = est.problem.patterns[g].responses
    keep = (responses.codes >= 0).all(axis=1)
    return responses.unfold(slice(0, responses.n))[keep], responses.weights[keep]


def _model_statistic(est: Estimated, kind: str) -> LimitedInformation:
    layout, problem, extended = est.layout, est.problem, est.extended
    features = make_features(est.coded.n_categories, kind)
    tables = [batch_table(b, batch_parameters(b, extended), problem.theta) for b in layout.batches]
    stacked = np.exp(stack_tables(layout, tables))
    residuals, covariances, derivatives, total = [], [], [], 0.0
    for g in range(len(layout.groups)):
        p = group_table(layout, stacked, g)
        weights = np.exp(log_weights(problem, extended, g))
        mean, Xi = moments(features, p, weights)
        Z, w = complete_rows(est, g)
        slots, items, latent = score_design(layout, tables, problem, extended, g)
        Delta = np.zeros((mean.size, layout.n_free))
        Delta[:, slots] = moment_derivatives(features, p, weights, items, latent)
        residuals.append(observed_moments(features, Z, w) - mean)
        covariances.append(Xi / w.sum())
        derivatives.append(Delta)
        total += float(w.sum())
    e = np.concatenate(residuals)
    df = e.size - layout.n_free
    if df <= 0:
        raise ModelError(
            f"{kind.upper()} has {e.size} moments for {layout.n_free} parameters, so no degrees of freedom are left; use "
            "kind='c2' or 'm2'."
        )
    value = quadratic_form(e, block_diag(*covariances), np.concatenate(derivatives))
    return LimitedInformation(value, df, round(total))


def _null_statistic(est: Estimated, kind: str) -> LimitedInformation:
    """The same statistic for independent items with free margins."""
    features = make_features(est.coded.n_categories, kind)
    offsets = np.concatenate([[0], np.cumsum(est.coded.n_categories)])
    value, df, total = 0.0, 0, 0.0
    for g in range(len(est.layout.groups)):
        Z, w = complete_rows(est, g)
        p = np.clip((w @ Z / w.sum())[:, None], 1e-10, 1.0)
        mean, Xi = moments(features, p, np.ones(1))
        columns = np.concatenate([np.arange(a + 1, b) for a, b in pairwise(offsets)])
        scores = np.zeros((1, columns.size, p.shape[0]))
        for m, c in enumerate(columns):
            base = offsets[np.searchsorted(offsets, c, side="right") - 1]
            scores[0, m, c], scores[0, m, base] = 1.0 / p[c, 0], -1.0 / p[base, 0]
        Delta = moment_derivatives(features, p, np.ones(1), scores, np.zeros((columns.size, 1)))
        value += quadratic_form(observed_moments(features, Z, w) - mean, Xi / w.sum(), Delta)
        df += mean.size - int(np.linalg.matrix_rank(Delta))
        total += float(w.sum())
    return LimitedInformation(value, max(df, 0), round(total))


def _indices(model: LimitedInformation, null: LimitedInformation, n_groups: int) -> dict[str, float | int]:
    excess, excess0 = max(model.statistic - model.df, 0.0), max(null.statistic - null.df, 0.0)
    scale = model.df * max(model.n - 1, 1)
    low, high = noncentrality_limits(model.statistic, model.df)
    ratio, ratio0 = model.statistic / model.df, null.statistic / max(null.df, 1)
    return {
        "statistic": model.statistic,
        "df": model.df,
        "p_value": float(chi2.sf(model.statistic, model.df)),
        "rmsea": float(np.sqrt(excess / scale)),
        "rmsea_conf_low": float(np.sqrt(low / scale)),
        "rmsea_conf_high": float(np.sqrt(high / scale)),
        "cfi": 1.0 - excess / max(excess, excess0, 1e-300),
        "tli": (ratio0 - ratio) / (ratio0 - 1.0),
        "n": model.n,
    }


def noncentrality_limits(statistic: float, df: int, level: float = 0.90) -> tuple[float, float]:
    """Confidence limits of the noncentrality of a chi-square statistic."""
    tail = (1 - level) / 2

    def limit(target: float) -> float:
        def gap(ncp: float) -> float:
            return float(ncx2.cdf(statistic, df, ncp) if ncp > 0 else chi2.cdf(statistic, df)) - target

        if gap(0.0) < 0:
            return 0.0
        upper = max(statistic, df, 10.0)
        while gap(upper) > 0:
            upper *= 2
        return float(brentq(gap, 0.0, upper))

    return limit(1 - tail), limit(tail)


def _residual_size(est: Estimated) -> dict[str, float | int]:
    """SRMSR: root mean square difference of observed and implied item correlations, averaged over groups."""
    values, missing = [], 0
    for g in range(len(est.layout.groups)):
        observed, implied = correlation_pair(est, g)
        rows = np.tril_indices(observed.shape[0], -1)
        values.append(float(np.sqrt(np.mean((observed[rows] - implied[rows]) ** 2))))
    missing = int((est.coded.codes < 0).any(axis=1).sum())
    out: dict[str, float | int] = {"srmr": float(np.mean(values))}
    if len(values) > 1:
        out |= {f"srmr_{label}": value for label, value in zip(est.layout.groups, values, strict=True)}
    return out | {"n_missing": missing}


def correlation_pair(est: Estimated, g: int) -> tuple[FloatArray, FloatArray]:
    """Observed and model-implied correlations of the item scores of a group."""
    from recoverymetrics.irt.likelihood import log_tables

    features = make_features(est.coded.n_categories, "m2*")
    p = np.exp(group_table(est.layout, log_tables(est.layout, est.extended, est.problem.theta), g))
    weights = np.exp(log_weights(est.problem, est.extended, g))
    f = features.bivariate @ p
    cross = (f * weights) @ f.T
    np.fill_diagonal(cross, (features.bivariate**2) @ (p @ weights))
    Z, w = complete_rows(est, g)
    scores = Z @ features.bivariate.T
    center = (w @ scores) / w.sum()
    S = (scores - center).T @ (w[:, None] * (scores - center)) / w.sum()
    mean = f @ weights
    return _correlation(S), _correlation(cross - np.outer(mean, mean))


def _correlation(S: FloatArray) -> FloatArray:
    scale = np.sqrt(np.diag(S))
    value: FloatArray = S / np.outer(scale, scale)
    return value
