"""Simulate answers of persons to ordered items."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from recoverymetrics.errors import ModelError, OptionError
from recoverymetrics.numerics.seeds import spawn
from recoverymetrics.simulate.kernel import answer, draw_theta, with_dif
from recoverymetrics.simulate.parameters import ItemParameters
from recoverymetrics.simulate.responsemodel import ResponseModel, correlation_matrix
from recoverymetrics.simulate.result import SimulatedResponses
from recoverymetrics.simulate.spec import DIF, Careless, Group, Missingness
from recoverymetrics.simulate.spoil import lost_answers, make_careless
from recoverymetrics.typing import FloatArray, IntArray, ObjectArray, Seed

ResidualPairs = Iterable[tuple[str, str, float]]


def simulate_responses(
    model: Any,
    n: int | None = None,
    *,
    groups: Sequence[Group] = (),
    dif: Sequence[DIF] = (),
    residual_correlations: ResidualPairs = (),
    missing: Missingness | None = None,
    careless: Careless | None = None,
    reverse: Sequence[str] = (),
    first_category: int | None = None,
    seed: Seed = None,
) -> SimulatedResponses:
    """Simulate answers from a fitted model or from explicit parameters.

    Parameters
    ----------
    model : ResponseModel or a fitted object
        ``irt_model(...)``, ``factor_model(...)``, or the result of ``fit_irt`` or of ``fit_cfa`` with ordered
        items.
    n : int, optional
        Persons in a single group: standard normal factors, or the first group of a fitted model. Give this or
        ``groups``; with neither, a fitted model is simulated for the groups and sizes of its data.
    groups : sequence of Group
        Populations with their sizes, factor means and variances.
    dif : sequence of DIF
        Items that work differently in some groups.
    residual_correlations : iterable of (item, item, correlation)
        Dependence beyond the factors (a Gaussian copula between the answers' residuals).
    missing : Missingness, optional
        How answers get lost; by default none does.
    careless : Careless, optional
        Persons who answer without reading; by default none does.
    reverse : sequence of str
        Items that are returned reverse keyed, as they would be in raw data.
    first_category : {0, 1}, optional
        Lowest category; by default 1, or the categories of the data of a fitted model.
    seed : int, numpy.random.Generator or None
        Source of the random numbers.

    Returns
    -------
    SimulatedResponses

    Raises
    ------
    OptionError
        Neither or both of ``n`` and ``groups``; a first category other than 0 or 1.
    ModelError
        Unknown items or groups, impossible residual correlations, parameters that do not fit.

    Examples
    --------
    >>> from recoverymetrics.simulate import irt_model
    >>> model = irt_model("graded", slopes=[1.5, 1.2], difficulties=[[-1, 0, 1], [-0.5, 0.5, 1.5]])
    >>> simulate_responses(model, 100, seed=1).responses.shape
    (100, 3)
    """
    spec = _response_model(model)
    populations = _populations(n, groups, spec.populations)
    items = spec.parameters.items
    _check_names(spec.parameters, populations, dif, reverse)
    if first_category not in (None, 0, 1):
        raise OptionError(f"first_category must be 0 or 1, not {first_category!r}.")
    pairs = tuple(residual_correlations)
    _check_pairs(pairs, items)
    streams = spawn(seed, 4)
    theta, answers = _draw(spec, populations, tuple(dif), pairs, streams[0], streams[1])
    labels = np.repeat(np.array([g.label for g in populations], dtype=object), [g.n for g in populations])
    raw = _key(answers, spec.parameters, reverse)
    counts = spec.parameters.n_categories.astype(np.int64)
    raw, kinds = make_careless(streams[2], raw, counts, careless or Careless(rate=0.0))
    frame = _frame(_categories(raw, spec, first_category), items, labels, missing, streams[3])
    truth = _truth(spec, populations, tuple(dif), pairs, reverse, kinds)
    return SimulatedResponses(frame, pd.DataFrame(theta, columns=list(spec.parameters.factors)), truth)


def _response_model(model: Any) -> ResponseModel:
    if isinstance(model, ResponseModel):
        return model
    from recoverymetrics.simulate.fitted import from_fitted

    return from_fitted(model)


def _populations(n: int | None, groups: Sequence[Group], fitted: tuple[Group, ...]) -> tuple[Group, ...]:
    groups = fitted if n is None and not groups else groups
    if (n is None) == (not groups):
        raise OptionError("give either n (one group) or groups=[Group(...), ...], and not both.")
    populations = tuple(groups)
    if n is not None:
        populations = (replace(fitted[0] if fitted else Group("all", 1), n=n),)
    labels = [g.label for g in populations]
    if len(set(labels)) < len(labels):
        raise OptionError(f"group {next(x for x in labels if labels.count(x) > 1)!r} is given twice.")
    return populations


def _check_names(
    parameters: ItemParameters, groups: tuple[Group, ...], dif: Sequence[DIF], reverse: Sequence[str]
) -> None:
    known = {group.label for group in groups}
    for item in [*(spec.item for spec in dif), *reverse]:
        if item not in parameters.items:
            raise ModelError(f"unknown item {item!r}; the items are {', '.join(parameters.items)}.")
    for spec in dif:
        for label in spec.groups:
            if label not in known:
                raise ModelError(f"DIF of item {spec.item!r} names group {label!r}, which is not simulated.")


def _check_pairs(pairs: tuple[tuple[str, str, float], ...], items: tuple[str, ...]) -> None:
    for first, second, _ in pairs:
        for item in (first, second):
            if item not in items:
                raise ModelError(f"residual_correlations name unknown item {item!r}.")


def _copula(
    pairs: tuple[tuple[str, str, float], ...], items: tuple[str, ...], fitted: FloatArray | None
) -> FloatArray | None:
    """Residual correlations of one group: those of the fitted model, with the pairs asked for set in."""
    if not pairs:
        return fitted
    R = np.eye(len(items)) if fitted is None else fitted.copy()
    for first, second, value in pairs:
        i, j = items.index(first), items.index(second)
        R[i, j] = R[j, i] = value
    return correlation_matrix(R, len(items), "the matrix of residual_correlations")


def _draw(
    spec: ResponseModel,
    groups: tuple[Group, ...],
    dif: tuple[DIF, ...],
    pairs: tuple[tuple[str, str, float], ...],
    theta_stream: np.random.Generator,
    answer_stream: np.random.Generator,
) -> tuple[FloatArray, IntArray]:
    thetas, answers = [], []
    items, m = spec.parameters.items, len(spec.parameters.factors)
    for group in groups:
        mean, variance = (_per_factor(group, name, m) for name in ("mean", "variance"))
        phi = correlation_matrix(group.correlations, m, f"correlations of group {group.label!r}")
        phi = spec.factor_correlations if group.correlations is None else phi
        theta = draw_theta(theta_stream, group.n, mean, variance, phi)
        thetas.append(theta)
        copula = _copula(pairs, items, spec.residuals.get(group.label))
        parameters = with_dif(spec.by_group.get(group.label, spec.parameters), dif, group.label)
        answers.append(answer(answer_stream, parameters, theta, copula))
    return np.concatenate(thetas), np.concatenate(answers)


def _per_factor(group: Group, name: str, m: int) -> FloatArray:
    values = np.asarray(getattr(group, name), dtype=float)
    if values.ndim and values.shape != (m,):
        raise ModelError(
            f"group {group.label!r}: {name} needs one value or {m} (one per factor), got {values.size}."
        )
    if name == "variance" and np.any(values < 0):
        raise ModelError(f"group {group.label!r}: a factor variance is negative.")
    return np.broadcast_to(values, (m,)).copy()


def _key(answers: IntArray, parameters: ItemParameters, reverse: Sequence[str]) -> IntArray:
    turned = np.isin(np.array(parameters.items), list(reverse))
    return np.where(turned, parameters.n_categories.astype(np.int64) - 1 - answers, answers)


def _categories(answers: IntArray, spec: ResponseModel, first: int | None) -> IntArray:
    """Turn codes 0 .. K - 1 into the values of the categories."""
    if first is not None or spec.categories is None:
        return answers + (1 if first is None else first)
    columns = [values.astype(np.int64)[code] for values, code in zip(spec.categories, answers.T, strict=True)]
    return np.column_stack(columns)


def _frame(
    answers: IntArray,
    items: tuple[str, ...],
    labels: ObjectArray,
    missing: Missingness | None,
    stream: np.random.Generator,
) -> pd.DataFrame:
    frame = pd.DataFrame(answers, columns=list(items)).astype("Int64")
    if missing is not None:
        frame = frame.mask(lost_answers(stream, items, labels, missing))
    frame.insert(0, "group", labels)
    return frame


def _truth(
    spec: ResponseModel,
    groups: tuple[Group, ...],
    dif: tuple[DIF, ...],
    pairs: tuple[tuple[str, str, float], ...],
    reverse: Sequence[str],
    kinds: ObjectArray,
) -> dict[str, Any]:
    parameters, m = spec.parameters, len(spec.parameters.factors)
    return {
        "model": spec.name,
        "factors": list(parameters.factors),
        "items": {
            item: {
                "slopes": parameters.slopes[j].tolist(),
                "intercepts": parameters.intercepts[j][~np.isnan(parameters.intercepts[j])].tolist(),
            }
            for j, item in enumerate(parameters.items)
        },
        "factor_correlations": spec.factor_correlations.tolist(),
        "groups": {
            g.label: {"n": g.n, **{key: _per_factor(g, key, m).tolist() for key in ("mean", "variance")}}
            for g in groups
        },
        "dif": [
            {"item": d.item, "kind": d.kind, "groups": list(d.groups), "shift": d.shift, "slope": d.slope}
            for d in dif
        ],
        "residual_correlations": [[a, b, float(r)] for a, b, r in pairs],
        "reverse": list(reverse),
        "careless": {int(row): str(kinds[row]) for row in np.flatnonzero(kinds != "")},
    }
