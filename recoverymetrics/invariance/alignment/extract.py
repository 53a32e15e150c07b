"""Configural parameters out of a fitted model, factor by factor, with their sampling covariance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from recoverymetrics.cfa.result import CFAResult
from recoverymetrics.cfa.standardize import row_values
from recoverymetrics.errors import ModelError
from recoverymetrics.invariance.alignment.kernel import Configural
from recoverymetrics.typing import FloatArray

if TYPE_CHECKING:
    from recoverymetrics.invariance.ladder.engine import LadderEngine


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


def factor_parameters(fit: CFAResult, engine: LadderEngine) -> tuple[FactorParameters, ...]:
    """Read loadings and intercepts (thresholds with turned sign) of each factor from a configural model.

    Parameters
    ----------
    fit : CFAResult
        A model without equalities, its factors standardised in every group (or occasion).
    engine : LadderEngine
        Knows where the parameters of each group or occasion are.

    Raises
    ------
    ModelError
        Second-order factors.
    """
    found = []
    for factor in engine.roles.latent:
        statements = (s for s in engine.parsed.statements if s.op == "=~" and s.lhs == factor)
        items = tuple(dict.fromkeys(s.rhs for s in statements))
        if any(item in engine.roles.latent for item in items):
            raise ModelError(f"factor {factor!r} is measured by factors; align the first-order model.")
        found.append(_one_factor(fit, engine, factor, items))
    return tuple(found)


def _one_factor(
    fit: CFAResult, engine: LadderEngine, factor: str, items: tuple[str, ...]
) -> FactorParameters:
    values = row_values(fit.table, fit.layout, fit.theta)
    book = {row.key: k for k, row in enumerate(fit.table.rows)}
    cells = range(len(engine.cells))
    names, owner = _intercept_rows(engine, items)
    sign = np.array([-1.0 if op == "|" else 1.0 for _, op, _ in names])
    loading = [[book[engine.locate(factor, "=~", item, c)] for item in items] for c in cells]
    level = [[book[engine.locate(*name, c)] for name in names] for c in cells]
    spread = [[values[book[engine.locate(item, "~~", item, c)]] for item in items] for c in cells]
    rows = np.array([*np.ravel(loading), *np.ravel(level)], dtype=np.int64)
    return FactorParameters(
        factor=factor,
        items=items,
        intercept_names=tuple(f"{lhs}{op}{rhs}" if op == "|" else f"{lhs}~1" for lhs, op, rhs in names),
        configural=Configural(values[np.array(loading)], sign * values[np.array(level)], owner),
        residual_sds=np.sqrt(np.maximum(np.array(spread, dtype=float), 1e-12)),
        covariance=_row_covariance(
            fit, rows, np.concatenate([np.ones(np.size(loading)), np.tile(sign, len(cells))])
        ),
    )


def _intercept_rows(
    engine: LadderEngine, items: tuple[str, ...]
) -> tuple[list[tuple[str, str, str]], np.ndarray]:
    """Thresholds, or intercepts of continuous items, and the item each belongs to."""
    counts = np.bincount(engine.sample.threshold_item, minlength=len(engine.roles.observed))
    names: list[tuple[str, str, str]] = []
    owner: list[int] = []
    for j, item in enumerate(items):
        k = int(counts[engine.roles.observed.index(item)])
        own = [(item, "|", f"t{i + 1}") for i in range(k)] or [(item, "~1", "")]
        names += own
        owner += [j] * len(own)
    return names, np.array(owner, dtype=np.int64)


def _row_covariance(fit: CFAResult, rows: np.ndarray, turn: FloatArray) -> FloatArray:
    """Sampling covariance of table rows, some with turned sign; zero for what is fixed."""
    index = fit.table.index[rows]
    covariance = np.zeros((rows.size, rows.size))
    free = np.flatnonzero(index >= 0)
    covariance[np.ix_(free, free)] = fit.covariance[np.ix_(index[free], index[free])]
    return np.asarray(covariance * np.outer(turn, turn), dtype=float)
