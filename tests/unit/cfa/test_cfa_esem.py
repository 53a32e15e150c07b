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


def errors_through_the_rotation(fit):
    """Standard errors of the rotated parameters by differences of the rotation itself."""
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
    return np.sqrt(np.diag(J @ V @ J.T))


def test_errors_are_the_delta_method_through_the_rotation(data):
    fit = rm.fit_cfa(data, MODEL)
    np.testing.assert_allclose(
        np.sqrt(np.diag(fit.covariance)), errors_through_the_rotation(fit), rtol=DIFFERENCE
    )


class TestGroups:
    @staticmethod
    def frame(seed, n=700):
        """Equal loadings and intercepts; the second group's factors vary more, correlate and lie higher."""
        rng = np.random.default_rng(seed)
        parts = []
        for name, psi, mean in (
            ("A", [[1, 0.3], [0.3, 1]], [0, 0]),
            ("B", [[1.5, 0.5], [0.5, 0.8]], [0.4, -0.2]),
        ):
            factors = rng.multivariate_normal(mean, psi, size=n)
            x = factors @ PLANTED.T + 0.6 * rng.normal(size=(n, 6))
            parts.append(pd.DataFrame(x, columns=[f"x{k}" for k in range(1, 7)]).assign(country=name))
        return pd.concat(parts, ignore_index=True)

    @pytest.fixture(scope="class")
    @classmethod
    def fits(cls):
        steps = {"configural": (), "metric": ("loadings",), "scalar": ("loadings", "intercepts")}
        return {
            name: rm.fit_cfa(cls.frame(5), MODEL, group="country", equal=equal)
            for name, equal in steps.items()
        }

    def test_loadings_are_equal_after_rotation_and_the_other_group_is_free(self, fits):
        for name in ("metric", "scalar"):
            tidy = fits[name].tidy()
            loadings = tidy[tidy.op == "=~"].pivot_table(
                index="group", columns=["lhs", "rhs"], values="estimate"
            )
            np.testing.assert_allclose(loadings.loc["A"], loadings.loc["B"], atol=1e-12)
            psi = tidy[(tidy.group == "B") & (tidy.op == "~~") & tidy.lhs.isin(["f", "g"])].estimate
            np.testing.assert_allclose(sorted(psi), [0.5, 0.8, 1.5], atol=0.25)
        tidy = fits["scalar"].tidy()
        means = tidy[(tidy.group == "B") & (tidy.op == "~1") & tidy.lhs.isin(["f", "g"])].estimate
        np.testing.assert_allclose(means, [0.4, -0.2], atol=0.15)

    def test_degrees_of_freedom_count_the_restrictions(self, fits):
        # loadings: 12 numbers less the 4 that the other group's factor covariances take back; intercepts: 6 less 2 means
        assert [fit.test.df for fit in fits.values()] == [8, 16, 20]
        assert (rm.compare_models(*fits.values())["delta_p"].iloc[1:] > 0.01).all()

    def test_the_metric_model_is_the_echelon_model_rotated(self, fits):
        echelon = "f =~ x1 + x2 + x3 + x4 + x5 + x6\ng =~ 0*x1 + x2 + x3 + x4 + x5 + x6\nf ~~ c(0, NA)*g"
        plain = rm.fit_cfa(self.frame(5), echelon, group="country", equal="loadings", std_lv=True)
        assert fits["metric"].test.df == plain.test.df
        assert fits["metric"].test.chi2 == pytest.approx(plain.test.chi2, rel=1e-6)

    @pytest.mark.parametrize("name", ["metric", "scalar"])
    def test_errors_are_the_delta_method_through_the_rotation(self, fits, name):
        errors = np.sqrt(np.diag(fits[name].covariance))
        np.testing.assert_allclose(
            errors, errors_through_the_rotation(fits[name]), rtol=DIFFERENCE, atol=1e-6
        )

    def test_ordered_items_take_the_same_ladder(self):
        data = self.frame(6)
        items = [f"x{k}" for k in range(1, 7)]
        data[items] = np.searchsorted([-0.6, 0.3, 1.0], data[items])
        steps = [(), ("thresholds",), ("thresholds", "loadings"), ("thresholds", "loadings", "intercepts")]
        fits = [rm.fit_cfa(data, MODEL, ordered=True, group="country", equal=step) for step in steps]
        assert [fit.test.df for fit in fits] == [8, 14, 22, 26]
        assert (rm.compare_models(*fits)["delta_p"].iloc[1:] > 0.001).all()

    def test_single_loadings_cannot_be_freed(self):
        with pytest.raises(ModelError, match="makes all of them equal"):
            rm.fit_cfa(self.frame(5), MODEL, group="country", equal="loadings", free="f=~x2")


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
