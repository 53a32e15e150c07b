"""The Python engines agree where they are right, and are refused where they are wrong."""

import warnings
from itertools import permutations

import numpy as np
import pytest

from recoverymetrics.cfa import fit_cfa
from recoverymetrics.crosscheck import compare_engines, with_factor_analyzer
from recoverymetrics.efa import Geomin, Oblimin, fit_efa
from recoverymetrics.errors import ModelError, OptionError
from recoverymetrics.invariance import OrdinalLogistic, detect_dif
from recoverymetrics.irt import LogNormal, fit_irt
from recoverymetrics.simulate import irt_model, simulate_continuous, simulate_responses
from recoverymetrics.simulate.models import implied_covariance

pytest.importorskip("factor_analyzer")
pytest.importorskip("semopy")
girth = pytest.importorskip("girth")

PHI = [[1.0, 0.4, 0.3], [0.4, 1.0, 0.5], [0.3, 0.5, 1.0]]
MODEL = "F =~ x1 + x2 + x3\nG =~ x4 + x5 + x6\nH =~ x7 + x8 + x9"
EXACT = 1e-5  # semopy minimises the same function to its last digits


@pytest.fixture(scope="module")
def continuous():
    loadings = np.kron(np.eye(3), np.array([[0.8], [0.7], [0.6]]))
    return simulate_continuous(loadings, 400, factor_covariance=PHI, intercepts=3.0, seed=1)


@pytest.fixture(scope="module")
def ordinal():
    model = irt_model("graded", slopes=[1.2, 1.6, 0.9, 1.4, 2.0], difficulties=[[-1.5, -0.3, 1.0]] * 5)
    return simulate_responses(model, 800, seed=2).responses.drop(columns="group")


@pytest.fixture(scope="module")
def binary():
    model = irt_model("2pl", slopes=[1.2, 1.6, 0.9, 1.4, 2.0], difficulties=[[-1], [-0.5], [0], [0.5], [1]])
    return simulate_responses(model, 800, seed=3).responses.drop(columns="group")


@pytest.mark.parametrize("extraction", ["minres", "ml"])
@pytest.mark.parametrize("rotation", [None, "varimax", "quartimax", "oblimin", "geomin"])
def test_factor_analyzer_agrees(continuous, extraction, rotation):
    fit = fit_efa(continuous, 3, extraction=extraction, rotation=rotation)
    comparison = compare_engines(fit, engine="factor_analyzer")
    assert comparison.agrees
    assert set(comparison.tidy()["quantity"]) == {"loading", "correlation", "uniqueness"}


@pytest.mark.parametrize("extraction", ["ml", "pa"])
@pytest.mark.parametrize("rotation", [None, "quartimax", "oblimin"])
def test_statsmodels_agrees(continuous, extraction, rotation):
    fit = fit_efa(continuous, 3, extraction=extraction, rotation=rotation)
    assert compare_engines(fit, engine="statsmodels").agrees


def test_one_factor_needs_no_rotation(continuous):
    fit = fit_efa(continuous, 1, extraction="ml", rotation=None)
    assert compare_engines(fit, engine="factor_analyzer").agrees
    assert compare_engines(fit, engine="statsmodels").agrees


@pytest.mark.parametrize(
    "model",
    [
        MODEL,
        f"{MODEL}\nx1 ~~ x4",
        f"{MODEL}\nF ~~ 0*H",
        "F =~ x1 + a*x2 + a*x3\nG =~ x4 + x5 + x6\nG ~ F",
        "F =~ x1 + x2 + x3\nG =~ x4 + x5 + x6\nH =~ x7 + x8 + x9\nT =~ F + G + H",
    ],
)
def test_semopy_agrees(continuous, model):
    comparison = compare_engines(fit_cfa(continuous, model), engine="semopy")
    assert comparison.relative().max() < EXACT
    assert {"estimate", "std_error", "fit"} == set(comparison.tidy()["quantity"])


@pytest.mark.parametrize(("model", "data"), [("2pl", "binary"), ("1pl", "binary"), ("gpcm", "ordinal")])
def test_girth_agrees(model, data, request):
    fit = fit_irt(request.getfixturevalue(data), model, se=None)
    assert compare_engines(fit, engine="girth", tolerance=0.03).agrees


def test_girth_agrees_on_the_graded_model_as_far_as_it_goes(ordinal):
    comparison = compare_engines(fit_irt(ordinal, "graded", se=None), engine="girth")
    assert comparison.agrees
    assert len(comparison.tidy()) == 20


def test_girth_takes_missing_answers_and_unequal_categories(ordinal):
    holed = ordinal.astype(float)
    holed.iloc[::7, 2] = np.nan
    holed["item1"] = holed["item1"].clip(lower=2)
    comparison = compare_engines(fit_irt(holed, "gpcm", se=None), engine="girth")
    assert comparison.agrees
    assert "item1 b3" not in set(comparison.tidy()["term"])


@pytest.mark.parametrize("method", ["ordinal_logistic", OrdinalLogistic(matching="rest", degree=2)])
def test_statsmodels_agrees_on_ordinal_logistic_dif(ordinal, method):
    holed = ordinal.astype(float).head(400)
    holed.iloc[::9, 1] = np.nan
    result = detect_dif(holed, group=np.arange(400) % 3, method=method, purify=False)
    comparison = compare_engines(result, engine="statsmodels")
    assert comparison.agrees
    assert len(comparison.tidy()) == 15


def test_statsmodels_is_refused_for_other_dif_methods(ordinal):
    result = detect_dif(ordinal, group=np.arange(800) % 2, method="mantel_haenszel")
    with pytest.raises(ModelError, match="method='ordinal_logistic' only"):
        compare_engines(result, engine="statsmodels")


def test_a_wrong_number_is_seen(continuous):
    """A solution that was tampered with no longer agrees."""
    from dataclasses import replace

    fit = fit_efa(continuous, 3, extraction="ml", rotation="oblimin")
    loadings = fit.estimates.loadings.copy()
    loadings[0, 0] += 0.01
    worse = replace(fit, estimates=replace(fit.estimates, loadings=loadings))
    with pytest.raises(ModelError, match="options of its own"):
        compare_engines(worse, engine="factor_analyzer")
    plain = fit_efa(continuous, 3, extraction="ml", rotation=None)
    worse = replace(
        plain, estimates=replace(plain.estimates, uniquenesses=plain.estimates.uniquenesses + 0.01)
    )
    comparison = compare_engines(worse, engine="factor_analyzer")
    assert not comparison.agrees
    assert "uniqueness" in comparison.summary()


def test_warnings_of_an_engine_stay_inside(continuous):
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        compare_engines(fit_cfa(continuous, MODEL), engine="semopy")
        compare_engines(fit_efa(continuous, 3, extraction="ml", rotation="varimax"), engine="factor_analyzer")
    assert seen == []


def efa(data, **options):
    return fit_efa(data, 3, **({"extraction": "ml", "rotation": "oblimin"} | options))


@pytest.mark.parametrize(
    ("make", "engine", "words"),
    [
        (lambda d: efa(d, extraction="pa"), "factor_analyzer", "minres and ml only"),
        (
            lambda d: efa(d, rotation="promax"),
            "factor_analyzer",
            "promax and equamax are defined differently",
        ),
        (lambda d: efa(d, rotation="oblimax"), "factor_analyzer", "diverges"),
        (lambda d: efa(d, rotation=Oblimin(gamma=0.3)), "factor_analyzer", "options of its own"),
        (lambda d: efa(d, rotation=Oblimin(normalize=True)), "factor_analyzer", "ignores the option"),
        (lambda d: efa(d, extraction="minres"), "statsmodels", "ml and pa"),
        (lambda d: efa(d, rotation="promax"), "statsmodels", "defined differently"),
        (lambda d: efa(d, rotation="varimax"), "statsmodels", "Kaiser"),
        (lambda d: efa(d, rotation=Geomin(delta=0.1)), "statsmodels", "geomin"),
        (lambda d: efa(d), "girth", "Use one of 'factor_analyzer'"),
        (lambda d: fit_cfa(d, MODEL, estimator="MLR"), "semopy", "'MLR'"),
        (lambda d: fit_cfa(d, MODEL, missing="fiml"), "semopy", "ignores the means"),
        (lambda d: fit_cfa(d, MODEL, meanstructure=True), "semopy", "leaves means out"),
        (lambda d: fit_cfa(d, MODEL, std_lv=True), "semopy", "without a marker"),
        (lambda d: fit_cfa(d, MODEL, likelihood="wishart"), "semopy", "Wishart"),
        (lambda d: fit_cfa(d, MODEL, group=np.repeat(["a", "b"], 200)), "semopy", "several groups"),
        (lambda d: fit_cfa(d, MODEL), "factor_analyzer", "fails with pandas 3"),
        (lambda d: fit_cfa(d, MODEL), "statsmodels", "no confirmatory models"),
    ],
)
def test_wrong_paths_of_factor_engines_are_refused(continuous, make, engine, words):
    with pytest.raises(ModelError, match=words):
        compare_engines(make(continuous), engine=engine)


def test_semopy_is_refused_for_ordered_items(ordinal):
    fit = fit_cfa(ordinal, "F =~ item1 + item2 + item3 + item4", ordered=True)
    with pytest.raises(ModelError, match="ordinal models fail"):
        compare_engines(fit, engine="semopy")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": "pcm"}, "latent variance"),
        ({"model": "nominal"}, "same model in both"),
        ({"model": "graded", "group": np.repeat(["a", "b"], 400)}, "multiple-group"),
        ({"model": "graded", "structure": "f =~ item1 + item2 + item3\ng =~ item4 + item5"}, "mvnun"),
        ({"model": "graded", "priors": {"a": LogNormal(0.0, 0.5)}}, "no constraints"),
        ({"model": {f"item{j}": "graded" if j < 3 else "gpcm" for j in range(1, 6)}}, "one model at a time"),
    ],
)
def test_wrong_paths_of_girth_are_refused(ordinal, options, words):
    fit = fit_irt(ordinal, **({"se": None, "quadrature": 15} | options))
    with pytest.raises(ModelError, match=words):
        compare_engines(fit, engine="girth")


def test_factor_analyzer_is_refused_with_new_scikit_learn(continuous, monkeypatch):
    monkeypatch.setattr(with_factor_analyzer, "sklearn_version", lambda: (1, 8))
    with pytest.raises(ModelError, match=r"scikit-learn<1\.8"):
        compare_engines(efa(continuous), engine="factor_analyzer")


def test_unknown_engines_and_results_are_named(continuous):
    with pytest.raises(OptionError, match="'amos'; use one of 'semopy'"):
        compare_engines(efa(continuous), engine="amos")
    with pytest.raises(ModelError, match="cannot compare a dict; give one of CFAResult"):
        compare_engines({}, engine="semopy")


def test_engine_that_is_not_installed_says_how_to_get_it(continuous, monkeypatch):
    import sys

    fit = fit_cfa(continuous, MODEL)
    monkeypatch.setitem(sys.modules, "semopy", None)
    with pytest.raises(OptionError, match="'crosscheck' extra"):
        compare_engines(fit, engine="semopy")


class TestReasonsHold:
    """Each refusal rests on a fault that is still there; a test that fails here frees a path."""

    @pytest.fixture(autouse=True)
    def _third_party_warnings(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield

    def test_factor_analyzer_uniquenesses_leave_out_factor_correlations(self, continuous):
        from factor_analyzer import FactorAnalyzer

        plain, oblique = (FactorAnalyzer(3, rotation=r, method="ml") for r in (None, "oblimin"))
        plain.fit(continuous)
        oblique.fit(continuous)
        assert np.abs(plain.get_uniquenesses() - oblique.get_uniquenesses()).max() > 0.02

    def test_factor_analyzer_phi_keeps_another_order_than_the_loadings(self):
        from factor_analyzer import FactorAnalyzer

        L = np.zeros((9, 3))
        L[np.arange(9), np.repeat([0, 1, 2], 3)] = np.random.default_rng(1).uniform(0.45, 0.9, 9)
        R = implied_covariance(L, [[1, 0.6, 0.1], [0.6, 1, 0.3], [0.1, 0.3, 1]])
        engine = FactorAnalyzer(3, rotation="oblimin", method="ml", is_corr_matrix=True)
        engine.fit(R)

        def misfit(order):
            common = engine.loadings_ @ engine.phi_[np.ix_(order, order)] @ engine.loadings_.T
            return np.abs(np.tril(R - common, -1)).max()

        assert misfit([0, 1, 2]) > 0.1
        assert min(misfit(list(order)) for order in permutations(range(3))) < 1e-4

    def test_factor_analyzer_confirmatory_models_fail(self, continuous):
        from factor_analyzer import ConfirmatoryFactorAnalyzer, ModelSpecificationParser

        parts = {"F": ["x1", "x2", "x3"], "G": ["x4", "x5", "x6"]}
        data = continuous[["x1", "x2", "x3", "x4", "x5", "x6"]]
        with pytest.raises(ValueError, match="read-only"):
            ConfirmatoryFactorAnalyzer(
                ModelSpecificationParser.parse_model_specification_from_dict(data, parts), disp=False
            ).fit(data.values)

    def test_semopy_fixes_the_first_loading_whatever_is_asked(self, continuous):
        import semopy

        model = semopy.Model("F =~ x1 + x2 + x3\nF ~~ 1*F")
        model.fit(continuous)
        rows = model.inspect()
        assert rows.loc[(rows["lval"] == "x1") & (rows["rval"] == "F"), "Estimate"].tolist() == [1.0]

    def test_semopy_fiml_ignores_the_means(self, continuous):
        import semopy

        holed = continuous.copy()
        holed.iloc[::5, 0] = np.nan
        estimates = []
        for data in (holed, holed - holed.mean()):
            model = semopy.Model("F =~ x1 + x2 + x3 + x4")
            model.fit(data, obj="FIML")
            estimates.append(model.inspect()["Estimate"].to_numpy(dtype=float))
        assert np.abs(estimates[0] - estimates[1]).max() > 0.1

    def test_semopy_takes_the_discrepancy_for_the_log_likelihood(self, continuous):
        import semopy

        model = semopy.Model(MODEL)
        model.fit(continuous)
        stats = semopy.calc_stats(model).loc["Value"]
        assert stats["LogLik"] == pytest.approx(stats["chi2"] / len(continuous), rel=1e-6)
        assert fit_cfa(continuous, MODEL).glance()["loglik"][0] < -1000

    def test_semopy_ordinal_models_fail(self, ordinal):
        import semopy

        model = semopy.Model("F =~ item1 + item2 + item3\nDEFINE(ordinal) item1 item2 item3")
        with pytest.raises(TypeError, match="bias"):
            model.fit(ordinal.astype(float), obj="DWLS")

    def test_girth_has_no_penalty_in_its_criteria(self, binary):
        found = girth.twopl_mml(binary.to_numpy(dtype=int).T - 1)
        assert found["AIC"]["final"] == found["BIC"]["final"]

    def test_girth_multidimensional_estimation_fails(self, binary):
        with pytest.raises(AttributeError, match="mvnun"):
            girth.multidimensional_twopl_mml(binary.to_numpy(dtype=int).T - 1, 2)
