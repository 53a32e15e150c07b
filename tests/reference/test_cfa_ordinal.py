"""Ordered items beside lavaan: WLSMV and its relatives, both parameterisations, invariance by Wu and Estabrook."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from golden import REFERENCE, Comparison, load_case, load_data, needs_reference
from test_cfa_continuous import (
    compare_case,
    modification_comparisons,
    parameter_vectors,
    quiet_fit,
)

import recoverymetrics as rm

AREA = "cfa_ordinal"
OPTIMISER = 1e-4  # lavaan's default stopping rule
LADDER_OPTIMISER = 5e-4  # the same, on flat directions of models with free intercepts and scales
DIFFERENCE = 1e-5  # difference tests are smooth functions of the minimum

THREE = "agree =~ A1+A2+A3+A4+A5\n consc =~ C1+C2+C3+C4+C5\n extra =~ E1+E2+E3+E4+E5"
GENERAL = "g =~ A1+A2+A3+A4+A5+C1+C2+C3+C4+C5+E1+E2+E3+E4+E5"
BIFACTOR = THREE.replace("\n", f"\n {GENERAL}\n", 1)
LISTWISE = "bfi15_listwise"
SINGLE = {
    "bfi_wlsmv_delta": (THREE, LISTWISE, {}),
    "bfi_wlsmv_theta": (THREE, LISTWISE, {"parameterization": "theta"}),
    "bfi_wlsmv_stdlv": (THREE, LISTWISE, {"std_lv": True}),
    "bfi_dwls_delta": (THREE, LISTWISE, {"estimator": "DWLS"}),
    "bfi_dwls_theta": (THREE, LISTWISE, {"estimator": "DWLS", "parameterization": "theta"}),
    "bfi_ulsmv": (THREE, LISTWISE, {"estimator": "ULSMV"}),
    "bfi_wlsm": (THREE, LISTWISE, {"estimator": "WLSM"}),
    "bfi_wls": (THREE, LISTWISE, {"estimator": "WLS"}),
    "bfi_wlsmv_pairwise": (THREE, "bfi", {"missing": "pairwise"}),
    "bfi_bifactor_wlsmv": (BIFACTOR, LISTWISE, {"orthogonal": True, "std_lv": True}),
}
LADDER: dict[str, tuple[str, ...]] = {
    "configural": (),
    "thresholds": ("thresholds",),
    "thr_loadings": ("thresholds", "loadings"),
    "thr_load_int": ("thresholds", "loadings", "intercepts"),
    "strict": ("thresholds", "loadings", "intercepts", "residuals"),
    "means": ("thresholds", "loadings", "intercepts", "residuals", "means"),
}
STEPS = {"theta": list(LADDER), "delta": list(LADDER)[:4]}
GROUP_CASES = [f"bfi_mg_{par}_{step}" for par, steps in STEPS.items() for step in steps]


def left_out(case: str) -> set[str]:
    """Measures not compared, each for a reason.

    lavaan leaves the baseline of WLSM unscaled, and in several groups takes the trace of the robust baseline without
    the shares of the groups; NFI and RFI are missing there when the model has more degrees of freedom than the baseline.
    """
    out: set[str] = set()
    if case == "bfi_wlsm":
        out |= {"baseline.chisq.scaled", "baseline.chisq.scaling.factor", "baseline.pvalue.scaled"}
        out |= {f"{name}.scaled" for name in ("cfi", "tli", "nnfi", "rfi", "nfi", "pnfi", "ifi", "rni")}
    if "_mg_" in case:
        out |= {f"{name}.robust" for name in ("cfi", "tli", "nnfi", "rni")}
    return out


@cache
def single(case: str):
    model, data, options = SINGLE[case]
    return quiet_fit(load_data(data), model, ordered=True, **options)


@cache
def grouped(parameterization: str, step: str):
    return quiet_fit(
        load_data(LISTWISE),
        THREE,
        ordered=True,
        group="gender",
        equal=LADDER[step],
        parameterization=parameterization,
    )


def single_comparisons(case: str) -> list[Comparison]:
    results = load_case(AREA, case)["results"]
    tolerance = LADDER_OPTIMISER if case == "bfi_wls" else OPTIMISER
    out = compare_case(AREA, case, single(case), results, skip=left_out(case), tolerance=tolerance)
    if "modindices" in results:
        out.extend(modification_comparisons(AREA, case, single(case), results["modindices"]))
    return out


def group_comparisons(case: str) -> list[Comparison]:
    parameterization, step = case.removeprefix("bfi_mg_").split("_", 1)
    results = load_case(AREA, case)["results"]
    fit = grouped(parameterization, step)
    return compare_case(AREA, case, fit, results, skip=left_out(case), tolerance=LADDER_OPTIMISER)


def difference_comparisons(parameterization: str) -> list[Comparison]:
    """Satorra (2000) along the ladder, restrictions found from the moments."""
    case = f"bfi_mg_{parameterization}_lrt"
    out = []
    for key, entry in load_case(AREA, case)["results"].items():
        loose, tight, *method = key.split("|")
        if method != ["satorra.2000", "delta"]:
            continue
        fits = grouped(parameterization, loose), grouped(parameterization, tight)
        ours = rm.compare_models(*fits).iloc[1]
        pair = ([ours.delta_chi2, ours.delta_df], [entry["Chisq diff"][1], entry["Df diff"][1]])
        out.append(Comparison(AREA, case, f"{loose} {tight}", *pair, DIFFERENCE))
    return out


def score_comparisons() -> list[Comparison]:
    """Posterior modes of the first hundred persons; maximum likelihood where it is finite."""
    reference = load_case(AREA, "bfi_scores_ebm")["results"]
    items = list(load_data(LISTWISE).columns[:15])
    data = load_data(LISTWISE)[items].iloc[:400]
    fit = quiet_fit(data, THREE, ordered=True)
    estimates = parameter_vectors(fit, reference["params"], "est", "estimate")
    ebm = np.array(reference["ebm"]["values"], dtype=float)
    ml = np.array(reference["ml"]["values"], dtype=float)
    ours = fit.factor_scores(data, "ml").to_numpy()[:100]
    inside = (np.abs(ml) < 2.0) & (np.abs(ours) < 2.0)
    stop = 5e-4  # lavaan's search of each person's mode stops about there
    return [
        Comparison(AREA, "bfi_scores_ebm", "estimates", *estimates, OPTIMISER),
        Comparison(
            AREA, "bfi_scores_ebm", "ebm", fit.factor_scores(data).to_numpy()[:100], ebm, stop, floor=1.0
        ),
        Comparison(AREA, "bfi_scores_ebm", "ml", ours[inside], ml[inside], stop, floor=1.0),
    ]


def comparisons() -> list[Comparison]:
    """Everything in this module, for the validation page."""
    if not REFERENCE.is_dir():
        return []
    out = [c for case in SINGLE for c in single_comparisons(case)]
    out += [c for case in GROUP_CASES for c in group_comparisons(case)]
    return out + [c for par in STEPS for c in difference_comparisons(par)] + score_comparisons()


@needs_reference
@pytest.mark.parametrize("case", SINGLE)
def test_one_group(case):
    for comparison in single_comparisons(case):
        comparison.check()


@needs_reference
@pytest.mark.parametrize("case", GROUP_CASES)
def test_invariance_ladder(case):
    for comparison in group_comparisons(case):
        comparison.check()


@needs_reference
@pytest.mark.parametrize("parameterization", STEPS)
def test_difference_tests(parameterization):
    for comparison in difference_comparisons(parameterization):
        comparison.check()


@needs_reference
def test_person_scores():
    for comparison in score_comparisons():
        comparison.check()


@needs_reference
@pytest.mark.parametrize("case", GROUP_CASES)
def test_the_ladder_equals_its_written_syntax(case):
    parameterization, step = case.removeprefix("bfi_mg_").split("_", 1)
    text = (REFERENCE / AREA / f"{case}.lav.txt").read_text(encoding="utf-8")
    written = quiet_fit(
        load_data(LISTWISE), text, ordered=True, group="gender", parameterization=parameterization
    )
    ladder = grouped(parameterization, step)
    assert written.test.df == ladder.test.df
    assert written.test.chi2 == pytest.approx(ladder.test.chi2, rel=1e-7)
