"""Rasch trees: scores, false splits, planted splits, partial credit, plots, messages."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recoverymetrics.errors import DataError, OptionError
from recoverymetrics.irt import fit_rasch, fit_rasch_tree
from recoverymetrics.irt.rasch.kernel import casewise_scores, conditional_likelihood, score_groups

SCORES = 1e-6
"""Sums of casewise scores beside the gradient of the whole likelihood."""


def _binary(n: int, seed: int, shift: np.ndarray | None = None, J: int = 6) -> np.ndarray:
    rng = np.random.default_rng(seed)
    b = np.linspace(-1.2, 1.2, J) + (0.0 if shift is None else shift)
    return (rng.standard_normal((n, 1)) + rng.logistic(size=(n, J)) > b).astype(int)


def test_casewise_scores_add_up_to_the_gradient_and_match_finite_differences() -> None:
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 3, (80, 4))
    codes[:10, 0] = -1
    K, beta = np.full(4, 3), rng.normal(size=8) * 0.3
    scores = casewise_scores(beta, codes, K)
    whole = conditional_likelihood(beta, score_groups(codes, K), K)
    assert scores.sum(axis=0) == pytest.approx(whole.gradient, abs=SCORES)
    for i in (0, 30):
        for c in range(8):
            step = np.eye(8)[c] * 1e-5
            up, down = (
                conditional_likelihood(beta + s, score_groups(codes[i : i + 1], K), K).loglik
                for s in (step, -step)
            )
            assert scores[i, c] == pytest.approx((up - down) / 2e-5, abs=1e-6)


def test_without_differences_a_tree_is_split_no_more_often_than_its_level() -> None:
    split = 0
    for seed in range(60):
        rng = np.random.default_rng(1000 + seed)
        covariates = pd.DataFrame({"age": rng.uniform(20, 70, 250), "sex": rng.choice(["f", "m"], 250)})
        split += len(fit_rasch_tree(_binary(250, seed), covariates, max_depth=1).leaves) > 1
    assert split <= 8


def test_people_who_differ_in_ability_alone_are_not_split() -> None:
    rng = np.random.default_rng(2)
    high = rng.integers(0, 2, 800)
    X = (
        rng.standard_normal((800, 1)) + high[:, None] + rng.logistic(size=(800, 6)) > np.linspace(-1, 1, 6)
    ).astype(int)
    assert len(fit_rasch_tree(X, pd.DataFrame({"school": high})).leaves) == 1


@pytest.fixture(scope="module")
def tree():
    """Two items change place beyond age 45, and among the older one more item for region c."""
    rng = np.random.default_rng(3)
    n = 1500
    age = rng.integers(18, 75, n)
    region, sex = rng.choice(list("abc"), n), rng.choice(["f", "m"], n)
    shift = np.zeros((n, 6))
    shift[age > 45, 0], shift[age > 45, 5] = 1.2, -1.2
    shift[(age > 45) & (region == "c"), 2] = 1.5
    covariates = pd.DataFrame({"age": age, "sex": sex, "region": region})
    return fit_rasch_tree(_binary(n, 4, shift), covariates)


def test_planted_splits_are_found_in_their_order(tree) -> None:
    assert tree.nodes[0].covariate == "age"
    assert abs(tree.nodes[0].left[-1] - 45) <= 2
    assert tree.nodes[1].is_leaf
    older = tree.nodes[2]
    assert older.covariate == "region"
    assert {leaf.rule for leaf in tree.leaves if "region" in leaf.rule} == {
        f"{older.path[0]} and region in {{a, b}}",
        f"{older.path[0]} and region in {{c}}",
    }
    first = tree.tests().query("node == 0").set_index("covariate")
    assert first["method"].to_dict() == {"age": "max_lm", "sex": "lm", "region": "lm"}
    assert first["p_adjusted"]["sex"] > 0.05
    assert (first["p_adjusted"] >= first["p_value"]).all()


def test_leaves_hold_everybody_once_and_their_models(tree) -> None:
    member = tree.membership()
    assert sorted(set(member)) == [k for k, node in enumerate(tree.nodes) if node.is_leaf]
    assert sum(leaf.rows.size for leaf in tree.leaves) == 1500
    table = tree.tidy()
    wide = table.pivot(index="item", columns="node", values="estimate")
    assert wide.sum().to_numpy() == pytest.approx(0, abs=1e-8)
    young, old = wide.columns[0], wide.columns[1]
    assert wide[old].iloc[0] - wide[young].iloc[0] > 0.7
    place = int(young)
    refit = fit_rasch(tree.coded.codes[tree.nodes[place].rows])
    assert tree.node_result(place).loglik == pytest.approx(refit.loglik)
    row = tree.glance().iloc[0]
    assert row["loglik"] > tree.nodes[0].fit.loglik
    assert row["aic"] < -2 * tree.nodes[0].fit.loglik + 2 * 5


def test_partial_credit_with_an_ordered_covariate() -> None:
    rng = np.random.default_rng(5)
    n = 900
    grade = rng.integers(0, 4, n)
    cuts = np.linspace(-0.5, 0.5, 5)[:, None] + np.array([-0.8, 0.8])
    cuts = np.repeat(cuts[None], n, axis=0)
    cuts[grade >= 2, 1] += 1.3
    X = (rng.standard_normal((n, 1, 1)) + rng.logistic(size=(n, 5, 1)) > cuts).sum(axis=2)
    covariate = pd.Categorical.from_codes(grade, ["none", "basic", "middle", "high"], ordered=True)
    tree = fit_rasch_tree(X, pd.DataFrame({"grade": covariate}), "pcm")
    assert [leaf.rule for leaf in tree.leaves] == ["grade in {none, basic}", "grade in {middle, high}"]
    assert set(tree.tests()["method"]) == {"ordered_max_lm"}


def test_depth_and_size_are_kept(tree) -> None:
    rng = np.random.default_rng(6)
    age = rng.uniform(20, 70, 600)
    shift = np.zeros((600, 6))
    shift[age > 65, 0] = 3.0
    small = fit_rasch_tree(_binary(600, 7, shift), pd.DataFrame({"age": age}), min_size=120)
    assert all(leaf.rows.size >= 120 for leaf in small.leaves)
    assert max(len(node.path) for node in tree.nodes) == tree.glance()["depth"][0]


def test_the_picture_names_the_splits(tree) -> None:
    axes = tree.plot()
    texts = [text.get_text() for text in axes.texts]
    assert any(text.startswith("age\np < 0.001") for text in texts)
    assert sum(text.startswith("n = ") for text in texts) == len(tree.leaves)


def test_messages() -> None:
    X, age = _binary(100, 8), np.arange(100.0)
    with pytest.raises(OptionError, match="between 0 and 1"):
        fit_rasch_tree(X, pd.DataFrame({"age": age}), alpha=1.5)
    with pytest.raises(OptionError, match="10 or more"):
        fit_rasch_tree(X, pd.DataFrame({"age": age}), min_size=3)
    with pytest.raises(DataError, match="3 rows and 1 columns for 100 persons"):
        fit_rasch_tree(X, pd.DataFrame({"age": age[:3]}))
    with pytest.raises(DataError, match="misses 1 values"):
        fit_rasch_tree(X, pd.DataFrame({"age": np.where(age == 4, np.nan, age)}))
    with pytest.raises(DataError, match="levels without order"):
        fit_rasch_tree(X, pd.DataFrame({"town": [f"t{k % 20}" for k in range(100)]}))
