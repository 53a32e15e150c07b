"""Every result answers the same calls, and names its columns from one glossary."""

import json
import re

import numpy as np
import pandas as pd
import pytest

import recoverymetrics as rm
from recoverymetrics.display import GLOSSARY, AbstractResult

MODEL = "f =~ q1 + q2 + q3 + q4 + q5 + q6"


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(4)
    theta = rng.normal(size=(600, 1))
    latent = 0.75 * theta + 0.66 * rng.normal(size=(600, 6))
    frame = pd.DataFrame(
        1 + (latent[..., None] > np.array([-0.8, 0.1, 0.9])).sum(2), columns=[f"q{j}" for j in range(1, 7)]
    )
    frame["region"] = np.where(np.arange(600) % 2 == 0, "AFR", "EUR")
    return frame


ITEMS = [f"q{j}" for j in range(1, 7)]


def ratings():
    rng = np.random.default_rng(5)
    rows = [(s, p, r, int(rng.integers(3, 6))) for s in "abc" for p in range(12) for r in (1, 2)]
    return pd.DataFrame(rows, columns=["statement", "panelist", "round", "rating"]).assign(
        region=lambda d: np.where(d["panelist"] % 2 == 0, "AFR", "EUR"),
        stakeholder=lambda d: np.where(d["panelist"] < 6, "user", "staff"),
    )


def panel():
    return rm.DelphiPanel.from_frame(
        ratings(),
        statement="statement",
        panelist="panelist",
        round="round",
        rating="rating",
        region="region",
        stakeholder="stakeholder",
    )


def relevance():
    return pd.DataFrame(
        [(i, r, 3 + (i != r) % 2) for i in range(4) for r in range(5)], columns=["item", "rater", "relevance"]
    )


RESULTS = {
    "screen": lambda d: rm.screen(d, items=ITEMS, group="region"),
    "polychoric": lambda d: rm.polychoric(d, items=ITEMS, group="region"),
    "suggest_n_factors": lambda d: rm.suggest_n_factors(d, ("map", "ekc"), items=ITEMS),
    "fit_efa": lambda d: rm.fit_efa(d, 1, items=ITEMS, rotation="none"),
    "fit_cfa": lambda d: rm.fit_cfa(d, MODEL, estimator="MLR"),
    "fit_cfa_ordered": lambda d: rm.fit_cfa(d, MODEL, ordered=True, group="region"),
    "monte_carlo_power": lambda d: rm.monte_carlo_power("f =~ 0.8*a + 0.7*b + 0.6*c", n=100, n_reps=3, seed=1),
    "fit_irt": lambda d: rm.fit_irt(d, "graded", items=ITEMS),
    "fit_irt_groups": lambda d: rm.fit_irt(d, "graded", items=ITEMS, group="region", equal=("slopes", "intercepts")),
    "cronbach_alpha": lambda d: rm.cronbach_alpha(d, items=ITEMS),
    "mcdonald_omega": lambda d: rm.mcdonald_omega(d, items=ITEMS),
    "estimate_reliability": lambda d: rm.estimate_reliability(d, items=ITEMS, group="region"),
    "check_invariance": lambda d: rm.check_invariance(d, MODEL, group="region"),
    "explain_invariance": lambda d: rm.check_invariance(d, MODEL, group="region").explain(),
    "align_groups": lambda d: rm.align_groups(d, MODEL, group="region", method="fixed"),
    "detect_dif": lambda d: rm.detect_dif(d, items=ITEMS, group="region"),
    "detect_dif_ncdif": lambda d: rm.detect_dif(d, items=ITEMS, group="region", method="ncdif"),
    "detect_dif_lasso": lambda d: rm.detect_dif(d, items=ITEMS, group="region", method="lasso"),
    "detect_dif_along": lambda d: rm.detect_dif(
        d.assign(age=range(len(d))), items=ITEMS, by="age", method="score_based"
    ),
    "check_consensus": lambda d: panel().check_consensus(),
    "participation": lambda d: panel().participation(),
    "stability": lambda d: panel().stability(),
    "sensitivity": lambda d: panel().sensitivity(n_boot=50),
    "content_validity": lambda d: rm.content_validity(relevance(), item="item", rater="rater", relevance="relevance"),
    "map_coverage": lambda d: rm.map_coverage(["q1", "q2"], ["hope", "home"], {"q1": ["hope"]}),
    "fit_mokken": lambda d: rm.fit_mokken(d, items=ITEMS),
    "fit_rasch": lambda d: rm.fit_rasch(d, "pcm", items=ITEMS),
    "fit_rasch_tree": lambda d: rm.fit_rasch_tree(d, d[["region"]], "pcm", items=ITEMS),
    "simulate_cat": lambda d: rm.simulate_cat(rm.fit_irt(d, "graded", items=ITEMS, se=None), n=50, seed=1),
    "equate_scores": lambda d: rm.equate_scores(d[ITEMS[:3]].sum(axis=1) - 3, d[ITEMS[3:]].sum(axis=1) - 3, paired=True),
}  # fmt: skip


@pytest.fixture(scope="module")
def results(data):
    return {name: make(data) for name, make in RESULTS.items()}


@pytest.mark.parametrize("name", RESULTS)
def test_tidy_glance_summary_and_dictionary(results, name):
    result = results[name]
    assert isinstance(result, AbstractResult)
    assert isinstance(result.tidy(), pd.DataFrame)
    assert len(result.glance()) == 1
    assert len(result.summary()) > 40
    assert "<table" in result._repr_html_()
    assert json.loads(json.dumps(result.to_dict()))["result"] == type(result).__name__
    assert result.converged in (True, False)
    assert result.admissible in (True, False)
    assert "0x" not in repr(result)


@pytest.mark.parametrize("name", RESULTS)
def test_columns_are_in_the_glossary(results, name):
    result = results[name]
    columns = {str(c) for c in (*result.tidy().columns, *result.glance().columns)}
    unknown = {c for c in columns if c not in GLOSSARY and re.sub(r"_?\d+$", "", c) not in GLOSSARY}
    assert not unknown, f"not in display/glossary.py: {sorted(unknown)}"


@pytest.mark.parametrize("name", RESULTS)
def test_tables_are_copies(results, name):
    result = results[name]
    before = result.tidy()
    changed = result.tidy()
    changed.iloc[:, 0] = -1 if pd.api.types.is_numeric_dtype(changed.iloc[:, 0]) else None
    pd.testing.assert_frame_equal(result.tidy(), before)


def test_the_glossary_explains_every_column_in_words():
    assert not [name for name, words in GLOSSARY.items() if len(words.strip()) < 3]
