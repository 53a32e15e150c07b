"""Properties of simulated answers that hold for all parameters."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from recoverymetrics.simulate import Group, Missingness, irt_model, simulate_responses
from recoverymetrics.simulate.kernel import survival
from recoverymetrics.simulate.nonnormal import fleishman, intermediate_correlations

QUICK = settings(max_examples=25, deadline=None, derandomize=True)
slopes = st.lists(st.floats(0.2, 3.0), min_size=1, max_size=4)
steps = st.lists(st.floats(-2.5, 2.5), min_size=1, max_size=5, unique=True).map(sorted)


@QUICK
@given(slopes, steps, st.sampled_from(["graded", "normal_ogive", "gpcm"]), st.integers(0, 1))
def test_answers_stay_within_their_categories(a, b, model, first):
    spec = irt_model(model, slopes=a, difficulties=[b] * len(a))
    simulated = simulate_responses(spec, 40, first_category=first, seed=1)
    values = simulated.responses[list(simulated.items)].to_numpy(dtype=float)
    assert values.min() >= first
    assert values.max() <= first + len(b)


@QUICK
@given(slopes, steps, st.sampled_from(["graded", "normal_ogive", "gpcm"]))
def test_survival_decreases_over_categories_and_rises_with_theta(a, b, model):
    spec = irt_model(model, slopes=a, difficulties=[b] * len(a))
    curves = survival(spec.parameters, np.linspace(-4, 4, 9)[:, None])
    assert np.all((curves >= 0) & (curves <= 1))
    assert np.all(np.diff(curves, axis=2) <= 1e-12)
    assert np.all(np.diff(curves, axis=0) >= -1e-12)


@QUICK
@given(st.floats(0, 0.5), st.integers(0, 5), st.floats(0, 0.3))
def test_missing_answers_only_remove(rate, empty, dropout):
    spec = irt_model("graded", slopes=[1.0, 1.5], difficulties=[[-1, 1]] * 2)
    missing = Missingness(rate=rate, all_missing=empty, dropout=dropout)
    groups = [Group("a", 20), Group("b", 15)]
    full = simulate_responses(spec, groups=groups, seed=2).responses
    holed = simulate_responses(spec, groups=groups, missing=missing, seed=2).responses
    kept = holed.notna()
    assert (holed.where(kept, full) == full).all(axis=None)
    assert (~kept[["item1", "item2"]]).all(axis=1).sum() >= empty


@QUICK
@given(st.floats(-0.8, 0.8), st.floats(0.0, 1.0))
def test_intermediate_correlations_reproduce_the_target(rho, skewness):
    powers = np.array([fleishman(skewness, 3.0), fleishman(0.0, 1.0)])
    R = np.array([[1.0, rho], [rho, 1.0]])
    r = intermediate_correlations(R, powers)[0, 1]
    (_, b1, c1, d1), (_, b2, c2, d2) = powers
    # E of the product of both polynomials in bivariate normal variables with correlation r.
    back = r * (b1 * b2 + 3 * b1 * d2 + 3 * d1 * b2 + 9 * d1 * d2) + 2 * c1 * c2 * r**2 + 6 * d1 * d2 * r**3
    assert abs(back - rho) < 1e-7
