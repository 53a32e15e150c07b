"""A table as data; text and HTML renderers beside each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pandas as pd

from recoverymetrics.display.digits import format_number, format_p, format_whole


@dataclass(frozen=True)
class Table:
    """A titled frame with notes, ready for any renderer.

    Attributes
    ----------
    title : str
        What the table shows.
    frame : pandas.DataFrame
        The cells, numeric; formatting happens in the renderers.
    notes : tuple of str
        Lines printed under the table.
    labels : mapping
        Column name -> heading, where it should differ from the column name.
    """

    title: str
    frame: pd.DataFrame
    notes: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    def formatted(self) -> pd.DataFrame:
        """Return the cells as text, headings applied."""
        text = pd.DataFrame(index=self.frame.index)
        for column in self.frame.columns:
            name = str(column)
            text[self.labels.get(name, name)] = [
                _formatter(name, self.frame[column])(v) for v in self.frame[column]
            ]
        return text

    def to_text(self, *, max_rows: int = 60) -> str:
        """Render as aligned plain text."""
        shown = self.formatted()
        more = len(shown) - max_rows
        body = shown.head(max_rows).to_string(index=False) if len(shown) else "(no rows)"
        lines = [self.title, "-" * len(self.title), body]
        if more > 0:
            lines.append(f"... and {more} more rows")
        return "\n".join([*lines, *self.notes])

    def to_html(self) -> str:
        """Render as an HTML fragment with great_tables."""
        from great_tables import GT

        table = GT(self.formatted()).tab_header(title=self.title)
        for note in self.notes:
            table = table.tab_source_note(note)
        return str(table.as_raw_html())


def _formatter(name: str, column: pd.Series) -> Callable[[object], str]:
    if name.startswith(("p_value", "delta_p", "p_adjusted")) or name.endswith("p_value"):
        return format_p
    if pd.api.types.is_float_dtype(column) and column.notna().any() and (column.dropna() % 1 == 0).all():
        return format_whole
    return format_number
