"""Item moments and incomplete-data correlations beside those of R's psych package."""

import numpy as np
import pytest
from golden import REFERENCE, Comparison, ids, load_case, load_data, matrix, needs_reference

from recoverymetrics.numerics.covariance import covariance_to_correlation
from recoverymetrics.numerics.normal_missing import em_normal
from recoverymetrics.screening.items import moments

CLOSED_FORM = 1e-9  # sums of the same numbers
TWO_OPTIMISERS = 1e-4  # corFiml maximises the likelihood numerically, we iterate EM to 1e-9


def comparisons():
    if not REFERENCE.is_dir():
        return []
    return [*_moments(), *_fiml()]


def _moments():
    reference = load_case("psych", "smc_misc_bfi25")["results"]
    values = load_data("bfi25_listwise").to_numpy(dtype=float)
    found = {kind: moments(values, kind) for kind in (1, 2, 3)}
    pairs = {
        "mean": (found[2][0], reference["describe"]["mean"]),
        "sd": (found[2][1], reference["describe"]["sd"]),
        "skew type 1": (found[1][2], reference["skew1"]),
        "skew type 2": (found[2][2], reference["skew2"]),
        "skew type 3": (found[3][2], reference["describe"]["skew"]),
        "kurtosis type 1": (found[1][3], list(reference["kurt1"].values())),
        "kurtosis type 2": (found[2][3], list(reference["kurt2"].values())),
        "kurtosis type 3": (found[3][3], reference["describe"]["kurtosis"]),
    }
    return [Comparison("psych", "bfi25", q, ours, theirs, CLOSED_FORM) for q, (ours, theirs) in pairs.items()]


def _fiml():
    reference = matrix(load_case("psych", "corfiml_bfi10")["results"]["cor"])
    values = load_data("bfi10_first600_na")[list(reference.columns)].to_numpy(dtype=float)
    ours = covariance_to_correlation(em_normal(values).covariance)
    return [
        Comparison(
            "psych", "corfiml_bfi10", "correlations", ours, reference.to_numpy(), TWO_OPTIMISERS, floor=0.1
        )
    ]


@needs_reference
@pytest.mark.parametrize("comparison", comparisons(), ids=ids(comparisons()))
def test_agrees_with_psych(comparison):
    assert np.size(comparison.theirs) > 1
    comparison.check()
