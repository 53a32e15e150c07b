"""Discriminant validity of scales: heterotrait-monotrait ratios of correlations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Literal

import numpy as np
import pandas as pd

from recoverymetrics.errors import DataError
from recoverymetrics.instrument import read_items
from recoverymetrics.numerics.intervals import wald_interval
from recoverymetrics.reliability import coefficients as c
from recoverymetrics.reliability.groups import group_moments, missing_notes
from recoverymetrics.reliability.moments import Moments
from recoverymetrics.reliability.ordinal_groups import OrdinalGroup, Slope, read_ordinal
from recoverymetrics.reliability.results import CoefficientResult
from recoverymetrics.reliability.spec import Missing, check_level, check_option, in_group
from recoverymetrics.typing import BoolArray, FloatArray, GroupSpec, IntArray, IntoFrame


def heterotrait_monotrait(
    data: IntoFrame,
    scales: Mapping[str, Sequence[str]],
    *,
    group: GroupSpec = None,
    method: Literal["htmt", "htmt2"] = "htmt2",
    correlation: Literal["pearson", "polychoric"] = "pearson",
    missing: Missing = "pairwise",
    level: float = 0.95,
) -> CoefficientResult:
    """Ratio of the correlations between scales to those within them; near 1 the scales cannot be told apart.

    Parameters
    ----------
    data : Responses, DataFrame, mapping or 2-D array
        One row per person.
    scales : mapping of str to sequence of str
        Items of each scale, at least two scales of at least two items.
    group : str or array-like, optional
        One analysis per group.
    method : {"htmt", "htmt2"}, default "htmt2"
        Arithmetic means (Henseler, Ringle & Sarstedt 2015; assumes equal loadings) or geometric means
        (Roemer, Schuberth & Henseler 2021) of absolute correlations.
    correlation : {"pearson", "polychoric"}, default "pearson"
        Kind of correlation.
    missing : {"pairwise", "listwise"}, default "pairwise"
        Treatment of missing responses.
    level : float, default 0.95
        Confidence level; Pearson: distribution-free delta method, polychoric: from their asymptotic
        covariance.

    Returns
    -------
    CoefficientResult
        ``tidy()``: one row per group and pair of scales (``scale scale_2``); ``glance()`` the largest ratio.

    Raises
    ------
    DataError
        Fewer than two scales, a scale of one item, an item in two scales.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> x = np.repeat(rng.normal(size=(500, 2)), 3, axis=1) + rng.normal(size=(500, 6))
    >>> data = {f"x{j}": x[:, j] for j in range(6)}
    >>> result = heterotrait_monotrait(data, {"a": ["x0", "x1", "x2"], "b": ["x3", "x4", "x5"]}, method="htmt")
    >>> bool(result.estimate < 0.2)
    True

    References
    ----------
    henseler2015, roemer2021
    """
    check_level(level)
    check_option("method", method, ("htmt", "htmt2"))
    check_option("correlation", correlation, ("pearson", "polychoric"))
    members = _check_scales(scales)
    items = [item for names in scales.values() for item in names]
    rows: list[dict[str, object]] = []
    notes: tuple[str, ...] = ()
    if correlation == "pearson":
        groups = group_moments(read_items(data, items=items, group=group), missing)
        notes = missing_notes(groups, missing)
        for m in groups:
            rows += _rows(m.label, m.R, m.n, members, method, level, _PearsonError(m))
    else:
        found, ordinal = read_ordinal(data, items, group, missing, 2)
        notes = found.notes
        for g in ordinal:
            rows += _rows(g.label, g.R, g.n, members, method, level, _PolychoricError(g))
    estimates = pd.DataFrame(rows)
    largest = estimates.loc[estimates["estimate"].idxmax()].drop(["group", "term"]).to_dict()
    mean = (
        "arithmetic means (Henseler et al. 2015)"
        if method == "htmt"
        else "geometric means (Roemer et al. 2021)"
    )
    return CoefficientResult(
        coefficient=method,
        formula=f"mean correlation between two scales / root of the product of those within, {mean}",
        estimates=estimates,
        overall=largest,
        level=level,
        interval="delta method, symmetric",
        notes=notes,
    )


class _PearsonError:
    """Distribution-free standard error of a function of the correlations."""

    def __init__(self, m: Moments) -> None:
        self.m = m

    def __call__(self, G: FloatArray) -> float:
        return self.m.robust_se(c.correlation_gradient(G, self.m.S))


class _PolychoricError:
    """Standard error of a function of polychoric correlations."""

    def __init__(self, g: OrdinalGroup) -> None:
        self.g = g

    def __call__(self, G: FloatArray) -> float:
        return self.g.std_error(Slope(np.zeros_like(self.g.tau), 2 * G))


def _check_scales(scales: Mapping[str, Sequence[str]]) -> dict[str, IntArray]:
    if len(scales) < 2:
        raise DataError("at least two scales are needed; give scales={name: [items], ...}.")
    members, start = {}, 0
    for name, items in scales.items():
        if len(items) < 2:
            raise DataError(f"scale {name!r} has {len(items)} item; at least two are needed.")
        members[name] = np.arange(start, start + len(items))
        start += len(items)
    return members


def _rows(
    label: str,
    R: FloatArray,
    n: int,
    members: dict[str, IntArray],
    method: str,
    level: float,
    std_error: Callable[[FloatArray], float],
) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for first, second in combinations(members, 2):
        _refuse_zeros(R, (first, second), members, method, label)
        ratio, G = htmt_ratio(R, members[first], members[second], geometric=method == "htmt2")
        se = std_error(G)
        limits = wald_interval(ratio, se, level=level)
        rows.append(
            {
                "group": label,
                "scale": first,
                "scale_2": second,
                "term": method,
                "estimate": ratio,
                "std_error": se,
                "conf_low": float(limits.low),
                "conf_high": float(limits.high),
                "n": n,
            }
        )
    return rows


def _refuse_zeros(
    R: FloatArray, scales: tuple[str, str], members: dict[str, IntArray], method: str, label: str
) -> None:
    """A geometric mean with a correlation of exactly zero, and a mean of nothing but zeros, say nothing."""
    blocks = {f"of scale {name!r}": R[_upper(R.shape[0], members[name])] for name in scales}
    blocks[f"of scales {scales[0]!r} and {scales[1]!r}"] = R[np.ix_(*(members[name] for name in scales))]
    flat = [where for where, r in blocks.items() if (np.any(r == 0) if method == "htmt2" else not np.any(r))]
    if flat:
        raise DataError(
            f"{'two' if method == 'htmt2' else 'all'} items {flat[0]}{in_group(label)} correlate exactly 0, for which "
            f"{method} is not defined" + ("; use method='htmt'." if method == "htmt2" else ".")
        )


def htmt_ratio(
    R: FloatArray, first: IntArray, second: IntArray, *, geometric: bool
) -> tuple[float, FloatArray]:
    """Ratio of absolute correlations and its derivative in the correlations (symmetric, zero diagonal)."""
    between = np.zeros(R.shape, dtype=bool)
    between[np.ix_(first, second)] = True
    blocks = [between, _upper(R.shape[0], first), _upper(R.shape[0], second)]
    log_ratio, slope = 0.0, np.zeros(R.shape)
    for block, power in zip(blocks, (1.0, -0.5, -0.5), strict=True):
        r = np.abs(R[block])
        log_mean = float(np.mean(np.log(r))) if geometric else float(np.log(r.mean()))
        log_ratio += power * log_mean
        slope[block] = power / r.size / (R[block] if geometric else r.mean() * np.sign(R[block]))
    ratio = float(np.exp(log_ratio))
    half = ratio * slope / 2
    return ratio, half + half.T


def _upper(p: int, members: IntArray) -> BoolArray:
    block = np.zeros((p, p), dtype=bool)
    rows, columns = np.triu_indices(members.size, 1)
    block[members[rows], members[columns]] = True
    return block
