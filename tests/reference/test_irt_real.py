"""Calibrations on answers that people gave: Rosenberg's scale in six WHO regions, the Big Five as five factors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from golden import REAL, needs_real

import recoverymetrics as rm

NEGATIVE = ["Q3", "Q5", "Q8", "Q9", "Q10"]
ITEMS = [f"Q{i}" for i in range(1, 11)]

pytestmark = [needs_real, pytest.mark.slow]


@pytest.fixture(scope="module")
def rosenberg() -> pd.DataFrame:
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
    return answers[answers["region"].notna()].reset_index(drop=True)


@pytest.fixture(scope="module")
def apart(rosenberg):
    return rm.fit_irt(rosenberg, "graded", group="region")


def test_each_region_by_itself(rosenberg, apart):
    assert apart.converged
    assert apart.admissible
    assert len(apart.groups) == 6
    label = apart.groups["group"][5]
    own = rosenberg[rosenberg["region"] == label].drop(columns="region")
    alone = rm.fit_irt(own, "graded").tidy()
    together = apart.tidy().query("group == @label")
    np.testing.assert_allclose(together["estimate"], alone["estimate"], atol=2e-3)
    np.testing.assert_allclose(together["std_error"], alone["std_error"], rtol=5e-3)


def test_concurrent_calibration_with_latent_means(rosenberg, apart):
    fit = rm.fit_irt(rosenberg, "graded", group="region", equal=("slopes", "intercepts"))
    assert fit.converged
    assert fit.admissible
    assert fit.npar == 40 + 10
    assert fit.groups["mean_se"].iloc[1:].between(0.001, 0.1).all()
    scores = fit.scores().groupby("group")["estimate"].mean()
    means = fit.groups.set_index("group")["mean"]
    assert np.corrcoef(means, scores[means.index])[0, 1] > 0.99
    row = fit.compare_with(apart).iloc[1]
    assert row["df"] == 6 * 40 - 50
    assert row["statistic"] > 500
    partial = fit.refit(partial=["Q5", "Q8"])
    assert partial.loglik > fit.loglik + 50
    moved = np.abs(partial.groups["mean"] - fit.groups["mean"])
    assert moved.max() < 0.15


def test_big_five_as_five_correlated_factors():
    raw = pd.read_csv(REAL / "big5.tsv.gz", sep="\t")
    names = [f"{trait}{i}" for trait in "ENACO" for i in range(1, 6)]
    data = raw[names].replace(0, np.nan).iloc[:2000]
    lines = "\n".join(f"{t} =~ " + " + ".join(f"{t}{i}" for i in range(1, 6)) for t in "ENACO")
    fit = rm.fit_irt(data, structure=lines)
    assert fit.converged
    assert fit.admissible
    correlations = fit.groups[[f"cor_{t}" for t in "ENACO"]].to_numpy()
    assert np.linalg.eigvalsh(correlations)[0] > 0
    assert np.abs(correlations[np.triu_indices(5, 1)]).max() < 0.6
    assert np.isfinite(fit.tidy()["std_error"]).all()
    scores = fit.scores()
    estimates = scores[[f"estimate_{t}" for t in "ENACO"]].to_numpy()
    assert np.abs(estimates.mean(axis=0)).max() < 0.03
    errors = scores[[f"std_error_{t}" for t in "ENACO"]].to_numpy()
    np.testing.assert_allclose(estimates.var(axis=0) + (errors**2).mean(axis=0), 1.0, atol=0.03)
