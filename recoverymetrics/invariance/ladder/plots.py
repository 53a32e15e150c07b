"""Pictures of a ladder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from recoverymetrics.invariance.dif.spec import check_choice

if TYPE_CHECKING:
    from recoverymetrics.invariance.ladder.result import InvarianceResult


COLOURS = 8
"""Most groups that colours can tell apart."""
MOVED = 0.05
"""Change of a mean, in standard deviations, that is marked when there are many groups."""


def plot_invariance(result: InvarianceResult, kind: str, **options: Any) -> Any:
    """Draw an invariance result; see ``InvarianceResult.plot``."""
    check_choice("kind", kind, ("ladder", "impact"))
    return _ladder(result, **options) if kind == "ladder" else _impact(result, **options)


def _ladder(result: InvarianceResult, ax: Any = None) -> Any:
    import matplotlib.pyplot as plt

    if ax is None:
        _, ax = plt.subplots(figsize=(6, 3.6), layout="constrained")
    names = [step.rung.level.name for step in result.steps]
    x = np.arange(len(names))
    for measure, label in (("cfi", "CFI"), ("rmsea", "RMSEA"), ("srmr", "SRMR")):
        values = [step.row[measure] for step in result.steps]
        ax.plot(x, values, "o-", label=label, markersize=5)
    for i, step in enumerate(result.steps):
        if step.holds is False:
            ax.axvspan(i - 0.5, i + 0.5, color="tab:red", alpha=0.12, linewidth=0)
        elif step.holds is None:
            ax.axvspan(i - 0.5, i + 0.5, color="0.9", linewidth=0)
    ax.set_xticks(x, names)
    ax.set_xlim(-0.5, len(names) - 0.5)
    ax.set_ylim(0, 1.02)
    ax.set_ylabel("fit measure")
    ax.set_title("red: does not hold; grey: not testable", fontsize="small", loc="left")
    ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return ax


def _impact(result: InvarianceResult, factor: str | None = None, ax: Any = None) -> Any:
    import matplotlib.pyplot as plt

    table = result.impact()
    chosen = factor or str(table["factor"].iloc[0])
    table = table[table["factor"] == chosen]
    many = len(table) > COLOURS
    if ax is None:
        _, ax = plt.subplots(figsize=(6, 3.8 if not many else 1.5 + 0.2 * len(table)), layout="constrained")
    kinds = ("mean_observed", "mean_invariant", "mean_aligned")
    for _, row in table.iterrows():
        moved = abs(row["change"]) >= MOVED
        colour = {"color": "tab:red" if moved else "0.55"} if many else {}
        ax.plot(range(3), [row[kind] for kind in kinds], "o-", label=row["group"], markersize=5, **colour)
    ax.set_xticks(range(3), ["observed scores", "all parameters equal", "aligned"])
    ax.axhline(0, color="0.7", linewidth=0.8, zorder=0)
    ax.set_ylabel(f"mean of {chosen} (within-group SDs)")
    if many:
        _name_ends(ax, table)
        ax.set_title(f"red: alignment moves the mean by {MOVED:g} or more", fontsize="small", loc="left")
    else:
        ax.legend(title="group", frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return ax


def _name_ends(ax: Any, table: pd.DataFrame) -> None:
    """Group names at the right end of the lines, spread so that they do not overlap."""
    ordered = table.sort_values("mean_aligned")
    low, high = ax.get_ylim()
    gap = 0.7 * (high - low) / len(ordered)
    places = ordered["mean_aligned"].to_numpy(dtype=float, copy=True)
    for k in range(1, places.size):
        places[k] = max(places[k], places[k - 1] + gap)
    places[-1] = min(places[-1], high)
    for k in range(places.size - 2, -1, -1):
        places[k] = min(places[k], places[k + 1] - gap)
    for place, value, label in zip(places, ordered["mean_aligned"], ordered["group"], strict=True):
        ax.annotate(
            label, (2.0, value), (2.15, place), fontsize=8, va="center",
            arrowprops={"arrowstyle": "-", "color": "0.8", "linewidth": 0.6},
        )  # fmt: skip
    ax.set_xlim(-0.15, 2.5)
