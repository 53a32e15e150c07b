"""Measurement error, limits of agreement, reliable change, conditional errors."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from recoverymetrics import reliability as rel
from recoverymetrics.errors import DataError, OptionError

# Peak expiratory flow of 17 persons by two meters: Bland & Altman (1986), table 1.
LARGE = [494, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267, 478, 178, 423, 427]
MINI = [512, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260, 477, 259, 350, 451]
FLOW = pd.DataFrame({"large": LARGE, "mini": MINI})


def test_published_limits_of_agreement() -> None:
    table = rel.limits_of_agreement(FLOW, first="mini", second="large").tidy().set_index("term")
    assert round(table.loc["bias", "estimate"], 1) == -2.1
    sd = (table.loc["loa_high", "estimate"] - table.loc["bias", "estimate"]) / stats.norm.ppf(0.975)
    assert round(sd, 1) == 38.8
    assert round(table.loc["bias", "conf_low"], 1) == -22.0
    assert round(table.loc["bias", "conf_high"], 1) == 17.8


def test_confidence_limits_of_the_limits_cover() -> None:
    rng = np.random.default_rng(1)
    truth = 1.0 + 1.959964 * 2
    hits = 0
    for _ in range(500):
        x = rng.normal(size=25)
        data = {"a": x, "b": x + rng.normal(1.0, 2.0, 25)}
        high = rel.limits_of_agreement(data, first="a", second="b").tidy().set_index("term").loc["loa_high"]
        hits += high["conf_low"] < truth < high["conf_high"]
    assert 0.925 < hits / 500 < 0.975


def test_limits_with_repeated_persons_recover_the_total_spread() -> None:
    rng = np.random.default_rng(2)
    person = np.repeat(np.arange(400), rng.integers(1, 5, 400))
    difference = 0.5 + rng.normal(0, 1.5, 400)[person] + rng.normal(0, 1.0, person.size)
    data = pd.DataFrame({"a": 0.0, "b": difference, "person": person})
    result = rel.limits_of_agreement(data, first="a", second="b", unit="person")
    table = result.tidy().set_index("term")
    truth = 0.5 + 1.959964 * np.sqrt(1.5**2 + 1)
    assert table.loc["loa_high", "conf_low"] < truth < table.loc["loa_high", "conf_high"]
    assert result.glance()["n"][0] == 400
    with pytest.raises(DataError, match="measured more than once"):
        rel.limits_of_agreement(FLOW.assign(p=range(17)), first="mini", second="large", unit="p")


def test_bland_altman_plot_shows_the_three_lines() -> None:
    ax = rel.limits_of_agreement(FLOW, first="mini", second="large").plot()
    assert len(ax.lines) == 3
    assert "minus" in ax.get_ylabel()


def test_standard_error_of_measurement_from_two_occasions() -> None:
    result = rel.measurement_error(FLOW)
    table = result.tidy().set_index("term")
    change = FLOW["mini"] - FLOW["large"]
    assert table.loc["sem_consistency", "estimate"] == pytest.approx(change.std() / np.sqrt(2))
    assert table.loc["bias", "estimate"] == pytest.approx(change.mean())
    factor = stats.norm.ppf(0.975) * np.sqrt(2)
    agreement = table.loc["sem_agreement", "estimate"]
    assert table.loc["sdc_agreement", "estimate"] == pytest.approx(agreement * factor)
    assert table.loc["sdc_group", "estimate"] == pytest.approx(agreement * factor / np.sqrt(17))
    assert result.glance()["sdc"][0] == pytest.approx(agreement * factor)


def test_systematic_differences_count_for_agreement_only() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(200, 1)) * 3 + rng.normal(size=(200, 3)) + np.array([0.0, 2.0, 4.0])
    table = rel.measurement_error(x).tidy().set_index("term")["estimate"]
    assert table["sem_consistency"] == pytest.approx(1.0, abs=0.1)
    assert table["sem_agreement"] == pytest.approx(np.sqrt(1 + 4), abs=0.15)
    assert "bias" not in table.index


def test_standard_error_from_a_reliability() -> None:
    scores = pd.DataFrame({"score": np.random.default_rng(1).normal(50, 10, 500)})
    table = rel.measurement_error(scores, reliability=0.91).tidy().set_index("term")
    assert table.loc["sem", "estimate"] == pytest.approx(scores["score"].std() * 0.3)
    ends = table.loc["sem", ["conf_low", "conf_high"]].to_numpy(float)
    assert 499 * (table.loc["sem", "estimate"] / ends) ** 2 == pytest.approx(
        stats.chi2.ppf([0.975, 0.025], 499)
    )


def test_groups_and_missing_scores() -> None:
    data = FLOW.astype(float).assign(g=["a"] * 9 + ["b"] * 8)
    data.loc[0, "mini"] = np.nan
    result = rel.measurement_error(data, group="g")
    assert set(result.tidy()["group"]) == {"a", "b"}
    assert "1 persons" in result.notes[0]
    assert result.glance()["n_groups"][0] == 2


def test_published_reliable_change_index() -> None:
    # Jacobson & Truax (1991): pretest 47.5, posttest 32.5, SD 10, reliability .80 -> RC = -2.37
    data = {"before": [47.5, 40.0, 55.0], "after": [32.5, 41.0, 54.0]}
    result = rel.reliable_change(
        data, before="before", after="after", reliability=0.8, sd=10, higher_is_better=False
    )
    persons = result.augment()
    assert round(persons.loc[0, "statistic"], 2) == -2.37
    assert persons["verdict"].tolist() == ["improved", "unchanged", "unchanged"]
    constants = result.constants.iloc[0]
    assert round(constants["sem"], 2) == 4.47
    assert round(constants["std_error"], 2) == 6.32


def simulated_change(n: int = 4000) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(3)
    true = rng.normal(50, 8, n)
    change = rng.normal(3, 4, n)
    error = np.sqrt(0.2 / 0.8) * 8
    data = pd.DataFrame({"t1": true + rng.normal(0, error, n), "t2": true + change + rng.normal(0, error, n)})
    return data, change


@pytest.mark.parametrize("method", ["jacobson_truax", "speer", "edwards_nunnally", "hageman_arrindell"])
def test_formulas_of_change(method: str) -> None:
    data, change = simulated_change()
    result = rel.reliable_change(data, before="t1", after="t2", reliability=0.8, method=method)
    persons = result.augment(data)
    assert list(persons.columns[:2]) == ["t1", "t2"]
    assert persons["statistic"].to_numpy() == pytest.approx(
        (persons["estimate"] / persons["std_error"]).to_numpy()
    )
    tidy = result.tidy()
    assert tidy["share"].sum() == pytest.approx(1)
    assert result.glance()["improved"][0] > result.glance()["deteriorated"][0]
    if method == "hageman_arrindell":
        assert np.mean((persons["estimate"] - change) ** 2) < np.mean((persons["change"] - change) ** 2)


def test_nobody_changes_reliably_by_error_alone() -> None:
    rng = np.random.default_rng(1)
    true = rng.normal(0, 2, 5000)
    data = {"t1": true + rng.normal(size=5000), "t2": true + rng.normal(size=5000)}
    result = rel.reliable_change(data, before="t1", after="t2", reliability=0.8, level=0.9)
    assert result.glance()["unchanged"][0] == pytest.approx(0.9, abs=0.015)


def test_missing_scores_stay_missing() -> None:
    data = {"t1": [1.0, 2, 3, 4], "t2": [1.0, 3, 2, None]}
    result = rel.reliable_change(data, before="t1", after="t2", reliability=0.8, group=["a", "a", "b", "b"])
    assert result.augment()["verdict"].tolist()[-1] == "missing"
    assert result.glance()["n"][0] == 3
    assert "1 persons lack a score" in result.notes[-1]


def test_binomial_errors_reproduce_kr21() -> None:
    rng = np.random.default_rng(2)
    p = 1 / (1 + np.exp(-rng.normal(size=(3000, 1))))
    x = (rng.random((3000, 20)) < p).astype(int)
    result = rel.conditional_error(x, method="binomial")
    total = x.sum(1)
    mean, variance, k = total.mean(), total.var(ddof=1), 20
    kr21 = k / (k - 1) * (1 - mean * (k - mean) / (k * variance))
    assert result.glance()["reliability"][0] == pytest.approx(kr21, abs=2e-3)
    keats = rel.conditional_error(x, method="binomial_keats")
    assert keats.glance()["reliability"][0] == pytest.approx(rel.cronbach_alpha(x).estimate, abs=2e-3)


def test_person_errors_reproduce_alpha() -> None:
    rng = np.random.default_rng(4)
    x = np.clip(np.round(2 + rng.normal(size=(1500, 1)) + rng.normal(size=(1500, 8))), 0, 4)
    result = rel.conditional_error(x)
    assert result.glance()["reliability"][0] == pytest.approx(rel.cronbach_alpha(x).estimate, abs=2e-3)
    middle = result.tidy().set_index("score")["estimate"]
    assert middle.loc[16] > middle.loc[31]
    assert result.plot().get_ylabel() == "standard error of measurement"


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: rel.measurement_error(FLOW[["mini"]]), DataError, "give two occasions, or reliability="),
        (lambda: rel.measurement_error(FLOW, reliability=0.8), DataError, "one column of scores is expected"),
        (lambda: rel.measurement_error(FLOW[["mini"]], reliability=1.2), DataError, "between 0 and 1"),
        (lambda: rel.measurement_error(FLOW[:1]), DataError, "only 1 person "),
        (lambda: rel.limits_of_agreement(FLOW, first="mini", second="x"), DataError, "no column 'x'"),
        (lambda: rel.limits_of_agreement(FLOW[:2], first="mini", second="large"), DataError, "only 2 rows"),
        (
            lambda: rel.reliable_change(FLOW, before="mini", after="large", reliability=1),
            DataError,
            "reliability=1",
        ),
        (
            lambda: rel.reliable_change(FLOW, before="mini", after="large", reliability=0.8, sd=-1),
            DataError,
            "positive",
        ),
        (
            lambda: rel.reliable_change(FLOW[:2], before="mini", after="large", reliability=0.8),
            DataError,
            "only 2",
        ),
        (
            lambda: rel.reliable_change(FLOW, before="mini", after="large", reliability=0.8, method="rci"),
            OptionError,
            "jacobson_truax, practice_adjusted",
        ),
        (
            lambda: rel.reliable_change(
                FLOW, before="mini", after="large", reliability=0.5, method="hageman_arrindell"
            ),
            DataError,
            "reliability of differences",
        ),
        (
            lambda: rel.reliable_change(
                {"a": [1, 1, 1], "b": [1, 2, 3]}, before="a", after="b", reliability=0.8
            ),
            DataError,
            "no variance",
        ),
        (
            lambda: rel.conditional_error(np.array([[0, 2], [1, 1], [0, 1]]), method="binomial"),
            DataError,
            "item2",
        ),
        (lambda: rel.conditional_error(FLOW, method="lord"), OptionError, "binomial"),
    ],
)
def test_refusals(call, error, message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_augment_needs_the_same_rows() -> None:
    result = rel.reliable_change(FLOW, before="mini", after="large", reliability=0.8)
    with pytest.raises(DataError, match="3 rows, the result 17"):
        result.augment(FLOW[:3])


PAIRS = {"t1": [20.0, 22, 25, 30, 28, 24], "t2": [21.0, 33, 24, 31, 29, 25]}


def by_hand(method: str, r: float, mean: float, sd: float, practice: float) -> np.ndarray:
    """The index of each person, written out from the papers."""
    x1, x2 = np.array(PAIRS["t1"]), np.array(PAIRS["t2"])
    m1, m2, s2 = x1.mean(), x2.mean(), x2.std(ddof=1)
    sem, sem2, true = sd * np.sqrt(1 - r), s2 * np.sqrt(1 - r), mean + r * (x1 - mean)
    return {
        "jacobson_truax": (x2 - x1) / np.sqrt(2 * sem**2),
        "practice_adjusted": (x2 - x1 - practice) / np.sqrt(2 * sem**2),
        "iverson": (x2 - x1 - practice) / np.sqrt(sem**2 + sem2**2),
        "speer": (x2 - true) / np.sqrt(2 * sem**2),
        "edwards_nunnally": (x2 - true) / sem,
        "gulliksen_lord_novick": ((x2 - mean) - r * (x1 - mean)) / (sd * np.sqrt(1 - r**2)),
        "nunnally_kotsch": (x2 - true) / np.sqrt(r**2 * sd**2 * (1 - r) + s2**2 * (1 - r)),
        "hsu_linn_lord": ((x2 - m2) - r * (x1 - m1)) / (s2 * np.sqrt(1 - r**2)),
    }[method]


@pytest.mark.parametrize("norm", [True, False])
@pytest.mark.parametrize(
    "method",
    [
        "jacobson_truax",
        "practice_adjusted",
        "iverson",
        "speer",
        "edwards_nunnally",
        "gulliksen_lord_novick",
        "nunnally_kotsch",
        "hsu_linn_lord",
    ],
)
def test_indices_of_change_are_those_of_the_papers(method: str, norm: bool) -> None:
    x1 = np.array(PAIRS["t1"])
    mean, sd = (26.0, 5.0) if norm else (x1.mean(), x1.std(ddof=1))
    options = {"mean": 26.0, "sd": 5.0} if norm else {}
    if method in ("practice_adjusted", "iverson"):
        options["practice"] = 1.5
    result = rel.reliable_change(
        PAIRS, before="t1", after="t2", reliability=0.85, method=method, level=0.9, **options
    )
    persons = result.augment()
    assert persons["statistic"].to_numpy() == pytest.approx(by_hand(method, 0.85, mean, sd, 1.5))
    z = stats.norm.ppf(0.95)
    assert (persons["conf_high"] - persons["estimate"]).to_numpy() == pytest.approx(z * persons["std_error"])
    assert (persons["verdict"] == "improved").tolist() == (persons["conf_low"] > 0).tolist()


@pytest.mark.parametrize(
    "method", ["jacobson_truax", "practice_adjusted", "iverson", "gulliksen_lord_novick", "hsu_linn_lord"]
)
def test_indices_hold_their_level_when_nobody_changes(method: str) -> None:
    rng = np.random.default_rng(1)
    truth = rng.normal(50, 8, 20_000)
    scores = {"t1": truth + rng.normal(0, 6, 20_000), "t2": truth + rng.normal(0, 6, 20_000)}
    options = {"practice": 0.0} if method in ("practice_adjusted", "iverson") else {}
    result = rel.reliable_change(scores, before="t1", after="t2", reliability=0.64, method=method, **options)
    assert result.glance()["unchanged"][0] == pytest.approx(0.95, abs=0.006)


def test_practice_is_asked_for_where_it_is_needed_and_nowhere_else() -> None:
    with pytest.raises(OptionError, match="needs practice="):
        rel.reliable_change(PAIRS, before="t1", after="t2", reliability=0.8, method="iverson")
    with pytest.raises(OptionError, match="does not use practice="):
        rel.reliable_change(PAIRS, before="t1", after="t2", reliability=0.8, practice=1.0)


@pytest.mark.parametrize("method", ["jacobson_truax", "speer", "hageman_arrindell"])
def test_the_band_of_the_plot_holds_those_without_reliable_change(method: str) -> None:
    rng = np.random.default_rng(3)
    first = rng.normal(50, 8, 300)
    scores = {"t1": first, "t2": first + rng.normal(2, 6, 300)}
    result = rel.reliable_change(scores, before="t1", after="t2", reliability=0.9, method=method)
    ax = result.plot()
    corners = ax.collections[0].get_paths()[0].vertices
    ends = np.unique(corners[:, 0])
    bounds = np.sort([np.unique(corners[corners[:, 0] == end, 1]) for end in ends], axis=1)
    low, high = (np.interp(scores["t1"], ends, bounds[:, side]) for side in (0, 1))
    inside = (scores["t2"] > low) & (scores["t2"] < high)
    assert (inside == (result.augment()["verdict"] == "unchanged")).all()
