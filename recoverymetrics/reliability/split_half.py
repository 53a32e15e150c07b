"""Split halves: best, worst and mean over all of them, or one given split."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from recoverymetrics.instrument import ItemData
from recoverymetrics.numerics.intervals import Interval, wald_interval
from recoverymetrics.numerics.seeds import generator
from recoverymetrics.reliability import coefficients as c
from recoverymetrics.reliability.alpha import row
from recoverymetrics.reliability.bounds import split_gradient
from recoverymetrics.reliability.groups import keying_notes, missing_notes, pool_within, read_groups
from recoverymetrics.reliability.guttman import DELTA, NO_INTERVAL
from recoverymetrics.reliability.halves import half_members, split_halves
from recoverymetrics.reliability.moments import Moments
from recoverymetrics.reliability.results import CoefficientResult
from recoverymetrics.reliability.spec import Missing, check_level
from recoverymetrics.typing import BoolArray, GroupSpec, IntoFrame, Seed


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

    Warns
    -----
    DataWarning
        Items that correlate negatively with the sum of the others: probably not keyed.

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
    members = None if first_half is None else half_members(groups[0].items, first_half)
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
        notes=(*missing_notes(groups, missing), *keying_notes(groups)),
    )


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
    G = split_gradient(S, chosen)
    t = np.where(chosen, 1.0, -1.0)
    estimate = float(1 - t @ S @ t / S.sum())
    se = m.robust_se(c.correlation_gradient(G, m.S) if standardized else G)
    own = [float(S[np.ix_(side, side)].sum()) for side in (chosen, ~chosen)]
    r = float(S[np.ix_(chosen, ~chosen)].sum()) / float(np.sqrt(own[0] * own[1]))
    rows = [
        row(m, "split_half", estimate, se, wald_interval(estimate, se, level=level, scale="log_complement")),
        row(m, "spearman_brown", 2 * r / (1 + r), np.nan, NO_INTERVAL),
    ]
    return rows, pd.DataFrame({"group": m.label, "item": list(m.items), "in_first_half": chosen})
