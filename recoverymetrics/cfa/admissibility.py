"""What is wrong with a solution, in sentences that name the parameter and the next step."""

from __future__ import annotations

import numpy as np

from recoverymetrics.cfa.estimate import Estimate
from recoverymetrics.cfa.inference import Curvature
from recoverymetrics.cfa.table import ParameterTable
from recoverymetrics.numerics.sem_ram import RamLayout, RamState

NO_CONVERGENCE = "the estimates did not converge"
NO_SCALED_TEST = "the scaled test could not be computed at these estimates; do not rely on the unscaled one."
TINY = 1e-8


def inspect_estimates(
    table: ParameterTable, layout: RamLayout, state: RamState, estimate: Estimate, found: Curvature
) -> tuple[str, ...]:
    """Reasons why the estimates should not be trusted; empty when there are none."""
    reasons: list[str] = []
    if not estimate.minimum.converged:
        reasons.append(
            f"{NO_CONVERGENCE} ({estimate.minimum.message}); simplify the model, give starting values with start(), "
            "or raise max_iter."
        )
    for group, label in enumerate(table.groups):
        where = f" in group {label!r}" if len(table.groups) > 1 else ""
        reasons.extend(_variances(table, layout, state, group, where))
        reasons.extend(_latent(table, state, group, where))
    if found.singular:
        reasons.append(
            "the information matrix is singular at the estimates, so that standard errors are not reliable; the "
            "model may not be identified for these data."
        )
    return tuple(reasons)


def _variances(
    table: ParameterTable, layout: RamLayout, state: RamState, group: int, where: str
) -> list[str]:
    """Negative residual and factor variances (Heywood cases)."""
    names = table.names_of_variables
    p = len(table.observed)
    variances = np.diagonal(state.S[group]).copy()
    if layout.any_ordinal and not layout.theta:
        total = 1.0 / state.delta[group] ** 2
        o = np.flatnonzero(layout.ordinal)
        variances[o] = total[o] - np.diagonal(state.V[group])[o]
    found = []
    for k in np.flatnonzero(variances < -TINY):
        kind = "residual variance" if k < p else "variance"
        found.append(
            f"the {kind} of {names[k]!r}{where} is negative ({variances[k]:.3f}); look at its loadings, its sample "
            "size and the number of indicators before interpreting the solution."
        )
    return found


def _latent(table: ParameterTable, state: RamState, group: int, where: str) -> list[str]:
    """Correlations of factors at or beyond one, and covariance matrices that cannot be."""
    p, names = len(table.observed), table.latent
    if len(names) < 2:
        return []
    end = p + len(names)
    V = state.V[group][p:end, p:end]
    variances = np.diagonal(V)
    if (variances <= 0).any():
        return []
    sd = np.sqrt(variances)
    R = V / sd[:, None] / sd
    found = []
    for i, j in zip(*np.triu_indices(len(names), 1), strict=True):
        if abs(R[i, j]) > 1.0 - TINY:
            found.append(
                f"the correlation of {names[i]!r} and {names[j]!r}{where} is {R[i, j]:.3f}; the two factors are not "
                "distinct, consider merging them."
            )
    psi = state.S[group][p:end, p:end]
    free = np.diagonal(psi) > TINY
    block = psi[np.ix_(free, free)]
    if not found and block.size and np.linalg.eigvalsh(block)[0] < -1e-8 * np.abs(block).max():
        found.append(f"the covariance matrix of the factors{where} is not positive definite.")
    return found
