"""Exploratory graph analysis: communities of items in a sparse partial-correlation network."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from recoverymetrics.efa.retention_kernel import Rule
from recoverymetrics.efa.walktrap import walktrap
from recoverymetrics.typing import FloatArray, IntArray


@dataclass(frozen=True)
class GraphAnalysis:
    """Network and communities.

    Attributes
    ----------
    items : tuple of str
        Items.
    network : ndarray, shape (p, p)
        Regularised partial correlations, zero diagonal.
    communities : ndarray of int, shape (p,)
        Community of each item from 0; -1 for items without a link.
    penalty : float
        Chosen lasso penalty.
    ebic : float
        Extended BIC of the network.
    rule : Rule
        Number of communities as a retention rule.
    """

    items: tuple[str, ...]
    network: FloatArray
    communities: IntArray
    penalty: float
    ebic: float
    rule: Rule

    def tidy(self) -> pd.DataFrame:
        """One row per item: ``item``, ``community`` (0: none), ``strength`` of its links."""
        return pd.DataFrame(
            {
                "item": self.items,
                "community": self.communities + 1,
                "strength": np.abs(self.network).sum(axis=0),
            }
        )


def explore_graph(
    R: FloatArray,
    n: float,
    items: tuple[str, ...],
    *,
    gamma: float = 0.5,
    n_penalties: int = 40,
    smallest: float = 0.1,
) -> GraphAnalysis:
    """Exploratory graph analysis (Golino & Epskamp 2017; Golino et al. 2020).

    A Gaussian graphical model by the graphical lasso, its penalty chosen by the extended BIC (Foygel & Drton
    2010), then communities of the absolute partial correlations by Walktrap. When the leading eigenvalues speak
    for one dimension (communities of the correlations by Louvain are one), one factor is kept.

    Parameters
    ----------
    R : ndarray, shape (p, p)
        Correlations.
    n : float
        Persons.
    items : tuple of str
        Item names.
    gamma : float, default 0.5
        EBIC hyperparameter; falls to 0.25 and 0 while an item has no link.
    n_penalties : int, default 40
        Penalties on a logarithmic grid from the largest correlation down.
    smallest : float, default 0.1
        Smallest penalty as a share of the largest correlation.

    Returns
    -------
    GraphAnalysis
    """
    network, penalty, ebic = lasso_network(R, n, gamma=gamma, n_penalties=n_penalties, smallest=smallest)
    communities = walktrap(np.abs(network))
    if _is_one_dimensional(R):
        communities = np.where(communities >= 0, 0, communities)
    count = max(int(communities.max(initial=-1)) + 1, 0)
    rule = Rule("ega", count, np.array([penalty]), 0, "communities of the graphical lasso network (walktrap)")
    return GraphAnalysis(items, network, communities, penalty, ebic, rule)


def lasso_network(
    R: FloatArray, n: float, *, gamma: float = 0.5, n_penalties: int = 40, smallest: float = 0.1
) -> tuple[FloatArray, float, float]:
    """Partial correlations of the graphical lasso, its penalty chosen by the extended BIC.

    Parameters
    ----------
    R, n, gamma, n_penalties, smallest
        As in :func:`explore_graph`.

    Returns
    -------
    network : ndarray, shape (p, p)
    penalty, ebic : float
    """
    path = _lasso_path(R, n_penalties, smallest)
    chosen = _choose(path, R, n, gamma)
    for smaller in (g for g in (0.25, 0.0) if g < gamma):
        if (np.abs(chosen[0]).sum(axis=0) > 0).all():
            break
        chosen = _choose(path, R, n, smaller)
    return chosen


def _lasso_path(R: FloatArray, n_penalties: int, smallest: float) -> list[tuple[float, FloatArray]]:
    """Precision matrices along decreasing penalties."""
    from sklearn.covariance import graphical_lasso

    top = float(np.max(np.abs(R - np.eye(len(R)))))
    path = []
    for penalty in np.geomspace(top, smallest * top, n_penalties):
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                _, precision = graphical_lasso(R, penalty, tol=1e-4, enet_tol=1e-4, max_iter=200)
            except (FloatingPointError, ValueError):
                break
        if not np.isfinite(precision).all():
            break
        path.append((float(penalty), precision))
    return path


def _choose(
    path: list[tuple[float, FloatArray]], R: FloatArray, n: float, gamma: float
) -> tuple[FloatArray, float, float]:
    p = len(R)
    scores = []
    for _, precision in path:
        edges = np.count_nonzero(np.abs(np.triu(precision, 1)) > 1e-8)
        loglik = 0.5 * n * (np.linalg.slogdet(precision)[1] - np.sum(R * precision))
        scores.append(-2.0 * loglik + edges * np.log(n) + 4.0 * gamma * edges * np.log(p))
    best = int(np.argmin(scores))
    penalty, precision = path[best]
    scale = np.sqrt(np.diag(precision))
    network = -precision / np.outer(scale, scale)
    network[np.abs(network) < 1e-8] = 0.0
    np.fill_diagonal(network, 0.0)
    return network, penalty, float(scores[best])


def _is_one_dimensional(R: FloatArray) -> bool:
    """One Louvain community of the absolute correlations (Christensen et al. 2023)."""
    import networkx as nx

    weights = np.abs(R) - np.eye(len(R))
    graph = nx.from_numpy_array(weights)
    return len(nx.community.louvain_communities(graph, seed=0)) == 1
