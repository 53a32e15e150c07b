"""Ordinal logistic DIF: planted truth, missing responses, purification, messages."""

import numpy as np
import pandas as pd
import pytest

from recoverymetrics import DataError, DataWarning, OptionError
from recoverymetrics.invariance import FlagRule, OrdinalLogistic, detect_dif
from recoverymetrics.invariance.dif.purify import Judgement, purify
from recoverymetrics.invariance.dif.sweep import Sweep


def graded(rng, sizes, *, means=None, n_items=10, shift=None, slopes=None, tilt=None):
    """Graded responses of several groups; ``shift`` and ``tilt`` map (group, item) to the planted DIF."""
    slopes = np.linspace(1.2, 2.4, n_items) if slopes is None else np.asarray(slopes)
    centre = np.linspace(-0.8, 0.8, n_items)
    frames = []
    for g, n in enumerate(sizes):
        theta = rng.normal(0 if means is None else means[g], 1, n)
        columns = {}
        for j in range(n_items):
            b = centre[j] + np.array([-1.5, -0.5, 0.5, 1.5]) + (shift or {}).get((g, j), 0.0)
            a = slopes[j] * (tilt or {}).get((g, j), 1.0)
            p = 1 / (1 + np.exp(-a * (theta[:, None] - b)))
            columns[f"i{j + 1}"] = (p > rng.uniform(size=(n, 1))).sum(axis=1)
        frames.append(pd.DataFrame(columns).assign(region=f"R{g + 1}"))
    return pd.concat(frames, ignore_index=True)


@pytest.fixture(scope="module")
def planted():
    rng = np.random.default_rng(3)
    return graded(rng, [500, 600, 700, 500, 900, 800], shift={(2, 3): 0.5, (4, 7): -0.5})


def test_finds_planted_shifts_and_names_the_region(planted):
    result = detect_dif(planted, group="region")
    assert set(result.flagged) == {"i4", "i8"}
    table = result.tidy().set_index("item")
    assert table.loc["i4", "largest_group"] == "R3"
    assert table.loc["i8", "largest_group"] == "R5"
    contrasts = result.contrasts().set_index(["item", "group"])
    assert contrasts.loc[("i4", "R3"), "signed_difference"] < -0.1
    assert contrasts.loc[("i8", "R5"), "signed_difference"] > 0.1
    assert result.purified.ending == "stable"


def test_nonuniform_dif_shows_in_the_nonuniform_test():
    data = graded(np.random.default_rng(8), [900, 900], tilt={(1, 5): 0.4})
    data.iloc[:, :10] = (data.iloc[:, :10] > 1).astype(int)
    row = detect_dif(data, group="region").tidy().set_index("item").loc["i6"]
    assert row["flagged"]
    assert row["nonuniform_p_value"] < 1e-6 < row["uniform_p_value"]


def test_statistics_add_up(planted):
    table = detect_dif(planted, group="region", purify=False).tidy()
    np.testing.assert_allclose(
        table["both_statistic"], table["uniform_statistic"] + table["nonuniform_statistic"], rtol=1e-9
    )
    assert (table["df"] == 10).all()


def test_collapsed_cells_and_persons_give_the_same_fit(planted):
    from recoverymetrics.invariance.dif import logistic
    from recoverymetrics.invariance.dif.data import read_dif_data
    from recoverymetrics.invariance.dif.matching import sum_scores

    record = read_dif_data(
        planted.head(900), items=None, group="region", reference=None, scales=None, drop_groups_below=0
    )
    matching = sum_scores(record, np.ones(10, dtype=bool), include=True)
    noise = matching + 1e-9 * np.random.default_rng(0).normal(size=matching.shape)
    spec, rule = OrdinalLogistic(), FlagRule()
    one = logistic.sweep_ordinal_logistic(record, matching, spec, rule, to_reference=False)
    two = logistic.sweep_ordinal_logistic(record, noise, spec, rule, to_reference=False)
    assert logistic.tabulate(record, noise).matching.shape[-1] == 900
    np.testing.assert_allclose(one.statistic, two.statistic, rtol=1e-5)
    np.testing.assert_allclose(one.effect, two.effect, rtol=1e-5)


def test_order_of_rows_and_groups_does_not_matter(planted):
    shuffled = planted.sample(frac=1.0, random_state=1)
    one = detect_dif(planted, group="region").tidy()
    two = detect_dif(shuffled, group="region").tidy()
    np.testing.assert_allclose(one["statistic"], two["statistic"], rtol=1e-7)
    np.testing.assert_allclose(one["effect_size"], two["effect_size"], rtol=1e-6)


def test_missing_responses_keep_everybody_who_answered(planted):
    holes = planted.astype(dict.fromkeys(planted.columns[:10], float))
    rng = np.random.default_rng(5)
    mask = rng.uniform(size=(len(holes), 10)) < 0.1
    holes.iloc[:, :10] = holes.iloc[:, :10].mask(mask)
    result = detect_dif(holes, group="region")
    table = result.tidy()
    np.testing.assert_array_equal(table["n"], holes.iloc[:, :10].notna().sum())
    np.testing.assert_array_equal(table["n"] + table["n_missing"], len(holes))
    assert set(result.flagged) == {"i4", "i8"}


def test_scales_match_within_each_dimension():
    rng = np.random.default_rng(11)
    one = graded(rng, [600, 600], shift={(1, 2): 0.6})
    two = graded(rng, [600, 600], means=[0.8, -0.8]).drop(columns="region")
    data = one.join(two.rename(columns=lambda name: name.replace("i", "k")))
    scales = {"hope": [f"i{j}" for j in range(1, 11)], "identity": [f"k{j}" for j in range(1, 11)]}
    result = detect_dif(data, group="region", scales=scales)
    assert result.flagged == ["i3"]
    assert set(result.tidy()["scale"]) == {"hope", "identity"}
    alone = detect_dif(data[[*scales["hope"], "region"]], group="region")
    joint = result.tidy().query("scale == 'hope'")
    np.testing.assert_allclose(alone.tidy()["statistic"], joint["statistic"], rtol=1e-8)


def test_impact_says_how_means_move():
    data = graded(np.random.default_rng(2), [800, 800, 800], shift={(2, j): 0.8 for j in (0, 1, 2)})
    result = detect_dif(data, group="region")
    assert {"i1", "i2", "i3"} <= set(result.flagged)
    impact = result.impact().set_index("group")
    assert impact.loc["R3", "change"] > 0.05
    assert impact.loc["R1", "change"] < 0
    assert impact.loc["R3", "change_freed"] > 0.05
    assert abs(impact.loc["R3", "mean_freed"]) < 0.1
    persons = result.impact(persons=True)
    assert persons.groupby("group")["change_freed"].mean()["R3"] > 0.05
    assert len(persons) == len(data)
    assert persons.groupby("group")["change"].mean()["R3"] == pytest.approx(impact.loc["R3", "change"])


def test_reference_group_and_array_labels(planted):
    labels = planted["region"].to_numpy()
    result = detect_dif(planted.drop(columns="region"), group=labels, reference="R6")
    assert "R6" not in set(result.contrasts()["group"])
    assert set(result.flagged) == {"i4", "i8"}


def test_own_matching_values(planted):
    items = planted.columns[:10]
    total = planted[items].sum(axis=1).to_numpy(float)
    own = detect_dif(planted, group="region", method=OrdinalLogistic(matching=total), purify=False)
    ours = detect_dif(planted, group="region", method=OrdinalLogistic(matching="total"), purify=False)
    np.testing.assert_allclose(own.tidy()["statistic"], ours.tidy()["statistic"], rtol=1e-8)
    with pytest.raises(OptionError, match="one value per person"):
        detect_dif(planted, group="region", method=OrdinalLogistic(matching=total[:5]))


def sweep_of(p_values):
    p = len(p_values)
    zero = np.zeros(p)
    return Sweep(zero, zero + 1, np.array(p_values), zero + 1, zero, np.ones(p, dtype=bool))


def judgement_of(flags):
    return Judgement(sweep_of(np.ones(len(flags))), np.ones(len(flags)), np.array(flags, dtype=bool))


def test_purification_leaves_a_cycle_with_the_purer_anchor():
    a, b = [True, False, False, False, False], [False, True, False, False, False]

    def run(anchors):
        return judgement_of(b if not anchors[0] else a)

    result = purify(run, np.zeros(5, dtype=int), min_anchors=2, max_rounds=50)
    assert result.ending == "cycle"
    assert result.anchors.tolist() == [False, False, True, True, True]


def test_purification_keeps_anchors_when_everything_is_flagged():
    result = purify(
        lambda anchors: judgement_of([True] * 5), np.zeros(5, dtype=int), min_anchors=2, max_rounds=9
    )
    assert result.ending == "stable"
    assert result.anchors.sum() == 2


@pytest.mark.parametrize("seed", range(40))
def test_purification_ends_for_any_flagging_map(seed):
    rng = np.random.default_rng(seed)
    table = rng.uniform(size=(2**6, 6)) < 0.4

    def run(anchors):
        return judgement_of(table[int("".join("1" if x else "0" for x in anchors), 2)])

    result = purify(run, np.zeros(6, dtype=int), min_anchors=1, max_rounds=1000)
    assert result.ending in {"stable", "cycle"}


def test_messages(planted):
    with pytest.raises(DataError, match="group='region'"):
        detect_dif(planted[["i1", "i2", "i3"]])
    with pytest.raises(DataError, match="two groups or more"):
        detect_dif(planted.query("region == 'R1'"), group="region")
    with pytest.raises(DataError, match="reference='XX'"):
        detect_dif(planted, group="region", reference="XX")
    with pytest.raises(OptionError, match="'holm'"):
        detect_dif(planted, group="region", correction="fdr")
    with pytest.raises(OptionError, match="'ordinal_logistic'"):
        detect_dif(planted, group="region", method="magic")
    with pytest.raises(DataError, match=r"'i1'.*same answer"):
        detect_dif(planted.assign(i1=2), group="region")
    with pytest.raises(DataError, match="two scales"):
        detect_dif(planted, group="region", scales={"a": ["i1", "i2", "i3"], "b": ["i3", "i4", "i5"]})
    with pytest.raises(DataError, match="at least three"):
        detect_dif(planted[["i1", "i2", "region"]], group="region")
    with pytest.raises(OptionError, match="alpha"):
        FlagRule(alpha=2)


def test_small_groups_are_reported_and_left_out_only_when_asked(planted):
    few = planted.groupby("region", group_keys=False).head(500)
    few = few[(few["region"] != "R1") | (few.groupby("region").cumcount() < 40)]
    with pytest.warns(DataWarning, match="R1 has only 40 persons"):
        kept = detect_dif(few, group="region")
    assert "R1" in set(kept.contrasts()["group"])
    left = detect_dif(few, group="region", drop_groups_below=50)
    assert "R1" not in set(left.contrasts()["group"])
    assert any("left out" in note for note in left.notes)


def test_min_cell_merges_and_says_so(planted):
    result = detect_dif(planted, group="region", method=OrdinalLogistic(min_cell=60))
    assert any("merged" in note for note in result.notes)


def test_result_surface(planted):
    result = detect_dif(planted, group="region")
    assert "flagged" in result.summary()
    assert result.to_dict()["glance"]["n_flagged"] == 2
    assert result.purification_path()["n_flagged"].iloc[-1] == 2
    assert result.converged
    assert "<table" in result._repr_html_()
    import matplotlib.pyplot as plt

    assert result.plot().get_legend() is not None
    assert result.plot("curves", item="i4").get_ylabel() == "mean score on i4"
    plt.close("all")


@pytest.mark.parametrize("items", [6, 12])
def test_a_weak_item_is_no_false_dif_under_impact(items):
    slopes = np.r_[0.5, np.linspace(1.3, 2.4, items - 1)]
    flagged = {"weighted": 0, "total": 0}
    for seed in range(4):
        data = graded(
            np.random.default_rng(seed),
            [700, 900, 1200, 1500],
            means=[-0.5, 0.5, 0.2, -0.2],
            n_items=items,
            slopes=slopes,
        )
        for matching in flagged:
            result = detect_dif(data, group="region", method=OrdinalLogistic(matching=matching))
            flagged[matching] += "i1" in result.flagged
    assert flagged["weighted"] == 0
    if items == 6:
        assert flagged["total"] >= 2


def test_weights_follow_the_discriminations_and_equal_weights_are_the_plain_sum():
    from recoverymetrics.invariance.dif.data import read_dif_data
    from recoverymetrics.invariance.dif.irt import discriminations
    from recoverymetrics.invariance.dif.matching import sum_scores, weighted_percentages

    data = graded(np.random.default_rng(1), [900, 900], slopes=np.linspace(0.6, 2.4, 10))
    record = read_dif_data(data, items=None, group="region", reference=None, scales=None, drop_groups_below=0)
    weights = discriminations(record)
    assert np.corrcoef(weights, np.linspace(0.6, 2.4, 10))[0, 1] > 0.98
    anchors = np.arange(10) < 7
    plain = sum_scores(record, anchors, include=True)
    percent = weighted_percentages(record, anchors, np.ones(10))
    possible = np.where(anchors, 28.0, 32.0)
    assert np.abs(percent - 100 * plain / possible).max() <= 0.25 + 1e-9


def test_the_largest_effects_leave_first():
    sweep = Sweep(
        *[np.zeros(5)] * 3, np.array([0.4, 0.3, 0.2, 0.15, 0.05]), np.zeros(5), np.ones(5, dtype=bool)
    )
    flags = np.array([True, True, True, True, False])
    anchor_sets = []

    def run(anchors):
        anchor_sets.append(anchors.tolist())
        return Judgement(sweep, np.ones(5), flags if anchors.all() else flags & (sweep.effect >= 0.3))

    options = {"min_anchors": 1, "max_rounds": 9}
    staged = purify(run, np.zeros(5, dtype=int), **options)
    assert anchor_sets[1] == [False, False, True, True, True]
    assert staged.ending == "stable"
    anchor_sets.clear()
    purify(run, np.zeros(5, dtype=int), staged=False, **options)
    assert anchor_sets[1] == [False, False, False, False, True]
    with pytest.raises(OptionError, match="'all'"):
        detect_dif({"a": [1]}, group="a", purify="none")
