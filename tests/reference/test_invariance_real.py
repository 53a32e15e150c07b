"""Rosenberg's scale in six WHO regions and in twenty countries: the whole chain runs on answers that people gave."""

import numpy as np
import pandas as pd
import pytest
from golden import REAL, needs_real

import recoverymetrics as rm

NEGATIVE = ["Q3", "Q5", "Q8", "Q9", "Q10"]
ITEMS = [f"Q{i}" for i in range(1, 11)]
MODEL = "esteem =~ " + " + ".join(ITEMS)


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
    answers["country"] = raw["country"]
    return answers[answers["region"].notna()]


@needs_real
@pytest.mark.slow
def test_rosenberg_in_six_regions(rosenberg):
    dif = rm.detect_dif(rosenberg, items=ITEMS, group="region")
    assert {"Q5", "Q8"} <= set(dif.flagged)
    assert dif.purified.ending in {"stable", "cycle"}
    impact = dif.impact(freed=False)
    assert impact["change"].abs().max() < 0.1
    ladder = rm.check_invariance(rosenberg, MODEL, group="region", ordered=True)
    assert ladder.converged
    assert ladder.tidy()["delta_df"].iloc[1:].tolist() == [50.0, 45.0, 45.0, 50.0]
    aligned = rm.align_groups(rosenberg, MODEL, group="region", ordered=True, method="fixed")
    observed = ladder.impact()["mean_observed"].to_numpy()
    assert np.corrcoef(aligned.means["mean"], observed)[0, 1] > 0.95


def _page(data, column, unit, units):
    ladder = rm.check_invariance(data, MODEL, group=column, ordered=True)
    dif = rm.detect_dif(data, items=ITEMS, group=column)
    return rm.explain_invariance(ladder, dif=dif, concept="self-esteem", unit=unit, units=units)


@needs_real
@pytest.mark.slow
def test_one_page_on_six_regions(rosenberg):
    page = _page(rosenberg, "region", "region", "regions")
    assert page.facts.state == "scores"
    assert {item.item for item in page.facts.items} <= {"Q1", "Q6", "Q7", "Q8"}
    table = page.tidy().set_index("group")
    assert table["mean"].idxmin() == "EUR"
    assert table["bias_observed"].abs().max() < 0.1
    assert np.corrcoef(table["mean"], table["mean_observed"])[0, 1] > 0.98
    text = page.to_html()
    assert "Can self-esteem be compared between 6 regions?" in text
    assert "do not form one clean scale" in text


@needs_real
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*items are flagged")
def test_one_page_on_the_twenty_largest_countries(rosenberg):
    largest = rosenberg["country"].value_counts().index[:20]
    page = _page(rosenberg[rosenberg["country"].isin(largest)], "country", "country", "countries")
    table = page.ladder.tidy()
    assert table["delta_df"].iloc[1:].tolist() == [190.0, 171.0, 171.0, 190.0]
    assert page.converged
    assert page.facts.share < 0.25
    assert page.alignment.glance()["trustworthy"].item()
    means = page.tidy().set_index("group")["mean"]
    assert means["BR"] < means["US"] < means["IN"]
    assert len(page.facts.groups) == 20
    assert "Half of the questions or more show a difference" in page.to_html()
