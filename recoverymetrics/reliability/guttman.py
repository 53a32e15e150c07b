"""Guttman's lambdas, split halves and the greatest lower bound: entry functions."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd

from recoverymetrics.errors import DataError, EstimationWarning
from recoverymetrics.instrument import ItemData
from recoverymetrics.numerics.intervals import Interval, wald_interval
from recoverymetrics.numerics.seeds import generator
from recoverymetrics.reliability import coefficients as c
from recoverymetrics.reliability.alpha import row
from recoverymetrics.reliability.glb import greatest_lower_bound
from recoverymetrics.reliability.groups import missing_notes, pool_within, read_groups
from recoverymetrics.reliability.halves import best_split, split_halves
from recoverymetrics.reliability.moments import Moments
from recoverymetrics.reliability.results import CoefficientResult
from recoverymetrics.reliability.spec import Missing, check_level
from recoverymetrics.typing import BoolArray, FloatArray, GroupSpec, IntoFrame, Seed

NO_INTERVAL = Interval(np.asarray(np.nan), np.asarray(np.nan))
DELTA = (
    "delta method, distribution-free, symmetric on the scale log(1 - lambda); none where not differentiable"
)


def guttman_lambdas(
    data: IntoFrame | ItemData,
    *,
    items: Sequence[str] | None = None,
    group: GroupSpec = None,
    missing: Missing = "pairwise",
    standardized: bool = False,
    level: float = 0.95,
    seed: Seed = 0,
) -> CoefficientResult:
    """Lower bounds of the reliability: Guttman's lambda 1 to 6, ten Berge and Zegers' mu, the greatest lower
    bound.

    Parameters
    ----------
    data : Responses, DataFrame, mapping or 2-D array
        One row per person, items keyed in one direction.
    items : sequence of str, optional
        Item columns; by default all but ``group``.
    group : str or array-like, optional
        Bounds per group.
    missing : {"pairwise", "listwise"}, default "pairwise"
        Covariances over the persons who answered both items, or over persons who answered all.
    standardized : bool, default False
        Use correlations, as psych does.
    level : float, default 0.95
        Confidence level of the intervals of lambda 2, 3 and 6.
    seed : int, Generator or None, default 0
        For lambda 4 with more than 16 items, where splits are searched from random starts.

    Returns
    -------
    CoefficientResult
        ``glance()`` reports lambda 2; ``tidy()`` one row per group and bound (``lambda1`` ... ``lambda6``,
        ``mu2``, ``mu3``, ``glb``). Lambda 4 and the greatest lower bound capitalise on chance in small
        samples.

    Raises
    ------
    DataError
        Fewer than two items, an item without variance, or two items never answered together.

    Warns
    -----
    EstimationWarning
        The covariance matrix is not positive definite: the greatest lower bound is not computed.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> data = rng.normal(size=(500, 1)) + rng.normal(size=(500, 4))
    >>> guttman_lambdas(data).tidy()["term"].tolist()[:4]
    ['lambda1', 'lambda2', 'lambda3', 'lambda4']

    References
    ----------
    guttman1945, tenberge1978, jackson1977
    """
    check_level(level)
    groups = read_groups(data, items=items, group=group, missing=missing)
    rng = generator(seed)
    rows = [r for m in groups for r in _bounds(m, standardized, level, rng)]
    pooled = pool_within(groups)
    overall = next(r for r in _bounds(pooled, standardized, level, rng) if r["term"] == "lambda2")
    notes = [*missing_notes(groups, missing), *_definiteness(groups)]
    return CoefficientResult(
        coefficient="lambda2",
        formula="lower bounds of the reliability of the sum of "
        + ("standardised items" if standardized else "the items")
        + " (Guttman 1945); mu: ten Berge & Zegers (1978); glb: Jackson & Agunwamba (1977)",
        estimates=pd.DataFrame(rows),
        overall={k: v for k, v in overall.items() if k not in ("group", "term")},
        level=level,
        interval=DELTA,
        notes=tuple(notes),
    )


def _bounds(
    m: Moments, standardized: bool, level: float, rng: np.random.Generator
) -> list[dict[str, object]]:
    S = m.R if standardized else m.S
    mu = c.ten_berge_zegers(S)
    positive = bool(np.linalg.eigvalsh(S)[0] > 1e-8 * np.trace(S) / m.p)
    plain = {
        "lambda1": c.lambda1(S),
        "lambda2": c.lambda2(S),
        "lambda3": c.alpha(S),
        "lambda4": best_split(S, rng=rng)[0],
        "lambda5": c.lambda5(S),
        "lambda5_plus": c.lambda5_plus(S),
        "lambda6": c.lambda6(S),
        "mu2": mu[2],
        "mu3": mu[3],
        "glb": greatest_lower_bound(S).estimate if positive else np.nan,
    }
    gradients = {
        "lambda2": c.lambda2_gradient(S),
        "lambda3": c.alpha_gradient(S),
        "lambda6": c.lambda6_gradient(S),
    }
    return [
        _bound(m, term, float(value), gradients.get(term), standardized, level)
        for term, value in plain.items()
    ]


def _bound(
    m: Moments, term: str, estimate: float, G: FloatArray | None, standardized: bool, level: float
) -> dict[str, object]:
    if G is None:
        return row(m, term, estimate, np.nan, NO_INTERVAL)
    se = m.robust_se(c.correlation_gradient(G, m.S) if standardized else G)
    return row(m, term, estimate, se, wald_interval(estimate, se, level=level, scale="log_complement"))


def _definiteness(groups: list[Moments]) -> list[str]:
    bad = [m.label for m in groups if np.linalg.eigvalsh(m.S)[0] <= 1e-8 * np.trace(m.S) / m.p]
    if not bad:
        return []
    note = (
        f"the covariance matrix is not positive definite in {', '.join(bad)}: the greatest lower bound is not "
        'computed there; try missing="listwise", or leave out items that are sums of others.'
    )
    warnings.warn(note, EstimationWarning, stacklevel=3)
    return [note]


def split_half(
    data: IntoFrame | ItemData,
    *,
    items: Sequence[str] | None = None,
    group: GroupSpec = None,
    missing: Missing = "pairwise",
    standardized: bool = False,
    first_half: Sequence[str] | None = None,
    n_splits: int = 10_000,
    level: float = 0.95,
    seed: Seed = 0,
) -> CoefficientResult:
    """Split-half reliability: mean, best and worst over all splits, or one given split.

    Guttman's coefficient ``4 cov(A, B) / V`` is used throughout, which needs no equal variances of the
    halves; the mean over all splits of an even number of items is alpha. The stepped-up correlation
    (Spearman-Brown) is listed beside it.

    Parameters
    ----------
    data : Responses, DataFrame, mapping or 2-D array
        One row per person, items keyed in one direction.
    items : sequence of str, optional
        Item columns; by default all but ``group``.
    group : str or array-like, optional
        Splits per group.
    missing : {"pairwise", "listwise"}, default "pairwise"
        Covariances over the persons who answered both items, or over persons who answered all.
    standardized : bool, default False
        Use correlations, as psych does.
    first_half : sequence of str, optional
        Items of one half; the others are the second half. Only this split is then evaluated.
    n_splits : int, default 10000
        Random splits when there are more than 200,000 (from 21 items on).
    level : float, default 0.95
        The middle share of the splits that ``conf_low`` and ``conf_high`` of ``split_half_mean`` enclose:
        variation over splits, not over samples. For a given split the limits are a confidence interval.
    seed : int, Generator or None, default 0
        For random splits.

    Returns
    -------
    CoefficientResult
        ``tidy()``: ``split_half_mean``, ``split_half_best``, ``split_half_worst``, ``spearman_brown_mean``
        per group, or ``split_half`` and ``spearman_brown`` for a given split. ``items``: which half each item
        is in.

    Raises
    ------
    DataError
        Fewer than two items; ``first_half`` is empty, names unknown items or all items.

    Notes
    -----
    With an odd number of items psych 2.2.9 evaluates half of the splits only; here all of them count.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> data = rng.normal(size=(500, 1)) + rng.normal(size=(500, 4))
    >>> result, alpha = split_half(data), np.cov(data.T)
    >>> bool(abs(result.estimate - 4 / 3 * (1 - np.trace(alpha) / alpha.sum())) < 1e-9)
    True
    """
    check_level(level)
    groups = read_groups(data, items=items, group=group, missing=missing)
    rng = generator(seed)
    members = None if first_half is None else _members(groups[0].items, first_half)
    if members is None:
        parts = [_all_splits(m, standardized, n_splits, level, rng) for m in groups]
        overall = _all_splits(pool_within(groups), standardized, n_splits, level, rng)
    else:
        parts = [_one_split(m, members, standardized, level) for m in groups]
        overall = _one_split(pool_within(groups), members, standardized, level)
    first = overall[0][0]
    return CoefficientResult(
        coefficient=str(first["term"]),
        formula="split-half reliability = 4 cov(A, B) / variance of the sum (Guttman 1945)",
        estimates=pd.DataFrame([r for rows, _ in parts for r in rows]),
        overall={k: v for k, v in first.items() if k not in ("group", "term")},
        level=level,
        interval="middle share of the splits" if members is None else DELTA,
        details=pd.concat([table for _, table in parts], ignore_index=True),
        notes=missing_notes(groups, missing),
    )


def _members(items: tuple[str, ...], first_half: Sequence[str]) -> BoolArray:
    unknown = [item for item in first_half if item not in items]
    if unknown:
        raise DataError(f"first_half names {unknown[0]!r}, which is not among the items {', '.join(items)}.")
    chosen = np.array([item in set(first_half) for item in items])
    if chosen.all() or not chosen.any():
        raise DataError("first_half must name some of the items, not none and not all of them.")
    return chosen


def _all_splits(
    m: Moments, standardized: bool, n_splits: int, level: float, rng: np.random.Generator
) -> tuple[list[dict[str, object]], pd.DataFrame]:
    halves = split_halves(m.R if standardized else m.S, n_splits=n_splits, rng=rng)
    tails = [(1 - level) / 2, 1 - (1 - level) / 2]
    rows = []
    for prefix, values in (("split_half", halves.estimates), ("spearman_brown", halves.correlations)):
        low, high = np.quantile(values, tails)
        spread = float(values.std())
        rows.append(row(m, f"{prefix}_mean", float(values.mean()), spread, Interval(low, high)))
        rows.append(row(m, f"{prefix}_best", float(values.max()), np.nan, NO_INTERVAL))
        rows.append(row(m, f"{prefix}_worst", float(values.min()), np.nan, NO_INTERVAL))
    table = pd.DataFrame(
        {"group": m.label, "item": list(m.items), "in_best_half": halves.best, "in_worst_half": halves.worst}
    )
    return rows, table


def _one_split(
    m: Moments, chosen: BoolArray, standardized: bool, level: float
) -> tuple[list[dict[str, object]], pd.DataFrame]:
    S = m.R if standardized else m.S
    t = np.where(chosen, 1.0, -1.0)
    V = S.sum()
    estimate = float(1 - t @ S @ t / V)
    G = (1 - estimate) / V * np.ones_like(S) - np.outer(t, t) / V
    se = m.robust_se(c.correlation_gradient(G, m.S) if standardized else G)
    own = [float(S[np.ix_(side, side)].sum()) for side in (chosen, ~chosen)]
    r = float(S[np.ix_(chosen, ~chosen)].sum()) / float(np.sqrt(own[0] * own[1]))
    rows = [
        row(m, "split_half", estimate, se, wald_interval(estimate, se, level=level, scale="log_complement")),
        row(m, "spearman_brown", 2 * r / (1 + r), np.nan, NO_INTERVAL),
    ]
    return rows, pd.DataFrame({"group": m.label, "item": list(m.items), "in_first_half": chosen})
