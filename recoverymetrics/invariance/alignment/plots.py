"""Pictures of an alignment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from recoverymetrics.errors import OptionError
from recoverymetrics.invariance.dif.spec import check_choice

if TYPE_CHECKING:
    from recoverymetrics.invariance.alignment.result import AlignmentResult


COLOURS = 8
"""Most groups that colours can tell apart."""


def plot_alignment(result: AlignmentResult, kind: str, **options: Any) -> Any:
    """Draw an alignment; see ``AlignmentResult.plot``."""
    check_choice("kind", kind, ("means", "parameters"))
    return _means(result, **options) if kind == "means" else _parameters(result, **options)


def _means(result: AlignmentResult, ax: Any = None) -> Any:
    import matplotlib.pyplot as plt

    table = result.means.assign(half=result.intervals())
    if ax is None:
        _, ax = plt.subplots(figsize=(6, 1.4 + 0.32 * len(result.groups)), layout="constrained")
    rows = np.arange(len(result.groups))
    offsets = np.linspace(-0.2, 0.2, len(result.factors)) if len(result.factors) > 1 else [0.0]
    for offset, factor in zip(offsets, result.factors, strict=True):
        name = factor.parameters.factor
        own = table[table["factor"] == name]
        ax.errorbar(
            own["mean"], rows + offset, xerr=own["half"], fmt="o", markersize=5, capsize=2, label=name
        )
    ax.axvline(0, color="0.7", linewidth=0.8, zorder=0)
    ax.set_yticks(rows, result.groups)
    ax.set_ylim(len(result.groups) - 0.5, -0.5)
    ax.set_xlabel(f"aligned factor mean (SDs of {result.reference}), 95% interval")
    ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return ax


def _parameters(
    result: AlignmentResult, factor: str | None = None, which: str = "loadings", ax: Any = None
) -> Any:
    import matplotlib.pyplot as plt

    check_choice("which", which, ("loadings", "intercepts"))
    names = [f.parameters.factor for f in result.factors]
    if factor is not None and factor not in names:
        raise OptionError(f"factor={factor!r} is not in the model; the factors are {', '.join(names)}.")
    table = result.tidy()
    table = table[table["factor"] == (factor or names[0])]
    table = table[table["parameter"].str.contains("=~") == (which == "loadings")]
    parameters = list(dict.fromkeys(table["parameter"]))
    if ax is None:
        _, ax = plt.subplots(figsize=(6.5, 1.2 + 0.3 * len(parameters)), layout="constrained")
    draw = _by_colour if len(result.groups) <= COLOURS else _by_name
    draw(ax, table, parameters, result.groups)
    ordered = table["parameter"].str.contains("|", regex=False).any()
    kind = "thresholds, sign turned" if ordered else which
    ax.set_yticks(range(len(parameters)), parameters)
    ax.set_ylim(len(parameters) - 0.5, -0.5)
    ax.set_xlabel(f"aligned {kind} ({'circled' if draw is _by_colour else 'named'}: not invariant)")
    return ax


def _by_colour(ax: Any, table: pd.DataFrame, parameters: list[str], groups: tuple[str, ...]) -> None:
    """A colour for each group; circles where a parameter is not invariant."""
    for label in groups:
        own = table[table["group"] == label].set_index("parameter").loc[parameters]
        (dots,) = ax.plot(own["estimate"], range(len(parameters)), "o", markersize=4, label=label, alpha=0.8)
        out = own[~own["invariant"]]
        rows = [parameters.index(name) for name in out.index]
        ax.plot(out["estimate"], rows, "o", markersize=11, markerfacecolor="none", color=dots.get_color())
    ax.legend(title="group", frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))


def _by_name(ax: Any, table: pd.DataFrame, parameters: list[str], groups: tuple[str, ...]) -> None:
    """Grey dots; the groups in which a parameter is not invariant in red and by name."""
    row = table["parameter"].map(parameters.index)
    out = ~table["invariant"]
    ax.plot(table.loc[~out, "estimate"], row[~out], "|", markersize=7, color="0.6")
    ax.plot(table.loc[out, "estimate"], row[out], "o", markersize=4, color="tab:red")
    for x, y, label in zip(table.loc[out, "estimate"], row[out], table.loc[out, "group"], strict=True):
        ax.annotate(
            label, (x, y), (0, 4), textcoords="offset points", ha="center", fontsize=6.5, color="tab:red"
        )
