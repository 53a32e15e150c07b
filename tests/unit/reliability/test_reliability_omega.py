"""Omegas: one factor, categorical, hierarchical, from a fitted model; estimate_reliability."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from recoverymetrics import reliability as rel
from recoverymetrics.cfa import fit_cfa
from recoverymetrics.correlation import ordinal_moments
from recoverymetrics.errors import DataError, EstimationWarning, ModelError, OptionError
from recoverymetrics.reliability.bifactor import bifactor_indices
from recoverymetrics.reliability.coefficients import alpha, alpha_gradient
from recoverymetrics.reliability.green_yang import green_yang, green_yang_derivatives, sum_covariances
from recoverymetrics.reliability.htmt import htmt_ratio
from recoverymetrics.reliability.jackknife import GROUPS, grouped_influence
from recoverymetrics.reliability.moments import moments
from recoverymetrics.reliability.omega import omega_gradient, omega_total
from recoverymetrics.reliability.one_factor import fit_one_factor
from recoverymetrics.reliability.ordinal_groups import Slope, read_ordinal

LOADING = np.array([0.4, 0.6, 0.7, 0.8, 0.9])
POPULATION = LOADING.sum() ** 2 / (LOADING.sum() ** 2 + np.sum(1 - LOADING**2))


def continuous(n: int = 1000, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 1)) * LOADING + rng.normal(size=(n, 5)) * np.sqrt(1 - LOADING**2)


def ordinal(n: int = 1000, seed: int = 1) -> pd.DataFrame:
    return pd.DataFrame(np.digitize(continuous(n, seed), [-1.0, 0.2, 1.1]), columns=list("abcde"))


def gradient(f, S: np.ndarray, h: float = 1e-5) -> np.ndarray:
    G = np.zeros_like(S)
    for i in range(len(S)):
        for j in range(i + 1):
            E = np.zeros_like(S)
            E[i, j] = E[j, i] = h
            G[i, j] = G[j, i] = (f(S + E) - f(S - E)) / (2 * h) * (1.0 if i == j else 0.5)
    return G


@pytest.mark.parametrize("extraction", ["ml", "minres"])
def test_a_perfect_one_factor_matrix_is_recovered(extraction: str) -> None:
    S = np.outer(LOADING, LOADING) + np.diag(1 - LOADING**2)
    scale = np.arange(1.0, 6.0)
    fit = fit_one_factor(S * np.outer(scale, scale), extraction)
    assert fit.loadings == pytest.approx(LOADING * scale, abs=1e-7)
    assert fit.uniquenesses == pytest.approx((1 - LOADING**2) * scale**2, abs=1e-6)
    assert fit.converged
    assert fit.admissible


def test_maximum_likelihood_cannot_be_improved() -> None:
    S = np.cov(continuous(200).T)
    fit = fit_one_factor(S)

    def discrepancy(loadings: np.ndarray, unique: np.ndarray) -> float:
        Sigma = np.outer(loadings, loadings) + np.diag(unique)
        return np.linalg.slogdet(Sigma)[1] + np.trace(S @ np.linalg.inv(Sigma))

    best = discrepancy(fit.loadings, fit.uniquenesses)
    rng = np.random.default_rng(0)
    for _ in range(200):
        step = rng.normal(size=10) * 1e-3
        assert discrepancy(fit.loadings + step[:5], fit.uniquenesses + step[5:]) > best


def test_a_stack_is_fitted_like_its_members() -> None:
    stack = np.array([np.cov(continuous(300, seed).T) for seed in range(6)]).reshape(2, 3, 5, 5)
    together = fit_one_factor(stack)
    assert together.loadings.shape == (2, 3, 5)
    assert together.loadings[1, 2] == pytest.approx(fit_one_factor(stack[1, 2]).loadings, abs=1e-8)


def test_loadings_point_up() -> None:
    assert fit_one_factor(np.cov(-continuous().T)).loadings.sum() > 0


@pytest.mark.parametrize("extraction", ["ml", "minres"])
@pytest.mark.parametrize("denominator", ["implied", "observed"])
def test_derivatives_through_the_fit_are_exact(extraction: str, denominator: str) -> None:
    S = np.cov((continuous(400) ** 3).T)  # far from one factor and from normality
    fit = fit_one_factor(S, extraction)
    numeric = gradient(lambda T: omega_total(T, fit_one_factor(T, extraction), denominator), S, 1e-4)
    assert omega_gradient(S, fit, extraction, denominator) == pytest.approx(numeric, abs=1e-7)


@pytest.mark.parametrize("extraction", ["ml", "minres"])
@pytest.mark.parametrize("interval", ["robust", "normal_theory", "bootstrap"])
def test_omega_recovers_the_population(extraction: str, interval: str) -> None:
    row = (
        rel.mcdonald_omega(continuous(3000), extraction=extraction, interval=interval, seed=1)
        .glance()
        .iloc[0]
    )
    assert row["conf_low"] < POPULATION < row["conf_high"]
    S = np.outer(LOADING, LOADING) + np.diag(1 - LOADING**2)
    G = omega_gradient(S, fit_one_factor(S), "ml", "implied", expected=True)
    asymptotic = np.sqrt(2 * np.trace(G @ S @ G @ S) / 3000)
    assert row["std_error"] == pytest.approx(asymptotic, rel=0.1)


def test_omega_equals_alpha_for_equal_covariances() -> None:
    S = np.full((4, 4), 0.5) + np.diag([0.5, 0.7, 0.9, 1.1])
    root = np.linalg.cholesky(S)
    z = np.random.default_rng(0).normal(size=(200, 4))
    z -= z.mean(0)
    x = z @ np.linalg.inv(np.linalg.cholesky(np.cov(z.T)).T) @ root.T
    assert rel.mcdonald_omega(x).estimate == pytest.approx(rel.cronbach_alpha(x).estimate, abs=1e-8)


def test_heywood_case_is_a_warning_and_a_flag() -> None:
    rng = np.random.default_rng(3)
    R = np.array([[1, 0.8, 0.8], [0.8, 1, 0.5], [0.8, 0.5, 1]])
    x = rng.multivariate_normal(np.zeros(3), R, size=5000)
    with pytest.warns(EstimationWarning, match="Heywood"):
        result = rel.mcdonald_omega(x)
    assert not result.admissible
    assert result.converged


CROSSED = {"a": [1, 1, 2, 2, 3], "b": [1, 2, 2, 1, 3], "c": [2, 1, 1, 2, 1.5], "d": [1, 3, 2, 3, 1]}


@pytest.mark.filterwarnings("ignore::recoverymetrics.EstimationWarning")
def test_polychorics_at_one_have_no_precision_to_weigh_by() -> None:
    few = {"a": [2, 2, 4, 4, 2, 3, 3, 2], "b": [1, 2, 4, 3, 1, 2, 2, 2], "c": [2, 2, 4, 4, 2, 4, 2, 4]}
    with pytest.raises(DataError, match=r"run to \+-1 in these 8 persons \(b-c"):
        rel.categorical_omega(few)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: rel.mcdonald_omega(continuous()[:, :2]), DataError, "at least 3 items"),
        (lambda: rel.mcdonald_omega(continuous(), extraction="pa"), OptionError, "ml, minres"),
        (lambda: rel.mcdonald_omega(continuous(), denominator="total"), OptionError, "implied, observed"),
        (lambda: rel.mcdonald_omega(continuous(), interval="feldt"), OptionError, "robust, normal_theory"),
        (lambda: rel.hierarchical_omega(continuous(), 1), ModelError, "at least two group factors"),
        (lambda: rel.estimate_reliability(ordinal(), scales={}), DataError, "names no scale"),
        (lambda: rel.estimate_reliability(ordinal(), scales={"s": ["a", "zz"]}), DataError, "zz"),
        (lambda: rel.categorical_omega(ordinal(), items=["a", "b"]), DataError, "at least 3 items"),
        (
            lambda: rel.heterotrait_monotrait(CROSSED, {"s": ["a", "b"], "t": ["c", "d"]}),
            DataError,
            "two items of scales 's' and 't' correlate exactly 0.*method='htmt'",
        ),
        (lambda: rel.heterotrait_monotrait(ordinal(), {"s": ["a", "b"]}), DataError, "at least two scales"),
        (lambda: rel.heterotrait_monotrait(ordinal(), {"s": ["a", "b"], "t": ["c"]}), DataError, "scale 't'"),
    ],
)
def test_refusals(call, error, message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_sum_covariances_are_those_of_categorised_normals() -> None:
    tau = np.array([[-0.5, 0.8], [0.3, np.inf]])
    R = np.array([[1, 0.6], [0.6, 1]])
    x = np.random.default_rng(1).multivariate_normal([0, 0], R, size=400_000)
    categories = np.column_stack([np.digitize(x[:, 0], tau[0]), np.digitize(x[:, 1], tau[1, :1])])
    assert sum_covariances(tau, R) == pytest.approx(np.cov(categories.T), abs=0.003)


def test_green_yang_tends_to_the_latent_omega_with_many_categories() -> None:
    tau = np.tile(stats.norm.ppf(np.linspace(0.004, 0.996, 60)), (5, 1))
    common = np.outer(LOADING, LOADING)
    total = common + np.diag(1 - LOADING**2)
    assert green_yang(tau, common, total) == pytest.approx(POPULATION, abs=0.01)


def test_green_yang_derivatives_match_finite_differences() -> None:
    tau = np.array([[-0.5, 0.8], [0.3, np.inf], [-1.0, 0.2]])
    loading = np.array([0.5, 0.6, 0.8])
    R = np.array([[1, 0.35, 0.38], [0.35, 1, 0.5], [0.38, 0.5, 1]])
    d = green_yang_derivatives(tau, loading, R)
    h = 1e-5
    for j in range(3):
        e = np.eye(3)[j] * h
        up, down = (green_yang(tau, np.outer(x, x), R) for x in (loading + e, loading - e))
        assert d.by_loading[j] == pytest.approx((up - down) / (2 * h), abs=1e-7)
        for t in range(2):
            if np.isinf(tau[j, t]):
                assert d.by_threshold[j, t] == 0
                continue
            step = np.zeros_like(tau)
            step[j, t] = h
            values = [green_yang(tau + s * step, np.outer(loading, loading), R) for s in (1, -1)]
            assert d.by_threshold[j, t] == pytest.approx((values[0] - values[1]) / (2 * h), abs=1e-7)
    E = np.zeros((3, 3))
    E[0, 1] = E[1, 0] = h
    values = [green_yang(tau, np.outer(loading, loading), R + s * E) for s in (1, -1)]
    assert d.by_correlation[0, 1] == pytest.approx((values[0] - values[1]) / (2 * h), abs=1e-7)


def test_categorical_omega_is_the_reliability_of_the_sum_score() -> None:
    result = rel.categorical_omega(ordinal(5000))
    parallel = []
    rng = np.random.default_rng(2)
    factor = rng.normal(size=(200_000, 1))
    for _ in range(2):
        latent = factor * LOADING + rng.normal(size=(200_000, 5)) * np.sqrt(1 - LOADING**2)
        parallel.append(np.digitize(latent, [-1.0, 0.2, 1.1]).sum(1))
    truth = np.corrcoef(parallel)[0, 1]
    row = result.glance().iloc[0]
    assert row["conf_low"] < truth < row["conf_high"]
    assert row["estimate"] == pytest.approx(truth, abs=0.01)
    assert result.tidy()["estimate"][1] > truth  # of the latent responses


def test_categorical_standard_errors_agree_with_the_spread_over_samples() -> None:
    fits = [rel.categorical_omega(ordinal(500, seed)).tidy() for seed in range(60)]
    for row in (0, 1):
        spread = np.std([fit["estimate"][row] for fit in fits], ddof=1)
        assert np.mean([fit["std_error"][row] for fit in fits]) == pytest.approx(spread, rel=0.25)


def test_ordinal_alpha_is_named_for_what_it_is() -> None:
    result = rel.ordinal_alpha(ordinal())
    assert "not the reliability of the observed sum score" in result.notes[0]
    assert "not the reliability of the observed sum score" in result.summary()
    assert result.estimate > rel.cronbach_alpha(ordinal()).estimate
    table = result.items.set_index("item")["alpha_if_deleted"]
    assert table["a"] == pytest.approx(rel.ordinal_alpha(ordinal(), items=list("bcde")).estimate)


def test_bifactor_indices_of_a_known_structure() -> None:
    general = np.full(6, 0.6)
    specific = np.zeros((6, 2))
    specific[:3, 0], specific[3:, 1] = 0.5, 0.4
    L = np.column_stack([general, specific])
    S = L @ L.T
    np.fill_diagonal(S, 1)
    x = bifactor_indices(general, specific, S)
    V = S.sum()
    assert x.omega_hierarchical == pytest.approx(3.6**2 / V)
    assert x.omega_total == pytest.approx((3.6**2 + 1.5**2 + 1.2**2) / V)
    assert x.ecv == pytest.approx(6 * 0.36 / (6 * 0.36 + 3 * 0.25 + 3 * 0.16))
    assert x.puc == pytest.approx(9 / 15)
    assert x.specific_of_total == pytest.approx((1.5**2 + 1.2**2) / V)
    with pytest.raises(DataError, match="do not fit"):
        bifactor_indices(general[:3], specific, S)


def test_hierarchical_omega_recovers_a_planted_general_factor() -> None:
    rng = np.random.default_rng(5)
    general = rng.normal(size=(3000, 1)) * 0.6
    groups = np.repeat(rng.normal(size=(3000, 3)), 4, axis=1) * 0.5
    x = general + groups + rng.normal(size=(3000, 12)) * np.sqrt(1 - 0.61)
    result = rel.hierarchical_omega(x, 3, interval=rel.Bootstrap(n_draws=40, seed=1))
    truth = (12 * 0.6) ** 2 / ((12 * 0.6) ** 2 + 3 * 4 + 12 * 0.39)
    row = result.glance().iloc[0]
    assert row["estimate"] == pytest.approx(truth, abs=0.03)
    assert row["conf_low"] < truth < row["conf_high"]
    assert result.items["F1*"].abs().max() > 0.4


def test_items_that_point_down_are_reported_or_flipped() -> None:
    rng = np.random.default_rng(5)
    x = (
        rng.normal(size=(2000, 1))
        + np.repeat(rng.normal(size=(2000, 3)), 3, axis=1) * 0.8
        + rng.normal(size=(2000, 9))
    )
    straight = rel.hierarchical_omega(x, 3).estimate
    x[:, 0] *= -1
    with pytest.warns(EstimationWarning, match="item1"):
        rel.hierarchical_omega(x, 3)
    assert rel.hierarchical_omega(x, 3, flip=True).estimate == pytest.approx(straight, abs=1e-6)


def test_model_reliability_of_one_factor_is_omega_with_the_same_error() -> None:
    data = pd.DataFrame(continuous(800), columns=list("abcde"))
    fit = fit_cfa(data, "f =~ a + b + c + d + e")
    ours, direct = rel.model_reliability(fit), rel.mcdonald_omega(data, interval="normal_theory")
    assert ours.estimate == pytest.approx(direct.estimate, abs=1e-6)
    assert ours.glance()["std_error"][0] == pytest.approx(direct.glance()["std_error"][0], rel=1e-2)
    assert set(ours.tidy()["term"]) == {"omega", "ave"}


def test_model_reliability_of_a_bifactor_model_is_omega_hierarchical() -> None:
    rng = np.random.default_rng(8)
    x = rng.normal(size=(3000, 1)) * 0.7 + np.repeat(rng.normal(size=(3000, 3)), 3, axis=1) * 0.5
    x += rng.normal(size=(3000, 9)) * 0.5
    data = pd.DataFrame(x, columns=[f"x{j}" for j in range(9)])
    parts = ["+".join(f"x{j}" for j in range(start, start + 3)) for start in (0, 3, 6)]
    model = "\n".join(["g =~ " + "+".join(parts), *(f"s{k} =~ {part}" for k, part in enumerate(parts))])
    table = rel.model_reliability(fit_cfa(data, model, orthogonal=True, std_lv=True)).tidy()
    variance = (9 * 0.7) ** 2 + 3 * 1.5**2 + 9 * 0.25
    general = table[(table["factor"] == "g") & (table["term"] == "omega")].iloc[0]
    assert general["estimate"] == pytest.approx((9 * 0.7) ** 2 / variance, abs=0.04)
    assert general["conf_low"] < general["estimate"] < general["conf_high"]
    total = table[table["factor"] == "total"]["estimate"].iloc[0]
    assert total == pytest.approx(1 - 9 * 0.25 / variance, abs=0.02)
    terms = table.pivot(index="factor", columns="term", values="estimate")
    assert terms.loc["g", "ecv"] == pytest.approx(0.49 / 0.74, abs=0.03)
    assert terms["ecv"].sum() == pytest.approx(1)
    assert terms["puc"].dropna().to_dict() == pytest.approx({"g": 27 / 36})
    ratio = 9 * (0.49 / 0.99) / (1 - 0.49 / 0.99)
    assert terms.loc["g", "construct_h"] == pytest.approx(ratio / (1 + ratio), abs=0.02)
    errors = table[table["term"] == "ecv"].set_index("factor")["std_error"]
    assert 0 < errors["g"] < 0.05
    assert table[table["term"] == "puc"]["std_error"].tolist() == pytest.approx([0.0], abs=1e-12)


def test_htmt_derivative_and_planted_correlation() -> None:
    rng = np.random.default_rng(1)
    factors = rng.multivariate_normal([0, 0], [[1, 0.6], [0.6, 1]], size=40_000)
    x = np.repeat(factors, 3, axis=1) * [0.9, 0.7, 0.6, 0.8, 0.7, 0.6] + rng.normal(size=(40_000, 6))
    m = moments(x, tuple("abcdef"))
    for geometric in (True, False):
        ratio, G = htmt_ratio(m.R, np.arange(3), np.arange(3, 6), geometric=geometric)
        assert ratio == pytest.approx(0.6, abs=0.05)
        E = np.zeros((6, 6))
        E[0, 4] = E[4, 0] = 1e-6
        up, down = (
            htmt_ratio(m.R + s * E, np.arange(3), np.arange(3, 6), geometric=geometric)[0] for s in (1, -1)
        )
        assert 2 * G[0, 4] == pytest.approx((up - down) / 2e-6, abs=1e-6)


def test_estimate_reliability_by_scale_and_group() -> None:
    data = pd.concat([ordinal(400, 1), ordinal(400, 2)]).assign(region=["EUR"] * 400 + ["AFR"] * 400)
    result = rel.estimate_reliability(
        data, group="region", scales={"long": list("abcde"), "short": ["d", "e"]}
    )
    table = result.tidy()
    assert list(table.columns[:3]) == ["scale", "group", "term"]
    assert len(table) == 2 * 5 + 2 * 4  # no omega for two items
    alone = rel.mcdonald_omega(data[data["region"] == "EUR"].drop(columns="region"))
    row = table.query("scale == 'long' and group == 'EUR' and term == 'omega_total'").iloc[0]
    assert row["estimate"] == pytest.approx(alone.estimate)
    assert (table["conf_low"] < table["estimate"]).all()
    assert (table["conf_high"] > table["estimate"]).all()
    glance = result.glance().iloc[0]
    assert (glance["n"], glance["n_scales"], glance["n_groups"]) == (800, 2, 2)
    assert len(result.tests) == 3
    assert result.items["scale"].nunique() == 2
    drawn = rel.estimate_reliability(data, items=list("abc"), bootstrap=rel.Bootstrap(n_draws=50, seed=1))
    again = rel.estimate_reliability(data, items=list("abc"), bootstrap=rel.Bootstrap(n_draws=50, seed=1))
    pd.testing.assert_frame_equal(drawn.tidy(), again.tidy())


def test_bootstrap_of_categorical_coefficients() -> None:
    data = ordinal(400)
    boot = rel.Bootstrap(n_draws=100, seed=1)
    for function in (rel.categorical_omega, rel.ordinal_alpha):
        delta, drawn = function(data).tidy(), function(data, interval=boot).tidy()
        assert drawn["std_error"].to_numpy() == pytest.approx(delta["std_error"].to_numpy(), rel=0.3)
        assert (drawn["conf_low"] < drawn["estimate"]).all()
        pd.testing.assert_frame_equal(drawn, function(data, interval=boot).tidy())


def test_a_scale_of_two_items_has_alpha_and_no_omega() -> None:
    glance = rel.estimate_reliability(ordinal(), items=["d", "e"]).glance().iloc[0]
    assert glance["method"] == "lowest alpha"
    assert glance["estimate"] == pytest.approx(rel.cronbach_alpha(ordinal(), items=["d", "e"]).estimate)
    bounds = rel.guttman_lambdas(ordinal(), items=["d", "e"]).tidy().set_index("term")["estimate"]
    assert np.isnan(bounds["lambda5_plus"])
    assert bounds["glb"] == pytest.approx(bounds["lambda3"], abs=1e-6)


def skewed(n: int = 400, seed: int = 1) -> pd.DataFrame:
    """Items that few people endorse: the sampling distribution of reliability is skewed."""
    return pd.DataFrame(np.digitize(continuous(n, seed), [0.8, 1.5]), columns=list("abcde"))


def acceleration(influence: np.ndarray) -> float:
    return float(np.sum(influence**3) / (6 * np.sum(influence**2) ** 1.5))


@pytest.mark.parametrize("missing", [0.0, 0.1])
def test_influence_of_persons_on_categorical_coefficients(missing: float) -> None:
    data = skewed(600).astype(float).mask(np.random.default_rng(1).random((600, 5)) < missing)
    _, (g,) = read_ordinal(data, None, None, "pairwise", 3)
    slope = Slope(np.zeros_like(g.tau), 2 * alpha_gradient(g.R))
    influence = g.influence(slope)
    assert influence.shape == (600,)
    assert np.sqrt(np.sum(influence**2)) == pytest.approx(g.std_error(slope), rel=1e-9)
    some = np.arange(0, 600, 15)
    left = [ordinal_moments(np.delete(g.codes, i, axis=0), g.sizes).correlations for i in some]
    change = [float(alpha(g.R)) - float(alpha(R)) for R in left]
    assert np.corrcoef(influence[some], change)[0, 1] > 0.995
    assert np.std(influence[some]) == pytest.approx(np.std(change), rel=0.15)  # first order only


def test_bca_intervals_are_corrected_and_not_percentiles_in_disguise() -> None:
    data = skewed()
    for function in (rel.ordinal_alpha, rel.categorical_omega):
        limits = {}
        for method in ("percentile", "bca"):
            boot = rel.Bootstrap(n_draws=40, method=method, seed=1)
            result = function(data, interval=boot)
            assert method in result.interval
            limits[method] = result.tidy()[["conf_low", "conf_high"]].to_numpy()
        assert np.abs(limits["bca"] - limits["percentile"]).max() > 1e-3
        assert np.all(limits["bca"][:, 0] < limits["bca"][:, 1])


def test_bca_of_hierarchical_omega_uses_the_grouped_jackknife() -> None:
    rng = np.random.default_rng(5)
    x = (
        rng.normal(size=(250, 1))
        + np.repeat(rng.normal(size=(250, 3)), 3, axis=1) * 0.8
        + rng.normal(size=(250, 9))
    )
    limits = {}
    for method in ("percentile", "bca"):
        boot = rel.Bootstrap(n_draws=40, method=method, seed=1)
        result = rel.hierarchical_omega(x, 3, n_starts=1, interval=boot)
        limits[method] = result.glance().iloc[0][["conf_low", "conf_high"]].to_numpy(float)
    assert np.abs(limits["bca"] - limits["percentile"]).max() > 1e-3
    assert limits["bca"][0] < result.estimate < limits["bca"][1]


def test_grouped_influence_has_the_acceleration_of_the_persons() -> None:
    x = np.random.default_rng(1).exponential(size=(5000, 1))
    found = grouped_influence(lambda some: some.mean(0), x, np.random.default_rng(2))
    assert found.shape == (GROUPS, 1)
    assert acceleration(found[:, 0]) == pytest.approx(acceleration(x[:, 0] - x.mean()), abs=3 * 0.65 / GROUPS)
    few = grouped_influence(lambda some: some.mean(0), x[:30], np.random.default_rng(2))
    assert acceleration(few[:, 0]) == pytest.approx(acceleration(x[:30, 0] - x[:30].mean()), rel=1e-6)
    failing = grouped_influence(
        lambda some: np.where(some.max() < 3, np.nan, some.mean(0)), x[:30], np.random.default_rng(2)
    )
    assert 0 < failing.shape[0] <= 30
