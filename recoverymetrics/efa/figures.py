"""Pictures of factor retention."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np

from recoverymetrics.typing import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from recoverymetrics.efa.graph import GraphResult
    from recoverymetrics.efa.retention import RetentionResult

THIN = 0.04  # share of the axis below which the band of random eigenvalues is enlarged


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
    ax.axvline(result.n_factors + 0.5, color="#999999", linestyle=":", linewidth=1.2)
    width = _draw_eigenvalues(result, ax, shown)
    ax.set_xlabel("component" if not result.options.reduced else "factor")
    ax.set_ylabel("eigenvalue")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    noun = "factor" if result.n_factors == 1 else "factors"
    ax.set_xlim(0.4, shown + 0.6)
    ax.set_ylim(bottom=min(0.0, 1.05 * float(result.eigenvalues[:shown].min())))
    ax.set_title(f"Scree plot: {result.n_factors} {noun} kept", loc="left", fontsize=10)
    ax.legend(frameon=False, fontsize=8, loc="upper right")
    ax.spines[["top", "right"]].set_visible(False)
    if 0.0 < width < THIN * float(np.ptp(ax.get_ylim())) and shown > 8:
        _draw_crossing(result, ax, shown)
    return ax


def _draw_eigenvalues(result: RetentionResult, ax: Axes, shown: int) -> float:
    """Draw both curves and the band; its median width, 0 without random data."""
    at = np.arange(1, shown + 1)
    ax.plot(at, result.eigenvalues[:shown], "o-", color="#1f5a8a", markersize=4.5, label="observed", zorder=3)
    if result.simulated is None or result.reference is None:
        return 0.0
    low, high = result.simulated[:, :shown].min(axis=0), result.simulated[:, :shown].max(axis=0)
    quantile = result.options.quantile
    name = "random, mean" if quantile is None else f"random, {100 * quantile:g}th percentile"
    ax.plot(at, result.reference[:shown], color="#b35806", linestyle="--", linewidth=1.5, label=name)
    label = f"random, range of {len(result.simulated)} data sets"
    ax.fill_between(
        at, low, high, color="#fdb863", alpha=0.7, linewidth=0.8, edgecolor="#e08214", label=label
    )
    return float(np.median(high - low))


def _draw_crossing(result: RetentionResult, ax: Axes, shown: int) -> None:
    """Enlarge the place where the curves cross, for bands too thin to see."""
    first = max(1, min(result.n_factors - 1, shown - 4))
    at = np.arange(first - 1, min(first + 4, shown))
    inset = ax.inset_axes((0.42, 0.34, 0.54, 0.36))
    _draw_eigenvalues(result, inset, shown)
    reference = result.eigenvalues if result.reference is None else result.reference
    values = np.concatenate([result.eigenvalues[at], reference[at]])
    margin = 0.08 * float(np.ptp(values))
    inset.set_xlim(at[0] + 0.7, at[-1] + 1.3)
    inset.set_ylim(float(values.min()) - margin, float(values.max()) + margin)
    inset.axvline(result.n_factors + 0.5, color="#999999", linestyle=":", linewidth=1.2)
    inset.set_xticks(at + 1)
    inset.tick_params(labelsize=7)
    inset.set_title("where they cross, enlarged", fontsize=8, loc="left")
    inset.spines[["top", "right"]].set_visible(False)


def draw_network(result: GraphResult, *, ax: Axes | None = None) -> Axes:
    """Draw the network of items: colour is the community, width the absolute partial correlation.

    Parameters
    ----------
    result : GraphResult
        What to draw.
    ax : matplotlib.axes.Axes, optional
        Axes to draw on.

    Returns
    -------
    matplotlib.axes.Axes
    """
    import matplotlib.pyplot as plt
    import networkx as nx

    if ax is None:
        _, ax = plt.subplots(figsize=(6.4, 5.6), layout="constrained")
    weights = result.network.to_numpy()
    names = dict(enumerate(result.network.columns))
    graph = nx.from_numpy_array(np.abs(weights))
    place = nx.spring_layout(graph, weight="weight", seed=1, iterations=300, k=1.6 / np.sqrt(len(names)))
    edges = [(i, j) for i, j in graph.edges if abs(weights[i, j]) > 0.03]
    colours = ["#1f5a8a" if weights[i, j] > 0 else "#b2182b" for i, j in edges]
    widths = [6.0 * abs(weights[i, j]) for i, j in edges]
    nx.draw_networkx_edges(graph, place, edgelist=edges, edge_color=colours, width=widths, alpha=0.5, ax=ax)
    palette = plt.get_cmap("tab10")
    shades = ["#cccccc" if c == 0 else palette((c - 1) % 10) for c in result.communities]
    nx.draw_networkx_nodes(graph, place, node_color=shades, node_size=360, ax=ax, alpha=0.9)
    _write_names(ax, place, names)
    ax.plot([], [], color="#1f5a8a", linewidth=2, alpha=0.5, label="positive link")
    ax.plot([], [], color="#b2182b", linewidth=2, alpha=0.5, label="negative link")
    ax.legend(
        frameon=False, fontsize=8, loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=2, borderaxespad=0.2
    )
    ax.set_title(f"Exploratory graph analysis: {result.n_factors} communities", loc="left", fontsize=10)
    ax.set_axis_off()
    return ax


def _write_names(ax: Axes, place: dict[int, FloatArray], names: dict[int, str]) -> None:
    """Short names inside the nodes, long ones wrapped below them."""
    short = max(map(len, names.values())) <= 4
    for node, name in names.items():
        x, y = place[node]
        text = name if short else fill(name, 18)
        box = (
            None
            if short
            else {"boxstyle": "round,pad=0.1", "facecolor": "white", "alpha": 0.75, "linewidth": 0}
        )
        ax.annotate(
            text, (x, y), (0, 0 if short else -11), textcoords="offset points", ha="center",
            va="center" if short else "top", fontsize=7, bbox=box,
        )  # fmt: skip
    if not short:
        ax.margins(0.14)
