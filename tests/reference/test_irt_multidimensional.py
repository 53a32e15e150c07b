"""Confirmatory, bifactor and anchored two-group models beside mirt 1.47, and TAM 4.3 for one factor (R)."""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from golden import REFERENCE, Comparison, ids, load_case, load_data, needs_reference
from irt_stopped import Stopped, point_of, table_cell, without_latent

import recoverymetrics as rm

LOGLIK = 1e-7  # relative; ours is at the higher likelihood wherever they differ by more than 1e-9
PARAMETER = 1e-3
STD_ERROR = 1e-3
SCORE = 1e-3
SAME_NODES = 1e-6  # EAPs at the same parameters on the same nodes


@cache
def big_five() -> Any:
    data = load_data("bfi25_listwise")
    return data[[f"{trait}{i}" for trait in "ACENO" for i in range(1, 6)]]


def lines(traits: str) -> str:
    return "\n".join(f"{t} =~ " + " + ".join(f"{t}{i}" for i in range(1, 6)) for t in traits)


def specifics(traits: str) -> rm.Bifactor:
    return rm.Bifactor({t: [f"{t}{i}" for i in range(1, 6)] for t in traits})


def columns(traits: str) -> list[str]:
    return [f"{t}{i}" for t in traits for i in range(1, 6)]


CASES: dict[str, tuple[str, str, int, bool]] = {
    "bfi15_bifactor": ("ACE", "bifactor", 31, True),
    "bfi25_bifactor": ("ACENO", "bifactor", 21, True),
    "bfi10_cfa2": ("AC", "lines", 41, True),
    "bfi15_cfa3": ("ACE", "lines", 15, False),
}
"""Scales, structure, mirt's number of nodes, and whether mirt's parameters are within a thousandth of the maximum:
bfi15_cfa3 stopped at TOL 1e-5, 1e-3 below our log-likelihood, and is compared as ``irt_stopped`` says."""


@cache
def fitted(case: str) -> Any:
    traits, kind, nodes, _ = CASES[case]
    structure = specifics(traits) if kind == "bifactor" else lines(traits)
    se = "oakes" if case in ("bfi15_bifactor", "bfi10_cfa2") else None
    return rm.fit_irt(
        big_five()[columns(traits)], structure=structure, quadrature=nodes, se=se, tolerance=1e-10
    )


def _stopped(case: str) -> Stopped:
    fit, theirs = fitted(case), load_case("irt", case)["results"]
    return Stopped(fit, point_of(fit, [theirs["items"]], [(np.zeros(9), theirs["cov"]["values"])]))


def _case(case: str) -> list[Comparison]:
    fit, theirs, converged = fitted(case), load_case("irt", case)["results"], CASES[case][3]
    compare = [
        Comparison("irt", case, "loglik", fit.loglik, theirs["logLik"], LOGLIK),
        Comparison("irt", case, "npar", fit.npar, theirs["nest"], 0.0),
        *_stopped(case).comparisons(case, theirs["logLik"]),
    ]
    if not converged:
        return compare
    ours = fit.tidy("slope_intercept")
    keys = [(theirs["items"], i, p) for i, p in zip(ours["item"], ours["parameter"], strict=True)]
    values = [table_cell(*key) for key in keys]
    compare.append(Comparison("irt", case, "parameters", ours["estimate"], values, PARAMETER, floor=1.0))
    if fit.covariance is not None:
        errors = [theirs["se_list"][i]["values"][1][t["cols"].index(p)] for t, i, p in keys]
        compare.append(
            Comparison("irt", case, "std_errors", ours["std_error"], np.array(errors, dtype=float), STD_ERROR)
        )
    return compare


def _correlated() -> list[Comparison]:
    case = "bfi10_cfa2"
    fit, theirs = fitted(case), load_case("irt", case)["results"]
    compare = [
        Comparison(
            "irt", case, "correlation", fit.groups["cor_C"][0], theirs["cov"]["values"][0][1], PARAMETER
        )
    ]
    for method in ("EAP", "MAP"):
        scores = fit.scores(method=method)[["estimate_A", "estimate_C", "std_error_A", "std_error_C"]]
        reference = np.asarray(theirs[f"{method}_first50"]["values"], dtype=float)
        compare.append(Comparison("irt", case, method, scores.to_numpy()[:50], reference, SCORE, floor=0.1))
    coarse = evaluated(big_five()[columns("AC")], lines("AC"), 31, fit)
    c2 = coarse.global_fit("c2").iloc[0]
    statistic = without_latent(coarse, "c2")
    return [
        *compare,
        Comparison("irt", case, "C2", statistic, theirs["C2"]["M2"], PARAMETER, "mirt's derivatives"),
        Comparison("irt", case, "C2 df", c2["df"], theirs["C2"]["df"], 0.0),
        Comparison("irt", case, "C2 CFI", c2["cfi"], theirs["C2"]["CFI"], PARAMETER),
        Comparison("irt", case, "C2 SRMSR", c2["srmr"], theirs["C2"]["SRMSR"], PARAMETER),
    ]


def evaluated(data: Any, structure: Any, nodes: int, at: Any) -> Any:
    """The estimates of one fit on other nodes, or in another structure with parameters of the same names."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rm.EstimationWarning)
        return rm.fit_irt(data, structure=structure, quadrature=nodes, se=None, start=at, max_iterations=1)


def _bifactor_scores() -> list[Comparison]:
    """mirt scores on 19 nodes per dimension, which moves scores by up to .0015; ours do not move from 25 to 61."""
    case = "bfi15_bifactor"
    theirs = np.asarray(load_case("irt", case)["results"]["EAP_first50"]["values"], dtype=float)
    wanted = [f"{kind}_{name}" for kind in ("estimate", "std_error") for name in ("general", *"ACE")]
    theirs_at = replace(fitted(case), x=_stopped(case).x)

    def scores(nodes: int) -> Any:
        fit = evaluated(big_five()[columns("ACE")], specifics("ACE"), nodes, theirs_at)
        return fit.scores()[wanted].to_numpy()[:50]

    return [
        Comparison("irt", case, "EAP", scores(19), theirs, SAME_NODES, "on mirt's 19 nodes per dimension"),
        Comparison("irt", case, "EAP, 25 nodes beside 61", scores(25), scores(61), SAME_NODES, floor=0.1),
    ]


def _two_groups() -> list[Comparison]:
    case = "mg2_grm_anchored"
    theirs, data = load_case("irt", case)["results"], load_data("mg_grm_sim")
    fit = rm.fit_irt(
        data[data["group"].isin(["G1", "G6"])],
        group="group",
        equal=["i01", "i02", "i03"],
        se=None,
        tolerance=1e-10,
    )
    groups = [theirs["estimates"]["groups"][g] for g in ("G1", "G6")]
    moments = [(g["means"]["F1"], g["cov"]["values"]) for g in groups]
    stopped = Stopped(fit, point_of(fit, [g["items"] for g in groups], moments))
    errors = [
        np.asarray(theirs["estimates"]["se_list"][g][item]["values"][1], dtype=float)
        for g in ("G1", "G6")
        for item in fit.items
    ]
    table = stopped.at_theirs().tidy("slope_intercept")
    return [
        Comparison("irt", case, "loglik", fit.loglik, theirs["fit"]["logLik"], LOGLIK),
        *stopped.comparisons(case, theirs["fit"]["logLik"]),
        Comparison("irt", case, "std_errors", table["std_error"], np.concatenate(errors), STD_ERROR),
    ]


@cache
def _all() -> tuple[Comparison, ...]:
    if not REFERENCE.is_dir():
        return ()
    return (*(c for case in CASES for c in _case(case)), *_correlated(), *_bifactor_scores(), *_two_groups())


def comparisons() -> list[Comparison]:
    return list(_all())


@needs_reference
@pytest.mark.parametrize("comparison", comparisons(), ids=ids(comparisons()))
def test_agrees_with_mirt(comparison: Comparison) -> None:
    comparison.check()


@needs_reference
@pytest.mark.slow
def test_five_correlated_dimensions_beside_mh_rm() -> None:
    """mirt's MH-RM is stochastic: on the same points of adaptive quadrature ours is at the higher likelihood.

    Its parameters are within half a standard error of ours, .2 in the mean square, which is its Monte Carlo error; its
    reported log-likelihood is 96 units below what its own parameters reach.
    """
    from recoverymetrics.irt.adaptive import starting_problem

    theirs = load_case("irt", "bfi25_cfa5_mhrm")["results"]
    fit = rm.fit_irt(big_five(), structure=lines("ACENO"))
    x = point_of(fit, [theirs["items"]], [(np.zeros(5), theirs["cov"]["values"])])
    layout, patterns = fit.calibration.layout, fit.calibration.problem.patterns
    at = [starting_problem(layout, patterns, 4, values)(values) for values in (fit.x, x)]
    assert 0.3 < at[0].value - at[1].value < 1.5
    assert np.abs(at[0].gradient).max() < 0.2 < np.abs(at[1].gradient).max()
    finer = starting_problem(layout, patterns, 5, fit.x)(fit.x).value
    assert abs(finer - at[0].value) < 0.3  # quadrature error of four nodes, .17 of 90,182 units
    z = (fit.x - x) / np.sqrt(np.diag(fit.covariance))
    assert np.abs(z).max() < 0.6
    assert np.sqrt(np.mean(z**2)) < 0.25
    assert fit.loglik > theirs["logLik"] + 90
    np.testing.assert_allclose(
        fit.groups[[f"cor_{t}" for t in "ACENO"]], np.asarray(theirs["cov"]["values"], dtype=float), atol=0.01
    )
