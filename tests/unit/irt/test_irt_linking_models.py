"""Linking by every method for every model, and pictures that say what they show."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import recoverymetrics as rm

MEAN, SPREAD = 0.5, 1.3
"""Latent moments of the second group on the scale of the first."""
PLANTED = 0.13
"""About three standard errors of the constants with 2,500 persons a group and twelve items."""
MODELS = {
    "rasch": 2, "1pl": 2, "2pl": 2, "3pl": 2, "graded": 4, "gpcm": 4, "pcm": 4, "rsm": 4, "nominal": 4,
}  # fmt: skip


def _answers(model: str, K: int, mean: float, spread: float, seed: int) -> pd.DataFrame:
    """Graded or adjacent-category answers to twelve items; slopes of one for the Rasch family."""
    rng, J, n = np.random.default_rng(seed), 12, 2500
    theta = mean + spread * rng.standard_normal(n)
    planted = np.random.default_rng(99)
    a = np.ones(J) if model in ("rasch", "1pl", "pcm", "rsm") else np.exp(planted.normal(0.3, 0.25, J))
    place = np.linspace(-1.3, 1.6, J)
    cuts = place[:, None] + (np.linspace(-0.9, 0.9, K - 1) if K > 2 else np.zeros(1))
    eta = a[:, None] * (theta[:, None, None] - cuts)
    if model == "graded" or K == 2:
        p = 1 / (1 + np.exp(-eta))
        if model == "3pl":
            p = 0.15 + 0.85 * p
        codes = (rng.random((n, J, 1)) < p).sum(axis=2)
    else:
        weight = np.exp(np.concatenate([np.zeros((n, J, 1)), np.cumsum(eta, axis=2)], axis=2))
        above = rng.random((n, J, 1)) > np.cumsum(weight / weight.sum(axis=2, keepdims=True), axis=2)
        codes = above[..., :-1].sum(axis=2)
    return pd.DataFrame(codes, columns=[f"i{j + 1}" for j in range(J)])


@pytest.fixture(scope="module")
def pairs():
    made: dict[str, tuple] = {}

    def make(model: str):
        if model not in made:
            K = MODELS[model]
            options = (
                {"se": None, "quadrature": 31, "tolerance": 1e-5} if model == "nominal" else {"se": None}
            )
            if model == "3pl":
                options["priors"] = {"g": rm.irt.Beta(5, 20)}
            made[model] = tuple(
                rm.fit_irt(_answers(model, K, m, s, seed), model, **options)
                for m, s, seed in ((0.0, 1.0, 1), (MEAN, SPREAD, 2))
            )
        return made[model]

    return make


@pytest.mark.parametrize("method", ["stocking_lord", "haebara", "mean_sigma", "mean_mean"])
@pytest.mark.parametrize("model", MODELS)
def test_the_link_carries_persons_of_the_second_scale_to_the_first(pairs, model, method) -> None:
    second, first = pairs(model)[1], pairs(model)[0]
    if model == "nominal" and method.startswith("mean"):
        with pytest.raises(rm.ModelError, match="use 'stocking_lord' or 'haebara'"):
            rm.link_scales(second, first, method=method)
        return
    link = rm.link_scales(second, first, method=method)
    if model in ("rasch", "pcm", "rsm"):  # slopes are one on both scales and the latent variance is free
        moved = link.transform(second.groups["mean"].to_numpy())[0]
        spread = link.slope * np.sqrt(second.groups["variance"][0])
    else:
        moved, spread = link.intercept, link.slope
    assert spread == pytest.approx(SPREAD, abs=2 * PLANTED if model == "3pl" else PLANTED)
    assert moved == pytest.approx(MEAN, abs=2 * PLANTED if model == "3pl" else PLANTED)


def test_there_and_back_is_the_identity_for_haebara_and_moments(pairs) -> None:
    a, b = pairs("graded")
    for method, tolerance in (("mean_sigma", 1e-12), ("mean_mean", 1e-12), ("stocking_lord", 0.02)):
        there, back = rm.link_scales(a, b, method=method), rm.link_scales(b, a, method=method)
        assert there.slope * back.slope == pytest.approx(1, abs=tolerance)
        assert back.transform(there.transform(np.array([0.7])))[0] == pytest.approx(0.7, abs=tolerance)


def test_pictures(pairs) -> None:
    fit = pairs("graded")[0]
    assert fit.plot("information", item="i3").get_title() == "i3"
    assert fit.plot("expected", item="i3").get_ylabel() == "expected score"
    with pytest.raises(rm.OptionError, match="no item 'zz'"):
        fit.plot("information", item="zz")
    with pytest.raises(rm.OptionError, match="'wright' has no option 'item'"):
        fit.plot("wright", item="i3")
    with pytest.raises(rm.ModelError, match="Wright map needs"):
        pairs("nominal")[0].plot("wright")


def test_results_of_another_kind_are_named(pairs) -> None:
    fit, table = pairs("graded")[0], pd.DataFrame({"a": [1, 2]})
    for call in (
        lambda: rm.link_scales(fit, table),
        lambda: rm.equate_models(fit, table),
        lambda: rm.simulate_cat(table),
        lambda: rm.CATSession(table),
    ):
        with pytest.raises(rm.ModelError, match=r"is of type DataFrame; give the result of fit_irt"):
            call()
