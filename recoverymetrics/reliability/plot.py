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
        Columns ``group estimate conf_low conf_high`` and, where there are several, ``scale``, ``term`` and
        ``factor``. With groups in each of several scales (or terms) these become headings.
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

    headings, labels, y = _rows(table)
    if ax is None:
        _, ax = plt.subplots(figsize=(6.4, 1.1 + 0.32 * (1 - y.min())), layout="constrained")
    x = table["estimate"].to_numpy(float)
    spread = np.vstack([x - table["conf_low"].to_numpy(float), table["conf_high"].to_numpy(float) - x])
    spread = np.maximum(spread, 0)
    ax.errorbar(x, y, xerr=spread, fmt="o", color="#1f4e79", ecolor="#7f9db9", capsize=3, ms=5)
    ax.set_yticks([*y, *headings.values()], [*labels, *headings])
    for label in ax.get_yticklabels()[len(labels) :]:
        label.set_fontweight("bold")
    ax.set_ylim(y.min() - 0.7, max([y.max(), *headings.values()]) + 0.7)
    known = table["conf_low"].notna().any()
    ax.set_xlabel(f"estimate and {100 * level:g}% interval" if known else "estimate")
    ax.set_title(title[:1].upper() + title[1:], loc="left", fontsize=11)
    ax.grid(axis="x", color="#dddddd", linewidth=0.8)
    ax.set_axisbelow(True)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.tick_params(axis="y", length=0)
    return ax


def _rows(table: pd.DataFrame) -> tuple[dict[str, float], list[str], np.ndarray]:
    """Headings with their heights, labels of the rows, and the heights of the rows, the first at the top."""
    names = [n for n in ("scale", "term", "factor", "group") if n in table and table[n].nunique() > 1]
    names = names or ["group"]
    parts = [[str(v).replace("_", " ") for v in row if not pd.isna(v)] for row in table[names].to_numpy()]
    blocks = [part[0] for part in parts]
    if len(names) < 2 or names[-1] != "group" or len(set(blocks)) == len(blocks):
        return {}, [" · ".join(part) for part in parts], -np.arange(len(parts), dtype=float)
    headings: dict[str, float] = {}
    heights, at = np.zeros(len(parts)), 0.0
    for block in dict.fromkeys(blocks):
        own = np.array([name == block for name in blocks])
        headings[block] = at
        heights[own] = at - 1 - np.arange(own.sum())
        at -= 1 + own.sum()
    return headings, [" · ".join(part[1:]) for part in parts], heights


def bland_altman(
    mean: np.ndarray, difference: np.ndarray, limits: pd.DataFrame, names: tuple[str, str], *, ax: Axes | None
) -> Axes:
    """Differences against means, with bias and limits of agreement and their confidence bands."""
    ax = _axes(ax)
    ax.scatter(mean, difference, s=16, alpha=0.6, color="#1f4e79", linewidths=0)
    for term, low, value, high in limits[["term", "conf_low", "estimate", "conf_high"]].itertuples(
        index=False
    ):
        colour = "#444444" if term == "bias" else "#b2182b"
        ax.axhline(value, color=colour, lw=1.3, ls="-" if term == "bias" else "--")
        ax.axhspan(low, high, color=colour, alpha=0.10, lw=0)
        ax.annotate(
            f"{value:.2f}",
            (1.0, value),
            xycoords=("axes fraction", "data"),
            xytext=(3, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=colour,
        )
    ax.set_xlabel(f"mean of {names[0]} and {names[1]}")
    ax.set_ylabel(f"{names[1]} minus {names[0]}")
    return ax


def change(persons: pd.DataFrame, method: str, *, threshold: float, ax: Axes | None) -> Axes:
    """Scores after against before, coloured by verdict, with the band of no reliable change."""
    ax = _axes(ax)
    both = persons[["before", "after"]].to_numpy(float)
    ends = np.array([np.nanmin(both[:, 0]), np.nanmax(both[:, 0])])
    band = _unchanged(persons, ends, threshold)
    if band is not None:
        ax.fill_between(ends, *band, color="#dddddd", alpha=0.5, lw=0, label="no reliable change", zorder=0)
    ax.plot(ends, ends, color="#444444", lw=1, zorder=1)
    colours = {"improved": "#1b7837", "unchanged": "#9a9a9a", "deteriorated": "#b2182b"}
    for verdict, colour in colours.items():
        some = persons[persons["verdict"] == verdict]
        label = f"{verdict} ({len(some)})"
        ax.scatter(some["before"], some["after"], s=18, alpha=0.7, linewidths=0, color=colour, label=label)
    ax.set_xlabel("before")
    ax.set_ylabel("after")
    ax.set_title(f"Reliable change ({method.replace('_', ' ')})", loc="left", fontsize=11)
    ax.legend(frameon=False, fontsize=9)
    return ax


def _unchanged(
    persons: pd.DataFrame, before: np.ndarray, threshold: float
) -> tuple[np.ndarray, np.ndarray] | None:
    """Scores afterwards between which no change is reliable; every formula is linear in both scores."""
    known = persons.dropna(subset=["before", "after", "estimate"])
    design = np.column_stack([np.ones(len(known)), known[["before", "after"]].to_numpy(float)])
    coefficients, _, rank, _ = np.linalg.lstsq(design, known["estimate"].to_numpy(float), rcond=None)
    if rank < 3:
        return None
    constant, first, second = coefficients
    low, high = ((sign * threshold - constant - first * before) / second for sign in (-1, 1))
    return low, high


_SCALES = {"theta": "latent score", "t_score": "T score", "true_score": "expected sum score"}


def conditional(scores: pd.DataFrame, method: str, *, ax: Axes | None) -> Axes:
    """Standard error of measurement against the score, one line per group."""
    ax = _axes(ax)
    for label, part in scores.groupby("group", sort=False):
        marker = "o" if "n" in part else ""  # observed scores are points, a model gives a line
        ax.plot(part["score"], part["estimate"], marker=marker, ms=3, lw=1.2, label=str(label))
    if scores["group"].nunique() > 1:
        ax.legend(frameon=False, fontsize=9)
    ax.set_ylim(bottom=0)
    ax.set_xlabel(_SCALES.get(method, "sum score"))
    ax.set_ylabel("standard error of measurement")
    return ax


def _axes(ax: Axes | None) -> Axes:
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=(6.4, 4.2), layout="constrained")
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_axisbelow(True)
    ax.grid(color="#e6e6e6", linewidth=0.8)
    return ax
