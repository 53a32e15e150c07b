"""Arguments of another kind are refused by name, wherever a result or a description is expected."""

import numpy as np
import pandas as pd
import pytest

import recoverymetrics as rm

DATA = pd.DataFrame(np.random.default_rng(1).integers(1, 5, (60, 4)), columns=list("abcd"))
OTHER = pd.DataFrame({"x": [1]})


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rm.model_reliability(OTHER), "fit is of type DataFrame; give the result of fit_cfa"),
        (
            lambda: rm.explain_invariance(OTHER),
            "ladder is of type DataFrame; give the result of check_invariance",
        ),
        (lambda: rm.schmid_leiman(OTHER), "fit is of type DataFrame; give the result of fit_efa"),
        (
            lambda: rm.assemble_short_form(OTHER, length=2),
            "fit is of type DataFrame; give the result of fit_irt",
        ),
        (lambda: rm.propose_revision("s", OTHER), "scale is of type str; give an rm.Scale"),
        (lambda: rm.propose_revision(rm.Scale("s", ["a"]), OTHER), "evidence is of type DataFrame"),
        (lambda: rm.estimate_reliability(DATA, scales=[["a", "b"]]), "scales is of type list; give {name"),
        (lambda: rm.estimate_reliability(DATA, scales={"s": "a"}), "scale 's' names one item, 'a'"),
        (lambda: rm.cronbach_alpha(DATA, level="high"), "level='high' must lie between 0 and 1"),
        (lambda: rm.parallel_analysis(DATA, n_iter=2, seed="x"), "seed='x' must be a whole number"),
        (lambda: rm.parallel_analysis(DATA, n_iter=2, seed=-1), "seed=-1 must be a whole number"),
    ],
)
def test_other_kinds_are_named(call, message):
    with pytest.raises(rm.RecoveryMetricsError) as raised:
        call()
    assert message in str(raised.value)


def test_a_list_of_texts_can_be_mapped():
    found = rm.suggest_mapping(
        ["I make my own choices"], pd.DataFrame({"element_id": ["e1"], "label": ["Making choices"]})
    )
    assert found["element"].tolist() == ["e1"]
