"""How large non-invariance is, and what it does to group means: dMACS, observed and latent impact."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import ndtr

from recoverymetrics.errors import DataError, OptionError
from recoverymetrics.invariance.alignment.extract import FactorParameters, factor_parameters
from recoverymetrics.invariance.alignment.kernel import Aligned, Loss, align
from recoverymetrics.invariance.dif.spec import check_choice
from recoverymetrics.typing import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from recoverymetrics.cfa.result import CFAResult
    from recoverymetrics.invariance.ladder.engine import LadderEngine
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
    line = np.where(ordered_rows(parameters), ndtr(line / residual_sds[owner]), line)
    scores = np.zeros((theta.size, loadings.size))
    np.add.at(scores.T, owner, line.T)
    return scores


def ordered_rows(parameters: FactorParameters) -> BoolArray:
    """Which intercepts are thresholds of ordered items."""
    return np.array(["|" in name for name in parameters.intercept_names])


def configural_model(result: InvarianceResult) -> tuple[LadderEngine, CFAResult]:
    """The ladder's configural model as effect sizes need it: first-order factors, theta parameterisation."""
    engine = result.engine.first_order()
    if engine.ordinal and not engine.theta:
        engine = replace(engine, theta=True)
    return engine, result.steps[0].fit if engine is result.engine else engine.fit()


def align_factors(result: InvarianceResult, *, reference: int = 0) -> list[tuple[FactorParameters, Aligned]]:
    """Put the configural parameters of each factor on one metric by FIXED alignment."""
    engine, configural = configural_model(result)
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


def dmacs_table(
    result: InvarianceResult, *, level: str, reference: str | None, of: str = "items"
) -> pd.DataFrame:
    """Effect sizes of non-invariance on the aligned configural parameters.

    Parameters
    ----------
    result : InvarianceResult
        A ladder.
    level : str
        Only ``"configural"``: the parameters that are free in every group.
    reference : str or None
        Group to compare with; None compares each group with the median of every parameter over all groups, which a
        few deviant groups do not move (with two groups, with the other one).
    of : {"items", "scale"}
        Differences in expected item scores, or in the expected sum of each factor's items.

    Returns
    -------
    pandas.DataFrame
        One row per factor, item and group (no items with ``of="scale"``). With ``d`` the difference in expected score
        between the group and people of equal standing elsewhere, averaged over the group's factor distribution:
        ``dmacs`` root mean square of ``d`` in pooled standard deviations (Nye & Drasgow 2011; 0.2, 0.4 and 0.7 are
        small, medium and large, Nye et al. 2019); ``dmacs_signed`` mean of ``d`` in the same unit (Nye et al. 2019,
        positive when the group scores higher), in which differences along the factor cancel; ``dmacs_unsigned``
        mean of ``|d|``, in which they do not (Gunn et al. 2020); ``difference`` mean of ``d`` in points: the part of
        the group's observed mean that is due to non-invariance.

    Notes
    -----
    Nye & Drasgow define the difference as reference minus focal group; here it is group minus reference.
    """
    if level != "configural":
        raise OptionError("effect sizes are computed on the configural parameters; use level='configural'.")
    check_choice("of", of, ("items", "scale"))
    groups = list(result.engine.cells)
    if reference is not None and reference not in groups:
        raise OptionError(f"reference={reference!r} is not a group; the groups are {', '.join(groups)}.")
    rows = []
    for parameters, solution in align_factors(result):
        spread = _spread(result, parameters.items, of)
        names = parameters.items if of == "items" else ("",)
        for g, label in enumerate(groups):
            if label == reference:
                continue
            common = common_parameters(parameters, solution, _compared(g, groups, reference))
            d, mass = score_differences(parameters, solution, g, common)
            if of == "scale":
                d = d.sum(axis=1, keepdims=True)
            rows += [
                {
                    "factor": parameters.factor,
                    "item": item,
                    "group": label,
                    **_sizes_of(d[:, k], mass, spread[k]),
                }
                for k, item in enumerate(names)
            ]
    return pd.DataFrame(rows).drop(columns=[] if of == "items" else ["item"])


def _sizes_of(d: FloatArray, mass: FloatArray, sd: float) -> dict[str, float]:
    mean = float(mass @ d)
    return {
        "dmacs": float(np.sqrt(mass @ d**2)) / sd,
        "dmacs_signed": mean / sd,
        "dmacs_unsigned": float(mass @ np.abs(d)) / sd,
        "difference": mean,
    }


def _compared(g: int, groups: list[str], reference: str | None) -> IntArray:
    """Groups that make up what a group is compared with."""
    if reference is not None:
        return np.array([groups.index(reference)])
    return np.array([1 - g]) if len(groups) == 2 else np.arange(len(groups))


def common_parameters(
    parameters: FactorParameters, solution: Aligned, groups: IntArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Median loadings, intercepts and residual standard deviations over some groups."""
    return (
        np.median(solution.loadings[groups], axis=0),
        np.median(solution.intercepts[groups], axis=0),
        np.median(parameters.residual_sds[groups], axis=0),
    )


def score_differences(
    parameters: FactorParameters,
    solution: Aligned,
    g: int,
    common: tuple[FloatArray, FloatArray, FloatArray],
) -> tuple[FloatArray, FloatArray]:
    """Differences (Q, p) in expected item scores between a group's parameters and common ones, along its factor.

    Returns them with the mass (Q,) of the group's factor distribution.
    """
    z = np.linspace(-5.0, 5.0, NODES)
    mass = np.exp(-0.5 * z**2)
    mass /= mass.sum()
    theta = solution.means[g] + solution.sds[g] * z
    own = expected_item_scores(
        parameters, solution.loadings[g], solution.intercepts[g], theta, parameters.residual_sds[g]
    )
    loadings, intercepts, spread = common
    return own - expected_item_scores(parameters, loadings, intercepts, theta, spread), mass


def _spread(result: InvarianceResult, items: tuple[str, ...], of: str) -> FloatArray:
    """Standard deviation within groups of each item, or of the sum of complete answers."""
    from recoverymetrics.invariance.ladder.result import pooled_sd

    record = result.responses.select(items)
    group = np.asarray(record.group)
    if of == "items":
        return pooled_sd(record.values, group)
    total = record.values.sum(axis=1, keepdims=True)
    for label in record.groups:
        if np.sum(~np.isnan(total[group == label])) < 2:
            raise DataError(
                f"fewer than two persons in {label} answered all of {', '.join(items)}, so that the sum has no standard "
                "deviation there; take of='items'."
            )
    return pooled_sd(total, group)


def impact_table(result: InvarianceResult) -> pd.DataFrame:
    """What non-invariance does to the group means and their order.

    Returns
    -------
    pandas.DataFrame
        One row per factor and group, distances from the size-weighted mean in within-group standard deviations.
        ``mean_observed``: mean of the factor's items; ``bias_observed``: the part of it that is due to parameters that differ
        from their median; ``mean_corrected``: the rest; ``mean_invariant``: factor mean with loadings and
        intercepts equal; ``mean_aligned``: factor mean after alignment; ``change``: the last two's difference. Each
        mean has a ``rank``.
    """
    invariant = _invariant_means(result)
    rows = []
    sizes = result.engine.sizes
    for parameters, solution in align_factors(result):
        observed, sd = _observed(result, parameters)
        bias = _bias(parameters, solution, sizes) / sd
        columns = {
            "observed": observed,
            "corrected": observed - bias,
            "invariant": invariant[parameters.factor],
            "aligned": _centred(solution.means, solution.sds, sizes),
        }
        ranks = {name: _rank(values) for name, values in columns.items()}
        for g, label in enumerate(result.engine.cells):
            rows.append(
                {"factor": parameters.factor, "group": label, "n": int(sizes[g])}
                | {f"mean_{name}": values[g] for name, values in columns.items()}
                | {f"rank_{name}": ranks[name][g] for name in columns}
                | {"bias_observed": bias[g], "change": columns["aligned"][g] - columns["invariant"][g]}
            )
    return pd.DataFrame(rows)


def _bias(parameters: FactorParameters, solution: Aligned, sizes: FloatArray) -> FloatArray:
    """Expected mean item score of each group beyond that under the median parameters, centred."""
    share = sizes / sizes.sum()
    common = common_parameters(parameters, solution, np.arange(sizes.size))
    found = []
    for g in range(sizes.size):
        d, mass = score_differences(parameters, solution, g, common)
        found.append(float(mass @ d.mean(axis=1)))
    bias = np.array(found)
    return np.asarray(bias - share @ bias, dtype=float)


def _rank(values: FloatArray) -> FloatArray:
    return np.asarray(np.argsort(np.argsort(-values, kind="stable"), kind="stable") + 1, dtype=float)


def _centred(means: FloatArray, sds: FloatArray, sizes: FloatArray) -> FloatArray:
    share = sizes / sizes.sum()
    return np.asarray((means - share @ means) / np.sqrt(share @ sds**2), dtype=float)


def _observed(result: InvarianceResult, parameters: FactorParameters) -> tuple[FloatArray, float]:
    """Centred means of the average item score, and its standard deviation within groups."""
    record = result.responses.select(parameters.items)
    blocks = [np.nanmean(values[~np.isnan(values).all(axis=1)], axis=1) for _, values in record.by_group()]
    means = np.array([block.mean() for block in blocks])
    sds = np.array([block.std() for block in blocks])
    share = result.engine.sizes / result.engine.sizes.sum()
    return _centred(means, sds, result.engine.sizes), float(np.sqrt(share @ sds**2))


def _invariant_means(result: InvarianceResult) -> dict[str, FloatArray]:
    equal = ("thresholds", "loadings", "intercepts") if result.engine.ordinal else ("loadings", "intercepts")
    have = [s.fit for s in result.steps if set(equal) <= set(s.rung.equal) and "means" not in s.rung.equal]
    engine = result.engine.first_order()
    fit = have[0] if have and not result.free and engine is result.engine else engine.fit(equal)
    found = {}
    for factor in engine.roles.latent:
        means = engine.values(fit, factor, "~1", "")
        variances = engine.values(fit, factor, "~~", factor)
        found[factor] = _centred(means, np.sqrt(np.maximum(variances, 1e-12)), engine.sizes)
    return found
