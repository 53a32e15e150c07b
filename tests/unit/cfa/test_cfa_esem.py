import numpy as np
import pandas as pd
import pytest

import recoverymetrics as rm
from recoverymetrics.cfa.esem import BlockRotation, find_blocks, rotated, unrotated, unrotated_start
from recoverymetrics.cfa.estimate import make_objective, minimise
from recoverymetrics.cfa.model import build_layout
from recoverymetrics.cfa.starting import starting_values
from recoverymetrics.errors import ModelError, OptionError

DIFFERENCE = 2e-3  # central differences through an iterative rotation
PLANTED = np.array([[0.8, 0.0], [0.7, 0.1], [0.6, 0.0], [0.0, 0.8], [0.1, 0.7], [0.0, 0.6]])
MODEL = 'efa("b")*f + efa("b")*g =~ x1 + x2 + x3 + x4 + x5 + x6'


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(11)
    psi = np.array([[1.0, 0.3], [0.3, 1.0]])
    factors = rng.multivariate_normal(np.zeros(2), psi, size=800)
    noise = rng.normal(size=(800, 6)) * np.sqrt(1 - np.diag(PLANTED @ psi @ PLANTED.T))
    return pd.DataFrame(factors @ PLANTED.T + noise, columns=[f"x{k}" for k in range(1, 7)])


@pytest.mark.parametrize(
    "rotation", ["geomin", "oblimin", BlockRotation("target", goal=np.where(PLANTED == 0, 0.0, np.nan))]
)
def test_planted_loadings_come_back_in_order(data, rotation):
    fit = rm.fit_cfa(data, MODEL, rotation=rotation)
    tidy = fit.tidy().query("op == '=~'")
    loadings = tidy.estimate.to_numpy().reshape(2, 6).T
    assert np.abs(loadings - PLANTED).max() < 0.12
    assert fit.npar == 6 * 2 + 6 + 1 - 2
    assert fit.test.df == 21 - fit.npar
    assert (tidy.std_error > 0).all()


def test_errors_are_the_delta_method_through_the_rotation(data):
    fit = rm.fit_cfa(data, MODEL)
    blocks = find_blocks(fit.table, fit.sample.covariance)
    plain = unrotated(fit.table, blocks)
    layout = build_layout(plain, fit.layout.threshold_item)
    start = starting_values(plain, fit.sample.covariance, fit.sample.mean, fit.sample.tau)
    start = unrotated_start(plain, start, blocks, fit.sample.covariance)
    objective = make_objective(layout, fit.sample, fit.spec, fit.moments, None)
    theta = minimise(objective, start, fit.sample.total, fit.constraints).theta
    V = np.linalg.inv(objective.metric(theta)) / fit.sample.total
    turn = BlockRotation(n_starts=2)

    def through(point):
        return rotated(fit.table, fit.layout, layout, point, blocks, turn)[0]

    steps = 1e-4 * np.eye(len(theta))
    J = np.array([(through(theta + s) - through(theta - s)) / 2e-4 for s in steps]).T
    by_difference = np.sqrt(np.diag(J @ V @ J.T))
    np.testing.assert_allclose(np.sqrt(np.diag(fit.covariance)), by_difference, rtol=DIFFERENCE)


def test_a_block_can_predict(data):
    rng = np.random.default_rng(3)
    frame = data.assign(y=0.5 * data.x1 + rng.normal(size=len(data)))
    fit = rm.fit_sem(frame, MODEL + "\ny ~ f + g")
    slopes = fit.tidy().query("op == '~'").set_index("rhs").estimate
    assert slopes["f"] > 0.2 > slopes["g"]
    unrotated_fit = rm.fit_sem(frame, "f =~ x1 + x2 + x3 + x4 + x5 + x6\ny ~ f")
    assert fit.test.chi2 < unrotated_fit.test.chi2


def test_blocks_refuse_what_rotation_cannot_keep(data):
    with pytest.raises(ModelError, match="same items"):
        rm.fit_cfa(data, 'efa("b")*f =~ x1 + x2 + x3 + x4\nefa("b")*g =~ x2 + x3 + x4 + x5')
    with pytest.raises(ModelError, match="cannot be fixed"):
        rm.fit_cfa(data, 'efa("b")*f + efa("b")*g =~ a*x1 + x2 + x3 + x4 + x5 + x6')
    with pytest.raises(OptionError, match="geomin"):
        rm.fit_cfa(data, MODEL, rotation="varimin")
