"""The one picture of the page."""

from __future__ import annotations

from typing import Any

import numpy as np

from recoverymetrics.invariance.plain.facts import Facts
from recoverymetrics.invariance.plain.words import Wording

COLOURS = {"raw": "#0f6b6b", "adjusted": "#a85b00", "none": "#a3293d"}
GREY = "#5b6b76"


def draw_means(facts: Facts, words: Wording, ax: Any = None) -> Any:
    """Adjusted means with intervals (filled) and raw means (hollow), highest first."""
    import matplotlib.pyplot as plt

    order = sorted(facts.groups, key=lambda g: -g.mean)
    if ax is None:
        _, ax = plt.subplots(
            figsize=(7.2, 1.25 + (0.27 if len(order) <= 10 else 0.2) * len(order)), layout="constrained"
        )
    rows = np.arange(len(order))
    ax.axvline(0, color="#dfe5e8", linewidth=1, zorder=0)
    for row, g in zip(rows, order, strict=True):
        colour = GREY if facts.state == "nothing" else COLOURS[g.use]
        ax.plot([g.low, g.high], [row, row], color=colour, linewidth=2.2, solid_capstyle="round", zorder=2)
        ax.plot(g.mean, row, "o", color=colour, markersize=6.5, zorder=3)
        ax.plot(g.observed, row, "o", markerfacecolor="white", markeredgecolor=GREY, markersize=5.5, zorder=1)
    ax.plot([], [], "o-", color=GREY, linewidth=2.2, label="adjusted average, 95% interval")
    ax.plot([], [], "o", markerfacecolor="white", markeredgecolor=GREY, label="raw average")
    ax.set_yticks(rows, [words.name(g.label) for g in order])
    ax.set_ylim(len(order) - 0.4, -0.6)
    ax.set_xlabel(
        f"lower    ←    {words.concept}    →    higher\n(standard deviations from the average of all)"
    )
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.legend(frameon=False, ncols=2, loc="lower left", bbox_to_anchor=(0.0, 1.0), borderaxespad=0.0)
    return ax
