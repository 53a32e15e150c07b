"""The sample size that finds a parameter with a wanted power, searched by simulation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from recoverymetrics.cfa.montecarlo import check_plan, prepare, run_plan
from recoverymetrics.cfa.montecarlo_result import MonteCarloPower
from recoverymetrics.cfa.population import check_sizes
from recoverymetrics.errors import OptionError
from recoverymetrics.numerics.seeds import spawn
from recoverymetrics.typing import Seed, Workers

if TYPE_CHECKING:
    from recoverymetrics.cfa.result import CFAResult


def monte_carlo_sample_size(
    population: str | CFAResult,
    model: str | None = None,
    *,
    parameter: str | Sequence[str],
    power: float = 0.80,
    n_reps: int = 500,
    alpha: float = 0.05,
    n_max: int = 100_000,
    share: Sequence[float] | None = None,
    missing_rate: float = 0.0,
    seed: Seed = None,
    workers: Workers = None,
    **options: Any,
) -> MonteCarloPower:
    r"""Smallest sample in which a parameter is found with the wanted power, by simulation.

    A probit curve in the root of n, to which every size tried adds a point, says where to look next; the search ends
    when the curve's answer moves by less than 2%.

    Parameters
    ----------
    population, model : str or CFAResult, str
        As in `monte_carlo_power`.
    parameter : str or sequence of str
        Model line (``"f =~ x1"``, ``"y ~ x"``), label or defined parameter; of several, the one with least power
        counts. In several groups the least over groups.
    power : float, default 0.80
        Wanted power.
    n_reps, alpha, missing_rate, seed, workers
        As in `monte_carlo_power`; ``n_reps`` for every size tried.
    n_max : int, default 100000
        Where to give up.
    share : sequence of float, optional
        Relative sizes of the groups of a population text; as many as groups.
    **options
        As in `fit_cfa`.

    Returns
    -------
    MonteCarloPower
        At the size found, persons of all groups in ``n``; ``search`` lists the sizes tried.

    Raises
    ------
    OptionError
        Unknown parameters, powers outside (0, 1), and parameters that no sample below ``n_max`` finds.

    Examples
    --------
    >>> text = "f =~ 0.8*x1 + 0.7*x2 + 0.6*x3\ng =~ 0.8*x4 + 0.7*x5 + 0.6*x6\nf ~~ 0.3*g"
    >>> found = monte_carlo_sample_size(text, parameter="f ~~ g", n_reps=50, seed=1)
    >>> 90 < sum(found.n) < 200
    True
    """
    if not 0 < power < 1:
        raise OptionError(f"power={power} must lie between 0 and 1.")
    check_plan(n_reps, alpha, missing_rate)
    parts = check_sizes(n=[1000] * (1 if share is None else len(share)))
    plan = prepare(population, model, parts, missing_rate, options)
    if share is not None:
        total = float(np.sum(share))
        plan = replace(plan, population=replace(plan.population, share=np.asarray(share, float) / total))
    picked = _find(plan.parameters, parameter)
    runs: dict[int, MonteCarloPower] = {}
    n = 200 * len(plan.population.groups)
    for rng in spawn(seed, 8):
        runs[n] = run_plan(plan, plan.population.sizes(n), n_reps, alpha, rng, workers)
        wanted = _next_size(runs, picked, power, alpha)
        if wanted > n_max:
            raise OptionError(
                f"no sample of up to {n_max} persons finds {parameter!r} with power {power}; the parameter is too close "
                "to zero."
            )
        done = abs(wanted - n) <= max(0.02 * n, 2.0) or wanted in runs
        n = wanted
        if done:
            break
    if n not in runs:
        runs[n] = run_plan(plan, plan.population.sizes(n), n_reps, alpha, spawn(seed, 9)[-1], workers)
    rows = [(k, float(run.tidy()["power"].to_numpy()[picked].min())) for k, run in sorted(runs.items())]
    return replace(runs[n], search=pd.DataFrame(rows, columns=["n", "power"]))


def _find(parameters: pd.DataFrame, wanted: str | Sequence[str]) -> list[int]:
    """Rows of the parameters that are named by line or label."""
    names = (wanted,) if isinstance(wanted, str) else tuple(wanted)
    found: list[int] = []
    for name in names:
        text = "".join(name.split())
        rows = [
            k
            for k, row in enumerate(parameters.itertuples())
            if text
            in (row.label, f"{row.lhs}{row.op}{row.rhs}", f"{row.rhs}{row.op}{row.lhs}" * (row.op == "~~"))
            or (row.op == ":=" and row.lhs == text)
            or (row.op == "~1" and text in (f"{row.lhs}~1", f"{row.lhs}~"))
        ]
        if not rows:
            raise OptionError(
                f"parameter={name!r} is not an estimated parameter of the analysis; they are "
                f"{', '.join(dict.fromkeys(f'{r.lhs} {r.op} {r.rhs}'.strip() for r in parameters.itertuples()))}."
            )
        found += rows
    return found


def _next_size(runs: dict[int, MonteCarloPower], picked: list[int], power: float, alpha: float) -> int:
    """Where a probit curve in the root of n through all runs reaches the wanted power."""
    sizes = np.array(sorted(runs), dtype=float)
    powers = np.stack([runs[int(k)].tidy()["power"].to_numpy()[picked] for k in sizes])
    weakest = powers[-1].argmin() if len(powers) else 0
    trials = np.array([len(runs[int(k)].estimates) for k in sizes], dtype=float)
    last = runs[int(sizes[-1])]
    worst = picked[int(weakest)]
    truth = abs(float(last.parameters["population"].iloc[worst]))
    slope = truth / (float(last.errors[:, worst].mean()) * math.sqrt(sizes[-1]))
    critical = ndtri(1.0 - alpha / 2.0)
    if slope <= 0:
        return 10**9
    root = (critical + ndtri(power)) / slope
    informative = (powers[:, weakest] > 0.02) & (powers[:, weakest] < 0.995)
    if informative.any():
        p, m, x = powers[informative, weakest], trials[informative], np.sqrt(sizes[informative])
        y, density = ndtri(p), np.exp(-0.5 * ndtri(p) ** 2) / math.sqrt(2.0 * math.pi)
        weight = m * density**2 / (p * (1.0 - p))
        if len(x) == 1:
            root = x[0] + (ndtri(power) - y[0]) / slope
        else:
            # the slope is known from the standard errors; the points give the level of the curve
            level = float((weight * (y - slope * x)).sum() / weight.sum())
            root = (ndtri(power) - level) / slope
    return int(min(max(math.ceil(max(root, 0.0) ** 2), 3 * len(last.n) + 3, 10), 10**9))
