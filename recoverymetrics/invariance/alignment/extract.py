"""Configural parameters out of a fitted model, factor by factor, with their sampling covariance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recoverymetrics.cfa.result import CFAResult
from recoverymetrics.cfa.standardize import row_values
from recoverymetrics.cfa.table import Row
from recoverymetrics.errors import ModelError
from recoverymetrics.invariance.alignment.kernel import Configural
from recoverymetrics.typing import FloatArray


@dataclass(frozen=True)
class FactorParameters:
    """Configural parameters of one factor in all groups.

    Attributes
    ----------
    factor : str
        Name.
    items : tuple of str
        Its items.
    intercept_names : tuple of str
        Name of each intercept or threshold, such as ``"x1~1"`` or ``"A1|t2"``.
    configural : Configural
        The parameters.
    residual_sds : ndarray, shape (G, p)
        Residual standard deviations (ones for ordered items in the theta parameterisation).
    covariance : ndarray, shape (G p + G T, G p + G T)
        Sampling covariance of loadings and intercepts, in the order of ``sensitivity``.
    """

    factor: str
    items: tuple[str, ...]
    intercept_names: tuple[str, ...]
    configural: Configural
    residual_sds: FloatArray
    covariance: FloatArray


def factor_parameters(fit: CFAResult) -> tuple[FactorParameters, ...]:
    """Read loadings and intercepts (thresholds with turned sign) of each factor from a configural model.

    Raises
    ------
    ModelError
        Second-order factors; a model that is not configural with standardised factors.
    """
    values = row_values(fit.table, fit.layout, fit.theta)
    book = {row.key: k for k, row in enumerate(fit.table.rows)}
    latent = set(fit.table.latent)
    found = []
    for factor in fit.table.latent:
        items = tuple(
            dict.fromkeys(r.rhs for r in fit.table.rows if r.op == "=~" and r.lhs == factor and r.group == 0)
        )
        if any(item in latent for item in items):
            raise ModelError(f"factor {factor!r} is measured by factors; align the first-order model.")
        found.append(_one_factor(fit, factor, items, values, book))
    return tuple(found)


def _one_factor(
    fit: CFAResult, factor: str, items: tuple[str, ...], values: FloatArray, book: dict
) -> FactorParameters:
    groups = range(len(fit.groups))
    names, owner = _intercept_rows(fit, items)
    sign = -1.0 if any(op == "|" for _, op, _ in names) else 1.0
    loading = [[book[Row(factor, "=~", item, g).key] for item in items] for g in groups]
    level = [[book[(lhs, op, rhs, g)] for lhs, op, rhs in names] for g in groups]
    spread = [
        [values[k] if (k := book.get((item, "~~", item, g))) is not None else 1.0 for item in items]
        for g in groups
    ]
    rows = np.array([*np.ravel(loading), *np.ravel(level)], dtype=np.int64)
    return FactorParameters(
        factor=factor,
        items=items,
        intercept_names=tuple(
            f"{lhs}{op}{rhs or '1'}" if op == "|" else f"{lhs}~1" for lhs, op, rhs in names
        ),
        configural=Configural(values[np.array(loading)], sign * values[np.array(level)], owner),
        residual_sds=np.sqrt(np.maximum(np.array(spread, dtype=float), 1e-12)),
        covariance=_row_covariance(fit, rows, len(np.ravel(loading)), sign),
    )


def _intercept_rows(fit: CFAResult, items: tuple[str, ...]) -> tuple[list[tuple[str, str, str]], np.ndarray]:
    """Keys of thresholds, or of intercepts where an item has none, and the item each belongs to."""
    names: list[tuple[str, str, str]] = []
    owner: list[int] = []
    for j, item in enumerate(items):
        own = [r for r in fit.table.rows if r.group == 0 and r.lhs == item and r.op == "|"]
        own = own or [r for r in fit.table.rows if r.group == 0 and r.lhs == item and r.op == "~1"]
        names += [(r.lhs, r.op, r.rhs) for r in own]
        owner += [j] * len(own)
    return names, np.array(owner, dtype=np.int64)


def _row_covariance(fit: CFAResult, rows: np.ndarray, n_loadings: int, sign: float) -> FloatArray:
    """Sampling covariance of table rows; zero for what is fixed."""
    index = fit.table.index[rows]
    covariance = np.zeros((rows.size, rows.size))
    free = np.flatnonzero(index >= 0)
    covariance[np.ix_(free, free)] = fit.covariance[np.ix_(index[free], index[free])]
    turn = np.where(np.arange(rows.size) < n_loadings, 1.0, sign)
    return np.asarray(covariance * np.outer(turn, turn), dtype=float)
