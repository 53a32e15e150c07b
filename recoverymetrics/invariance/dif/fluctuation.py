"""Score-based DIF tests along a variable: age, or ordered categories (Strobl, Kopf & Zeileis 2015; Schneider et al. 2022).

The casewise scores of an item's parameters, summed in the order of the variable, wander like a Brownian bridge when
the item works alike everywhere. The latent mean and variance may differ along the variable: persons are cut into
classes along it, every class has its own normal distribution, and what the items' scores share with the scores of
these moments is taken out class by class. Without that, any difference between young and old would look like DIF.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit

from recoverymetrics.errors import DataError, EstimationWarning
from recoverymetrics.instrument.frame import ItemData
from recoverymetrics.invariance.dif.data import DIFData
from recoverymetrics.invariance.dif.irt import latent_moments, read_item
from recoverymetrics.invariance.dif.lasso import read_persons
from recoverymetrics.invariance.dif.spec import ScoreBased
from recoverymetrics.invariance.dif.sweep import Sweep
from recoverymetrics.irt import fit_irt
from recoverymetrics.numerics.em import OneHot, node_posterior
from recoverymetrics.numerics.fluctuation import FluctuationKind, FluctuationTest, fluctuation_test
from recoverymetrics.numerics.ordinal_logistic_lasso import GroupEffects, category_log_probabilities
from recoverymetrics.typing import BoolArray, FloatArray, IntArray

CLASS_SIZE = 150
"""Persons per class along the variable, about."""
MOST_CLASSES = 10
"""Most classes along the variable."""
FEW_VALUES = 12
"""Up to so many distinct values count as ordered categories."""


@dataclass(frozen=True)
class Calibration:
    """Items equal for everybody, classes with their own latent distributions.

    Attributes
    ----------
    columns : ndarray of int
        Items that were calibrated.
    parameters : tuple of ndarray
        Slope and intercepts of each.
    moments : ndarray, shape (2, C)
        Mean and variance of each class.
    converged : bool
        Whether the calibration converged.
    """

    columns: IntArray
    parameters: tuple[FloatArray, ...]
    moments: FloatArray
    converged: bool


def classes_along(variable: FloatArray, within: IntArray) -> IntArray:
    """Class of each person: quantiles of the variable inside each group; small groups of few values are kept whole."""
    labels = np.zeros(variable.size, dtype=np.int64)
    following = 0
    for g in np.unique(within):
        rows = np.flatnonzero(within == g)
        n = int(np.clip(rows.size // CLASS_SIZE, 1, MOST_CLASSES))
        edges = np.unique(np.quantile(variable[rows], np.linspace(0, 1, n + 1)[1:-1]))
        own = np.searchsorted(edges, variable[rows], side="left")
        _, own = np.unique(own, return_inverse=True)
        labels[rows] = following + own
        following += int(own.max()) + 1
    return labels


def sweep_scores(
    data: DIFData, classes: IntArray, variable: FloatArray, anchors: BoolArray, spec: ScoreBased
) -> tuple[Sweep, tuple[FluctuationTest, ...]]:
    """Test every item along the variable, calibrated with the anchor items of its scale.

    Parameters
    ----------
    data : DIFData
        Responses.
    classes : ndarray of int, shape (n,)
        Class of each person with its own latent mean and variance.
    variable : ndarray, shape (n,)
        Variable that orders the persons.
    anchors : ndarray of bool, shape (p,)
        Items taken as equal everywhere; another item is tested together with them.
    spec : ScoreBased
        Options.
    """
    p = len(data.items)
    kind = resolve_kind(spec, variable)
    tests: dict[int, FluctuationTest] = {}
    effect, signed, converged = np.full(p, np.nan), np.full(p, np.nan), np.ones(p, dtype=bool)
    for scale in range(len(data.scale_names)):
        members = np.flatnonzero(data.scale_of == scale)
        kept = members[anchors[members]]
        base = calibrate_along(data, classes, kept)
        for j in members.tolist():
            fit = base if anchors[j] else calibrate_along(data, classes, np.append(kept, j))
            scores, expected = item_scores(data, classes, fit, j)
            rows = data.answered[:, j]
            try:
                tests[j] = fluctuation_test(scores[rows], variable[rows], kind=kind, trim=spec.trim)
            except DataError as error:
                raise DataError(f"item {data.items[j]!r} cannot be tested: {error}") from error
            signed[j], effect[j] = _sizes(data, j, variable, expected, tests[j].cut)
            converged[j] = fit.converged
    ordered = tuple(tests[j] for j in range(p))
    sweep = Sweep(
        statistic=np.array([test.statistic for test in ordered]),
        df=np.array([float(test.n_parameters) for test in ordered]),
        p_value=np.array([test.p_value for test in ordered]),
        effect=effect,
        n=data.answered.sum(axis=0).astype(float),
        converged=converged,
        columns={"cut": np.array([test.cut for test in ordered]), "signed_difference": signed},
    )
    return sweep, ordered


def resolve_kind(spec: ScoreBased, variable: FloatArray) -> FluctuationKind:
    """The statistic asked for; ``auto`` looks at how many values the variable has."""
    if spec.statistic != "auto":
        return spec.statistic
    return "ordered_max_lm" if np.unique(variable).size <= FEW_VALUES else "max_lm"


def calibrate_along(data: DIFData, classes: IntArray, columns: IntArray) -> Calibration:
    """Graded model with equal items and a latent distribution for every class."""
    labels = np.array([f"c{c:04d}" for c in range(int(classes.max()) + 1)], dtype=object)
    record = ItemData(
        data.scores[:, columns], tuple(data.items[j] for j in columns), labels[classes], tuple(labels)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EstimationWarning)
        fit = fit_irt(record, "graded", equal=("slopes", "intercepts"), se=None, tolerance=1e-5)
    parameters = tuple(read_item(fit, data.items[j]).values[0] for j in columns)
    return Calibration(np.asarray(columns), parameters, latent_moments(fit), fit.converged)


def item_scores(
    data: DIFData, classes: IntArray, fit: Calibration, item: int
) -> tuple[FloatArray, FloatArray]:
    """Casewise scores of one item's parameters without what the classes' moments explain; expected item scores.

    Returns
    -------
    scores : ndarray, shape (n, q)
        Derivatives of each person's marginal log-likelihood; zero where the item was not answered.
    expected : ndarray, shape (n,)
        Expected item score given the person's other answers.
    """
    grouped = replace(data, group=classes, groups=tuple(str(c) for c in range(int(classes.max()) + 1)))
    persons = read_persons(grouped, fit.columns, 61)
    tables = category_log_probabilities(_common_items(fit), persons.theta)[0]
    p, k, q = tables.shape
    row = int(np.flatnonzero(fit.columns == item)[0])
    derivatives = graded_derivatives(fit.parameters[row], persons.theta)
    points = np.arange(derivatives.shape[0]) @ np.exp(tables[row, : derivatives.shape[0]])
    scores, expected = np.zeros((data.scores.shape[0], derivatives.shape[1])), np.zeros(data.scores.shape[0])
    for c, group in enumerate(persons.groups):
        rows = np.flatnonzero(classes == c)
        prior = -0.5 * (persons.theta - fit.moments[0, c]) ** 2 / fit.moments[1, c]
        posterior, rest = _posteriors(group, tables.reshape(p * k, q), tables[row], prior, row)
        raw = np.zeros((rows.size, derivatives.shape[1]))
        code = group.codes[:, row]
        for category in range(derivatives.shape[0]):
            own = code == category
            raw[own] = posterior[own] @ derivatives[category].T
        scores[rows] = _without_moments(raw, posterior, persons.theta, code >= 0)
        expected[rows] = rest @ points
    return scores, expected


def _common_items(fit: Calibration) -> GroupEffects:
    k = max(own.size for own in fit.parameters) - 1
    thresholds = np.broadcast_to(-60.0 - np.arange(k), (len(fit.parameters), k)).copy()
    for i, own in enumerate(fit.parameters):
        thresholds[i, : own.size - 1] = own[1:]
    zero = np.zeros((len(fit.parameters), 1))
    return GroupEffects(thresholds, np.array([own[0] for own in fit.parameters]), zero, zero)


def _posteriors(
    group: OneHot, table: FloatArray, own: FloatArray, prior: FloatArray, row: int
) -> tuple[FloatArray, FloatArray]:
    """Posterior on the nodes given all answers, and given all but the studied item's."""
    onehot = group.unfold(slice(0, group.n))
    posterior, _ = node_posterior(onehot, table, prior)
    code = group.codes[:, row]
    without = posterior * np.exp(-np.where((code >= 0)[:, None], own[np.maximum(code, 0)], 0.0))
    return posterior, without / without.sum(axis=1, keepdims=True)


def graded_derivatives(parameters: FloatArray, theta: FloatArray) -> FloatArray:
    """Derivatives of the log category probabilities by slope and intercepts, (K, q, Q)."""
    above = expit(parameters[0] * theta + parameters[1:, None])
    density = above * (1.0 - above)
    k = above.shape[0] + 1
    p = -np.diff(np.vstack([np.ones(theta.size), above, np.zeros(theta.size)]), axis=0)
    out = np.zeros((k, k, theta.size))
    for category in range(k):
        if category > 0:
            out[category, category] = density[category - 1] / p[category]
        if category < k - 1:
            out[category, category + 1] = -density[category] / p[category]
    out[:, 0] = theta * out[:, 1:].sum(axis=1)
    return out


def _without_moments(
    raw: FloatArray, posterior: FloatArray, theta: FloatArray, answered: BoolArray
) -> FloatArray:
    """Residuals of the scores on the scores of the class's mean and variance."""
    first = posterior @ theta
    second = posterior @ theta**2
    moments = np.column_stack([first - first.mean(), second - second.mean()])
    use = moments[answered] - moments[answered].mean(axis=0)
    out = np.zeros_like(raw)
    coefficient = np.linalg.lstsq(use, raw[answered], rcond=None)[0]
    out[answered] = raw[answered] - use @ coefficient
    return out


def _sizes(
    data: DIFData, item: int, variable: FloatArray, expected: FloatArray, cut: float
) -> tuple[float, float]:
    """Difference in item score above and below the cut among persons with equal other answers, in item SDs.

    The difference is a straight line in the expected score; its mean over the persons is the signed size, the mean
    of its absolute value the unsigned one. A cut near an end is moved to where a fifth of the persons lie beyond.
    """
    rows = data.answered[:, item]
    y, e, v = data.scores[rows, item], expected[rows], variable[rows]
    low, high = np.quantile(v, [0.2, 0.8])
    late = v > np.clip(np.median(v) if np.isnan(cut) else cut, low, min(high, v[v < v.max()].max()))
    z = (e - e.mean()) / e.std()
    design = np.column_stack([np.ones(z.size), z, late, late * z])
    coefficient = np.linalg.lstsq(design, (y - e) / y.std(), rcond=None)[0]
    difference = coefficient[2] + coefficient[3] * z
    return float(difference.mean()), float(np.abs(difference).mean())
