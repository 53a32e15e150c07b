"""Short forms: optimal by enumeration, rules kept, conflicts named, scores judged in other persons."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

import recoverymetrics as rm
from recoverymetrics.display import GLOSSARY
from recoverymetrics.errors import DataError, DataWarning, ModelError, OptionError
from recoverymetrics.instrument import read_items
from recoverymetrics.refine.short_form import AssemblyProblem, Requirements, ShortForm, solve
from recoverymetrics.refine.short_form.evaluation import overlap_corrected, score_agreement

P = 10
ITEMS = tuple(f"q{j}" for j in range(P))
THETA = (-2.0, -1.0, 0.0, 1.0, 2.0)
GROUPS = ("AFR", "EUR", "WPR")


class Calibrated:
    """Graded items with known parameters that stand for a fitted model."""

    groups_labels = GROUPS

    def __init__(self, seed: int = 1, items: tuple[str, ...] = ITEMS) -> None:
        rng = np.random.default_rng(seed)
        self.items = items
        self.slope = rng.uniform(0.5, 2.5, (len(GROUPS), len(items)))
        self.location = rng.normal(0, 1.2, (len(GROUPS), len(items)))

    def information(self, theta: np.ndarray, group: str | None = None) -> pd.DataFrame:
        g = GROUPS.index(group or GROUPS[0])
        p = 1 / (1 + np.exp(-self.slope[g] * (theta[:, None] - self.location[g])))
        table = pd.DataFrame(self.slope[g] ** 2 * p * (1 - p), columns=list(self.items))
        table.insert(0, "theta", theta)
        return table.assign(test=1.0, std_error=1.0)


FIT = Calibrated()
MAPPING = {
    "q0": "hope",
    "q1": "hope",
    "q2": "agency",
    "q3": "agency",
    "q4": "rights",
    "q5": ("rights", "peers"),
}


def shares() -> np.ndarray:
    table = np.vstack([FIT.information(np.array(THETA), g)[list(ITEMS)].to_numpy() for g in GROUPS])
    return table / table.sum(1, keepdims=True)


def best_by_enumeration(allowed) -> float:
    S = shares()
    sets = (c for c in combinations(range(P), 4) if allowed({ITEMS[j] for j in c}))
    return max(S[:, list(c)].sum(1).min() for c in sets)


def covers(chosen: set[str]) -> bool:
    elements = {"hope": {"q0", "q1"}, "agency": {"q2", "q3"}, "rights": {"q4", "q5"}, "peers": {"q5"}}
    return all(chosen & items for items in elements.values())


@pytest.mark.parametrize(
    ("options", "allowed"),
    [
        ({}, lambda c: True),
        ({"mapping": MAPPING}, covers),
        ({"exclude": ["q1", "q7"]}, lambda c: not c & {"q1", "q7"}),
        ({"include": ["q9"]}, lambda c: "q9" in c),
        (
            {"enemies": [("q0", "q1", "q2"), ("q8", "q9")]},
            lambda c: len(c & {"q0", "q1", "q2"}) < 2 and len(c & {"q8", "q9"}) < 2,
        ),
        (
            {"reverse": ["q0", "q1", "q2", "q3"], "reverse_keyed": (2, 2)},
            lambda c: len(c & {"q0", "q1", "q2", "q3"}) == 2,
        ),
        (
            {"mapping": MAPPING, "exclude": ["q0"], "enemies": [("q5", "q6")]},
            lambda c: covers(c) and "q0" not in c and not {"q5", "q6"} <= c,
        ),
    ],
    ids=["free", "coverage", "exclude", "include", "enemies", "reverse", "together"],
)
def test_the_selection_is_the_best_of_all(options: dict, allowed) -> None:
    form = rm.assemble_short_form(FIT, length=4, theta=THETA, **options)
    assert allowed(set(form.items))
    assert form.objective == pytest.approx(best_by_enumeration(allowed), rel=1e-6)
    assert form.optimal
    assert form.gap == pytest.approx(0, abs=1e-6)
    assert form.bound >= form.objective
    assert form.objective == pytest.approx(form.information["share"].min())


def test_among_equal_minima_the_larger_mean_wins() -> None:
    S = np.array([[0.25, 0.25, 0.25, 0.25], [0.1, 0.3, 0.3, 0.3]])
    S[0] = [0.1, 0.2, 0.3, 0.4]
    S[1] = [0.4, 0.1, 0.1, 0.4]
    found = solve(AssemblyProblem(S, Requirements(length=(2, 2)).rules(tuple("abcd"))))
    best = max(
        combinations(range(4), 2), key=lambda c: (round(S[:, list(c)].sum(1).min(), 9), S[:, list(c)].sum())
    )
    assert np.flatnonzero(found.selected).tolist() == list(best)


def test_balance_keeps_opposite_effects_together() -> None:
    effect = pd.DataFrame({"EUR": np.r_[0.4, -0.4, 0.3, np.zeros(7)]}, index=list(ITEMS))
    form = rm.assemble_short_form(FIT, length=5, balance=effect, tolerance=0.05, include=["q0"])
    assert "q1" in form.items
    assert "q2" not in form.items


def test_a_range_of_lengths_uses_all_of_it() -> None:
    assert len(rm.assemble_short_form(FIT, length=(3, 5)).items) == 5


def test_several_dimensions_are_kept_each() -> None:
    second = Calibrated(seed=5, items=tuple(f"r{j}" for j in range(6)))
    form = rm.assemble_short_form({"hope": FIT, "agency": second}, length=6, groups=["AFR"])
    assert {item[0] for item in form.items} == {"q", "r"}
    assert set(form.information["factor"]) == {"hope", "agency"}
    assert set(form.information["group"]) == {"AFR"}


def test_elements_without_items_are_said_and_listed() -> None:
    with pytest.warns(DataWarning, match="peers, safety"):
        form = rm.assemble_short_form(
            FIT,
            length=4,
            mapping=MAPPING,
            elements=["hope", "agency", "rights", "peers", "safety"],
            exclude=["q5"],
        )
    assert form.uncovered == ("peers", "safety")
    assert not form.admissible
    assert form.glance()["n_uncovered"][0] == 2
    assert "peers, safety" in form.summary()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"length": 1, "mapping": MAPPING}, "length 1|at least 1 items of element"),
        (
            {"length": 2, "include": ["q0", "q1"], "enemies": [("q0", "q1")]},
            "'q0' in|'q1' in|at most one of q0, q1",
        ),
        ({"length": 2, "reverse": ["q0"], "reverse_keyed": (2, 2)}, "2 to 2 reverse-keyed items"),
        ({"length": 2, "include": ["q0"], "exclude": ["q0"]}, "'q0'"),
    ],
)
def test_rules_that_cannot_hold_together_are_named(options: dict, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        rm.assemble_short_form(FIT, **options)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"length": 0}, OptionError, "positive number"),
        ({"length": 11}, ModelError, "cannot be made of 10 items"),
        ({"length": 3, "exclude": ["zz"]}, DataError, "exclude names item 'zz'"),
        ({"length": 3, "groups": ["Mars"]}, ModelError, "groups are AFR, EUR, WPR"),
        ({"length": 3, "elements": ["hope"]}, DataError, "needs mapping="),
        ({"length": 3, "mapping": pd.DataFrame({"a": [1]})}, DataError, "columns item and element"),
        (
            {"length": 3, "balance": pd.DataFrame({"x": [1.0]}, index=["q0"])},
            DataError,
            "no row for item 'q1'",
        ),
        ({"length": 3, "theta": [0.0, 900.0]}, DataError, "no information at theta = 900"),
    ],
)
def test_refusals(options: dict, error, message: str) -> None:
    with pytest.raises(error, match=message), np.errstate(over="ignore"):
        rm.assemble_short_form(FIT, **options)


def test_overlap_correction_is_the_correlation_of_separate_administrations() -> None:
    rng = np.random.default_rng(1)
    n, slope = 60_000, np.linspace(0.5, 1.2, 8)
    factor = rng.normal(size=(n, 1))
    once, again = (factor * slope + rng.normal(size=(n, 8)) for _ in range(2))
    short = np.arange(8) < 3
    observed, corrected, _ = overlap_corrected(np.cov(once.T), short)
    separate = np.corrcoef(again[:, short].sum(1), once.sum(1))[0, 1]
    assert corrected == pytest.approx(separate, abs=0.012)  # lambda 2 is a lower bound of the reliability
    assert observed > separate + 0.03


def test_scores_of_held_out_persons_by_group() -> None:
    rng = np.random.default_rng(2)
    answers = np.digitize(rng.normal(size=(600, 1)) + rng.normal(size=(600, P)), [-1, 0, 1])
    data = pd.DataFrame(answers, columns=list(ITEMS)).assign(region=np.repeat(GROUPS, 200))
    form = rm.assemble_short_form(FIT, length=5, holdout=data, holdout_group="region")
    table = form.held_out
    assert table["group"].tolist() == list(GROUPS)
    assert (table["correlation_corrected"] < table["correlation"]).all()
    assert (table["reliability"] < table["reliability_full"]).all()
    assert form.glance()["correlation_corrected"][0] == pytest.approx(table["correlation_corrected"].min())
    pd.testing.assert_frame_equal(form.evaluate(data, group="region"), table)
    with pytest.raises(DataError, match="at least 10"):
        form.evaluate(data[:5].drop(columns="region"))
    with pytest.raises(DataError, match="lack items"):
        score_agreement(read_items(data, items=["q0", "q1"]), ("q0", "q9"))


def test_result_interface() -> None:
    import matplotlib.pyplot as plt

    form = rm.assemble_short_form(FIT, length=4, mapping=MAPPING)
    assert isinstance(form, ShortForm)
    assert form.tidy()["selected"].sum() == 4
    assert set(form.tidy().columns) | set(form.glance().columns) <= set(GLOSSARY)
    assert "proven optimal" in form.summary()
    assert "<table" in form._repr_html_()
    assert form.to_dict()["glance"]["n_items"] == 4
    assert len(form.plot().lines) == len(GROUPS) + 1
    plt.close("all")


def test_a_bank_of_two_hundred_items_is_solved_to_proof() -> None:
    bank = tuple(f"b{j}" for j in range(200))
    fit = Calibrated(seed=3, items=bank)
    mapping = {item: f"element {j % 12}" for j, item in enumerate(bank)}
    enemies = [(bank[j], bank[j + 1]) for j in range(0, 200, 4)]
    form = rm.assemble_short_form(
        fit, length=12, mapping=mapping, enemies=enemies, groups=["EUR"], time_limit=20
    )
    assert form.gap < 0.02
    assert not form.uncovered


def test_a_fitted_graded_model_of_two_groups() -> None:
    rng = np.random.default_rng(1)
    latent = rng.normal(size=(800, 1)) * np.linspace(0.6, 2, 8) + rng.logistic(size=(800, 8))
    data = pd.DataFrame(np.digitize(latent, [-1, 1]), columns=[f"q{j}" for j in range(8)])
    fit = rm.fit_irt(
        data.assign(region=["EUR", "AFR"] * 400), "graded", group="region", equal=("slopes", "intercepts")
    )
    form = rm.assemble_short_form(fit, length=4)
    assert set(form.information["group"]) == {"EUR", "AFR"}
    table = np.vstack(
        [fit.information(np.array(THETA), g)[[f"q{j}" for j in range(8)]] for g in ("EUR", "AFR")]
    )
    kept = [(table[:, list(c)].sum(1) / table.sum(1)).min() for c in combinations(range(8), 4)]
    assert form.objective == pytest.approx(max(kept), rel=1e-6)
