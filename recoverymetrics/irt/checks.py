"""What is said about data before a calibration and about estimates after it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recoverymetrics.errors import DataError, ModelError, OptionError
from recoverymetrics.instrument.notes import listing
from recoverymetrics.irt.covariates import Covariates
from recoverymetrics.irt.layout import Layout
from recoverymetrics.irt.regression import expected_values
from recoverymetrics.irt.responses import CodedResponses
from recoverymetrics.irt.restrictions import Restrictions
from recoverymetrics.irt.spec import AdaptiveQuadrature, IRTSpec, Quadrature
from recoverymetrics.irt.structure import Structure
from recoverymetrics.numerics.em_accelerated import Maximum
from recoverymetrics.typing import FloatArray, IntArray

FAR_OFF = 3
"""More idle categories than this suggest an undeclared code of missing answers."""
STEEPEST = 25.0
"""A slope beyond this is reported as diverging."""


def check_variation(coded: CodedResponses) -> tuple[str, ...]:
    """Refuse items without variation; note categories that nobody used."""
    notes = []
    for item, values in zip(coded.items, coded.categories, strict=True):
        if len(values) == 0:
            raise DataError(f"item {item!r} has no responses at all; leave it out of items=.")
        if len(values) == 1:
            raise DataError(
                f"everybody who answered item {item!r} chose category {values[0]:g}; an item without variation has no "
                "parameters. Leave it out of items=."
            )
        gaps = [v for v in range(int(values[0]), int(values[-1]) + 1) if v not in values]
        if gaps:
            listed = listing(gaps)
            lone = values[0] if values[1] - values[0] > values[-1] - values[-2] else values[-1]
            code = f" If {lone:g} stands for a missing answer, declare it: Responses(data, missing_codes=({lone:g},))."
            notes.append(
                f"nobody used category {listed} of item {item!r}; it is calibrated on the categories used "
                f"({', '.join(f'{v:g}' for v in values)}).{code if len(gaps) > FAR_OFF else ''}"
            )
    return tuple(notes)


def check_usage(layout: Layout, coded: CodedResponses, spec: IRTSpec) -> tuple[str, ...]:
    """Categories that nobody used in a group: an error where their parameters are estimated there alone."""
    if len(coded.groups) == 1:
        return ()
    usage, notes = coded.usage(), []
    for g, j in zip(*np.nonzero((usage == 0).any(axis=2)), strict=True):
        where = _unused(coded, usage, int(g), int(j))
        item, alone = coded.items[j], (layout.place[:, j] == layout.place[g, j]).all(axis=1).sum() == 1
        if alone and not _intercepts_shared(layout, int(g), int(j)):
            raise DataError(
                f"{where}, so its intercepts cannot be estimated in that group; hold them equal "
                f"(equal='intercepts' or equal=[{item!r}]), merge categories before the call, or leave the group out."
            )
        notes.append(f"{where}; its parameters come from the other groups.")
    return tuple(notes)


def _unused(coded: CodedResponses, usage: IntArray, g: int, j: int) -> str:
    """What nobody in a group did with an item, in words."""
    counts, values = usage[g, j, : len(coded.categories[j])], coded.categories[j]
    item, label = coded.items[j], coded.groups[g]
    if not counts.any():
        return f"nobody in group {label!r} answered item {item!r}"
    if (counts > 0).sum() == 1:
        return f"everybody in group {label!r} who answered item {item!r} chose category {values[counts > 0][0]:g}"
    idle = listing(f"{v:g}" for v in values[counts == 0])
    return f"nobody in group {label!r} used category {idle} of item {item!r}"


def thin_factors(
    structure: Structure, rules: Restrictions, items: Sequence[str], *, trouble: bool
) -> tuple[str, ...]:
    """Factors whose slopes little but the shape of the distribution identifies: two items and no restriction.

    Specific factors of two items are common and often estimable; they are named when there is ``trouble``.
    """
    if rules.fixed or rules.constrain or structure.first_order:
        return ()
    notes, D = [], structure.n_primary
    if structure.exploratory and (len(items) - D) ** 2 < len(items) + D:
        notes.append(
            f"{D} factors of {len(items)} items have more loadings than there are correlations; ask for fewer factors."
        )
    single = structure.pattern.sum(axis=1) == 1
    lonely = [
        d for d in range(D) if single[structure.pattern[:, d]].all() and not structure.correlated[d].any()
    ]
    for d in [*lonely, *(range(D, len(structure.factors)) if trouble else ())]:
        own = [item for item, loads in zip(items, structure.pattern[:, d], strict=True) if loads]
        if len(own) == 2:
            notes.append(
                f"factor {structure.factors[d]!r} has the items {own[0]!r} and {own[1]!r} alone, whose association gives "
                f"the product of two slopes; hold these equal, constrain=[({own[0] + f'.a{d + 1}'!r}, "
                f"{own[1] + f'.a{d + 1}'!r})], or add items."
            )
    return tuple(notes)


def _intercepts_shared(layout: Layout, g: int, j: int) -> bool:
    b, r = layout.place[g, j]
    batch = layout.batches[b]
    m = batch.factors.shape[1]
    own = set(batch.slots[r, m:].tolist())
    others = [layout.batches[bb].slots[rr, m:] for bb, rr in np.delete(layout.place[:, j], g, axis=0)]
    return own <= set(np.concatenate(others).tolist()) or min(own) >= layout.n_free


def truncated(
    layout: Layout, x: FloatArray, spec: IRTSpec, covariates: Covariates | None = None
) -> tuple[str, ...]:
    """Latent densities that reach beyond the nodes."""
    if not isinstance(spec.quadrature, Quadrature):
        return ()
    low, high = spec.quadrature.limits
    notes = []
    for g, label in enumerate(layout.groups):
        mean, cov = layout.moments(layout.extend(x), g)
        reach = 3.0 * np.sqrt(np.diag(cov))
        if covariates is not None:
            mean = expected_values(layout, layout.extend(x), covariates.values)
        if (mean - reach < low).any() or (mean + reach > high).any():
            notes.append(
                f"the latent density of group {label!r} reaches beyond the nodes ({low:g} to {high:g}); refit with wider "
                f"ones, for example quadrature=Quadrature(n=121, limits=({2 * low:g}, {2 * high:g}))."
                + (" Covariates far from zero move it there: centre them." if layout.terms else "")
            )
    return tuple(notes)


def check_regression(spec: IRTSpec, coded: CodedResponses) -> None:
    """Refuse what a latent regression cannot be combined with."""
    if coded.covariates is None:
        return
    if len(coded.groups) > 1:
        raise ModelError("covariates and group= do not go together; list the group among the covariates.")
    if spec.structure.has_specific or spec.structure.exploratory:
        raise ModelError(
            "a latent regression is for confirmatory factors without specific ones (one factor, or 'f =~' lines)."
        )
    if spec.density != "normal":
        raise OptionError("a latent regression has normal residuals; leave out density=.")
    if isinstance(spec.quadrature, AdaptiveQuadrature):
        raise OptionError(
            "a latent regression needs fixed nodes; use quadrature=QuasiMonteCarlo() for so many factors."
        )


def complaints(layout: Layout, found: Maximum, ok: bool | None, se: str | None) -> tuple[str, ...]:
    """Failed convergence, an information matrix that is not positive definite, diverging slopes."""
    notes = []
    if not found.converged:
        notes.append(
            f"the estimation did not converge in {found.n_evaluations} E-steps; estimates are those of the last one. "
            "Raise max_iterations, add priors, or simplify the model."
        )
    if se is not None and ok is False:
        notes.append(
            "the observed information matrix is not positive definite, so there are no standard errors: the model "
            "is not identified by these data, or the search stopped away from a maximum."
        )
    for slot, (group, item, name) in enumerate(layout.labels):
        if name[0] == "a" and name[1:].isdigit() and abs(found.x[slot]) > STEEPEST:
            notes.append(
                f"the slope of item {item!r} diverges ({found.x[slot]:.1f}{'' if group == 'all' else ' in ' + group}); "
                "the item separates persons perfectly or duplicates another one. Use a prior, for example "
                "priors={'a': LogNormal(0, 0.5)}."
            )
    return tuple(notes)
