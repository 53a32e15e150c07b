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
) -> Axes:
    """Draw a table of values between -1 and 1 with a diverging palette centred at zero.

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

    Returns
    -------
    matplotlib.axes.Axes
    """
    import matplotlib.pyplot as plt

    values = table.to_numpy(dtype=float)
    rows, columns = values.shape
    if ax is None:
        size = (min(max(4.5, 0.42 * columns + 2.4), 12.0), min(max(3.4, 0.27 * rows + 1.4), 11.0))
        _, ax = plt.subplots(figsize=size, layout="constrained")
    image = ax.imshow(values, vmin=-1, vmax=1, cmap="RdBu_r", aspect="auto")
    small = 6.5 if max(rows, columns) > 30 else 8
    names = [str(c) for c in table.columns]
    upright = max(map(len, names)) > 3 or columns > 12
    ax.set_xticks(range(columns), names, rotation=90 if upright else 0, fontsize=small)
    ax.set_yticks(range(rows), [str(r) for r in table.index], fontsize=small)
    ax.tick_params(length=0)
    for side in ax.spines.values():
        side.set_visible(False)
    if annotate if annotate is not None else columns <= 16:
        _write_numbers(ax, values)
    ax.set_title(title, loc="left", fontsize=10)
    bar = ax.figure.colorbar(image, ax=ax, shrink=0.6, aspect=25, label=label)
    bar.outline.set_visible(False)
    return ax


def _write_numbers(ax: Axes, values: np.ndarray) -> None:
    for row, column in zip(*np.nonzero(np.isfinite(values)), strict=True):
        value = values[row, column]
        text = f"{value:.2f}".replace("0.", ".", 1) if abs(value) < 0.995 else f"{value:.0f}"
        shade = "white" if abs(value) > 0.6 else "#222222"
        ax.text(column, row, text, ha="center", va="center", fontsize=6.5, color=shade)
