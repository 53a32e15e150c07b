"""Figures of Mokken scaling; matplotlib is imported when one is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from recoverymetrics.irt.mokken.violations import default_group_size, rest_groups
from recoverymetrics.typing import IntArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_monotonicity(
    codes: IntArray, item: int, name: str, *, smallest: int | None = None, ax: Axes | None = None
) -> Axes:
    """Proportion above each step of an item in the rest-score groups, with one standard error to either side."""
    import matplotlib.pyplot as plt

    axes = ax if ax is not None else plt.subplots(figsize=(6.4, 4.0), layout="constrained")[1]
    rest = codes.sum(axis=1) - codes[:, item]
    groups = rest_groups(rest, smallest or default_group_size(codes.shape[0]))
    labels = np.unique(groups)
    n = np.array([np.sum(groups == g) for g in labels])
    ranges = [(int(rest[groups == g].min()), int(rest[groups == g].max())) for g in labels]
    steps = int(codes[:, item].max())
    for step, shade in zip(range(1, steps + 1), np.linspace(0.35, 0.95, steps), strict=True):
        p = np.array([np.mean(codes[groups == g, item] >= step) for g in labels])
        axes.errorbar(
            labels, p, yerr=np.sqrt(p * (1 - p) / n), marker="o", markersize=4, capsize=2,
            color=plt.get_cmap("Blues")(shade), label=f"step {step}",
        )  # fmt: skip
    shown = [f"{a}-{b}" if a < b else f"{a}" for a, b in ranges]
    axes.set_xticks(labels, shown)
    axes.set(xlabel="rest score", ylabel="proportion above the step", ylim=(-0.02, 1.02), title=name)
    axes.legend(frameon=False, fontsize=8)
    return axes
