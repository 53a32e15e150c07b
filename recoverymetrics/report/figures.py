"""Drawings of the report. Each takes a frame and returns a matplotlib figure; colours are chosen once here."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, SOFT, LINE = "#1d2a33", "#5b6b76", "#dfe5e8"
PALETTE = ("#0f6b6b", "#d08700", "#7a4fa3", "#a3293d", "#2f6fb0", "#5f7f2a")
"""Six colours that differ in lightness too; one per WHO region."""


def new_axes(width: float, height: float) -> tuple[Figure, Any]:
    """Make an empty figure in the style of the report."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(width, height))
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(SOFT)
    axes.tick_params(colors=INK, labelsize=9)
    return figure, axes


def draw_forest(
    frame: pd.DataFrame, *, panel: str, row: str, label: str, least: float | None = None
) -> Figure:
    """Draw point estimates with intervals: one block per panel, one line per row.

    Parameters
    ----------
    frame : pandas.DataFrame
        Columns ``panel``, ``row``, ``estimate``, ``conf_low``, ``conf_high``.
    panel, row : str
        Columns that name the block and the line.
    label : str
        Label of the horizontal axis.
    least : float, optional
        Where to draw a guide line.
    """
    import matplotlib.pyplot as plt

    panels, rows = list(dict.fromkeys(frame[panel])), list(dict.fromkeys(frame[row]))
    figure, axes = plt.subplots(
        1,
        len(panels),
        figsize=(2.1 * len(panels) + 1.2, 0.3 * len(rows) + 1.1),
        sharey=True,
        sharex=True,
        squeeze=False,
    )
    for ax, name in zip(axes[0], panels, strict=True):
        part = frame[frame[panel] == name].set_index(row).reindex(rows)
        y = np.arange(len(rows))[::-1]
        colours = [PALETTE[i % len(PALETTE)] for i in range(len(rows))]
        ax.hlines(y, part["conf_low"], part["conf_high"], colors=colours, lw=2)
        ax.scatter(part["estimate"], y, color=colours, s=26, zorder=3)
        if least is not None:
            ax.axvline(least, color=SOFT, lw=0.9, ls=(0, (4, 3)))
        ax.set_title(str(name).replace("_", " "), fontsize=10, color=INK)
        ax.set_yticks(y, rows)
        ax.tick_params(labelsize=8.5, colors=INK)
        ax.spines[["top", "right", "left"]].set_visible(False)
        ax.grid(axis="x", color=LINE, lw=0.8)
        ax.set_axisbelow(True)
    figure.supxlabel(label, fontsize=9.5, color=INK)
    figure.tight_layout()
    return figure


def draw_heat(
    frame: pd.DataFrame,
    *,
    limit: float = 1.0,
    digits: int = 2,
    marked: pd.DataFrame | None = None,
    label: str = "",
    signed: bool = True,
) -> Figure:
    """Draw a matrix with its numbers: rows and columns as in the frame, colours from -limit (or 0) to limit.

    Parameters
    ----------
    frame : pandas.DataFrame
        The matrix; NaN stays blank.
    limit : float
        Value of the strongest colour.
    digits : int
        Decimals of the printed numbers.
    marked : pandas.DataFrame of bool, optional
        Cells to outline.
    label : str
        Label of the colour scale.
    signed : bool
        Colours for both directions; without, the scale begins at 0.
    """
    rows, columns = frame.shape
    figure, ax = new_axes(0.72 * columns + 2.4, 0.235 * rows + 1.0)
    values = frame.to_numpy(dtype=float)
    colours, low = ("PuOr_r", -limit) if signed else ("Oranges", 0.0)
    picture = ax.imshow(values, cmap=colours, vmin=low, vmax=limit, aspect="auto")
    for i, j in zip(*np.nonzero(np.isfinite(values)), strict=True):
        strong = abs(values[i, j]) > 0.62 * limit
        ax.text(
            j,
            i,
            f"{values[i, j]:.{digits}f}",
            ha="center",
            va="center",
            fontsize=7.6,
            color="white" if strong else INK,
        )
    if marked is not None:
        _outline(ax, marked.to_numpy(dtype=bool))
    ax.set_xticks(
        range(columns),
        [str(c).replace("_", " ") for c in frame.columns],
        fontsize=8.5,
        rotation=30 if columns > 4 else 0,
        ha="right" if columns > 4 else "center",
    )
    ax.set_yticks(range(rows), [str(r) for r in frame.index], fontsize=8)
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    bar = figure.colorbar(picture, ax=ax, shrink=min(1.0, 12 / max(rows, 12)), pad=0.03)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=8)
    bar.set_label(textwrap.fill(label, max(16, 4 * rows)), fontsize=8.5)
    return figure


def _outline(ax: Any, marked: np.ndarray) -> None:
    from matplotlib.patches import Rectangle

    for i, j in np.argwhere(marked):
        ax.add_patch(Rectangle((j - 0.5, i - 0.5), 1, 1, fill=False, edgecolor="#a3293d", lw=1.6))


def draw_bars(
    frame: pd.DataFrame,
    *,
    rows: str,
    value: str,
    label: str,
    detail: str | None = None,
    colour: str = PALETTE[0],
) -> Figure:
    """Draw horizontal bars, one per row of the frame, first row on top."""
    figure, ax = new_axes(7.2, 0.27 * len(frame) + 0.9)
    y = np.arange(len(frame))[::-1]
    ax.barh(y, frame[value], color=colour, height=0.66)
    ax.set_yticks(y, [str(r) for r in frame[rows]], fontsize=8.5)
    if detail is not None:
        for height, length, text in zip(y, frame[value], frame[detail], strict=True):
            ax.text(length, height, f"  {text}", va="center", fontsize=8, color=SOFT)
    ax.set_xlabel(label, fontsize=9.5)
    ax.grid(axis="x", color=LINE, lw=0.8)
    ax.set_axisbelow(True)
    return figure


def draw_lines(frame: pd.DataFrame, *, x: str, y: str, group: str, xlabel: str, ylabel: str) -> Figure:
    """Draw one curve per group."""
    figure, ax = new_axes(7.2, 3.4)
    for i, (name, part) in enumerate(frame.groupby(group, sort=False)):
        ax.plot(
            part[x],
            part[y],
            color=PALETTE[i % len(PALETTE)],
            lw=2,
            ls="-" if i < len(PALETTE) else "--",
            label=str(name).replace("_", " "),
        )
    ax.set_xlabel(xlabel, fontsize=9.5)
    ax.set_ylabel(ylabel, fontsize=9.5)
    ax.grid(color=LINE, lw=0.8)
    ax.set_axisbelow(True)
    ax.legend(frameon=False, fontsize=8.5, ncols=2)
    return figure
