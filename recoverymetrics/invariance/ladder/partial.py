"""Partial invariance: which parameters must be free for a level to hold (Byrne, Shavelson & Muthen 1989)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import chi2

from recoverymetrics.cfa.modification import extend
from recoverymetrics.cfa.result import CFAResult
from recoverymetrics.cfa.standardize import row_values
from recoverymetrics.cfa.table import Row
from recoverymetrics.display import AbstractResult, Table
from recoverymetrics.errors import OptionError
from recoverymetrics.invariance.dif.correction import adjust_p_values
from recoverymetrics.invariance.ladder.result import InvarianceResult, LevelResult
from recoverymetrics.typing import FloatArray

OPERATOR = {"loadings": "=~", "intercepts": "~1", "residuals": "~~", "thresholds": "|"}


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
        One row per freed parameter: score test, corrected p value, fit afterwards.
    holds : bool
        Whether the level holds now.
    reason : str
        Why freeing ended.
    """

    level: str
    step: LevelResult
    freed: tuple[str, ...]
    path: pd.DataFrame = field(repr=False)
    holds: bool
    reason: str

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
    min_invariant: int = 2,
    max_freed: int | None = None,
) -> PartialInvariance:
    """Free parameters one at a time, the one with the largest significant score test first.

    Parameters
    ----------
    result : InvarianceResult
        A ladder.
    level : str, optional
        Level to reach; by default the first that does not hold.
    alpha : float, default 0.05
        Level of the score tests after correction over the parameters that are still equal.
    correction : {"bonferroni", "holm", "bh", "by", "none"}, default "bonferroni"
        Correction of their p values.
    min_invariant : int, default 2
        Items of every factor that keep equal parameters.
    max_freed : int, optional
        Most parameters to free.

    Returns
    -------
    PartialInvariance

    Notes
    -----
    Freeing stops as soon as the ladder's criteria hold against the step before, when no score test is
    significant after correction, or when a factor would keep fewer than ``min_invariant`` invariant items. A
    parameter is freed in all groups at once.
    """
    from recoverymetrics.invariance.ladder.check import judge_level

    position = _target(result, level)
    step = result.steps[position]
    before = next(s for s in reversed(result.steps[:position]) if s.testable)
    freed: list[str] = []
    rows: list[dict[str, Any]] = []
    limit = max_freed if max_freed is not None else len(result.record.items) * 4
    reason = "the criteria hold"
    while step.holds is False:
        tests = equality_tests(step, result)
        tests = tests[~tests["parameter"].isin([*freed, *_locked(tests, freed, result, min_invariant)])]
        if tests.empty or len(freed) >= limit:
            reason = "no parameter is left to free" if tests.empty else "the limit on freed parameters"
            break
        tests = tests.assign(p_adjusted=adjust_p_values(tests["p_value"].to_numpy(), correction))
        worst = tests.sort_values("statistic", ascending=False, kind="stable").iloc[0]
        if worst["p_adjusted"] > alpha:
            reason = "no further score test is significant"
            break
        freed.append(str(worst["parameter"]))
        fit = result.engine.fit(step.rung.equal, (*result.free, *freed))
        step = judge_level(step.rung, fit, before, result.criteria)
        rows.append({"step": len(freed), **worst.to_dict(), **_after(step)})
    columns = ["step", "parameter", "item", "statistic", "df", "p_value", "p_adjusted", "cfi", "delta_cfi",
               "delta_rmsea", "holds"]  # fmt: skip
    return PartialInvariance(
        level=step.rung.level.name,
        step=step,
        freed=tuple(freed),
        path=pd.DataFrame(rows, columns=columns),
        holds=bool(step.holds),
        reason=reason,
    )


def _after(step: LevelResult) -> dict[str, Any]:
    return {
        "cfi": step.row["cfi"],
        "delta_cfi": step.change.get("delta_cfi", np.nan),
        "delta_rmsea": step.change.get("delta_rmsea", np.nan),
        "holds": step.holds,
    }


def _target(result: InvarianceResult, level: str | None) -> int:
    names = [step.rung.level.name for step in result.steps]
    if level is None:
        failed = [i for i, step in enumerate(result.steps) if step.holds is False and i > 0]
        if not failed:
            raise OptionError("every level holds; name a level to look for freer parameters there.")
        return failed[0]
    if level not in names[1:]:
        raise OptionError(f"level={level!r} is not on this ladder; choose from {', '.join(names[1:])}.")
    return names.index(level)


def equality_tests(step: LevelResult, result: InvarianceResult) -> pd.DataFrame:
    """Score tests for freeing each item's parameter of a level in all groups but the first.

    Returns
    -------
    pandas.DataFrame
        parameter (as ``free=`` takes it), item, statistic, df, p_value.
    """
    fit = step.fit
    blocks = _blocks(fit, step.rung.level.adds)
    rows = [row for block in blocks.values() for row in block]
    wide, q = extend(fit.table, fit.objective, [replace(row) for row in rows], fit.moments)
    values = row_values(fit.table, fit.layout, fit.theta)
    position = {row.key: k for k, row in enumerate(fit.table.rows)}
    theta = np.concatenate([fit.theta, [values[position[row.key]] for row in rows]])
    gradient, information = wide.value_gradient(theta)[1], wide.metric(theta)
    shared = _shared_moves(fit, [position[row.key] for row in rows], q)
    gradient, information = shared.T @ gradient, shared.T @ information @ shared
    inverse = np.linalg.pinv(information[:q, :q], hermitian=True)
    cross = information[q:, :q]
    left = information[q:, q:] - cross @ inverse @ cross.T
    score = -gradient[q:]
    out, start = [], 0
    for (parameter, item), block in blocks.items():
        part = slice(start, start + len(block))
        start += len(block)
        weight = np.linalg.pinv(left[part, part], rcond=1e-8, hermitian=True)
        statistic = float(fit.sample.total * score[part] @ weight @ score[part])
        df = int(np.linalg.matrix_rank(left[part, part], tol=1e-8 * np.abs(left).max(), hermitian=True))
        p = float(chi2.sf(statistic, max(df, 1)))
        out.append({"parameter": parameter, "item": item, "statistic": statistic, "df": df, "p_value": p})
    return pd.DataFrame(out)


def _shared_moves(fit: CFAResult, rows: list[int], q: int) -> FloatArray:
    """Parameters as "shared value" and "departure of a later group": the shared one moves its rows too."""
    moves = np.eye(q + len(rows))
    for extra, row in enumerate(rows):
        k = int(fit.table.index[row])
        if k >= 0:
            moves[q + extra, k] = 1.0
    return moves


def _blocks(fit: CFAResult, kinds: tuple[str, ...]) -> dict[tuple[str, str], list[Row]]:
    """Rows of the groups after the first that a level holds equal, by the parameter that frees them."""
    blocks: dict[tuple[str, str], list[Row]] = {}
    latent = set(fit.table.latent)
    for row in fit.table.rows:
        for kind in kinds:
            if row.group == 0 or row.op != OPERATOR.get(kind) or row.origin == "derived":
                continue
            if row.op == "~~" and row.lhs != row.rhs:
                continue
            item = row.rhs if row.op == "=~" else row.lhs
            if (row.op != "=~" and item in latent) or _already_free(fit, row):
                continue
            name = f"{row.lhs}|" if row.op == "|" else f"{row.lhs}{row.op}{row.rhs}"
            blocks.setdefault((name, item), []).append(row)
    return blocks


def _already_free(fit: CFAResult, row: Row) -> bool:
    where = {r.key: k for k, r in enumerate(fit.table.rows)}
    k = int(fit.table.index[where[row.key]])
    return k >= 0 and int(np.sum(fit.table.index == k)) == 1


def _locked(tests: pd.DataFrame, freed: list[str], result: InvarianceResult, min_invariant: int) -> list[str]:
    """Parameters whose freeing would leave a factor with too few invariant items."""
    fit = result.steps[0].fit
    freed_items = set(tests.loc[tests["parameter"].isin(freed), "item"]) | {_item_of(name) for name in freed}
    locked: set[str] = set()
    for factor in fit.table.latent:
        items = {r.rhs for r in fit.table.rows if r.op == "=~" and r.lhs == factor and r.group == 0}
        if len(items - freed_items) <= min_invariant:
            locked |= set(tests.loc[tests["item"].isin(items - freed_items), "parameter"])
    return sorted(locked)


def _item_of(parameter: str) -> str:
    for mark in ("=~", "~~", "~", "|"):
        if mark in parameter:
            left, right = parameter.split(mark, 1)
            return right if mark == "=~" else left
    return parameter
