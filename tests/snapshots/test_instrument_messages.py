"""Every error of the instrument layer as a person reads it, kept as text.

Set UPDATE_SNAPSHOTS=1 to write the file anew after a deliberate change of wording.
"""

import os
from pathlib import Path

import pandas as pd
import pytest

import recoverymetrics as rm

SNAPSHOT = Path(__file__).with_name("instrument_messages.txt")


def table(**more):
    columns = {"a": [1, 2, 3, 4], "b": [4, 3, 2, 1], "region": ["X", "X", "Y", "Y"]}
    return pd.DataFrame(columns | more)


def responses(data=None, **options):
    return rm.Responses(table() if data is None else data, **({"items": ["a", "b"]} | options))


CASES = {
    "empty table": lambda: rm.Responses(pd.DataFrame({"a": []})),
    "unknown item": lambda: responses(items=["a", "zz"]),
    "text in an item": lambda: responses(table(a=["1", "agree", "3", "4"])),
    "fractions": lambda: responses(table(a=[1, 2.5, 3, 4])),
    "negative code": lambda: responses(table(a=[1, -9, 3, 4])),
    "undeclared code": lambda: responses(table(a=[1, 2, 99, 4])).require(min_group_size=0),
    "reversal with an undeclared code": lambda: responses(table(a=[1, 2, 99, 4]), reverse=["a"]),
    "outside the categories": lambda: responses(categories=(1, 3)),
    "item with one category": lambda: responses(table(a=[2, 2, 2, 2])).require(),
    "item without responses": lambda: responses(table(a=[None] * 4)).require(),
    "small region": lambda: responses(group="region").require(min_group_size=3),
    "duplicate identifiers": lambda: responses(table(pid=[1, 1, 2, 2]), id="pid"),
    "groups coded differently": lambda: responses(table(a=[0, 3, 1, 4], b=[3, 0, 4, 1]), group="region"),
    "keyed twice": lambda: rm.Responses(responses(reverse=["a"]), reverse=["a"]),
    "reverse of an unknown item": lambda: responses(reverse=["zz"]),
    "group and country": lambda: responses(group="region", region_from="region"),
    "no label at all": lambda: responses(table(region=[None] * 4), group="region"),
    "not a table": lambda: rm.Responses("answers.csv"),
    "unknown country": lambda: rm.who_region("Germny"),
    "place without a region": lambda: rm.who_region("TW"),
    "no date": lambda: rm.who_region("DE", as_of="May"),
    "scale without the item": lambda: rm.Scale("s", items=["a"]).drop("b", reason="weak"),
    "decision without a reason": lambda: rm.Scale("s", items=["a", "b"]).drop("b", reason=""),
    "elements without a column": lambda: rm.ElementSet.from_frame({"element_id": ["D1"]}),
    "agreement in percent": lambda: rm.ElementSet.from_frame(
        {"element_id": ["D1"], "domain": ["definition"], "label": ["Hope"], "agreement": [92]}
    ),
    "item twice in the bank": lambda: rm.ItemBank.from_frame({"item_id": ["a", "a"]}),
    "unknown study": lambda: rm.load_consensus("everyone"),
    "no such file": lambda: rm.read_table("absent.csv"),
}


def rendered():
    lines = []
    for name, call in CASES.items():
        with pytest.raises(rm.RecoveryMetricsError) as caught:
            call()
        lines += [f"{name}", f"  {type(caught.value).__name__}: {caught.value}", ""]
    return "\n".join(lines)


def test_messages_read_as_before():
    if os.environ.get("UPDATE_SNAPSHOTS"):
        SNAPSHOT.write_text(rendered(), encoding="utf-8")
    assert rendered() == SNAPSHOT.read_text(encoding="utf-8")
