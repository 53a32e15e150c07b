"""What every result of the package can do."""

import json

import numpy as np
import pandas as pd
import pytest

from recoverymetrics import reliability as rel
from recoverymetrics.cfa import fit_cfa
from recoverymetrics.display import GLOSSARY
from recoverymetrics.errors import OptionError

RNG = np.random.default_rng(1)
DATA = pd.DataFrame(
    np.digitize(RNG.normal(size=(300, 1)) + RNG.normal(size=(300, 6)), [-1, 0, 1]), columns=list("abcdef")
)
GROUPED = DATA.assign(region=["EUR", "AFR", "WPR"] * 100)
SCORES = {"t1": DATA.sum(axis=1).to_numpy(float), "t2": DATA.sum(axis=1) + RNG.normal(size=300)}
SCALES = {"one": list("abc"), "two": list("def")}

RESULTS = {
    "alpha": lambda: rel.cronbach_alpha(GROUPED, group="region"),
    "omega": lambda: rel.mcdonald_omega(GROUPED, group="region"),
    "categorical": lambda: rel.categorical_omega(GROUPED, group="region"),
    "ordinal": lambda: rel.ordinal_alpha(DATA),
    "hierarchical": lambda: rel.hierarchical_omega(
        pd.DataFrame(
            np.repeat(RNG.normal(size=(500, 3)), 3, axis=1)
            + RNG.normal(size=(500, 1))
            + RNG.normal(size=(500, 9))
        ).rename(columns=str)
    ),
    "lambdas": lambda: rel.guttman_lambdas(GROUPED, group="region"),
    "halves": lambda: rel.split_half(GROUPED, group="region"),
    "reliability": lambda: rel.estimate_reliability(GROUPED, group="region", scales=SCALES),
    "comparison": lambda: rel.compare_reliability(rel.cronbach_alpha(GROUPED, group="region")),
    "dependent": lambda: rel.compare_scales(GROUPED, SCALES, group="region"),
    "htmt": lambda: rel.heterotrait_monotrait(DATA, SCALES),
    "model": lambda: rel.model_reliability(fit_cfa(DATA, "f =~ a+b+c\ng =~ d+e+f1".replace("f1", "f"))),
    "scales": lambda: rel.score_scales(DATA, SCALES),
    "icc": lambda: rel.intraclass_correlation(SCORES),
    "kappa": lambda: rel.cohen_kappa(DATA[["a", "b"]], weights="quadratic"),
    "fleiss": lambda: rel.fleiss_kappa(DATA),
    "krippendorff": lambda: rel.krippendorff_alpha(DATA, metric="ordinal", seed=1),
    "gwet": lambda: rel.gwet_ac(DATA),
    "kendall": lambda: rel.kendall_w(DATA),
    "error": lambda: rel.measurement_error(SCORES),
    "limits": lambda: rel.limits_of_agreement(SCORES, first="t1", second="t2"),
    "change": lambda: rel.reliable_change(SCORES, before="t1", after="t2", reliability=0.9),
    "conditional": lambda: rel.conditional_error(DATA),
}


@pytest.mark.parametrize("name", RESULTS)
def test_result_interface(name: str) -> None:
    import matplotlib.pyplot as plt

    if name == "model":
        data = DATA.rename(columns={"f": "h"})
        result = rel.model_reliability(fit_cfa(data, "f =~ a+b+c\ng =~ d+e+h"))
    else:
        result = RESULTS[name]()
    tidy, glance = result.tidy(), result.glance()
    assert len(glance) == 1
    assert len(tidy) >= 1
    named = {c for c in tidy.columns if not c.startswith(("g", "F"))} | set(glance.columns)
    assert named <= set(GLOSSARY), named - set(GLOSSARY)
    if name not in ("change", "scales"):
        assert np.isfinite(glance["estimate"][0])
        assert isinstance(result.summary(), str)
    assert "<table" in result._repr_html_()
    json.dumps(result.to_dict())
    assert isinstance(result.converged, bool)
    assert isinstance(result.admissible, bool)
    ax = result.plot()
    assert ax.figure is not None
    plt.close("all")


@pytest.mark.parametrize(
    "name", [n for n in RESULTS if n not in ("change", "conditional", "model", "hierarchical", "scales")]
)
def test_single_coefficients_have_an_interval_in_glance(name: str) -> None:
    row = RESULTS[name]().glance().iloc[0]
    assert row["conf_low"] <= row["estimate"] <= row["conf_high"]


def test_inputs_are_left_alone() -> None:
    before = GROUPED.copy(deep=True)
    for name in ("alpha", "omega", "lambdas", "reliability", "categorical"):
        RESULTS[name]()
    pd.testing.assert_frame_equal(GROUPED, before)


def test_forest_of_groups_shows_what_glance_reports_and_any_other_coefficient() -> None:
    result = rel.guttman_lambdas(GROUPED, group="region")
    assert len(result.plot().get_yticklabels()) == 3
    assert result.plot(term="glb").get_title(loc="left") == "Glb"
    assert len(rel.guttman_lambdas(DATA).plot().get_yticklabels()) == 10
    with pytest.raises(OptionError, match="lambda1, lambda2"):
        result.plot(term="alpha")
    with pytest.raises(OptionError, match="omega_total"):
        rel.estimate_reliability(DATA).plot(term="glb")


def test_forest_of_scales_has_a_heading_for_each() -> None:
    ax = rel.estimate_reliability(GROUPED, group="region", scales=SCALES).plot()
    shown = sorted(zip(ax.get_yticks(), (t.get_text() for t in ax.get_yticklabels()), strict=True))
    names = [text for _, text in reversed(shown)]
    assert names == ["one", "EUR", "AFR", "WPR", "two", "EUR", "AFR", "WPR"]
