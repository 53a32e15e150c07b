"""The names, options and columns that notebooks and other programs rely on."""

import inspect

import numpy as np
import pandas as pd
import pytest

import recoverymetrics as rm
from recoverymetrics.irt import Normal

ITEMS = [f"q{j}" for j in range(1, 7)]
MODEL = "f =~ " + " + ".join(ITEMS)

NAMES = [
    "load_consensus",
    "ElementSet",
    "DelphiPanel",
    "ConsensusRule",
    "compare_stakeholders",
    "ItemBank",
    "suggest_mapping",
    "content_validity",
    "map_coverage",
    "Responses",
    "who_region",
    "screen",
    "simulate_responses",
    "load_synthetic",
    "polychoric",
    "parallel_analysis",
    "suggest_n_factors",
    "fit_efa",
    "fit_cfa",
    "fit_sem",
    "compare_models",
    "fit_irt",
    "Bifactor",
    "fit_mokken",
    "link_scales",
    "simulate_cat",
    "cronbach_alpha",
    "mcdonald_omega",
    "guttman_lambdas",
    "ordinal_alpha",
    "split_half",
    "intraclass_correlation",
    "cohen_kappa",
    "krippendorff_alpha",
    "gwet_ac",
    "measurement_error",
    "reliable_change",
    "estimate_reliability",
    "check_invariance",
    "align_groups",
    "detect_dif",
    "assemble_short_form",
    "gather_evidence",
    "propose_revision",
    "Criteria",
    "Study",
    "verify",
    "compare_engines",
    "ParallelAnalysis",
    "Oblimin",
    "RecoveryMetricsError",
    "EstimationWarning",
]

OPTIONS = {
    "polychoric": ("items", "group", "acov"),
    "parallel_analysis": ("correlation", "n_iter", "quantile", "seed", "workers"),
    "fit_efa": ("n_factors", "correlation", "extraction", "rotation"),
    "fit_cfa": ("model", "group", "ordered", "estimator", "missing", "equal", "free", "std_lv",
                "parameterization", "identification"),
    "fit_irt": ("model", "structure", "n_factors", "group", "equal", "free", "quadrature", "estimator", "se", "priors",
                "weights", "seed"),
    "link_scales": ("method",),
    "estimate_reliability": ("items", "group", "scales"),
    "check_invariance": ("model", "group", "ordered", "estimator", "levels", "criteria"),
    "align_groups": ("model", "group", "method"),
    "detect_dif": ("group", "method", "purify", "reference", "correction"),
    "assemble_short_form": ("length", "mapping", "elements", "groups", "exclude"),
    "propose_revision": ("scale", "evidence", "criteria", "protect"),
    "content_validity": ("item", "rater", "relevance", "element", "scale"),
    "compare_stakeholders": ("matches", "denominator"),
    "suggest_mapping": ("items", "elements", "method", "top"),
    "Responses": ("items", "group", "id", "reverse", "missing_codes", "region_from"),
    "compare_engines": ("engine",),
}  # fmt: skip

CFA_TIDY = [
    "group",
    "lhs",
    "op",
    "rhs",
    "label",
    "free",
    "estimate",
    "std_error",
    "statistic",
    "p_value",
    "conf_low",
    "conf_high",
    "std_lv",
    "std_all",
]
CFA_GLANCE = [
    "n",
    "npar",
    "loglik",
    "chi2",
    "df",
    "p_value",
    "cfi",
    "tli",
    "rmsea",
    "rmsea_conf_low",
    "rmsea_conf_high",
    "srmr",
    "aic",
    "bic",
]
SCALED = [
    "chi2_scaled",
    "p_value_scaled",
    "cfi_scaled",
    "tli_scaled",
    "rmsea_scaled",
    "cfi_robust",
    "tli_robust",
    "rmsea_robust",
]


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(11)
    theta = rng.normal(size=(800, 1))
    latent = 0.75 * theta + 0.66 * rng.normal(size=(800, 6))
    frame = pd.DataFrame(1 + (latent[..., None] > np.array([-0.8, 0.1, 0.9])).sum(2), columns=ITEMS)
    return frame.assign(region=np.where(np.arange(800) % 2 == 0, "AFR", "EUR"))


@pytest.fixture(scope="module")
def cfa(data):
    return rm.fit_cfa(data, MODEL, estimator="MLR")


@pytest.fixture(scope="module")
def irt(data):
    return rm.fit_irt(data, "graded", items=ITEMS)


@pytest.mark.parametrize("name", NAMES)
def test_the_name_is_public(name):
    assert name in rm.__all__
    assert hasattr(rm, name)


@pytest.mark.parametrize("name", OPTIONS)
def test_the_options_exist_and_follow_the_data_as_keywords(name):
    parameters = inspect.signature(getattr(rm, name)).parameters
    assert set(OPTIONS[name]) <= set(parameters)
    optional = [p for p in parameters.values() if p.default is not p.empty]
    loose = [p.name for p in optional if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert set(loose) <= {"model", "methods", "criteria", "protect", "rule", "n_factors", "method"}


@pytest.mark.parametrize("home", rm._HOMES)
def test_packages_are_reached_from_the_top(home):
    assert getattr(rm, home).__name__ == f"recoverymetrics.{home}"


def test_no_public_name_starts_like_a_test_or_shadows_a_package():
    assert not [name for name in rm.__all__ if name.startswith("test_") or name in rm._HOMES]


def test_factor_models_answer_in_the_promised_columns(data, cfa):
    assert set(CFA_TIDY) <= set(cfa.tidy().columns)
    assert set(CFA_GLANCE + SCALED) <= set(cfa.glance().columns)
    assert cfa.residuals(kind="cor").shape == (6, 6)
    assert len(cfa.modification_indices())
    assert len(cfa.factor_scores(data, method="regression")) == len(data)
    assert cfa.implied() is not None
    assert "=~" in cfa.to_lavaan()
    smaller = rm.fit_cfa(data, MODEL + "\nq1 ~~ q2", estimator="MLR")
    assert len(rm.compare_models(cfa, smaller, method="auto"))


def test_estimators_are_matched_without_regard_to_case(data):
    first, second = (rm.fit_cfa(data, MODEL, estimator=e).glance()["chi2"].item() for e in ("mlr", "MLR"))
    assert first == second


def test_exploratory_results_have_their_matrices(data):
    efa = rm.fit_efa(data, 1, items=ITEMS)
    assert efa.loadings.shape == (6, 1)
    assert efa.structure.shape == (6, 1)
    assert efa.factor_correlations.shape == (1, 1)
    assert len(efa.communalities) == 6
    assert len(efa.scores(data)) == len(data)
    assert "=~" in efa.as_model(cutoff=0.4)


def test_polychorics_have_thresholds_and_their_covariance(data):
    result = rm.polychoric(data, items=ITEMS, acov=True)
    assert result.correlations.shape == (6, 6)
    assert len(result.thresholds)
    assert result.acov.shape[0] == result.acov.shape[1]
    by_region = rm.polychoric(data, items=ITEMS, group="region").correlations
    assert by_region["AFR"].shape == by_region["EUR"].shape == (6, 6)


def test_calibrations_answer_every_promised_call(data, irt):
    for metric in ("ab", "slope_intercept"):
        assert {"item", "group", "parameter", "estimate", "std_error"} <= set(irt.tidy(metric=metric).columns)
    assert len(irt.item_parameters) == 6
    assert {"loglik", "aic", "bic", "npar", "n"} <= set(irt.glance().columns)
    assert {"mean", "variance"} <= set(irt.groups.columns)
    for method in ("eap", "map", "ml", "wle", "sum_eap"):
        assert len(irt.scores(data, method=method)) == len(data)
    theta = np.linspace(-2, 2, 5)
    assert len(irt.information(theta))
    assert len(irt.probabilities(theta))
    for method in ("s_x2", "infit"):
        assert len(irt.item_fit(method=method)) == 6
    assert len(irt.person_fit()) == len(data)
    assert len(irt.global_fit())
    for kind in ("q3", "x2"):
        assert len(irt.local_dependence(kind)) == 15
    assert irt.reliability() is not None


@pytest.mark.parametrize("model", ["rasch", "1pl", "2pl", "3pl", "4pl"])
def test_models_of_two_categories_are_known(data, model):
    prior = {"logit_g": Normal(-2.0, 0.5), "logit_u": Normal(3.0, 0.5)}
    used = {"3pl": ["logit_g"], "4pl": ["logit_g", "logit_u"]}.get(model, [])
    fit = rm.fit_irt(
        (data[ITEMS] > 2).astype(int), model, se=None, priors={name: prior[name] for name in used}
    )
    assert fit.converged
    assert set(fit.tidy()["item"].dropna()) >= set(ITEMS)


@pytest.mark.parametrize("model", ["graded", "gpcm", "pcm", "rsm", "nominal"])
def test_models_of_several_categories_are_known(data, model):
    assert rm.fit_irt(data, model, items=ITEMS, se=None).glance()["n"].item() == len(data)


def test_invariance_tells_each_level_in_the_promised_columns(data):
    result = rm.check_invariance(data, MODEL, group="region", criteria="chen2007")
    wanted = [
        "level",
        "chi2",
        "df",
        "delta_chi2",
        "delta_df",
        "delta_p",
        "delta_cfi",
        "delta_rmsea",
        "delta_srmr",
        "holds",
    ]
    assert set(wanted) <= set(result.tidy().columns)
    assert set(result.models) == set(result.tidy()["level"])
    assert isinstance(result.verdict, str)
    assert len(result.effect_sizes())
    assert result.partial() is not None


@pytest.mark.parametrize(
    "method", ["ordinal_logistic", "mantel_haenszel", "sibtest", "irt_lr", "wald", "mimic"]
)
def test_dif_methods_flag_items_and_tell_their_impact(data, method):
    result = rm.detect_dif(data, items=ITEMS, group="region", method=method, purify=True)
    assert set(result.flagged) <= set(ITEMS)
    assert isinstance(result.flagged, list)
    assert {"item", "flagged"} <= set(result.tidy().columns)
    assert result.impact() is not None


@pytest.mark.parametrize(
    "coefficient", ["cronbach_alpha", "mcdonald_omega", "ordinal_alpha", "split_half", "guttman_lambdas"]
)
def test_coefficients_have_an_estimate_with_its_interval(data, coefficient):
    row = getattr(rm, coefficient)(data, items=ITEMS).glance()
    assert {"estimate", "conf_low", "conf_high"} <= set(row.columns)


def test_agreement_coefficients_have_an_estimate_with_its_interval():
    rng = np.random.default_rng(2)
    truth = rng.integers(1, 5, size=60)
    table = pd.DataFrame({r: np.clip(truth + rng.integers(-1, 2, size=60), 1, 4) for r in ("r1", "r2")})
    results = (
        rm.cohen_kappa(table),
        rm.krippendorff_alpha(table),
        rm.gwet_ac(table),
        rm.intraclass_correlation(table),
    )
    for result in results:
        assert {"estimate", "conf_low", "conf_high"} <= set(result.tidy().columns)


def test_content_validity_has_both_scale_indices():
    rows = [(i, r, 4 - (i + r) % 2) for i in range(3) for r in range(5)]
    frame = pd.DataFrame(rows, columns=["item", "rater", "relevance"])
    result = rm.content_validity(frame, item="item", rater="rater", relevance="relevance", scale=(1, 4))
    assert {"s_cvi_ave", "s_cvi_ua"} <= set(result.glance().columns)


@pytest.mark.parametrize("name", ["professionals_2025", "experts_by_experience_2024"])
def test_published_consensus_is_a_collection(name):
    elements = rm.load_consensus(name)
    assert len(elements) == len(list(elements)) == len(elements.to_frame())


def test_regions_are_told_from_every_spelling_of_a_country():
    assert {rm.who_region(c) for c in ("KE", "KEN", "Kenya")} == {"AFR"}


def test_a_person_decides_and_the_lineage_records_it(data, cfa):
    scale = rm.Scale(name="s", factors={"f": tuple(ITEMS)})
    evidence = rm.gather_evidence(scale, cfa=cfa)
    proposal = rm.propose_revision(scale, evidence, criteria=rm.Criteria.default())
    decided = proposal.accept(keep=["q1"], drop=["q6"], reason="asked twice")
    assert "q6" not in decided.items
    assert "asked twice" in str(decided.lineage)
