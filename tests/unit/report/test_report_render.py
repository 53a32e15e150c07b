"""The report is one page that needs nothing from outside, with its words escaped."""

import re

import pandas as pd

from recoverymetrics.display import Table
from recoverymetrics.report import Callout, Figure, Section, Text, render_report
from recoverymetrics.report.figures import draw_bars


def page():
    frame = pd.DataFrame({"item": ["a", "b"], "estimate": [0.5, float("nan")], "decision": ["keep", "drop"]})
    long = pd.DataFrame({"n": range(40)})
    drawing = draw_bars(pd.DataFrame({"r": ["x", "y"], "v": [1.0, 2.0]}), rows="r", value="v", label="v")
    blocks = (
        Text("1 < 2 & 3"),
        Callout("look", "warning"),
        Table("T", frame, ("note",)),
        Table("L", long),
        Figure(drawing, "cap", "alt text"),
    )
    return render_report("Title", "Sub", [Section("First part", "Lead.", blocks)], footer="end")


def test_nothing_is_loaded_from_outside():
    html = page()
    addresses = set(re.findall(r'(?:src|href)="([^"#]+)"', html))
    assert not {a for a in addresses if a.startswith(("http", "//"))}
    assert "<script" not in html


def test_text_is_escaped_and_anchors_match():
    html = page()
    assert "1 &lt; 2 &amp; 3" in html
    assert 'href="#first-part"' in html
    assert 'id="first-part"' in html


def test_long_tables_fold_and_missing_numbers_show_a_dash():
    html = page()
    assert html.count("<details>") == 1
    assert "–" in html
    assert '<span class="badge drop">drop</span>' in html


def test_drawings_have_a_text_alternative_and_are_reproducible():
    html = page()
    assert 'aria-label="alt text"' in html
    assert html == page()
