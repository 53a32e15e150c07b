import numpy as np
import pandas as pd
import pytest

import recoverymetrics as rm
from recoverymetrics.cfa.bollen_stine import turned_rows
from recoverymetrics.errors import OptionError

DRAWS = 60
MODEL = "f =~ x1 + x2 + x3 + x4 + x5"


@pytest.fixture(scope="module")
def fit():
    rng = np.random.default_rng(9)
    x = rng.normal(size=(400, 1)) * [0.8, 0.7, 0.6, 0.7, 0.5] + rng.normal(size=(400, 5)) * 0.6
    return rm.fit_cfa(pd.DataFrame(x, columns=[f"x{k}" for k in range(1, 6)]), MODEL, std_lv=True)


def test_parametric_draws_reproduce_standard_errors_and_the_null_distribution(fit):
    found = fit.bootstrap(n_boot=150, kind="parametric", seed=1)
    free = fit.tidy().free > 0
    ratio = found.tidy().std_error[free] / fit.tidy().std_error[free]
    assert ratio.mean() == pytest.approx(1.0, abs=0.1)
    assert found.chi2.mean() == pytest.approx(fit.test.df, abs=1.0)


def test_bollen_stine_holds_the_model_and_does_not_reject_a_true_one(fit):
    found = fit.bootstrap(n_boot=DRAWS, kind="bollen_stine", seed=2)
    assert found.p_value > 0.02
    assert found.chi2.mean() == pytest.approx(fit.test.df, abs=2.0)


def test_same_seed_same_draws(fit):
    a, b = (fit.bootstrap(n_boot=5, seed=3) for _ in range(2))
    np.testing.assert_array_equal(a.draws, b.draws)
    assert a.glance()["n_failed"].item() == 0
    assert {"std_error", "conf_low", "conf_high"} <= set(a.tidy().columns)


def test_ordered_items_are_resampled_by_rows_only(fit):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(300, 1)) + rng.normal(size=(300, 4))
    frame = pd.DataFrame(np.digitize(x, [-1.0, 0.0, 1.0]), columns=[f"x{k}" for k in range(1, 5)])
    ordered = rm.fit_cfa(frame, "f =~ x1 + x2 + x3 + x4", ordered=True)
    assert len(ordered.bootstrap(n_boot=3, seed=1).chi2) == 3
    with pytest.raises(OptionError, match="nonparametric"):
        ordered.bootstrap(kind="bollen_stine")
    with pytest.raises(OptionError, match="choose from"):
        fit.bootstrap(kind="jackknife")


def test_cutoffs_loosen_with_misspecification(fit):
    table = fit.dynamic_cutoffs(n_sim=40, seed=4)
    assert table["level"].tolist() == [0, 1, 2, 3]
    assert table["power"].iloc[-1] >= table["power"].iloc[0]


class TestMissing:
    @staticmethod
    def data(seed, n=400, *, fits=True):
        """A quarter of the answers missing at random given the first item; the model misses a residual covariance unless it fits."""
        rng = np.random.default_rng(seed)
        noise = rng.normal(size=(n, 5)) * 0.6
        if not fits:
            noise[:, :2] += 0.4 * rng.normal(size=(n, 1))
        x = rng.normal(size=(n, 1)) * [0.8, 0.7, 0.6, 0.7, 0.5] + noise
        frame = pd.DataFrame(x, columns=[f"x{k}" for k in range(1, 6)])
        gone = (rng.random((n, 4)) < 0.2) | ((x[:, [0]] > 0.5) & (rng.random((n, 4)) < 0.2))
        frame[["x2", "x3", "x4", "x5"]] = frame[["x2", "x3", "x4", "x5"]].mask(gone)
        return frame

    def test_the_model_holds_exactly_in_the_turned_rows(self):
        data = self.data(1, fits=False)
        fit = rm.fit_cfa(data, MODEL, missing="fiml")
        rows = turned_rows(fit)[0]
        np.testing.assert_array_equal(np.isnan(rows), data.isna())
        again = rm.fit_cfa(pd.DataFrame(rows, columns=data.columns), MODEL, missing="fiml")
        assert fit.test.chi2 > 12
        assert again.test.chi2 < 1e-6
        np.testing.assert_allclose(again.theta, fit.theta, atol=1e-5)

    def test_two_groups_with_equal_intercepts(self):
        data = pd.concat([self.data(1).assign(g="A"), self.data(2).assign(g="B")], ignore_index=True)
        fit = rm.fit_cfa(data, MODEL, missing="fiml", group="g", equal=("loadings", "intercepts"))
        found = fit.bootstrap(n_boot=20, kind="bollen_stine", seed=1)
        assert found.chi2.mean() == pytest.approx(fit.test.df, rel=0.4)

    def test_parametric_draws_are_missing_where_the_data_are(self):
        fit = rm.fit_cfa(self.data(3), MODEL, missing="fiml")
        found = fit.bootstrap(n_boot=40, kind="parametric", seed=1)
        free = fit.tidy().free > 0
        ratio = found.tidy().std_error[free] / fit.tidy().std_error[free]
        assert ratio.mean() == pytest.approx(1.0, abs=0.12)

    def test_a_wrong_model_is_rejected(self):
        fit = rm.fit_cfa(self.data(1, fits=False), MODEL, missing="fiml")
        assert fit.bootstrap(n_boot=DRAWS, kind="bollen_stine", seed=1).p_value < 0.05

    @pytest.mark.slow
    def test_the_test_holds_its_level(self):
        p_values = [
            rm.fit_cfa(self.data(seed, 250), MODEL, missing="fiml")
            .bootstrap(n_boot=99, kind="bollen_stine", seed=1)
            .p_value
            for seed in range(60)
        ]
        assert 0.0 <= np.mean(np.array(p_values) < 0.05) <= 0.14  # three standard errors above 5% of 60
        assert np.mean(p_values) == pytest.approx(0.5, abs=0.11)
