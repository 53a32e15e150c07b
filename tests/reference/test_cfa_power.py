"""Power of RMSEA tests beside semTools."""

from __future__ import annotations

import pytest
from golden import REFERENCE, Comparison, load_case, needs_reference

from recoverymetrics.cfa import rmsea_power, rmsea_power_nested, rmsea_sample_size

CLOSED_FORM = 1e-9


def comparisons() -> list[Comparison]:
    if not REFERENCE.is_dir():
        return []
    reference = load_case("semtools", "rmsea_power")["results"]
    nested = rmsea_power_nested(
        200, df_restricted=22, df_free=20, rmsea_restricted=(0.06, 0.08), rmsea_free=(0.05, 0.05)
    )
    found = {
        "power_05_08_200_24": rmsea_power(200, df=24).power,
        "n_05_08_24_80": rmsea_sample_size(df=24),
        "nested": nested.power,
    }
    return [
        Comparison("semtools", "rmsea_power", name, value, reference[name], CLOSED_FORM)
        for name, value in found.items()
    ]


@needs_reference
@pytest.mark.parametrize("index", range(3))
def test_power(index):
    comparisons()[index].check()
