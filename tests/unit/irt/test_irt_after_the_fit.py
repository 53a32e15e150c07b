"""What follows a calibration, beside brute force: enumeration of patterns, fine grids, sums written out."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize_scalar
from scipy.special import expit
from scipy.stats import norm

import recoverymetrics as rm

GRID = np.linspace(-9, 9, 3601)
PRIOR = norm.pdf(GRID) / norm.pdf(GRID).sum()
QUADRATURE = 2e-4
"""Sixty-one nodes beside 3,601 nodes."""
N, J = 1200, 5


@pytest.fixture(scope="module")
def data() -> pd.DataFrame:
    rng = np.random.default_rng(31)
    theta = rng.standard_normal((N, 1))
    a, b = np.array([0.8, 1.2, 1.6, 1.0, 2.0]), np.array([-1.0, -0.3, 0.2, 0.8, 0.0])
    return pd.DataFrame((rng.random((N, J)) < expit(a * (theta - b))).astype(int), columns=list("abcde"))


@pytest.fixture(scope="module")
def fit(data):
    return rm.fit_irt(data, "2pl")


@pytest.fixture(scope="module")
def curves(fit) -> np.ndarray:
    """Probability of a one per item along the grid."""
    table = fit.item_parameters
    return expit(table["a"].to_numpy()[:, None] * (GRID - table["b"].to_numpy()[:, None]))


def _likelihoods(curves: np.ndarray, patterns: np.ndarray) -> np.ndarray:
    return np.exp(patterns @ np.log(curves) + (1 - patterns) @ np.log(1 - curves))


def test_errors_of_difficulties_follow_from_those_of_slopes_and_intercepts(fit) -> None:
    """b = -d / a: Var b = (Var d + b^2 Var a + 2 b Cov(a, d)) / a^2."""
    table = fit.parameter_table
    ab = fit.tidy("ab").set_index(["item", "parameter"])
    for item in "abcde":
        own = table[table["item"] == item].set_index("parameter")
        i, j = (int(own.loc[name, "free"]) - 1 for name in ("a1", "d"))
        V = fit.covariance[np.ix_([i, j], [i, j])]
        a, b = own.loc["a1", "estimate"], ab.loc[(item, "b"), "estimate"]
        assert b == pytest.approx(-own.loc["d", "estimate"] / a)
        by_hand = np.sqrt(V[1, 1] + b**2 * V[0, 0] + 2 * b * V[0, 1]) / a
        assert ab.loc[(item, "b"), "std_error"] == pytest.approx(by_hand)


def test_every_score_is_that_of_a_fine_grid(fit, curves, data) -> None:
    rows = data.drop_duplicates().head(14)
    patterns = rows.to_numpy()
    L = _likelihoods(curves, patterns)
    posterior = L * PRIOR
    posterior /= posterior.sum(axis=1, keepdims=True)
    mean = posterior @ GRID
    eap = fit.scores(rows)
    assert eap["estimate"].to_numpy() == pytest.approx(mean, abs=QUADRATURE)
    assert eap["std_error"].to_numpy() == pytest.approx(
        np.sqrt(posterior @ GRID**2 - mean**2), abs=QUADRATURE
    )
    a, b = fit.item_parameters["a"].to_numpy(), fit.item_parameters["b"].to_numpy()

    def best(row: np.ndarray, extra) -> float:
        def loss(t: float) -> float:
            p = expit(a * (t - b))
            return -float(row @ np.log(p) + (1 - row) @ np.log(1 - p) + extra(t, np.sum(a**2 * p * (1 - p))))

        return minimize_scalar(loss, bounds=(-8, 8), method="bounded", options={"xatol": 1e-9}).x

    for method, extra in (("map", lambda t, _: -(t**2) / 2), ("wle", lambda _, info: np.log(info) / 2)):
        ours = fit.scores(rows, method)["estimate"].to_numpy()
        assert ours == pytest.approx([best(row, extra) for row in patterns], abs=1e-5)
    inside = (patterns.sum(axis=1) > 0) & (patterns.sum(axis=1) < J)
    ml = fit.scores(rows, "ml")
    assert ml["estimate"].to_numpy()[inside] == pytest.approx(
        [best(row, lambda *_: 0.0) for row in patterns[inside]], abs=1e-5
    )
    assert not np.isfinite(ml["estimate"].to_numpy()[~inside]).any()


def test_the_raw_score_table_is_the_sum_over_all_patterns(fit, curves) -> None:
    patterns = np.array(list(product([0, 1], repeat=J)))
    joint = _likelihoods(curves, patterns) * PRIOR
    table = fit.score_table()
    for s in range(J + 1):
        own = joint[patterns.sum(axis=1) == s].sum(axis=0)
        mean = own @ GRID / own.sum()
        row = table.iloc[s]
        assert row["sum_score"] == s
        assert row["expected"] == pytest.approx(N * own.sum(), rel=QUADRATURE)
        assert row["estimate"] == pytest.approx(mean, abs=QUADRATURE)
        assert row["t_score"] == pytest.approx(50 + 10 * mean, abs=10 * QUADRATURE)
        assert row["std_error"] == pytest.approx(np.sqrt(own @ GRID**2 / own.sum() - mean**2), abs=QUADRATURE)
    assert table["n"].sum() == N


def test_information_and_expected_scores(fit) -> None:
    at = np.array([-1.5, 0.0, 0.7])
    frame, expected = fit.information(at), fit.expected_scores(at)
    a, b = fit.item_parameters["a"], fit.item_parameters["b"]
    for item in "abcde":
        p = expit(a[item] * (at - b[item]))
        assert frame[item].to_numpy() == pytest.approx(a[item] ** 2 * p * (1 - p))
        assert expected[item].to_numpy() == pytest.approx(p)
    assert frame["test"].to_numpy() == pytest.approx(frame[list("abcde")].sum(axis=1).to_numpy())
    assert frame["std_error"].to_numpy() == pytest.approx(1 / np.sqrt(frame["test"].to_numpy()))


def test_summed_score_item_fit_from_all_patterns(fit, curves, data) -> None:
    """No cell is sparse here: chi-square over the scores 1 to J - 1 and both answers, df = J - 1 less 2."""
    patterns = np.array(list(product([0, 1], repeat=J)))
    p = _likelihoods(curves, patterns) @ PRIOR
    total, observed = patterns.sum(axis=1), data.sum(axis=1)
    ours = fit.item_fit().set_index("item")
    for j, item in enumerate("abcde"):
        value = 0.0
        for s in range(1, J):
            n = int((observed == s).sum())
            share = p[(total == s) & (patterns[:, j] == 1)].sum() / p[total == s].sum()
            own = data.loc[observed == s, item].mean()
            value += n * (own - share) ** 2 / (share * (1 - share))
        assert ours.loc[item, "statistic"] == pytest.approx(value, rel=1e-3)
        assert ours.loc[item, "df"] == J - 1 - 2


def test_residuals_written_out(fit, data) -> None:
    theta = fit.scores()["estimate"].to_numpy()[:, None]
    p = expit(fit.item_parameters["a"].to_numpy() * (theta - fit.item_parameters["b"].to_numpy()))
    residual, variance = data.to_numpy() - p, p * (1 - p)
    infit = fit.item_fit("infit").set_index("item")
    assert infit["infit"].to_numpy() == pytest.approx((residual**2).sum(axis=0) / variance.sum(axis=0))
    assert infit["outfit"].to_numpy() == pytest.approx((residual**2 / variance).mean(axis=0))
    q3 = fit.local_dependence()
    assert q3["estimate"].to_numpy() == pytest.approx(np.corrcoef(residual.T)[np.triu_indices(J, 1)])
    log_p = np.log(np.where(data == 1, p, 1 - p)).sum(axis=1)
    mean = (p * np.log(p) + (1 - p) * np.log(1 - p)).sum(axis=1)
    spread = np.sqrt((variance * np.log(p / (1 - p)) ** 2).sum(axis=1))
    assert fit.person_fit()["zh"].to_numpy() == pytest.approx((log_p - mean) / spread)


def test_two_way_tables_written_out(fit, curves, data) -> None:
    x2, g2 = fit.local_dependence("x2").iloc[0], fit.local_dependence("g2").iloc[0]
    P = np.array([1 - curves[0], curves[0]]) * PRIOR @ np.array([1 - curves[1], curves[1]]).T
    O = pd.crosstab(data["a"], data["b"]).to_numpy()  # noqa: E741
    assert x2["statistic"] == pytest.approx(((O - N * P) ** 2 / (N * P)).sum(), rel=5e-3)
    assert g2["statistic"] == pytest.approx(2 * (O * np.log(O / (N * P))).sum(), rel=5e-3)
    assert x2["df"] == 1


def test_vuong_from_casewise_likelihoods(fit, data) -> None:
    rival = rm.fit_irt(data, "1pl", se=None)
    table = rival.item_parameters
    other = expit(table["a"].to_numpy()[:, None] * (GRID - table["b"].to_numpy()[:, None]))
    a, b = fit.item_parameters["a"].to_numpy(), fit.item_parameters["b"].to_numpy()
    own = expit(a[:, None] * (GRID - b[:, None]))
    gap = np.log(_likelihoods(own, data.to_numpy()) @ PRIOR) - np.log(
        _likelihoods(other, data.to_numpy()) @ PRIOR
    )
    row = fit.compare_with(rival, method="vuong").iloc[0]
    assert row["variance"] == pytest.approx(gap.var(), rel=2e-3)
    assert row["statistic"] == pytest.approx(gap.sum() / np.sqrt(N * gap.var()), rel=2e-3)


def test_the_cut_off_of_q3_flags_a_pair_with_a_factor_of_its_own_and_no_other(fit) -> None:
    assert fit.q3_cutoff(n_draws=30, seed=1)["n_flagged"][0] == 0
    rng = np.random.default_rng(32)
    own = 1.2 * rng.standard_normal((N, 1)) * np.repeat([1.0, 0.0], [2, 10])
    answers = rng.standard_normal((N, 1)) + own + rng.logistic(size=(N, 12)) > np.linspace(-1, 1, 12)
    dependent = rm.fit_irt(pd.DataFrame(answers.astype(int), columns=list("pqrstuvwxyzk")), "2pl", se=None)
    cut = dependent.q3_cutoff(n_draws=30, seed=2).iloc[0]
    pairs = dependent.local_dependence().sort_values("adjusted").iloc[-1]
    assert cut["n_flagged"] == 1
    assert cut["largest"] > cut["cutoff"]
    assert {pairs["item"], pairs["item_2"]} == {"p", "q"}


def test_simulated_answers_have_the_moments_of_the_model(fit, curves) -> None:
    drawn = fit.simulate(200_000, seed=3)
    assert drawn.mean().to_numpy() == pytest.approx(curves @ PRIOR, abs=0.004)
    both = (curves[:, None] * curves[None]) @ PRIOR
    observed = (drawn.to_numpy().T @ drawn.to_numpy()) / len(drawn)
    upper = np.triu_indices(J, 1)
    assert observed[upper] == pytest.approx(both[upper], abs=0.004)


def test_disordered_thresholds_are_reported() -> None:
    rng = np.random.default_rng(33)
    theta = rng.standard_normal((3000, 1))
    steps = np.array([[-1.0, 1.0]] * 5 + [[0.8, -0.8]])
    logits = np.concatenate([np.zeros((3000, 6, 1)), np.cumsum(theta[..., None] - steps, axis=2)], axis=2)
    p = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    codes = (rng.random((3000, 6, 1)) > np.cumsum(p, axis=2))[..., :2].sum(axis=2)
    table = rm.fit_irt(codes, "gpcm", se=None).category_functioning()
    wrong = table[~table["ordered"]]
    assert wrong["item"].unique().tolist() == [table["item"].iloc[-1]]
    assert table.groupby("item")["share"].sum().to_numpy() == pytest.approx(1)
