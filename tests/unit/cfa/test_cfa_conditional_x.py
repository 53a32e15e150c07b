"""Models of ordered items given observed covariates: derivatives, options, refusals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import recoverymetrics as rm
from recoverymetrics.errors import DataError, ModelError, OptionError
from recoverymetrics.numerics.sem_ram import evaluate

MODEL = "f =~ o1 + o2 + o3 + o4\nf ~ d + age\no3 ~ d"


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(7)
    n = 500
    d, age = rng.integers(0, 2, n), rng.normal(size=n)
    f = 0.5 * d - 0.3 * age + rng.normal(size=n)
    out = {}
    for j, cuts in enumerate([[-0.5, 0.6], [-0.9, 0.1, 0.9], [0.2], [-0.6, 0.5]], start=1):
        y = 0.8 * f + 0.4 * d * (j == 3) + 0.6 * rng.normal(size=n)
        out[f"o{j}"] = np.searchsorted(cuts, y)
    out["y"] = 0.6 * f + 0.3 * age + rng.normal(size=n)
    out |= {
        "d": d,
        "age": age,
        "g": np.where(np.arange(n) < 260, "a", "b"),
        "w": rng.integers(1, 3, n).astype(float),
    }
    return pd.DataFrame(out)


@pytest.mark.parametrize(
    "options", [{}, {"parameterization": "theta"}, {"group": "g", "equal": ("thresholds", "loadings")}]
)
@pytest.mark.parametrize("extra", ["", "\nf =~ y\ny ~ age"])
def test_derivatives_of_the_moments(frame, options, extra):
    fit = rm.fit_sem(frame, MODEL + extra, ordered=["o1", "o2", "o3", "o4"], **options)
    theta = fit.theta + 0.05 * np.cos(np.arange(len(fit.theta)))
    J = fit.moments.jacobian(evaluate(fit.layout, theta))
    for g in range(len(fit.groups)):
        exact = fit.layout.spread(J[g], g)
        for k in range(len(theta)):
            moved = theta.astype(complex)
            moved[k] += 1e-20j
            step = fit.moments.moments(evaluate(fit.layout, moved))[g].imag / 1e-20
            np.testing.assert_allclose(exact[:, k], step, atol=1e-10)


def test_the_minimum_is_a_minimum(frame):
    fit = rm.fit_sem(frame, MODEL, ordered=True)
    gradient = fit.objective.value_gradient(fit.theta)[1]
    np.testing.assert_allclose(gradient, 0.0, atol=1e-6)
    assert fit.converged
    assert fit.admissible
    assert fit.table.given == ("d", "age")
    assert fit.test.df == 8 + 6 - 3 - 3 - 1  # slopes and correlations, less loadings, effects and a variance
    assert set(fit.implied()["slopes"].columns) == {"d", "age"}


def test_ordered_true_means_the_outcomes(frame):
    one = rm.fit_sem(frame, MODEL, ordered=True)
    two = rm.fit_sem(frame, MODEL, ordered=["o1", "o2", "o3", "o4"], conditional_x=True)
    np.testing.assert_allclose(one.theta, two.theta)
    with pytest.raises(OptionError, match="'d' is a predictor and given as it is"):
        rm.fit_sem(frame, MODEL, ordered=["o1", "o2", "o3", "o4", "d"])


def test_zero_point_of_a_covariate_moves_thresholds_only(frame):
    one = rm.fit_sem(frame, MODEL, ordered=True)
    two = rm.fit_sem(frame.assign(age=10.0 * frame["age"] + 50.0), MODEL, ordered=True)
    assert one.test.chi2 == pytest.approx(two.test.chi2, rel=1e-6)
    left, right = one.tidy().query("op != '|' and op != '~1'"), two.tidy().query("op != '|' and op != '~1'")
    np.testing.assert_allclose(left["std_all"], right["std_all"], atol=1e-6)


def test_whole_weights_repeat_rows(frame):
    weighted = rm.fit_sem(frame, MODEL, ordered=True, weights="w")
    repeated = rm.fit_sem(frame.loc[frame.index.repeat(frame["w"].astype(int))], MODEL, ordered=True)
    np.testing.assert_allclose(weighted.theta, repeated.theta, atol=1e-6)
    assert rm.fit_sem(frame, MODEL, ordered=True, cluster="w").converged


def test_joint_treatment_stays_available(frame):
    ordered = ["o1", "o2", "o3", "o4"]
    joint = rm.fit_sem(frame, MODEL, ordered=ordered, conditional_x=False)
    given = rm.fit_sem(frame, MODEL, ordered=ordered)
    assert joint.table.exogenous == ("d", "age")
    assert not joint.table.given
    assert joint.test.df == given.test.df
    with pytest.raises(OptionError, match="for models with ordered items"):
        rm.fit_sem(frame, "y ~ d", conditional_x=True)


def test_exploratory_blocks_rotate_with_their_slopes(frame):
    rng = np.random.default_rng(3)
    other = 0.4 * frame["d"] + rng.normal(size=len(frame))
    more = {
        f"q{j}": np.searchsorted([-0.4, 0.5], other + 0.7 * rng.normal(size=len(frame))) for j in range(3)
    }
    model = """efa("a")*f1 + efa("a")*f2 =~ o1 + o2 + o3 + o4 + q0 + q1 + q2
        f1 ~ d + age
        f2 ~ d + age"""
    fit = rm.fit_sem(frame.assign(**more), model, ordered=True)
    value = fit.objective.value_gradient(fit.theta)[0]
    assert value == pytest.approx(fit.estimate.minimum.value, rel=1e-8)


def test_nested_models_keep_the_covariates(frame):
    full = rm.fit_sem(frame, MODEL, ordered=True)
    tight = rm.fit_sem(frame, MODEL.replace("o3 ~ d", "o3 ~ 0*d"), ordered=True)
    assert rm.compare_models(full, tight)["delta_df"].iloc[1] == 1
    other = rm.fit_sem(frame, "f =~ o1 + o2 + o3 + o4\nf ~ d", ordered=True)
    with pytest.raises(ModelError, match="different covariates"):
        rm.compare_models(full, other)


def test_exports_and_diagram(frame):
    fit = rm.fit_sem(frame, MODEL, ordered=True)
    assert "f ~ NA*d" in fit.to_lavaan()
    assert "NAMES ARE o1 o2 o3 o4 d age" in fit.to_mplus()
    again = rm.fit_sem(frame, fit.parameter_table, ordered=True)
    np.testing.assert_allclose(again.theta, fit.theta, atol=1e-6)
    assert {"d", "age"} <= {text.get_text() for text in fit.plot().texts}


def test_what_needs_the_distribution_of_the_covariates_is_refused(frame):
    fit = rm.fit_sem(frame, MODEL, ordered=True)
    for call in (
        lambda: fit.factor_scores(),
        lambda: fit.bootstrap(n_boot=2),
        lambda: rm.simulate_responses(fit),
        lambda: rm.monte_carlo_power(fit, n=100, n_sim=2),
        lambda: rm.model_reliability(fit),
    ):
        with pytest.raises(OptionError, match="given the covariates d, age"):
            call()


def test_refusals_of_data(frame):
    ordered = ["o1", "o2", "o3", "o4"]
    with pytest.raises(DataError, match="covariate 'd' has zero variance"):
        rm.fit_sem(frame.assign(d=1), MODEL, ordered=ordered)
    with pytest.raises(DataError, match="exact combinations"):
        rm.fit_sem(frame.assign(e=1 - frame["d"]), MODEL.replace("age", "age + e"), ordered=ordered)
    with pytest.raises(DataError, match="separates the categories of item 'o3'"):
        rm.fit_sem(frame.assign(d=frame["o3"]), MODEL, ordered=ordered)
    with pytest.raises(OptionError, match="needs all outcomes ordered"):
        rm.fit_sem(
            frame.assign(y=frame["y"].where(frame.index > 5)),
            MODEL + "\ny ~ f",
            ordered=ordered,
            missing="pairwise",
        )
    with pytest.raises(DataError, match="zero variance"):
        rm.fit_sem(frame.assign(y=1.0), MODEL + "\ny ~ f", ordered=ordered)
    with pytest.raises(ModelError, match="parameterization='theta'"):
        rm.fit_sem(frame, "o1 ~ d\no2 ~ o1", ordered=ordered)


def test_rows_without_a_covariate_are_left_out(frame):
    holes = frame.assign(age=frame["age"].where(frame.index > 9), o1=frame["o1"].where(frame.index % 7 > 0))
    fit = rm.fit_sem(holes, MODEL, ordered=True, missing="pairwise")
    assert fit.sample.n_dropped == 10
    assert fit.sample.total == 490
