"""Reliabilities of scales that the same persons answered."""

import numpy as np
import pandas as pd
import pytest

from recoverymetrics import reliability as rel
from recoverymetrics.errors import DataError, OptionError

LONG, SHORT, OTHER = list("abcdef"), list("abc"), list("ghi")
SCALES = {"long": LONG, "short": SHORT, "other": OTHER}


def answers(n: int = 400, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(rng.normal(size=(n, 1)) + rng.normal(size=(n, 9)), columns=list("abcdefghi"))


@pytest.mark.parametrize("coefficient", ["alpha", "lambda2", "omega_total"])
def test_differences_and_their_errors_agree_with_the_bootstrap(coefficient: str) -> None:
    data = answers()
    table = rel.compare_scales(data, SCALES, coefficient=coefficient).tidy()
    functions = {
        "alpha": rel.cronbach_alpha,
        "lambda2": rel.guttman_lambdas,
        "omega_total": rel.mcdonald_omega,
    }
    value = {name: functions[coefficient](data, items=items).estimate for name, items in SCALES.items()}
    for _, row in table.iterrows():
        assert row["estimate"] == pytest.approx(value[row["scale_2"]] - value[row["scale"]], abs=1e-7)
    if coefficient == "alpha":
        rng = np.random.default_rng(2)
        x = data.to_numpy()
        draws = []
        for _ in range(400):
            S = np.cov(x[rng.integers(0, 400, 400)].T)
            parts = [S[np.ix_(own, own)] for own in (range(6), range(3))]
            draws.append([len(s) / (len(s) - 1) * (1 - np.trace(s) / s.sum()) for s in parts])
        spread = np.diff(draws, axis=1).std(ddof=1)
        assert table["std_error"][0] == pytest.approx(spread, rel=0.1)


def test_equal_dependent_alphas_are_rejected_at_the_nominal_rate() -> None:
    p_wald, covered = [], []
    for seed in range(300):
        row = rel.compare_scales(answers(150, seed), {"first": SHORT, "other": OTHER}).tidy().iloc[0]
        p_wald.append(row["p_value"])
        covered.append(row["conf_low"] < 0 < row["conf_high"])
    assert np.mean(np.array(p_wald) < 0.05) == pytest.approx(0.05, abs=0.03)
    assert np.mean(covered) == pytest.approx(0.95, abs=0.03)


def test_omnibus_and_groups() -> None:
    data = answers().assign(region=["EUR", "AFR"] * 200)
    result = rel.compare_scales(data, SCALES, group="region")
    assert result.omnibus["df"].tolist() == [2, 2]
    assert len(result.tidy()) == 6
    assert result.glance()["n_scales"][0] == 3
    ax = result.plot()
    shown = sorted(
        zip(ax.get_yticks(), (t.get_text() for t in ax.get_yticklabels()), strict=True), reverse=True
    )
    assert [text for _, text in shown[:4]] == ["short − long", "EUR", "AFR", "other − long"]


def test_the_same_scale_twice_has_no_difference() -> None:
    result = rel.compare_scales(answers(), {"one": SHORT, "again": SHORT})
    row = result.tidy().iloc[0]
    assert row["estimate"] == 0
    assert row["conf_low"] == pytest.approx(0, abs=0.02)
    assert np.isnan(row["p_value"])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: rel.compare_scales(answers(), {"one": SHORT}), DataError, "at least two scales"),
        (lambda: rel.compare_scales(answers(), {"one": ["a"], "two": SHORT}), DataError, "scale 'one' has 1"),
        (
            lambda: rel.compare_scales(
                answers(), {"one": ["a", "b"], "two": SHORT}, coefficient="omega_total"
            ),
            DataError,
            "at least 3",
        ),
        (lambda: rel.compare_scales(answers(), SCALES, coefficient="glb"), OptionError, "alpha, lambda2"),
        (lambda: rel.compare_scales(answers(), SCALES, adjust="sidak"), OptionError, "holm, bh"),
    ],
)
def test_refusals(call, error, message: str) -> None:
    with pytest.raises(error, match=message):
        call()
