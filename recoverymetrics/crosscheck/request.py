"""What an adapter receives: our result reduced to arrays, names and estimates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

from recoverymetrics.cfa.spec import EstimatorSpec
from recoverymetrics.typing import FloatArray, IntArray

Terms = Mapping[tuple[str, str], float]
"""Numbers by ``(quantity, term)``, for example ``("estimate", "f =~ x2")``."""


@dataclass(frozen=True)
class FactorRequest:
    """An exploratory factor solution.

    Attributes
    ----------
    items : tuple of str
        Items.
    R : ndarray, shape (p, p)
        Correlations that were factored.
    n_obs : float or None
        Persons.
    extraction, rotation : str
        Methods.
    normalize : bool or None
        Whether the rotation used Kaiser's normalisation; None when it has other options of its own.
    loadings : ndarray, shape (p, k)
        Our pattern.
    ours : mapping
        Our numbers.
    """

    items: tuple[str, ...]
    R: FloatArray
    n_obs: float | None
    extraction: str
    rotation: str
    normalize: bool | None
    loadings: FloatArray
    ours: Terms

    @property
    def n_factors(self) -> int:
        """Number of factors."""
        return int(self.loadings.shape[1])


@dataclass(frozen=True)
class StructuralRequest:
    """A confirmatory model.

    Attributes
    ----------
    model : str
        Every parameter in lavaan syntax, free or fixed.
    rows : tuple of ModelRow
        The same as records.
    spec : EstimatorSpec
        Estimator, errors, test, treatment of missing data.
    variables, ordered : tuple of str
        Observed variables, and the ordered ones among them.
    groups : tuple of str
        Groups; one entry without.
    constrained : bool
        Whether there are constraints beyond equal labels.
    theta : bool
        Whether ordered items have the theta parameterization.
    n : float
        Persons used.
    S : ndarray, shape (p, p)
        Covariances with divisor n (first group).
    data : DataFrame
        Rows used, group by group, with the column ``group``.
    ours : mapping
        Our numbers.
    """

    model: str
    rows: tuple[ModelRow, ...]
    spec: EstimatorSpec
    variables: tuple[str, ...]
    ordered: tuple[str, ...]
    groups: tuple[str, ...]
    constrained: bool
    theta: bool
    n: float
    S: FloatArray
    data: pd.DataFrame
    ours: Terms


@dataclass(frozen=True)
class ModelRow:
    """One parameter: ``lhs op rhs``, free or fixed at a value, with its label and origin."""

    lhs: str
    op: str
    rhs: str
    free: bool
    value: float
    label: str
    origin: str


@dataclass(frozen=True)
class ItemResponseRequest:
    """A calibrated item response model.

    Attributes
    ----------
    items, models : tuple of str
        Items and the model of each.
    codes : ndarray of int, shape (n, p)
        Categories 0 to K - 1; -1 is missing.
    groups : tuple of str
        Groups; one entry without.
    n_factors : int
        Factors.
    constrained : bool
        Whether parameters are fixed, tied or have priors.
    ours : mapping
        Our numbers: ``("estimate", "i1 a")``, ``("estimate", "i1 b2")``.
    """

    items: tuple[str, ...]
    models: tuple[str, ...]
    codes: IntArray
    groups: tuple[str, ...]
    n_factors: int
    constrained: bool
    ours: Terms


@dataclass(frozen=True)
class DIFRequest:
    """A DIF analysis by ordinal logistic regression.

    Attributes
    ----------
    items : tuple of str
        Items.
    scores : ndarray, shape (n, p)
        Responses from 0; NaN is missing.
    group : ndarray of int, shape (n,)
        Group of each person.
    matching : ndarray, shape (n, p)
        Matching value of each person for each item.
    degree : int
        Polynomial degree of the matching variable.
    ours : mapping
        Likelihood-ratio statistics by ``(test, item)``.
    """

    items: tuple[str, ...]
    scores: FloatArray
    group: IntArray
    matching: FloatArray
    degree: int
    ours: Terms


@dataclass(frozen=True)
class EngineRun:
    """What an adapter returns.

    Attributes
    ----------
    theirs : mapping
        The engine's numbers, with the same keys.
    version : str
        Version of the engine.
    tolerance : float
        Relative difference that the engine's own stopping rule explains.
    notes : tuple of str
        How the engine was used, and what was left out because it is wrong there.
    """

    theirs: Terms
    version: str
    tolerance: float
    notes: tuple[str, ...] = field(default=())
