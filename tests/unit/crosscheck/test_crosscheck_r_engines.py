"""R engines, where R has them."""

import numpy as np
import pytest

from recoverymetrics.cfa import fit_cfa
from recoverymetrics.crosscheck import compare_engines, rscript
from recoverymetrics.crosscheck.terms import item_response_request
from recoverymetrics.crosscheck.with_mirt import _in_ab_metric
from recoverymetrics.efa import fit_efa
from recoverymetrics.errors import ModelError, OptionError
from recoverymetrics.irt import fit_irt
from recoverymetrics.simulate import irt_model, simulate_continuous, simulate_responses

MODEL = "F =~ x1 + x2 + x3\nG =~ x4 + x5 + x6"
LAVAAN_ESTIMATES = 5e-5  # lavaan's own stopping rule, seen on groups


def needs(package):
    found = rscript.which("Rscript") is not None and rscript.has_package(package, rscript.which("Rscript"))
    return pytest.mark.skipif(not found, reason=f"needs R with the package {package}")


@pytest.fixture(scope="module")
def continuous():
    loadings = np.kron(np.eye(2), np.array([[0.8], [0.7], [0.6]]))
    data = simulate_continuous(loadings, 400, factor_covariance=[[1, 0.4], [0.4, 1]], intercepts=3.0, seed=1)
    return data.assign(site=np.repeat(["south", "north"], 200))


@pytest.fixture(scope="module")
def ordinal():
    model = irt_model("graded", slopes=[1.2, 1.6, 0.9, 1.4], difficulties=[[-1.5, -0.3, 1.0]] * 4)
    return simulate_responses(model, 600, seed=2).responses.drop(columns="group")


@needs("lavaan")
@pytest.mark.parametrize(
    "options",
    [{}, {"std_lv": True, "estimator": "MLR"}, {"group": "site", "equal": ["loadings", "intercepts"]}],
)
def test_lavaan_agrees(continuous, options):
    comparison = compare_engines(fit_cfa(continuous, MODEL, **options), engine="lavaan")
    assert comparison.relative().max() < LAVAAN_ESTIMATES
    assert {"estimate", "std_error", "fit"} == set(comparison.tidy()["quantity"])


@needs("lavaan")
def test_lavaan_agrees_on_ordered_items(ordinal):
    fit = fit_cfa(ordinal, "F =~ item1 + item2 + item3 + item4", ordered=True)
    comparison = compare_engines(fit, engine="lavaan")
    assert comparison.relative().max() < LAVAAN_ESTIMATES
    assert "chi2_scaled" in set(comparison.tidy()["term"])


@needs("psych")
@pytest.mark.parametrize(("extraction", "rotation"), [("minres", None), ("ml", "varimax"), ("alpha", None)])
def test_psych_agrees(continuous, extraction, rotation):
    fit = fit_efa(continuous.drop(columns="site"), 2, extraction=extraction, rotation=rotation)
    assert compare_engines(fit, engine="psych").agrees


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"extraction": "gls"}, "trace of the square"),
        ({"rotation": "promax"}, "same criterion"),
    ],
)
def test_wrong_paths_of_psych_are_refused(continuous, options, words):
    fit = fit_efa(
        continuous.drop(columns="site"), 2, **({"extraction": "ml", "rotation": "varimax"} | options)
    )
    with pytest.raises(ModelError, match=words):
        compare_engines(fit, engine="psych")


def test_wrong_paths_of_mirt_are_refused(ordinal):
    with pytest.raises(ModelError, match="same trait metric"):
        compare_engines(fit_irt(ordinal, "pcm", se=None), engine="mirt")
    two = fit_irt(ordinal, structure="f =~ item1 + item2\ng =~ item3 + item4", se=None, quadrature=11)
    with pytest.raises(ModelError, match="one-factor"):
        compare_engines(two, engine="mirt")


@needs("mirt")
@pytest.mark.parametrize("model", ["graded", "gpcm"])
def test_mirt_agrees(ordinal, model):
    assert compare_engines(fit_irt(ordinal, model, se=None), engine="mirt").agrees


@pytest.mark.parametrize("model", ["graded", "gpcm", "2pl"])
def test_mirt_coefficients_are_read_in_the_metric_of_difficulties(ordinal, model):
    import pandas as pd

    data = (ordinal > 2).astype(int) if model == "2pl" else ordinal
    fit = fit_irt(data, model, se=None)
    rows = [
        (f"{row.item} {'a1' if row.parameter == 'a' else row.parameter}", row.estimate)
        for row in fit.tidy("slope_intercept").itertuples()
    ]
    frame = pd.DataFrame([*rows, ("loglik", fit.loglik)], columns=["term", "value"])
    request = item_response_request(fit)
    theirs = _in_ab_metric(frame, request)
    for key, value in request.ours.items():
        assert theirs[key] == pytest.approx(value, abs=1e-10), key


def test_missing_r_is_said(continuous, monkeypatch):
    fit = fit_cfa(continuous, MODEL)
    monkeypatch.setattr(rscript, "which", lambda name: None)
    with pytest.raises(OptionError, match="Rscript was not found"):
        compare_engines(fit, engine="lavaan")


def test_missing_r_package_is_said(continuous, monkeypatch):
    fit = fit_cfa(continuous, MODEL)
    monkeypatch.setattr(rscript, "which", lambda name: "Rscript")
    monkeypatch.setattr(rscript, "has_package", lambda package, path: False)
    with pytest.raises(OptionError, match="R package lavaan"):
        compare_engines(fit, engine="lavaan")


@needs("psych")
def test_what_r_says_is_passed_on(tmp_path):
    with pytest.raises(ModelError, match="R said"):
        rscript.run_script("psych", rscript.require("psych"), tmp_path)
