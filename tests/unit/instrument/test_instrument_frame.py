"""What the boundary refuses to take for answers."""

import numpy as np
import pandas as pd
import pytest

from recoverymetrics.errors import DataError
from recoverymetrics.instrument import read_items

DATES = pd.date_range("2024-01-01", periods=3)


@pytest.mark.parametrize(
    ("column", "what"),
    [
        (DATES, "dates or times"),
        (DATES.tz_localize("UTC"), "dates or times"),
        (DATES - DATES[0], "dates or times"),
        (np.array([1 + 1j, 2, 3]), "complex numbers"),
    ],
)
def test_dates_and_complex_numbers_are_no_answers(column, what):
    with pytest.raises(DataError, match=rf"item 'when' holds {what}.*items=\[\.\.\.\]"):
        read_items(pd.DataFrame({"a": [1, 2, 3], "when": column}))


def test_columns_of_unequal_length_are_named():
    with pytest.raises(DataError, match=r"not equally long \(a has 2, b has 3\)"):
        read_items({"a": [1, 2], "b": [1, 2, 3]})
