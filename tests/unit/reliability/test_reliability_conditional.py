"""Conditional standard errors of measurement: classical methods and item response models."""

import numpy as np
import pandas as pd
import pytest

from recoverymetrics import reliability as rel
from recoverymetrics.errors import DataError, ModelError, OptionError
from recoverymetrics.irt import fit_irt

CUT = 1e-3
"""A smoothing polynomial that is negative at an extreme score is cut at zero there, which moves the mean."""
EXACT = 1e-9
RESPONSE_METHODS = ["generalizability", "feldt_qualls", "anova", "thorndike", "mollenkopf"]
NAMES = [f"i{j}" for j in range(8)]


def latent(n: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, 1))


def right(n: int = 3000, seed: int = 1, theta: np.ndarray | None = None) -> pd.DataFrame:
    rng = np.random.default_rng(seed + 1)
    theta = latent(n, seed) if theta is None else theta
    x = 1.2 * theta + rng.logistic(size=(len(theta), 8)) > np.linspace(-1.5, 1.5, 8)
    return pd.DataFrame(x.astype(int), columns=NAMES)


def graded(n: int = 2000) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    x = 1.5 * latent(n) + rng.logistic(size=(n, 6))
    return pd.DataFrame(np.digitize(x, [-2, -0.5, 1, 2.5]), columns=list("abcdef"))


@pytest.mark.parametrize(("method", "tolerance"), [("generalizability", CUT), ("feldt_qualls", EXACT)])
def test_mean_square_reproduces_alpha(method: str, tolerance: float) -> None:
    data = graded()
    result = rel.conditional_error(data, method=method)
    assert result.glance()["reliability"][0] == pytest.approx(
        rel.cronbach_alpha(data).estimate, abs=tolerance
    )


@pytest.mark.parametrize(("method", "tolerance"), [("mollenkopf", CUT), ("thorndike", EXACT)])
def test_mean_square_of_halves_reproduces_the_split_half(method: str, tolerance: float) -> None:
    data = graded()
    result = rel.conditional_error(data, method=method)
    halves = rel.split_half(data, first_half=["a", "c", "e"])
    assert result.glance()["reliability"][0] == pytest.approx(halves.estimate, abs=tolerance)
    other = rel.conditional_error(data, method=method, first_half=["a", "b", "c"])
    again = rel.split_half(data, first_half=["d", "e", "f"])
    assert other.glance()["reliability"][0] == pytest.approx(again.estimate, abs=tolerance)


def test_analysis_of_variance_within_a_score_group() -> None:
    data = graded(400)
    table = rel.conditional_error(data, method="anova").tidy().set_index("score")
    score = data.sum(axis=1)
    value = int(score.mode()[0])
    some = data[score == value].to_numpy(float)
    n, k = some.shape
    residual = some - some.mean(1, keepdims=True) - some.mean(0) + some.mean()
    expected = np.sqrt(k * np.sum(residual**2) / ((n - 1) * (k - 1)))
    assert table.loc[value, "estimate"] == pytest.approx(expected)
    assert table.loc[table["n"] == 1, "estimate"].isna().all()


@pytest.mark.parametrize("method", RESPONSE_METHODS)
def test_classical_errors_are_the_spread_of_repeated_scores(method: str) -> None:
    theta = latent(4000)
    first, second = right(seed=1, theta=theta), right(seed=7, theta=theta)
    change = second.sum(axis=1) - first.sum(axis=1)
    middle = first.sum(axis=1).between(3, 5)
    table = rel.conditional_error(first, method=method).tidy().set_index("score")["estimate"]
    # the spread of a second score given the first also holds the true scores behind it, so it is the larger one
    assert table.loc[3:5].mean() < change[middle].std()
    repeated = np.sqrt(change.var() / 2)
    average = rel.conditional_error(first, method=method).estimate
    assert average == pytest.approx(repeated, rel=0.06)


def test_a_model_gives_the_error_of_repeated_scores() -> None:
    fit = fit_irt(right(4000), "2pl")
    curve = rel.conditional_error(fit, theta=[-1.5, 0.0, 1.0]).tidy()
    for _, row in curve.iterrows():
        again = right(20_000, seed=11, theta=np.full((20_000, 1), row["theta"])).sum(axis=1)
        assert row["estimate"] == pytest.approx(again.std(), rel=0.06)
        assert row["score"] == pytest.approx(again.mean(), abs=0.15)


def test_latent_errors_are_one_over_the_root_of_information() -> None:
    fit = fit_irt(graded(), "grm")
    theta = rel.conditional_error(fit, method="theta")
    expected = fit.information(theta.tidy()["theta"])
    assert theta.tidy()["estimate"].to_numpy() == pytest.approx(expected["std_error"].to_numpy())
    t_score = rel.conditional_error(fit, method="t_score").tidy()
    assert t_score["estimate"].to_numpy() == pytest.approx(10 * theta.tidy()["estimate"].to_numpy())
    assert t_score["score"].to_numpy() == pytest.approx(50 + 10 * theta.tidy()["theta"].to_numpy())
    marginal = fit.reliability()["marginal"][0]
    assert theta.glance()["reliability"][0] == pytest.approx(marginal, abs=1e-4)


def test_errors_of_the_sum_and_of_the_true_score() -> None:
    rasch = fit_irt(right(), "rasch")  # the sum score is sufficient: both errors are the same
    both = [rel.conditional_error(rasch, method=m).tidy()["estimate"] for m in ("sum_score", "true_score")]
    assert both[0].to_numpy() == pytest.approx(both[1].to_numpy(), abs=1e-6)
    two = fit_irt(right(), "2pl")  # weighting items by their slopes can only gain
    both = [rel.conditional_error(two, method=m).tidy()["estimate"] for m in ("sum_score", "true_score")]
    assert (both[1] <= both[0] + 1e-9).all()


def test_reliability_of_the_sum_under_the_model_is_near_alpha_and_omega() -> None:
    data = graded()
    result = rel.conditional_error(fit_irt(data, "grm"))
    assert result.glance()["reliability"][0] == pytest.approx(rel.categorical_omega(data).estimate, abs=0.015)
    assert result.glance()["n"][0] == 2000


def test_groups_of_a_model_have_their_own_curves() -> None:
    data = right(1200)
    fit = fit_irt(data, "2pl", group=np.repeat(["EUR", "AFR"], 600))
    table = rel.conditional_error(fit, theta=[0.0]).tidy()
    assert table["group"].tolist() == ["EUR", "AFR"]
    assert rel.conditional_error(fit).glance()["n"][0] == 1200


@pytest.mark.parametrize("method", ["sum_score", "theta"])
def test_plot_names_the_scale(method: str) -> None:
    ax = rel.conditional_error(fit_irt(right(500), "rasch"), method=method).plot()
    assert ax.get_xlabel() == {"sum_score": "sum score", "theta": "latent score"}[method]
    assert len(ax.lines) == 1


def test_refusals() -> None:
    fit = fit_irt(right(500), "rasch")
    with pytest.raises(OptionError, match="sum_score, true_score, theta, t_score"):
        rel.conditional_error(fit, method="binomial")
    with pytest.raises(OptionError, match="generalizability"):
        rel.conditional_error(right(), method="theta")
    with pytest.raises(OptionError, match="group= belongs to responses"):
        rel.conditional_error(fit, group="g")
    with pytest.raises(DataError, match="zz"):
        rel.conditional_error(right(), method="thorndike", first_half=["zz"])
    with pytest.raises(DataError, match="not none and not all"):
        rel.conditional_error(right(), method="thorndike", first_half=NAMES)
    with pytest.raises(DataError, match="not scored 0/1"):
        rel.conditional_error(graded(), method="binomial")
    two = fit_irt(right(500), "2pl", structure="f =~ i0 + i1 + i2 + i3\ng =~ i4 + i5 + i6 + i7")
    with pytest.raises(ModelError, match="several factors"):
        rel.conditional_error(two)
