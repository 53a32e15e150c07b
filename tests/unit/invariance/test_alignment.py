"""Alignment: planted means come back, errors are right, messages."""

import numpy as np
import pandas as pd
import pytest
from test_dif_logistic import graded

from recoverymetrics import OptionError
from recoverymetrics.invariance import AlignmentLoss, align_groups
from recoverymetrics.invariance.alignment.inference import invariant_groups
from recoverymetrics.invariance.alignment.kernel import Configural, Loss, align, loss_and_gradient
from recoverymetrics.invariance.alignment.sparse import huber_location

MODEL = "f =~ " + " + ".join(f"i{j}" for j in range(1, 9))
MEANS = np.array([0.0, 0.5, -0.5, 0.8, -0.3, 0.2])
WEIGHTS = np.ones((6, 6)) - np.eye(6)


def exact(share_shifted=0.0, seed=0):
    rng = np.random.default_rng(seed)
    sds = np.array([1.0, 1.2, 0.8, 1.1, 0.9, 1.3])
    loadings = rng.uniform(0.6, 1.2, 8)
    intercepts = np.tile(rng.normal(0, 1, 8), (6, 1))
    shifted = np.argsort(rng.uniform(size=(6, 8)), axis=1) < round(8 * share_shifted)
    intercepts = intercepts + shifted * rng.choice([-0.7, 0.7], (6, 8))
    return Configural(sds[:, None] * loadings, intercepts + MEANS[:, None] * loadings, np.arange(8)), sds


def test_invariant_parameters_align_exactly():
    configural, sds = exact()
    solution = align(configural, Loss(0.5, 0.01, WEIGHTS), reference=0, free_mean=False, n_starts=4, seed=1)
    np.testing.assert_allclose(solution.means, MEANS, atol=1e-6)
    np.testing.assert_allclose(solution.sds, sds, rtol=1e-6)
    assert solution.converged


@pytest.mark.parametrize("seed", range(4))
def test_a_quarter_of_shifted_intercepts_leaves_the_means(seed):
    configural, _ = exact(0.25, seed)
    solution = align(configural, Loss(0.5, 0.001, WEIGHTS), reference=0, free_mean=False, n_starts=10, seed=1)
    assert np.corrcoef(solution.means, MEANS)[0, 1] > 0.98


def test_gradient_matches_differences():
    configural, _ = exact(0.25)
    loss = Loss(0.5, 0.01, WEIGHTS, (0.7, 1.3))
    rng = np.random.default_rng(2)
    means, logs = rng.normal(size=6), rng.normal(size=6) * 0.2
    _, by_mean, by_log = loss_and_gradient(configural, loss, means, logs)
    for k in range(6):
        step = np.eye(6)[k] * 1e-6
        up, down = (loss_and_gradient(configural, loss, means + s * step, logs)[0] for s in (1, -1))
        assert by_mean[k] == pytest.approx((up - down) / 2e-6, rel=1e-5, abs=1e-6)
        up, down = (loss_and_gradient(configural, loss, means, logs + s * step)[0] for s in (1, -1))
        assert by_log[k] == pytest.approx((up - down) / 2e-6, rel=1e-5, abs=1e-6)


@pytest.fixture(scope="module")
def regions():
    shift = {(1, 0): 0.7, (1, 3): 0.7, (3, 2): -0.7, (4, 5): 0.7, (5, 0): -0.7, (5, 6): 0.7, (2, 7): 0.7}
    return graded(
        np.random.default_rng(20), [600, 800, 500, 900, 700, 1000], means=MEANS, n_items=8, shift=shift
    )


@pytest.mark.parametrize(
    "options", [{}, {"ordered": True}, {"estimator": "graded"}, {"estimator": "MLR"}], ids=str
)
@pytest.mark.parametrize("method", ["fixed", "free"])
def test_planted_means_come_back(regions, options, method):
    result = align_groups(regions, MODEL, group="region", method=method, **options)
    means = result.means.set_index("group")["mean"].to_numpy()
    assert np.corrcoef(means, MEANS)[0, 1] > 0.98
    assert result.share_noninvariant < 0.25
    assert result.converged
    assert "may be compared" in result.verdict


def test_shifted_parameters_are_named(regions):
    tidy = align_groups(regions, MODEL, group="region", method="fixed").tidy()
    bad = tidy[~tidy["invariant"] & tidy["parameter"].str.endswith("~1")]
    found = set(zip(bad["item"], bad["group"], strict=True))
    assert {("i1", "R2"), ("i4", "R2"), ("i3", "R4"), ("i6", "R5")} <= found
    assert len(found) <= 12


@pytest.mark.slow
def test_standard_errors_match_the_redrawn_ones(regions):
    result = align_groups(
        regions, MODEL, group="region", method="fixed", loss=AlignmentLoss(power=2.0, eps=0.01)
    )
    redrawn = result.recovery(80, seed=3)
    delta = result.means["mean_se"].to_numpy()[1:]
    np.testing.assert_allclose(redrawn["std_error"].to_numpy()[1:], delta, rtol=0.35)
    assert redrawn["correlation"].iloc[0] > 0.97


def test_lasso_names_the_shifted_parameters(regions):
    table = align_groups(regions, MODEL, group="region", method="fixed").lasso()
    found = set(zip(table["item"], table["group"], strict=True))
    assert {("i1", "R2"), ("i4", "R2"), ("i3", "R4"), ("i6", "R5")} <= found
    assert len(found) <= 14
    assert table.set_index(["parameter", "group"]).loc[("i4~1", "R2"), "difference"] < 0


def test_huber_location_ignores_an_outlier():
    values = np.array([[1.0], [1.1], [0.9], [5.0]])
    assert huber_location(values, np.full((4, 1), 0.1), 1e9)[0] == pytest.approx(2.0)
    assert huber_location(values, np.full((4, 1), 0.1), 1.0)[0] == pytest.approx(1.0, abs=0.1)


def test_reference_and_loss_options(regions):
    result = align_groups(regions, MODEL, group="region", method="fixed", reference="R3")
    means = result.means.set_index("group")
    assert means.loc["R3", "mean"] == 0
    assert means.loc["R3", "variance"] == 1
    robust = align_groups(
        regions, MODEL, group="region", method="fixed", loss=AlignmentLoss(power=0.1, weights="equal")
    )
    assert np.corrcoef(robust.means["mean"], MEANS)[0, 1] > 0.98
    with pytest.raises(OptionError, match="reference='X'"):
        align_groups(regions, MODEL, group="region", reference="X")
    with pytest.raises(OptionError, match="'free', 'fixed'"):
        align_groups(regions, MODEL, group="region", method="both")
    with pytest.raises(OptionError, match="power"):
        AlignmentLoss(power=3)


def test_invariant_set_finds_the_outlier():
    values = np.array([1.0, 1.02, 0.98, 1.01, 1.6, 1.0])
    flags, p_values = invariant_groups(values, np.eye(6) * 0.03**2, 0.001)
    assert flags.tolist() == [True, True, True, True, False, True]
    assert p_values[4] < 1e-6


def test_result_surface(regions):
    import matplotlib.pyplot as plt

    result = align_groups(regions, MODEL, group="region", method="fixed")
    assert "Alignment of 6 groups (FIXED)" in result.summary()
    assert set(result.parameters().columns) >= {"parameter", "estimate", "n_noninvariant", "groups", "r2"}
    assert result.to_dict()["glance"]["trustworthy"] is True
    assert len(result.plot().get_yticklabels()) == 6
    assert result.plot("parameters", which="intercepts").get_xlabel().startswith("aligned intercepts")
    plt.close("all")
    assert isinstance(result.means, pd.DataFrame)


def test_numbers_out_of_range_are_named(regions):
    for options, words in (
        ({"n_starts": -1}, "n_starts=-1"),
        ({"n_boot": 1, "standard_errors": "bootstrap"}, "n_boot=1"),
        ({"alpha": 2}, "alpha=2"),
        ({"loss": "L1"}, "AlignmentLoss"),
        ({"estimator": "graded", "missing": "listwise"}, "leave missing= out"),
    ):
        with pytest.raises(OptionError, match=words):
            align_groups(regions, MODEL, group="region", **options)
    with pytest.raises(OptionError, match="two positive units"):
        AlignmentLoss(scale=(0, 1))
    with pytest.raises(OptionError, match="n_draws=1"):
        align_groups(regions, MODEL, group="region", method="fixed").recovery(1)
