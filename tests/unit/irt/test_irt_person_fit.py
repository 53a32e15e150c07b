"""Person fit: the correction of the standardised likelihood, its level, and persons who do not fit."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from recoverymetrics.irt import fit_irt
from recoverymetrics.irt.mokken.guttman import van_der_flier

SIMULATION = 0.015
"""Two and a half standard errors of a proportion of 0.05 over 1,500 persons."""
SKEWED = 0.2
"""The statistic is skewed in short tests: its mean is above zero."""


def _answers(n: int, J: int, K: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    theta = rng.standard_normal(n)
    cuts = (
        np.linspace(-1.2, 1.2, J)[:, None] + np.linspace(-1, 1, K - 1)
        if K > 2
        else np.linspace(-2, 2, J)[:, None]
    )
    z = 1.4 * theta[:, None, None] + rng.logistic(size=(n, J, 1))
    return (z > 1.4 * cuts).sum(axis=2), theta


@pytest.mark.parametrize(("K", "model"), [(2, "2pl"), (4, "graded")])
@pytest.mark.parametrize("score", ["ml", "map", "wle"])
def test_the_corrected_statistic_keeps_five_per_cent_and_zh_does_not(K: int, model: str, score: str) -> None:
    X, _ = _answers(1500, 20, K, 11)
    persons = fit_irt(X, model, se=None, quadrature=31).person_fit(score=score)
    kept = persons["lz_star"].notna()
    rate = persons.loc[kept, "flagged"].mean()
    plain = (persons.loc[kept, "zh"] < -1.6449).mean()
    assert rate == pytest.approx(0.05, abs=SIMULATION)
    assert plain < rate
    assert persons.loc[kept, "lz_star"].std() == pytest.approx(1, abs=0.1)
    assert persons.loc[kept, "lz_star"].mean() == pytest.approx(0, abs=SKEWED)


def test_random_answers_are_found() -> None:
    X, _ = _answers(1000, 24, 4, 12)
    X[:80] = np.random.default_rng(13).integers(0, 4, (80, 24))
    persons = fit_irt(X, "graded", se=None, quadrature=31).person_fit()
    assert persons["flagged"][:80].mean() > 0.7
    assert persons["flagged"][80:].mean() < 0.08
    for column, sign in (("u3", 1), ("normed_errors", 1), ("outfit", 1), ("zh", -1)):
        assert sign * (persons[column][:80].median() - persons[column][80:].median()) > 0
    assert persons[["u3", "normed_errors"]].stack().between(0, 1).all()


def test_the_correction_for_the_rasch_model_is_that_of_snijders_by_hand() -> None:
    """Rasch, ML: w = logit-like weights less c, summed by hand for one person."""
    X, _ = _answers(400, 10, 2, 14)
    fit = fit_irt(X, "rasch", se=None, quadrature=31)
    persons, theta = fit.person_fit(score="ml"), fit.scores(method="ml")["estimate"].to_numpy()
    b = (
        fit.item_parameters["b1"].to_numpy()
        if "b1" in fit.item_parameters
        else fit.item_parameters["b"].to_numpy()
    )
    i = int(np.flatnonzero(np.isfinite(theta))[3])
    p = 1 / (1 + np.exp(-(theta[i] - b)))
    w, slope = np.log(p / (1 - p)), p * (1 - p)
    c = np.sum(slope * w) / np.sum(slope)
    by_hand = np.sum((X[i] - p) * w) / np.sqrt(np.sum((w - c) ** 2 * slope))
    assert persons["lz_star"][i] == pytest.approx(by_hand, abs=1e-6)


def test_missing_answers_and_extreme_persons() -> None:
    X, _ = _answers(300, 8, 2, 15)
    frame = pd.DataFrame(X.astype(float))
    frame.iloc[0] = np.nan
    frame.iloc[1, :3] = np.nan
    frame.iloc[2] = 1.0
    persons = fit_irt(frame, "2pl", se=None, quadrature=31)
    persons, extreme = persons.person_fit(), persons.person_fit(score="ml")
    assert np.isnan(extreme["lz_star"][2])
    assert not extreme["flagged"][2]
    assert np.isnan(persons["outfit"][0])
    assert np.isfinite(persons["lz_star"][1])
    assert np.isnan(persons["u3"][1])
    assert persons["u3"][2] == 0


def test_u3_is_zero_for_a_guttman_vector_and_one_for_its_mirror() -> None:
    codes = np.array([[1, 0, 0]] * 6 + [[1, 1, 0]] * 5 + [[1, 1, 1]] * 2 + [[0, 0, 1], [0, 0, 0]])
    value = van_der_flier(codes)
    assert value[:13] == pytest.approx(0)
    assert value[13] == pytest.approx(1)


def test_several_factors_have_no_corrected_statistic() -> None:
    X, _ = _answers(300, 6, 2, 16)
    frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(6)])
    fit = fit_irt(frame, "2pl", structure="f =~ x0 + x1 + x2\ng =~ x3 + x4 + x5", se=None, quadrature=11)
    assert fit.person_fit()["lz_star"].isna().all()
