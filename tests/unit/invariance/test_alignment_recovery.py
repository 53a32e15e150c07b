"""Alignment in simulated regions and countries: planted means, standard errors, bootstrap."""

import numpy as np
import pandas as pd
import pytest

from recoverymetrics import OptionError
from recoverymetrics.invariance import align_groups, check_invariance

ITEMS = [f"x{j}" for j in range(1, 11)]
MODEL = "f =~ " + " + ".join(ITEMS)


def planted(seed, n_groups, n=500, cuts=None):
    """A quarter of the intercepts of each group shifted by 0.6 up or down; factor means spread by 0.6."""
    rng = np.random.default_rng(seed)
    means, sds = rng.normal(0, 0.6, n_groups), np.exp(rng.normal(0, 0.15, n_groups))
    means[0], sds[0] = 0.0, 1.0
    loadings, intercepts = rng.uniform(0.7, 1.1, 10), rng.normal(0, 0.4, 10)
    shifted = np.argsort(rng.uniform(size=(n_groups, 10)), axis=1) < 2.5
    shift = shifted * rng.choice([-0.6, 0.6], (n_groups, 10))
    frames = []
    for g in range(n_groups):
        x = (
            rng.normal(means[g], sds[g], (n, 1)) * loadings
            + intercepts
            + shift[g]
            + rng.normal(0, 0.7, (n, 10))
        )
        x = x if cuts is None else np.searchsorted(cuts, x)
        frames.append(pd.DataFrame(x, columns=ITEMS).assign(country=f"C{g:02d}"))
    return pd.concat(frames, ignore_index=True), means


@pytest.mark.parametrize("n_groups", [6, 20])
@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("method", ["fixed", "free"])
def test_planted_means_come_back_at_a_quarter_of_non_invariance(n_groups, seed, method):
    data, means = planted(seed, n_groups)
    result = align_groups(data, MODEL, group="country", method=method, n_starts=4)
    assert np.corrcoef(result.means["mean"], means)[0, 1] > 0.98


@pytest.mark.slow
@pytest.mark.parametrize("n_groups", [6, 20])
@pytest.mark.parametrize("seed", range(4))
def test_planted_means_come_back_from_ordered_answers(n_groups, seed):
    data, means = planted(seed, n_groups, cuts=[-1.0, 0.0, 1.0])
    result = align_groups(data, MODEL, group="country", method="fixed", ordered=True, merge_empty=True)
    assert np.corrcoef(result.means["mean"], means)[0, 1] > 0.98


def test_bootstrap_and_delta_errors_agree_roughly():
    data, _ = planted(0, 6, 400)
    delta = align_groups(data, MODEL, group="country", method="fixed", n_starts=4)
    boot = align_groups(
        data, MODEL, group="country", method="fixed", n_starts=4, standard_errors="bootstrap", n_boot=40
    )
    assert boot.standard_errors == "bootstrap"
    assert boot.means["mean"].equals(delta.means["mean"])
    assert boot.means["mean_se"].iloc[0] == 0
    ratio = (boot.means["mean_se"] / delta.means["mean_se"])[1:]
    assert ratio.between(0.6, 1.8).all()
    with pytest.raises(OptionError, match="standard_errors='jackknife'"):
        align_groups(data, MODEL, group="country", standard_errors="jackknife")


@pytest.mark.slow
def test_intervals_cover_the_planted_means():
    hits, spread, errors = [], [], []
    for seed in range(40):
        rng = np.random.default_rng(900 + seed)
        frames = []
        truth = np.array([0.0, 0.5, -0.5, 0.8, -0.3, 0.2])
        shift = np.zeros((6, 8))
        shift[[1, 2, 3, 4, 5, 5], [0, 3, 6, 1, 2, 7]] = [0.6, -0.6, 0.6, -0.6, 0.6, 0.6]
        for g in range(6):
            x = (
                rng.normal(truth[g], 1, (500, 1)) * np.linspace(0.6, 1.0, 8)
                + shift[g]
                + rng.normal(0, 0.7, (500, 8))
            )
            frames.append(pd.DataFrame(x, columns=ITEMS[:8]).assign(country=f"C{g}"))
        model = "f =~ " + " + ".join(ITEMS[:8])
        means = align_groups(pd.concat(frames), model, group="country", method="fixed", n_starts=2).means
        gap = (means["mean"] - truth)[1:]
        hits += (gap.abs() < 1.96 * means["mean_se"][1:]).tolist()
        spread.append(gap.to_numpy())
        errors.append(means["mean_se"][1:].to_numpy())
    assert np.mean(hits) > 0.88
    assert 0.8 < np.mean(errors) / np.std(spread, axis=0).mean() < 1.2


def test_many_groups_are_named_and_not_coloured():
    import matplotlib.pyplot as plt

    data, _ = planted(1, 12, 300)
    ladder = check_invariance(data, MODEL, group="country", levels=["metric"])
    aligned = ladder.align(method="fixed", n_starts=2)
    ax = aligned.plot("parameters", which="intercepts")
    named = {text.get_text() for text in ax.texts}
    tidy = aligned.tidy()
    out = tidy[~tidy["invariant"] & tidy["parameter"].str.endswith("~1")]
    assert named == set(out["group"])
    assert ax.get_legend() is None
    impact = ladder.plot("impact")
    assert {text.get_text() for text in impact.texts} == set(data["country"])
    heights = sorted(text.xyann[1] for text in impact.texts)
    assert np.diff(heights).min() > 0
    plt.close("all")
