"""Reliability with a thousand bootstrap draws, beside psych where R has it.

Each function returns rows with the keys ``task``, ``engine``, ``seconds`` (median processor time of the
runs), ``least`` (the quickest run) and ``note``.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd

import recoverymetrics as rm
from benchmarks.correlation import measured, time_r

PERSONS, ITEMS, DRAWS = 10_000, 24, 1_000
R_CALLS = {
    "alpha, item table": "alpha(X, warnings=FALSE)",
    f"alpha, item table, {DRAWS} bootstrap draws": f"alpha(X, n.iter={DRAWS}, warnings=FALSE)",
    "omega hierarchical, 4 factors": "omega(X, 4, plot=FALSE)",
    "lambdas and greatest lower bound": "{guttman(X); glb.fa(cor(X))}",
}


def simulated_responses(seed: int = 7) -> pd.DataFrame:
    """Graded responses of 10,000 persons to 24 items of five categories, one factor."""
    rng = np.random.default_rng(seed)
    slope = rng.uniform(0.8, 2.0, ITEMS)
    latent = rng.normal(size=(PERSONS, 1)) * slope + rng.logistic(size=(PERSONS, ITEMS))
    cuts = np.sort(rng.normal(0, 1.3, (ITEMS, 4)), axis=1)
    answers = (latent[:, :, None] > cuts).sum(2) + 1
    return pd.DataFrame(answers, columns=[f"i{j + 1}" for j in range(ITEMS)])


def reliability_rows(repeats: int = 5) -> list[dict[str, Any]]:
    """Our coefficients on the simulated responses."""
    data = simulated_responses()
    boot = rm.Bootstrap(n_draws=DRAWS, seed=1)
    calls: dict[str, Callable[[], Any]] = {
        "alpha, item table, Feldt interval": lambda: rm.cronbach_alpha(data),
        f"alpha, item table, {DRAWS} bootstrap draws": lambda: rm.cronbach_alpha(data, interval=boot),
        "omega total, ML, robust interval": lambda: rm.mcdonald_omega(data),
        f"omega total, ML, {DRAWS} bootstrap draws": lambda: rm.mcdonald_omega(data, interval=boot),
        "omega hierarchical, 4 factors": lambda: rm.hierarchical_omega(data, 4),
        "categorical omega, robust interval": lambda: rm.categorical_omega(data),
        "lambdas and greatest lower bound": lambda: rm.guttman_lambdas(data),
        f"lambdas and greatest lower bound, {DRAWS} bootstrap draws": lambda: rm.guttman_lambdas(
            data, interval=boot
        ),
        "conditional standard errors": lambda: rm.conditional_error(data),
    }
    size = f"{PERSONS} x {ITEMS}"
    return [
        {
            "task": f"{name} ({size})",
            "engine": "recoverymetrics",
            **measured(call, repeats),
            "note": "",
        }
        for name, call in calls.items()
    ]


def psych_rows(repeats: int = 5) -> list[dict[str, Any]]:
    """The same data through psych, where it is installed; a call that its installation cannot run gives no row."""
    out = []
    for name, call in R_CALLS.items():
        setup = "{library(psych); library(GPArotation)}" if "omega" in name else "library(psych)"
        out += [
            {"task": f"{name} ({PERSONS} x {ITEMS})", "engine": "psych", **timed}
            for timed in time_r(simulated_responses(), setup, call, repeats)
        ]
    return out


def simulated_ratings(units: int = 5_000, raters: int = 6, seed: int = 7) -> np.ndarray:
    """Five ordered categories, a tenth of the ratings missing."""
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=(units, 1)) + 0.7 * rng.normal(size=(units, raters))
    ratings = np.digitize(latent, [-1.2, -0.4, 0.4, 1.2]) + 1.0
    ratings[rng.random(ratings.shape) < 0.1] = np.nan
    return ratings


def agreement_rows(repeats: int = 5) -> list[dict[str, Any]]:
    """Krippendorff's alpha of ordered ratings, beside the package krippendorff where it is installed."""
    ratings = simulated_ratings()
    size = f"{ratings.shape[0]} x {ratings.shape[1]}"
    frame = pd.DataFrame(ratings, columns=[f"r{j + 1}" for j in range(ratings.shape[1])])
    calls: dict[str, Callable[[], Any]] = {
        "recoverymetrics": lambda: rm.krippendorff_alpha(frame, metric="ordinal", interval="jackknife")
    }
    notes = {"recoverymetrics": "with standard error and interval"}
    if find_spec("krippendorff"):
        theirs = import_module("krippendorff")
        calls["krippendorff"] = lambda: theirs.alpha(
            reliability_data=ratings.T, level_of_measurement="ordinal"
        )
    return [
        {
            "task": f"Krippendorff's alpha, ordinal ({size})",
            "engine": engine,
            **measured(call, repeats),
            "note": notes.get(engine, "estimate only"),
        }
        for engine, call in calls.items()
    ]


def rows() -> list[dict[str, Any]]:
    """All rows of this module."""
    return [*reliability_rows(), *agreement_rows(), *psych_rows()]
