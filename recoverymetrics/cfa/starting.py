"""Starting values of the free parameters, in closed form from each group's moments."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from recoverymetrics.cfa.table import ParameterTable, Row
from recoverymetrics.typing import FloatArray

LOADING = (0.1, 0.95)
"""Standardised loadings stay within these limits, in absolute value."""
CORRELATION = 0.9
"""Factors do not start closer than this."""


@dataclass
class FactorStarts:
    """Starts of the measurement part, each an array over the groups.

    Attributes
    ----------
    loadings : dict
        By factor and item.
    variances : dict
        By factor.
    covariances : dict
        By pair of factors, both ways.
    unique : dict
        Residual variances of items that measure one factor.
    """

    loadings: dict[tuple[str, str], FloatArray] = field(default_factory=dict)
    variances: dict[str, FloatArray] = field(default_factory=dict)
    covariances: dict[tuple[str, str], FloatArray] = field(default_factory=dict)
    unique: dict[str, FloatArray] = field(default_factory=dict)


def starting_values(
    table: ParameterTable, covariance: FloatArray, mean: FloatArray, tau: FloatArray
) -> FloatArray:
    """Starting values of the free parameters.

    Loadings are the roots of Spearman's communalities of a factor's indicators; factor covariances are the least-squares fit
    to the covariances between the indicators of two factors; residual variances are what the factor leaves, or half
    the variance of an item that several factors share.

    Parameters
    ----------
    table : ParameterTable
        Model.
    covariance, mean, tau : ndarray
        Moments of the groups, (G, p, p), (G, p) and (G, K).
    """
    theta = [math.nan] * table.n_free
    position = {name: k for k, name in enumerate(table.observed)}
    first = np.concatenate([[0], np.cumsum(table.thresholds)]).tolist()
    starts = factor_starts(table, covariance, position)
    for row, k in zip(table.rows, table.index.tolist(), strict=True):
        if k >= 0 and math.isnan(theta[k]):
            given = not math.isnan(row.start)
            theta[k] = (
                row.start if given else _start(row, starts, covariance, mean, tau, position, first, table)
            )
    return np.array(theta)


def _start(
    row: Row,
    starts: FactorStarts,
    covariance: FloatArray,
    mean: FloatArray,
    tau: FloatArray,
    position: dict[str, int],
    first: list[int],
    table: ParameterTable,
) -> float:
    own, g = position.get(row.lhs), row.group
    if row.op == "=~":
        return float(starts.loadings[row.lhs, row.rhs][g])
    if row.op == "~~" and row.lhs == row.rhs:
        if own is None:
            return float(starts.variances[row.lhs][g]) if row.lhs in starts.variances else 0.5
        variance = float(covariance[g, own, own])
        if row.origin == "exogenous" or (table.thresholds and table.thresholds[own]):
            return variance
        return float(starts.unique[row.lhs][g]) if row.lhs in starts.unique else 0.5 * variance
    if row.op == "~~" and row.origin == "exogenous" and own is not None:
        return float(covariance[g, own, position[row.rhs]])
    if row.op == "~~" and (row.lhs, row.rhs) in starts.covariances:
        return float(starts.covariances[row.lhs, row.rhs][g])
    if row.op == "~1" and own is not None:
        return float(mean[g, own])
    if row.op == "|":
        return float(tau[g, first[position[row.lhs]] + int(row.rhs[1:]) - 1])
    return 1.0 if row.op == "~*~" else 0.0


def factor_starts(table: ParameterTable, covariance: FloatArray, position: dict[str, int]) -> FactorStarts:
    """Loadings, variances and covariances of the factors, and residual variances of their items."""
    n_groups = len(table.groups)
    indicators: dict[str, list[list[Row]]] = {}
    standard: dict[str, list[bool]] = {}
    for row in table.rows:
        if row.op == "=~":
            indicators.setdefault(row.lhs, [[] for _ in range(n_groups)])[row.group].append(row)
        elif row.op == "~~" and row.lhs == row.rhs and not row.free:
            standard.setdefault(row.lhs, [False] * n_groups)[row.group] = True
    starts, used, clean = FactorStarts(), set[str](), dict[str, list[int]]()
    for factor, rows in indicators.items():
        items = [r.rhs for r in rows[0]]
        again = not used.isdisjoint(items)
        measured = len(items) > 1 and all(item in position for item in items)
        where = [position[item] for item in items] if measured else []
        values = spearman_loadings(covariance, where) if measured else np.full((n_groups, len(items)), 0.7)
        variance = np.ones(n_groups)
        if again:
            values, variance = 0.4 * values, 0.3 * variance
        elif measured:
            clean[factor] = where
            left = np.diagonal(covariance, axis1=1, axis2=2)[:, where] - values**2
            starts.unique |= dict(zip(items, left.T, strict=True))
        for item in used.intersection(items):
            starts.unique.pop(item, None)
        used.update(items)
        for g in range(n_groups):
            _set_unit(rows[g], standard.get(factor, [False] * n_groups)[g], values, variance, g)
        starts.variances[factor] = variance
        starts.loadings |= {(factor, item): values[:, k] for k, item in enumerate(items)}
    _relate(
        starts,
        {f: w for f, w in clean.items() if all(i in starts.unique for i in _items(indicators[f]))},
        table,
        covariance,
    )
    return starts


def _items(rows: list[list[Row]]) -> list[str]:
    return [row.rhs for row in rows[0]]


def _set_unit(rows: list[Row], standard: bool, values: FloatArray, variance: FloatArray, g: int) -> None:
    """Turn loadings of a standardised factor to the unit that its marker or its fixed variance gives, in place."""
    anchor = next((k for k, r in enumerate(rows) if not r.free and r.value), None)
    if standard:
        variance[g] = 1.0
    elif anchor is not None and values[g, anchor] != 0:
        ratio = rows[anchor].value / values[g, anchor]
        values[g] *= ratio
        variance[g] = max(variance[g] / ratio**2, 0.05)


def spearman_loadings(covariance: FloatArray, where: list[int]) -> FloatArray:
    """Loadings of items on their one standardised factor, shape (G, k); the first is positive.

    Spearman's communality is ``((sum_j r_ij)^2 - sum_j r_ij^2) / (sum_jk r_jk - 2 sum_j r_ij)`` over other items
    (Harman 1976, section 7.3); where it falls outside its range, the largest correlation of the item.
    """
    block = covariance[:, where][:, :, where]
    sd = np.sqrt(np.diagonal(block, axis1=1, axis2=2))
    R = block / (sd[:, :, None] * sd[:, None, :])
    k = len(where)
    R[:, np.arange(k), np.arange(k)] = 0.0
    sign = np.where(R[:, 0] < 0, -1.0, 1.0)
    R *= sign[:, :, None] * sign[:, None, :]
    largest = np.abs(R).max(axis=2)
    total = R.sum(axis=2)
    common = largest
    if k > 2:
        rest = total.sum(axis=1)[:, None] - 2.0 * total
        with np.errstate(divide="ignore", invalid="ignore"):
            found = (total**2 - (R * R).sum(axis=2)) / rest
        common = np.where((rest > 0) & (found > LOADING[0] ** 2) & (found < 1.0), found, largest)
    return np.asarray(sign * np.clip(np.sqrt(common), *LOADING) * sd)


def _relate(
    starts: FactorStarts, clean: dict[str, list[int]], table: ParameterTable, covariance: FloatArray
) -> None:
    """Covariances of factors that share no items, as long as they make a possible matrix, in place."""
    names = list(clean)
    if len(names) < 2:
        return
    weights = np.zeros((len(covariance), covariance.shape[1], len(names)))
    for j, name in enumerate(names):
        loading = np.stack([starts.loadings[name, table.observed[i]] for i in clean[name]], axis=1)
        weights[:, clean[name], j] = loading / (loading**2).sum(axis=1, keepdims=True)
    found = np.swapaxes(weights, 1, 2) @ covariance @ weights
    sd = np.sqrt(np.stack([starts.variances[name] for name in names], axis=1))
    outer = sd[:, :, None] * sd[:, None, :]
    R = np.clip(found / outer, -CORRELATION, CORRELATION)
    diagonal = np.arange(len(names))
    R[:, diagonal, diagonal] = 1.0
    possible = np.linalg.eigvalsh(R)[:, 0] > 0.05
    Psi = np.where(possible[:, None, None], R * outer, 0.0)
    for a, first in enumerate(names):
        for b, second in enumerate(names):
            if a != b:
                starts.covariances[first, second] = Psi[:, a, b]
