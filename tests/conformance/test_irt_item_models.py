from __future__ import annotations

import numpy as np
import pytest

from recoverymetrics.irt.models import (
    GeneralizedPartialCredit,
    Graded,
    Logistic,
    Nominal,
    RatingScale,
    Sequential,
)
from recoverymetrics.testing import ITEM_MODEL_CHECKS, ItemModelCase, check_item_model, default_cases

CASES = default_cases()
Z = np.linspace(-5, 5, 31)[None, :]


@pytest.mark.parametrize("check", list(ITEM_MODEL_CHECKS))
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_every_model_conforms(case, check):
    ITEM_MODEL_CHECKS[check](case)


def test_a_wrong_model_is_caught():
    class Wrong(Graded):
        def curves(self, z, shape, K):
            right = super().curves(z, shape, K)
            return type(right)(right.log_p, 1.01 * right.d_z, right.d_shape)

    with pytest.raises(AssertionError, match="d_z is the derivative"):
        check_item_model(ItemModelCase("wrong", Wrong(), 3, 1.0, np.array([1.0, -1.0])))


@pytest.mark.parametrize(
    "model", [Graded(), GeneralizedPartialCredit(), Sequential(), Nominal()], ids=lambda m: m.name
)
def test_two_categories_are_the_two_parameter_logistic(model):
    d = np.array([[0.4]])
    np.testing.assert_allclose(
        model.log_probabilities(Z, d, 2), Logistic(2).log_probabilities(Z, d, 2), atol=1e-12
    )


def test_asymptotes_at_their_bounds_are_the_two_parameter_logistic():
    two = Logistic(2).log_probabilities(Z, np.array([[0.4]]), 2)
    np.testing.assert_allclose(Logistic(3).log_probabilities(Z, np.array([[0.4, -999.0]]), 2), two, atol=1e-9)
    np.testing.assert_allclose(
        Logistic(4).log_probabilities(Z, np.array([[0.4, -999.0, 999.0]]), 2), two, atol=1e-9
    )


def test_nominal_with_integer_weights_is_partial_credit():
    d = np.array([0.5, 0.2, -0.7])
    ours = Nominal().log_probabilities(Z, np.array([[1.0, 2.0, *d]]), 4)
    np.testing.assert_allclose(ours, GeneralizedPartialCredit().log_probabilities(Z, d[None], 4), atol=1e-12)


def test_rating_scale_is_partial_credit_with_shifted_steps():
    b, c = np.array([-1.0, 0.2, 0.9]), 0.3
    d = np.arange(1, 4) * c - np.cumsum(b)
    ours = RatingScale().log_probabilities(Z, np.array([[*b, c]]), 4)
    np.testing.assert_allclose(ours, GeneralizedPartialCredit().log_probabilities(Z, d[None], 4), atol=1e-12)


def test_disordered_graded_intercepts_are_undefined():
    assert np.isnan(Graded().log_probabilities(Z, np.array([[-1.0, 1.0]]), 3)).any()
