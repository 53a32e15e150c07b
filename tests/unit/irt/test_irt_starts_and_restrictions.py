"""Restrictions that name nothing, starting values that must be allowed, and what is said about thin data."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest

import recoverymetrics as rm
from recoverymetrics.irt import Beta, LogNormal, Normal


def answers(n: int, J: int, cuts: tuple[float, ...] = (0.0,), seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    latent = 1.3 * rng.standard_normal((n, 1)) + rng.logistic(size=(n, J))
    codes = (latent[:, :, None] > np.array(cuts)).sum(axis=2)
    return pd.DataFrame(codes, columns=[f"i{j + 1}" for j in range(J)]).astype(float)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"fixed": {"i1.zz": 1.0}},
            "no parameter of item 'i1'; its parameters are i1.a1, i1.d1, i1.d2, i1.d3",
        ),
        ({"fixed": {"i1": 1.0}}, "no parameter of item 'i1'"),
        ({"fixed": {"i1.a1": np.nan}}, "at nan; give a finite number"),
        ({"fixed": {"i1.a1": "x"}}, "at 'x'; give a finite number"),
        ({"partial": ["i1.a2"]}, "'i1.a2' names no parameter"),
        ({"constrain": [("i1.a1", "i2.zz")]}, "'i2.zz' names no parameter"),
        ({"constrain": ("i1.a1", "i2.a1")}, "is a text"),
        ({"fixed": {"i1.d1": -5.0, "i1.d2": 3.0}}, "intercepts of item 'i1' must fall"),
        ({"priors": {"a": 1.0}}, "give Normal, LogNormal or Beta"),
        ({"priors": [Normal()]}, "mapping of parameter to prior"),
        ({"model": None}, "give a name or a mapping"),
        ({"n_factors": 1.5}, "whole number"),
        ({"weights": ["a"] * 200}, "weights must be numbers"),
        ({"start": "x"}, "earlier IRTResult or one number"),
        ({"tolerance": 0.0}, "positive gain"),
        ({"max_iterations": 0}, "at least one E-step"),
        ({"items": ["i1"]}, "one item \\('i1'\\) cannot be calibrated"),
    ],
)
def test_what_names_nothing_is_refused(options, message):
    with pytest.raises(rm.RecoveryMetricsError, match=message):
        rm.fit_irt(answers(200, 4, (-1.0, 0.0, 1.0)), **options)


def test_one_held_intercept_lets_the_free_ones_start_around_it():
    data = answers(400, 4, (-1.0, 0.0, 1.0))
    for held in ({"i1.d1": -2.0}, {"i1.d2": 3.0}, {"i1.d3": 2.0}):
        fit = rm.fit_irt(data, fixed=held, se=None)
        assert np.isfinite(fit.loglik)
        assert fit.converged
        assert fit.parameter_table.query("item == 'i1' and parameter > 'd'")[
            "estimate"
        ].is_monotonic_decreasing


def test_forms_that_nobody_took_together_are_calibrated_each():
    data = answers(1000, 8)
    data.iloc[:500, 4:] = np.nan
    data.iloc[500:, :4] = np.nan
    joint = rm.fit_irt(data, "2pl")
    apart = [
        rm.fit_irt(data.iloc[r, c], "2pl", se=None)
        for r, c in ((slice(500), slice(4)), (slice(500, None), slice(4, 8)))
    ]
    assert joint.admissible
    assert joint.loglik == pytest.approx(sum(fit.loglik for fit in apart), abs=1e-4)


def test_a_shared_parameter_takes_one_prior_by_the_name_of_any_item():
    data = answers(500, 4)
    guesses = tuple(f"i{j}.logit_g" for j in range(1, 5))
    fits = [
        rm.fit_irt(data, "3pl", constrain=[guesses], priors=priors)
        for priors in ({"logit_g": Normal(-1.5, 0.5)}, {"i3.g": Normal(-1.5, 0.5)})
    ]
    assert fits[0].npar == 9
    assert fits[0].loglik == pytest.approx(fits[1].loglik, abs=1e-8)
    assert fits[0].log_prior == pytest.approx(fits[1].log_prior, abs=1e-6)
    again = fits[0].refit()
    assert again.n_evaluations <= 3
    with pytest.raises(rm.ModelError, match="one parameter; give it one prior"):
        rm.fit_irt(data, "3pl", constrain=[guesses], priors={"i1.g": Beta(5, 17), "i2.g": Beta(4, 9)})


def test_a_lognormal_prior_starts_a_reversed_item_on_its_side():
    data = answers(400, 5, (-1.0, 0.0, 1.0))
    data["i5"] = 3 - data["i5"]
    fit = rm.fit_irt(data, priors={"a": LogNormal(0.0, 0.5)}, se=None)
    assert np.isfinite(fit.loglik)
    assert (fit.item_parameters["a"] > 0).all()


def test_a_common_slope_stays_common_when_some_items_are_anchors():
    data = answers(600, 5).assign(site=np.repeat(["A", "B"], 300))
    fit = rm.fit_irt(data, "1pl", group="site", equal=("i1", "i2"), se=None)
    assert fit.tidy().query("parameter == 'a'")["estimate"].nunique() == 1
    assert fit.npar == 1 + 2 + 2 * 3 + 2
    rasch = rm.fit_irt(data, "rasch", group="site", equal=("i1", "i2"), se=None)
    assert fit.loglik == pytest.approx(rasch.loglik, abs=1e-5)


def test_common_steps_stay_common_when_one_item_is_freed():
    data = answers(600, 4, (-1.0, 0.0, 1.0)).assign(site=np.repeat(["A", "B"], 300))
    fit = rm.fit_irt(data, "rsm", group="site", equal=("slopes", "intercepts"), se=None)
    freed = fit.refit(partial=["i2"])
    assert freed.npar == fit.npar + 1
    assert freed.tidy().query("parameter == 'b2'")["estimate"].nunique() == 1


def test_a_group_that_does_not_use_an_item_is_said_once():
    data = answers(400, 5, (-1.0, 0.0, 1.0)).assign(site=np.repeat(["A", "B"], 200))
    data.loc[:199, "i1"] = np.nan
    data.loc[:199, "i2"] = 1.0
    data.loc[:199, "i3"] = data.loc[:199, "i3"].clip(upper=1)
    with pytest.warns(rm.EstimationWarning):
        fit = rm.fit_irt(data, group="site", equal=("slopes", "intercepts"), se=None)
    assert sum("group 'A'" in note and "item" in note for note in fit.notes) == 3
    assert fit.notes[0].startswith("nobody in group 'A' answered item 'i1'")
    assert fit.notes[1].startswith("everybody in group 'A' who answered item 'i2' chose category 1")
    assert fit.notes[2].startswith("nobody in group 'A' used category 2, 3 of item 'i3'")


def test_an_undeclared_code_of_missing_answers_is_suspected():
    data = answers(300, 4, (-1.0, 0.0, 1.0))
    data.iloc[:9, 1] = 99
    with pytest.warns(
        rm.EstimationWarning, match=r"If 99 stands for a missing answer.*missing_codes=\(99,\)"
    ):
        rm.fit_irt(data, se=None)


def noted(data: pd.DataFrame, **options) -> tuple[str, ...]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rm.EstimationWarning)
        return rm.fit_irt(data, **options).notes


def test_two_items_alone_and_too_many_factors_are_noted():
    data = answers(300, 6, (-1.0, 0.0, 1.0))
    assert any("constrain=[('i1.a1', 'i2.a1')]" in note for note in noted(data[["i1", "i2"]], se=None))
    assert noted(data[["i1", "i2"]], constrain=[("i1.a1", "i2.a1")]) == ()
    assert noted(data[["i1", "i2"]], model="pcm") == ()
    few = noted(data[["i1", "i2", "i3", "i4"]], n_factors=2, se=None, max_iterations=3)
    assert any("more loadings than there are correlations" in note for note in few)
    pairs = rm.Bifactor({"s": ["i1", "i2"], "t": ["i3", "i4", "i5"]})
    assert any(
        "factor 's' has the items 'i1' and 'i2' alone" in note for note in noted(data, structure=pairs)
    ) == any("not positive definite" in note for note in noted(data, structure=pairs))


def test_slopes_that_diverge_are_reported_without_numeric_noise():
    rng = np.random.default_rng(3)
    ladder = np.tril(np.ones((7, 6)), -1)
    for data in (np.repeat(ladder, 20, axis=0), np.repeat(ladder, 2, axis=0)[rng.permutation(14)]):
        for model in ("2pl", "3pl"):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                fit = rm.fit_irt(data, model)
            assert {w.category for w in caught} == {rm.EstimationWarning}
            assert any("diverges" in note for note in fit.notes)
