"""Entry functions of the correlation package: groups, missing data, reports, refusals."""

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

import recoverymetrics as rm
from recoverymetrics.correlation import correlate, polychoric, polyserial, tetrachoric
from recoverymetrics.correlation.ranks import rank_correlations
from recoverymetrics.display import GLOSSARY
from recoverymetrics.numerics.covariance import (
    correlation_acov,
    covariance_acov,
    normal_correlation_acov,
    pairwise_moments,
)
from recoverymetrics.numerics.smoothing import smooth_correlation


def latent(n, p=4, rho=0.5, seed=1):
    rng = np.random.default_rng(seed)
    return np.sqrt(rho) * rng.standard_normal((n, 1)) + np.sqrt(1 - rho) * rng.standard_normal((n, p))


def answers(n=600, missing=0.0, seed=1, cuts=(-1.0, 0.0, 0.9)):
    values = 1.0 + np.digitize(latent(n, seed=seed), cuts)
    values[np.random.default_rng(seed + 100).random(values.shape) < missing] = np.nan
    return pd.DataFrame(values, columns=list("abcd"))


def test_polychoric_gives_frames_with_item_names():
    result = polychoric(answers(), acov=True)
    assert list(result.correlations.columns) == list("abcd")
    assert list(result.thresholds.columns) == ["t1", "t2", "t3"]
    assert result.acov.shape == (12 + 6, 12 + 6)
    assert result.acov.index[0] == "a|t1"
    assert result.acov.index[-1] == "c~~d"
    assert result.admissible
    assert result.converged
    table = result.tidy()
    np.testing.assert_allclose(table["std_error"], np.sqrt(np.diag(result.acov)[12:] / 600), rtol=1e-10)
    assert (table["conf_low"] < table["estimate"]).all()
    assert len(result.tidy_thresholds()) == 12
    assert polychoric(answers()).acov is None


def test_columns_are_in_the_glossary():
    for result in (polychoric(answers()), correlate(answers())):
        assert set(result.tidy().columns) | set(result.glance().columns) <= set(GLOSSARY)


def test_groups_have_their_own_matrices_and_shared_categories():
    data = answers(900)
    data["region"] = np.repeat(["EUR", "AFR", "AMR"], 300)
    result = polychoric(data, group="region", acov=True)
    alone = polychoric(data[data["region"] == "AFR"].drop(columns="region"))
    np.testing.assert_allclose(result.correlations["AFR"], alone.correlations)
    np.testing.assert_allclose(result.thresholds["AFR"], alone.thresholds)
    assert result.groups == ("EUR", "AFR", "AMR")
    assert result.acov["EUR"].shape == (18, 18)
    assert set(result.tidy()["group"]) == {"EUR", "AFR", "AMR"}


def test_category_that_a_group_lacks_is_a_warning_and_a_field():
    data = answers(600)
    data["region"] = np.repeat(["EUR", "AFR"], 300)
    data.loc[(data["region"] == "AFR") & (data["b"] == 4), "b"] = 3
    with pytest.warns(rm.EstimationWarning, match="item 'b': nobody in group 'AFR' chose category 4"):
        result = polychoric(data, group="region")
    assert result.glance()["n_empty_categories"].item() == 1
    assert np.isinf(result.thresholds["AFR"].loc["b", "t3"])
    assert np.isfinite(result.correlations["AFR"].to_numpy()).all()


def test_boundary_and_indefinite_matrices_are_reported_and_smoothing_is_explicit():
    data = answers(200)
    data["e"] = data["a"]
    with pytest.warns(rm.EstimationWarning, match=r"run to \+-1"):
        result = polychoric(data)
    assert result.glance()["n_boundary"].item() == 1
    assert not result.admissible
    assert result.tidy().query("item == 'a' and item_2 == 'e'")["boundary"].item()


def test_smoothing_lifts_negative_eigenvalues_and_says_how_much():
    R = np.array([[1, 0.9, 0.1], [0.9, 1, 0.9], [0.1, 0.9, 1.0]])
    found = smooth_correlation(R)
    assert found.changed
    assert found.smallest_eigenvalue < 0
    assert np.linalg.eigvalsh(found.matrix)[0] > -1e-12
    np.testing.assert_allclose(np.diag(found.matrix), 1.0)
    assert not smooth_correlation(np.eye(3)).changed


def test_missing_pairwise_and_listwise():
    data = answers(800, missing=0.1)
    pairwise = polychoric(data)
    assert pairwise.pair_n.loc["a", "b"] == (data["a"].notna() & data["b"].notna()).sum()
    assert pairwise.glance()["n_missing"].item() == data.isna().to_numpy().sum()
    listwise = polychoric(data, missing="listwise")
    np.testing.assert_allclose(listwise.correlations, polychoric(data.dropna()).correlations)
    assert listwise.glance()["n_dropped"].item() == 800 - len(data.dropna())


def test_an_empty_cell_is_filled_as_psych_fills_it():
    """psych 2.2.9, tetrachoric(correct=.5) of a table with counts 15, 19, 0 and 26, to the 1e-4 of its search."""
    first = np.repeat([0, 0, 1], [15, 19, 26])
    second = np.repeat([0, 1, 1], [15, 19, 26])
    found = tetrachoric(np.column_stack([first, second]), correct=0.5)
    assert found.correlations.iloc[0, 1] == pytest.approx(0.829434470, abs=1e-4)


def test_rank_correlations_are_those_of_the_persons_of_each_pair():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(60, 1)) + rng.normal(size=(60, 3))
    x[rng.random(x.shape) < 0.3] = np.nan
    found = correlate(x, method="spearman")
    both = ~np.isnan(x[:, [0, 2]]).any(axis=1)
    rho = spearmanr(x[both, 0], x[both, 2]).statistic
    assert found.correlations.iloc[0, 2] == pytest.approx(rho, abs=1e-14)
    row = found.tidy().query("item == 'item1' and item_2 == 'item3'").iloc[0]
    assert row["std_error"] == pytest.approx((1 - rho**2) / np.sqrt(both.sum() - 1))
    apart = rank_correlations(np.array([[1.0, np.nan], [2.0, 3.0], [np.nan, 4.0], [3.0, 3.0]]))
    assert np.isnan(apart[0, 1])
    assert np.isnan(rank_correlations(np.array([[1.0, np.nan], [np.nan, 2.0]]))[0, 1])


def test_pearson_agrees_with_pandas():
    data = answers(300, missing=0.2)
    np.testing.assert_allclose(correlate(data).correlations, data.corr(), atol=1e-12)
    np.testing.assert_allclose(correlate(data, missing="listwise").correlations, data.dropna().corr())
    np.testing.assert_allclose(
        correlate(data.dropna(), method="spearman").correlations, data.dropna().corr("spearman")
    )
    np.testing.assert_allclose(
        correlate(data, method="spearman").correlations, data.corr("spearman"), atol=1e-12
    )
    np.testing.assert_allclose(pairwise_moments(data.to_numpy()).covariance, data.cov(), atol=1e-12)


def test_likelihood_correlations_correct_for_what_is_missing_at_random():
    x = pd.DataFrame(latent(4000), columns=list("abcd"))
    np.testing.assert_allclose(correlate(x, missing="fiml").covariance, x.cov(ddof=0), atol=1e-9)
    holed = x.copy()
    holed.loc[holed["a"] > 0.5, "b"] = np.nan  # missing at random given the first column
    found = correlate(holed, missing="fiml")
    assert found.converged
    assert abs(found.means.loc["b", "all"] - x["b"].mean()) < 0.05
    assert abs(holed["b"].mean()) > 0.15


def test_errors_of_likelihood_correlations_are_their_spread():
    def holed(seed):
        x = latent(400, 3, seed=seed)
        x[x[:, 0] > 0.3, 1] = np.nan
        return pd.DataFrame(x, columns=list("abc"))

    draws = [
        correlate(holed(s), missing="fiml").correlations.to_numpy()[np.triu_indices(3, 1)] for s in range(300)
    ]
    errors = np.mean([correlate(holed(s), missing="fiml").tidy()["std_error"] for s in range(20)], axis=0)
    np.testing.assert_allclose(np.std(draws, axis=0), errors, rtol=0.12)
    complete = correlate(latent(5000, 3), missing="fiml", acov=True)
    r = complete.correlations.to_numpy()[np.triu_indices(3, 1)]
    np.testing.assert_allclose(np.diag(complete.acov), (1 - r**2) ** 2, rtol=0.06)


def test_asymptotic_covariances_agree_under_normality():
    x = latent(100_000, 3)
    adf, normal = correlation_acov(x, kind="adf"), correlation_acov(x, kind="normal")
    np.testing.assert_allclose(adf, normal, atol=0.02)
    r = np.corrcoef(x, rowvar=False)
    np.testing.assert_allclose(np.diag(normal_correlation_acov(r)), (1 - r[np.triu_indices(3, 1)] ** 2) ** 2)
    S = np.cov(x, rowvar=False, bias=True)
    np.testing.assert_allclose(
        covariance_acov(x, S, kind="adf"), covariance_acov(None, S, kind="normal"), atol=0.06
    )


def test_acov_of_pearson_gives_the_standard_errors():
    result = correlate(answers(), acov="normal")
    r = result.correlations.to_numpy()[np.triu_indices(4, 1)]
    np.testing.assert_allclose(result.tidy()["std_error"], (1 - r**2) / np.sqrt(600))
    assert result.acov.shape == (6, 6)


def test_fiml_by_group_has_means_and_covariance():
    data = answers(400, missing=0.1)
    data["g"] = np.tile(["x", "y"], 200)
    result = correlate(data, group="g", missing="fiml")
    assert list(result.means.columns) == ["x", "y"]
    assert result.covariance["x"].shape == (4, 4)


def test_polyserial_recovers_and_methods_agree():
    x = latent(5000, 3)
    frame = pd.DataFrame(
        {"score": x[:, 0], "i": np.digitize(x[:, 1], [-1, 0, 1]), "j": np.digitize(x[:, 2], [0.3])}
    )
    two = polyserial(frame, continuous="score")
    ml = polyserial(frame, continuous="score", method="ml")
    adhoc = polyserial(frame, continuous=["score"], method="ad_hoc")
    for result in (two, ml, adhoc):
        assert np.abs(result.correlations["score"] - 0.5).max() < 0.04
    np.testing.assert_allclose(two.tidy()["std_error"], ml.tidy()["std_error"], rtol=0.1)
    assert ml.converged
    assert len(two.glance()) == 1


def test_heat_map_draws_every_cell():
    ax = polychoric(answers()).plot()
    assert ax.get_images()[0].get_array().shape == (4, 4)
    assert len(ax.texts) == 16


def test_result_turns_into_plain_types():
    import json

    assert json.dumps(polychoric(answers()).to_dict())
    assert "polychoric" in polychoric(answers()).summary().lower()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: polychoric({"a": [1, 1, 1], "b": [1, 2, 1]}), rm.DataError, "item 'a' has one category"),
        (lambda: polychoric({"a": [1.5, 2, 1], "b": [1, 2, 1]}), rm.DataError, "not whole numbers"),
        (lambda: polychoric({"a": list(range(40)), "b": [0, 1] * 20}), rm.DataError, "40 distinct values"),
        (lambda: polychoric({"a": [1, 2]}), rm.DataError, "two items"),
        (lambda: polychoric(answers(), missing="drop"), rm.OptionError, "'pairwise', 'listwise'"),
        (lambda: polychoric(answers(), weights=[1, 2]), rm.DataError, "2 values for 600 rows"),
        (lambda: polychoric(answers(), weights=-np.ones(600)), rm.DataError, "not negative"),
        (
            lambda: polychoric({"a": [1, None], "b": [None, 2]}, missing="listwise"),
            rm.DataError,
            "0 of 2 rows",
        ),
        (
            lambda: polychoric(answers(), group=["a"] * 599 + ["b"]),
            rm.DataError,
            "group 'b' has 1 row, too few",
        ),
        (lambda: correlate(answers(1)), rm.DataError, "there is 1 row"),
        (lambda: polychoric(answers()).plot(group="z"), rm.DataError, "no group 'z'; the groups are 'all'"),
        (lambda: polychoric(answers()).tidy(conf_level=95), rm.OptionError, "between 0 and 1"),
        (lambda: tetrachoric(answers()), rm.DataError, "4 categories"),
        (lambda: correlate(answers(), method="kendall"), rm.OptionError, "'pearson'"),
        (lambda: correlate(answers(), method="polychoric", missing="fiml"), rm.OptionError, "continuous"),
        (lambda: correlate(answers(), method="spearman", missing="fiml"), rm.OptionError, "pearson"),
        (lambda: correlate({"a": [1, 1], "b": [1, 2]}), rm.DataError, "'a' does not vary"),
        (lambda: correlate(answers(missing=0.1), acov="adf"), rm.OptionError, "listwise"),
        (lambda: polyserial(answers(), continuous="z"), rm.DataError, "'z'"),
        (lambda: polyserial(answers(), continuous="a", method="x"), rm.OptionError, "two_step"),
    ],
)
def test_refusals_say_what_and_where(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_undefined_correlations_are_missing_and_said():
    data = answers(400)
    data["region"] = np.repeat(["EUR", "AFR"], 200)
    data.loc[data["region"] == "AFR", "a"] = 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rm.EstimationWarning)
        result = polychoric(data, group="region", acov=True)
    assert any("not defined in group 'AFR'" in note for note in result.notes)
    assert result.correlations["AFR"].loc["a", ["b", "c", "d"]].isna().all()
    assert np.isfinite(result.correlations["EUR"].to_numpy()).all()
    assert np.isfinite(result.correlations["AFR"].loc["b", "c"])
    apart = answers(400).astype(float)
    apart.loc[:199, "a"], apart.loc[200:, "b"] = np.nan, np.nan
    with pytest.warns(rm.EstimationWarning, match="a-b"):
        assert np.isnan(polychoric(apart).correlations.loc["a", "b"])
    with pytest.raises(rm.DataError, match="'a' and 'b' are never answered by the same person"):
        correlate(apart, missing="fiml")


def test_categories_may_be_any_whole_numbers():
    data = answers(300, missing=0.1)
    far = data.copy()
    far["a"] = far["a"].map({1: -3, 2: 7, 3: 9000, 4: 9001})
    near = data.copy()
    near["a"] = near["a"].map({1: -3, 2: 7, 3: 90, 4: 91})
    np.testing.assert_allclose(polychoric(far).correlations, polychoric(data).correlations)
    np.testing.assert_allclose(polychoric(near).correlations, polychoric(data).correlations)
    assert polychoric(far).categories[0].tolist() == [-3, 7, 9000, 9001]
