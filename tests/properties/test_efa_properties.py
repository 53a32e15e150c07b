"""What must hold for any correlation matrix: invariance of rotation, extraction and communality."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from recoverymetrics.efa import extraction as extract
from recoverymetrics.efa.criteria import CRITERIA
from recoverymetrics.efa.measures import fit_measures
from recoverymetrics.efa.rotation import rotate

FEW = settings(max_examples=15, deadline=None, derandomize=True)
STATIONARY = 1e-6  # gradient norm at which Newton's search stops, with room for its last halving


@st.composite
def correlation_matrix(draw):
    seed, p = draw(st.integers(0, 10_000)), draw(st.integers(7, 12))
    rng = np.random.default_rng(seed)
    latent = rng.standard_normal((300, 2)) @ rng.standard_normal((2, p)) + rng.standard_normal((300, p)) * 1.5
    return np.corrcoef(latent, rowvar=False)


@FEW
@given(correlation_matrix())
def test_least_squares_leaves_no_gradient(R):
    found = extract.extract_least_squares(R, 2)
    assert found.converged
    residual = R - found.loadings @ found.loadings.T - np.diag(found.uniquenesses)
    assert np.abs(residual @ found.loadings).max() < STATIONARY * 100
    inside = ~found.heywood
    assert np.abs(np.diag(residual)[inside]).max() < STATIONARY


@FEW
@given(correlation_matrix())
def test_likelihood_reproduces_the_diagonal_and_beats_least_squares(R):
    ml, ls = extract.extract_maximum_likelihood(R, 2), extract.extract_least_squares(R, 2)
    assert ml.converged
    implied = [fit_measures(R, x.loadings @ x.loadings.T, 2, 300).objective for x in (ml, ls)]
    if not (ml.heywood.any() or ls.heywood.any()):
        assert implied[0] <= implied[1] + 1e-9
        np.testing.assert_allclose(np.sum(ml.loadings**2, axis=1) + ml.uniquenesses, 1.0, atol=1e-5)


@FEW
@given(correlation_matrix(), st.sampled_from(["oblimin", "varimax", "geomin", "quartimax", "bentler"]))
def test_rotation_does_not_care_where_it_starts(R, name):
    found = extract.extract_least_squares(R, 2)
    turn, _ = np.linalg.qr(np.random.default_rng(1).standard_normal((2, 2)))
    a = rotate(found.loadings, CRITERIA[name], n_starts=6)
    b = rotate(found.loadings @ turn, CRITERIA[name], n_starts=6)
    assert abs(a.value - b.value) < 1e-7 * max(1.0, abs(a.value))
    np.testing.assert_allclose(
        a.loadings @ a.phi @ a.loadings.T, found.loadings @ found.loadings.T, atol=1e-9
    )


@FEW
@given(correlation_matrix())
def test_reflecting_an_item_reflects_its_loadings(R):
    sign = np.ones(len(R))
    sign[0] = -1
    a = extract.extract_least_squares(R, 2)
    b = extract.extract_least_squares(R * np.outer(sign, sign), 2)
    np.testing.assert_allclose(b.uniquenesses, a.uniquenesses, atol=1e-6)
