"""Coverage of 95% intervals and level of the tests, at sizes at which the scale will be used."""

import warnings

import numpy as np
import pandas as pd
import pytest

import recoverymetrics as rm

REPLICATIONS = 400
COVERAGE = (0.93, 0.97)
LEVEL = (
    0.025,
    0.085,
)  # 5% within three standard errors of a proportion of 400 and the tests' own approximation
LOADINGS = np.array([0.8, 0.7, 0.6, 0.75, 0.65, 0.55])
MODEL = "f =~ x1 + x2 + x3\ng =~ x4 + x5 + x6"
CORRELATION = 0.4


def draw(rng, n, *, heavy=False):
    factors = rng.multivariate_normal([0, 0], [[1, CORRELATION], [CORRELATION, 1]], size=n)
    noise = rng.normal(size=(n, 6)) * np.sqrt(1 - LOADINGS**2)
    x = factors[:, [0, 0, 0, 1, 1, 1]] * LOADINGS + noise
    if heavy:  # multivariate t with 9 degrees of freedom, scaled to unit variance
        x *= np.sqrt(7.0 / rng.chisquare(9, size=(n, 1)))
    return pd.DataFrame(x, columns=[f"x{k}" for k in range(1, 7)])


def run(n, *, seed, heavy=False, ordered=False, estimator=None):
    hits, rejected = [], []
    for rng in np.random.default_rng(seed).spawn(REPLICATIONS):
        data = draw(rng, n, heavy=heavy)
        if ordered:
            data = data.apply(lambda column: np.searchsorted([-0.8, 0.1, 0.9], column))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit = rm.fit_cfa(data, MODEL, std_lv=True, ordered=ordered, estimator=estimator)
        tidy = fit.tidy()
        rows = tidy[(tidy.op == "=~") | ((tidy.lhs == "f") & (tidy.rhs == "g"))]
        truth = np.append(LOADINGS, CORRELATION)
        hits.append((rows.conf_low <= truth) & (truth <= rows.conf_high))
        p = fit.test.p_scaled if np.isfinite(fit.test.p_scaled) else fit.test.p_value
        rejected.append(p < 0.05)
    return float(np.mean(hits)), float(np.mean(rejected))


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        {"n": 300, "seed": 1, "estimator": "ML"},
        {"n": 1000, "seed": 2, "estimator": "ML"},
        {"n": 300, "seed": 7, "estimator": "MLR", "heavy": True},
        {"n": 500, "seed": 3, "estimator": "MLR", "heavy": True},
        {"n": 1000, "seed": 4, "estimator": "MLR", "heavy": True},
        {"n": 300, "seed": 5, "ordered": True},
        {"n": 1000, "seed": 6, "ordered": True},
    ],
    ids=lambda o: f"{o.get('estimator', 'WLSMV')}-{o['n']}",
)
def test_intervals_cover_and_tests_hold_their_level(options):
    """At n = 300 with heavy tails MLR covers 94.8% and rejects 7.8% (plain ML: 89.4% and 17.8%).

    Scaled tests of non-normal data reject too often in small samples, as their scaling needs fourth moments (Yuan &
    Bentler 1998).
    """
    coverage, level = run(**options)
    assert COVERAGE[0] <= coverage <= COVERAGE[1]
    assert LEVEL[0] <= level <= LEVEL[1]
