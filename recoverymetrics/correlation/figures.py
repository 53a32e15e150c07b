"""Pictures of correlation matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_heat_map(
    table: pd.DataFrame,
    *,
    title: str = "",
    ax: Axes | None = None,
    annotate: bool | None = None,
    label: str = "correlation",
    limits: tuple[float, float] = (-1.0, 1.0),
) -> Axes:
    """Draw a table of values; between -1 and 1 with a diverging palette centred at zero.

    Parameters
    ----------
    table : pandas.DataFrame
        Values; row and column names become tick labels.
    title : str
        Title.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on; a new figure sized to the table by default.
    annotate : bool, optional
        Write the numbers into the cells; by default up to 16 columns.
    label : str, default "correlation"
        Label of the colour bar.
    limits : tuple of float, default (-1, 1)
        Values at the ends of the palette; with other limits than the default it runs from light to dark.

    Returns
    -------
    matplotlib.axes.Axes
    """
    import matplotlib.pyplot as plt

    values = table.to_numpy(dtype=float)
    rows, columns = values.shape
    names, sides = [str(c) for c in table.columns], [str(r) for r in table.index]
    upright = max(map(len, names)) > 3 or columns > 12
    if ax is None:
        wide = 0.42 * columns + 2.0 + 0.065 * max(map(len, sides))
        high = 0.27 * rows + 1.2 + (0.065 * max(map(len, names)) if upright else 0.2)
        _, ax = plt.subplots(
            figsize=(min(max(4.5, wide), 12.0), min(max(3.4, high), 11.0)), layout="constrained"
        )
    palette = "RdBu_r" if limits == (-1.0, 1.0) else "Blues"
    image = ax.imshow(values, vmin=limits[0], vmax=limits[1], cmap=palette, aspect="auto")
    small = 6.5 if max(rows, columns) > 30 else 8
    ax.set_xticks(range(columns), names, rotation=90 if upright else 0, fontsize=small)
    ax.set_yticks(range(rows), sides, fontsize=small)
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_visible(False)
    if annotate if annotate is not None else columns <= 16:
        _write_numbers(ax, values, limits)
    ax.set_title(title, loc="left", fontsize=10)
    below = "min" if values.size and np.nanmin(values) < limits[0] else "neither"
    bar = ax.figure.colorbar(image, ax=ax, shrink=0.6, aspect=25, extend=below)
    bar.set_label(label, fontsize=8)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)
    return ax


def _write_numbers(ax: Axes, values: np.ndarray, limits: tuple[float, float]) -> None:
    dark = 0.6 if limits[0] < 0 else limits[0] + 0.6 * (limits[1] - limits[0])
    for row, column in zip(*np.nonzero(np.isfinite(values)), strict=True):
        value = values[row, column]
        text = (
            f"{value:.2f}".replace("0.", ".", 1).replace("-.00", ".00")
            if abs(value) < 0.995
            else f"{value:.0f}"
        )
        size = abs(value) if limits[0] < 0 else value
        ax.text(
            column,
            row,
            text,
            ha="center",
            va="center",
            fontsize=6.5,
            color="white" if size > dark else "#222222",
        )
