"""The page in plain words: what it says in each case, how it is built, messages."""

import numpy as np
import pytest
from test_ladder import MODEL, factor_data
from test_ladder_occasions import ROUNDS, rounds_data

from recoverymetrics import EstimationWarning, OptionError
from recoverymetrics.invariance import check_invariance, detect_dif, explain_invariance
from recoverymetrics.invariance.plain.facts import clear_differences

SIZES = [500, 600, 400, 450]
MEANS = [0, 0.5, -0.5, 0.1]
ITEMS = [f"x{i}" for i in range(1, 7)]


def page(shift=None, **options):
    ladder = check_invariance(factor_data(1, SIZES, means=MEANS, shift=shift), MODEL, group="region")
    return explain_invariance(ladder, concept="hope", unit="region", units="regions", **options)


@pytest.fixture(scope="module")
def mixed():
    return page({(1, 2): 0.8, (2, 4): -0.9, (2, 1): -0.6})


def test_equal_questions_allow_scores():
    found = page()
    assert found.facts.state == "scores"
    assert found.headline == "Yes. Scores can be compared as they are."
    assert found.advice[0].startswith("Compare the averages.")
    assert found.tidy()["use"].unique().tolist() == ["raw average is fair"]
    html = found.to_html()
    assert "None that matters." in html
    assert "the raw average of no region by as much as a tenth of a standard deviation: all are fair" in html


def test_some_shifted_questions_ask_for_an_adjustment(mixed):
    assert mixed.facts.state == "adjusted"
    assert mixed.headline == "Only after an adjustment."
    assert {item.item for item in mixed.facts.items} == {"x2", "x3", "x5"}
    assert mixed.facts.share == pytest.approx(3 / 24)
    table = mixed.tidy().set_index("group")
    assert table["use"].tolist() == [
        "raw average is fair", "use the adjusted average", "use the adjusted average", "raw average is fair",
    ]  # fmt: skip
    truth = np.array(MEANS) - np.average(MEANS, weights=SIZES)
    np.testing.assert_allclose(table["mean"], truth, atol=0.15)
    assert ((table["conf_low"] < table["mean"]) & (table["mean"] < table["conf_high"])).all()
    html = mixed.to_html()
    assert "x5: in R3 people choose lower answers than people with the same hope elsewhere" in html
    assert "Depends" in html
    assert "makes it a little too high" in html


def test_many_shifted_questions_allow_nothing():
    pattern = [0.8, -0.8, 0.9, -0.7, 0.9, -0.9]
    shift = {(g, j): pattern[(j + g * g) % 6] * ((g + j) % 2) for g in range(4) for j in range(6)}
    found = page(shift)
    assert found.headline == "No, not on these data."
    assert found.advice[0].startswith("Do not rank the regions")
    assert set(found.tidy()["use"]) == {"do not compare"}
    assert "should not be compared by their averages" in found.to_html()


@pytest.mark.filterwarnings("ignore:.*items are flagged")
def test_names_questions_and_item_analysis_are_shown(mixed, tmp_path):
    data = factor_data(1, SIZES, means=MEANS, shift={(1, 2): 0.8, (2, 4): -0.9, (2, 1): -0.6})
    answers = data.assign(**{item: np.digitize(data[item], [-1.0, 0.0, 1.0]) for item in ITEMS})
    found = mixed.ladder.explain(
        dif=detect_dif(answers, items=ITEMS, group="region"),
        names={"R2": "North <East>"},
        questions={"x3": "I have plans"},
    )
    path = tmp_path / "page.html"
    text = found.to_html(path, title="Hope & regions")
    assert path.read_text(encoding="utf-8") == text
    assert "<title>Hope &amp; regions</title>" in text
    assert "North &lt;East&gt;" in text
    assert "<East>" not in text
    assert "x3 (“I have plans”)" in text
    assert "http" not in text.replace("http://www.w3.org", "")
    assert "<script" not in text
    assert text.count("<svg") == 1
    assert text == found.to_html(title="Hope & regions")


def test_rounds_are_explained_too():
    ladder = check_invariance(rounds_data(3), "hope =~ a + b + c + d + e", occasions=ROUNDS)
    found = ladder.explain(concept="hope")
    assert found.wording.units == "rounds"
    assert "700 people, 3 rounds" in found.to_html()
    assert found.facts.groups[2].above == ("before", "after")
    drifted = check_invariance(
        rounds_data(1, shift={(1, 2): 0.6}), "hope =~ a + b + c + d + e", occasions=ROUNDS
    ).explain(concept="hope")
    html = drifted.to_html()
    assert "c: at after people choose higher answers than people with the same hope at other times" in html
    assert "Ask people what c means to them" in html
    assert "the adjusted ones are the safer choice" in html


def test_rough_models_and_untestable_steps_are_said():
    data = factor_data(4, [500, 500], cuts=[-0.5, 0.5])
    ladder = check_invariance(data, MODEL, group="region", ordered=True)
    html = ladder.explain().to_html()
    assert "Cannot be tested" in html
    assert "Equal thresholds" not in html
    assert "Do people with the same level of what the scale measures give the same answers?" in html
    assert "Do people with the same hope give" in ladder.explain(concept="hope").to_html()
    rng = np.random.default_rng(4)
    two = data.copy()
    method = rng.normal(0, 0.8, (1000, 1))
    x = rng.normal(size=(1000, 1)) + np.hstack([method, method, method, -method, -method, -method]) * 0.8
    two[ITEMS] = x + rng.normal(0, 0.4, (1000, 6))
    rough = check_invariance(two, MODEL, group="region", levels=["metric"]).explain()
    if rough.ladder.steps[0].holds:
        assert "Roughly" in rough.to_html()
    else:
        assert rough.facts.state == "nothing"


def test_checks_without_a_solution_are_not_known():
    data = factor_data(6, [300, 300], cuts=[0.3])
    with pytest.warns(EstimationWarning):
        ladder = check_invariance(data, MODEL, group="region", ordered=True, levels=["intercepts"])
    page = ladder.explain()
    assert page.facts.state == "nothing"
    assert "Not known" in page.to_html()


def test_clear_differences_correct_all_pairs():
    means = np.array([0.0, 0.1, 2.0])
    clear = clear_differences(means, np.eye(3) * 0.05**2)
    assert clear.tolist() == [[False, False, True], [False, False, True], [True, True, False]]


def test_result_surface_and_messages(mixed):
    import matplotlib.pyplot as plt

    assert mixed.summary().startswith("Can the regions be compared? Only after an adjustment.")
    assert mixed.glance()["share_different"].item() == pytest.approx(0.125)
    assert "<table" in mixed._repr_html_()
    assert mixed.to_dict()["result"] == "PlainSummary"
    assert mixed.converged
    assert mixed.admissible
    assert [t.get_text() for t in mixed.plot().get_yticklabels()] == ["R2", "R4", "R1", "R3"]
    plt.close("all")
    with pytest.raises(OptionError, match="the factors are hope"):
        mixed.ladder.explain(factor="despair")
