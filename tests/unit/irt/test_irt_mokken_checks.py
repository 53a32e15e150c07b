"""Checks of the Mokken models: hand examples, planted departures, replications, messages."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom, norm

from recoverymetrics.errors import DataError, OptionError
from recoverymetrics.irt import fit_mokken
from recoverymetrics.irt.mokken.guttman import adjusted_fence, guttman_errors, infrequent_answers, medcouple
from recoverymetrics.irt.mokken.lcrc import fit_latent_classes, latent_class_reliability
from recoverymetrics.irt.mokken.violations import mcnemar_z

MOLENAAR = 0.01
"""Error of Molenaar's approximation to a binomial tail of twelve or more."""


def _graded(
    n: int, a: list[float], cuts: list[list[float]], seed: int, theta: np.ndarray | None = None
) -> np.ndarray:
    rng = np.random.default_rng(seed)
    theta = rng.standard_normal(n) if theta is None else theta
    columns = []
    for slope, item in zip(a, cuts, strict=True):
        z = slope * theta + rng.logistic(size=n)
        columns.append((z[:, None] > np.asarray(item)).sum(axis=1))
    return np.column_stack(columns)


def test_guttman_errors_by_hand() -> None:
    """Popularity falls from the first item to the third: (0,1,1) and (0,0,1) hold two errors, (0,1,0) one."""
    rows = [[1, 1, 0], [0, 1, 1], [0, 0, 1], [0, 1, 0], [1, 1, 1], [1, 0, 0], [1, 1, 0], [1, 0, 0]]
    codes = np.array([*rows, [1, 0, 0], [1, 1, 0], [1, 0, 0]])
    errors, largest = guttman_errors(codes)
    assert errors[:8].tolist() == [0, 2, 2, 1, 0, 0, 0, 0]
    assert largest[:8].tolist() == [2, 2, 2, 2, 0, 2, 2, 2]
    assert infrequent_answers(codes)[:3].tolist() == [0, 2, 3]


def test_the_largest_number_of_errors_is_that_of_the_worst_of_all_vectors() -> None:
    codes = _graded(300, [1.0] * 3, [[-2, 0.3], [-1, 1.1], [-0.4, 1.8]], 1)
    vectors = np.array(np.meshgrid(*[range(3)] * 3)).reshape(3, -1).T
    both = np.vstack([codes] * 40 + [vectors])
    errors, largest = guttman_errors(both)
    assert (errors <= largest).all()
    for total in range(7):
        own = errors[-27:][vectors.sum(axis=1) == total]
        assert own.max() == largest[-27:][vectors.sum(axis=1) == total][0]


def test_medcouple_and_fence() -> None:
    assert medcouple(np.array([1.0, 2, 3, 4, 5])) == 0
    skewed = np.random.default_rng(2).exponential(size=400)
    assert 0.15 < medcouple(skewed) < 0.45
    assert medcouple(-skewed) == pytest.approx(-medcouple(skewed))
    low, high = np.quantile(skewed, [0.25, 0.75])
    assert adjusted_fence(skewed) > high + 1.5 * (high - low)


@pytest.mark.parametrize(("expected", "against"), [(10, 20), (4, 14), (30, 41)])
def test_mcnemar_deviate_is_that_of_the_binomial_tail(expected: int, against: int) -> None:
    tail = binom.cdf(expected, expected + against, 0.5)
    z = mcnemar_z(np.array([float(expected)]), np.array([float(against)]))
    assert norm.sf(z[0]) == pytest.approx(tail, abs=MOLENAAR)


def test_rasch_items_keep_their_order_and_crossing_items_are_found_and_taken_out() -> None:
    good = fit_mokken(_graded(1500, [1.5] * 5, [[-1.5], [-0.7], [0.0], [0.7], [1.5]], 3))
    assert good.nonintersection("restscore")["n_significant"].sum() <= 2
    assert good.nonintersection("pmatrix")["n_significant"].sum() <= 4
    cuts = [[-1.0, 0.0, 1.0]] * 4 + [[-0.5, 0.1, 0.6]]
    crossed = fit_mokken(_graded(2500, [1.0, 1.0, 1.0, 1.0, 4.0], cuts, 4))
    for method in ("miio", "mscpm", "it"):
        order = crossed.item_ordering(method)
        assert order.removed == () or order.removed[0] == "item_5" or order.removed[0].endswith("5")
        assert order.selection.shape[1] == len(order.removed) + 1
    assert crossed.nonintersection()["n_significant"].iloc[4] > 3


def test_a_pair_that_shares_more_than_the_latent_variable_is_flagged() -> None:
    rng = np.random.default_rng(5)
    theta = rng.standard_normal((1500, 1))
    shared = rng.standard_normal((1500, 1)) * np.array([3.0, 3.0, 0, 0, 0, 0, 0])
    X = (1.2 * theta + shared + rng.logistic(size=(1500, 7)) > np.linspace(-1, 1, 7)).astype(int)
    frame = fit_mokken(X).local_dependence()
    found = frame[frame["w1_flagged"]]
    first, second = fit_mokken(X).items[:2]
    assert {(first, second), (second, first)} <= set(zip(found["item"], found["item_2"], strict=True))


def test_latent_class_reliability_is_the_correlation_of_two_replications() -> None:
    rng = np.random.default_rng(6)
    classes = rng.choice(3, size=4000, p=[0.3, 0.45, 0.25])
    p = np.array([[0.1, 0.15, 0.2, 0.1, 0.3], [0.5, 0.4, 0.6, 0.3, 0.7], [0.9, 0.8, 0.85, 0.7, 0.95]])
    first, second = ((rng.random((4000, 5)) < p[classes]).astype(int) for _ in range(2))
    truth = np.corrcoef(first.sum(axis=1), second.sum(axis=1))[0, 1]
    value, found = latent_class_reliability(first, 3)
    assert value == pytest.approx(truth, abs=0.02)
    assert np.sort(found.weights) == pytest.approx([0.25, 0.3, 0.45], abs=0.1)
    independent = rng.integers(0, 2, (800, 4))
    assert latent_class_reliability(independent)[1].weights.size == 1
    assert fit_latent_classes(first, 1).probabilities[0, :, 1] == pytest.approx(first.mean(axis=0))


def test_reliability_table_and_messages() -> None:
    fit = fit_mokken(_graded(400, [1.5] * 5, [[-1.0, 0.5]] * 5, 7))
    table = fit.reliability(n_classes=3).set_index("method")["estimate"]
    assert table.index.tolist() == ["ms", "lcrc", "lambda2", "alpha"]
    assert table["lambda2"] >= table["alpha"]
    assert np.ptp(table) < 0.04
    with pytest.raises(OptionError, match="miio, mscpm, it"):
        fit.item_ordering("mean")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="'restscore' or 'pmatrix'"):
        fit.nonintersection("pm")


def test_an_undeclared_code_of_missing_answers_is_named() -> None:
    answers = _graded(200, [1.5] * 4, [[-1.0, 0.5]] * 4, 9)
    answers[::20, 1] = 999
    with pytest.raises(DataError, match=r"item 'item2' has answers from 0 to 999.*missing_codes"):
        fit_mokken(answers)


def test_the_picture_of_an_item_has_a_line_per_step() -> None:
    fit = fit_mokken(_graded(400, [1.5] * 4, [[-1.0, 0.0, 1.0]] * 4, 8))
    axes = fit.plot("item2")
    assert axes.get_title() == "item2"
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["step 1", "step 2", "step 3"]
    with pytest.raises(OptionError, match="no item 'zz'"):
        fit.plot("zz")
