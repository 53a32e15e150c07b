"""Regularised DIF: the penalised kernel against its optimality conditions, the model against the IRT engine."""

import numpy as np
import pytest
from test_dif_logistic import graded

from recoverymetrics import OptionError
from recoverymetrics.invariance import Lasso, detect_dif
from recoverymetrics.invariance.dif import lasso as engine
from recoverymetrics.invariance.dif.data import read_dif_data
from recoverymetrics.irt import fit_irt
from recoverymetrics.numerics import ordinal_logistic_lasso as kernel
from recoverymetrics.numerics.ordinal_logistic import fit_ordinal_logistic
from recoverymetrics.numerics.ordinal_logistic_scale import fit_location_scale

OPTIMAL = 1e-4
"""Departure from the optimality conditions at which the sweeps of the kernel stop."""
G, K = 3, 4


@pytest.fixture(scope="module")
def counts():
    """Counts of two items (2, G, Q, K) drawn from graded curves, the second one with a shift in group 3."""
    rng = np.random.default_rng(0)
    theta = np.linspace(-2, 2, 9)
    table = np.zeros((2, G, theta.size, K))
    for b in range(2):
        for g in range(G):
            shift = 0.8 if (b, g) == (1, 2) else 0.0
            eta = 1.4 * theta[:, None] + np.array([1.2, 0.0, -1.1]) + shift
            above = 1 / (1 + np.exp(-eta))
            p = -np.diff(np.column_stack([np.ones(theta.size), above, np.zeros(theta.size)]), axis=1)
            for q in range(theta.size):
                table[b, g, q] = rng.multinomial(120, p[q])
    return theta, table


def start_values():
    zero = np.zeros((2, G))
    return kernel.GroupEffects(np.tile([1.0, 0.0, -1.0], (2, 1)), np.ones(2), zero, zero.copy())


def settle(problem, items, blocks, penalty, steps=60):
    for _ in range(steps):
        items = kernel.penalised_step(problem, items, blocks, penalty)
    return items


def test_the_penalised_maximum_meets_its_optimality_conditions(counts):
    theta, table = counts
    problem = kernel.tabulated_problem(theta, table)
    members = tuple(np.array([g, G + g]) for g in range(G))
    null = settle(problem, start_values(), *free_of_effects(problem, members))
    blocks, scores = kernel.standardise_blocks(problem, null, members)
    assert scores[1].argmax() == 2
    value = 0.5 * scores.max()
    items = settle(problem, null, blocks, np.full(scores.shape, value))
    gradient = kernel._reduced(problem, items)[0]
    effects = np.concatenate([items.shift, items.turn], axis=1)
    for b, (block, root) in enumerate(zip(blocks.members, blocks.roots, strict=True)):
        u = (np.swapaxes(root, 1, 2) @ effects[:, block, None])[:, :, 0]
        pull = np.linalg.solve(root, gradient[:, block, None])[:, :, 0]
        for i in range(2):
            if np.any(u[i] != 0):
                np.testing.assert_allclose(pull[i], value * u[i] / np.linalg.norm(u[i]), atol=OPTIMAL * value)
            else:
                assert np.linalg.norm(pull[i]) <= value * (1 + OPTIMAL)
    assert np.any(items.shift[1, 2] != 0)
    assert np.all(items.shift[0] == 0)


def free_of_effects(problem, members):
    blocks, scores = kernel.standardise_blocks(problem, start_values(), members)
    return blocks, np.full(scores.shape, np.inf)


def test_without_penalty_the_kernel_is_the_location_scale_model(counts):
    theta, table = counts
    problem = kernel.tabulated_problem(theta, table)
    members = (np.array([1, 2, G + 1, G + 2]),)
    blocks, scores = kernel.standardise_blocks(problem, start_values(), members)
    items = settle(problem, start_values(), blocks, np.zeros(scores.shape))
    group = np.repeat(np.arange(G), theta.size)
    design = np.column_stack([np.tile(theta, G), group == 1, group == 2]).astype(float)
    flat = table.reshape(2, -1, K)
    fit = fit_location_scale(design, group, flat, fit_ordinal_logistic(design, flat))
    np.testing.assert_allclose(items.slope, fit.coefficients[:, 0], rtol=1e-4)
    np.testing.assert_allclose(items.shift[:, 1:], fit.coefficients[:, 1:3], atol=1e-4)
    np.testing.assert_allclose(items.turn[:, 1:], fit.coefficients[:, 3:], atol=1e-4)


def test_log_probabilities_sum_to_one():
    items = kernel.GroupEffects(
        np.array([[1.0, -0.5, -1.5], [0.3, -61.0, -62.0]]),
        np.array([1.2, 0.8]),
        np.array([[0.0, 0.4], [0.0, 0.0]]),
        np.array([[0.0, -0.3], [0.2, 0.0]]),
    )
    p = np.exp(kernel.category_log_probabilities(items, np.linspace(-4, 4, 7)))
    np.testing.assert_allclose(p.sum(axis=2), 1.0, rtol=1e-12)
    np.testing.assert_allclose(p[:, 1, 2:], 0.0, atol=1e-20)


def test_a_freed_binary_item_has_the_likelihood_of_the_irt_engine():
    data = graded(np.random.default_rng(3), [600, 700], means=[0, 0.5], n_items=6, shift={(1, 2): 0.7})
    data.iloc[:, :6] = (data.iloc[:, :6] > 1).astype(int)
    record = read_dif_data(data, items=None, group="region", reference=None, scales=None, drop_groups_below=0)
    spec = Lasso(penalty="item", quadrature=61)
    persons = engine.read_persons(record, np.arange(6), 61)
    counts, model = engine._e_step(persons, engine.equal_model(record, np.arange(6)))
    positions = engine._block_members(2, spec)
    blocks, _ = kernel.standardise_blocks(
        kernel.tabulated_problem(persons.theta, counts), model.items, positions
    )
    active = np.arange(6)[:, None] == 2
    found, converged = engine.maximise(persons, model, blocks, np.where(active, 0.0, np.inf), 1e-5)
    theirs = fit_irt(data, "2pl", group="region", equal=("slopes", "intercepts"), partial=("i3",), se=None)
    assert converged
    assert found.loglik == pytest.approx(theirs.loglik, abs=5e-3)
    np.testing.assert_allclose(found.means, theirs.groups["mean"], atol=5e-3)


@pytest.mark.parametrize(
    "spec", [Lasso(), Lasso(penalty="item"), Lasso(criterion="ebic"), Lasso(nonuniform=False)], ids=str
)
def test_the_lasso_picks_the_planted_item_in_its_region(spec):
    data = graded(
        np.random.default_rng(13), [600, 700, 800], means=[0, 0.5, -0.5], n_items=8, shift={(2, 3): 0.6}
    )
    result = detect_dif(data, group="region", method=spec)
    assert result.flagged == ["i4"]
    table = result.tidy().set_index("item")
    assert table.loc["i4", "penalty_entered"] == table["penalty_entered"].max()
    assert table["p_value"].isna().all()
    contrasts = result.contrasts().set_index(["item", "group"])
    assert contrasts.loc[("i4", "R3"), "shift"] == pytest.approx(0.6, abs=0.15)
    if spec.penalty == "region":
        assert (contrasts.drop(("i4", "R3"))["shift"] != 0).sum() <= 1
    assert result.purified.ending == "not asked for"


def test_nothing_is_picked_where_nothing_is_planted():
    data = graded(np.random.default_rng(23), [500, 600, 700], means=[0, 0.5, -0.5], n_items=8)
    result = detect_dif(data, group="region", method="lasso")
    assert result.flagged == []
    assert "No item" in result.summary()


def test_messages():
    with pytest.raises(OptionError, match="'ebic'"):
        Lasso(criterion="cv")
    with pytest.raises(OptionError, match="'region'"):
        Lasso(penalty="group")
    with pytest.raises(OptionError, match="no path"):
        Lasso(n_lambda=1)
