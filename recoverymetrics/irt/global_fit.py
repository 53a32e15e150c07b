"""Limited-information fit of the whole model: M2, M2* and C2 with RMSEA2, SRMSR, CFI and TLI."""

from __future__ import annotations

from dataclasses import dataclass, replace
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
    item_blocks,
    log_tables,
    log_weights,
    stack_tables,
)
from recoverymetrics.irt.moments import (
    Features,
    make_features,
    moment_derivatives,
    moments,
    observed_moments,
    score_covariance,
)
from recoverymetrics.irt.moments_reduced import (
    Blocks,
    reduced_covariance,
    reduced_derivatives,
    reduced_moments,
)
from recoverymetrics.numerics.quadrature import normal_log_weights, quasi_random_nodes
from recoverymetrics.typing import FloatArray, IntArray

KINDS = ("m2", "m2*", "c2")
QUASI_RANDOM = 16_384
"""Quasi-random nodes of the margins of models whose estimation does without a fixed grid."""


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
    if est.layout.terms:
        raise ModelError(
            "M2 and its relatives take all persons of a group to come from one latent density; with covariates each has "
            "their own. Judge the items by a fit without covariates."
        )
    est = on_fixed_nodes(est)
    model = _model_statistic(est, name)
    null = _null_statistic(est, name)
    return pd.DataFrame(
        [{"method": name.upper()} | _indices(model, null, len(est.layout.groups)) | _residual_size(est)]
    )


def _default_kind(est: Estimated, K: IntArray) -> str:
    if (K == 2).all():
        return "m2"
    J, G = K.size, len(est.layout.groups)
    return "m2*" if est.problem.n_parameters < G * (J + J * (J - 1) // 2) else "c2"


def complete_rows(est: Estimated, g: int) -> tuple[FloatArray, FloatArray]:
    """One-hot matrix and weights of a group's complete patterns."""
    responses = est.problem.patterns[g].responses
    keep = (responses.codes >= 0).all(axis=1)
    return responses.unfold(slice(0, responses.n))[keep], responses.weights[keep]


@dataclass(frozen=True)
class GroupMargins:
    """Margins of one group beside the model.

    Attributes
    ----------
    residual : ndarray, shape (T,)
        Observed minus expected margins.
    covariance : ndarray, shape (T, T)
        Of the observed margins under the model.
    derivatives : ndarray, shape (T, p)
        Of the expected margins with respect to all free parameters.
    n : float
        Sum of the weights of the complete cases.
    """

    residual: FloatArray
    covariance: FloatArray
    derivatives: FloatArray
    n: float


def on_fixed_nodes(est: Estimated) -> Estimated:
    """Exchange person-specific nodes for quasi-random ones that are the same for everybody."""
    if not est.problem.adaptive:
        return est
    nodes = quasi_random_nodes(QUASI_RANDOM, est.layout.n_primary)
    return replace(est, calibration=replace(est.calibration, problem=replace(est.problem, nodes=nodes)))


def group_margins(est: Estimated, kind: str) -> list[GroupMargins]:
    """Residual margins, their covariance and derivatives, group by group."""
    layout, problem, extended = est.layout, est.problem, est.extended
    features = make_features(est.coded.n_categories, kind)
    tables = [batch_table(b, batch_parameters(b, extended), problem.theta) for b in layout.batches]
    stacked = np.exp(stack_tables(layout, tables))
    out = []
    for g in range(len(layout.groups)):
        p, weights = group_table(layout, stacked, g), np.exp(log_weights(problem, extended, g))
        slots, items, latent = score_design(layout, tables, problem, extended, g)
        mean, Xi, Delta = _expected(est, features, p, weights, items, latent)
        Z, w = complete_rows(est, g)
        derivatives = np.zeros((mean.size, layout.n_free))
        derivatives[:, slots] = Delta
        n = float(w.sum())
        out.append(GroupMargins(observed_moments(features, Z, w) - mean, Xi / n, derivatives, n))
    return out


def _expected(
    est: Estimated,
    features: Features,
    p: FloatArray,
    weights: FloatArray,
    items: FloatArray,
    latent: FloatArray,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Expected margins, covariance for one person, derivatives."""
    if est.problem.specific is None:
        mean, Xi = moments(features, p, weights)
        return mean, Xi, moment_derivatives(features, p, weights, items, latent)
    blocks = Blocks.divide(features, est.coded.n_categories, item_blocks(est.layout))
    specific = _specific_weights(est)
    mean, Xi = reduced_moments(blocks, p, weights, specific)
    return mean, Xi, reduced_derivatives(blocks, p, weights, specific, items, latent)


def _specific_weights(est: Estimated) -> FloatArray:
    """Weights of the nodes of a specific factor."""
    if est.problem.specific is None:
        raise TypeError("dimension reduction needs nodes of a specific factor")
    return np.exp(normal_log_weights(est.problem.specific, np.zeros(1), np.eye(1)))


def _model_statistic(est: Estimated, kind: str) -> LimitedInformation:
    groups = group_margins(est, kind)
    e = np.concatenate([g.residual for g in groups])
    df = e.size - est.problem.n_parameters
    if df <= 0:
        raise ModelError(
            f"{kind.upper()} has {e.size} moments for {est.problem.n_parameters} parameters, so no degrees of freedom are left; "
            "use kind='c2' or 'm2'."
        )
    Delta = np.concatenate([g.derivatives for g in groups])
    products = est.problem.products
    if products is not None:
        Delta = Delta @ products.jacobian(products.restrict(est.x))
    value = quadratic_form(e, block_diag(*(g.covariance for g in groups)), Delta)
    return LimitedInformation(value, df, round(sum(g.n for g in groups)))


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
    features = make_features(est.coded.n_categories, "m2*")
    p = np.exp(group_table(est.layout, log_tables(est.layout, est.extended, est.problem.theta), g))
    weights = np.exp(log_weights(est.problem, est.extended, g))
    if est.problem.specific is None:
        implied = score_covariance(features, p, weights)
    else:
        blocks = Blocks.divide(features, est.coded.n_categories, item_blocks(est.layout))
        implied = reduced_covariance(blocks, p, weights, _specific_weights(est))
    Z, w = complete_rows(est, g)
    scores = Z @ features.bivariate.T
    center = (w @ scores) / w.sum()
    S = (scores - center).T @ (w[:, None] * (scores - center)) / w.sum()
    return _correlation(S), _correlation(implied)


def _correlation(S: FloatArray) -> FloatArray:
    scale = np.sqrt(np.diag(S))
    value: FloatArray = S / np.outer(scale, scale)
    return value
