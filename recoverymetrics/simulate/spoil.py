"""What happens to answers on their way to the data set: carelessness and missing answers."""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit

from recoverymetrics.simulate.spec import Careless, Missingness
from recoverymetrics.typing import BoolArray, FloatArray, IntArray, ObjectArray


def make_careless(
    rng: np.random.Generator, answers: IntArray, n_categories: IntArray, spec: Careless
) -> tuple[IntArray, ObjectArray]:
    """Replace the answers of some persons; returns the answers and each person's kind (``""`` = careful)."""
    n, p = answers.shape
    kinds = np.full(n, "", dtype=object)
    chosen = np.argsort(rng.random(n), kind="stable")[: round(spec.rate * n)]
    answers, uniform = answers.copy(), rng.random((chosen.size, p))
    for position, row in enumerate(chosen):
        kind = spec.kinds[position % len(spec.kinds)]
        kinds[row] = kind
        answers[row] = _careless_row(uniform[position], n_categories, kind)
    return answers, kinds


def _careless_row(uniform: FloatArray, n_categories: IntArray, kind: str) -> IntArray:
    top = n_categories - 1
    if kind == "straight":
        return np.minimum(np.floor(uniform[0] * n_categories).astype(np.int64), top)
    if kind == "random":
        return np.minimum(np.floor(uniform * n_categories).astype(np.int64), top)
    step = np.arange(uniform.size) + int(uniform[0] * 10)
    period = np.maximum(2 * top, 1)
    return np.where(step % period <= top, step % period, period - step % period)


def lost_answers(
    rng: np.random.Generator, items: tuple[str, ...], group: ObjectArray, spec: Missingness
) -> BoolArray:
    """Which answers are missing, shape (n, p)."""
    n, p = len(group), len(items)
    odds_items = np.array([spec.items.get(item, 1.0) for item in items])
    odds_group = np.array([spec.groups.get(label, 1.0) for label in group])
    place = np.linspace(-0.5, 0.5, p) if p > 1 else np.zeros(1)
    with np.errstate(divide="ignore"):
        log_odds = logit(spec.rate) + spec.position * place + np.log(odds_items) + np.log(odds_group)[:, None]
    lost = rng.random((n, p)) < expit(log_odds)
    lost |= _after_stop(rng, n, p, spec.dropout)
    empty = np.argsort(rng.random(n), kind="stable")[: spec.all_missing]
    lost[empty] = True
    return np.asarray(lost)


def _after_stop(rng: np.random.Generator, n: int, p: int, share: float) -> BoolArray:
    """Persons who stop answer at least one item and miss at least the last."""
    stops = np.argsort(rng.random(n), kind="stable")[: round(share * n)]
    last = np.full(n, p)
    last[stops] = 1 + np.floor(rng.random(stops.size) * max(p - 1, 1)).astype(np.int64)
    return np.asarray(np.arange(p) >= last[:, None])
