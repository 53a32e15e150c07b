import numpy as np
import pandas as pd
import pytest
from scipy import stats

import recoverymetrics as rm
from recoverymetrics.consensus import convergence
from recoverymetrics.errors import DataError, OptionError
from recoverymetrics.numerics.proportions import equivalence_p_value


def elements(prefix, labels, domain="barrier", **more):
    return pd.DataFrame(
        {
            "element_id": [f"{prefix}{i}" for i in range(len(labels))],
            "label": labels,
            "domain": domain,
            **more,
        }
    )


def test_convergence_of_the_two_published_panels():
    # barriers: 10 and 12 statements, 5 pairs: 45.5% of 22 (ENMESH 2024); facilitators 5 of 16 unique is 31.25%
    assert convergence(5, 10, 12) == pytest.approx(10 / 22)
    assert convergence(5, 10, 12, denominator="unique") == pytest.approx(5 / 17)
    assert convergence(5, 10, 12, denominator="one_sided") == 0.5
    assert np.isnan(convergence(0, 0, 0))
    with pytest.raises(OptionError, match="pooled, unique, one_sided"):
        convergence(1, 2, 3, denominator="all")


def test_lists_without_common_ids_match_by_label():
    users = elements("u", ["Stigma", "Coercion", "Poverty"])
    staff = elements("p", ["stigma ", "Coercion", "Waiting"])
    found = rm.compare_stakeholders(users, staff, names=["users", "staff"])
    assert found.matched_by == "the same label within a domain"
    row = found.glance().iloc[0]
    assert (row["n_matched"], row["pooled"], row["unique"]) == (2, 4 / 6, 0.5)
    assert found.tidy()["status"].value_counts().to_dict() == {"both": 2, "a only": 1, "b only": 1}
    assert found.tidy()["difference"].isna().all()  # unknown agreement stays unknown
    assert found.tidy()["equivalent"].isna().all()


def test_given_pairs_with_partial_matches():
    users, staff = elements("u", list("abc")), elements("p", list("xyz"))
    pairs = [("u0", "p1", "full"), ("p2", "u2", "partial")]  # either order
    found = rm.compare_stakeholders(users, staff, matches=pairs, partial_weight=0.5)
    row = found.glance().iloc[0]
    assert (row["n_matched"], row["n_partly"]) == (1, 1)
    assert row["convergence"] == pytest.approx(2 * 1.5 / 6)
    swap = found.if_ruled().set_index("group")
    assert swap.loc["panel 1", "left"] == "p0"
    assert swap.loc["panel 1", "entered"] == "u1"


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([("u0", "p9")], "unknown elements.*'p9'"),
        ([("u0", "p0"), ("u0", "p1")], "'u0' is matched more than once"),
        ([("u0", "p0", "nearly")], "full or partial"),
        ([("u0",)], "two columns"),
        ([("u0", "u1")], "'u0' - 'u1' joins two elements of the same list"),
    ],
)
def test_wrong_pairs_are_named(pairs, message):
    with pytest.raises(DataError, match=message):
        rm.compare_stakeholders(elements("u", list("ab")), elements("p", list("cd")), matches=pairs)


@pytest.fixture(scope="module")
def groups():
    rng = np.random.default_rng(9)
    rows = [
        (f"s{s}", p, 1, 5 if rng.random() < (0.9 - 0.1 * s * (p < 25)) else 1, "users" if p < 25 else "staff")
        for s in range(6)
        for p in range(60)
    ]
    rows.append(("only staff", 59, 1, 5, "staff"))
    frame = pd.DataFrame(rows, columns=["s", "p", "r", "x", "who"])
    panel = rm.DelphiPanel.from_frame(
        frame, statement="s", panelist="p", round="r", rating="x", stakeholder="who"
    )
    return panel, panel.check_consensus(by="stakeholder")


def test_groups_of_one_panel(groups):
    panel, split = groups
    found = rm.compare_stakeholders(split.for_group("users"), split.for_group("staff"))
    tidy = found.tidy().set_index("element_a")
    own = split.tidy().set_index(["group", "statement"])
    assert tidy.loc["s3", "difference"] == pytest.approx(
        own.loc[("users", "s3"), "agreement"] - own.loc[("staff", "s3"), "agreement"]
    )
    assert tidy.loc["only staff", "status"] == "no data"
    known = tidy[["agreement_a", "agreement_b"]].dropna()
    assert found.glance()["spearman"].item() == pytest.approx(stats.spearmanr(*known.T.values).statistic)
    ruled = found.if_ruled(panel.check_consensus()).set_index("group")
    assert ruled.loc["users", "no_data"] == "only staff"
    with pytest.raises(OptionError, match="for_group"):
        rm.compare_stakeholders(split, split)


def test_equivalence_is_two_one_sided_tests():
    many = elements("e", ["x"], agreement=[0.90], n=[2000])
    near, far = many.assign(agreement=0.91), many.assign(agreement=0.70)
    assert rm.compare_stakeholders(many, near).tidy()["equivalent"].tolist() == [True]
    assert rm.compare_stakeholders(many, far).tidy()["equivalent"].tolist() == [False]
    few = many.assign(n=15)
    assert rm.compare_stakeholders(few, few).tidy()["equivalent"].tolist() == [False]
    row = rm.compare_stakeholders(many, near).tidy().iloc[0]
    assert row["equivalence_p_value"] == pytest.approx(
        float(equivalence_p_value(1800, 2000, 1820, 2000, margin=0.10))
    )
    assert "equivalence_p_value below 0.05" in rm.compare_stakeholders(many, near).summary()


@pytest.mark.parametrize("options", [{"margin": 10}, {"margin": 0}, {"level": 95}, {"partial_weight": 2}])
def test_margin_level_and_weight_must_be_shares(options):
    some = elements("e", ["x"])
    with pytest.raises(OptionError, match="for 10 points"):
        rm.compare_stakeholders(some, some, **options)


def test_three_panels_give_three_pairs(groups):
    _, split = groups
    found = rm.compare_stakeholders(
        split.for_group("users"), split.for_group("staff"), split.for_group("staff").named("again")
    )
    assert len(found.pairs()) == 3
    assert found.glance()["n_panels"].item() == 3
    assert found.pairs().iloc[2]["convergence"] == 1.0
    assert "panel_a" in found.pairs("domain")


def test_profile_over_a_framework():
    users, staff = elements("u", list("abcd")), elements("p", list("ab"))
    found = rm.compare_stakeholders(users, staff, names=["users", "staff"])
    profile = found.profile({"u0": "C", "u1": "C", "u2": "E", "p0": "E"}).set_index(["group", "category"])
    assert profile.loc[("users", "C"), "share"] == 0.5
    assert profile.loc[("staff", "no category"), "n_elements"] == 1
    linked = pd.DataFrame({"element_id": ["u0"], "chime_proposed": ["H"]})
    assert ("users", "H") in found.profile(linked).set_index(["group", "category"]).index
    with pytest.raises(OptionError, match="category"):
        found.profile(pd.DataFrame({"a": [1]}))


def test_published_sets_load_and_unknown_stays_unknown():
    users, staff = rm.load_consensus("experts_by_experience_2024"), rm.load_consensus("professionals_2025")
    found = rm.compare_stakeholders(staff, users, denominator="one_sided")
    barriers = found.pairs("domain").set_index("domain").loc["barrier"]
    assert barriers["n_matched"] == 4  # stigma, self-stigma, coercion, social exclusion
    assert found.tidy()[["agreement_a", "agreement_b"]].isna().all().all()
    assert "known" in found.summary()
    with pytest.raises(DataError, match="nothing to draw"):
        found.plot()


def test_figure(groups):
    import matplotlib.pyplot as plt

    panel, split = groups
    ax = rm.compare_stakeholders(split.for_group("users"), split.for_group("staff")).plot()
    assert len(ax.get_yticklabels()) == 7
    panel.check_consensus().plot()
    with pytest.raises(DataError, match="for_group"):
        split.plot()
    plt.close("all")


def test_given_pairs_of_three_panels():
    one, two, three = elements("u", list("ab")), elements("p", list("cd")), elements("q", list("ef"))
    found = rm.compare_stakeholders(
        one, two, three, matches=[("u0", "p0"), ("q1", "u0")], names=["u", "p", "q"]
    )
    pairs = found.pairs().set_index(["panel_a", "panel_b"])["n_matched"]
    assert pairs.tolist() == [1, 1, 0]
    with pytest.raises(DataError, match="'z'"):
        rm.compare_stakeholders(one, two, three, matches=[("u0", "z")])


def test_matched_elements_keep_the_order_of_the_first_list():
    one, two = elements("e", ["a", "b", "c"]), elements("e", ["a", "b", "c"]).iloc[::-1]
    assert rm.compare_stakeholders(one, two).tidy()["element_a"].tolist() == ["e0", "e1", "e2"]


def test_published_lists_bring_their_chime_profile():
    published = [rm.load_consensus(name) for name in ("experts_by_experience_2024", "professionals_2025")]
    rows = rm.compare_stakeholders(*published).profile().set_index(["group", "category"])["n_elements"]
    assert rows["experts_by_experience_2024", "Transition"] == 2
    assert ("professionals_2025", "Transition") not in rows.index
    assert rows["professionals_2025", "Empowerment"] == 9
    assert rows.groupby("group").sum().tolist() == [18, 17]


def test_profile_needs_categories():
    some = elements("e", ["x"])
    with pytest.raises(OptionError, match="bring no categories"):
        rm.compare_stakeholders(some, some).profile()
    themed = elements("e", ["x", "y"], theme=["Hope", None])
    found = rm.compare_stakeholders(themed, themed, names=["a", "b"]).profile()
    assert found["category"].tolist() == ["Hope", "no category"] * 2
