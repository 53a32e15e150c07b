"""Rosenberg's scale in six WHO regions: the whole chain runs on answers that people gave."""

import numpy as np
import pandas as pd
import pytest
from golden import REAL, needs_real

import recoverymetrics as rm

NEGATIVE = ["Q3", "Q5", "Q8", "Q9", "Q10"]
ITEMS = [f"Q{i}" for i in range(1, 11)]


@pytest.fixture(scope="module")
def rosenberg():
    raw = pd.read_csv(REAL / "rse.tsv.gz", sep="\t")
    answers = raw[ITEMS].replace(0, np.nan)
    answers[NEGATIVE] = 5 - answers[NEGATIVE]
    regions = {}
    for country in raw["country"].dropna().unique():
        try:
            regions[country] = rm.who_region(country)
        except rm.RecoveryMetricsError:
            regions[country] = None
    answers["region"] = raw["country"].map(regions)
    return answers[answers["region"].notna()]


@needs_real
@pytest.mark.slow
def test_rosenberg_in_six_regions(rosenberg):
    dif = rm.detect_dif(rosenberg, group="region")
    assert {"Q5", "Q8"} <= set(dif.flagged)
    assert dif.purified.ending in {"stable", "cycle"}
    impact = dif.impact(freed=False)
    assert impact["change"].abs().max() < 0.1
    model = "esteem =~ " + " + ".join(ITEMS)
    ladder = rm.check_invariance(rosenberg, model, group="region", ordered=True)
    assert ladder.converged
    assert ladder.tidy()["delta_df"].iloc[1:].tolist() == [50.0, 45.0, 45.0, 50.0]
    aligned = rm.align_groups(rosenberg, model, group="region", ordered=True, method="fixed")
    observed = ladder.impact()["mean_observed"].to_numpy()
    assert np.corrcoef(aligned.means["mean"], observed)[0, 1] > 0.95
