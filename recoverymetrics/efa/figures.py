"""Pictures of factor retention."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from recoverymetrics.efa.retention import RetentionResult


def draw_scree(result: RetentionResult, *, ax: Axes | None = None) -> Axes:
    """Draw observed eigenvalues, and random ones with their quantile where parallel analysis ran.

    Parameters
    ----------
    result : RetentionResult
        What to draw.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on.

    Returns
    -------
    matplotlib.axes.Axes
    """
    import matplotlib.pyplot as plt
    from matplotlib.ticker import MaxNLocator

    if ax is None:
        _, ax = plt.subplots(figsize=(6.4, 4.0), layout="constrained")
    shown = min(result.n_items, 30)
    at = np.arange(1, shown + 1)
    ax.axvline(result.n_factors + 0.5, color="#bbbbbb", linestyle=":", linewidth=1.2)
    if result.simulated is not None and result.reference is not None:
        low, high = np.quantile(result.simulated[:, :shown], [0.025, 0.975], axis=0)
        ax.fill_between(at, low, high, color="#d9822b", alpha=0.25, linewidth=0, label="random, middle 95%")
        quantile = result.options.quantile
        name = "random, mean" if quantile is None else f"random, {100 * quantile:g}th percentile"
        ax.plot(at, result.reference[:shown], color="#d9822b", linestyle="--", linewidth=1.4, label=name)
    ax.plot(at, result.eigenvalues[:shown], "o-", color="#1f5a8a", markersize=4.5, label="observed")
    ax.set_xlabel("component" if not result.options.reduced else "factor")
    ax.set_ylabel("eigenvalue")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    noun = "factor" if result.n_factors == 1 else "factors"
    ax.set_title(f"Scree plot: {result.n_factors} {noun} kept", loc="left", fontsize=10)
    ax.legend(frameon=False, fontsize=8)
    ax.spines[["top", "right"]].set_visible(False)
    return ax
