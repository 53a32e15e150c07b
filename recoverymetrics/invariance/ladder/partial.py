"""Partial invariance: which parameters must be free for a level to hold (Byrne, Shavelson & Muthen 1989)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from recoverymetrics.cfa.modification import extend
from recoverymetrics.cfa.result import CFAResult
from recoverymetrics.cfa.standardize import row_values
from recoverymetrics.cfa.table import Row
from recoverymetrics.display import AbstractResult, Table
from recoverymetrics.errors import OptionError
from recoverymetrics.invariance.dif.correction import adjust_p_values
from recoverymetrics.invariance.dif.spec import check_choice
from recoverymetrics.invariance.ladder.engine import LadderEngine
from recoverymetrics.invariance.ladder.result import InvarianceResult, LevelResult
from recoverymetrics.invariance.ladder.score import effective_scores
from recoverymetrics.typing import FloatArray

UNTIL = ("criteria", "significance")
CORRECTIONS = ("bonferroni", "holm", "bh", "by", "none")
PATH = (
    "step", "parameter", "item", "statistic", "df", "p_value", "p_adjusted", "group", "cfi", "delta_cfi",
    "delta_rmsea", "holds",
)  # fmt: skip
FREEABLE = ("loadings", "intercepts", "residuals", "thresholds")


@dataclass(frozen=True)
class PartialInvariance(AbstractResult):
    """A level reached by freeing some parameters.

    Attributes
    ----------
    level : str
        The level.
    step : LevelResult
        Its model with the freed parameters, judged against the step before.
    freed : tuple of str
        Freed parameters, in the order in which they were freed.
    path : pandas.DataFrame
        One row per freed parameter: score test, corrected p value, the group in which it is furthest from the
        median, fit afterwards.
    holds : bool
        Whether the level holds now.
    reason : str
        Why freeing ended.
    tests : pandas.DataFrame
        All score tests of all steps, one row per step and parameter that was still equal.
    """

    level: str
    step: LevelResult
    freed: tuple[str, ...]
    path: pd.DataFrame = field(repr=False)
    holds: bool
    reason: str
    tests: pd.DataFrame = field(repr=False, default_factory=pd.DataFrame)

    @property
    def model(self) -> CFAResult:
        """The fitted model."""
        return self.step.fit

    def tidy(self) -> pd.DataFrame:
        """One row per freed parameter."""
        return self.path

    def glance(self) -> pd.DataFrame:
        """One row: level, how many parameters were freed, whether it holds, why freeing ended."""
        return pd.DataFrame(
            {
                "level": [self.level],
                "n_freed": [len(self.freed)],
                "holds": [self.holds],
                "reason": [self.reason],
                **{name: [value] for name, value in {**self.step.row, **self.step.change}.items()},
            }
        )

    def _title(self) -> str:
        return f"Partial invariance: {self.level}"

    def _tables(self) -> tuple[Table, ...]:
        outcome = "holds" if self.holds else "does not hold"
        note = f"Partial {self.level} invariance {outcome}: {self.reason}."
        return (Table("Freed parameters", self.path, notes=(note,)),)


def find_partial_invariance(
    result: InvarianceResult,
    level: str | None = None,
    *,
    alpha: float = 0.05,
    correction: str = "bonferroni",
    until: str = "criteria",
    min_invariant: int = 2,
    max_freed: int | None = None,
) -> PartialInvariance:
    """Free parameters one at a time, the one with the most significant score test first.

    Parameters
    ----------
    result : InvarianceResult
        A ladder.
    level : str, optional
        Level to reach; by default the first that does not hold. When every level holds, or only what has no item
        parameters does not, nothing is freed and ``reason`` says so.
    alpha : float, default 0.05
        Level of the score tests after correction over the parameters that are still equal.
    correction : {"bonferroni", "holm", "bh", "by", "none"}, default "bonferroni"
        Correction of their p values.
    until : {"criteria", "significance"}, default "criteria"
        Stop as soon as the ladder's criteria hold against the step before, or free everything that is significant.
    min_invariant : int, default 2
        Items of every factor that keep equal parameters.
    max_freed : int, optional
        Most parameters to free.

    Returns
    -------
    PartialInvariance

    Raises
    ------
    OptionError
        A level that is not on the ladder, restricts nothing, or has no item parameters; unknown choices.

    Notes
    -----
    Freeing also stops when no score test is significant after correction, or when a factor would keep fewer than
    ``min_invariant`` invariant items. A parameter is freed in all groups at once. The model is fitted anew after
    every release, because one released parameter changes the tests of the others.
    """
    from recoverymetrics.invariance.ladder.check import judge_level

    check_choice("until", until, UNTIL)
    check_choice("correction", correction, CORRECTIONS)
    if not 0 < alpha < 1:
        raise OptionError(f"alpha={alpha!r} must lie between 0 and 1.")
    if min_invariant < 0 or (max_freed is not None and max_freed < 0):
        raise OptionError(
            "min_invariant= and max_freed= count items and parameters; they cannot be negative."
        )
    position = _target(result, level)
    if position is None:
        return _nothing_to_free(result)
    step = result.steps[position]
    before = next(s for s in reversed(result.steps[:position]) if s.testable)
    freed: list[str] = []
    rows: list[dict[str, Any]] = []
    every: list[pd.DataFrame] = []
    limit = max_freed if max_freed is not None else len(result.engine.roles.observed) * 4
    reason = "the criteria hold"
    while until == "significance" or step.holds is False:
        tests = equality_tests(step, result)
        tests = tests[~tests["parameter"].isin([*freed, *_locked(tests, freed, result, min_invariant)])]
        if tests.empty or len(freed) >= limit:
            reason = "no parameter is left to free" if tests.empty else "the limit on freed parameters"
            break
        tests = tests.assign(p_adjusted=adjust_p_values(tests["p_value"].to_numpy(), correction))
        every.append(tests.assign(step=len(freed) + 1))
        worst = tests.sort_values(["p_value", "statistic"], ascending=[True, False], kind="stable").iloc[0]
        if worst["p_adjusted"] > alpha:
            reason = "no further score test is significant"
            break
        freed.append(str(worst["parameter"]))
        fit = result.engine.fit(step.rung.equal, (*result.free, *freed))
        step = judge_level(step.rung, fit, before, result.criteria)
        where = _furthest(step.fit, result.engine, str(worst["parameter"]))
        rows.append({"step": len(freed), **worst.to_dict(), "group": where, **_after(step)})
    return PartialInvariance(
        level=step.rung.level.name,
        step=step,
        freed=tuple(freed),
        path=pd.DataFrame(rows, columns=list(PATH)),
        holds=bool(step.holds),
        reason=reason,
        tests=pd.concat(every, ignore_index=True) if every else pd.DataFrame(columns=list(PATH[:7])),
    )


def _nothing_to_free(result: InvarianceResult) -> PartialInvariance:
    """The highest level that holds as it is, with an empty path and the reason."""
    failed = [step for step in result.steps if step.holds is False]
    step = failed[0] if failed else [step for step in result.steps if step.testable][-1]
    name = step.rung.level.name
    reason = "every level holds; nothing needs to be freed"
    if failed:
        reason = f"{name} has no item parameters that could be freed; every level of item parameters holds"
    if failed and step is result.steps[0]:
        reason = (
            "the model does not fit in the groups, which no freed parameter mends; change the model first"
        )
    return PartialInvariance(
        level=name,
        step=step,
        freed=(),
        path=pd.DataFrame(columns=list(PATH)),
        holds=not failed,
        reason=reason,
        tests=pd.DataFrame(columns=list(PATH[:7])),
    )


def _furthest(fit: CFAResult, engine: LadderEngine, parameter: str) -> str:
    """The group (or occasion) in which a freed parameter is furthest from its median."""
    keys = next(keys for name, _, keys in _candidates(engine, FREEABLE) if name == parameter)
    values = np.column_stack([engine.values(fit, *key) for key in keys])
    distance = np.abs(values - np.median(values, axis=0)).sum(axis=1)
    return engine.cells[int(np.argmax(distance))]


def _after(step: LevelResult) -> dict[str, Any]:
    return {
        "cfi": step.row["cfi"],
        "delta_cfi": step.change.get("delta_cfi", np.nan),
        "delta_rmsea": step.change.get("delta_rmsea", np.nan),
        "holds": step.holds,
    }


def _target(result: InvarianceResult, level: str | None) -> int | None:
    names = [step.rung.level.name for step in result.steps]
    if level is None:
        kinds = set(FREEABLE)
        failed = [
            i
            for i, step in enumerate(result.steps)
            if step.holds is False and kinds & set(step.rung.level.adds)
        ]
        return failed[0] if failed else None
    if level not in names[1:]:
        raise OptionError(f"level={level!r} is not on this ladder; choose from {', '.join(names[1:])}.")
    position = names.index(level)
    if not set(result.steps[position].rung.level.adds) & set(FREEABLE):
        raise OptionError(f"level {level!r} has no item parameters to free.")
    if not result.steps[position].testable:
        raise OptionError(
            f"level {level!r} restricts nothing with these numbers of categories; there is nothing to free."
        )
    return position


def equality_tests(step: LevelResult, result: InvarianceResult) -> pd.DataFrame:
    """Score tests for freeing each item's parameter of a level in all groups but the first.

    Returns
    -------
    pandas.DataFrame
        parameter (as ``free=`` takes it), item, statistic, df, p_value.

    Notes
    -----
    Generalised score tests (see ``ladder.score``) where the estimator has robust standard errors, as WLSMV and MLR
    have; the model-based ones, as in lavaan's ``lavTestScore``, otherwise.
    """
    fit = step.fit
    blocks = _blocks(fit, result.engine, step.rung.level.adds)
    rows = [row for block in blocks.values() for row in block]
    wide, q = extend(fit.table, fit.objective, [replace(row) for row in rows], fit.moments)
    values = row_values(fit.table, fit.layout, fit.theta)
    position = {row.key: k for k, row in enumerate(fit.table.rows)}
    where = [position[row.key] for row in rows]
    theta = np.concatenate([fit.theta, values[where]])
    moves = _shared_moves(fit, where, q)
    scores = effective_scores(wide, theta, moves, q, fit.sample, fit.spec, fit.moments.means)
    out, start = [], 0
    for (parameter, item), block in blocks.items():
        statistic, df, p = scores.test(slice(start, start + len(block)))
        start += len(block)
        out.append({"parameter": parameter, "item": item, "statistic": statistic, "df": df, "p_value": p})
    return pd.DataFrame(out, columns=["parameter", "item", "statistic", "df", "p_value"])


def _shared_moves(fit: CFAResult, rows: list[int], q: int) -> FloatArray:
    """Parameters as "shared value" and "departure of a later group": the shared one moves its rows too."""
    moves = np.eye(q + len(rows))
    for extra, row in enumerate(rows):
        k = int(fit.table.index[row])
        if k >= 0:
            moves[q + extra, k] = 1.0
    return moves


def _blocks(fit: CFAResult, engine: LadderEngine, kinds: tuple[str, ...]) -> dict[tuple[str, str], list[Row]]:
    """Rows of the cells after the first that a level holds equal, by the parameter that frees them."""
    blocks: dict[tuple[str, str], list[Row]] = {}
    position = {row.key: k for k, row in enumerate(fit.table.rows)}
    shared = np.bincount(fit.table.index[fit.table.index >= 0], minlength=fit.table.n_free) > 1
    for parameter, item, keys in _candidates(engine, kinds):
        for cell in range(1, len(engine.cells)):
            for lhs, op, rhs in keys:
                k = position.get(engine.locate(lhs, op, rhs, cell))
                if k is None or fit.table.rows[k].origin == "derived":
                    continue
                free = int(fit.table.index[k])
                if free < 0 or shared[free]:
                    blocks.setdefault((parameter, item), []).append(fit.table.rows[k])
    return blocks


def _candidates(
    engine: LadderEngine, kinds: tuple[str, ...]
) -> Iterator[tuple[str, str, tuple[tuple[str, str, str], ...]]]:
    """Each item's parameters of some kinds: name for ``free=``, item, keys."""
    if "loadings" in kinds:
        for s in engine.parsed.statements:
            if s.op == "=~":
                yield f"{s.lhs}=~{s.rhs}", s.rhs, ((s.lhs, "=~", s.rhs),)
    counts = np.bincount(engine.sample.threshold_item, minlength=len(engine.roles.observed))
    for j, item in enumerate(engine.roles.observed):
        if "thresholds" in kinds and counts[j]:
            yield f"{item}|", item, tuple((item, "|", f"t{k + 1}") for k in range(int(counts[j])))
        if "intercepts" in kinds:
            yield f"{item}~1", item, ((item, "~1", ""),)
        if "residuals" in kinds:
            yield f"{item}~~{item}", item, ((item, "~~", item),)


def _locked(tests: pd.DataFrame, freed: list[str], result: InvarianceResult, min_invariant: int) -> list[str]:
    """Parameters whose freeing would leave a factor with too few invariant items."""
    engine = result.engine
    freed_items = {_item_of(name) for name in freed}
    locked: set[str] = set()
    for factor in engine.roles.latent:
        items = {s.rhs for s in engine.parsed.statements if s.op == "=~" and s.lhs == factor}
        if len(items - freed_items) <= min_invariant:
            locked |= set(tests.loc[tests["item"].isin(items - freed_items), "parameter"])
    return sorted(locked)


def _item_of(parameter: str) -> str:
    for mark in ("=~", "~~", "~", "|"):
        if mark in parameter:
            left, right = parameter.split(mark, 1)
            return right if mark == "=~" else left
    return parameter
