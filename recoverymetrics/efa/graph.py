"""Exploratory graph analysis with bootstrap stability, and redundancy of items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from recoverymetrics.correlation.codes import category_codes
from recoverymetrics.correlation.kernel import ordinal_moments
from recoverymetrics.display import AbstractResult, Table
from recoverymetrics.efa.fit import FactorInput, read_factor_input
from recoverymetrics.efa.network import GraphAnalysis, explore_graph, lasso_network
from recoverymetrics.errors import OptionError
from recoverymetrics.numerics.covariance import pairwise_moments
from recoverymetrics.numerics.seeds import spawn
from recoverymetrics.typing import BoolArray, FloatArray, IntArray, IntoFrame, Seed, Workers
from recoverymetrics.workers import map_tasks

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class GraphResult(AbstractResult):
    """Exploratory graph analysis, with the stability of its communities where it was bootstrapped.

    Attributes
    ----------
    analysis : GraphAnalysis
        Network and communities of the sample.
    n : float
        Persons.
    correlation : str
        Kind of correlation.
    counts : ndarray of int or None, shape (n_boot,)
        Communities found in each bootstrap sample.
    replication : ndarray or None, shape (p,)
        Share of samples in which an item falls into its own community (item stability, Christensen & Golino 2021).
    """

    analysis: GraphAnalysis
    n: float
    correlation: str
    counts: IntArray | None = None
    replication: FloatArray | None = None

    @property
    def n_factors(self) -> int:
        """Number of communities."""
        return self.analysis.rule.n_factors

    @property
    def communities(self) -> pd.Series:
        """Community of each item from 1; 0 for items without a link."""
        return pd.Series(self.analysis.communities + 1, list(self.analysis.items), name="community")

    @property
    def network(self) -> pd.DataFrame:
        """Regularised partial correlations."""
        names = list(self.analysis.items)
        return pd.DataFrame(self.analysis.network, names, names)

    @property
    def stability(self) -> pd.DataFrame | None:
        """Share of bootstrap samples per number of communities."""
        if self.counts is None:
            return None
        values, times = np.unique(self.counts, return_counts=True)
        return pd.DataFrame({"n_factors": values, "share": times / self.counts.size})

    def tidy(self) -> pd.DataFrame:
        """One row per item: community, strength of its links, and ``stability`` where bootstrapped."""
        table = self.analysis.tidy()
        if self.replication is not None:
            table["stability"] = self.replication
        return table

    def glance(self) -> pd.DataFrame:
        """One row: size, number of communities, penalty, and how often bootstrap samples agree."""
        counts = self.counts
        row = {
            "n": self.n,
            "n_items": len(self.analysis.items),
            "correlation": self.correlation,
            "n_factors": self.n_factors,
            "penalty": self.analysis.penalty,
            "ebic": self.analysis.ebic,
            "n_boot": 0 if counts is None else counts.size,
            "n_factors_median": np.nan if counts is None else float(np.median(counts)),
            "share_agree": np.nan if counts is None else float(np.mean(counts == self.n_factors)),
        }
        return pd.DataFrame([row])

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Network of the items, coloured by community."""
        from recoverymetrics.efa.figures import draw_network

        return draw_network(self, ax=ax)

    def _title(self) -> str:
        return f"Exploratory graph analysis: {self.n_factors} communities"

    def _tables(self) -> tuple[Table, ...]:
        tables = [Table("Overview", self.glance()), Table("Items", self.tidy())]
        if self.stability is not None:
            tables.append(Table("Bootstrap: communities found", self.stability))
        return tuple(tables)


@dataclass(frozen=True)
class _GraphTask:
    values: FloatArray | IntArray
    n_categories: IntArray | None
    items: tuple[str, ...]
    generator: np.random.Generator


def graph_analysis(
    data: IntoFrame,
    *,
    items: Sequence[str] | None = None,
    correlation: str = "polychoric",
    n_boot: int = 0,
    missing: str = "pairwise",
    n_obs: float | None = None,
    seed: Seed = None,
    workers: Workers = None,
) -> GraphResult:
    """Exploratory graph analysis (Golino & Epskamp 2017) with bootstrap stability.

    Parameters
    ----------
    data, items, correlation, missing, n_obs
        As in :func:`fit_efa`.
    n_boot : int, default 0
        Bootstrap samples (of persons) for the stability of dimensions and items.
    seed : int or Generator, optional
        Of the bootstrap.
    workers : None, int or dask client
        Where the samples run.

    Returns
    -------
    GraphResult

    Raises
    ------
    OptionError
        A bootstrap without responses, or no number of persons.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> x = np.repeat(rng.normal(size=(500, 2)), 4, axis=1) + rng.normal(size=(500, 8))
    >>> graph_analysis(x, correlation="pearson").n_factors
    2
    """
    source = read_factor_input(data, items, correlation, missing, n_obs, False)
    if source.n is None:
        raise OptionError("graph analysis needs the number of persons; give n_obs with a correlation matrix.")
    if n_boot < 0:
        raise OptionError(f"n_boot={n_boot!r} must be 0 (no bootstrap) or a number of samples.")
    base = explore_graph(source.matrix, source.n, source.items)
    if n_boot == 0:
        return GraphResult(base, source.n, correlation)
    tasks = [_graph_task(source, stream) for stream in spawn(seed, n_boot)]
    draws = np.array(map_tasks(_resampled_communities, tasks, workers=workers))
    same = np.array([_matched(base.communities, draw) for draw in draws])
    return GraphResult(base, source.n, correlation, draws.max(axis=1) + 1, same.mean(axis=0))


def _graph_task(source: FactorInput, stream: np.random.Generator) -> _GraphTask:
    if source.data is None:
        raise OptionError("n_boot needs the responses, not a correlation matrix.")
    if source.kind in ("polychoric", "tetrachoric"):
        codes, categories = category_codes(source.data)
        return _GraphTask(codes, np.array([c.size for c in categories]), source.items, stream)
    return _GraphTask(source.data.values, None, source.items, stream)


def _resampled_communities(task: _GraphTask) -> IntArray:
    n = len(task.values)
    rows = task.values[task.generator.integers(0, n, n)]
    if task.n_categories is None:
        R = pairwise_moments(np.asarray(rows, dtype=float)).correlation
    else:
        R = ordinal_moments(np.asarray(rows, dtype=np.int64), task.n_categories).correlations
    return explore_graph(R, float(n), task.items).communities


def _matched(base: IntArray, draw: IntArray) -> BoolArray:
    """Which items fall into the community that best matches their own."""
    from scipy.optimize import linear_sum_assignment

    size = int(max(base.max(), draw.max())) + 1
    overlap = np.zeros((size, size))
    linked = (base >= 0) & (draw >= 0)
    np.add.at(overlap, (base[linked], draw[linked]), 1.0)
    rows, columns = linear_sum_assignment(-overlap)
    partner = dict(zip(rows.tolist(), columns.tolist(), strict=True))
    return np.array([b >= 0 and partner[int(b)] == d for b, d in zip(base, draw, strict=True)])


@dataclass(frozen=True)
class RedundancyResult(AbstractResult):
    """Pairs of items that say the same.

    Attributes
    ----------
    items : tuple of str
        Items.
    overlap : ndarray, shape (p, p)
        Weighted topological overlap.
    cutoffs : tuple of float
        Small, moderate and large: .20, .25, .30 (Christensen, Garrido & Golino 2023).
    """

    items: tuple[str, ...]
    overlap: FloatArray
    cutoffs: tuple[float, float, float] = (0.20, 0.25, 0.30)

    @property
    def redundant(self) -> list[tuple[str, str]]:
        """Pairs above the moderate cut-off, strongest first."""
        table = self.tidy()
        kept = table[table["estimate"] >= self.cutoffs[1]]
        return list(zip(kept["item"], kept["item_2"], strict=True))

    def tidy(self) -> pd.DataFrame:
        """One row per pair, strongest overlap first: ``item``, ``item_2``, ``estimate``, ``size``."""
        first, second = np.triu_indices(len(self.items), 1)
        value = self.overlap[first, second]
        names = np.array(self.items, dtype=object)
        label = np.array(["none", "small", "moderate", "large"], dtype=object)
        size = label[np.searchsorted(self.cutoffs, value, side="right")]
        table = pd.DataFrame({"item": names[first], "item_2": names[second], "estimate": value, "size": size})
        return table.sort_values("estimate", ascending=False, ignore_index=True)

    def glance(self) -> pd.DataFrame:
        """One row: items, pairs above each cut-off."""
        value = self.overlap[np.triu_indices(len(self.items), 1)]
        counts = [int(np.sum(value >= cutoff)) for cutoff in self.cutoffs]
        row = {
            "n_items": len(self.items),
            "n_small": counts[0],
            "n_moderate": counts[1],
            "n_large": counts[2],
        }
        return pd.DataFrame([row])

    def _title(self) -> str:
        return "Redundant items (unique variable analysis)"


def detect_redundancy(
    data: IntoFrame,
    *,
    items: Sequence[str] | None = None,
    correlation: str = "polychoric",
    missing: str = "pairwise",
    n_obs: float | None = None,
) -> RedundancyResult:
    """Unique variable analysis: items whose links in the network overlap (Christensen, Garrido & Golino 2023).

    Parameters
    ----------
    data, items, correlation, missing, n_obs
        As in :func:`fit_efa`.

    Returns
    -------
    RedundancyResult
        Weighted topological overlap of every pair, signed as in Nowick et al. (2009); proposals only, nothing is
        removed.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(1)
    >>> x = np.repeat(rng.normal(size=(500, 2)), 4, axis=1) + rng.normal(size=(500, 8))
    >>> x = np.column_stack([x, x[:, 0] + 0.2 * rng.normal(size=500)])
    >>> worst = detect_redundancy(x, correlation="pearson").tidy().iloc[0]
    >>> sorted([worst["item"], worst["item_2"]])
    ['item1', 'item9']
    """
    source = read_factor_input(data, items, correlation, missing, n_obs, False)
    if source.n is None:
        raise OptionError("redundancy needs the number of persons; give n_obs with a correlation matrix.")
    network = lasso_network(source.matrix, source.n, gamma=0.0)[0]
    return RedundancyResult(source.items, topological_overlap(network))


def topological_overlap(network: FloatArray) -> FloatArray:
    """Weighted topological overlap, absolute values (Zhang & Horvath 2005; signed: Nowick et al. 2009)."""
    size = np.abs(network)
    strength = size.sum(axis=0)
    smaller = np.minimum(strength[:, None], strength[None, :])
    overlap = (network @ network + network) / np.maximum(smaller + 1.0 - size, 1e-300)
    np.fill_diagonal(overlap, 0.0)
    return np.abs(overlap)
