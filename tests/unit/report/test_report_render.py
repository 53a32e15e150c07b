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
    assert html.count("<details><summary>L (40 rows)") == html.count(" rows)</summary>") == 1
    assert "–" in html
    assert '<span class="badge drop">drop</span>' in html


def test_drawings_have_a_text_alternative_and_are_reproducible():
    html = page()
    assert 'aria-label="alt text"' in html
    assert html == page()


def test_headings_carry_their_meaning_and_are_listed_once():
    html = page()
    assert '<abbr title="point estimate">estimate</abbr>' in html
    assert html.count("<dt>estimate</dt>") == 1
    assert 'href="#words-in-the-tables"' in html


def test_words_of_the_caller_explain_columns_that_the_glossary_lacks():
    table = Table("T", pd.DataFrame({"odd_one": [1]}))
    html = render_report("T", "S", [Section("A", "L", (table,))], words={"odd_one": "an <odd> one"})
    assert '<abbr title="an &lt;odd&gt; one">odd one</abbr>' in html


def test_a_page_without_known_headings_has_no_list_of_words():
    table = Table("T", pd.DataFrame({"odd_one": [1]}))
    html = render_report("T", "S", [Section("A", "L", (table,))])
    assert "<abbr" not in html
    assert "words-in-the-tables" not in html


def test_one_wide_row_is_shown_as_headings_with_values():
    wide = pd.DataFrame({f"column_{i}": [i + 0.5] for i in range(12)})
    html = render_report("T", "S", [Section("A", "L", (Table("Wide", wide, ("note",)),))])
    assert "<table" not in html
    assert html.count("<dd>") == 12
    assert "<dt>column 11</dt><dd>11.500</dd>" in html
