"""Where the path diagram puts things."""

import itertools
import warnings

import matplotlib
import matplotlib.pyplot
import numpy as np
import pandas as pd
import pytest

import recoverymetrics as rm
from recoverymetrics.cfa.diagram import layers
from recoverymetrics.errors import EstimationWarning

matplotlib.use("Agg")
ITEMS = [f"x{k}" for k in range(1, 10)]
THREE = "f1 =~ x1 + x2 + x3\nf2 =~ x4 + x5 + x6\nf3 =~ x7 + x8 + x9"
GENERAL = "g =~ " + " + ".join(ITEMS)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(1)
    factors = 0.7 * rng.normal(size=(500, 1)) + 0.7 * rng.normal(size=(500, 3))
    x = 0.7 * factors[:, np.repeat(range(3), 3)] + 0.6 * rng.normal(size=(500, 9))
    return pd.DataFrame(x, columns=ITEMS).assign(
        z=rng.normal(size=500), y=factors[:, 0] + rng.normal(size=500)
    )


@pytest.mark.parametrize(
    ("model", "options"),
    [
        (THREE, {}),
        (f"{GENERAL}\n{THREE}", {"orthogonal": True, "std_lv": True}),
        (f"{THREE}\nh =~ f1 + f2 + f3", {}),
        (f"{THREE}\nf1 ~ z\nf3 ~ f1\ny ~ f1 + z\nx1 ~~ x4", {}),
    ],
)
def test_no_boxes_overlap_and_curves_stay_inside(data, model, options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EstimationWarning)
        fit = rm.fit_sem(data, model, **options)
    for (x, y), (u, v) in itertools.combinations(layers(fit).values(), 2):
        assert y != v or abs(x - u) > 0.99
    ax = fit.plot()
    low, high = ax.get_ylim()
    assert all(low < text.get_position()[1] < high for text in ax.texts)
    matplotlib.pyplot.close(ax.figure)


def test_rows_follow_the_structure(data):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", EstimationWarning)
        places = layers(rm.fit_cfa(data, f"{GENERAL}\n{THREE}", orthogonal=True, std_lv=True))
    assert places["g"][1] < 0 < places["f1"][1]
    places = layers(rm.fit_cfa(data, f"{THREE}\nh =~ f1 + f2 + f3"))
    assert places["h"][1] > places["f2"][1] > places["x5"][1]
    assert places["f2"][0] == places["x5"][0]
