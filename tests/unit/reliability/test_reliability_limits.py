"""Data at the limits: what is refused, what is reported, and in which words."""

import numpy as np
import pandas as pd
import pytest

from recoverymetrics import reliability as rel
from recoverymetrics.errors import DataError, DataWarning, EstimationWarning

SCALE_FUNCTIONS = {
    "alpha": rel.cronbach_alpha,
    "omega": rel.mcdonald_omega,
    "lambdas": rel.guttman_lambdas,
    "halves": rel.split_half,
    "ordinal": rel.ordinal_alpha,
    "categorical": rel.categorical_omega,
    "conditional": rel.conditional_error,
}
RATER_FUNCTIONS = {
    "icc": rel.intraclass_correlation,
    "kappa": rel.cohen_kappa,
    "fleiss": rel.fleiss_kappa,
    "ac": rel.gwet_ac,
    "krippendorff": rel.krippendorff_alpha,
}


def answers(n: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 1)) + rng.normal(size=(n, 5))
    return pd.DataFrame(np.digitize(x, [-1, 0, 1]), columns=list("abcde"))


@pytest.mark.parametrize("name", SCALE_FUNCTIONS)
def test_a_negatively_keyed_item_is_named_and_not_reversed(name: str) -> None:
    data = answers()
    straight = SCALE_FUNCTIONS[name](data).estimate
    with pytest.warns(DataWarning, match=r"others: e\. Reverse them before the call"):
        turned = SCALE_FUNCTIONS[name](data.assign(e=3 - data["e"]))
    assert turned.estimate != pytest.approx(straight, abs=0.01)
    assert any("others: e." in note for note in turned.notes)


def test_a_negatively_keyed_item_of_one_group_is_named_with_it() -> None:
    data = answers().assign(region=["EUR"] * 30 + ["AFR"] * 30)
    data.loc[30:, "b"] = 3 - data.loc[30:, "b"]
    with pytest.warns(DataWarning, match=r"b \(AFR\)"):
        rel.cronbach_alpha(data, group="region")


@pytest.mark.parametrize("name", SCALE_FUNCTIONS)
def test_a_constant_item_is_named_with_its_group(name: str) -> None:
    data = answers().assign(region=["EUR"] * 30 + ["AFR"] * 30)
    data.loc[30:, "b"] = 1
    if name in ("ordinal", "categorical"):
        with pytest.warns(EstimationWarning), pytest.raises(DataError, match=r"in group 'AFR'.* for b:"):
            SCALE_FUNCTIONS[name](data, group="region")
        return
    with pytest.raises(DataError, match=r"item 'b' in group 'AFR' has no variance.*leave it out"):
        SCALE_FUNCTIONS[name](data, group="region")


@pytest.mark.parametrize("name", ["alpha", "omega", "lambdas", "halves", "ordinal", "categorical"])
def test_an_item_that_nobody_answered_is_named(name: str) -> None:
    with pytest.raises(DataError, match=r"item 'd' has no responses.*leave it out"):
        SCALE_FUNCTIONS[name](answers().astype(float).assign(d=np.nan))


@pytest.mark.parametrize("name", SCALE_FUNCTIONS)
def test_all_missing(name: str) -> None:
    with pytest.raises(DataError, match=r"only 0 persons|item 'a' has no responses"):
        SCALE_FUNCTIONS[name](answers() * np.nan)


@pytest.mark.parametrize("name", ["alpha", "omega", "lambdas", "halves", "conditional"])
def test_a_group_of_two_persons_is_refused(name: str) -> None:
    data = answers().assign(region=["EUR"] * 58 + ["AFR"] * 2)
    with pytest.raises(DataError, match=r"only 2 persons in group 'AFR'.*at least 3"):
        SCALE_FUNCTIONS[name](data, group="region")


def test_a_group_of_three_persons() -> None:
    data = answers().assign(region=["EUR"] * 57 + ["AFR"] * 3)
    with pytest.warns(DataWarning, match=r"b \(AFR\)"):
        alpha = rel.cronbach_alpha(data, group="region").tidy().set_index("group")
    assert alpha.loc["AFR", "conf_high"] - alpha.loc["AFR", "conf_low"] > 0.5
    with pytest.raises(DataError, match="3 persons in group 'AFR' are too few to factor 5 items"):
        rel.hierarchical_omega(data, 2, group="region")


def test_copies_of_an_item() -> None:
    data = answers()
    data = data.assign(b=data["a"], c=data["a"])
    with pytest.warns(
        EstimationWarning, match="did not converge: all. These items are linearly dependent: a, b, c"
    ):
        omega = rel.mcdonald_omega(data)
    assert not omega.converged
    assert np.isnan(omega.glance()["conf_low"][0])
    bounds = rel.guttman_lambdas(data).tidy().set_index("term")["estimate"]
    assert bounds["lambda2"] <= bounds["glb"] <= 1
    assert rel.cronbach_alpha(data).estimate == pytest.approx(
        5 / 4 * (1 - data.var().sum() / data.sum(axis=1).var())
    )


def test_negative_alpha_is_given_as_it_is() -> None:
    x = answers()["a"]
    noise = np.random.default_rng(1).integers(0, 2, 60)
    with pytest.warns(DataWarning, match="others: one, two"):
        result = rel.cronbach_alpha({"one": x, "two": 3 - x + noise})
    assert result.estimate < -1
    row = result.glance().iloc[0]
    assert row["conf_low"] < row["estimate"] < row["conf_high"]


@pytest.mark.parametrize("name", RATER_FUNCTIONS)
def test_raters_who_share_no_unit(name: str) -> None:
    ratings = {"r1": [1, 2, 3, None, None, None], "r2": [None, None, None, 1, 2, 3]}
    with pytest.raises(DataError, match=r"no unit|no target"):
        RATER_FUNCTIONS[name](ratings)


@pytest.mark.parametrize("name", RATER_FUNCTIONS)
def test_one_rater(name: str) -> None:
    with pytest.raises(DataError, match=r"two raters|one column: r1"):
        RATER_FUNCTIONS[name]({"r1": [1, 2, 3, 4]})


def test_refusals_of_raters_name_the_group() -> None:
    ratings = {"r1": [1, 2, 3, 2], "r2": [2, 2, 3, None], "g": ["EUR", "EUR", "EUR", "AFR"]}
    for function in (rel.cohen_kappa, rel.fleiss_kappa, rel.gwet_ac, rel.kendall_w):
        with pytest.raises(DataError, match="group 'AFR'"):
            function(ratings, group="g")
    with pytest.raises(DataError, match=r"0 targets in group 'AFR'.*missing='reml'"):
        rel.intraclass_correlation(ratings, group="g", missing="listwise")


def test_identical_ratings_leave_agreement_undefined_and_say_so() -> None:
    same = {"r1": [1, 1, 1], "r2": [1, 1, 1]}
    for function in (*RATER_FUNCTIONS.values(),):
        result = function(same)
        assert np.isnan(result.estimate)
        assert any("not defined" in note for note in result.notes)


def test_occasions_without_any_error() -> None:
    table = rel.measurement_error({"t1": [1.0, 2, 3, 4], "t2": [1.0, 2, 3, 4]}).tidy()
    assert (table["estimate"] == 0).all()
    assert (table[["conf_low", "conf_high"]] == 0).all(axis=None)
