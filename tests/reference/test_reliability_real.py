"""Reliability of two public questionnaires: ten items in six WHO regions, fifty items of 19,719 persons."""

import numpy as np
import pandas as pd
import pytest
from golden import REAL, needs_real

import recoverymetrics as rm

pytestmark = [needs_real, pytest.mark.slow]

REGIONS = {"AFR", "AMR", "SEAR", "EUR", "EMR", "WPR"}
NEGATIVE = ["Q3", "Q5", "Q8", "Q9", "Q10"]


@pytest.fixture(scope="module")
def rosenberg():
    responses = rm.Responses(
        pd.read_csv(REAL / "rse.tsv.gz", sep="\t", keep_default_na=False),
        items=[f"Q{j}" for j in range(1, 11)], reverse=NEGATIVE, missing_codes=[0],
        region_from="country", categories=(1, 4),
    )  # fmt: skip
    with pytest.warns(rm.DataWarning, match="251 persons of 47974 without a region label"):
        record = responses.item_data(group="region")
    return pd.DataFrame(record.values, columns=record.items).assign(region=record.group)


@pytest.mark.parametrize("function", [rm.cronbach_alpha, rm.mcdonald_omega, rm.categorical_omega])
def test_regions_are_compared(rosenberg, function) -> None:
    result = function(rosenberg, group="region")
    table = result.tidy()
    assert set(table["group"]) == REGIONS
    assert ((table["conf_low"] < table["estimate"]) & (table["estimate"] < table["conf_high"])).all()
    comparison = rm.compare_reliability(result)
    assert (comparison.omnibus["p_value"] < 1e-10).all()  # tens of thousands of persons
    first = comparison.tidy()
    first = first[first["term"] == first["term"].iloc[0]]
    assert len(first) == 15
    assert first["estimate"].abs().max() < 0.1


def test_lower_bounds_are_in_order_in_every_region(rosenberg) -> None:
    table = (
        rm.guttman_lambdas(rosenberg, group="region")
        .tidy()
        .pivot(index="group", columns="term", values="estimate")
    )
    order = ["lambda1", "lambda3", "lambda2", "mu2", "mu3", "glb"]
    assert (np.diff(table[order].to_numpy(), axis=1) > -1e-9).all()
    assert (table["lambda4"] <= table["glb"]).all()


def test_wording_is_a_second_factor_in_every_region(rosenberg) -> None:
    table = rm.hierarchical_omega(rosenberg, 2, group="region").tidy()
    general = table[table["term"] == "omega_hierarchical"].set_index("group")["estimate"]
    total = table[table["term"] == "omega_total"].set_index("group")["estimate"]
    assert general.between(0.5, 0.85).all()
    assert (total - general > 0.1).all()


def test_items_that_were_not_reversed_are_named(rosenberg) -> None:
    raw = rosenberg[rosenberg["region"] == "AFR"].drop(columns="region")
    right = rm.cronbach_alpha(raw).estimate
    raw[["Q9", "Q10"]] = 5 - raw[["Q9", "Q10"]]
    with pytest.warns(rm.DataWarning, match=r"others: Q9, Q10\."):
        wrong = rm.cronbach_alpha(raw)
    assert wrong.estimate < right - 0.15


def test_conditional_errors_of_a_region(rosenberg) -> None:
    data = rosenberg[rosenberg["region"] == "SEAR"].drop(columns="region")
    classical = rm.conditional_error(data)
    model = rm.conditional_error(rm.fit_irt(data, "graded"))
    assert classical.estimate == pytest.approx(model.estimate, rel=0.15)
    assert classical.glance()["reliability"][0] == pytest.approx(model.glance()["reliability"][0], abs=0.04)


def test_fifty_items_of_a_whole_sample() -> None:
    items = [f"{letter}{j}" for letter in "ENACO" for j in range(1, 11)]
    big5 = pd.read_csv(REAL / "big5.tsv.gz", sep="\t", usecols=items)[items].replace(0, np.nan)
    result = rm.hierarchical_omega(big5, 5, flip=True)
    assert result.converged
    assert result.admissible
    assert 0.3 < result.estimate < 0.6
    table = result.tidy()
    assert (table.loc[table["term"] == "omega_subscale", "estimate"] > 0.7).all()
    with pytest.warns(rm.DataWarning, match="correlate negatively"):
        bounds = rm.guttman_lambdas(big5).tidy().set_index("term")["estimate"]
    assert bounds["lambda2"] < bounds["lambda4"] <= bounds["glb"] < 1
