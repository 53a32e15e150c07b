"""Turn sections into one HTML page that works offline: styles, tables and drawings are inside."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from recoverymetrics.display import GLOSSARY, Table
from recoverymetrics.report.blocks import Block, Callout, Figure, Section, Text

_DECISION_WORDS = {"keep", "revise", "drop", "found", "missed"}
_LONG_TABLE = 14
_WIDE_TABLE = 9
"""A single row with more columns than this is shown as a list of headings and values."""
_SHORT = 30
"""Cells up to this many characters do not wrap."""


def render_report(
    title: str,
    subtitle: str,
    sections: Sequence[Section],
    *,
    footer: str = "",
    words: Mapping[str, str] | None = None,
) -> str:
    """Render a report.

    Parameters
    ----------
    title, subtitle : str
        Heading of the page.
    sections : sequence of Section
        In reading order; the contents list is made from their titles.
    footer : str
        Last line.
    words : mapping, optional
        Meanings of table columns beyond the column glossary. Headings whose meaning is known carry it as a tip, and
        the page ends with a list of those that occur.

    Returns
    -------
    str
        A complete HTML document without any outside reference.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("recoverymetrics.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    meanings = GLOSSARY | dict(words or {})
    pages = [
        {
            "title": s.title,
            "anchor": s.anchor,
            "lead": s.lead,
            "blocks": [_block(b, f"{s.anchor}-{i}", meanings) for i, b in enumerate(s.blocks)],
        }
        for s in sections
    ]
    return environment.get_template("report.html").render(
        title=title, subtitle=subtitle, sections=pages, footer=footer, words=_words(pages)
    )


def _words(pages: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    """Collect the headings that occur and have a meaning, in alphabetical order."""
    heads = (h for page in pages for block in page["blocks"] for h in block.get("heads", ()))
    return sorted({(h["text"], h["meaning"]) for h in heads if h["meaning"]})


def _block(block: Block, name: str, meanings: Mapping[str, str]) -> dict[str, Any]:
    if isinstance(block, Text):
        return {"type": "text", "text": block.text}
    if isinstance(block, Callout):
        return {"type": "callout", "text": block.text, "kind": block.kind}
    if isinstance(block, Table):
        return _table(block, meanings)
    return {"type": "figure", "svg": _svg(block, name), "caption": block.caption, "alt": block.alt}


def _table(table: Table, meanings: Mapping[str, str]) -> dict[str, Any]:
    shown = table.formatted()
    numeric = [
        all(_is_number(v) for v in table.frame[c].dropna()) and table.frame[c].notna().any()
        for c in table.frame.columns
    ]
    rows = [
        [
            {
                "text": text,
                "numeric": is_numeric,
                "badge": text if text in _DECISION_WORDS else "",
                "short": len(text) <= _SHORT,
            }
            for text, is_numeric in zip(row, numeric, strict=True)
        ]
        for row in shown.itertuples(index=False)
    ]
    heads = [
        {"text": str(head).replace("_", " "), "numeric": n, "meaning": meanings.get(str(column), "")}
        for column, head, n in zip(table.frame.columns, shown.columns, numeric, strict=True)
    ]
    return {
        "type": "table",
        "title": table.title,
        "heads": heads,
        "rows": rows,
        "notes": table.notes,
        "long": len(rows) > _LONG_TABLE,
        "record": len(rows) == 1 and len(heads) > _WIDE_TABLE,
    }


def _is_number(value: object) -> bool:
    import numpy as np

    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(
        value, bool | np.bool_
    )


def _svg(figure: Figure, name: str) -> str:
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    buffer = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.drawing.savefig(
            buffer,
            format="svg",
            bbox_inches="tight",
            metadata={"Date": None, "Creator": None},
            transparent=True,
        )
    plt.close(figure.drawing)
    text = buffer.getvalue()
    return text[text.index("<svg") :]
