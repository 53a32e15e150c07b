"""The entry function of the invariance ladder."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from recoverymetrics.cfa.compare import compare_models
from recoverymetrics.cfa.reading import column_names, ordered_names, read_design
from recoverymetrics.cfa.result import CFAResult
from recoverymetrics.cfa.syntax import parse_model
from recoverymetrics.cfa.table import find_roles
from recoverymetrics.errors import EstimationWarning
from recoverymetrics.instrument.frame import read_items
from recoverymetrics.invariance.dif.spec import check_choice
from recoverymetrics.invariance.ladder.checks import (
    check_answered,
    check_categories,
    check_clusters,
    check_groups,
)
from recoverymetrics.invariance.ladder.criteria import (
    InvarianceCriteria,
    judge_configural,
    resolve_criteria,
)
from recoverymetrics.invariance.ladder.engine import LadderEngine, start_engine
from recoverymetrics.invariance.ladder.levels import Rung, plan_levels
from recoverymetrics.invariance.ladder.occasions import OccasionSpec, read_occasions
from recoverymetrics.invariance.ladder.result import NOT_CONVERGED, InvarianceResult, LevelResult
from recoverymetrics.typing import GroupSpec, IntoFrame


def check_invariance(
    data: IntoFrame,
    model: str,
    *,
    group: GroupSpec = None,
    ordered: bool | Sequence[str] = False,
    estimator: str | None = None,
    levels: Sequence[str] | None = None,
    criteria: str | InvarianceCriteria = "chen2007",
    free: str | Sequence[str] = (),
    missing: str | None = None,
    cluster: str | Sequence[Any] | None = None,
    parameterization: str = "theta",
    orthogonal: bool = False,
    merge_empty: bool = False,
    drop_groups_below: int = 0,
    occasions: OccasionSpec | None = None,
    correlated_residuals: bool = True,
) -> InvarianceResult:
    """Test step by step whether a scale measures the same thing in the same way in every group, or at every round.

    Parameters
    ----------
    data : DataFrame, Responses or ItemData
        One row per person.
    model : str
        lavaan measurement syntax; second-order and bifactor models too.
    group : str or array-like of length n, optional
        Two groups or more; not needed with ``occasions``.
    ordered : bool or sequence of str, default False
        Treat the items, or those named (as in the model or as columns), as ordered categories and climb the ladder of Wu & Estabrook (2016):
        configural, thresholds, loadings, intercepts, residuals; items that are not named are continuous and have
        no thresholds. Otherwise configural, metric, scalar, strict.
    estimator : str, optional
        As in ``fit_cfa``; default ML, or WLSMV with ordered items.
    levels : sequence of str, optional
        Steps to take; ``"variances"`` and ``"means"`` of the factors may be added.
    criteria : str or InvarianceCriteria, default "chen2007"
        When a step holds: ``"chen2007"``, ``"chen2007_small"`` (unequal or small groups), ``"cheung2002"``,
        ``"rutkowski2014"`` (many groups), ``"rutkowski2017"`` (ordered items), ``"meade2008"``,
        ``"likelihood_ratio"``.
    free : str or sequence of str, optional
        Parameters left free at every step, such as ``"x3~1"`` or ``"f=~x2"``.
    missing : str, optional
        As in ``fit_cfa``; default ``"listwise"``.
    cluster : str or array-like of length n, optional
        Clusters of persons, such as countries within regions: standard errors, fit and difference tests are made
        robust to them. Needs MLR, the default then, or with ordered items WLSMV, WLSM, ULSMV or ULSM, and two
        clusters or more in every group (many more for tests that hold their level).
    parameterization : {"theta", "delta"}, default "theta"
        Scaling of ordered items. The residuals step needs theta and takes it (a note says so).
    orthogonal : bool, default False
        Factors without covariances, as bifactor models need.
    merge_empty : bool, default False
        Merge answer categories that some group never used, in all groups.
    drop_groups_below : int, default 0
        Leave out groups with fewer persons.
    occasions : mapping, optional
        The same people at several rounds, in wide data: round to the columns of the model's items, as a pattern
        (``{"before": "{item}_1", "after": "{item}_2"}``), as a list in the model's order, or as a mapping from
        item to column. The ladder then compares the rounds (and groups, all cells at once, when ``group`` is
        given). Identification is that of groups; factors covary freely between rounds.
    correlated_residuals : bool, default True
        Between rounds, the residual of each item covaries with itself.

    Returns
    -------
    InvarianceResult

    Raises
    ------
    DataError
        Fewer than two groups, groups with fewer persons than items, unused categories, unknown columns.
    OptionError
        Unknown level or criteria, rounds that do not match the items.
    ModelError
        Models that are not identified; regressions in a ladder over rounds.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> answers = rng.normal(size=(600, 1)) + rng.normal(size=(600, 4))
    >>> region = np.repeat(["AFR", "EUR"], 300)
    >>> result = check_invariance(answers, "f =~ item1 + item2 + item3 + item4", group=region)
    >>> result.tidy()["level"].tolist()
    ['configural', 'metric', 'scalar', 'strict']

    The same people twice:

    >>> trait = rng.normal(size=(300, 1))
    >>> then_now = [trait + 0.6 * rng.normal(size=(300, 1)) for _ in range(2)]
    >>> twice = np.hstack([state + rng.normal(size=(300, 4)) for state in then_now])
    >>> names = [[f"item{i}_{t}" for i in range(1, 5)] for t in (1, 2)]
    >>> rounds = {"before": names[0], "after": names[1]}
    >>> columns = dict(zip(sum(names, []), twice.T))
    >>> check_invariance(columns, "f =~ item1 + item2 + item3 + item4", occasions=rounds).tidy()["df"].tolist()
    [15.0, 18.0, 21.0, 25.0]
    """
    rule = resolve_criteria(criteria)
    check_choice("parameterization", parameterization, ("theta", "delta"))
    free = (free,) if isinstance(free, str) else tuple(free)
    roles = find_roles(parse_model(model))
    rounds = None
    if occasions is not None:
        rounds = read_occasions(occasions, roles.observed, correlated=correlated_residuals)
    columns = roles.observed if rounds is None else rounds.every_column
    items = None if hasattr(data, "item_data") else list(columns)
    record = read_items(data, items=items, group=group).select(columns)
    if rounds is not None and not isinstance(ordered, bool):
        ordered = rounds.items_of([ordered] if isinstance(ordered, str) else ordered)
    names = ordered_names(ordered, roles, column_names(data) or record.items)
    rungs = plan_levels(levels, ordinal=bool(names))
    clusters = read_design(data, record.n, None, cluster)[1]
    everybody = record.group
    record, notes = check_groups(record, drop_groups_below, several=rounds is None)
    check_answered(record if rounds is None else rounds.stack(record))
    if clusters is not None:
        if everybody is not None:
            clusters = clusters[np.isin(np.asarray(everybody), record.groups)]
        notes = (*notes, *check_clusters(record, clusters))
        estimator = "MLR" if estimator is None and not names else estimator
    if names:
        record, merged = check_categories(record, names, merge=merge_empty, occasions=rounds)
        notes = (*notes, *merged)
    engine = start_engine(
        record,
        model,
        ordered=names,
        estimator=estimator,
        missing="listwise" if missing is None else missing,
        theta=parameterization == "theta",
        orthogonal=orthogonal,
        cluster=clusters,
        occasions=rounds,
    )
    if engine.sample.n_dropped:
        why = "with missing answers" if missing in (None, "listwise") else "without any answer"
        notes = (*notes, f"{engine.sample.n_dropped} persons {why} were left out.")
    steps = climb(engine, rungs, rule, free)
    notes = tuple(dict.fromkeys((*notes, *(note for step in steps for note in step.fit.notes))))
    result = InvarianceResult(steps, rule, engine, record, free, notes)
    for warning in result.warnings:
        warnings.warn(warning, EstimationWarning, stacklevel=2)
    return result


def climb(
    engine: LadderEngine, rungs: Sequence[Rung], rule: InvarianceCriteria, free: tuple[str, ...]
) -> tuple[LevelResult, ...]:
    """Fit every rung and compare it with the one before."""
    steps: list[LevelResult] = []
    for rung in rungs:
        fit = engine.fit(rung.equal, free)
        before = next((step for step in reversed(steps) if step.testable), None)
        step = judge_level(rung, fit, before, rule)
        broken = [s.rung.level.name for s in steps if s.holds is False]
        if broken and step.testable:
            step = replace(step, given=tuple(broken), reason=f"{step.reason}; {conditional(broken)}")
        steps.append(step)
    return tuple(steps)


def conditional(broken: Sequence[str]) -> str:
    """What a step is worth after earlier ones failed, in words."""
    negative = "does not hold" if len(broken) == 1 else "do not hold"
    return f"conditional: tested on top of {' and '.join(broken)}, which {negative}"


def judge_level(
    rung: Rung, fit: CFAResult, before: LevelResult | None, rule: InvarianceCriteria
) -> LevelResult:
    """One row of the ladder: fit, change against the step before, and whether it holds."""
    row = fit_row(fit)
    if before is None:
        holds, reason = judge_configural(row["cfi"], row["rmsea"], row["srmr"])
        if fit.test.df == 0:
            reason = "the model has no degrees of freedom and fits by construction, which tests nothing"
        return _undecided(LevelResult(rung, fit, row, {}, holds, reason))
    if fit.test.df <= before.fit.test.df:
        reason = (
            "not testable: with these numbers of categories the step restricts nothing beyond "
            f"{before.rung.level.name}"
        )
        return LevelResult(rung, fit, row, {}, None, reason)
    table = compare_models(before.fit, fit).iloc[1]
    change = {
        name: float(table[name])
        for name in ("delta_chi2", "delta_df", "delta_p", "delta_cfi", "delta_rmsea", "delta_srmr")
    }
    change |= {f"delta_{name}": row[name] - before.row[name] for name in ("nci", "gamma")}
    holds, reason = rule.judge(rung.level.name, change)
    return _undecided(LevelResult(rung, fit, row, change, holds, reason, str(table["method"])))


def _undecided(step: LevelResult) -> LevelResult:
    """A level whose model did not converge cannot be said to hold."""
    return step if step.fit.converged else replace(step, holds=False, reason=NOT_CONVERGED)


def fit_row(fit: CFAResult) -> dict[str, float]:
    """Fit of one model, scaled where the estimator scales."""
    measures = fit.fit_measures()
    scaled = "_scaled" if math.isfinite(fit.test.scaled) else ""
    chi2, df, n = fit.test.chi2, fit.test.df, fit.sample.total
    excess = (float(measures[f"chi2{scaled}"]) - df) / n
    p = len(fit.table.observed) * len(fit.groups)
    return {
        "chi2": chi2,
        "df": float(df),
        "p_value": float(measures["p_value"]),
        "chi2_scaled": float(measures.get("chi2_scaled", np.nan)),
        "p_value_scaled": float(measures.get("p_value_scaled", np.nan)),
        "cfi": float(measures[f"cfi{scaled}"]),
        "tli": float(measures[f"tli{scaled}"]),
        "rmsea": float(measures[f"rmsea{scaled}"]),
        "srmr": float(measures["srmr"]),
        "nci": math.exp(-0.5 * excess),
        "gamma": p / (p + 2.0 * len(fit.groups) * excess),
        "npar": float(fit.npar),
    }
