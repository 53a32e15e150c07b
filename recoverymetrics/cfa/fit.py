"""Entry functions: data and model text in, a fitted model out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from recoverymetrics.cfa.checks import check_ordered_causes, check_statements, check_thresholds
from recoverymetrics.cfa.equality import check_equal
from recoverymetrics.cfa.esem import (
    BlockRotation,
)
from recoverymetrics.cfa.export import frame_to_lavaan
from recoverymetrics.cfa.model import (
    ModelOptions,
    build_table,
)
from recoverymetrics.cfa.pipeline import fit_table
from recoverymetrics.cfa.reading import (
    column_names,
    draw_sample,
    given_names,
    ordered_names,
    read_design,
    read_model_data,
)
from recoverymetrics.cfa.result import CFAResult
from recoverymetrics.cfa.spec import resolve_estimator
from recoverymetrics.cfa.syntax import parse_model
from recoverymetrics.cfa.table import find_roles
from recoverymetrics.errors import OptionError
from recoverymetrics.numerics.threads import single_thread
from recoverymetrics.typing import GroupSpec, IntoFrame

IDENTIFICATIONS = ("wu_estabrook", "default")


def fit_cfa(
    data: IntoFrame,
    model: str | pd.DataFrame,
    *,
    group: GroupSpec = None,
    ordered: bool | Sequence[str] = False,
    estimator: str | None = None,
    missing: str = "listwise",
    equal: str | Sequence[str] = (),
    free: str | Sequence[str] = (),
    std_lv: bool = False,
    effects_coding: bool = False,
    parameterization: str = "delta",
    identification: str = "wu_estabrook",
    orthogonal: bool = False,
    meanstructure: bool | None = None,
    likelihood: str = "normal",
    information: str | None = None,
    rotation: str | BlockRotation = "geomin",
    weights: str | Sequence[float] | None = None,
    cluster: str | Sequence[Any] | None = None,
    conditional_x: bool | None = None,
    max_iter: int = 150,
) -> CFAResult:
    """Fit a confirmatory factor model, in one group or several.

    Parameters
    ----------
    data : DataFrame, Responses, ItemData, mapping or 2-D array
        One row per person; columns that the model does not name are left alone.
    model : str or DataFrame
        lavaan model syntax: ``"f =~ x1 + x2 + x3"``; or the ``parameter_table`` of a fit, edited: rows with ``free`` 0 are
        fixed at ``value``, equal labels are equal parameters.
    group : str or array-like of length n, optional
        Column with group labels, or the labels.
    ordered : bool or list of str, default False
        Items to treat as ordered categories (all with True).
    estimator : str, optional
        ML, MLR, MLM, MLMV, MLMVS, MLF, GLS, ULS, ULSM, ULSMV, WLS, DWLS, WLSM, WLSMV, WLSMVS.
        Default ML, or WLSMV with ordered items.
    missing : {"listwise", "fiml", "pairwise"}, default "listwise"
        ``fiml`` for continuous items, ``pairwise`` for ordered ones.
    equal : str or sequence of str
        What is equal across groups: loadings, intercepts, residuals, residual_covariances, means, thresholds,
        regressions, lv_variances, lv_covariances.
    free : str or sequence of str
        Exceptions from ``equal``, such as ``"x2~1"``, ``"f=~x2"``, ``"A1|t1"``.
    std_lv : bool, default False
        Factors with variance one instead of a marker item.
    effects_coding : bool, default False
        Factors in the average unit of their items: loadings average one, intercepts sum to zero.
    parameterization : {"delta", "theta"}, default "delta"
        Scaling of ordered items.
    identification : {"wu_estabrook", "default"}, default "wu_estabrook"
        How ordered items in several groups are identified: for every pattern of equality as in Wu and Estabrook
        (2016), standardised factors in the first group; or markers with free scales once thresholds are equal.
    orthogonal : bool, default False
        Factors without covariances.
    meanstructure : bool, optional
        Whether intercepts are part of the model; by default with groups, clusters, FIML, ordered items, or ``~1`` lines.
    likelihood : {"normal", "wishart"}, default "normal"
        Divisor n or n - 1 for covariances under maximum likelihood.
    information : {"expected", "observed"}, optional
        Information behind standard errors; by default expected, observed under FIML and MLR.
    rotation : {"geomin", "oblimin"} or BlockRotation, default "geomin"
        Oblique rotation of exploratory blocks, written ``efa("a")*F1 + efa("a")*F2 =~ x1 + x2 + ...``.
    weights : str or sequence of float, optional
        Sampling weights (MLR, or WLSMV and its like with ordered items); they are scaled to sum to the number of rows.
    cluster : str or sequence, optional
        Clusters of dependent rows, such as countries within regions (the same estimators): standard errors and the
        scaled test add the scores up within clusters.
    conditional_x : bool, optional
        With ordered items, observed predictors are given: thresholds, slopes and residual correlations are those of
        probit regressions on them (the default), so that 0/1 and skewed predictors are as good as normal ones. False
        treats them as normal variables together with the items (or as ordered ones, where ``ordered=`` says so).
    max_iter : int, default 150
        Most iterations.

    Returns
    -------
    CFAResult

    Raises
    ------
    ModelError
        Syntax (with line and column), unknown variables, models that are not identified.
    DataError
        Zero variances, perfectly correlated items, empty categories in a group, too few rows.
    OptionError
        Unknown or incompatible options.

    Warns
    -----
    EstimationWarning
        No convergence or inadmissible estimates; also in ``result.warnings``.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> f = rng.normal(size=(300, 1))
    >>> x = f * [1.0, 0.8, 0.6, 0.9] + rng.normal(size=(300, 4))
    >>> fit = fit_cfa(x, "f =~ item1 + item2 + item3 + item4")
    >>> fit.converged, int(fit.glance()["df"].iloc[0])
    (True, 2)
    """
    _check_choice("parameterization", parameterization, ("delta", "theta"))
    _check_choice("identification", identification, IDENTIFICATIONS)
    if isinstance(model, pd.DataFrame):
        model = frame_to_lavaan(model)
    parsed = parse_model(model)
    check_statements(parsed)
    roles = find_roles(parsed)
    record = read_model_data(data, roles, group)
    ordinal = ordered_names(ordered, roles, column_names(data))
    if estimator is None and not ordinal and (weights is not None or cluster is not None):
        estimator = "MLR"
    check_ordered_causes(roles, ordinal, theta=parameterization == "theta")
    given = given_names(roles, ordered, ordinal, conditional_x)
    ordinal = tuple(name for name in ordinal if name not in given)
    spec = resolve_estimator(
        estimator, ordinal=bool(ordinal), missing=missing, information=information, likelihood=likelihood
    )
    several = len(record.groups) > 1
    written = any(s.op == "~1" for s in parsed.statements)
    default = bool(several or ordinal or spec.fiml or written or cluster is not None)
    means = default if meanstructure is None else bool(meanstructure)
    if not means and ((several and "intercepts" in check_equal(equal)) or spec.fiml or ordinal):
        raise OptionError("meanstructure=False is impossible with FIML, ordered items or equal intercepts.")
    if effects_coding and (std_lv or ordinal):
        raise OptionError("effects_coding= is for continuous items, and excludes std_lv=.")
    options = ModelOptions(
        equal=check_equal(equal),
        free=(free,) if isinstance(free, str) else tuple(free),
        std_lv=std_lv,
        effect_coding=effects_coding,
        orthogonal=orthogonal,
        mean_structure=means,
        theta=parameterization == "theta",
        identification=identification,
    )
    with single_thread():
        sample = draw_sample(record, spec, ordinal, *read_design(data, record.n, weights, cluster), given)
    counts = np.bincount(sample.threshold_item, minlength=len(sample.items))
    check_thresholds(parsed, (*sample.items, *given), np.append(counts, [0] * len(given)))
    options = replace(options, covariates=sample.covariates)
    table = build_table(parsed, roles, sample.groups, [int(k) for k in counts], options)
    with single_thread():
        turn = BlockRotation(rotation) if isinstance(rotation, str) else rotation
        found = fit_table(table, sample, spec, max_iter=max_iter, model=model, rotation=turn)
    return replace(found, group_name=group) if isinstance(group, str) and several else found


def fit_sem(data: IntoFrame, model: str, **options: Any) -> CFAResult:
    """Fit a structural equation model: the same as `fit_cfa`, whose options it takes, with regressions.

    Parameters
    ----------
    data : DataFrame, Responses, ItemData or mapping
        One row per person.
    model : str
        lavaan syntax; regressions are written ``y ~ x``.
    **options
        As in `fit_cfa`.

    Returns
    -------
    CFAResult

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(size=200)
    >>> fit = fit_sem({"x": x, "y": 0.5 * x + rng.normal(size=200)}, "y ~ x")
    >>> fit.tidy().query("op == '~'")["rhs"].item()
    'x'
    """
    return fit_cfa(data, model, **options)


def _check_choice(name: str, value: str, valid: Sequence[str]) -> None:
    if value not in valid:
        raise OptionError(f"{name}={value!r} is unknown; choose from {', '.join(valid)}.")
