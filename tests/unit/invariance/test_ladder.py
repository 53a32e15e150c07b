"""The invariance ladder: planted truth, what cannot be tested, checks before anything runs, messages."""

import numpy as np
import pandas as pd
import pytest

from recoverymetrics import DataError, DataWarning, EstimationWarning, ModelError, OptionError
from recoverymetrics.cfa import compare_models
from recoverymetrics.invariance import InvarianceCriteria, align_groups, check_invariance
from recoverymetrics.invariance.ladder.effects import align_factors
from recoverymetrics.invariance.ladder.levels import plan_levels
from recoverymetrics.invariance.ladder.partial import equality_tests
from recoverymetrics.invariance.ladder.result import pooled_sd

MODEL = "hope =~ x1 + x2 + x3 + x4 + x5 + x6"


def factor_data(seed, sizes, *, means=None, shift=None, loading=None, cuts=None):
    """One factor, six items; ``shift`` and ``loading`` map (group, item) to what is added there."""
    rng = np.random.default_rng(seed)
    frames = []
    for g, n in enumerate(sizes):
        eta = rng.normal(0 if means is None else means[g], 1, n)
        columns = {}
        for j in range(6):
            x = (0.8 + (loading or {}).get((g, j), 0)) * eta + rng.normal(0, 0.7, n)
            x = x + (shift or {}).get((g, j), 0)
            columns[f"x{j + 1}"] = x if cuts is None else np.searchsorted(cuts, x)
        frames.append(pd.DataFrame(columns).assign(region=f"R{g + 1}"))
    return pd.concat(frames, ignore_index=True)


@pytest.fixture(scope="module")
def shifted():
    return factor_data(1, [300, 400, 350], means=[0, 0.5, -0.5], shift={(1, 2): 0.8, (2, 4): -0.8})


def test_full_invariance_holds_to_the_top():
    data = factor_data(2, [300, 300, 300, 300, 300, 300], means=[0, 0.3, -0.3, 0.6, 0.1, -0.2])
    result = check_invariance(data, MODEL, group="region")
    table = result.tidy().set_index("level")
    assert list(table.index) == ["configural", "metric", "scalar", "strict"]
    assert table["holds"].tolist() == [True] * 4
    assert result.highest == "strict"
    assert table["delta_df"].iloc[1:].tolist() == [25.0, 25.0, 30.0]
    assert "observed scores may be compared" in result.verdict
    np.testing.assert_allclose(table["df"], [54, 79, 104, 134])


def test_shifted_intercepts_stop_the_ladder_and_partial_finds_them(shifted):
    result = check_invariance(shifted, MODEL, group="region")
    assert result.highest == "metric"
    assert "Scalar invariance does not" in result.verdict
    partial = result.partial()
    assert partial.level == "scalar"
    assert partial.holds
    assert set(partial.freed) == {"x3~1", "x5~1"}
    assert partial.path["step"].tolist() == [1, 2]
    assert dict(zip(partial.path["parameter"], partial.path["group"], strict=True)) == {
        "x3~1": "R2",
        "x5~1": "R3",
    }
    assert "criteria hold" in partial.reason
    assert partial.glance()["n_freed"].item() == 2


def test_partial_stops_before_a_factor_loses_its_anchors(shifted):
    result = check_invariance(shifted, MODEL, group="region")
    kept = result.partial(min_invariant=5)
    assert len(kept.freed) == 1
    assert "no parameter is left" in kept.reason
    assert result.partial(max_freed=1).reason == "the limit on freed parameters"


def test_effect_sizes_and_impact_point_to_the_shifted_items(shifted):
    result = check_invariance(shifted, MODEL, group="region")
    sizes = result.effect_sizes(reference="R1").set_index(["item", "group"])
    assert sizes.loc[("x3", "R2"), "dmacs_signed"] > 0.5
    assert sizes.loc[("x5", "R3"), "dmacs_signed"] < -0.5
    assert (sizes["dmacs"] >= sizes["dmacs_signed"].abs() - 1e-12).all()
    assert sizes.loc[("x1", "R2"), "dmacs"] < 0.25
    impact = result.impact().set_index("group")
    truth = np.array([0, 0.5, -0.5])
    truth = truth - np.average(truth, weights=[300, 400, 350])
    np.testing.assert_allclose(impact["mean_aligned"], truth, atol=0.12)


def test_three_categories_leave_thresholds_untestable():
    data = factor_data(4, [500, 500], cuts=[-0.5, 0.5])
    result = check_invariance(data, MODEL, group="region", ordered=True)
    assert result.untestable == ("thresholds",)
    table = result.tidy().set_index("level")
    assert table.loc["thresholds", "reason"].startswith("not testable")
    assert pd.isna(table.loc["thresholds", "delta_chi2"])
    assert table.loc["loadings", "delta_df"] == 5
    assert "Not testable" in result.verdict
    assert any("three categories (x1, x2" in note for note in result.notes)


def test_two_categories_test_loadings_and_intercepts_together():
    uneven = {(g, j): 0.3 * (j - 1) for g in (0, 1) for j in range(6)}
    data = factor_data(5, [900, 900], means=[0, 0.4], cuts=[0.0], shift=uneven)
    result = check_invariance(data, MODEL, group="region", ordered=True, levels=["loadings", "intercepts"])
    assert "loadings" in result.untestable
    row = result.tidy().set_index("level").loc["intercepts"]
    assert row["delta_df"] == 4
    assert row["holds"]


def test_ordinal_shift_is_found_at_the_intercepts():
    data = factor_data(6, [600, 600], shift={(1, 1): 0.8}, cuts=[-1.2, -0.4, 0.4, 1.2])
    result = check_invariance(data, MODEL, group="region", ordered=True, criteria="likelihood_ratio")
    table = result.tidy().set_index("level")
    assert not table.loc["intercepts", "holds"]
    assert result.partial("intercepts").freed[0] == "x2~1"


def test_levels_resolve_and_pull_in_what_they_need():
    assert [r.level.name for r in plan_levels(["scalar"], ordinal=False)] == ["configural", "scalar"]
    assert plan_levels(["scalar"], ordinal=False)[1].equal == ("loadings", "intercepts")
    assert plan_levels(["strong", "weak"], ordinal=False)[1].level.name == "metric"
    assert plan_levels(["metric"], ordinal=True)[1].equal == ("thresholds", "loadings")
    with pytest.raises(OptionError, match="configural, metric"):
        plan_levels(["partial"], ordinal=False)


def test_criteria_differ_and_can_be_made(shifted):
    strict = check_invariance(shifted, MODEL, group="region", levels=["metric"], criteria="likelihood_ratio")
    assert strict.criteria.alpha == 0.05
    own = InvarianceCriteria("own", "chen2007", cfi=(0.5, 0.5))
    assert check_invariance(shifted, MODEL, group="region", criteria=own).highest == "strict"
    for name in ("cheung2002", "rutkowski2014", "rutkowski2017", "meade2008", "chen2007_small"):
        assert not check_invariance(shifted, MODEL, group="region", criteria=name).tidy()["holds"].iloc[2]
    with pytest.raises(OptionError, match="chen2007"):
        check_invariance(shifted, MODEL, group="region", criteria="chen")


def test_unused_categories_are_named_before_anything_runs():
    data = factor_data(7, [300, 300], cuts=[-1, 0, 1])
    data.loc[(data["region"] == "R2") & (data["x2"] == 3), "x2"] = 2
    with pytest.raises(DataError, match="x2 category 3 in R2"):
        check_invariance(data, MODEL, group="region", ordered=True)
    merged = check_invariance(data, MODEL, group="region", ordered=True, merge_empty=True)
    assert any("x2: 4 categories merged to 3" in note for note in merged.notes)


def test_small_groups(shifted):
    few = pd.concat([shifted, shifted.head(5).assign(region="R9")])
    with pytest.raises(DataError, match="'R9' has 5 persons"):
        check_invariance(few, MODEL, group="region")
    result = check_invariance(few, MODEL, group="region", drop_groups_below=20)
    assert any("R9" in note and "left out" in note for note in result.notes)
    with pytest.warns(DataWarning, match="only 60 persons"):
        check_invariance(
            pd.concat([shifted, shifted.head(60).assign(region="R9")]),
            MODEL,
            group="region",
            levels=["metric"],
        )


def test_one_group_and_unknown_ordered_items_are_refused(shifted):
    with pytest.raises(DataError, match="two or more are needed"):
        check_invariance(shifted.query("region == 'R1'"), MODEL, group="region")
    with pytest.raises(DataError, match="two or more are needed"):
        check_invariance(shifted.drop(columns="region"), MODEL)
    with pytest.raises(OptionError, match="not a column"):
        check_invariance(shifted, MODEL, group="region", ordered=["x1", "x99"])


def test_missing_answers_are_counted(shifted):
    holes = shifted.copy()
    holes.loc[:9, "x1"] = np.nan
    result = check_invariance(holes, MODEL, group="region", levels=["metric"])
    assert any(note.startswith("10 persons") for note in result.notes)
    fiml = check_invariance(holes, MODEL, group="region", levels=["metric"], missing="fiml")
    assert fiml.glance()["n"].item() == len(holes)
    silent = holes.copy()
    silent.loc[0, [f"x{j}" for j in range(1, 7)]] = np.nan
    kept = check_invariance(silent, MODEL, group="region", levels=["metric"])
    assert np.isfinite(kept.impact()["mean_observed"]).all()


def test_bifactor_and_second_order_ladders():
    rng = np.random.default_rng(9)
    n = 1200
    g, parts = rng.normal(size=(n, 1)), rng.normal(size=(n, 3))
    x = 0.7 * g + 0.5 * np.repeat(parts, 3, axis=1) + rng.normal(0, 0.6, (n, 9))
    data = pd.DataFrame(x, columns=[f"x{i}" for i in range(1, 10)]).assign(
        region=np.repeat(["A", "B"], n // 2)
    )
    specific = "\n".join(f"s{k + 1} =~ " + " + ".join(f"x{3 * k + i}" for i in (1, 2, 3)) for k in range(3))
    second = check_invariance(
        data, f"{specific}\ng =~ s1 + s2 + s3", group="region", levels=["metric", "scalar"]
    )
    assert second.highest == "scalar"
    whole = "g =~ " + " + ".join(f"x{i}" for i in range(1, 10))
    bifactor = check_invariance(
        data, f"{whole}\n{specific}", group="region", levels=["metric", "scalar"], orthogonal=True
    )
    assert bifactor.highest == "scalar"


def test_result_surface(shifted):
    import matplotlib.pyplot as plt

    result = check_invariance(shifted, MODEL, group="region")
    assert "Ladder" in result.summary()
    assert result.to_dict()["tidy"][0]["level"] == "configural"
    assert set(result.models) == {"configural", "metric", "scalar", "strict"}
    assert result.converged
    assert result.admissible
    assert len(result.plot().lines) == 3
    assert len(result.plot("impact").get_lines()) == 4
    plt.close("all")
    with pytest.raises(OptionError, match="reference='X'"):
        result.effect_sizes(reference="X")


def test_nothing_is_freed_where_every_level_holds(shifted):
    whole = check_invariance(shifted, MODEL, group="region", levels=["metric"])
    partial = whole.partial()
    assert partial.holds
    assert partial.level == "metric"
    assert partial.freed == ()
    assert partial.path.empty
    assert partial.tests.empty
    assert partial.reason == "every level holds; nothing needs to be freed"
    assert "nothing needs to be freed" in partial.summary()
    assert partial.glance()["n_freed"].item() == 0
    means = check_invariance(
        factor_data(2, [400, 400], means=[0, 0.9]), MODEL, group="region", levels=["scalar", "means"]
    )
    assert not means.partial().holds
    assert "no item parameters" in means.partial().reason
    other = np.random.default_rng(1).normal(size=len(shifted))
    split = shifted.assign(**{name: shifted[name] + 2 * other for name in ("x1", "x2")})
    lax = InvarianceCriteria("lax", "chen2007")
    two = check_invariance(split, MODEL, group="region", levels=["metric"], criteria=lax)
    assert not two.steps[0].holds
    assert "change the model first" in two.partial().reason


def test_wrong_options_of_partial_are_named(shifted):
    result = check_invariance(shifted, MODEL, group="region")
    for options, words in (
        ({"level": "scaler"}, "'scaler' is not on this ladder; choose from metric, scalar, strict"),
        ({"correction": "bonferonni"}, "correction='bonferonni'"),
        ({"alpha": 5}, "alpha=5"),
        ({"max_freed": -1}, "cannot be negative"),
    ):
        with pytest.raises(OptionError, match=words):
            result.partial(**options)
    three = factor_data(4, [400, 400], cuts=[-0.5, 0.5])
    ordinal = check_invariance(three, MODEL, group="region", ordered=True, levels=["thresholds"])
    with pytest.raises(OptionError, match="restricts nothing"):
        ordinal.partial("thresholds")


def test_countries_within_regions_widen_the_tests():
    rng = np.random.default_rng(3)
    data = factor_data(3, [600, 600])
    country = np.repeat(np.arange(40), 30)
    data.iloc[:, :6] += rng.normal(0, 0.5, (40, 6))[country]
    data["country"] = [f"C{c}" for c in country]
    plain = check_invariance(data, MODEL, group="region", estimator="MLR", levels=["metric", "scalar"])
    robust = check_invariance(data, MODEL, group="region", cluster="country", levels=["metric", "scalar"])
    loose, tight = (r.tidy().set_index("level").loc["scalar"] for r in (plain, robust))
    assert loose["delta_chi2"] > 3 * tight["delta_chi2"]
    assert tight["delta_p"] > loose["delta_p"]
    assert loose["chi2"] == pytest.approx(tight["chi2"])
    left = check_invariance(
        pd.concat([data, data.head(30).assign(region="R9")]),
        MODEL, group="region", cluster="country", levels=["metric"], drop_groups_below=100,
    )  # fmt: skip
    assert left.glance()["n"].item() == 1200


def test_later_steps_are_conditional_on_the_broken_one(shifted):
    result = check_invariance(shifted, MODEL, group="region")
    strict = result.tidy().set_index("level").loc["strict"]
    assert strict["holds"]
    assert strict["reason"].endswith("conditional: tested on top of scalar, which does not hold")
    assert "strict costs no further fit is conditional on scalar, which does not hold" in result.verdict
    assert "yes, conditionally" in result.summary()
    whole = check_invariance(factor_data(2, [300, 300]), MODEL, group="region")
    assert "conditional" not in whole.verdict + whole.summary()


def test_score_tests_match_scaled_difference_tests():
    data = factor_data(6, [500, 400, 450], shift={(1, 1): 0.5}, cuts=[-1.2, 0.6, 1.2])
    result = check_invariance(data, MODEL, group="region", ordered=True)
    step = result.steps[3]
    tests = equality_tests(step, result).set_index("parameter")
    for name in ("x2~1", "x4~1"):
        freed = result.engine.fit(step.rung.equal, (name,))
        change = compare_models(freed, step.fit).iloc[1]
        assert tests.loc[name, "df"] == change["delta_df"]
        assert tests.loc[name, "statistic"] == pytest.approx(change["delta_chi2"], rel=0.12)


def test_partial_ordinal_invariance_frees_the_planted_items_only():
    planted = {(1, 1): 0.5, (2, 4): -0.5}
    for seed in (40, 41, 42):
        data = factor_data(seed, [500, 500, 500], means=[0, 0.4, -0.3], shift=planted, cuts=[-1.0, 0.0, 1.2])
        result = check_invariance(data, MODEL, group="region", ordered=True, criteria="likelihood_ratio")
        partial = result.partial("intercepts", until="significance")
        assert set(partial.freed) == {"x2~1", "x5~1"}
        assert partial.reason == "no further score test is significant"
        first = partial.tests[partial.tests["step"] == 1]
        assert len(first) == 6
        assert (first["p_adjusted"] >= first["p_value"]).all()
    with pytest.raises(OptionError, match="until='holds'"):
        result.partial("intercepts", until="holds")
    means = check_invariance(data, MODEL, group="region", levels=["scalar", "means"])
    with pytest.raises(OptionError, match="no item parameters"):
        means.partial("means")


@pytest.mark.slow
def test_score_tests_keep_their_size_under_diagonal_weights():
    p_values = []
    for seed in range(30):
        data = factor_data(500 + seed, [300, 300, 300], means=[0, 0.5, -0.4], cuts=[-0.9, 0.4, 1.4])
        result = check_invariance(data, MODEL, group="region", ordered=True, levels=["intercepts"])
        p_values += equality_tests(result.steps[1], result)["p_value"].tolist()
    rejected = float(np.mean(np.array(p_values) < 0.05))
    assert 0.01 < rejected < 0.10


def test_dmacs_has_the_closed_form_of_the_linear_model(shifted):
    result = check_invariance(shifted, MODEL, group="region", levels=["metric"])
    table = result.effect_sizes(reference="R1").set_index(["item", "group"])
    ((parameters, solution),) = align_factors(result)
    sds = pooled_sd(shifted[list(parameters.items)].to_numpy(), shifted["region"].to_numpy())
    for g, label in ((1, "R2"), (2, "R3")):
        slope = solution.loadings[g] - solution.loadings[0]
        level = solution.intercepts[g] - solution.intercepts[0] + slope * solution.means[g]
        rows = table.xs(label, level="group").loc[list(parameters.items)]
        size = np.sqrt(level**2 + (slope * solution.sds[g]) ** 2) / sds
        np.testing.assert_allclose(rows["dmacs"], size, rtol=1e-4)
        np.testing.assert_allclose(rows["dmacs_signed"], level / sds, atol=1e-9)
        np.testing.assert_allclose(rows["difference"], level, atol=1e-9)
    assert (table["dmacs_unsigned"] <= table["dmacs"] + 1e-12).all()
    assert (table["dmacs_unsigned"] >= table["dmacs_signed"].abs() - 1e-12).all()
    whole = result.effect_sizes(reference="R1", of="scale").set_index("group")
    assert whole.loc["R2", "difference"] == pytest.approx(table.xs("R2", level="group")["difference"].sum())
    with pytest.raises(OptionError, match="of='test'"):
        result.effect_sizes(of="test")


def test_bias_of_observed_means_is_what_was_planted():
    planted = {(1, j): 0.6 for j in range(2)}
    data = factor_data(12, [1500, 1500, 1500], means=[0.1, 0.0, -0.1], shift=planted)
    impact = check_invariance(data, MODEL, group="region", levels=["scalar"]).impact().set_index("group")
    assert impact["rank_observed"].tolist() == [2, 1, 3]
    assert impact["rank_corrected"].tolist() == [1, 2, 3]
    raised = impact["bias_observed"] - impact["bias_observed"].iloc[0]
    observed = data.assign(mean=data[[f"x{j}" for j in range(1, 7)]].mean(axis=1))
    sd = observed.groupby("region")["mean"].std().mean()
    np.testing.assert_allclose(raised, [0, 0.2 / sd, 0], atol=0.06)


@pytest.mark.parametrize("parameterization", ["theta", "delta"])
def test_ordered_bifactor_and_second_order_ladders(parameterization):
    rng = np.random.default_rng(9)
    general, parts = rng.normal(size=(1800, 1)), rng.normal(size=(1800, 3))
    region = np.repeat(["A", "B", "C"], 600)
    general = general + 0.5 * (region == "B")[:, None]
    x = 0.7 * general + 0.5 * np.repeat(parts, 3, axis=1) + rng.normal(0, 0.6, (1800, 9))
    data = pd.DataFrame(np.digitize(x, [-1, 0, 1]), columns=[f"x{i}" for i in range(1, 10)]).assign(
        region=region
    )
    specific = "\n".join(f"s{k + 1} =~ " + " + ".join(f"x{3 * k + i}" for i in (1, 2, 3)) for k in range(3))
    options = {"group": "region", "ordered": True, "parameterization": parameterization}
    levels = ["configural", "thresholds", "loadings", "intercepts", "residuals", "means"]
    second = check_invariance(data, f"{specific}\ng =~ s1 + s2 + s3", levels=levels, **options)
    assert second.highest == "residuals"
    assert not second.steps[-1].holds
    assert second.tidy()["df"].tolist() == [72, 90, 106, 122, 140, 142]
    said = any("theta parameterisation" in note for note in second.notes)
    assert said == (parameterization == "delta")
    whole = "g =~ " + " + ".join(f"x{i}" for i in range(1, 10))
    bifactor = check_invariance(data, f"{whole}\n{specific}", orthogonal=True, **options)
    assert bifactor.highest == "residuals"
    sizes = second.effect_sizes()
    assert sizes["factor"].unique().tolist() == ["s1", "s2", "s3"]
    assert sizes["dmacs"].max() < 0.2
    impact = second.impact().set_index(["factor", "group"])["mean_aligned"]
    assert (impact.xs("B", level="group") > impact.xs("A", level="group") + 0.2).all()
    assert second.explain(factor="s2").facts.state == "scores"
    with pytest.raises(ModelError, match="measured by factors"):
        align_groups(data, f"{specific}\ng =~ s1 + s2 + s3", group="region")


@pytest.mark.parametrize(
    "estimator",
    ["ML", "MLR", "MLM", "MLMV", "MLMVS", "MLF", "GLS", "ULS", "ULSM", "ULSMV", "WLS", "DWLS", "WLSMV"],
)
def test_every_estimator_climbs_and_finds_the_shifted_item(estimator):
    data = factor_data(1, [300, 400, 350], means=[0, 0.5, -0.5], shift={(1, 2): 0.8})
    result = check_invariance(data, MODEL, group="region", estimator=estimator)
    assert result.partial("scalar").freed == ("x3~1",)
    ordered = factor_data(6, [500, 400, 450], shift={(1, 1): 0.6}, cuts=[-1.2, 0.6, 1.2])
    if estimator not in ("ML", "MLR", "MLM", "MLMV", "MLMVS", "MLF", "GLS"):
        result = check_invariance(ordered, MODEL, group="region", ordered=True, estimator=estimator)
        assert result.partial("intercepts", until="significance").freed == ("x2~1",)


def test_missing_answers_and_clusters_reach_the_score_tests(shifted):
    holes = shifted.copy()
    holes.iloc[::7, 0] = np.nan
    for estimator in ("ML", "MLR"):
        fiml = check_invariance(holes, MODEL, group="region", estimator=estimator, missing="fiml")
        assert set(fiml.partial("scalar").freed) == {"x3~1", "x5~1"}
    grouped = shifted.assign(country=np.arange(len(shifted)) // 25)
    result = check_invariance(grouped, MODEL, group="region", cluster="country")
    assert set(result.partial("scalar").freed) == {"x3~1", "x5~1"}
    with pytest.raises(OptionError, match="clusters"):
        result.permutation_test("scalar")
    assert set(result.leave_one_out()["left_out"]) == {"", "R1", "R2", "R3"}


def test_mixed_items_climb_the_ordered_ladder():
    planted = {(1, 2): 0.8, (2, 4): -0.8}
    coded = factor_data(3, [300, 400, 350], means=[0, 0.5, -0.5], shift=planted)
    names = ["x1", "x2", "x3"]
    coded[names] = np.digitize(coded[names], [-1, 0, 1])
    result = check_invariance(coded, MODEL, group="region", ordered=names)
    table = result.tidy().set_index("level")
    assert list(table.index) == ["configural", "thresholds", "loadings", "intercepts", "residuals"]
    assert table["df"].tolist() == [27, 33, 43, 53, 65]
    assert result.highest == "loadings"
    partial = result.partial(until="significance")
    assert set(partial.freed) == {"x3~1", "x5~1"}
    sizes = result.effect_sizes(reference="R1").set_index(["item", "group"])["dmacs_signed"]
    assert sizes["x3", "R2"] > 0.5
    assert sizes["x5", "R3"] < -0.5
    aligned = align_groups(coded, MODEL, group="region", ordered=names, method="fixed")
    np.testing.assert_allclose(aligned.means["mean"], [0, 0.5, -0.5], atol=0.15)
    parameters = aligned.parameters()["parameter"].tolist()
    assert parameters[6:] == [
        *(f"x{i}|t{k}" for i in (1, 2, 3) for k in (1, 2, 3)),
        *(f"x{i}~1" for i in (4, 5, 6)),
    ]
    flagged = aligned.tidy().query("not invariant")
    assert set(zip(flagged["item"], flagged["group"], strict=True)) == {("x3", "R2"), ("x5", "R3")}
    assert result.explain().facts.state == "adjusted"


def test_a_continuous_item_among_ordered_ones_keeps_its_metric(shifted):
    """With every continuous item but one ordered in many categories, the linear effect size is that of the linear model."""
    coded = shifted.copy()
    coded["x1"] = np.digitize(coded["x1"], [-1, 0, 1])
    mixed = check_invariance(coded, MODEL, group="region", ordered=["x1"], levels=["loadings"])
    plain = check_invariance(shifted, MODEL, group="region", levels=["metric"])
    a, b = (r.effect_sizes().query("item == 'x3'")["difference"].to_numpy() for r in (mixed, plain))
    np.testing.assert_allclose(a, b, atol=0.06)


def clustered_answers(seed, regions, countries, persons, *, share=0.1):
    """Five ordered items; countries in regions move the factor and every item."""
    rng = np.random.default_rng(seed)
    region = np.repeat(np.arange(regions), countries * persons)
    country = np.repeat(np.arange(regions * countries), persons)
    items = rng.normal(0, np.sqrt(share), (regions * countries, 5))[country]
    level = rng.normal(0, np.sqrt(share), regions * countries)[country]
    means = np.array([0, 0.3, -0.3, 0.2, -0.1, 0.1])[region]
    eta = rng.normal(0, np.sqrt(1 - share), len(region)) + level + means
    x = 0.8 * eta[:, None] + 0.6 * (rng.normal(size=items.shape) + items)
    data = pd.DataFrame(np.digitize(x, [-1, -0.2, 0.7]), columns=[f"x{i}" for i in range(1, 6)])
    return data.assign(region=[f"R{r}" for r in region], country=country)


FIVE = "f =~ x1 + x2 + x3 + x4 + x5"


def test_clusters_of_one_person_change_ordered_ladders_by_their_correction_only():
    data = clustered_answers(1, 3, 1, 400, share=0.0)
    options = {"group": "region", "ordered": True, "criteria": "likelihood_ratio"}
    plain = check_invariance(data, FIVE, **options)
    alone = check_invariance(data, FIVE, cluster=np.arange(len(data)), **options)
    a, b = plain.tidy(), alone.tidy()
    np.testing.assert_allclose(a["chi2"], b["chi2"], rtol=1e-9)
    np.testing.assert_allclose(a["delta_chi2"][1:], b["delta_chi2"][1:], rtol=5e-3)
    step = [r.steps[3] for r in (plain, alone)]
    tests = [equality_tests(s, r)["statistic"] for s, r in zip(step, (plain, alone), strict=True)]
    np.testing.assert_allclose(tests[1], tests[0] * 399 / 400, rtol=1e-6)
    errors = [r.align(method="fixed").means["mean_se"][1:] for r in (plain, alone)]
    np.testing.assert_allclose(errors[1], errors[0] * np.sqrt(400 / 399), rtol=1e-6)


def test_clusters_widen_ordered_ladders_partial_and_alignment():
    data = clustered_answers(4, 3, 40, 20)
    options = {"group": "region", "ordered": True, "criteria": "likelihood_ratio", "levels": ["intercepts"]}
    plain = check_invariance(data, FIVE, **options)
    robust = check_invariance(data, FIVE, cluster="country", **options)
    loose, tight = (r.tidy().set_index("level").loc["intercepts"] for r in (plain, robust))
    assert loose["chi2"] == pytest.approx(tight["chi2"])
    assert loose["delta_chi2"] > 1.5 * tight["delta_chi2"]
    assert not loose["holds"]
    assert tight["holds"]
    assert robust.partial().freed == ()
    errors = [r.align(method="fixed").means["mean_se"][1:].mean() for r in (plain, robust)]
    assert errors[1] > 1.3 * errors[0]
    direct = align_groups(data, FIVE, group="region", ordered=True, cluster="country", method="fixed")
    np.testing.assert_allclose(direct.means["mean_se"], robust.align(method="fixed").means["mean_se"])
    assert set(robust.leave_one_out()["left_out"]) == {"", "R0", "R1", "R2"}
    with pytest.raises(OptionError, match="WLSMV"):
        check_invariance(data, FIVE, cluster="country", **{**options, "estimator": "DWLS"})


@pytest.mark.slow
def test_clustered_tests_of_six_regions_hold_their_level():
    rejected = {None: [], "country": []}
    for seed in range(60):
        data = clustered_answers(seed, 6, 15, 20)
        for cluster, found in rejected.items():
            result = check_invariance(data, FIVE, group="region", ordered=True, cluster=cluster)
            found.append((result.tidy()["delta_p"][1:] < 0.05).tolist())
    plain, robust = (np.mean(found, axis=0) for found in rejected.values())
    assert plain[2] > 0.5
    assert (robust <= 0.12).all()


def test_clusters_that_cannot_serve_are_named(shifted):
    with pytest.raises(DataError, match="'R1' has one cluster"):
        check_invariance(shifted.assign(c=shifted["region"]), MODEL, group="region", cluster="c")
    few = shifted.assign(c=np.arange(len(shifted)) // 100)
    with pytest.warns(DataWarning, match=r"few clusters \(R1 3, R2 4, R3 4\)"):
        check_invariance(few, MODEL, group="region", cluster="c", levels=["metric"])
    shared = check_invariance(
        shifted.assign(c=np.arange(len(shifted)) % 30), MODEL, group="region", cluster="c", levels=["metric"]
    )
    assert "30 clusters occur in several groups, whose answers are treated as independent." in shared.notes


def test_items_without_answers_or_variance_are_named(shifted):
    unanswered, constant = shifted.copy(), shifted.copy()
    unanswered.loc[unanswered["region"] == "R2", "x3"] = np.nan
    constant.loc[constant["region"] == "R2", "x3"] = 2.0
    for function in (check_invariance, align_groups):
        with pytest.raises(DataError, match="nobody in R2 answered item 'x3'; leave the item"):
            function(unanswered, MODEL, group="region")
        with pytest.raises(DataError, match="'x3' has zero variance in R2: all 400 answers are 2"):
            function(constant, MODEL, group="region")
    coded = factor_data(7, [300, 300], cuts=[-1, 0, 1])
    coded.loc[coded["region"] == "R2", "x3"] = 2
    with pytest.raises(DataError, match="zero variance in R2"):
        check_invariance(coded, MODEL, group="region", ordered=True, merge_empty=True)


def test_wrong_options_are_named(shifted):
    for options, words in (
        ({"parameterization": "dleta"}, "parameterization='dleta'"),
        ({"levels": []}, "levels= is empty"),
    ):
        with pytest.raises(OptionError, match=words):
            check_invariance(shifted, MODEL, group="region", **options)
    result = check_invariance(shifted, MODEL, group="region", free="x3~1", levels=["metric"])
    assert result.free == ("x3~1",)
    with pytest.raises(OptionError, match="n_permutations=0"):
        result.permutation_test("metric", n_permutations=0)
    with pytest.raises(OptionError, match="alpha=5"):
        result.equivalence(alpha=5)
    three = check_invariance(shifted, "f =~ x1 + x2 + x3", group="region", levels=["metric"])
    assert "fits by construction" in three.tidy()["reason"].iloc[0]
    assert np.isnan(three.equivalence()["t_rmsea"].iloc[0])
    assert three.equivalence()["t_rmsea"].iloc[1] > 0


def test_models_that_do_not_converge_do_not_hold():
    data = factor_data(6, [300, 300], cuts=[0.3])
    with pytest.warns(EstimationWarning) as caught:
        result = check_invariance(data, MODEL, group="region", ordered=True, levels=["intercepts"])
    assert any("did not converge" in str(w.message) for w in caught)
    row = result.tidy().set_index("level").loc["intercepts"]
    assert not row["holds"]
    assert row["reason"] == "its model did not converge"
    assert result.highest == "configural"
    assert "Intercepts invariance could not be judged: its model did not converge." in result.verdict


def test_small_groups_are_warned_about_once():
    with pytest.warns(DataWarning) as caught:
        check_invariance(factor_data(3, [60] * 12), MODEL, group="region", levels=["metric"])
    assert [str(w.message)[:60] for w in caught] == [
        "12 groups have fewer than 100 persons (R1 60, R2 60, R3 60, "[:60]
    ]


def test_scale_effects_need_complete_answers():
    data = factor_data(6, [300, 300], cuts=[-1.2, 0.6, 1.2]).astype({f"x{j}": float for j in range(1, 7)})
    for j in range(6):
        data.loc[data.index % 6 == j, f"x{j + 1}"] = np.nan
    result = check_invariance(data, MODEL, group="region", ordered=True, missing="pairwise")
    assert np.isfinite(result.effect_sizes()["dmacs"]).all()
    with pytest.raises(DataError, match="of='items'"):
        result.effect_sizes(of="scale")
