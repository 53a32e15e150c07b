"""IRT likelihood-ratio DIF beside mirt::DIF."""

import numpy as np
from golden import REFERENCE, Comparison, load_case, load_data, needs_reference

from recoverymetrics.invariance import IRTLikelihoodRatio, detect_dif
from recoverymetrics.invariance.dif.data import read_dif_data
from recoverymetrics.invariance.dif.irt import sweep_irt

STATISTIC = 1e-4
"""mirt stops at TOL 1e-6 in the parameters, which leaves about 1e-3 in twice the log-likelihood."""
DEFAULT_TOLERANCE = 1e-4
"""The sequential run stopped at mirt's default TOL of 1e-4, and mirt tests its final items from another start."""

ITEMS = [f"i{j:02d}" for j in range(1, 13)]


def comparisons():
    """All comparisons of this module; empty where the reference results are absent."""
    if not REFERENCE.is_dir():
        return []
    data = load_data("mg_grm_sim")
    record = read_dif_data(data, items=ITEMS, group="group", reference=None, scales=None, drop_groups_below=0)
    spec = IRTLikelihoodRatio()
    found = []
    for case, anchors, tested in (
        ("mg_dif_drop", np.ones(12, dtype=bool), np.arange(12)),
        ("mg_dif_add_anchored", np.arange(12) < 3, np.arange(3, 12)),
    ):
        theirs = load_case("irt", case)["results"]
        ours = sweep_irt(record, anchors, spec, to_reference=False)
        found.append(Comparison("irt", case, "X2", ours.statistic[tested], theirs["X2"], STATISTIC))
        found.append(Comparison("irt", case, "df", ours.df[tested], theirs["df"], 0.0))
    theirs = load_case("irt", "mg_dif_drop_sequential_bic")["results"]["res"]
    result = detect_dif(data, group="group", method="irt_lr")
    flagged = [result.flagged == theirs[".row"]]
    found.append(Comparison("irt", "mg_dif_drop_sequential_bic", "flagged", flagged, [1], 0.0))
    table = result.tidy().set_index("item").loc[theirs[".row"]]
    found.append(Comparison("irt", "mg_dif_drop_sequential_bic", "df", table["df"], theirs["df"], 0.0))
    found.append(
        Comparison(
            "irt", "mg_dif_drop_sequential_bic", "X2", table["statistic"], theirs["X2"], DEFAULT_TOLERANCE
        )
    )
    return found


@needs_reference
def test_irt_sweeps_agree_with_the_reference():
    for comparison in comparisons():
        comparison.check()
