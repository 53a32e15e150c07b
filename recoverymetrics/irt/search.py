"""The way from starting values to the maximum, and the covariance matrix there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from recoverymetrics.errors import ModelError
from recoverymetrics.irt.adaptive import maximise_adaptive, starting_problem
from recoverymetrics.irt.adaptive_information import adaptive_information
from recoverymetrics.irt.information import cross_product_information, observed_information
from recoverymetrics.irt.layout import Layout
from recoverymetrics.irt.likelihood import Problem
from recoverymetrics.irt.priors import Prior, PriorTerm
from recoverymetrics.irt.responses import CodedResponses
from recoverymetrics.irt.result import IRTResult
from recoverymetrics.irt.second_order import ProportionalProblem
from recoverymetrics.irt.spec import IRTSpec, QuasiMonteCarlo, make_coarse_nodes, make_nodes
from recoverymetrics.irt.starts import ordered_start, starting_values
from recoverymetrics.numerics.em_accelerated import Maximum, maximise, solve_information
from recoverymetrics.typing import FloatArray

Objective: TypeAlias = Problem | ProportionalProblem

WORTHWHILE = 100_000
"""Patterns times nodes from which a first climb on coarse nodes pays."""
ROUGH = 1e-3
"""Gain in log-likelihood per 5,000 persons at which the climb on coarse nodes ends; single precision sees no less."""
NEARLY = 1e-6
"""Gain per 5,000 persons at which single precision hands over to double."""
SINGLE = 1e-8
"""Relative rounding error of a log-likelihood summed over persons whose own are in single precision."""
ROUGH_EVALUATIONS = 40
"""Most E-steps on coarse nodes, and in single precision."""


def search(
    task: Objective, start: FloatArray, spec: IRTSpec, tolerance: float, max_iterations: int
) -> Maximum:
    """Climb to the maximum, where it is cheaper on coarse nodes first and in single precision next."""
    inner = task if isinstance(task, Problem) else task.inner
    work = sum(p.responses.n for p in inner.patterns) * inner.theta.shape[0]
    if work < WORTHWHILE:
        return maximise(task, start, tolerance=tolerance, max_evaluations=max_iterations)
    persons = max(1.0, sum(float(p.responses.weights.sum()) for p in inner.patterns) / 5000)
    coarse = make_coarse_nodes(spec.quadrature, spec.structure)
    stages = [(task.single(), max(NEARLY * persons, tolerance))]
    if coarse is not None:
        stages.insert(0, (task.coarse(*coarse), max(ROUGH * persons, tolerance)))
    at, calls, memory = start, 0, None
    for stage, gain in stages:
        limit = min(max_iterations, ROUGH_EVALUATIONS)
        found = maximise(stage, at, tolerance=gain, max_evaluations=limit, memory=memory, noise=SINGLE)
        calls += found.n_evaluations
        if np.isfinite(found.point.value):
            at, memory = found.x, found.memory
    found = maximise(task, at, tolerance=tolerance, max_evaluations=max_iterations, memory=memory)
    return replace(found, n_evaluations=calls + found.n_evaluations)


def search_adaptive(
    task: Problem, start: FloatArray, spec: IRTSpec, tolerance: float, max_iterations: int
) -> tuple[Maximum, FloatArray | None, bool | None]:
    """A rough climb on a thousand quasi-random points, then points that follow each person's posterior."""
    nodes, _ = make_nodes(QuasiMonteCarlo(1024), spec.structure)
    rough = maximise(task.coarse(nodes), start, tolerance=0.1, max_evaluations=ROUGH_EVALUATIONS)
    begin = rough.x if np.isfinite(rough.point.value) else start
    problem = starting_problem(task.layout, task.patterns, task.adaptive, begin, task.priors)
    found, problem = maximise_adaptive(problem, begin, tolerance, max_iterations)
    found = replace(found, n_evaluations=found.n_evaluations + rough.n_evaluations)
    if spec.se is None:
        return found, None, None
    information, cross = adaptive_information(problem, found.x)
    identity = np.eye(found.x.size)
    if spec.se == "crossprod":
        return found, solve_information(cross, identity), _positive(cross)
    if not _positive(information):
        return found, np.full_like(information, np.nan), False
    inverse = solve_information(information, identity)
    return found, inverse @ cross @ inverse if spec.se == "sandwich" else inverse, True


def initial(layout: Layout, coded: CodedResponses, start: IRTResult | FloatArray | None) -> FloatArray:
    """Starting values: given, taken over by name from an earlier fit, or from the data."""
    if start is None:
        return ordered_start(layout, starting_values(layout, coded))
    if isinstance(start, IRTResult):
        return ordered_start(layout, warm_start(layout, start, starting_values(layout, coded)))
    try:
        values = np.asarray(start, dtype=float).ravel()
    except (TypeError, ValueError):
        raise ModelError("start= takes an earlier IRTResult or one number per free parameter.") from None
    if values.size != layout.n_free:
        raise ModelError(f"start= has {values.size} values, the model has {layout.n_free} free parameters.")
    return ordered_start(layout, values)


def allowed_start(task: Problem, x: FloatArray) -> FloatArray:
    """Starting values that the priors allow (a slope with a lognormal prior is positive); refused when there are none."""
    x = x.copy()
    for term in task.priors:
        if not np.isfinite(term.density.derivatives(float(x[term.slot]))[0]):
            x[term.slot] = 1.0
    if not np.isfinite(x).all():
        raise ModelError("start= holds values that are not finite; give one number per free parameter.")
    return x


def warm_start(layout: Layout, earlier: IRTResult, fallback: FloatArray) -> FloatArray:
    """Values of an earlier fit by group, item and parameter name."""
    old = earlier.calibration.problem.layout
    extended = old.extend(earlier.x)
    known = {(old.groups[g], old.items[j], name): extended[slot] for g, j, name, slot in old.cells()}
    for g, label in enumerate(old.groups):
        known |= {
            (label, "", name): extended[s] for name, s in zip(old.latent_names(), old.latent[g], strict=True)
        }
        known |= {(label, "", name): extended[s] for name, s in old.regression_cells()}
    x = fallback.copy()
    for k, (group, item, name) in enumerate(layout.labels):
        label = layout.groups[0] if group == "all" else group
        x[k] = known.get((label, item, name), x[k])
    return x


def prior_terms(layout: Layout, priors: Mapping[str, Prior]) -> tuple[PriorTerm, ...]:
    """Attach priors to free parameters by ``"parameter"`` or ``"item.parameter"``; ``a`` means every slope.

    A parameter that several items share takes one prior, by the name of any of them.
    """
    keys: dict[int, tuple[list[str], list[str]]] = {}
    for _, j, name, slot in layout.cells():
        if slot < layout.n_free:
            own, general = keys.setdefault(slot, ([], []))
            names = [name, *({"logit_g": ["g"], "logit_u": ["u"]}.get(name, []))]
            own += [f"{layout.items[j]}.{n}" for n in names]
            general += names + (["a"] if name[0] == "a" and name[1:].isdigit() else [])
    terms, used = [], set()
    for slot, (own, general) in sorted(keys.items()):
        named = list(dict.fromkeys(key for key in own if key in priors))
        if len({priors[key] for key in named}) > 1:
            raise ModelError(f"{' and '.join(map(repr, named))} are one parameter; give it one prior.")
        used |= {*named, *(key for key in general if key in priors)}
        terms += [PriorTerm(slot, priors[key]) for key in [*named, *general] if key in priors][:1]
    unused = [key for key in priors if key not in used]
    if unused:
        raise ModelError(
            f"the prior for {unused[0]!r} fits no free parameter; write 'parameter' or 'item.parameter'."
        )
    return tuple(terms)


def log_prior(problem: Problem, x: FloatArray) -> float:
    """Sum of the log prior densities."""
    return float(sum(term.density.derivatives(x[term.slot])[0] for term in problem.priors))


def observed(task: Objective, x: FloatArray) -> FloatArray:
    """Observed information in the coordinates of the search."""
    if isinstance(task, Problem):
        return observed_information(task, x)
    inner, J = task.products.expand(x), task.products.jacobian(x)
    bent = task.products.curvature(task.inner(inner).gradient)
    value: FloatArray = J.T @ observed_information(task.inner, inner) @ J - bent
    return value


def crossed(task: Objective, x: FloatArray) -> FloatArray:
    """Cross-product of casewise scores in the coordinates of the search."""
    if isinstance(task, Problem):
        return cross_product_information(task, x)
    J = task.products.jacobian(x)
    value: FloatArray = J.T @ cross_product_information(task.inner, task.products.expand(x)) @ J
    return value


def with_covariance(
    task: Objective, found: Maximum, se: str | None
) -> tuple[Maximum, FloatArray | None, bool | None]:
    """Covariance matrix of the estimates; a Newton step with the observed information sharpens them first."""
    if se is None:
        return found, None, None
    if se == "crossprod":
        information = crossed(task, found.x)
        return found, solve_information(information, np.eye(found.x.size)), _positive(information)
    information = observed(task, found.x)
    if not _positive(information):
        return found, np.full_like(information, np.nan), False
    inverse = solve_information(information, np.eye(found.x.size))
    step = inverse @ found.point.gradient
    if float(np.abs(step).max()) < 0.05:
        trial = task(found.x + step)
        if trial.value >= found.point.value - 1e-9 * abs(found.point.value):
            found = replace(found, x=found.x + step, point=trial, n_evaluations=found.n_evaluations + 1)
    if se == "sandwich":
        return found, inverse @ crossed(task, found.x) @ inverse, True
    return found, inverse, True


def search_proportional(
    task: Problem, start: FloatArray, spec: IRTSpec, tolerance: float, max_iterations: int
) -> tuple[Maximum, FloatArray | None, bool | None]:
    """Climb in the coordinates of a second-order model; estimates and covariances of the bifactor slopes."""
    if task.products is None:
        raise TypeError("the problem has no proportional slopes")
    products = task.products
    outer = ProportionalProblem(task, products)
    found = search(outer, products.restrict(start), spec, tolerance, max_iterations)
    found, covariance, ok = with_covariance(outer, found, spec.se)
    J = products.jacobian(found.x)
    spread = None if covariance is None else J @ covariance @ J.T
    return replace(found, x=products.expand(found.x)), spread, ok


def _positive(information: FloatArray) -> bool:
    if not np.isfinite(information).all():
        return False
    scale = np.sqrt(np.maximum(np.diag(information), 1e-300))
    return bool(np.linalg.eigvalsh(information / np.outer(scale, scale))[0] > 1e-8)
