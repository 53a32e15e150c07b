"""Correlations beside lavaan, psych and polycor."""

import numpy as np
import pandas as pd
import pytest
from golden import REFERENCE, Comparison, ids, load_case, load_data, matrix, needs_reference

from recoverymetrics.correlation import correlate, polychoric, polychoric_pair, polyserial, tetrachoric
from recoverymetrics.correlation.bivariate import cell_probabilities
from recoverymetrics.correlation.kernel import ordinal_moments
from recoverymetrics.efa import factorability

DETERMINISTIC = 1e-6
OPTIMISER = 1e-4  # lavaan stops its one-dimensional searches at about 1e-7
CORRELATION_SCALE = (
    1.0  # floor of the denominator where the reference's search stops on the scale of the correlation
)


def lavaan_polychorics() -> list[Comparison]:
    items = list(load_data("bfi15_listwise").columns[:15])
    results = load_case("cfa_ordinal", "bfi_lavcor")["results"]
    codes = load_data("bfi15_listwise")[items].to_numpy() - 1
    moments = ordinal_moments(codes, np.full(15, 6), acov="full")
    table = pd.DataFrame({name: column for name, column in results["est"].items() if name != ".row"})
    rows = table[(table.op == "|") | ((table.op == "~~") & (table.lhs != table.rhs))]
    ours = np.sqrt(np.diag(moments.acov) / (moments.n - 1))
    theirs = np.concatenate([rows.se[rows.op == "|"], rows.se[rows.op == "~~"]]).astype(float)
    note = "lavaan divides the asymptotic covariance by N - 1"
    case = "bfi_lavcor"
    full = load_data("bfi")[items].to_numpy(dtype=float)
    pairwise = ordinal_moments(np.where(np.isnan(full), -1, full - 1).astype(int), np.full(15, 6))
    return [
        Comparison("cfa_ordinal", case, "thresholds", moments.thresholds, list(results["thresholds"].values()), DETERMINISTIC),
        Comparison("cfa_ordinal", case, "polychorics", moments.correlations, matrix(results["polychoric"]), OPTIMISER),
        Comparison("cfa_ordinal", case, "standard errors", ours, theirs, OPTIMISER, note),
        Comparison("cfa_ordinal", "bfi_lavcor_pairwise", "polychorics", pairwise.correlations,
                   matrix(load_case("cfa_ordinal", "bfi_lavcor_pairwise")["results"]["polychoric"]), OPTIMISER),
    ]  # fmt: skip


def psych_polychorics() -> list[Comparison]:
    """psych stops its search at 1.2e-4, and its ``correct`` leaves tables with common thresholds alone."""
    data = load_data("bfi25_listwise")
    results = load_case("psych", "polychoric_bfi25")["results"]
    plain = polychoric(data)
    pairwise = polychoric(load_data("bfi"), items=list(data.columns))
    idle = "psych's correct=.5 fills empty cells with global=FALSE only: its correct=.5 and 0 are one matrix"
    case = "polychoric_bfi25"
    return [
        Comparison("psych", case, "polychorics, no correction", plain.correlations,
                   matrix(results["correct0"]["rho"]), OPTIMISER, "psych's search stops at 1e-4", CORRELATION_SCALE),
        Comparison("psych", case, "thresholds", plain.thresholds, matrix(results["correct0"]["tau"]), DETERMINISTIC),
        Comparison("psych", case, "polychorics, correct=.5 of psych", plain.correlations,
                   matrix(results["correct05"]["rho"]), OPTIMISER, idle, CORRELATION_SCALE),
        Comparison("psych", case, "polychorics, pairwise", pairwise.correlations,
                   matrix(results["pairwise_correct05_data_bfi.csv"]["rho"]), OPTIMISER, idle, CORRELATION_SCALE),
        Comparison("psych", case, "thresholds, pairwise", pairwise.thresholds,
                   matrix(results["pairwise_correct05_data_bfi.csv"]["tau"]), DETERMINISTIC),
    ]  # fmt: skip


def psych_tetrachorics() -> list[Comparison]:
    found = tetrachoric(load_data("ability"), missing="listwise")
    results = load_case("psych", "tetrachoric_ability")["results"]
    rho = matrix(results["correct0"]["rho"])
    tau = list(results["correct0"]["tau"].values())
    case, note = "tetrachoric_ability", "psych's search stops at 1e-4"
    return [
        Comparison(
            "psych", case, "tetrachorics", found.correlations, rho, OPTIMISER, note, CORRELATION_SCALE
        ),
        Comparison("psych", case, "thresholds", found.thresholds["t1"], tau, DETERMINISTIC),
    ]


def polycor_pairs() -> list[Comparison]:
    """polycor's searches stop short of the maximum, so likelihoods at its own estimates are compared too."""
    data = load_data("bfi25_listwise")
    data = data.assign(O=data.iloc[:, 20:25].sum(axis=1))
    results = load_case("psych", "polychor_pairs")["results"]
    out = []
    for name, pair in {"A1A2_ml": ("A1", "A2"), "N1N2_ml": ("N1", "N2")}.items():
        theirs = results[name]
        fit = polychoric_pair(data, *pair)
        chi2 = chi2_at(data, pair, theirs)
        note = "our likelihood at polycor's estimates"
        out.append(
            Comparison(
                "psych", "polychor_pairs", f"{name} chi2 there", chi2, theirs["chisq"], DETERMINISTIC, note
            )
        )
        better = max(fit.chi2 - theirs["chisq"], 0.0)
        out.append(Comparison("psych", "polychor_pairs", f"{name} chi2 excess", better, 0.0, DETERMINISTIC,
                              "ours is the higher likelihood: excess of our minimum over theirs", 1.0))  # fmt: skip
        out.append(Comparison("psych", "polychor_pairs", f"{name} df", fit.df, theirs["df"], 0.0))
    two_step = polychoric(data, items=["A1", "A2"]).tidy()["estimate"][0]
    serial = polyserial(data, continuous="O", items=["A2"]).tidy()["estimate"][0]
    likely = polyserial(data, continuous="O", items=["A2"], method="ml").tidy()
    rescaled = serial * np.sqrt(len(data) / (len(data) - 1))
    ml = results["polyserial_ml_Osum_A2"]
    return [
        *out,
        Comparison("psych", "polychor_pairs", "A1A2 two-step", two_step, results["A1A2_2step"]["rho"], OPTIMISER),
        Comparison("psych", "polychor_pairs", "polyserial two-step", rescaled,
                   results["polyserial_2step_Osum_A2"]["rho"], OPTIMISER, "polycor standardises with N - 1"),
        Comparison("psych", "polychor_pairs", "polyserial ml", likely["estimate"][0], ml["rho"]["1"],
                   OPTIMISER, "polycor stops early", CORRELATION_SCALE),
        Comparison("psych", "polychor_pairs", "polyserial ml se", likely["std_error"][0],
                   np.sqrt(np.ravel(ml["var"]["values"])[0]), OPTIMISER),
    ]  # fmt: skip


def chi2_at(data, pair, theirs) -> float:
    table = pd.crosstab(data[pair[0]], data[pair[1]]).to_numpy(float)
    cuts = [np.array([list(theirs[side].values())]) for side in ("row.cuts", "col.cuts")]
    probability = cell_probabilities(*cuts, np.array([theirs["rho"]["1"]]))[0]
    kept = table > 0
    return 2 * float(np.sum(table[kept] * np.log(table[kept] / table.sum() / probability[kept])))


def likelihood_moments_comparisons() -> list[Comparison]:
    saturated = load_case("cfa", "hs_fiml_saturated")["results"]
    found = correlate(load_data("hs1939_missing"), items=[f"x{i}" for i in range(1, 10)], missing="fiml")
    psych = correlate(load_data("bfi10_first600_na"), missing="fiml")
    note = "lavaan's EM stops at about 1e-5"
    return [
        Comparison("cfa", "hs_fiml_saturated", "covariance", found.covariance, matrix(saturated["cov"]), OPTIMISER, note, CORRELATION_SCALE),
        Comparison("cfa", "hs_fiml_saturated", "means", found.means["all"], list(saturated["mean"].values()), OPTIMISER, note),
        Comparison("psych", "corfiml_bfi10", "correlations", psych.correlations,
                   matrix(load_case("psych", "corfiml_bfi10")["results"]["cor"]), OPTIMISER, "corFiml uses nlm", CORRELATION_SCALE),
    ]  # fmt: skip


def adequacy() -> list[Comparison]:
    results = load_case("psych", "smc_misc_bfi25")["results"]
    found = factorability(load_data("bfi25_listwise"))
    eaf = load_case("efatools", "kmo")["results"]
    return [
        Comparison("psych", "smc_misc_bfi25", "smc", found.smc, list(results["smc"].values()), DETERMINISTIC),
        Comparison("psych", "smc_misc_bfi25", "KMO", found.kmo, results["KMO"]["MSA"], DETERMINISTIC),
        Comparison("psych", "smc_misc_bfi25", "KMO items", found.item_kmo, list(results["KMO"]["MSAi"].values()), DETERMINISTIC),
        Comparison("psych", "smc_misc_bfi25", "Bartlett", found.chi2, results["bartlett"]["chisq"], DETERMINISTIC),
        Comparison("efatools", "kmo", "KMO", found.kmo, eaf["KMO"], DETERMINISTIC),
        Comparison("efatools", "bartlett", "chi2", found.chi2, load_case("efatools", "bartlett")["results"]["chisq"], DETERMINISTIC),
    ]  # fmt: skip


def comparisons() -> list[Comparison]:
    if not REFERENCE.is_dir():
        return []
    parts = (
        lavaan_polychorics, psych_polychorics, psych_tetrachorics, polycor_pairs, likelihood_moments_comparisons,
        adequacy,
    )  # fmt: skip
    return [comparison for part in parts for comparison in part()]


CASES = comparisons()


@needs_reference
@pytest.mark.parametrize("comparison", CASES, ids=ids(CASES))
def test_agrees_with_reference(comparison):
    comparison.check()
