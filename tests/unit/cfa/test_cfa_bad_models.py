"""Models that cannot work, each refused with a message that says what to change."""

import re

import numpy as np
import pandas as pd
import pytest

import recoverymetrics as rm
from recoverymetrics.errors import DataError, EstimationWarning, ModelError, OptionError

TWO = "f =~ x1 + x2 + x3\ng =~ x4 + x5 + x6"
ITEMS = [f"x{k}" for k in range(1, 7)]


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(rng.normal(size=(300, 1)) + rng.normal(size=(300, 6)), columns=ITEMS)
    return frame.assign(country=np.where(np.arange(300) % 2, "A", "B"))


@pytest.fixture(scope="module")
def ordered(data):
    return data.assign(**{item: np.searchsorted([-1, 0, 1], data[item]) for item in ITEMS})


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("f =~ x1 + x2 + nope", "the model uses 'nope', which is neither a column of the data nor defined by =~"),
        ("f =~ x1 + x2", "4 free parameters for 3 sample moments. Fix or equate some of f=~x2"),
        ("f =~ x1 + x2 + x3\nh =~ x4 + x5\nf ~~ 0*h", "these parameters can change without changing the implied moments: h=~x5"),
        ("f =~ f + x1 + x2", "line 1, column 1: 'f' cannot measure itself"),
        ("f =~ x1 + x2 + x3\nx4 ~ x4", "line 2, column 1: 'x4' cannot predict itself"),
        ("f =~ x1 + x2 + h\nh =~ x4 + x5 + f", "the factors 'f' and 'h' measure each other"),
        ("x1 =~ x2 + x3 + x4", "'x1' is a latent variable of the model and also a column"),
        ("f =~ x1 + x2 + x3\nx1 ~~ x2\nx2 ~~ x1", "line 3, column 1: x2 ~~ x1 is written twice"),
        ("f =~ x1 + 0.5*x2 + x3 + 0.6*x2", "f =~ x2 is given two different values"),
        ("f =~ x1 + a*x2 + x3 + x4\nf =~ b*x2", "f =~ x2 is given two different labels"),
        (TWO + "\nf ~~ start(9)*g", "not positive definite. Change the values that the model gives to f~~g"),
        (TWO + "\nf ~~ 9*g\nf ~~ 1*f\ng ~~ 1*g", "Change the values that the model gives to f~~g"),
        ("f =~ a*x1 + b*x2 + x3 + x4\na == 1\na == 2", "the equality constraints (==) contradict one another"),
        (TWO + "\nx1 | t1", "line 3, column 1: 'x1' is continuous and has no thresholds"),
        ("f = x1 + x2 + x3", "line 1, column 3: unexpected character '='; write =~"),
        ("f =~ x1 + x2 + x3\np =~ 0", "line 2, column 6: '0' on the right of '=~' is not a variable; for a latent variable"),
        ("f =~ x1 + x2 + x3 + ", "a variable is missing beside '+'"),
    ],
)  # fmt: skip
def test_models(data, model, message):
    with pytest.raises(ModelError, match=re.escape(message)):
        rm.fit_sem(data, model)


def test_a_label_may_follow_a_value_in_the_same_or_another_line(data):
    fit = rm.fit_cfa(data, "f =~ NA*x1 + a*x1 + x2 + x3 + x4\nf =~ b*x2\nf ~~ 1*f\na == b")
    assert fit.npar == 7


@pytest.mark.parametrize(
    ("change", "options", "error", "message"),
    [
        ({"x2": 1.0}, {}, DataError, "item 'x2' has zero variance"),
        ({"x2": lambda d: np.where(d.country == "A", 1.0, d.x2)}, {"group": "country"}, DataError, "zero variance in group 'A'"),
        ({"x2": lambda d: 2 * d.x1}, {}, DataError, "items 'x1' and 'x2' are perfectly correlated"),
        ({"x2": lambda d: 2 * d.x1, "x4": lambda d: d.x4.where(d.x5 > -1)}, {"missing": "fiml"}, DataError, "'x1' and 'x2' are perfectly correlated"),
        ({"x6": lambda d: d.x4 + d.x5}, {}, DataError, "some items are exact combinations of others"),
        ({"x1": np.nan}, {"missing": "fiml"}, DataError, "item 'x1' has no response"),
        ({}, {"group": "nope"}, DataError, "there is no column 'nope'"),
        ({}, {"ordered": ["zz"]}, OptionError, "ordered= names 'zz', which is not a column"),
    ],
)  # fmt: skip
def test_data(data, change, options, error, message):
    with pytest.raises(error, match=re.escape(message)):
        rm.fit_cfa(data.assign(**change), TWO, **options)


def test_ordered_items(ordered):
    with pytest.raises(ModelError, match="'x1' has 4 categories, so its thresholds are t1 to t3, not 't4'"):
        rm.fit_cfa(ordered, TWO + "\nx1 | t4", ordered=True)
    with pytest.raises(DataError, match="'x1' and 'x2' are perfectly correlated"):
        rm.fit_cfa(ordered.assign(x2=ordered.x1), TWO, ordered=True)
    gone = ordered.assign(x3=ordered.x3.where((ordered.country == "A") | (ordered.x3 < 3), 2))
    with pytest.raises(DataError, match="'x3' has nobody in category 3 in group 'B'"):
        rm.fit_cfa(gone, TWO, ordered=True, group="country")


def test_a_model_without_degrees_of_freedom_fits_perfectly_and_says_nothing_of_fit(data):
    fit = rm.fit_cfa(data, "f =~ x1 + x2 + x3", estimator="MLR")
    measures = fit.fit_measures()
    assert fit.test.df == 0
    assert np.isnan(measures["p_value"])
    assert measures["cfi"] == 1.0
    assert measures["rmsea"] == 0.0
    assert fit.modification_indices().empty


@pytest.mark.filterwarnings("ignore:the residual variance")
def test_impossible_inequalities_do_not_converge(data):
    with pytest.warns(EstimationWarning, match="Inequality constraints incompatible"):
        fit = rm.fit_cfa(data, "f =~ a*x1 + x2 + x3 + x4\na > 5\na < 3", std_lv=True)
    assert not fit.converged
