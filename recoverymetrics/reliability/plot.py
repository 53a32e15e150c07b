"""Figures of reliability and agreement; matplotlib is loaded when one is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def forest(table: pd.DataFrame, *, ax: Axes | None, title: str, level: float) -> Axes:
    """Estimates with intervals, one line per row, groups of a scale together.

    Parameters
    ----------
    table : pandas.DataFrame
        Columns ``group estimate conf_low conf_high`` and, where there are several, ``scale`` and ``term``.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure by default.
    title : str
        Title.
    level : float
        Confidence level, for the axis label.

    Returns
    -------
    matplotlib.axes.Axes
    """
    import matplotlib.pyplot as plt

    names = [name for name in ("scale", "term", "group") if name in table and table[name].nunique() > 1]
    labels = [" · ".join(str(value) for value in row) for row in table[names or ["group"]].to_numpy()]
    if ax is None:
        _, ax = plt.subplots(figsize=(6.4, 1.1 + 0.32 * len(table)), layout="constrained")
    y = np.arange(len(table))[::-1]
    x = table["estimate"].to_numpy(float)
    spread = np.vstack([x - table["conf_low"].to_numpy(float), table["conf_high"].to_numpy(float) - x])
    ax.errorbar(x, y, xerr=np.maximum(spread, 0), fmt="o", color="#1f4e79", ecolor="#7f9db9", capsize=3, ms=5)
    ax.set_yticks(y, labels)
    ax.set_ylim(-0.7, len(table) - 0.3)
    ax.set_xlabel(f"estimate and {100 * level:g}% interval")
    ax.set_title(title, loc="left", fontsize=11)
    ax.grid(axis="x", color="#dddddd", linewidth=0.8)
    ax.set_axisbelow(True)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.tick_params(axis="y", length=0)
    return ax
