"""Permutation, leave-one-group-out and equivalence tests of a ladder."""

import numpy as np
import pytest
from scipy.stats import ncx2
from test_ladder import MODEL, factor_data

from recoverymetrics import OptionError
from recoverymetrics.invariance import check_invariance
from recoverymetrics.invariance.ladder.equivalence import t_size


@pytest.fixture(scope="module")
def broken():
    data = factor_data(31, [250, 250, 250], shift={(2, 1): 0.6})
    return check_invariance(data, MODEL, group="region", levels=["metric", "scalar"])


@pytest.mark.slow
def test_permutation_rejects_the_broken_step_only(broken):
    scalar = broken.permutation_test("scalar", n_permutations=19, seed=1).set_index("term")
    assert (scalar["p_value"] <= 1 / 20 + 1e-12).all()
    metric = broken.permutation_test("metric", n_permutations=19, seed=1).set_index("term")
    assert metric.loc["delta_chi2", "p_value"] > 0.05
    few = broken.permutation_test("metric", n_permutations=3, seed=1)
    assert few.equals(broken.permutation_test("metric", n_permutations=3, seed=1))
    with pytest.raises(OptionError, match="metric, scalar"):
        broken.permutation_test("strict")


def test_leaving_out_the_deviant_group_mends_the_ladder(broken):
    table = broken.leave_one_out()
    highest = table.groupby("left_out")["highest_level"].first()
    assert highest[""] == "metric"
    assert highest["R3"] == "scalar"
    assert highest["R1"] == "metric"
    pair = check_invariance(factor_data(1, [200, 200]), MODEL, group="region", levels=["metric"])
    with pytest.raises(OptionError, match="three groups"):
        pair.leave_one_out()


def test_t_size_inverts_the_noncentral_distribution():
    delta = t_size(150.0, 100)
    assert ncx2.cdf(150.0, 100, delta) == pytest.approx(0.05, abs=1e-8)
    assert t_size(20.0, 100) == 0.0
    assert t_size(150.0, 100, alpha=0.5) < delta


def test_equivalence_table_tells_the_steps_apart(broken):
    table = broken.equivalence().set_index("level")
    assert table.loc["metric", "t_rmsea_step"] < 0.5 * table.loc["scalar", "t_rmsea_step"]
    assert table.loc["scalar", "band_step"] == "poor"
    assert np.isnan(table.loc["configural", "t_rmsea_step"])
