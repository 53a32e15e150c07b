"""Nested comparisons that pick the difference test which the estimator needs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from recoverymetrics.cfa.estimate import asymptotic_covariance
from recoverymetrics.cfa.inference import curvature, invert, trace_pieces
from recoverymetrics.cfa.result import CFAResult
from recoverymetrics.cfa.standardize import row_values
from recoverymetrics.cfa.statistics import chi2_tail
from recoverymetrics.errors import ModelError, OptionError
from recoverymetrics.numerics.optimise import scoring
from recoverymetrics.numerics.sem_least_squares import LeastSquares
from recoverymetrics.numerics.sem_normal import normal_weight
from recoverymetrics.numerics.sem_ram import MomentMap, RamState
from recoverymetrics.typing import FloatArray

METHODS = ("auto", "standard", "satorra_bentler_2001", "satorra_bentler_2010", "satorra_2000")


@dataclass(frozen=True)
class Difference:
    """A difference test: statistic, degrees of freedom, p value and its name."""

    statistic: float
    df: int
    p_value: float
    method: str


def compare_models(*fits: Any, method: str = "auto") -> pd.DataFrame:
    """Compare nested models, from the least restricted to the most restricted.

    Parameters
    ----------
    *fits : CFAResult
        Two or more models of the same persons and items. Other results that have a method ``compare_with`` are
        handed to it.
    method : {"auto", "standard", "satorra_bentler_2001", "satorra_bentler_2010", "satorra_2000"}
        ``auto`` is the likelihood ratio (or plain difference) without a scaled test; Satorra and Bentler (2001),
        or their strictly positive version (2010) where the 2001 one fails, for mean-scaled continuous
        estimators; Satorra (2000) for ordered items and mean- and variance-adjusted tests.

    Returns
    -------
    DataFrame
        One row per model in order of its degrees of freedom: model, npar, df, chi2, aic, bic, cfi, rmsea, srmr,
        delta_chi2, delta_df, delta_p, delta_cfi, delta_rmsea, delta_srmr, method.

    Raises
    ------
    ModelError
        Models of different data, or with equal degrees of freedom.

    Examples
    --------
    >>> import numpy as np
    >>> from recoverymetrics.cfa import fit_cfa
    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(size=(300, 1)) + rng.normal(size=(300, 4))
    >>> loose = fit_cfa(x, "f =~ item1 + item2 + item3 + item4")
    >>> tight = fit_cfa(x, "f =~ a*item1 + a*item2 + a*item3 + a*item4")
    >>> compare_models(loose, tight)["delta_df"].tolist()[1]
    3.0
    """
    if method not in METHODS:
        raise OptionError(f"method={method!r} is unknown; choose from {', '.join(METHODS)}.")
    if len(fits) < 2:
        raise OptionError("give two or more fitted models to compare.")
    if not all(isinstance(fit, CFAResult) for fit in fits):
        if hasattr(fits[0], "compare_with") and len({type(fit) for fit in fits}) == 1:
            return fits[0].compare_with(*fits[1:])
        raise ModelError(
            f"cannot compare {', '.join(type(fit).__name__ for fit in fits)}: give results of one kind of model."
        )
    order = sorted(range(len(fits)), key=lambda k: fits[k].test.df)
    rows = [_row(fits[k], f"model {k + 1}") for k in order]
    for above, here in pairwise(order):
        position = order.index(here)
        found = difference(fits[above], fits[here], method=method)
        rows[position] |= {
            "delta_chi2": found.statistic,
            "delta_df": float(found.df),
            "delta_p": found.p_value,
            "method": found.method,
        }
        for name in ("cfi", "rmsea", "srmr"):
            rows[position][f"delta_{name}"] = rows[position][name] - rows[position - 1][name]
    columns = [
        "model",
        "npar",
        "df",
        "chi2",
        "aic",
        "bic",
        "cfi",
        "rmsea",
        "srmr",
        "delta_chi2",
        "delta_df",
        "delta_p",
        "delta_cfi",
        "delta_rmsea",
        "delta_srmr",
        "method",
    ]
    return pd.DataFrame(rows).reindex(columns=columns)


def _row(fit: CFAResult, name: str) -> dict[str, Any]:
    measures = fit.fit_measures()
    scaled = "_scaled" if math.isfinite(fit.test.scaled) else ""
    return {
        "model": name,
        "npar": fit.npar,
        "df": fit.test.df,
        "chi2": fit.test.chi2,
        "aic": measures.get("aic", math.nan),
        "bic": measures.get("bic", math.nan),
        "cfi": measures[f"cfi{scaled}"],
        "rmsea": measures[f"rmsea{scaled}"],
        "srmr": measures["srmr"],
        "method": "",
    }


def difference(loose: CFAResult, tight: CFAResult, *, method: str = "auto") -> Difference:
    """Difference test of a restricted model against a less restricted one.

    Parameters
    ----------
    loose, tight : CFAResult
        The model with fewer and the model with more degrees of freedom.
    method : str
        As in `compare_models`.
    """
    _check_pair(loose, tight)
    df = tight.test.df - loose.test.df
    gap = tight.test.chi2 - loose.test.chi2
    chosen = _choose(tight) if method == "auto" else method
    if chosen == "standard":
        return Difference(gap, df, chi2_tail(gap, df), chosen)
    if chosen == "satorra_2000":
        return _satorra_2000(loose, tight, gap, df)
    scale = (
        _scale_2001(loose, tight, df) if chosen == "satorra_bentler_2001" else _scale_2010(loose, tight, df)
    )
    if scale <= 0 and method == "auto":
        chosen, scale = "satorra_bentler_2010", _scale_2010(loose, tight, df)
    if scale <= 0:
        return Difference(math.nan, df, math.nan, chosen)
    return Difference(gap / scale, df, chi2_tail(gap / scale, df), chosen)


def _check_pair(loose: CFAResult, tight: CFAResult) -> None:
    if set(loose.table.observed) != set(tight.table.observed):
        raise ModelError("the models have different items; only models of the same items are nested.")
    if set(loose.table.given) != set(tight.table.given):
        raise ModelError(
            "the models are given different covariates; keep them all in both models and fix the effects left out: f ~ 0*x."
        )
    if loose.groups != tight.groups or loose.sample.total != tight.sample.total:
        raise ModelError(
            f"the models were fitted to different persons or groups (n = {int(loose.sample.total)} and "
            f"{int(tight.sample.total)})."
        )
    if loose.spec.name != tight.spec.name:
        raise ModelError(f"the models have different estimators ({loose.spec.name} and {tight.spec.name}).")
    if tight.test.df <= loose.test.df:
        raise ModelError(
            f"the models have the same degrees of freedom ({tight.test.df}); a difference test needs a restricted "
            "and a less restricted one."
        )


def _choose(fit: CFAResult) -> str:
    if fit.spec.test == "none":
        return "standard"
    if fit.spec.test in ("satorra_bentler", "yuan_bentler_mplus") and not fit.layout.any_ordinal:
        return "satorra_bentler_2001"
    return "satorra_2000"


def _scale_of(fit: CFAResult) -> float:
    return fit.test.scale if fit.test.df > 0 and math.isfinite(fit.test.scale) else 0.0


def _scale_2001(loose: CFAResult, tight: CFAResult, df: int) -> float:
    return (tight.test.df * _scale_of(tight) - loose.test.df * _scale_of(loose)) / df


def _scale_2010(loose: CFAResult, tight: CFAResult, df: int) -> float:
    """Satorra and Bentler (2010): the less restricted model is scaled at the restricted estimates."""
    theta = _transfer(loose, tight)
    found = curvature(loose.objective, theta, loose.estimate.tangent, loose.sample, loose.spec, loose.moments)
    scale = found.trace / loose.test.df if loose.test.df > 0 else 0.0
    return (tight.test.df * _scale_of(tight) - loose.test.df * scale) / df


def _transfer(loose: CFAResult, tight: CFAResult) -> FloatArray:
    """Values of the less restricted model's parameters that imply the moments of the restricted one."""
    values = row_values(tight.table, tight.layout, tight.theta)
    known = {row.key: value for row, value in zip(tight.table.rows, values, strict=True)}
    theta = loose.theta.copy()
    missing = False
    for row, k in zip(loose.table.rows, loose.table.index, strict=True):
        if k >= 0:
            missing = missing or row.key not in known
            theta[k] = known.get(row.key, theta[k])
    if not missing:
        return theta
    target = tight.moments.moments(tight.state)
    gap = LeastSquares(loose.layout, loose.moments, target, np.ones_like(target), loose.sample.share)
    return scoring(gap.value_gradient, gap.metric, loose.theta, tolerance=1e-20, hessian=gap.hessian).x


def _satorra_2000(loose: CFAResult, tight: CFAResult, gap: float, df: int) -> Difference:
    """Satorra (2000): the difference scaled and shifted to match mean and variance of ``U_d Gamma``.

    The restriction ``A`` of the tangent space of the loose model to that of the tight one is found from their
    derivatives of the moments, ``D_tight = D L`` by least squares, which also serves models that are not nested
    parameter by parameter. As ``A L = 0``, ``A' (A P^-1 A')^-1 A = P - P L (L' P L)^-1 L' P``, and the traces
    need neither ``A`` nor any matrix of all groups' moments.
    """
    _check_order(loose, tight)
    gram, cross = _tangent_products(loose, tight)
    link = invert(gram, None)[0] @ cross
    P, middle = _scaled_pieces(loose)
    whole, core = invert(P, None)[0] @ middle, invert(link.T @ P @ link, None)[0]
    side = middle @ link
    part = core @ (link.T @ side)
    trace = float(np.trace(whole)) - float(np.trace(part))
    trace2 = float((whole * whole.T).sum()) + float((part * part.T).sum())
    trace2 -= 2.0 * float(((link @ core) * (whole.T @ side)).sum())
    if not trace2 > 0.0:
        return Difference(math.nan, df, math.nan, "satorra_2000")
    a = math.sqrt(df / trace2)
    statistic = a * gap + df - a * trace
    return Difference(statistic, df, chi2_tail(statistic, df), "satorra_2000")


def _tangent_products(loose: CFAResult, tight: CFAResult) -> tuple[FloatArray, FloatArray]:
    """``D' D`` of the loose model and ``D' D_tight``, with the derivatives of all groups' moments stacked."""
    J, J_tight = (MomentMap(fit.layout, loose.moments.means).jacobian(fit.state) for fit in (loose, tight))
    gram = loose.layout.gather_square(np.swapaxes(J, 1, 2) @ J)
    cross = np.zeros((loose.layout.n_free, tight.layout.n_free))
    for block, own, other in zip(
        np.swapaxes(J, 1, 2) @ J_tight, loose.layout.reductions, tight.layout.reductions, strict=True
    ):
        part = block[own[0][:, None], other[0]]
        part = part if own[2] is None else own[2].T @ part
        cross[own[1][:, None], other[1]] += part if other[2] is None else part @ other[2]
    return _along(gram, loose, loose), _along(cross, loose, tight)


def _along(matrix: FloatArray, left: CFAResult, right: CFAResult) -> FloatArray:
    """A matrix by the free parameters of two fits along the directions that their constraints leave."""
    matrix = matrix if left.estimate.tangent is None else left.estimate.tangent.T @ matrix
    return matrix if right.estimate.tangent is None else matrix @ right.estimate.tangent


def _scaled_pieces(fit: CFAResult) -> tuple[FloatArray, FloatArray]:
    """``D' W D`` and ``D' W Gamma W D`` along the free directions, from the fit where it has them."""
    found = fit.curvature
    least_squares = isinstance(fit.objective, LeastSquares)
    explicit = fit.spec.test in ("scaled_shifted", "mean_var_adjusted") and fit.spec.information == "expected"
    if found.middle is not None and fit.spec.name != "ULS" and (least_squares or explicit):
        return _along(found.information, fit, fit), _along(found.middle, fit, fit)
    moments, share = fit.moments, fit.sample.share
    gamma = fit.sample.gamma if fit.sample.gamma is not None else asymptotic_covariance(fit.sample, moments)
    weights = _weights(fit, fit.state)
    target = moments.moments(fit.state)
    P = LeastSquares(fit.layout, moments, target, weights, share).metric(fit.theta)
    middle = trace_pieces(fit.layout, fit.state, found, moments, weights, gamma, share).middle
    return _along(P, fit, fit), _along(np.asarray(middle), fit, fit)


def _weights(fit: CFAResult, state: RamState) -> FloatArray:
    if isinstance(fit.objective, LeastSquares):
        return fit.objective.weights
    return np.stack([normal_weight(fit.moments, inverse) for inverse in np.linalg.inv(state.sigma)])


def _check_order(loose: CFAResult, tight: CFAResult) -> None:
    if (loose.table.observed, loose.table.given) != (tight.table.observed, tight.table.given):
        raise ModelError(
            "list the items in the same order in both models, so that their moments can be matched."
        )
