import numpy as np
import pandas as pd
import pytest

import recoverymetrics as rm
from recoverymetrics.consensus import bootstrap_consensus, plan_panel_size
from recoverymetrics.consensus.sensitivity import equal_weights, with_agreement
from recoverymetrics.errors import OptionError


@pytest.fixture(scope="module")
def panel():
    rng = np.random.default_rng(2)
    rows = []
    for p in range(40):
        region = "EUR" if p < 30 else "AFR"
        for s in range(8):
            chance = 0.95 - 0.08 * s if region == "EUR" else 0.35 + 0.08 * s
            rows.append((f"s{s}", p, 1, 5 if rng.random() < chance else 2, region, ["users", "staff"][p % 2]))
    frame = pd.DataFrame(rows, columns=["s", "p", "r", "x", "region", "who"])
    names = {"statement": "s", "panelist": "p", "round": "r", "rating": "x"}
    return rm.DelphiPanel.from_frame(frame, **names, region="region", stakeholder="who")


def test_leaving_a_group_out_is_deciding_without_its_people(panel):
    found = panel.sensitivity(n_boot=0)
    without = panel.select(panel.attribute("region")[0] != "AFR").check_consensus()
    assert tuple(found.decisions.index[found.decisions["without AFR"]]) == without.accepted
    assert found.glance()["n_boot"].item() == 0
    assert found.tidy()["probability"].isna().all()


def test_equal_weights_are_the_mean_of_group_shares(panel):
    deciding = panel.deciding()
    cases = equal_weights(panel.membership("region", deciding), deciding)
    ratings = panel.rating_counts(deciding, cases=cases)
    share = ratings.counts[:, 3:].sum(axis=1) / ratings.n
    by = (
        panel.check_consensus(by="region")
        .tidy()
        .pivot(index="statement", columns="group", values="agreement")
    )
    np.testing.assert_allclose(share, by.loc[list(panel.statements)].mean(axis=1))
    np.testing.assert_allclose(cases.sum(axis=1), 40)


def test_cut_off_scenarios(panel):
    found = panel.sensitivity(n_boot=0, cut_offs=(0.6, 0.9), equal_weights=(), leave_out=())
    assert list(found.decisions) == ["cut-off 60%", "cut-off 90%"]
    lower = panel.check_consensus(rm.ConsensusRule(agreement=0.6))
    assert tuple(found.decisions.index[found.decisions["cut-off 60%"]]) == lower.accepted
    rows = found.scenarios().set_index("scenario")
    assert rows.loc["cut-off 60%", "left"] == ""


def test_bootstrap_matches_a_plain_loop(panel):
    seed, n_boot = 11, 50
    fast = panel.sensitivity(n_boot=n_boot, seed=seed).probability
    weights = np.random.default_rng(seed).multinomial(40, np.full(40, 1 / 40), size=n_boot)
    ratings = panel.deciding().ratings
    slow = np.zeros(8)
    for w in weights:
        slow += (np.repeat(ratings, w, axis=1) >= 4).mean(axis=1) >= 0.8 - 1e-12
    np.testing.assert_allclose(fast, slow / n_boot)


def test_bootstrap_probability_is_near_the_binomial(panel):
    # resampling n people with share p is Binomial(n, p)
    from scipy import stats

    share = (panel.deciding().ratings >= 4).mean(axis=1)
    expected = stats.binom.sf(31, 40, share)
    found = bootstrap_consensus(panel, n_boot=4000, seed=1)[1].to_numpy()
    np.testing.assert_allclose(found, expected, atol=4 * 0.5 / np.sqrt(4000))


def test_same_seed_same_numbers(panel):
    one, two = (panel.sensitivity(n_boot=40, seed=5).probability for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_composite_rule_in_every_scenario(panel):
    rule = rm.ConsensusRule() & rm.WithinGroups(
        rm.ConsensusRule(agreement=0.7), groups=("users",)
    ) | rm.IQRRule(0)
    moved = with_agreement(rule, 0.5)
    assert next(part.describe() for part in moved.parts()) == "at least 50% in the top 2 categories"
    assert "within stakeholder users, at least 50%" in moved.describe()
    found = panel.sensitivity(rule, n_boot=30)
    assert "without users" in found.decisions
    assert found.tidy()["n_scenarios"].iloc[0] == len(found.kinds)


def test_figure_and_summary(panel):
    import matplotlib.pyplot as plt

    found = panel.sensitivity(n_boot=30)
    ax = found.plot()
    assert next(t.get_text() for t in ax.get_xticklabels()) == "resampled panelists"
    plt.close("all")
    assert "Scenarios" in found.summary()


def test_unknown_attribute_and_size(panel):
    with pytest.raises(OptionError, match="country"):
        panel.sensitivity(leave_out=("country",))
    with pytest.raises(OptionError, match="n_boot"):
        bootstrap_consensus(panel, n_boot=0)


def test_plan_follows_the_binomial_without_person_effects():
    from scipy import stats

    plan = rm.plan_panel_size(
        (20, 45), agreement=(0.7, 0.9), retention=1.0, person_sd=0.0, n_sim=3000, seed=3
    )
    for row in plan.tidy().itertuples():
        exact = stats.binom.sf(np.ceil(0.8 * row.n - 1e-9) - 1, row.n, row.agreement)
        assert row.probability == pytest.approx(exact, abs=4 * 0.5 / np.sqrt(3000))
    assert plan.smallest(agreement=0.9, probability=0.9) in (20, 45, None)
    with pytest.raises(OptionError, match="not simulated"):
        plan.smallest(agreement=0.5)


def test_plan_with_groups():
    rule = rm.ConsensusRule() & rm.WithinGroups(rm.ConsensusRule(), groups=("users",))
    groups = {"users": 0.5, "staff": 0.5}
    plan = rm.plan_panel_size((30,), agreement=(0.85,), rule=rule, groups=groups, n_sim=400)
    alone = rm.plan_panel_size((30,), agreement=(0.85,), n_sim=400)
    assert plan.tidy()["probability"].item() < alone.tidy()["probability"].item()
    with pytest.raises(OptionError, match="sum to 1"):
        rm.plan_panel_size((30,), groups={"users": 0.5})
    with pytest.raises(OptionError, match="at least 1"):
        rm.plan_panel_size((0,))


def test_panel_plan_is_drawn_with_one_line_per_agreement():
    import matplotlib.pyplot as plt

    ax = plan_panel_size((20, 60), agreement=(0.7, 0.9), n_sim=100).plot()
    assert {text.get_text() for text in ax.texts} == {"70% agree", "90% agree"}
    plt.close("all")


def test_number_of_resampled_panels_must_not_be_negative(panel):
    with pytest.raises(OptionError, match="n_boot=-1 must be 0"):
        panel.sensitivity(n_boot=-1)


@pytest.mark.parametrize("options", [{"scale": (5, 1)}, {"n_sim": 0}, {"person_sd": -1}])
def test_panel_plan_checks_its_options(options):
    with pytest.raises(OptionError, match="n_sim at least"):
        plan_panel_size((20,), **options)
