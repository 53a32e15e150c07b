"""The entry function of alignment."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from recoverymetrics.cfa.reading import column_names, ordered_names, read_design
from recoverymetrics.cfa.syntax import parse_model
from recoverymetrics.cfa.table import find_roles
from recoverymetrics.errors import DataError, EstimationWarning, OptionError
from recoverymetrics.instrument.frame import ItemData, read_items
from recoverymetrics.invariance.alignment.extract import FactorParameters, factor_parameters
from recoverymetrics.invariance.alignment.inference import aligned_jacobian
from recoverymetrics.invariance.alignment.kernel import Loss, align, sensitivity
from recoverymetrics.invariance.alignment.result import AlignedFactor, AlignmentResult, redraw
from recoverymetrics.invariance.dif.spec import check_choice
from recoverymetrics.invariance.ladder.checks import (
    check_answered,
    check_categories,
    check_clusters,
    check_groups,
)
from recoverymetrics.invariance.ladder.engine import start_engine
from recoverymetrics.irt import fit_irt
from recoverymetrics.numerics.seeds import generator
from recoverymetrics.typing import FloatArray, GroupSpec, IntoFrame, Seed

if TYPE_CHECKING:
    from recoverymetrics.invariance.ladder.result import InvarianceResult

FLAT = 1e-6
"""Ratio of the smallest to the largest curvature of the loss below which a mean is not identified."""


@dataclass(frozen=True)
class AlignmentLoss:
    """Shape of the alignment loss ``(d^2 + eps)^(power / 2)``.

    Attributes
    ----------
    power : float, default 0.5
        Asparouhov & Muthen use 0.5; Robitzsch's robust Lp variants go down to 0.02; 2 is least squares.
    eps : float, default 0.01
        Smoothing.
    scale : tuple of float, default (1.0, 1.0)
        Units of differences in loadings and in intercepts.
    weights : "sqrt_n" or "equal", default "sqrt_n"
        Weight of a pair of groups: root of the product of their sizes, or all alike.
    """

    power: float = 0.5
    eps: float = 0.01
    scale: tuple[float, float] = (1.0, 1.0)
    weights: str = "sqrt_n"

    def __post_init__(self) -> None:
        check_choice("weights", self.weights, ("sqrt_n", "equal"))
        if not (0 < self.power <= 2 and self.eps > 0):
            raise OptionError("power must lie between 0 and 2 and eps above 0.")
        if len(self.scale) != 2 or min(self.scale) <= 0:
            raise OptionError("scale= holds two positive units: of loadings and of intercepts.")

    def resolve(self, sizes: FloatArray) -> Loss:
        """The loss for groups of these sizes; weights sum to two per ordered pair on average."""
        root = np.sqrt(sizes) if self.weights == "sqrt_n" else np.ones(sizes.size)
        weights = np.outer(root, root)
        np.fill_diagonal(weights, 0.0)
        weights *= sizes.size * (sizes.size - 1) / weights.sum()
        return Loss(self.power, self.eps, weights, self.scale)


def align_groups(
    data: IntoFrame,
    model: str,
    *,
    group: GroupSpec = None,
    method: str = "free",
    ordered: bool | Sequence[str] = False,
    estimator: str | None = None,
    reference: str | None = None,
    loss: AlignmentLoss | None = None,
    alpha: float = 0.001,
    missing: str | None = None,
    cluster: str | Sequence[Any] | None = None,
    n_starts: int = 10,
    standard_errors: str = "delta",
    n_boot: int = 200,
    merge_empty: bool = False,
    drop_groups_below: int = 0,
    seed: Seed = 1,
) -> AlignmentResult:
    """Compare factor means of groups when most, but not all, item parameters are equal.

    Parameters
    ----------
    data : DataFrame, Responses or ItemData
        One row per person.
    model : str
        lavaan measurement lines; every factor is aligned on its own items.
    group : str or array-like of length n
        Two groups or more.
    method : {"free", "fixed"}, default "free"
        FIXED sets the reference group's factor mean to zero, FREE estimates it. FREE needs some loadings that
        differ; where it has no hold the result says so, and FIXED is the answer.
    ordered : bool or sequence of str, default False
        Align loadings and thresholds of ordered items, all or those named.
    estimator : str, optional
        Estimator of the configural model as in ``fit_cfa``; ``"graded"`` takes graded IRT models instead
        (logistic, full information).
    reference : str, optional
        Reference group; its factor variance is one. Default the first.
    loss : AlignmentLoss, optional
        Shape of the loss.
    alpha : float, default 0.001
        Level at which a group's parameter is non-invariant.
    missing : str, optional
        As in ``fit_cfa``.
    cluster : str or array-like of length n, optional
        Clusters of persons, such as countries within regions, as in ``check_invariance``; not with graded models.
    n_starts : int, default 10
        Starts of the minimisation.
    standard_errors : {"delta", "bootstrap"}, default "delta"
        By the implicit function theorem at the solution, or the spread of ``n_boot`` alignments of configural
        parameters drawn from their sampling distribution (parametric bootstrap), which also sees solutions that jump
        and is a little wider.
    n_boot : int, default 200
        Bootstrap draws.
    merge_empty, drop_groups_below
        As in ``check_invariance``.
    seed : int or Generator, default 1
        For the random starts.

    Returns
    -------
    AlignmentResult

    Raises
    ------
    DataError, OptionError, ModelError
        As ``check_invariance``; factors of fewer than two items.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> region = np.repeat(["AFR", "EUR", "SEAR"], 300)
    >>> shift = np.repeat([0.0, 0.5, -0.5], 300)[:, None]
    >>> x = rng.normal(size=(900, 1)) + shift + rng.normal(size=(900, 5))
    >>> model = "f =~ item1 + item2 + item3 + item4 + item5"
    >>> result = align_groups(x, model, group=region, method="fixed")
    >>> result.means["group"].tolist()
    ['AFR', 'EUR', 'SEAR']
    """
    check_choice("method", method, ("free", "fixed"))
    check_choice("standard_errors", standard_errors, ("delta", "bootstrap"))
    roles = find_roles(parse_model(model))
    items = None if hasattr(data, "item_data") else list(roles.observed)
    record = read_items(data, items=items, group=group).select(roles.observed)
    graded = estimator is not None and estimator.lower() == "graded"
    if graded and missing not in (None, "fiml"):
        raise OptionError("estimator='graded' uses every answer that is there; leave missing= out.")
    names = ordered_names(graded or ordered, roles, column_names(data) or record.items)
    if graded and cluster is not None:
        raise OptionError("estimator='graded' takes no cluster=; ordered=True with estimator='WLSMV' does.")
    clusters = read_design(data, record.n, None, cluster)[1]
    everybody = record.group
    record, notes = check_groups(record, drop_groups_below)
    check_answered(record)
    if clusters is not None:
        clusters = clusters[np.isin(np.asarray(everybody), record.groups)]
        notes = (*notes, *check_clusters(record, clusters))
        estimator = "MLR" if estimator is None and not names else estimator
    if names:
        record, merged = check_categories(record, names, merge=merge_empty)
        notes = (*notes, *merged)
    if graded:
        factors, sizes = _graded_parameters(record, model), _sizes(record)
    else:
        engine = start_engine(
            record,
            model,
            ordered=names,
            estimator=estimator,
            missing="listwise" if missing is None else missing,
            theta=True,
            orthogonal=False,
            cluster=clusters,
        )
        factors, sizes = factor_parameters(engine.fit(), engine), engine.sizes
    return align_parameters(
        factors, sizes, record.groups, method=method, reference=reference, loss=loss, alpha=alpha,
        n_starts=n_starts, standard_errors=standard_errors, n_boot=n_boot, seed=seed, notes=notes,
    )  # fmt: skip


def align_ladder(result: InvarianceResult, **options: Any) -> AlignmentResult:
    """Align the configural model of a ladder, first-order factors only; ``options`` as in ``align_parameters``."""
    from recoverymetrics.invariance.ladder.effects import configural_model

    engine, fit = configural_model(result)
    return align_parameters(factor_parameters(fit, engine), engine.sizes, engine.cells, **options)


def align_parameters(
    factors: tuple[FactorParameters, ...],
    sizes: FloatArray,
    groups: tuple[str, ...],
    *,
    method: str = "free",
    reference: str | None = None,
    loss: AlignmentLoss | None = None,
    alpha: float = 0.001,
    n_starts: int = 10,
    standard_errors: str = "delta",
    n_boot: int = 200,
    seed: Seed = 1,
    notes: tuple[str, ...] = (),
) -> AlignmentResult:
    """Align configural parameters that are there already; options as in ``align_groups``."""
    check_choice("method", method, ("free", "fixed"))
    check_choice("standard_errors", standard_errors, ("delta", "bootstrap"))
    _check_numbers(alpha, n_starts, n_boot)
    if loss is not None and not isinstance(loss, AlignmentLoss):
        raise OptionError(f"loss={loss!r} must be an AlignmentLoss, for example AlignmentLoss(power=0.5).")
    position = _reference(groups, reference)
    shape = AlignmentLoss() if loss is None else loss
    solved = tuple(
        align_factor(f, shape.resolve(sizes), position, method == "free", n_starts, seed) for f in factors
    )
    if standard_errors == "bootstrap":
        solved = tuple(bootstrap_factor(factor, n_boot, seed) for factor in solved)
    return AlignmentResult(
        factors=solved,
        groups=groups,
        sizes=sizes,
        method=method,
        reference=groups[position],
        alpha=alpha,
        n_starts=n_starts,
        notes=(*notes, *_flat_notes(solved, method)),
        standard_errors=standard_errors,
    )


def _check_numbers(alpha: float, n_starts: int, n_boot: int) -> None:
    if not 0 < alpha < 1:
        raise OptionError(f"alpha={alpha!r} must lie between 0 and 1.")
    if n_starts < 0:
        raise OptionError(f"n_starts={n_starts!r} must be 0 or more.")
    if n_boot < 2:
        raise OptionError(f"n_boot={n_boot!r} must be 2 or more; some 200 are usual.")


def align_factor(
    parameters: FactorParameters, loss: Loss, reference: int, free_mean: bool, n_starts: int, seed: Seed
) -> AlignedFactor:
    """Align one factor and propagate the sampling errors of its configural parameters."""
    if len(parameters.items) < 2:
        raise DataError(f"factor {parameters.factor!r} has one item; alignment needs two or more.")
    configural = parameters.configural
    solution = align(configural, loss, reference=reference, free_mean=free_mean, n_starts=n_starts, seed=seed)
    moments = sensitivity(configural, loss, solution, reference=reference, free_mean=free_mean)
    jacobian = aligned_jacobian(configural, solution, moments)
    return AlignedFactor(
        parameters=parameters,
        loss=loss,
        solution=solution,
        reference=reference,
        free_mean=free_mean,
        moment_covariance=moments @ parameters.covariance @ moments.T,
        parameter_covariance=jacobian @ parameters.covariance @ jacobian.T,
    )


def bootstrap_factor(factor: AlignedFactor, n_boot: int, seed: Seed) -> AlignedFactor:
    """Replace the sampling covariances by those over alignments of redrawn configural parameters."""
    drawn = redraw(factor, n_boot, generator(seed))
    moments = np.array([np.concatenate([a.means, a.sds]) for a in drawn])
    parameters = np.array([np.concatenate([a.loadings.ravel(), a.intercepts.ravel()]) for a in drawn])
    return replace(
        factor,
        moment_covariance=np.cov(moments, rowvar=False),
        parameter_covariance=np.cov(parameters, rowvar=False),
    )


def _reference(groups: tuple[str, ...], reference: str | None) -> int:
    if reference is None:
        return 0
    if str(reference) not in groups:
        raise OptionError(f"reference={reference!r} is not a group; they are {', '.join(groups)}.")
    return groups.index(str(reference))


def _sizes(record: ItemData) -> FloatArray:
    return np.array([len(values) for _, values in record.by_group()], dtype=float)


def _graded_parameters(record: ItemData, model: str) -> tuple[FactorParameters, ...]:
    """Slopes and intercepts of graded models calibrated in each group on its own standard normal."""
    parsed = parse_model(model)
    roles = find_roles(parsed)
    found = []
    for factor in roles.latent:
        items = [
            s.rhs for s in parsed.statements if s.op == "=~" and s.lhs == factor and s.rhs in record.items
        ]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", EstimationWarning)
            fit = fit_irt(record.select(items), "graded", se="oakes")
        found.append(_read_graded(fit, factor, tuple(items)))
    return tuple(found)


def _read_graded(fit: object, factor: str, items: tuple[str, ...]) -> FactorParameters:
    from recoverymetrics.invariance.alignment.graded import graded_factor

    return graded_factor(fit, factor, items)


def _flat_notes(solved: Sequence[AlignedFactor], method: str) -> list[str]:
    notes = []
    for factor in solved:
        curvature = np.linalg.eigvalsh(factor.solution.hessian)
        if curvature[0] < FLAT * curvature[-1]:
            advice = " method='fixed' gives it." if method == "free" else ""
            notes.append(
                f"factor {factor.parameters.factor}: the loss is flat, so that the origin of the factor means "
                f"is not determined and their standard errors are not to be trusted.{advice}"
            )
        if not factor.solution.converged:
            notes.append(
                f"factor {factor.parameters.factor}: the alignment did not converge; raise n_starts."
            )
    for note in notes:
        warnings.warn(note, EstimationWarning, stacklevel=3)
    return notes
