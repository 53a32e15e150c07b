"""Real answers: the Rosenberg scale in six WHO regions, and the Big Five as five factors and as exploratory block."""

from __future__ import annotations

import warnings
from functools import cache

import numpy as np
import pandas as pd
import pytest
from golden import REAL, needs_real

import recoverymetrics as rm
from recoverymetrics.errors import EstimationWarning

ROSENBERG = [f"Q{k}" for k in range(1, 11)]
NEGATIVE = ["Q3", "Q5", "Q8", "Q9", "Q10"]
PER_REGION = 1_500
ONE = "esteem =~ " + " + ".join(ROSENBERG)
METHOD = f"{ONE}\nwording =~ {' + '.join(NEGATIVE)}"

pytestmark = [needs_real, pytest.mark.slow]


@cache
def rosenberg() -> pd.DataFrame:
    data = pd.read_csv(REAL / "rse.tsv.gz", sep="\t", keep_default_na=False)
    data = data[data["country"].str.fullmatch("[A-Z]{2}")]
    region = {}
    for code in data["country"].unique():
        try:
            region[code] = rm.who_region(code)
        except rm.RecoveryMetricsError:
            continue
    data = data.assign(region=data["country"].map(region)).dropna(subset=["region"])
    items = data[ROSENBERG].astype(float).replace(0.0, np.nan)
    items = items.assign(region=data["region"]).dropna()
    return items.groupby("region").head(PER_REGION).reset_index(drop=True)


@cache
def big_five() -> pd.DataFrame:
    data = pd.read_csv(REAL / "big5.tsv.gz", sep="\t")
    items = [f"{scale}{k}" for scale in "ENACO" for k in range(1, 11)]
    return data[items].astype(float).replace(0.0, np.nan).dropna().head(3_000)


def quiet(*args, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EstimationWarning)
        return rm.fit_cfa(*args, **options)


def test_a_wording_factor_is_needed_in_all_regions():
    data = rosenberg()
    one = quiet(data, ONE, ordered=True, group="region")
    two = quiet(data, METHOD, ordered=True, group="region", orthogonal=True)
    assert one.converged
    assert two.converged
    assert len(one.groups) == 6
    gain = two.fit_measures()["cfi_scaled"] - one.fit_measures()["cfi_scaled"]
    assert gain > 0.02
    assert two.fit_measures()["rmsea_scaled"] < one.fit_measures()["rmsea_scaled"]


def test_the_ladder_runs_to_equal_intercepts():
    data = rosenberg()
    steps = [(), ("thresholds",), ("thresholds", "loadings"), ("thresholds", "loadings", "intercepts")]
    fits = [quiet(data, ONE, ordered=True, group="region", equal=s) for s in steps]
    assert all(fit.converged for fit in fits)
    table = rm.compare_models(*fits)
    assert table["delta_df"].iloc[1:].tolist() == [50, 45, 45]
    assert (table["delta_chi2"].iloc[1:] > 0).all()


def test_big_five_as_five_factors_and_as_exploratory_block():
    data = big_five()
    five = "\n".join(f"f{s} =~ " + " + ".join(f"{s}{k}" for k in range(1, 11)) for s in "ENACO")
    left = " + ".join(f'efa("b")*f{s}' for s in "ENACO")
    block = f"{left} =~ " + " + ".join(data.columns)
    strict, loose = quiet(data, five, estimator="MLR"), quiet(data, block, estimator="MLR")
    assert strict.converged
    assert loose.converged
    assert loose.fit_measures()["cfi_robust"] > strict.fit_measures()["cfi_robust"] + 0.05
    assert loose.test.df == 50 * 51 // 2 - (250 + 50 + 10 - 20)
    loadings = loose.tidy().query("op == '=~'").pivot(index="rhs", columns="lhs", values="std_all").abs()
    for scale in "ENACO":
        own = loadings.loc[[f"{scale}{k}" for k in range(1, 11)]].mean()
        assert own.max() > 2.0 * own.sort_values().iloc[-2]
