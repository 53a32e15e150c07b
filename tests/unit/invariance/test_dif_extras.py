"""Monte Carlo cut-offs and DIF along a continuous covariate."""

import numpy as np
import pytest
from test_dif_logistic import graded

from recoverymetrics import DataError, OptionError
from recoverymetrics.invariance import detect_covariate_dif, detect_dif


def test_monte_carlo_cut_offs_lie_between_clean_and_shifted_items():
    data = graded(np.random.default_rng(41), [400, 500, 600], n_items=6, shift={(1, 2): 0.7})
    result = detect_dif(data, group="region")
    table = result.monte_carlo(n_draws=20, seed=2).set_index("item")
    assert table.loc["i3", "beyond"]
    assert table.loc["i3", "effect_size"] > table.loc["i3", "effect_critical_max"]
    assert table["beyond"].sum() <= 2
    assert (table["effect_critical"] > 0.02).all()
    np.testing.assert_allclose(
        table["effect_critical"], result.monte_carlo(n_draws=20, seed=2).set_index("item")["effect_critical"]
    )


def test_age_dif_is_found_and_can_be_taken_within_groups():
    rng = np.random.default_rng(42)
    n = 1500
    age = rng.uniform(18, 80, n)
    region = np.where(rng.uniform(size=n) < 0.5, "A", "B")
    theta = rng.normal(size=n) + 0.01 * (age - 50)
    columns = {}
    for j in range(8):
        b = np.array([-1.2, -0.4, 0.4, 1.2]) + (0.03 * (age[:, None] - 50) if j == 3 else 0)
        columns[f"i{j + 1}"] = (1 / (1 + np.exp(-1.6 * (theta[:, None] - b))) > rng.uniform(size=(n, 1))).sum(
            1
        )
    data = {**columns, "age": age, "region": region}
    table = detect_covariate_dif(data, covariate="age", adjust_for="region").set_index("item")
    assert table.index[table["flagged"]].tolist() == ["i4"]
    assert table.loc["i4", "estimate"] < 0
    assert table.loc["i4", "uniform_p_value"] < 1e-10
    alone = detect_covariate_dif({**columns, "age": age}, covariate="age", degree=2).set_index("item")
    assert alone.loc["i4", "flagged"]
    assert (alone["df"] == 4).all()
    gaps = dict(data, age=np.where(rng.uniform(size=n) < 0.1, np.nan, age))
    counted = detect_covariate_dif(gaps, covariate="age", adjust_for="region")
    assert (counted["n"] + counted["n_missing"] == n).all()
    with pytest.raises(DataError, match="'income'"):
        detect_covariate_dif(data, covariate="income")
    with pytest.raises(OptionError, match="degree"):
        detect_covariate_dif(data, covariate="age", degree=9)
