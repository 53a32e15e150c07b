"""Comparison of fitted models: likelihood ratio, information criteria, Vuong's test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.stats import chi2, norm

from recoverymetrics.errors import ModelError
from recoverymetrics.irt import adaptive
from recoverymetrics.irt.likelihood import group_table, item_blocks, log_tables, row_log_weights
from recoverymetrics.numerics.em import node_posterior
from recoverymetrics.numerics.em_reduced import (
    block_columns,
    block_likelihoods,
    primary_posterior,
    shared_answers,
)
from recoverymetrics.numerics.quadrature import normal_log_weights
from recoverymetrics.typing import FloatArray

if TYPE_CHECKING:
    from recoverymetrics.irt.calibration import Estimated
    from recoverymetrics.irt.result import IRTResult


def compare_fits(fits: tuple[IRTResult, ...]) -> pd.DataFrame:
    """Compare models fitted to the same persons.

    Returns
    -------
    DataFrame
        One row per model in the order of the number of parameters: model, npar, loglik, aic, bic, sabic, hq, and
        against the row before it statistic, df, p_value (likelihood-ratio test, meaningful for nested models).

    Raises
    ------
    ModelError
        Different numbers of persons or items.
    """
    if len({(fit.n, fit.items) for fit in fits}) > 1:
        raise ModelError(
            "the models are fitted to different persons or items, so their likelihoods do not compare."
        )
    ordered = sorted(range(len(fits)), key=lambda i: fits[i].npar)
    rows = []
    for place, i in enumerate(ordered):
        row = {"model": f"model {i + 1}"} | fits[i].glance().iloc[0][
            ["npar", "loglik", "aic", "bic", "sabic", "hq"]
        ].to_dict()
        earlier = fits[ordered[place - 1]] if place else None
        value = 2 * (fits[i].loglik - earlier.loglik) if earlier else np.nan
        df = fits[i].npar - earlier.npar if earlier else np.nan
        rows.append(row | {"statistic": value, "df": df, "p_value": chi2.sf(value, df) if df > 0 else np.nan})
    return pd.DataFrame(rows)


def casewise_loglik(est: Estimated) -> FloatArray:
    """Log marginal likelihood of each person, input order."""
    problem, layout = est.problem, est.layout
    if problem.adaptive:
        return _adaptive_loglik(est)
    stacked = log_tables(layout, est.extended, problem.theta)
    out = np.empty(est.coded.n)
    for g, patterns in enumerate(problem.patterns):
        L, prior = group_table(layout, stacked, g), row_log_weights(problem, est.extended, g)
        if problem.specific is not None:
            values = _reduced_loglik(est, g, L, prior)
        else:
            values = np.concatenate(
                [
                    node_posterior(Z, L, prior if prior.ndim == 1 else prior[rows])[1]
                    for rows, Z in patterns.responses.chunks(L.shape[1])
                ]
            )
        out[patterns.persons] = values[patterns.pattern]
    return out


def _adaptive_loglik(est: Estimated) -> FloatArray:
    problem = adaptive.starting_problem(est.layout, est.problem.patterns, est.problem.adaptive, est.x)
    out = np.empty(est.coded.n)
    for g, patterns in enumerate(problem.patterns):
        out[patterns.persons] = adaptive.casewise_loglik(problem, est.x, g)[patterns.pattern]
    return out


def _reduced_loglik(est: Estimated, g: int, L: FloatArray, prior: FloatArray) -> FloatArray:
    problem = est.problem
    if problem.specific is None:
        raise TypeError("no specific factor")
    responses, blocks = problem.patterns[g].responses, item_blocks(est.layout)
    weights = np.exp(normal_log_weights(problem.specific, np.zeros(1), np.eye(1)))
    parts = [np.ascontiguousarray(L[block_columns(responses, block)]) for block in blocks]
    out = np.empty(responses.n)
    for rows, answers in shared_answers(responses, blocks):
        _, marginals = block_likelihoods(answers, parts, weights)
        out[rows] = primary_posterior(answers, marginals, prior)[1]
    return out


def vuong_test(first: IRTResult, second: IRTResult) -> pd.DataFrame:
    """Vuong's (1989) test of two models that need not be nested.

    Returns
    -------
    DataFrame
        One row: variance (of the casewise log-likelihood ratios; near zero the models cannot be told apart),
        statistic (positive when the first fits better), p_value (two-sided), and the same after correction for
        the numbers of parameters as in the BIC (statistic_bic, p_value_bic).
    """
    if (first.n, first.items) != (second.n, second.items):
        raise ModelError("Vuong's test needs two models of the same persons and items.")
    gap = casewise_loglik(first.estimated) - casewise_loglik(second.estimated)
    n, spread = gap.size, float(np.std(gap))
    z = float(gap.sum()) / (np.sqrt(n) * max(spread, 1e-300))
    penalty = (first.npar - second.npar) / 2 * np.log(n)
    z_bic = (float(gap.sum()) - penalty) / (np.sqrt(n) * max(spread, 1e-300))
    return pd.DataFrame(
        {
            "variance": [spread**2],
            "statistic": z,
            "p_value": 2 * norm.sf(abs(z)),
            "statistic_bic": z_bic,
            "p_value_bic": 2 * norm.sf(abs(z_bic)),
        }
    )
