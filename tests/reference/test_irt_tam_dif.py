"""One-factor models beside TAM 4.3, and likelihood-ratio sweeps by warm re-fits beside mirt 1.47 (R)."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from golden import REFERENCE, Comparison, ids, load_case, load_data, needs_reference

import recoverymetrics as rm
from recoverymetrics.irt import Quadrature

LOGLIK = 1e-9  # on TAM's nodes
PARAMETER = 1e-4  # TAM's partial credit model stopped 8e-8 below our log-likelihood, 4e-5 away
SCORE = 1e-4  # TAM's Newton steps for WLE stop at 1e-4
SWEEP = 1e-4  # mirt re-fits with TOL 1e-6 from a scalar model that stopped 4e-5 below its maximum; floor 1

TAM = {
    "tam_lsat7_rasch": ("rasch", "lsat7", Quadrature(101, (-8.0, 8.0))),
    "tam_lsat7_2pl": ("2pl", "lsat7", Quadrature(21, (-6.0, 6.0))),
    "tam_science_pcm": ("pcm", "science", Quadrature(101, (-8.0, 8.0))),
    "tam_science_gpcm": ("gpcm", "science", Quadrature(21, (-6.0, 6.0))),
}
"""Model, data and nodes: those of the calls, 21 from -6 to 6 where they name none. None is a latent regression."""


@cache
def fitted(case: str) -> Any:
    model, data, nodes = TAM[case]
    return rm.fit_irt(load_data(data), model, quadrature=nodes, se=None, tolerance=1e-12)


def _tam(case: str) -> list[Comparison]:
    theirs, fit = load_case("irt", case)["results"], fitted(case)
    table = fit.tidy("slope_intercept").pivot(index="item", columns="parameter", values="estimate")
    table = table.loc[list(fit.items)]
    columns = [c for c in theirs["item"] if c.startswith("AXsi")]
    intercepts = -np.column_stack([theirs["item"][c] for c in columns])
    return [
        Comparison("irt", case, "loglik", fit.loglik, theirs["loglike"], LOGLIK),
        Comparison("irt", case, "npar", fit.npar, theirs["npar"], 0.0),
        Comparison("irt", case, "slopes", table["a1"], theirs["item"]["B.Cat1.Dim1"], PARAMETER),
        Comparison("irt", case, "intercepts", table.filter(like="d").to_numpy(), intercepts, PARAMETER),
        Comparison(
            "irt", case, "variance", fit.groups["variance"][0], theirs["variance"]["values"][0][0], PARAMETER
        ),
    ]


def _tam_scores(case: str) -> list[Comparison]:
    """Left out, as TAM defines them otherwise: standard errors of WLE, Q3 (residuals from the posterior expectation)
    and mean squares (from random plausible values)."""
    theirs, fit = load_case("irt", case)["results"], fitted(case)
    eap, wle = fit.scores()[:50], fit.scores(method="wle")[:50]
    empirical = fit.reliability()["empirical_eap"][0]
    n_divisor = 1 / (1 + (1 / empirical - 1) * fit.n / (fit.n - 1))
    return [
        Comparison("irt", case, "EAP", eap["estimate"], theirs["eap_first50"]["EAP"], SCORE, floor=0.1),
        Comparison("irt", case, "EAP SE", eap["std_error"], theirs["eap_first50"]["SD.EAP"], SCORE),
        Comparison("irt", case, "WLE", wle["estimate"], theirs["wle_first50"]["theta"], SCORE, floor=0.1),
        Comparison("irt", case, "EAP reliability", n_divisor, theirs["EAP.rel"], SCORE, "TAM divides by n"),
    ]


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
    return (
        (*(c for case in TAM for c in (*_tam(case), *_tam_scores(case))), *_sweeps())
        if REFERENCE.is_dir()
        else ()
    )


def comparisons() -> list[Comparison]:
    return list(_all())


@needs_reference
@pytest.mark.parametrize("comparison", comparisons(), ids=ids(comparisons()))
def test_agrees(comparison: Comparison) -> None:
    comparison.check()
