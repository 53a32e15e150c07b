"""``RaschTree``: nodes, their item parameters, the tests behind the splits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from recoverymetrics.display import AbstractResult, Table
from recoverymetrics.irt.rasch.kernel import ConditionalFit
from recoverymetrics.irt.rasch.result import RaschResult
from recoverymetrics.irt.responses import CodedResponses
from recoverymetrics.typing import FloatArray, IntArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class TreeNode:
    """One node.

    Attributes
    ----------
    path : tuple of str
        Conditions from the root.
    rows : ndarray of int
        Positions of its persons.
    fit : ConditionalFit
        Model of these persons.
    tests : DataFrame
        Test of each covariate: covariate, statistic, p_value, method, p_adjusted.
    covariate : str
        Variable that splits the node; empty for a leaf.
    left : tuple of float
        Values that go to the first daughter.
    words : tuple of str
        Conditions of the daughters.
    """

    path: tuple[str, ...]
    rows: IntArray
    fit: ConditionalFit
    tests: pd.DataFrame
    covariate: str
    left: tuple[float, ...]
    words: tuple[str, ...]

    @property
    def rule(self) -> str:
        """Conditions in words."""
        return " and ".join(self.path) or "all persons"

    @property
    def is_leaf(self) -> bool:
        """Whether the node is not split."""
        return not self.covariate


@dataclass(frozen=True, repr=False)
class RaschTree(AbstractResult):
    """A tree of Rasch, partial credit or rating scale models.

    Attributes
    ----------
    model : str
        Model of the nodes.
    coded : CodedResponses
        Responses.
    nodes : tuple of TreeNode
        Depth first, the root first.
    covariates : tuple of str
        Variables that were tested.
    alpha : float
        Level of the tests.
    """

    model: str
    coded: CodedResponses
    nodes: tuple[TreeNode, ...]
    covariates: tuple[str, ...]
    alpha: float

    def __repr__(self) -> str:
        """Size."""
        return f"RaschTree({self.model}, {len(self.coded.items)} items, {self.coded.n} persons, {len(self.leaves)} leaves)"

    @property
    def leaves(self) -> tuple[TreeNode, ...]:
        """Nodes that are not split."""
        return tuple(node for node in self.nodes if node.is_leaf)

    @property
    def converged(self) -> bool:
        """Whether the models of all nodes converged."""
        return all(node.fit.converged for node in self.nodes)

    def node_result(self, place: int) -> RaschResult:
        """Model of one node (its place in ``nodes``), with all that ``fit_rasch`` returns."""
        node, coded = self.nodes[place], self.coded
        own = replace(
            coded,
            codes=coded.codes[node.rows],
            group=coded.group[node.rows],
            weights=coded.weights[node.rows],
        )
        return RaschResult(self.model, own, node.fit)

    def tidy(self) -> pd.DataFrame:
        """Item thresholds of every leaf: columns node, rule, n, item, parameter, estimate, std_error."""
        parts = []
        for place, node in enumerate(self.nodes):
            if node.is_leaf:
                table = RaschResult(self.model, self.coded, node.fit).tidy()
                parts.append(table.assign(node=place, rule=node.rule, n=node.rows.size))
        frame = pd.concat(parts, ignore_index=True)
        return frame[["node", "rule", "n", "item", "parameter", "estimate", "std_error"]]

    def tests(self) -> pd.DataFrame:
        """Test of each covariate in each node: node, rule, n, covariate, method, statistic, p_value, p_adjusted."""
        parts = [
            node.tests.assign(node=place, rule=node.rule, n=node.rows.size)
            for place, node in enumerate(self.nodes)
        ]
        columns = ["node", "rule", "n", "covariate", "method", "statistic", "p_value", "p_adjusted"]
        return pd.concat(parts, ignore_index=True)[columns]

    def glance(self) -> pd.DataFrame:
        """One row: n, n_items, n_nodes, n_leaves, depth, npar, loglik (conditional), aic, bic, converged."""
        k = sum(node.fit.eta.size for node in self.leaves) + len(self.nodes) - len(self.leaves)
        ll, n = sum(node.fit.loglik for node in self.leaves), self.coded.n
        return pd.DataFrame(
            {
                "n": [n],
                "n_items": len(self.coded.items),
                "n_nodes": len(self.nodes),
                "n_leaves": len(self.leaves),
                "depth": max(len(node.path) for node in self.nodes),
                "npar": k,
                "loglik": ll,
                "aic": -2 * ll + 2 * k,
                "bic": -2 * ll + k * np.log(n),
                "converged": self.converged,
            }
        )

    def membership(self) -> IntArray:
        """Leaf of each person, as its place in ``nodes``; input order."""
        out = np.zeros(self.coded.n, dtype=np.int64)
        for place, node in enumerate(self.nodes):
            if node.is_leaf:
                out[node.rows] = place
        return out

    def _locations(self, node: TreeNode) -> FloatArray:
        return RaschResult(self.model, self.coded, node.fit).locations().to_numpy()

    def plot(self, ax: Axes | None = None) -> Axes:
        """Tree with the item locations of each leaf below it."""
        import matplotlib.pyplot as plt

        width = max(6.4, 2.6 * len(self.leaves))
        axes = ax if ax is not None else plt.subplots(figsize=(width, 5.2), layout="constrained")[1]
        depth = max(len(node.path) for node in self.nodes)
        place = _places(self.nodes)
        axes.set(xlim=(-0.5, len(self.leaves) - 0.5), ylim=(-1.3, depth + 0.4))
        axes.axis("off")
        values = np.concatenate([self._locations(node) for node in self.leaves])
        low, high = float(values.min()) - 0.3, float(values.max()) + 0.3
        for k, node in enumerate(self.nodes):
            y = depth - len(node.path)
            for child, word in zip(_children(self.nodes, k), node.words, strict=True):
                below = depth - len(self.nodes[child].path)
                axes.plot([place[k], place[child]], [y, below], color="0.6", linewidth=1, zorder=1)
                axes.annotate(
                    word.removeprefix(f"{node.covariate} "),
                    ((place[k] + place[child]) / 2, (y + below) / 2),
                    ha="center",
                    fontsize=8,
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
                )
            if node.is_leaf:
                self._profile(axes, node, place[k], y, low, high)
            else:
                p = float(node.tests.set_index("covariate").loc[node.covariate, "p_adjusted"])
                shown = "p < 0.001" if p < 0.001 else f"p = {p:.3f}"
                axes.annotate(f"{node.covariate}\n{shown}", (place[k], y), **_BOX)
        return axes

    def _profile(self, axes: Axes, node: TreeNode, x: float, y: float, low: float, high: float) -> None:
        """Item locations of a leaf on one scale for all leaves."""
        axes.annotate(f"n = {node.rows.size}", (x, y), **_BOX)
        inner = axes.inset_axes((x - 0.42, y - 1.2, 0.84, 0.95), transform=axes.transData)
        location = self._locations(node)
        inner.axhline(0, color="0.8", linewidth=0.8)
        inner.plot(np.arange(location.size), location, color="#1f4e79", marker="o", markersize=3, linewidth=1)
        inner.set(ylim=(low, high), xticks=[0, location.size - 1])
        inner.set_xticklabels([self.coded.items[0], self.coded.items[-1]], fontsize=7)
        inner.tick_params(axis="y", labelsize=7)

    def _title(self) -> str:
        return f"Rasch tree ({self.model})"

    def _tables(self) -> tuple[Table, ...]:
        return (
            Table("Overview", self.glance()),
            Table("Tests", self.tests()),
            Table("Leaves", self.tidy()),
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types with the tests of every node."""
        return super().to_dict() | {"tests": self.tests().to_dict("records")}


_BOX: dict[str, Any] = {
    "ha": "center",
    "va": "center",
    "fontsize": 9,
    "bbox": {"boxstyle": "round", "facecolor": "white", "edgecolor": "#1f4e79"},
}


def _children(nodes: tuple[TreeNode, ...], k: int) -> list[int]:
    """Places of the two daughters of a node in the depth-first list."""
    path = nodes[k].path
    return (
        [
            m
            for m in range(k + 1, len(nodes))
            if len(nodes[m].path) == len(path) + 1 and nodes[m].path[: len(path)] == path
        ]
        if nodes[k].words
        else []
    )


def _places(nodes: tuple[TreeNode, ...]) -> list[float]:
    """Horizontal place of every node: leaves side by side, the others above the middle of their daughters."""
    x, leaf = [0.0] * len(nodes), 0
    for k in range(len(nodes)):
        if nodes[k].is_leaf:
            x[k], leaf = float(leaf), leaf + 1
    for k in reversed(range(len(nodes))):
        if not nodes[k].is_leaf:
            x[k] = float(np.mean([x[m] for m in _children(nodes, k)]))
    return x
