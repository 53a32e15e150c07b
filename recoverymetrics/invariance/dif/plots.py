"""Pictures of DIF: effects by item and group, expected item scores by group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from recoverymetrics.errors import OptionError
from recoverymetrics.invariance.dif.spec import check_choice

if TYPE_CHECKING:
    from recoverymetrics.invariance.dif.covariate import CovariateDIFResult
    from recoverymetrics.invariance.dif.result import DIFResult


def plot_dif(result: DIFResult, kind: str, item: str | None, ax: Any) -> Any:
    """Draw a DIF result; see ``DIFResult.plot``."""
    check_choice("kind", kind, ("effects", "heatmap", "curves"))
    if kind == "heatmap":
        return _heatmap(result)
    return _effects(result, ax) if kind == "effects" else _curves(result, item, ax)


def _group_effects(result: DIFResult) -> tuple[Any, Any]:
    """Signed and unsigned effects (p, G); a method without unsigned ones has the absolute signed ones."""
    contrasts = result.purified.judgement.sweep.contrasts
    name = next((key for key in ("signed_difference", "effect_size") if key in contrasts), None)
    if name is None:
        raise OptionError(f"method {result.method!r} has no effect per group to draw.")
    signed = contrasts[name]
    return signed, np.abs(contrasts.get("unsigned_difference", signed))


def _item_labels(result: DIFResult) -> list[str]:
    flags = result.purified.judgement.flagged
    return [f"{item} *" if flag else item for item, flag in zip(result.data.items, flags, strict=True)]


def _heatmap(result: DIFResult) -> Any:
    """Two maps on one colour range: who scores higher or lower, and how much curves differ whatever their order."""
    import matplotlib.pyplot as plt

    signed, unsigned = _group_effects(result)
    limit = max(float(np.nanmax(unsigned)), 2.0 * result.minimum)
    figure, axes = plt.subplots(
        1,
        2,
        figsize=(3.2 + 0.9 * signed.shape[1], 1.6 + 0.26 * signed.shape[0]),
        sharey=True,
        layout="constrained",
    )
    panels = (
        (axes[0], signed, "RdBu_r", -limit, "signed: higher or lower"),
        (axes[1], unsigned, "Greys", 0.0, "unsigned: curves differ"),
    )
    for ax, values, colours, low, title in panels:
        image = ax.imshow(values, cmap=colours, vmin=low, vmax=limit, aspect="auto")
        ax.set_xticks(range(values.shape[1]), result.data.groups, rotation=45, ha="right")
        ax.set_title(title, fontsize=9)
        figure.colorbar(image, ax=ax, shrink=0.8)
        for j, k in zip(*np.nonzero(np.nan_to_num(unsigned) >= result.minimum), strict=True):
            dark = abs(values[j, k]) > 0.6 * limit
            ax.text(
                k, j, f"{values[j, k]:.2f}", ha="center", va="center", fontsize=7, color="w" if dark else "k"
            )
    axes[0].set_yticks(range(signed.shape[0]), _item_labels(result))
    figure.supxlabel("item standard deviations (* flagged)", fontsize=9)
    return figure


def _effects(result: DIFResult, ax: Any) -> Any:
    import matplotlib.pyplot as plt

    signed, unsigned = _group_effects(result)
    items, groups = result.data.items, result.data.groups
    if ax is None:
        _, ax = plt.subplots(figsize=(7, 1.2 + 0.28 * len(items)), layout="constrained")
    ax.axvspan(-result.minimum, result.minimum, color="0.93", zorder=0)
    ax.axvline(0, color="0.6", linewidth=0.8, zorder=1)
    offsets = np.linspace(-0.3, 0.3, len(groups))
    rows = np.arange(len(items))
    for g, label in enumerate(groups):
        if np.isnan(signed[:, g]).all():
            continue
        (dots,) = ax.plot(signed[:, g], rows + offsets[g], "o", markersize=4, label=label)
        crossing = np.nan_to_num(unsigned[:, g]) >= np.maximum(result.minimum, 2.0 * np.abs(signed[:, g]))
        for sign in (-1, 1):
            ax.plot(
                sign * unsigned[crossing, g], rows[crossing] + offsets[g], "D", markersize=4,
                markerfacecolor="none", color=dots.get_color(),
            )  # fmt: skip
    ax.set_yticks(rows, _item_labels(result))
    ax.set_ylim(len(items) - 0.5, -0.5)
    ax.set_xlabel(
        "group scores higher than expected, in item standard deviations\n(* flagged; diamonds: curves cross, mean absolute difference)"
    )
    ax.legend(title="group", loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    return ax


def _curves(result: DIFResult, item: str | None, ax: Any) -> Any:
    """Observed mean item score along the matching variable, one line per group."""
    import matplotlib.pyplot as plt

    data = result.data
    effects = np.nan_to_num(np.abs(result.purified.judgement.sweep.effect))
    name = item if item is not None else data.items[int(np.argmax(effects))]
    if name not in data.items:
        raise OptionError(f"item={name!r} is not among the items; they are {', '.join(data.items)}.")
    if result.matching is None:
        raise OptionError(f"method {result.method!r} has no matching variable to draw against.")
    j = data.items.index(name)
    matching = result.matching[:, min(j, result.matching.shape[1] - 1)]
    if ax is None:
        _, ax = plt.subplots(figsize=(6, 4), layout="constrained")
    usable = ~np.isnan(matching) & data.answered[:, j]
    edges = np.unique(np.quantile(matching[usable], np.linspace(0, 1, 11)))
    for g, label in enumerate(data.groups):
        rows = usable & (data.group == g)
        bins = np.clip(np.searchsorted(edges, matching[rows], side="right") - 1, 0, edges.size - 2)
        n = np.bincount(bins, minlength=edges.size - 1)
        kept = n >= 5
        centre = np.bincount(bins, matching[rows], edges.size - 1)[kept] / n[kept]
        mean = np.bincount(bins, data.scores[rows, j], edges.size - 1)[kept] / n[kept] + data.lowest[j]
        ax.plot(centre, mean, "o-", markersize=4, linewidth=1.2, label=label)
    ax.set_xlabel("matching variable (anchor items)")
    ax.set_ylabel(f"mean score on {name}")
    ax.legend(title="group", frameon=False)
    return ax


def plot_fluctuation(result: CovariateDIFResult, item: str | None, ax: Any) -> Any:
    """LM statistic of a change at each value of the variable; see ``CovariateDIFResult.plot``."""
    import matplotlib.pyplot as plt

    if not result.tests:
        raise OptionError("only method='score_based' follows the scores along the variable.")
    items = result.data.items
    p_values = result.purified.judgement.sweep.p_value
    name = item if item is not None else items[int(np.argmin(p_values))]
    if name not in items:
        raise OptionError(f"item={name!r} is not among the items; they are {', '.join(items)}.")
    if ax is None:
        _, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
    test = result.tests[items.index(name)]
    ax.step(test.process.values[:-1], test.process.lm, where="post", linewidth=1.2)
    if not np.isnan(test.cut):
        ax.axvline(test.cut, color="0.6", linestyle="--", linewidth=0.8)
    ax.set_xlabel(result.covariate)
    ax.set_ylabel(f"LM statistic of a change, {name}")
    ax.set_ylim(bottom=0)
    return ax
