"""The screening as a whole: flags on planted faults, false positives on clean answers, tables."""

import numpy as np
import pandas as pd
import pytest
from golden import REAL, needs_real

import recoverymetrics as rm
from recoverymetrics.display import GLOSSARY
from recoverymetrics.screening import ScreeningRules, screen

CUTS = np.array([-1.4, -0.5, 0.4, 1.3])


def attentive(n=1500, p=20, seed=1, negative=0):
    """Five-category answers to one scale; the last ``negative`` items are worded the other way."""
    rng = np.random.default_rng(seed)
    latent = 0.75 * rng.normal(size=(n, 1)) + 0.66 * rng.normal(size=(n, p)) + np.linspace(-0.5, 0.5, p)
    answers = 1.0 + np.digitize(latent, CUTS)
    answers[:, p - negative :] = 6 - answers[:, p - negative :]
    return pd.DataFrame(answers, columns=[f"q{j + 1}" for j in range(p)])


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("negative", [0, 8])
def test_at_most_two_percent_of_attentive_persons_are_flagged(seed, negative):
    assert screen(attentive(seed=seed, negative=negative)).flagged.mean() <= 0.02


def test_missing_answers_do_not_raise_the_false_positive_rate():
    data = attentive()
    rng = np.random.default_rng(9)
    missing = rng.random(data.shape) < rng.choice([0.0, 0.05, 0.4], size=(len(data), 1))
    assert screen(data.mask(missing)).flagged.mean() <= 0.02


def test_straight_lines_zigzags_and_random_answers_are_found():
    data = attentive(negative=8)
    rng = np.random.default_rng(5)
    data.iloc[:30] = 3.0
    data.iloc[30:60] = rng.integers(1, 6, (30, 20))
    zigzag = np.array([1, 2, 3, 4, 5, 4, 3, 2])
    data.iloc[60:90] = zigzag[(np.arange(20) + rng.integers(0, 8, (30, 1))) % 8]
    result = screen(data)
    assert result.flagged[:30].mean() == 1.0
    assert result.flagged[30:60].mean() >= 0.7
    assert result.flagged[60:90].mean() == 1.0
    assert result.flagged[90:].mean() <= 0.02
    people = result.persons()
    assert people["rules"].iloc[:30].str.contains("longstring").all()
    assert people["rules"].iloc[30:60].str.contains("mahalanobis").mean() > 0.5


def test_nothing_is_removed_and_the_data_stay_the_same():
    data = attentive(n=200)
    before = data.copy()
    result = screen(data)
    pd.testing.assert_frame_equal(data, before)
    assert len(result.persons()) == 200
    augmented = result.augment(data)
    assert list(augmented.columns[:20]) == list(data.columns)
    assert len(augmented) == 200
    with pytest.raises(rm.DataError, match="data have 100 rows, 200 persons were screened"):
        result.augment(data.head(100))


def test_tidy_has_rows_for_everybody_and_each_group():
    data = attentive(n=300).assign(region=["X", "Y", "Z"] * 100)
    table = screen(data, group="region").tidy()
    assert list(dict.fromkeys(table["group"])) == ["all", "X", "Y", "Z"]
    assert len(table) == 4 * 20


def test_a_wrongly_keyed_item_is_suspect_and_no_other():
    data = attentive()
    data["q7"] = 6 - data["q7"]
    assert screen(data).flagged_items("keying") == ["q7"]


def test_negatively_worded_items_that_are_not_reversed_are_suspect():
    result = screen(attentive(negative=6))
    assert result.flagged_items("keying") == [f"q{j}" for j in range(15, 21)]
    assert any(note.kind == "negative_pairs" for note in result.notes)
    keyed = screen(rm.Responses(attentive(negative=6), reverse=[f"q{j}" for j in range(15, 21)]))
    assert keyed.flagged_items("keying") == []
    assert keyed.glance()["n_negative_pairs"].item() == 0


def test_a_block_that_measures_the_opposite_is_not_called_wrongly_keyed():
    rng = np.random.default_rng(4)
    factors = rng.multivariate_normal([0, 0], [[1, -0.5], [-0.5, 1]], 1500)
    latent = 0.75 * factors[:, [0] * 14 + [1] * 6] + 0.66 * rng.normal(size=(1500, 20))
    data = pd.DataFrame(1.0 + np.digitize(latent, CUTS), columns=[f"q{j + 1}" for j in range(20)])
    result = screen(data)
    assert result.flagged_items("keying") == []
    assert any(note.kind == "negative_pairs" for note in result.notes)
    assert (
        screen(data, scales={"a": data.columns[:14], "b": data.columns[14:]}).tidy()["item_rest"].min() > 0.4
    )


def test_category_findings():
    data = attentive(n=400)
    data["q1"] = data["q1"].clip(upper=4)
    data["q2"] = 3.0
    data["q3"] = data["q3"].clip(lower=2)
    data.loc[:4, "q3"] = 1.0
    data["q4"] = np.tile([4.0, 5.0], 200)
    result = screen(data)
    assert "q1" in result.flagged_items("empty")
    assert result.flagged_items("zero_variance") == ["q2"]
    assert "q3" in result.flagged_items("sparse")
    assert "q4" in result.flagged_items("ceiling")


@needs_real
def test_rosenberg_answers():
    data = pd.read_csv(REAL / "rse.tsv.gz", sep="\t", keep_default_na=False)
    items = [f"Q{i}" for i in range(1, 11)]
    negative = ["Q3", "Q5", "Q8", "Q9", "Q10"]
    options = {"items": items, "missing_codes": [0], "region_from": "country"}
    result = screen(rm.Responses(data, reverse=negative, **options))
    assert result.glance()["n_missing"].item() == (data[items] == 0).to_numpy().sum()
    assert result.flagged_items("keying") == []
    assert 0.005 < result.flagged.mean() < 0.08
    assert len(result.tidy()) == 7 * 10
    forgotten = screen(rm.Responses(data, reverse=negative[:4], **options))
    assert forgotten.flagged_items("keying") == ["Q10"]


def test_the_planted_careless_persons_of_the_bundled_study():
    study = rm.load_synthetic("six_regions")
    bank = rm.ItemBank.from_frame(study.items)
    r = rm.Responses(study.responses, items=bank.ids, reverse=bank.reverse, group="region", id="person")
    result = screen(r, scales=study.truth["dimensions"])
    planted = np.isin(r.ids, study.truth["careless_persons"])
    assert result.flagged[planted].mean() > 0.9
    assert result.flagged[~planted].mean() < 0.02
    assert result.flagged_items("keying") == []


def test_rules_option_is_checked():
    with pytest.raises(rm.OptionError, match="is not a ScreeningRules"):
        screen(attentive(n=60), rules="strict")
    strict = screen(attentive(), rules=ScreeningRules(alpha=0.001))
    assert strict.flagged.sum() <= screen(attentive()).flagged.sum()


def test_every_column_is_in_the_glossary():
    result = screen(attentive(n=100).assign(region=["X", "Y"] * 50), group="region")
    for frame in (result.tidy(), result.persons(), result.glance(), result.rules, result.patterns):
        assert set(frame.columns) <= set(GLOSSARY)
