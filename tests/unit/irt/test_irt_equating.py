"""Equating: the classical example, identities, smoothing, anchors, models, standard errors, messages."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recoverymetrics.errors import DataError, ModelError, OptionError
from recoverymetrics.irt import LogLinear, equate_models, equate_scores, fit_irt, link_scales
from recoverymetrics.irt.equating import kernel

P, Q = np.array([0.2, 0.3, 0.2, 0.2, 0.1]), np.array([0.1, 0.2, 0.2, 0.3, 0.2])
"""Form X and form Y of the example in Kolen & Brennan (2014), chapter 2."""
BOOTSTRAP = 0.12
"""Relative error of a standard error from 400 samples, and of its large-sample formula."""


def test_the_example_of_kolen_and_brennan() -> None:
    assert kernel.percentile_ranks(P, np.arange(5.0)) == pytest.approx([0.10, 0.35, 0.60, 0.80, 0.95])
    assert kernel.percentile_ranks(Q, np.arange(5.0)) == pytest.approx([0.05, 0.20, 0.40, 0.65, 0.90])
    assert kernel.equipercentile(P, Q) == pytest.approx([0.50, 1.75, 2 + 5 / 6, 3.50, 4.25])
    assert kernel.moments(P) == pytest.approx((1.7, 1.2688578), abs=1e-6)
    assert kernel.moments(Q) == pytest.approx((2.3, 1.2688578), abs=1e-6)
    assert kernel.linear(P, Q) == pytest.approx(np.arange(5) + 0.6)


def _scores(seed: int, n: int = 2000, shift: float = 0.0, J: int = 30) -> np.ndarray:
    rng = np.random.default_rng(seed)
    theta = rng.standard_normal((n, 1)) + shift
    return (theta + rng.logistic(size=(n, J)) > np.linspace(-2, 2, J)).sum(axis=1)


@pytest.mark.parametrize("method", ["mean", "linear", "equipercentile"])
@pytest.mark.parametrize("smoothing", [None, LogLinear(4)])
def test_equating_to_itself_is_the_identity(method: str, smoothing: LogLinear | None) -> None:
    x = _scores(1)
    if smoothing and method != "equipercentile":
        return
    result = equate_scores(x, x, method=method, smoothing=smoothing)  # type: ignore[arg-type]
    used = np.bincount(x) > 0
    assert result.equated[used] == pytest.approx(result.score[used])


def test_equating_there_and_back_returns_every_score() -> None:
    p = np.bincount(_scores(2), minlength=31) + 1.0
    q = np.bincount(_scores(3, shift=0.4), minlength=31) + 1.0
    there = kernel.equipercentile(p / p.sum(), q / q.sum())
    back = kernel.equipercentile(q / q.sum(), p / p.sum(), there)
    assert back == pytest.approx(np.arange(31.0))


@pytest.mark.parametrize("degree", [2, 4])
def test_log_linear_smoothing_keeps_its_moments_and_matches_a_poisson_regression(degree: int) -> None:
    import statsmodels.api as sm

    counts = np.bincount(_scores(4), minlength=31).astype(float)
    p, aic = kernel.log_linear(counts, degree)
    for m in range(1, degree + 1):
        assert p @ np.arange(31.0) ** m == pytest.approx(
            counts @ np.arange(31.0) ** m / counts.sum(), rel=1e-8
        )
    x = np.vander(np.linspace(-1, 1, 31), degree + 1)
    fitted = sm.GLM(counts, x, family=sm.families.Poisson()).fit()
    assert p * counts.sum() == pytest.approx(fitted.mu, rel=1e-5)
    assert aic == pytest.approx(fitted.deviance + 2 * (degree + 1), rel=1e-6)


def test_smoothing_lowers_the_error_of_equipercentile_equating() -> None:
    truth = equate_scores(_scores(5, 400_000), _scores(6, 400_000, 0.3)).equated[3:28]
    raw, smooth = [], []
    for seed in range(15):
        x, y = _scores(100 + seed, 300), _scores(200 + seed, 300, 0.3)
        raw.append(equate_scores(x, y, largest=(30, 30)).equated[3:28] - truth)
        smooth.append(
            equate_scores(x, y, largest=(30, 30), smoothing=LogLinear("aic", 4)).equated[3:28] - truth
        )
    assert np.mean(np.square(smooth)) < np.mean(np.square(raw))


def test_bootstrap_errors_are_those_of_the_large_sample_formula_for_linear_equating() -> None:
    rng = np.random.default_rng(7)
    x, y = (np.clip(np.round(rng.normal(50, 10, 1000)), 0, 100) for _ in range(2))
    result = equate_scores(x, y, method="linear", n_draws=400, seed=8)
    for z in (0, 1, 2):
        formula = np.sqrt(100 * (2 / 1000) * (1 + z**2 / 2))
        assert result.std_error[50 + 10 * z] == pytest.approx(formula, rel=BOOTSTRAP)


def test_paired_scores_have_smaller_errors_than_independent_groups() -> None:
    rng = np.random.default_rng(9)
    theta = rng.standard_normal((800, 1))
    x, y = ((theta + rng.logistic(size=(800, 30)) > 0).sum(axis=1) for _ in range(2))
    paired = equate_scores(x, y, method="linear", paired=True, n_draws=200, seed=1)
    apart = equate_scores(x, y, method="linear", n_draws=200, seed=1)
    assert paired.std_error[15] < 0.75 * apart.std_error[15]


@pytest.mark.parametrize("method", ["chained", "frequency_estimation"])
def test_anchors_remove_a_difference_between_the_groups(method: str) -> None:
    """Two parallel forms taken by groups half a standard deviation apart: without an anchor the forms look unequal."""
    rng = np.random.default_rng(10)
    forms, anchors = [], []
    for shift in (0.0, 0.5):
        theta = rng.standard_normal((20_000, 1)) + shift
        forms.append((1.7 * theta + rng.logistic(size=(20_000, 40)) > np.linspace(-2, 2, 40)).sum(axis=1))
        anchors.append((1.7 * theta + rng.logistic(size=(20_000, 25)) > np.linspace(-2, 2, 25)).sum(axis=1))
    plain = equate_scores(*forms)
    tied = equate_scores(*forms, method=method, anchors=tuple(anchors))  # type: ignore[arg-type]
    middle = slice(8, 33)
    assert (plain.equated - plain.score)[middle].mean() > 2.5
    assert np.abs(tied.equated - tied.score)[middle].mean() < 1.0


def test_frequency_estimation_with_one_population_is_plain_equipercentile() -> None:
    x, y, v = _scores(11), _scores(12), _scores(13, J=10)
    p = equate_scores(x, y, method="frequency_estimation", anchors=(v, v), share=0.3)
    assert p.equated == pytest.approx(equate_scores(x, y).equated, abs=1e-8)


@pytest.fixture(scope="module")
def calibrations() -> tuple[object, object]:
    """Two forms with five common items, taken by groups with different means and spreads."""
    rng = np.random.default_rng(14)
    b = np.array(
        [[-1.5, 0.2], [-0.8, 0.6], [-0.2, 1.0], [0.1, 1.3], [0.6, 1.9], [-1.0, 0.0], [-0.5, 0.5], [0.3, 1.1]]
    )
    extra = b[:3] + 0.5
    fits = []
    for mean, spread, cuts, names in (
        (0.0, 1.0, b, list("abcdefgh")),
        (0.5, 1.3, np.vstack([b[:5], extra]), list("abcdeXYZ")),
    ):
        theta = mean + spread * rng.standard_normal((4000, 1, 1))
        X = (1.6 * (theta - cuts) + rng.logistic(size=(4000, 8, 1)) > 0).sum(axis=2)
        fits.append(fit_irt(pd.DataFrame(X, columns=names), "graded", se=None, quadrature=41))
    return fits[0], fits[1]


@pytest.mark.parametrize("method", ["true_score", "observed_score"])
def test_a_calibration_equates_to_itself_by_the_identity(calibrations: tuple, method: str) -> None:
    result = equate_models(calibrations[0], calibrations[0], method=method)
    assert result.equated == pytest.approx(result.score, abs=1e-6)


def test_true_and_observed_scores_agree_with_the_generating_model(calibrations: tuple) -> None:
    """The last three items of the second form are 0.5 and less harder: its scores are lower."""
    true = equate_models(*calibrations)
    observed = equate_models(*calibrations, method="observed_score")
    b = np.array(
        [[-1.5, 0.2], [-0.8, 0.6], [-0.2, 1.0], [0.1, 1.3], [0.6, 1.9], [-1.0, 0.0], [-0.5, 0.5], [0.3, 1.1]]
    )
    other = np.vstack([b[:5], b[:3] + 0.5])
    theta = np.linspace(-6, 6, 20_001)[:, None, None]

    def expected(cuts: np.ndarray) -> np.ndarray:
        return (1 / (1 + np.exp(-1.6 * (theta - cuts)))).sum(axis=(1, 2))

    truth = np.interp(np.arange(1, 16), expected(b), expected(other))
    assert true.equated[1:16] == pytest.approx(truth, abs=0.12)
    assert observed.equated[2:15] == pytest.approx(truth[1:14], abs=0.2)
    assert true.equated[[0, 16]].tolist() == [0.0, 16.0]


def test_guessing_leaves_low_scores_without_a_latent_value() -> None:
    rng = np.random.default_rng(15)
    theta = rng.standard_normal((3000, 1))
    p = 0.25 + 0.75 / (1 + np.exp(-1.5 * (theta - np.linspace(-1, 1, 12))))
    fit = fit_irt((rng.random((3000, 12)) < p).astype(int), "3pl", se=None, quadrature=31)
    low, high = list(fit.items[:6]), list(fit.items[6:])
    result = equate_models(fit, fit, items_a=low, items_b=high)
    assert result.equated[0] == 0.0
    assert (np.diff(result.equated) > 0).all()
    assert "no latent value" in result.notes[0]


def test_the_link_may_be_given_and_the_table_transforms_scores(calibrations: tuple) -> None:
    link = link_scales(*calibrations, method="haebara")
    result = equate_models(*calibrations, link=link)
    assert result.transform([3.0, 3.5])[1] == pytest.approx(result.equated[3:5].mean())
    assert np.isnan(result.transform([99.0])[0])
    assert result.tidy().columns.tolist() == ["score", "equated", "std_error", "rounded"]
    axes = equate_scores(_scores(1, 200), _scores(2, 200), n_draws=20, seed=1).plot()
    assert axes.get_ylabel() == "equated score minus score"


def test_messages(calibrations: tuple) -> None:
    x = _scores(1, 50)
    with pytest.raises(OptionError, match="choose one of mean, linear"):
        equate_scores(x, x, method="kernel")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="needs anchors"):
        equate_scores(x, x, method="chained")
    with pytest.raises(OptionError, match="takes no anchors"):
        equate_scores(x, x, anchors=(x, x))
    with pytest.raises(OptionError, match="not presmoothed"):
        equate_scores(x, x, method="linear", smoothing=LogLinear())
    with pytest.raises(OptionError, match="from 1 or 'aic'"):
        LogLinear(0)
    with pytest.raises(OptionError, match="between 0 and 1"):
        equate_scores(x, x, share=2.0)
    with pytest.raises(DataError, match="whole numbers"):
        equate_scores(x + 0.5, x)
    with pytest.raises(DataError, match="above largest"):
        equate_scores(x, x, largest=(3, 30))
    with pytest.raises(DataError, match="anchor scores"):
        equate_scores(x, x, method="chained", anchors=(x[:3], x))
    with pytest.raises(DataError, match="every person"):
        equate_scores(x, x[:10], paired=True)
    with pytest.raises(OptionError, match="true_score, observed_score"):
        equate_models(*calibrations, method="kernel")
    with pytest.raises(ModelError, match="not in the calibration"):
        equate_models(*calibrations, items_a=["nope"])
