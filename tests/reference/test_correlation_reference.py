"""Correlations beside lavaan, psych and polycor."""

import numpy as np
import pandas as pd
import pytest
from golden import REFERENCE, Comparison, ids, load_case, load_data, matrix, needs_reference

from recoverymetrics.correlation.kernel import ordinal_moments

DETERMINISTIC = 1e-6
OPTIMISER = 1e-4  # lavaan stops its one-dimensional searches at about 1e-7


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


def comparisons() -> list[Comparison]:
    if not REFERENCE.is_dir():
        return []
    return lavaan_polychorics()


CASES = comparisons()


@needs_reference
@pytest.mark.parametrize("comparison", CASES, ids=ids(CASES))
def test_agrees_with_reference(comparison):
    comparison.check()
