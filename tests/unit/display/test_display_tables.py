"""Digits follow the standard error; tables render as text and HTML; results reduce to plain types."""

import json
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from recoverymetrics.display import AbstractResult, Table, format_estimate, format_number, format_p
from recoverymetrics.display.digits import decimals_for


@pytest.mark.parametrize(
    ("se", "decimals"), [(0.5, 2), (0.034, 3), (12.0, 0), (1e-9, 6), (0.0, 3), (float("nan"), 3)]
)
def test_decimals_follow_the_standard_error(se, decimals):
    assert decimals_for(se) == decimals


def test_numbers_are_formatted_for_reading():
    assert format_estimate(1.23456, 0.1) == "1.23"
    assert format_estimate(float("nan")) == "no value"
    assert [format_p(p) for p in (0.0321, 1e-9, 1.0)] == [".032", "<.001", "1.000"]
    assert [format_number(v) for v in (None, float("nan"), True, 3, 0.12345, 12345.678, "x")] == [
        "–",
        "–",
        "yes",
        "3",
        "0.123",
        "12,345.7",
        "x",
    ]


def test_table_renders():
    table = Table("Fit", pd.DataFrame({"item": ["a"], "p_value": [0.0001]}), ("note",), {"item": "Item"})
    text = table.to_text()
    assert "Fit" in text
    assert "Item" in text
    assert "<.001" in text
    assert "note" in text
    assert "<table" in table.to_html()


@dataclass(frozen=True)
class Mean(AbstractResult):
    value: float

    def tidy(self):
        return pd.DataFrame({"term": ["mean"], "estimate": [self.value]})

    def glance(self):
        return pd.DataFrame({"n": [np.int64(3)], "estimate": [self.value]})


def test_results_share_summary_html_and_dictionary():
    result = Mean(float("nan"))
    assert "Mean" in result.summary()
    assert "<table" in result._repr_html_()
    assert json.loads(json.dumps(result.to_dict())) == {
        "result": "Mean",
        "glance": {"n": 3, "estimate": None},
        "tidy": [{"term": "mean", "estimate": None}],
    }
    assert result.converged
    assert result.admissible
