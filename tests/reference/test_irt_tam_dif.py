"""One-factor models beside TAM 4.3, and likelihood-ratio sweeps by warm re-fits beside mirt 1.47 (R)."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from golden import REFERENCE, Comparison, ids, load_case, load_data, needs_reference

import recoverymetrics as rm

LOGLIK = 1e-7  # TAM's own stopping rule; its 2PL fits are 6e-6 and 4e-5 from the maximum
PARAMETER = 2e-3  # TAM stops when parameters move by less than 1e-4
SWEEP = 5e-3  # mirt re-fits with TOL 1e-6 from a scalar model that stopped 4e-5 below its maximum; floor 1

TAM = {
    "tam_lsat7_rasch": ("rasch", "lsat7"),
    "tam_lsat7_2pl": ("2pl", "lsat7"),
    "tam_science_pcm": ("pcm", "science"),
    "tam_science_gpcm": ("gpcm", "science"),
}


def _tam(case: str) -> list[Comparison]:
    model, data = TAM[case]
    theirs = load_case("irt", case)["results"]
    fit = rm.fit_irt(load_data(data), model, se=None)
    table = fit.tidy("slope_intercept").pivot(index="item", columns="parameter", values="estimate")
    table = table.loc[list(fit.items)]
    columns = [c for c in theirs["item"] if c.startswith("AXsi")]
    intercepts = -np.column_stack([theirs["item"][c] for c in columns])
    compare = [
        Comparison("irt", case, "loglik", fit.loglik, theirs["loglike"], LOGLIK),
        Comparison("irt", case, "npar", fit.npar, theirs["npar"], 0.0),
        Comparison("irt", case, "slopes", table["a1"], theirs["item"]["B.Cat1.Dim1"], PARAMETER),
        Comparison("irt", case, "intercepts", table.filter(like="d").to_numpy(), intercepts, PARAMETER),
        Comparison(
            "irt", case, "variance", fit.groups["variance"][0], theirs["variance"]["values"][0][0], PARAMETER
        ),
    ]
    return compare


def _sweeps() -> list[Comparison]:
    data = load_data("mg_grm_sim")
    scalar = rm.fit_irt(data, group="group", equal=("slopes", "intercepts"), se=None)
    dropped = load_case("irt", "mg_dif_drop")["results"]
    freed = [2 * (scalar.refit(partial=[item]).loglik - scalar.loglik) for item in dropped[".row"]]
    anchors = ["i01", "i02", "i03"]
    anchored = rm.fit_irt(data, group="group", equal=anchors, se=None)
    added = load_case("irt", "mg_dif_add_anchored")["results"]
    held = [2 * (anchored.loglik - anchored.refit(equal=[*anchors, item]).loglik) for item in added[".row"]]
    return [
        Comparison("irt", "mg_dif_drop", "X2", freed, dropped["X2"], SWEEP, floor=1.0),
        Comparison("irt", "mg_dif_add_anchored", "X2", held, added["X2"], SWEEP, floor=1.0),
    ]


@cache
def _all() -> tuple[Comparison, ...]:
    return (*(c for case in TAM for c in _tam(case)), *_sweeps()) if REFERENCE.is_dir() else ()


def comparisons() -> list[Comparison]:
    return list(_all())


@needs_reference
@pytest.mark.parametrize("comparison", comparisons(), ids=ids(comparisons()))
def test_agrees(comparison: Comparison) -> None:
    comparison.check()
