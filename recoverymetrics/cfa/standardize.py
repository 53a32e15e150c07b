"""Values of the table's rows, raw and standardised, as functions of the free parameters."""

from __future__ import annotations

from typing import Any

import numpy as np

from recoverymetrics.cfa.table import ParameterTable
from recoverymetrics.numerics.sem_ram import RamLayout, RamState, evaluate


def full_variances(layout: RamLayout, state: RamState) -> Any:
    """Variances of all variables, those of latent responses and what covariates add included, shape (G, t)."""
    variances = np.diagonal(state.V, axis1=1, axis2=2).astype(_kind(state))
    if layout.any_ordinal and not layout.theta:
        o = np.flatnonzero(layout.ordinal)
        variances[:, o] = 1.0 / state.delta[:, o] ** 2
    if layout.given is not None:
        reach = state.E[:, :, layout.n_variables - layout.n_given :]
        variances += ((reach @ layout.given) * reach).sum(axis=2)
    return variances


def _kind(state: RamState) -> Any:
    """Complex when some part of the state is, as in complex-step derivatives."""
    return np.result_type(state.V, state.E, state.delta)


def disturbance_variances(layout: RamLayout, state: RamState) -> Any:
    """Residual variances of all variables, derived ones included, shape (G, t)."""
    variances = np.diagonal(state.S, axis1=1, axis2=2).astype(_kind(state))
    if layout.any_ordinal and not layout.theta:
        o = np.flatnonzero(layout.ordinal)
        variances[:, o] = 1.0 / state.delta[:, o] ** 2 - np.diagonal(state.V, axis1=1, axis2=2)[:, o]
    if layout.given is not None:
        variances[:, layout.n_variables - layout.n_given :] = np.diagonal(layout.given, axis1=1, axis2=2)
    return variances


def row_values(table: ParameterTable, layout: RamLayout, theta: Any) -> Any:
    """Value of every row of the table."""
    state = evaluate(layout, theta)
    position = {name: k for k, name in enumerate(table.names_of_variables)}
    residual = disturbance_variances(layout, state)
    out = np.zeros(len(table.rows), dtype=np.asarray(theta).dtype if len(theta) else float)
    for k, (row, index) in enumerate(zip(table.rows, table.index, strict=True)):
        if index >= 0:
            out[k] = theta[index]
        elif row.origin != "derived":
            out[k] = row.value
        elif row.op == "~*~":
            out[k] = state.delta[row.group, position[row.lhs]]
        else:
            out[k] = residual[row.group, position[row.lhs]]
    return out


def standardised_values(table: ParameterTable, layout: RamLayout, theta: Any) -> tuple[Any, Any]:
    """Rows with standardised latent variables, and with all variables standardised."""
    state = evaluate(layout, theta)
    values = row_values(table, layout, theta)
    position = {name: k for k, name in enumerate(table.names_of_variables)}
    latent = {position[name] for name in table.latent}
    with np.errstate(invalid="ignore"):
        sd = np.sqrt(full_variances(layout, state))
        residual = np.sqrt(disturbance_variances(layout, state))
    lv, every = values.copy(), values.copy()
    for k, row in enumerate(table.rows):
        g, a = row.group, position[row.lhs]
        b = position.get(row.rhs, a)
        sa, sb = sd[g, a], sd[g, b]
        la, lb = (sa if a in latent else 1.0), (sb if b in latent else 1.0)
        if row.op == "=~":
            lv[k], every[k] = values[k] * la / lb, values[k] * sa / sb
        elif row.op == "~":
            lv[k], every[k] = values[k] * lb / la, values[k] * sb / sa
        elif row.op == "~~" and a == b:
            lv[k], every[k] = values[k] / la**2, values[k] / sa**2
        elif row.op == "~~":
            ra, rb = residual[g, a], residual[g, b]
            lv[k] = values[k] / (ra if a in latent else 1.0) / (rb if b in latent else 1.0)
            every[k] = values[k] / ra / rb
        elif row.op == "~*~":
            every[k] = 1.0
        elif row.op in ("~1", "|"):
            lv[k], every[k] = values[k] / la, values[k] / sa
    return lv, every
