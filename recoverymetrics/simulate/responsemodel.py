"""The populations' response model: item parameters with the correlations of the factors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from recoverymetrics.errors import ModelError, OptionError
from recoverymetrics.simulate.parameters import Family, ItemParameters, make_parameters
from recoverymetrics.simulate.spec import Group
from recoverymetrics.typing import FloatArray

FAMILIES: dict[str, Family] = {
    "rasch": "logistic",
    "1pl": "logistic",
    "2pl": "logistic",
    "3pl": "logistic",
    "4pl": "logistic",
    "graded": "graded",
    "normal_ogive": "normal_ogive",
    "pcm": "softmax",
    "gpcm": "softmax",
    "rsm": "softmax",
    "nominal": "softmax",
    "sequential": "sequential",
}


@dataclass(frozen=True)
class ResponseModel:
    """Item parameters and the correlations of the factors in every population.

    Attributes
    ----------
    name : str
        Model name, for the record.
    parameters : ItemParameters
        Slope-intercept form.
    factor_correlations : ndarray, shape (m, m)
        Correlations of the factors.
    by_group : mapping of group to ItemParameters
        Parameters of groups that differ from ``parameters`` (several groups of a fitted model).
    populations : tuple of Group
        Who was in the data of a fitted model; simulated when neither ``n`` nor ``groups`` are given.
    categories : tuple of ndarray, or None
        Values of each item's categories in the data of a fitted model.
    residuals : mapping of group to ndarray, shape (p, p)
        Residual correlations of a fitted model.
    """

    name: str
    parameters: ItemParameters
    factor_correlations: FloatArray
    by_group: Mapping[str, ItemParameters] = field(default_factory=dict)
    populations: tuple[Group, ...] = ()
    categories: tuple[FloatArray, ...] | None = None
    residuals: Mapping[str, FloatArray] = field(default_factory=dict)


def irt_model(
    model: str = "graded",
    *,
    slopes: Any = None,
    difficulties: Any = None,
    intercepts: Any = None,
    scores: Any = None,
    guessing: Any = 0.0,
    upper: Any = 1.0,
    factor_correlations: Any = None,
    items: Sequence[str] | None = None,
    factors: Sequence[str] | None = None,
) -> ResponseModel:
    """Write down an item response model.

    Parameters
    ----------
    model : {"rasch", "1pl", "2pl", "3pl", "4pl", "graded", "normal_ogive", "pcm", "gpcm", "rsm", "nominal", "sequential"}
        Response model.
    slopes : array, shape (p,) or (p, m)
        Discriminations; 1 when left out (Rasch, partial credit).
    difficulties : sequence of p rows
        Locations ``b`` in factor units, one row of ``K - 1`` values per item, on the scale of the item's
        discrimination ``|a|``. Give these or ``intercepts``.
    intercepts : sequence of p rows
        ``d`` of the slope-intercept form (``c_1 .. c_{K-1}`` for the softmax models).
    scores : sequence of p rows, optional
        Scoring function of the nominal model, ``s_1 .. s_{K-1}`` with ``s_0 = 0``; default 1, 2, ...
    guessing, upper : float or array, shape (p,)
        Asymptotes (3PL, 4PL).
    factor_correlations : array, shape (m, m), optional
        Default: uncorrelated factors.
    items, factors : sequence of str, optional
        Names; default ``item1`` ... and ``f1`` ...

    Returns
    -------
    ResponseModel

    Raises
    ------
    OptionError
        Unknown model.
    ModelError
        Shapes that do not fit, thresholds out of order, correlations that are none.

    Examples
    --------
    >>> irt_model("2pl", slopes=[1.2, 0.8], difficulties=[[0], [0.5]]).parameters.intercepts.tolist()
    [[-0.0], [-0.4]]
    """
    if model not in FAMILIES:
        raise OptionError(f"unknown response model {model!r}; use one of {', '.join(map(repr, FAMILIES))}.")
    if (difficulties is None) == (intercepts is None):
        raise ModelError("give either difficulties or intercepts, and not both.")
    given = difficulties if intercepts is None else intercepts
    a = np.ones(len(given)) if slopes is None else slopes
    blank = make_parameters("softmax", a, given, items=items, factors=factors)
    steps = np.arange(1.0, blank.intercepts.shape[1] + 1)
    soft = FAMILIES[model] == "softmax"
    s = (np.tile(steps, (len(blank.items), 1)) if soft else None) if scores is None else scores
    d = blank.intercepts if intercepts is not None else _from_difficulties(blank, soft)
    if FAMILIES[model] == "logistic" and d.shape[1] > 1:
        raise ModelError(f"model {model!r} is for two categories; use 'graded' or 'gpcm' for more.")
    parameters = make_parameters(
        FAMILIES[model],
        blank.slopes,
        d,
        items=blank.items,
        factors=blank.factors,
        scores=s,
        guessing=guessing,
        upper=upper,
    )
    return ResponseModel(model, parameters, correlation_matrix(factor_correlations, blank.slopes.shape[1]))


def _from_difficulties(blank: ItemParameters, softmax: bool) -> FloatArray:
    length = np.linalg.norm(blank.slopes, axis=1)[:, None]
    b = np.cumsum(blank.intercepts, axis=1) if softmax else blank.intercepts
    return -length * b


def factor_model(
    loadings: Any,
    thresholds: Any,
    *,
    factor_correlations: Any = None,
    items: Sequence[str] | None = None,
    factors: Sequence[str] | None = None,
) -> ResponseModel:
    """Write down a factor model of ordered answers: the normal ogive with standardised loadings.

    The underlying response ``y* = loadings @ theta + e`` has variance 1 in the reference population; the
    answer counts the thresholds below ``y*``. In the graded form, with ``psi`` the residual variance,
    ``a = loadings / sqrt(psi)`` and ``d = -thresholds / sqrt(psi)``.

    Parameters
    ----------
    loadings : DataFrame or array, shape (p, m)
        Standardised loadings; a frame brings the names.
    thresholds : sequence of p rows
        Increasing thresholds on the scale of ``y*``, ``K - 1`` per item.
    factor_correlations : array, shape (m, m), optional
        Default: uncorrelated factors.
    items, factors : sequence of str, optional
        Names.

    Returns
    -------
    ResponseModel

    Raises
    ------
    ModelError
        Communalities of 1 and more, thresholds out of order, shapes that do not fit.

    Examples
    --------
    >>> model = factor_model([0.6, 0.8], [[-1, 1], [0]])
    >>> model.parameters.slopes.ravel().round(3).tolist()
    [0.75, 1.333]
    """
    if isinstance(loadings, pd.DataFrame):
        items = list(loadings.index) if items is None else items
        factors = list(loadings.columns) if factors is None else factors
    blank = make_parameters("softmax", loadings, thresholds, items=items, factors=factors)
    phi = correlation_matrix(factor_correlations, len(blank.factors))
    psi = 1.0 - np.einsum("jm,mk,jk->j", blank.slopes, phi, blank.slopes)
    if np.any(psi <= 0):
        j = int(np.argmin(psi))
        raise ModelError(
            f"item {blank.items[j]!r} has a communality of {1 - psi[j]:.3f}; standardised loadings must "
            "leave a residual variance above 0."
        )
    root = np.sqrt(psi)[:, None]
    parameters = make_parameters(
        "normal_ogive",
        blank.slopes / root,
        -blank.intercepts / root,
        items=blank.items,
        factors=blank.factors,
    )
    return ResponseModel("normal_ogive", parameters, phi)


def correlation_matrix(values: Any, m: int, what: str = "factor_correlations") -> FloatArray:
    """Check a correlation matrix; identity when none is given."""
    if values is None:
        return np.eye(m)
    phi = np.asarray(values, dtype=float)
    if phi.shape != (m, m):
        raise ModelError(f"{what} must have shape ({m}, {m}), not {phi.shape}.")
    if not np.allclose(phi, phi.T) or not np.allclose(np.diag(phi), 1.0) or np.any(np.abs(phi) > 1 + 1e-12):
        raise ModelError(f"{what} must be symmetric with a unit diagonal and entries within [-1, 1].")
    if np.linalg.eigvalsh(phi)[0] < -1e-10:
        raise ModelError(f"{what} is not positive semi-definite.")
    return phi
