"""How large non-invariance is, and what it does to group means: dMACS, observed and latent impact."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import ndtr

from recoverymetrics.errors import OptionError
from recoverymetrics.invariance.alignment.extract import FactorParameters, factor_parameters
from recoverymetrics.invariance.alignment.kernel import Aligned, Loss, align
from recoverymetrics.typing import FloatArray

if TYPE_CHECKING:
    from recoverymetrics.invariance.ladder.result import InvarianceResult

NODES = 81
"""Quadrature nodes over the focal group's factor, plus and minus five standard deviations."""


def expected_item_scores(
    parameters: FactorParameters,
    loadings: FloatArray,
    intercepts: FloatArray,
    theta: FloatArray,
    residual_sds: FloatArray,
) -> FloatArray:
    """Expected scores of the items along the factor, for one set of parameters.

    Parameters
    ----------
    parameters : FactorParameters
        Says which intercepts belong to which item.
    loadings : ndarray, shape (p,)
    intercepts : ndarray, shape (T,)
        Intercepts, or thresholds with turned sign.
    theta : ndarray, shape (Q,)
    residual_sds : ndarray, shape (p,)

    Returns
    -------
    ndarray, shape (Q, p)
        Linear in the factor for continuous items; sum of normal ogives over the thresholds for ordered ones.
    """
    owner = parameters.configural.owner
    line = theta[:, None] * loadings[owner] + intercepts
    if is_ordinal(parameters):
        line = ndtr(line / residual_sds[owner])
    scores = np.zeros((theta.size, loadings.size))
    np.add.at(scores.T, owner, line.T)
    return scores


def is_ordinal(parameters: FactorParameters) -> bool:
    """Whether the intercepts are thresholds."""
    return any("|" in name for name in parameters.intercept_names)


def align_factors(result: InvarianceResult, *, reference: int = 0) -> list[tuple[FactorParameters, Aligned]]:
    """Put the configural parameters of each factor on one metric by FIXED alignment."""
    engine, configural = result.engine, result.steps[0].fit
    if engine.ordinal and not engine.theta:
        engine = replace(engine, theta=True)
        configural = engine.fit(())
    sizes = engine.sizes
    weights = np.sqrt(np.outer(sizes, sizes)) / sizes.mean()
    np.fill_diagonal(weights, 0.0)
    loss = Loss(0.5, 0.01, weights)
    return [
        (
            parameters,
            align(parameters.configural, loss, reference=reference, free_mean=False, n_starts=6, seed=1),
        )
        for parameters in factor_parameters(configural, engine)
    ]


def dmacs_table(result: InvarianceResult, *, level: str, reference: str | None) -> pd.DataFrame:
    """Effect sizes of non-invariance (Nye & Drasgow 2011) on the aligned configural parameters.

    Parameters
    ----------
    result : InvarianceResult
        A ladder.
    level : str
        Only ``"configural"``: the parameters that are free in every group.
    reference : str or None
        Group to compare with; None compares each group with the size-weighted mean of the others.

    Returns
    -------
    pandas.DataFrame
        One row per factor, item and group: ``dmacs`` (root mean square difference in expected item score
        over the group's factor distribution, in item standard deviations; about 0.2, 0.4, 0.7 are small,
        medium, large, Nye et al. 2019) and ``dmacs_signed`` (mean difference; positive when the group
        scores higher than people of equal standing elsewhere).
    """
    if level != "configural":
        raise OptionError("effect sizes are computed on the configural parameters; use level='configural'.")
    groups = list(result.engine.cells)
    if reference is not None and reference not in groups:
        raise OptionError(f"reference={reference!r} is not a group; the groups are {', '.join(groups)}.")
    spread = _item_sds(result)
    rows = []
    for parameters, solution in align_factors(result):
        sds = np.array([spread[item] for item in parameters.items])
        for g, label in enumerate(groups):
            if label != reference:
                signed, size = _dmacs(parameters, solution, g, _weights(result, g, groups, reference), sds)
                rows += [
                    {"factor": parameters.factor, "item": item, "group": label, "dmacs": a, "dmacs_signed": b}
                    for item, a, b in zip(parameters.items, size, signed, strict=True)
                ]
    return pd.DataFrame(rows)


def _weights(result: InvarianceResult, g: int, groups: list[str], reference: str | None) -> FloatArray:
    if reference is not None:
        return (np.array(groups) == reference).astype(float)
    sizes = result.engine.sizes.copy()
    sizes[g] = 0.0
    return np.asarray(sizes / sizes.sum(), dtype=float)


def _dmacs(
    parameters: FactorParameters, solution: Aligned, g: int, weights: FloatArray, sds: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Signed mean and root mean square of the difference over the group's own factor distribution."""
    z = np.linspace(-5.0, 5.0, NODES)
    mass = np.exp(-0.5 * z**2)
    mass /= mass.sum()
    theta = solution.means[g] + solution.sds[g] * z
    own = expected_item_scores(
        parameters, solution.loadings[g], solution.intercepts[g], theta, parameters.residual_sds[g]
    )
    others = expected_item_scores(
        parameters,
        weights @ solution.loadings,
        weights @ solution.intercepts,
        theta,
        np.sqrt(weights @ parameters.residual_sds**2),
    )
    difference = (own - others) / sds
    return mass @ difference, np.sqrt(mass @ difference**2)


def _item_sds(result: InvarianceResult) -> dict[str, float]:
    from recoverymetrics.invariance.ladder.result import pooled_sd

    record = result.responses
    group = np.asarray(record.group)
    return dict(zip(record.items, pooled_sd(record.values, group), strict=True))


def impact_table(result: InvarianceResult) -> pd.DataFrame:
    """Group means as observed, under full invariance, and aligned, with the rank of the group each way.

    Returns
    -------
    pandas.DataFrame
        One row per factor and group. ``mean_observed``: mean of the factor's items; ``mean_invariant``:
        factor mean with loadings and intercepts equal; ``mean_aligned``: factor mean after alignment. All
        three are distances from their size-weighted mean in within-group standard deviations.
    """
    invariant = _invariant_means(result)
    rows = []
    sizes = result.engine.sizes
    for parameters, solution in align_factors(result):
        columns = {
            "observed": _observed(result, parameters),
            "invariant": invariant[parameters.factor],
            "aligned": _centred(solution.means, solution.sds, sizes),
        }
        ranks = {name: _rank(values) for name, values in columns.items()}
        for g, label in enumerate(result.engine.cells):
            rows.append(
                {"factor": parameters.factor, "group": label, "n": int(sizes[g])}
                | {f"mean_{name}": values[g] for name, values in columns.items()}
                | {f"rank_{name}": ranks[name][g] for name in columns}
                | {"change": columns["aligned"][g] - columns["invariant"][g]}
            )
    return pd.DataFrame(rows)


def _rank(values: FloatArray) -> FloatArray:
    return np.asarray(np.argsort(np.argsort(-values, kind="stable"), kind="stable") + 1, dtype=float)


def _centred(means: FloatArray, sds: FloatArray, sizes: FloatArray) -> FloatArray:
    share = sizes / sizes.sum()
    return np.asarray((means - share @ means) / np.sqrt(share @ sds**2), dtype=float)


def _observed(result: InvarianceResult, parameters: FactorParameters) -> FloatArray:
    record = result.responses.select(parameters.items)
    blocks = [np.nanmean(values[~np.isnan(values).all(axis=1)], axis=1) for _, values in record.by_group()]
    means = np.array([block.mean() for block in blocks])
    sds = np.array([block.std() for block in blocks])
    return _centred(means, sds, result.engine.sizes)


def _invariant_means(result: InvarianceResult) -> dict[str, FloatArray]:
    equal = ("thresholds", "loadings", "intercepts") if result.engine.ordinal else ("loadings", "intercepts")
    have = [s.fit for s in result.steps if set(equal) <= set(s.rung.equal) and "means" not in s.rung.equal]
    fit = have[0] if have and not result.free else result.engine.fit(equal)
    found = {}
    for factor in result.engine.roles.latent:
        means = result.engine.values(fit, factor, "~1", "")
        variances = result.engine.values(fit, factor, "~~", factor)
        found[factor] = _centred(means, np.sqrt(np.maximum(variances, 1e-12)), result.engine.sizes)
    return found
