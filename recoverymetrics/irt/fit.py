"""``fit_irt``: from responses to a calibrated model."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from recoverymetrics.errors import DataError, EstimationWarning, ModelError, OptionError
from recoverymetrics.instrument.frame import read_items
from recoverymetrics.irt.adaptive import cross_product, maximise_adaptive, starting_problem
from recoverymetrics.irt.calibration import Calibration
from recoverymetrics.irt.histogram import maximise_with_histogram
from recoverymetrics.irt.information import cross_product_information, observed_information
from recoverymetrics.irt.layout import Layout, build_layout
from recoverymetrics.irt.likelihood import Problem
from recoverymetrics.irt.priors import Prior, PriorTerm
from recoverymetrics.irt.responses import CodedResponses, code_responses, collapse
from recoverymetrics.irt.result import IRTResult
from recoverymetrics.irt.spec import (
    DENSITIES,
    AdaptiveQuadrature,
    IRTSpec,
    Quadrature,
    QuasiMonteCarlo,
    Rule,
    check_choices,
    make_coarse_nodes,
    make_nodes,
    make_restrictions,
    model_names,
    resolve_quadrature,
)
from recoverymetrics.irt.starts import starting_values
from recoverymetrics.irt.structure import Bifactor, Structure, read_structure
from recoverymetrics.numerics.em_accelerated import Maximum, maximise, solve_information
from recoverymetrics.numerics.threads import single_thread
from recoverymetrics.typing import FloatArray, GroupSpec, IntoFrame, Seed

WORTHWHILE = 100_000
"""Patterns times nodes from which a first climb on coarse nodes pays."""
ROUGH = 1e-3
"""Gain in log-likelihood per 5,000 persons at which the climb on coarse nodes ends; single precision sees no less."""
ROUGH_EVALUATIONS = 40
"""Most E-steps on coarse nodes."""
STEEPEST = 25.0
"""A slope beyond this is reported as diverging."""


def fit_irt(
    data: IntoFrame,
    model: str | Mapping[str, str] = "graded",
    *,
    structure: str | Bifactor | Structure | None = None,
    n_factors: int = 1,
    items: Sequence[str] | None = None,
    group: GroupSpec = None,
    equal: Collection[str] | str = (),
    free: Collection[str] | str = ("means", "variances"),
    partial: Collection[str] | str = (),
    fixed: Mapping[str, float] | None = None,
    constrain: Sequence[Collection[str]] = (),
    quadrature: int | Rule = 61,
    estimator: str = "em",
    se: str | None = "oakes",
    density: str = "normal",
    priors: Mapping[str, Prior] | None = None,
    weights: FloatArray | Sequence[float] | None = None,
    start: IRTResult | FloatArray | None = None,
    seed: Seed = None,
    tolerance: float = 1e-7,
    max_iterations: int = 500,
) -> IRTResult:
    r"""Calibrate an item response model by marginal maximum likelihood.

    Parameters
    ----------
    data : DataFrame, Responses, mapping or 2-D array
        One row per person, one column per item; missing responses are kept and contribute nothing.
    model : str or mapping of item to str, default "graded"
        ``"rasch"``, ``"1pl"``, ``"2pl"``, ``"3pl"``, ``"4pl"``, ``"graded"``, ``"gpcm"``, ``"pcm"``, ``"rsm"``,
        ``"nominal"``, ``"sequential"``, ``"grsm"`` (graded rating scale); a mapping mixes formats. Rasch, pcm and rsm fix slopes at one and free
        the latent variance.
    structure : str, Bifactor or None
        lavaan measurement lines (``"f1 =~ i1 + i2"``; factors are correlated unless ``"f1 ~~ 0*f2"``), or a
        bifactor or two-tier structure. None is one factor, or an exploratory model with ``n_factors``.
    n_factors : int, default 1
        Number of factors of an exploratory model.
    items : sequence of str, optional
        Item columns; by default all but ``group``.
    group : str or array-like, optional
        Groups. The first one has mean 0 and variance 1.
    equal : collection of str, default ()
        What is equal across groups: ``"slopes"``, ``"intercepts"``, and names of items that are anchors (all
        their parameters equal). With the default nothing is equal: each group is calibrated on its own N(0, 1).
    free : collection of str, default ("means", "variances")
        Latent moments of the later groups that are estimated, as far as something in ``equal`` identifies
        them: means need equal intercepts, variances equal slopes (of one item at least).
    partial : collection of str, default ()
        Items (``"i4"``) or parameters (``"i4.a1"``) that differ between groups in spite of ``equal``.
    fixed : mapping, optional
        Parameters held at values, ``{"i1.a1": 1.2, "i1.d1": 0.3}`` (slope-intercept form): fixed-parameter
        calibration. See ``IRTResult.fixed_values``.
    constrain : sequence of sets, optional
        Sets of ``"item.parameter"`` that share one value.
    quadrature : int, Quadrature, QuasiMonteCarlo or AdaptiveQuadrature, default 61
        Nodes per dimension over [-6, 6]. With the default, two dimensions take 25, three 17, more take
        adaptive quadrature (every item on one factor) or quasi-random points.
    estimator : {"em", "qmcem"}, default "em"
        Fixed quadrature, or quasi-Monte Carlo nodes. Both are EM-gradient steps with quasi-Newton
        acceleration on the marginal likelihood.
    se : {"oakes", "crossprod", "sandwich"} or None, default "oakes"
        Standard errors from the observed information (Oakes identity), the cross-product of casewise scores,
        or both. With adaptive quadrature always the cross-product.
    density : {"normal", "empirical"}, default "normal"
        Latent density: normal, or a histogram on the nodes estimated with the items (one factor, one group).
        Standard errors treat the histogram as known.
    priors : mapping, optional
        ``{"logit_g": Normal(-1.5, 0.5), "i3.a1": LogNormal(0, 0.5)}``.
    weights : array-like, optional
        Sampling weight of each person. Use ``se="sandwich"`` with them.
    start : IRTResult or ndarray, optional
        Warm start: parameters of an earlier fit are taken over by name wherever they exist. This makes
        re-fitting with one more constraint or one item freed (likelihood-ratio DIF sweeps) a matter of a few
        E-steps; ``IRTResult.refit`` also keeps the coded data.
    seed : int or Generator, optional
        Unused by deterministic estimators; accepted for symmetry.
    tolerance : float, default 1e-7
        Stop when the log-likelihood can gain no more than this.
    max_iterations : int, default 500
        Most E-steps.

    Returns
    -------
    IRTResult

    Raises
    ------
    DataError
        Items without variation, categories that nobody used in a group where they would be estimated.
    ModelError
        Structures that cannot be read or are not identified.
    OptionError
        Unknown option values.

    References
    ----------
    Bock RD, Aitkin M (1981). Psychometrika 46:443-459. Chalmers RP (2018). Br J Math Stat Psychol 71:415-436.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> theta = rng.standard_normal(400)
    >>> data = (theta[:, None] + rng.logistic(size=(400, 5)) > 0).astype(int)
    >>> fit_irt(data, "2pl", se=None).converged
    True
    """
    record = read_items(data, items=items, group=group)
    name, kind = check_choices(estimator, se)
    resolved = read_structure(structure, record.items, n_factors)
    rule = resolve_quadrature(quadrature, resolved, name)
    spec = IRTSpec(
        models=model_names(model, record.items),
        structure=resolved,
        rules=make_restrictions(equal, partial, free, fixed, constrain),
        quadrature=rule,
        estimator=name,
        se="crossprod" if kind and isinstance(rule, AdaptiveQuadrature) else kind,
        density=check_density(density, resolved, record.groups),
        priors=dict(priors or {}),
        group=group if isinstance(group, str) else None,
    )
    coded = code_responses(record, weights=None if weights is None else np.asarray(weights, dtype=float))
    notes = check_variation(coded)
    return calibrate(
        spec, coded, start=start, tolerance=tolerance, max_iterations=max_iterations, notes=notes
    )


def calibrate(
    spec: IRTSpec,
    coded: CodedResponses,
    *,
    problem: Problem | None = None,
    start: IRTResult | FloatArray | None = None,
    tolerance: float = 1e-7,
    max_iterations: int = 500,
    notes: tuple[str, ...] = (),
) -> IRTResult:
    """Estimate a resolved specification on coded responses; ``problem`` of an earlier fit saves the coding."""
    layout = build_layout(
        coded.items, coded.n_categories, coded.groups, spec.choices, spec.structure, spec.rules
    )
    notes = (*notes, *check_usage(layout, coded, spec))
    nodes, specific = make_nodes(spec.quadrature, spec.structure)
    patterns = collapse(coded) if problem is None else problem.patterns
    task = Problem(layout, patterns, nodes, specific, prior_terms(layout, spec.priors))
    first = initial(layout, coded, start)
    with single_thread():
        if isinstance(spec.quadrature, AdaptiveQuadrature):
            task = replace(task, adaptive=spec.quadrature.n)
            found, covariance, ok = search_adaptive(task, first, spec, tolerance, max_iterations)
        else:
            found = search(task, first, spec, tolerance, max_iterations)
            if spec.density == "empirical":
                found, task = maximise_with_histogram(task, found, tolerance)
            found, covariance, ok = with_covariance(task, found, spec.se)
    notes = (*notes, *_complaints(layout, found, ok, spec.se), *_truncated(layout, found.x, spec))
    for note in notes:
        warnings.warn(note, EstimationWarning, stacklevel=3)
    return IRTResult(
        calibration=Calibration(spec, coded, task),
        x=found.x,
        covariance=covariance,
        loglik=found.point.value - log_prior(task, found.x),
        log_prior=log_prior(task, found.x),
        n_evaluations=found.n_evaluations,
        stopped=found.converged,
        information_positive=ok,
        notes=notes,
    )


def check_density(density: str, structure: Structure, groups: Sequence[str]) -> str:
    """Validate the latent density."""
    name = str(density).lower()
    if name not in DENSITIES:
        raise OptionError(f"unknown density {density!r}; choose one of {', '.join(DENSITIES)}.")
    if name == "empirical" and (len(structure.factors) > 1 or len(groups) > 1):
        raise OptionError("the empirical histogram is for one factor and one group.")
    return name


def search(task: Problem, start: FloatArray, spec: IRTSpec, tolerance: float, max_iterations: int) -> Maximum:
    """Climb on coarse nodes in single precision first where that is cheaper, then on the nodes asked for."""
    coarse = make_coarse_nodes(spec.quadrature, spec.structure)
    work = sum(p.responses.n for p in task.patterns) * task.theta.shape[0]
    if coarse is None or work < WORTHWHILE:
        return maximise(task, start, tolerance=tolerance, max_evaluations=max_iterations)
    persons = sum(float(p.responses.weights.sum()) for p in task.patterns)
    rough = maximise(
        task.coarse(*coarse),
        start,
        tolerance=max(ROUGH * max(1.0, persons / 5000), tolerance),
        max_evaluations=min(max_iterations, ROUGH_EVALUATIONS),
    )
    if not np.isfinite(rough.point.value):
        return maximise(task, start, tolerance=tolerance, max_evaluations=max_iterations)
    fine = maximise(task, rough.x, tolerance=tolerance, max_evaluations=max_iterations, memory=rough.memory)
    return replace(fine, n_evaluations=fine.n_evaluations + rough.n_evaluations)


def search_adaptive(
    task: Problem, start: FloatArray, spec: IRTSpec, tolerance: float, max_iterations: int
) -> tuple[Maximum, FloatArray | None, bool | None]:
    """A rough climb on a thousand quasi-random points, then adaptive quadrature; cross-product standard errors."""
    nodes, _ = make_nodes(QuasiMonteCarlo(1024), spec.structure)
    rough = maximise(task.coarse(nodes), start, tolerance=0.1, max_evaluations=ROUGH_EVALUATIONS)
    begin = rough.x if np.isfinite(rough.point.value) else start
    problem = starting_problem(task.layout, task.patterns, task.adaptive, begin, task.priors)
    found, problem = maximise_adaptive(problem, begin, tolerance, max_iterations)
    found = replace(found, n_evaluations=found.n_evaluations + rough.n_evaluations)
    if spec.se is None:
        return found, None, None
    information = cross_product(problem, found.x)
    return found, solve_information(information, np.eye(found.x.size)), _positive(information)


def initial(layout: Layout, coded: CodedResponses, start: IRTResult | FloatArray | None) -> FloatArray:
    """Starting values: given, taken over by name from an earlier fit, or from the data."""
    if isinstance(start, IRTResult):
        return warm_start(layout, start, starting_values(layout, coded))
    if start is None:
        return starting_values(layout, coded)
    values = np.asarray(start, dtype=float).ravel()
    if values.size != layout.n_free:
        raise ModelError(f"start= has {values.size} values, the model has {layout.n_free} free parameters.")
    return values


def warm_start(layout: Layout, earlier: IRTResult, fallback: FloatArray) -> FloatArray:
    """Values of an earlier fit by group, item and parameter name."""
    old = earlier.calibration.problem.layout
    extended = old.extend(earlier.x)
    known = {(old.groups[g], old.items[j], name): extended[slot] for g, j, name, slot in old.cells()}
    for g, label in enumerate(old.groups):
        known |= {
            (label, "", name): extended[s] for name, s in zip(old.latent_names(), old.latent[g], strict=True)
        }
    x = fallback.copy()
    for k, (group, item, name) in enumerate(layout.labels):
        label = layout.groups[0] if group == "all" else group
        x[k] = known.get((label, item, name), x[k])
    return x


def prior_terms(layout: Layout, priors: Mapping[str, Any]) -> tuple[PriorTerm, ...]:
    """Attach priors to free parameters by ``"parameter"`` or ``"item.parameter"``; ``a`` means every slope."""
    terms, used = [], set()
    for slot, (_, item, name) in enumerate(layout.labels):
        aliases = {"logit_g": "g", "logit_u": "u"}
        keys = [f"{item}.{name}", f"{item}.{aliases.get(name, name)}", name, aliases.get(name, name)]
        keys += ["a"] if name[0] == "a" and name[1:].isdigit() else []
        for key in keys:
            if item and key in priors:
                terms.append(PriorTerm(slot, priors[key]))
                used.add(key)
                break
    unused = [key for key in priors if key not in used]
    if unused:
        raise ModelError(
            f"the prior for {unused[0]!r} fits no free parameter; write 'parameter' or 'item.parameter'."
        )
    return tuple(terms)


def log_prior(problem: Problem, x: FloatArray) -> float:
    """Sum of the log prior densities."""
    return float(sum(term.density.derivatives(x[term.slot])[0] for term in problem.priors))


def with_covariance(
    problem: Problem, found: Maximum, se: str | None
) -> tuple[Maximum, FloatArray | None, bool | None]:
    """Covariance matrix of the estimates; a Newton step with the observed information sharpens them first."""
    if se is None:
        return found, None, None
    if se == "crossprod":
        information = cross_product_information(problem, found.x)
        return found, solve_information(information, np.eye(found.x.size)), _positive(information)
    information = observed_information(problem, found.x)
    positive = _positive(information)
    if not positive:
        return found, np.full_like(information, np.nan), False
    inverse = solve_information(information, np.eye(found.x.size))
    step = inverse @ found.point.gradient
    if float(np.abs(step).max()) < 0.05:
        trial = problem(found.x + step)
        if trial.value >= found.point.value - 1e-9 * abs(found.point.value):
            found = replace(found, x=found.x + step, point=trial, n_evaluations=found.n_evaluations + 1)
    if se == "sandwich":
        meat = cross_product_information(problem, found.x)
        return found, inverse @ meat @ inverse, True
    return found, inverse, True


def _positive(information: FloatArray) -> bool:
    scale = np.sqrt(np.maximum(np.diag(information), 1e-300))
    return bool(np.linalg.eigvalsh(information / np.outer(scale, scale))[0] > 1e-8)


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
            listed = ", ".join(map(str, gaps))
            notes.append(
                f"nobody used category {listed} of item {item!r}; it is calibrated on the categories used "
                f"({', '.join(f'{v:g}' for v in values)})."
            )
    return tuple(notes)


def check_usage(layout: Layout, coded: CodedResponses, spec: IRTSpec) -> tuple[str, ...]:
    """Categories that nobody used in a group: an error where their parameters are estimated there alone."""
    if len(coded.groups) == 1:
        return ()
    usage, notes = coded.usage(), []
    for g, j, k in zip(*np.nonzero(usage == 0), strict=True):
        item, label, value = coded.items[j], coded.groups[g], coded.categories[j][k]
        alone = [
            m for m in range(len(coded.groups)) if np.array_equal(layout.place[m, j], layout.place[g, j])
        ]
        where = f"nobody in group {label!r} used category {value:g} of item {item!r}"
        if len(alone) == 1 and not _intercepts_shared(layout, g, int(j)):
            raise DataError(
                f"{where}, so its intercepts cannot be estimated in that group; hold them equal "
                f"(equal='intercepts' or equal=[{item!r}]), merge categories before the call, or leave the group out."
            )
        notes.append(f"{where}; its parameters come from the other groups.")
    return tuple(notes)


def _intercepts_shared(layout: Layout, g: int, j: int) -> bool:
    b, r = layout.place[g, j]
    batch = layout.batches[b]
    m = batch.factors.shape[1]
    own = set(batch.slots[r, m:].tolist())
    others = [layout.batches[bb].slots[rr, m:] for bb, rr in np.delete(layout.place[:, j], g, axis=0)]
    return own <= set(np.concatenate(others).tolist()) or min(own) >= layout.n_free


def _truncated(layout: Layout, x: FloatArray, spec: IRTSpec) -> tuple[str, ...]:
    """Latent densities that reach beyond the nodes."""
    if not isinstance(spec.quadrature, Quadrature):
        return ()
    low, high = spec.quadrature.limits
    notes = []
    for g, label in enumerate(layout.groups):
        mean, cov = layout.moments(layout.extend(x), g)
        reach = 3.0 * np.sqrt(np.diag(cov))
        if (mean - reach < low).any() or (mean + reach > high).any():
            notes.append(
                f"the latent density of group {label!r} reaches beyond the nodes ({low:g} to {high:g}); refit with wider "
                f"ones, for example quadrature=Quadrature(n=121, limits=({2 * low:g}, {2 * high:g}))."
            )
    return tuple(notes)


def _complaints(layout: Layout, found: Maximum, ok: bool | None, se: str | None) -> tuple[str, ...]:
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
