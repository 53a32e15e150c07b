"""The synthetic study: content results have the faces and columns that every result has."""

from pathlib import Path

import pandas as pd

import recoverymetrics as rm
from recoverymetrics.display import GLOSSARY

DATA = Path(__file__).parents[3] / "data" / "synthetic"


def test_every_column_is_in_the_glossary():
    items = rm.ItemBank.from_frame(pd.read_csv(DATA / "items.csv"))
    coverage = rm.map_coverage(items, rm.ElementSet.from_frame(pd.read_csv(DATA / "elements.csv")))
    validity = rm.content_validity(
        pd.read_csv(DATA / "relevance.csv"),
        item="item",
        rater="rater",
        relevance="relevance",
        element="element",
    )
    themes = rm.map_themes(pd.read_csv(DATA / "themes.csv"), coverage)
    for result in (coverage, validity, validity.assignment(items), themes, rm.screen_wording(items)):
        for frame in (result.tidy(), result.glance()):
            assert set(frame) <= set(GLOSSARY), type(result).__name__
        assert len(result.glance()) == 1
        assert "<table" in result._repr_html_()
    answers = pd.read_csv(DATA / "responses.csv", nrows=50)
    assert set(themes.augment(answers, id="person", reverse=items.reverse)) <= set(GLOSSARY)


def test_raters_agree_on_the_intended_elements():
    items = rm.ItemBank.from_frame(pd.read_csv(DATA / "items.csv"))
    validity = rm.content_validity(
        pd.read_csv(DATA / "relevance.csv"),
        item="item",
        rater="rater",
        relevance="relevance",
        element="element",
    )
    found = validity.assignment(items).glance().iloc[0]
    assert found["p_sa_mean"] > 0.8
    assert found["fleiss_kappa_conf_low"] < found["fleiss_kappa"] < found["fleiss_kappa_conf_high"]
