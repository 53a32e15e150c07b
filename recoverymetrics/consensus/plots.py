"""Figures of a Delphi panel."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from recoverymetrics.consensus.agreement_rules import ConsensusRule
from recoverymetrics.consensus.check import DECIDED
from recoverymetrics.errors import DataError
from recoverymetrics.typing import BoolArray, FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

    from recoverymetrics.consensus.check import ConsensusResult
    from recoverymetrics.consensus.participation import ParticipationResult
    from recoverymetrics.consensus.planning import PanelPlan
    from recoverymetrics.consensus.sensitivity import SensitivityResult
    from recoverymetrics.consensus.stakeholders import StakeholderComparison

INK, BLUE, ORANGE, GREY, PALE = "#222222", "#2a6f97", "#c8553d", "#8a8f98", "#eef1f4"
"""Colours that stay apart in print and for colour-blind readers."""


def plot_consensus(result: ConsensusResult, *, ax: Axes | None = None) -> Axes:
    """Draw agreement with its interval for every statement that is in play, sorted."""
    if result.by is not None:
        raise DataError(f"the result is split by {result.by}; plot one group with .for_group(label).plot().")
    known = result.frame[result.frame["agreement"].notna() & result.frame["status"].isin(DECIDED)]
    rows = known.sort_values("agreement").reset_index(drop=True)
    ax = _axes(ax, (8.0, 1.4 + 0.24 * len(rows)))
    for status, colour in (("consensus", BLUE), ("no consensus", ORANGE), ("excluded", GREY)):
        own = rows[rows["status"] == status]
        if len(own):
            spread = [
                (own["agreement"] - own["conf_low"]).clip(0),
                (own["conf_high"] - own["agreement"]).clip(0),
            ]
            ax.errorbar(
                own["agreement"], own.index, xerr=spread, fmt="o", ms=4, lw=1, color=colour, label=status
            )
    cut = next((part.agreement for part in result.rule.parts() if isinstance(part, ConsensusRule)), None)
    if cut is not None:
        ax.axvline(cut, color=GREY, lw=1, ls="--")
    labels = rows["label"].where(rows["label"].notna(), rows["statement"])
    ax.set_yticks(range(len(rows)), [_cut(text) for text in labels], fontsize=8)
    ax.margins(y=0.02)
    ax.set_xlim(-0.02, 1.02)
    ax.set_xlabel("share in agreement")
    ax.legend(fontsize=8, frameon=False, loc="lower right")
    return _clean(ax)


def plot_participation(result: ParticipationResult, *, ax: Axes | None = None) -> Axes:
    """Draw panelists per round, one line per group with its name at the end."""
    rows = result.frame[(result.frame["group"] != "all") | (result.by is None)]
    ax = _axes(ax, (6.5, 4.5))
    rounds = list(dict.fromkeys(rows["round"]))
    x = np.arange(len(rounds))
    groups = {str(name): own for name, own in rows.groupby("group", sort=False)}
    names = {
        g: f"{_plain(g)}: no data" if own["note"].eq("no data").all() else _plain(g)
        for g, own in groups.items()
    }
    heights = _apart(np.array([float(own["n"].iloc[-1]) for own in groups.values()]), rows["n"].max() / 22)
    for k, (group, own) in enumerate(groups.items()):
        ax.plot(x, own["n"], marker="o", ms=4, color=_colour(k), ls=":" if "no data" in names[group] else "-")
        ax.annotate(
            names[group], (x[-1], own["n"].iloc[-1]), xytext=(x[-1] + 0.05, heights[k]), va="center", fontsize=8,
            color=_colour(k),
        )  # fmt: skip
    ax.set_xticks(x, [f"round {label}" for label in rounds])
    ax.set_xlim(-0.2, x[-1] + 0.6)
    ax.set_ylim(min(-0.5, heights.min() - 0.5), None)
    ax.set_ylabel("panelists")
    return _clean(ax)


def plot_sensitivity(result: SensitivityResult, *, ax: Axes | None = None) -> Axes:
    """Draw statements by scenarios (filled: in the list) with the bootstrap probability as the first column."""
    tidy = result.tidy()
    shown = tidy[tidy["status"].isin(DECIDED)]
    order = shown.sort_values(["probability", "agreement"], ascending=False).index
    names = ["resampled panelists", *map(_plain, result.decisions.columns)]
    ax = _axes(ax, (4.6 + 0.42 * len(names), 2.8 + 0.24 * len(order)))
    inside = result.decisions.to_numpy(dtype=float)[order]
    grid = np.column_stack([tidy["probability"].to_numpy(dtype=float)[order], inside])
    ax.imshow(grid, cmap=_ramp(), vmin=0, vmax=1, aspect="auto")
    _mark(ax, grid, tidy["consensus"].to_numpy(dtype=bool)[order])
    labels = tidy["label"].where(tidy["label"].notna(), tidy["statement"]).to_numpy()[order]
    ax.set_yticks(range(len(order)), [_cut(text) for text in labels], fontsize=8)
    ax.set_xticks(range(len(names)), names, rotation=45, ha="left", fontsize=8)
    ax.xaxis.tick_top()
    ax.set_xticks(np.arange(-0.5, len(names)), minor=True)
    ax.set_yticks(np.arange(-0.5, len(order)), minor=True)
    ax.grid(which="minor", color="white", lw=1)
    ax.tick_params(which="both", length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.set_xlabel(
        "filled: in the list; words mark where a scenario changes the decision", fontsize=8, color=GREY
    )
    return ax


def _mark(ax: Axes, grid: FloatArray, base: BoolArray) -> None:
    """Write the probabilities, and a word where a scenario changes the decision."""
    for i, row in enumerate(grid):
        if np.isfinite(row[0]):
            ax.text(0, i, f"{row[0]:.2f}", ha="center", va="center", fontsize=7, color=_on(row[0]))
        for j in np.flatnonzero((row[1:] > 0.5) != base[i]).tolist():
            ax.text(
                j + 1,
                i,
                "in" if row[j + 1] > 0.5 else "out",
                ha="center",
                va="center",
                fontsize=7,
                color=_on(row[j + 1]),
            )


def plot_stakeholders(result: StakeholderComparison, *, ax: Axes | None = None) -> Axes:
    """Draw agreement of the first two panels element by element; a line joins what belongs together."""
    first = result.frame[
        (result.frame["panel_a"] == result.lists[0].name) & (result.frame["panel_b"] == result.lists[1].name)
    ]
    rows = first[first[["agreement_a", "agreement_b"]].notna().any(axis=1)]
    if rows.empty:
        raise DataError(
            "no agreement is known in either list; there is nothing to draw. See .pairs() for the matches."
        )
    rows = rows.sort_values("difference", na_position="first").reset_index(drop=True)
    ax = _axes(ax, (8.0, 1.4 + 0.24 * len(rows)))
    split = rows["status"].isin(["a only", "b only"])
    ax.hlines(
        rows.index,
        rows["agreement_a"],
        rows["agreement_b"],
        color=np.where(split, INK, "#c4c9cf"),
        lw=np.where(split, 2.0, 1.2),
    )
    for side, colour, own in (("a", BLUE, result.lists[0].name), ("b", ORANGE, result.lists[1].name)):
        ax.plot(rows[f"agreement_{side}"], rows.index, "o", ms=5, color=colour, label=_plain(own))
    ax.set_yticks(range(len(rows)), [_cut(text) for text in rows["label"]], fontsize=8)
    ax.margins(y=0.02)
    ax.set_xlim(-0.02, 1.02)
    ax.set_xlabel("share in agreement; dark lines: in one list only")
    ax.legend(fontsize=8, frameon=False, loc="lower left")
    return _clean(ax)


def plot_plan(result: PanelPlan, *, ax: Axes | None = None) -> Axes:
    """Draw the chance that a statement passes by panel size, one line per true agreement with its simulation interval."""
    ax = _axes(ax, (6.5, 4.5))
    lines = list(result.frame.groupby("agreement", sort=True))
    ends = _apart(np.array([float(own["probability"].iloc[-1]) for _, own in lines]), 0.045)
    for k, (agreement, own) in enumerate(lines):
        ax.fill_between(own["n"], own["conf_low"], own["conf_high"], color=_colour(k), alpha=0.15, lw=0)
        ax.plot(own["n"], own["probability"], marker="o", ms=4, color=_colour(k))
        ax.annotate(
            f"{agreement:.0%} agree", (own["n"].iloc[-1], ends[k]), xytext=(8, 0), textcoords="offset points",
            va="center", fontsize=8, color=_colour(k),
        )  # fmt: skip
    ax.set_ylim(-0.05, 1.05)
    ax.set_xlim(right=result.frame["n"].max() * 1.16)
    ax.set_xlabel("panelists invited")
    ax.set_ylabel("chance that the statement passes")
    return _clean(ax)


def _apart(heights: FloatArray, gap: float) -> FloatArray:
    """Heights of labels moved up as little as keeps them ``gap`` apart, in their order."""
    placed = heights.copy()
    order = np.argsort(heights, kind="stable")
    for before, after in pairwise(order):
        placed[after] = max(placed[after], placed[before] + gap)
    return placed


def _plain(name: object) -> str:
    return str(name).replace("_", " ")


def _colour(k: int) -> str:
    colours = (BLUE, ORANGE, "#5b8c5a", "#7b5ea7", "#b08900", "#00798c", INK, GREY)
    return colours[k % len(colours)]


def _cut(text: object, width: int = 44) -> str:
    words = str(text)
    return words if len(words) <= width else words[: width - 1] + "…"


def _on(share: float) -> str:
    return "white" if share > 0.55 else INK


def _ramp() -> Colormap:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("in_list", [PALE, "#9cc3d5", BLUE])


def _axes(ax: Axes | None, size: tuple[float, float]) -> Axes:
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=size, layout="constrained")[1]


def _clean(ax: Axes) -> Axes:
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
    return ax
