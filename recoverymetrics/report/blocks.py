"""What a report is made of: sections of text, tables, figures and callouts. Data, no rendering."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from recoverymetrics.display import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure


@dataclass(frozen=True)
class Text:
    """A paragraph of plain text."""

    text: str


@dataclass(frozen=True)
class Callout:
    """A sentence that must not be overlooked.

    Attributes
    ----------
    text : str
        The sentence.
    kind : {"note", "good", "warning"}
        How it is coloured.
    """

    text: str
    kind: Literal["note", "good", "warning"] = "note"


@dataclass(frozen=True)
class Figure:
    """A drawing with a caption and a text alternative.

    Attributes
    ----------
    drawing : matplotlib.figure.Figure
        Closed after rendering.
    caption : str
        Printed under the drawing.
    alt : str
        What the drawing shows, for people who do not see it.
    """

    drawing: MatplotlibFigure | Any
    caption: str
    alt: str


Block: TypeAlias = Text | Callout | Table | Figure


@dataclass(frozen=True)
class Section:
    """One part of the report.

    Attributes
    ----------
    title : str
        Heading.
    lead : str
        What was found, in one or two sentences that need no statistics.
    blocks : tuple
        Text, callouts, tables and figures in reading order.
    """

    title: str
    lead: str
    blocks: tuple[Block, ...] = ()

    @property
    def anchor(self) -> str:
        """Address of the section inside the page."""
        return "-".join("".join(c if c.isalnum() else " " for c in self.title.lower()).split())
