"""Alignment beside sirt::invariance.alignment."""

import numpy as np
import pytest
from golden import REFERENCE, Comparison, load_case, load_data, matrix, needs_reference

from recoverymetrics.invariance import align_groups
from recoverymetrics.invariance.alignment.inference import overall_r2
from recoverymetrics.invariance.alignment.kernel import Configural, Loss, align, loss_and_gradient

CLOSED = 1e-9
"""The loss at sirt's own solution: a formula."""
LOSS = 1e-6
"""Two optimisers of one function; ours may only be lower."""
SOLUTION = 2e-4
"""sirt stops when its loss changes by less than 1e-6 or so; the loss is flat there."""
CONFIGURAL = 1e-5
"""sirt's configural models are fitted by its own optimiser."""

SMALL_EPS = ("eps1e4", "wgt")
"""Cases in which more starts find a lower loss than sirt's single one; there only the loss is compared."""


def _settings(name, case, results):
    g = len(results["lambda"]["rows"])
    weights = np.ones((g, g))
    if name == "wgt":
        root = np.sqrt(np.array(list(results["N"].values()), dtype=float))
        weights = np.outer(root, root) * g**2 / np.sum(np.outer(root, root))
    np.fill_diagonal(weights, 0.0)
    eps = 1e-4 if name == "eps1e4" else 1e-3
    return Loss(case["align.pow"][0], eps, weights * 2 / g**2, (0.2, 0.4))


def comparisons():
    """All comparisons of this module; empty where the reference results are absent."""
    if not REFERENCE.is_dir():
        return []
    found = []
    for area_case in ("bfi_n_alignment", "mg_sim_alignment"):
        results = load_case("semtools", area_case)["results"]
        loadings = matrix(results["lambda"]).to_numpy(float)
        intercepts = matrix(results["nu"]).to_numpy(float)
        configural = Configural(loadings, intercepts, np.arange(loadings.shape[1]))
        for name, case in results.items():
            if not (isinstance(case, dict) and "pars" in case):
                continue
            loss = _settings(name, case, results)
            theirs = matrix(case["pars"]).to_numpy(float)
            value = loss_and_gradient(configural, loss, theirs[:, 0], np.log(theirs[:, 1]))[0]
            found.append(Comparison("semtools", area_case, f"{name} loss there", value, case["fopt"], CLOSED))
            ours = align(configural, loss, reference=0, free_mean=False, n_starts=20, seed=1)
            excess = max(ours.value - case["fopt"], 0.0) / case["fopt"]
            found.append(
                Comparison("semtools", area_case, f"{name} loss excess", excess, 0.0, LOSS, floor=1.0)
            )
            if name in SMALL_EPS:
                continue
            found.append(
                Comparison(
                    "semtools", area_case, f"{name} means", ours.means, theirs[:, 0], SOLUTION, floor=1.0
                )
            )
            found.append(
                Comparison("semtools", area_case, f"{name} sds", ours.sds, theirs[:, 1], SOLUTION, floor=1.0)
            )
            r2 = matrix(case["es.invariance"]).loc["R2"].to_numpy(float)
            found.append(
                Comparison("semtools", area_case, f"{name} R2", overall_r2(configural, ours), r2, 1e-4)
            )
    data = load_data("mg_grm_sim")
    results = load_case("semtools", "mg_sim_alignment")["results"]
    items = [f"i{j:02d}" for j in range(1, 13)]
    result = align_groups(data, "f =~ " + " + ".join(items), group="group", method="fixed")
    configural = result.factors[0].parameters.configural
    theirs = matrix(results["lambda"]).to_numpy(float)
    found.append(
        Comparison(
            "semtools", "mg_sim_alignment", "configural loadings", configural.loadings, theirs, CONFIGURAL
        )
    )
    theirs = matrix(results["nu"]).to_numpy(float)
    found.append(
        Comparison(
            "semtools", "mg_sim_alignment", "configural intercepts", configural.intercepts, theirs, CONFIGURAL
        )
    )
    return found


@needs_reference
@pytest.mark.filterwarnings("ignore::recoverymetrics.EstimationWarning")
def test_alignment_agrees_with_the_reference():
    failures = []
    for comparison in comparisons():
        try:
            comparison.check()
        except AssertionError as error:
            failures.append(str(error))
    assert not failures, "\n\n".join(failures)
