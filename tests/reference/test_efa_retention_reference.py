"""Rules for the number of factors beside psych and EFAtools."""

import numpy as np
import pytest
from golden import REFERENCE, Comparison, ids, load_case, load_data, matrix, needs_reference

from recoverymetrics.efa import fit_efa, parallel_analysis
from recoverymetrics.efa import retention_kernel as kernel
from recoverymetrics.efa.comparison import comparison_data
from recoverymetrics.efa.simulated import eigenvalues

DETERMINISTIC = 1e-6
OPTIMISER = 1e-4
P_VALUE = 1e-4  # far tail probabilities multiply small differences of the chi-square
VARIMAX = 2e-3  # VSS rotates by stats::varimax, which stops early
POPULATION = 0.1  # two random populations and the search that shapes each
SIMULATED = 0.03  # means over 20 to 1000 random data sets
N = 2436


def rules() -> list[Comparison]:
    R = load_data("bfi25_listwise").corr().to_numpy()
    values = np.linalg.eigvalsh(R)[::-1]
    vss, ekc = load_case("psych", "vss_map_bfi25")["results"], load_case("efatools", "ekc")["results"]
    hull, kgc = load_case("efatools", "hull_ml")["results"], load_case("efatools", "kgc")["results"]
    found_map, found_ekc = kernel.minimum_average_partial(R, 8), kernel.empirical_kaiser(values, N)
    found_hull = kernel.hull(R, N, 9, extraction="ml")
    curve = matrix(hull["solutions_CAF"])["CAF"].to_numpy()
    out = [
        Comparison("psych", "vss_map_bfi25", "map", found_map.curve[1:], vss["map"], DETERMINISTIC),
        Comparison(
            "efatools", "ekc", "references", found_ekc.curve, ekc["references"]["BvA2017"], DETERMINISTIC
        ),
        Comparison("efatools", "ekc", "number", found_ekc.n_factors, ekc["n_factors_BvA2017"], 0.0),
        Comparison("efatools", "kgc", "eigenvalues", values, kgc["eigen_PCA"], DETERMINISTIC),
        Comparison(
            "efatools",
            "kgc",
            "reduced eigenvalues",
            eigenvalues(R, reduced=True),
            kgc["eigen_SMC"],
            DETERMINISTIC,
        ),
        Comparison("efatools", "kgc", "number", kernel.kaiser(values).n_factors, kgc["n_fac_PCA"], 0.0),
        Comparison("efatools", "hull_ml", "CAF", found_hull.curve, curve, OPTIMISER),
        Comparison("efatools", "hull_ml", "number", found_hull.n_factors, hull["n_fac_CAF"], 0.0),
    ]
    for complexity in (1, 2):
        # with 7 and 8 factors stats::varimax ends at a lower maximum than ours
        ours = kernel.very_simple_structure(R, 6, complexity=complexity).curve
        cfit = vss[f"cfit.{complexity}"][:6]
        out.append(Comparison("psych", "vss_map_bfi25", f"cfit.{complexity}", ours, cfit, VARIMAX))
    return out + sequential(R)


def sequential(R) -> list[Comparison]:
    """Compared where both sides reach the same maximum: with 12 and more factors ours is the lower chi-square.

    EFAtools takes sums of squared correlations for the chi-square of its null model, so its null RMSEA (and
    every CFI) is on another scale; these are not compared.
    """
    theirs = load_case("efatools", "smt")["results"]
    chi2, rmsea = kernel.sequential_tests(R, N, 18)
    p_values = np.array(theirs["ps_chi"])[4:11]
    return [
        Comparison("efatools", "smt", "log p", np.log(chi2.curve[5:12]), np.log(p_values), P_VALUE),
        Comparison("efatools", "smt", "RMSEA limits", rmsea.curve[1:12], theirs["RMSEA_LBs"][:11], OPTIMISER),
        Comparison("efatools", "smt", "number by chi2", chi2.n_factors, theirs["nfac_chi"], 0.0),
        Comparison("efatools", "smt", "number by RMSEA", rmsea.n_factors, theirs["nfac_RMSEA"], 0.0),
    ]


def ruscio() -> list[Comparison]:
    values = load_data("bfi25_listwise").to_numpy(dtype=float)
    theirs = load_case("efatools", "cd")["results"]
    found = comparison_data(values, 7, np.random.default_rng(1), n_population=5000, n_samples=100)
    median = np.median(matrix(theirs["RMSE_eigenvalues"]), axis=0)
    return [
        Comparison("efatools", "cd", "number", found.n_factors, theirs["n_factors"], 0.0),
        Comparison("efatools", "cd", "median error", found.curve[:5], median[:5], POPULATION, "random"),
    ]


def parallel() -> list[Comparison]:
    data = load_data("bfi25_listwise")
    psych = load_case("psych", "fa_parallel_bfi25")["results"]
    eaf = load_case("efatools", "parallel")["results"]
    found = parallel_analysis(data, correlation="pearson", n_iter=100, seed=1)
    normal = parallel_analysis(data, correlation="pearson", draw="normal", n_iter=300, quantile=None, seed=1)
    simulated = matrix(eaf["eigenvalues_PCA"])
    # psych's factor type: the matrix with the communalities of one minres factor on its diagonal
    unique = fit_efa(data, 1, correlation="pearson", rotation="none").uniquenesses
    reduced = np.linalg.eigvalsh(data.corr().to_numpy() - np.diag(unique))[::-1]
    return [
        Comparison("psych", "fa_parallel_bfi25", "eigenvalues, one factor's communalities", reduced, psych["fa.values"], OPTIMISER),
        Comparison("psych", "fa_parallel_bfi25", "eigenvalues", found.eigenvalues, psych["pc.values"], DETERMINISTIC),
        Comparison("psych", "fa_parallel_bfi25", "permuted mean", found.simulated.mean(axis=0), psych["pc.simr"], SIMULATED, "random"),
        Comparison("psych", "fa_parallel_bfi25", "components", found.n_factors, psych["ncomp"], 0.0),
        Comparison("efatools", "parallel", "normal mean", normal.reference, simulated["Means"], SIMULATED, "random"),
        Comparison("efatools", "parallel", "components", normal.n_factors, eaf["n_fac_PCA"], 0.0),
    ]  # fmt: skip


def comparisons() -> list[Comparison]:
    return [*rules(), *ruscio(), *parallel()] if REFERENCE.is_dir() else []


CASES = comparisons()


@needs_reference
@pytest.mark.parametrize("comparison", CASES, ids=ids(CASES))
def test_agrees_with_reference(comparison):
    comparison.check()
