"""What the user asked for, checked and frozen."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from recoverymetrics.errors import OptionError
from recoverymetrics.irt.models import CHOICES, Choice, choose_model
from recoverymetrics.irt.restrictions import Restrictions
from recoverymetrics.irt.structure import Structure
from recoverymetrics.numerics.quadrature import Nodes, quasi_random_nodes, rectangular_nodes

SE_TYPES = ("oakes", "crossprod", "sandwich")
ESTIMATORS = ("em", "qmcem")
DENSITIES = ("normal", "empirical", "davidian")
ORDERS = tuple(str(k) for k in range(1, 11))
"""Orders of Davidian curves."""


@dataclass(frozen=True)
class Quadrature:
    """Equally spaced nodes per dimension.

    Parameters
    ----------
    n : int, default 61
        Nodes per dimension.
    limits : pair of float, default (-6, 6)
        Range of each dimension.
    """

    n: int = 61
    limits: tuple[float, float] = (-6.0, 6.0)


@dataclass(frozen=True)
class QuasiMonteCarlo:
    """Scrambled Sobol points, for many dimensions.

    Parameters
    ----------
    n : int, default 4096
        Number of points; a power of two.
    seed : int, default 1
        Seed of the scrambling.
    """

    n: int = 4096
    seed: int = 1


@dataclass(frozen=True)
class AdaptiveQuadrature:
    """Points that follow each person's posterior, for correlated factors with simple structure.

    Parameters
    ----------
    n : int, default 5
        Gauss-Hermite nodes per dimension, ``n ** D`` points per person.
    """

    n: int = 5


Rule: TypeAlias = Quadrature | QuasiMonteCarlo | AdaptiveQuadrature


@dataclass(frozen=True)
class IRTSpec:
    """The request behind a fit.

    Attributes
    ----------
    models : tuple of str
        Model of each item.
    structure : Structure
        Loading pattern.
    rules : Restrictions
        Equalities, freed and fixed parameters.
    quadrature : Quadrature, QuasiMonteCarlo or AdaptiveQuadrature
        Nodes.
    estimator : str
        ``"em"`` or ``"qmcem"``.
    se : str or None
        Kind of standard errors.
    density : str
        ``"normal"``, ``"empirical"`` or ``"davidian-<order>"``.
    priors : mapping
        Priors by parameter (``"logit_g"``) or item and parameter (``"i1.logit_g"``).
    group : str or None
        Column that holds the group.
    """

    models: tuple[str, ...]
    structure: Structure
    rules: Restrictions = field(default_factory=Restrictions)
    quadrature: Rule = field(default_factory=Quadrature)
    estimator: str = "em"
    se: str | None = "oakes"
    density: str = "normal"
    priors: Mapping[str, Any] = field(default_factory=dict)
    group: str | None = None

    @property
    def order(self) -> int:
        """Order of the Davidian curves; 0 for other densities."""
        return int(self.density.partition("-")[2] or 0)

    @property
    def choices(self) -> tuple[Choice, ...]:
        """Model of each item, resolved."""
        return tuple(choose_model(name) for name in self.models)


def model_names(model: str | Mapping[str, str], items: Sequence[str]) -> tuple[str, ...]:
    """One model name per item, checked.

    Raises
    ------
    OptionError
        Unknown models, a dict that leaves items out or names others.
    """
    if not isinstance(model, str | Mapping):
        raise OptionError(
            f"model={model!r}: give a name or a mapping of item to name ({', '.join(CHOICES)})."
        )
    if isinstance(model, str):
        choose_model(model)
        return tuple(model.lower() for _ in items)
    unknown = [item for item in model if item not in items]
    if unknown:
        raise OptionError(f"model= names item {unknown[0]!r}, which is not in the data.")
    absent = [item for item in items if item not in model]
    if absent:
        raise OptionError(f"model= has no entry for item {absent[0]!r}; give every item a model.")
    for name in model.values():
        choose_model(name)
    return tuple(str(model[item]).lower() for item in items)


def check_choices(estimator: str, se: str | None) -> tuple[str, str | None]:
    """Validate estimator and kind of standard errors, case-insensitively."""
    name = str(estimator).lower()
    if name not in ESTIMATORS:
        raise OptionError(f"unknown estimator {estimator!r}; choose one of {', '.join(ESTIMATORS)}.")
    kind = None if se is None or se is False or str(se).lower() == "none" else str(se).lower()
    if kind is not None and kind not in SE_TYPES:
        raise OptionError(f"unknown se={se!r}; choose one of {', '.join(SE_TYPES)} or None.")
    return name, kind


def check_limits(tolerance: float, max_iterations: int) -> None:
    """Refuse a stopping rule that can never be met."""
    if not tolerance > 0:
        raise OptionError(
            f"tolerance={tolerance!r}: give a positive gain in log-likelihood, for example 1e-7."
        )
    if not max_iterations >= 1:
        raise OptionError(f"max_iterations={max_iterations!r}: give at least one E-step.")


def resolve_quadrature(quadrature: int | Rule, structure: Structure, estimator: str) -> Rule:
    """Turn a number of nodes into a rule that fits the number of dimensions.

    The default of 61 nodes per dimension is kept for one factor. Two dimensions (two factors, or a general and
    a specific one) take 25, three take 17. From four on, adaptive quadrature takes over where every item loads on
    one factor (five nodes per dimension for four factors, four for five, three for six and seven), quasi-random points elsewhere. A number other
    than 61 is used as given; objects are used as they are.
    """
    simple = not structure.has_specific and bool((structure.pattern.sum(axis=1) == 1).all())
    if isinstance(quadrature, AdaptiveQuadrature) and not simple:
        raise OptionError(
            "adaptive quadrature needs items that load on one factor each; use QuasiMonteCarlo."
        )
    if isinstance(quadrature, Quadrature | QuasiMonteCarlo | AdaptiveQuadrature):
        return quadrature
    if isinstance(quadrature, bool) or not isinstance(quadrature, int) or quadrature < 3:
        raise OptionError(
            f"quadrature={quadrature!r}: give the number of nodes per dimension (3 or more), a Quadrature or a "
            "QuasiMonteCarlo."
        )
    D = structure.n_primary + structure.has_specific
    if estimator == "qmcem":
        return QuasiMonteCarlo(n=4096 if quadrature == 61 else quadrature)
    if quadrature != 61 or D == 1:
        if quadrature**D > 2_000_000:
            raise OptionError(
                f"{quadrature} nodes in {D} dimensions are {quadrature**D:.1e} nodes; use fewer, or estimator='qmcem'."
            )
        return Quadrature(quadrature)
    many = AdaptiveQuadrature(5 if D == 4 else 4 if D == 5 else 3) if simple and D <= 7 else QuasiMonteCarlo()
    return {2: Quadrature(25), 3: Quadrature(17)}.get(D, many)


def make_nodes(rule: Rule, structure: Structure) -> tuple[Nodes, Nodes | None]:
    """Nodes of the primary factors, and of a specific factor if there are any."""
    if isinstance(rule, AdaptiveQuadrature):
        rule = QuasiMonteCarlo(2048)
    if isinstance(rule, QuasiMonteCarlo):
        primary = quasi_random_nodes(rule.n, structure.n_primary, seed=rule.seed)
        return primary, rectangular_nodes(31) if structure.has_specific else None
    primary = rectangular_nodes(rule.n, structure.n_primary, rule.limits)
    return primary, rectangular_nodes(rule.n, 1, rule.limits) if structure.has_specific else None


def make_coarse_nodes(rule: Rule, structure: Structure) -> tuple[Nodes, Nodes | None] | None:
    """Fewer nodes for the way to the maximum: half of them for one factor, 15 per dimension for more."""
    if not isinstance(rule, Quadrature):
        return None
    D = structure.n_primary + structure.has_specific
    n = (rule.n + 1) // 2 if D == 1 else 15
    if n >= rule.n or (D == 1 and rule.n < 41):
        return None
    return make_nodes(Quadrature(n, rule.limits), structure)


def make_restrictions(
    equal: Collection[str] | str,
    partial: Collection[str] | str,
    free: Collection[str] | str,
    fixed: Mapping[str, float] | None,
    constrain: Sequence[Collection[str]],
) -> Restrictions:
    """Freeze the restrictions; single strings count as one entry."""

    def several(value: Collection[str] | str) -> tuple[str, ...]:
        return (value,) if isinstance(value, str) else tuple(value)

    for members in constrain:
        if isinstance(members, str):
            raise OptionError(
                f"constrain= takes sets of parameters, constrain=[('i1.a1', 'i2.a1')]; {members!r} is a text."
            )
    return Restrictions(
        several(equal), several(partial), several(free), dict(fixed or {}), tuple(tuple(s) for s in constrain)
    )


def check_density(density: str, structure: Structure) -> str:
    """Validate the latent density; ``"davidian"`` stays without an order, to be chosen."""
    name = str(density).lower()
    kind, _, order = name.partition("-")
    if kind not in DENSITIES or (order and (kind != "davidian" or order not in ORDERS)):
        raise OptionError(
            f"unknown density {density!r}; choose one of {', '.join(DENSITIES)}, or davidian-1 to davidian-{ORDERS[-1]}."
        )
    if kind != "normal" and len(structure.factors) > 1:
        raise OptionError("empirical histograms and Davidian curves are for one factor.")
    return name
