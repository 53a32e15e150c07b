"""Permutation tests of ladder steps, and ladders with one group left out."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from recoverymetrics.errors import EstimationWarning, OptionError, RecoveryMetricsError
from recoverymetrics.instrument.frame import ItemData
from recoverymetrics.invariance.ladder.engine import start_engine
from recoverymetrics.numerics.seeds import spawn
from recoverymetrics.typing import Seed, Workers
from recoverymetrics.workers import map_tasks

if TYPE_CHECKING:
    from recoverymetrics.invariance.ladder.result import InvarianceResult

MEASURES = ("delta_chi2", "delta_cfi", "delta_rmsea", "delta_srmr")
WORSE = {"delta_chi2": 1.0, "delta_cfi": -1.0, "delta_rmsea": 1.0, "delta_srmr": 1.0}


@dataclass(frozen=True)
class PermutationTask:
    """One permutation: what a worker needs.

    Attributes
    ----------
    record : ItemData
    options : dict
        Arguments of ``start_engine``.
    loose, tight : tuple of str
        What is equal in the two models.
    free : tuple of str
    generator : numpy.random.Generator
    """

    record: ItemData
    options: dict[str, Any]
    loose: tuple[str, ...]
    tight: tuple[str, ...]
    free: tuple[str, ...]
    generator: np.random.Generator


def permutation_test(
    result: InvarianceResult,
    level: str,
    *,
    n_permutations: int = 200,
    seed: Seed = None,
    workers: Workers = None,
) -> pd.DataFrame:
    """Compare a step's changes in fit with those under randomly assigned groups (Jorgensen et al. 2018).

    Parameters
    ----------
    result : InvarianceResult
        A ladder.
    level : str
        Step to test.
    n_permutations : int, default 200
        Random assignments of the persons to groups of the same sizes.
    seed : int or Generator, optional
    workers : None, int or Client

    Returns
    -------
    pandas.DataFrame
        One row per measure: ``estimate`` (observed change), ``critical`` (its 5% point under permutation),
        ``p_value`` (share of permutations, and of the observed one, that are at least as bad), ``n_failed``
        (permutations in which a model could not be fitted).
    """
    names = [step.rung.level.name for step in result.steps]
    if level not in names[1:]:
        raise OptionError(
            f"level={level!r} is not a step of this ladder; choose from {', '.join(names[1:])}."
        )
    if n_permutations < 1:
        raise OptionError(f"n_permutations={n_permutations!r} must be 1 or more; some 200 are usual.")
    if result.engine.occasions is not None or result.engine.cluster is not None:
        raise OptionError(
            "permuting group labels needs independent persons in groups; it does not apply to occasions or clusters."
        )
    step = result.steps[names.index(level)]
    if not step.testable:
        raise OptionError(f"level {level!r} restricts nothing with these numbers of categories.")
    before = next(s for s in reversed(result.steps[: names.index(level)]) if s.testable)
    options = engine_options(result)
    tasks = [
        PermutationTask(result.record, options, before.rung.equal, step.rung.equal, result.free, generator)
        for generator in spawn(seed, n_permutations)
    ]
    drawn = np.array(map_tasks(permuted_change, tasks, workers=workers))
    rows = []
    for k, name in enumerate(MEASURES):
        null = drawn[~np.isnan(drawn[:, k]), k]
        observed = step.change[name] if name != "delta_chi2" else step.row["chi2"] - before.row["chi2"]
        sign = WORSE[name]
        beyond = int(np.sum(sign * null >= sign * observed - 1e-12))
        critical = float(sign * np.quantile(sign * null, 0.95)) if null.size else np.nan
        rows.append(
            {
                "term": name,
                "estimate": observed,
                "critical": critical,
                "p_value": (beyond + 1) / (null.size + 1),
                "n_failed": int(np.isnan(drawn[:, k]).sum()),
            }
        )
    return pd.DataFrame(rows)


def permuted_change(task: PermutationTask) -> tuple[float, ...]:
    """Changes in fit between the two models after the persons were dealt to the groups at random."""
    from recoverymetrics.invariance.ladder.check import fit_row

    record = task.record
    shuffled = ItemData(
        record.values, record.items, task.generator.permutation(np.asarray(record.group)), record.groups
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", EstimationWarning)
            engine = start_engine(shuffled, **task.options)
            loose, tight = (fit_row(engine.fit(equal, task.free)) for equal in (task.loose, task.tight))
    except RecoveryMetricsError:
        return (np.nan,) * len(MEASURES)
    return tuple(tight[name.removeprefix("delta_")] - loose[name.removeprefix("delta_")] for name in MEASURES)


def engine_options(result: InvarianceResult) -> dict[str, Any]:
    """Arguments with which the ladder's engine was started."""
    engine = result.engine
    return {
        "model": engine.model,
        "ordered": engine.ordered,
        "estimator": engine.spec.name,
        "missing": engine.spec.missing,
        "theta": engine.theta,
        "orthogonal": engine.orthogonal,
        "occasions": engine.occasions,
    }


def leave_one_out(result: InvarianceResult) -> pd.DataFrame:
    """Climb the ladder again without each group (or occasion) in turn.

    Returns
    -------
    pandas.DataFrame
        One row per group left out (``""`` for none) and level: delta_cfi, delta_rmsea, holds, and the highest
        level reached.
    """
    from recoverymetrics.invariance.ladder.check import climb

    rungs = [step.rung for step in result.steps]
    rows = _rows("", result.steps, result.highest)
    for label, record, options in _smaller(result):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", EstimationWarning)
            engine = start_engine(record, **options)
            steps = climb(engine, rungs, result.criteria, result.free)
        rows += _rows(label, steps, _highest(steps))
    return pd.DataFrame(rows)


def _smaller(result: InvarianceResult) -> Iterator[tuple[str, ItemData, dict[str, Any]]]:
    """The record without each group in turn, or without each occasion."""
    options = engine_options(result)
    rounds, record, cluster = result.engine.occasions, result.record, result.engine.cluster
    if rounds is not None:
        if len(rounds.labels) < 3:
            raise OptionError("leaving one occasion out needs three occasions or more.")
        for t, label in enumerate(rounds.labels):
            fewer = rounds.without(t)
            yield (
                label,
                record.select(fewer.every_column),
                {**options, "occasions": fewer, "cluster": cluster},
            )
        return
    if len(record.groups) < 3:
        raise OptionError("leaving one group out needs three groups or more.")
    for label in record.groups:
        keep = np.asarray(record.group) != label
        yield label, record.take(keep), {**options, "cluster": None if cluster is None else cluster[keep]}


def _highest(steps: Any) -> str:
    reached = ""
    for step in steps:
        if step.holds is False:
            break
        reached = step.rung.level.name if step.testable else reached
    return reached


def _rows(label: str, steps: Any, highest: str) -> list[dict[str, Any]]:
    return [
        {
            "left_out": label,
            "level": step.rung.level.name,
            "cfi": step.row["cfi"],
            "delta_cfi": step.change.get("delta_cfi", np.nan),
            "delta_rmsea": step.change.get("delta_rmsea", np.nan),
            "holds": step.holds,
            "highest_level": highest,
        }
        for step in steps
    ]
