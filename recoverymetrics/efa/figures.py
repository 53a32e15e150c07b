"""Pictures of factor retention."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from recoverymetrics.efa.graph import GraphResult
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
    ax.set_xlim(0.4, shown + 0.6)
    ax.set_ylim(bottom=min(0.0, 1.05 * float(result.eigenvalues[:shown].min())))
    ax.set_title(f"Scree plot: {result.n_factors} {noun} kept", loc="left", fontsize=10)
    ax.legend(frameon=False, fontsize=8)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


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
    nx.draw_networkx_labels(graph, place, names, font_size=7, ax=ax)
    ax.set_title(f"Exploratory graph analysis: {result.n_factors} communities", loc="left", fontsize=10)
    ax.set_axis_off()
    return ax
